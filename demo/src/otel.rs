//! Spans and log records of applications, as an OpenTelemetry SDK exports them (OTLP JSON).

use crate::dice::Dice;
use crate::lambda::{Fate, Function, Invocation};
use crate::run::{ACCOUNT, REGION};
use serde_json::{Value, json};

/// A span before it is put under its resource. Times are nanoseconds.
#[derive(Debug, Clone)]
pub struct Span {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits, or empty.
    pub parent_id: String,
    /// Name.
    pub name: String,
    /// OTLP kind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u8,
    /// Start.
    pub start_ns: i64,
    /// End.
    pub end_ns: i64,
    /// Attributes.
    pub attributes: Vec<(&'static str, Value)>,
    /// Error message, if it failed.
    pub error: Option<String>,
}

impl Span {
    /// The OTLP form.
    pub fn otlp(&self) -> Value {
        let status = match &self.error {
            Some(message) => json!({"code": 2, "message": message}),
            None => json!({}),
        };
        let mut span = json!({
            "traceId": self.trace_id, "spanId": self.span_id, "name": self.name, "kind": self.kind,
            "startTimeUnixNano": self.start_ns.to_string(),
            "endTimeUnixNano": self.end_ns.to_string(),
            "attributes": attributes(&self.attributes), "status": status,
        });
        if !self.parent_id.is_empty() {
            span["parentSpanId"] = json!(self.parent_id);
        }
        if let Some(message) = &self.error {
            span["events"] = json!([{
                "timeUnixNano": self.end_ns.to_string(), "name": "exception",
                "attributes": attributes(&[("exception.message", json!(message))]),
            }]);
        }
        span
    }
}

/// Attributes in OTLP's tagged form.
pub fn attributes(pairs: &[(&'static str, Value)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| json!({"key": key, "value": tagged(value)}))
        .collect()
}

fn tagged(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        Value::String(text) => json!({"stringValue": text}),
        other => json!({"stringValue": other.to_string()}),
    }
}

/// One `ExportTraceServiceRequest` with the spans of one service.
pub fn export(service: &[(&'static str, Value)], scope: &str, spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(Span::otlp).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(service)},
        "scopeSpans": [{"scope": {"name": scope, "version": "0.56.0"}, "spans": spans}],
    }]})
}

/// The resource of a function.
pub fn function_resource(function: &Function) -> Vec<(&'static str, Value)> {
    vec![
        ("service.name", json!(function.name)),
        ("service.version", json!(function.version)),
        ("cloud.provider", json!("aws")),
        ("cloud.region", json!(REGION)),
        ("faas.name", json!(function.name)),
        ("faas.version", json!(function.version)),
        ("telemetry.sdk.name", json!("opentelemetry")),
        ("telemetry.sdk.language", json!("python")),
        ("telemetry.sdk.version", json!("1.38.0")),
    ]
}

/// The spans of an invocation: the handler, and what it called.
pub fn invocation_spans(dice: &mut Dice, function: &Function, call: &Invocation) -> Vec<Span> {
    let trace_id = dice.hex(32);
    let start_ns = call.start_ms * 1_000_000 + dice.between(0, 900_000);
    let length_ns = (call.duration_ms * 0.94 * 1e6) as i64;
    let error = match &call.fate {
        Fate::Raise(class, message) => Some(format!("{class}: {message}")),
        _ => None,
    };
    let handler = Span {
        trace_id: trace_id.clone(),
        span_id: dice.hex(16),
        parent_id: String::new(),
        name: function.name.to_owned(),
        kind: 2,
        start_ns,
        end_ns: start_ns + length_ns,
        attributes: vec![
            ("faas.invocation_id", json!(call.request_id)),
            ("faas.trigger", json!("other")),
            ("faas.coldstart", json!(call.init_ms.is_some())),
            (
                "cloud.resource_id",
                json!(format!(
                    "arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}",
                    function.name
                )),
            ),
        ],
        error: error.clone(),
    };
    let mut spans = vec![handler];
    let mut at = start_ns + length_ns / 50;
    for dependency in function.calls {
        let share = dependency.share * (0.8 + 0.2 * dice.unit());
        let took = (length_ns as f64 * share) as i64;
        let failed = error.clone().filter(|_| dependency.system == "http");
        let over = failed.is_some();
        spans.push(Span {
            trace_id: trace_id.clone(),
            span_id: dice.hex(16),
            parent_id: spans[0].span_id.clone(),
            name: dependency.name.to_owned(),
            kind: 3,
            start_ns: at,
            end_ns: at + took,
            attributes: client_attributes(dependency.system, dependency.host, failed.as_deref()),
            error: failed,
        });
        if over {
            break;
        }
        at += took + length_ns / 100;
    }
    spans
}

/// What the called service answered, of a call that failed for this reason.
fn answered(error: Option<&str>) -> u16 {
    match error.and_then(|it| it.split(':').next()) {
        None => 200,
        Some("CardDeclined") => 402,
        Some("AddressNotDeliverable") => 422,
        Some(_) => 503,
    }
}

fn client_attributes(
    system: &str,
    host: &'static str,
    error: Option<&str>,
) -> Vec<(&'static str, Value)> {
    let address = ("server.address", json!(host));
    match system {
        "http" => vec![
            ("http.request.method", json!("POST")),
            ("http.response.status_code", json!(answered(error))),
            ("url.scheme", json!("https")),
            address,
        ],
        "s3" => vec![
            ("rpc.system", json!("aws-api")),
            ("rpc.service", json!("S3")),
            address,
        ],
        database => vec![("db.system.name", json!(database)), address],
    }
}
