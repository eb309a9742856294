//! `shipment`: carrier, label, pick-up; started by `order-pipeline` for each order.

use super::functions::{CREATE_LABEL, PICK_CARRIER};
use crate::lambda::Fate;
use crate::run::{Failure, Run};
use crate::task::{Attempt, Task};
use crate::world::{Call, World, invoke_task};
use serde_json::{Value, json};

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing special.
    Well,
    /// The carrier's API stumbles twice.
    Stumbles,
    /// The address cannot be delivered to.
    BadAddress,
}

/// Runs one shipment and returns its ARN, its end and its result.
pub fn run(
    world: &mut World,
    order: &str,
    at: i64,
    parent: &str,
    plan: Plan,
) -> (String, i64, Result<Value, Failure>) {
    let input = json!({
        "orderId": order, "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": parent,
    });
    let name = format!("ship-{order}");
    let (mut run, mut at) = Run::start(world.seed, "shipment", &name, at, input.clone());
    let carrier = json!({"orderId": order, "carrier": run.dice.pick(&["DHL", "GLS", "Hermes"])});
    let task = invoke_task("PickCarrier", PICK_CARRIER, &input);
    let lines = vec![(
        0.4,
        "INFO",
        format!("carrier for {order}: {}", carrier["carrier"]),
    )];
    let call = Call::answers(PICK_CARRIER, carrier.clone(), lines);
    let result = run
        .task(&mut at, &input, &task, |run, from, _| {
            world.attempt(run, from, call.clone())
        })
        .and_then(|_| label(world, &mut run, &mut at, order, &carrier, plan));
    match &result {
        Ok(label) => {
            let pickup = run.dice.between(20, 45) * 1000;
            run.wait(&mut at, "WaitForPickup", pickup, label);
            book(&mut run, &mut at, label);
            run.succeed(at, label);
        }
        Err(failure) => run.fail(at, failure),
    }
    let arn = run.arn.clone();
    world.runs.push(run);
    (arn, at.at, result)
}

fn label(
    world: &mut World,
    run: &mut Run,
    at: &mut crate::run::Cursor,
    order: &str,
    carrier: &Value,
    plan: Plan,
) -> Result<Value, Failure> {
    let task = invoke_task("CreateLabel", CREATE_LABEL, carrier).retried(3, 2_000, 2.0);
    let made = json!({"orderId": order, "label": format!("s3://labels/{order}.pdf")});
    run.task(at, carrier, &task, |run, from, number| {
        let call = Call::answers(CREATE_LABEL, made.clone(), lines(order));
        let call = match plan {
            Plan::Stumbles if number < 2 => call.but(Fate::Raise(
                "CarrierUnavailable",
                "carrier answered 503 Service Unavailable".into(),
            )),
            Plan::BadAddress => call.but(Fate::Raise(
                "AddressNotDeliverable",
                format!("no street of that name in the delivery area of order {order}"),
            )),
            _ => call,
        };
        world.attempt(run, from, call)
    })
}

fn lines(order: &str) -> Vec<(f64, &'static str, String)> {
    vec![
        (0.1, "INFO", format!("requesting label for {order}")),
        (0.9, "INFO", "carrier answered".to_owned()),
    ]
}

fn book(run: &mut Run, at: &mut crate::run::Cursor, label: &Value) {
    let task = Task::service(
        "BookPickup",
        "aws-sdk:dynamodb",
        "putItem",
        json!({"TableName": "pickups", "Item": {"label": {"S": label["label"]}}}),
    );
    let booked = run.task(at, label, &task, |run, from, _| {
        Attempt::ended(from, from + run.dice.millis(22.0), Ok(json!({})))
    });
    debug_assert!(booked.is_ok());
}

/// The definition.
pub fn definition() -> Value {
    json!({
        "Comment": "Carrier, label, pick-up",
        "StartAt": "PickCarrier",
        "States": {
            "PickCarrier": super::invoke(&PICK_CARRIER, "CreateLabel"),
            "CreateLabel": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": crate::world::function_arn(&CREATE_LABEL), "Payload.$": "$"},
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2}],
                "Next": "WaitForPickup",
            },
            "WaitForPickup": {"Type": "Wait", "SecondsPath": "$.pickupSeconds", "Next": "BookPickup"},
            "BookPickup": {
                "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
                "Parameters": {"TableName": "pickups"}, "End": true,
            },
        },
    })
}
