//! Runs that succeed, but take too long.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Call, lambda},
    vary,
};
use model::{Category, Fatality};
use serde_json::json;

/// A cache behind one branch is slow; another branch is slow, too, but nobody waits for it.
fn cache_in_a_branch(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("score-card", &format!("x{n}"), at(n), &json!({"n": n}));
    run.enter("Parallel", "Look around", &json!({}));
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    let took = if ill { 5_200 } else { 30 + vary(n, 9) };
    let call = Call::new(
        "HGETALL",
        took,
        &[
            ("db.system", "redis"),
            ("net.peer.name", "cache-1.internal"),
        ],
    );
    desk.task(
        &mut run,
        "Score",
        &lambda("score", 700 + took).calling(call),
        &json!({}),
        &json!({"s": 1}),
    );
    let critical = run.mark();
    run.back(top);
    desk.task(
        &mut run,
        "Report",
        &lambda("report", if ill { 1_900 } else { 400 + vary(n, 50) }),
        &json!({}),
        &json!({"r": 1}),
    );
    run.back(critical);
    run.push("ParallelStateSucceeded", json!({}));
    run.exit("Parallel", "Look around", &json!([1, 1]));
    desk.end(run, End::Well(&json!([1, 1])))
}

/// The garbage collector has no room: slow at full memory, nothing fails.
fn thrash(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("pdf", &format!("x{n}"), at(n), &json!({"n": n}));
    let mut render = lambda("render-pdf", 1_800 + vary(n, 300));
    render.memory = (1_024, 520);
    if ill {
        render.ms = 14_000;
        render.memory = (1_024, 1_024);
        render = render.saying("WARN", "GC pause 1840 ms, heap 99 % used after collection");
    }
    desk.task(&mut run, "Render", &render, &json!({}), &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// Refused five times, then served.
fn refused_for_a_while(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("notify", &format!("x{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Push", &json!({"n": n}));
    if ill {
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000] {
            desk.refused(
                &mut run,
                "push-note",
                "Lambda.TooManyRequestsException",
                "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: 7)",
            );
            run.wait(pause);
        }
    }
    desk.invoke(
        &mut run,
        &lambda("push-note", 90 + vary(n, 30)),
        &json!({}),
        &json!({"ok": 1}),
    );
    run.exit("Task", "Push", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// Three healthy runs; a database takes its time.
fn database(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("ledger-day", &format!("x{n}"), at(n), &json!({"n": n}));
    let took = if ill { 9_000 } else { 180 + vary(n, 40) };
    let call = Call::new(
        "SELECT postings",
        took,
        &[
            ("db.system.name", "postgresql"),
            ("db.namespace", "ledger"),
            ("server.address", "pg-main.internal"),
            ("server.port", "5432"),
        ],
    );
    desk.task(
        &mut run,
        "Sum",
        &lambda("sum-day", took + 120).json().calling(call),
        &json!({}),
        &json!({"ok": 1}),
    );
    desk.task(
        &mut run,
        "Mail",
        &lambda("mail-day", 90),
        &json!({}),
        &json!({"ok": 1}),
    );
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// Sandboxes everywhere have to be started.
fn cold(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("chat", &format!("x{n}"), at(n), &json!({"n": n}));
    for (state, name) in [("Hear", "hear"), ("Think", "think"), ("Answer", "answer")] {
        let mut of = lambda(name, 110 + vary(n, 30)).json();
        if ill && name == "think" {
            of.init = Some(7_800);
        }
        desk.task(&mut run, state, &of, &json!({}), &json!({"ok": 1}));
    }
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// A new version is slow.
fn slow_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("resize", &format!("x{n}"), at(n), &json!({"n": n}));
    let of = lambda("resize-image", if ill { 6_500 } else { 700 + vary(n, 90) }).version(if ill {
        "40"
    } else {
        "39"
    });
    desk.task(&mut run, "Resize", &of, &json!({}), &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// A queue's consumer takes long before it takes a message, by the new names.
fn lagging_consumer(desk: &mut Desk, n: usize, ill: bool) -> String {
    use super::desk::{attributes, nanos};
    let of = ("sqs", "sendMessage.waitForTaskToken");
    let mut run = Run::new("labels", &format!("x{n}"), at(n), &json!({"n": n}));
    let (high, low, root, span) = (desk.id(), desk.id(), desk.id(), desk.id());
    let trace = format!("{high:016x}{low:016x}");
    run.enter("Task", "Print label", &json!({"n": n}));
    run.schedule(of, &json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/labels", "MessageBody": {"traceparent": format!("00-{trace}-{root:016x}-01")}}), &json!({}));
    run.submitted(of, &json!({"MessageId": "m"}));
    let lag = if ill { 40_000 } else { 300 + vary(n, 90) };
    let taken = run.at + lag;
    desk.span(&[("service.name", "label-printer")], json!({"traceId": trace, "spanId": format!("{span:016x}"), "parentSpanId": format!("{root:016x}"), "name": "process labels", "kind": 5,
        "startTimeUnixNano": nanos(taken), "endTimeUnixNano": nanos(taken + 400), "attributes": attributes(&[("messaging.system", "aws_sqs"), ("messaging.destination.name", "labels"), ("messaging.operation.type", "process")])}));
    run.wait(lag + 420);
    run.succeeded(of, &json!({"ok": 1}));
    run.exit("Task", "Print label", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

/// Fewer items at once.
fn narrow_map(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("fan", &format!("x{n}"), at(n), &json!({"n": n}));
    run.enter("Map", "Each", &json!({}));
    run.push("MapStateStarted", json!({"length": 8}));
    let top = run.mark();
    let slots = if ill { 1 } else { 8 };
    let mut free = vec![top.at; slots];
    let mut last = top;
    for index in 0..8_usize {
        let slot = (0..slots).min_by_key(|n| free[*n]).unwrap_or(0);
        run.back(top);
        run.at = free[slot] + 3;
        run.push(
            "MapIterationStarted",
            json!({"name": "Each", "index": index}),
        );
        desk.task(
            &mut run,
            "Work",
            &lambda("work-item", 900 + vary(n + index, 120)),
            &json!({"i": index}),
            &json!({"ok": 1}),
        );
        run.push(
            "MapIterationSucceeded",
            json!({"name": "Each", "index": index}),
        );
        free[slot] = run.at;
        if run.at > last.at {
            last = run.mark();
        }
    }
    run.back(last);
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Each", &json!([]));
    desk.end(run, End::Well(&json!([])))
}

/// A retry policy gets over an error that healthy runs do not have, for half a minute.
fn survived(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("import", &format!("x{n}"), at(n), &json!({"n": n}));
    let call = Call::new(
        "POST",
        70,
        &[
            ("http.request.method", "POST"),
            ("server.address", "legacy.erp.example"),
        ],
    );
    let well = lambda("push-erp", 200 + vary(n, 40)).calling(call.clone());
    let mut bad = lambda("push-erp", 7_000).raising("SocketTimeoutException", "Read timed out");
    bad.calls = vec![
        Call { ms: 6_900, ..call }.throwing("java.net.SocketTimeoutException", "Read timed out"),
    ];
    let tries = if ill {
        vec![bad.clone(), bad.clone(), bad, well]
    } else {
        vec![well]
    };
    desk.retried(&mut run, "Push", &tries, &json!({}), &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "a cache is slow in one branch",
            &["cache-1.internal", "redis", "cache-1"],
            &[Latency],
            cache_in_a_branch,
        ),
        crime(
            "memory is full and everything slow",
            &["render-pdf"],
            &[Memory],
            thrash,
        ),
        crime(
            "refused for a while",
            &["push-note"],
            &[Capacity],
            refused_for_a_while,
        )
        .fate(Fatality::Survived),
        crime(
            "a database is slow, three healthy runs",
            &["pg-main.internal", "ledger", "pg-main"],
            &[Latency],
            database,
        )
        .runs(3, 1),
        crime(
            "a cold start of eight seconds",
            &["think"],
            &[ColdStart],
            cold,
        ),
        crime(
            "a slow release",
            &["resize-image"],
            &[BadDeploy],
            slow_release,
        ),
        crime(
            "a consumer lags",
            &["labels", "label-printer"],
            &[Capacity, Latency],
            lagging_consumer,
        ),
        crime(
            "a map runs one at a time",
            &["Each"],
            &[Capacity],
            narrow_map,
        ),
        crime(
            "a partner is slow, retries get over it",
            &["legacy.erp.example", "legacy"],
            &[Latency],
            survived,
        )
        .fate(Fatality::Survived),
    ]
}
