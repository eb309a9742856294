//! Names, ids and paths of everything in the trace.

use super::{
    documents::Described,
    nest::{Nest, Node},
};
use model::{SpanId, TraceId};

/// Names and ids, the lists indexed as those of [`Nest`].
#[derive(Debug, Default)]
pub(super) struct Names {
    pub execution_arn: String,
    pub engine: String,
    pub trace_id: TraceId,
    pub execution: SpanId,
    pub state_machine: String,
    pub state_machine_arn: Option<String>,
    pub name: String,
    pub region: Option<String>,
    pub account: Option<String>,
    pub visits: Vec<SpanId>,
    pub runs: Vec<SpanId>,
    pub iterations: Vec<SpanId>,
    pub branches: Vec<SpanId>,
    pub tries: Vec<SpanId>,
    /// Paths of the visits.
    pub paths: Vec<String>,
}

/// The root span of an execution's trace.
pub fn execution_span_id(execution_arn: &str) -> SpanId {
    SpanId::of_parts(&[execution_arn, "execution", "1", "0"])
}

impl Names {
    pub fn new(nest: &Nest, described: &Described, execution_arn: &str, engine: &str) -> Self {
        // arn:partition:states:region:account:execution:machine:name, or :express:machine:name:id.
        let parts: Vec<&str> = execution_arn.split(':').collect();
        let part = |n: usize| parts.get(n).copied().filter(|text| !text.is_empty());
        let known =
            |n: usize, unknown: &str| part(n).filter(|text| *text != unknown).map(str::to_owned);
        let is_arn = parts.len() >= 8;
        // The importer made this ARN for a history that names none: `…:<file>:<file>-<hash>`.
        let made_up = is_arn && part(3) == Some("unknown");
        let state_machine_arn = described.text("stateMachineArn").map(str::to_owned);
        let machine = state_machine_arn
            .as_deref()
            .and_then(|arn| arn.split(':').nth(6));
        let id = |what: &str, at: usize| {
            let event = nest.steps[at].event;
            SpanId::of_parts(&[
                execution_arn,
                what,
                &event.event_id.to_string(),
                &event.redrive_count.to_string(),
            ])
        };
        Names {
            execution_arn: execution_arn.to_owned(),
            engine: engine.to_owned(),
            trace_id: TraceId::of_execution(execution_arn),
            execution: execution_span_id(execution_arn),
            state_machine: machine
                .or_else(|| described.text("stateMachineName"))
                .or_else(|| part(6).filter(|_| is_arn && !made_up))
                .unwrap_or_default()
                .to_owned(),
            state_machine_arn,
            name: if made_up {
                part(6)
            } else if is_arn {
                part(7)
            } else {
                described.text("name")
            }
            .unwrap_or(execution_arn)
            .to_owned(),
            region: known(3, "unknown").filter(|_| is_arn),
            account: known(4, "").filter(|_| is_arn && !made_up),
            visits: nest
                .visits
                .iter()
                .map(|visit| id("state", visit.first))
                .collect(),
            runs: nest
                .runs
                .iter()
                .map(|run| id("start", run.started))
                .collect(),
            iterations: nest
                .iterations
                .iter()
                .map(|iteration| id("iteration", iteration.started))
                .collect(),
            branches: nest
                .branches
                .iter()
                .map(|branch| id("branch", branch.first))
                .collect(),
            tries: nest
                .tries
                .iter()
                .map(|attempt| id("attempt", attempt.first))
                .collect(),
            paths: paths(nest),
        }
    }

    /// The span that shows a place. A start of a Map or Parallel has a span of its own only when there was
    /// more than one.
    pub fn span_of(&self, nest: &Nest, node: Node) -> SpanId {
        match node {
            Node::Root => self.execution,
            Node::Visit(n) => self.visits[n],
            Node::Run(n) => {
                let visit = nest.runs[n].visit;
                if nest.visits[visit].runs.len() > 1 {
                    self.runs[n]
                } else {
                    self.visits[visit]
                }
            }
            Node::Iteration(n) => self.iterations[n],
            Node::Branch(n) => self.branches[n],
            Node::Try(n) => self.tries[n],
        }
    }
}

/// Paths such as `Fan[3]/Charge` and `Split{1}/Audit`; containers come before their content.
fn paths(nest: &Nest) -> Vec<String> {
    let mut paths: Vec<String> = Vec::with_capacity(nest.visits.len());
    for visit in &nest.visits {
        let path = match container_path(nest, visit.container, &paths) {
            Some(before) => format!("{before}/{}", visit.name),
            None => visit.name.clone(),
        };
        paths.push(path);
    }
    paths
}

fn container_path(nest: &Nest, container: Node, paths: &[String]) -> Option<String> {
    let block = |run: usize| &paths[nest.runs[run].visit];
    match container {
        Node::Iteration(n) => {
            let iteration = &nest.iterations[n];
            Some(format!("{}[{}]", block(iteration.run), iteration.index))
        }
        Node::Branch(n) => Some(format!(
            "{}{{{}}}",
            block(nest.branches[n].run),
            nest.branches[n].index
        )),
        Node::Run(n) => Some(block(n).clone()),
        _ => None,
    }
}
