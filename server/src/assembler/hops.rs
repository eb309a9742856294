//! Hops of proxies, and the spans that are not appended but replaced: those that stand for an access log, and X-Ray's, of
//! which a later document takes the place of an earlier one.
//!
//! These spans live in the unit of their trace. Where that is the trace of an execution or an invocation, too, whoever
//! rebuilds one kind keeps the others: they are its guests.

use super::{Assembler, Counts, group_by};
use analysis::hops;
use anyhow::Result;
use model::{Batch, Hop, Span, SpanSource, TraceId, UnixNanos, Value};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::RangeInclusive,
};
use store::{Table, Unit, rows};

/// How far apart the span and the access log of a request may be looked for, nanoseconds.
const REACH: i64 = 60 * 1_000_000_000;
/// Hops of one trace beyond which no more are taken: somebody sends everything under one id.
const MOST_HOPS: usize = 20_000;
/// Spans of one trace that are replaced as a whole.
const MOST_GUESTS: usize = 50_000;

impl Assembler {
    /// Hops anew of every trace to which proxies' spans or access logs came.
    pub(super) async fn rebuild_hops(&self, batch: &Batch) -> Result<()> {
        let spans = batch.spans.iter().filter_map(hops::of_span);
        let logs = batch.logs.iter().filter_map(hops::of_record);
        let mut arrived: Vec<Hop> = spans.chain(logs).collect();
        if arrived.is_empty() {
            return Ok(());
        }
        self.take_home(&mut arrived).await?;
        let mut traces: BTreeSet<TraceId> = arrived.iter().map(|hop| hop.trace_id).collect();
        let requests = arrived
            .iter()
            .filter(|hop| hop.source == "span" && !hop.request_id.is_empty());
        traces.extend(requests.map(|hop| hops::trace_of_request(&hop.request_id)));
        let traces: Vec<TraceId> = traces.into_iter().collect();
        let held = group_by(self.held.hops(&traces).await?, |hop| hop.trace_id);
        let mut all: Vec<Hop> = held.values().flatten().cloned().collect();
        bring_home(&mut all, &arrived);
        all.append(&mut arrived);
        let mut now = group_by(all, |hop| hop.trace_id);
        for trace in traces {
            let before = held.get(&trace).map_or(&[][..], Vec::as_slice);
            let mut merged = hops::merge(now.remove(&trace).unwrap_or_default());
            if merged.len() > MOST_HOPS {
                tracing::warn!(%trace, most = MOST_HOPS, "a trace has too many hops: the rest is not kept");
                merged.truncate(MOST_HOPS);
            }
            if merged != before {
                self.replace_hops(trace, before, &merged).await?;
            }
        }
        Ok(())
    }

    /// Gives records that know no trace the trace of the span with the same request id.
    async fn take_home(&self, arrived: &mut [Hop]) -> Result<()> {
        let lost = |hop: &&Hop| is_lost(hop);
        let requests: BTreeSet<String> = arrived
            .iter()
            .filter(lost)
            .map(|hop| hop.request_id.clone())
            .collect();
        let times = || arrived.iter().filter(lost).map(|hop| hop.start_time.0);
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
            return Ok(());
        };
        let window: RangeInclusive<UnixNanos> =
            UnixNanos(first.saturating_sub(REACH))..=UnixNanos(last.saturating_add(REACH));
        let mut known = self
            .held
            .hops_where("request_id", &requests, Some(window))
            .await?;
        known.extend(arrived.iter().filter(|hop| hop.source == "span").cloned());
        bring_home(arrived, &known);
        Ok(())
    }

    async fn replace_hops(&self, trace: TraceId, before: &[Hop], now: &[Hop]) -> Result<()> {
        let of_log = |hop: &&Hop| hop.source == "access_log";
        let mut tables = vec![(Table::Hops, rows::hops(now)?)];
        if before.iter().chain(now).any(|hop| of_log(&hop)) {
            let spans: Vec<Span> = now.iter().filter(of_log).map(hops::span_of).collect();
            let more = spans
                .len()
                .saturating_sub(before.iter().filter(of_log).count());
            self.count(Counts {
                spans: more as u64,
                ..Counts::default()
            });
            let kept = self
                .with_others(trace, SpanSource::AccessLog, spans)
                .await?;
            tables.push((Table::Spans, rows::spans(&kept)?));
        }
        self.held.store.replace(Unit { id: trace, tables }).await?;
        Ok(())
    }

    /// Spans of X-Ray: the newest document of each wins, and one that arrived by another way needs no second.
    pub(super) async fn rebuild_segments(&self, spans: &[Span]) -> Result<()> {
        let segments = spans.iter().filter(|span| span.source == SpanSource::Xray);
        for (trace, new) in group_by(segments.cloned(), |span| span.trace_id) {
            let held = self.held.spans(&[trace]).await?;
            let known: HashSet<_> = held
                .iter()
                .filter(|span| span.source.is_appended())
                .map(|span| span.span_id)
                .collect();
            let before: Vec<Span> = held
                .into_iter()
                .filter(|span| span.source == SpanSource::Xray)
                .collect();
            let mut all: BTreeMap<_, Span> = before
                .iter()
                .map(|span| (span.span_id, span.clone()))
                .collect();
            let mut changed = 0;
            for span in new
                .into_iter()
                .filter(|span| !known.contains(&span.span_id))
            {
                let room = all.len() < MOST_GUESTS;
                let better = match all.get(&span.span_id) {
                    Some(old) => rank(&span) > rank(old),
                    None => room,
                };
                if better {
                    all.insert(span.span_id, span);
                    changed += 1;
                }
            }
            if changed == 0 {
                continue;
            }
            self.count(Counts {
                spans: changed,
                ..Counts::default()
            });
            let kept = self
                .with_others(trace, SpanSource::Xray, all.into_values().collect())
                .await?;
            let tables = vec![(Table::Spans, rows::spans(&kept)?)];
            self.held.store.replace(Unit { id: trace, tables }).await?;
        }
        Ok(())
    }

    /// These spans of a source with the replaceable spans of other sources that the trace has.
    async fn with_others(
        &self,
        trace: TraceId,
        source: SpanSource,
        mut spans: Vec<Span>,
    ) -> Result<Vec<Span>> {
        *self.guests_lock() = Some(true);
        let held = self.held.spans(&[trace]).await?;
        let others = held
            .into_iter()
            .filter(|span| !span.source.is_appended() && span.source != source);
        spans.extend(others);
        Ok(spans)
    }

    /// The spans of a trace that are neither of its execution nor of its invocation, but share its unit.
    pub(super) async fn guests_of(&self, trace: TraceId) -> Result<Vec<Span>> {
        let looked = *self.guests_lock();
        let any = match looked {
            Some(any) => any,
            None => {
                let any = self.held.any_guests().await?;
                *self.guests_lock() = Some(any);
                any
            }
        };
        if !any {
            return Ok(Vec::new());
        }
        let mut spans = self.held.spans(&[trace]).await?;
        spans.retain(|span| is_guest(span.source));
        Ok(spans)
    }

    fn guests_lock(&self) -> std::sync::MutexGuard<'_, Option<bool>> {
        self.guests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn is_guest(source: SpanSource) -> bool {
    matches!(source, SpanSource::Xray | SpanSource::AccessLog)
}

/// A document that has ended is better than one in progress; else the later end, so that any order gives the same.
fn rank(span: &Span) -> (bool, UnixNanos, usize) {
    let running = span.attributes.get("inquest.running") == Some(&Value::Bool(true));
    (!running, span.end_time, span.attributes.len())
}

/// A record of which only the request id is known.
fn is_lost(hop: &Hop) -> bool {
    hop.source == "access_log"
        && !hop.request_id.is_empty()
        && hop.trace_id == hops::trace_of_request(&hop.request_id)
}

/// Moves lost records to the trace in which a span has their request id.
fn bring_home(records: &mut [Hop], known: &[Hop]) {
    let homes: HashMap<&str, TraceId> = known
        .iter()
        .filter(|hop| !hop.request_id.is_empty() && !is_lost(hop))
        .map(|hop| (hop.request_id.as_str(), hop.trace_id))
        .collect();
    for record in records.iter_mut().filter(|hop| is_lost(hop)) {
        if let Some(home) = homes.get(record.request_id.as_str()) {
            record.trace_id = *home;
        }
    }
}
