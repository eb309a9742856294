//! What a proxy's span or log record says, whatever its members are called.
//!
//! A tracer's tags have fixed names (and two generations of them); access logs have those that somebody chose, so the
//! usual choices are known: Istio's, Envoy's own example formats, and those of the operators themselves.

use model::{Attributes, Value};

/// Names of a fact, best first.
type Names = &'static [&'static str];

pub(super) const FLAGS: Names = &[
    "response_flags",
    "envoy.response_flags",
    "flags",
    "responseflags",
    "response_flags_long",
    "flags_long",
];
pub(super) const DETAILS: Names = &[
    "response_code_details",
    "envoy.response_code_details",
    "details",
    "response_details",
    "error.reason",
];
pub(super) const TRANSPORT: Names = &[
    "upstream_transport_failure_reason",
    "transport_failure",
    "tf",
];
pub(super) const CLUSTER: Names = &[
    "upstream_cluster.name",
    "upstream_cluster",
    "upstream_cluster_name",
    "cluster",
];
pub(super) const ADDRESS: Names = &[
    "upstream_address",
    "upstream_host",
    "upstream_remote_address",
    "upstream_peer_address",
];
pub(super) const STATUS: Names = &[
    "http.status_code",
    "http.response.status_code",
    "response_code",
    "status_code",
    "status",
    "code",
];
pub(super) const GRPC_STATUS: Names = &[
    "grpc.status_code",
    "rpc.grpc.status_code",
    "grpc_status",
    "grpc_status_number",
];
pub(super) const ATTEMPTS: Names = &[
    "attempts",
    "upstream_request_attempt_count",
    "attempt_count",
    "request_attempt_count",
];
pub(super) const RETRY: Names = &["retry.count", "retry_count", "http.request.resend_count"];
pub(super) const REQUEST_ID: Names = &[
    "guid:x-request-id",
    "request_id",
    "x_request_id",
    "x-request-id",
    "rid",
    "req_id",
    "http.request.header.x-request-id",
];
pub(super) const METHOD: Names = &[
    "http.method",
    "http.request.method",
    "method",
    "request_method",
    "verb",
];
pub(super) const PATH: Names = &[
    "url.path",
    "path",
    "http.target",
    "request_path",
    "x_envoy_original_path",
    "original_path",
    "uri",
    "request_uri",
];
pub(super) const URL: Names = &["http.url", "url.full"];
pub(super) const NODE: Names = &[
    "node_id",
    "node_name",
    "node.id",
    "envoy.node.id",
    "pod",
    "pod_name",
];
pub(super) const DURATION_NS: Names = &["duration_ns"];
pub(super) const DURATION_MS: Names = &[
    "duration_ms",
    "duration",
    "dur",
    "request_duration",
    "total_duration",
];

/// The first of these names that says something, as text.
pub(super) fn text(attributes: &Attributes, names: Names) -> Option<&str> {
    names.iter().find_map(|name| match attributes.get(*name) {
        Some(Value::String(text)) if !text.is_empty() && text != "-" => Some(text.as_str()),
        _ => None,
    })
}

/// The first of these names that holds a number, also one written as text.
pub(super) fn number(attributes: &Attributes, names: Names) -> Option<f64> {
    names.iter().find_map(|name| match attributes.get(*name)? {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        Value::String(text) => text.trim_end_matches("ms").parse().ok(),
        _ => None,
    })
}

pub(super) fn integer(attributes: &Attributes, names: Names) -> Option<i64> {
    number(attributes, names).map(|number| number as i64)
}

/// True if any of these names is there, whatever it holds.
pub(super) fn has(attributes: &Attributes, names: Names) -> bool {
    names.iter().any(|name| attributes.contains_key(*name))
}
