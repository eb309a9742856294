//! Rules of thumb that people use, for comparison. Where one of them does well, the mystery is too easy.

use crate::facts::Recorded;
use crate::setting::Setting;
use std::collections::BTreeMap;

/// What each rule names for an execution, by rule.
pub(crate) fn guesses(setting: &Setting, run: &Recorded) -> BTreeMap<String, String> {
    let mut guesses = BTreeMap::new();
    let mut guess = |rule: &str, name: Option<String>| {
        guesses.insert(rule.to_owned(), name.unwrap_or_default());
    };
    let errors = errors(setting, run);
    guess("first error", errors.first().map(|(_, name)| name.clone()));
    guess("last error", errors.last().map(|(_, name)| name.clone()));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, name) in &errors {
        *counts.entry(name).or_default() += 1;
    }
    guess(
        "most errors",
        counts
            .iter()
            .max_by_key(|(_, count)| **count)
            .map(|(name, _)| (*name).to_owned()),
    );
    guess("failing state", last_state(setting, run));
    let mine = |key: &str| key.starts_with(&run.run.name);
    let longest = setting
        .world
        .facts
        .spans
        .iter()
        .filter(|span| mine(&span.key))
        .max_by_key(|span| span.span.end_ns - span.span.start_ns);
    guess("longest span", longest.map(|span| span.service.clone()));
    let latest = setting
        .world
        .changes
        .iter()
        .filter(|change| change.at <= run.ended)
        .max_by_key(|change| change.at);
    guess(
        "latest deploy",
        latest.map(|change| change.resource.clone()),
    );
    guesses
}

/// Errors in events, lines and spans, in the order of time, with the function or service that has them.
fn errors(setting: &Setting, run: &Recorded) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    let mut state = String::new();
    for (_, _, event) in run.run.history(i64::MAX) {
        let details = event.details.as_ref().map(|(_, details)| details);
        if event.kind.ends_with("StateEntered") {
            state = details
                .and_then(|details| details["name"].as_str())
                .unwrap_or_default()
                .to_owned();
        }
        let failed = ["Failed", "TimedOut"]
            .iter()
            .any(|word| event.kind.ends_with(word))
            && !event.kind.starts_with("Execution");
        if failed {
            all.push((event.at, actor(setting, &state)));
        }
    }
    let mine = |key: &str| key.starts_with(&run.run.name);
    for span in setting
        .world
        .facts
        .spans
        .iter()
        .filter(|span| mine(&span.key) && span.span.error.is_some())
    {
        all.push((span.span.end_ns / 1_000_000, span.service.clone()));
    }
    for (function, lines) in &setting.world.facts.lines {
        for line in lines.iter().filter(|line| {
            mine(&line.key) && (line.text.contains("ERROR") || line.text.contains("rror:"))
        }) {
            all.push((line.at, function.clone()));
        }
    }
    all.sort();
    all
}

fn last_state(setting: &Setting, run: &Recorded) -> Option<String> {
    let history = run.run.history(i64::MAX);
    let last = history
        .iter()
        .rfind(|(_, _, event)| event.kind.ends_with("StateEntered"))?;
    let name = last.2.details.as_ref()?.1["name"].as_str()?;
    Some(actor(setting, name))
}

/// The function of a state, or the state.
fn actor(setting: &Setting, state: &str) -> String {
    let part = setting.parts.iter().find(|part| part.state == state);
    part.map_or_else(|| state.to_owned(), |part| part.function.clone())
}
