//! Calls that are given up before their callee ever could answer: the one who waits was told to wait too little.
//!
//! A callee that got slow is given up after a time in which it always used to answer. Where many of the calls of the
//! healthy period took longer than what is waited now, they were waited for then, and the limit is new.

use super::tree::{Answers, Trees};
use crate::case::text::{self, Topic};
use std::collections::{HashMap, HashSet};

/// Calls that are given up, at least, and calls before of which the times are known.
const LEAST_GIVEN_UP: usize = 4;
const LEAST_USUAL: usize = 8;
/// Share of the calls before that took longer than what is waited now, at least.
const OFTEN: f64 = 0.3;
/// The same where all are given up after one time, and where so large a part of those that are given up is explained by
/// it.
const RARELY: f64 = 0.05;
const EXPLAINED: f64 = 0.6;

/// How late the clock is looked at by which a limit is kept.
const LATE_NS: i64 = 500_000;

/// A caller's operation, and whom it waits for.
type Call = (u32, u32);

fn call(trees: &Trees, answers: &Answers, n: usize) -> Option<Call> {
    let to = trees.waits_for(n, answers);
    (to != trees.service[n]).then(|| (trees.operation[n], to))
}

/// The calls of the faulty period that were given up after less than they always took.
pub(super) fn cut_short(symptom: &Trees, baseline: &Trees, answers: &Answers) -> HashSet<usize> {
    let mut given_up: HashMap<Call, Vec<usize>> = HashMap::new();
    for (n, span) in symptom.spans.iter().enumerate() {
        let caused = || symptom.children(n).any(|it| symptom.spans[it].failed);
        let waited = || matches!(text::topic(&span.message), Some(Topic::Timeout));
        if span.failed
            && waited()
            && !caused()
            && let Some(call) = call(symptom, answers, n)
        {
            given_up.entry(call).or_default().push(n);
        }
    }
    given_up.retain(|_, it| it.len() >= LEAST_GIVEN_UP);
    if given_up.is_empty() {
        return HashSet::new();
    }
    let mut calls: HashMap<Call, f64> = HashMap::new();
    for n in 0..symptom.spans.len() {
        if let Some(call) = call(symptom, answers, n).filter(|it| given_up.contains_key(it)) {
            *calls.entry(call).or_default() += 1.0;
        }
    }
    let mut usual: HashMap<Call, Vec<i64>> = HashMap::new();
    for (n, span) in baseline.spans.iter().enumerate().filter(|it| !it.1.failed) {
        if let Some(call) = call(baseline, answers, n).filter(|it| given_up.contains_key(it)) {
            usual.entry(call).or_default().push(span.duration_ns);
        }
    }
    let hasty = given_up.into_iter().filter(|(call, spans)| {
        let Some(usual) = usual.get(call).filter(|it| it.len() >= LEAST_USUAL) else {
            return false;
        };
        let mut waited: Vec<i64> = spans
            .iter()
            .map(|it| symptom.spans[*it].duration_ns)
            .collect();
        waited.sort_unstable();
        // The limit, and now and then a clock that was looked at late.
        let limit = waited[waited.len() * 3 / 4].saturating_add(LATE_NS);
        let longer = usual.iter().filter(|it| **it > limit).count() as f64 / usual.len() as f64;
        let share = spans.len() as f64 / calls.get(call).copied().unwrap_or(1.0).max(1.0);
        // As many are given up as always took longer: the limit lies in what is usual.
        let even = waited[waited.len() * 3 / 4] - waited[waited.len() / 4] <= waited[0] / 20;
        longer >= OFTEN || even && longer >= RARELY && longer >= EXPLAINED * share
    });
    hasty.flat_map(|it| it.1).collect()
}
