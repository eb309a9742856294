//! Which invocation an attempt made, which execution it started, which spans ran inside an invocation.
//!
//! Keys are tried from the best to the worst: Lambda's request id in the answer, the same in the text of a
//! failure, the X-Ray root, and last the function's name with the time. Spans of services that an attempt sent
//! its trace context to are found by that. What a better key has joined is out of
//! reach for a worse one, and an attempt whose request id is known is never guessed about. A join says how
//! it was found, how sure it is, and how many others would have fitted.

mod application;
mod carried;
mod explain;
mod keys;
mod posted;
mod propagated;
mod window;

pub use application::{join_spans, join_unlogged};
pub use carried::{carried, traces as carried_traces};
pub use explain::explain;
pub use posted::{MESSAGE_ID, by_message, message_ids, message_of};
pub use propagated::by_sent_context;

use crate::workflow::execution_span_id;
use model::{Attempt, Execution, Invocation, Job, Join, JoinEnd, JoinMethod, Span, State, TraceId};
use std::collections::{HashMap, HashSet};

/// Clocks of Step Functions and of Lambda's hosts agree this well, nanoseconds.
pub(crate) const CLOCK_SLACK_NS: i64 = 250_000_000;

/// All joins inside one execution. `invocations` may hold others than its own, `spans` are those of
/// applications. The order of the arguments' rows does not matter.
pub fn join(
    execution: &Execution,
    attempts: &[Attempt],
    invocations: &[Invocation],
    spans: &[Span],
) -> Vec<Join> {
    join_among(execution, attempts, &[], invocations, spans)
}

/// As [`join`], where attempts of other executions may have made some of the invocations: an invocation is joined to one
/// attempt of them all, and says how many would have fitted.
pub fn join_among(
    execution: &Execution,
    own: &[Attempt],
    others: &[Attempt],
    invocations: &[Invocation],
    spans: &[Span],
) -> Vec<Join> {
    let attempts = [own, others].concat();
    let attempts = attempts.as_slice();
    let mut matches = keys::by_request_id(attempts, invocations);
    matches.extend(window::by_trace_context(attempts, invocations, &matches));
    matches.extend(window::by_time(attempts, invocations, &matches));
    let whatever = window::by_time_whatever_version(attempts, invocations, &matches);
    matches.extend(whatever);
    matches.retain(|found| found.attempt < own.len());
    let attempts = own;
    let arn = &execution.execution_arn;
    let mut joins: Vec<Join> = matches
        .iter()
        .map(|found| found.join(arn, attempts, invocations))
        .collect();
    let joined: HashSet<usize> = matches.iter().map(|found| found.invocation).collect();
    let own: Vec<&Invocation> = invocations
        .iter()
        .enumerate()
        .filter(|(n, _)| joined.contains(n))
        .map(|(_, i)| i)
        .collect();
    joins.extend(
        attempts
            .iter()
            .filter_map(|attempt| child_execution(arn, attempt)),
    );
    joins.extend(join_spans(arn, &own, spans));
    joins.sort_by_key(key);
    joins
}

/// The tasks and jobs that attempts waited for, and the children of arrays among them.
pub fn jobs(execution: &Execution, attempts: &[Attempt], jobs: &[Job]) -> Vec<Join> {
    let by_id: HashMap<&str, &Job> = jobs.iter().map(|job| (job.job_id.as_str(), job)).collect();
    let end = |job: &Job| JoinEnd {
        kind: "job".to_owned(),
        trace_id: job.trace_id,
        span_id: job.span_id,
    };
    let join = |parent: JoinEnd, child: &Job| Join {
        execution_arn: execution.execution_arn.clone(),
        parent,
        child: end(child),
        method: JoinMethod::JobId,
        confidence: 1.0,
        candidates: 1,
        evidence: child.job_id.clone(),
    };
    let mut joins = Vec::new();
    for attempt in attempts {
        let Some(job) = attempt.job_id.as_deref().and_then(|id| by_id.get(id)) else {
            continue;
        };
        joins.push(join(attempt_end(attempt), job));
        let children = jobs
            .iter()
            .filter(|it| it.parent_job_id.as_ref() == Some(&job.job_id));
        joins.extend(children.map(|child| join(end(job), child)));
    }
    joins
}

/// The children of map runs, each below the Map state that started its run.
pub fn map_children<'a>(
    execution: &Execution,
    states: &[State],
    children: impl Iterator<Item = &'a Execution>,
) -> Vec<Join> {
    let by_run: HashMap<&str, &State> = states
        .iter()
        .filter_map(|state| Some((state.map_run_arn.as_deref()?, state)))
        .collect();
    let join = |child: &Execution| {
        let run = child.map_run_arn.as_deref()?;
        let state = by_run.get(run)?;
        Some(Join {
            execution_arn: execution.execution_arn.clone(),
            parent: JoinEnd {
                kind: "state".to_owned(),
                trace_id: state.trace_id,
                span_id: state.span_id,
            },
            child: JoinEnd {
                kind: "execution".to_owned(),
                trace_id: child.trace_id,
                span_id: child.span_id,
            },
            method: JoinMethod::MapRun,
            confidence: 1.0,
            candidates: 1,
            evidence: run.to_owned(),
        })
    };
    children.filter_map(join).collect()
}

/// The joined invocations that certainly belong to the execution and started cold.
pub fn cold_starts(joins: &[Join], invocations: &[Invocation]) -> u32 {
    let certain: HashSet<_> = joins
        .iter()
        .filter(|join| join.child.kind == "invocation" && !join.ambiguous())
        .map(|join| join.child.span_id)
        .collect();
    let cold =
        |of: &&Invocation| certain.contains(&of.span_id) && of.cold_start.is_cold() == Some(true);
    invocations.iter().filter(cold).count() as u32
}

fn key(join: &Join) -> (TraceId, model::SpanId, TraceId, model::SpanId, JoinMethod) {
    (
        join.parent.trace_id,
        join.parent.span_id,
        join.child.trace_id,
        join.child.span_id,
        join.method,
    )
}

/// An attempt and an invocation that were found to belong together, by their places in the slices.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Match {
    pub(crate) attempt: usize,
    pub(crate) invocation: usize,
    pub(crate) method: JoinMethod,
    pub(crate) confidence: f64,
    pub(crate) candidates: u32,
    pub(crate) evidence: String,
}

impl Match {
    fn join(&self, execution_arn: &str, attempts: &[Attempt], invocations: &[Invocation]) -> Join {
        Join {
            execution_arn: execution_arn.to_owned(),
            parent: attempt_end(&attempts[self.attempt]),
            child: invocation_end(&invocations[self.invocation]),
            method: self.method,
            confidence: self.confidence,
            candidates: self.candidates,
            evidence: self.evidence.clone(),
        }
    }
}

fn attempt_end(attempt: &Attempt) -> JoinEnd {
    JoinEnd {
        kind: "attempt".to_owned(),
        trace_id: attempt.trace_id,
        span_id: attempt.span_id,
    }
}

pub(crate) fn invocation_end(invocation: &Invocation) -> JoinEnd {
    JoinEnd {
        kind: "invocation".to_owned(),
        trace_id: invocation.trace_id,
        span_id: invocation.span_id,
    }
}

fn child_execution(execution_arn: &str, attempt: &Attempt) -> Option<Join> {
    let child = attempt
        .child_execution_arn
        .as_deref()
        .filter(|arn| !arn.is_empty())?;
    Some(Join {
        execution_arn: execution_arn.to_owned(),
        parent: attempt_end(attempt),
        child: JoinEnd {
            kind: "execution".to_owned(),
            trace_id: TraceId::of_execution(child),
            span_id: execution_span_id(child),
        },
        method: JoinMethod::ExecutionArn,
        confidence: 1.0,
        candidates: 1,
        evidence: child.to_owned(),
    })
}

#[cfg(test)]
mod tests;
