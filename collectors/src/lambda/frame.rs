//! JSON forms: frames of the platform (`time`, `type`, `record`) and objects that functions log.

use super::{Line, is_request_id, parse_line};
use crate::timestamp;
use model::lambda as word;
use serde_json::{Map, Value};

/// Reads an object; `text` is its JSON text as it came.
pub(super) fn read(mut object: Map<String, Value>, text: &str) -> Line {
    let kind = object
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    if !object.contains_key("record")
        || !(kind.starts_with("platform.") || kind == "function" || kind == "extension")
    {
        return logged(object, text);
    }
    let time = object.get("time").and_then(timestamp::parse);
    let record = object.remove("record").unwrap_or(Value::Null);
    let mut line = match record {
        record if kind.starts_with("platform.") => platform(&kind, record, text),
        Value::Object(record) => {
            let text = Value::Object(record.clone()).to_string();
            logged(record, &text)
        }
        Value::String(message) => parse_line(&message),
        other => Line {
            body: other.to_string(),
            ..Line::default()
        },
    };
    line.time = time.or(line.time);
    if kind == "extension" {
        line.set("aws.lambda.log_type", "extension");
    }
    line
}

fn platform(kind: &str, record: Value, text: &str) -> Line {
    if let Value::String(message) = &record {
        let said = parse_line(message);
        let platform = Line::platform(kind, message);
        return Line {
            request_id: said.request_id,
            attributes: said.attributes,
            ..platform
        };
    }
    let mut line = Line::platform(kind, text);
    let text_of = |key: &str| record.get(key).and_then(Value::as_str).map(str::to_owned);
    line.request_id = text_of("requestId");
    for (key, name) in [
        ("version", word::FUNCTION_VERSION),
        ("functionVersion", word::FUNCTION_VERSION),
        ("functionName", word::FUNCTION_NAME),
        ("status", word::STATUS),
        ("errorType", word::ERROR_TYPE),
        ("phase", word::PHASE),
        ("initializationType", word::INITIALIZATION_TYPE),
        ("runtimeVersion", word::RUNTIME_VERSION),
    ] {
        if let Some(value) = text_of(key) {
            line.set(name, value);
        }
    }
    metrics(&mut line, record.get("metrics"));
    tracing(&mut line, record.get("tracing"));
    line
}

fn metrics(line: &mut Line, metrics: Option<&Value>) {
    for (key, name) in [
        ("durationMs", word::DURATION_MS),
        ("billedDurationMs", word::BILLED_DURATION_MS),
        ("memorySizeMB", word::MEMORY_SIZE_MB),
        ("maxMemoryUsedMB", word::MAX_MEMORY_USED_MB),
        ("initDurationMs", word::INIT_DURATION_MS),
        ("restoreDurationMs", word::RESTORE_DURATION_MS),
        ("billedRestoreDurationMs", word::BILLED_RESTORE_DURATION_MS),
    ] {
        if let Some(number) = metrics.and_then(|m| m.get(key)).and_then(Value::as_f64) {
            line.set(name, number);
        }
    }
}

/// `Root=1-…;Parent=…;Sampled=1`.
fn tracing(line: &mut Line, tracing: Option<&Value>) {
    let Some(header) = tracing.and_then(|t| t.get("value")).and_then(Value::as_str) else {
        return;
    };
    if let Some(root) = header
        .split(';')
        .find_map(|part| part.trim().strip_prefix("Root="))
    {
        line.set(word::XRAY_TRACE_ID, root);
    }
    if let Some(id) = tracing
        .and_then(|t| t.get("spanId"))
        .and_then(Value::as_str)
    {
        line.set(word::XRAY_SEGMENT_ID, id);
    }
}

const TIMES: &[&str] = &["timestamp", "time", "@timestamp", "ts"];
const LEVELS: &[&str] = &[
    "level",
    "severity",
    "log.level",
    "levelname",
    "severity_text",
];
const IDS: &[&str] = &[
    "requestId",
    "request_id",
    "awsRequestId",
    "aws_request_id",
    "AWSRequestId",
    "AwsRequestId",
    "function_request_id",
    "lambda_request_id",
    "faas.invocation_id",
    "faas.execution",
];
const MESSAGES: &[&str] = &["message", "msg", "event", "body"];

/// An object that the function logged, by any of the loggers in use. Keys that became fields leave it.
fn logged(mut object: Map<String, Value>, text: &str) -> Line {
    let mut line = Line {
        time: take(&mut object, TIMES, timestamp::parse),
        ..Line::default()
    };
    line.severity_text = take(&mut object, LEVELS, level).unwrap_or_default();
    line.request_id = take(&mut object, IDS, |v| {
        v.as_str().filter(|id| is_request_id(id)).map(str::to_owned)
    });
    line.trace_id =
        take(&mut object, &["trace_id", "traceId", "otelTraceID"], id).unwrap_or_default();
    line.span_id = take(&mut object, &["span_id", "spanId", "otelSpanID"], id).unwrap_or_default();
    if let Some(root) = take(&mut object, &["xray_trace_id", "xrayTraceId"], |v| {
        v.as_str().map(str::to_owned)
    }) {
        line.set(word::XRAY_TRACE_ID, root.trim_start_matches("Root="));
    }
    if let Some(name) = object.get("function_name").and_then(Value::as_str) {
        line.set(word::FUNCTION_NAME, name);
    }
    exception(&mut line, &object);
    line.body =
        take(&mut object, MESSAGES, |value| Some(plain(value))).unwrap_or_else(|| text.to_owned());
    for (key, value) in object {
        line.attributes
            .entry(key)
            .or_insert_with(|| attribute(value));
    }
    line
}

fn take<T>(
    object: &mut Map<String, Value>,
    keys: &[&str],
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    let (key, value) = keys
        .iter()
        .find_map(|key| Some((*key, read(object.get(*key)?)?)))?;
    object.remove(key);
    Some(value)
}

/// A word, or the number that pino and bunyan write.
fn level(value: &Value) -> Option<String> {
    match value {
        Value::String(word) => Some(word.clone()),
        Value::Number(number) => Some(
            match number.as_u64()? {
                10 => "TRACE",
                20 => "DEBUG",
                30 => "INFO",
                40 => "WARN",
                50 => "ERROR",
                60 => "FATAL",
                _ => return None,
            }
            .to_owned(),
        ),
        _ => None,
    }
}

fn id<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What the runtimes log for an exception that left the handler: `errorType` and `stackTrace` beside
/// the message (Python), or an object of them as the message (Node).
fn exception(line: &mut Line, object: &Map<String, Value>) {
    let nested = object.get("message").and_then(Value::as_object);
    let get = |key: &str| {
        object
            .get(key)
            .or_else(|| nested.and_then(|n| n.get(key)))
            .and_then(Value::as_str)
    };
    let name = get("errorType")
        .or_else(|| get("exception_name"))
        .map(str::to_owned);
    let message = get("errorMessage")
        .or_else(|| get("message"))
        .map(str::to_owned);
    let Some(name) = name else { return };
    let escaped = get("errorType").is_some()
        && ["stackTrace", "stack"]
            .iter()
            .any(|key| object.contains_key(*key) || nested.is_some_and(|n| n.contains_key(*key)));
    line.set(word::EXCEPTION_TYPE, name);
    if let Some(message) = message {
        line.set(word::EXCEPTION_MESSAGE, message);
    }
    if escaped {
        line.set(word::EXCEPTION_ESCAPED, true);
    }
}

/// JSON as an attribute.
pub(crate) fn attribute(value: Value) -> model::Value {
    match value {
        Value::Null => model::Value::Null,
        Value::Bool(truth) => truth.into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().map_or(model::Value::Null, Into::into),
        },
        Value::String(text) => text.into(),
        Value::Array(list) => model::Value::Array(list.into_iter().map(attribute).collect()),
        Value::Object(map) => model::Value::Map(
            map.into_iter()
                .map(|(key, value)| (key, attribute(value)))
                .collect(),
        ),
    }
}
