//! `refund-approval`: a person reviews (an activity), the money goes back; a failed run is redriven
//! after the repair, one is stopped.

use super::functions::PAY_BACK;
use crate::lambda::Fate;
use crate::run::{ACCOUNT, Cursor, Failure, REGION, Run};
use crate::task::{Attempt, Form, Task};
use crate::world::{Call, World, invoke_task};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Well,
    NobodyReviews,
    Redriven,
}

/// Runs one refund.
pub fn run(world: &mut World, number: usize, at: i64) {
    let plan = match number % 9 {
        3 => Plan::NobodyReviews,
        5 => Plan::Redriven,
        _ => Plan::Well,
    };
    let input = json!({"refundId": format!("R{}", 900 + number), "amount": 19.9 + number as f64});
    let name = format!("refund-R{}", 900 + number);
    let (mut run, mut at) = Run::start(world.seed, "refund-approval", &name, at, input.clone());
    let ended = review(&mut run, &mut at, &input, plan);
    let ended = ended.and_then(|_| pay(world, &mut run, &mut at, &input, plan));
    match ended {
        Ok(output) => run.succeed(at, &output),
        Err(failure) => run.fail(at, &failure),
    }
    world.runs.push(run);
}

fn review(run: &mut Run, at: &mut Cursor, input: &Value, plan: Plan) -> Result<Value, Failure> {
    let task = Task {
        form: Form::Activity,
        parameters: json!(format!(
            "arn:aws:states:{REGION}:{ACCOUNT}:activity:review-refund"
        )),
        ..Task::service("ReviewRefund", "", "", Value::Null)
    };
    let task = task.limited(Some(1_800), None);
    run.task(at, input, &task, |run, from, _| match plan {
        Plan::NobodyReviews => Attempt {
            started_at: None,
            submitted: None,
            ended_at: from + 1_800_000,
            result: Err(Failure {
                error: "States.Timeout".into(),
                cause: None,
            }),
            timed_out: true,
        },
        _ => {
            let picked_up = from + run.dice.millis(40_000.0);
            let ended_at = picked_up + run.dice.millis(90_000.0);
            Attempt {
                started_at: Some(picked_up),
                submitted: None,
                ended_at,
                result: Ok(json!({"approved": true, "by": "desk-2"})),
                timed_out: false,
            }
        }
    })
}

fn pay(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
    plan: Plan,
) -> Result<Value, Failure> {
    let task = invoke_task("PayBack", PAY_BACK, input).retried(1, 2_000, 1.0);
    let answer = json!({"refundId": input["refundId"], "paid": true});
    let lines = vec![(
        0.3,
        "INFO",
        format!("refund {} to the card", input["refundId"]),
    )];
    let call = Call::answers(PAY_BACK, answer, lines);
    let broken = call.clone().but(Fate::Raise(
        "SignatureExpired",
        "the acquirer's certificate is no longer valid".into(),
    ));
    let first = if plan == Plan::Redriven {
        &broken
    } else {
        &call
    };
    run.enter(at, "Task", "PayBack", input);
    let mut ended = run.attempts(at, input, &task, &mut |run, from, _| {
        world.attempt(run, from, first.clone())
    });
    if let (Err(failure), Plan::Redriven) = (&ended, plan) {
        run.push(at, "ExecutionFailed", Some(failure.details()));
        at.at += 25 * 60_000;
        run.push(at, "ExecutionRedriven", Some(json!({"redriveCount": 1})));
        ended = run.attempts(at, input, &task, &mut |run, from, _| {
            world.attempt(run, from, call.clone())
        });
    }
    let output = ended?;
    run.exit(at, "Task", "PayBack", &output);
    Ok(output["Payload"].clone())
}

/// The definition.
pub fn definition() -> Value {
    json!({
        "Comment": "Money back, after a person has looked",
        "StartAt": "ReviewRefund",
        "States": {
            "ReviewRefund": {
                "Type": "Task", "Resource": format!("arn:aws:states:{REGION}:{ACCOUNT}:activity:review-refund"),
                "TimeoutSeconds": 1800, "ResultPath": null, "Next": "PayBack",
            },
            "PayBack": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": crate::world::function_arn(&PAY_BACK), "Payload.$": "$"},
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 1, "BackoffRate": 1}],
                "OutputPath": "$.Payload", "End": true,
            },
        },
    })
}
