//! A quota that cannot keep up: the log group of a busy state machine is read in the place of histories.

use crate::{
    binary::{good, path, rows},
    endpoint::{Endpoint, Faults, Random, page},
    recordings::{Recorded, account, write},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

const GROUP: &str = "/aws/vendedlogs/states/busy";
const RUNS: usize = 40;
/// A line that CloudWatch Logs never gets, of this execution.
const LOST: usize = 7;

/// Short executions that began in the last minutes.
fn busy() -> Vec<Recorded> {
    let one = |n: usize| {
        let at = crate::now().floor() - 900.0 + n as f64;
        let event = |id: u64, kind: &str, own: &str, details: Value| {
            json!({"id": id, "type": kind,
            "previousEventId": id.saturating_sub(2), "timestamp": at + id as f64 / 10.0, own: details})
        };
        let events = vec![
            event(
                1,
                "ExecutionStarted",
                "executionStartedEventDetails",
                json!({"input": format!("{{\"n\":{n}}}")}),
            ),
            event(
                2,
                "PassStateEntered",
                "stateEnteredEventDetails",
                json!({"name": "Only", "input": "{}"}),
            ),
            event(
                3,
                "PassStateExited",
                "stateExitedEventDetails",
                json!({"name": "Only", "output": "{}"}),
            ),
            event(
                4,
                "ExecutionSucceeded",
                "executionSucceededEventDetails",
                json!({"output": "{}"}),
            ),
        ];
        Recorded::new(&format!("run-{n:03}"), "busy", events)
    };
    (0..RUNS).map(one).collect()
}

/// What is delivered of them: flat details, ids and times as text.
fn delivered(all: &[Recorded]) -> Vec<Value> {
    let mut lines = Vec::new();
    for (n, one) in all.iter().enumerate() {
        for event in &one.events {
            if n == LOST && event["id"] == 3 {
                continue;
            }
            let members = event.as_object().expect("an object").iter();
            let details = members.filter(|(name, _)| name.ends_with("EventDetails"));
            let millis = (event["timestamp"].as_f64().expect("a time") * 1e3) as i64;
            let text = json!({"id": event["id"].to_string(), "type": event["type"], "redrive_count": "0",
                "previous_event_id": event["previousEventId"].to_string(), "event_timestamp": millis.to_string(),
                "execution_arn": one.arn, "details": details.map(|(_, it)| it.clone()).next()});
            lines.push(
                json!({"eventId": format!("{n}-{}", event["id"]), "logStreamName": "states/busy/0f",
                "timestamp": millis, "message": text.to_string()}),
            );
        }
    }
    lines
}

fn endpoint(all: &[Recorded], level: &'static str) -> Endpoint {
    let known = account(all.to_vec(), vec![], Faults::default());
    let lines = delivered(all);
    let answer = move |operation: &str, request: &Value, random: &mut Random| match operation {
        "DescribeStateMachine" => {
            let mut found = known(operation, request, random)?;
            let arn = format!("arn:aws:logs:us-east-1:111111111111:log-group:{GROUP}:*");
            if let Ok(found) = &mut found {
                found["loggingConfiguration"] = json!({"level": level, "includeExecutionData": true,
                    "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]});
            }
            Some(found)
        }
        "FilterLogEvents" if request["logGroupName"] == GROUP => {
            let (from, to) = (request["startTime"].as_i64(), request["endTime"].as_i64());
            let within = |line: &&Value| {
                line["timestamp"].as_i64() >= from && line["timestamp"].as_i64() <= to
            };
            let lines: Vec<Value> = lines.iter().filter(within).cloned().collect();
            Some(Ok(page("events", &lines, request, 10_000, random)))
        }
        _ => known(operation, request, random),
    };
    Endpoint::start(Faults::default(), 5, Box::new(answer))
}

/// Collects for some seconds with three calls of GetExecutionHistory at once and one in five seconds;
/// what it says in the end.
fn collect(data: &Path, url: &str, seconds: u64) -> Value {
    let more = "interval_s = 1\nquota_share = 1.0\nparts = [\"step_functions\", \"step_functions_logs\"]\n\
        [collect.quotas]\n\"states:GetExecutionHistory\" = 0.15\n";
    collect_with(data, url, seconds, more)
}

/// The same with other settings.
fn collect_with(data: &Path, url: &str, seconds: u64, more: &str) -> Value {
    let config = data.join("inquest.toml");
    let text = format!(
        "[[collect]]\nname = \"busy\"\nregions = [\"us-east-1\"]\nendpoint_url = \"{url}\"\n{more}"
    );
    std::fs::write(&config, text).expect("written");
    let child = Command::new(path())
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .args(["--data"])
        .arg(data.join("data"))
        .arg("--config")
        .arg(&config)
        .args(["collect", "--quiet", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    let id = child.id().to_string();
    let told = Command::new("kill").args(["-TERM", &id]).status();
    assert!(told.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("a report")
}

fn source<'a>(report: &'a Value, kind: &str) -> &'a Value {
    let rows = report["sources"].as_array().expect("a list");
    rows.iter().find(|row| row["kind"] == kind).expect("it")
}

#[test]
fn logs_are_read_where_histories_cannot_keep_up() {
    let all = busy();
    let endpoint = endpoint(&all, "ALL");
    let folder = tempfile::tempdir().expect("a folder");
    let report = collect(folder.path(), &endpoint.url, 25);
    let histories = endpoint.count("GetExecutionHistory");
    assert!(histories <= 3 + 25 * 15 / 100 + 2, "{histories} histories");
    let standing = source(&report, "step_functions");
    let words = standing["detail"].as_str().expect("words");
    assert!(
        words.contains("the log groups of busy are read in its place"),
        "{words}"
    );
    assert_eq!(standing["state"], "behind");
    // Only the one whose log lost a line still waits for its history.
    assert_eq!(standing["following"], 1, "{standing}");
    let data = folder.path().join("data");
    let files = tempfile::tempdir().expect("a folder");
    write(files.path(), &all);
    let imported = tempfile::tempdir().expect("a folder");
    good(
        imported.path(),
        &["import", "--quiet", &files.path().to_string_lossy()],
    );
    let lost = format!("execution_arn not like '%run-{LOST:03}'");
    for query in [
        format!(
            "select execution_arn, trace_id, status, start_time, end_time, events, input, output, coverage from executions where {lost} order by 1"
        ),
        format!(
            "select trace_id, span_id, state, start_time, end_time, status from states where {lost} order by 1, 2"
        ),
        format!(
            "select trace_id, event_id, event_type, time, details from events where {lost} order by 1, 2"
        ),
    ] {
        assert_eq!(
            rows(&data, &query),
            rows(imported.path(), &query),
            "{query}"
        );
    }
    let partial = rows(
        &data,
        "select execution_arn from executions where coverage <> 'complete'",
    );
    assert_eq!(partial.len(), 1, "{partial:?}");
}

#[test]
fn a_log_that_leaves_things_out_is_not_taken_for_a_history() {
    let all = busy();
    let endpoint = endpoint(&all, "ERROR");
    let folder = tempfile::tempdir().expect("a folder");
    let report = collect(folder.path(), &endpoint.url, 12);
    assert_eq!(endpoint.count("FilterLogEvents"), 0);
    let words = source(&report, "step_functions")["detail"]
        .as_str()
        .expect("words");
    assert!(
        words.contains("no busy state machine delivers its log at level ALL"),
        "{words}"
    );
}

/// With AWS's default quotas and our default share of them.
#[test]
fn five_hundred_that_run_are_followed_within_a_quarter_of_the_quota() {
    let mut all = busy();
    let pattern = all.remove(0);
    let all: Vec<Recorded> = (0..500)
        .map(|n| {
            Recorded::new(
                &format!("long-{n:03}"),
                "busy",
                pattern.events[..2].to_vec(),
            )
        })
        .collect();
    let known = account(all.clone(), vec![], Faults::default());
    let asked: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let counts = asked.clone();
    let answer = move |operation: &str, request: &Value, random: &mut Random| {
        let arn = request["executionArn"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if operation == "GetExecutionHistory" && request["nextToken"].is_null() {
            *counts.lock().expect("no panic").entry(arn).or_default() += 1;
        }
        known(operation, request, random)
    };
    let endpoint = Endpoint::start(Faults::default(), 9, Box::new(answer));
    let folder = tempfile::tempdir().expect("a folder");
    let seconds = 20;
    let report = collect_with(
        folder.path(),
        &endpoint.url,
        seconds,
        "interval_s = 15\nparts = [\"step_functions\"]\n",
    );
    let calls = endpoint.count("GetExecutionHistory");
    // A quarter of 400 at once and of 20 a second.
    let allowed = 100 + 5 * (seconds as usize + 2);
    assert!(calls <= allowed, "{calls} calls, {allowed} allowed");
    assert!(calls > 120, "{calls} calls: it makes use of what it may");
    // Nobody is asked for twice while others wait.
    let asked = asked.lock().expect("no panic");
    assert!(asked.values().all(|times| *times == 1), "{asked:?}");
    assert_eq!(source(&report, "step_functions")["following"], 500);
    for (operation, most) in [
        ("DescribeExecution", 1),
        ("ListExecutions", 40),
        ("ListStateMachines", 10),
    ] {
        let calls = endpoint.count(operation);
        assert!(calls <= most, "{operation}: {calls}");
    }
}
