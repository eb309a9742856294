//! What became of a service itself between the periods: another release, or processes that start again and again.

use super::{Period, tree::Trees};
use crate::case::text;
use std::{collections::BTreeSet, sync::Arc};

/// Share of a service's spans that are of a release which was not there before, from which it was released.
const MOSTLY: f64 = 0.8;
/// Starts in the faulty period, at least, and how many times as many as before: one restart is a restart.
const LEAST_STARTS: f64 = 3.0;
const TIMES: f64 = 3.0;

/// True for a service that runs in another release than in the healthy period.
pub(super) fn released(service: u32, symptom: &Trees, baseline: &Trees) -> bool {
    let releases = |trees: &Trees| {
        let of = trees.spans.iter().zip(&trees.service);
        let of = of.filter(|it| *it.1 == service);
        of.filter_map(|it| it.0.release.clone()).collect::<Vec<_>>()
    };
    let (now, before) = (releases(symptom), releases(baseline));
    let before: BTreeSet<Arc<str>> = before.into_iter().collect();
    let new = now.iter().filter(|it| !before.contains(*it)).count();
    !before.is_empty() && !now.is_empty() && new as f64 >= MOSTLY * now.len() as f64
}

/// True for a service whose processes start again and again, and did not: by what they write, or by their pods.
pub(super) fn restarts(name: &str, [symptom, baseline]: [&Period; 2]) -> bool {
    let starts = |of: &Period| {
        let lines = of.lines.iter().filter(|it| &*it.service == name);
        lines.filter(|it| started(&it.body)).count() as f64
    };
    let pods = |of: &Period| {
        let spans = of.spans.iter().filter(|it| &*it.service == name);
        let all: BTreeSet<Arc<str>> = spans.filter_map(|it| it.pod.clone()).collect();
        all.len() as f64
    };
    let more = |now: f64, before: f64| now >= LEAST_STARTS && now >= TIMES * before;
    more(starts(symptom), starts(baseline)) || more(pods(symptom), pods(baseline).max(1.0))
}

/// Words by which frameworks and servers say that a process is up.
fn started(body: &str) -> bool {
    let lower = text::shortened(body).to_lowercase();
    const WORDS: [&str; 14] = [
        "application started",
        "application startup complete",
        "server started",
        "service started",
        "started server",
        "now listening on",
        "server listening",
        "listening on port",
        "listening at",
        "listening on http",
        "booting worker",
        "started in ",
        "ready to accept connections",
        "server process started",
    ];
    // Spring Boot: `Started OrdersApplication in 12.4 seconds`.
    let spring = lower.split_once("started ").is_some_and(|it| {
        let rest = it.1.split_once(" in ").map(|it| it.1);
        rest.is_some_and(|it| it.contains("seconds"))
    });
    spring || WORDS.iter().any(|it| lower.contains(it))
}
