//! A value that an execution was started with, that its error names, and that lies beyond all that healthy runs were
//! started with: a number far outside of theirs, a word that none of them had where all have one of few. The code that
//! turns it down, or stumbles over it, has never been given the like.

use crate::case::{
    Profile, amounts,
    failures::Failure,
    profile::traits,
    scene::Scene,
    text::{self, Topic},
};
use std::collections::BTreeSet;

/// Healthy runs that tell what is given.
const FEWEST: usize = 5;
/// So far outside of theirs, of their range.
const FAR: f64 = 0.5;
/// Runs to each different word, where the words are few.
const EACH: usize = 2;
/// Shorter numbers stand in other words by chance.
const SHORT: usize = 3;

/// True where the error names such a value.
pub(super) fn is_named(scene: &Scene, failure: &Failure) -> bool {
    // The item of a Map is told from its siblings.
    let of_map = scene.case.execution.map_run_arn.is_some();
    if of_map || !matches!(failure.topic(), None | Some(Topic::Data)) {
        return false;
    }
    let line = failure.telling_line(None);
    let said = format!(
        "{} {}",
        failure.said(),
        line.map_or("", |it| it.body.as_str())
    );
    if !turns_down(&said) {
        return false;
    }
    number(scene, &said)
        .or_else(|| word(scene, &said))
        .is_some()
}

/// Words of code that has no place for a value: checks of arguments, tables, enumerations, arithmetic.
fn turns_down(said: &str) -> bool {
    const WORDS: [&str; 44] = [
        "range",
        "exceed",
        "too large",
        "too big",
        "too small",
        "too many",
        "too few",
        "too high",
        "too low",
        "too long",
        "too short",
        "at most",
        "at least",
        "maximum",
        "minimum",
        "greater than",
        "less than",
        "larger than",
        "smaller than",
        "unsupported",
        "not supported",
        "unknown",
        "unrecognized",
        "unrecognised",
        "unexpected",
        "not allowed",
        "not permitted",
        "invalid",
        "illegal",
        "not valid",
        "out of bounds",
        "overflow",
        "must be",
        "must not",
        "cannot be",
        "can't be",
        "not in ",
        "no entry for",
        "no such",
        "no match",
        "not one of",
        "not a member",
        "not found in",
        "argument",
    ];
    let lower = text::shortened(said).to_lowercase();
    text::refuses_text(said)
        || text::refuses_value(said)
        || WORDS.iter().any(|it| lower.contains(it))
}

/// A number of the input far outside of those of healthy runs.
fn number(scene: &Scene, said: &str) -> Option<()> {
    let first = &scene.case.states.first()?.state;
    let plain = said.replace([',', '_', '\u{a0}', '\''], "");
    let own = amounts::of(scene.case.execution.input.as_deref());
    own.into_iter().find_map(|(path, value)| {
        let leaf = path.rsplit('.').next().unwrap_or(&path).to_lowercase();
        let told = amounts::number(value);
        let digits = told.bytes().filter(u8::is_ascii_digit).count();
        let named = [told.clone(), format!("{told}.0"), format!("{told}.00")];
        let named = named
            .iter()
            .any(|it| super::refusal::stands_in(said, it) || super::refusal::stands_in(&plain, it));
        let called = || said.to_lowercase().contains(&leaf);
        if path.ends_with("[]") || !named || digits < SHORT && !called() {
            return None;
        }
        let given = |it: &&Profile| it.states.get(first)?.given.get(&path).copied();
        let usual: Vec<f64> = scene.healthy.iter().filter_map(given).collect();
        is_far(value, &usual).then_some(())
    })
}

/// Beyond the least and the most by a good part of what lies between them.
fn is_far(value: f64, usual: &[f64]) -> bool {
    let least = usual.iter().copied().fold(f64::INFINITY, f64::min);
    let most = usual.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let far = FAR * (most - least).max(least.abs() * 0.1);
    // Nothing, or less than nothing, is beyond where all have something.
    let none = value <= 0.0 && least > 0.0;
    usual.len() >= FEWEST && (none || value > most + far || value < least - far)
}

/// A word of the input that none of the healthy runs has, where all of them have one of few.
fn word(scene: &Scene, said: &str) -> Option<()> {
    let lower = said.to_lowercase();
    let own = traits(scene.case.execution.input.as_deref());
    own.into_iter().find_map(|(path, value)| {
        let named = super::refusal::stands_in(&lower, &value.to_lowercase());
        if value.len() < 2 || value == "true" || value == "false" || !named {
            return None;
        }
        let healthy = scene.healthy.iter();
        let usual: Vec<&String> = healthy.filter_map(|it| it.traits.get(&path)).collect();
        let different: BTreeSet<&String> = usual.iter().copied().collect();
        let few = usual.len() >= FEWEST && different.len() * EACH <= usual.len();
        (few && !different.contains(&value)).then_some(())
    })
}

#[cfg(test)]
mod tests {
    use super::is_far;

    #[test]
    fn a_number_is_far_beyond_others_or_not() {
        let usual = [2_000.0, 9_000.0, 60_000.0, 24_000.0, 31_000.0];
        let check = |value: f64, expect: bool| assert_eq!(is_far(value, &usual), expect, "{value}");
        check(850_000.0, true);
        check(61_000.0, false);
        check(30_000.0, false);
        check(0.0, true);
        check(-4.0, true);
        assert!(!is_far(850_000.0, &usual[..3]));
    }
}
