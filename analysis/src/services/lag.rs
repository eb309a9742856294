//! How long messages wait before somebody takes them: who sends them notices nothing, and who takes them is as quick as
//! ever.

use super::latency::Edge;
use super::shift::{self, Logs};
use super::tree::Trees;
use model::SpanKind;
use std::collections::{HashMap, HashSet};

/// What messages have to wait longer on average, at least, nanoseconds: less is the clocks'.
const LEAST_NS: f64 = 20_000_000.0;
/// A consumer whose work takes so many times as long has no time to take more: then the wait is for that.
const BUSIER: f64 = 1.3;

/// Who waited for whom, and how long, where a span takes a message.
pub(super) fn waited(trees: &Trees, n: usize) -> Option<(Edge, i64)> {
    let sent = trees.parent(n)?;
    let message = trees.spans[n].kind == SpanKind::Consumer
        && trees.spans[sent].kind == SpanKind::Producer
        && trees.service[n] != trees.service[sent];
    let from = &trees.spans[sent];
    let since = from.start.0.saturating_add(from.duration_ns.max(0));
    let edge = Edge::Queue(trees.service[sent], trees.service[n]);
    message.then(|| (edge, trees.spans[n].start.0.saturating_sub(since).max(0)))
}

/// Consumers whose work on a message takes longer than before.
pub(super) fn busier(trees: [&Trees; 2]) -> HashSet<u32> {
    let [now, before] = trees.map(|trees| {
        let mut all: HashMap<u32, Logs> = HashMap::new();
        for (n, span) in trees.spans.iter().enumerate() {
            if span.kind == SpanKind::Consumer {
                let of = all.entry(trees.service[n]).or_default();
                of.add(shift::log(span.duration_ns as f64));
            }
        }
        all
    });
    let longer = now.into_iter().filter(|(service, logs)| {
        let usual = before.get(service);
        usual.is_some_and(|it| logs.shift(*it) > BUSIER.ln())
    });
    longer.map(|it| it.0).collect()
}

/// True for a wait that tells of the consumer.
pub(super) fn counts(edge: Edge, added_ns: f64, busier: &HashSet<u32>) -> bool {
    added_ns > LEAST_NS && !busier.contains(&edge.ends().1)
}
