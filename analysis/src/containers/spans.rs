//! A task or job as spans: itself, its phases, its tries.

use super::{Phase, Try};
use model::{Attributes, Job, Span, SpanId, SpanKind, SpanSource, StatusCode, UnixNanos, Value};

pub(super) fn spans(job: &Job, tries: &[Try], phases: &[Phase]) -> Vec<Span> {
    let seen = phases.iter().map(|it| it.end).chain(job.run_time).max();
    let end = job.end_time.or(seen).unwrap_or(job.start_time);
    let name = if job.name.is_empty() {
        &job.job_id
    } else {
        &job.name
    };
    let mut whole = span(
        job,
        "job",
        name,
        job.span_id,
        SpanId::default(),
        job.start_time,
        end,
    );
    describe(job, &mut whole);
    let mut all = vec![whole];
    for (n, phase) in phases.iter().enumerate() {
        let id = SpanId::of_parts(&[&job.job_id, "phase", &n.to_string(), phase.name]);
        all.push(span(
            job,
            "phase",
            phase.name,
            id,
            job.span_id,
            phase.start,
            phase.end,
        ));
    }
    for (n, one) in tries.iter().enumerate() {
        let (Some(start), number) = (one.start, (n + 1).to_string()) else {
            continue;
        };
        let id = SpanId::of_parts(&[&job.job_id, "try", &number]);
        let name = format!("attempt {number}");
        let mut span = span(
            job,
            "phase",
            &name,
            id,
            job.span_id,
            start,
            one.end.unwrap_or(end),
        );
        if one.exit_code != Some(0) && one.end.is_some() {
            span.status_code = StatusCode::Error;
            span.status_message = one.reason.clone().unwrap_or_default();
        }
        set(
            &mut span,
            "process.exit.code",
            one.exit_code.map(Value::Int),
        );
        all.push(span);
    }
    all
}

fn span(
    job: &Job,
    kind: &str,
    name: &str,
    id: SpanId,
    parent: SpanId,
    start: UnixNanos,
    end: UnixNanos,
) -> Span {
    Span {
        trace_id: job.trace_id,
        span_id: id,
        parent_span_id: parent,
        name: name.to_owned(),
        kind: SpanKind::Internal,
        start_time: start,
        end_time: end.max(start),
        service_name: job.queue.clone().unwrap_or_else(|| job.service.clone()),
        scope_name: "inquest.containers".to_owned(),
        attributes: Attributes::from([("inquest.kind".to_owned(), Value::from(kind))]),
        source: SpanSource::Container,
        ..Span::default()
    }
}

fn set(span: &mut Span, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        span.attributes.insert(name.to_owned(), value);
    }
}

fn describe(job: &Job, span: &mut Span) {
    let text = |text: &Option<String>| text.clone().map(Value::String);
    let id = if job.service == "ecs" {
        "aws.ecs.task.arn"
    } else {
        "aws.batch.job.id"
    };
    set(span, id, Some(Value::String(job.job_id.clone())));
    set(
        span,
        "inquest.job.status",
        Some(Value::String(job.status.clone())),
    );
    set(span, "container.image.name", text(&job.image));
    set(span, "aws.ecs.stop_code", text(&job.stop_code));
    set(span, "inquest.job.reason", text(&job.reason));
    set(span, "process.exit.code", job.exit_code.map(Value::Int));
    if job.spot_reclaimed {
        set(span, "inquest.job.spot_reclaimed", Some(Value::Bool(true)));
    }
    if job.end_time.is_none() {
        set(span, "inquest.running", Some(Value::Bool(true)));
    }
    if job.failed {
        span.status_code = StatusCode::Error;
        span.status_message = job.reason.clone().unwrap_or_else(|| job.status.clone());
    }
}
