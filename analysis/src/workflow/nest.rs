//! Containment, rebuilt: which state visit, try, iteration and branch every event belongs to.
//!
//! `previousEventId` makes a tree of causes, not of containment. Every event therefore leaves behind a
//! [`Node`]: where an event caused by it happens. Events are taken in order of their ids and look at the
//! node of their cause; causes that are not held (partial logs) or that lie ahead (hostile data) give way to
//! the nearest earlier event, so that every walk ends and the whole is linear in the number of events.

use super::event::{Block, Kind, Step};
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
        self.after.push(after);
        self.by_id.insert(step.id(), at);
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

    // States.

    fn enter(&mut self, at: usize, from: Node, cause: Option<usize>, state_type: &str) -> Node {
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

    fn container_at(&self, node: Node) -> Node {
        let found = self
            .up(node)
            .find(|node| !matches!(node, Node::Visit(_) | Node::Try(_)));
        let container = found.unwrap_or(Node::Root);
        match self.visit_at(container) {
            Some(block) if self.visits[block].depth >= MAX_DEPTH => Node::Root,
            _ => container,
        }
    }

    fn new_visit(
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

    fn exit(&mut self, at: usize, from: Node, cause: Option<usize>, state_type: &str) -> Node {
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
    fn is_caught(&self, visit: usize, cause: Option<usize>) -> bool {
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
    fn abort_states(&mut self, at: usize, from: Node, state_type: &str) -> Node {
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

    // Maps and Parallels.

    fn start_block(&mut self, at: usize, from: Node, cause: Option<usize>, block: Block) -> Node {
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

    fn new_run(&mut self, visit: usize, at: usize, cause: Option<usize>) -> usize {
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

    fn new_branch(&mut self, run: usize, first: usize) -> Node {
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

    fn settle_block(
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
    fn map_of(&mut self, at: usize, from: Node) -> usize {
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

    fn start_iteration(&mut self, at: usize, from: Node) -> Node {
        let run = self.map_of(at, from);
        let index = self.steps[at]
            .details
            .index
            .unwrap_or(self.runs[run].iterations.len() as i64);
        Node::Iteration(self.new_iteration(run, index, at))
    }

    fn new_iteration(&mut self, run: usize, index: i64, at: usize) -> usize {
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

    fn end_iteration(
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
        self.iterations[iteration].ended.get_or_insert((at, status));
        self.about[at] = Some(self.runs[run].visit);
        Node::Iteration(iteration)
    }

    fn map_run(&mut self, at: usize, from: Node, failed: bool) -> Node {
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

    // Tries.

    fn schedule(&mut self, at: usize, from: Node) -> Node {
        let inside = self.visit_at(from).filter(|n| {
            let visit = &self.visits[*n];
            visit.exited.is_none() && !matches!(visit.state_type.as_str(), "Map" | "Parallel")
        });
        let visit = inside
            .or_else(|| self.latest_idle_task())
            .unwrap_or_else(|| {
                let container = self.container_at(from);
                self.new_visit(String::new(), "Task", container, at)
            });
        let attempt = self.new_try(visit, at);
        self.tries[attempt].scheduled = Some(at);
        Node::Try(attempt)
    }

    /// The latest open Task that has no try going: where a try belongs whose cause is missing, or is a redrive.
    fn latest_idle_task(&self) -> Option<usize> {
        (0..self.visits.len()).rev().take(GUESSES).find(|n| {
            let visit = &self.visits[*n];
            visit.exited.is_none()
                && visit.state_type == "Task"
                && visit
                    .tries
                    .last()
                    .is_none_or(|last| self.tries[*last].ended.is_some())
        })
    }

    fn new_try(&mut self, visit: usize, at: usize) -> usize {
        let number = self.visits[visit].tries.len() as u32 + 1;
        let after_failure = self.visits[visit].failure;
        self.tries.push(Try {
            visit,
            number,
            first: at,
            scheduled: None,
            started: None,
            submitted: None,
            ended: None,
            after_failure,
        });
        self.visits[visit].tries.push(self.tries.len() - 1);
        self.tries.len() - 1
    }

    fn progress(&mut self, at: usize, from: Node) -> Node {
        let failed = matches!(self.steps[at].kind, Kind::TryFailed(_));
        let attempt = match from {
            Node::Try(n) if failed || self.tries[n].ended.is_none() => Some(n),
            // It failed before there was a try: ScheduleFailed right after StateEntered.
            Node::Visit(visit) if failed && self.visits[visit].entered.is_some() => {
                self.visits[visit].failure = Some(at);
                return Node::Visit(visit);
            }
            _ => (0..self.tries.len()).rev().take(GUESSES).find(|n| {
                let visit = &self.visits[self.tries[*n].visit];
                self.tries[*n].ended.is_none() && visit.exited.is_none()
            }),
        };
        let attempt = attempt.unwrap_or_else(|| {
            let inside = self
                .visit_at(from)
                .filter(|n| self.visits[*n].state_type == "Task");
            let visit = inside
                .filter(|n| self.visits[*n].exited.is_none())
                .unwrap_or_else(|| {
                    let container = self.container_at(from);
                    self.new_visit(String::new(), "Task", container, at)
                });
            self.new_try(visit, at)
        });
        let held = &mut self.tries[attempt];
        match self.steps[at].kind {
            Kind::TryStarted => held.started = Some(at),
            Kind::TrySubmitted => held.submitted = Some(at),
            Kind::TrySucceeded => held.ended = Some(at),
            _ => {
                held.ended = Some(at);
                self.visits[held.visit].failure = Some(at);
            }
        }
        Node::Try(attempt)
    }

    /// Its cause is mostly the event before the state was entered, so the state is found by the text
    /// "(entered at the event id #N)", by its name, or by the entry that has the same cause.
    fn evaluation_failed(&mut self, at: usize, from: Node) -> Node {
        let step = &self.steps[at];
        let (name, entered) = match step.details.cause.as_deref().and_then(named_in_cause) {
            Some((name, entered)) => (Some(name), entered),
            None => (None, None),
        };
        let name = step.details.state.as_deref().or(name);
        let fits =
            |visit: &Visit| visit.exited.is_none() && name.is_none_or(|name| visit.name == name);
        let by_text = entered
            .and_then(|id| self.step_of(id))
            .and_then(|entered| self.about[entered])
            .filter(|n| fits(&self.visits[*n]));
        let by_cause = || {
            let key = (step.event.previous_event_id, name?.to_owned());
            self.entered_after
                .get(&key)
                .copied()
                .filter(|n| fits(&self.visits[*n]))
        };
        let visit = by_text
            .or_else(|| self.enclosing(from, fits))
            .or_else(by_cause)
            .or_else(|| self.latest(fits, name));
        let Some(visit) = visit else {
            return from;
        };
        self.visits[visit].failure = Some(at);
        match self.visits[visit].tries.last() {
            Some(last) if self.tries[*last].ended.is_none() => Node::Try(*last),
            _ => Node::Visit(visit),
        }
    }

    // Searches.

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
    let (before, rest) = cause.split_once("executing the state '")?;
    if before.len() > 80 || before.contains(['{', '"', '\'']) {
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
        check("boom", None);
        check(
            "executing the state 'W' (entered at the event id #99999999999999999999)",
            Some(("W", None)),
        );
    }
}
