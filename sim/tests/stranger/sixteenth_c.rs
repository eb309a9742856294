//! A sixteenth lot: answers that came too late, upstreams without room, crowds at a store, addresses that were changed: each
//! beside its look-alike.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run, attributes, nanos},
    lambda::{Call, Lambda, lambda},
    sixth::chain,
    vary,
};
use model::{Category, Outcome};
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");

/// Stencils are cut by a worker that takes messages; an answer is waited for 90 seconds.
fn stencil(desk: &mut Desk, n: usize, answered: bool, work: impl Fn(&str) -> Lambda) -> String {
    let input = json!({"sheet": n % 9});
    let mut run = Run::new("stencils", &format!("t{n}"), at(n), &input);
    run.enter("Task", "Cut", &input);
    let token = format!("AQHW{:016x}{:016x}", desk.id(), desk.id());
    let message = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/stencil-jobs", "MessageBody": {"token": token}});
    run.schedule(SQS, &message, &json!({"timeoutInSeconds": 90}));
    let id = desk.id();
    let id = format!("{:08x}-52ab-4c11-8d1e-{:012x}", id >> 32, id >> 16);
    run.submitted(SQS, &json!({"MessageId": id}));
    let work = work(&id);
    desk.ran(&work, run.at + 300);
    if !answered {
        run.wait(90_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": SQS.0, "resource": SQS.1, "error": "States.Timeout"}),
        );
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.wait(work.ms + 350);
    run.succeeded(SQS, &json!({"cut": 1}));
    run.exit("Task", "Cut", &json!({"cut": 1}));
    desk.end(run, End::Well(&json!({"cut": 1})))
}

/// The worker, with how long it waits for its patterns and how long it works by itself.
fn cutter(n: usize, id: &str, patterns_ms: i64, own_ms: i64) -> Lambda {
    let asked = [("db.system", "redis"), ("server.address", "pattern-store")];
    let call = Call::new("HGETALL patterns", patterns_ms, &asked);
    let mut of = lambda("stencil-worker", patterns_ms + own_ms + vary(n, 40)).calling(call);
    of.lines = vec![("INFO", format!("job {id} taken"))];
    of
}

const GONE: &str =
    "InvalidState: TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'";

fn patterns_came_late(desk: &mut Desk, n: usize, ill: bool) -> String {
    stencil(desk, n, !ill, |id| match ill {
        true => cutter(n, id, 230_000, 400).saying("ERROR", GONE),
        false => cutter(n, id, 60, 400),
    })
}

/// It says nothing of it: its invocation goes on for longer than anybody waited.
fn patterns_came_late_unsaid(desk: &mut Desk, n: usize, ill: bool) -> String {
    stencil(desk, n, !ill, |id| {
        cutter(n, id, if ill { 130_000 } else { 60 }, 400)
    })
}

fn cut_slowly(desk: &mut Desk, n: usize, ill: bool) -> String {
    stencil(desk, n, !ill, |id| match ill {
        true => cutter(n, id, 70, 240_000).saying("ERROR", GONE),
        false => cutter(n, id, 60, 400),
    })
}

fn knife_broke(desk: &mut Desk, n: usize, ill: bool) -> String {
    stencil(desk, n, !ill, |id| match ill {
        true => cutter(n, id, 70, 400).saying("ERROR", "knife 3 broke, job dropped"),
        false => cutter(n, id, 60, 400),
    })
}

/// A try of a function; its request id.
fn invoked(desk: &mut Desk, run: &mut Run, of: &Lambda, answer: &Value) -> String {
    const INVOKE: (&str, &str) = ("lambda", "invoke");
    let arn = format!(
        "arn:aws:lambda:eu-central-1:480213377711:function:{}",
        of.name
    );
    run.schedule(
        INVOKE,
        &json!({"FunctionName": arn, "Payload": {}}),
        &Value::Null,
    );
    let request = desk.ran(of, run.at);
    run.wait(of.ms + 11);
    match &of.error {
        None => {
            let output = json!({"ExecutedVersion": of.version, "Payload": answer, "SdkHttpMetadata": {"HttpHeaders": {"x-amzn-RequestId": request}, "HttpStatusCode": 200}, "StatusCode": 200});
            run.succeeded(INVOKE, &output);
        }
        Some((kind, said)) => {
            let cause = json!({"errorType": kind, "errorMessage": said.replace("REQ", &request)});
            run.failed(INVOKE, kind, &cause.to_string());
        }
    }
    request
}

/// Two functions in one trace; the second one is cut off, and whom it asked goes on.
fn berths(desk: &mut Desk, n: usize, tide_ms: i64, own_ms: i64) -> String {
    const LIMIT: i64 = 12_000;
    let input = json!({"ship": n % 6});
    let mut run = Run::new("berths", &format!("b{n}"), at(n), &input);
    let trace = format!("{:016x}{:016x}", desk.id(), desk.id());
    let greet = lambda("greet-ship", 30);
    run.enter("Task", "Greet", &input);
    let began = run.at + 15;
    let first = invoked(desk, &mut run, &greet, &input);
    run.exit("Task", "Greet", &input);
    let write = |desk: &mut Desk,
                 of: (&str, u8, &str),
                 from: i64,
                 ms: i64,
                 above: &str,
                 told: &[(&str, &str)]| {
        let id = format!("{:016x}", desk.id());
        desk.span(&[("service.name", of.0)], json!({"traceId": trace, "spanId": id, "parentSpanId": above, "name": of.2, "kind": of.1,
            "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(from + ms), "attributes": attributes(told), "status": {}}));
        id
    };
    write(
        desk,
        ("greet-ship", 2, "greet-ship"),
        began,
        30,
        "",
        &[("faas.invocation_id", &first)],
    );
    let took = tide_ms + own_ms;
    let cut = took > LIMIT;
    let mut moor = lambda("moor-ship", took.min(LIMIT));
    moor.cut = cut;
    if cut {
        let said = "RequestId: REQ Error: Task timed out after 12.00 seconds";
        moor.error = Some(("Sandbox.Timedout".into(), said.into()));
    }
    run.enter("Task", "Moor", &input);
    let began = run.at + 15;
    let second = invoked(desk, &mut run, &moor, &json!({"berth": 4}));
    let mut call = format!("{:016x}", desk.id());
    if !cut {
        let told = [("faas.invocation_id", second.as_str())];
        let own = write(desk, ("moor-ship", 2, "moor-ship"), began, took, "", &told);
        let told = [("server.address", "tide-desk")];
        call = write(
            desk,
            ("moor-ship", 3, "GET"),
            began + 1,
            tide_ms,
            &own,
            &told,
        );
    }
    let tide = write(
        desk,
        ("tide-desk", 2, "GET /tide"),
        began + 2,
        tide_ms - 2,
        &call,
        &[],
    );
    let told = [("db.system", "mysql"), ("server.address", "gauge-db")];
    write(
        desk,
        ("tide-desk", 3, "SELECT gauges"),
        began + 3,
        tide_ms - 5,
        &tide,
        &told,
    );
    if cut {
        let (kind, said) = moor.error.unwrap_or_default();
        let cause = json!({"errorType": kind, "errorMessage": said.replace("REQ", &second)});
        return desk.end(run, End::Failed("Sandbox.Timedout", &cause.to_string()));
    }
    run.exit("Task", "Moor", &json!({"berth": 4}));
    desk.end(run, End::Well(&json!({"berth": 4})))
}

fn server_went_on(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 12 {
        let told = "timeout 12 -> 12, memory 128 -> 512";
        desk.changed(at(n) - 900_000, "config", "moor-ship", told);
    }
    berths(desk, n, if ill { 31_000 } else { 55 + vary(n, 9) }, 20)
}

fn server_was_quick(desk: &mut Desk, n: usize, ill: bool) -> String {
    berths(desk, n, 55 + vary(n, 9), if ill { 14_000 } else { 20 })
}

/// A proxy before a service that asks somebody behind it.
fn mosaics(desk: &mut Desk, n: usize, kiln_ms: i64, full: bool) -> String {
    let told = [
        ("component", "proxy"),
        ("upstream_cluster", "tile-shop"),
        ("response_flags", if full { "UO" } else { "-" }),
        ("http.status_code", if full { "503" } else { "200" }),
    ];
    let ms = if full { 2 } else { kiln_ms + 20 };
    let mut call = Call::new("mesh tile-shop egress", ms, &told);
    let mut of = lambda("lay-mosaic", ms + 30 + vary(n, 9));
    if full {
        call = call.failing("");
        of = of.raising("ShopError", "tile-shop: status 503");
    }
    of = of.calling(call);
    if !full {
        let told = [("server.address", "glaze-kiln")];
        of = of.calling(
            Call::new("POST /glaze", kiln_ms, &told)
                .by(&[("service.name", "glaze-kiln")], kiln_ms - 2),
        );
        of.ms += kiln_ms;
    }
    let all = [("Lay", of, json!({"laid": 1}))];
    chain(desk, "mosaics", n, &json!({"tiles": n % 8}), &all)
}

fn clogged_by_one_behind(desk: &mut Desk, n: usize, ill: bool) -> String {
    let slow = if n >= 12 { 9_000 } else { 90 + vary(n, 20) };
    mosaics(desk, n, slow, ill && n > 12)
}

fn full_all_at_once(desk: &mut Desk, n: usize, ill: bool) -> String {
    mosaics(desk, n, 90 + vary(n, 20), ill && n > 12)
}

const NO_SLOT: (&str, &str) = (
    "OperationalError",
    "connection to server at \"roster-db\" failed: FATAL: sorry, too many clients already",
);

/// A roster is read; somebody else has so many sessions open at the same store.
fn roster(desk: &mut Desk, n: usize, ill: bool, others: usize) -> String {
    if ill && n == 13 {
        for it in 0..others {
            let said = format!("acquired session {} on roster-db", it + 1);
            let of = lambda("print-yearbook", 95_000).saying("INFO", &said);
            desk.ran(&of, at(n) - 60_000 + 40 * it as i64);
        }
    }
    let mut of = lambda("read-roster", 60 + vary(n, 9));
    let told = [("db.system", "postgresql"), ("server.address", "roster-db")];
    let mut call = Call::new("SELECT roster", 20, &told);
    if ill {
        call = call.throwing(NO_SLOT.0, NO_SLOT.1);
        of = of.raising(NO_SLOT.0, NO_SLOT.1);
    }
    let all = [("Read", of.calling(call), json!({"pupils": 24}))];
    chain(desk, "rosters", n, &json!({"class": n % 5}), &all)
}

fn taken_by_a_crowd(desk: &mut Desk, n: usize, ill: bool) -> String {
    roster(desk, n, ill, 60)
}

fn taken_by_nobody_known(desk: &mut Desk, n: usize, ill: bool) -> String {
    roster(desk, n, ill, 4)
}

/// A table whose writes are used up; somebody else writes how much of them he uses.
fn seats(desk: &mut Desk, n: usize, ill: bool, share: i64) -> String {
    for it in 0..4 {
        let used = if ill { share } else { 70 + vary(n, 30) };
        let said = format!("batch {it}: used {used} of 1500 provisioned write units of seat-plan");
        let of = lambda("copy-seats", 9_000).saying("INFO", &said);
        desk.ran(&of, at(n) - 15_000 + 10_000 * it);
    }
    let mut of = lambda("hold-seat", 40 + vary(n, 9));
    let told = [
        ("db.system", "dynamodb"),
        ("aws.dynamodb.table_names", "seat-plan"),
        ("peer.service", "seat-plan"),
    ];
    let mut call = Call::new("DynamoDB.UpdateItem", 15, &told);
    if ill {
        let said = "The level of configured provisioned throughput for the table was exceeded.";
        call = call.throwing("ProvisionedThroughputExceededException", said);
        of = of.raising("ProvisionedThroughputExceededException", said);
    }
    let all = [("Hold", of.calling(call), json!({"held": 1}))];
    chain(desk, "seats", n, &json!({"row": n % 7}), &all)
}

fn used_up_by_a_copy(desk: &mut Desk, n: usize, ill: bool) -> String {
    seats(desk, n, ill, 1_480)
}

fn used_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    seats(desk, n, ill, 90)
}

/// A name that is not found.
fn cellar(desk: &mut Desk, n: usize, ill: bool, change: &str) -> String {
    if n == 12 {
        desk.changed(at(n) - 60_000, "config", "count-casks", change);
    }
    let mut of = lambda("count-casks", 80 + vary(n, 15));
    if ill {
        of = of.raising(
            "gaierror",
            "failed to resolve host 'cask-index.cellar.lan': Name or service not known",
        );
    }
    let all = [("Count", of, json!({"casks": 31}))];
    chain(desk, "cellars", n, &json!({"vault": n % 4}), &all)
}

fn told_another_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    cellar(desk, n, ill, "environment variable INDEX_HOST changed")
}

fn told_to_say_less(desk: &mut Desk, n: usize, ill: bool) -> String {
    cellar(desk, n, ill, "environment variable LOG_LEVEL changed")
}

/// A function without a log of its own fails in its first words.
fn hives(desk: &mut Desk, n: usize, said: Option<&str>) -> String {
    let input = json!({"hive": n});
    let weigh = lambda("weigh-hive", 50 + vary(n, 9));
    let mut judge = lambda("judge-honey", 90).dark();
    judge.error = said.map(|it| ("Error".to_owned(), it.to_owned()));
    let all = [
        ("Weigh", weigh, json!({"kg": 21})),
        ("Judge", judge, json!({"ok": 1})),
    ];
    chain(desk, "hives", n, &input, &all)
}

fn somebody_behind(desk: &mut Desk, n: usize, ill: bool) -> String {
    hives(desk, n, ill.then_some("downstream call returned an error"))
}

fn somebody_named(desk: &mut Desk, n: usize, ill: bool) -> String {
    hives(
        desk,
        n,
        ill.then_some("downstream call to pollen-index.apiary.lan failed: status 503"),
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::{Capacity, Latency, LostMessage, NetworkConfig};
    let bad = |what, names, categories, make| crime(what, names, categories, make);
    vec![
        bad(
            "patterns came late",
            &["pattern-store"],
            &[Latency],
            patterns_came_late,
        ),
        bad(
            "patterns came late and nobody said so",
            &["pattern-store"],
            &[Latency],
            patterns_came_late_unsaid,
        ),
        bad("cut slowly", &["stencil-worker"], &[Latency], cut_slowly),
        bad(
            "the knife broke",
            &["stencil-worker"],
            &[LostMessage],
            knife_broke,
        ),
        bad(
            "the server went on",
            &["gauge-db"],
            &[Latency],
            server_went_on,
        ),
        bad(
            "the server was quick",
            &["moor-ship"],
            &[Latency],
            server_was_quick,
        ),
        bad(
            "clogged by one behind",
            &["glaze-kiln"],
            &[Latency],
            clogged_by_one_behind,
        )
        .runs(12, 2),
        bad(
            "full all at once",
            &["tile-shop"],
            &[Capacity],
            full_all_at_once,
        )
        .runs(12, 2),
        bad(
            "taken by a crowd",
            &["print-yearbook"],
            &[Capacity],
            taken_by_a_crowd,
        ),
        bad(
            "taken by nobody known",
            &["roster-db"],
            &[Capacity],
            taken_by_nobody_known,
        ),
        bad(
            "used up by a copy",
            &["copy-seats"],
            &[Capacity],
            used_up_by_a_copy,
        ),
        bad("used as ever", &["seat-plan"], &[Capacity], used_as_ever),
        bad(
            "told another host",
            &["count-casks"],
            &[NetworkConfig],
            told_another_host,
        ),
        bad(
            "told to say less",
            &["cask-index.cellar.lan"],
            &[NetworkConfig],
            told_to_say_less,
        ),
        bad("somebody behind", &[], &[], somebody_behind)
            .outcome(Outcome::ColdCase)
            .runs(12, 1),
        bad(
            "somebody named",
            &["pollen-index.apiary.lan", "judge-honey"],
            &[],
            somebody_named,
        )
        .runs(12, 1),
    ]
}
