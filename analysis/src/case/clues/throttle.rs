//! Refused for want of capacity. *What it looks for*: throttling errors of attempts that no log line of the
//! function knows of, 429 answers, quota errors. *Why it matters*: who is refused is the victim; who took the
//! capacity, or the limit, is the culprit. *How to confirm*: concurrency of all functions in that minute.

use crate::case::{
    Load,
    clue::{self, Clue, Explained},
    failures::Failure,
    origin,
    scene::Scene,
    text::{self, Topic},
};
use model::text::counted;
use model::{Attempt, Category, Exhibit, time};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    if super::platform::told(&failure.error) {
        return Vec::new();
    }
    // A size or a history that exceeded its limit was refused, too, but nobody was in its way.
    let of_size = text::topic(&failure.words());
    if matches!(of_size, Some(Topic::TooLarge | Topic::HistoryLimit)) {
        return Vec::new();
    }
    if !text::is(&failure.words(), Topic::Throttled) && failure.topic() != Some(Topic::Throttled) {
        return Vec::new();
    }
    match failure.function() {
        Some(name) if refused(failure) => of_function(scene, failure, attempt, name),
        Some(name) => inside(scene, failure, attempt, name),
        None => of_service(scene, failure, attempt),
    }
}

/// True when Lambda itself refused the invocation.
fn refused(failure: &Failure) -> bool {
    failure.error.starts_with("Lambda.") && failure.invocation.is_none()
        || failure.said().contains("ConcurrentInvocationLimit")
        || failure.error.ends_with("TooManyRequestsException") && failure.invocation.is_none()
}

fn of_function(scene: &Scene, failure: &Failure, attempt: &Attempt, name: &str) -> Vec<Clue> {
    let victim = clue::function(scene, attempt, name, failure.version());
    let tries = failure.visit.map_or(1, |visit| {
        scene
            .tries(visit)
            .iter()
            .filter(|it| it.status.is_failure())
            .count()
    });
    let times = counted(tries as u64, "time", "times");
    let own = scene.world.loads.iter().find(|load| load.function == name);
    let consumer = consumer(scene, name, own);
    let reserved = failure.said().contains("Reserved");
    let mut clues = Vec::new();
    if let Some(load) = consumer.filter(|_| !reserved) {
        let mechanism = format!(
            "{} ran {} invocations at once and took the concurrency that {name} needed; Lambda refused {name} {times} in {}",
            load.function,
            load.peak,
            failure.state()
        );
        let suspect = clue::entity(scene, "function", &load.function, &[]);
        let burst = format!(
            "{} ran {} at once, {} before",
            load.function, load.peak, load.before
        );
        let clue = Clue::new(suspect, Category::Capacity, 0.9, mechanism)
            .with(failure.exhibit())
            .with([exhibit(load, burst)])
            .explaining([Explained {
                kind: "function".into(),
                name: name.to_owned(),
                reason: format!(
                    "{name} was refused before it ran; it logged nothing in that attempt"
                ),
                reference: failure.exhibit().map(|it| it.reference).unwrap_or_default(),
            }]);
        clues.push(clue);
    }
    if let Some(shown) = failure.exhibit().filter(|_| clues.is_empty()) {
        let refused = (failure.at, shown);
        clues.extend(super::clogged::find(scene, failure, name, name, refused));
    }
    let weight = if clues.is_empty() { 0.86 } else { 0.5 };
    let mechanism = format!(
        "Lambda refused {name} for want of concurrency, {times} in {}",
        failure.state()
    );
    let mut clue = Clue::new(victim, Category::Capacity, weight, mechanism)
        .with(failure.exhibit())
        .changed(super::deploy::changed(scene, failure));
    if clues.is_empty() && !reserved {
        clue = clue.missing("the number of concurrent invocations of all functions in that minute");
    }
    clues.push(clue);
    clues
}

/// Another function that took far more than usual, and more than the victim.
fn consumer<'a>(scene: &'a Scene, victim: &str, own: Option<&Load>) -> Option<&'a Load> {
    let own = own.map_or(0, |load| load.peak);
    let others = scene
        .world
        .loads
        .iter()
        .filter(|load| load.function != victim);
    let all: u32 = scene.world.loads.iter().map(|load| load.peak).sum();
    others
        .filter(|load| {
            let burst = load.peak >= load.before.saturating_mul(2);
            // It may have gone on for a while: then it has nearly all there is, and far more than the victim.
            let hogs = load.peak >= 20 && load.peak * 10 >= all * 7 && load.peak / 8 > own;
            load.peak >= 5 && load.peak > own && (burst || hogs)
        })
        .max_by_key(|load| (load.peak, load.function.clone()))
}

fn exhibit(load: &Load, text: String) -> Exhibit {
    Exhibit {
        source: "invocation".into(),
        reference: format!("span:{}/{}", load.trace_id, load.span_id),
        at: time::rfc3339(load.at),
        text,
        ..Exhibit::default()
    }
}

/// The function ran, and somebody whom it called refused.
fn inside(scene: &Scene, failure: &Failure, attempt: &Attempt, name: &str) -> Vec<Clue> {
    let line = failure.telling_line(Some(Topic::Throttled));
    if let Some(origin) = origin::of_error(scene, &failure.spans).filter(|it| it.name != name) {
        let span = failure.spans.spans[origin.span];
        let suspect = clue::entity(scene, "service", &origin.name, &[&attempt.path, name]);
        let mechanism = format!(
            "{} refused calls of {name} in {}: too many requests",
            origin.name,
            failure.state()
        );
        return vec![
            Clue::new(suspect, Category::Capacity, 0.93, mechanism)
                .with([clue::span(
                    span,
                    format!("{} answered with a refusal", origin.name),
                )])
                .with(line.map(|it| {
                    clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))
                }))
                .with(failure.exhibit())
                .explaining([super::function::carried(name, &origin.name, span)]),
        ];
    }
    let words = format!(
        "{} {}",
        failure.said(),
        line.map_or("", |it| it.body.as_str())
    );
    let (kind, who) = match super::network::service_in(scene, &words) {
        Some(host) => ("service", host),
        None => ("function", name.to_owned()),
    };
    let suspect = clue::entity(scene, kind, &who, &[&attempt.path, name]);
    let mechanism = format!(
        "{who} had too many requests when {name} called in {}",
        failure.state()
    );
    vec![
        Clue::new(suspect, Category::Capacity, 0.8, mechanism)
            .with(failure.exhibit())
            .with(
                line.map(|it| {
                    clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))
                }),
            ),
    ]
}

fn of_service(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Vec<Clue> {
    let (kind, name) = super::function::callee(attempt).unwrap_or(("state", attempt.state.clone()));
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
    let mechanism = format!(
        "{name} refused calls in {}: {}",
        failure.state(),
        failure.error
    );
    vec![Clue::new(suspect, Category::Capacity, 0.84, mechanism).with(failure.exhibit())]
}
