//! Step Functions' events as CloudWatch Logs delivers them: ids and times are text, details are flat.

use super::event::{Event, is_plausible_type};
use model::{Engine, EventSource, HistoryEvent};
use serde_json::Value;

/// Reads one log message. `None`: it is no Step Functions event. `Some(Err(…))`: it is meant to be one,
/// but cannot be read, for the reason given.
pub fn parse_log_message(message: &str) -> Option<Result<HistoryEvent, String>> {
    let text = message.trim();
    if !text.starts_with('{')
        || !text.contains("execution_arn")
        || !text.contains("event_timestamp")
    {
        return None;
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if is_log_event(&value) => Some(read_log_event(&value)),
        Ok(_) => None,
        Err(error) => Some(Err(format!(
            "a Step Functions event that is not valid JSON: {error}"
        ))),
    }
}

/// True when the value is meant to be a log event, complete or not.
pub(super) fn is_log_event(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    has("execution_arn")
        && has("event_timestamp")
        && value
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(is_plausible_type)
}

/// Reads a log event that was decoded already.
pub(super) fn read_log_event(value: &Value) -> Result<HistoryEvent, String> {
    let event = Event::read(value)?;
    let execution_arn = event
        .execution_arn
        .filter(|arn| !arn.is_empty())
        .ok_or("execution_arn is not text")?;
    let time = event.time.ok_or_else(|| {
        format!(
            "its event_timestamp {} is not a time",
            value["event_timestamp"]
        )
    })?;
    Ok(HistoryEvent {
        engine: Engine::step_functions(),
        execution_arn,
        redrive_count: event.redrive_count.unwrap_or(0),
        event_id: event.id,
        previous_event_id: event.previous,
        event_type: event.event_type,
        time,
        details: event.details,
        source: EventSource::Logs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_ids_and_both_forms_of_time() {
        let message = |time: &str| {
            format!(
                r#"{{"id":"2","type":"FailStateEntered","details":{{"name":"F"}},"previous_event_id":"0","event_timestamp":"{time}","execution_arn":"arn:x"}}"#
            )
        };
        let check = |time: &str, expect: i64| {
            let event = parse_log_message(&message(time)).and_then(Result::ok);
            assert_eq!(
                event.map(|e| (e.event_id, e.redrive_count, e.time.0)),
                Some((2, 0, expect))
            );
        };
        check("1717100100037", 1_717_100_100_037_000_000);
        check(
            "2024-05-30T20:15:00.037000+00:00",
            1_717_100_100_037_000_000,
        );
        assert!(matches!(
            parse_log_message(&message("yesterday")),
            Some(Err(_))
        ));
    }

    #[test]
    fn other_messages_are_left_alone() {
        assert_eq!(parse_log_message("START RequestId: 1"), None);
        assert_eq!(
            parse_log_message(r#"{"execution_arn":"a","event_timestamp":"1"}"#),
            None
        );
        let broken = r#"{"execution_arn":"a","event_timestamp":"1","input":"{"a"}"}"#;
        assert!(matches!(parse_log_message(broken), Some(Err(_))));
    }
}
