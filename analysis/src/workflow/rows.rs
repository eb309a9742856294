//! The rows of the tables: executions, states, attempts.

use super::{
    calls::{Called, Said},
    documents::Described,
    event::{Details, Kind},
    names::Names,
    nest::{Nest, Node},
    outcome::{End, Outcomes},
    verdict::{Failing, RootCause, error_output, missing},
};
use model::{Attempt, Execution, HistoryEvent, State, Status};
use serde_json::Value;

/// What the rows are made of.
pub(super) struct Built<'a> {
    pub nest: &'a Nest<'a>,
    pub outcomes: &'a Outcomes,
    pub described: &'a Described,
    pub names: &'a Names,
    pub end: Option<End>,
    pub failing: &'a Failing,
    pub root: &'a RootCause,
}

impl Built<'_> {
    fn details(&self, at: usize) -> &Details {
        &self.nest.steps[at].details
    }

    /// Error name and cause text of a visit that failed.
    pub fn visit_error(&self, n: usize) -> (Option<String>, Option<String>) {
        let visit = &self.nest.visits[n];
        let outcome = self.outcomes.visits[n];
        if !outcome.status.is_failure() {
            return (None, None);
        }
        let event = outcome.failure.map(|at| self.details(at));
        let mut error = event.and_then(|details| details.error.clone());
        let mut cause = event.and_then(|details| details.cause.clone());
        if visit.caught && error.is_none() && event.is_none_or(|details| details.cause.is_none()) {
            let output = visit
                .exited
                .and_then(|at| self.details(at).output.as_deref());
            if let Some(caught) = output.and_then(error_output) {
                (error, cause) = (Some(caught.0), cause.or(caught.1));
            }
        }
        let on_path = || {
            let up = self
                .failing
                .visit
                .into_iter()
                .flat_map(|visit| self.nest.up(Node::Visit(visit)));
            !visit.caught && up.into_iter().any(|node| node == Node::Visit(n))
        };
        if error.is_none() && event.is_none_or(|details| details.name.is_some()) && on_path() {
            let terminal = self.end.and_then(|end| end.step).map(|at| self.details(at));
            error = terminal.and_then(|details| details.error.clone());
            cause = cause.or(terminal.and_then(|details| details.cause.clone()));
        }
        if error.is_none() && visit.state_type == "Fail" {
            let written = |name: &str| {
                self.described
                    .state(&visit.name)?
                    .get(name)?
                    .as_str()
                    .map(str::to_owned)
            };
            (error, cause) = (written("Error"), cause.or(written("Cause")));
        }
        (error, cause)
    }

    /// Rows of `states`, by entered event.
    pub fn states(&self) -> Vec<State> {
        (0..self.nest.visits.len()).map(|n| self.state(n)).collect()
    }

    fn state(&self, n: usize) -> State {
        let visit = &self.nest.visits[n];
        let outcome = self.outcomes.visits[n];
        let step = &self.nest.steps[visit.first];
        let (error, cause) = self.visit_error(n);
        let runs = visit.runs.len() as u32;
        let iterations = visit
            .runs
            .iter()
            .map(|run| self.nest.runs[*run].iterations.len() as u32)
            .sum();
        let (iteration_index, branch_index) = self.place(visit.container);
        State {
            execution_arn: self.names.execution_arn.clone(),
            trace_id: self.names.trace_id,
            span_id: self.names.visits[n],
            parent_span_id: self.names.span_of(self.nest, visit.container),
            state_machine: self.names.state_machine.clone(),
            state: visit.name.clone(),
            state_type: visit.state_type.clone(),
            path: self.names.paths[n].clone(),
            status: outcome.status,
            caught: visit.caught,
            error,
            cause,
            start_time: step.time(),
            end_time: outcome.end,
            duration_ns: outcome.end.map(|end| end.since(step.time())),
            attempts: visit.tries.len() as u32,
            retries: visit
                .tries
                .iter()
                .filter(|n| self.nest.tries[**n].after_failure.is_some())
                .count() as u32,
            block_retries: runs.saturating_sub(1),
            iterations,
            map_run_arn: visit
                .map_runs
                .last()
                .and_then(|at| self.details(*at).map_run_arn.clone()),
            iteration_index,
            branch_index,
            entered_event_id: visit.entered.map_or(0, |at| self.nest.steps[at].id()),
            exited_event_id: visit.exited.map(|at| self.nest.steps[at].id()),
            redrive_count: step.event.redrive_count,
            input: visit.entered.and_then(|at| self.details(at).input.clone()),
            output: visit.exited.and_then(|at| self.details(at).output.clone()),
        }
    }

    /// Index of the innermost iteration, and of the innermost branch, around a place.
    fn place(&self, container: Node) -> (Option<u32>, Option<u32>) {
        let (mut iteration, mut branch) = (None, None);
        for node in self.nest.up(container) {
            match node {
                Node::Iteration(n) if iteration.is_none() => {
                    iteration = u32::try_from(self.nest.iterations[n].index).ok();
                }
                Node::Branch(n) if branch.is_none() => {
                    branch = u32::try_from(self.nest.branches[n].index).ok()
                }
                _ => {}
            }
        }
        (iteration, branch)
    }

    /// Rows of `attempts`, by scheduled event.
    pub fn attempts(&self) -> Vec<Attempt> {
        (0..self.nest.tries.len())
            .map(|n| self.attempt(n))
            .collect()
    }

    fn attempt(&self, n: usize) -> Attempt {
        let attempt = &self.nest.tries[n];
        let visit = &self.nest.visits[attempt.visit];
        let outcome = self.outcomes.tries[n];
        let first = &self.nest.steps[attempt.first];
        let time = |at: Option<usize>| at.map(|at| self.nest.steps[at].time());
        let failed = outcome.failure.map(|at| self.details(at));
        let ended = attempt.ended.map(|at| self.details(at));
        let said = self.said(n);
        let called = Called::read(said, self.described);
        let written = self.described.state(&visit.name);
        let limit = |asked: Option<i64>, name: &str| asked.or_else(|| written?.get(name)?.as_i64());
        let activity = first.event.event_type.starts_with("Activity");
        let lambda = first.event.event_type.starts_with("LambdaFunction");
        Attempt {
            execution_arn: self.names.execution_arn.clone(),
            trace_id: self.names.trace_id,
            span_id: self.names.tries[n],
            parent_span_id: self.names.visits[attempt.visit],
            state_machine: self.names.state_machine.clone(),
            state: visit.name.clone(),
            path: self.names.paths[attempt.visit].clone(),
            attempt: attempt.number,
            retry: attempt.after_failure.is_some(),
            backoff_ns: time(attempt.after_failure).map(|failure| first.time().since(failure)),
            resource_type: match said.resource_type {
                "" if activity => "activity".to_owned(),
                "" if lambda => "lambda".to_owned(),
                named => named.to_owned(),
            },
            resource: said.resource.to_owned(),
            function_name: called.function_name,
            function_qualifier: called.function_qualifier,
            request_id: called.request_id,
            request_id_in_cause: called.request_id_in_cause,
            xray_trace_id: called.xray_trace_id,
            child_execution_arn: called.child_execution_arn,
            job_id: called.job_id,
            status: outcome.status,
            error: failed.and_then(|details| details.error.clone()),
            cause: failed.and_then(|details| details.cause.clone()),
            start_time: first.time(),
            started_time: time(attempt.started),
            submitted_time: time(attempt.submitted),
            end_time: outcome.end,
            duration_ns: outcome.end.map(|end| end.since(first.time())),
            timeout_seconds: limit(
                self.details(attempt.first).timeout_in_seconds,
                "TimeoutSeconds",
            ),
            heartbeat_seconds: limit(
                self.details(attempt.first).heartbeat_in_seconds,
                "HeartbeatSeconds",
            ),
            scheduled_event_id: attempt.scheduled.map_or(0, |at| self.nest.steps[at].id()),
            end_event_id: attempt.ended.map(|at| self.nest.steps[at].id()),
            redrive_count: first.event.redrive_count,
            worker: attempt
                .started
                .and_then(|at| self.details(at).worker_name.clone()),
            input: self
                .details(attempt.first)
                .parameters
                .clone()
                .or_else(|| self.details(attempt.first).input.clone()),
            output: ended
                .or(attempt.submitted.map(|at| self.details(at)))
                .and_then(|details| details.output.clone()),
        }
    }

    fn said(&self, n: usize) -> Said<'_> {
        let attempt = &self.nest.tries[n];
        let steps = [
            Some(attempt.first),
            attempt.started,
            attempt.submitted,
            attempt.ended,
        ];
        let first_of = |read: fn(&Details) -> Option<&str>| {
            steps
                .iter()
                .flatten()
                .find_map(|at| read(self.details(*at)))
                .unwrap_or_default()
        };
        let lambda = self.nest.steps[attempt.first]
            .event
            .event_type
            .starts_with("LambdaFunction");
        let resource_type = first_of(|details| details.resource_type.as_deref());
        Said {
            state: &self.nest.visits[attempt.visit].name,
            resource_type: if resource_type.is_empty() && lambda {
                "lambda"
            } else {
                resource_type
            },
            resource: first_of(|details| details.resource.as_deref()),
            parameters: self.details(attempt.first).parameters.as_deref(),
            submitted: attempt
                .submitted
                .and_then(|at| self.details(at).output.as_deref()),
            succeeded: attempt
                .ended
                .and_then(|at| self.details(at).output.as_deref()),
            cause: attempt
                .ended
                .and_then(|at| self.details(at).cause.as_deref()),
        }
    }

    /// The row of `executions`.
    pub fn execution(&self, events: &[HistoryEvent]) -> Execution {
        let nest = self.nest;
        let count = |fits: fn(&Kind) -> bool| {
            nest.steps.iter().filter(|step| fits(&step.kind)).count() as u32
        };
        let started = nest.steps.iter().find(|step| step.kind == Kind::Started);
        let terminal = self.end.and_then(|end| end.step).map(|at| self.details(at));
        let described = |name: &str| match self.end {
            Some(end) if end.step.is_none() => self.described.text(name).map(str::to_owned),
            _ => None,
        };
        let first = started.or(nest.steps.first()).map(|step| step.time());
        let start_time = match started {
            Some(step) => step.time(),
            None => self
                .described
                .time("startDate")
                .or(first)
                .unwrap_or_default(),
        };
        let input = started
            .and_then(|step| step.details.input.clone())
            .or_else(|| self.described.text("input").map(str::to_owned));
        let ended_well = terminal.and_then(|details| details.output.clone());
        let missing = missing(events, self.end);
        let names = self.names;
        let redriven = count(|kind| *kind == Kind::Redriven);
        let waits = self.described.status() == Some(model::ExecutionStatus::PendingRedrive)
            && self.described.number("redriveCount").unwrap_or(0) == redriven;
        Execution {
            execution_arn: names.execution_arn.clone(),
            trace_id: names.trace_id,
            span_id: names.execution,
            engine: names.engine.clone(),
            state_machine: names.state_machine.clone(),
            state_machine_arn: names.state_machine_arn.clone(),
            state_machine_version: self
                .started_with("stateMachineVersionArn", |d| &d.state_machine_version_arn),
            state_machine_alias: self
                .started_with("stateMachineAliasArn", |d| &d.state_machine_alias_arn),
            name: names.name.clone(),
            status: match self.end {
                Some(end) if end.status == model::ExecutionStatus::Succeeded || !waits => {
                    end.status
                }
                _ if waits => model::ExecutionStatus::PendingRedrive,
                _ => model::ExecutionStatus::Running,
            },
            start_time,
            end_time: self.end.map(|end| end.time),
            duration_ns: self.end.map(|end| end.time.since(start_time)),
            error: terminal
                .and_then(|details| details.error.clone())
                .or_else(|| described("error")),
            cause: terminal
                .and_then(|details| details.cause.clone())
                .or_else(|| described("cause")),
            failing_state: self.failing.state.clone(),
            root_error: self.root.error.clone(),
            root_cause: self.root.cause.clone(),
            root_state: self.root.state.clone(),
            root_event_id: self.root.event_id,
            states_entered: count(|kind| matches!(kind, Kind::Entered(_))),
            attempts: count(|kind| *kind == Kind::Scheduled),
            retries: nest
                .tries
                .iter()
                .filter(|n| n.scheduled.is_some() && n.after_failure.is_some())
                .count() as u32,
            block_retries: nest
                .visits
                .iter()
                .map(|visit| visit.runs.len().saturating_sub(1) as u32)
                .sum(),
            iterations: count(|kind| *kind == Kind::IterationStarted),
            iterations_failed: count(|kind| *kind == Kind::IterationEnded(Status::Failed)),
            map_runs: nest
                .steps
                .iter()
                .filter(|step| step.event.event_type == "MapRunStarted")
                .count() as u32,
            caught_failures: nest.visits.iter().filter(|visit| visit.caught).count() as u32,
            cold_starts: 0,
            cold_start_ns: None,
            cost_picodollars: None,
            wasted_picodollars: None,
            cost_confidence: None,
            redrive_count: redriven
                .max(
                    events
                        .iter()
                        .map(|event| event.redrive_count)
                        .max()
                        .unwrap_or(0),
                )
                .max(self.described.number("redriveCount").unwrap_or(0)),
            events: nest.steps.len() as u32,
            complete: missing.is_none(),
            incomplete_reason: missing,
            source: source_of(events),
            region: names.region.clone(),
            account: names.account.clone(),
            parent_execution_arn: input.as_deref().and_then(parent_of),
            map_run_arn: self.described.text("mapRunArn").map(str::to_owned),
            definition: self.described.definition.clone(),
            input,
            output: ended_well.or_else(|| self.described.text("output").map(str::to_owned)),
            ..Execution::default()
        }
    }

    /// The last part of a version or alias ARN, from the description or the first event.
    fn started_with(&self, name: &str, read: fn(&Details) -> &Option<String>) -> Option<String> {
        let started = self
            .nest
            .steps
            .iter()
            .find(|step| step.kind == Kind::Started);
        let arn = self
            .described
            .text(name)
            .or_else(|| read(&started?.details).as_deref())?;
        arn.split(':').nth(7).map(str::to_owned)
    }
}

fn source_of(events: &[HistoryEvent]) -> String {
    let mut sources: Vec<&str> = events.iter().map(|event| event.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    sources.join("+")
}

/// The member that Step Functions puts into the input of an execution that another one started.
fn parent_of(input: &str) -> Option<String> {
    const MEMBER: &str = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID";
    if !input.contains(MEMBER) {
        return None;
    }
    serde_json::from_str::<Value>(input)
        .ok()?
        .get(MEMBER)?
        .as_str()
        .map(str::to_owned)
}
