//! Containment, rebuilt: which state visit, try, iteration and branch every event belongs to.
//!
//! `previousEventId` makes a tree of causes, not of containment. Every event therefore leaves behind a
//! [`Node`]: where an event caused by it happens. Events are taken in order of their ids and look at the
//! node of their cause; causes that are not held (partial logs) or that lie ahead (hostile data) give way to
//! the nearest earlier event, so that every walk ends and the whole is linear in the number of events.

mod blocks;
mod states;
mod tries;

use crate::workflow::event::{Kind, Step};
use model::Status;
use std::collections::HashMap;

/// A place in the tree. Numbers index the lists of [`Nest`]; containers come before their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Root,
    Visit(usize),
    Run(usize),
    Iteration(usize),
    Branch(usize),
    Try(usize),
}

/// One visit of a state. Event fields are indices of steps.
#[derive(Debug)]
pub(super) struct Visit {
    pub name: String,
    pub state_type: String,
    pub container: Node,
    /// Maps and Parallels around it.
    pub depth: u32,
    /// The event that is known first; it entered the visit unless that event is missing.
    pub first: usize,
    pub entered: Option<usize>,
    pub exited: Option<usize>,
    pub caught: bool,
    /// The visit of the same container that was left just before.
    pub predecessor: Option<usize>,
    pub runs: Vec<usize>,
    pub tries: Vec<usize>,
    /// The last failure of its own.
    pub failure: Option<usize>,
    /// A Map or Parallel that has failed or succeeded, until it is started again.
    pub settled: Option<usize>,
    pub succeeded: bool,
    pub aborted: Option<usize>,
    pub map_runs: Vec<usize>,
}

/// One start of a Map or Parallel.
#[derive(Debug)]
pub(super) struct Run {
    pub visit: usize,
    /// 1 for the first start of the visit.
    pub number: usize,
    pub started: usize,
    /// The failure after which the block was started again.
    pub superseded: Option<usize>,
    pub iterations: Vec<usize>,
    pub branches: Vec<usize>,
    by_index: HashMap<i64, usize>,
}

/// One iteration of a Map.
#[derive(Debug)]
pub(super) struct Iteration {
    pub run: usize,
    pub index: i64,
    pub started: usize,
    pub ended: Option<(usize, Status)>,
    pub last_visit: Option<usize>,
}

/// One branch of a Parallel.
#[derive(Debug)]
pub(super) struct Branch {
    pub run: usize,
    pub index: usize,
    pub first: usize,
    pub last_visit: Option<usize>,
}

/// One try of a task.
#[derive(Debug)]
pub(super) struct Try {
    pub visit: usize,
    pub number: u32,
    pub first: usize,
    pub scheduled: Option<usize>,
    pub started: Option<usize>,
    pub submitted: Option<usize>,
    pub ended: Option<usize>,
    /// The failure of the same visit that it follows.
    pub after_failure: Option<usize>,
}

/// The tree of one execution.
#[derive(Debug)]
pub(super) struct Nest<'a> {
    pub steps: &'a [Step<'a>],
    pub visits: Vec<Visit>,
    pub runs: Vec<Run>,
    pub iterations: Vec<Iteration>,
    pub branches: Vec<Branch>,
    pub tries: Vec<Try>,
    /// Per step: the visit it is about.
    pub about: Vec<Option<usize>>,
    /// Per step: the failure that it passes on, itself for most.
    pub source: Vec<usize>,
    /// Per step: its cause, if that is held.
    pub cause: Vec<Option<usize>>,
    after: Vec<Node>,
    /// The last redrive so far.
    redriven: Option<usize>,
    by_id: HashMap<u64, usize>,
    /// Visits of a name, the latest last.
    named: HashMap<String, Vec<usize>>,
    /// Visits by (the event that caused their entry, name).
    entered_after: HashMap<(u64, String), usize>,
}

/// Maps and Parallels may be nested this deep; what lies deeper is shown at the top. It bounds every walk.
const MAX_DEPTH: u32 = 64;
/// How far back a guess looks when the cause of an event is missing.
const GUESSES: usize = 64;

impl<'a> Nest<'a> {
    /// Builds the tree of steps in the order of the history.
    pub fn build(steps: &'a [Step<'a>]) -> Self {
        let mut nest = Nest {
            steps,
            visits: Vec::new(),
            runs: Vec::new(),
            iterations: Vec::new(),
            branches: Vec::new(),
            tries: Vec::new(),
            about: Vec::with_capacity(steps.len()),
            source: Vec::with_capacity(steps.len()),
            cause: Vec::with_capacity(steps.len()),
            after: Vec::with_capacity(steps.len()),
            redriven: None,
            by_id: HashMap::with_capacity(steps.len()),
            named: HashMap::new(),
            entered_after: HashMap::new(),
        };
        for at in 0..steps.len() {
            nest.take(at);
        }
        nest
    }

    /// The innermost visit at a node.
    pub fn visit_at(&self, node: Node) -> Option<usize> {
        self.up(node).find_map(as_visit)
    }

    /// The node around a node; `None` above the root.
    pub fn parent(&self, node: Node) -> Option<Node> {
        match node {
            Node::Root => None,
            Node::Visit(n) => Some(self.visits[n].container),
            Node::Run(n) => Some(Node::Visit(self.runs[n].visit)),
            Node::Iteration(n) => Some(Node::Run(self.iterations[n].run)),
            Node::Branch(n) => Some(Node::Run(self.branches[n].run)),
            Node::Try(n) => Some(Node::Visit(self.tries[n].visit)),
        }
    }

    /// The node and those around it, inside out.
    pub fn up(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        std::iter::successors(Some(node), |node| self.parent(*node))
    }

    /// Step of an event id, as far as the steps were taken.
    pub fn step_of(&self, event_id: u64) -> Option<usize> {
        self.by_id.get(&event_id).copied()
    }

    fn take(&mut self, at: usize) {
        let step = &self.steps[at];
        let previous = step.event.previous_event_id;
        let cause = self.step_of(previous);
        let from = match cause {
            Some(cause) => self.after[cause],
            None if previous == 0 => Node::Root,
            None => self.nearest_before(previous, at),
        };
        self.source.push(at);
        self.about.push(None);
        self.cause.push(cause);
        let after = self.place(at, from, cause);
        if self.about[at].is_none() {
            self.about[at] = self.visit_at(after);
        }
        if step.kind == Kind::Redriven {
            self.redriven = Some(at);
        } else if let Some(redrive) = self.redriven {
            self.take_up(redrive, after);
        }
        self.after.push(after);
        self.by_id.insert(step.id(), at);
    }

    /// Something happens here after a redrive: the end that iterations, Maps and Parallels around it had before is none.
    fn take_up(&mut self, redrive: usize, at: Node) {
        let mut next = Some(at);
        while let Some(node) = next {
            match node {
                Node::Iteration(n) => {
                    let ended = &mut self.iterations[n].ended;
                    *ended = ended.filter(|(step, _)| *step > redrive);
                }
                Node::Visit(n) => {
                    let settled = &mut self.visits[n].settled;
                    *settled = settled.filter(|step| *step > redrive);
                }
                _ => {}
            }
            next = self.parent(node);
        }
    }

    /// What the event nearest before a missing one left behind.
    fn nearest_before(&self, id: u64, at: usize) -> Node {
        let earlier = self.steps.partition_point(|step| step.id() <= id).min(at);
        earlier
            .checked_sub(1)
            .and_then(|n| self.after.get(n))
            .copied()
            .unwrap_or(Node::Root)
    }

    fn place(&mut self, at: usize, from: Node, cause: Option<usize>) -> Node {
        let steps = self.steps;
        match &steps[at].kind {
            Kind::Started | Kind::Ended(_) | Kind::Redriven => Node::Root,
            Kind::Entered(state_type) => self.enter(at, from, cause, state_type),
            Kind::Exited(state_type) => self.exit(at, from, cause, state_type),
            Kind::StateAborted(state_type) => self.abort_states(at, from, state_type),
            Kind::BlockStarted(block) => self.start_block(at, from, cause, *block),
            Kind::BlockSucceeded(block) => {
                self.settle_block(at, from, cause, *block, Status::Succeeded)
            }
            Kind::BlockFailed(block) => self.settle_block(at, from, cause, *block, Status::Failed),
            Kind::BlockAborted(block) => {
                self.settle_block(at, from, cause, *block, Status::Aborted)
            }
            Kind::IterationStarted => self.start_iteration(at, from),
            Kind::IterationEnded(status) => self.end_iteration(at, from, cause, *status),
            Kind::MapRunStarted => self.map_run(at, from, false),
            Kind::MapRunEnded(status) => self.map_run(at, from, *status == Status::Failed),
            Kind::Scheduled => self.schedule(at, from),
            Kind::TryStarted | Kind::TrySubmitted | Kind::TrySucceeded | Kind::TryFailed(_) => {
                self.progress(at, from)
            }
            Kind::EvaluationFailed => self.evaluation_failed(at, from),
            Kind::Other => from,
        }
    }

    fn enclosing(&self, from: Node, fits: impl Fn(&Visit) -> bool) -> Option<usize> {
        self.up(from)
            .filter_map(as_visit)
            .find(|n| fits(&self.visits[*n]))
    }

    /// The latest visit that fits: by name if there is one, else among the last ones.
    fn latest(&self, fits: impl Fn(&Visit) -> bool, name: Option<&str>) -> Option<usize> {
        match name {
            Some(name) => {
                let visits = self.named.get(name)?;
                visits
                    .iter()
                    .rev()
                    .take(GUESSES)
                    .copied()
                    .find(|n| fits(&self.visits[*n]))
            }
            None => (0..self.visits.len())
                .rev()
                .take(GUESSES)
                .find(|n| fits(&self.visits[*n])),
        }
    }
}

fn as_visit(node: Node) -> Option<usize> {
    match node {
        Node::Visit(n) => Some(n),
        _ => None,
    }
}

/// The state, and the event that entered it, that a cause text names: `An error occurred while executing the
/// state 'X' (entered at the event id #N). …`. A text that merely quotes such a sentence (a child
/// execution's cause inside JSON) names no state of this execution.
pub(super) fn named_in_cause(cause: &str) -> Option<(&str, Option<u64>)> {
    // "while executing", "while scheduling" for what failed before it began, "failed to transition out of".
    let (before, rest) = cause
        .split_once("ing the state '")
        .or_else(|| cause.split_once(" transition out of the state '"))?;
    let says_so = ["execut", "Failed to"]
        .iter()
        .any(|end| before.ends_with(end));
    let says_so = says_so || before.contains("rror occurred while");
    if !says_so || before.len() > 80 || before.contains(['{', '"', '\'']) {
        return None;
    }
    match rest.split_once("' (entered at the event id #") {
        Some((name, rest)) => {
            let digits = rest
                .split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap_or_default();
            Some((name, digits.parse().ok()))
        }
        None => rest.split_once('\'').map(|(name, _)| (name, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::named_in_cause;

    #[test]
    fn causes_name_states() {
        let check = |cause: &str, expect| assert_eq!(named_in_cause(cause), expect, "{cause}");
        check(
            "An error occurred while executing the state 'W' (entered at the event id #2). x",
            Some(("W", Some(2))),
        );
        check(
            "An error occurred while executing the state 'it's' (entered at the event id #12).",
            Some(("it's", Some(12))),
        );
        check(
            "An error occurred while executing the state 'W'.",
            Some(("W", None)),
        );
        check(
            "{\"Cause\":\"An error occurred while executing the state 'W' (entered",
            None,
        );
        check(
            "An error occurred while scheduling the state 'W' (entered at the event id #4). x",
            Some(("W", Some(4))),
        );
        check(
            "Failed to transition out of the state 'W'. The state does not point to a next state.",
            Some(("W", None)),
        );
        check("boom", None);
        check("Nobody minds entering the state 'W' today", None);
        check(
            "executing the state 'W' (entered at the event id #99999999999999999999)",
            Some(("W", None)),
        );
    }
}
