//! The part of OTLP JSON that the simulator writes.

use model::{Attributes, LogRecord, Span, SpanEvent, SpanKind, StatusCode, UnixNanos, Value};
use serde_json::Value as Json;

fn value(json: &Json) -> Value {
    if let Some(text) = json["stringValue"].as_str() {
        return Value::String(text.to_owned());
    }
    if let Some(flag) = json["boolValue"].as_bool() {
        return Value::Bool(flag);
    }
    if let Some(number) = json["intValue"].as_str().and_then(|text| text.parse().ok()) {
        return Value::Int(number);
    }
    json["doubleValue"]
        .as_f64()
        .map_or(Value::Null, Value::Double)
}

fn attributes(json: &Json) -> Attributes {
    let mut all = Attributes::default();
    for pair in json.as_array().into_iter().flatten() {
        all.insert(
            pair["key"].as_str().unwrap_or_default().to_owned(),
            value(&pair["value"]),
        );
    }
    all
}

fn nanos(json: &Json) -> UnixNanos {
    UnixNanos(
        json.as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
    )
}

/// Name of the service, and the rest of a resource.
fn resource(json: &Json) -> (String, Attributes) {
    let mut all = attributes(&json["resource"]["attributes"]);
    let name = match all.remove("service.name") {
        Some(Value::String(name)) => name,
        _ => String::new(),
    };
    (name, all)
}

fn events(json: &Json) -> Vec<SpanEvent> {
    let one = |event: &Json| SpanEvent {
        time: nanos(&event["timeUnixNano"]),
        name: event["name"].as_str().unwrap_or_default().to_owned(),
        attributes: attributes(&event["attributes"]),
    };
    json.as_array().into_iter().flatten().map(one).collect()
}

/// Spans of an export request.
pub(super) fn spans(bytes: &[u8]) -> Vec<Span> {
    let request: Json = serde_json::from_slice(bytes).expect("the simulator writes JSON");
    let mut all = Vec::new();
    for group in request["resourceSpans"].as_array().into_iter().flatten() {
        let (service_name, resource) = resource(group);
        for scope in group["scopeSpans"].as_array().into_iter().flatten() {
            for span in scope["spans"].as_array().into_iter().flatten() {
                let text = |name: &str| span[name].as_str().unwrap_or_default();
                all.push(Span {
                    trace_id: text("traceId").parse().unwrap_or_default(),
                    span_id: text("spanId").parse().unwrap_or_default(),
                    parent_span_id: text("parentSpanId").parse().unwrap_or_default(),
                    name: text("name").to_owned(),
                    kind: match span["kind"].as_u64() {
                        Some(2) => SpanKind::Server,
                        Some(3) => SpanKind::Client,
                        Some(4) => SpanKind::Producer,
                        Some(5) => SpanKind::Consumer,
                        _ => SpanKind::Internal,
                    },
                    start_time: nanos(&span["startTimeUnixNano"]),
                    end_time: nanos(&span["endTimeUnixNano"]),
                    status_code: match span["status"]["code"].as_u64() {
                        Some(2) => StatusCode::Error,
                        Some(1) => StatusCode::Ok,
                        _ => StatusCode::Unset,
                    },
                    status_message: span["status"]["message"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                    service_name: service_name.clone(),
                    resource: resource.clone(),
                    attributes: attributes(&span["attributes"]),
                    events: events(&span["events"]),
                    ..Span::default()
                });
            }
        }
    }
    all
}

/// Log records of an export request.
pub(super) fn logs(bytes: &[u8]) -> Vec<LogRecord> {
    let request: Json = serde_json::from_slice(bytes).expect("the simulator writes JSON");
    let mut all = Vec::new();
    for group in request["resourceLogs"].as_array().into_iter().flatten() {
        let (service_name, resource) = resource(group);
        for scope in group["scopeLogs"].as_array().into_iter().flatten() {
            for log in scope["logRecords"].as_array().into_iter().flatten() {
                let text = |name: &str| log[name].as_str().unwrap_or_default();
                all.push(LogRecord {
                    time: nanos(&log["timeUnixNano"]),
                    severity_number: log["severityNumber"].as_u64().unwrap_or(0) as u8,
                    severity_text: text("severityText").to_owned(),
                    body: log["body"]["stringValue"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                    trace_id: text("traceId").parse().unwrap_or_default(),
                    span_id: text("spanId").parse().unwrap_or_default(),
                    service_name: service_name.clone(),
                    resource: resource.clone(),
                    ..LogRecord::default()
                });
            }
        }
    }
    all
}
