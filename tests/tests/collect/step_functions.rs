//! Standard workflows.

use crate::{
    binary::{everything, good, path, run},
    endpoint::{Endpoint, Faults},
    recordings::{Recorded, account, recorded, write},
};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

const PATIENT: [&str; 14] = [
    "--region",
    "us-east-1",
    "--lookback-hours",
    "200000",
    "--quota-share",
    "1",
    "--timeout-s",
    "1",
    "--interval-s",
    "1",
    "--part",
    "step_functions",
    "--quiet",
    "collect",
];

fn arguments<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["collect"];
    all.extend(&PATIENT[..13]);
    all.extend(["--endpoint-url", url]);
    all.extend(more);
    all
}

/// Credentials for an endpoint that does not look at them.
pub fn with_credentials(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    command
        .env_remove("INQUEST_CONFIG")
        .env("AWS_ACCESS_KEY_ID", "AKIAINQUESTTESTTEST1")
        .env(
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLESECRET1",
        )
        .env("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLETOKEN1234567890")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("--data")
        .arg(data)
        .args(arguments);
    command
}

fn collect_once(data: &Path, url: &str) -> String {
    let output = with_credentials(data, &arguments(url, &["--once"]))
        .output()
        .expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    for secret in ["AKIAINQUESTTESTTEST1", "EXAMPLESECRET1", "EXAMPLETOKEN"] {
        assert!(!errors.contains(secret), "{errors}");
    }
    String::from_utf8(output.stdout).expect("text")
}

fn imported(all: &[Recorded]) -> Vec<(&'static str, Vec<Value>)> {
    let files = tempfile::tempdir().expect("a folder");
    write(files.path(), all);
    let data = tempfile::tempdir().expect("a folder");
    good(
        data.path(),
        &["import", "--quiet", &files.path().to_string_lossy()],
    );
    everything(data.path())
}

fn assert_same(
    collected: Vec<(&'static str, Vec<Value>)>,
    imported: Vec<(&'static str, Vec<Value>)>,
) {
    for ((table, left), (_, right)) in collected.into_iter().zip(imported) {
        for (n, (left, right)) in left.iter().zip(&right).enumerate() {
            assert_eq!(left, right, "{table}, row {n}");
        }
        assert_eq!(left.len(), right.len(), "{table}");
        assert!(
            table == "logs" || table == "joins" || table == "invocations" || !left.is_empty(),
            "{table}"
        );
    }
}

#[test]
fn what_is_collected_is_what_is_imported() {
    let all = recorded();
    let endpoint = Endpoint::start(
        Faults::default(),
        1,
        account(all.clone(), vec![], Faults::default()),
    );
    let data = tempfile::tempdir().expect("a folder");
    collect_once(data.path(), &endpoint.url);
    assert_same(everything(data.path()), imported(&all));
    // One call for the definition of each state machine: the others ran the same revision.
    assert_eq!(endpoint.count("DescribeStateMachineForExecution"), 3);
    let histories = endpoint.count("GetExecutionHistory");
    collect_once(data.path(), &endpoint.url);
    let running = all.iter().filter(|one| one.runs()).count();
    let again = endpoint.count("GetExecutionHistory") - histories;
    assert!(again <= running * 3, "{again} calls for {running} that run");
    assert_same(everything(data.path()), imported(&all));
}

#[test]
fn whatever_goes_wrong_nothing_is_lost_and_nothing_doubled() {
    let all = recorded();
    let faults = Faults {
        throttle: 10,
        broken: 5,
        dropped: 4,
        truncated: 5,
        silent: 1,
        expired: 2,
        untidy: true,
    };
    let endpoint = Endpoint::start(faults, 7, account(all.clone(), vec![], faults));
    let data = tempfile::tempdir().expect("a folder");
    // Killed in the middle, several times, at other places each time.
    for round in 0..4u64 {
        let mut child = with_credentials(data.path(), &arguments(&endpoint.url, &[]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(Duration::from_millis(700 + 450 * round));
        kill(&mut child);
    }
    collect_once(data.path(), &endpoint.url);
    assert_same(everything(data.path()), imported(&all));
}

fn kill(child: &mut Child) {
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[test]
fn a_running_execution_is_followed_and_a_redriven_one_seen_again() {
    let all = recorded();
    let long = all
        .iter()
        .max_by_key(|one| one.events.len())
        .expect("some")
        .clone();
    let half = Recorded::new(
        &long.name,
        "orders",
        long.events[..long.events.len() / 2].to_vec(),
    );
    let whole = Recorded::new(&long.name, "orders", long.events.clone());
    let mut again = long.events.clone();
    let (last, time) = (
        again.len() as u64,
        again[again.len() - 1]["timestamp"]
            .as_f64()
            .expect("a time"),
    );
    again.push(json!({"id": last + 1, "type": "ExecutionRedriven", "previousEventId": 0, "timestamp": time + 60.0,
        "executionRedrivenEventDetails": {"redriveCount": 1}}));
    again.push(json!({"id": last + 2, "type": "ExecutionSucceeded", "previousEventId": last + 1, "timestamp": time + 61.0,
        "executionSucceededEventDetails": {"output": "{}"}}));
    let mut redriven = Recorded::new(&long.name, "orders", again);
    redriven.description["redriveCount"] = json!(1);
    let data = tempfile::tempdir().expect("a folder");
    for version in [&half, &whole, &redriven] {
        let endpoint = Endpoint::start(
            Faults::default(),
            3,
            account(vec![version.clone()], vec![], Faults::default()),
        );
        collect_once(data.path(), &endpoint.url);
        let rows = crate::binary::rows(
            data.path(),
            "select status, events, redrive_count from executions",
        );
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["events"], version.events.len() as u64, "{rows:?}");
        assert_eq!(rows[0]["status"], version.description["status"], "{rows:?}");
        assert_eq!(
            rows[0]["redrive_count"],
            version.description["redriveCount"]
        );
    }
}

#[test]
fn what_is_missing_is_named_with_its_statement() {
    let refuse = Box::new(
        |operation: &str, _: &Value, _: &mut crate::endpoint::Random| match operation {
            "GetExecutionHistory" => Some(Err((400, "AccessDeniedException"))),
            "ListStateMachines" => Some(Ok(json!({"stateMachines": []}))),
            "DescribeStateMachine" => Some(Err((400, "StateMachineDoesNotExist"))),
            _ => Some(Err((400, "ExecutionDoesNotExist"))),
        },
    );
    let endpoint = Endpoint::start(Faults::default(), 1, refuse);
    let data = tempfile::tempdir().expect("a folder");
    let output = with_credentials(data.path(), &arguments(&endpoint.url, &["--check"]))
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("works    states:ListStateMachines"), "{text}");
    assert!(
        text.contains("denied   states:GetExecutionHistory"),
        "{text}"
    );
    assert!(
        text.contains(r#""Action": "states:GetExecutionHistory""#),
        "{text}"
    );
    assert_eq!(text.matches("denied ").count(), 1, "{text}");
    let _ = run(data.path(), &["config"]);
}
