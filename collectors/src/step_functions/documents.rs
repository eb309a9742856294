//! Descriptions in the API's own words, with dates and payloads in one form.

use super::{
    StateMachine,
    event::{camel, make_text},
    time::{parse_time, to_epoch_seconds},
};
use serde_json::{Map, Value};

/// DescribeExecution, StartSyncExecution, an entry of ListExecutions, or the detail of a status change
/// event; dates become epoch seconds, payloads JSON text. `None` if it is something else.
pub(super) fn execution_document(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    text(members, "executionArn")?;
    let dated = find(members, "startDate").is_some();
    let described = find(members, "stateMachineArn").is_some() || find(members, "status").is_some();
    let events = find(members, "events").is_some() || find(members, "event_timestamp").is_some();
    (dated && described && !events).then(|| normalised(members))
}

/// DescribeMapRun, or an entry of ListMapRuns.
pub(super) fn map_run_document(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    text(members, "mapRunArn")?;
    text(members, "executionArn")?;
    let of_child = find(members, "name").is_some();
    (!of_child && find(members, "startDate").is_some()).then(|| normalised(members))
}

/// DescribeStateMachine(ForExecution), or a bare definition in the Amazon States Language.
pub(super) fn state_machine_document(members: &Map<String, Value>) -> Option<StateMachine> {
    let is_asl = |value: &Value| {
        value.get("States").is_some_and(Value::is_object) && value.get("StartAt").is_some()
    };
    if members.contains_key("StartAt") && members.get("States").is_some_and(Value::is_object) {
        let definition = Value::Object(members.clone()).to_string();
        let body = Map::from_iter([("definition".to_owned(), Value::String(definition))]);
        return Some(StateMachine {
            body,
            ..StateMachine::default()
        });
    }
    let definition = find(members, "definition")?;
    let legible = match definition {
        Value::String(text) => text.contains("States") && text.trim_start().starts_with('{'),
        other => is_asl(other),
    };
    let machine =
        text(members, "stateMachineArn").or_else(|| text(members, "stateMachineVersionArn"));
    let named = machine.is_some() || find(members, "name").is_some();
    if !legible || !named {
        return None;
    }
    let mut body = normalised(members);
    body.get_mut("definition").into_iter().for_each(make_text);
    Some(StateMachine {
        execution_arn: None,
        state_machine_arn: machine.map(str::to_owned),
        body,
    })
}

/// A member by its API name, also when an SDK wrote it in its own case.
fn find<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = members.get(name).or_else(|| {
        members
            .iter()
            .find(|(key, _)| key.len() >= name.len() && camel(key) == name)
            .map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    find(members, name)?
        .as_str()
        .filter(|text| !text.is_empty())
}

fn normalised(members: &Map<String, Value>) -> Map<String, Value> {
    let mut document = Map::new();
    for (key, value) in members {
        let name = camel(key);
        if value.is_null() || name == "responseMetadata" {
            continue;
        }
        let mut value = value.clone();
        match name.as_str() {
            "startDate" | "stopDate" | "redriveDate" | "creationDate" | "updateDate" => {
                let Some(time) = parse_time(&value) else {
                    continue;
                };
                value = to_epoch_seconds(time);
            }
            "input" | "output" | "cause" | "error" => make_text(&mut value),
            _ => {}
        }
        document.insert(name, value);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_and_payloads_get_one_form() {
        let check = |value: Value| {
            let document = value
                .as_object()
                .and_then(execution_document)
                .map(Value::Object);
            let expect = json!({"executionArn": "arn:e", "status": "FAILED", "startDate": 1614353049.766, "input": "{\"a\":1}"});
            assert_eq!(document, Some(expect), "{value}");
        };
        check(
            json!({"executionArn": "arn:e", "status": "FAILED", "startDate": "2021-02-26T15:24:09.766Z", "input": "{\"a\":1}"}),
        );
        check(
            json!({"executionArn": "arn:e", "status": "FAILED", "startDate": 1614353049766_i64, "input": {"a": 1}, "output": null}),
        );
        check(
            json!({"ExecutionArn": "arn:e", "Status": "FAILED", "StartDate": 1614353049.766, "Input": "{\"a\":1}", "ResponseMetadata": {}}),
        );
    }
}
