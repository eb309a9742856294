//! One event of a durable execution's history.

use super::find;
use crate::step_functions::{Event, camel, parse_time, to_epoch_seconds, whole};
use serde_json::{Map, Value};

/// Details nested deeper than this are kept as they came.
const MAX_DEPTH: usize = 8;

/// True when the value has the frame of an event, of a type that is known or not.
pub(super) fn is_event(value: &Value) -> bool {
    let Some(members) = value.as_object() else {
        return false;
    };
    let named = find(members, "eventType").is_some_and(Value::is_string);
    let numbered = find(members, "eventId").is_some_and(|id| whole(id).is_some());
    named && numbered && find(members, "eventTimestamp").is_some()
}

/// Reads one event; the error says what is missing.
pub(super) fn read(value: &Value) -> Result<Event, String> {
    let members = value.as_object().ok_or("it is not an object")?;
    let id = find(members, "eventId")
        .and_then(whole)
        .filter(|id| *id > 0);
    let event_type = find(members, "eventType").and_then(Value::as_str);
    let arn = find(members, "executionArn").and_then(Value::as_str);
    Ok(Event {
        id: id.ok_or("it has no EventId of 1 or more")?,
        previous: 0,
        event_type: event_type
            .filter(|name| !name.is_empty())
            .ok_or("it has no EventType")?
            .to_owned(),
        time: find(members, "eventTimestamp").and_then(parse_time),
        execution_arn: arn.map(str::to_owned),
        redrive_count: None,
        details: details(members),
    })
}

/// What is said beside the frame, in the API's own words, without the `…Details` around it.
fn details(members: &Map<String, Value>) -> String {
    let mut flat = Map::new();
    for (key, value) in members {
        let name = pascal(key);
        match value {
            Value::Null => {}
            _ if ["EventId", "EventType", "EventTimestamp", "ExecutionArn"]
                .contains(&name.as_str()) => {}
            Value::Object(inner) if name.ends_with("Details") => {
                for (key, value) in inner {
                    put(&mut flat, pascal(key), value, 0);
                }
            }
            _ => put(&mut flat, name, value, 0),
        }
    }
    Value::Object(flat).to_string()
}

/// Times get one form, so that whoever wrote the history down, it is the same event. Users' data is kept as it is.
fn put(into: &mut Map<String, Value>, name: String, value: &Value, depth: usize) {
    let value = match value {
        Value::Null => return,
        _ if name.ends_with("Timestamp") => match parse_time(value) {
            Some(time) => to_epoch_seconds(time),
            None => value.clone(),
        },
        Value::Object(inner) if depth < MAX_DEPTH && (name != "Payload" || is_error(inner)) => {
            let mut members = Map::new();
            for (key, value) in inner {
                put(&mut members, pascal(key), value, depth + 1);
            }
            Value::Object(members)
        }
        other => other.clone(),
    };
    into.insert(name, value);
}

/// The payload of an error has members of the API, that of a result is somebody's data.
fn is_error(payload: &Map<String, Value>) -> bool {
    find(payload, "errorType").is_some() || find(payload, "errorMessage").is_some()
}

/// `next_attempt_delay_seconds` and `nextAttemptDelaySeconds` become `NextAttemptDelaySeconds`.
fn pascal(key: &str) -> String {
    let mut name = camel(key);
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}
