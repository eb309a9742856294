//! `ledger-close`: the batch at the end of an hour: accounts one by one, an AWS Batch job, a report
//! that can be too large, a time limit of its own.

use super::functions::POST_ACCOUNT;
use crate::run::{ACCOUNT, Cursor, Failure, REGION, Run};
use crate::task::{Attempt, Task};
use crate::world::{Call, World, invoke_task};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Well,
    TooLarge,
    JobFails,
    TooSlow,
}

/// Runs one close.
pub fn run(world: &mut World, number: usize, at: i64) {
    let plan = match number % 12 {
        4 => Plan::TooLarge,
        7 => Plan::JobFails,
        9 => Plan::TooSlow,
        _ => Plan::Well,
    };
    let name = format!("close-{}", crate::when::stamp(at));
    let accounts: Vec<Value> = (0..8).map(|n| json!({"account": 4000 + n * 10})).collect();
    let input = json!({"period": crate::when::stamp(at), "accounts": accounts});
    let start = at;
    let (mut run, mut at) = Run::start(world.seed, "ledger-close", &name, at, input.clone());
    let ended = post(world, &mut run, &mut at, &input)
        .and_then(|posted| reconcile(&mut run, &mut at, &posted, plan))
        .and_then(|job| report(&mut run, &mut at, &job, plan));
    match ended {
        Ok(output) => run.succeed(at, &output),
        Err(failure) => run.fail(at, &failure),
    }
    if plan == Plan::TooSlow {
        run.time_out(start + 900_000);
    }
    world.runs.push(run);
}

/// One account after the other: a sequential Map.
fn post(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
) -> Result<Value, Failure> {
    run.enter(at, "Map", "PostAccounts", input);
    let accounts = input["accounts"].as_array().cloned().unwrap_or_default();
    let posted = run.iterations(
        at,
        "PostAccounts",
        &accounts,
        1,
        &mut |run, at, _, account| {
            let task = invoke_task("PostAccount", POST_ACCOUNT, account).retried(2, 2_000, 2.0);
            let entries = run.dice.between(40, 900);
            let lines = vec![
                (
                    0.1,
                    "INFO",
                    format!("posting account {}", account["account"]),
                ),
                (0.9, "INFO", format!("{entries} entries posted")),
            ];
            let call = Call::answers(POST_ACCOUNT, json!({"entries": entries}), lines);
            run.task(at, account, &task, |run, from, _| {
                world.attempt(run, from, call.clone())
            })
        },
    )?;
    let output =
        json!({"period": input["period"], "accounts": posted.as_array().map_or(0, Vec::len)});
    run.exit(at, "Map", "PostAccounts", &output);
    Ok(output)
}

fn reconcile(run: &mut Run, at: &mut Cursor, posted: &Value, plan: Plan) -> Result<Value, Failure> {
    let job_id = run.dice.uuid();
    let parameters = json!({
        "JobName": "reconcile", "JobQueue": "nightly",
        "JobDefinition": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/reconcile:14"),
    });
    let task = Task::service("Reconcile", "batch", "submitJob.sync", parameters);
    run.task(at, posted, &task, |run, from, _| {
        let took = if plan == Plan::TooSlow { 1_500_000 } else { run.dice.millis(140_000.0) };
        let submitted = json!({"JobId": job_id, "JobName": "reconcile", "JobArn": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job/{job_id}")});
        let done = json!({
            "JobId": job_id, "JobName": "reconcile", "JobQueue": "nightly", "Status": "SUCCEEDED",
            "CreatedAt": from + 60, "StartedAt": from + 41_000, "StoppedAt": from + took,
        });
        let result = match plan {
            Plan::JobFails => {
                let mut cause = done.clone();
                cause["Status"] = json!("FAILED");
                cause["StatusReason"] = json!("Essential container in task exited");
                cause["Attempts"] = json!([{"Container": {"ExitCode": 137, "Reason": "OutOfMemoryError: Container killed due to memory usage"}}]);
                Err(Failure::new("States.TaskFailed", cause.to_string()))
            }
            _ => Ok(done),
        };
        Attempt {
            started_at: Some(from + 20),
            submitted: Some((from + 90, submitted)),
            ended_at: from + took,
            result,
            timed_out: false,
        }
    })
}

/// A report over the payload limit ends the execution without an event of the state.
fn report(run: &mut Run, at: &mut Cursor, job: &Value, plan: Plan) -> Result<Value, Failure> {
    let task = Task::service(
        "BuildReport",
        "athena",
        "getQueryResults",
        json!({"QueryExecutionId": run.dice.uuid()}),
    );
    run.enter(at, "Task", "BuildReport", job);
    let rows = json!({"rows": run.dice.between(900, 4_000)});
    let output = run.attempts(at, job, &task, &mut |run, from, _| {
        Attempt::ended(from, from + run.dice.millis(900.0), Ok(rows.clone()))
    })?;
    if plan == Plan::TooLarge {
        let cause = format!(
            "An error occurred while executing the state 'BuildReport' (entered at the event id #{}). \
             The state/task 'BuildReport' returned a result with a size exceeding the maximum number of bytes service limit.",
            entered_id(run)
        );
        return Err(Failure::new("States.DataLimitExceeded", cause));
    }
    run.exit(at, "Task", "BuildReport", &output);
    Ok(output)
}

/// The id that the last StateEntered will have in the history.
fn entered_id(run: &Run) -> usize {
    let history = run.history(i64::MAX);
    let entered = history
        .iter()
        .rfind(|(_, _, event)| event.kind.ends_with("StateEntered"));
    entered.map_or(0, |(id, ..)| *id)
}

/// The definition.
pub fn definition() -> Value {
    json!({
        "Comment": "Close the books",
        "TimeoutSeconds": 900,
        "StartAt": "PostAccounts",
        "States": {
            "PostAccounts": {
                "Type": "Map", "ItemsPath": "$.accounts", "MaxConcurrency": 1,
                "ItemProcessor": {"StartAt": "PostAccount", "States": {"PostAccount": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": crate::world::function_arn(&POST_ACCOUNT), "Payload.$": "$"},
                    "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 2}],
                    "End": true,
                }}},
                "Next": "Reconcile",
            },
            "Reconcile": {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Next": "BuildReport"},
            "BuildReport": {"Type": "Task", "Resource": "arn:aws:states:::athena:getQueryResults", "End": true},
        },
    })
}
