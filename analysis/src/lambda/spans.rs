//! Invocations as spans.

use super::time_is_unknown;
use model::{
    Attributes, ColdStart, Invocation, InvocationStatus, Link, Span, SpanId, SpanKind, SpanSource,
    StatusCode, TraceId, UnixNanos, Value, lambda as word,
};

/// Two spans at most for each invocation: itself, and the init or restore that it waited for.
///
/// An init lies **before** the START of its parent, as in X-Ray: children are not clamped.
pub fn spans(invocations: &[Invocation]) -> Vec<Span> {
    invocations
        .iter()
        .flat_map(|invocation| [Some(whole(invocation)), wait(invocation)])
        .flatten()
        .collect()
}

fn whole(of: &Invocation) -> Span {
    let failed = matches!(
        of.status,
        InvocationStatus::Error | InvocationStatus::Timeout
    );
    let end = of.end_time.or_else(|| {
        of.duration_ns
            .map(|ns| UnixNanos(of.start_time.0.saturating_add(ns)))
    });
    let mut attributes = attributes(of);
    if end.is_none() {
        attributes.insert("inquest.end_unknown".to_owned(), true.into());
    }
    Span {
        name: name(of),
        kind: SpanKind::Server,
        end_time: end.unwrap_or(of.start_time),
        status_code: if failed {
            StatusCode::Error
        } else {
            StatusCode::Unset
        },
        status_message: of
            .error_message
            .clone()
            .filter(|_| failed)
            .unwrap_or_default(),
        attributes,
        links: xray(of).into_iter().collect(),
        ..base(of, of.span_id, of.start_time)
    }
}

fn name(of: &Invocation) -> String {
    if of.function_name.is_empty() {
        "invocation".to_owned()
    } else {
        of.function_name.clone()
    }
}

fn base(of: &Invocation, span_id: SpanId, start_time: UnixNanos) -> Span {
    let resource = [
        ("cloud.provider", "aws"),
        ("cloud.platform", "aws_lambda"),
        ("aws.log.group.names", of.log_group.as_str()),
        ("aws.log.stream.names", of.log_stream.as_str()),
    ];
    Span {
        trace_id: of.trace_id,
        span_id,
        start_time,
        end_time: start_time,
        service_name: of.function_name.clone(),
        resource: resource
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect(),
        source: SpanSource::Lambda,
        ..Span::default()
    }
}

fn attributes(of: &Invocation) -> Attributes {
    let text = |value: &Option<String>| value.clone().map(Value::String);
    let pairs = [
        ("inquest.kind", Some("invocation".into())),
        (
            "faas.name",
            Some(of.function_name.clone().into()).filter(|_| !of.function_name.is_empty()),
        ),
        ("faas.version", text(&of.function_version)),
        ("faas.invocation_id", Some(of.request_id.clone().into())),
        ("faas.coldstart", of.cold_start.is_cold().map(Value::Bool)),
        (
            "aws.lambda.cold_start_kind",
            Some(of.cold_start.as_str().into()),
        ),
        (
            "aws.lambda.cold_start_reason",
            Some(of.cold_start_reason.clone().into()),
        ),
        (
            "aws.lambda.request_attempt",
            Some(i64::from(of.request_attempt).into()),
        ),
        (word::STATUS, Some(of.status.as_str().into())),
        (
            word::DURATION_MS,
            of.duration_ns.map(|ns| Value::Double(ns as f64 / 1e6)),
        ),
        (
            word::BILLED_DURATION_MS,
            of.billed_duration_ms.map(Value::Double),
        ),
        (word::MEMORY_SIZE_MB, of.memory_size_mb.map(Value::Int)),
        (
            word::MAX_MEMORY_USED_MB,
            of.max_memory_used_mb.map(Value::Int),
        ),
        (
            word::INIT_DURATION_MS,
            of.init_duration_ms.map(Value::Double),
        ),
        (
            word::RESTORE_DURATION_MS,
            of.restore_duration_ms.map(Value::Double),
        ),
        (
            word::BILLED_RESTORE_DURATION_MS,
            of.billed_restore_duration_ms.map(Value::Double),
        ),
        (word::RUNTIME_VERSION, text(&of.runtime_version)),
        (word::ERROR_TYPE, text(&of.error_type)),
        (word::XRAY_TRACE_ID, text(&of.xray_trace_id)),
        (word::XRAY_SEGMENT_ID, text(&of.xray_segment_id)),
        (
            word::TIME_UNKNOWN,
            time_is_unknown(of).then_some(Value::Bool(true)),
        ),
    ];
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// The X-Ray segment, kept as a link: the trace is the execution's.
fn xray(of: &Invocation) -> Option<Link> {
    let trace_id: TraceId = xray_trace(of.xray_trace_id.as_deref()?)?;
    let span_id: SpanId = of.xray_segment_id.as_deref()?.parse().ok()?;
    Some(Link {
        trace_id,
        span_id,
        attributes: Attributes::from([("inquest.kind".to_owned(), "xray".into())]),
    })
}

/// `1-5759e988-bd862e3fe1be46a994272793` as a W3C trace id.
pub fn xray_trace(root: &str) -> Option<TraceId> {
    root.strip_prefix("1-")?.replace('-', "").parse().ok()
}

/// The init or restore, as long as it is known.
fn wait(of: &Invocation) -> Option<Span> {
    let (name, millis) = match of.cold_start {
        ColdStart::SnapstartRestore => ("restore", of.restore_duration_ms?),
        ColdStart::Init | ColdStart::SuppressedInit | ColdStart::FailedInit => {
            ("init", of.init_duration_ms?)
        }
        _ => return None,
    };
    let length = ((millis * 1e6).round() as i64).max(0);
    // A failed init is repeated inside the invocation, any other lies before it.
    let start = match of.cold_start {
        ColdStart::FailedInit => of.start_time,
        _ => UnixNanos(of.start_time.0.saturating_sub(length)),
    };
    let parent = of.span_id.to_string();
    let attributes = Attributes::from([
        ("inquest.kind".to_owned(), "init".into()),
        (
            "aws.lambda.cold_start_kind".to_owned(),
            of.cold_start.as_str().into(),
        ),
        (
            "faas.invocation_id".to_owned(),
            of.request_id.clone().into(),
        ),
    ]);
    Some(Span {
        parent_span_id: of.span_id,
        name: name.to_owned(),
        kind: SpanKind::Internal,
        end_time: UnixNanos(start.0.saturating_add(length)),
        attributes,
        ..base(of, SpanId::of_parts(&["init", &parent]), start)
    })
}
