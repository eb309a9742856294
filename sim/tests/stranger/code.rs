//! Functions that fail by themselves: releases, memory, limits, refusals, items.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run, iso},
    lambda::{Call, Lambda, lambda},
    vary,
};
use model::{Category, Fatality};
use serde_json::json;

fn order(n: usize) -> serde_json::Value {
    json!({"order": format!("A{}", 1_000 + n), "lines": 3, "tier": "std"})
}

/// Three functions, JSON logs, Rust.
fn panic_after_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("order-desk", &format!("o-{n}"), at(n), &order(n)).version(2);
    desk.task(
        &mut run,
        "Reserve",
        &lambda("reserve-stock", 90 + vary(n, 30)).json(),
        &order(n),
        &json!({"order": "A", "held": true}),
    );
    let mut price = lambda("price-order", 70 + vary(n, 20)).json();
    if ill {
        price = price.version("32").raising(
            "&'static str",
            "called `Option::unwrap()` on a `None` value",
        );
    }
    let tries = vec![price; if ill { 3 } else { 1 }];
    if desk.retried(
        &mut run,
        "Price",
        &tries,
        &json!({"order": "A", "held": true}),
        &json!({"price": 12.5}),
    ) {
        return desk.end(run, End::Well(&json!({"price": 12.5})));
    }
    let cause = json!({"errorType": "&'static str", "errorMessage": "called `Option::unwrap()` on a `None` value"}).to_string();
    desk.end(run, End::Failed("&'static str", &cause))
}

/// A weighted alias: some runs of the same minutes go to the new version and fail, others do not.
fn canary(desk: &mut Desk, n: usize, ill: bool) -> String {
    let new = ill && n % 2 == 1;
    let mut run = Run::new(
        "refund-flow",
        &format!("r{n}"),
        at(n),
        &json!({"refund": n}),
    );
    if n == 12 {
        desk.changed(at(n) - 60_000, "lambda", "mail-customer", "version 4 -> 5");
    }
    let mut check = lambda("check-refund", 120 + vary(n, 40)).version(if new { "9" } else { "8" });
    if new {
        check = check.raising(
            "InvalidOperationException",
            "Sequence contains no matching element",
        );
    }
    let well = desk.task(
        &mut run,
        "Check",
        &check,
        &json!({"refund": n}),
        &json!({"ok": true}),
    );
    if !well {
        let cause = json!({"errorType": "InvalidOperationException", "errorMessage": "Sequence contains no matching element"}).to_string();
        return desk.end(run, End::Failed("InvalidOperationException", &cause));
    }
    desk.task(
        &mut run,
        "Mail",
        &lambda("mail-customer", 60),
        &json!({"ok": true}),
        &json!({"sent": true}),
    );
    desk.end(run, End::Well(&json!({"sent": true})))
}

/// Node's heap gives up before the sandbox is full.
fn heap(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new(
        "thumbnails",
        &format!("t{n}"),
        at(n),
        &json!({"key": format!("img/{n}.png")}),
    );
    let mut render = lambda("render-thumb", 800 + vary(n, 200));
    render.memory = (512, 260);
    if ill {
        render.memory = (512, 489);
        render.lines = vec![
            ("INFO", "decode".into()),
            ("INFO", "<--- Last few GCs --->".into()),
            (
                "ERROR",
                "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
                    .into(),
            ),
        ];
        render.killed = Some("Runtime exited with error: signal: aborted");
        render.error = Some((
            "Runtime.ExitError".into(),
            "RequestId: REQ Error: Runtime exited with error: signal: aborted".into(),
        ));
    }
    let tries = vec![render; if ill { 2 } else { 1 }];
    if desk.retried(&mut run, "Render", &tries, &json!({}), &json!({"done": 1})) {
        return desk.end(run, End::Well(&json!({"done": 1})));
    }
    desk.end(run, End::Failed("Runtime.ExitError", "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: 1 Error: Runtime exited with error: signal: aborted\"}"))
}

/// The limit was lowered; nobody told. Healthy runs took up to seven seconds.
fn limit_lowered(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("statement", &format!("s{n}"), at(n), &json!({"month": n}));
    let mut build = lambda("build-statement", 4_000 + vary(n, 3_000));
    if ill {
        build.ms = 3_000;
        build.cut = true;
        build.error = Some((
            "Sandbox.Timedout".into(),
            "RequestId: REQ Error: Task timed out after 3.00 seconds".into(),
        ));
    }
    let tries = vec![build; if ill { 2 } else { 1 }];
    if desk.retried(&mut run, "Build", &tries, &json!({}), &json!({"pages": 4})) {
        return desk.end(run, End::Well(&json!({"pages": 4})));
    }
    desk.end(run, End::Failed("Sandbox.Timedout", "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: 1 Error: Task timed out after 3.00 seconds\"}"))
}

/// One item of eight, Go, retried; the others are cut off.
fn poison(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("catalog-sync", &format!("c{n}"), at(n), &json!({"feed": n}));
    run.enter(
        "Map",
        "Enrich all",
        &json!({"items": [1, 2, 3, 4, 5, 6, 7, 8]}),
    );
    run.push("MapStateStarted", json!({"length": 8}));
    let top = run.mark();
    let (mut last, mut dead) = (top, None);
    for index in 0..8_usize {
        run.back(top);
        run.wait(index as i64);
        run.push(
            "MapIterationStarted",
            json!({"name": "Enrich all", "index": index}),
        );
        let bad = ill && index == 3;
        let mut enrich = lambda(
            "enrich-item",
            if index > 5 && ill {
                9_000
            } else {
                150 + vary(n + index, 60)
            },
        )
        .json();
        if bad {
            enrich = enrich.raising(
                "UnmarshalTypeError",
                "json: cannot unmarshal string into Go struct field Item.price of type float64",
            );
        }
        if ill && index > 5 {
            run.enter("Task", "Enrich", &json!({"sku": index}));
            run.schedule(
                ("lambda", "invoke"),
                &json!({"FunctionName": "enrich-item", "Payload": {"sku": index}}),
                &json!({}),
            );
            continue;
        }
        let tries = vec![enrich; if bad { 3 } else { 1 }];
        if desk.retried(
            &mut run,
            "Enrich",
            &tries,
            &json!({"sku": index}),
            &json!({"sku": index, "ok": 1}),
        ) {
            run.push(
                "MapIterationSucceeded",
                json!({"name": "Enrich all", "index": index}),
            );
        } else {
            run.push(
                "MapIterationFailed",
                json!({"name": "Enrich all", "index": index}),
            );
            dead = Some(run.mark());
        }
        if run.at > last.at {
            last = run.mark();
        }
    }
    match dead {
        None => {
            run.back(last);
            run.push("MapStateSucceeded", json!({}));
            run.exit("Map", "Enrich all", &json!([1, 2]));
            desk.end(run, End::Well(&json!([1, 2])))
        }
        Some(dead) => {
            run.back(dead);
            run.push(
                "MapIterationAborted",
                json!({"name": "Enrich all", "index": 6}),
            );
            run.push(
                "MapIterationAborted",
                json!({"name": "Enrich all", "index": 7}),
            );
            run.push("MapStateFailed", json!({}));
            desk.end(run, End::Failed("UnmarshalTypeError", "{\"errorType\":\"UnmarshalTypeError\",\"errorMessage\":\"json: cannot unmarshal string into Go struct field Item.price of type float64\"}"))
        }
    }
}

/// The SDK wraps a refusal by KMS; two levels of executions are above it.
fn denied_two_levels_down(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut inner = Run::new(
        "seal-docs",
        &format!("seal-{n}"),
        at(n) + 900,
        &json!({"doc": n}),
    );
    let mut seal = lambda("seal-envelope", 95 + vary(n, 20));
    let message = "User: arn:aws:sts::480213377711:assumed-role/seal/seal-envelope is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:480213377711:key/4f (Service: Kms, Status Code: 400)";
    if ill {
        seal = seal.raising(
            "software.amazon.awssdk.services.kms.model.KmsException",
            message,
        );
    }
    let well = desk.task(
        &mut inner,
        "Seal",
        &seal,
        &json!({}),
        &json!({"sealed": true}),
    );
    let inner_cause = json!({"errorType": "software.amazon.awssdk.services.kms.model.KmsException", "errorMessage": message}).to_string();
    let inner_at = inner.at;
    let inner_arn = match well {
        true => desk.end(inner, End::Well(&json!({"sealed": true}))),
        false => desk.end(
            inner,
            End::Failed(
                "software.amazon.awssdk.services.kms.model.KmsException",
                &inner_cause,
            ),
        ),
    };
    let mut middle = Run::new(
        "contract",
        &format!("ctr-{n}"),
        at(n) + 400,
        &json!({"doc": n}),
    );
    let (middle_arn, middle_cause) = nested(
        desk,
        &mut middle,
        "Seal it",
        "seal-docs",
        &inner_arn,
        inner_at,
        well,
        &inner_cause,
    );
    let mut outer = Run::new(
        "onboarding",
        &format!("on-{n}"),
        at(n),
        &json!({"customer": n}),
    );
    let (_, cause) = nested(
        desk,
        &mut outer,
        "Contract",
        "contract",
        &middle_arn,
        middle_at(inner_at),
        well,
        &middle_cause,
    );
    let _ = cause;
    finish(desk, outer, well)
}

fn middle_at(inner_at: i64) -> i64 {
    inner_at + 300
}

/// Starts an execution and waits for it; ends the parent if it is the middle one.
#[allow(clippy::too_many_arguments)]
fn nested(
    desk: &mut Desk,
    run: &mut Run,
    state: &str,
    machine: &str,
    arn: &str,
    until: i64,
    well: bool,
    cause: &str,
) -> (String, String) {
    let of = ("states", "startExecution.sync:2");
    run.enter("Task", state, &json!({"n": 1}));
    run.schedule(of, &json!({"StateMachineArn": format!("arn:aws:states:eu-central-1:480213377711:stateMachine:{machine}"), "Input": {"n": 1}}), &json!({}));
    run.submitted(of, &json!({"ExecutionArn": arn, "StartDate": iso(run.at)}));
    run.at = run.at.max(until + 120);
    if well {
        run.succeeded(
            of,
            &json!({"ExecutionArn": arn, "Status": "SUCCEEDED", "Output": {"ok": 1}}),
        );
        run.exit("Task", state, &json!({"ok": 1}));
        if machine == "seal-docs" {
            let copy = std::mem::replace(run, Run::new("x", "x", 0, &json!({})));
            return (desk.end(copy, End::Well(&json!({"ok": 1}))), String::new());
        }
        return (String::new(), String::new());
    }
    let cause =
        json!({"ExecutionArn": arn, "Status": "FAILED", "Error": "KmsException", "Cause": cause})
            .to_string();
    run.failed(of, "States.TaskFailed", &cause);
    if machine == "seal-docs" {
        let copy = std::mem::replace(run, Run::new("x", "x", 0, &json!({})));
        return (
            desk.end(copy, End::Failed("States.TaskFailed", &cause)),
            cause,
        );
    }
    (String::new(), cause)
}

fn finish(desk: &mut Desk, run: Run, well: bool) -> String {
    match well {
        true => desk.end(run, End::Well(&json!({"ok": 1}))),
        false => desk.end(
            run,
            End::Failed("States.TaskFailed", "{\"Status\":\"FAILED\"}"),
        ),
    }
}

/// The history of the execution that failed is not held.
fn unseen_child(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("states", "startExecution.sync");
    let mut run = Run::new("monthly-close", &format!("m{n}"), at(n), &json!({"n": n}));
    let child = format!("arn:aws:states:eu-central-1:480213377711:execution:render-report:x{n}");
    run.enter("Task", "Render", &json!({}));
    run.schedule(of, &json!({"StateMachineArn": "arn:aws:states:eu-central-1:480213377711:stateMachine:render-report"}), &json!({}));
    run.submitted(of, &json!({"ExecutionArn": child}));
    run.wait(4_000 + vary(n, 500));
    if ill {
        let inner = json!({"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: 8 Error: Task timed out after 60.00 seconds"}).to_string();
        let cause = json!({"ExecutionArn": child, "Status": "FAILED", "Error": "Sandbox.Timedout", "Cause": inner}).to_string();
        run.failed(of, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(of, &json!({"ExecutionArn": child, "Status": "SUCCEEDED"}));
    run.exit("Task", "Render", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A Rust pool has no connection left; the database is quick for others.
fn pool(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("ledger-post", &format!("l{n}"), at(n), &json!({"n": n}));
    let mut post = lambda("post-entry", 200 + vary(n, 50)).json();
    let query = Call::new(
        "INSERT ledger",
        40,
        &[
            ("db.system.name", "postgresql"),
            ("db.namespace", "ledger"),
            ("server.address", "pg-ledger.internal"),
        ],
    );
    if ill {
        post.ms = 30_050;
        post = post.raising(
            "sqlx::Error",
            "pool timed out while waiting for an open connection",
        );
    }
    post = post.calling(query);
    let tries = vec![post; if ill { 2 } else { 1 }];
    if desk.retried(&mut run, "Post", &tries, &json!({}), &json!({"posted": 1})) {
        return desk.end(run, End::Well(&json!({"posted": 1})));
    }
    desk.end(
        run,
        End::Failed(
            "sqlx::Error",
            "pool timed out while waiting for an open connection",
        ),
    )
}

/// A reserved limit of one function.
fn reserved(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("webhooks", &format!("w{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Deliver", &json!({"n": n}));
    if ill {
        for pause in [1_000, 2_000, 4_000, 0] {
            desk.refused(&mut run, "deliver-hook", "Lambda.TooManyRequestsException", "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: 7) Reason: ReservedFunctionConcurrentInvocationLimitExceeded");
            run.wait(pause);
        }
        return desk.end(run, End::Failed("Lambda.TooManyRequestsException", "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: 7) Reason: ReservedFunctionConcurrentInvocationLimitExceeded"));
    }
    desk.invoke(
        &mut run,
        &lambda("deliver-hook", 70 + vary(n, 30)),
        &json!({}),
        &json!({"ok": 1}),
    );
    run.exit("Task", "Deliver", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// Another function took the account's concurrency.
fn consumer(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("signup", &format!("u{n}"), at(n), &json!({"n": n}));
    desk.ran(&lambda("nightly-export", 2_000), at(n) - 100_000);
    run.enter("Task", "Create user", &json!({"n": n}));
    if ill {
        for burst in 0..60 {
            desk.ran(
                &Lambda {
                    init: Some(400),
                    ..lambda("nightly-export", 50_000)
                },
                run.at - 20_000 + burst * 40,
            );
        }
        for pause in [1_000, 2_000, 0] {
            desk.refused(
                &mut run,
                "create-user",
                "Lambda.TooManyRequestsException",
                "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: 7)",
            );
            run.wait(pause);
        }
        return desk.end(
            run,
            End::Failed(
                "Lambda.TooManyRequestsException",
                "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: 7)",
            ),
        );
    }
    desk.invoke(
        &mut run,
        &lambda("create-user", 90),
        &json!({}),
        &json!({"ok": 1}),
    );
    run.exit("Task", "Create user", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// A hiccup of the platform, then the code's own fault; nothing was released.
fn hiccup(desk: &mut Desk, n: usize, ill: bool, of: (&str, &str)) -> String {
    let mut run = Run::new("quotes", &format!("q{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Quote", &json!({"n": n}));
    if ill {
        desk.refused(&mut run, "make-quote", of.0, of.1);
        run.wait(1_000);
        desk.invoke(
            &mut run,
            &lambda("make-quote", 55).raising("ZeroDivisionError", "division by zero"),
            &json!({}),
            &json!({}),
        );
        return desk.end(
            run,
            End::Failed(
                "ZeroDivisionError",
                "{\"errorType\":\"ZeroDivisionError\",\"errorMessage\":\"division by zero\"}",
            ),
        );
    }
    desk.invoke(
        &mut run,
        &lambda("make-quote", 60),
        &json!({}),
        &json!({"quote": 3}),
    );
    run.exit("Task", "Quote", &json!({"quote": 3}));
    desk.end(run, End::Well(&json!({"quote": 3})))
}

fn hiccup_first(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause =
        "The Lambda service encountered an internal error. (Service: Lambda, Status Code: 500)";
    hiccup(desk, n, ill, ("Lambda.ServiceException", cause))
}

fn throttled_first(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cause = "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: 7)";
    hiccup(desk, n, ill, ("Lambda.TooManyRequestsException", cause))
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "Rust panics since a release",
            &["price-order"],
            &[BadDeploy],
            panic_after_release,
        )
        .fate(Fatality::Fatal),
        crime(
            "canary on an alias, unrelated deploy",
            &["check-refund"],
            &[BadDeploy],
            canary,
        )
        .runs(12, 8),
        crime(
            "Node heap, signal aborted",
            &["render-thumb"],
            &[Memory],
            heap,
        ),
        crime(
            "limit lowered in silence",
            &["build-statement"],
            &[TimeoutConfig],
            limit_lowered,
        ),
        crime("poison item in Go", &["Enrich all[3]"], &[BadInput], poison).fate(Fatality::Fatal),
        crime(
            "KMS refusal two executions down",
            &["seal-envelope"],
            &[Permission],
            denied_two_levels_down,
        ),
        crime(
            "a child whose history is not held",
            &["render-report"],
            &[TimeoutConfig, Latency],
            unseen_child,
        )
        .missing("history of"),
        crime(
            "sqlx pool is empty",
            &["post-entry", "pg-ledger.internal"],
            &[Capacity],
            pool,
        ),
        crime(
            "reserved concurrency",
            &["deliver-hook"],
            &[Capacity],
            reserved,
        ),
        crime(
            "another function took the concurrency",
            &["nightly-export"],
            &[Capacity],
            consumer,
        ),
        crime(
            "a hiccup before a fault of its own",
            &["make-quote"],
            &[Error],
            hiccup_first,
        ),
        crime(
            "a throttled try before a fault of its own",
            &["make-quote"],
            &[Error],
            throttled_first,
        ),
    ]
}
