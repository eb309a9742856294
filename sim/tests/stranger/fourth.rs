//! A fourth lot: faults of the catalogue in shapes that no lot before has. Right answers were written first.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

pub fn go(desk: &mut Desk, n: usize, machine: &str, state: &str, tries: &[Lambda]) -> String {
    let input = json!({"n": n, "who": "x"});
    let mut run = Run::new(machine, &format!("z{n}"), at(n), &input);
    desk.task(
        &mut run,
        "Prepare",
        &lambda("prepare-it", 110 + vary(n, 30)),
        &input,
        &input,
    );
    if desk.retried(&mut run, state, tries, &input, &json!({"r": 1})) {
        desk.task(
            &mut run,
            "Wrap up",
            &lambda("wrap-up", 70),
            &json!({"r": 1}),
            &json!({"ok": 1}),
        );
        return desk.end(run, End::Well(&json!({"ok": 1})));
    }
    let (kind, message) = tries
        .last()
        .and_then(|it| it.error.clone())
        .unwrap_or_default();
    let cause = json!({"errorType": kind, "errorMessage": message}).to_string();
    desk.end(run, End::Failed(&kind, &cause))
}

/// Four at once, all in new sandboxes, with JSON logs; a deploy of a neighbour beside it.
fn cold_four(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill && n == 12 {
        desk.changed(at(n) - 30_000, "lambda", "prepare-it", "version 31 -> 32");
    }
    let mut run = Run::new("quad", &format!("z{n}"), at(n), &json!({}));
    run.enter("Parallel", "All four", &json!({}));
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    let mut last = top;
    for branch in ["North", "East", "South", "West"] {
        run.back(top);
        let mut of = lambda("scan-quarter", 400 + vary(n + branch.len(), 60)).json();
        of.init = ill.then_some(6_800);
        desk.task(&mut run, branch, &of, &json!({}), &json!(1));
        if run.at >= last.at {
            last = run.mark();
        }
    }
    run.back(last);
    run.push("ParallelStateSucceeded", json!({}));
    run.exit("Parallel", "All four", &json!([1]));
    desk.end(run, End::Well(&json!([1])))
}

fn node_heap(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("build-index", 900 + vary(n, 90));
    if ill {
        of.memory = (512, 509);
        of.killed = Some("Runtime exited with error: signal: aborted");
        of.lines.push((
            "ERROR",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
                .into(),
        ));
        of.error = Some((
            "Runtime.ExitError".into(),
            "RequestId: REQ Error: Runtime exited with error: signal: aborted".into(),
        ));
    }
    go(
        desk,
        n,
        "index",
        "Build",
        &vec![of; if ill { 2 } else { 1 }],
    )
}

fn metaspace(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("score-claims", 500 + vary(n, 90));
    if ill {
        of.memory = (1_024, 900);
        of = of.raising("java.lang.OutOfMemoryError", "Metaspace");
    }
    go(
        desk,
        n,
        "claims",
        "Score",
        &vec![of; if ill { 2 } else { 1 }],
    )
}

/// An extension of a new layer does not come up.
fn extension(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("sign-doc", 300 + vary(n, 40)).version(if ill { "32" } else { "31" });
    if ill {
        of.init = Some(10_000);
        of.init_error = Some("Extension.Crash");
        of = of.raising(
            "Extension.Crash",
            "RequestId: REQ Error: exit code 2 of extension guard-agent",
        );
    }
    go(desk, n, "sign", "Sign", &vec![of; if ill { 2 } else { 1 }])
}

/// The producer renamed a member; JSONata finds nothing two states later.
fn jsonata_drift(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("quote", &format!("z{n}"), at(n), &json!({"n": n}));
    let out = match ill {
        true => json!({"price": {"net_amount": 12}}),
        false => json!({"price": {"net": 12}}),
    };
    let of = lambda("price-it", 200 + vary(n, 30)).version(if ill { "32" } else { "31" });
    desk.task(&mut run, "Price", &of, &json!({"n": n}), &out);
    run.through("Pass", "Keep", &out, &out);
    run.enter("Task", "Tell", &out);
    if ill {
        let cause = "An error occurred while executing the state 'Tell' (entered at the event id #9). The JSONata expression '$states.input.price.net' specified for the field 'Arguments/Message' returned nothing (undefined).";
        return desk.end(run, End::Failed("States.QueryEvaluationError", cause));
    }
    run.call(
        ("sns", "publish"),
        &json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:quotes", "Message": "12"}),
        40,
        Ok(json!({"MessageId": "m"})),
    );
    run.exit("Task", "Tell", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// The data grew in one state and broke a later one.
fn grown(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("catalog", &format!("z{n}"), at(n), &json!({"n": n}));
    let some = json!({"rows": "r".repeat(900)});
    let rows = json!({"rows": "r".repeat(if ill { 250_000 } else { 1_500 + n })});
    desk.task(
        &mut run,
        "List",
        &lambda("list-rows", 100),
        &json!({"n": n}),
        &some,
    );
    desk.task(
        &mut run,
        "Enrich",
        &lambda("enrich-rows", 300 + vary(n, 40)),
        &some,
        &rows,
    );
    run.enter("Task", "Hand over", &rows);
    if ill {
        let cause = "The state/task 'Hand over' returned a result with a size exceeding the maximum number of bytes service limit.";
        run.call(("sqs", "sendMessage"), &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/out", "MessageBody": "x"}), 30, Err(("States.DataLimitExceeded", cause)));
        return desk.end(run, End::Failed("States.DataLimitExceeded", cause));
    }
    run.call(("sqs", "sendMessage"), &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/out", "MessageBody": "x"}), 30, Ok(json!({"MessageId": "m"})));
    run.exit("Task", "Hand over", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// The SDK wraps a refusal as an internal error; only the log says whose.
fn wrapped(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("read-secret", 150 + vary(n, 20));
    if ill {
        of = of.raising("InternalServerError", "could not load configuration");
        of = of.saying("ERROR", "secretsmanager GetSecretValue failed: AccessDeniedException: User: arn:aws:sts::480213377711:assumed-role/read-secret/x is not authorized to perform: secretsmanager:GetSecretValue because no identity-based policy allows the action");
        if n == 12 {
            desk.changed(
                at(n) - 90_000,
                "role",
                "arn:aws:iam::480213377711:role/read-secret",
                "DetachRolePolicy secrets-read",
            );
        }
    }
    go(
        desk,
        n,
        "secrets",
        "Load secret",
        &vec![of; if ill { 3 } else { 1 }],
    )
}

/// The pool of the function is empty because the database is slow; the database's spans say so.
fn slow_database(desk: &mut Desk, n: usize, ill: bool) -> String {
    let took = if ill { 8_700 } else { 40 + vary(n, 20) };
    let call = Call::new(
        "SELECT ledger",
        took,
        &[
            ("db.system.name", "postgresql"),
            ("server.address", "ledger-db.corp.local"),
        ],
    );
    let of = lambda("sum-ledger", took + 120).calling(call);
    go(desk, n, "ledger", "Sum", &[of])
}

fn hikari(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("book-seat", 300 + vary(n, 40));
    if ill {
        of.ms = 30_050;
        of = of.raising("java.sql.SQLTransientConnectionException", "HikariPool-1 - Connection is not available, request timed out after 30000ms (total=10, active=10, idle=0, waiting=7)");
    }
    go(desk, n, "seats", "Book", &vec![of; if ill { 2 } else { 1 }])
}

/// Clocks of the called service are six seconds ahead.
fn skewed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let took = if ill { 5_400 } else { 90 + vary(n, 20) };
    let mut call = Call::new(
        "POST",
        took,
        &[
            ("http.request.method", "POST"),
            ("server.address", "rates"),
            ("url.full", "http://rates/v1"),
        ],
    )
    .by(&[("service.name", "rates")], took - 10);
    if let Some(server) = &mut call.server {
        server.skew_ms = 6_000;
    }
    let quick = Call::new(
        "GET",
        30,
        &[
            ("http.request.method", "GET"),
            ("server.address", "users"),
            ("url.full", "http://users/v1"),
        ],
    )
    .by(&[("service.name", "users")], 20);
    go(
        desk,
        n,
        "skew",
        "Rate",
        &[lambda("rate-it", took + 90).calling(quick).calling(call)],
    )
}

/// The first branch fails, the others are cut off.
fn race(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("bookings", &format!("z{n}"), at(n), &json!({}));
    run.enter("Parallel", "Book all", &json!({}));
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    let mut last = top;
    for (branch, function, ms) in [("Hotel", "book-hotel", 700), ("Car", "book-car", 900)] {
        run.back(top);
        if ill {
            run.enter("Task", branch, &json!({}));
            run.schedule(
                ("lambda", "invoke"),
                &json!({"FunctionName": function, "Payload": {}}),
                &Value::Null,
            );
            continue;
        }
        desk.task(
            &mut run,
            branch,
            &lambda(function, ms + vary(n, 90)),
            &json!({}),
            &json!(1),
        );
        last = run.mark();
    }
    run.back(top);
    let mut flight = lambda("book-flight", 240 + vary(n, 20));
    if ill {
        flight = flight.raising("SeatError", "row 13 does not exist");
    }
    desk.task(&mut run, "Flight", &flight, &json!({}), &json!(1));
    if ill {
        run.push(
            "ParallelStateFailed",
            json!({"error": "SeatError", "cause": "row 13 does not exist"}),
        );
        return desk.end(
            run,
            End::Failed(
                "SeatError",
                "{\"errorType\":\"SeatError\",\"errorMessage\":\"row 13 does not exist\"}",
            ),
        );
    }
    run.back(last);
    run.push("ParallelStateSucceeded", json!({}));
    run.exit("Parallel", "Book all", &json!([1]));
    desk.end(run, End::Well(&json!([1])))
}

/// A worker takes the work very late.
fn starving(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("scan", &format!("z{n}"), at(n), &json!({}));
    run.enter("Task", "Scan", &json!({}));
    run.push("ActivityScheduled", json!({"resource": "arn:aws:states:eu-central-1:480213377711:activity:scanners", "input": "{}", "timeoutInSeconds": 900}));
    run.wait(if ill { 240_000 } else { 900 + vary(n, 500) });
    run.push("ActivityStarted", json!({"workerName": "scanner-2"}));
    run.wait(4_000 + vary(n, 300));
    run.push("ActivitySucceeded", json!({"output": "{}"}));
    run.exit("Task", "Scan", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// A partner's quota, in the words of its own API; two deploys of ours are innocent.
fn quota(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 11 || n == 12 {
        desk.changed(
            at(n) - 50_000,
            "lambda",
            "translate-text",
            "layer common-utils:7 -> 8",
        );
    }
    let mut of = lambda("translate-text", 400 + vary(n, 60));
    if ill {
        of = of.raising("openai.RateLimitError", "Error code: 429 - {'error': {'message': 'You exceeded your current quota, please check your plan', 'type': 'insufficient_quota'}} (https://api.llm.example/v1/chat)");
    }
    go(
        desk,
        n,
        "translate",
        "Translate",
        &vec![of; if ill { 3 } else { 1 }],
    )
}

/// A caught failure of one service; what came instead breaks another function.
fn swallowed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("offers", &format!("z{n}"), at(n), &json!({"n": n}));
    let profile = json!({"segment": "gold"});
    let mut load = lambda("load-profile", 120 + vary(n, 30));
    if ill {
        load = load.raising("ConnectionError", "HTTPConnectionPool(host='profiles.corp.local', port=80): Max retries exceeded with url: /p/1 (Caused by NewConnectionError: [Errno 111] Connection refused)");
    }
    let well = desk.task(&mut run, "Load profile", &load, &json!({"n": n}), &profile);
    let given = match well {
        true => profile,
        false => {
            run.exit("Task", "Load profile", &json!({"error": "x"}));
            run.through("Pass", "No profile", &json!({}), &json!({"segment": null}));
            json!({"segment": null})
        }
    };
    let mut make = lambda("make-offer", 200 + vary(n, 30));
    if ill {
        make = make.raising("TypeError", "'NoneType' object has no attribute 'upper'");
    }
    if desk.task(&mut run, "Make offer", &make, &given, &json!({"o": 1})) {
        return desk.end(run, End::Well(&json!({"o": 1})));
    }
    desk.end(run, End::Failed("TypeError", "{\"errorType\":\"TypeError\",\"errorMessage\":\"'NoneType' object has no attribute 'upper'\"}"))
}

/// Retries cost most of the time; the service underneath is overloaded and says so at last.
fn survived(desk: &mut Desk, n: usize, ill: bool) -> String {
    let bad = lambda("push-order", 900).raising(
        "ServiceUnavailable",
        "503 Server Error: Service Unavailable for url: https://erp.corp.local/orders",
    );
    let good = lambda("push-order", 300 + vary(n, 40));
    let tries = match ill {
        true => vec![bad.clone(), bad.clone(), bad, good],
        false => vec![good],
    };
    go(desk, n, "erp", "Push", &tries)
}

/// A flag switched on a path that is slow in itself.
fn flagged(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = lambda("rank-hits", if ill { 7_900 } else { 350 + vary(n, 60) }).version(if ill {
        "32"
    } else {
        "31"
    });
    go(desk, n, "rank", "Rank", &[of])
}

/// Expired credentials of a partner, a day after a release that went well.
fn expired(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 5 {
        desk.changed(at(n) - 20_000, "lambda", "fetch-feed", "version 30 -> 31");
    }
    let mut of = lambda("fetch-feed", 300 + vary(n, 40)).version(if n < 5 { "30" } else { "31" });
    if ill {
        of = of.raising("FeedError", "licence key expired on 2026-05-03");
    }
    go(desk, n, "feed", "Fetch", &vec![of; if ill { 2 } else { 1 }])
}

/// It calls itself over and over.
fn recursive(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("loops", &format!("z{n}"), at(n), &input);
    if !ill {
        desk.task(
            &mut run,
            "Store",
            &lambda("store-again", 100 + vary(n, 9)),
            &input,
            &input,
        );
        return desk.end(run, End::Well(&input));
    }
    run.enter("Task", "Store", &input);
    let cause = "The DynamoDB table has exceeded its provisioned throughput. Consider increasing your provisioning level. (Service: DynamoDb, Status Code: 400, Request ID: x)";
    run.schedule(
        ("dynamodb", "putItem"),
        &json!({"TableName": "seats-2026", "Item": {}}),
        &Value::Null,
    );
    run.wait(60);
    run.failed(
        ("dynamodb", "putItem"),
        "DynamoDB.ProvisionedThroughputExceededException",
        cause,
    );
    desk.end(
        run,
        End::Failed("DynamoDB.ProvisionedThroughputExceededException", cause),
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "four cold quarters",
            &["scan-quarter"],
            &[ColdStart],
            cold_four,
        )
        .fate(Fatality::None),
        crime("a heap of Node", &["build-index"], &[Memory], node_heap),
        crime("no metaspace", &["score-claims"], &[Memory], metaspace),
        crime(
            "an extension crashes",
            &["sign-doc"],
            &[BadDeploy],
            extension,
        ),
        crime(
            "JSONata finds nothing",
            &["price-it"],
            &[BadDeploy],
            jsonata_drift,
        ),
        crime(
            "data that grew",
            &["Enrich", "enrich-rows"],
            &[DataSize],
            grown,
        ),
        crime(
            "a wrapped refusal",
            &["read-secret"],
            &[Permission],
            wrapped,
        ),
        crime(
            "a slow database",
            &["ledger-db.corp.local", "ledger-db"],
            &[Latency],
            slow_database,
        )
        .fate(Fatality::None),
        crime(
            "an empty pool of Hikari",
            &["book-seat"],
            &[Capacity],
            hikari,
        ),
        crime("clocks six seconds ahead", &["rates"], &[Latency], skewed).fate(Fatality::None),
        crime("a race of branches", &["book-flight"], &[Error], race),
        crime("a starving activity", &["scanners"], &[Capacity], starving).fate(Fatality::None),
        crime(
            "a quota of a partner",
            &["api.llm.example"],
            &[Capacity],
            quota,
        ),
        crime(
            "a swallowed refusal",
            &["profiles.corp.local", "profiles"],
            &[NetworkConfig],
            swallowed,
        ),
        crime(
            "an overloaded ERP is survived",
            &["erp.corp.local", "erp"],
            &[Error, Capacity],
            survived,
        )
        .fate(Fatality::Survived),
        crime(
            "ranking is slow since a release",
            &["rank-hits"],
            &[BadDeploy],
            flagged,
        )
        .fate(Fatality::None),
        crime("a licence runs out", &["fetch-feed"], &[Error], expired),
        crime(
            "a table is throttled",
            &["seats-2026"],
            &[Capacity],
            recursive,
        ),
    ]
}
