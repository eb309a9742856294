//! Green runs that left work out, workers that were not let in, queues that grew, ways out that were closed, data that
//! somebody before had grown, hosts that are not to blame—and of each the same look without that crime.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    sixth::chain,
    vary,
};
use model::Category;
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");

/// A message with a token, and the worker that takes it.
fn message(desk: &mut Desk, n: usize, lies: i64, work: Option<&Lambda>, answer: bool) -> String {
    let input = json!({"parcel": format!("pc-{n:05}")});
    let mut run = Run::new("label-parcel", &format!("m{n}"), at(n), &input);
    run.enter("Task", "Print label", &input);
    let body = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/label-jobs", "MessageBody": {"parcel": input["parcel"]}});
    run.schedule(SQS, &body, &json!({"timeoutInSeconds": 240}));
    let id = format!("5c1d{n:04}-88aa-4f0e-9d21-77e0c3b1a{n:03}");
    run.submitted(SQS, &json!({"MessageId": id}));
    if let Some(work) = work {
        let mut work = work.clone();
        work.lines
            .insert(0, ("INFO", format!("received message {id}")));
        desk.ran(&work, run.at + lies);
        run.wait(lies + work.ms);
    }
    if !answer {
        run.at = at(n) + 240_000;
        run.push("TaskTimedOut", json!({"resourceType": "sqs", "resource": "sendMessage.waitForTaskToken", "error": "States.Timeout"}));
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.succeeded(SQS, &json!({"label": n}));
    run.exit("Task", "Print label", &json!({"label": n}));
    desk.end(run, End::Well(&json!({"label": n})))
}

fn printer(n: usize) -> Lambda {
    lambda("print-worker", 800 + vary(n, 200))
}

fn secret_denied(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "AccessDeniedException: User: arn:aws:sts::480213377711:assumed-role/print-worker-role/print-worker is not authorized to perform: secretsmanager:GetSecretValue on resource: printers/api";
    let mut work = printer(n);
    if ill {
        work = work.saying("ERROR", words);
    }
    message(desk, n, 300 + vary(n, 200), Some(&work), !ill)
}

fn dropped(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut work = printer(n);
    if ill {
        work = work.saying("ERROR", "printer 4 has no paper");
    }
    message(desk, n, 300 + vary(n, 200), Some(&work), !ill)
}

fn queue_grew(desk: &mut Desk, n: usize, ill: bool) -> String {
    let lies = if ill { 96_000 } else { 300 };
    message(desk, n, lies + vary(n, 200), Some(&printer(n)), true)
}

fn worker_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut work = printer(n);
    work.ms += if ill { 88_000 } else { 0 };
    message(desk, n, 300 + vary(n, 200), Some(&work), true)
}

/// A database that a function connects to.
fn connects(
    desk: &mut Desk,
    n: usize,
    ill: bool,
    words: &str,
    change: Option<(&str, &str)>,
) -> String {
    if let Some((resource, change)) = change.filter(|_| ill && n == 12) {
        desk.changed(at(n) - 90_000, "network", resource, change);
    }
    let mut of = lambda("read-miles", 90 + vary(n, 20));
    if ill {
        of.ms = 3_080;
        of = of.raising("Error", words);
    }
    chain(
        desk,
        "miles",
        n,
        &json!({"n": n}),
        &[("Read", of, json!({"miles": n}))],
    )
}

fn way_out_closed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "connect ETIMEDOUT miles-db.corp.internal:5432";
    let change = ("security-group/read-miles", "egress to 5432 removed");
    connects(desk, n, ill, words, Some(change))
}

fn slow_answer(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "timeout of 3000ms exceeded while reading the response of https://miles-api.corp.internal/v1";
    let change = ("security-group/print-worker", "egress to 9100 added");
    connects(desk, n, ill, words, Some(change))
}

/// A state that collects, and one that works with it.
fn collected(desk: &mut Desk, n: usize, rows: usize, given: usize, end: (&str, i64)) -> String {
    let input = json!({"day": n, "wanted": "x".repeat(given)});
    let offers: Vec<Value> = (0..rows)
        .map(|k| json!({"id": k, "text": "offer offer offer"}))
        .collect();
    let collect = lambda("collect-offers", 200 + vary(n, 60));
    let mut rank = lambda("rank-offers", 150 + vary(n, 60) + end.1);
    match end.0 {
        "memory" => {
            rank.memory = (512, 512);
            rank.error = Some((
                "Runtime.ExitError".into(),
                "RequestId: REQ Error: Runtime exited with error: signal: killed".into(),
            ));
            rank.killed = Some("Runtime exited with error: signal: killed");
        }
        "time" => {
            rank.cut = true;
            rank.error = Some((
                "Sandbox.Timedout".into(),
                "RequestId: REQ Error: Task timed out after 30.00 seconds".into(),
            ));
        }
        _ => {}
    }
    let all = [
        ("Collect", collect, json!({"offers": offers})),
        ("Rank", rank, json!({"best": 1})),
    ];
    chain(desk, "offers", n, &input, &all)
}

fn usual(n: usize) -> usize {
    60 + vary(n, 20) as usize
}

fn grew_and_broke(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (rows, end) = if ill {
        (2_400, ("memory", 900))
    } else {
        (usual(n), ("", 0))
    };
    collected(desk, n, rows, 40, end)
}

fn grew_and_ran_out(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (rows, end) = if ill {
        (2_400, ("time", 29_850))
    } else {
        (usual(n), ("", 0))
    };
    collected(desk, n, rows, 40, end)
}

fn grew_and_slowed(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill && n == 12 {
        desk.changed(at(n) - 90_000, "lambda", "print-worker", "version 7 -> 8");
    }
    let (rows, end) = if ill {
        (2_400, ("", 9_000))
    } else {
        (usual(n), ("", 0))
    };
    collected(desk, n, rows, 40, end)
}

fn broke_of_its_own(desk: &mut Desk, n: usize, ill: bool) -> String {
    let end = if ill { ("memory", 900) } else { ("", 0) };
    collected(desk, n, usual(n), 40, end)
}

/// Three states of which a version may lack the second.
fn priced(desk: &mut Desk, n: usize, version: u32, state: &str, gives: bool) -> String {
    let input = json!({"trip": format!("t-{n:04}")});
    let mut run = Run::new("trip-price", &format!("p{n}"), at(n), &input).version(version);
    let fare = json!({"trip": input["trip"], "fare": 120 + n % 9});
    desk.task(
        &mut run,
        "Find fare",
        &lambda("find-fare", 80 + vary(n, 20)),
        &input,
        &fare,
    );
    let mut data = fare;
    if !state.is_empty() {
        let taxed = json!({"trip": data["trip"], "fare": data["fare"], "tax": 19});
        desk.task(
            &mut run,
            state,
            &lambda("add-tax", 60 + vary(n, 9)),
            &data,
            &taxed,
        );
        data = taxed;
    }
    if !gives {
        data.as_object_mut().map(|it| it.remove("tax"));
    }
    desk.task(
        &mut run,
        "Book",
        &lambda("book-trip", 70 + vary(n, 9)),
        &data,
        &data,
    );
    desk.end(run, End::Well(&data))
}

fn state_lost(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => priced(desk, n, 8, "", false),
        false => priced(desk, n, 7, "Add tax", true),
    }
}

fn state_renamed(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => priced(desk, n, 8, "Tax it", true),
        false => priced(desk, n, 7, "Add tax", true),
    }
}

/// A Choice of which a version may lack a rule.
fn routed(desk: &mut Desk, n: usize, version: u32, courier: bool, rule: bool) -> String {
    let input = json!({"order": format!("fo-{n:04}"), "channel": if courier { "courier" } else { "pickup" }});
    let rules = match rule {
        true => {
            json!([{"Variable": "$.channel", "StringEquals": "courier", "Next": "Assign rider"}])
        }
        false => json!([{"Variable": "$.channel", "StringEquals": "locker", "Next": "Close"}]),
    };
    let definition = json!({"StartAt": "How", "States": {
        "How": {"Type": "Choice", "Choices": rules, "Default": "Close"},
        "Assign rider": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Close"},
        "Close": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}});
    let mut run = Run::new("meal-order", &format!("f{n}"), at(n), &input)
        .version(version)
        .defined(definition);
    run.through("Choice", "How", &input, &input);
    let mut data = input.clone();
    if courier && rule {
        data["rider"] = json!(n % 5);
        desk.task(
            &mut run,
            "Assign rider",
            &lambda("assign-rider", 90 + vary(n, 20)),
            &input,
            &data,
        );
    }
    desk.task(
        &mut run,
        "Close",
        &lambda("close-order", 60 + vary(n, 9)),
        &data,
        &data,
    );
    desk.end(run, End::Well(&data))
}

fn rule_lost(desk: &mut Desk, n: usize, ill: bool) -> String {
    routed(
        desk,
        n,
        if ill { 4 } else { 3 },
        ill || n.is_multiple_of(3),
        !ill,
    )
}

fn rule_lost_for_others(desk: &mut Desk, n: usize, ill: bool) -> String {
    routed(
        desk,
        n,
        if ill { 4 } else { 3 },
        !ill && n.is_multiple_of(3),
        !ill,
    )
}

/// A payment, and whether it is taken for one that was made.
fn paid(desk: &mut Desk, n: usize, order: String, skips: bool, says: bool) -> String {
    let input = json!({"order": order, "cents": 900 + vary(n, 300)});
    let mut pay = lambda("pay-courier", 90 + vary(n, 30));
    if says {
        let line = format!("idempotency key courier-2026-{n} already processed, skipping transfer");
        pay = pay.saying("INFO", &line);
    }
    let answer = match skips {
        true => json!({"status": "DUPLICATE", "transfer": "tr-1"}),
        false => json!({"status": "PAID", "transfer": format!("tr-{n}")}),
    };
    chain(desk, "courier-pay", n, &input, &[("Pay", pay, answer)])
}

fn taken_for_done(desk: &mut Desk, n: usize, ill: bool) -> String {
    paid(desk, n, format!("or-{n:04}"), ill, ill)
}

fn taken_for_done_silently(desk: &mut Desk, n: usize, ill: bool) -> String {
    paid(desk, n, format!("or-{n:04}"), ill, false)
}

fn done_indeed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let order = if ill { 3 } else { n };
    paid(desk, n, format!("or-{order:04}"), ill, ill)
}

fn done_now_and_then(desk: &mut Desk, n: usize, ill: bool) -> String {
    let again = ill || n % 5 == 2;
    paid(desk, n, format!("or-{n:04}"), again, again)
}

/// A service on three hosts.
fn hosted(desk: &mut Desk, n: usize, ms: i64) -> String {
    let host = ["ip-10-0-1-5", "ip-10-0-2-7", "ip-10-0-3-9"][n % 3];
    let call = Call::new("GET /seats", ms, &[("server.address", "seat-map")])
        .by(&[("service.name", "seat-map"), ("host.name", host)], ms - 6);
    let of = lambda("pick-seat", 60 + ms).calling(call);
    chain(
        desk,
        "seats",
        n,
        &json!({"n": n}),
        &[("Pick", of, json!({"seat": n}))],
    )
}

fn slow_everywhere(desk: &mut Desk, n: usize, ill: bool) -> String {
    // It is well again after the incident.
    let slow = ill && n < 15;
    hosted(desk, n, if slow { 6_200 } else { 150 + vary(n, 40) })
}

fn slow_on_one_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    hosted(
        desk,
        n,
        if ill && n % 3 == 1 {
            6_200
        } else {
            150 + vary(n, 40)
        },
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    const OFFERS: &[&str] = &["Collect", "collect-offers"];
    vec![
        crime(
            "a worker that may not read its secret",
            &["print-worker"],
            &[Permission],
            secret_denied,
        ),
        crime(
            "a worker that gives up",
            &["print-worker"],
            &[LostMessage],
            dropped,
        ),
        crime(
            "a queue that grew",
            &["label-jobs"],
            &[Capacity],
            queue_grew,
        ),
        crime(
            "a worker that takes long",
            &["print-worker"],
            &[Latency],
            worker_slow,
        ),
        crime(
            "a way out that a change closed",
            &["read-miles"],
            &[NetworkConfig],
            way_out_closed,
        ),
        crime(
            "an answer that comes late, and a change of others",
            &["miles-api.corp.internal"],
            &[Latency],
            slow_answer,
        ),
        crime(
            "data that grew, and memory that ran out",
            OFFERS,
            &[DataSize],
            grew_and_broke,
        ),
        crime(
            "data that grew, and time that ran out",
            OFFERS,
            &[DataSize],
            grew_and_ran_out,
        ),
        crime(
            "data that grew, and took long",
            OFFERS,
            &[DataSize],
            grew_and_slowed,
        ),
        crime(
            "memory that ran out of data as ever",
            &["rank-offers"],
            &[Memory],
            broke_of_its_own,
        ),
        crime(
            "a state that a version lost",
            &["trip-price:8"],
            &[BadDeploy, SilentData],
            state_lost,
        ),
        calm("a state that a version calls otherwise", state_renamed),
        crime(
            "a rule that a version lost",
            &["meal-order:4"],
            &[BadDeploy, SilentData],
            rule_lost,
        ),
        calm(
            "a rule that a version lost and nobody needs",
            rule_lost_for_others,
        ),
        crime(
            "a payment that was taken for done",
            &["pay-courier"],
            &[SilentData],
            taken_for_done,
        ),
        crime(
            "a payment that was taken for done, without a line",
            &["pay-courier"],
            &[SilentData],
            taken_for_done_silently,
        ),
        calm("a payment that was made before", done_indeed),
        calm("payments that come twice now and then", done_now_and_then),
        crime(
            "a service that is slow wherever it runs",
            &["seat-map"],
            &[Latency],
            slow_everywhere,
        )
        .runs(12, 9),
        crime(
            "a service that is slow on one host",
            &["ip-10-0-2-7"],
            &[Infrastructure],
            slow_on_one_host,
        )
        .runs(12, 9),
    ]
}
