//! A fourth lot: tasks in containers, and no crime.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    fourth::go,
    lambda::lambda,
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

const ECS: (&str, &str) = ("ecs", "runTask.sync");

fn task(desk: &mut Desk, n: usize, ill: bool, bad: Value, ms: i64, pull_ms: i64) -> String {
    let mut run = Run::new("encode", &format!("z{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Encode", &json!({}));
    let definition = "arn:aws:ecs:eu-central-1:480213377711:task-definition/encoder:21";
    run.schedule(ECS, &json!({"LaunchType": "FARGATE", "Cluster": "arn:aws:ecs:eu-central-1:480213377711:cluster/media", "TaskDefinition": definition}), &Value::Null);
    let id = format!(
        "arn:aws:ecs:eu-central-1:480213377711:task/media/{:016x}",
        desk.id()
    );
    let created = run.at;
    let mut told = json!({"TaskArn": id, "TaskDefinitionArn": definition, "ClusterArn": "arn:aws:ecs:eu-central-1:480213377711:cluster/media", "LastStatus": "STOPPED", "CreatedAt": created,
        "PullStartedAt": created + 9_000, "PullStoppedAt": created + 9_000 + pull_ms, "StartedAt": created + 10_000 + pull_ms, "StoppedAt": created + ms, "StopCode": "EssentialContainerExited", "Containers": [{"Name": "main", "ExitCode": 0}]});
    run.submitted(
        ECS,
        &json!({"Tasks": [{"TaskArn": id, "LastStatus": "PROVISIONING"}], "Failures": []}),
    );
    run.wait(ms);
    if ill && !bad.is_null() {
        for (name, value) in bad.as_object().into_iter().flatten() {
            told[name] = value.clone();
        }
        run.failed(ECS, "States.TaskFailed", &told.to_string());
        return desk.end(run, End::Failed("States.TaskFailed", &told.to_string()));
    }
    run.succeeded(ECS, &told);
    run.exit("Task", "Encode", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn spot_task(desk: &mut Desk, n: usize, ill: bool) -> String {
    let bad = json!({"StopCode": "SpotInterruption", "StoppedReason": "Your Spot Task was interrupted.", "Containers": [{"Name": "main", "ExitCode": 143}]});
    task(desk, n, ill, bad, 80_000 + vary(n, 5_000), 6_000)
}

fn slow_pull(desk: &mut Desk, n: usize, ill: bool) -> String {
    let pull = if ill { 260_000 } else { 6_000 + vary(n, 900) };
    task(desk, n, ill, Value::Null, 74_000 + pull, pull)
}

fn segfault(desk: &mut Desk, n: usize, ill: bool) -> String {
    let bad = json!({"StoppedReason": "Essential container in task exited", "Containers": [{"Name": "log-router", "ExitCode": 0}, {"Name": "main", "ExitCode": 139, "Reason": ""}]});
    task(desk, n, ill, bad, 80_000 + vary(n, 5_000), 6_000)
}

/// Three retries in a storm of warnings, all as on other days.
fn stormy(desk: &mut Desk, n: usize, ill: bool) -> String {
    let bad =
        lambda("push-order", 120).raising("ServiceUnavailable", "503 for https://erp.corp.local");
    let mut good = lambda("push-order", 300 + vary(n, 40));
    if ill {
        good = good
            .saying("WARN", "retrying soon")
            .saying("WARN", "queue is long")
            .saying("ERROR", "statsd unreachable");
    }
    let tries = if ill || n % 3 == 1 {
        vec![bad, good]
    } else {
        vec![good]
    };
    go(desk, n, "erp", "Push", &tries)
}

/// A service below is slower, its caller was to wait for another branch anyway.
fn idle_branch(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("twice", &format!("z{n}"), at(n), &json!({}));
    run.enter("Parallel", "Both", &json!({}));
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    desk.task(
        &mut run,
        "Quick",
        &lambda("quick-one", if ill { 2_400 } else { 300 + vary(n, 30) }),
        &json!({}),
        &json!(1),
    );
    run.back(top);
    desk.task(
        &mut run,
        "Long",
        &lambda("long-one", 5_000 + vary(n, 200)),
        &json!({}),
        &json!(1),
    );
    run.push("ParallelStateSucceeded", json!({}));
    run.exit("Parallel", "Both", &json!([1]));
    desk.end(run, End::Well(&json!([1])))
}

/// A version that runs as well as the one before it.
fn harmless(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill && n == 12 {
        desk.changed(at(n) - 5_000, "lambda", "push-order", "version 31 -> 32");
    }
    let mut of = lambda("push-order", 300 + vary(n, 60)).version(if ill { "32" } else { "31" });
    of.init = (ill && n == 12).then_some(420);
    go(desk, n, "erp", "Push", &[of])
}

pub fn all() -> Vec<Mystery> {
    use Category::{Error, Infrastructure};
    const TASK: &[&str] = &["encoder", "encoder:21"];
    vec![
        crime("a Spot task", TASK, &[Infrastructure], spot_task),
        crime("a slow pull of a task", TASK, &[Infrastructure], slow_pull).fate(Fatality::None),
        crime("a container breaks", TASK, &[Error], segfault),
        calm("retries in a storm", stormy),
        calm("a branch nobody waits for", idle_branch),
        calm("a release that harms nobody", harmless),
    ]
}
