//! A file of another kind. *What it looks for*: an error that names a value of the input whose ending, `.txt`, no healthy
//! run was ever given, where all of these had `.jpg`. *Why it matters*: the function is as ever, and retries do not
//! help. *How to confirm*: process a file of the usual kind.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    profile,
    scene::Scene,
    text::{self, Topic},
};
use model::Category;
use std::collections::BTreeSet;

/// Healthy runs that tell which endings are usual.
const USUAL: usize = 5;
/// Endings that are usual at most: names that end anyhow have none.
const MOST_ENDINGS: usize = 3;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    found(scene, failure).into_iter().collect()
}

fn found(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let (visit, function) = (failure.visit?, failure.function()?);
    if !matches!(failure.topic(), None | Some(Topic::Data)) || !failure.spans.spans.is_empty() {
        return None;
    }
    let said = failure.said();
    let own = profile::traits(scene.case.execution.input.as_deref());
    let (path, value, usual) = own.into_iter().find_map(|(path, value)| {
        let usual = usual(scene, &path, &value)?;
        said.contains(&value).then_some((path, value, usual))
    })?;
    let why = text::brief(&message(&failure.cause), 140);
    let mechanism = format!(
        "{function} cannot process {path} {value}, where healthy runs are given {usual}: {why}"
    );
    let started = super::started(scene, format!("{path} in its input is {value}"));
    let reference = started.as_ref().map(|it| it.reference.clone());
    Some(
        Clue::new(
            clue::state(scene, visit),
            Category::BadInput,
            0.86,
            mechanism,
        )
        .with(started)
        .with(failure.exhibit())
        .explaining([Explained {
            kind: "function".into(),
            name: function.to_owned(),
            reason: format!("{function} was given {value}, and is never given such a file"),
            reference: reference.unwrap_or_default(),
        }]),
    )
}

/// The endings that healthy runs have at a path, as they are told, if a value has none of them.
fn usual(scene: &Scene, path: &str, value: &str) -> Option<String> {
    let own = ending(value)?;
    let runs = scene.healthy.iter();
    let given: Vec<&String> = runs.filter_map(|it| it.traits.get(path)).collect();
    let endings: Option<BTreeSet<String>> = given.iter().map(|it| ending(it)).collect();
    let endings = endings?;
    let told = given.len() >= USUAL && endings.len() <= MOST_ENDINGS && !endings.contains(&own);
    let all: Vec<String> = endings.into_iter().map(|it| format!(".{it}")).collect();
    told.then(|| all.join(", "))
}

/// `jpg` of `uploads/71312.JPG`.
fn ending(value: &str) -> Option<String> {
    let (name, ending) = value.rsplit_once('.')?;
    let letters = ending.chars().all(|it| it.is_ascii_alphanumeric())
        && ending.chars().any(|it| it.is_ascii_alphabetic());
    let is_file = !name.is_empty() && (2..=5).contains(&ending.len()) && letters;
    is_file.then(|| ending.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Profile, World};
    use std::sync::Arc;

    #[test]
    fn an_ending_is_that_of_a_file() {
        let check = |value: &str, expect: Option<&str>| {
            assert_eq!(ending(value).as_deref(), expect, "{value}");
        };
        check("uploads/71312.JPG", Some("jpg"));
        check("71312", None);
        check("1.25", None);
        check(".env", None);
        check("no file. At all", None);
    }

    #[test]
    fn only_an_ending_that_nobody_had_is_unusual() {
        let check = |healthy: &[&str], value: &str, expect: Option<&str>| {
            let runs = healthy.iter().map(|it| {
                Arc::new(Profile {
                    healthy: true,
                    traits: [("key".to_owned(), (*it).to_owned())].into(),
                    ..Profile::default()
                })
            });
            let world = World {
                peers: runs.collect(),
                ..World::default()
            };
            let case = Case::default();
            let scene = Scene::new(&case, &world);
            assert_eq!(usual(&scene, "key", value).as_deref(), expect, "{value}");
        };
        let pictures = ["a.jpg", "b.jpg", "c.png", "d.jpg", "e.jpg"];
        check(&pictures, "f.txt", Some(".jpg, .png"));
        check(&pictures, "f.JPG", None);
        check(&pictures, "f", None);
        check(&pictures[..4], "f.txt", None);
        check(&["a.jpg", "b.jpg", "c", "d.jpg", "e.jpg"], "f.txt", None);
    }
}
