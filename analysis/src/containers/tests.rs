use super::*;
use model::Engine;
use serde_json::json;

fn document(kind: DocumentKind, id: &str, body: Value) -> Document {
    Document {
        engine: Engine::step_functions(),
        execution_arn: id.into(),
        kind,
        body: body.to_string(),
    }
}

const S: i64 = 1_000_000_000;

#[test]
fn the_cold_start_of_a_task_has_its_parts() {
    let running = json!({"taskArn": "t", "version": 3, "lastStatus": "RUNNING", "clusterArn": "a:cluster/main",
        "taskDefinitionArn": "a:task-definition/etl:4", "createdAt": 100.0, "pullStartedAt": 118.0, "pullStoppedAt": 121.0, "startedAt": 124.0});
    let stopped = json!({"taskArn": "t", "version": 5, "lastStatus": "STOPPED", "createdAt": 100.0, "startedAt": 124.0,
        "executionStoppedAt": 190.0, "stoppedAt": 200.0, "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage", "image": "i"}]});
    let documents = [
        document(DocumentKind::Task, "t", stopped),
        document(DocumentKind::Task, "t", running),
    ];
    let one = build(&documents).expect("a task");
    let job = &one.job;
    assert_eq!(
        (job.name.as_str(), job.queue.as_deref(), job.status.as_str()),
        ("etl", Some("main"), "STOPPED")
    );
    let phases = [
        job.provision_ns,
        job.pull_ns,
        job.boot_ns,
        job.run_ns,
        job.duration_ns,
    ]
    .map(|it| it.map(|it| it / S));
    assert_eq!(phases, [18, 3, 3, 66, 100].map(Some));
    assert!(job.failed && !job.spot_reclaimed && job.exit_code == Some(137));
    assert!(
        job.reason
            .as_deref()
            .is_some_and(|it| it.starts_with("OutOfMemoryError"))
    );
    let names: Vec<&str> = one.spans.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "etl",
            "provisioning",
            "image pull",
            "container start",
            "run",
            "stop"
        ]
    );
    let mut other = documents.to_vec();
    other.reverse();
    assert_eq!(build(&other), Some(one));
}

#[test]
fn a_job_whose_host_was_taken_back_ran_twice() {
    let event = |status: &str, at: f64| json!({"jobId": "j", "jobName": "n", "status": status, "createdAt": 10.0, "observedAt": at});
    let end = json!({"jobId": "j", "jobName": "n", "status": "SUCCEEDED", "jobQueue": "a:job-queue/spot", "createdAt": 10.0,
        "startedAt": 300.0, "stoppedAt": 400.0, "container": {"exitCode": 0}, "attempts": [
            {"startedAt": 100.0, "stoppedAt": 200.0, "statusReason": "Host EC2 (instance i-1) terminated.", "container": {}},
            {"startedAt": 300.0, "stoppedAt": 400.0, "statusReason": "Essential container in task exited", "container": {"exitCode": 0}}]});
    let all = [event("RUNNABLE", 20.0), event("STARTING", 90.0), end]
        .map(|body| document(DocumentKind::Job, "j", body));
    let one = build(&all).expect("a job");
    let job = &one.job;
    assert!(job.spot_reclaimed && !job.failed);
    assert_eq!(
        (job.attempts, job.queue_ns, job.boot_ns),
        (2, Some(80 * S), Some(10 * S))
    );
    let names: Vec<&str> = one.spans.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "n",
            "submitted",
            "waiting for capacity",
            "starting",
            "run",
            "attempt 1",
            "attempt 2"
        ]
    );
    assert_eq!(
        one.spans[5].status_message,
        "Host EC2 (instance i-1) terminated."
    );
}

#[test]
fn nonsense_makes_nothing() {
    assert_eq!(build(&[]), None);
    assert_eq!(
        build(&[document(DocumentKind::Execution, "e", json!({}))]),
        None
    );
    let odd = build(&[document(
        DocumentKind::Job,
        "j",
        json!({"createdAt": 1e300, "attempts": 7, "container": []}),
    )]);
    assert_eq!(odd.map(|it| it.job.start_time), Some(UnixNanos(0)));
}
