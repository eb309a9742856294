//! A value that a validator refused. *What it looks for*: the words of libraries that check data against a schema.
//! *Why it matters*: the code did what it is for, what it was given is wrong. *How to confirm*: the same function served
//! others; the input beside that of a healthy run.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    scene::Scene,
    text,
};
use model::text::counted;
use model::{Category, State};
use serde_json::Value;

/// Executions that were served before a refusal is blamed on what was sent.
const WELL: usize = 3;
/// One of so many may be refused as this one was: inputs are bad now and then.
const FEW: usize = 4;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(visit) = failure.visit else {
        return Vec::new();
    };
    let beyond = super::beyond::is_named(scene, failure);
    // Of whoever is no function only a value that nobody was given before tells enough.
    let other = || super::function::callee(failure.attempt?).map(|it| it.1);
    let name = failure.function().map(str::to_owned);
    let Some(name) = name.or_else(|| other().filter(|_| beyond)) else {
        return Vec::new();
    };
    let line = failure.lines.iter().rev();
    let line = line
        .clone()
        .find(|it| it.severity_number >= 17 && text::refuses_value(&it.body));
    let said = failure.said();
    let called = failure.spans.spans.iter();
    let mut called =
        called.filter(|it| crate::case::charges::calls_out(it) && crate::case::charges::failed(it));
    let quoted = quotes_input(visit, &said) || names_own(scene, failure) || beyond;
    let refused =
        quoted || text::refuses_value(&said) || text::topic(&said).is_none() && line.is_some();
    if !refused || called.next().is_some() || super::poison::innermost(&visit.path).is_some() {
        return Vec::new();
    }
    let served = scene.healthy.iter();
    let well = served
        .filter(|it| it.states.contains_key(&visit.state))
        .count();
    let key = (visit.state.clone(), failure.thrown());
    let alike = scene.world.peers.iter();
    let alike = alike.filter(|it| it.errors.contains(&key)).count();
    // Whom nobody gets past any more, or who is new, is wrong itself.
    let new = || {
        super::deploy::changed(scene, failure).is_some()
            && super::deploy::well_since(scene, failure) < WELL
    };
    if alike * FEW > well.max(1) || new() {
        return Vec::new();
    }
    if super::producer(scene, visit).is_some() {
        return Vec::new();
    }
    let weight = if well >= WELL { 0.86 } else { 0.66 };
    let what = match quoted || text::refuses_value(&said) {
        true => text::brief(&message(&failure.cause), 160),
        false => line.map_or_else(String::new, |it| text::brief(&it.body, 160)),
    };
    let others = counted(well as u64, "other execution", "other executions");
    let served = match well {
        0 => String::new(),
        _ => format!(", and served {others}"),
    };
    let mechanism = format!(
        "{name} refused what {} gave it{served}: {what}",
        visit.state
    );
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    let cleared = (well >= WELL).then(|| Explained {
        kind: failure.function().map_or("", |_| "function").to_owned(),
        name: name.clone(),
        reason: format!("{name} served the same state in {others}"),
        reference,
    });
    let entered = scene.event(visit.entered_event_id);
    vec![
        Clue::new(
            clue::state(scene, visit),
            Category::BadInput,
            weight,
            mechanism,
        )
        .with(entered.map(|it| clue::event(it, format!("{} was given its input", visit.state))))
        .with(line.map(|it| clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))))
        .with(failure.exhibit())
        .explaining(cleared),
    ]
}

/// Values of an input that are looked for in what was said.
const MOST_VALUES: usize = 2_000;

/// The words of a parser or a check, with the very value that stands in the input: it could not be read.
fn quotes_input(visit: &State, said: &str) -> bool {
    if !text::refuses_text(said) {
        return false;
    }
    let input = visit.input.as_deref().filter(|it| it.len() < 1_000_000);
    let Some(input) = input.and_then(|it| serde_json::from_str::<Value>(it).ok()) else {
        return false;
    };
    let mut values = Vec::new();
    scalars(&input, 0, &mut values);
    values.iter().any(|it| quotes(said, it))
}

/// The words of bad data that name what this execution alone was started with: a file, an order, whatever its id.
pub(super) fn names_own(scene: &Scene, failure: &Failure) -> bool {
    // Words of code that stumbled, whatever it was given.
    const CODE: [&str; 8] = [
        "typeerror",
        "undefined",
        "nonetype",
        "nullpointer",
        "null reference",
        "nil pointer",
        "cannot read propert",
        "index out of",
    ];
    let said = failure.said();
    let lower = said.to_lowercase();
    let stumbled = CODE.iter().any(|mark| lower.contains(mark));
    if failure.topic() != Some(text::Topic::Data) || stumbled {
        return false;
    }
    let input = scene.case.execution.input.as_deref();
    let input = input.filter(|it| it.len() < 1_000_000);
    let Some(input) = input.and_then(|it| serde_json::from_str::<Value>(it).ok()) else {
        return false;
    };
    let mut values = Vec::new();
    scalars(&input, 0, &mut values);
    let shared = |value: &String| {
        let mut peers = scene.world.peers.iter();
        peers.any(|it| it.traits.values().any(|it| it == value))
    };
    values
        .iter()
        .any(|it| is_name(it) && stands_in(&said, it) && !shared(it))
}

/// The longest word of one's own in a value that stands in what was said.
pub(super) fn named_in(value: &Value, said: &str) -> Option<String> {
    let mut values = Vec::new();
    scalars(value, 0, &mut values);
    // Of a path code often tells the file only.
    let file = |it: &str| it.rsplit('/').next().unwrap_or(it).to_owned();
    let stands = |it: &str| is_name(it) && stands_in(said, it);
    values.retain(|it| stands(it) || stands(&file(it)));
    values.into_iter().max_by_key(String::len)
}

/// A word of one's own: `2026/alumni-13.csv`, `o-48812`. No plain number, date or word.
fn is_name(value: &str) -> bool {
    let digit = value.chars().any(|c| c.is_ascii_digit());
    let letter = value.chars().any(|c| c.is_ascii_alphabetic());
    let whole = !value.contains(char::is_whitespace);
    (5..=200).contains(&value.len()) && digit && letter && whole
}

/// True where a value stands as a word or as parts of a path, not inside of a longer word.
pub(super) fn stands_in(said: &str, value: &str) -> bool {
    let of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    said.match_indices(value).any(|(at, _)| {
        let before = said[..at].chars().next_back();
        let after = said[at + value.len()..].chars().next();
        !before.is_some_and(of_word) && !after.is_some_and(of_word)
    })
}

fn scalars(value: &Value, depth: usize, found: &mut Vec<String>) {
    if depth > 8 || found.len() >= MOST_VALUES {
        return;
    }
    match value {
        Value::String(text) if (2..=200).contains(&text.len()) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|it| scalars(it, depth + 1, found)),
        Value::Object(members) => members
            .values()
            .for_each(|it| scalars(it, depth + 1, found)),
        _ => {}
    }
}

/// True where a value stands between quotation marks, however often they are escaped.
fn quotes(said: &str, value: &str) -> bool {
    let mut places = said.match_indices(value);
    places.any(|(at, _)| {
        let before = said[..at].chars().next_back();
        let after = said[at + value.len()..].chars().next();
        let mark = |it: char| {
            matches!(
                it,
                '"' | '\'' | '`' | '\\' | '«' | '»' | '“' | '”' | '‘' | '’'
            )
        };
        before.is_some_and(mark) && after.is_some_and(mark)
    })
}

#[cfg(test)]
mod tests {
    use super::{is_name, quotes, stands_in};

    #[test]
    fn names_of_ones_own_are_met_as_words() {
        let check = |said: &str, value: &str, expect: bool| {
            let found = is_name(value) && stands_in(said, value);
            assert_eq!(found, expect, "{value} in {said}")
        };
        check("no header in s3://drop/in/a-13.csv", "in/a-13.csv", true);
        check("order o-48812: two totals", "o-48812", true);
        check("order o-488120: two totals", "o-48812", false);
        check("row 48812 has two totals", "48812", false);
        check("the header is wrong", "header", false);
    }

    #[test]
    fn a_value_is_quoted_or_not() {
        let check = |said: &str, value: &str, expect: bool| {
            assert_eq!(quotes(said, value), expect, "{said}")
        };
        check(r#"parsing time "2026-13-41": month"#, "2026-13-41", true);
        check(r#"For input string: \"12,5\""#, "12,5", true);
        check("invalid literal for int() with base 10: 'x7'", "x7", true);
        check("invalid literal for int() with base 10: 'x77'", "x7", false);
        check("month out of range", "month", false);
    }
}
