//! A proxy's span as a hop.

use super::{facts, flags, words::Ending};
use model::{Hop, Span, SpanKind, StatusCode, Value};

/// The hop of a span; `None` if no proxy recorded it.
pub fn of_span(span: &Span) -> Option<Hop> {
    let mesh = mesh(span)?;
    let of = &span.attributes;
    let text = |names| facts::text(of, names).unwrap_or_default();
    let status = facts::integer(of, facts::STATUS).unwrap_or_default();
    let said_error = matches!(of.get("error"), Some(Value::String(text)) if text != "false")
        || of.get("error") == Some(&Value::Bool(true));
    let retry = facts::integer(of, facts::RETRY).unwrap_or_default();
    let outbound = is_try(span) || span.kind == SpanKind::Client;
    let ending = Ending {
        flags: text(facts::FLAGS),
        details: text(facts::DETAILS),
        transport: text(facts::TRANSPORT),
        cluster: text(facts::CLUSTER),
        address: text(facts::ADDRESS),
        status,
        grpc_status: facts::integer(of, facts::GRPC_STATUS),
        error: said_error || span.status_code == StatusCode::Error,
        attempts: 0,
        retry: if is_try(span) { retry } else { 0 },
    };
    let (mut outcome, mut reason) = ending.judge();
    if facts::has(of, &["canceled"]) && ending.flags.is_empty() {
        outcome = model::HopOutcome::Ok;
        reason = CANCELLED.to_owned();
    }
    Some(Hop {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        proxy: proxy(span),
        mesh: mesh.to_owned(),
        direction: if outbound { "outbound" } else { "inbound" }.to_owned(),
        start_time: span.start_time,
        duration_ns: span.end_time.since(span.start_time),
        request: request(span),
        status_code: status,
        response_flags: flags::short(ending.flags),
        details: ending.details.to_owned(),
        upstream_cluster: ending.cluster.to_owned(),
        upstream_address: ending.address.to_owned(),
        attempts: if is_try(span) || retry == 0 {
            0
        } else {
            retry + 1
        },
        retry: ending.retry,
        request_id: text(facts::REQUEST_ID).to_owned(),
        outcome,
        reason,
        source: "span".to_owned(),
    })
}

/// Said of a try that the proxy gave up: another was quicker, the client left, or the time was over.
pub(super) const CANCELLED: &str = "given up by the proxy before it was answered";

/// Envoy's span of one try to reach an upstream.
fn is_try(span: &Span) -> bool {
    span.name.starts_with("router ") && span.name.ends_with(" egress")
}

/// Which mesh the proxy belongs to; `None` if the span is not of a proxy.
fn mesh(span: &Span) -> Option<&'static str> {
    let of = &span.attributes;
    let is = |name: &str, value: &str| matches!(of.get(name), Some(Value::String(text)) if text == value);
    if let Some(role) = knative(span) {
        return Some(role);
    }
    let proxy = is("component", "proxy")
        || facts::has(of, &["response_flags"])
        || of.contains_key("upstream_cluster")
        || of.contains_key("upstream_cluster.name");
    proxy.then(|| mesh_of(&span.attributes, &span.resource))
}

/// Istio's proxies are called `sidecar~address~workload~domain`, App Mesh's `mesh/name/virtualNode/name`.
pub(super) fn mesh_of(
    attributes: &model::Attributes,
    resource: &model::Attributes,
) -> &'static str {
    let node = facts::text(attributes, facts::NODE)
        .or_else(|| facts::text(resource, facts::NODE))
        .unwrap_or_default();
    let cluster = facts::text(attributes, facts::CLUSTER).unwrap_or_default();
    let istio = || attributes.keys().any(|key| key.starts_with("istio."));
    if node.contains('~') || istio() || cluster.split('|').count() == 4 {
        "istio"
    } else if node.starts_with("mesh/")
        || cluster.starts_with("cds_egress_")
        || cluster.starts_with("cds_ingress_")
    {
        "app_mesh"
    } else {
        "envoy"
    }
}

/// Knative's two own proxies: the activator, which holds requests while a revision starts, and the queue-proxy
/// beside each container.
fn knative(span: &Span) -> Option<&'static str> {
    let of = [span.service_name.as_str(), span.name.as_str()];
    let named = |words: &[&str]| of.iter().any(|name| words.contains(name));
    (named(&[
        "activator",
        "activator-service",
        "activator_proxy",
        "throttler_try",
        "kn_activator",
    ]) || named(&["queue-proxy", "queue_proxy", "queue_wait", "kn_queue_proxy"]))
    .then_some("knative")
}

fn proxy(span: &Span) -> String {
    let node = facts::text(&span.attributes, facts::NODE)
        .or_else(|| facts::text(&span.resource, facts::NODE));
    match span.service_name.as_str() {
        "" | "unknown_service:envoy" => node.map_or_else(|| "envoy".to_owned(), workload),
        name => name.to_owned(),
    }
}

/// `sidecar~10.0.0.1~cart-v1-5d4f.default~default.svc.cluster.local` is workload `cart-v1-5d4f.default`.
pub(super) fn workload(node: &str) -> String {
    let parts: Vec<&str> = node.split('~').collect();
    match parts[..] {
        [_, _, workload, _] => workload.to_owned(),
        _ => match node.rsplit_once("/virtualNode/") {
            Some((_, name)) => name.to_owned(),
            None => node.to_owned(),
        },
    }
}

fn request(span: &Span) -> String {
    let of = &span.attributes;
    let path = facts::text(of, facts::PATH).or_else(|| facts::text(of, facts::URL));
    match (facts::text(of, facts::METHOD), path) {
        (Some(method), Some(path)) => format!("{method} {path}"),
        (None, Some(path)) => path.to_owned(),
        _ => span.name.clone(),
    }
}
