//! A failed call that nobody kept a span of. *What it looks for*: an answer of a service that the caller quotes, with
//! the address. *Why it matters*: samplers drop spans, and the caller only passes the error on. *How to confirm*: the
//! service's own log or span at that moment.

use crate::case::{
    charges,
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    scene::Scene,
    text::{self, Topic},
};
use model::Category;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    if failure.state().is_empty() && failure.function().is_none() {
        return placeless(scene, failure).into_iter().collect();
    }
    let (Some(attempt), Some(caller)) = (failure.attempt, failure.function()) else {
        return Vec::new();
    };
    // Who had its patience cut quotes somebody who did nothing.
    if super::patience::cut(scene, failure).is_some() {
        return Vec::new();
    }
    let seen = failure.spans.spans.iter();
    let seen = seen.filter(|it| charges::failed(it) && !charges::cancelled(it));
    let words = failure.words();
    let topic = failure.topic();
    if seen.count() > 1 || !matches!(topic, Some(Topic::Unavailable | Topic::Timeout)) {
        return Vec::new();
    }
    // Whom the error does not name, the line that tells it may.
    let line = failure.telling_line(topic).filter(|it| unusual(scene, it));
    let in_line = || {
        super::network::service_in(
            scene,
            &line.filter(|it| text::topic(&it.body) == topic)?.body,
        )
    };
    let named = super::network::service_in(scene, &words).or_else(in_line);
    let Some(name) = named.filter(|it| it != caller) else {
        return Vec::new();
    };
    let category = match topic {
        Some(Topic::Timeout) => Category::Latency,
        _ if words.to_lowercase().contains("no healthy") => Category::Infrastructure,
        _ => Category::Error,
    };
    let said = text::brief(&message(&failure.cause), 160);
    let mechanism = format!(
        "{name} failed when {caller} called it in {}: {said}",
        failure.state()
    );
    let suspect = clue::entity(scene, "service", &name, &[&attempt.path, caller]);
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    vec![
        Clue::new(suspect, category, 0.88, mechanism)
            .with(line.map(|it| {
                clue::log(
                    it,
                    format!("{caller} wrote: {}", text::brief(&it.body, 160)),
                )
            }))
            .with(failure.exhibit())
            .explaining([Explained {
                kind: String::new(),
                name: caller.to_owned(),
                reason: format!("{caller} quotes what {name} answered"),
                reference,
            }])
            .missing(&format!("spans of {name}")),
    ]
}

/// Whom the words of the end quote, where the events before it are not held: log delivery at ERROR tells nothing else.
fn placeless(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let words = failure.words();
    let category = match text::topic(&words)? {
        Topic::Timeout => Category::Latency,
        Topic::Unavailable => Category::Error,
        topic @ (Topic::Name | Topic::Connection | Topic::Throttled | Topic::Permission) => {
            text::category(Some(topic))
        }
        _ => return None,
    };
    let denied = category == Category::Permission;
    let session = denied.then(|| session(&words)).flatten();
    if let Some(name) = session {
        let said = text::brief(&message(&failure.cause), 160);
        let mechanism = format!("{name} was denied access: {said}");
        let suspect = clue::entity(scene, "function", &name, &[]);
        let clue = Clue::new(suspect, category, 0.88, mechanism).with(failure.exhibit());
        return Some(clue.missing("the events of the execution before its end (log level ALL)"));
    }
    let name = super::network::service_in(scene, &words)?;
    let said = text::brief(&message(&failure.cause), 160);
    let machine = &scene.case.execution.state_machine;
    let mechanism = format!("{name} failed when {machine} had it called: {said}");
    let suspect = clue::entity(scene, "service", &name, &[]);
    Some(
        Clue::new(suspect, category, 0.82, mechanism)
            .with(failure.exhibit())
            .missing("the events of the execution before its end (log level ALL)"),
    )
}

/// Whose session was refused: `…:assumed-role/ROLE/FUNCTION is not authorized`; a function's session has its name.
fn session(words: &str) -> Option<String> {
    let rest = words.split("assumed-role/").nth(1)?;
    let own = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let mut parts = rest.split('/').skip(1);
    let name: String = parts.next()?.chars().take_while(|c| own(*c)).collect();
    let random = name.len() >= 28 && name.chars().filter(char::is_ascii_alphabetic).count() < 28;
    (name.len() >= 3 && !random).then_some(name)
}

/// A line that few healthy runs write.
fn unusual(scene: &Scene, line: &model::LogRecord) -> bool {
    let key = (line.service_name.clone(), text::template(&line.body));
    let with = scene
        .healthy
        .iter()
        .filter(|it| it.templates.contains(&key));
    with.count() * 4 <= scene.healthy.len()
}
