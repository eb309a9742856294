//! Lambda durable functions: histories and descriptions of their executions, as the API answers and as
//! people save it.
//!
//! Events keep the API's words and members. Descriptions are put into the words in which executions of Step
//! Functions are described, so that both are one to whoever pairs and reads them. Formats: Lambda API
//! reference (GetDurableExecutionHistory, GetDurableExecution, ListDurableExecutionsByFunction).

mod event;
mod recognise;

pub use recognise::recognise;

use crate::step_functions::{camel, parse_time, to_epoch_seconds};
use model::Engine;
use serde_json::{Map, Value};

/// The engine whose execution an ARN names.
pub fn engine_of(execution_arn: &str) -> Engine {
    match execution_arn.contains("/durable-execution/") {
        true => Engine::lambda_durable(),
        false => Engine::step_functions(),
    }
}

/// GetDurableExecution's answer, or an entry of ListDurableExecutionsByFunction, in the words of
/// DescribeExecution: dates as epoch seconds, payloads as text. `None` if it is something else.
pub fn document(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    let arn = text(members, "durableExecutionArn")?;
    // A chained invoke names the execution that it started, too, and says nothing of it.
    text(members, "status")?;
    let start = find(members, "startTimestamp").and_then(parse_time)?;
    let mut document = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            document.insert(name.to_owned(), value);
        }
    };
    let owned = |name: &str| text(members, name).map(Value::from);
    put("executionArn", Some(arn.into()));
    put("name", owned("durableExecutionName"));
    put(
        "stateMachineArn",
        text(members, "functionArn").map(|arn| bare(arn).into()),
    );
    put(
        "status",
        text(members, "status").map(|status| status_word(status).into()),
    );
    put("startDate", Some(to_epoch_seconds(start)));
    let end = find(members, "endTimestamp").and_then(parse_time);
    put("stopDate", end.map(to_epoch_seconds));
    put("version", owned("version"));
    put("input", find(members, "inputPayload").map(payload));
    put("output", find(members, "result").map(payload));
    if let Some(Value::Object(error)) = find(members, "error") {
        put("error", text(error, "errorType").map(Value::from));
        put("cause", text(error, "errorMessage").map(Value::from));
    }
    if let Some(Value::Object(header)) = find(members, "traceHeader") {
        put("traceHeader", text(header, "xAmznTraceId").map(Value::from));
    }
    put("durableConfig", find(members, "durableConfig").cloned());
    Some(document)
}

/// Lambda says STOPPED of what somebody stopped.
fn status_word(status: &str) -> &str {
    match status {
        "STOPPED" => "ABORTED",
        other => other,
    }
}

/// A function's ARN without version or alias.
fn bare(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(8, ':').take(7).collect();
    parts.join(":")
}

fn payload(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => Value::String(other.to_string()),
    }
}

/// A member by its API name in the camel case of SDKs.
fn find<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = members
        .iter()
        .find(|(key, _)| key.len() >= name.len() && camel(key) == name);
    found
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    find(members, name)?
        .as_str()
        .filter(|text| !text.is_empty())
}
