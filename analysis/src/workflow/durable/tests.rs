//! The made-up histories in `tests/fixtures/lambda-durable`, and hostile ones.

use super::super::build;
use model::{
    Attempt, Engine, EventSource, ExecutionStatus, HistoryEvent, Status, UnixNanos, WorkflowTrace,
};
use serde_json::{Map, Value, json};

const ARN: &str =
    "arn:aws:lambda:eu-central-1:123456789012:function:fulfil-order:7/durable-execution/order/1";

/// Events as the collectors hand them over: details flat, times as epoch seconds.
fn events(history: &Value) -> Vec<HistoryEvent> {
    let all = history["Events"].as_array().cloned().unwrap_or_default();
    all.iter().map(event).collect()
}

fn event(value: &Value) -> HistoryEvent {
    let mut details = Map::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) if key.ends_with("Details") => details.extend(
                inner
                    .iter()
                    .map(|(key, value)| (key.clone(), seconds(key, value))),
            ),
            _ => {
                details.insert(key.clone(), seconds(key, value));
            }
        }
    }
    let time = details["EventTimestamp"].as_f64().unwrap_or(0.0);
    HistoryEvent {
        engine: Engine::lambda_durable(),
        execution_arn: ARN.to_owned(),
        redrive_count: 0,
        event_id: value["EventId"].as_u64().unwrap_or(0),
        previous_event_id: 0,
        event_type: value["EventType"].as_str().unwrap_or("").to_owned(),
        time: UnixNanos((time * 1e3).round() as i64 * 1_000_000),
        details: Value::Object(details).to_string(),
        source: EventSource::History,
    }
}

fn seconds(key: &str, value: &Value) -> Value {
    let time = value.as_str().filter(|_| key.ends_with("Timestamp"));
    let time = time.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    time.map_or(value.clone(), |it| json!(it.as_millisecond() as f64 / 1e3))
}

fn fixture(order: u32) -> Vec<HistoryEvent> {
    let path = format!(
        "{}/../tests/fixtures/lambda-durable/order-{order}.history.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    events(&serde_json::from_str(&text).unwrap())
}

fn of(order: u32) -> WorkflowTrace {
    build(&fixture(order), &[])
}

fn states(trace: &WorkflowTrace) -> Vec<String> {
    let line = |it: &model::State| {
        let caught = if it.caught { " caught" } else { "" };
        format!(
            "{} {} {}{caught}",
            it.path,
            it.state_type,
            it.status.as_str()
        )
    };
    trace.states.iter().map(line).collect()
}

fn tries<'a>(trace: &'a WorkflowTrace, path: &str) -> Vec<&'a Attempt> {
    trace.attempts.iter().filter(|it| it.path == path).collect()
}

#[test]
fn operations_become_states() {
    let trace = of(1001);
    assert_eq!(
        states(&trace),
        [
            "reserve-stock Task SUCCEEDED",
            "cool-down Wait SUCCEEDED",
            "pack-items Map SUCCEEDED",
            "pack-items[0]/pack Task SUCCEEDED",
            "pack-items[1]/pack Task FAILED",
            "pack-items[2]/pack Task SUCCEEDED",
            "notify Parallel SUCCEEDED",
            "notify{0}/send-mail Task SUCCEEDED",
            "notify{1}/send-sms Task SUCCEEDED",
            "customs Context SUCCEEDED",
            "customs/customs Task SUCCEEDED",
            "customs/submit Task SUCCEEDED",
            "bill Task SUCCEEDED",
            "ship Context SUCCEEDED",
            "ship/book-carrier Task SUCCEEDED",
        ]
    );
    let it = &trace.execution;
    assert_eq!(
        (
            it.status,
            it.duration_ns,
            it.retries,
            it.iterations,
            it.iterations_failed,
            it.complete
        ),
        (
            ExecutionStatus::Succeeded,
            Some(93_610_000_000),
            1,
            3,
            1,
            true
        )
    );
    assert_eq!(
        (
            it.state_machine.as_str(),
            it.state_machine_version.as_deref()
        ),
        ("fulfil-order", Some("7"))
    );
    assert_eq!(it.output.as_deref(), Some("{\"done\":true}"));
    assert_eq!(it.events as usize, fixture(1001).len());
}

#[test]
fn a_step_is_tried_again_after_its_back_off() {
    let trace = of(1001);
    let tries = tries(&trace, "reserve-stock");
    let line = |it: &&Attempt| {
        (
            it.attempt,
            it.retry,
            it.status,
            it.backoff_ns,
            it.error.clone(),
        )
    };
    assert_eq!(
        tries.iter().map(line).collect::<Vec<_>>(),
        [
            (
                1,
                false,
                Status::Failed,
                None,
                Some("ThrottledByWarehouse".to_owned())
            ),
            (2, true, Status::Succeeded, Some(2_030_000_000), None),
        ]
    );
    assert!(
        tries
            .iter()
            .all(|it| it.function_name.is_none() && it.resource_type == "step")
    );
}

#[test]
fn invocations_hang_on_the_execution_and_carry_their_request_ids() {
    let trace = of(1001);
    let runs: Vec<&Attempt> = trace
        .attempts
        .iter()
        .filter(|it| it.request_id.is_some())
        .collect();
    assert_eq!(runs.len(), 5);
    let root = trace.execution.span_id;
    assert!(
        runs.iter()
            .all(|it| it.parent_span_id == root && it.path.is_empty())
    );
    assert!(
        runs.iter()
            .all(|it| it.function_name.as_deref() == Some("fulfil-order"))
    );
    let bill = tries(&trace, "bill")[0];
    assert_eq!(
        (
            bill.resource_type.as_str(),
            bill.function_name.as_deref(),
            bill.request_id.as_deref()
        ),
        ("lambda", Some("bill-customer"), None)
    );
    let callback = tries(&trace, "customs/customs")[0];
    assert_eq!(
        (callback.timeout_seconds, callback.heartbeat_seconds),
        (Some(3_600), Some(600))
    );
}

#[test]
fn every_span_has_its_parent() {
    for order in 1001..=1005 {
        let trace = of(order);
        let ids: std::collections::HashSet<_> = trace.spans.iter().map(|it| it.span_id).collect();
        assert_eq!(ids.len(), trace.spans.len(), "{order}: ids are unique");
        let orphans = trace
            .spans
            .iter()
            .skip(1)
            .filter(|it| !ids.contains(&it.parent_span_id));
        assert_eq!(orphans.count(), 0, "{order}");
    }
}

#[test]
fn ends_are_explained() {
    let check = |order: u32,
                 status: ExecutionStatus,
                 state: Option<&str>,
                 error: Option<&str>,
                 words: &str| {
        let trace = of(order);
        let it = &trace.execution;
        assert_eq!(
            (
                it.status,
                it.root_state.as_deref(),
                it.root_error.as_deref()
            ),
            (status, state, error),
            "{order}"
        );
        assert_eq!(crate::summary::plain_words(it), words, "{order}");
    };
    use ExecutionStatus as E;
    check(
        1001,
        E::Succeeded,
        None,
        None,
        "Succeeded in 1 min 33 s, with 1 retry.",
    );
    check(
        1002,
        E::Failed,
        Some("charge-card"),
        Some("CardDeclined"),
        "Failed after 3.64 s: charge-card failed with CardDeclined; 2 retries in the whole run.\ncard 4242 was declined",
    );
    check(
        1003,
        E::Running,
        None,
        None,
        "Running: 2 states entered so far.",
    );
    check(
        1004,
        E::TimedOut,
        Some("until-monday"),
        Some("ExecutionTimedOut"),
        "Timed out after 1 min 00 s while until-monday was still running.\nthe execution ran longer than 60 seconds",
    );
    check(
        1005,
        E::Aborted,
        Some("an-hour"),
        Some("Operator"),
        "Stopped after 5 s (Operator) while an-hour was running.\nwrong customer",
    );
}

#[test]
fn what_was_open_is_cut_off() {
    assert_eq!(
        states(&of(1005)),
        ["both Parallel ABORTED", "both{0}/an-hour Wait ABORTED"]
    );
    let mut gap = fixture(1005);
    gap.retain(|event| event.event_id != 2);
    let trace = build(&gap, &[]);
    // Nothing that is held says what the branch is of.
    assert_eq!(
        states(&trace),
        ["left Context UNKNOWN", "left/an-hour Wait UNKNOWN"]
    );
    assert!(!trace.execution.complete);
}

#[test]
fn unknown_words_are_kept_and_change_nothing() {
    let trace = of(1004);
    assert_eq!(states(&trace), ["until-monday Wait ABORTED"]);
    assert_eq!(trace.execution.events, 5);
    assert!(trace.execution.complete);
}

#[test]
fn a_failure_that_the_code_went_on_from_is_caught() {
    let failed = json!({"Error": {"Payload": {"ErrorType": "E", "ErrorMessage": "m"}}, "RetryDetails": {"CurrentAttempt": 1}});
    let line = |id: u64, kind: &str, op: &str, details: Value| {
        let mut value =
            json!({"EventId": id, "EventType": kind, "EventTimestamp": id, "Id": op, "Name": op});
        value[format!("{kind}Details")] = details;
        value
    };
    let history = json!({"Events": [
        line(1, "ExecutionStarted", "x", json!({})),
        line(2, "StepStarted", "try-it", json!({})),
        line(3, "StepFailed", "try-it", failed),
        line(4, "StepStarted", "instead", json!({})),
        line(5, "StepSucceeded", "instead", json!({"Result": {"Payload": "1"}})),
        line(6, "ExecutionFailed", "x", json!({"Error": {"Payload": {"ErrorType": "Late", "ErrorMessage": "other"}}})),
    ]});
    let trace = build(&events(&history), &[]);
    assert_eq!(
        states(&trace),
        ["try-it Task FAILED caught", "instead Task SUCCEEDED"]
    );
    assert_eq!(trace.execution.root_error.as_deref(), Some("Late"));
    assert_eq!(trace.execution.root_state, None);
}

#[test]
fn a_step_that_was_cut_off_is_run_again() {
    let history = json!({"Events": [
        {"EventId": 1, "EventType": "ExecutionStarted", "EventTimestamp": 1, "Id": "x"},
        {"EventId": 2, "EventType": "StepStarted", "SubType": "Step", "EventTimestamp": 2, "Id": "s"},
        {"EventId": 3, "EventType": "StepStarted", "SubType": "Step", "EventTimestamp": 2, "Id": "s"},
        {"EventId": 4, "EventType": "InvocationCompleted", "EventTimestamp": 5, "InvocationCompletedDetails":
            {"StartTimestamp": 1, "EndTimestamp": 5, "RequestId": "r", "Error": {"Payload": {"ErrorType": "Sandbox.Timedout"}}}},
        {"EventId": 5, "EventType": "StepStarted", "SubType": "Step", "EventTimestamp": 6, "Id": "s"},
        {"EventId": 6, "EventType": "StepSucceeded", "SubType": "Step", "EventTimestamp": 7, "Id": "s"},
    ]});
    let trace = build(&events(&history), &[]);
    let line = |it: &&Attempt| (it.attempt, it.status, it.duration_ns);
    assert_eq!(
        tries(&trace, "Step").iter().map(line).collect::<Vec<_>>(),
        [
            (1, Status::Aborted, Some(3_000_000_000)),
            (2, Status::Succeeded, Some(1_000_000_000))
        ]
    );
}

#[test]
fn hostile_histories_end() {
    let op = |id: u64, own: String, parent: String| {
        json!({"EventId": id, "EventType": "ContextStarted", "EventTimestamp": id, "Id": own, "ParentId": parent,
            "SubType": "Map", "Name": "x".repeat(5_000)})
    };
    let check = |all: Vec<Value>| {
        let trace = build(&events(&json!({"Events": all})), &[]);
        assert!(trace.states.iter().all(|it| it.path.len() < 10_000));
        trace.states.len()
    };
    assert_eq!(
        check(
            (1..500)
                .map(|n| op(n, n.to_string(), (n - 1).to_string()))
                .collect()
        ),
        499
    );
    assert_eq!(
        check(
            (1..500)
                .map(|n| op(n, n.to_string(), (n + 1).to_string()))
                .collect()
        ),
        499
    );
    assert_eq!(
        check(
            (1..500)
                .map(|n| op(n, n.to_string(), n.to_string()))
                .collect()
        ),
        499
    );
    let odd = [
        json!("x"),
        json!([]),
        json!(1e300),
        json!({"Payload": [{}]}),
        Value::Null,
    ];
    for value in odd {
        let event = json!({"EventId": 1, "EventType": "StepFailed", "EventTimestamp": 1, "Id": "s", "StepFailedDetails":
            {"Error": value, "RetryDetails": value, "Result": value}, "StartTimestamp": value});
        build(&events(&json!({"Events": [event]})), &[]);
    }
}
