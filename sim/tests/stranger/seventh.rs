//! A seventh lot: who grew what a function could not answer with, values that cannot be read, versions of services and
//! aliases, hosts behind a proxy, amounts of started executions, functions of which nothing is held.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Call, lambda},
    sixth::chain,
    vary,
};
use model::{Category, Outcome};
use serde_json::{Value, json};

const LIMIT: &str = "The state/task 'lambda:invoke' returned a result with a size exceeding the maximum number of bytes service limit.";

/// Scans that are gathered, sorted and stitched; the last answers with more than it may.
fn scans(desk: &mut Desk, n: usize, bytes: usize, error: Option<(&str, &str)>) -> String {
    let body = json!({"n": n, "scans": "k".repeat(bytes)});
    let mut stitch = lambda("stitch-scans", 700 + vary(n, 90));
    stitch.error = error.map(|(kind, words)| (kind.to_owned(), words.to_owned()));
    let all = [
        (
            "Gather",
            lambda("gather-scans", 300 + vary(n, 30)),
            body.clone(),
        ),
        ("Sort", lambda("sort-scans", 90 + vary(n, 9)), body.clone()),
        ("Stitch", stitch, json!({"ok": 1})),
    ];
    chain(desk, "scan-night", n, &json!({"n": n}), &all)
}

fn fed_too_much(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ill.then_some(("States.DataLimitExceeded", LIMIT));
    scans(desk, n, if ill { 150_000 } else { 22_000 + n }, error)
}

fn fed_too_much_sync(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    let error = ill.then_some(("Function.ResponseSizeTooLarge", words));
    scans(desk, n, if ill { 190_000 } else { 31_000 - n }, error)
}

fn fed_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ill.then_some(("States.DataLimitExceeded", LIMIT));
    scans(desk, n, 60_000 + n, error)
}

/// A booking whose day is read.
fn booking(desk: &mut Desk, n: usize, day: &str, error: Option<(&str, &str)>) -> String {
    let mut read = lambda("read-booking", 40 + vary(n, 9));
    if let Some((kind, words)) = error {
        read = read.raising(kind, words);
    }
    let input = json!({"guest": format!("g-{n}"), "stay": {"from": day, "nights": 2 + n % 3}});
    let all = [
        ("Read", read, json!({"guest": n, "ok": 1})),
        ("Confirm", lambda("confirm-booking", 60), json!({"ok": 1})),
    ];
    chain(desk, "inn-bookings", n, &input, &all)
}

fn day_of(n: usize) -> String {
    format!("2026-04-{:02}", 1 + n % 28)
}

fn no_such_day(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "Text '2026-02-31' could not be parsed: Invalid date 'FEBRUARY 31'";
    match ill {
        true => booking(
            desk,
            n,
            "2026-02-31",
            Some(("java.time.format.DateTimeParseException", words)),
        ),
        false => booking(desk, n, &day_of(n), None),
    }
}

fn no_number(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "The input string '12,5O' was not in a correct format.";
    match ill {
        true => booking(desk, n, "12,5O", Some(("System.FormatException", words))),
        false => booking(desk, n, &day_of(n), None),
    }
}

/// What cannot be read stands nowhere in the input: it is the function's own.
fn own_constant(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "invalid literal for int() with base 10: 'eight'";
    booking(desk, n, &day_of(n), ill.then_some(("ValueError", words)))
}

/// A function behind an alias, or asked for in a version by its number, whose failures tell no request.
fn canary(desk: &mut Desk, n: usize, asked: &str, version: &'static str, ill: bool) -> String {
    let mut of = lambda("seat-guests", 120 + vary(n, 20)).version(version);
    if ill {
        of = of.raising("TypeError", "tables is not iterable");
    }
    let invoke = ("lambda", "invoke");
    let arn = format!("arn:aws:lambda:eu-central-1:480213377711:function:seat-guests:{asked}");
    let mut run = Run::new("seating", &format!("s{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Seat", &json!({"n": n}));
    run.schedule(
        invoke,
        &json!({"FunctionName": arn, "Payload": {}}),
        &Value::Null,
    );
    let _ = desk.ran(&of, run.at);
    run.wait(of.ms + 11);
    if ill {
        let cause = "{\"errorMessage\":\"tables is not iterable\",\"errorType\":\"TypeError\"}";
        run.failed(invoke, "TypeError", cause);
        return desk.end(run, End::Failed("TypeError", cause));
    }
    run.succeeded(
        invoke,
        &json!({"ExecutedVersion": version, "Payload": {"ok": 1}, "StatusCode": 200}),
    );
    run.exit("Task", "Seat", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn canary_by_alias(desk: &mut Desk, n: usize, ill: bool) -> String {
    canary(desk, n, "live", if ill { "41" } else { "40" }, ill)
}

fn canary_by_number(desk: &mut Desk, n: usize, ill: bool) -> String {
    canary(desk, n, "40", if ill { "41" } else { "40" }, ill)
}

fn canary_innocent(desk: &mut Desk, n: usize, ill: bool) -> String {
    canary(desk, n, "live", if ill || n > 4 { "41" } else { "40" }, ill)
}

/// A service that tells its version, and what it throws.
fn released(desk: &mut Desk, n: usize, version: &str, ill: bool) -> String {
    let status = if ill { "500" } else { "200" };
    let asked = [
        ("server.address", "tariff-book"),
        ("http.response.status_code", status),
    ];
    let resource = [
        ("service.name", "tariff-book"),
        ("service.version", version),
    ];
    // A resource outlives the call that names it.
    let mut call = Call::new("GET /tariff", 40 + vary(n, 9), &asked).by(&[], 30);
    if let Some(server) = &mut call.server {
        server.resource = resource
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()))
            .collect();
    }
    if ill {
        call = call
            .failing("500")
            .serving_error("IndexOutOfBoundsException: Index 0");
    }
    let mut of = lambda("find-tariff", 120 + vary(n, 20)).calling(call);
    if ill {
        of = of.raising("TariffError", "tariff-book answered 500");
    }
    chain(
        desk,
        "freight",
        n,
        &json!({"n": n}),
        &[("Tariff", of, json!({"ok": 1}))],
    )
}

fn bad_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    released(desk, n, if ill { "7.2.0" } else { "7.1.4" }, ill)
}

fn release_that_serves(desk: &mut Desk, n: usize, ill: bool) -> String {
    released(desk, n, if ill || n > 5 { "7.2.0" } else { "7.1.4" }, ill)
}

fn no_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    released(desk, n, "7.1.4", ill)
}

/// A proxy and the host that it chose, three times each run.
fn proxied(desk: &mut Desk, n: usize, ill: bool, hosts: &[&str]) -> String {
    let mut of = lambda("read-meter", 200 + vary(n, 20));
    for k in 0..3 {
        let host = hosts[(n + k) % hosts.len()];
        let (code, flags) = if ill { ("503", "UF") } else { ("200", "-") };
        let told = [
            ("component", "proxy"),
            ("upstream_cluster", "meters"),
            ("upstream_address", host),
            ("response_flags", flags),
            ("http.status_code", code),
        ];
        let mut call = Call::new("router meters egress", 30, &told);
        if ill {
            call = call.failing("upstream reset");
        }
        of = of.calling(call);
    }
    if ill {
        of = of.raising("MeterError", "meters answered 503");
    }
    chain(
        desk,
        "metering",
        n,
        &json!({"n": n}),
        &[("Meter", of, json!({"ok": 1}))],
    )
}

const HOSTS: [&str; 3] = ["10.7.0.4:8080", "10.7.0.5:8080", "10.7.0.6:8080"];

fn one_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    proxied(desk, n, ill, if ill { &HOSTS[1..2] } else { &HOSTS })
}

fn all_hosts(desk: &mut Desk, n: usize, ill: bool) -> String {
    proxied(desk, n, ill, &HOSTS)
}

fn only_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    proxied(desk, n, ill, &HOSTS[..1])
}

/// A total that a started execution works out, `deep` executions down.
fn summed(desk: &mut Desk, n: usize, minor: f64, deep: bool) -> String {
    let result = json!({"n": n, "sum": {"minor": minor}});
    let inner = chain(
        desk,
        "sum-up",
        n,
        &json!({"n": n}),
        &[
            (
                "Load",
                lambda("load-lines", 80 + vary(n, 9)),
                json!({"n": n, "lines": 4}),
            ),
            ("Add", lambda("add-lines", 60 + vary(n, 9)), result.clone()),
        ],
    );
    match deep {
        false => started(desk, "month-end", n, &inner, &result),
        true => {
            let middle = started(desk, "sum-region", n, &inner, &result);
            started(desk, "year-end", n, &middle, &result)
        }
    }
}

fn started(desk: &mut Desk, machine: &str, n: usize, child: &str, result: &Value) -> String {
    let of = ("states", "startExecution.sync:2");
    let below = child.replace(":execution:", ":stateMachine:");
    let below = below.rsplit_once(':').map_or("", |it| it.0).to_owned();
    let mut run = Run::new(machine, &format!("s{n}"), at(n) - 50, &json!({"n": n}));
    run.enter("Task", &format!("Sum in {machine}"), &json!({"n": n}));
    run.schedule(of, &json!({"StateMachineArn": below}), &Value::Null);
    run.submitted(of, &json!({"ExecutionArn": child}));
    run.wait(900 + vary(n, 50));
    run.succeeded(
        of,
        &json!({"ExecutionArn": child, "Status": "SUCCEEDED", "Output": result}),
    );
    run.exit("Task", &format!("Sum in {machine}"), result);
    desk.end(run, End::Well(result))
}

fn wrong_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let minor = 400_000.0 + vary(n, 90_000) as f64;
    summed(desk, n, if ill { minor / 100_000.0 } else { minor }, false)
}

fn wrong_far_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let minor = 400_000.0 + vary(n, 90_000) as f64;
    summed(desk, n, if ill { minor / 100_000.0 } else { minor }, true)
}

fn a_little_less_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let minor = 400_000.0 + vary(n, 90_000) as f64;
    summed(desk, n, if ill { minor / 2.0 } else { minor }, false)
}

/// Lambda does not know of what a function failed.
fn unknown(desk: &mut Desk, n: usize, ill: bool, logged: bool) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("star-chart", &format!("s{n}"), at(n), &input);
    let mut plot = lambda("plot-stars", 200 + vary(n, 20));
    plot.dark = !logged;
    desk.task(&mut run, "Plot", &plot, &input, &input);
    run.enter("Task", "Refine", &input);
    if ill {
        let cause = "The cause could not be determined because Lambda did not return an error type. Returned payload: null";
        desk.refused(&mut run, "refine-chart", "Lambda.Unknown", cause);
        return desk.end(run, End::Failed("Lambda.Unknown", cause));
    }
    desk.invoke(
        &mut run,
        &lambda("refine-chart", 150).dark(),
        &input,
        &input,
    );
    run.exit("Task", "Refine", &input);
    desk.end(run, End::Well(&input))
}

fn unknown_beside_logs(desk: &mut Desk, n: usize, ill: bool) -> String {
    unknown(desk, n, ill, true)
}

fn unknown_without_logs(desk: &mut Desk, n: usize, ill: bool) -> String {
    unknown(desk, n, ill, false)
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "an answer too large of what was gathered",
            &["Gather", "gather-scans"],
            &[DataSize],
            fed_too_much,
        ),
        crime(
            "a sync answer too large of what was gathered",
            &["Gather", "gather-scans"],
            &[DataSize],
            fed_too_much_sync,
        ),
        crime(
            "an answer too large of as much as ever",
            &["Stitch", "stitch-scans"],
            &[DataSize],
            fed_as_ever,
        ),
        crime(
            "a day that no month has",
            &["Read", "read-booking"],
            &[BadInput],
            no_such_day,
        )
        .runs(12, 1),
        crime(
            "a number that is none",
            &["Read", "read-booking"],
            &[BadInput],
            no_number,
        )
        .runs(12, 1),
        crime(
            "a literal of the function itself",
            &["read-booking"],
            &[Error],
            own_constant,
        )
        .runs(12, 1),
        crime(
            "a canary behind an alias",
            &["seat-guests"],
            &[BadDeploy],
            canary_by_alias,
        )
        .changed("41"),
        crime(
            "a canary behind a number",
            &["seat-guests"],
            &[BadDeploy],
            canary_by_number,
        )
        .changed("41"),
        crime(
            "a version that ran well, too",
            &["seat-guests"],
            &[Error],
            canary_innocent,
        )
        .runs(12, 1),
        crime(
            "a service that fails since a version",
            &["tariff-book"],
            &[BadDeploy],
            bad_release,
        )
        .changed("7.2.0"),
        crime(
            "a service that fails in a version that serves",
            &["tariff-book"],
            &[Error],
            release_that_serves,
        ),
        crime(
            "a service that fails without a release",
            &["tariff-book"],
            &[Error],
            no_release,
        ),
        crime(
            "one host behind a proxy",
            &["10.7.0.5:8080"],
            &[Infrastructure],
            one_host,
        ),
        crime("all hosts behind a proxy", &["meters"], &[], all_hosts),
        crime("the only host behind a proxy", &["meters"], &[], only_host),
        crime(
            "a sum that a started execution got wrong",
            &["add-lines"],
            &[SilentData],
            wrong_below,
        ),
        crime(
            "a sum that was got wrong two executions down",
            &["add-lines"],
            &[SilentData],
            wrong_far_below,
        ),
        calm("a sum half as large", a_little_less_below),
        crime(
            "a failure that Lambda does not know, unlogged",
            &[],
            &[],
            unknown_beside_logs,
        )
        .outcome(Outcome::ColdCase)
        .missing("log of refine-chart"),
        crime(
            "a failure that Lambda does not know, in a world without logs",
            &["refine-chart"],
            &[Error],
            unknown_without_logs,
        ),
    ]
}
