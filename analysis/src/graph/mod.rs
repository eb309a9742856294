//! The state machine as it ran: its definition (or, without one, what the history shows of it), with what
//! happened at every state, laid out.
//!
//! A way never crosses the border of a Map or Parallel, so each scope is laid out alone, the innermost first,
//! and is one box in the scope around it.

mod definition;
mod items;
mod layout;
mod observed;
mod overlay;
mod place;
mod services;
mod visits;

pub use items::with_items;
pub use services::place as place_services;

use model::api::graph::Graph;
use model::{Attempt, Execution, State};

/// More boxes than this are not drawn: scopes are left closed instead.
const MOST_NODES: usize = 600;

/// What leads from a state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Next,
    Choice,
    Default,
    Catch,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Next => "next",
            Kind::Choice => "choice",
            Kind::Default => "default",
            Kind::Catch => "catch",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A state of the same scope, by place.
    State(usize),
    /// The end of the scope.
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    to: Target,
    kind: Kind,
    label: String,
    title: String,
}

/// A state of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Spec {
    name: String,
    kind: String,
    subject: String,
    retry: String,
    ways: Vec<Way>,
    scopes: Vec<Scope>,
}

/// States among which ways lead: a workflow, a branch, the processor of a Map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Scope {
    start: Option<usize>,
    states: Vec<Spec>,
}

/// Draws an execution. `states` come in the order of their events.
pub fn graph(execution: &Execution, states: &[State], attempts: &[Attempt]) -> Graph {
    let visits = visits::Visits::of(states);
    let defined = execution.definition.as_deref().and_then(definition::scope);
    let observed = defined.is_none();
    let mut scope = defined.unwrap_or_else(|| observed::scope(states, &visits));
    let mut notes = Vec::new();
    if observed {
        notes.push(match execution.definition {
            None => {
                "The definition is not known: only what this execution did is drawn.".to_owned()
            }
            Some(_) => {
                "The definition cannot be read: only what this execution did is drawn.".to_owned()
            }
        });
    }
    let closed = close(&mut scope);
    if closed > 0 {
        notes.push(format!(
            "{closed} states inside Map and Parallel are left out: the workflow has more than {MOST_NODES}."
        ));
    }
    let mut graph = place::place(&scope);
    graph.observed = observed;
    graph.notes = notes;
    overlay::overlay(&mut graph, execution, states, attempts, &visits);
    graph
}

/// Writes what each state cost beside it: (state, pico-dollars, of these wasted), as a cost report has them.
pub fn price(graph: &mut Graph, by_state: &[(String, i64, i64)]) {
    for node in graph.nodes.iter_mut().filter(|node| node.visits > 0) {
        let held = by_state.iter().find(|(state, ..)| *state == node.name);
        node.picodollars = held.map(|(_, picodollars, _)| *picodollars);
    }
}

fn size(scope: &Scope) -> usize {
    let inner = |spec: &Spec| spec.scopes.iter().map(size).sum::<usize>();
    2 + scope
        .states
        .iter()
        .map(|spec| 1 + inner(spec))
        .sum::<usize>()
}

/// Closes the largest containers until there is room; answers how many states are not drawn.
fn close(scope: &mut Scope) -> usize {
    let before = size(scope);
    let mut left = before;
    while left > MOST_NODES {
        let inner = |spec: &Spec| spec.scopes.iter().map(size).sum::<usize>();
        let largest = scope.states.iter_mut().max_by_key(|spec| inner(spec));
        match largest.filter(|spec| !spec.scopes.is_empty()) {
            Some(spec) => spec.scopes.clear(),
            None => break,
        }
        left = size(scope);
    }
    // One scope of thousands of states: the first ones of it, as they are written.
    if left > MOST_NODES {
        scope.states.truncate(MOST_NODES);
        for spec in &mut scope.states {
            spec.ways
                .retain(|way| !matches!(way.to, Target::State(to) if to >= MOST_NODES));
        }
        scope.start = scope.start.filter(|start| *start < MOST_NODES);
    }
    before - size(scope)
}

/// `arn:aws:lambda:…:function:charge:live` → `charge`, `https://sqs…/1/orders` → `orders`.
fn last_part(text: &str) -> String {
    if let Some(function) = text.split(":function:").nth(1) {
        return function.split(':').next().unwrap_or_default().to_owned();
    }
    let part = text.rsplit(['/', ':']).find(|part| !part.is_empty());
    definition::cut(part.unwrap_or(text), 60)
}
