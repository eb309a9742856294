//! What is known of a whole trace beside its tree: hops of proxies, spans as they came, joins.

use super::trace::Held;
use crate::{Engine, Error};
use model::{Hop, Join, Span, TraceId};
use std::collections::BTreeSet;
use store::{Snapshot, Table, rows};

/// Spans that are compared with each other at most.
const MOST_SPANS: usize = 50_000;
/// Tables in one of which everything that is held of a trace has a row.
const HOLDING: [Table; 6] = [
    Table::Executions,
    Table::Spans,
    Table::Invocations,
    Table::Hops,
    Table::Logs,
    Table::Events,
];

impl Engine {
    /// The hops of a trace and of those joined to it, in the order of time.
    pub async fn hops(&self, snapshot: &Snapshot, trace: TraceId) -> Result<Vec<Hop>, Error> {
        let traces = Held::traces(snapshot, trace).await?;
        let mut hops = Vec::new();
        for batch in snapshot.find(Table::Hops, &traces).await? {
            hops.extend(rows::read_hops(&batch)?);
        }
        if hops.is_empty() {
            self.must_hold(snapshot, trace).await?;
        }
        hops.sort_by_key(|hop| (hop.start_time, hop.span_id));
        Ok(hops)
    }

    /// The received spans of a trace and of those joined to it.
    pub async fn spans(&self, snapshot: &Snapshot, trace: TraceId) -> Result<Vec<Span>, Error> {
        let traces = Held::traces(snapshot, trace).await?;
        let mut spans: Vec<Span> = Vec::new();
        for batch in snapshot.find(Table::Spans, &traces).await? {
            spans.extend(rows::read_spans(&batch)?);
            spans.retain(|span| span.source.is_received());
            if spans.len() > MOST_SPANS {
                spans.truncate(MOST_SPANS);
                break;
            }
        }
        if spans.is_empty() {
            self.must_hold(snapshot, trace).await?;
        }
        Ok(spans)
    }

    /// Refuses a trace of which nothing is held: an empty answer would be about it.
    pub(super) async fn must_hold(&self, snapshot: &Snapshot, trace: TraceId) -> Result<(), Error> {
        for table in HOLDING {
            if !snapshot.find(table, &[trace]).await?.is_empty() {
                return Ok(());
            }
        }
        Err(Error::no_trace(trace))
    }

    /// The joins of a trace: those in it, and those that put it below another.
    pub async fn joins(&self, snapshot: &Snapshot, trace: TraceId) -> Result<Vec<Join>, Error> {
        let mut joins = Vec::new();
        for batch in snapshot.find(Table::Joins, &[trace]).await? {
            joins.extend(rows::read_joins(&batch)?);
        }
        if joins.is_empty() {
            let owners: BTreeSet<TraceId> = self.owners(snapshot, trace).await?;
            let owners: Vec<TraceId> = owners.into_iter().collect();
            for batch in snapshot.find(Table::Joins, &owners).await? {
                joins.extend(rows::read_joins(&batch)?);
            }
            joins.retain(|join| join.child.trace_id == trace);
        }
        if joins.is_empty() {
            self.must_hold(snapshot, trace).await?;
        }
        Ok(joins)
    }
}
