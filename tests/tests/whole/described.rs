//! A history that names no execution, and its description, imported one after the other: one execution, whichever came
//! first. What is no description of an execution is refused with the reason.

use crate::binary::{fixture, good, rows, run};
use serde_json::{Value, json};
use std::path::Path;

fn text(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(name)).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

/// Imports each value as a file of its own, one call after the other.
fn import(data: &Path, values: &[&Value]) {
    for (n, value) in values.iter().enumerate() {
        let file = data.with_extension(format!("{n}.json"));
        std::fs::write(&file, value.to_string()).expect("written");
        good(data, &["import", "--quiet", &file.display().to_string()]);
    }
}

fn arns(data: &Path) -> Vec<(String, u64)> {
    rows(data, "select execution_arn, (select count(*) from events where events.trace_id = executions.trace_id) as n from executions")
        .iter()
        .map(|row| {
            let arn = row["execution_arn"].as_str().expect("an ARN");
            (arn.to_owned(), row["n"].as_u64().expect("a number"))
        })
        .collect()
}

#[test]
fn a_description_alone_finds_the_history_and_the_history_the_description() {
    let check = |history: &Value, description: &Value, arn: &str, events: u64| {
        for (first, second) in [(history, description), (description, history)] {
            let folder = tempfile::tempdir().expect("a folder");
            let data = folder.path().join("data");
            import(&data, &[first, second]);
            assert_eq!(arns(&data), [(arn.to_owned(), events)]);
            // Again, in the other order: nothing comes back.
            import(&data, &[second, first]);
            assert_eq!(arns(&data), [(arn.to_owned(), events)]);
        }
    };
    let durable = text("lambda-durable/order-1001.describe.json");
    let mut history = text("lambda-durable/order-1001.history.json");
    history
        .as_object_mut()
        .expect("an object")
        .remove("DurableExecutionArn");
    let count = history["Events"].as_array().expect("events").len() as u64;
    let arn = durable["DurableExecutionArn"].as_str().expect("an ARN");
    check(&history, &durable, arn, count);

    let history = json!({"events": [
        {"timestamp": "2026-05-01T10:00:00.250Z", "type": "ExecutionStarted", "id": 1, "previousEventId": 0,
         "executionStartedEventDetails": {"input": "{\"order\": 7}", "roleArn": "arn:aws:iam::123456789012:role/r"}},
        {"timestamp": "2026-05-01T10:00:02.000Z", "type": "ExecutionFailed", "id": 2, "previousEventId": 0,
         "executionFailedEventDetails": {"error": "Boom", "cause": "it broke"}},
    ]});
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:orders:seven";
    let description = json!({
        "executionArn": arn, "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:orders",
        "name": "seven", "status": "FAILED", "startDate": "2026-05-01T10:00:00.250Z",
        "stopDate": "2026-05-01T10:00:02.000Z", "input": "{\"order\":7}",
    });
    check(&history, &description, arn, 2);

    // Another input, or another end, is another execution.
    for (key, value) in [
        ("input", "{\"order\":8}"),
        ("stopDate", "2026-05-01T10:09:00Z"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let mut other = description.clone();
        other[key] = Value::from(value);
        import(&data, &[&history, &other]);
        assert_eq!(arns(&data).len(), 2, "{key}");
    }
}

#[test]
fn what_names_no_durable_execution_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |key: &str, value: &str, expect: &str| {
        let mut description = text("lambda-durable/order-1001.describe.json");
        description[key] = Value::from(value);
        let data = folder.path().join("data");
        let file = folder.path().join("d.json");
        std::fs::write(&file, description.to_string()).expect("written");
        let output = run(&data, &["import", &file.display().to_string()]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains(expect), "{told}");
        assert!(!told.contains("held already"), "{told}");
        // What was refused was not taken.
        assert!(told.contains("1 file: nothing taken, 1 skipped"), "{told}");
        assert!(arns(&data).is_empty(), "{told}");
    };
    check(
        "DurableExecutionArn",
        "order-1001",
        "'order-1001' is no ARN of an execution",
    );
    check(
        "DurableExecutionArn",
        "arn:aws:lambda:eu-west-1:123456789012:function:f:1",
        "is no ARN of an execution",
    );
    check(
        "Status",
        "EXPLODED",
        "'EXPLODED' is no status of a durable execution",
    );
}
