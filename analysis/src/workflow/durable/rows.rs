//! The rows of the tables: executions, states, attempts.

use super::{
    super::{calls::function_reference, documents::Described},
    Names,
    outcome::{Outcome, Outcomes},
    root_of, status_of,
    tree::{Kind, Op, Run, Tree, Try},
};
use model::{Attempt, Engine, Execution, SpanId, State, Status};

/// What the rows are made of.
pub(super) struct Built<'a> {
    pub tree: &'a Tree<'a>,
    pub outcomes: &'a Outcomes,
    pub described: &'a Described,
    pub names: Names,
}

impl Built<'_> {
    fn id(&self, what: &str, at: usize) -> SpanId {
        let event = self.tree.events[at].event_id.to_string();
        SpanId::of_parts(&[&self.names.arn, what, &event, "0"])
    }

    /// The span of an operation, or of the execution.
    pub fn span_of(&self, op: Option<usize>) -> SpanId {
        let Some(op) = op else {
            return root_of(self);
        };
        let what = match self.tree.ops[op].kind {
            Kind::Track => "iteration",
            _ => "state",
        };
        self.id(what, self.tree.ops[op].first)
    }

    /// `Fan[3]/Charge`, `Split{1}/Audit`, `Context/Step`.
    pub fn path(&self, op: usize) -> String {
        let mut parts = vec![self.part(op)];
        parts.extend(self.tree.around(op).map(|at| self.part(at)));
        parts.reverse();
        let mut path = String::new();
        for part in parts {
            // An index stands right behind the block that it is of.
            if !path.is_empty() && !part.starts_with(['[', '{']) {
                path.push('/');
            }
            path += &part;
        }
        path
    }

    fn part(&self, op: usize) -> String {
        let one = &self.tree.ops[op];
        let block = one.parent.map(|at| self.tree.ops[at].kind);
        match (one.kind, block) {
            (Kind::Track, Some(Kind::Map)) => format!("[{}]", one.index),
            (Kind::Track, _) => format!("{{{}}}", one.index),
            _ => one.name.clone(),
        }
    }

    /// Operations that are state visits.
    pub fn visits(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.tree.ops.len()).filter(|op| self.tree.ops[*op].kind != Kind::Track)
    }

    /// Rows of `states`, by the event that began them.
    pub fn states(&self) -> Vec<State> {
        self.visits().map(|op| self.state(op)).collect()
    }

    fn state(&self, n: usize) -> State {
        let (tree, op) = (self.tree, &self.tree.ops[n]);
        let outcome = self.outcomes.ops[n];
        let start = tree.time(op.first);
        let failed = outcome.status.is_failure().then(|| op.failure.clone());
        let failed = failed.unwrap_or_default();
        let event = |at: usize| tree.events[at].event_id;
        let index_in = |block: Kind| {
            let mut tracks = tree
                .around(n)
                .filter(|at| tree.ops[*at].kind == Kind::Track);
            let of = |at: &usize| tree.ops[*at].parent.map(|at| tree.ops[at].kind);
            let found = tracks.find(|at| of(at) == Some(block))?;
            u32::try_from(tree.ops[found].index).ok()
        };
        let iterations = match op.kind {
            Kind::Map => op.children.len() as u32,
            _ => 0,
        };
        State {
            execution_arn: self.names.arn.clone(),
            trace_id: self.names.trace_id,
            span_id: self.span_of(Some(n)),
            parent_span_id: self.span_of(op.parent),
            state_machine: self.names.function.clone(),
            state: op.name.clone(),
            state_type: state_type(op).to_owned(),
            path: self.path(n),
            status: outcome.status,
            caught: self.outcomes.caught[n],
            error: failed.error,
            cause: failed.cause,
            start_time: start,
            end_time: outcome.end,
            duration_ns: outcome.end.map(|end| end.since(start)),
            attempts: op.tries.len() as u32,
            retries: retries(op),
            block_retries: 0,
            iterations,
            map_run_arn: None,
            iteration_index: index_in(Kind::Map),
            branch_index: index_in(Kind::Parallel),
            entered_event_id: op.started.map_or(0, event),
            exited_event_id: op.ended.map(|(at, _)| event(at)),
            redrive_count: 0,
            input: tree.payload(op.first, "Input"),
            output: op.output.clone(),
        }
    }

    /// Rows of `attempts`: those of operations, then the invocations of the function.
    pub fn attempts(&self) -> Vec<Attempt> {
        let of_ops = self.visits().flat_map(|op| {
            let tries = self.tree.ops[op].tries.iter().enumerate();
            tries.map(move |(n, one)| self.attempt(op, n, one))
        });
        let runs = self.tree.runs.iter().enumerate();
        of_ops
            .chain(runs.map(|(n, run)| self.run(n, run)))
            .collect()
    }

    fn attempt(&self, n: usize, number: usize, one: &Try) -> Attempt {
        let (tree, op) = (self.tree, &self.tree.ops[n]);
        let Outcome { status, end } = self.outcomes.of_try(tree, n, number);
        let start = tree.time(one.first);
        let after = one.after_failure.map(|at| tree.time(at));
        let callback = op.kind == Kind::Callback;
        let mut row = Attempt {
            status,
            error: one.failure.error.clone(),
            cause: one.failure.cause.clone(),
            start_time: start,
            submitted_time: callback.then_some(start),
            end_time: end,
            duration_ns: end.map(|end| end.since(start)),
            ..blank(self, self.id("attempt", one.first))
        };
        row.parent_span_id = self.span_of(Some(n));
        row.state.clone_from(&op.name);
        row.path = self.path(n);
        row.attempt = number as u32 + 1;
        row.retry = one.after_failure.is_some();
        row.backoff_ns = after.map(|failure| start.since(failure));
        row.timeout_seconds = tree.number(one.first, "Timeout");
        row.heartbeat_seconds = tree.number(one.first, "HeartbeatTimeout");
        row.scheduled_event_id = tree.events[one.first].event_id;
        row.end_event_id = one.ended.map(|(at, _)| tree.events[at].event_id);
        row.input = tree.payload(one.first, "Input");
        row.output.clone_from(&one.output);
        match op.kind {
            Kind::Invoke => self.called(one.first, &mut row),
            Kind::Callback => row.resource_type = "callback".to_owned(),
            _ => {
                row.resource_type = "step".to_owned();
                row.resource = Some(op.sub_type.clone())
                    .filter(|it| it != "Step")
                    .unwrap_or_default();
            }
        }
        row
    }

    /// A chained invoke. One of a durable function started an execution, whose history has its invocations.
    fn called(&self, at: usize, row: &mut Attempt) {
        let reference = self.tree.text(at, "FunctionName").unwrap_or_default();
        let child = self.tree.text(at, "DurableExecutionArn").map(str::to_owned);
        let (name, qualifier) = function_reference(reference);
        let name = Some(name).filter(|name| !name.is_empty());
        if child.is_some() {
            row.resource_type = "durable".to_owned();
            row.resource = name.unwrap_or_default();
            row.child_execution_arn = child;
            row.submitted_time = Some(row.start_time);
            return;
        }
        row.resource_type = "lambda".to_owned();
        row.resource = "invoke".to_owned();
        row.function_name = name;
        row.function_qualifier =
            qualifier.or_else(|| self.tree.text(at, "ExecutedVersion").map(str::to_owned));
    }

    /// One invocation of the function: a try of the execution itself.
    fn run(&self, number: usize, run: &Run) -> Attempt {
        let before = number.checked_sub(1).map(|n| &self.tree.runs[n]);
        let failed = before.filter(|run| run.failure.is_some());
        let failure = run.failure.clone().unwrap_or_default();
        Attempt {
            parent_span_id: root_of(self),
            attempt: number as u32 + 1,
            retry: failed.is_some(),
            backoff_ns: failed.map(|before| run.start.since(before.end)),
            resource_type: "lambda".to_owned(),
            resource: self.names.function_arn.clone().unwrap_or_default(),
            function_name: Some(self.names.function.clone()).filter(|name| !name.is_empty()),
            function_qualifier: self.names.version.clone(),
            request_id: run.request_id.clone(),
            status: match run.failure {
                Some(_) => Status::Failed,
                None => Status::Succeeded,
            },
            error: failure.error,
            cause: failure.cause,
            start_time: run.start,
            end_time: Some(run.end),
            duration_ns: Some(run.end.since(run.start)),
            end_event_id: Some(self.tree.events[run.at].event_id),
            ..blank(self, self.id("attempt", run.at))
        }
    }

    /// The row of `executions`.
    pub fn execution(&self, incomplete: Option<String>) -> Execution {
        let (tree, names) = (self.tree, &self.names);
        let end = self.outcomes.end;
        let first = tree.started.or((!tree.events.is_empty()).then_some(0));
        let described = self.described.time("startDate");
        let start = match tree.started {
            Some(at) => tree.time(at),
            None => described
                .or(first.map(|at| tree.time(at)))
                .unwrap_or_default(),
        };
        let said = |name: &str| self.described.text(name).map(str::to_owned);
        let culprit = self.outcomes.culprit;
        let root = culprit.filter(|op| tree.ops[*op].ended.is_some());
        let count =
            |fits: &dyn Fn(&Op) -> bool| tree.ops.iter().filter(|op| fits(op)).count() as u32;
        let own = &self.outcomes.failure;
        let tracks = |op: &Op| op.kind == Kind::Track && self.is_iteration(op);
        let failed = |n: &usize| self.outcomes.ops[*n].status.is_failure();
        Execution {
            execution_arn: names.arn.clone(),
            trace_id: names.trace_id,
            span_id: root_of(self),
            engine: Engine::LAMBDA_DURABLE.to_owned(),
            state_machine: names.function.clone(),
            state_machine_arn: names.function_arn.clone(),
            state_machine_version: names.version.clone(),
            name: names.name.clone(),
            status: status_of(self.outcomes),
            start_time: start,
            end_time: end.map(|end| end.time),
            duration_ns: end.map(|end| end.time.since(start)),
            error: own.error.clone(),
            cause: own.cause.clone(),
            failing_state: culprit.map(|op| tree.ops[op].name.clone()),
            root_error: root.map_or(own.error.clone(), |op| tree.ops[op].failure.error.clone()),
            root_cause: root.map_or(own.cause.clone(), |op| tree.ops[op].failure.cause.clone()),
            root_state: culprit.map(|op| tree.ops[op].name.clone()),
            root_event_id: self.root_event(root),
            states_entered: count(&|op| op.kind != Kind::Track),
            attempts: tree.ops.iter().map(|op| op.tries.len() as u32).sum(),
            retries: tree.ops.iter().map(retries).sum(),
            iterations: count(&tracks),
            iterations_failed: (0..tree.ops.len())
                .filter(|n| tracks(&tree.ops[*n]) && failed(n))
                .count() as u32,
            caught_failures: self
                .outcomes
                .caught
                .iter()
                .filter(|caught| **caught)
                .count() as u32,
            events: tree.events.len() as u32,
            complete: incomplete.is_none(),
            incomplete_reason: incomplete,
            source: if tree.events.is_empty() {
                ""
            } else {
                "history"
            }
            .to_owned(),
            region: names.region.clone(),
            account: names.account.clone(),
            input: tree
                .started
                .and_then(|at| tree.payload(at, "Input"))
                .or_else(|| said("input")),
            output: self.output().or_else(|| said("output")),
            ..Execution::default()
        }
    }

    fn is_iteration(&self, op: &Op) -> bool {
        op.parent
            .is_some_and(|at| self.tree.ops[at].kind == Kind::Map)
    }

    fn root_event(&self, root: Option<usize>) -> Option<u64> {
        let failed = root
            .and_then(|op| self.tree.ops[op].ended)
            .map(|(at, _)| at);
        let bad = self
            .outcomes
            .end
            .filter(|end| end.status != model::ExecutionStatus::Succeeded)?;
        Some(self.tree.events[failed.or(bad.step)?].event_id)
    }

    fn output(&self) -> Option<String> {
        self.tree.payload(self.outcomes.end?.step?, "Result")
    }
}

/// What is the same in all attempts of the execution.
fn blank(built: &Built, span_id: SpanId) -> Attempt {
    Attempt {
        execution_arn: built.names.arn.clone(),
        trace_id: built.names.trace_id,
        span_id,
        state_machine: built.names.function.clone(),
        attempt: 1,
        ..Attempt::default()
    }
}

fn retries(op: &Op) -> u32 {
    op.tries
        .iter()
        .filter(|one| one.after_failure.is_some())
        .count() as u32
}

fn state_type(op: &Op) -> &'static str {
    match op.kind {
        Kind::Step | Kind::Callback | Kind::Invoke => "Task",
        Kind::Wait => "Wait",
        Kind::Map => "Map",
        Kind::Parallel => "Parallel",
        Kind::Context | Kind::Track => "Context",
    }
}
