//! One history event, in any of the shapes in which it is saved.

use super::time::parse_time;
use model::UnixNanos;
use serde_json::{Map, Value};

/// A history event before its execution is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Id, from 1.
    pub id: u64,
    /// The event that caused it, 0 for none.
    pub previous: u64,
    /// Type, such as `TaskStateEntered`.
    pub event_type: String,
    /// When; `None` if the file does not say it legibly.
    pub time: Option<UnixNanos>,
    /// The execution, if the event names it (log delivery, some wrappers).
    pub execution_arn: Option<String>,
    /// Redrive count, if the event says it (log delivery).
    pub redrive_count: Option<u32>,
    /// Flat details, JSON text.
    pub details: String,
}

impl Event {
    /// Reads one event; the error says what is missing.
    pub(super) fn read(value: &Value) -> Result<Event, String> {
        let members = value.as_object().ok_or("it is not an object")?;
        let mut frame = Frame::default();
        let mut wrapped = Vec::new();
        let mut flat = Map::new();
        for (key, value) in members {
            if value.is_null() || frame.take(key, value) {
                continue;
            }
            let name = camel(key);
            match value {
                Value::Object(details) if name == "details" || name.ends_with("EventDetails") => {
                    wrapped.push((name, details));
                }
                _ => {
                    flat.insert(name, value.clone());
                }
            }
        }
        let event_type = frame.event_type.unwrap_or_default();
        let details = match details_of(&event_type, wrapped) {
            Some(details) => details.iter().map(|(k, v)| (camel(k), v.clone())).collect(),
            None => flat,
        };
        let id = frame
            .id
            .filter(|id| *id > 0)
            .ok_or("it has no id of 1 or more")?;
        let event_type = Some(event_type)
            .filter(|name| !name.is_empty())
            .ok_or("it has no type")?;
        Ok(Event {
            id,
            previous: frame
                .previous
                .unwrap_or_else(|| unsaid_cause(id, &event_type)),
            event_type,
            time: frame.time,
            execution_arn: frame.execution_arn,
            redrive_count: frame.redrive_count,
            details: flat_details(details),
        })
    }
}

/// The cause of an event that does not say it (the member is optional): the event before it, and none for
/// the first state and the execution's own events.
fn unsaid_cause(id: u64, event_type: &str) -> u64 {
    if id <= 2 || event_type.starts_with("Execution") {
        0
    } else {
        id - 1
    }
}

/// The wrapper that goes with the type; serialisers may write all of them, most of them empty.
fn details_of<'a>(
    event_type: &str,
    wrapped: Vec<(String, &'a Map<String, Value>)>,
) -> Option<&'a Map<String, Value>> {
    let own = match event_type {
        name if name.ends_with("StateEntered") => "stateEnteredEventDetails".to_owned(),
        name if name.ends_with("StateExited") => "stateExitedEventDetails".to_owned(),
        name => format!("{}EventDetails", camel(name)),
    };
    let named = wrapped.iter().find(|(name, _)| *name == own);
    let filled = || {
        wrapped
            .iter()
            .find(|(_, details)| details.values().any(|value| !value.is_null()))
    };
    named
        .or_else(filled)
        .or(wrapped.first())
        .map(|(_, details)| *details)
}

#[derive(Default)]
struct Frame {
    id: Option<u64>,
    previous: Option<u64>,
    event_type: Option<String>,
    time: Option<UnixNanos>,
    execution_arn: Option<String>,
    redrive_count: Option<u32>,
}

impl Frame {
    /// True when the member belongs to the frame. `redriveCount` does not: it is a detail of
    /// ExecutionRedriven, while log delivery writes `redrive_count` into every frame.
    fn take(&mut self, key: &str, value: &Value) -> bool {
        let text = || value.as_str().map(str::to_owned);
        match key {
            "id" | "Id" => self.id = whole(value),
            "previousEventId" | "previous_event_id" | "PreviousEventId" => {
                self.previous = whole(value);
            }
            "type" | "Type" => self.event_type = text(),
            "timestamp" | "event_timestamp" | "Timestamp" => self.time = parse_time(value),
            "execution_arn" | "executionArn" | "ExecutionArn" => self.execution_arn = text(),
            "redrive_count" => {
                self.redrive_count = whole(value).and_then(|count| u32::try_from(count).ok());
            }
            _ => return false,
        }
        true
    }
}

/// A whole number, as a number or as text. Columns hold `int64`: what is larger is no number of AWS,
/// and no table could take it.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then_some(float as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| i64::try_from(*number).is_ok())
}

/// `PreviousEventId` and `previous_event_id` become `previousEventId`: SDKs write the API's names
/// in their own case.
pub(crate) fn camel(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    let mut upper = false;
    for c in key.chars() {
        match c {
            '_' if !name.is_empty() => upper = true,
            c if name.is_empty() => name.extend(c.to_lowercase()),
            c if upper => {
                name.extend(c.to_uppercase());
                upper = false;
            }
            c => name.push(c),
        }
    }
    name
}

/// Members that the API sends as text, whatever is in them.
const TEXTS: [&str; 5] = ["input", "output", "parameters", "cause", "error"];

fn flat_details(mut details: Map<String, Value>) -> String {
    details.retain(|_, value| !value.is_null());
    for name in TEXTS {
        if let Some(value) = details.get_mut(name) {
            make_text(value);
        }
    }
    Value::Object(details).to_string()
}

/// Puts decoded JSON back into text.
pub(super) fn make_text(value: &mut Value) {
    if !value.is_string() {
        *value = Value::String(value.to_string());
    }
}

/// True when a type could be one of Step Functions' 62, or one that came later.
pub(super) fn is_plausible_type(name: &str) -> bool {
    const STARTS: [&str; 7] = [
        "Execution",
        "Task",
        "LambdaFunction",
        "Activity",
        "MapIteration",
        "MapRun",
        "EvaluationFailed",
    ];
    const INSIDE: [&str; 6] = [
        "StateEntered",
        "StateExited",
        "StateStarted",
        "StateSucceeded",
        "StateFailed",
        "StateAborted",
    ];
    name.chars().all(|c| c.is_ascii_alphanumeric())
        && (STARTS.iter().any(|start| name.starts_with(start))
            || INSIDE.iter().any(|end| name.ends_with(end)))
}

/// True when a type is one that Step Functions sends, or has the form of one.
fn is_known_type(name: &str) -> bool {
    const VERBS: [&str; 12] = [
        "Entered",
        "Exited",
        "Scheduled",
        "Started",
        "Submitted",
        "Succeeded",
        "Failed",
        "TimedOut",
        "Aborted",
        "Redriven",
        "ScheduleFailed",
        "SubmitFailed",
    ];
    const THINGS: [&str; 7] = [
        "Execution",
        "Task",
        "LambdaFunction",
        "Activity",
        "MapIteration",
        "MapRun",
        "Evaluation",
    ];
    let thing = VERBS.iter().filter_map(|verb| name.strip_suffix(verb));
    thing
        .into_iter()
        .any(|thing| THINGS.contains(&thing) || thing.ends_with("State"))
        || name.ends_with("StartFailed")
}

/// True when the value has the frame of an event of Step Functions: a known type, or a plausible one with a
/// cause, so that other people's events are left alone.
pub(super) fn is_event(value: &Value) -> bool {
    let Some(members) = value.as_object() else {
        return false;
    };
    let any = |keys: &[&str]| keys.iter().find_map(|key| members.get(*key));
    let caused = any(&["previousEventId", "previous_event_id", "PreviousEventId"]).is_some();
    let timed = any(&["timestamp", "event_timestamp", "Timestamp"]).is_some();
    let name = any(&["type", "Type"]).and_then(Value::as_str).unwrap_or("");
    let of_a_kind = if caused {
        is_plausible_type(name)
    } else {
        timed && is_known_type(name)
    };
    of_a_kind && any(&["id", "Id"]).is_some_and(|id| whole(id).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_shapes_of_an_event_are_one() {
        let expect = Event::read(&json!({
            "timestamp": 1614353049.766, "type": "TaskStateEntered", "id": 2, "previousEventId": 0,
            "stateEnteredEventDetails": {"name": "A", "input": "{\"a\":1}", "inputDetails": {"truncated": false}}
        }));
        let check = |value: Value| assert_eq!(Event::read(&value), expect);
        check(json!({
            "timestamp": "2021-02-26T15:24:09.766Z", "type": "TaskStateEntered", "id": "2",
            "name": "A", "input": {"a": 1}, "inputDetails": {"truncated": false}
        }));
        check(json!({
            "Timestamp": "2021-02-26T15:24:09.766Z", "Type": "TaskStateEntered", "Id": 2.0, "PreviousEventId": 0,
            "TaskFailedEventDetails": {"Error": null, "Cause": null},
            "StateEnteredEventDetails": {"Name": "A", "Input": "{\"a\":1}", "InputDetails": {"truncated": false}}
        }));
        assert!(expect.is_ok());
    }

    #[test]
    fn what_is_missing_is_said() {
        let check = |value: Value, expect: &str| {
            assert_eq!(Event::read(&value).err().as_deref(), Some(expect));
        };
        check(json!(3), "it is not an object");
        check(json!({"type": "X"}), "it has no id of 1 or more");
        check(json!({"type": "X", "id": 0}), "it has no id of 1 or more");
        check(json!({"type": "X", "id": -3}), "it has no id of 1 or more");
        let beyond = i64::MAX as u64 + 1;
        check(
            json!({"type": "X", "id": beyond}),
            "it has no id of 1 or more",
        );
        check(
            json!({"type": "X", "id": beyond.to_string()}),
            "it has no id of 1 or more",
        );
        check(json!({"id": 3, "type": 4}), "it has no type");
    }

    #[test]
    fn redrive_count_is_a_detail_in_histories() {
        let event = Event::read(&json!({"id": 9, "type": "ExecutionRedriven",
            "executionRedrivenEventDetails": {"redriveCount": 1}}));
        assert_eq!(
            event.map(|e| e.details),
            Ok("{\"redriveCount\":1}".to_owned())
        );
    }
}
