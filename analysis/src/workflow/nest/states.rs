//! States: entered, left, cut off.

use super::{GUESSES, MAX_DEPTH, Nest, Node, Visit};
use crate::workflow::event::{Block, Kind};
use model::Status;

impl Nest<'_> {
    pub(super) fn enter(
        &mut self,
        at: usize,
        from: Node,
        cause: Option<usize>,
        state_type: &str,
    ) -> Node {
        let name = self.steps[at].details.name.clone().unwrap_or_default();
        let by_parallel =
            cause.is_some_and(|c| self.steps[c].kind == Kind::BlockStarted(Block::Parallel));
        let container = match from {
            Node::Run(run) if by_parallel => self.new_branch(run, at),
            _ => self.container_at(from),
        };
        let predecessor = cause
            .filter(|cause| matches!(self.steps[*cause].kind, Kind::Exited(_)))
            .and_then(|cause| self.about[cause])
            .filter(|visit| self.visits[*visit].container == container);
        let previous = self.steps[at].event.previous_event_id;
        let visit = self.new_visit(name.clone(), state_type, container, at);
        self.visits[visit].entered = Some(at);
        self.visits[visit].predecessor = predecessor;
        self.entered_after.insert((previous, name), visit);
        Node::Visit(visit)
    }

    pub(super) fn container_at(&self, node: Node) -> Node {
        let found = self
            .up(node)
            .find(|node| !matches!(node, Node::Visit(_) | Node::Try(_)));
        let container = found.unwrap_or(Node::Root);
        match self.visit_at(container) {
            Some(block) if self.visits[block].depth >= MAX_DEPTH => Node::Root,
            _ => container,
        }
    }

    pub(super) fn new_visit(
        &mut self,
        name: String,
        state_type: &str,
        container: Node,
        first: usize,
    ) -> usize {
        let visit = self.visits.len();
        let depth = self
            .visit_at(container)
            .map_or(0, |block| self.visits[block].depth + 1);
        match container {
            Node::Iteration(n) => self.iterations[n].last_visit = Some(visit),
            Node::Branch(n) => self.branches[n].last_visit = Some(visit),
            _ => {}
        }
        self.named.entry(name.clone()).or_default().push(visit);
        self.visits.push(Visit {
            name,
            state_type: state_type.to_owned(),
            container,
            depth,
            first,
            entered: None,
            exited: None,
            caught: false,
            predecessor: None,
            runs: Vec::new(),
            tries: Vec::new(),
            failure: None,
            settled: None,
            succeeded: false,
            aborted: None,
            map_runs: Vec::new(),
        });
        visit
    }

    pub(super) fn exit(
        &mut self,
        at: usize,
        from: Node,
        cause: Option<usize>,
        state_type: &str,
    ) -> Node {
        let name = self.steps[at].details.name.as_deref();
        let fits = |visit: &Visit| {
            visit.exited.is_none()
                && visit.state_type == state_type
                && name.is_none_or(|name| visit.name == name)
        };
        let visit = self
            .enclosing(from, fits)
            .or_else(|| self.latest(fits, name))
            .unwrap_or_else(|| {
                let container = self.container_at(from);
                self.new_visit(
                    name.unwrap_or_default().to_owned(),
                    state_type,
                    container,
                    at,
                )
            });
        let caught = self.is_caught(visit, cause);
        self.visits[visit].exited = Some(at);
        self.visits[visit].caught = caught;
        self.about[at] = Some(visit);
        self.visits[visit].container
    }

    /// Left through a Catch: what caused the exit is a failure. If the cause is missing, what the visit is
    /// known to have come to decides.
    pub(super) fn is_caught(&self, visit: usize, cause: Option<usize>) -> bool {
        let visit_ = &self.visits[visit];
        match cause.map(|cause| (cause, &self.steps[cause].kind)) {
            Some((_, Kind::Entered(state_type))) => {
                state_type == "Fail"
                    && !visit_.succeeded
                    && self.about[cause.unwrap_or(0)] != Some(visit)
            }
            Some((_, Kind::IterationEnded(status))) => {
                *status != Status::Succeeded && !visit_.succeeded
            }
            Some((_, kind)) => kind.is_failure() && !visit_.succeeded,
            None => {
                let retried = visit_.tries.last().map(|last| self.tries[*last].first);
                visit_
                    .failure
                    .is_some_and(|failure| retried.is_none_or(|first| first < failure))
                    && !visit_.succeeded
            }
        }
    }

    /// TaskStateAborted and the like have no name. Behind the end of an iteration they belong to it; else
    /// every open state of the type in the block is meant.
    pub(super) fn abort_states(&mut self, at: usize, from: Node, state_type: &str) -> Node {
        let before = (0..at)
            .rev()
            .take(GUESSES)
            .find(|n| !matches!(self.steps[*n].kind, Kind::StateAborted(_)));
        let iteration = before
            .filter(|n| matches!(self.steps[*n].kind, Kind::IterationEnded(_)))
            .and_then(|n| match self.after[n] {
                Node::Iteration(iteration) => Some(iteration),
                _ => None,
            });
        let run = match iteration {
            Some(_) => None,
            None => self.up(from).find_map(|node| match node {
                Node::Run(run) => Some(run),
                Node::Visit(visit) => self.visits[visit].runs.last().copied(),
                _ => None,
            }),
        };
        let meant: Vec<usize> = match (iteration, run) {
            (Some(iteration), _) => self.iterations[iteration].last_visit.into_iter().collect(),
            (None, Some(run)) => {
                let branches = self.runs[run]
                    .branches
                    .iter()
                    .filter_map(|n| self.branches[*n].last_visit);
                branches.chain(self.visit_at(from)).take(GUESSES).collect()
            }
            (None, None) => self.visit_at(from).into_iter().collect(),
        };
        let open: Vec<usize> = meant
            .into_iter()
            .filter(|n| {
                self.visits[*n].exited.is_none() && self.visits[*n].state_type == state_type
            })
            .collect();
        for visit in &open {
            self.visits[*visit].aborted.get_or_insert(at);
        }
        if let [only] = open[..] {
            self.about[at] = Some(only);
        }
        from
    }
}
