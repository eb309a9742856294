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
    let tries: Vec<Hop> = spans.values().filter(|hop| is_try(hop)).cloned().collect();
    for (_, span) in spans.iter_mut().filter(|(_, hop)| !is_try(hop)) {
        name_upstream(span, &tries);
    }
    let ends: Vec<Hop> = spans.values().filter(|hop| !is_try(hop)).cloned().collect();
    for (_, span) in spans.iter_mut().filter(|(_, hop)| is_try(hop)) {
        blame_cancelled(span, &ends);
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

/// One try to reach an upstream, below the span of the request.
fn is_try(hop: &Hop) -> bool {
    hop.direction == "outbound" && hop.request.starts_with("router ")
}

/// Where nothing was sent (an open circuit breaker), only the tries below know to whom it should have been.
fn name_upstream(hop: &mut Hop, tries: &[Hop]) {
    if !hop.upstream_cluster.is_empty() {
        return;
    }
    let own = tries.iter().filter(|it| it.parent_span_id == hop.span_id);
    if let Some(last) = own.max_by_key(|it| (it.start_time, it.span_id))
        && !last.upstream_cluster.is_empty()
    {
        hop.upstream_cluster.clone_from(&last.upstream_cluster);
        let name = super::words::destination(&last.upstream_cluster);
        hop.reason = hop.reason.replace("the upstream", &name);
    }
}

/// A try that was given up because the request ran out of time is what failed.
fn blame_cancelled(hop: &mut Hop, requests: &[Hop]) {
    let above = requests.iter().find(|it| it.span_id == hop.parent_span_id);
    let flags = |it: &&Hop| it.response_flags.split(',').any(|flag| flag == "UT");
    if hop.reason == super::span::CANCELLED && above.is_some_and(|it| flags(&it)) {
        hop.outcome = model::HopOutcome::Failed;
        let name = super::words::destination(&hop.upstream_cluster);
        hop.reason = match hop.upstream_address.as_str() {
            "" => format!("{name} had not answered when the time limit was over"),
            address => format!("{name} at {address} had not answered when the time limit was over"),
        };
    }
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
    let other_request = !span.request_id.is_empty()
        && !log.request_id.is_empty()
        && span.request_id != log.request_id;
    if is_try(span) || other_request {
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
