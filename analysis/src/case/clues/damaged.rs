//! A file that ends too early or cannot be unpacked, and that an earlier step of the same run wrote. *What it looks for*:
//! words of readers about damaged data, a name in what the reader was given that an earlier state gave first, and a line
//! or an amount of that state's function that no healthy run has. *Why it matters*: the reader is the one that fails, the
//! writer ended with success. *How to confirm*: the size of the file beside that of other runs; the writer's log.

use crate::case::{
    Profile, amounts,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    signs, text,
};
use model::{Category, Exhibit, LogRecord, State};
use serde_json::Value;
use std::collections::BTreeSet;

/// Healthy runs that tell what a writer writes.
const FEWEST: usize = 3;
/// Less than so much of the least of them is less than usual.
const LESS: f64 = 0.8;
/// Names of one output that are looked for.
const MOST: usize = 200;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let words = failure.words();
    if scene.healthy.len() < FEWEST || !signs::of_damage(&words) {
        return Vec::new();
    }
    let Some(reader) = failure.visit else {
        return Vec::new();
    };
    let given = reader.input.as_deref().unwrap_or_default();
    let sent = failure.attempt.and_then(|it| it.input.as_deref());
    let before = scene.case.states.iter().filter(|it| {
        it.state_type == "Task"
            && it.entered_event_id < reader.entered_event_id
            && it.span_id != reader.span_id
            && it.output.is_some()
            && !it.caught
    });
    let mut before: Vec<&State> = before.collect();
    before.sort_by_key(|it| it.entered_event_id);
    let wrote = |it: &&State| {
        let own = names(it.output.as_deref());
        let took = names(it.input.as_deref());
        let mut new = own.difference(&took);
        new.any(|name| given.contains(name) || sent.is_some_and(|it| it.contains(name)))
    };
    let writers = before.into_iter().filter(wrote);
    let found = writers.rev().find_map(|it| charged(scene, failure, it));
    found.into_iter().collect()
}

fn charged(scene: &Scene, failure: &Failure, writer: &State) -> Option<Clue> {
    let (suspect, name) = super::maker(scene, writer);
    let (how, shown) = unusual(scene, writer, &name)?;
    let reader = failure.function().map(str::to_owned);
    let reader = reader.or_else(|| super::callee(failure.attempt?).map(|it| it.1));
    let reader = reader.unwrap_or_else(|| failure.state().to_owned());
    let mechanism = format!(
        "{name} gave {} data that is not whole: {how}; {reader} failed of it: {}",
        failure.state(),
        text::brief(&crate::case::failures::message(&failure.cause), 120)
    );
    let left = writer.exited_event_id.and_then(|id| scene.event(id));
    let reference = shown.reference.clone();
    let carried = [reader, failure.state().to_owned()]
        .into_iter()
        .filter(|it| *it != name)
        .map(|victim| Explained {
            kind: String::new(),
            reason: format!("{victim} was given what {name} had not written to its end"),
            name: victim,
            reference: reference.clone(),
        });
    let carried: Vec<Explained> = carried.collect();
    Some(
        Clue::new(suspect, Category::SilentData, 0.93, mechanism)
            .with([shown])
            .with(
                left.map(|it| {
                    clue::event(it, format!("{} went on as if it were whole", writer.state))
                }),
            )
            .with(failure.exhibit())
            .changed(super::new_version(scene, writer))
            .explaining(carried),
    )
}

/// What tells that the writer did not come to the end of its work: a warning that no healthy run has, an amount that is
/// less than ever.
fn unusual(scene: &Scene, writer: &State, name: &str) -> Option<(String, Exhibit)> {
    let attempt = scene.tries(writer).into_iter().next_back()?;
    let mut lines: Vec<&LogRecord> = scene.job_lines(attempt);
    if let Some((invocation, _)) = scene.invocation(attempt) {
        lines.extend(scene.lines(invocation));
    }
    let spans = scene.spans_below(attempt);
    lines.extend(spans.into_iter().flat_map(|it| scene.said(it)));
    let loud = lines.into_iter().find(|it| {
        let known = |peer: &Profile| {
            let key = (it.service_name.clone(), text::template(&it.body));
            peer.templates.contains(&key)
        };
        let warns = it.severity_number >= 13 || signs::falls_back(&it.body, false);
        warns && !scene.healthy.iter().any(|peer| known(peer))
    });
    if let Some(line) = loud {
        let said = text::brief(&line.body, 140);
        return Some((
            format!("it wrote {said}"),
            clue::log(line, format!("{name} wrote: {said}")),
        ));
    }
    let took = amounts::of(writer.input.as_deref());
    let left = writer.exited_event_id.and_then(|id| scene.event(id))?;
    let mut gave = amounts::of(writer.output.as_deref()).into_iter();
    gave.find_map(|(path, value)| {
        let of = |it: &&Profile| it.states.get(&writer.state)?.quantities.get(&path).copied();
        let usual: Vec<f64> = scene.healthy.iter().filter_map(of).collect();
        let least = usual.iter().copied().fold(f64::INFINITY, f64::min);
        let less = usual.len() >= FEWEST && value < LESS * least && took.get(&path) != Some(&value);
        let told = amounts::number(value);
        less.then(|| {
            (
                format!(
                    "its {path} is {told}, at least {} in healthy runs",
                    amounts::number(least)
                ),
                clue::event(left, format!("{} left with {path} {told}", writer.state)),
            )
        })
    })
}

/// Texts that name something: a file, a key, an address of an object.
fn names(text: Option<&str>) -> BTreeSet<String> {
    fn walk(value: &Value, depth: usize, found: &mut BTreeSet<String>) {
        if depth > 6 || found.len() >= MOST {
            return;
        }
        match value {
            Value::String(text) if (6..=400).contains(&text.len()) => {
                let of_name =
                    text.contains(['/', '.', '-', '_']) && !text.contains(char::is_whitespace);
                if of_name {
                    found.insert(text.clone());
                }
            }
            Value::Array(items) => items.iter().for_each(|it| walk(it, depth + 1, found)),
            Value::Object(members) => members.values().for_each(|it| walk(it, depth + 1, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    let small = text.filter(|it| it.len() < 300_000);
    if let Some(value) = small.and_then(|it| serde_json::from_str::<Value>(it).ok()) {
        walk(&value, 0, &mut found);
    }
    found
}
