//! A proxy's access log record as a hop, and as the span that its tracer did not send.

use super::{facts, flags, span, words::Ending};
use crate::context;
use model::{
    Attributes, Hop, HopOutcome, LogOrigin, LogRecord, Span, SpanId, SpanKind, SpanSource,
    StatusCode, TraceId, UnixNanos, Value,
};

/// The hop of an access log record; `None` if it is none.
pub fn of_record(record: &LogRecord) -> Option<Hop> {
    if !is_access_log(record) || is_intermediate(record) {
        return None;
    }
    let of = &record.attributes;
    let text = |names| facts::text(of, names).unwrap_or_default();
    let attempts = facts::integer(of, facts::ATTEMPTS).unwrap_or_default();
    let ending = Ending {
        flags: text(facts::FLAGS),
        details: text(facts::DETAILS),
        transport: text(facts::TRANSPORT),
        cluster: text(facts::CLUSTER),
        address: text(facts::ADDRESS),
        status: facts::integer(of, facts::STATUS).unwrap_or_default(),
        grpc_status: facts::integer(of, facts::GRPC_STATUS),
        error: false,
        attempts,
        retry: 0,
    };
    let (outcome, reason) = ending.judge();
    let context = Context::of(record);
    Some(Hop {
        trace_id: context.trace_id,
        span_id: context.span_id,
        parent_span_id: context.parent,
        proxy: proxy(record),
        mesh: span::mesh_of(of, &record.resource).to_owned(),
        direction: match ending.cluster.starts_with("outbound|") {
            true => "outbound",
            false => "inbound",
        }
        .to_owned(),
        start_time: record.time,
        duration_ns: duration(of),
        request: request(record),
        status_code: ending.status,
        response_flags: flags::short(ending.flags),
        details: ending.details.to_owned(),
        upstream_cluster: ending.cluster.to_owned(),
        upstream_address: ending.address.to_owned(),
        attempts,
        retry: 0,
        request_id: text(facts::REQUEST_ID).to_owned(),
        outcome,
        reason,
        source: "access_log".to_owned(),
    })
}

/// The span that stands for a hop of which only the access log tells.
pub fn span_of(hop: &Hop) -> Span {
    let mut attributes = Attributes::from([("component".to_owned(), Value::from("proxy"))]);
    for (name, value) in [
        ("response_flags", &hop.response_flags),
        ("response_code_details", &hop.details),
        ("upstream_cluster", &hop.upstream_cluster),
        ("upstream_address", &hop.upstream_address),
        ("guid:x-request-id", &hop.request_id),
        ("inquest.hop.outcome", &hop.outcome.as_str().to_owned()),
        ("inquest.hop.reason", &hop.reason),
    ] {
        if !value.is_empty() {
            attributes.insert(name.to_owned(), value.as_str().into());
        }
    }
    if hop.status_code != 0 {
        let status = Value::from(hop.status_code);
        attributes.insert("http.response.status_code".to_owned(), status);
    }
    if hop.attempts > 0 {
        let attempts = Value::from(hop.attempts);
        attributes.insert("upstream_request_attempt_count".to_owned(), attempts);
    }
    let failed = hop.outcome.is_failure() || hop.status_code >= 500;
    Span {
        trace_id: hop.trace_id,
        span_id: hop.span_id,
        parent_span_id: hop.parent_span_id,
        name: hop.request.clone(),
        kind: SpanKind::Server,
        start_time: hop.start_time,
        end_time: UnixNanos(hop.start_time.0.saturating_add(hop.duration_ns.max(0))),
        status_code: if failed {
            StatusCode::Error
        } else {
            StatusCode::Unset
        },
        status_message: if failed {
            hop.reason.clone()
        } else {
            String::new()
        },
        service_name: hop.proxy.clone(),
        attributes,
        source: SpanSource::AccessLog,
        ..Span::default()
    }
}

/// True for a proxy's record: by its origin, or, over OTLP, by what Envoy's OpenTelemetry access logger adds to its
/// resource together with what only a proxy knows.
pub fn is_access_log(record: &LogRecord) -> bool {
    match record.origin {
        LogOrigin::AccessLog => true,
        LogOrigin::Otlp => {
            let resource = |key: &str| record.resource.contains_key(key);
            let envoy = resource("log_name") && (resource("node_name") || resource("cluster_name"));
            let of = &record.attributes;
            let knows = facts::has(of, facts::FLAGS) || facts::has(of, &["response_code_details"]);
            (envoy && (knows || facts::has(of, facts::STATUS)))
                || (knows && facts::has(of, facts::CLUSTER) && facts::has(of, facts::STATUS))
        }
        _ => false,
    }
}

/// Entries that Envoy writes before a request or connection has ended: it will tell more.
fn is_intermediate(record: &LogRecord) -> bool {
    let kind = facts::text(&record.attributes, &["access_log_type"]).unwrap_or_default();
    ["Start", "Periodic", "Connected", "PoolReady", "Established"]
        .iter()
        .any(|word| kind.ends_with(word))
}

/// Where the request is in a trace.
struct Context {
    trace_id: TraceId,
    span_id: SpanId,
    parent: SpanId,
}

impl Context {
    /// The proxy's own span if the record names it. Else the span gets an id of its own; a `traceparent` names the trace
    /// for sure, but its span may be the caller's or a later one of the proxy's.
    fn of(record: &LogRecord) -> Self {
        let own = own_id(record);
        let of = &record.attributes;
        let parent = propagated(of).map(|context| (context.trace_id, context.span_id));
        if !record.trace_id.is_zero() {
            return Context {
                trace_id: record.trace_id,
                span_id: match record.span_id.is_zero() {
                    true => own,
                    false => record.span_id,
                },
                parent: SpanId::default(),
            };
        }
        match (parent, facts::text(of, facts::REQUEST_ID)) {
            (Some((trace_id, parent)), _) => Context {
                trace_id,
                span_id: own,
                parent,
            },
            (None, Some(request)) => Context {
                trace_id: trace_of_request(request),
                span_id: own,
                parent: SpanId::default(),
            },
            (None, None) => Context {
                trace_id: record.log_id,
                span_id: own,
                parent: SpanId::default(),
            },
        }
    }
}

/// The trace of a request of which nothing but its `x-request-id` is known.
pub fn trace_of_request(request_id: &str) -> TraceId {
    TraceId::of_parts(&["x-request-id", request_id])
}

/// The context in the request's headers, if the access log has them.
fn propagated(of: &Attributes) -> Option<context::TraceContext> {
    context::NAMES.iter().find_map(|name| {
        let header = format!("http.request.header.{name}");
        [*name, &header, &name.replace('-', "_")]
            .iter()
            .find_map(|key| match of.get(*key) {
                Some(Value::String(text)) => context::read(name, text),
                _ => None,
            })
    })
}

fn own_id(record: &LogRecord) -> SpanId {
    SpanId::of_parts(&["access log", &record.log_id.to_string()])
}

/// Nanoseconds.
fn duration(of: &Attributes) -> i64 {
    match facts::integer(of, facts::DURATION_NS) {
        Some(nanos) => nanos.max(0),
        None => {
            let millis = facts::number(of, facts::DURATION_MS).unwrap_or_default();
            (millis.clamp(0.0, 1e12) * 1e6) as i64
        }
    }
}

fn proxy(record: &LogRecord) -> String {
    let node = facts::text(&record.resource, facts::NODE)
        .or_else(|| facts::text(&record.attributes, facts::NODE));
    match (record.service_name.as_str(), node) {
        ("", Some(node)) => span::workload(node),
        ("", None) => "envoy".to_owned(),
        (service, _) => service.to_owned(),
    }
}

fn request(record: &LogRecord) -> String {
    let of = &record.attributes;
    match (facts::text(of, facts::METHOD), facts::text(of, facts::PATH)) {
        (Some(method), Some(path)) => format!("{method} {path}"),
        (Some(method), None) => method.to_owned(),
        (None, Some(path)) => path.to_owned(),
        (None, None) if record.body.is_empty() => "connection".to_owned(),
        (None, None) => record.body.chars().take(120).collect(),
    }
}

/// What a record adds to the hop of a span: nobody but the access log knows the details and the tries. The sentence is
/// made anew of what both know.
pub(super) fn enrich(span: &Hop, log: &Hop) -> Hop {
    let or = |one: &str, other: &str| if one.is_empty() { other } else { one }.to_owned();
    let mut hop = Hop {
        details: or(&log.details, &span.details),
        response_flags: or(&span.response_flags, &log.response_flags),
        upstream_cluster: or(&span.upstream_cluster, &log.upstream_cluster),
        upstream_address: or(&log.upstream_address, &span.upstream_address),
        request_id: or(&span.request_id, &log.request_id),
        attempts: log.attempts.max(span.attempts),
        status_code: match span.status_code {
            0 => log.status_code,
            status => status,
        },
        source: "span+access_log".to_owned(),
        ..span.clone()
    };
    let ending = Ending {
        flags: &hop.response_flags,
        details: &hop.details,
        transport: "",
        cluster: &hop.upstream_cluster,
        address: &hop.upstream_address,
        status: hop.status_code,
        grpc_status: None,
        error: span.outcome.is_failure(),
        attempts: hop.attempts,
        retry: hop.retry,
    };
    let (outcome, reason) = ending.judge();
    // What only the span knows (a gRPC status), or only the log (why connecting failed), is in their own sentences.
    let seen = [(span.outcome, &span.reason), (log.outcome, &log.reason)];
    let known = seen
        .into_iter()
        .find(|(own, _)| outcome == HopOutcome::Ok && *own != HopOutcome::Ok);
    let told = log.outcome == outcome && log.reason.len() > reason.len();
    (hop.outcome, hop.reason) = match known {
        Some((own, words)) => (own, words.clone()),
        None if told => (outcome, log.reason.clone()),
        None => (outcome, reason),
    };
    hop
}
