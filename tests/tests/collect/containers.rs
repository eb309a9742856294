//! ECS tasks that executions waited for, asked for by DescribeTasks.

use crate::{
    binary::{good, number, rows},
    endpoint::{Endpoint, Faults},
    recordings::{Recorded, write},
    step_functions::with_credentials,
};
use serde_json::{Value, json};

const TASK: &str = "arn:aws:ecs:us-east-1:111111111111:task/main/0123456789abcdef0123456789abcdef";

/// A Fargate task on spot capacity as DescribeTasks has it: epoch seconds with milliseconds.
fn task(start: f64, ended: bool) -> Value {
    let mut task = json!({
        "taskArn": TASK, "clusterArn": "arn:aws:ecs:us-east-1:111111111111:cluster/main", "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING", "launchType": "FARGATE", "capacityProviderName": "FARGATE_SPOT", "platformVersion": "1.4.0",
        "cpu": "1024", "memory": "2048", "group": "family:load", "startedBy": "AWS Step Functions", "version": 3,
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:111111111111:task-definition/load:3", "connectivity": "CONNECTED",
        "connectivityAt": start + 15.5, "createdAt": start + 1.25, "pullStartedAt": start + 21.25, "pullStoppedAt": start + 26.5,
        "startedAt": start + 30.5, "attachments": [{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": []}],
        "overrides": {"containerOverrides": [{"name": "load", "environment": [{"name": "PASSWORD", "value": "hunter2"}]}]},
        "containers": [{"name": "load", "image": "111111111111.dkr.ecr.us-east-1.amazonaws.com/load:7", "lastStatus": "RUNNING"}]
    });
    if ended {
        task["lastStatus"] = json!("STOPPED");
        task["desiredStatus"] = json!("STOPPED");
        task["version"] = json!(6);
        task["stopCode"] = json!("SpotInterruption");
        task["stoppedReason"] = json!("Your Spot Task was interrupted.");
        task["stoppingAt"] = json!(start + 90.0);
        task["executionStoppedAt"] = json!(start + 95.5);
        task["stoppedAt"] = json!(start + 99.25);
        task["containers"][0]["exitCode"] = json!(137);
        task["containers"][0]["lastStatus"] = json!("STOPPED");
    }
    task
}

/// `ecs:runTask.sync`, from its submission on.
fn history(start: f64) -> Recorded {
    let answer = json!({"Tasks": [{"TaskArn": TASK}]}).to_string();
    let of = |more: Value| {
        let mut details = json!({"resourceType": "ecs", "resource": "runTask.sync"});
        for (key, value) in more.as_object().expect("an object") {
            details[key] = value.clone();
        }
        details
    };
    let steps = [
        (
            "ExecutionStarted",
            "executionStartedEventDetails",
            0.0,
            json!({"input": "{}"}),
        ),
        (
            "TaskStateEntered",
            "stateEnteredEventDetails",
            0.0,
            json!({"name": "Load", "input": "{}"}),
        ),
        (
            "TaskScheduled",
            "taskScheduledEventDetails",
            0.0,
            of(json!({"region": "us-east-1", "parameters": "{}"})),
        ),
        ("TaskStarted", "taskStartedEventDetails", 0.1, of(json!({}))),
        (
            "TaskSubmitted",
            "taskSubmittedEventDetails",
            0.5,
            of(json!({"output": answer})),
        ),
    ];
    let event = |(n, (kind, wrapper, at, details)): (usize, (&str, &str, f64, Value))| json!({"id": n + 1, "previousEventId": n, "type": kind, "timestamp": start + at, wrapper: details});
    Recorded::new(
        "run",
        "etl",
        steps.into_iter().enumerate().map(event).collect(),
    )
}

#[test]
fn a_task_is_asked_for_until_it_has_ended() {
    let start = (crate::now() - 600.0).floor();
    let files = tempfile::tempdir().expect("a folder");
    write(files.path(), &[history(start)]);
    let data = tempfile::tempdir().expect("a folder");
    good(
        data.path(),
        &["import", "--quiet", &files.path().to_string_lossy()],
    );
    let collect = |ended: Option<bool>| {
        let answer = move |operation: &str, request: &Value, _: &mut crate::endpoint::Random| {
            match operation {
                // Whether anybody answers is looked at first.
                "DescribeTasks" if request["cluster"] == "inquest-check" => None,
                "DescribeTasks" => {
                    assert_eq!(request["cluster"], "main", "{request}");
                    assert_eq!(request["tasks"], json!([TASK]), "{request}");
                    let missing =
                        json!({"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]});
                    Some(Ok(ended.map_or(
                        missing,
                        |ended| json!({"tasks": [task(start, ended)], "failures": []}),
                    )))
                }
                _ => None,
            }
        };
        let endpoint = Endpoint::start(Faults::default(), 1, Box::new(answer));
        let arguments = [
            "collect",
            "--once",
            "--quiet",
            "--region",
            "us-east-1",
            "--timeout-s",
            "2",
            "--interval-s",
            "1",
            "--part",
            "containers",
            "--endpoint-url",
            &endpoint.url,
        ];
        let output = with_credentials(data.path(), &arguments)
            .output()
            .expect("it starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        endpoint.count("DescribeTasks") - 1
    };
    let one = |query: &str| rows(data.path(), query).remove(0);
    assert_eq!(collect(None), 1);
    assert_eq!(number(data.path(), "select count(*) from jobs"), 0);
    assert_eq!(collect(Some(false)), 1);
    assert_eq!(
        one("select status, end_time from jobs"),
        json!({"status": "RUNNING", "end_time": null})
    );
    assert_eq!(collect(Some(true)), 1);
    let job = one(
        "select name, provision_ns, pull_ns, boot_ns, run_ns, exit_code, spot_reclaimed, failed, stop_code from jobs",
    );
    let expect = json!({"name": "load", "provision_ns": 20_000_000_000_i64, "pull_ns": 5_250_000_000_i64, "boot_ns": 4_000_000_000_i64,
        "run_ns": 65_000_000_000_i64, "exit_code": 137, "spot_reclaimed": true, "failed": true, "stop_code": "SpotInterruption"});
    assert_eq!(job, expect);
    let phases = rows(
        data.path(),
        "select name, duration_ns from spans where source = 'container' and name <> 'load' order by start_time",
    );
    let phase =
        |name: &str, seconds: f64| json!({"name": name, "duration_ns": (seconds * 1e9) as i64});
    assert_eq!(
        phases,
        [
            phase("provisioning", 20.0),
            phase("image pull", 5.25),
            phase("container start", 4.0),
            phase("run", 65.0),
            phase("stop", 3.75),
        ]
    );
    let joined = "select count(*) from joins j join attempts a on a.span_id = j.parent_span_id where j.method = 'job_id'";
    assert_eq!(number(data.path(), joined), 1);
    let secrets = "select count(*) from documents where body like '%hunter2%'";
    assert_eq!(number(data.path(), secrets), 0);
    // It has ended: nobody asks again.
    assert_eq!(collect(Some(true)), 0);
}
