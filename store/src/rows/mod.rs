//! `model` ↔ `RecordBatch`, by one mechanism: a row is whatever serde makes of the noun, its members
//! are the columns. Nouns whose members are not the columns have a row type in `facts` or a few
//! renamed members here.

mod accounts;
mod facts;
mod read;
mod verdicts;

pub use accounts::{
    changes, costs, critical_path, ledger, read_changes, read_costs, read_critical_path,
    read_ledger,
};
pub use facts::{logs, read_logs, read_spans, spans};
pub use verdicts::{Judged, read_verdicts, verdicts};

use crate::{Error, Table};
use arrow::{array::RecordBatch, datatypes::SchemaRef, json::ReaderBuilder};
use model::{
    Attempt, ColdStart, Document, Execution, HistoryEvent, Hop, Invocation, Job, Join, JoinEnd,
    JoinMethod, SpanId, State, TraceId,
};
use read::Rows;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Rows of `executions`.
pub fn executions(rows: &[Execution]) -> Result<RecordBatch, Error> {
    write(Table::Executions, Table::Executions.schema(), rows)
}
/// The inverse of [`executions`].
pub fn read_executions(batch: &RecordBatch) -> Result<Vec<Execution>, Error> {
    Rows::new(Table::Executions, batch)?.collect()
}

/// Rows of `hops`.
pub fn hops(rows: &[Hop]) -> Result<RecordBatch, Error> {
    write(Table::Hops, Table::Hops.schema(), rows)
}
/// The inverse of [`hops`].
pub fn read_hops(batch: &RecordBatch) -> Result<Vec<Hop>, Error> {
    Rows::new(Table::Hops, batch)?.collect()
}

/// Rows of `states`.
pub fn states(rows: &[State]) -> Result<RecordBatch, Error> {
    write(Table::States, Table::States.schema(), rows)
}
/// The inverse of [`states`].
pub fn read_states(batch: &RecordBatch) -> Result<Vec<State>, Error> {
    Rows::new(Table::States, batch)?.collect()
}

/// Rows of `attempts`.
pub fn attempts(rows: &[Attempt]) -> Result<RecordBatch, Error> {
    write(Table::Attempts, Table::Attempts.schema(), rows)
}
/// The inverse of [`attempts`].
pub fn read_attempts(batch: &RecordBatch) -> Result<Vec<Attempt>, Error> {
    Rows::new(Table::Attempts, batch)?.collect()
}

/// Rows of `jobs`.
pub fn jobs(rows: &[Job]) -> Result<RecordBatch, Error> {
    write(Table::Jobs, Table::Jobs.schema(), rows)
}
/// The inverse of [`jobs`].
pub fn read_jobs(batch: &RecordBatch) -> Result<Vec<Job>, Error> {
    Rows::new(Table::Jobs, batch)?.collect()
}

/// Rows of `invocations`.
pub fn invocations(rows: &[Invocation]) -> Result<RecordBatch, Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        invocation: &'a Invocation,
        cold_start_kind: ColdStart,
    }
    let objects = rows.iter().map(|invocation| {
        let row = Row {
            invocation,
            cold_start_kind: invocation.cold_start,
        };
        serde_json::to_value(row).map(|mut object| {
            object["cold_start"] = invocation.cold_start.is_cold().into();
            object
        })
    });
    let objects: Vec<_> = objects
        .collect::<Result<_, _>>()
        .map_err(|e| refused(Table::Invocations, e))?;
    write(Table::Invocations, Table::Invocations.schema(), &objects)
}
/// The inverse of [`invocations`].
pub fn read_invocations(batch: &RecordBatch) -> Result<Vec<Invocation>, Error> {
    Rows::new(Table::Invocations, batch)?
        .without("cold_start")
        .renamed("cold_start_kind", "cold_start")
        .collect()
}

/// Rows of `events`; `states` names the state per event id
/// ([`WorkflowTrace::event_states`](model::WorkflowTrace::event_states)).
pub fn events(rows: &[HistoryEvent], states: &[(u64, String)]) -> Result<RecordBatch, Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        trace_id: TraceId,
        #[serde(flatten)]
        event: &'a HistoryEvent,
        state: Option<&'a str>,
    }
    let states: HashMap<u64, &str> = states.iter().map(|(id, s)| (*id, s.as_str())).collect();
    let mut ids = HashMap::new();
    let rows: Vec<Row> = rows
        .iter()
        .map(|event| Row {
            trace_id: *ids
                .entry(event.execution_arn.as_str())
                .or_insert_with(|| TraceId::of_execution(&event.execution_arn)),
            event,
            state: states.get(&event.event_id).copied(),
        })
        .collect();
    write(Table::Events, Table::Events.schema(), &rows)
}
/// The inverse of [`events`], without the state names.
pub fn read_events(batch: &RecordBatch) -> Result<Vec<HistoryEvent>, Error> {
    Rows::new(Table::Events, batch)?.collect()
}

/// Rows of `documents`.
pub fn documents(rows: &[Document]) -> Result<RecordBatch, Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        trace_id: TraceId,
        #[serde(flatten)]
        document: &'a Document,
    }
    let rows: Vec<Row> = rows
        .iter()
        .map(|document| Row {
            trace_id: TraceId::of_execution(&document.execution_arn),
            document,
        })
        .collect();
    write(Table::Documents, Table::Documents.schema(), &rows)
}
/// The inverse of [`documents`].
pub fn read_documents(batch: &RecordBatch) -> Result<Vec<Document>, Error> {
    Rows::new(Table::Documents, batch)?.collect()
}

/// A join as it lies in the table: flat, and with the trace of the execution.
#[derive(Serialize, Deserialize)]
struct JoinRow {
    trace_id: TraceId,
    execution_arn: String,
    parent_kind: String,
    parent_trace_id: TraceId,
    parent_span_id: SpanId,
    child_kind: String,
    child_trace_id: TraceId,
    child_span_id: SpanId,
    method: JoinMethod,
    confidence: f64,
    candidates: u32,
    ambiguous: bool,
    evidence: String,
}

/// Rows of `joins`. A join of no execution lies in the trace of its parent.
pub fn joins(rows: &[Join]) -> Result<RecordBatch, Error> {
    let trace_of = |join: &Join| match join.execution_arn.as_str() {
        "" => join.parent.trace_id,
        arn => TraceId::of_execution(arn),
    };
    let rows: Vec<JoinRow> = rows
        .iter()
        .map(|join| JoinRow {
            trace_id: trace_of(join),
            execution_arn: join.execution_arn.clone(),
            parent_kind: join.parent.kind.clone(),
            parent_trace_id: join.parent.trace_id,
            parent_span_id: join.parent.span_id,
            child_kind: join.child.kind.clone(),
            child_trace_id: join.child.trace_id,
            child_span_id: join.child.span_id,
            method: join.method,
            confidence: join.confidence,
            candidates: join.candidates,
            ambiguous: join.ambiguous(),
            evidence: join.evidence.clone(),
        })
        .collect();
    write(Table::Joins, Table::Joins.schema(), &rows)
}
/// The inverse of [`joins`].
pub fn read_joins(batch: &RecordBatch) -> Result<Vec<Join>, Error> {
    let rows: Vec<JoinRow> = Rows::new(Table::Joins, batch)?.collect()?;
    let end = |kind, trace_id, span_id| JoinEnd {
        kind,
        trace_id,
        span_id,
    };
    let join = |row: JoinRow| Join {
        execution_arn: row.execution_arn,
        parent: end(row.parent_kind, row.parent_trace_id, row.parent_span_id),
        child: end(row.child_kind, row.child_trace_id, row.child_span_id),
        method: row.method,
        confidence: row.confidence,
        candidates: row.candidates,
        evidence: row.evidence,
    };
    Ok(rows.into_iter().map(join).collect())
}

/// Columns from anything that serde can write as objects whose members are named like the columns.
fn write<T: Serialize>(table: Table, schema: SchemaRef, rows: &[T]) -> Result<RecordBatch, Error> {
    let failed = |source| Error::Rows {
        table: table.name(),
        source,
    };
    let mut decoder = ReaderBuilder::new(schema.clone())
        .with_batch_size(rows.len().max(1))
        .build_decoder()
        .map_err(failed)?;
    decoder.serialize(rows).map_err(failed)?;
    let batch = decoder.flush().map_err(failed)?;
    Ok(batch.unwrap_or_else(|| RecordBatch::new_empty(schema)))
}

fn refused(table: Table, why: impl ToString) -> Error {
    Error::Refused {
        table: table.name(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests;
