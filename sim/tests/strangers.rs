//! Mysteries of a stranger: what was right was written down before the judge had seen any of them.
//!
//! `STRANGER=words` judges some of them, `STRANGER_OUT=DIR` keeps their files, to be imported.

mod court;
mod stranger;

use stranger::{Mystery, blocks, calm, code, later, later_calm, outside, quiet, slow};

fn all() -> Vec<Mystery> {
    [
        code::all(),
        blocks::all(),
        outside::all(),
        quiet::all(),
        slow::all(),
        calm::all(),
        later::all(),
        later_calm::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Writes the files of a mystery, to be imported, which execution is asked about, and what is right.
fn keep(folder: &std::path::Path, files: &inquest_sim::Mystery, arn: &str, right: &Mystery) {
    for (path, bytes) in &files.files {
        let path = folder.join("files").join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        std::fs::write(path, bytes).expect("it can be written");
    }
    let right = serde_json::json!({"outcome": right.outcome, "names": right.names, "categories": right.categories, "fatality": right.fate, "missing": right.missing});
    std::fs::write(folder.join("right.json"), right.to_string()).expect("it can be written");
    std::fs::write(folder.join("asked"), arn).expect("it can be written");
}

#[test]
fn mysteries_of_a_stranger_are_solved() {
    let only = std::env::var("STRANGER").unwrap_or_default();
    let mysteries: Vec<Mystery> = all()
        .into_iter()
        .filter(|it| it.what.contains(&only))
        .collect();
    let mut wrong = Vec::new();
    for mystery in &mysteries {
        let (files, arn) = mystery.write();
        if let Some(folder) = std::env::var_os("STRANGER_OUT") {
            keep(
                &std::path::Path::new(&folder).join(mystery.what),
                &files,
                &arn,
                mystery,
            );
        }
        let verdicts = court::Held::read(&files).judge(&[&arn]);
        match verdicts.get(&arn) {
            Some(verdict) => wrong.extend(mystery.wrong(verdict)),
            None => wrong.push(format!("{}: it was not judged", mystery.what)),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        mysteries.len(),
        wrong.join("\n")
    );
}

/// Whoever takes away what a verdict cites takes the verdict away, and the order of what is held says nothing.
#[test]
fn verdicts_stand_on_what_they_cite() {
    let mut wrong = Vec::new();
    for mystery in all() {
        let (files, arn) = mystery.write();
        let held = court::Held::read(&files);
        let Some(verdict) = held.judge(&[&arn]).remove(&arn) else {
            continue;
        };
        let shuffled = court::Held::read(&files)
            .shuffled()
            .judge(&[&arn])
            .remove(&arn);
        if shuffled.as_ref() != Some(&verdict) {
            wrong.push(format!("{}: another order, another verdict", mystery.what));
        }
        if verdict.outcome != model::Outcome::Verdict {
            continue;
        }
        let cited = verdict
            .exhibits
            .iter()
            .map(|it| it.reference.clone())
            .collect();
        let after = held.without(&cited).judge(&[&arn]).remove(&arn);
        let stands = after.as_ref().is_some_and(|it| {
            it.outcome == model::Outcome::Verdict
                && it.culprit == verdict.culprit
                && it.category == verdict.category
        });
        if stands {
            wrong.push(format!(
                "{}: stands without its evidence: {}",
                mystery.what,
                after.map(|it| it.mechanism).unwrap_or_default()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
