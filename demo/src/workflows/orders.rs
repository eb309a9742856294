//! `order-pipeline`: validate → price the items (Map) → charge, fraud and stock side by side
//! (Parallel) → warehouse (callback) → `shipment` (nested) → tell the customer.

use super::functions::{CHARGE_CARD, PRICE_ITEM, SCORE_FRAUD, VALIDATE_ORDER};
use super::shipment;
use crate::block::Branch;
use crate::lambda::Fate;
use crate::run::{ACCOUNT, Cursor, Failure, REGION, Run};
use crate::task::{Attempt, Form, Task};
use crate::world::{Call, World, function_arn, invoke_task, throttled};
use serde_json::{Value, json};

/// What is to happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Well,
    CardDeclined,
    Throttled,
    PoisonItem,
    WarehouseSilent,
    MailDown,
    CarrierStumbles,
    BadAddress,
    FraudSlow,
    StockConflict,
    Stopped,
}

fn plan(number: usize) -> Plan {
    match number % 40 {
        3 | 22 => Plan::CardDeclined,
        7 | 28 => Plan::Throttled,
        11 => Plan::PoisonItem,
        15 => Plan::CarrierStumbles,
        17 => Plan::WarehouseSilent,
        19 => Plan::MailDown,
        23 => Plan::BadAddress,
        29 => Plan::FraudSlow,
        31 => Plan::StockConflict,
        37 => Plan::Stopped,
        _ => Plan::Well,
    }
}

const GOODS: [(&str, f64); 8] = [
    ("espresso-machine", 389.0),
    ("grinder", 149.5),
    ("milk-jug", 24.9),
    ("tamper", 34.0),
    ("beans-1kg", 27.5),
    ("cleaning-kit", 18.9),
    ("scale", 59.0),
    ("cup-set", 42.0),
];

fn order(run_number: usize, dice: &mut crate::dice::Dice, plan: Plan) -> Value {
    let count = if plan == Plan::PoisonItem {
        5
    } else {
        dice.between(1, 6)
    };
    let items: Vec<Value> = (0..count)
        .map(|index| {
            let (sku, price) = dice.pick(&GOODS);
            let poison = plan == Plan::PoisonItem && index == 2;
            let quantity = if poison {
                json!("two")
            } else {
                json!(dice.between(1, 3))
            };
            json!({"sku": sku, "unitPrice": price, "quantity": quantity})
        })
        .collect();
    json!({
        "orderId": format!("A{}", 48_200 + run_number), "items": items, "currency": "EUR",
        "customer": {"id": format!("c-{}", dice.between(1000, 9999)), "tier": dice.pick(&["basic", "plus"])},
    })
}

/// Runs one order.
pub fn run(world: &mut World, number: usize, at: i64) {
    let plan = plan(number);
    let input = order(number, &mut world.dice(&format!("order {number}")), plan);
    let id = input["orderId"].as_str().unwrap_or_default().to_owned();
    let name = format!("order-{id}");
    let (mut run, mut at) = Run::start(world.seed, "order-pipeline", &name, at, input.clone());
    if let Err(failure) = steps(world, &mut run, &mut at, &input, &id, plan) {
        run.fail(at, &failure);
    }
    if plan == Plan::Stopped {
        let waiting = run
            .events
            .iter()
            .find(|event| event.kind == "TaskSubmitted");
        let at = waiting.map_or(at.at, |event| event.at + 95_000);
        let why = Failure::new(
            "StoppedByOperator",
            "customer cancelled by telephone (ticket 7741)",
        );
        run.abort(at, &why);
    }
    world.runs.push(run);
}

fn steps(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
    id: &str,
    plan: Plan,
) -> Result<(), Failure> {
    validate(world, run, at, input, id, plan)?;
    let priced = price(world, run, at, input)?;
    if let Err(failure) = checkout(world, run, at, input, plan) {
        reject(run, at, input, &failure);
        return Ok(());
    }
    run.pass(at, "Choice", "RouteOrder", &priced);
    if run.dice.chance(0.12) && plan == Plan::Well {
        run.pass(at, "Pass", "SendDownloadLink", &priced);
    } else {
        warehouse(run, at, &priced, id, plan)?;
        if plan == Plan::Stopped {
            return Ok(());
        }
        ship(world, run, at, &priced, id, plan)?;
    }
    notify(run, at, &priced, plan);
    run.pass(at, "Succeed", "Done", &priced);
    run.succeed(*at, &priced);
    Ok(())
}

fn validate(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
    id: &str,
    plan: Plan,
) -> Result<Value, Failure> {
    let task = invoke_task("ValidateOrder", VALIDATE_ORDER, input).retried(4, 1_000, 2.0);
    let lines = vec![
        (0.2, "INFO", format!("validating order {id}")),
        (
            0.8,
            "INFO",
            format!(
                "{} items, customer known",
                input["items"].as_array().map_or(0, Vec::len)
            ),
        ),
    ];
    let busy = run.dice.between(1, 3) as usize;
    run.task(at, input, &task, |run, from, number| {
        if plan == Plan::Throttled && number < busy {
            return throttled(run, from);
        }
        let answer = json!({"valid": true, "orderId": id});
        world.attempt(
            run,
            from,
            Call::answers(VALIDATE_ORDER, answer, lines.clone()),
        )
    })
}

fn price(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
) -> Result<Value, Failure> {
    run.enter(at, "Map", "PriceItems", input);
    let items = input["items"].as_array().cloned().unwrap_or_default();
    let prices = run.iterations(at, "PriceItems", &items, 3, &mut |run, at, _, item| {
        price_item(world, run, at, item)
    });
    let prices = prices.inspect_err(|_| run.push(at, "MapStateFailed", None))?;
    let priced = json!({"orderId": input["orderId"], "prices": prices, "currency": "EUR"});
    run.exit(at, "Map", "PriceItems", &priced);
    Ok(priced)
}

fn price_item(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    item: &Value,
) -> Result<Value, Failure> {
    let task = invoke_task("PriceItem", PRICE_ITEM, item).retried(2, 1_000, 2.0);
    let quantity = item["quantity"].as_i64();
    let total = item["unitPrice"].as_f64().unwrap_or(0.0) * quantity.unwrap_or(0) as f64;
    let answer = json!({"sku": item["sku"], "total": total});
    let lines = vec![(
        0.5,
        "INFO",
        format!("price of {}: {total:.2} EUR", item["sku"]),
    )];
    let call = match quantity {
        Some(_) => Call::answers(PRICE_ITEM, answer, lines),
        None => Call::answers(PRICE_ITEM, answer, Vec::new()).but(Fate::Raise(
            "TypeError",
            format!(
                "quantity of {} is not a number: {}",
                item["sku"], item["quantity"]
            ),
        )),
    };
    let output = run.task(at, item, &task, |run, from, _| {
        world.attempt(run, from, call.clone())
    })?;
    Ok(output["Payload"].clone())
}

/// What the branches of `Checkout` need.
struct Checkout<'a> {
    world: &'a mut World,
    input: &'a Value,
    plan: Plan,
    round: usize,
}

fn checkout(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    input: &Value,
    plan: Plan,
) -> Result<(), Failure> {
    run.enter(at, "Parallel", "Checkout", input);
    let mut context = Checkout {
        world,
        input,
        plan,
        round: 0,
    };
    loop {
        let branches: [Branch<Checkout<'_>>; 3] = [
            |context, run, at| charge(context, run, at),
            |context, run, at| score(context, run, at),
            |context, run, at| reserve(context, run, at),
        ];
        match run.branches(&mut context, at, &branches) {
            Ok(output) => {
                run.exit(at, "Parallel", "Checkout", &output);
                return Ok(());
            }
            Err(failure) if failure.error.starts_with("DynamoDB.") && context.round < 2 => {
                context.round += 1;
                at.at += 2_000;
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn charge(context: &mut Checkout<'_>, run: &mut Run, at: &mut Cursor) -> Result<Value, Failure> {
    let task = invoke_task("ChargeCard", CHARGE_CARD, context.input);
    let id = &context.input["orderId"];
    let answer = json!({"orderId": id, "charge": format!("ch_{}", run.dice.hex(14))});
    let lines = vec![
        (0.05, "INFO", format!("charging order {id}")),
        (0.9, "INFO", "acquirer answered".to_owned()),
    ];
    let call = Call::answers(CHARGE_CARD, answer, lines);
    let call = match context.plan {
        Plan::CardDeclined => call.but(Fate::Raise(
            "CardDeclined",
            "the issuer declined the charge (code 51: insufficient funds)".into(),
        )),
        _ => call,
    };
    let world = &mut *context.world;
    run.task(at, context.input, &task, |run, from, _| {
        world.attempt(run, from, call.clone())
    })
}

fn score(context: &mut Checkout<'_>, run: &mut Run, at: &mut Cursor) -> Result<Value, Failure> {
    let mut task = invoke_task("ScoreFraud", SCORE_FRAUD, context.input).retried(2, 1_000, 1.5);
    task.form = Form::LambdaArn;
    task.parameters = json!(function_arn(&SCORE_FRAUD));
    let score = run.dice.between(2, 61);
    let lines = vec![(0.7, "INFO", format!("score {score}"))];
    let call = Call::answers(SCORE_FRAUD, json!({"score": score}), lines);
    let (slow, world) = (context.plan == Plan::FraudSlow, &mut *context.world);
    run.task(at, context.input, &task, |run, from, number| {
        let mut call = call.clone();
        call.legacy = true;
        if slow && number == 0 {
            call = call.but(Fate::Hang);
        }
        world.attempt(run, from, call)
    })
}

fn reserve(context: &mut Checkout<'_>, run: &mut Run, at: &mut Cursor) -> Result<Value, Failure> {
    let parameters = json!({
        "TableName": "stock", "Key": {"orderId": {"S": context.input["orderId"]}},
        "UpdateExpression": "SET reserved = reserved + :n", "ConditionExpression": "free >= :n",
    });
    let task = Task::service("ReserveStock", "dynamodb", "updateItem", parameters);
    let conflict = context.plan == Plan::StockConflict && context.round == 0;
    run.task(at, context.input, &task, |run, from, _| {
        let result = match conflict {
            true => Err(Failure::new(
                "DynamoDB.TransactionConflictException",
                format!(
                    "Transaction is ongoing for the item (Service: AmazonDynamoDBv2; Status Code: 400; \
                     Error Code: TransactionConflictException; Request ID: {})",
                    run.dice.hex(52).to_uppercase()
                ),
            )),
            false => Ok(json!({"SdkHttpMetadata": {"HttpStatusCode": 200}})),
        };
        Attempt::ended(from, from + run.dice.millis(18.0), result)
    })
}

/// The Catch of `Checkout`: give the stock back, and fail in words of its own.
fn reject(run: &mut Run, at: &mut Cursor, input: &Value, failure: &Failure) {
    let caught = json!({"orderId": input["orderId"], "reason": {"Error": failure.error, "Cause": failure.cause}});
    run.push(at, "ParallelStateFailed", None);
    run.exit(at, "Parallel", "Checkout", &caught);
    let parameters = json!({"TableName": "stock", "Key": {"orderId": {"S": input["orderId"]}}});
    let task = Task::service("ReleaseStock", "dynamodb", "deleteItem", parameters);
    let released = run.task(at, &caught, &task, |run, from, _| {
        Attempt::ended(from, from + run.dice.millis(15.0), Ok(caught.clone()))
    });
    debug_assert!(released.is_ok());
    let rejected = Failure::new("OrderRejected", "the order was not accepted");
    run.fail_state(*at, "OrderRejected", &rejected, &caught);
}

fn warehouse(
    run: &mut Run,
    at: &mut Cursor,
    priced: &Value,
    id: &str,
    plan: Plan,
) -> Result<Value, Failure> {
    let parameters = json!({
        "QueueUrl": format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/warehouse"),
        "MessageBody": {"orderId": id, "token.$": "$$.Task.Token"},
    });
    let task = Task::service(
        "PickAndPack",
        "sqs",
        "sendMessage.waitForTaskToken",
        parameters,
    )
    .limited(Some(3_600), Some(300));
    run.task(at, priced, &task, |run, from, _| {
        let sent = from + run.dice.millis(35.0) + 20;
        let answer =
            json!({"MessageId": run.dice.uuid(), "SdkHttpMetadata": {"HttpStatusCode": 200}});
        let silent = plan == Plan::WarehouseSilent;
        let waited = match plan {
            Plan::WarehouseSilent | Plan::Stopped => 300_000,
            _ => run.dice.millis(85_000.0).min(290_000),
        };
        Attempt {
            started_at: Some(from + 14),
            submitted: Some((sent, answer)),
            ended_at: sent + waited,
            result: match silent {
                true => Err(Failure {
                    error: "States.Timeout".into(),
                    cause: None,
                }),
                false => Ok(json!({"orderId": id, "packed": true, "parcels": 1})),
            },
            timed_out: silent,
        }
    })
}

fn ship(
    world: &mut World,
    run: &mut Run,
    at: &mut Cursor,
    priced: &Value,
    id: &str,
    plan: Plan,
) -> Result<Value, Failure> {
    let machine = format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:shipment");
    let parameters =
        json!({"StateMachineArn": machine, "Name": format!("ship-{id}"), "Input": {"orderId": id}});
    let task = Task::service("ShipOrder", "states", "startExecution.sync:2", parameters);
    let plan = match plan {
        Plan::CarrierStumbles => shipment::Plan::Stumbles,
        Plan::BadAddress => shipment::Plan::BadAddress,
        _ => shipment::Plan::Well,
    };
    run.task(at, priced, &task, |run, from, _| {
        let (arn, end, result) = shipment::run(world, id, from + 40, &run.arn, plan);
        let answer = json!({"ExecutionArn": arn, "StartDate": from + 40, "SdkHttpMetadata": {"HttpStatusCode": 200}});
        Attempt {
            started_at: Some(from + 16),
            submitted: Some((from + 60, answer)),
            ended_at: end + run.dice.between(120, 900),
            result: child_result(&arn, &machine, result),
            timed_out: false,
        }
    })
}

/// What `startExecution.sync:2` says of its child.
fn child_result(
    arn: &str,
    machine: &str,
    result: Result<Value, Failure>,
) -> Result<Value, Failure> {
    let frame =
        |status: &str| json!({"ExecutionArn": arn, "StateMachineArn": machine, "Status": status});
    match result {
        Ok(output) => {
            let mut answer = frame("SUCCEEDED");
            answer["Output"] = output;
            Ok(answer)
        }
        Err(failure) => {
            let mut cause = frame("FAILED");
            cause["Error"] = json!(failure.error);
            cause["Cause"] = json!(failure.cause);
            Err(Failure::new("States.TaskFailed", cause.to_string()))
        }
    }
}

/// Its failure is caught and forgotten: the order is on its way all the same.
fn notify(run: &mut Run, at: &mut Cursor, priced: &Value, plan: Plan) {
    let parameters = json!({
        "TopicArn": format!("arn:aws:sns:{REGION}:{ACCOUNT}:customer-mail"),
        "Message": {"orderId": priced["orderId"], "text": "Your order is on its way"},
    });
    let task = Task::service("NotifyCustomer", "sns", "publish", parameters).retried(1, 2_000, 1.0);
    let sent = run.task(at, priced, &task, |run, from, _| {
        let result = match plan {
            Plan::MailDown => Err(Failure::new(
                "SNS.InternalErrorException",
                "Service Unavailable (503)",
            )),
            _ => Ok(json!({"MessageId": run.dice.uuid()})),
        };
        Attempt::ended(from, from + run.dice.millis(30.0), result)
    });
    if sent.is_err() {
        run.exit(at, "Task", "NotifyCustomer", priced);
    }
}

/// The definition.
pub fn definition() -> Value {
    json!({
        "Comment": "From the basket to the parcel",
        "StartAt": "ValidateOrder",
        "States": {
            "ValidateOrder": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": function_arn(&VALIDATE_ORDER), "Payload.$": "$"},
                "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 4, "BackoffRate": 2}],
                "ResultPath": null, "Next": "PriceItems",
            },
            "PriceItems": {
                "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3,
                "ItemProcessor": {"StartAt": "PriceItem", "States": {"PriceItem": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": {"FunctionName": function_arn(&PRICE_ITEM), "Payload.$": "$"},
                    "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2}],
                    "OutputPath": "$.Payload", "End": true,
                }}},
                "Next": "Checkout",
            },
            "Checkout": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "ChargeCard", "States": {"ChargeCard": {
                        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                        "Parameters": {"FunctionName": function_arn(&CHARGE_CARD), "Payload.$": "$"}, "End": true,
                    }}},
                    {"StartAt": "ScoreFraud", "States": {"ScoreFraud": {
                        "Type": "Task", "Resource": function_arn(&SCORE_FRAUD),
                        "Retry": [{"ErrorEquals": ["Sandbox.Timedout"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1.5}], "End": true,
                    }}},
                    {"StartAt": "ReserveStock", "States": {"ReserveStock": {
                        "Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem",
                        "Parameters": {"TableName": "stock"}, "End": true,
                    }}},
                ],
                "Retry": [{"ErrorEquals": ["DynamoDB.TransactionConflictException"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 1}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.reason", "Next": "ReleaseStock"}],
                "Next": "RouteOrder",
            },
            "RouteOrder": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.digital", "BooleanEquals": true, "Next": "SendDownloadLink"}],
                "Default": "PickAndPack",
            },
            "SendDownloadLink": {"Type": "Pass", "Next": "NotifyCustomer"},
            "PickAndPack": {
                "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "TimeoutSeconds": 3600, "HeartbeatSeconds": 300, "Next": "ShipOrder",
            },
            "ShipOrder": {
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Next": "NotifyCustomer",
            },
            "NotifyCustomer": {
                "Type": "Task", "Resource": "arn:aws:states:::sns:publish",
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 1, "BackoffRate": 1}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}], "Next": "Done",
            },
            "Done": {"Type": "Succeed"},
            "ReleaseStock": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:deleteItem", "Next": "OrderRejected"},
            "OrderRejected": {"Type": "Fail", "Error": "OrderRejected", "Cause": "the order was not accepted"},
        },
    })
}
