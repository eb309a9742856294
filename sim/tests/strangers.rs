//! Mysteries of a stranger: what was right was written down before the judge had seen any of them.
//!
//! `STRANGER=words` judges some of them, `STRANGER_OUT=DIR` keeps their files, to be imported.

mod court;
mod stranger;

use stranger::{
    Mystery, behind, blocks, calm, code, dark, deep, desk, eighth, eleventh, eleventh_below,
    fifteenth, fifteenth_more, fifth, fourteenth, fourth, fourth_tasks, later, later_calm, ninth,
    outside, quiet, quietly, seventh, shapes, sixteenth_c, sixteenth_d, sixth, sixth_deep, slow,
    swollen, tenth, third_calm, thirteenth, twelfth, twelfth_more, words, worker,
};

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
        worker::all(),
        words::all(),
        shapes::all(),
        third_calm::all(),
        fifth::all(),
        sixth::all(),
        sixth_deep::all(),
        seventh::all(),
        eighth::all(),
        eleventh::all(),
        eleventh_below::all(),
        swollen::all(),
        tenth::all(),
        thirteenth::all(),
        fourteenth::all(),
        fifteenth::all(),
        fifteenth_more::all(),
        sixteenth_c::all(),
        sixteenth_d::all(),
        twelfth::all(),
        twelfth_more::all(),
        ninth::all(),
        fourth::all(),
        fourth_tasks::all(),
        dark::all(),
        deep::all(),
        quietly::all(),
        behind::all(),
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

/// Every file below a folder, by its path in it.
fn files_below(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).expect("it lies below");
            let bytes = std::fs::read(&path).expect("it can be read");
            found.push((name.to_string_lossy().into_owned(), bytes));
        }
    }
    found.sort();
    found
}

/// `STRANGER_IN=DIR` judges mysteries that lie in files: in each folder `files/`, `asked` and `right.json`, as
/// `STRANGER_OUT` writes them. Without it there is nothing to judge. `STRANGER_WITHOUT` judges each that is named again
/// without what its verdict cites.
#[test]
fn kept_mysteries_are_judged() {
    let Some(folder) = std::env::var_os("STRANGER_IN") else {
        return;
    };
    let only = std::env::var("STRANGER").unwrap_or_default();
    let (mut right, mut all) = (0, 0);
    let mut folders: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .collect();
    folders.sort_by_key(|it| it.file_name());
    for folder in folders {
        let name = folder.file_name().to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let asked = std::fs::read_to_string(folder.path().join("asked")).expect("who is asked");
        let expect = std::fs::read(folder.path().join("right.json")).expect("what is right");
        let expect: serde_json::Value = serde_json::from_slice(&expect).expect("JSON");
        let files = inquest_sim::Mystery {
            files: files_below(&folder.path().join("files")),
            ..desk::Desk::default().mystery()
        };
        let held = court::Held::read(&files);
        let verdicts = held.judge(&[asked.trim()]);
        let Some(verdict) = verdicts.get(asked.trim()) else {
            println!("MISS {name}: not judged");
            continue;
        };
        let has = |key: &str, value: &str| {
            let list = expect[key].as_array().cloned().unwrap_or_default();
            list.is_empty() || list.iter().any(|it| it.as_str() == Some(value))
        };
        // Of a cold case those are compared whom the facts speak against first.
        let suspect = verdict.suspects.first().map(|it| it.name.clone());
        let culprit = match (&verdict.culprit, verdict.outcome) {
            (None, model::Outcome::ColdCase) => suspect.unwrap_or_default(),
            (culprit, _) => culprit.clone().unwrap_or_default().name,
        };
        let plain = culprit.split(':').next().unwrap_or_default();
        let category = verdict.category.map_or("", |it| it.as_str());
        let well = expect["outcome"].as_str() == Some(verdict.outcome.as_str())
            && (has("names", &culprit) || has("names", plain))
            && has("categories", category);
        all += 1;
        right += usize::from(well);
        if !well && std::env::var_os("STRANGER_WHY").is_some() {
            for it in &verdict.suspects {
                println!("     {} {:?} {:.2}", it.name, it.category, it.score);
            }
        }
        println!(
            "{} {name}: {} {culprit} {category} {:.2} {} | changed {:?} | {} | expected {expect}",
            if well { "ok  " } else { "MISS" },
            verdict.outcome.as_str(),
            verdict.confidence,
            verdict.fatality.as_str(),
            verdict.changed,
            verdict.mechanism
        );
        if std::env::var_os("STRANGER_WITHOUT").is_some()
            && verdict.outcome == model::Outcome::Verdict
        {
            let cited = verdict.exhibits.iter().map(|it| it.reference.clone());
            let left = held.without(&cited.collect()).judge(&[asked.trim()]);
            let left = left.get(asked.trim()).cloned().unwrap_or_default();
            println!(
                "     without its exhibits: {} {:?} {:?}: {}",
                left.outcome.as_str(),
                left.culprit.map(|it| it.name),
                left.category,
                left.mechanism
            );
        }
    }
    println!("{right} of {all}");
}

/// The binary: `INQUEST_BIN`, or the one that was built beside this test.
fn program() -> std::path::PathBuf {
    if let Some(path) = std::env::var_os("INQUEST_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("this test is a file");
    let built = test.ancestors().nth(2).expect("target/debug/deps/");
    let built = built.join("inquest");
    assert!(
        built.exists(),
        "{} is not there: run `cargo xtask test`, or `cargo build -p inquest` first",
        built.display()
    );
    built
}

fn printed(data: &std::path::Path, arguments: &[&str]) -> Vec<u8> {
    let output = std::process::Command::new(program())
        .env_remove("INQUEST_CONFIG")
        .arg("--data")
        .arg(data)
        .args(arguments)
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    output.stdout
}

/// The court of these tests holds everything at hand; the program has to find it in its tables. They come to the same.
#[test]
fn the_program_says_the_same() {
    // Whatever is spread over several executions, and some of all the others.
    const SPREAD: [&str; 4] = ["distributed", "tolerate", "among others", "with others"];
    const EVERY: usize = 40;
    let picked = all()
        .into_iter()
        .enumerate()
        .filter(|(n, it)| n % EVERY == 0 || SPREAD.iter().any(|word| it.what.contains(word)));
    let mut wrong = Vec::new();
    for (_, mystery) in picked {
        let (files, arn) = mystery.write();
        let folder = tempfile::tempdir().expect("a folder");
        keep(folder.path(), &files, &arn, &mystery);
        let data = folder.path().join("data");
        let given = folder.path().join("files");
        printed(&data, &["import", &given.to_string_lossy()]);
        let said = printed(&data, &["explain", &arn, "--format", "json"]);
        let said: model::Verdict = serde_json::from_slice(&said).expect("a verdict");
        let held = court::Held::read(&files).judge(&[&arn]).remove(&arn);
        let of = |it: &model::Verdict| {
            let culprit = it.culprit.clone().map(|it| (it.kind, it.name));
            (it.outcome, culprit, it.category, it.fatality)
        };
        let held = held.expect("it was judged");
        if of(&said) != of(&held) {
            wrong.push(format!(
                "{}: {:?}, in court {:?}",
                mystery.what,
                of(&said),
                of(&held)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
