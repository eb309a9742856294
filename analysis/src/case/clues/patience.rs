//! The patience of a client that a change cut. *What it looks for*: a call that was given up, and a change that set a
//! smaller time limit for the function than it needs in healthy runs. *Why it matters*: whoever was called took no longer
//! than ever. *How to confirm*: the old limit.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, time::human_duration};

/// Healthy runs that tell how long the function takes.
const FEWEST: usize = 3;

pub(super) fn cut(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let (name, attempt) = (failure.function()?, failure.attempt?);
    let words = failure.words();
    let gave_up = text::topic(&words) == Some(Topic::Timeout) && failure.error != "States.Timeout";
    let change = super::deploy::timeout_change(scene, failure, name).filter(|_| gave_up)?;
    let limit = lowered(&change.change)?;
    let healthy = scene.healthy.iter();
    let healthy = healthy.filter_map(|it| it.functions.get(name));
    let mut usual: Vec<i64> = healthy
        .map(|it| it.longest_ns)
        .filter(|it| *it > 0)
        .collect();
    usual.sort_unstable();
    let median = *usual.get(usual.len() / 2)?;
    // A limit that healthy runs would keep is not what it failed of.
    if usual.len() < FEWEST || median <= limit {
        return None;
    }
    let told = super::deploy::told(change);
    let mechanism = format!(
        "{name} gives up after {} since {told}, and takes {} in healthy runs",
        human_duration(limit),
        human_duration(median)
    );
    let proof = failure.exhibit();
    let reference = proof.as_ref().map(|it| it.reference.clone());
    let named = super::network::service_in(scene, &words).filter(|it| it != name);
    let cleared = named.map(|other| Explained {
        kind: String::new(),
        reason: format!("{name} always had to wait longer for {other} than it does now"),
        name: other,
        reference: reference.unwrap_or_default(),
    });
    Some(
        Clue::new(
            clue::function(scene, attempt, name, failure.version()),
            Category::TimeoutConfig,
            0.94,
            mechanism,
        )
        .with([clue::change(change, told.clone())])
        .with(proof)
        .explaining(cleared)
        .changed(Some(told)),
    )
}

/// The new limit of a change such as `HTTP_TIMEOUT_MS 5000 -> 800`, where it is the smaller one, nanoseconds. Without a
/// unit a number of three digits and more is milliseconds, a smaller one seconds.
fn lowered(change: &str) -> Option<i64> {
    let lower = change.to_lowercase();
    let (before, after) = ["->", "→", "=>", " to "]
        .iter()
        .find_map(|it| lower.rsplit_once(it))?;
    let (old, _) = number(
        before
            .rsplit(|c: char| c.is_whitespace() || c == '=')
            .find(|it| it.starts_with(|c: char| c.is_ascii_digit()))?,
    )?;
    let (new, unit) = number(after.trim_start())?;
    let millis = match unit {
        unit if unit.starts_with("ms") || unit.starts_with("milli") => new,
        unit if unit.starts_with('s') => new * 1e3,
        unit if unit.starts_with("min") || unit == "m" => new * 6e4,
        _ if before.contains("ms") || before.contains("milli") => new,
        _ if new >= 100.0 => new,
        _ => new * 1e3,
    };
    (new < old && new > 0.0 && millis < 1e9).then_some((millis * 1e6) as i64)
}

/// Whether a change tells of a time limit that was not lowered: `timeout 10 -> 10, memory 192 -> 256`, `timeout 3 s -> 30 s`.
pub(super) fn is_not_lowered(change: &str) -> bool {
    let lower = change.to_lowercase();
    let clauses = lower.split([',', ';', '\n']);
    let mut told = clauses
        .filter(|it| it.contains("timeout"))
        .filter_map(moved)
        .peekable();
    told.peek().is_some() && told.all(|(old, new)| new >= old)
}

/// The number before an arrow and the one after it, in the same unit.
fn moved(clause: &str) -> Option<(f64, f64)> {
    let (before, after) = ["->", "→", "=>", " to "]
        .iter()
        .find_map(|it| clause.rsplit_once(it))?;
    let starts = |it: &(usize, char)| {
        it.1.is_ascii_digit() && !before[..it.0].ends_with(|c: char| c.is_ascii_digit() || c == '.')
    };
    let at = before.char_indices().rfind(starts)?.0;
    let (old, first) = number(&before[at..])?;
    let (new, last) = number(after.trim_start())?;
    let unit = |name: &str| match name {
        "ms" | "msec" | "millis" | "milliseconds" => 1e-3,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        _ => 1.0,
    };
    // What one of them leaves out the other one tells.
    let (first, last) = match (first, last) {
        ("", it) | (it, "") => (it, it),
        both => both,
    };
    Some((old * unit(first), new * unit(last)))
}

/// A number at the beginning, and the word that follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = rest.trim_start();
    let unit = rest.split(|c: char| !c.is_ascii_alphabetic()).next();
    Some((
        digits.trim_end_matches('.').parse().ok()?,
        unit.unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::{is_not_lowered, lowered};

    #[test]
    fn limits_that_stay_or_grow_are_told_from_those_that_were_lowered() {
        let check = |change: &str, expect: bool| {
            assert_eq!(is_not_lowered(change), expect, "{change}");
        };
        check("timeout 10 -> 10, memory 192 -> 256", true);
        check("Timeout: 3 -> 30 (terraform apply)", true);
        check("version 22: TimeoutSeconds of Fold 90 s -> 2 min", true);
        check("memory 192 -> 256", false);
        check("timeout 30 -> 10, memory 192 -> 256", false);
        check("timeout 1 min -> 30 s", false);
        check("timeout handling reworked", false);
        check("default timeout restored", false);
    }

    #[test]
    fn a_smaller_limit_is_read_from_a_change() {
        let check = |change: &str, expect: Option<i64>| {
            assert_eq!(lowered(change).map(|it| it / 1_000_000), expect, "{change}")
        };
        check("HTTP_TIMEOUT_MS 5000 -> 800", Some(800));
        check("read timeout 10 s → 2 s", Some(2_000));
        check("timeout lowered from 30s to 3s", Some(3_000));
        check("REQUEST_TIMEOUT=20 => 5", Some(5_000));
        check("client timeout 2 -> 20", None);
        check("timeout handling reworked", None);
        check("timeout 0 -> 0", None);
    }
}
