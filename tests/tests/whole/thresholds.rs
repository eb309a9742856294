//! What comes in at the doors: however large it is, under whatever name it is asked for, and into which folder.

use crate::binary::{Server, number, path, request, rows, run};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, Output},
};

/// Writes a history of states with so many bytes of input each, beside a description that names it.
fn write(folder: &Path, name: &str, states: u64, bytes: usize) {
    std::fs::create_dir_all(folder).expect("a folder");
    let start = 1_790_000_000.0 + name.len() as f64 * 100.0;
    let mut events = vec![
        json!({"timestamp": start, "type": "ExecutionStarted", "id": 1, "previousEventId": 0}),
    ];
    // Quotation marks take twice their room in a batch.
    let input = format!("{{\"text\":\"{}\"}}", "q\\\"".repeat(bytes / 3));
    for id in 2..2 + states {
        events.push(json!({
            "timestamp": start + 1.0, "type": "PassStateEntered", "id": id, "previousEventId": id - 1,
            "stateEnteredEventDetails": {"name": "P", "input": input},
        }));
    }
    let history = json!({"events": events}).to_string();
    let described = json!({
        "executionArn": format!("arn:aws:states:eu-west-1:123456789012:execution:shop:{name}"),
        "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:shop",
        "name": name, "startDate": start, "status": "RUNNING",
    });
    let put = |end: &str, text: String| {
        std::fs::write(folder.join(format!("{name}.{end}.json")), text).expect("written");
    };
    put("history", history);
    put("describe", described.to_string());
}

/// Imports with a limit of 1 MB for requests.
fn import(data: &Path, files: &Path) -> (Output, Value) {
    let output = Command::new(path())
        .env_remove("INQUEST_CONFIG")
        .env("INQUEST_MAX_REQUEST_MB", "1")
        .arg("--data")
        .arg(data)
        .args(["import", "--format", "json"])
        .arg(files)
        .output()
        .expect("the binary starts");
    let report = serde_json::from_slice(&output.stdout).expect("a report");
    (output, report)
}

fn check_all_there(data: &Path, report: &Value) {
    assert_eq!(report["skipped"], 0, "{report}");
    assert_eq!(report["new"]["events"], 68, "{report}");
    let held = rows(data, "select name, events from executions order by name");
    let expect = [("large", 61), ("small", 4), ("tiny", 3)];
    let expect = expect.map(|(name, events)| json!({"name": name, "events": events}));
    assert_eq!(held, expect);
    assert_eq!(number(data, "select count(*) from events"), 68);
}

#[test]
fn a_large_execution_takes_no_other_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, files) = (folder.path().join("data"), folder.path().join("files"));
    write(&files.join("a"), "large", 60, 50_000);
    write(&files.join("a"), "small", 3, 10);
    write(&files.join("b"), "tiny", 2, 10);
    let (output, report) = import(&data, &files);
    assert!(output.status.success());
    assert_eq!(report["new"]["executions"], 3, "{report}");
    check_all_there(&data, &report);

    // The same over a server that takes no more than 1 MB at a time.
    let data = folder.path().join("served");
    let limits = ["--max-request-mb", "1", "--max-import-mb", "1"];
    let server = Server::start_with(&data, &limits);
    let (output, report) = import(&data, &files);
    assert!(output.status.success());
    check_all_there(&data, &report);
    server.terminate();
}

#[test]
fn what_a_server_cannot_take_is_told_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, files) = (folder.path().join("data"), folder.path().join("files"));
    write(&files, "large", 1, 2_000_000);
    let server = Server::start_with(&data, &["--max-import-mb", "1"]);
    let (output, report) = import(&data, &files);
    assert!(!output.status.success());
    assert_eq!(report["refused"], 1, "{report}");
    let told = report["files"].to_string();
    assert!(
        told.contains("event 2 of arn:aws:states:eu-west-1:123456789012:execution:shop:large"),
        "{told}"
    );
    assert_eq!(number(&data, "select count(*) from events"), 1);
    server.terminate();
}

#[test]
fn an_execution_is_found_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, files) = (folder.path().join("data"), folder.path().join("files"));
    write(&files, "small", 3, 10);
    import(&data, &files);
    let server = Server::start(&data);
    let get = |path: &str| request(&server.api, "GET", path, "", b"").expect("an answer");
    let (status, by_name) = get("/api/v1/executions/small");
    assert_eq!(status, 200);
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:shop:small";
    assert_eq!(get(&format!("/api/v1/executions/{arn}")).1, by_name);
    let (status, events) = get("/api/v1/executions/small/events?limit=2");
    let events: Value = serde_json::from_slice(&events).expect("JSON");
    assert_eq!((status, &events["total"]), (200, &json!(4)));
    assert_eq!(events["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!(get("/api/v1/executions/large").0, 404);
    assert_eq!(get("/api/v1/executions/facets").0, 200);
    server.terminate();
}

#[test]
fn a_redriven_task_counts_the_same_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (
        folder.path().join("data"),
        folder.path().join("run.history.json"),
    );
    let types = [
        ("ExecutionStarted", 0, json!({})),
        (
            "TaskStateEntered",
            0,
            json!({"stateEnteredEventDetails": {"name": "Pay"}}),
        ),
        (
            "TaskScheduled",
            2,
            json!({"taskScheduledEventDetails": {"resourceType": "lambda", "resource": "invoke"}}),
        ),
        (
            "TaskFailed",
            3,
            json!({"taskFailedEventDetails": {"error": "Down"}}),
        ),
        (
            "ExecutionFailed",
            4,
            json!({"executionFailedEventDetails": {"error": "Down"}}),
        ),
        (
            "ExecutionRedriven",
            5,
            json!({"executionRedrivenEventDetails": {"redriveCount": 1}}),
        ),
        (
            "TaskScheduled",
            6,
            json!({"taskScheduledEventDetails": {"resourceType": "lambda", "resource": "invoke"}}),
        ),
        (
            "TaskSucceeded",
            7,
            json!({"taskSucceededEventDetails": {"output": "{}"}}),
        ),
        (
            "TaskStateExited",
            8,
            json!({"stateExitedEventDetails": {"name": "Pay"}}),
        ),
        (
            "ExecutionSucceeded",
            9,
            json!({"executionSucceededEventDetails": {"output": "{}"}}),
        ),
    ];
    let event = |(n, (name, cause, details)): (usize, &(&str, i32, Value))| {
        let mut event = json!({"id": n + 1, "previousEventId": cause, "type": name, "timestamp": 1_790_000_000 + n});
        let members = details.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(members);
        event
    };
    let events: Vec<Value> = types.iter().enumerate().map(event).collect();
    std::fs::write(&file, json!({"events": events}).to_string()).expect("written");
    import(&data, &file);
    assert_eq!(number(&data, "select retries from executions"), 1);
    let name = rows(&data, "select name from executions")[0]["name"].clone();
    let shown = run(&data, &["show", name.as_str().expect("a name")]).stdout;
    let shown = String::from_utf8_lossy(&shown);
    assert!(
        shown.contains(", 1 retry,") && shown.contains("[1 retry, redriven]"),
        "{shown}"
    );
}

#[test]
fn the_demo_keeps_out_of_what_is_real() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, files) = (folder.path().join("data"), folder.path().join("files"));
    write(&files, "small", 3, 10);
    import(&data, &files);
    let output = run(&data, &["demo", "--no-open", "--ui-listen", "127.0.0.1:0"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("no demo made"), "{told}");
    assert!(!data.join("slo").exists() && !data.join("demo.json").exists());
    assert_eq!(number(&data, "select count(*) from executions"), 1);
}
