//! From the events of a workflow's history to its trace.
//!
//! execution ⊃ state ⊃ attempt, and inside a Map or Parallel: state ⊃ iteration or branch ⊃ state. Pure: the
//! same events and documents, in any order and any number of times, give the same trace.
//!
//! | Step | Module |
//! |---|---|
//! | the same event from several deliveries becomes one | [`merge_events`] |
//! | events are classified, their details decoded | `event` |
//! | containment is rebuilt from causes | `nest` |
//! | what failed, and why | `verdict` |
//! | how every part ended | `outcome` |
//! | names, ids, paths | `names` |
//! | rows and spans | `rows`, `calls`, `spans`, `paint` |
//! | the same for Lambda durable functions, whose events say what holds what | `durable` |

mod calls;
mod documents;
mod durable;
mod event;
mod merge;
mod names;
mod nest;
mod outcome;
mod paint;
mod rows;
mod spans;
mod verdict;

pub use merge::{Merged, merge_events};
pub use names::execution_span_id;

use crate::coverage;
use documents::Described;
use event::Step;
use model::{Document, Engine, HistoryEvent, WorkflowTrace};
use names::Names;
use nest::Nest;
use rows::Built;

/// Builds the trace of one execution from all its events (one copy of each, see [`merge_events`]) and
/// all documents about it. Without either the result is empty.
pub fn build(events: &[HistoryEvent], documents: &[Document]) -> WorkflowTrace {
    let mut ordered: Vec<&HistoryEvent> = events.iter().collect();
    ordered.sort_by_key(|event| (event.redrive_count, event.event_id));
    let first = ordered.first();
    let Some((arn, engine)) = first
        .map(|event| (&event.execution_arn, &event.engine))
        .or_else(|| {
            documents
                .first()
                .map(|document| (&document.execution_arn, &document.engine))
        })
    else {
        return WorkflowTrace::default();
    };
    if engine.0 == Engine::LAMBDA_DURABLE {
        return durable::build(&ordered, documents, arn);
    }
    let steps: Vec<Step> = ordered.iter().map(|event| Step::read(event)).collect();
    let described = Described::read(documents);
    trace(&steps, events, &described, arn, engine)
}

fn trace(
    steps: &[Step],
    events: &[HistoryEvent],
    described: &Described,
    arn: &str,
    engine: &Engine,
) -> WorkflowTrace {
    let nest = Nest::build(steps);
    let end = verdict::end_of(&nest, described);
    let failing = verdict::failing(&nest, end, described);
    let root = verdict::root_cause(&nest, end, &failing, described);
    let outcomes = outcome::outcomes(&nest, end, failing.visit);
    let names = Names::new(&nest, described, arn, &engine.0);
    let built = Built {
        nest: &nest,
        outcomes: &outcomes,
        described,
        names: &names,
        end,
        failing: &failing,
        root: &root,
    };
    let (mut execution, states, attempts) =
        (built.execution(events), built.states(), built.attempts());
    let ended = execution.status.is_terminal();
    let (expected, missing) = coverage::events(events, ended, execution.complete);
    execution.expected_events = u32::try_from(expected).unwrap_or(u32::MAX);
    if !missing.is_empty() {
        execution.missing = serde_json::to_string(&missing).ok();
    }
    let spans = spans::spans(&built, &execution, &states, &attempts);
    let event_states = (nest.about.iter().zip(steps))
        .filter_map(|(visit, step)| Some((step.id(), nest.visits[(*visit)?].name.clone())))
        .collect();
    WorkflowTrace {
        execution,
        states,
        attempts,
        spans,
        event_states,
    }
}
