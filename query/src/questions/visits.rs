//! What the drawing of an execution is made of.

use super::execution::{find_execution, trace_of};
use crate::{Engine, Error};
use model::{Attempt, Execution, State};
use store::{Snapshot, Table, rows};

/// An execution with its visits of states and the tries of its tasks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Visits {
    /// The execution.
    pub execution: Execution,
    /// Visits, in the order in which they were entered.
    pub states: Vec<State>,
    /// Tries, in the order in which they were scheduled.
    pub attempts: Vec<Attempt>,
}

impl Engine {
    /// The visits and tries of an execution, named by ARN or trace id.
    pub async fn visits(&self, snapshot: &Snapshot, id: &str) -> Result<Visits, Error> {
        let trace_id = trace_of(id);
        let execution = find_execution(snapshot, trace_id)
            .await?
            .ok_or_else(|| Error::NotFound(format!("no execution '{id}' is held")))?;
        let mut states = Vec::new();
        for batch in snapshot.find(Table::States, &[trace_id]).await? {
            states.extend(rows::read_states(&batch)?);
        }
        let mut attempts = Vec::new();
        for batch in snapshot.find(Table::Attempts, &[trace_id]).await? {
            attempts.extend(rows::read_attempts(&batch)?);
        }
        states.sort_by_key(|state| (state.redrive_count, state.entered_event_id, state.span_id));
        attempts.sort_by_key(|attempt| {
            let id = attempt.scheduled_event_id;
            (attempt.redrive_count, id, attempt.span_id)
        });
        Ok(Visits {
            execution,
            states,
            attempts,
        })
    }
}
