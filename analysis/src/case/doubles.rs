//! Work that was left out because it was taken for done already: a green run whose function says so, of an order that no
//! earlier run had. Who keeps keys of what was done has a key that is not of this work alone.

use super::{
    Profile,
    clue::{self, Clue},
    clues, onset,
    scene::Scene,
    text,
};
use model::{Category, Invocation, LogOrigin, LogRecord, State};
use serde_json::Value;
use std::collections::BTreeMap;

/// Healthy runs that never said so.
const FEWEST: usize = 5;

/// The first state of a green run that took its work for a duplicate.
pub(crate) fn clues(scene: &Scene) -> Vec<Clue> {
    if scene.healthy.len() < FEWEST || seen_before(scene) {
        return Vec::new();
    }
    let mut visits: Vec<&State> = scene.case.states.iter().filter(|it| !it.caught).collect();
    visits.sort_by_key(|it| it.entered_event_id);
    visits
        .into_iter()
        .find_map(|it| of_visit(scene, it))
        .into_iter()
        .collect()
}

fn of_visit(scene: &Scene, visit: &State) -> Option<Clue> {
    let tries = scene.tries(visit);
    let attempt = tries.last()?;
    let own = scene.invocation(attempt).map(|(it, _)| it);
    let ran = own.into_iter().chain(scene.callees(attempt));
    let ran: Vec<&Invocation> = ran.collect();
    let by_line = ran.iter().find_map(|it| Some((*it, skipping(scene, it)?)));
    let told = told(visit.output.as_deref());
    let took = told_all(visit.input.as_deref());
    let told = told.filter(|(path, _)| !took.contains_key(path));
    let told = told.filter(|(path, _)| !known(scene, visit, path));
    if by_line.is_none() && told.is_none() {
        return None;
    }
    let (suspect, name) = match &by_line {
        Some((of, _)) if Some(of.function_name.as_str()) != attempt.function_name.as_deref() => {
            let above = attempt.function_name.as_deref().unwrap_or_default();
            let of = &of.function_name;
            let suspect = clue::entity(scene, "function", of, &[&attempt.path, above]);
            (suspect, of.clone())
        }
        _ => clues::maker(scene, visit),
    };
    let said = match (&by_line, &told) {
        (Some((_, line)), _) => text::brief(&line.body, 140),
        (None, Some((path, value))) => format!("{path} is {value}"),
        (None, None) => String::new(),
    };
    let mechanism = format!(
        "{name} left its work in {} out because it took it for done: {said}; no earlier run had the same",
        visit.state
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let weight = if by_line.is_some() && told.is_some() {
        0.93
    } else {
        0.9
    };
    Some(
        Clue::new(suspect, Category::SilentData, weight, mechanism)
            .with(by_line.map(|(_, it)| clue::log(it, text::brief(&it.body, 160))))
            .with(left.map(|it| clue::event(it, format!("{} left without its work", visit.state))))
            .changed(clues::new_version(scene, visit)),
    )
}

/// The line in which an invocation says so, as no healthy run does.
fn skipping<'a>(scene: &Scene<'a>, of: &Invocation) -> Option<&'a LogRecord> {
    let lines = scene.lines(of).into_iter();
    let mut own = lines.filter(|it| it.origin != LogOrigin::LambdaPlatform);
    own.find(|it| {
        let key = (it.service_name.clone(), text::template(&it.body));
        says_done(&it.body)
            && !scene
                .healthy
                .iter()
                .any(|peer| peer.templates.contains(&key))
    })
}

/// Healthy runs say so, besides those of the same incident.
fn usual(scene: &Scene, says: impl Fn(&Profile) -> bool) -> bool {
    let start = scene.case.execution.start_time;
    let fit = onset::fit(&scene.healthy, start, &says);
    fit.len() < FEWEST || fit.into_iter().any(says)
}

/// Words for work that is taken for done already.
pub(crate) fn says_done(words: &str) -> bool {
    const DONE: [&str; 20] = [
        "duplicate",
        "already processed",
        "already been processed",
        "already handled",
        "already done",
        "already exists for key",
        "already seen",
        "already completed",
        "already applied",
        "already booked",
        "already sent",
        "already recorded",
        "already in progress",
        "idempoten",
        "dedup",
        "replayed",
        "replay of",
        "cached response for",
        "returning stored",
        "seen before",
    ];
    const SKIPS: [&str; 16] = [
        "skip",
        "ignor",
        "drop",
        "no-op",
        "noop",
        "nothing to do",
        "short-circuit",
        "short circuit",
        "returning",
        "return early",
        "not process",
        "suppress",
        "discard",
        "hit",
        "already",
        "exists",
    ];
    let lower = words.to_lowercase();
    let none = [
        "no duplicate",
        "not a duplicate",
        "0 duplicate",
        "duplicates=0",
        "duplicates: 0",
        "miss",
    ];
    DONE.iter().any(|it| lower.contains(it))
        && SKIPS.iter().any(|it| lower.contains(it))
        && !none.iter().any(|it| lower.contains(it))
}

/// What an output says of it: `duplicate: true`, `status: "ALREADY_PROCESSED"`, `skipped: "duplicate"`.
fn told(output: Option<&str>) -> Option<(String, String)> {
    told_all(output).into_iter().next()
}

pub(crate) fn told_all(output: Option<&str>) -> BTreeMap<String, String> {
    fn walk(value: &Value, prefix: &str, depth: usize, found: &mut BTreeMap<String, String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = match prefix {
                "" => name.clone(),
                prefix => format!("{prefix}.{name}"),
            };
            let flag = {
                let lower = name.to_lowercase();
                [
                    "duplicate",
                    "dedup",
                    "alreadyprocessed",
                    "already_processed",
                    "idempotent",
                    "replayed",
                ]
                .iter()
                .any(|it| lower.contains(it))
            };
            match member {
                Value::Bool(true) if flag => _ = found.insert(path, "true".into()),
                Value::String(text) if text.len() <= 120 && is_done_word(text) => {
                    found.insert(path, text.clone());
                }
                Value::Object(_) if depth < 4 => walk(member, &path, depth + 1, found),
                _ => {}
            }
        }
    }
    let mut found = BTreeMap::new();
    let small = output.filter(|it| it.len() < 1_000_000);
    if let Some(value) = small.and_then(|it| serde_json::from_str::<Value>(it).ok()) {
        walk(&value, "", 0, &mut found);
    }
    found
}

/// A word of a status: `DUPLICATE`, `already-processed`.
fn is_done_word(text: &str) -> bool {
    let plain: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
        .collect();
    let words = format!(" {plain} ");
    [
        "duplicate",
        "already processed",
        "already done",
        "already handled",
        "already applied",
        "already exists",
        "deduplicated",
        "idempotent replay",
    ]
    .iter()
    .any(|it| words.contains(&format!(" {it}")))
        && !words.contains(" no ")
        && !words.contains(" not ")
}

/// Healthy runs say it as well.
fn known(scene: &Scene, visit: &State, path: &str) -> bool {
    let said = |it: &&Profile| {
        let state = it.states.get(&visit.state);
        state.is_some_and(|it| it.done.contains(path))
    };
    usual(scene, |it| said(&it))
}

/// An earlier run was started with the same id: it was done, indeed.
fn seen_before(scene: &Scene) -> bool {
    let own = super::profile::traits(scene.case.execution.input.as_deref());
    let start = scene.case.execution.start_time;
    let ids: Vec<(&String, &String)> = own.iter().filter(|it| is_id(it.1)).collect();
    let same = |peer: &Profile| {
        ids.iter()
            .any(|(key, value)| peer.traits.get(*key) == Some(*value))
    };
    let peers: Vec<_> = scene.world.peers.iter().collect();
    // What all share is no id of one piece of work.
    let few = peers.iter().filter(|it| same(it)).count() * 4 <= peers.len();
    few && peers
        .iter()
        .any(|it| it.start < start && it.succeeded && same(it))
}

fn is_id(value: &str) -> bool {
    value.len() >= 4 && value.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{says_done, told};

    #[test]
    fn lines_say_that_work_was_done_already() {
        let check = |line: &str, expect: bool| assert_eq!(says_done(line), expect, "{line}");
        check("Duplicate request detected for key 7-2026, skipping", true);
        check("idempotency record found, returning stored result", true);
        check("payment already processed, nothing to do", true);
        check("no duplicate found, skipping check", false);
        check("skipping empty rows", false);
        check("idempotency cache miss, returning new", false);
    }

    #[test]
    fn outputs_say_that_work_was_done_already() {
        let check = |output: &str, expect: bool| {
            assert_eq!(told(Some(output)).is_some(), expect, "{output}")
        };
        check(r#"{"result": {"duplicate": true}}"#, true);
        check(r#"{"status": "ALREADY_PROCESSED"}"#, true);
        check(r#"{"skipped": "duplicate of 2026-05"}"#, true);
        check(r#"{"duplicate": false}"#, false);
        check(r#"{"status": "done"}"#, false);
    }
}
