//! Envoy's access logs: its gRPC service (ALS v3), and its files as text and as JSON lines.
//!
//! Each entry becomes a log record with the names that Istio's JSON format uses; `analysis::hops` says what it means.
//!
//! | Module | Reads |
//! |---|---|
//! | [`als`] | messages of `envoy.service.accesslog.v3.AccessLogService` |
//! | [`json`] | JSON lines, whatever the operator called the members |
//! | [`lines`] | text, in Envoy's default format and in Istio's |

mod als;
mod json;
mod lines;

pub use als::Als;
pub use json::{is_entry, read_object};
pub use lines::read_line;

/// Path of the gRPC call whose messages [`Als`] reads.
pub const STREAM_ACCESS_LOGS: &str =
    "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";

use model::{Attributes, LogOrigin, LogRecord, TraceId, UnixNanos, Value};

/// A record of an access log. Its identity is everything it says.
fn record(time: UnixNanos, attributes: Attributes, resource: Attributes) -> LogRecord {
    let said = serde_json::to_string(&(&attributes, &resource)).unwrap_or_default();
    let text = |names: &[&str]| {
        names.iter().find_map(|name| match attributes.get(*name) {
            Some(Value::String(text)) if text != "-" => Some(text.clone()),
            Some(Value::Int(number)) => Some(number.to_string()),
            _ => None,
        })
    };
    let parts = [
        text(&["method"]),
        text(&["path"]),
        text(&["response_code", "code", "status"]),
        text(&["response_flags", "flags"]),
        text(&["response_code_details", "details"]),
    ];
    let body: Vec<String> = parts.into_iter().flatten().collect();
    LogRecord {
        log_id: TraceId::of_parts(&["access log", &time.0.to_string(), &said]),
        time,
        body: match body.is_empty() {
            true => "connection".to_owned(),
            false => body.join(" "),
        },
        service_name: match (resource.get("cluster_name"), resource.get("node_name")) {
            (_, Some(Value::String(node))) if node.contains('~') || node.starts_with("mesh/") => {
                node.clone()
            }
            (Some(Value::String(name)), _) | (None, Some(Value::String(name))) => name.clone(),
            _ => String::new(),
        },
        attributes,
        resource,
        origin: LogOrigin::AccessLog,
        ..LogRecord::default()
    }
}

#[cfg(test)]
mod tests;
