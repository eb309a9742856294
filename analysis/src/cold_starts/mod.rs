//! Cold starts: why they happened, what they really cost in time, and what would help.
//!
//! A cause needs the other invocations of the function: a runtime that had to be started although others of
//! the same version were busy is a scale-out; the first of a version, a new version; one after a crash of its
//! own sandbox, a killed runtime; one that finds the function unused for minutes, idleness.

mod advice;
mod cause;
mod concurrency;

pub use cause::{Cause, Judged, causes};

use crate::cost::PriceBook;
use advice::{Seen, advice};
use model::{
    Invocation, SpanId, UnixNanos,
    api::cold_starts::{ColdStartRow, ColdStarts, FunctionColdStarts},
};
use std::collections::{BTreeMap, HashMap};

/// Buckets over time.
const BUCKETS: i64 = 48;
/// The shortest of them, nanoseconds.
const NARROWEST_NS: i64 = 1_000_000_000;

/// What a cold start did to the execution it happened in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effect {
    /// ARN of the execution.
    pub execution_arn: String,
    /// On its critical path.
    pub on_critical_path: bool,
    /// Nanoseconds by which the execution would have been shorter without it.
    pub added_ns: i64,
}

/// By function and version, and one by one (newest first, at most `limit`). `effects` by the invocation's span. Advice
/// weighs time against the prices of `book`.
pub fn summarise(
    invocations: &[Invocation],
    effects: &HashMap<SpanId, Effect>,
    book: &PriceBook,
    limit: usize,
) -> ColdStarts {
    let judged = causes(invocations);
    let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (n, invocation) in invocations.iter().enumerate() {
        let version = invocation.function_version.as_deref().unwrap_or_default();
        let key = (invocation.function_name.as_str(), version);
        groups.entry(key).or_default().push(n);
    }
    let mut functions: Vec<FunctionColdStarts> = groups
        .into_iter()
        .map(|((function, version), members)| {
            let group = Group {
                members: members.iter().map(|n| &invocations[*n]).collect(),
                causes: members.iter().map(|n| judged[*n].as_ref()).collect(),
                effects,
                book,
            };
            group.summary(function, version)
        })
        .collect();
    functions.sort_by(|a, b| {
        let key = |of: &FunctionColdStarts| (of.added_ms, of.cold as f64);
        let order = key(b)
            .partial_cmp(&key(a))
            .unwrap_or(std::cmp::Ordering::Equal);
        order.then_with(|| (&a.function, &a.version).cmp(&(&b.function, &b.version)))
    });
    let mut rows: Vec<ColdStartRow> = invocations
        .iter()
        .zip(&judged)
        .filter_map(|(invocation, judged)| {
            let effect = effects.get(&invocation.span_id);
            Some(row(invocation, judged.as_ref()?, effect))
        })
        .collect();
    rows.sort_by(|a, b| {
        (b.time.len(), &b.time, &a.span_id).cmp(&(a.time.len(), &a.time, &b.span_id))
    });
    rows.truncate(limit);
    ColdStarts {
        hint: None,
        functions,
        rows,
        invocations: invocations.len() as u64,
        truncated: false,
    }
}

/// Milliseconds until the runtime was ready.
fn wait_ms(invocation: &Invocation) -> Option<f64> {
    let wait = invocation
        .init_duration_ms
        .or(invocation.restore_duration_ms);
    wait.filter(|ms| ms.is_finite() && *ms >= 0.0)
}

fn row(invocation: &Invocation, judged: &Judged, effect: Option<&Effect>) -> ColdStartRow {
    ColdStartRow {
        trace_id: invocation.trace_id.to_string(),
        span_id: invocation.span_id.to_string(),
        request_id: invocation.request_id.clone(),
        function: invocation.function_name.clone(),
        version: invocation.function_version.clone().unwrap_or_default(),
        time: invocation.start_time.0.to_string(),
        kind: invocation.cold_start.as_str().to_owned(),
        cause: judged.cause.as_str().to_owned(),
        reason: judged.reason.clone(),
        init_ms: wait_ms(invocation),
        execution_arn: effect.map(|it| it.execution_arn.clone()),
        on_critical_path: effect.map(|it| it.on_critical_path),
        added_ms: effect.map(|it| it.added_ns as f64 / 1e6),
    }
}

/// The invocations of one version of a function.
struct Group<'a> {
    members: Vec<&'a Invocation>,
    causes: Vec<Option<&'a Judged>>,
    effects: &'a HashMap<SpanId, Effect>,
    book: &'a PriceBook,
}

impl Group<'_> {
    fn summary(&self, function: &str, version: &str) -> FunctionColdStarts {
        let known = self.members.iter().filter_map(|it| it.cold_start.is_cold());
        let (mut invocations, mut cold) = (0, 0);
        for is_cold in known {
            invocations += 1;
            cold += u64::from(is_cold);
        }
        let mut waits: Vec<f64> = self.members.iter().filter_map(|it| wait_ms(it)).collect();
        waits.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let rank = (q * waits.len() as f64).ceil() as usize;
            waits.get(rank.max(1) - 1).copied()
        };
        let added: i64 = self
            .members
            .iter()
            .filter_map(|it| self.effects.get(&it.span_id))
            .map(|effect| effect.added_ns)
            .sum();
        let mut causes: BTreeMap<Cause, u64> = BTreeMap::new();
        for judged in self.causes.iter().flatten() {
            *causes.entry(judged.cause).or_default() += 1;
        }
        let mut causes: Vec<(Cause, u64)> = causes.into_iter().collect();
        causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), *cause));
        let mut summary = FunctionColdStarts {
            function: function.to_owned(),
            version: version.to_owned(),
            invocations,
            cold,
            unknown: self.members.len() as u64 - invocations,
            ratio: if invocations == 0 {
                0.0
            } else {
                cold as f64 / invocations as f64
            },
            init_ms_p50: at(0.5),
            init_ms_p95: at(0.95),
            added_ms: added as f64 / 1e6,
            causes: causes
                .iter()
                .map(|(cause, n)| (cause.as_str().to_owned(), *n))
                .collect(),
            buckets: self.buckets(),
            advice: Vec::new(),
        };
        let seen = Seen {
            members: &self.members,
            effects: self.effects,
            book: self.book,
        };
        summary.advice = advice(&summary, &seen);
        summary
    }

    fn buckets(&self) -> Vec<(String, u64, u64)> {
        let times = self.members.iter().map(|it| it.start_time.0);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
            return Vec::new();
        };
        let width = (last.saturating_sub(first) / BUCKETS + 1).max(NARROWEST_NS);
        let mut buckets: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for invocation in &self.members {
            let n = invocation.start_time.0.saturating_sub(first) / width;
            let held = buckets.entry(n).or_default();
            held.0 += 1;
            held.1 += u64::from(invocation.cold_start.is_cold() == Some(true));
        }
        let start = |n: i64| UnixNanos(first.saturating_add(n.saturating_mul(width)));
        let until = last.saturating_sub(first) / width;
        // Those in which nothing ran, too: they lie side by side.
        let of = |n: i64| buckets.get(&n).copied().unwrap_or_default();
        (0..=until)
            .map(|n| (start(n).0.to_string(), of(n).0, of(n).1))
            .collect()
    }
}

#[cfg(test)]
mod tests;
