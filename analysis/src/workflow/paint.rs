//! Rows as spans: what every engine's executions, states and tries have in common.

use model::{
    Attempt, Attributes, Execution, Link, Span, SpanId, SpanKind, SpanSource, State, Status,
    StatusCode, TraceId, UnixNanos, Value,
};

/// Paints the rows of one execution.
pub(super) struct Painter<'a> {
    pub(super) execution: &'a Execution,
    /// The last thing seen: where spans end that have not ended.
    pub(super) last: UnixNanos,
}

impl Painter<'_> {
    /// A span with what all have; `Running` ends it at the last thing seen and says so.
    pub(super) fn span(
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

    /// The root. `trace_header`: the X-Ray header of the trace that it was started in.
    pub(super) fn execution(&self, trace_header: Option<&str>) -> Span {
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
        span.links
            .extend(trace_header.and_then(link_of_trace_header));
        span
    }

    /// A visit of a state.
    pub(super) fn state(&self, row: &State) -> Span {
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
        fail(
            &mut span,
            row.status,
            row.error.as_deref(),
            row.cause.as_deref(),
        );
        span
    }

    /// A try.
    pub(super) fn attempt(&self, row: &Attempt) -> Span {
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

/// An attribute, unless it is empty.
pub(super) fn set<V: Into<Value>>(span: &mut Span, name: &str, value: Option<V>) {
    let Some(value) = value.map(Into::into) else {
        return;
    };
    if value != Value::String(String::new()) {
        span.attributes.insert(name.to_owned(), value);
    }
}

/// The status and message of a span that ended so.
pub(super) fn fail(span: &mut Span, status: Status, error: Option<&str>, cause: Option<&str>) {
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
