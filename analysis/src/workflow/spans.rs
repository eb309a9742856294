//! The trace as spans: execution, states, starts of blocks, iterations, branches, attempts.

use super::{nest::Node, outcome::Outcome, rows::Built};
use model::{
    Attempt, Attributes, Execution, Link, Span, SpanId, SpanKind, SpanSource, State, Status,
    StatusCode, TraceId, UnixNanos, Value,
};

/// Makes the spans of an execution from its rows.
pub(super) fn spans(
    built: &Built,
    execution: &Execution,
    states: &[State],
    attempts: &[Attempt],
) -> Vec<Span> {
    let last = built
        .nest
        .steps
        .iter()
        .map(|step| step.time())
        .max()
        .unwrap_or(execution.start_time);
    let maker = Maker {
        built,
        execution,
        last: last.max(execution.start_time),
    };
    let mut spans = vec![maker.execution()];
    spans.extend(
        states
            .iter()
            .enumerate()
            .map(|(n, state)| maker.state(n, state)),
    );
    spans.extend((0..built.nest.runs.len()).filter_map(|n| maker.run(n)));
    spans.extend((0..built.nest.iterations.len()).map(|n| maker.iteration(n)));
    spans.extend((0..built.nest.branches.len()).map(|n| maker.branch(n)));
    spans.extend(attempts.iter().map(|attempt| maker.attempt(attempt)));
    spans
}

struct Maker<'a> {
    built: &'a Built<'a>,
    execution: &'a Execution,
    /// The last thing seen: where spans end that have not ended.
    last: UnixNanos,
}

impl Maker<'_> {
    /// A span with what all have; `Running` ends it at the last thing seen and says so.
    fn span(
        &self,
        kind: &str,
        name: String,
        id: SpanId,
        parent: SpanId,
        start: UnixNanos,
        end: Option<UnixNanos>,
    ) -> Span {
        let mut attributes = Attributes::from([("inquest.kind".to_owned(), Value::from(kind))]);
        if end.is_none() {
            attributes.insert("inquest.running".to_owned(), Value::Bool(true));
        }
        Span {
            trace_id: self.execution.trace_id,
            span_id: id,
            parent_span_id: parent,
            name,
            kind: SpanKind::Internal,
            start_time: start,
            end_time: end.unwrap_or(self.last).max(start),
            service_name: self.execution.state_machine.clone(),
            scope_name: "inquest.workflow".to_owned(),
            attributes,
            source: SpanSource::Workflow,
            ..Span::default()
        }
    }

    fn execution(&self) -> Span {
        let row = self.execution;
        let name = if row.state_machine.is_empty() {
            &row.name
        } else {
            &row.state_machine
        };
        let mut span = self.span(
            "execution",
            name.clone(),
            row.span_id,
            SpanId::default(),
            row.start_time,
            row.end_time,
        );
        set(
            &mut span,
            "aws.sfn.execution.arn",
            Some(row.execution_arn.as_str()),
        );
        set(&mut span, "aws.sfn.execution.name", Some(row.name.as_str()));
        set(
            &mut span,
            "aws.sfn.execution.status",
            Some(row.status.as_str()),
        );
        set(
            &mut span,
            "aws.sfn.state_machine.arn",
            row.state_machine_arn.as_deref(),
        );
        set(
            &mut span,
            "aws.sfn.state_machine.name",
            Some(row.state_machine.as_str()),
        );
        set(
            &mut span,
            "aws.sfn.state_machine.version",
            row.state_machine_version.as_deref(),
        );
        set(
            &mut span,
            "aws.sfn.state_machine.alias",
            row.state_machine_alias.as_deref(),
        );
        set(&mut span, "aws.sfn.map_run.arn", row.map_run_arn.as_deref());
        set(
            &mut span,
            "aws.sfn.parent_execution.arn",
            row.parent_execution_arn.as_deref(),
        );
        set(&mut span, "workflow.engine", Some(row.engine.as_str()));
        set(&mut span, "cloud.region", row.region.as_deref());
        set(&mut span, "cloud.account.id", row.account.as_deref());
        let billed = |name: &str| self.built.described.billing(name);
        set(
            &mut span,
            "aws.sfn.billed_duration_ms",
            billed("billedDurationInMilliseconds"),
        );
        set(
            &mut span,
            "aws.sfn.billed_memory_mb",
            billed("billedMemoryUsedInMB"),
        );
        if row.redrive_count > 0 {
            set(
                &mut span,
                "aws.sfn.redrive_count",
                Some(i64::from(row.redrive_count)),
            );
        }
        let status = match row.status {
            model::ExecutionStatus::Succeeded => Status::Succeeded,
            model::ExecutionStatus::Failed => Status::Failed,
            model::ExecutionStatus::TimedOut => Status::TimedOut,
            model::ExecutionStatus::Aborted => Status::Aborted,
            _ => Status::Running,
        };
        fail(
            &mut span,
            status,
            row.error.as_deref().or(row.root_error.as_deref()),
            row.cause.as_deref(),
        );
        if row.status == model::ExecutionStatus::Aborted {
            span.status_code = StatusCode::Error;
            span.status_message = row.cause.clone().unwrap_or_else(|| "stopped".to_owned());
        }
        span.links
            .extend(row.parent_execution_arn.as_deref().map(link_to_execution));
        span.links.extend(
            self.built
                .described
                .text("traceHeader")
                .and_then(link_of_trace_header),
        );
        span
    }

    fn state(&self, n: usize, row: &State) -> Span {
        let name = if row.state.is_empty() {
            format!("({})", row.state_type)
        } else {
            row.state.clone()
        };
        let mut span = self.span(
            "state",
            name,
            row.span_id,
            row.parent_span_id,
            row.start_time,
            row.end_time,
        );
        set(&mut span, "aws.sfn.state.name", Some(row.state.as_str()));
        set(
            &mut span,
            "aws.sfn.state.type",
            Some(row.state_type.as_str()),
        );
        set(&mut span, "aws.sfn.state.path", Some(row.path.as_str()));
        set(&mut span, "aws.sfn.state.status", Some(row.status.as_str()));
        set(
            &mut span,
            "aws.sfn.event_id",
            Some(row.entered_event_id as i64),
        );
        if row.caught {
            set(&mut span, "aws.sfn.caught", Some(true));
        }
        self.map_runs(n, &mut span);
        fail(
            &mut span,
            row.status,
            row.error.as_deref(),
            row.cause.as_deref(),
        );
        span
    }

    /// A Distributed Map shows its map run: its ARN, and its counts where it is described.
    fn map_runs(&self, n: usize, span: &mut Span) {
        let runs = &self.built.nest.visits[n].map_runs;
        let Some(arn) = runs
            .last()
            .and_then(|at| self.built.nest.steps[*at].details.map_run_arn.as_deref())
        else {
            return;
        };
        set(span, "aws.sfn.map_run.arn", Some(arn));
        let Some(described) = self.built.described.map_run_of(arn) else {
            return;
        };
        set(
            span,
            "aws.sfn.map_run.status",
            described.get("status").and_then(|status| status.as_str()),
        );
        for (member, name) in [("itemCounts", "items"), ("executionCounts", "executions")] {
            let counts = described.get(member).and_then(|counts| counts.as_object());
            for (what, count) in counts.into_iter().flatten() {
                set(
                    span,
                    &format!("aws.sfn.map_run.{name}.{what}"),
                    count.as_i64(),
                );
            }
        }
    }

    /// A start of a Map or Parallel, when it was started more than once.
    fn run(&self, n: usize) -> Option<Span> {
        let nest = self.built.nest;
        let run = &nest.runs[n];
        let visit = &nest.visits[run.visit];
        if visit.runs.len() < 2 {
            return None;
        }
        let number = run.number;
        let outcome = self.built.outcomes.runs[n];
        let name = format!("{} (try {number})", visit.name);
        let id = self.built.names.runs[n];
        let parent = self.built.names.visits[run.visit];
        let mut span = self.span(
            "attempt",
            name,
            id,
            parent,
            nest.steps[run.started].time(),
            outcome.end,
        );
        set(&mut span, "aws.sfn.block_attempt", Some(number as i64));
        set(&mut span, "aws.sfn.attempt", Some(number as i64));
        self.place(&mut span, run.visit, run.started, outcome);
        Some(span)
    }

    fn iteration(&self, n: usize) -> Span {
        let nest = self.built.nest;
        let iteration = &nest.iterations[n];
        let visit = nest.runs[iteration.run].visit;
        let outcome = self.built.outcomes.iterations[n];
        let name = format!("{}[{}]", nest.visits[visit].name, iteration.index);
        let parent = self.built.names.span_of(nest, Node::Run(iteration.run));
        let start = nest.steps[iteration.started].time();
        let mut span = self.span(
            "iteration",
            name,
            self.built.names.iterations[n],
            parent,
            start,
            outcome.end,
        );
        set(&mut span, "aws.sfn.iteration.index", Some(iteration.index));
        self.place(&mut span, visit, iteration.started, outcome);
        span
    }

    fn branch(&self, n: usize) -> Span {
        let nest = self.built.nest;
        let branch = &nest.branches[n];
        let run = &nest.runs[branch.run];
        let outcome = self.built.outcomes.branches[n];
        let name = format!("{}{{{}}}", nest.visits[run.visit].name, branch.index);
        let parent = self.built.names.span_of(nest, Node::Run(branch.run));
        let start = nest.steps[run.started].time();
        let mut span = self.span(
            "branch",
            name,
            self.built.names.branches[n],
            parent,
            start,
            outcome.end,
        );
        set(&mut span, "aws.sfn.branch.index", Some(branch.index as i64));
        self.place(&mut span, run.visit, branch.first, outcome);
        span
    }

    /// What parts of a Map or Parallel have in common.
    fn place(&self, span: &mut Span, visit: usize, at: usize, outcome: Outcome) {
        let nest = self.built.nest;
        set(
            span,
            "aws.sfn.state.name",
            Some(nest.visits[visit].name.as_str()),
        );
        set(span, "aws.sfn.event_id", Some(nest.steps[at].id() as i64));
        set(span, "aws.sfn.state.status", Some(outcome.status.as_str()));
        let details = outcome.failure.map(|at| &nest.steps[at].details);
        let error = details.and_then(|details| details.error.as_deref());
        fail(
            span,
            outcome.status,
            error,
            details.and_then(|details| details.cause.as_deref()),
        );
    }

    fn attempt(&self, row: &Attempt) -> Span {
        let what = match (
            &row.function_name,
            row.resource_type.as_str(),
            row.resource.as_str(),
        ) {
            (Some(function), ..) => function.clone(),
            (None, "activity", arn) => arn.rsplit(':').next().unwrap_or(arn).to_owned(),
            (None, "", "") => row.state.clone(),
            (None, service, "") => service.to_owned(),
            (None, service, action) => format!("{service}:{action}"),
        };
        let mut span = self.span(
            "attempt",
            what,
            row.span_id,
            row.parent_span_id,
            row.start_time,
            row.end_time,
        );
        span.kind = SpanKind::Client;
        set(&mut span, "aws.sfn.state.name", Some(row.state.as_str()));
        set(&mut span, "aws.sfn.state.status", Some(row.status.as_str()));
        set(&mut span, "aws.sfn.attempt", Some(i64::from(row.attempt)));
        set(
            &mut span,
            "aws.sfn.event_id",
            Some(row.scheduled_event_id as i64),
        );
        set(
            &mut span,
            "aws.sfn.resource_type",
            Some(row.resource_type.as_str()),
        );
        set(&mut span, "aws.sfn.resource", Some(row.resource.as_str()));
        set(
            &mut span,
            "aws.sfn.child_execution.arn",
            row.child_execution_arn.as_deref(),
        );
        set(&mut span, "aws.sfn.job_id", row.job_id.as_deref());
        set(&mut span, "aws.sfn.worker", row.worker.as_deref());
        set(&mut span, "aws.sfn.backoff_ns", row.backoff_ns);
        set(&mut span, "aws.sfn.timeout_seconds", row.timeout_seconds);
        set(
            &mut span,
            "aws.sfn.heartbeat_seconds",
            row.heartbeat_seconds,
        );
        set(&mut span, "faas.invoked_name", row.function_name.as_deref());
        set(&mut span, "faas.invocation_id", row.request_id.as_deref());
        set(&mut span, "aws.request_id", row.request_id.as_deref());
        set(&mut span, "aws.xray.trace_id", row.xray_trace_id.as_deref());
        if row.retry {
            set(&mut span, "aws.sfn.retry", Some(true));
        }
        if row.function_name.is_some() {
            set(&mut span, "faas.invoked_provider", Some("aws"));
        }
        let moments = [
            (row.started_time, "started"),
            (row.submitted_time, "submitted"),
        ];
        span.events = moments
            .into_iter()
            .filter_map(|(time, name)| {
                Some(model::SpanEvent {
                    time: time?,
                    name: name.to_owned(),
                    attributes: Attributes::new(),
                })
            })
            .collect();
        span.links
            .extend(row.child_execution_arn.as_deref().map(link_to_execution));
        fail(
            &mut span,
            row.status,
            row.error.as_deref(),
            row.cause.as_deref(),
        );
        span
    }
}

fn set<V: Into<Value>>(span: &mut Span, name: &str, value: Option<V>) {
    let Some(value) = value.map(Into::into) else {
        return;
    };
    if value != Value::String(String::new()) {
        span.attributes.insert(name.to_owned(), value);
    }
}

fn fail(span: &mut Span, status: Status, error: Option<&str>, cause: Option<&str>) {
    match status {
        Status::Succeeded => span.status_code = StatusCode::Ok,
        Status::Failed | Status::TimedOut => {
            span.status_code = StatusCode::Error;
            let message = cause.or(error).unwrap_or(status.as_str());
            span.status_message = message.chars().take(1_024).collect();
            set(span, "error.type", Some(error.unwrap_or("_OTHER")));
        }
        Status::Running | Status::Aborted | Status::Unknown => {}
    }
}

fn link_to_execution(arn: &str) -> Link {
    let attributes = Attributes::from([("aws.sfn.execution.arn".to_owned(), Value::from(arn))]);
    Link {
        trace_id: TraceId::of_execution(arn),
        span_id: super::execution_span_id(arn),
        attributes,
    }
}

/// `Root=1-8hex-24hex;Parent=16hex;Sampled=1`: the trace that the execution was started in.
fn link_of_trace_header(header: &str) -> Option<Link> {
    let part = |name: &str| {
        header
            .split(';')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let root: String = part("Root")?
        .strip_prefix("1-")?
        .chars()
        .filter(|c| *c != '-')
        .collect();
    let attributes = Attributes::from([("aws.xray.trace_header".to_owned(), Value::from(header))]);
    let span_id = part("Parent")
        .and_then(|parent| parent.parse().ok())
        .unwrap_or_default();
    Some(Link {
        trace_id: root.parse().ok()?,
        span_id,
        attributes,
    })
}
