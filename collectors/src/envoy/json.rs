//! An access log as JSON lines: whoever configured the proxy chose the members' names.

use crate::timestamp;
use model::{Attributes, LogRecord, SpanId, TraceId, UnixNanos, Value as Plain};
use serde_json::{Map, Value};

/// Members of which a proxy's line has at least one…
const KNOWS: [&str; 6] = [
    "response_flags",
    "flags",
    "response_code_details",
    "response_flags_long",
    "flags_long",
    "upstream_transport_failure_reason",
];
/// …and one that says what was answered or where it went.
const SAYS: [&str; 9] = [
    "response_code",
    "code",
    "status",
    "status_code",
    "upstream_cluster",
    "cluster",
    "upstream_host",
    "upstream_address",
    "http.status_code",
];
/// Members that hold the time at which it began.
const TIMES: [&str; 7] = [
    "start_time",
    "start",
    "timestamp",
    "@timestamp",
    "time",
    "ts",
    "start_time_iso",
];

/// True for an object that a proxy wrote.
pub fn is_entry(object: &Map<String, Value>) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| object.contains_key(*name));
    has(&KNOWS) && has(&SAYS) && time(object).is_some() && !object.contains_key("resourceLogs")
}

/// The record of such an object; `None` if it tells no time.
pub fn read_object(object: &Map<String, Value>) -> Option<LogRecord> {
    let time = time(object)?;
    let mut attributes = Attributes::new();
    for (name, value) in object {
        if let Some(value) = plain(value) {
            attributes.insert(name.clone(), value);
        }
    }
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let trace_id: TraceId = text("trace_id").and_then(padded).unwrap_or_default();
    let span_id: SpanId = text("span_id")
        .and_then(|id| id.parse().ok())
        .unwrap_or_default();
    let mut record = super::record(time, attributes, Attributes::new());
    record.trace_id = trace_id;
    record.span_id = if trace_id.is_zero() {
        SpanId::default()
    } else {
        span_id
    };
    Some(record)
}

/// B3's short ids are the lower half.
fn padded(id: &str) -> Option<TraceId> {
    (id.len() == 16 || id.len() == 32).then(|| format!("{id:0>32}").parse().ok())?
}

fn time(object: &Map<String, Value>) -> Option<UnixNanos> {
    TIMES.iter().find_map(|name| match object.get(*name)? {
        // Seconds with a fraction are written as text by `%START_TIME(%s.%9f)%`: a double would lose digits.
        Value::String(text) => {
            seconds(text).or_else(|| timestamp::parse(&Value::from(text.as_str())))
        }
        other => timestamp::parse(other),
    })
}

fn seconds(text: &str) -> Option<UnixNanos> {
    let (whole, fraction) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 || whole.len() != 10 {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some(UnixNanos(
        whole.parse::<i64>().ok()? * 1_000_000_000 + nanos,
    ))
}

fn plain(value: &Value) -> Option<Plain> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    })
}
