//! The hops of one trace from what is held of it and what is new. Whatever comes first, and however often, the result is
//! the same: a record that fits a span tells more about it, one that fits none is a hop of its own.

use super::access_log::enrich;
use model::{Hop, SpanId};
use std::collections::BTreeMap;

/// A record and a span of the same request begin at the same microsecond; some formats have milliseconds only.
const MICRO: i64 = 1_000;
const MILLI: i64 = 1_000_000;

/// Puts hops of one trace together, sorted by time.
pub fn merge(hops: impl IntoIterator<Item = Hop>) -> Vec<Hop> {
    let mut spans: BTreeMap<(SpanId, String), Hop> = BTreeMap::new();
    let mut logs: BTreeMap<SpanId, Hop> = BTreeMap::new();
    for hop in hops {
        if hop.source == "access_log" {
            logs.entry(hop.span_id).or_insert(hop);
            continue;
        }
        let key = (hop.span_id, hop.direction.clone());
        match spans.get(&key) {
            // What the log has told already is not forgotten.
            Some(held) if held.source != "span" => {}
            _ => {
                spans.insert(key, hop);
            }
        }
    }
    let mut alone = Vec::new();
    for log in logs.into_values() {
        match spans
            .values_mut()
            .filter_map(|span| Some((distance(span, &log)?, span)))
            .min_by_key(|(far, _)| *far)
        {
            Some((_, span)) => *span = enrich(span, &log),
            None => alone.push(log),
        }
    }
    let traced: Vec<Hop> = spans.values().cloned().collect();
    for log in &mut alone {
        if let Some(parent) = around(log, &traced) {
            log.parent_span_id = parent;
        }
    }
    let mut all: Vec<Hop> = spans.into_values().chain(alone).collect();
    all.sort_by(|a, b| {
        (a.start_time, a.span_id, &a.direction).cmp(&(b.start_time, b.span_id, &b.direction))
    });
    all
}

/// The hop of another proxy inside which a record's request happened: the shortest that encloses it. Only where the
/// record names no caller itself, or one of these.
fn around(log: &Hop, traced: &[Hop]) -> Option<SpanId> {
    let named = |hop: &&Hop| hop.span_id == log.parent_span_id;
    if !log.parent_span_id.is_zero() && !traced.iter().any(|hop| named(&hop)) {
        return None;
    }
    let end = |hop: &Hop| hop.start_time.0.saturating_add(hop.duration_ns);
    let encloses = |hop: &&Hop| {
        hop.proxy != log.proxy
            && hop.start_time.0 <= log.start_time.0.saturating_add(MILLI)
            && end(log) <= end(hop).saturating_add(MILLI)
    };
    let tightest = traced
        .iter()
        .filter(encloses)
        .min_by_key(|hop| (hop.duration_ns, hop.span_id));
    tightest.map(|hop| hop.span_id)
}

/// How far a record is from being about this span; `None` if it is not about it.
fn distance(span: &Hop, log: &Hop) -> Option<i64> {
    if span.span_id == log.span_id {
        return Some(-1);
    }
    // The record is about the request, not about one try of it.
    let is_try = span.direction == "outbound" && span.request.starts_with("router ");
    let other_request = !span.request_id.is_empty()
        && !log.request_id.is_empty()
        && span.request_id != log.request_id;
    if is_try || other_request {
        return None;
    }
    let tolerance = match log.start_time.0 % MILLI {
        0 => MILLI,
        _ => 2 * MICRO,
    };
    let apart = span
        .start_time
        .0
        .saturating_sub(log.start_time.0)
        .saturating_abs();
    (apart <= tolerance).then_some(apart)
}
