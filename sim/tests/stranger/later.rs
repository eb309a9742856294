//! A second lot, written after the first had been looked at and before the judge had seen any of these.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    vary,
};
use model::{Category, Fatality, Outcome};
use serde_json::json;

/// One function after a usual one; fails for good if it raises.
fn second(desk: &mut Desk, n: usize, machine: &str, of: Lambda, tries: usize) -> String {
    let input = json!({"n": n, "sku": "S"});
    let mut run = Run::new(machine, &format!("y{n}"), at(n), &input);
    desk.task(
        &mut run,
        "Begin",
        &lambda("begin-work", 90 + vary(n, 30)),
        &input,
        &json!({"a": 1}),
    );
    let failed = of.error.clone();
    if desk.retried(
        &mut run,
        "Middle",
        &vec![of; tries],
        &json!({"a": 1}),
        &json!({"b": 2}),
    ) {
        desk.task(
            &mut run,
            "Finish",
            &lambda("finish-work", 50),
            &json!({"b": 2}),
            &json!({"c": 3}),
        );
        return desk.end(run, End::Well(&json!({"c": 3})));
    }
    let (kind, message) = failed.unwrap_or_default();
    let cause = json!({"errorType": kind, "errorMessage": message}).to_string();
    desk.end(run, End::Failed(&kind, &cause))
}

fn no_bootstrap(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("go-worker", 100 + vary(n, 30)).json();
    if ill {
        of = of.version("77").raising(
            "Runtime.InvalidEntrypoint",
            "RequestId: REQ Error: fork/exec /var/task/bootstrap: no such file or directory",
        );
        of.lines.clear();
    }
    second(desk, n, "boot", of, if ill { 2 } else { 1 })
}

fn configured_away(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 12 {
        desk.changed(
            at(n) - 20_000,
            "config",
            "fx-rates",
            "environment: RATES_URL removed",
        );
    }
    let mut of = lambda("fx-rates", 100 + vary(n, 30));
    if ill {
        of = of.raising(
            "System.Collections.Generic.KeyNotFoundException",
            "The given key 'RATES_URL' was not present in the dictionary.",
        );
    }
    second(desk, n, "fx", of, if ill { 2 } else { 1 })
}

fn wrapped_refusal(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("load-account", 100 + vary(n, 30));
    if ill {
        of = of.saying("ERROR", "An error occurred (AccessDeniedException) when calling the Query operation: User: arn:aws:sts::480213377711:assumed-role/load/load-account is not authorized to perform: dynamodb:Query");
        of = of.raising("AccountServiceError", "500 could not load account");
    }
    second(desk, n, "accounts", of, if ill { 3 } else { 1 })
}

fn read_only(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut call = Call::new(
        "SET",
        6,
        &[
            ("db.system.name", "redis"),
            ("server.address", "session-cache.internal"),
        ],
    );
    let mut of = lambda("keep-session", 100 + vary(n, 30));
    if ill {
        call = call.throwing(
            "redis.exceptions.ReadOnlyError",
            "READONLY You can't write against a read only replica.",
        );
        of = of.raising(
            "ReadOnlyError",
            "READONLY You can't write against a read only replica.",
        );
    }
    second(
        desk,
        n,
        "sessions",
        of.calling(call),
        if ill { 3 } else { 1 },
    )
}

fn mongo_refuses(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("save-cart", 100 + vary(n, 30));
    if ill {
        of.ms = 5_100;
        of = of.raising("ServerSelectionTimeoutError", "mongo-0.db.internal:27017: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms, connectTimeoutMS: 20000.0ms), Timeout: 5.0s");
    }
    second(desk, n, "carts", of, if ill { 2 } else { 1 })
}

fn no_space(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("unzip-batch", 900 + vary(n, 80));
    if ill {
        of = of.raising(
            "OSError",
            "[Errno 28] No space left on device: '/tmp/batch/part-0007.csv'",
        );
    }
    second(desk, n, "unzip", of, if ill { 2 } else { 1 })
}

fn invalid_for_one(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = if ill {
        json!({"order": n, "qty": 2})
    } else {
        json!({"order": n, "qty": 2, "sku": "A1"})
    };
    let mut run = Run::new("order-check", &format!("y{n}"), at(n), &input);
    let mut of = lambda("check-order", 80 + vary(n, 30));
    if ill {
        of = of.raising("ValidationError", "'sku' is a required property");
    }
    if desk.retried(
        &mut run,
        "Check order",
        &vec![of; if ill { 2 } else { 1 }],
        &input,
        &json!({"ok": 1}),
    ) {
        return desk.end(run, End::Well(&json!({"ok": 1})));
    }
    desk.end(
        run,
        End::Failed(
            "ValidationError",
            "{\"errorType\":\"ValidationError\",\"errorMessage\":\"'sku' is a required property\"}",
        ),
    )
}

fn glue_job(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("glue", "startJobRun.sync");
    let mut run = Run::new("lake", &format!("y{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Merge", &json!({}));
    run.schedule(of, &json!({"JobName": "nightly-etl"}), &json!({}));
    run.submitted(of, &json!({"JobRunId": "jr_1"}));
    run.wait(70_000 + vary(n, 5_000));
    if ill {
        let cause = json!({"JobName": "nightly-etl", "JobRunId": "jr_1", "JobRunState": "FAILED", "ErrorMessage": "AnalysisException: Column 'qty' does not exist. Did you mean one of the following? [quantity, id]"}).to_string();
        run.failed(of, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(of, &json!({"JobRunState": "SUCCEEDED"}));
    run.exit("Task", "Merge", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn starts_refused(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("states", "startExecution");
    let mut run = Run::new("dispatcher", &format!("y{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Start one", &json!({}));
    let parameters = json!({"StateMachineArn": "arn:aws:states:eu-central-1:480213377711:stateMachine:one-order", "Input": {}});
    if ill {
        for _ in 0..3 {
            run.call(of, &parameters, 30, Err(("StepFunctions.ExecutionLimitExceededException", "The maximum number of running executions has been reached. Running executions must end or be stopped before a new execution can be started. (Service: Sfn, Status Code: 400)")));
            run.wait(1_000);
        }
        return desk.end(
            run,
            End::Failed(
                "StepFunctions.ExecutionLimitExceededException",
                "The maximum number of running executions has been reached.",
            ),
        );
    }
    run.call(of, &parameters, 30, Ok(json!({"ExecutionArn": format!("arn:aws:states:eu-central-1:480213377711:execution:one-order:o{n}")})));
    run.exit("Task", "Start one", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn missing_object(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("letters", &format!("y{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Get template", &json!({}));
    let parameters = json!({"Bucket": "letter-templates", "Key": "welcome.txt"});
    let cause = "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: 1)";
    run.call(
        ("aws-sdk:s3", "getObject"),
        &parameters,
        40,
        if ill {
            Err(("S3.NoSuchKeyException", cause))
        } else {
            Ok(json!({"Body": "x"}))
        },
    );
    if ill {
        run.exit(
            "Task",
            "Get template",
            &json!({"Error": "S3.NoSuchKeyException"}),
        );
        run.through(
            "Pass",
            "Plain letter",
            &json!({}),
            &json!({"text": "plain"}),
        );
        return desk.end(run, End::Well(&json!({"text": "plain"})));
    }
    run.exit("Task", "Get template", &json!({"Body": "x"}));
    desk.end(run, End::Well(&json!({"text": "x"})))
}

/// A proxy's words on a span, by its own attribute names.
fn proxied(
    desk: &mut Desk,
    n: usize,
    machine: &str,
    bad: Option<(&str, &str, i64)>,
    error: (&str, &str),
) -> String {
    let (flag, status, ms) = bad.unwrap_or(("-", "200", 45 + vary(n, 20)));
    let mut call = Call::new(
        "egress",
        ms,
        &[
            ("component", "proxy"),
            ("upstream_cluster", "outbound|8080||tariffs"),
            ("upstream_cluster.name", "tariffs"),
            ("response_flags", flag),
            ("http.status_code", status),
            ("http.url", "http://tariffs:8080/t"),
        ],
    );
    let mut of = lambda("ask-tariffs", ms + 80);
    if bad.is_some() {
        call = call.failing("");
        of = of.raising(error.0, error.1);
    }
    second(
        desk,
        n,
        machine,
        of.calling(call),
        if bad.is_some() { 2 } else { 1 },
    )
}

fn gave_up(desk: &mut Desk, n: usize, ill: bool) -> String {
    proxied(
        desk,
        n,
        "p-ut",
        ill.then_some(("UT", "504", 15_000)),
        ("HttpError", "upstream request timeout"),
    )
}

fn overflowed(desk: &mut Desk, n: usize, ill: bool) -> String {
    proxied(
        desk,
        n,
        "p-uo",
        ill.then_some(("UO", "503", 1)),
        (
            "HttpError",
            "503 upstream connect error or disconnect/reset before headers. reset reason: overflow",
        ),
    )
}

fn no_route(desk: &mut Desk, n: usize, ill: bool) -> String {
    proxied(
        desk,
        n,
        "p-nr",
        ill.then_some(("NR", "404", 1)),
        ("HttpError", "404 for tariffs"),
    )
}

fn empty_array(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("pick", &format!("y{n}"), at(n), &json!({"n": n}));
    let out = json!({"n": n, "offers": if ill { json!([]) } else { json!([{"p": 3}, {"p": 4}]) }});
    desk.task(
        &mut run,
        "Find offers",
        &lambda("find-offers", 80 + vary(n, 30)),
        &json!({"n": n}),
        &out,
    );
    run.enter("Pass", "Cheapest", &out);
    if ill {
        let cause = "An error occurred while executing the state 'Cheapest' (entered at the event id #7). The JsonPath argument for the field '$.offers[0].p' could not be found in the input '{\"n\": 13, \"offers\": []}'";
        return desk.end(run, End::Failed("States.Runtime", cause));
    }
    run.exit("Pass", "Cheapest", &json!({"p": 3}));
    desk.end(run, End::Well(&json!({"p": 3})))
}

fn masked_slowness(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("recommend", &format!("y{n}"), at(n), &json!({"n": n}));
    let mut call = Call::new(
        "POST",
        60,
        &[
            ("http.request.method", "POST"),
            ("server.address", "ranker.svc"),
        ],
    )
    .by(&[("service.name", "ranker")], 50);
    let mut of = lambda("rank-items", 150 + vary(n, 30));
    if ill {
        call.ms = 2_000;
        call = call.throwing("TimeoutError", "The operation was aborted due to timeout");
        if let Some(server) = &mut call.server {
            server.ms = 6_400;
        }
        of.ms = 2_050;
        of = of.raising("TimeoutError", "The operation was aborted due to timeout");
    }
    let well = desk.task(
        &mut run,
        "Rank",
        &of.calling(call),
        &json!({}),
        &json!({"items": [1]}),
    );
    if !well {
        run.exit("Task", "Rank", &json!({"Error": "TimeoutError"}));
        run.through("Pass", "Bestsellers", &json!({}), &json!({"items": [9]}));
    }
    desk.end(run, End::Well(&json!({"items": [1]})))
}

fn polls(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("export", &format!("y{n}"), at(n), &json!({"n": n}));
    for _ in 0..if ill { 30 } else { 2 + n % 2 } {
        run.enter("Wait", "Pause", &json!({}));
        run.wait(5_000);
        run.exit("Wait", "Pause", &json!({}));
        desk.task(
            &mut run,
            "Check export",
            &lambda("check-export", 60),
            &json!({}),
            &json!({"ready": false}),
        );
        run.through("Choice", "Ready?", &json!({}), &json!({}));
    }
    desk.end(run, End::Well(&json!({"ready": true})))
}

/// All that is held are two failed runs.
fn nothing_healthy(desk: &mut Desk, n: usize, _: bool) -> String {
    let of =
        lambda("push-metrics", 40).raising("Error", "getaddrinfo ENOTFOUND metrics.corp.example");
    second(desk, n, "metrics", of, 2)
}

fn fresh(desk: &mut Desk, n: usize, ill: bool) -> String {
    token(desk, n, ill, 3)
}

fn stuck(desk: &mut Desk, n: usize, ill: bool) -> String {
    token(desk, n, ill && n == 13, 20)
}

/// The 13th run waits for a token; later runs come and end.
fn token(desk: &mut Desk, n: usize, ill: bool, _later: usize) -> String {
    let of = ("sqs", "sendMessage.waitForTaskToken");
    let mut run = Run::new("dispatch", &format!("y{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Await pickup", &json!({}));
    run.schedule(of, &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/pickups", "MessageBody": {}}), &json!({}));
    run.submitted(of, &json!({"MessageId": "m"}));
    if ill {
        return desk.end(run, End::Not);
    }
    run.wait(20_000 + vary(n, 4_000));
    run.succeeded(of, &json!({"ok": 1}));
    run.exit("Task", "Await pickup", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn tries_again(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("archive", &format!("y{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Archive", &json!({}));
    let of = lambda("archive-file", 70 + vary(n, 20));
    if ill {
        let bad = of.raising("AccessDeniedException", "User: arn:aws:sts::1:assumed-role/a/archive-file is not authorized to perform: glacier:UploadArchive");
        for _ in 0..4 {
            desk.invoke(&mut run, &bad, &json!({}), &json!({}));
            run.wait(5_000);
        }
        return desk.end(run, End::Not);
    }
    desk.invoke(&mut run, &of, &json!({}), &json!({"ok": 1}));
    run.exit("Task", "Archive", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// Of the failed run only what a log at level ERROR holds.
fn errors_only(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("levels", &format!("y{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Do", &json!({}));
    let mut of = lambda("do-it", 60 + vary(n, 20)).dark();
    if ill {
        of = of.raising("Oops", "it went wrong");
        desk.invoke(&mut run, &of, &json!({}), &json!({}));
        return desk.vended(
            run,
            "Oops",
            "{\"errorType\":\"Oops\",\"errorMessage\":\"it went wrong\"}",
        );
    }
    desk.invoke(&mut run, &of, &json!({}), &json!({"ok": 1}));
    run.exit("Task", "Do", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn restored(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("jvm-quote", 130 + vary(n, 30));
    of.restore = ill.then_some(6_900);
    second(desk, n, "snap", of, 1)
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "no bootstrap since a release",
            &["go-worker"],
            &[BadDeploy],
            no_bootstrap,
        ),
        crime(
            "a variable is configured away",
            &["fx-rates"],
            &[BadDeploy],
            configured_away,
        ),
        crime(
            "a refusal wrapped as 500",
            &["load-account"],
            &[Permission],
            wrapped_refusal,
        ),
        crime(
            "a cache is read only",
            &["session-cache.internal", "session-cache", "redis"],
            &[Error, Infrastructure],
            read_only,
        ),
        crime(
            "a database refuses connections, in words",
            &["mongo-0.db.internal", "mongo-0"],
            &[NetworkConfig],
            mongo_refuses,
        ),
        crime(
            "no space left",
            &["unzip-batch"],
            &[Capacity, DataSize],
            no_space,
        ),
        crime(
            "one order lacks a field",
            &["check-order", "Check order", "order-check"],
            &[BadInput],
            invalid_for_one,
        )
        .runs(12, 1),
        crime("a Glue job fails", &["nightly-etl"], &[Error], glue_job),
        crime(
            "too many executions",
            &["Start one", "one-order"],
            &[Capacity],
            starts_refused,
        ),
        crime(
            "an object is not there, swallowed",
            &["Get template", "letter-templates"],
            &[Error, BadInput],
            missing_object,
        )
        .fate(Fatality::Masked),
        crime(
            "a proxy gives up (UT)",
            &["tariffs", "outbound|8080||tariffs"],
            &[Latency],
            gave_up,
        ),
        crime(
            "a proxy overflows (UO)",
            &["tariffs", "outbound|8080||tariffs"],
            &[Capacity],
            overflowed,
        ),
        crime(
            "a proxy has no route (NR)",
            &["tariffs", "outbound|8080||tariffs"],
            &[NetworkConfig],
            no_route,
        ),
        crime(
            "a list is empty",
            &["find-offers"],
            &[SilentData],
            empty_array,
        ),
        crime(
            "slowness that a Catch swallows",
            &["ranker"],
            &[Latency],
            masked_slowness,
        )
        .fate(Fatality::Masked),
        crime(
            "polls for long",
            &["Pause", "Check export", "check-export"],
            &[Latency],
            polls,
        ),
        crime(
            "two failed runs are all there is",
            &["metrics.corp.example", "metrics"],
            &[NetworkConfig],
            nothing_healthy,
        )
        .runs(0, 2),
        crime(
            "a sandbox is restored for long",
            &["jvm-quote"],
            &[ColdStart],
            restored,
        ),
        crime("it still runs", &[], &[], fresh)
            .runs(12, 1)
            .outcome(Outcome::ColdCase)
            .missing("the end of the execution"),
        crime(
            "it is stuck at a token",
            &["pickups", "Await pickup"],
            &[LostMessage],
            stuck,
        )
        .runs(12, 9)
        .missing("the end of the execution"),
        crime(
            "it tries again and again",
            &["archive-file"],
            &[Permission],
            tries_again,
        )
        .runs(12, 1)
        .missing("the end of the execution"),
        crime("a log at level ERROR", &[], &[], errors_only)
            .outcome(Outcome::ColdCase)
            .missing("log level ALL"),
    ]
}
