//! Consumers that no longer take what is sent: their work is missing without any caller's noticing.
//!
//! Who is asked and gives no answer makes callers wait or fail, so that spans that are gone there are lost telemetry. A
//! consumer that is gone is missed by nobody: messages are sent as ever, and its spans and lines stop.

use super::absence::{Lack, Undone};
use super::tree::{Names, Trees};
use super::{Line, Period, logs};
use model::{SpanKind, TraceId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Messages that were to be taken, at least.
const LEAST: f64 = 10.0;
/// Share of them that is taken, at most.
const TAKEN: f64 = 0.3;
/// Share of the lines that are still written, at most: who writes as ever works, whatever is recorded of it.
const WRITTEN: f64 = 0.5;
/// Share of messages that are passed over among others that are taken, at least, and before.
const PASSED_OVER: f64 = 0.3;
const USUALLY: f64 = 0.05;
/// Share of the lines that are still written where messages are passed over, at most.
const STILL: f64 = 0.75;
/// Share of failed messages from which it is the sender's or the broker's matter.
const FAILED: f64 = 0.2;

/// Spans of an operation that take messages, and the operation that sends them where one is known.
#[derive(Default)]
struct Taking {
    count: f64,
    from: BTreeMap<u32, f64>,
    service: u32,
    /// Traces of messages that were taken, and when the last of them was sent.
    traces: HashSet<TraceId>,
    until: i64,
}

/// Messages of an operation.
#[derive(Default, Clone, Copy)]
struct Sent {
    count: f64,
    failed: f64,
    span: usize,
}

/// Traces in which an operation sent something, and when.
type Senders = BTreeMap<u32, HashMap<TraceId, i64>>;

/// Who takes what, and who sends it.
struct Traffic {
    taking: BTreeMap<u32, Taking>,
    sent: BTreeMap<u32, Sent>,
    senders: Senders,
    /// Requests that come from outside.
    roots: f64,
}

fn traffic(trees: &Trees) -> Traffic {
    let mut all = Traffic {
        taking: BTreeMap::new(),
        sent: BTreeMap::new(),
        senders: Senders::new(),
        roots: 0.0,
    };
    for (n, span) in trees.spans.iter().enumerate() {
        let sends = |it: &usize| trees.spans[*it].kind == SpanKind::Producer;
        let sender = trees.parent(n).filter(sends);
        match span.kind {
            SpanKind::Producer => {
                let of = all.sent.entry(trees.operation[n]).or_default();
                of.count += 1.0;
                of.failed += f64::from(u8::from(span.failed));
                of.span = n;
                let of = all.senders.entry(trees.operation[n]).or_default();
                of.insert(span.trace_id, span.start.0);
            }
            SpanKind::Consumer => take(&mut all, trees, n, sender),
            SpanKind::Server if sender.is_some() => take(&mut all, trees, n, sender),
            _ if trees.parent(n).is_none() => all.roots += 1.0,
            _ => {}
        }
    }
    all
}

fn take(all: &mut Traffic, trees: &Trees, n: usize, sender: Option<usize>) {
    let of = all.taking.entry(trees.operation[n]).or_default();
    of.count += 1.0;
    of.service = trees.service[n];
    if let Some(sender) = sender {
        *of.from.entry(trees.operation[sender]).or_default() += 1.0;
        of.traces.insert(trees.spans[n].trace_id);
        of.until = of.until.max(trees.spans[sender].start.0);
    }
}

/// How many messages were not taken although others that were sent later were, and of how many.
fn passed_over(usual: &Taking, operation: u32, of: &Traffic) -> (f64, f64) {
    let mostly = usual.from.iter().max_by(|a, b| a.1.total_cmp(b.1));
    let sent = mostly.and_then(|(from, _)| of.senders.get(from));
    let (Some(sent), Some(taking)) = (sent, of.taking.get(&operation)) else {
        return (0.0, 0.0);
    };
    let due = sent.iter().filter(|it| *it.1 < taking.until);
    let due: Vec<&TraceId> = due.map(|it| it.0).collect();
    let left = due.iter().filter(|it| !taking.traces.contains(**it));
    (left.count() as f64, due.len() as f64)
}

/// What was sent to a taker in a period: by the operation that mostly does, by all where none is known, and where
/// nobody's sending is recorded, what came from outside.
fn fed(taking: &Taking, of: &Traffic) -> Sent {
    let mostly = taking.from.iter().max_by(|a, b| a.1.total_cmp(b.1));
    if let Some((from, _)) = mostly {
        return of.sent.get(from).copied().unwrap_or_default();
    }
    let mut all = Sent::default();
    for sent in of.sent.values() {
        all.count += sent.count;
        all.failed += sent.failed;
        all.span = sent.span;
    }
    if all.count < 1.0 {
        all.count = of.roots;
    }
    all
}

/// Lines of its work that a service wrote. Who only complains, of every message that it throws away, does not work.
fn written(lines: &[Line], service: u32, names: &Names) -> f64 {
    let own = lines
        .iter()
        .filter(|it| names.known(&it.service) == Some(service));
    let works = |it: &&Line| it.severity < 13 && !logs::speaks_of_failure(&it.body);
    own.filter(works).count() as f64
}

/// The services that take no messages any more.
pub(super) fn idle(
    [symptom, baseline]: [&Trees; 2],
    [now_said, before_said]: [&Period; 2],
    names: &Names,
) -> BTreeMap<u32, Undone> {
    let (now, before) = (traffic(symptom), traffic(baseline));
    let mut found: BTreeMap<u32, Undone> = BTreeMap::new();
    for (operation, usual) in &before.taking {
        let (feed, usual_feed) = (fed(usual, &now), fed(usual, &before));
        if usual_feed.count < LEAST || feed.failed > FAILED * feed.count {
            continue;
        }
        let grown = feed.count / usual_feed.count;
        let expected = usual.count * grown;
        let taken = now.taking.get(operation).map_or(0.0, |it| it.count);
        let lines = written(&before_said.lines, usual.service, names) * grown;
        let still = written(&now_said.lines, usual.service, names);
        // Some of several: those that are behind come to the last ones later, to the first ones never any more.
        let (left, of) = passed_over(usual, *operation, &now);
        let (usually, of_usual) = passed_over(usual, *operation, &before);
        let some = left >= LEAST.max(PASSED_OVER * of)
            && usually <= USUALLY * of_usual
            && lines >= LEAST
            && still <= STILL * lines;
        if expected < LEAST || taken > TAKEN * expected && !some {
            continue;
        }
        if lines >= LEAST && still > WRITTEN * lines && !some {
            continue;
        }
        let surprise = 2.0 * (expected - taken + taken * (taken.max(1.0) / expected).ln());
        let undone = found.entry(usual.service).or_default();
        if surprise > undone.surprise {
            *undone = Undone {
                surprise,
                span: now
                    .sent
                    .values()
                    .any(|it| it.count > 0.0)
                    .then_some(feed.span),
                operation: *operation,
                lack: Lack::Idle,
                message: true,
                ..Undone::default()
            };
        }
    }
    found
}
