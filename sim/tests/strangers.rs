//! Mysteries of a stranger: what was right was written down before the judge had seen any of them.

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
