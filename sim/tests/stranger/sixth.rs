//! A sixth lot: sizes, amounts, limits and windows that were changed, and runs that were stopped by hand. Right answers were written first.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    vary,
};
use model::Category;
use serde_json::{Value, json};

const TOKEN: (&str, &str) = ("sns", "publish.waitForTaskToken");

/// A run of functions one after the other; the last that fails ends it.
pub fn chain(
    desk: &mut Desk,
    machine: &str,
    n: usize,
    input: &Value,
    all: &[(&str, Lambda, Value)],
) -> String {
    let mut run = Run::new(machine, &format!("s{n}"), at(n), input);
    let mut data = input.clone();
    for (state, of, output) in all {
        if !desk.task(&mut run, state, of, &data, output) {
            let (error, message) = of.error.clone().unwrap_or_default();
            let cause = json!({"errorMessage": message, "errorType": error}).to_string();
            return desk.end(run, End::Failed(&error, &cause));
        }
        data = output.clone();
    }
    desk.end(run, End::Well(&data))
}

fn message_too_long(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("fan-mail", &format!("s{n}"), at(n), &input);
    let body = json!({"n": n, "letters": "x".repeat(if ill { 90_000 } else { 2_000 })});
    desk.task(
        &mut run,
        "Collect",
        &lambda("collect-letters", 120 + vary(n, 20)),
        &input,
        &body,
    );
    run.enter("Task", "Send on", &body);
    let error = "Sqs.SqsException";
    let cause = "One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes. (Service: Sqs, Status Code: 400, Request ID: 4a)";
    let answer = if ill {
        Err((error, cause))
    } else {
        Ok(json!({"MessageId": "m-1"}))
    };
    run.call(
        ("sqs", "sendMessage"),
        &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/4/letters"}),
        40,
        answer,
    );
    if ill {
        return desk.end(run, End::Failed(error, cause));
    }
    run.exit("Task", "Send on", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn upload_too_large(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("put-archive", 300 + vary(n, 60));
    if ill {
        of = of.raising(
            "Aws::S3::Errors::EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
        );
    }
    chain(
        desk,
        "archive-night",
        n,
        &json!({"n": n}),
        &[("Put archive", of, json!({"ok": 1}))],
    )
}

fn answer_too_large(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("dump-rows", 900 + vary(n, 90));
    if ill {
        of.error = Some(("States.DataLimitExceeded".into(), "The state/task 'dump-rows' returned a result with a size exceeding the maximum number of bytes service limit.".into()));
    }
    chain(
        desk,
        "row-dump",
        n,
        &json!({"n": n}),
        &[("Dump", of, json!({"rows": "y".repeat(3_000)}))],
    )
}

/// A token that is waited for; stopped by hand after so long.
fn stopped(desk: &mut Desk, n: usize, after: Option<i64>) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("site-survey", &format!("s{n}"), at(n), &input);
    desk.task(
        &mut run,
        "Book",
        &lambda("book-visit", 110 + vary(n, 20)),
        &input,
        &input,
    );
    run.enter("Task", "Await surveyor", &input);
    run.schedule(TOKEN, &json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:surveyors", "Message": {"n": n}}), &Value::Null);
    run.submitted(TOKEN, &json!({"MessageId": format!("5f0c{n:04}-aa31")}));
    if let Some(after) = after {
        run.wait(after);
        return desk.end(run, End::Aborted("cleaning up"));
    }
    run.wait(20_000 + vary(n, 9_000));
    run.succeeded(TOKEN, &json!({"ok": 1}));
    run.exit("Task", "Await surveyor", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn stopped_late(desk: &mut Desk, n: usize, ill: bool) -> String {
    stopped(desk, n, ill.then_some(1_500_000))
}

fn stopped_soon(desk: &mut Desk, n: usize, ill: bool) -> String {
    stopped(desk, n, ill.then_some(9_000))
}

fn stopped_hanging(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("glue", "startJobRun.sync");
    let mut run = Run::new("ledger-etl", &format!("s{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Run job", &json!({"n": n}));
    run.schedule(of, &json!({"JobName": "ledger-compact"}), &Value::Null);
    run.submitted(of, &json!({"JobRunId": format!("jr_{n:08}")}));
    if ill {
        run.wait(7_200_000);
        return desk.end(run, End::Aborted("hangs"));
    }
    run.wait(240_000 + vary(n, 30_000));
    run.succeeded(of, &json!({"JobRunState": "SUCCEEDED"}));
    run.exit("Task", "Run job", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

/// Orders that are found and counted.
fn orders(desk: &mut Desk, n: usize, count: usize, given: Option<usize>) -> String {
    let list: Vec<Value> = (0..count).map(|it| json!({"id": it})).collect();
    let input = match given {
        Some(given) => json!({"day": n, "expected": given}),
        None => json!({"day": n}),
    };
    let all = [
        (
            "Find orders",
            lambda("find-orders", 210 + vary(n, 30)),
            json!({"day": n, "orders": list}),
        ),
        (
            "Report",
            lambda("report-orders", 60 + vary(n, 10)),
            json!({"done": true}),
        ),
    ];
    chain(desk, "order-close", n, &input, &all)
}

fn no_orders(desk: &mut Desk, n: usize, ill: bool) -> String {
    orders(desk, n, if ill { 0 } else { 20 + n % 7 }, None)
}

fn seldom_orders(desk: &mut Desk, n: usize, ill: bool) -> String {
    orders(
        desk,
        n,
        if ill || n.is_multiple_of(4) {
            0
        } else {
            20 + n % 7
        },
        None,
    )
}

fn none_expected(desk: &mut Desk, n: usize, ill: bool) -> String {
    let count = if ill { 0 } else { 20 + n % 7 };
    orders(desk, n, count, Some(count))
}

/// An amount that a function works out, by a version.
fn priced(desk: &mut Desk, n: usize, total: f64, weight: i64, version: &'static str) -> String {
    let all = [
        (
            "Weigh",
            lambda("weigh-parcel", 80 + vary(n, 10)),
            json!({"kg": weight}),
        ),
        (
            "Price",
            lambda("price-parcel", 70 + vary(n, 10)).version(version),
            json!({"kg": weight, "price": {"total": total}}),
        ),
    ];
    chain(
        desk,
        "parcel-price",
        n,
        &json!({"parcel": format!("p-{n}"), "kg": weight}),
        &all,
    )
}

fn in_mills(desk: &mut Desk, n: usize, ill: bool) -> String {
    let total = 9.5 + vary(n, 20) as f64;
    match ill {
        true => priced(desk, n, total * 1_000.0, 7, "32"),
        false => priced(desk, n, total, 7, "31"),
    }
}

fn below_zero(desk: &mut Desk, n: usize, ill: bool) -> String {
    let total = 9.5 + vary(n, 20) as f64;
    priced(desk, n, if ill { -total } else { total }, 7, "31")
}

fn heavy(desk: &mut Desk, n: usize, ill: bool) -> String {
    let weight = if ill { 900 } else { 5 + vary(n, 5) };
    priced(
        desk,
        n,
        weight as f64 * 2.5,
        weight,
        if ill { "32" } else { "31" },
    )
}

fn dearer(desk: &mut Desk, n: usize, ill: bool) -> String {
    let total = 9.5 + vary(n, 20) as f64;
    match ill {
        true => priced(desk, n, total * 2.0, 7, "32"),
        false => priced(desk, n, total, 7, "31"),
    }
}

/// An activity whose worker needs 70 s and more.
fn worked(desk: &mut Desk, n: usize, limit: i64, answered: bool) -> String {
    let mut run = Run::new("tune-organ", &format!("s{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Tune", &json!({"n": n}));
    run.push("ActivityScheduled", json!({"resource": "arn:aws:states:eu-central-1:480213377711:activity:tuners", "input": "{}", "timeoutInSeconds": limit}));
    run.wait(400 + vary(n, 200));
    run.push("ActivityStarted", json!({"workerName": "tuner-4"}));
    if !answered {
        run.wait(limit * 1_000);
        run.push("ActivityTimedOut", json!({"error": "States.Timeout"}));
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.wait(70_000 + vary(n, 9_000));
    run.push(
        "ActivitySucceeded",
        json!({"output": "{}", "outputDetails": {"truncated": false}}),
    );
    run.exit("Task", "Tune", &json!({}));
    desk.end(run, End::Well(&json!({})))
}

fn window_cut(desk: &mut Desk, n: usize, ill: bool) -> String {
    worked(desk, n, if ill { 30 } else { 600 }, !ill)
}

fn window_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    worked(desk, n, 600, !ill)
}

/// A token whose window a new definition cut.
fn token_window(desk: &mut Desk, n: usize, ill: bool) -> String {
    let limit = if ill { 15 } else { 900 };
    let definition = json!({"StartAt": "Await quote", "States": {"Await quote": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish.waitForTaskToken", "TimeoutSeconds": limit, "End": true}}});
    let mut run = Run::new("broker", &format!("s{n}"), at(n), &json!({"n": n})).defined(definition);
    run.enter("Task", "Await quote", &json!({"n": n}));
    run.schedule(
        TOKEN,
        &json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:brokers", "Message": {}}),
        &json!({"timeoutInSeconds": limit}),
    );
    run.submitted(TOKEN, &json!({"MessageId": format!("71ac{n:04}-bb")}));
    if ill {
        run.wait(15_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": TOKEN.0, "resource": TOKEN.1, "error": "States.Timeout"}),
        );
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.wait(12_000 + vary(n, 9_000));
    run.succeeded(TOKEN, &json!({"quote": 12}));
    run.exit("Task", "Await quote", &json!({"quote": 12}));
    desk.end(run, End::Well(&json!({"quote": 12})))
}

/// A function that calls somebody who needs 1.4 s, with so much patience.
fn patience(desk: &mut Desk, n: usize, needs: i64, waits: i64) -> String {
    let mut of = lambda("ask-tides", waits.min(needs) + 20);
    let call = Call::new(
        "GET /tides",
        waits.min(needs),
        &[("server.address", "tides.svc"), ("peer.service", "tides")],
    )
    .by(&[("service.name", "tides"), ("host.name", "t-1")], needs);
    of = match waits < needs {
        true => of
            .calling(call.failing("Read timed out. (read timeout=0.9)"))
            .raising(
                "requests.exceptions.ReadTimeout",
                "HTTPConnectionPool(host='tides.svc', port=80): Read timed out. (read timeout=0.9)",
            ),
        false => of.calling(call),
    };
    chain(
        desk,
        "ferry-plan",
        n,
        &json!({"n": n}),
        &[("Ask tides", of, json!({"ok": 1}))],
    )
}

fn impatient(desk: &mut Desk, n: usize, ill: bool) -> String {
    patience(desk, n, 1_400 + vary(n, 90), if ill { 900 } else { 6_000 })
}

fn slow_answer(desk: &mut Desk, n: usize, ill: bool) -> String {
    patience(desk, n, if ill { 4_000 } else { 300 + vary(n, 60) }, 900)
}

/// A client whose patience a change sets; no span tells of its calls.
fn patience_set(desk: &mut Desk, n: usize, change: &str, ms: i64, ill: bool) -> String {
    if n == 12 {
        desk.changed(at(12) - 90_000, "config", "ask-moon", change);
    }
    let mut of = lambda("ask-moon", if ill { ms } else { 1_500 + vary(n, 90) });
    if ill {
        let words = format!(
            "Get \"https://moon.svc/phase\": context deadline exceeded (Client.Timeout exceeded while awaiting headers) after {ms}ms"
        );
        of = of.raising("*url.Error", &words);
    }
    let all = [("Ask moon", of, json!({"ok": 1}))];
    chain(desk, "moon-plan", n, &json!({"n": n}), &all)
}

fn patience_cut(desk: &mut Desk, n: usize, ill: bool) -> String {
    patience_set(desk, n, "MOON_TIMEOUT 5s -> 1s", 1_010, ill)
}

fn patience_enough(desk: &mut Desk, n: usize, ill: bool) -> String {
    patience_set(desk, n, "MOON_TIMEOUT 60s -> 20s", 20_010, ill)
}

/// A function that ran into its limit, with so many rows.
fn cut_with(desk: &mut Desk, n: usize, input: &Value, cut: bool) -> String {
    let mut of = lambda("sum-rows", if cut { 30_000 } else { 2_500 + vary(n, 400) });
    if cut {
        of.cut = true;
        of.error = Some((
            "Sandbox.Timedout".into(),
            "RequestId: REQ Error: Task timed out after 30.00 seconds".into(),
        ));
    }
    chain(desk, "sum-up", n, input, &[("Sum", of, json!({"ok": 1}))])
}

fn many_rows(desk: &mut Desk, n: usize, ill: bool) -> String {
    let rows = if ill { 41_000 } else { 1_500 + vary(n, 900) };
    cut_with(
        desk,
        n,
        &json!({"file": format!("f{n}.csv"), "rows": rows}),
        ill,
    )
}

fn as_many_rows(desk: &mut Desk, n: usize, ill: bool) -> String {
    let rows = 1_500 + vary(n, 900);
    cut_with(
        desk,
        n,
        &json!({"file": format!("f{n}.csv"), "rows": rows, "run": 70 + n}),
        ill,
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "a message is too long for its queue",
            &["collect-letters", "Collect"],
            &[DataSize],
            message_too_long,
        ),
        crime(
            "an upload is too large",
            &["put-archive", "Put archive"],
            &[DataSize],
            upload_too_large,
        ),
        crime(
            "an answer is too large for the workflow",
            &["dump-rows", "Dump"],
            &[DataSize],
            answer_too_large,
        ),
        crime(
            "stopped by hand long after the token was due",
            &["surveyors", "Await surveyor"],
            &[LostMessage],
            stopped_late,
        ),
        crime(
            "stopped by hand, the job hung",
            &["ledger-compact", "Run job"],
            &[Latency, Capacity],
            stopped_hanging,
        ),
        calm("stopped by hand before anything was late", stopped_soon),
        crime(
            "no orders are found any more",
            &["find-orders"],
            &[SilentData],
            no_orders,
        ),
        calm("no orders today as on other days", seldom_orders),
        calm("no orders were expected", none_expected),
        crime(
            "a price in mills",
            &["price-parcel"],
            &[SilentData, BadDeploy],
            in_mills,
        ),
        crime(
            "a price below zero",
            &["price-parcel"],
            &[SilentData],
            below_zero,
        ),
        calm("a heavy parcel costs more", heavy),
        calm("a release makes it twice as dear", dearer),
        crime(
            "the window of a worker was cut",
            &["Tune"],
            &[TimeoutConfig],
            window_cut,
        ),
        crime(
            "a worker is silent all through its window",
            &["tuner-4", "tuners"],
            &[LostMessage],
            window_as_ever,
        ),
        crime(
            "the window of a token was cut by a definition",
            &["Await quote"],
            &[TimeoutConfig],
            token_window,
        ),
        crime(
            "a client has no patience any more",
            &["ask-tides", "Ask tides"],
            &[TimeoutConfig],
            impatient,
        ),
        crime(
            "a change cut the patience of a client",
            &["ask-moon", "Ask moon"],
            &[TimeoutConfig],
            patience_cut,
        ),
        crime(
            "a change left a client patience enough",
            &["moon", "moon.svc", "ask-moon"],
            &[Latency],
            patience_enough,
        ),
        crime(
            "a service answers late, patience as ever",
            &["tides"],
            &[Latency],
            slow_answer,
        ),
        crime(
            "a function is cut off with 20 times the rows",
            &["sum-rows", "Sum"],
            &[DataSize],
            many_rows,
        ),
        crime(
            "a function is cut off with as many rows as ever",
            &["sum-rows", "Sum"],
            &[Latency],
            as_many_rows,
        ),
    ]
}
