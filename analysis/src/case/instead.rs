//! Somebody who is slow because he is asked instead of another one that failed: the database behind a cache that is gone,
//! the second provider, the store that a local copy spares. *What it looks for*: a failed call right before the slow one,
//! of somebody who answers in healthy runs, which in turn hardly ask the slow one. *Why it matters*: the slow one is as
//! able as ever and has many times as much to do. *How to confirm*: its load before and after the other one failed.

use super::{
    Profile,
    charges::{self, Forest},
    clue::{self, Clue, Explained},
    clues,
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, time::human_duration};
use std::collections::BTreeSet;

/// Healthy runs that tell how it usually is.
const HABIT: usize = 3;
/// Spans above the slow one beside which a failed call is looked for.
const MOST_ABOVE: usize = 4;
/// How long before the slow call the other one may have failed, and what clocks add, nanoseconds.
const BEFORE_NS: i64 = 60_000_000_000;
const SLACK_NS: i64 = 2_000_000;

/// The failed call instead of which the slow one was made, nearest first.
fn failed_before(forest: &Forest, slow: usize) -> Option<usize> {
    let name = forest.charged(slow);
    let mut at = slow;
    for _ in 0..=MOST_ABOVE {
        let began = forest.spans[at].start_time.0.saturating_add(SLACK_NS);
        let above = forest.parent[at]?;
        let beside = forest.children[above].iter().copied().filter(|n| {
            let span = forest.spans[*n];
            let time = span.end_time.0 <= began && span.end_time.0 >= began - BEFORE_NS;
            let other = *n != at && charges::calls_out(span) && forest.charged(*n) != name;
            time && other && charges::failed(span) && !charges::cancelled(span)
        });
        let last = beside.max_by_key(|n| (forest.spans[*n].end_time, forest.spans[*n].span_id));
        if last.is_some() {
            return last;
        }
        at = above;
    }
    None
}

/// Whether a call leads to somebody, at whatever depth.
fn reaches(forest: &Forest, n: usize, name: &str, depth: usize) -> bool {
    let mut below = forest.children[n].iter();
    depth < 20
        && below.any(|it| forest.charged(*it) == name || reaches(forest, *it, name, depth + 1))
}

/// Whether healthy runs ask the first and are answered, and seldom need the second; and whether no run tells that either
/// of the two troubles comes without the other.
fn stands_in(scene: &Scene, first: &str, second: &str, ns: i64) -> bool {
    let charge = |it: &Profile, name: &str| it.charges.get(name).cloned().unwrap_or_default();
    let asked: Vec<_> = scene
        .healthy
        .iter()
        .map(|it| (charge(it, first), charge(it, second)))
        .filter(|(one, _)| one.count > 0)
        .collect();
    let well = asked.iter().filter(|(one, _)| one.errors == 0).count();
    let (ones, others) = asked.iter().fold((0, 0), |sum, (one, other)| {
        (sum.0 + one.count, sum.1 + other.count)
    });
    if well < HABIT || well * 4 < asked.len() * 3 || others * 2 > ones {
        return false;
    }
    let slow = |it: &Profile| it.calls.get(second).is_some_and(|took| *took * 3 >= ns);
    let peers = || {
        scene
            .world
            .peers
            .iter()
            .filter(|it| it.charges.contains_key(second))
    };
    // It was slow while the other one was well: it is slow by itself.
    let alone = peers().any(|it| slow(it) && charge(it, first).errors == 0);
    // It was asked instead, and answered in time: that does not make it slow.
    let in_time = peers()
        .filter(|it| charge(it, first).errors > 0 && !slow(it))
        .count();
    let both = peers()
        .filter(|it| charge(it, first).errors > 0 && slow(it))
        .count();
    !alone && in_time <= both
}

/// The clue against whoever failed first, where `slow` is the span that took the time.
pub(super) fn of(scene: &Scene, forest: &Forest, attempt: &Attempt, slow: usize) -> Option<Clue> {
    let n = failed_before(forest, slow)?;
    let (span, late) = (forest.spans[n], forest.spans[slow]);
    let (name, other) = (forest.charged(n), forest.charged(slow));
    let took = late.end_time.since(late.start_time);
    // It was a try of the same call, through others; or the second is not reached either.
    let same = reaches(forest, n, &other, 0);
    let lost = charges::failed(late)
        && matches!(
            text::topic(&clues::span_words(late)),
            Some(Topic::Connection | Topic::Name)
        );
    if name.is_empty() || same || lost || !stands_in(scene, &name, &other, took) {
        return None;
    }
    let said = clues::span_words(span);
    let category = match text::topic(&said) {
        Some(Topic::Connection) if !text::is_connect_timeout(&said) => Category::Infrastructure,
        None | Some(Topic::Unavailable) => Category::Error,
        topic => text::category(topic),
    };
    let mechanism = format!(
        "{name} failed in {}: {}; {other} was asked instead and took {}, which healthy runs seldom ask",
        attempt.state,
        text::brief(&said, 120),
        human_duration(took)
    );
    let shown = clue::span(
        span,
        format!("the call to {name} failed: {}", text::brief(&said, 120)),
    );
    let callers = [span.service_name.clone(), late.service_name.clone()];
    let victims: BTreeSet<String> = callers
        .into_iter()
        .chain(attempt.function_name.clone())
        .chain([other.clone()])
        .filter(|it| *it != name && !it.is_empty())
        .collect();
    let explained = victims.into_iter().map(|it| Explained {
        kind: String::new(),
        reason: format!("{other} was asked only because {name} failed"),
        name: it,
        reference: shown.reference.clone(),
    });
    let explained: Vec<Explained> = explained.collect();
    Some(
        Clue::new(
            clue::entity(
                scene,
                "service",
                &name,
                &[&attempt.path, &span.service_name],
            ),
            category,
            0.94,
            mechanism,
        )
        .with([shown])
        .with([clue::span(
            late,
            format!("{other} was waited for {}", human_duration(took)),
        )])
        .explaining(explained),
    )
}

/// The same of a try that ran out of time, or whose caller did.
pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let late = matches!(
        failure.topic(),
        Some(Topic::Timeout | Topic::FunctionTimeout)
    ) || failure.error == "States.Timeout";
    let Some(attempt) = failure.attempt.filter(|_| late) else {
        return Vec::new();
    };
    let grown = super::origin::of_time(scene, &failure.spans, false);
    let found = grown.and_then(|it| of(scene, &failure.spans, attempt, it.span));
    let found = found.map(|it| it.with(failure.exhibit()));
    found.into_iter().collect()
}
