//! A twelfth lot: who kept somebody waiting, told by whoever waited; who is asked because another one failed; sandboxes
//! that are ready too late; workers that die without a word of the message; passes that are turned down. Each beside a run
//! that looks the same and is somebody else's, or nobody's.

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

/// Two functions, of which the second books seats and writes how long its statements took.
pub fn seats(desk: &mut Desk, n: usize, book: Lambda) -> String {
    let hold = lambda("hold-seats", 90 + vary(n, 20));
    let all = [
        ("Hold", hold, json!({"held": 2})),
        ("Book", book, json!({"booked": 2})),
    ];
    chain(desk, "seats", n, &json!({"show": n % 6}), &all)
}

fn booked(n: usize, ms: i64, line: &str) -> Lambda {
    lambda("book-seats", ms + vary(n, 20))
        .saying("INFO", "transaction begun")
        .saying("WARN", line)
        .saying("INFO", "committed")
}

pub fn waited_for_a_lock(desk: &mut Desk, n: usize, ill: bool) -> String {
    let took = if ill { 14_204 } else { 9 + vary(n, 5) };
    let line = format!(
        "UPDATE seat SET taken=true: {took} ms on box-office-db (blocked by pid 30117, ALTER TABLE seat)"
    );
    seats(desk, n, booked(n, took + 110, &line))
}

/// It counted itself for so long; the database was quick.
fn counted_itself(desk: &mut Desk, n: usize, ill: bool) -> String {
    let own = if ill { 14_204 } else { 9 + vary(n, 5) };
    let line = format!("seat plan laid out in {own} ms; INSERT took 7 ms on box-office-db");
    seats(desk, n, booked(n, own + 110, &line))
}

/// The same in JSON, of a function that its limit cut off.
fn slow_query_in_json(desk: &mut Desk, n: usize, ill: bool) -> String {
    let took = if ill { 27_900 } else { 140 + vary(n, 30) };
    let mut sum = lambda("sum-tolls", if ill { 30_000 } else { took + 60 })
        .json()
        .saying(
            "WARN",
            &format!("query finished db=toll-archive duration_ms={took} rows=12"),
        );
    if ill {
        sum.cut = true;
        let said = "RequestId: REQ Error: Task timed out after 30.00 seconds";
        sum.error = Some(("Sandbox.Timedout".into(), said.into()));
    }
    let read = lambda("read-gates", 80 + vary(n, 10));
    let all = [
        ("Read", read, json!({"gates": 3})),
        ("Sum", sum, json!({"sum": 12})),
    ];
    chain(desk, "tolls", n, &json!({"road": n % 4}), &all)
}

/// Prices come from a cache, else from a database.
fn prices(desk: &mut Desk, n: usize, refused: bool, from_db: Option<i64>) -> String {
    let mut ask = Call::new(
        "GET",
        2,
        &[("db.system", "redis"), ("server.address", "price-cache")],
    );
    if refused {
        ask = ask.failing("ECONNREFUSED 10.4.0.7:6379");
    }
    let mut quote = lambda("quote-fare", 60 + from_db.unwrap_or(0) + vary(n, 15)).calling(ask);
    if let Some(ms) = from_db {
        let attributes = [("db.system", "postgresql"), ("server.address", "fare-db")];
        quote = quote.calling(Call::new("SELECT fare", ms, &attributes));
    }
    let all = [("Quote", quote, json!({"fare": 40 + n % 9}))];
    chain(desk, "fares", n, &json!({"line": n % 7}), &all)
}

fn cache_gone(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => prices(desk, n, true, Some(5_800)),
        false => prices(desk, n, false, n.is_multiple_of(6).then_some(14)),
    }
}

/// The cache fails as well now, but the database was slow before that.
fn slow_before_the_cache(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => prices(desk, n, n != 12, Some(5_800)),
        false => prices(desk, n, false, n.is_multiple_of(3).then_some(14)),
    }
}

/// A state that may take four seconds calls a function whose sandbox takes seven to be made.
fn gates(desk: &mut Desk, n: usize, init: Option<i64>, work: i64, tries: usize) -> String {
    let limits = json!({"timeoutInSeconds": 4});
    let input = json!({"gate": n % 8});
    let mut run = Run::new("gates", &format!("g{n}"), at(n), &input);
    if init.is_some() && n == 12 {
        desk.changed(
            at(n) - 90_000,
            "config",
            "open-gate",
            "provisioned concurrency 3 -> 0",
        );
    }
    run.enter("Task", "Open gate", &input);
    let arn = "arn:aws:lambda:eu-central-1:480213377711:function:open-gate:$LATEST";
    let call = ("lambda", "invoke");
    for one in 0..tries {
        run.schedule(
            call,
            &json!({"FunctionName": arn, "Payload": input}),
            &limits,
        );
        let last = one + 1 == tries && (init.is_none() || tries > 1) && work < 4_000;
        let mut of = lambda("open-gate", work + vary(n, 9)).version("$LATEST");
        of.init = init.filter(|_| !last);
        desk.ran(&of, run.at + 20);
        if last {
            run.wait(work + 60);
            run.succeeded(call, &json!({"ExecutedVersion": "$LATEST", "Payload": {"open": true}, "StatusCode": 200}));
            run.exit("Task", "Open gate", &json!({"open": true}));
            return desk.end(run, End::Well(&json!({"open": true})));
        }
        run.wait(4_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": call.0, "resource": call.1, "error": "States.Timeout"}),
        );
        run.wait(1_000);
    }
    desk.end(run, End::Failed("States.Timeout", ""))
}

fn not_ready_in_time(desk: &mut Desk, n: usize, ill: bool) -> String {
    gates(desk, n, ill.then_some(7_300), 180, 1)
}

fn ready_at_the_third_try(desk: &mut Desk, n: usize, ill: bool) -> String {
    gates(desk, n, ill.then_some(7_300), 180, if ill { 3 } else { 1 })
}

/// Its sandbox is ready soon; its work takes six seconds.
fn works_too_long(desk: &mut Desk, n: usize, ill: bool) -> String {
    gates(
        desk,
        n,
        ill.then_some(240),
        if ill { 6_100 } else { 180 },
        1,
    )
}

/// A queue whose worker never writes of the message.
fn stained_glass(desk: &mut Desk, n: usize, worker: Option<Lambda>, other: bool) -> String {
    let input = json!({"pane": n % 5});
    let mut run = Run::new("panes", &format!("p{n}"), at(n), &input);
    let measure = lambda("measure-pane", 70 + vary(n, 12));
    desk.task(&mut run, "Measure", &measure, &input, &json!({"mm": 400}));
    run.enter("Task", "Cut", &json!({"mm": 400}));
    let token = format!(
        "AQCYAAAAKgAAAAMAAAAAAAAAA{:016x}{:016x}",
        desk.id(),
        desk.id()
    );
    let message = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/glass-cutting", "MessageBody": {"token": token}});
    run.schedule(SQS, &message, &json!({"timeoutInSeconds": 80}));
    let id = format!(
        "{:08x}-77aa-4c01-9b1e-{:012x}",
        desk.id() >> 32,
        desk.id() >> 16
    );
    run.submitted(SQS, &json!({"MessageId": id}));
    if other {
        // Somebody who sweeps every now and then, whatever is cut.
        desk.ran(&lambda("sweep-floor", 300), run.at + 4_000 + vary(n, 9_000));
    }
    let Some(worker) = worker else {
        run.wait(80_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": SQS.0, "resource": SQS.1, "error": "States.Timeout"}),
        );
        return desk.end(run, End::Failed("States.Timeout", ""));
    };
    desk.ran(&worker, run.at + 350);
    if worker.killed.is_some() || worker.error.is_some() {
        run.wait(80_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": SQS.0, "resource": SQS.1, "error": "States.Timeout"}),
        );
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.wait(350 + worker.init.unwrap_or(0) + worker.ms + 40);
    run.succeeded(SQS, &json!({"cut": 1}));
    run.exit("Task", "Cut", &json!({"cut": 1}));
    desk.end(run, End::Well(&json!({"cut": 1})))
}

fn cutter(n: usize) -> Lambda {
    lambda("laser-table", 9_000 + vary(n, 3_000)).saying("INFO", "pane laid on the table")
}

fn cutter_killed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut cut = cutter(n);
    if ill {
        cut.killed = Some("Runtime exited with error: signal: killed");
        cut.memory = (1_024, 1_024);
    }
    stained_glass(desk, n, Some(cut), true)
}

fn cutter_breaks_off(desk: &mut Desk, n: usize, ill: bool) -> String {
    let cut = match ill {
        true => cutter(n).raising(
            "RangeError",
            "offset 4096 is outside the bounds of the plan",
        ),
        false => cutter(n),
    };
    stained_glass(desk, n, Some(cut), true)
}

fn nobody_cuts(desk: &mut Desk, n: usize, ill: bool) -> String {
    stained_glass(desk, n, (!ill).then(|| cutter(n)), true)
}

fn cutter_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut cut = cutter(n);
    if ill {
        cut.ms = 51_000;
    }
    stained_glass(desk, n, Some(cut), true)
}

/// An activity whose worker is a pod: its lines name no task.
fn engraver(desk: &mut Desk, n: usize, died: bool, ill: bool) -> String {
    let input = json!({"plate": n % 5});
    let mut run = Run::new("plates", &format!("e{n}"), at(n), &input);
    run.enter("Task", "Engrave", &input);
    let resource = "arn:aws:states:eu-central-1:480213377711:activity:engrave-plates";
    run.push("ActivityScheduled", json!({"resource": resource, "input": input.to_string(), "timeoutInSeconds": 300, "heartbeatInSeconds": 60}));
    run.wait(90);
    run.push(
        "ActivityStarted",
        json!({"workerName": format!("engraver-6c9d7f-x{}k2q", n % 3)}),
    );
    desk.record(
        "engraver",
        run.at + 30,
        (9, "INFO"),
        "plate clamped",
        ("", ""),
    );
    if !ill {
        run.wait(8_000 + vary(n, 3_000));
        run.push("ActivitySucceeded", json!({"output": "{\"done\":1}"}));
        run.exit("Task", "Engrave", &json!({"done": 1}));
        return desk.end(run, End::Well(&json!({"done": 1})));
    }
    match died {
        true => desk.record(
            "engraver",
            run.at + 12_000,
            (17, "ERROR"),
            "container engraver was OOMKilled (exit code 137), restarting",
            ("", ""),
        ),
        false => desk.record(
            "engraver",
            run.at + 12_000,
            (13, "WARN"),
            "needle is worn, 3 hours left",
            ("", ""),
        ),
    }
    run.wait(60_000);
    run.push(
        "ActivityTimedOut",
        json!({"error": "States.HeartbeatTimeout"}),
    );
    desk.end(run, End::Failed("States.HeartbeatTimeout", ""))
}

fn engraver_killed(desk: &mut Desk, n: usize, ill: bool) -> String {
    engraver(desk, n, true, ill)
}

fn engraver_silent(desk: &mut Desk, n: usize, ill: bool) -> String {
    engraver(desk, n, false, ill)
}

/// A pass is issued by one function and shown by another.
fn passes(
    desk: &mut Desk,
    n: usize,
    issuer: &'static str,
    shown: &'static str,
    refused: bool,
) -> String {
    let issue = lambda("issue-pass", 60 + vary(n, 9)).version(issuer);
    let mut enter = lambda("enter-hall", 90 + vary(n, 9)).version(shown);
    if refused {
        enter = enter.raising(
            "HallRefused",
            "hall-door answered 401 Unauthorized: jwt audience invalid, expected: hall",
        );
    }
    let token: Value = json!({"pass": {"token": format!("eyJhbGciOi.{:x}.x", desk.id())}});
    let all = [
        ("Issue", issue, token),
        ("Enter", enter, json!({"in": true})),
    ];
    chain(desk, "halls", n, &json!({"hall": n % 4}), &all)
}

fn wrong_pass(desk: &mut Desk, n: usize, ill: bool) -> String {
    passes(desk, n, if ill { "19" } else { "18" }, "7", ill)
}

fn wrong_door(desk: &mut Desk, n: usize, ill: bool) -> String {
    passes(desk, n, "18", if ill { "8" } else { "7" }, ill)
}

fn cold_but_in_time(desk: &mut Desk, n: usize, ill: bool) -> String {
    // A new sandbox now and then is how it works.
    gates(desk, n, None, if ill { 420 } else { 380 }, 1)
}

pub fn all() -> Vec<Mystery> {
    use Category::{
        BadDeploy, Capacity, ColdStart, Error, Infrastructure, Latency, LostMessage, Memory,
        Permission,
    };
    vec![
        crime(
            "waited for a lock, and says so",
            &["box-office-db"],
            &[Latency, Capacity],
            waited_for_a_lock,
        ),
        crime(
            "counted for so long itself",
            &["book-seats"],
            &[Latency],
            counted_itself,
        ),
        crime(
            "a slow query in a record",
            &["toll-archive"],
            &[Latency],
            slow_query_in_json,
        ),
        crime(
            "the cache is gone, the database slow",
            &["price-cache"],
            &[Infrastructure, Error],
            cache_gone,
        ),
        crime(
            "the database was slow before the cache went",
            &["fare-db"],
            &[Latency],
            slow_before_the_cache,
        ),
        crime(
            "not ready in time",
            &["open-gate"],
            &[ColdStart],
            not_ready_in_time,
        ),
        crime(
            "ready at the third try",
            &["open-gate"],
            &[ColdStart],
            ready_at_the_third_try,
        )
        .changed("provisioned"),
        crime(
            "ready in time, and at work too long",
            &["open-gate"],
            &[Latency],
            works_too_long,
        ),
        calm("a little longer", cold_but_in_time),
        crime(
            "a worker killed that names no message",
            &["laser-table"],
            &[Memory],
            cutter_killed,
        ),
        crime(
            "a worker that breaks off and names no message",
            &["laser-table"],
            &[LostMessage, Error],
            cutter_breaks_off,
        ),
        crime(
            "nobody took it, others ran",
            &["glass-cutting"],
            &[LostMessage],
            nobody_cuts,
        ),
        crime(
            "a worker that is slow and names no message",
            &["laser-table"],
            &[Latency],
            cutter_slow,
        ),
        crime(
            "a pod of a worker killed",
            &["engraver"],
            &[Memory],
            engraver_killed,
        ),
        crime(
            "a worker that falls silent",
            &[
                "engraver",
                "engraver-6c9d7f-x1k2q",
                "engraver-6c9d7f-x0k2q",
                "engraver-6c9d7f-x2k2q",
                "engrave-plates",
            ],
            &[LostMessage],
            engraver_silent,
        ),
        crime(
            "a pass that a new version issues wrongly",
            &["issue-pass"],
            &[BadDeploy],
            wrong_pass,
        ),
        crime(
            "a pass shown at the wrong door",
            &["enter-hall"],
            &[BadDeploy, Permission],
            wrong_door,
        ),
    ]
}
