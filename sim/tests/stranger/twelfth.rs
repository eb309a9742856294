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
use model::{Category, Outcome};
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");

/// Two functions, of which the second books seats and writes how long its statements took.
fn seats(desk: &mut Desk, n: usize, book: Lambda) -> String {
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

fn waited_for_a_lock(desk: &mut Desk, n: usize, ill: bool) -> String {
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

/// Tiles are pressed by a service that may be gone.
fn tiles(desk: &mut Desk, n: usize, refused: bool) -> String {
    let mut ask = Call::new("POST /press", 40, &[("server.address", "tile-press")]);
    ask = match refused {
        true => ask.failing("connect ECONNREFUSED 10.9.0.14:8080"),
        false => ask.by(&[("service.name", "tile-press")], 36),
    };
    let mut order = lambda("order-tiles", 90 + vary(n, 9)).calling(ask);
    if refused {
        order = order.raising("Error", "connect ECONNREFUSED 10.9.0.14:8080");
    }
    let mix = lambda("mix-clay", 50 + vary(n, 9));
    let all = [
        ("Mix", mix, json!({"kg": 4})),
        ("Order", order, json!({"tiles": 9})),
    ];
    chain(desk, "tiles", n, &json!({"hue": n % 5}), &all)
}

const KILLED: &str = "container tile-press OOMKilled (exit code 137), back-off 40s";

fn press_killed(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill {
        desk.record("tile-press", at(n) - 8_000, (17, "ERROR"), KILLED, ("", ""));
    }
    tiles(desk, n, ill)
}

/// It was killed a run before, and served that one well.
fn press_killed_before(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 11 {
        desk.record("tile-press", at(n) - 8_000, (17, "ERROR"), KILLED, ("", ""));
    }
    tiles(desk, n, ill)
}

const ALTER: &str = "ALTER TABLE seat ADD COLUMN row_label on box-office-db, exclusive lock taken";

fn somebody_alters_the_table(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill {
        desk.record(
            "plan-migrator",
            at(n) - 21_000,
            (9, "INFO"),
            ALTER,
            ("", ""),
        );
    }
    waited_for_a_lock(desk, n, ill)
}

fn somebody_always_alters_it(desk: &mut Desk, n: usize, ill: bool) -> String {
    desk.record("plan-migrator", at(n) + 40, (9, "INFO"), ALTER, ("", ""));
    waited_for_a_lock(desk, n, ill)
}

/// A worker that is a service writes whom it waited for.
fn moulds(desk: &mut Desk, n: usize, took: i64, line: &str) -> String {
    let input = json!({"mould": n % 5});
    let mut run = Run::new("moulds", &format!("m{n}"), at(n), &input);
    run.enter("Task", "Cast", &input);
    let message = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/casting-jobs", "MessageBody": {"token": format!("AQCYAAAAKgAAAAMAAAAAAAAAA{:016x}{:016x}", desk.id(), desk.id())}});
    run.schedule(SQS, &message, &json!({"timeoutInSeconds": 900}));
    let id = format!(
        "{:08x}-77ab-4c01-9b1e-{:012x}",
        desk.id() >> 32,
        desk.id() >> 16
    );
    run.submitted(SQS, &json!({"MessageId": id}));
    desk.record(
        "caster",
        run.at + 200,
        (9, "INFO"),
        &format!("took message {id}"),
        ("", ""),
    );
    desk.record("caster", run.at + 300 + took, (9, "INFO"), line, ("", ""));
    run.wait(took + 600 + vary(n, 50));
    run.succeeded(SQS, &json!({"cast": 1}));
    run.exit("Task", "Cast", &json!({"cast": 1}));
    desk.end(run, End::Well(&json!({"cast": 1})))
}

fn caster_waits_for_patterns(desk: &mut Desk, n: usize, ill: bool) -> String {
    let took = if ill { 140_000 } else { 1_900 + vary(n, 200) };
    let line = format!(
        "pattern fetched from pattern-vault after {:.1} s",
        took as f64 / 1e3
    );
    moulds(desk, n, took, &line)
}

fn caster_takes_long(desk: &mut Desk, n: usize, ill: bool) -> String {
    let took = if ill { 140_000 } else { 1_900 + vary(n, 200) };
    moulds(
        desk,
        n,
        took,
        &format!(
            "cast in {:.1} s; pattern-vault answered in 0.2 s",
            took as f64 / 1e3
        ),
    )
}

/// Somebody asks again and again, and only writes of it.
fn asks_again(desk: &mut Desk, n: usize, times: usize, who: &str) -> String {
    let mut ring = lambda(
        "ring-bells",
        if times > 1 { 15_600 } else { 300 } + vary(n, 20),
    );
    for one in 1..=times {
        ring = ring.saying(
            "WARN",
            &format!("attempt {one} of 5: {who} answered 503, trying again"),
        );
    }
    let all = [("Ring", ring.saying("INFO", "rung"), json!({"rung": 1}))];
    chain(desk, "bells", n, &json!({"tower": n % 4}), &all)
}

fn hidden_by_retries(desk: &mut Desk, n: usize, ill: bool) -> String {
    asks_again(desk, n, if ill { 5 } else { 0 }, "bell-tower")
}

/// A pool that is empty since whoever is asked with its connections takes long.
fn slow_behind_a_pool(desk: &mut Desk, n: usize, ill: bool) -> String {
    let ms = if ill { 9_400 } else { 60 };
    let ask = Call::new("POST /weigh", ms, &[("server.address", "weigh-bridge")])
        .by(&[("service.name", "weigh-bridge")], ms - 3);
    let mut load = lambda("load-truck", ms + 700 + vary(n, 20)).calling(ask);
    if ill {
        load = load.raising(
            "PoolTimeoutError",
            "Timeout acquiring a connection from pool yard-db: all 10 are in use",
        );
    }
    chain(
        desk,
        "trucks",
        n,
        &json!({"truck": n % 6}),
        &[("Load", load, json!({"t": 4}))],
    )
}

/// A setting that an earlier state gives cuts the patience of a later one.
fn patience_given(desk: &mut Desk, n: usize, ill: bool) -> String {
    let ms = if ill { 50 } else { 5_000 };
    let read = lambda("read-settings", 50 + vary(n, 9)).version(if ill { "5" } else { "4" });
    let mut ask = lambda("ask-oracle", if ill { 70 } else { 900 } + vary(n, 20));
    if ill {
        ask = ask.raising(
            "TimeoutError",
            "oracle.temple.internal: no answer within 50 ms",
        );
    }
    let all = [
        (
            "Read settings",
            read,
            json!({"timeoutMs": ms, "tone": "grave"}),
        ),
        ("Ask", ask, json!({"said": "yes"})),
    ];
    chain(desk, "oracles", n, &json!({"q": n % 4}), &all)
}

fn lock_without_a_name(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut book = lambda("book-seats", if ill { 50_900 } else { 140 } + vary(n, 20));
    let ask = Call::new(
        "UPDATE seat",
        if ill { 50_800 } else { 30 },
        &[("db.system", "mysql"), ("server.address", "box-office-db")],
    );
    book = book.calling(if ill {
        ask.failing("Lock wait timeout exceeded; try restarting transaction")
    } else {
        ask
    });
    if ill {
        book = book.raising(
            "OperationalError",
            "(1205, 'Lock wait timeout exceeded; try restarting transaction')",
        );
    }
    seats(desk, n, book)
}

/// A workflow of whose started executions no history is held, only what their functions write.
fn kites(desk: &mut Desk, n: usize, ill: bool, logged: bool) -> String {
    const START: (&str, &str) = ("states", "startExecution.sync:2");
    let input = json!({"kite": n});
    let mut run = Run::new("kites", &format!("k{n}"), at(n), &input);
    let draw = lambda("draw-kite", 60 + vary(n, 9));
    desk.task(&mut run, "Draw", &draw, &input, &json!({"drawn": 1}));
    run.enter("Task", "Build", &input);
    let machine = "arn:aws:states:eu-central-1:480213377711:stateMachine:kite-works";
    let child = format!("arn:aws:states:eu-central-1:480213377711:express:kite-works:k{n}:1f");
    run.schedule(
        START,
        &json!({"StateMachineArn": machine, "Input": input}),
        &Value::Null,
    );
    run.submitted(START, &json!({"ExecutionArn": child}));
    if logged {
        desk.ran(&lambda("split-bamboo", 300 + vary(n, 30)), run.at + 40);
        let mut glue = lambda("glue-paper", 500 + vary(n, 30));
        if ill {
            glue = glue.raising("GlueDried", "the pot was left open at 21 degrees");
        }
        desk.ran(&glue, run.at + 420);
    }
    run.wait(1_100);
    if ill {
        let cause = json!({"ExecutionArn": child, "StateMachineArn": machine, "Status": "FAILED", "Error": "States.TaskFailed", "Cause": ""});
        run.failed(START, "States.TaskFailed", &cause.to_string());
        return desk.end(run, End::Failed("States.TaskFailed", &cause.to_string()));
    }
    run.succeeded(
        START,
        &json!({"ExecutionArn": child, "Status": "SUCCEEDED", "Output": {"built": 1}}),
    );
    run.exit("Task", "Build", &json!({"built": 1}));
    desk.end(run, End::Well(&json!({"built": 1})))
}

fn below_unseen(desk: &mut Desk, n: usize, ill: bool) -> String {
    kites(desk, n, ill, true)
}

fn below_unheard(desk: &mut Desk, n: usize, ill: bool) -> String {
    kites(desk, n, ill, false)
}

fn cold_but_in_time(desk: &mut Desk, n: usize, ill: bool) -> String {
    // A new sandbox now and then is how it works.
    gates(desk, n, None, if ill { 420 } else { 380 }, 1)
}

pub fn all() -> Vec<Mystery> {
    use Category::{
        BadDeploy, Capacity, ColdStart, Error, Infrastructure, Latency, LostMessage, Memory,
        NetworkConfig, Permission,
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
        crime(
            "refused since it was killed",
            &["tile-press"],
            &[Memory],
            press_killed,
        ),
        crime(
            "refused, killed long before",
            &["tile-press"],
            &[NetworkConfig, Infrastructure],
            press_killed_before,
        ),
        crime(
            "somebody alters the table",
            &["plan-migrator"],
            &[Latency, Capacity],
            somebody_alters_the_table,
        )
        .runs(12, 1),
        crime(
            "somebody always alters the table",
            &["box-office-db"],
            &[Latency, Capacity],
            somebody_always_alters_it,
        ),
        crime(
            "a worker waits and says for whom",
            &["pattern-vault"],
            &[Latency],
            caster_waits_for_patterns,
        ),
        crime(
            "a worker takes long itself",
            &["caster"],
            &[Latency],
            caster_takes_long,
        ),
        crime(
            "retries that only lines tell",
            &["bell-tower"],
            &[Error, Latency],
            hidden_by_retries,
        ),
        crime(
            "slow behind an empty pool",
            &["weigh-bridge"],
            &[Latency, Capacity],
            slow_behind_a_pool,
        ),
        crime(
            "patience that was given",
            &["read-settings"],
            &[BadDeploy, Category::TimeoutConfig],
            patience_given,
        ),
        crime(
            "a lock and nobody who holds it",
            &["box-office-db"],
            &[Latency, Capacity, Error],
            lock_without_a_name,
        ),
        crime(
            "what failed below is known by its log",
            &["glue-paper"],
            &[Error],
            below_unseen,
        ),
        crime(
            "nothing is known of what failed below",
            &[],
            &[],
            below_unheard,
        )
        .outcome(Outcome::ColdCase)
        .missing("kite-works"),
    ]
}
