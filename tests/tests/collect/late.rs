//! An execution of nine days whose log lines arrive shuffled, some of them twice, five days after its end.

use crate::{
    arrivals::push,
    binary::{Server, number, rows},
};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:states:us-east-1:111111111111:execution:slow:nine-days";
const DAY: i64 = 86_400_000;
/// Parts into which the lines are cut for delivery.
const PART: usize = 3;

/// Id, type, milliseconds after the begin, details.
fn events() -> Vec<(u64, &'static str, i64, Value)> {
    let charge = "arn:aws:lambda:us-east-1:111111111111:function:charge";
    let scheduled = || json!({"resource": charge, "input": "{}"});
    let steps = [
        ("ExecutionStarted", 0, json!({"input": "{}"})),
        (
            "WaitStateEntered",
            5,
            json!({"name": "Sleep", "input": "{}"}),
        ),
        (
            "WaitStateExited",
            4 * DAY,
            json!({"name": "Sleep", "output": "{}"}),
        ),
        (
            "TaskStateEntered",
            4 * DAY,
            json!({"name": "Charge", "input": "{}"}),
        ),
        ("LambdaFunctionScheduled", 4 * DAY, scheduled()),
        ("LambdaFunctionStarted", 4 * DAY + 10, json!({})),
        (
            "LambdaFunctionFailed",
            4 * DAY + 2_000,
            json!({"error": "Boom", "cause": "once"}),
        ),
        ("LambdaFunctionScheduled", 4 * DAY + 3_600_000, scheduled()),
        ("LambdaFunctionStarted", 4 * DAY + 3_600_010, json!({})),
        (
            "LambdaFunctionSucceeded",
            4 * DAY + 3_601_000,
            json!({"output": "{}"}),
        ),
        (
            "TaskStateExited",
            4 * DAY + 3_601_000,
            json!({"name": "Charge", "output": "{}"}),
        ),
        (
            "WaitStateEntered",
            4 * DAY + 3_601_000,
            json!({"name": "Rest", "input": "{}"}),
        ),
        (
            "WaitStateExited",
            9 * DAY,
            json!({"name": "Rest", "output": "{}"}),
        ),
        ("ExecutionSucceeded", 9 * DAY, json!({"output": "{}"})),
    ];
    let numbered = steps.into_iter().zip(1..);
    numbered
        .map(|((kind, after, details), id)| (id, kind, after, details))
        .collect()
}

fn envelope(group: &str, stream: &str, lines: &[(i64, String)]) -> Value {
    let events: Vec<Value> = lines
        .iter()
        .map(|(time, text)| json!({"id": format!("{time}-{}", text.len()), "timestamp": time, "message": text}))
        .collect();
    json!({"messageType": "DATA_MESSAGE", "owner": "111111111111", "logGroup": group, "logStream": stream,
        "subscriptionFilters": ["all"], "logEvents": events})
}

/// What Step Functions wrote, a line for each event.
fn workflow_lines(begin: i64) -> Vec<(i64, String)> {
    events()
        .into_iter()
        .map(|(id, kind, after, details)| {
            let line = json!({
                "id": id.to_string(), "type": kind, "details": details,
                "previous_event_id": (id - 1).to_string(), "event_timestamp": (begin + after).to_string(),
                "execution_arn": ARN, "redrive_count": "0",
            });
            (begin + after, line.to_string())
        })
        .collect()
}

/// What the function printed in its two invocations.
fn function_lines(begin: i64) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for (n, after, took) in [(1, 4 * DAY + 12, 1_980), (2, 4 * DAY + 3_600_012, 980)] {
        let id = format!("{n:08x}-0000-4000-8000-000000000000");
        let at = begin + after;
        let report = format!(
            "REPORT RequestId: {id}\tDuration: {took}.00 ms\tBilled Duration: {took} ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t"
        );
        all.push((at, format!("START RequestId: {id} Version: $LATEST")));
        all.push((at + took, format!("END RequestId: {id}")));
        all.push((at + took, report));
    }
    all
}

/// The same order each time (a linear congruential generator, to have no dependency).
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (seed >> 33) as usize % (last + 1));
    }
}

#[test]
fn nine_days_that_arrive_shuffled_and_late_are_one_exact_trace() {
    let data = tempfile::tempdir().expect("a folder");
    let begin = (crate::now() as i64) * 1_000 - 14 * DAY;
    let mut workflow = workflow_lines(begin);
    let last = workflow.pop().expect("the end");
    shuffle(&mut workflow, 7);
    let mut payloads: Vec<Value> = workflow
        .chunks(PART)
        .map(|lines| envelope("/aws/vendedlogs/states/slow", "one", lines))
        .collect();
    let mut function = function_lines(begin);
    shuffle(&mut function, 9);
    let spoken = function.chunks(PART);
    payloads.extend(spoken.map(|lines| envelope("/aws/lambda/charge", "2026/[$LATEST]1f", lines)));
    shuffle(&mut payloads, 11);
    let half = payloads.len() / 2;
    let server = Server::start(data.path());
    for payload in &payloads[..half] {
        push(&server, std::slice::from_ref(payload));
    }
    drop(server);
    let server = Server::start(data.path());
    for payload in &payloads[half..] {
        push(&server, &[payload.clone(), payloads[0].clone()]);
    }
    drop(server);
    let before = rows(data.path(), "select status, complete from executions");
    assert_eq!(before.len(), 1, "{before:?}");
    assert_eq!(before[0]["status"], "RUNNING", "its end has not come");
    let server = Server::start(data.path());
    push(
        &server,
        &[envelope("/aws/vendedlogs/states/slow", "one", &[last])],
    );
    drop(server);
    let found = rows(
        data.path(),
        "select status, duration_ns, attempts, retries, states_entered, complete, coverage from executions",
    );
    let expect = json!([{"status": "SUCCEEDED", "duration_ns": 9 * DAY * 1_000_000, "attempts": 2, "retries": 1,
        "states_entered": 3, "complete": true, "coverage": "complete"}]);
    assert_eq!(json!(found), expect);
    let states = rows(
        data.path(),
        "select state, duration_ns from states order by start_time",
    );
    let expect = json!([
        {"state": "Sleep", "duration_ns": (4 * DAY - 5) * 1_000_000},
        {"state": "Charge", "duration_ns": 3_601_000_i64 * 1_000_000},
        {"state": "Rest", "duration_ns": (5 * DAY - 3_601_000) * 1_000_000},
    ]);
    assert_eq!(json!(states), expect);
    let traces = "select count(distinct trace_id) from spans where source = 'workflow'";
    assert_eq!(number(data.path(), traces), 1);
    assert_eq!(number(data.path(), "select count(*) from events"), 14);
    let billed = "select sum(billed_duration_ms) from invocations";
    let sum = rows(data.path(), billed);
    let sum = sum[0].as_object().and_then(|row| row.values().next());
    assert_eq!(sum.and_then(Value::as_f64), Some(2_960.0));
    let below = "select count(*) from joins j join attempts a on a.span_id = j.parent_span_id";
    assert_eq!(
        number(data.path(), below),
        2,
        "each invocation below its attempt"
    );
}
