//! One execution: its head and its raw events.

use super::parameter;
use crate::{Engine, Error, cells::Cells};
use model::api::{ChildExecution, EventPage, EventRow, ExecutionDetail};
use model::{Attempt, Execution, TraceId};
use std::collections::HashMap;
use store::{Snapshot, Table, rows};

/// The trace that an ARN or a trace id names.
pub fn trace_of(id: &str) -> TraceId {
    id.parse().unwrap_or_else(|_| TraceId::of_execution(id))
}

impl Engine {
    /// The execution with this ARN or trace id, however old. The summary in words is the caller's
    /// to add.
    pub async fn execution(&self, snapshot: &Snapshot, id: &str) -> Result<ExecutionDetail, Error> {
        let trace_id = trace_of(id);
        let execution = find_execution(snapshot, trace_id)
            .await?
            .ok_or_else(|| Error::no_execution(id))?;
        let mut invocations = 0;
        for batch in snapshot.find(Table::Joins, &[trace_id]).await? {
            let joins = rows::read_joins(&batch)?;
            invocations += joins
                .iter()
                .filter(|j| j.child.kind == "invocation")
                .count();
        }
        Ok(ExecutionDetail {
            summary: String::new(),
            invocations: invocations.try_into().unwrap_or(u32::MAX),
            logs: self.count_logs(snapshot, trace_id).await?,
            children: children(snapshot, trace_id).await?,
            execution,
        })
    }

    /// Raw events after the event of that id, in the order of their ids.
    pub async fn events(
        &self,
        snapshot: &Snapshot,
        id: &str,
        after: Option<u64>,
        limit: Option<usize>,
    ) -> Result<EventPage, Error> {
        let mut events = Vec::new();
        for batch in snapshot.find(Table::Events, &[trace_of(id)]).await? {
            let cells = Cells(&batch);
            events.extend((0..batch.num_rows()).map(|row| event(&cells, row)));
        }
        let total = events.len() as u64;
        // An execution of which only the description arrived has no events.
        if total == 0 && find_execution(snapshot, trace_of(id)).await?.is_none() {
            return Err(Error::no_execution(id));
        }
        if let Some(after) = after {
            events.retain(|event| event.event_id > after);
        }
        events.sort_by_key(|event| (event.event_id, event.redrive_count));
        events.truncate(parameter::page(limit));
        Ok(EventPage {
            rows: events,
            total,
        })
    }
}

fn event(cells: &Cells<'_>, row: usize) -> EventRow {
    EventRow {
        event_id: cells.count("event_id", row),
        previous_event_id: cells.count("previous_event_id", row),
        redrive_count: cells.count("redrive_count", row),
        event_type: cells.string("event_type", row),
        time: cells.int("time", row).unwrap_or_default().to_string(),
        state: cells.maybe("state", row),
        details: cells.string("details", row),
    }
}

/// The execution whose trace this is.
pub(super) async fn find_execution(
    snapshot: &Snapshot,
    trace_id: TraceId,
) -> Result<Option<Execution>, Error> {
    for batch in snapshot.find(Table::Executions, &[trace_id]).await? {
        if let Some(execution) = rows::read_executions(&batch)?.into_iter().next() {
            return Ok(Some(execution));
        }
    }
    Ok(None)
}

/// The executions that its attempts started.
async fn children(snapshot: &Snapshot, trace_id: TraceId) -> Result<Vec<ChildExecution>, Error> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for batch in snapshot.find(Table::Attempts, &[trace_id]).await? {
        attempts.extend(rows::read_attempts(&batch)?);
    }
    attempts.retain(|attempt| attempt.child_execution_arn.is_some());
    attempts.sort_by_key(|attempt| attempt.scheduled_event_id);
    let started = attempts.iter().filter_map(|attempt| {
        let arn = attempt.child_execution_arn.clone()?;
        Some(child(&attempt.span_id.to_string(), arn))
    });
    with_statuses(snapshot, started.collect()).await
}

/// A child execution by its ARN, status not yet known.
pub(super) fn child(span_id: &str, arn: String) -> ChildExecution {
    ChildExecution {
        span_id: span_id.to_owned(),
        trace_id: TraceId::of_execution(&arn).to_string(),
        execution_arn: arn,
        status: None,
    }
}

/// The same children with the statuses of those that are held.
pub(super) async fn with_statuses(
    snapshot: &Snapshot,
    mut children: Vec<ChildExecution>,
) -> Result<Vec<ChildExecution>, Error> {
    if children.is_empty() {
        return Ok(children);
    }
    let ids: Vec<TraceId> = children
        .iter()
        .map(|child| TraceId::of_execution(&child.execution_arn))
        .collect();
    let mut statuses = HashMap::new();
    for batch in snapshot.find(Table::Executions, &ids).await? {
        for execution in rows::read_executions(&batch)? {
            statuses.insert(execution.execution_arn, execution.status);
        }
    }
    for child in &mut children {
        let status = statuses.get(&child.execution_arn);
        child.status = status.map(|status| status.as_str().to_owned());
    }
    Ok(children)
}
