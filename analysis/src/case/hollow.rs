//! A value that is not there for a sort of input that always has it: no rate for a currency, no tier for a customer whose
//! profile tells one. Others have none for good reasons, so runs of the same sort tell.

use super::{
    Profile, amounts,
    clue::{self, Clue},
    clues, onset,
    profile::traits,
    scene::Scene,
    sorts::texts,
};
use model::{Category, State};
use std::collections::{BTreeMap, BTreeSet};

/// Runs that tell what goes with which sort, and those of the same sort.
const FEWEST: usize = 8;
const SAME: usize = 3;
/// Runs of another sort that have something else.
const OTHER: usize = 2;

/// What stands at a place of an output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Filling {
    /// Nothing, null, zero, an empty text or list.
    Nothing,
    /// A word without digits, which may be one of few.
    Word(String),
    /// Something.
    Something,
}

fn filling(
    numbers: &BTreeMap<String, f64>,
    texts: &BTreeMap<String, String>,
    path: &str,
) -> Filling {
    let number = numbers.get(path).map(|it| match *it == 0.0 {
        true => Filling::Nothing,
        false => Filling::Something,
    });
    let text = texts.get(path).map(|it| match it.as_str() {
        "" => Filling::Nothing,
        word if word.chars().any(|c| c.is_ascii_digit()) => Filling::Something,
        word => Filling::Word(word.to_owned()),
    });
    text.or(number).unwrap_or(Filling::Nothing)
}

/// The first value of an output that is missing for this sort of input.
pub(crate) fn clue(scene: &Scene) -> Option<Clue> {
    if scene.healthy.len() < FEWEST {
        return None;
    }
    let traits = traits(scene.case.execution.input.as_deref());
    let mut seen = BTreeSet::new();
    let states = scene.case.states.iter();
    let made = states.filter(|it| it.state_type == "Task" && !it.caught && it.output.is_some());
    let mut made: Vec<&State> = made.collect();
    made.sort_by_key(|it| it.entered_event_id);
    made.retain(|it| seen.insert(it.state.as_str()));
    made.into_iter()
        .find_map(|visit| of_visit(scene, visit, &traits))
}

fn of_visit(scene: &Scene, visit: &State, traits: &BTreeMap<String, String>) -> Option<Clue> {
    let gave = (
        amounts::of(visit.output.as_deref()),
        texts(visit.output.as_deref()),
    );
    let took = (
        amounts::of(visit.input.as_deref()),
        texts(visit.input.as_deref()),
    );
    let usual = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state));
    let paths = usual.flat_map(|it| it.quantities.keys().chain(it.texts.keys()));
    let paths: BTreeSet<&String> = paths.collect();
    let given = |path: &String| took.0.contains_key(path) || took.1.contains_key(path);
    let hollow = paths.into_iter().filter(|path| {
        filling(&gave.0, &gave.1, path) == Filling::Nothing
            && !given(path)
            && !amounts::good_if_none(path)
    });
    for path in hollow {
        let found = traits
            .iter()
            .find_map(|sort| Some((sort, filled(scene, visit, path, sort)?)));
        let Some(((key, value), runs)) = found else {
            continue;
        };
        let told = format!("gave no {path}");
        if let Some(clue) = clues::taken_for_answer(scene, visit, &told) {
            return Some(clue);
        }
        let (suspect, name) = clues::maker(scene, visit);
        let mechanism = format!(
            "{name} {told} where {key} is {value}, as it did in all {runs} such runs, and the execution succeeded without it"
        );
        let left = visit.exited_event_id.and_then(|id| scene.event(id));
        return Some(
            Clue::new(suspect, Category::SilentData, 0.92, mechanism)
                .with(
                    left.map(|it| clue::event(it, format!("{} left without {path}", visit.state))),
                )
                .changed(clues::new_version(scene, visit)),
        );
    }
    None
}

/// How many runs of the same sort have something at a place where the sort of input tells what stands there.
fn filled(
    scene: &Scene,
    visit: &State,
    path: &str,
    (key, value): (&String, &String),
) -> Option<usize> {
    let of = |it: &Profile| {
        let state = it.states.get(&visit.state)?;
        Some(filling(&state.quantities, &state.texts, path))
    };
    let same = |it: &Profile| it.traits.get(key) == Some(value);
    let start = scene.case.execution.start_time;
    // Others of the same incident have nothing either.
    let fit = onset::fit(&scene.healthy, start, |it| {
        same(it) && of(it) == Some(Filling::Nothing)
    });
    let mut groups: BTreeMap<&String, Vec<Filling>> = BTreeMap::new();
    for run in fit {
        if let (Some(sort), Some(filling)) = (run.traits.get(key), of(run)) {
            groups.entry(sort).or_default().push(filling);
        }
    }
    let runs: usize = groups.values().map(Vec::len).sum();
    let single = groups.values().all(|it| it.iter().all(|one| *one == it[0]));
    let own = groups.get(value).filter(|it| it.len() >= SAME)?;
    let others = groups
        .iter()
        .filter(|(sort, it)| **sort != value && it.len() >= OTHER);
    let other = others.clone().any(|(_, it)| it[0] != own[0]);
    let told = single && other && runs >= FEWEST && own[0] != Filling::Nothing;
    told.then_some(own.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_from_something() {
        let check = |output: &str, path: &str, expect: Filling| {
            let found = filling(&amounts::of(Some(output)), &texts(Some(output)), path);
            assert_eq!(found, expect, "{output} {path}");
        };
        check(r#"{"a": {"tier": null}}"#, "a.tier", Filling::Nothing);
        check(
            r#"{"a": {"tier": "gold"}}"#,
            "a.tier",
            Filling::Word("gold".into()),
        );
        check(r#"{"fee": 0}"#, "fee", Filling::Nothing);
        check(r#"{"fee": 3.9}"#, "fee", Filling::Something);
        check(r#"{"id": "x-7"}"#, "id", Filling::Something);
    }
}
