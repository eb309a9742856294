//! Lambda durable functions: operations that say themselves what they are part of.
//!
//! An event names its operation (`Id`), the one around it (`ParentId`) and what kind it is (`EventType`,
//! `SubType`), so nothing has to be guessed from causes. A step, a wait, a callback, a chained invoke and a
//! child context become state visits; contexts of the subtypes MapIteration and ParallelBranch are the
//! iterations and branches of the context around them. Every run of a step's code, every callback and every
//! chained invoke is an attempt. The invocations by which Lambda ran the function again and again
//! (InvocationCompleted) are attempts below the execution itself: they carry request ids, and join the logs.
//!
//! Events and their members: Lambda API reference, GetDurableExecutionHistory. Subtypes: the open-source SDKs
//! for durable functions (Step, Wait, Callback, ChainedInvoke, RunInChildContext, Map, MapIteration, Parallel,
//! ParallelBranch, WaitForCallback, WaitForCondition).

mod outcome;
mod rows;
mod spans;
mod tree;

use super::{documents::Described, execution_span_id, verdict};
use crate::coverage;
use model::{Document, ExecutionStatus, HistoryEvent, TraceId, WorkflowTrace};
use outcome::Outcomes;
use rows::Built;
use tree::Tree;

/// Builds the trace of one durable execution from its events, in order of their ids.
pub(super) fn build(events: &[&HistoryEvent], documents: &[Document], arn: &str) -> WorkflowTrace {
    let tree = Tree::read(events);
    let described = Described::read(documents);
    let outcomes = Outcomes::of(&tree, &described);
    let built = Built {
        tree: &tree,
        outcomes: &outcomes,
        described: &described,
        names: Names::of(arn, &described),
    };
    let held: Vec<HistoryEvent> = events.iter().map(|event| (*event).clone()).collect();
    let incomplete = verdict::missing(&held, outcomes.end);
    let mut execution = built.execution(incomplete);
    let ended = execution.status.is_terminal();
    let (expected, missing) = coverage::events(&held, ended, execution.complete);
    execution.expected_events = u32::try_from(expected).unwrap_or(u32::MAX);
    if !missing.is_empty() {
        execution.missing = serde_json::to_string(&missing).ok();
    }
    let (states, attempts) = (built.states(), built.attempts());
    let spans = spans::spans(&built, &execution, &states, &attempts);
    let named = |n: &usize| tree.ops[*n].name.clone();
    let event_states = (tree.about.iter().zip(events))
        .filter_map(|(op, event)| Some((event.event_id, named(op.as_ref()?))))
        .collect();
    WorkflowTrace {
        execution,
        states,
        attempts,
        spans,
        event_states,
    }
}

/// What an ARN says: `arn:aws:lambda:region:account:function:name:version/durable-execution/name/id`.
#[derive(Debug, Default)]
struct Names {
    arn: String,
    trace_id: TraceId,
    function: String,
    function_arn: Option<String>,
    version: Option<String>,
    name: String,
    region: Option<String>,
    account: Option<String>,
}

impl Names {
    fn of(arn: &str, described: &Described) -> Self {
        let (function_arn, run) = arn.split_once("/durable-execution/").unwrap_or((arn, ""));
        let parts: Vec<&str> = function_arn.split(':').collect();
        let part = |n: usize| parts.get(n).copied().filter(|text| !text.is_empty());
        let made_up = part(3) == Some("unknown");
        let told = |n: usize| part(n).filter(|_| !made_up).map(str::to_owned);
        let described_arn = described.text("stateMachineArn").map(str::to_owned);
        let bare = (parts.len() > 6).then(|| parts[..7].join(":"));
        let name = run.split('/').next().filter(|name| !name.is_empty());
        Names {
            arn: arn.to_owned(),
            trace_id: TraceId::of_execution(arn),
            function: told(6).unwrap_or_default(),
            function_arn: described_arn.or(bare.filter(|_| !made_up)),
            version: told(7).or_else(|| described.text("version").map(str::to_owned)),
            name: described.text("name").or(name).unwrap_or(arn).to_owned(),
            region: told(3),
            account: told(4),
        }
    }
}

/// How the execution stands.
fn status_of(outcomes: &Outcomes) -> ExecutionStatus {
    outcomes
        .end
        .map_or(ExecutionStatus::Running, |end| end.status)
}

/// The root span.
fn root_of(built: &Built) -> model::SpanId {
    execution_span_id(&built.names.arn)
}

#[cfg(test)]
mod tests;
