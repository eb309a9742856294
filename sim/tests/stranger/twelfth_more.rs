//! The second half of the twelfth lot: what others wrote of whom a run waited for, workers and retries known by lines alone,
//! and what was given too short—each beside its look-alike.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Call, lambda},
    sixth::chain,
    twelfth::{seats, waited_for_a_lock},
    vary,
};
use model::{Category, Outcome};
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");

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

fn caster_takes_long(desk: &mut Desk, n: usize, ill: bool) -> String {
    let took = if ill { 40_000 } else { 1_900 + vary(n, 200) };
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

pub fn all() -> Vec<Mystery> {
    use Category::{
        BadDeploy, Capacity, Error, Infrastructure, Latency, Memory, NetworkConfig, TimeoutConfig,
    };
    vec![
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
            &[BadDeploy, TimeoutConfig],
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
