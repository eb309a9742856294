//! No crime.

use super::{
    Mystery, at, calm,
    desk::{Desk, End, Run},
    lambda::{Call, lambda},
    vary,
};
use serde_json::json;

struct Day {
    items: i64,
    version: &'static str,
    noise: bool,
    retry: bool,
    cold: Option<i64>,
    slow: i64,
}

const USUAL: Day = Day {
    items: 10,
    version: "31",
    noise: false,
    retry: false,
    cold: None,
    slow: 0,
};

fn day(desk: &mut Desk, n: usize, day: &Day) -> String {
    let list: Vec<i64> = (0..day.items).collect();
    let input = json!({"items": list, "count": day.items});
    let mut run = Run::new("digest", &format!("x{n}"), at(n), &input);
    let mut load = lambda("load-items", 40 * day.items + vary(n, 60)).version(day.version);
    load.init = day.cold;
    if day.noise {
        load = load
            .saying("WARN", "pool at 91 %")
            .saying("ERROR", "metrics endpoint unreachable, dropping samples");
    }
    let mut tries = vec![load];
    if day.retry {
        tries.insert(
            0,
            lambda("load-items", 30).raising(
                "ConnectionResetError",
                "[Errno 104] Connection reset by peer",
            ),
        );
    }
    desk.retried(
        &mut run,
        "Load",
        &tries,
        &input,
        &json!({"loaded": day.items}),
    );
    let call = Call::new("POST", 50, &[("server.address", "mail.svc")]);
    desk.task(
        &mut run,
        "Send",
        &lambda("send-digest", 120 + vary(n, 30) + day.slow).calling(call),
        &json!({}),
        &json!({"sent": 1}),
    );
    desk.end(run, End::Well(&json!({"sent": 1})))
}

fn nothing(desk: &mut Desk, n: usize, _: bool) -> String {
    day(desk, n, &USUAL)
}

fn larger(desk: &mut Desk, n: usize, ill: bool) -> String {
    day(
        desk,
        n,
        &Day {
            items: if ill { 60 } else { 10 },
            ..USUAL
        },
    )
}

fn release(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 12 {
        desk.changed(at(n) - 5_000, "lambda", "load-items", "version 31 -> 32");
    }
    day(
        desk,
        n,
        &Day {
            version: if ill { "32" } else { "31" },
            cold: (ill && n == 13).then_some(480),
            ..USUAL
        },
    )
}

fn loud(desk: &mut Desk, n: usize, _: bool) -> String {
    day(
        desk,
        n,
        &Day {
            noise: true,
            ..USUAL
        },
    )
}

fn retry(desk: &mut Desk, n: usize, ill: bool) -> String {
    day(
        desk,
        n,
        &Day {
            retry: ill,
            ..USUAL
        },
    )
}

fn a_little_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    day(
        desk,
        n,
        &Day {
            slow: if ill { 90 } else { 0 },
            ..USUAL
        },
    )
}

/// Somebody stopped it.
fn stopped(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut run = Run::new("stoppable", &format!("x{n}"), at(n), &json!({}));
    desk.task(&mut run, "One", &lambda("one", 50), &json!({}), &json!({}));
    if ill {
        run.enter("Wait", "Pause", &json!({}));
        return desk.end(run, End::Aborted("maintenance window"));
    }
    desk.end(run, End::Well(&json!({})))
}

/// The workflow has two ways; a value decides.
fn other_way(desk: &mut Desk, n: usize, ill: bool) -> String {
    let amount = if ill { 900 } else { 20 + vary(n, 30) };
    let data = json!({"amount": amount});
    let mut run = Run::new("limits", &format!("x{n}"), at(n), &data).defined(json!({"StartAt": "Large?", "States": {
        "Large?": {"Type": "Choice", "Choices": [{"Variable": "$.amount", "NumericGreaterThan": 500, "Next": "Ask boss"}], "Default": "Pay"},
        "Ask boss": {"Type": "Pass", "Next": "Pay"}, "Pay": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}));
    run.through("Choice", "Large?", &data, &data);
    if ill {
        run.through("Pass", "Ask boss", &data, &data);
    }
    desk.task(
        &mut run,
        "Pay",
        &lambda("pay", 80 + vary(n, 20)),
        &data,
        &json!({"paid": amount}),
    );
    desk.end(run, End::Well(&json!({"paid": amount})))
}

/// A Catch that is taken every day.
fn usual_catch(desk: &mut Desk, n: usize, _: bool) -> String {
    let mut run = Run::new("lookup", &format!("x{n}"), at(n), &json!({}));
    let of = lambda("find-cached", 30 + vary(n, 9)).raising("CacheMiss", "no such key");
    desk.task(&mut run, "Cached?", &of, &json!({}), &json!({}));
    run.exit("Task", "Cached?", &json!({"Error": "CacheMiss"}));
    desk.task(
        &mut run,
        "Compute",
        &lambda("compute", 200 + vary(n, 30)),
        &json!({}),
        &json!({"v": 1}),
    );
    desk.end(run, End::Well(&json!({"v": 1})))
}

/// A person takes longer today.
fn patient(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = ("sns", "publish.waitForTaskToken");
    let mut run = Run::new("holiday", &format!("x{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Boss agrees", &json!({}));
    run.schedule(
        of,
        &json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:holidays"}),
        &json!({}),
    );
    run.submitted(of, &json!({"MessageId": "q"}));
    run.wait(
        [
            40_000, 900_000, 7_000, 300_000, 2_000_000, 65_000, 10_000, 130_000,
        ][n % 8]
            + if ill { 100_000 } else { 0 },
    );
    run.succeeded(of, &json!({"yes": 1}));
    run.exit("Task", "Boss agrees", &json!({"yes": 1}));
    desk.end(run, End::Well(&json!({"yes": 1})))
}

pub fn all() -> Vec<Mystery> {
    vec![
        calm("nothing", nothing),
        calm("six times the items", larger),
        calm("a harmless release", release),
        calm("errors that are always there", loud),
        calm("one retry", retry),
        calm("a little slower", a_little_slow),
        calm("stopped by hand", stopped),
        calm("a way for large amounts", other_way).runs(12, 1),
        calm("a Catch of every day", usual_catch),
        calm("a person who takes longer", patient),
        calm("a single run", nothing).runs(0, 1),
    ]
}
