//! Data: holes, growth, wrong ways, broken contracts.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::lambda,
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

fn jsonata(desk: &mut Desk, n: usize, ill: bool, released: bool) -> String {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Fetch quote", "States": {
        "Fetch quote": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "fetch-quote"}, "Output": "{% $states.result.Payload %}", "Next": "Markup"},
        "Markup": {"Type": "Pass", "Output": {"total": "{% $states.input.quote.price * 1.2 %}"}, "End": true}}});
    let mut run = Run::new("markup", &format!("j{n}"), at(n), &json!({"n": n})).defined(definition);
    let quote = if ill {
        json!({"quote": {"currency": "EUR"}})
    } else {
        json!({"quote": {"currency": "EUR", "price": 10 + vary(n, 9)}})
    };
    let of =
        lambda("fetch-quote", 90 + vary(n, 30)).version(if ill && released { "32" } else { "31" });
    desk.task(&mut run, "Fetch quote", &of, &json!({"n": n}), &quote);
    run.enter("Pass", "Markup", &quote);
    if ill {
        let cause = "An error occurred while executing the state 'Markup' (entered at the event id #7). The JSONata expression '$states.input.quote.price * 1.2' specified for the field 'Output/total' returned nothing (undefined).";
        run.push("EvaluationFailed", json!({"error": "States.QueryEvaluationError", "cause": cause, "location": "Output/total", "state": "Markup"}));
        return desk.end(run, End::Failed("States.QueryEvaluationError", cause));
    }
    run.exit("Pass", "Markup", &json!({"total": 12}));
    desk.end(run, End::Well(&json!({"total": 12})))
}

fn dropped_by_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    jsonata(desk, n, ill, true)
}

fn dropped_in_silence(desk: &mut Desk, n: usize, ill: bool) -> String {
    jsonata(desk, n, ill, false)
}

/// A Choice takes its default because a field is null.
fn default_way(desk: &mut Desk, n: usize, ill: bool) -> String {
    let definition = json!({"StartAt": "Classify", "States": {
        "Classify": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "classify-ticket"}, "Next": "Which"},
        "Which": {"Type": "Choice", "Choices": [{"Variable": "$.kind", "StringEquals": "billing", "Next": "Billing"}, {"Variable": "$.kind", "StringEquals": "tech", "Next": "Tech"}], "Default": "By hand"},
        "Billing": {"Type": "Pass", "End": true}, "Tech": {"Type": "Pass", "End": true}, "By hand": {"Type": "Pass", "End": true}}});
    let mut run =
        Run::new("tickets", &format!("k{n}"), at(n), &json!({"ticket": n})).defined(definition);
    let kind = if n.is_multiple_of(2) {
        "billing"
    } else {
        "tech"
    };
    let out = json!({"ticket": n, "kind": if ill { Value::Null } else { json!(kind) }});
    desk.task(
        &mut run,
        "Classify",
        &lambda("classify-ticket", 100 + vary(n, 40)),
        &json!({"ticket": n}),
        &out,
    );
    run.through("Choice", "Which", &out, &out);
    let next = if ill {
        "By hand"
    } else if n.is_multiple_of(2) {
        "Billing"
    } else {
        "Tech"
    };
    run.through("Pass", next, &out, &out);
    desk.end(run, End::Well(&out))
}

/// The way is as ever; the answer has a hole.
fn hole_in_output(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("invoice", &format!("i{n}"), at(n), &json!({"n": n}));
    let first = json!({"lines": 3});
    desk.task(
        &mut run,
        "Read",
        &lambda("read-lines", 80 + vary(n, 20)),
        &json!({"n": n}),
        &first,
    );
    let second = json!({"lines": 3, "tax": {"rate": 19, "amount": if ill { Value::Null } else { json!(7) }}});
    desk.task(
        &mut run,
        "Tax",
        &lambda("compute-tax", 80 + vary(n, 20)),
        &first,
        &second,
    );
    desk.task(
        &mut run,
        "Store",
        &lambda("store-invoice", 60),
        &second,
        &second,
    );
    desk.end(run, End::Well(&second))
}

/// A map collects more and more, until the state after it may not be given that much.
fn outgrown(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("collect", &format!("d{n}"), at(n), &json!({"n": n}));
    desk.task(
        &mut run,
        "List",
        &lambda("list-pages", 80),
        &json!({"n": n}),
        &json!({"pages": 5}),
    );
    let filler = "x".repeat(if ill { 240_000 } else { 9_000 + 400 * n });
    let big = json!({"pages": 5, "text": filler});
    desk.task(
        &mut run,
        "Load text",
        &lambda("load-text", 300 + vary(n, 40)),
        &json!({"pages": 5}),
        &big,
    );
    let tagged =
        json!({"pages": 5, "text": filler, "tags": "y".repeat(if ill { 30_000 } else { 300 })});
    run.enter("Task", "Tag", &big);
    desk.invoke(
        &mut run,
        &lambda("tag-text", 200 + vary(n, 40)),
        &json!({}),
        &tagged,
    );
    if ill {
        let cause = "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.";
        return desk.end(run, End::Failed("States.DataLimitExceeded", cause));
    }
    run.exit("Task", "Tag", &tagged);
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn regression_definition(new: bool) -> Value {
    let mut price = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "price-cart"}, "ResultPath": "$.pricing", "Next": "Charge"});
    if new {
        price["ResultPath"] = json!("$.price");
    }
    json!({"StartAt": "Price cart", "States": {"Price cart": price, "Charge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "charge-card", "Payload": {"amount.$": "$.pricing.amount"}}, "End": true}}})
}

/// Version 5 keeps the answer elsewhere; five minutes later a function is released.
fn workflow_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("checkout", &format!("w{n}"), at(n), &json!({"cart": n}))
        .version(if ill { 5 } else { 4 })
        .defined(regression_definition(ill));
    if n == 12 {
        desk.changed(
            at(n) - 290_000,
            "state_machine",
            "checkout",
            "version 4 -> 5",
        );
        desk.changed(at(n) - 10_000, "lambda", "charge-card", "version 31 -> 32");
    }
    let kept = if ill {
        json!({"cart": n, "price": {"amount": 4}})
    } else {
        json!({"cart": n, "pricing": {"amount": 4}})
    };
    desk.task(
        &mut run,
        "Price cart",
        &lambda("price-cart", 100 + vary(n, 30)),
        &json!({"cart": n}),
        &kept,
    );
    run.enter("Task", "Charge", &kept);
    if ill {
        let cause = "An error occurred while executing the state 'Charge' (entered at the event id #8). The JSONPath '$.pricing.amount' specified for the field 'amount.$' could not be found in the input '{\"cart\": 1, \"price\": {\"amount\": 4}}'";
        return desk.end(run, End::Failed("States.ParameterPathFailure", cause));
    }
    desk.invoke(
        &mut run,
        &lambda("charge-card", 150),
        &json!({"amount": 4}),
        &json!({"paid": true}),
    );
    run.exit("Task", "Charge", &json!({"paid": true}));
    desk.end(run, End::Well(&json!({"paid": true})))
}

/// Whoever started this run left something out.
fn lacking_input(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = if ill {
        json!({"region": "eu", "note": ""})
    } else {
        json!({"region": "eu", "customerId": 400 + n})
    };
    let mut run = Run::new("welcome", &format!("h{n}"), at(n), &input);
    run.enter("Task", "Load customer", &input);
    if ill {
        let cause = "An error occurred while executing the state 'Load customer' (entered at the event id #2). Unable to apply Path transformation to null or empty input. Invalid path '$.customerId'";
        return desk.end(run, End::Failed("States.Runtime", cause));
    }
    desk.invoke(
        &mut run,
        &lambda("load-customer", 70),
        &json!({}),
        &json!({"c": 1}),
    );
    run.exit("Task", "Load customer", &json!({"c": 1}));
    desk.end(run, End::Well(&json!({"c": 1})))
}

/// What a Catch left makes a later state fail.
fn swallowed_then_fatal(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("rating", &format!("s{n}"), at(n), &json!({"n": n}));
    let mut score = lambda("score-risk", 90 + vary(n, 30));
    if ill {
        score = score.raising("ModelNotLoaded", "model file v7 is empty");
    }
    let well = desk.task(
        &mut run,
        "Score",
        &score,
        &json!({"n": n}),
        &json!({"score": 0.4, "n": n}),
    );
    if !well {
        run.exit(
            "Task",
            "Score",
            &json!({"Error": "ModelNotLoaded", "Cause": "{}"}),
        );
        run.through("Pass", "No score", &json!({}), &json!({"score": null}));
    }
    let mut rate = lambda("rate-customer", 80 + vary(n, 30));
    if ill {
        rate = rate.raising(
            "TypeError",
            "unsupported operand type(s) for *: 'NoneType' and 'float'",
        );
    }
    let cause = "{\"errorType\":\"TypeError\",\"errorMessage\":\"unsupported operand type(s) for *: 'NoneType' and 'float'\"}";
    match desk.task(
        &mut run,
        "Rate",
        &rate,
        &json!({"score": if ill { Value::Null } else { json!(0.4) }}),
        &json!({"rate": 2}),
    ) {
        true => desk.end(run, End::Well(&json!({"rate": 2}))),
        false => desk.end(run, End::Failed("TypeError", cause)),
    }
}

/// A loop without an end.
fn endless(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("poller", &format!("e{n}"), at(n), &json!({"n": n}));
    for _ in 0..if ill { 60 } else { 3 + n % 2 } {
        run.enter("Wait", "Pause", &json!({}));
        run.wait(2_000);
        run.exit("Wait", "Pause", &json!({}));
        run.through(
            "Choice",
            "Ready?",
            &json!({"ready": false}),
            &json!({"ready": false}),
        );
    }
    if ill {
        return desk.end(
            run,
            End::Failed(
                "States.Runtime",
                "The execution reached the maximum number of history events (25000).",
            ),
        );
    }
    desk.end(run, End::Well(&json!({})))
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "JSONata finds nothing since a release",
            &["fetch-quote"],
            &[BadDeploy],
            dropped_by_release,
        ),
        crime(
            "JSONata finds nothing, nothing released",
            &["fetch-quote"],
            &[SilentData],
            dropped_in_silence,
        ),
        crime(
            "a Choice takes its default",
            &["classify-ticket"],
            &[SilentData],
            default_way,
        )
        .fate(Fatality::None),
        crime(
            "an answer has a hole",
            &["compute-tax"],
            &[SilentData],
            hole_in_output,
        ),
        crime(
            "data outgrows the limit upstream",
            &["Load text", "load-text"],
            &[DataSize],
            outgrown,
        ),
        crime(
            "a release of the workflow",
            &["checkout", "checkout:5"],
            &[BadDeploy],
            workflow_release,
        ),
        crime(
            "the input lacks a field",
            &["Load customer", "welcome"],
            &[BadInput],
            lacking_input,
        )
        .runs(12, 1),
        crime(
            "a swallowed failure comes back",
            &["score-risk"],
            &[Error],
            swallowed_then_fatal,
        ),
        crime(
            "a loop fills the history",
            &["poller"],
            &[Capacity],
            endless,
        ),
    ]
}
