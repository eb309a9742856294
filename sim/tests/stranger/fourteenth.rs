//! A fourteenth lot: hosts, routes and waits that tell themselves what is wrong with them, and what a started execution hid:
//! each beside its look-alike.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    sixth::chain,
    vary,
};
use model::{Category, Outcome};
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");
const START: (&str, &str) = ("states", "startExecution.sync:2");
const KILNS: [&str; 3] = ["kiln-a", "kiln-b", "kiln-c"];

/// A kiln is asked by one try or several, each on a host.
fn fire(host: &'static str, n: usize, wrong: Option<(&'static str, &'static str)>) -> Lambda {
    let mut call = Call::new("POST /fire", 40, &[("server.address", "kiln-control")]).by(
        &[("service.name", "kiln-control"), ("host.name", host)],
        35 + vary(n, 6),
    );
    let of = lambda("fire-tiles", 70 + vary(n, 9));
    let Some((said, line)) = wrong else {
        return of.calling(call);
    };
    call = call
        .failing("kiln-control answered 500")
        .serving_error(said);
    if let Some(server) = &mut call.server {
        server.log = Some((17, line));
    }
    of.calling(call)
        .raising("KilnError", "kiln-control answered 500")
}

fn fired(desk: &mut Desk, n: usize, wrong: Option<(&'static str, &'static str)>) -> String {
    let input = json!({"batch": n % 7});
    let mut run = Run::new("firing", &format!("f{n}"), at(n), &input);
    let tries = match wrong {
        None => vec![fire(KILNS[n % 3], n, None)],
        some => vec![fire("kiln-b", n, some), fire("kiln-b", n + 1, some)],
    };
    let well = desk.retried(&mut run, "Fire", &tries, &input, &json!({"fired": 1}));
    match well {
        true => desk.end(run, End::Well(&json!({"fired": 1}))),
        false => desk.end(
            run,
            End::Failed(
                "KilnError",
                "{\"errorMessage\":\"kiln-control answered 500\"}",
            ),
        ),
    }
}

fn disk_of_one_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    let wrong = (
        "cannot store curve: Input/output error (os error 5)",
        "EXT4-fs error (device sdb1): journal has aborted",
    );
    fired(desk, n, ill.then_some(wrong))
}

fn twice_on_one_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    let wrong = (
        "glaze 41 has no curve",
        "ERROR no curve for glaze 41 in catalogue",
    );
    fired(desk, n, ill.then_some(wrong))
}

/// A secret that has run out; and an amount that is none.
fn toll(desk: &mut Desk, n: usize, error: Option<(&str, &str)>) -> String {
    let mut ask = lambda("charge-toll", 150 + vary(n, 30));
    if let Some((kind, message)) = error {
        ask = ask.raising(kind, message);
    }
    let all = [("Charge", ask, json!({"charged": 1}))];
    chain(desk, "tolls", n, &json!({"gate": n % 4}), &all)
}

fn secret_ran_out(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = (
        "OAuthError",
        "POST https://login.motorway.example/token returned 401 {\"error\":\"invalid_client\",\"error_description\":\"client secret is past its end date\"}",
    );
    toll(desk, n, ill.then_some(error))
}

fn toll_table_is_invalid(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = (
        "TollTableError",
        "invalid table: 401 rows, 402 in the header",
    );
    toll(desk, n, ill.then_some(error))
}

/// A proxy that asks a service, and how long both take.
fn routed(desk: &mut Desk, n: usize, waited: i64, needed: i64) -> String {
    let late = waited < needed;
    let told = [
        ("component", "proxy"),
        ("upstream_cluster", "tide-tables"),
        ("response_flags", if late { "UT" } else { "-" }),
        ("http.status_code", if late { "504" } else { "200" }),
    ];
    let mut call = Call::new("router tide-tables egress", waited.min(needed) + 2, &told)
        .by(&[("service.name", "tides-api")], needed);
    let mut of = lambda("plan-berths", waited.min(needed) + 60 + vary(n, 20));
    if late {
        call = call.failing("upstream request timeout");
        of = of.raising(
            "HTTPError",
            "504 Server Error: Gateway Timeout for url: http://tides-api/tables",
        );
    }
    let all = [("Plan", of.calling(call), json!({"berths": 4}))];
    chain(desk, "berths", n, &json!({"port": n % 5}), &all)
}

fn route_gives_up(desk: &mut Desk, n: usize, ill: bool) -> String {
    let needed = 2_600 + vary(n, 700);
    routed(desk, n, if ill { 1_500 } else { 15_000 }, needed)
}

fn behind_the_route_it_takes_long(desk: &mut Desk, n: usize, ill: bool) -> String {
    let needed = if ill { 21_000 } else { 2_600 + vary(n, 700) };
    routed(desk, n, 15_000, needed)
}

/// Hosts that are taken out one after the other.
fn ejected(
    desk: &mut Desk,
    n: usize,
    version: &'static str,
    ill: bool,
    everywhere: bool,
) -> String {
    const HOSTS: [&str; 2] = ["10.44.0.7:9000", "10.44.0.8:9000"];
    let input = json!({"sluice": n % 6});
    let mut run = Run::new("sluices", &format!("z{n}"), at(n), &input);
    let one = |host: &str, flags: &str, code: &str| {
        let bad = code != "200";
        let told = [
            ("component", "proxy"),
            ("upstream_cluster", "sluice-gate"),
            ("upstream_address", host),
            ("response_flags", flags),
            ("http.status_code", code),
        ];
        let mut call = Call::new("router sluice-gate egress", 30, &told);
        if !host.is_empty() {
            call = call.by(
                &[
                    ("service.name", "sluice-gate"),
                    ("service.version", version),
                ],
                26,
            );
        }
        if bad {
            call = call
                .failing("")
                .serving_error("panic: slice bounds out of range");
        }
        let of = lambda("move-sluice", 60 + vary(n, 9)).calling(call);
        match bad {
            true => of.raising("SluiceError", &format!("sluice-gate: status {code}")),
            false => of,
        }
    };
    let tries = match ill {
        false => vec![one(HOSTS[n % 2], "-", "200")],
        true => vec![
            one(HOSTS[0], "-", "500"),
            one(HOSTS[usize::from(everywhere)], "-", "500"),
            one("", "UH", "503"),
        ],
    };
    match desk.retried(&mut run, "Move", &tries, &input, &json!({"moved": 1})) {
        true => desk.end(run, End::Well(&json!({"moved": 1}))),
        false => desk.end(
            run,
            End::Failed(
                "SluiceError",
                "{\"errorMessage\":\"sluice-gate: status 503\"}",
            ),
        ),
    }
}

fn ejected_for_a_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    ejected(desk, n, if ill { "3.9.0" } else { "3.8.2" }, ill, true)
}

fn ejected_without_a_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    ejected(desk, n, "3.8.2", ill, false)
}

/// A state asks, a Choice reads, a Wait waits as long as the answer says.
fn asked_later(desk: &mut Desk, n: usize, wait_s: i64, line: &str) -> String {
    let input = json!({"plot": n % 9});
    let mut run = Run::new("soil-maps", &format!("p{n}"), at(n), &input);
    let ask = lambda("ask-survey", 180 + vary(n, 30));
    if wait_s > 0 {
        let told = json!({"plot": n % 9, "survey": {"open": false, "pause": wait_s}});
        desk.task(
            &mut run,
            "Ask",
            &ask.clone().saying("INFO", line),
            &input,
            &told,
        );
        run.through("Choice", "Open?", &told, &told);
        run.enter("Wait", "Pause", &told);
        run.wait(wait_s * 1_000);
        run.exit("Wait", "Pause", &told);
    }
    let open = json!({"plot": n % 9, "survey": {"open": true, "pause": 0}});
    let ask = ask.saying("INFO", "GET survey.soil.example/plots -> 200");
    desk.task(&mut run, "Ask", &ask, &input, &open);
    run.through("Choice", "Open?", &open, &open);
    desk.task(
        &mut run,
        "Draw",
        &lambda("draw-map", 400 + vary(n, 60)),
        &open,
        &open,
    );
    desk.end(run, End::Well(&open))
}

fn told_to_come_later(desk: &mut Desk, n: usize, ill: bool) -> String {
    let line = "GET survey.soil.example/plots -> 429 Too Many Requests, Retry-After: 600";
    asked_later(desk, n, if ill { 600 } else { 0 }, line)
}

fn waits_of_its_own_accord(desk: &mut Desk, n: usize, ill: bool) -> String {
    let line = "GET survey.soil.example/plots -> 200, pausing until the hour is full";
    asked_later(desk, n, if ill { 600 } else { 0 }, line)
}

/// A started execution that finds seats; above, a Choice ends the run where there are none.
fn excursions(desk: &mut Desk, n: usize, find: Lambda, found: &Value) -> String {
    let input = json!({"coach": n % 6});
    let mut child = Run::new("find-seats", &format!("c{n}"), at(n) + 60, &input);
    let caught = find.error.clone();
    let well = desk.task(&mut child, "Find", &find, &input, found);
    if let (Some((error, said)), false) = (caught, well) {
        child.exit(
            "Task",
            "Find",
            &json!({"oops": {"Error": error, "Cause": said}}),
        );
        child.through("Pass", "None found", &input, found);
    }
    child.at += 4;
    let ended = child.at;
    let below = desk.end(child, End::Well(found));
    let mut run = Run::new("excursions", &format!("x{n}"), at(n), &input);
    run.enter("Task", "Seats", &input);
    let machine = "arn:aws:states:eu-central-1:480213377711:stateMachine:find-seats";
    run.schedule(
        START,
        &json!({"StateMachineArn": machine, "Input": input}),
        &Value::Null,
    );
    run.submitted(START, &json!({"ExecutionArn": below}));
    run.at = ended + 90;
    run.succeeded(
        START,
        &json!({"ExecutionArn": below, "Status": "SUCCEEDED", "Output": found}),
    );
    run.exit("Task", "Seats", found);
    run.enter("Choice", "Any?", found);
    run.exit("Choice", "Any?", found);
    if found["seats"].as_array().is_some_and(|it| it.is_empty()) {
        run.enter("Fail", "Full", found);
        return desk.end(run, End::Failed("Coach.Full", "no seat is free"));
    }
    let book = lambda("book-seat", 90 + vary(n, 20));
    desk.task(&mut run, "Book", &book, found, &json!({"booked": 1}));
    desk.end(run, End::Well(&json!({"booked": 1})))
}

fn seats(n: usize) -> Value {
    let all: Vec<Value> = (0..3 + n % 4).map(|it| json!({"no": it + 1})).collect();
    json!({ "seats": all })
}

fn swallowed_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let find = lambda("seat-finder", 120 + vary(n, 20));
    match ill {
        false => excursions(desk, n, find, &seats(n)),
        true => {
            let find = find.raising("IndexError", "list index out of range in rows[4]");
            excursions(desk, n, find, &json!({"seats": []}))
        }
    }
}

fn empty_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let find = lambda("seat-finder", 120 + vary(n, 20)).version(if ill { "32" } else { "31" });
    let found = if ill { json!({"seats": []}) } else { seats(n) };
    excursions(desk, n, find, &found)
}

/// A function that takes messages and names none of them.
fn ferry(desk: &mut Desk, n: usize, ran: bool, answered: bool) -> String {
    let input = json!({"ferry": n % 5});
    let mut run = Run::new("ferries", &format!("y{n}"), at(n), &input);
    run.enter("Task", "Board", &input);
    let token = format!("AQFX{:016x}{:016x}", desk.id(), desk.id());
    let message = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/boarding", "MessageBody": {"token": token}});
    run.schedule(SQS, &message, &json!({"timeoutInSeconds": 240}));
    let id = desk.id();
    run.submitted(
        SQS,
        &json!({"MessageId": format!("{:08x}-11ab-4d01-9c1e-{:012x}", id >> 32, id >> 16)}),
    );
    if ran {
        let mut board = lambda("board-cars", 900 + vary(n, 300)).saying("INFO", "ramp is down");
        board = match answered {
            true => board.saying("INFO", "SendTaskSuccess"),
            false => board.raising("RampError", "ramp did not lock"),
        };
        desk.ran(&board, run.at + 300);
    }
    if !answered {
        run.wait(240_000);
        run.push(
            "TaskTimedOut",
            json!({"resourceType": SQS.0, "resource": SQS.1, "error": "States.Timeout"}),
        );
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.wait(1_500 + vary(n, 300));
    run.succeeded(SQS, &json!({"cars": 31}));
    run.exit("Task", "Board", &json!({"cars": 31}));
    desk.end(run, End::Well(&json!({"cars": 31})))
}

fn nobody_was_called(desk: &mut Desk, n: usize, ill: bool) -> String {
    ferry(desk, n, !ill, !ill)
}

fn whoever_was_called_failed(desk: &mut Desk, n: usize, ill: bool) -> String {
    ferry(desk, n, true, !ill)
}

/// A function that is cut off while it waits for a lock, or for nothing that it tells.
fn ledger(desk: &mut Desk, n: usize, ms: i64, lines: &[&str]) -> String {
    let mut of = lambda("close-till", ms);
    for line in lines {
        of = of.saying("WARN", line);
    }
    if ms >= 20_000 {
        of.cut = true;
        of.error = Some((
            "Sandbox.Timedout".into(),
            "RequestId: REQ Error: Task timed out after 20.00 seconds".into(),
        ));
    }
    let all = [("Close", of, json!({"closed": 1}))];
    chain(desk, "tills", n, &json!({"till": n % 8}), &all)
}

const LOCK: &str = "lock wait on till_day: blocked by session 771 (host till-db)";
const IDLE: &str = "no receipt printer attached";

fn locked_out(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => ledger(desk, n, 20_000, &[LOCK, LOCK]),
        false => ledger(desk, n, 300 + vary(n, 80), &[]),
    }
}

fn cut_off_with_usual_words(desk: &mut Desk, n: usize, ill: bool) -> String {
    let ms = if ill { 20_000 } else { 300 + vary(n, 80) };
    ledger(desk, n, ms, &[IDLE, IDLE])
}

/// A function of which nothing is held ran out of its state's time; another one writes, or nobody does.
fn ice(desk: &mut Desk, n: usize, ill: bool, logged: bool) -> String {
    let input = json!({"rink": n % 3});
    let mut run = Run::new("ice", &format!("i{n}"), at(n), &input);
    let mut look = lambda("look-at-ice", 80 + vary(n, 20));
    look.dark = !logged;
    desk.task(&mut run, "Look", &look, &input, &json!({"mm": 31}));
    run.enter("Task", "Flood", &json!({"mm": 31}));
    run.push("LambdaFunctionScheduled", json!({"resource": "arn:aws:lambda:eu-central-1:480213377711:function:flood-rink", "input": "{\"mm\":31}", "timeoutInSeconds": 45}));
    run.at += 20;
    run.push("LambdaFunctionStarted", json!({}));
    if ill {
        run.wait(45_000);
        run.push("LambdaFunctionTimedOut", json!({"error": "States.Timeout"}));
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.wait(1_900 + vary(n, 400));
    run.push("LambdaFunctionSucceeded", json!({"output": "{\"l\":900}"}));
    run.exit("Task", "Flood", &json!({"l": 900}));
    desk.end(run, End::Well(&json!({"l": 900})))
}

fn cut_off_in_the_dark(desk: &mut Desk, n: usize, ill: bool) -> String {
    ice(desk, n, ill, true)
}

fn nothing_is_ever_written(desk: &mut Desk, n: usize, ill: bool) -> String {
    ice(desk, n, ill, false)
}

pub fn all() -> Vec<Mystery> {
    use Category::{
        BadDeploy, Capacity, Error, Infrastructure, Latency, LostMessage, Permission, SilentData,
        TimeoutConfig,
    };
    let bad = |what, names, categories, make| crime(what, names, categories, make);
    vec![
        bad(
            "the disk of one host",
            &["kiln-b"],
            &[Infrastructure],
            disk_of_one_host,
        )
        .runs(12, 1),
        bad(
            "twice on one host by chance",
            &["kiln-control"],
            &[Error],
            twice_on_one_host,
        )
        .runs(12, 1),
        bad(
            "a client's secret ran out",
            &["charge-toll"],
            &[Permission],
            secret_ran_out,
        ),
        bad(
            "a table with 401 rows",
            &["charge-toll"],
            &[Error],
            toll_table_is_invalid,
        ),
        bad(
            "a route gives up too soon",
            &["tide-tables"],
            &[TimeoutConfig],
            route_gives_up,
        ),
        bad(
            "behind a route it takes long",
            &["tides-api", "tide-tables"],
            &[Latency],
            behind_the_route_it_takes_long,
        ),
        bad(
            "ejected for a release",
            &["sluice-gate"],
            &[BadDeploy],
            ejected_for_a_release,
        )
        .runs(12, 1),
        bad(
            "ejected without a release",
            &["10.44.0.7:9000"],
            &[Infrastructure],
            ejected_without_a_release,
        )
        .runs(12, 1),
        bad(
            "told to come later",
            &["survey.soil.example"],
            &[Capacity],
            told_to_come_later,
        )
        .runs(12, 1),
        bad(
            "a pause of one's own",
            &["ask-survey"],
            &[SilentData],
            waits_of_its_own_accord,
        )
        .runs(12, 1),
        bad(
            "a failure hidden below",
            &["seat-finder"],
            &[Error],
            swallowed_below,
        ),
        bad(
            "nothing found below",
            &["Seats", "seat-finder"],
            &[SilentData, BadDeploy],
            empty_below,
        ),
        bad(
            "nobody was called",
            &["boarding"],
            &[LostMessage],
            nobody_was_called,
        )
        .runs(12, 1),
        bad(
            "whoever was called failed",
            &["board-cars"],
            &[LostMessage, Error],
            whoever_was_called_failed,
        )
        .runs(12, 1),
        bad(
            "locked out as it wrote",
            &["till-db"],
            &[Latency],
            locked_out,
        ),
        bad(
            "cut off with usual words",
            &["close-till"],
            &[Latency],
            cut_off_with_usual_words,
        ),
        bad("cut off in the dark", &[], &[], cut_off_in_the_dark)
            .outcome(Outcome::ColdCase)
            .missing("flood-rink"),
        bad(
            "cut off where nothing is written",
            &["flood-rink"],
            &[Latency],
            nothing_is_ever_written,
        ),
    ]
}
