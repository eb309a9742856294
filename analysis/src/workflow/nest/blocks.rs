//! Maps and Parallels: their starts, iterations, branches, map runs.

use super::{Branch, Iteration, Nest, Node, Run, Visit};
use crate::workflow::event::{Block, Kind};
use model::Status;
use std::collections::HashMap;

impl Nest<'_> {
    pub(super) fn start_block(
        &mut self,
        at: usize,
        from: Node,
        cause: Option<usize>,
        block: Block,
    ) -> Node {
        let open = |visit: &Visit| visit.exited.is_none() && visit.state_type == block.state_type();
        let unsettled = |visit: &Visit| open(visit) && visit.settled.is_none();
        let visit = self
            .enclosing(from, unsettled)
            .or_else(|| self.latest(unsettled, None))
            .or_else(|| self.latest(open, None))
            .unwrap_or_else(|| {
                let container = self.container_at(from);
                self.new_visit(String::new(), block.state_type(), container, at)
            });
        Node::Run(self.new_run(visit, at, cause))
    }

    pub(super) fn new_run(&mut self, visit: usize, at: usize, cause: Option<usize>) -> usize {
        if let Some(last) = self.visits[visit].runs.last() {
            self.runs[*last]
                .superseded
                .get_or_insert(cause.unwrap_or(at));
        }
        self.runs.push(Run {
            visit,
            number: self.visits[visit].runs.len() + 1,
            started: at,
            superseded: None,
            iterations: Vec::new(),
            branches: Vec::new(),
            by_index: HashMap::new(),
        });
        let run = self.runs.len() - 1;
        self.visits[visit].runs.push(run);
        self.visits[visit].settled = None;
        self.visits[visit].succeeded = false;
        run
    }

    pub(super) fn new_branch(&mut self, run: usize, first: usize) -> Node {
        let index = self.runs[run].branches.len();
        self.branches.push(Branch {
            run,
            index,
            first,
            last_visit: None,
        });
        self.runs[run].branches.push(self.branches.len() - 1);
        Node::Branch(self.branches.len() - 1)
    }

    pub(super) fn settle_block(
        &mut self,
        at: usize,
        from: Node,
        cause: Option<usize>,
        block: Block,
        status: Status,
    ) -> Node {
        if let Some(cause) = cause {
            self.source[at] = self.source[cause];
        }
        let open = |visit: &Visit| {
            visit.exited.is_none()
                && visit.settled.is_none()
                && visit.state_type == block.state_type()
        };
        let Some(visit) = self
            .enclosing(from, open)
            .or_else(|| self.latest(open, None))
        else {
            return from;
        };
        let held = &mut self.visits[visit];
        held.settled = Some(at);
        match status {
            Status::Failed => held.failure = Some(at),
            Status::Aborted => held.aborted = Some(at),
            _ => held.succeeded = true,
        }
        Node::Visit(visit)
    }

    /// The latest start of the Map that an iteration's event names.
    pub(super) fn map_of(&mut self, at: usize, from: Node) -> usize {
        let name = self.steps[at].details.name.as_deref();
        let fits = |visit: &Visit| {
            visit.exited.is_none()
                && visit.state_type == "Map"
                && name.is_none_or(|name| visit.name == name)
        };
        let visit = self
            .enclosing(from, fits)
            .or_else(|| self.latest(fits, name))
            .unwrap_or_else(|| {
                let container = self.container_at(from);
                self.new_visit(name.unwrap_or_default().to_owned(), "Map", container, at)
            });
        match self.visits[visit].runs.last() {
            Some(run) => *run,
            None => self.new_run(visit, at, None),
        }
    }

    pub(super) fn start_iteration(&mut self, at: usize, from: Node) -> Node {
        let run = self.map_of(at, from);
        let index = self.steps[at]
            .details
            .index
            .unwrap_or(self.runs[run].iterations.len() as i64);
        Node::Iteration(self.new_iteration(run, index, at))
    }

    pub(super) fn new_iteration(&mut self, run: usize, index: i64, at: usize) -> usize {
        let iteration = self.iterations.len();
        self.iterations.push(Iteration {
            run,
            index,
            started: at,
            ended: None,
            last_visit: None,
        });
        self.runs[run].iterations.push(iteration);
        self.runs[run].by_index.insert(index, iteration);
        iteration
    }

    pub(super) fn end_iteration(
        &mut self,
        at: usize,
        from: Node,
        cause: Option<usize>,
        status: Status,
    ) -> Node {
        if let Some(cause) = cause {
            self.source[at] = self.source[cause];
        }
        let run = self.map_of(at, from);
        let within = self.up(from).find_map(|node| match node {
            Node::Iteration(n) if self.iterations[n].run == run => Some(n),
            _ => None,
        });
        let iteration = match self.steps[at].details.index {
            Some(index) => match self.runs[run].by_index.get(&index) {
                Some(iteration) => *iteration,
                None => self.new_iteration(run, index, at),
            },
            None => match within {
                Some(iteration) => iteration,
                None => return from,
            },
        };
        let ended = &mut self.iterations[iteration].ended;
        // The first end counts, unless a redrive took it back.
        let stale = ended.is_some_and(|(step, _)| Some(step) < self.redriven);
        if stale || ended.is_none() {
            *ended = Some((at, status));
        }
        self.about[at] = Some(self.runs[run].visit);
        Node::Iteration(iteration)
    }

    pub(super) fn map_run(&mut self, at: usize, from: Node, failed: bool) -> Node {
        let fits = |visit: &Visit| visit.exited.is_none() && visit.state_type == "Map";
        let Some(visit) = self
            .enclosing(from, fits)
            .or_else(|| self.latest(fits, None))
        else {
            return from;
        };
        if self.steps[at].kind == Kind::MapRunStarted {
            self.visits[visit].map_runs.push(at);
        }
        if failed {
            self.visits[visit].failure = Some(at);
        }
        Node::Visit(visit)
    }
}
