//! `catalog-etl`: list → a Distributed Map whose items are executions of their own → merge on ECS →
//! publish with JSONata, which can fail to evaluate.

use super::functions::TRANSFORM_FILE;
use crate::lambda::Fate;
use crate::run::{ACCOUNT, Cursor, Failure, REGION, Run};
use crate::task::{Attempt, Task};
use crate::when;
use crate::world::{Call, World, invoke_task};
use serde_json::{Value, json};

/// Runs one load: a bad file is tolerated, an empty result cannot be published.
pub fn run(world: &mut World, number: usize, at: i64) {
    let (bad_file, unpublishable) = (number % 4 == 1, number % 6 == 4);
    let input = json!({"bucket": "catalog-drop", "prefix": format!("{}/", when::day(at))});
    let name = format!("load-{}", when::stamp(at));
    let (mut run, mut at) = Run::start(world.seed, "catalog-etl", &name, at, input.clone());
    let ended = list(&mut run, &mut at, &input)
        .and_then(|files| transform(world, &mut run, &mut at, &files, bad_file))
        .and_then(|parts| merge(&mut run, &mut at, &parts));
    let ended = ended.and_then(|merged| publish(&mut run, &mut at, &merged, unpublishable));
    match ended {
        Ok(output) => run.succeed(at, &output),
        Err(failure) => run.fail(at, &failure),
    }
    world.runs.push(run);
}

fn list(run: &mut Run, at: &mut Cursor, input: &Value) -> Result<Value, Failure> {
    let task = Task::service("ListFiles", "aws-sdk:s3", "listObjectsV2", input.clone());
    let files: Vec<Value> = (0..run.dice.between(4, 7))
        .map(|n| json!({"Key": format!("part-{n:03}.csv"), "Size": run.dice.between(20_000, 4_000_000)}))
        .collect();
    let answer = json!({"Contents": files});
    run.task(at, input, &task, |run, from, _| {
        Attempt::ended(from, from + run.dice.millis(60.0), Ok(answer.clone()))
    })
}

fn transform(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    files: &Value,
    bad_file: bool,
) -> Result<Value, Failure> {
    run.enter(at, "Map", "TransformFiles", files);
    let items = files["Contents"].as_array().cloned().unwrap_or_default();
    let map_run = format!(
        "arn:aws:states:{REGION}:{ACCOUNT}:mapRun:catalog-etl/TransformFiles:{}",
        run.dice.uuid()
    );
    run.push(at, "MapStateStarted", Some(json!({"length": items.len()})));
    at.at += 40;
    run.push(at, "MapRunStarted", Some(json!({"mapRunArn": map_run})));
    let start = at.at;
    let mut ends = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let bad = bad_file && index == 1;
        ends.push((
            child(
                world,
                run,
                &map_run,
                start + 350 + index as i64 * 7,
                item,
                bad,
            ),
            bad,
        ));
    }
    let last = ends.iter().map(|(end, _)| *end).max().unwrap_or(start);
    at.at = last + run.dice.between(300, 900);
    let failed = ends.iter().filter(|(_, bad)| *bad).count();
    world.map_runs.push(describe_map_run(
        run,
        &map_run,
        start,
        at.at,
        items.len(),
        failed,
    ));
    run.leaf(*at, "MapRunSucceeded", None);
    let output = json!({"parts": items.len() - failed, "failed": failed});
    at.last = run.events.last().map_or(at.last, |event| event.number);
    run.leaf(*at, "MapStateSucceeded", None);
    run.exit(at, "Map", "TransformFiles", &output);
    Ok(output)
}

/// One item of the map run: an execution of its own. Returns when it ended.
fn child(world: &mut World, parent: &Run, map_run: &str, at: i64, file: &Value, bad: bool) -> i64 {
    let mut dice = world.dice(&format!("{map_run} {file}"));
    let (mut run, mut at) = Run::start(
        world.seed,
        "catalog-etl/TransformFiles",
        &dice.uuid(),
        at,
        file.clone(),
    );
    run.map_run_arn = Some(map_run.to_owned());
    let task = invoke_task("TransformFile", TRANSFORM_FILE, file).retried(1, 3_000, 1.0);
    let lines = vec![
        (
            0.02,
            "INFO",
            format!("reading {} of {}", file["Key"], parent.name),
        ),
        (0.95, "INFO", format!("{} bytes transformed", file["Size"])),
    ];
    let call = Call::answers(
        TRANSFORM_FILE,
        json!({"rows": dice.between(100, 9_000)}),
        lines,
    );
    let call = match bad {
        true => call.but(Fate::Raise(
            "UnicodeDecodeError",
            format!("{}: invalid start byte 0xfc in line 2117", file["Key"]),
        )),
        false => call,
    };
    let ended = run.task(&mut at, file, &task, |run, from, _| {
        world.attempt(run, from, call.clone())
    });
    match ended {
        Ok(output) => run.succeed(at, &output["Payload"]),
        Err(failure) => run.fail(at, &failure),
    }
    world.runs.push(run);
    at.at
}

fn describe_map_run(
    run: &Run,
    arn: &str,
    start: i64,
    stop: i64,
    total: usize,
    failed: usize,
) -> Value {
    let counts = json!({
        "pending": 0, "running": 0, "succeeded": total - failed, "failed": failed, "timedOut": 0,
        "aborted": 0, "total": total, "resultsWritten": 0,
    });
    json!({
        "mapRunArn": arn, "executionArn": run.arn, "status": "SUCCEEDED",
        "startDate": when::cli(start), "stopDate": when::cli(stop), "maxConcurrency": 20,
        "toleratedFailurePercentage": 25.0, "toleratedFailureCount": 0,
        "itemCounts": counts, "executionCounts": counts, "redriveCount": 0,
    })
}

fn merge(run: &mut Run, at: &mut Cursor, parts: &Value) -> Result<Value, Failure> {
    let arn = format!(
        "arn:aws:ecs:{REGION}:{ACCOUNT}:task/etl/{}",
        run.dice.hex(32)
    );
    let parameters =
        json!({"Cluster": "etl", "TaskDefinition": "merge:31", "LaunchType": "FARGATE"});
    let task = Task::service("MergeParts", "ecs", "runTask.sync", parameters);
    run.task(at, parts, &task, |run, from, _| {
        let took = run.dice.millis(55_000.0);
        Attempt {
            started_at: Some(from + 18),
            submitted: Some((
                from + 900,
                json!({"Tasks": [{"TaskArn": arn, "LastStatus": "PROVISIONING"}], "Failures": []}),
            )),
            ended_at: from + took + 2_000,
            result: Ok(json!({
                "TaskArn": arn, "LastStatus": "STOPPED", "StopCode": "EssentialContainerExited",
                "Containers": [{"Name": "merge", "ExitCode": 0}],
            })),
            timed_out: false,
        }
    })
}

fn publish(run: &mut Run, at: &mut Cursor, merged: &Value, broken: bool) -> Result<Value, Failure> {
    if !broken {
        run.pass(at, "Pass", "Publish", merged);
        return Ok(json!({"published": true}));
    }
    let before = *at;
    run.enter(at, "Pass", "Publish", merged);
    let history = run.history(i64::MAX);
    let entered = history.last().map_or(0, |(id, ..)| *id);
    let cause = format!(
        "An error occurred while executing the state 'Publish' (entered at the event id #{entered}). \
         The JSONata expression '$merged.rows / $merged.parts' specified for the field 'Output/rowsPerPart' \
         threw an error during evaluation. D3001: The left side of the \"/\" operator must evaluate to a number"
    );
    let details = json!({
        "state": "Publish", "error": "States.QueryEvaluationError", "cause": cause,
        "location": "Output/rowsPerPart",
    });
    let mut evaluation = Cursor {
        at: at.at,
        last: before.last,
    };
    run.push(&mut evaluation, "EvaluationFailed", Some(details));
    *at = evaluation;
    Err(Failure::new("States.QueryEvaluationError", cause))
}

/// The definition.
pub fn definition() -> Value {
    json!({
        "Comment": "The suppliers' files become the catalogue",
        "StartAt": "ListFiles",
        "States": {
            "ListFiles": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2", "Next": "TransformFiles"},
            "TransformFiles": {
                "Type": "Map", "ItemsPath": "$.Contents", "MaxConcurrency": 20, "ToleratedFailurePercentage": 25,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "TransformFile",
                    "States": {"TransformFile": {
                        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                        "Parameters": {"FunctionName": crate::world::function_arn(&TRANSFORM_FILE), "Payload.$": "$"},
                        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 1, "BackoffRate": 1}],
                        "End": true,
                    }},
                },
                "Next": "MergeParts",
            },
            "MergeParts": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "Next": "Publish"},
            "Publish": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"rowsPerPart": "{% $merged.rows / $merged.parts %}"}, "End": true},
        },
    })
}
