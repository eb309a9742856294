//! What must exist of an execution, against what has arrived.
//!
//! Only what the facts prove counts as expected: a task that succeeded has run its function, so there is a
//! REPORT; a map run says how many children it had; an answer names the execution that was started. That
//! nothing has come for a while proves nothing and is not looked at. What cannot be known to have happened
//! (a call that was throttled, a task that was cut off) is not expected, and welcome when it comes.

mod invocations;
mod others;

pub use others::{Child, MapRun, Orphan};

use model::{
    Attempt, Coverage, CoverageStatus, Execution, HistoryEvent, Invocation, Join, Missing, State,
};
use std::collections::BTreeSet;

/// Missing things that are listed one by one.
const LISTED: usize = 10_000;

/// What is known of an execution.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// Its state visits.
    pub states: &'a [State],
    /// Its attempts.
    pub attempts: &'a [Attempt],
    /// Its joins.
    pub joins: &'a [Join],
    /// Invocations, at least those that are joined.
    pub invocations: &'a [Invocation],
    /// Descriptions of its map runs.
    pub map_runs: &'a [MapRun],
    /// Executions that are held and that it started, children of its map runs included.
    pub children: &'a [Child],
    /// Ids of the ECS tasks and Batch jobs that are held and have ended.
    pub jobs: Option<&'a BTreeSet<String>>,
    /// Spans whose parent is not held.
    pub orphans: &'a [Orphan],
    /// Spans that name a parent in another record.
    pub with_parent: u64,
}

/// Which events of a history must exist and are not held: ranges of ids, from the ids that are. `ended`:
/// a terminal event or a description says that the execution has ended.
pub fn events(events: &[HistoryEvent], ended: bool, complete: bool) -> (u64, Vec<Missing>) {
    let mut ids: Vec<u64> = events.iter().map(|event| event.event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut missing = Vec::new();
    let mut expected = ids.len() as u64;
    let mut next = 1;
    for id in ids {
        if id > next {
            missing.push(gap(next, id - 1));
            expected = expected.saturating_add(id - next);
        }
        next = id.saturating_add(1);
    }
    if ended && !complete && missing.is_empty() {
        expected = expected.saturating_add(1);
        missing.push(Missing {
            kind: "event".to_owned(),
            id: format!("{next}…"),
            place: "end of the history".to_owned(),
            count: 1,
            reason: "it has ended, but the event that ends its history is not here".to_owned(),
        });
    }
    (expected, missing)
}

fn gap(first: u64, last: u64) -> Missing {
    let id = match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    };
    Missing {
        kind: "event".to_owned(),
        id,
        place: "history".to_owned(),
        count: last - first + 1,
        reason:
            "events of a history are numbered without gaps; collect or import the history again, \
                 or deliver its logs at level ALL"
                .to_owned(),
    }
}

/// What is known and what is missing. The missing events are those that `execution` carries already.
pub fn coverage(execution: &Execution, known: &Known) -> Coverage {
    let mut out = Coverage::default();
    out.events.expected = u64::from(execution.expected_events.max(execution.events));
    out.events.received = u64::from(execution.events);
    let mut missing: Vec<Missing> = carried(execution)
        .into_iter()
        .filter(|it| it.kind == "event")
        .collect();
    invocations::judge(known, &mut out, &mut missing);
    others::judge(execution, known, &mut out, &mut missing);
    let counted: u64 = missing.iter().map(|it| it.count).sum();
    out.status = match (execution.status.is_terminal(), counted) {
        (false, _) => CoverageStatus::Pending,
        (true, 0) => CoverageStatus::Complete,
        (true, _) => CoverageStatus::Partial,
    };
    missing.sort();
    let listed: u64 = missing.iter().take(LISTED).map(|it| it.count).sum();
    out.more_missing = counted.saturating_sub(listed);
    missing.truncate(LISTED);
    out.missing = missing;
    out.summary = summary(&out);
    out
}

/// What an execution's row says is missing.
pub fn carried(execution: &Execution) -> Vec<Missing> {
    let text = execution.missing.as_deref().unwrap_or("[]");
    serde_json::from_str(text).unwrap_or_default()
}

/// Writes it into the execution's row.
pub fn note(execution: &mut Execution, coverage: &Coverage) {
    let short = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    execution.coverage = coverage.status;
    execution.expected_events = short(coverage.events.expected);
    execution.expected_invocations = short(coverage.invocations.expected);
    execution.received_invocations = short(coverage.invocations.received);
    execution.expected_executions = short(coverage.executions.expected);
    execution.received_executions = short(coverage.executions.received);
    execution.expected_jobs = short(coverage.jobs.expected);
    execution.received_jobs = short(coverage.jobs.received);
    execution.expected_spans = short(coverage.spans.expected);
    execution.received_spans = short(coverage.spans.received);
    execution.missing = match coverage.missing.is_empty() {
        true => None,
        false => serde_json::to_string(&coverage.missing).ok(),
    };
}

/// What is known and missing, in a sentence.
pub fn summary(coverage: &Coverage) -> String {
    let listed: u64 = coverage.missing.iter().map(|it| it.count).sum();
    let missing = listed.saturating_add(coverage.more_missing);
    let kinds = [
        (coverage.events, "events"),
        (coverage.invocations, "invocations"),
        (coverage.executions, "executions it started"),
        (coverage.jobs, "tasks and jobs"),
        (coverage.spans, "spans"),
    ];
    let counts: Vec<String> = kinds
        .iter()
        .filter(|(tally, _)| tally.expected > 0)
        .map(|(tally, word)| format!("{} of {} {word}", tally.received, tally.expected))
        .collect();
    let counts = counts.join(", ");
    match (coverage.status, missing) {
        (CoverageStatus::Complete, _) => {
            format!("Everything that must exist has arrived: {counts}.")
        }
        (CoverageStatus::Partial, 1) => format!("One thing that must exist is not here: {counts}."),
        (CoverageStatus::Partial, n) => {
            format!("{n} things that must exist are not here: {counts}.")
        }
        (CoverageStatus::Pending, 0) => {
            format!("It has not ended; until now nothing is missing: {counts}.")
        }
        (CoverageStatus::Pending, n) => {
            format!("It has not ended, and {n} things are not here yet: {counts}.")
        }
    }
}

#[cfg(test)]
mod tests;
