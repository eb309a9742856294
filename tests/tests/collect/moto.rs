//! A real AWS API: moto's server executes state machines, and keeps logs, queues, segments and tasks; the
//! real AWS SDK asks it. `tests/aws/account.py` makes what is there.
//!
//! `cargo xtask test` sets what this needs: `INQUEST_VENV`.

use crate::binary::{good, path, rows};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A running moto, ended when dropped.
pub struct Account {
    process: Child,
    says: Value,
}

impl Account {
    pub fn start() -> Self {
        let venv =
            std::env::var("INQUEST_VENV").expect("INQUEST_VENV is not set: run `cargo xtask test`");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws/account.py");
        let mut process = Command::new(venv + "/bin/python")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let out = process.stdout.take().expect("piped");
        let line = BufReader::new(out).lines().map_while(Result::ok).next();
        let line = line.expect("account.py ended before it said what there is");
        let says = serde_json::from_str(&line).expect("JSON");
        Account { process, says }
    }

    pub fn text(&self, name: &str) -> &str {
        self.says[name].as_str().expect("text")
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    command
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("--config")
        .arg(folder.join("inquest.toml"))
        .arg("--data")
        .arg(folder.join("data"))
        .args(arguments);
    command
}

/// A history whose steps waited for this task and this job.
fn waiting_for(task: &str, job: &str) -> Value {
    let task = json!({"Tasks": [{"TaskArn": task}]}).to_string();
    let job = json!({"JobId": job, "JobName": "sum-1"}).to_string();
    let now = crate::now() - 60.0;
    let mut events = vec![
        json!({"id": 1, "type": "ExecutionStarted", "previousEventId": 0, "timestamp": now,
        "executionStartedEventDetails": {"input": "{}"}}),
    ];
    let mut previous = 0;
    for (state, kind, resource, answer) in [
        ("Load", "ecs", "runTask.sync", task),
        ("Sum", "batch", "submitJob.sync", job),
    ] {
        let called = json!({"resourceType": kind, "resource": resource, "region": "us-east-1", "parameters": "{}"});
        let answered = json!({"resourceType": kind, "resource": resource, "output": answer});
        for (what, own, details) in [
            (
                "TaskStateEntered",
                "stateEnteredEventDetails",
                json!({"name": state, "input": "{}"}),
            ),
            ("TaskScheduled", "taskScheduledEventDetails", called.clone()),
            (
                "TaskStarted",
                "taskStartedEventDetails",
                json!({"resourceType": kind, "resource": resource}),
            ),
            (
                "TaskSubmitted",
                "taskSubmittedEventDetails",
                answered.clone(),
            ),
            (
                "TaskSucceeded",
                "taskSucceededEventDetails",
                answered.clone(),
            ),
            (
                "TaskStateExited",
                "stateExitedEventDetails",
                json!({"name": state, "output": "{}"}),
            ),
        ] {
            let id = events.len() as u64 + 1;
            events.push(json!({"id": id, "type": what, "previousEventId": previous, "timestamp": now + id as f64, own: details}));
            previous = id;
        }
    }
    let id = events.len() as u64 + 1;
    events.push(json!({"id": id, "type": "ExecutionSucceeded", "previousEventId": previous, "timestamp": now + id as f64,
        "executionSucceededEventDetails": {"output": "{}"}}));
    json!({"executionArn": "arn:aws:states:us-east-1:123456789012:execution:etl:etl-1", "events": events})
}

#[test]
fn what_a_real_api_holds_is_collected_and_joined() {
    let account = Account::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[[collect]]\nname = \"moto\"\nregions = [\"us-east-1\"]\nendpoint_url = \"{}\"\nqueues = [\"{}\"]\n\
         log_groups = [\"/team/*\"]\nquota_share = 1.0\ninterval_s = 1\n",
        account.text("url"),
        account.text("queue"),
    );
    std::fs::write(folder.path().join("inquest.toml"), config).expect("written");
    let data = folder.path().join("data");
    let file = folder.path().join("etl.json");
    std::fs::write(
        &file,
        waiting_for(account.text("task"), account.text("job")).to_string(),
    )
    .expect("written");
    good(&data, &["import", "--quiet", &file.to_string_lossy()]);

    let checked = command(folder.path(), &["collect", "--check"])
        .output()
        .expect("it runs");
    let words = String::from_utf8_lossy(&checked.stdout).into_owned();
    // moto breaks when it is asked for a map run that it does not have, and knows no durable functions: these
    // APIs alone stay unknown.
    let unknown = words.lines().filter(|line| line.contains("unknown  "));
    let rest = unknown.filter(|line| !line.contains("Durable"));
    assert!(!words.contains("denied ") && rest.count() <= 1, "{words}");
    assert!(words.contains("works    sqs:ReceiveMessage"), "{words}");

    for _ in 0..2 {
        let output = command(folder.path(), &["collect", "--once"])
            .output()
            .expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        executions(&account, &data);
        logs(&account, &data);
        others(&account, &data);
    }
}

/// Every execution as AWS itself describes it, and none twice.
fn executions(account: &Account, data: &Path) {
    let ran = account.says["ran"].as_object().expect("what ran");
    assert!(ran.len() >= 5, "{ran:?}");
    for said in ran.values() {
        let arn = said["arn"].as_str().expect("an ARN");
        let one = |what: &str| rows(data, &format!("{what} where execution_arn = '{arn}'"));
        let row = one("select status, events from executions");
        assert_eq!(
            row,
            [json!({"status": said["status"], "events": said["events"]})],
            "{arn}"
        );
        for (table, count) in [("states", "states"), ("attempts", "attempts")] {
            let held = one(&format!("select count(*) as n from {table}"));
            assert_eq!(held[0]["n"], said[count], "{table} of {arn}");
        }
        let known = one("select count(*) as n from documents");
        assert!(known[0]["n"].as_u64() > Some(0), "{arn} has no definition");
    }
    let count = rows(data, "select count(*) as n from executions");
    // The Express one, the one that an event told of, and the one that was imported.
    assert_eq!(count[0]["n"].as_u64(), Some(ran.len() as u64 + 3));
    let caught = rows(
        data,
        "select a.state, count(*) as n from attempts a join executions e on e.trace_id = a.trace_id where a.state = 'Only' \
         and e.execution_arn like '%order-1' and a.resource_type = 'dynamodb' and a.status <> 'SUCCEEDED' group by a.state",
    );
    assert_eq!(
        caught,
        [json!({"state": "Only", "n": 3})],
        "tried three times, in vain"
    );
}

fn logs(account: &Account, data: &Path) {
    let express = account.text("express");
    let row = rows(
        data,
        &format!(
            "select status, events, coverage from executions where execution_arn = '{express}'"
        ),
    );
    assert_eq!(
        row,
        [json!({"status": "SUCCEEDED", "events": 4, "coverage": "complete"})]
    );
    let of = |function: &str| {
        rows(
            data,
            &format!(
                "select count(*) as n, count(duration_ns) as reported from invocations i join joins j on j.child_trace_id = i.trace_id \
                 where i.function_name = '{function}' and j.child_kind = 'invocation'"
            ),
        )
    };
    assert_eq!(
        of("charge"),
        [json!({"n": 3, "reported": 3})],
        "each below its attempt"
    );
    assert_eq!(
        of("note"),
        [json!({"n": 1, "reported": 1})],
        "from a group of the team's own"
    );
    let covered = rows(
        data,
        "select coverage from executions where execution_arn like '%:order-1' or execution_arn like '%:note-1'",
    );
    assert_eq!(
        covered,
        [
            json!({"coverage": "complete"}),
            json!({"coverage": "complete"})
        ]
    );
}

/// Events of the queue, segments of X-Ray, tasks and jobs.
fn others(account: &Account, data: &Path) {
    let told = account.text("told");
    let row = rows(
        data,
        &format!("select status, error, cause from executions where execution_arn = '{told}'"),
    );
    assert_eq!(
        row,
        [json!({"status": "FAILED", "error": "Declined", "cause": "told by an event"})]
    );
    let segments = rows(data, "select name from spans where source = 'xray'");
    assert_eq!(segments, [json!({"name": "note"})]);
    let jobs = rows(
        data,
        "select b.service, b.name, e.execution_arn like '%:etl-1' as below from jobs b join joins j on j.child_trace_id = b.trace_id \
         join executions e on e.execution_arn = j.execution_arn where j.method = 'job_id' order by 1",
    );
    // moto answers for its ECS tasks, but without the times that make a span; AWS always says createdAt.
    let expect = [json!({"service": "batch", "name": "sum-1", "below": true})];
    assert_eq!(jobs, expect);
}
