//! What became of a service itself between the periods: another release, or processes that start again and again.

use super::shift::{self, Logs};
use super::{
    Period,
    tree::{Names, Trees},
};
use crate::case::text;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
pub(super) fn restarts(service: u32, [symptom, baseline]: [&Period; 2], names: &Names) -> bool {
    let own = |name: &str| names.known(name) == Some(service);
    let starts = |of: &Period| {
        let lines = of.lines.iter().filter(|it| own(&it.service));
        lines.filter(|it| started(&it.body)).count() as f64
    };
    let pods = |of: &Period| {
        let spans = of.spans.iter().filter(|it| own(&it.service));
        let all: BTreeSet<Arc<str>> = spans.filter_map(|it| it.pod.clone()).collect();
        all.len() as f64
    };
    let more = |now: f64, before: f64| now >= LEAST_STARTS && now >= TIMES * before;
    more(starts(symptom), starts(baseline)) || more(pods(symptom), pods(baseline).max(1.0))
}

/// Share of a service's requests that wait for a process to start, at least, and how many times as many as before.
const COLD: f64 = 0.1;
/// Requests of each of the three parts of the time since a start, at least.
const LEAST_PART: usize = 6;
/// By how much the first are slower than the last, as a logarithm, and by how many standard errors.
const WARMER: f64 = std::f64::consts::LN_2;
const SURE: f64 = 3.5;

/// True where spans tell that requests wait for a process to start, and did not.
pub(super) fn cold(service: u32, trees: [&Trees; 2]) -> bool {
    let [now, before] = trees.map(|trees| {
        let own = trees.spans.iter().zip(&trees.service);
        let own = own.filter(|it| *it.1 == service).map(|it| it.0);
        let told = own.flat_map(|it| it.amounts.iter().find(|it| is_cold_start(&it.0)));
        let told: Vec<f64> = told.map(|it| f64::from(u8::from(it.1 > 0.0))).collect();
        let count = told.iter().sum::<f64>();
        (count, count / (told.len() as f64).max(1.0))
    });
    now.0 >= LEAST_STARTS && now.1 >= COLD && now.1 >= TIMES * before.1
}

/// True for a service that started anew and is slow until it is warm: its first requests are much slower than its last.
pub(super) fn warms_up(
    service: u32,
    [now, before]: [&Trees; 2],
    [symptom, baseline]: [&Period; 2],
    names: &Names,
) -> bool {
    let pods = |of: &Trees| {
        let own = of.spans.iter().zip(&of.service);
        let own = own.filter(|it| *it.1 == service);
        own.filter_map(|it| it.0.pod.clone())
            .collect::<BTreeSet<_>>()
    };
    let (new, old) = (pods(now), pods(before));
    let replaced = !new.is_empty() && !old.is_empty() && new.is_disjoint(&old);
    let says = |of: &Period| {
        let own = of.lines.iter();
        let mut own = own.filter(|it| names.known(&it.service) == Some(service));
        own.any(|it| started(&it.body))
    };
    if !replaced && (!says(symptom) || says(baseline)) {
        return false;
    }
    let usual = own_times(service, before);
    let mut times: Vec<(i64, f64)> = Vec::new();
    for (operation, all) in own_times(service, now) {
        let Some(usual) = usual.get(&operation) else {
            continue;
        };
        let mean = usual.iter().map(|it| it.1).sum::<f64>() / usual.len() as f64;
        times.extend(all.iter().map(|it| (it.0, it.1 - mean)));
    }
    times.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let part = times.len() / 3;
    if part < LEAST_PART {
        return false;
    }
    let logs = |of: &[(i64, f64)]| {
        let mut all = Logs::default();
        of.iter().for_each(|it| all.add(it.1));
        all
    };
    let (first, last) = (logs(&times[..part]), logs(&times[times.len() - part..]));
    first.shift(last) > WARMER && shift::grown(first, last) > SURE
}

/// When each request of a service came and the logarithm of what it took itself, by operation.
fn own_times(service: u32, trees: &Trees) -> BTreeMap<u32, Vec<(i64, f64)>> {
    let mut all: BTreeMap<u32, Vec<(i64, f64)>> = BTreeMap::new();
    let entries = (0..trees.spans.len()).filter(|n| trees.service[*n] == service);
    for n in entries.filter(|n| trees.entry(*n) == *n) {
        let of = all.entry(trees.operation[n]).or_default();
        let time = shift::log(trees.exclusive(n) as f64);
        of.push((trees.spans[n].start.0, time));
    }
    all
}

/// True for an attribute that tells whether a request had to wait for its process to start (`faas.coldstart`).
pub fn is_cold_start(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.to_ascii_lowercase().ends_with("coldstart")
}

/// Words by which frameworks and servers say that a process is up.
fn started(body: &str) -> bool {
    let lower = text::shortened(body).to_lowercase();
    const WORDS: [&str; 19] = [
        "cold start",
        "init_start",
        "restore_start",
        "starting sandbox",
        "starting new instance",
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
