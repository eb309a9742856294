//! A green run in which somebody went on with a default: what he needed was refused, late or not there. He says so in a
//! line that no healthy run has, and what he gave is like in none of them; or what he gave says itself that it is a
//! default. Whoever refused is to blame, where the lines tell; else he who made something up. Fallbacks that healthy runs
//! have as well are how the workflow works.

use super::{
    Profile, amounts,
    clue::{self, Clue, Explained},
    clues, onset, relations,
    scene::Scene,
    signs, sorts,
    text::{self, Topic},
};
use model::{Attempt, Category, Fatality, LogRecord, State};
use serde_json::Value;
use std::collections::BTreeSet;

/// Healthy runs that tell what is usual.
const FEWEST: usize = 5;
/// Different words of one place that are a choice among few, and runs to each of them.
const FEW: usize = 4;
const EACH: usize = 2;
/// How far beyond the least and the most a number is something else, of what lies between them, and of itself.
const FAR: f64 = 0.25;
const SLIGHT: f64 = 0.05;

/// The first state that gave a default in place of what it gives in healthy runs.
pub(crate) fn clue(scene: &Scene) -> Option<Clue> {
    if scene.healthy.len() < FEWEST {
        return None;
    }
    let visits = relations::visits(scene).into_iter();
    let mut tasks = visits.filter(|it| it.state_type == "Task");
    tasks.find_map(|it| of_visit(scene, it))
}

fn of_visit(scene: &Scene, visit: &State) -> Option<Clue> {
    let attempt = scene.tries(visit).into_iter().next_back()?;
    let lines = new_lines(scene, attempt);
    let admits = lines
        .iter()
        .copied()
        .find(|it| signs::falls_back(&it.body, it.severity_number >= 13));
    let gave = match admits {
        Some(_) => other_word(scene, visit, |_, _| true)
            .or_else(|| marked(scene, visit))
            .or_else(|| other_number(scene, visit)),
        None => other_word(scene, visit, of_default).or_else(|| marked(scene, visit)),
    }?;
    let told = format!("gave {gave}");
    if let Some(clue) = clues::taken_for_answer(scene, visit, &told) {
        return Some(clue);
    }
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    let left = left.map(|it| clue::event(it, format!("{} left with {gave}", visit.state)));
    let (maker, name) = match admits.filter(|it| !it.service_name.is_empty()) {
        Some(line) if Some(&line.service_name) != attempt.function_name.as_ref() => {
            let name = line.service_name.clone();
            (clue::entity(scene, "service", &name, &[&visit.path]), name)
        }
        _ => clues::maker(scene, visit),
    };
    if let Some((line, topic, who)) = refusal(scene, &lines, &name) {
        let said = text::brief(&line.body, 140);
        let mechanism = format!(
            "{who} turned down {name} in {}: {said}; {name} {told} instead, which no healthy run has, and the execution succeeded with it",
            visit.state
        );
        let shown = clue::log(line, format!("{name} wrote: {said}"));
        let explained = Explained {
            kind: String::new(),
            reason: format!("{name} was turned down by {who}"),
            name: name.clone(),
            reference: shown.reference.clone(),
        };
        let suspect = clue::entity(scene, "service", &who, &[&visit.path, &name]);
        let mut clue = Clue::new(suspect, text::category(Some(topic)), 0.92, mechanism)
            .with([shown])
            .with(left)
            .explaining([explained]);
        clue.fate = Fatality::Masked;
        return Some(clue);
    }
    // What nobody turned down was not there to be done: a customer without a telephone gets no call.
    if left_undone(&gave) {
        return None;
    }
    let why = admits.map(|it| format!(" ({})", text::brief(&it.body, 120)));
    let mechanism = format!(
        "{name} {told}{}, which none of {} healthy runs has, and the execution succeeded with it",
        why.unwrap_or_default(),
        scene.healthy.len()
    );
    let line =
        admits.map(|it| clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160))));
    let weight = if admits.is_some() { 0.92 } else { 0.86 };
    Some(
        Clue::new(maker, Category::SilentData, weight, mechanism)
            .with(line)
            .with(left)
            .changed(clues::new_version(scene, visit)),
    )
}

/// Warnings and errors of a try that no healthy run has, and what it says of a fallback however quietly.
fn new_lines<'a>(scene: &Scene<'a>, attempt: &Attempt) -> Vec<&'a LogRecord> {
    let mut lines: Vec<&LogRecord> = scene.job_lines(attempt);
    if let Some((invocation, _)) = scene.invocation(attempt) {
        lines.extend(scene.lines(invocation));
    }
    let called = scene.callees(attempt).into_iter();
    lines.extend(called.flat_map(|it| scene.lines(it)));
    let spans = scene.spans_below(attempt);
    lines.extend(spans.into_iter().flat_map(|it| scene.said(it)));
    lines.retain(|it| it.severity_number >= 13 || signs::falls_back(&it.body, false));
    lines.retain(|it| {
        let key = (it.service_name.clone(), text::template(&it.body));
        let says = |peer: &Profile| peer.templates.contains(&key);
        !fit(scene, says).into_iter().any(says)
    });
    lines.sort_by_key(|it| (it.time, it.log_id));
    lines.dedup_by_key(|it| it.log_id);
    lines
}

/// Healthy runs without those of the same incident.
fn fit<'a>(scene: &Scene<'a>, off: impl Fn(&Profile) -> bool) -> Vec<&'a Profile> {
    onset::fit(&scene.healthy, scene.case.execution.start_time, off)
}

/// A line that tells who turned the caller down, and how.
fn refusal<'a>(
    scene: &Scene,
    lines: &[&'a LogRecord],
    own: &str,
) -> Option<(&'a LogRecord, Topic, String)> {
    lines.iter().find_map(|line| {
        let topic = text::topic(&line.body)?;
        let outside = topic.is_outside() || topic == Topic::Permission;
        let who = clues::service_in(scene, &line.body).filter(|it| outside && it != own)?;
        Some((*line, topic, who))
    })
}

/// A word in the output that no healthy run has there, where they have one of few.
fn other_word(scene: &Scene, visit: &State, fits: impl Fn(&str, &str) -> bool) -> Option<String> {
    let took = sorts::texts(visit.input.as_deref());
    let gave = sorts::texts(visit.output.as_deref());
    gave.into_iter().find_map(|(path, value)| {
        let plain = !value.is_empty() && !value.chars().any(|c| c.is_ascii_digit());
        if !plain || took.values().any(|it| *it == value) || !fits(&path, &value) {
            return None;
        }
        let at = |it: &Profile| it.states.get(&visit.state)?.texts.get(&path).cloned();
        let has = |it: &Profile| at(it).as_ref() == Some(&value);
        let usual: Vec<String> = fit(scene, has).into_iter().filter_map(at).collect();
        let words: BTreeSet<&String> = usual.iter().collect();
        let few = words.len() <= FEW && words.len() * EACH <= usual.len();
        let new = usual.len() >= FEWEST && few && !words.contains(&value);
        new.then(|| format!("{path} {value:?}"))
    })
}

/// What is given in place of something else calls itself so.
fn of_default(path: &str, value: &str) -> bool {
    const WORDS: [&str; 21] = [
        "default",
        "fallback",
        "cached",
        "cache",
        "stale",
        "expired",
        "estimate",
        "approximat",
        "degraded",
        "backup",
        "placeholder",
        "hardcoded",
        "hard-coded",
        "last-known",
        "last_known",
        "last known",
        "static",
        "synthetic",
        "heuristic",
        "best-effort",
        "unavailable",
    ];
    const OF: [&str; 14] = [
        "source",
        "src",
        "origin",
        "from",
        "via",
        "provider",
        "method",
        "mode",
        "basis",
        "quality",
        "provenance",
        "kind",
        "status",
        "engine",
    ];
    let lower = value.to_lowercase();
    let leaf = path.rsplit('.').next().unwrap_or(path).to_lowercase();
    WORDS.iter().any(|it| lower.contains(it)) && OF.iter().any(|it| leaf.contains(it))
}

/// A word for what was not done since there was nothing to do, rather than done with something else.
fn left_undone(gave: &str) -> bool {
    const WORDS: [&str; 10] = [
        "skip",
        "omitted",
        "ignored",
        "none",
        "n/a",
        "not applicable",
        "not_applicable",
        "not required",
        "not_required",
        "optional",
    ];
    let lower = gave.to_lowercase();
    let word = lower.split('"').nth(1).unwrap_or_default();
    WORDS.iter().any(|it| word.contains(it))
}

/// A yes under a name that tells of a default, where healthy runs have no such name or a no.
fn marked(scene: &Scene, visit: &State) -> Option<String> {
    const NAMES: [&str; 10] = [
        "fallback",
        "fell_back",
        "fellback",
        "stale",
        "degraded",
        "default",
        "estimated",
        "partial",
        "cached",
        "incomplete",
    ];
    let value: Value = serde_json::from_str(visit.output.as_deref()?).ok()?;
    let mut own = flags(&value, "", 0).into_iter();
    own.find_map(|path| {
        let leaf = path.rsplit('.').next().unwrap_or(&path).to_lowercase();
        let has = |it: &Profile| {
            let state = it.states.get(&visit.state);
            state.is_some_and(|it| it.keys.contains(&path))
        };
        let named = NAMES.iter().any(|it| leaf.contains(it));
        let fit = if named { fit(scene, has) } else { Vec::new() };
        let known = fit.iter().filter(|it| it.states.contains_key(&visit.state));
        (named && known.count() >= FEWEST && !fit.into_iter().any(has))
            .then(|| format!("{path} true"))
    })
}

/// Paths at which a yes stands.
fn flags(value: &Value, prefix: &str, depth: usize) -> Vec<String> {
    let members = value.as_object().into_iter().flatten();
    let found = members.take(60).flat_map(|(name, member)| {
        let path = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        match member {
            Value::Bool(true) => vec![path],
            Value::Object(_) if depth < 3 => flags(member, &path, depth + 1),
            _ => Vec::new(),
        }
    });
    found.collect()
}

/// A number in the output that lies beyond those of healthy runs.
fn other_number(scene: &Scene, visit: &State) -> Option<String> {
    let took = amounts::of(visit.input.as_deref());
    let gave = amounts::of(visit.output.as_deref());
    // Much of what goes in makes much of what comes out.
    let more = |(path, value): (&String, &f64)| {
        let given = |it: &&Profile| it.states.get(&visit.state)?.given.get(path).copied();
        let usual: Vec<f64> = scene.healthy.iter().filter_map(given).collect();
        is_beyond(*value, &usual)
    };
    if took.iter().any(more) {
        return None;
    }
    gave.into_iter().find_map(|(path, value)| {
        if took.get(&path) == Some(&value) {
            return None;
        }
        let at = |it: &Profile| it.states.get(&visit.state)?.quantities.get(&path).copied();
        let same = |it: &Profile| at(it) == Some(value);
        let usual: Vec<f64> = fit(scene, same).into_iter().filter_map(at).collect();
        is_beyond(value, &usual).then(|| format!("{path} {}", amounts::number(value)))
    })
}

fn is_beyond(value: f64, usual: &[f64]) -> bool {
    let least = usual.iter().copied().fold(f64::INFINITY, f64::min);
    let most = usual.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let far = (FAR * (most - least)).max(SLIGHT * least.abs().max(most.abs()));
    usual.len() >= FEWEST && (value < least - far || value > most + far)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_call_themselves_so() {
        let check = |path: &str, value: &str, expect: bool| {
            assert_eq!(of_default(path, value), expect, "{path} {value}")
        };
        check("rate.src", "default", true);
        check("wind.source", "last-known", true);
        check("source", "forecast", false);
        check("name", "default", false);
        assert!(left_undone(r#"call.state "SKIPPED""#));
        assert!(!left_undone(r#"skipped.by "default""#));
    }

    #[test]
    fn numbers_lie_beyond_others_or_not() {
        let usual = [3.9, 4.0, 4.05, 3.95, 4.1];
        assert!(is_beyond(1.0, &usual));
        assert!(!is_beyond(4.12, &usual));
        assert!(!is_beyond(1.0, &usual[..3]));
    }
}
