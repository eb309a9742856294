//! What lies behind: whom a worker failed of, what a green run took for an answer, numbers that belong together, sorts of
//! input of which a version knows nothing, and somebody else who takes what there is—each beside its harmless look-alike.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    sixth::chain,
    vary,
};
use model::{Category, Outcome};
use serde_json::json;

const SNS: (&str, &str) = ("sns", "publish.waitForTaskToken");

/// A notice that two may take: one keeps a record of it, the other answers.
fn notice(
    desk: &mut Desk,
    n: usize,
    keeper: &Lambda,
    answers: Option<&Lambda>,
    well: bool,
) -> String {
    let input = json!({"ride": format!("rd-{n:05}")});
    let mut run = Run::new("end-ride", &format!("r{n}"), at(n), &input);
    run.enter("Task", "Tell", &input);
    let topic = "arn:aws:sns:eu-central-1:480213377711:ride-ends";
    run.schedule(
        SNS,
        &json!({"TopicArn": topic, "Message": {"ride": input["ride"]}}),
        &json!({"timeoutInSeconds": 60}),
    );
    let id = format!("9e77{n:04}-10ab-4c3d-8e11-5f60a7b8c{n:03}");
    run.submitted(SNS, &json!({"MessageId": id}));
    let named = |of: &Lambda| {
        let mut of = of.clone();
        of.lines.insert(0, ("INFO", format!("notice {id}")));
        of
    };
    desk.ran(&named(keeper), run.at + 120);
    if let Some(of) = answers {
        desk.ran(&named(of), run.at + 150);
        run.wait(180 + of.ms);
    }
    if !well {
        run.at = at(n) + 60_000;
        run.push("TaskTimedOut", json!({"resourceType": "sns", "resource": "publish.waitForTaskToken", "error": "States.Timeout"}));
        return desk.end(run, End::Failed("States.Timeout", ""));
    }
    run.succeeded(SNS, &json!({"ok": 1}));
    run.exit("Task", "Tell", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn keeper(n: usize) -> Lambda {
    lambda("keep-record", 70 + vary(n, 20)).saying("ERROR", "field tip was not indexed")
}

fn closer(n: usize) -> Lambda {
    lambda("close-ride", 210 + vary(n, 60))
}

fn one_never_came(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = closer(n);
    notice(desk, n, &keeper(n), (!ill).then_some(&of), !ill)
}

fn one_gave_up(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = closer(n);
    if ill {
        of = of.saying("ERROR", "fare of the ride is not final, given up");
    }
    notice(desk, n, &keeper(n), Some(&of), !ill)
}

/// The worker calls a service that fails.
fn one_was_failed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut call = Call::new("POST /fares", 60, &[("server.address", "fare-book")])
        .by(&[("service.name", "fare-book")], 50);
    let mut of = closer(n);
    if ill {
        call = call
            .failing("500")
            .serving_error("division by zero in surcharge");
        call.attributes
            .push(("http.response.status_code", "500".into()));
        of = of.saying("ERROR", "POST /fares answered 500, left for later");
    }
    let of = of.calling(call);
    notice(desk, n, &keeper(n), Some(&of), !ill)
}

/// A search whose call may find no way.
fn searched(desk: &mut Desk, n: usize, found: i64, status: &'static str, words: &str) -> String {
    let mut call = Call::new(
        "GET /shuttles",
        30,
        &[
            ("server.address", "shuttle-board"),
            ("http.response.status_code", status),
        ],
    )
    .by(&[("service.name", "shuttle-board")], 20);
    if !words.is_empty() {
        call = call.failing(words);
    }
    let of = lambda("find-shuttles", 50 + vary(n, 20)).calling(call);
    let answer = json!({"shuttles": found});
    let all = [
        ("Find", of, answer.clone()),
        ("Offer", lambda("offer-shuttles", 40), answer),
    ];
    chain(desk, "shuttles", n, &json!({"n": n}), &all)
}

fn none_for_failed(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => searched(desk, n, 0, "503", "service unavailable"),
        false => searched(desk, n, 4 + vary(n, 4), "200", ""),
    }
}

fn none_for_none(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => searched(desk, n, 0, "200", ""),
        false => searched(desk, n, 4 + vary(n, 4), "200", ""),
    }
}

/// A price that is the list's.
fn priced(desk: &mut Desk, n: usize, off: i64) -> String {
    let list = 1_200 + 37 * (n as i64 % 11);
    let input = json!({"dish": n, "list_cents": list});
    let of = lambda("price-plate", 60 + vary(n, 20));
    chain(
        desk,
        "plates",
        n,
        &input,
        &[("Price", of, json!({"cents": list - off}))],
    )
}

fn stale_price(desk: &mut Desk, n: usize, ill: bool) -> String {
    priced(desk, n, if ill { 340 } else { 0 })
}

fn rebates_now_and_then(desk: &mut Desk, n: usize, ill: bool) -> String {
    priced(desk, n, if ill || n % 4 == 1 { 340 } else { 0 })
}

/// Tips of two terminals, one of which tells whole units.
fn tipped(desk: &mut Desk, n: usize, whole: bool, version: &'static str, times: i64) -> String {
    let amount = 3 + n as i64;
    let terminal = if whole { "tallo" } else { "minto" };
    let amount = if whole { amount } else { amount * 100 };
    let input = json!({"shift": n, "terminal": terminal, "amount": amount});
    let times = if whole { times } else { 1 };
    let of = lambda("level-tips", 60 + vary(n, 20)).version(version);
    chain(
        desk,
        "tips",
        n,
        &input,
        &[("Level", of, json!({"cents": amount * times}))],
    )
}

fn one_terminal_wrong(desk: &mut Desk, n: usize, ill: bool) -> String {
    let whole = ill || matches!(n, 2 | 5);
    tipped(
        desk,
        n,
        whole,
        if n < 8 { "31" } else { "32" },
        if ill { 1 } else { 100 },
    )
}

fn one_terminal_right(desk: &mut Desk, n: usize, ill: bool) -> String {
    let whole = ill || matches!(n, 2 | 5);
    tipped(desk, n, whole, if n < 8 { "31" } else { "32" }, 100)
}

/// Large losses are looked at by somebody, of which a version may know nothing.
fn loss(desk: &mut Desk, n: usize, version: u32, cents: i64, looked: bool) -> String {
    let input = json!({"claim": format!("cl-{n:04}"), "loss": cents});
    let mut run = Run::new("reserve", &format!("v{n}"), at(n), &input).version(version);
    run.through("Choice", "How large", &input, &input);
    let state = if looked { "Senior" } else { "Standard" };
    let output = json!({"reserve": if looked { cents } else { cents.min(25_000) }});
    desk.task(
        &mut run,
        state,
        &lambda("set-reserve", 70 + vary(n, 20)),
        &input,
        &output,
    );
    desk.end(run, End::Well(&output))
}

fn large_not_looked_at(desk: &mut Desk, n: usize, ill: bool) -> String {
    let large = ill || matches!(n, 2 | 4 | 6);
    let cents = if large { 150_000 } else { 4_000 } + vary(n, 3_000);
    loss(desk, n, if n < 8 { 31 } else { 32 }, cents, large && !ill)
}

fn small_not_looked_at(desk: &mut Desk, n: usize, ill: bool) -> String {
    let large = !ill && matches!(n, 2 | 4 | 6);
    let cents = if large { 150_000 } else { 4_000 } + vary(n, 3_000);
    loss(desk, n, if n < 8 { 31 } else { 32 }, cents, large)
}

/// A database that is full.
fn crowded(desk: &mut Desk, n: usize, ill: bool, change: &str) -> String {
    if ill && n == 12 {
        desk.changed(at(n) - 40_000, "config", "monthly-report", change);
    }
    let words =
        "FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute";
    let mut call = Call::new(
        "INSERT",
        12,
        &[("db.system", "postgresql"), ("server.address", "miles-db")],
    );
    let mut of = lambda("add-miles", 70 + vary(n, 20));
    if ill {
        call = call.failing(words);
        of = of.raising("OperationalError", words);
    }
    chain(
        desk,
        "miles-add",
        n,
        &json!({"n": n}),
        &[("Add", of.calling(call), json!({"ok": 1}))],
    )
}

fn crowded_by_another(desk: &mut Desk, n: usize, ill: bool) -> String {
    crowded(desk, n, ill, "DB_WORKERS 4 -> 80")
}

fn crowded_by_itself(desk: &mut Desk, n: usize, ill: bool) -> String {
    crowded(desk, n, ill, "page size 4 -> 80 rows")
}

/// A function with less memory, and less of a processor.
fn sized(desk: &mut Desk, n: usize, ms: i64, memory: i64) -> String {
    let mut of = lambda("hash-list", ms + vary(n, 300));
    of.memory = (memory, 120);
    chain(
        desk,
        "hashes",
        n,
        &json!({"n": n}),
        &[("Hash", of, json!({"ok": 1}))],
    )
}

fn made_small(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => sized(desk, n, 21_000, 256),
        false => sized(desk, n, 3_000, 1_769),
    }
}

fn made_smaller_without_harm(desk: &mut Desk, n: usize, ill: bool) -> String {
    sized(desk, n, 3_000, if ill { 512 } else { 1_769 })
}

/// A machine that was put in place, and a line that names it.
fn quoted_machine(desk: &mut Desk, n: usize, ill: bool) -> String {
    machine(desk, n, ill, "clock-keeper-3")
}

fn quoted_other_machine(desk: &mut Desk, n: usize, ill: bool) -> String {
    machine(desk, n, ill, "clock-keeper-1")
}

fn machine(desk: &mut Desk, n: usize, ill: bool, who: &str) -> String {
    if ill && n == 12 {
        desk.changed(
            at(n) - 80_000,
            "infrastructure",
            "clock-keeper-3",
            "instance replaced",
        );
    }
    let mut of = lambda("sign-slip", 70 + vary(n, 20));
    if ill {
        let line = format!("stamp of {who} is 300 s ahead");
        of = of
            .saying("WARN", &line)
            .raising("StampRefused", "the stamp was refused");
    }
    chain(
        desk,
        "slips",
        n,
        &json!({"n": n}),
        &[("Sign", of, json!({"ok": 1}))],
    )
}

/// A function that is cut off, and what is held of it.
fn cut_off(desk: &mut Desk, n: usize, dark: bool, ill: bool) -> String {
    let first = lambda("open-file", 60 + vary(n, 20));
    let mut of = lambda("read-file", 400 + vary(n, 90));
    if ill {
        of.ms = 30_000;
        of.cut = true;
        of.error = Some((
            "Sandbox.Timedout".into(),
            "RequestId: REQ Error: Task timed out after 30.00 seconds".into(),
        ));
    }
    if dark {
        of = of.dark();
    }
    let all = [
        ("Open", first, json!({"n": n})),
        ("Read", of, json!({"ok": 1})),
    ];
    chain(desk, "files", n, &json!({"n": n}), &all)
}

fn cut_off_in_the_dark(desk: &mut Desk, n: usize, ill: bool) -> String {
    cut_off(desk, n, true, ill)
}

fn cut_off_in_the_light(desk: &mut Desk, n: usize, ill: bool) -> String {
    cut_off(desk, n, false, ill)
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "a notice that one of two never saw",
            &["ride-ends"],
            &[LostMessage],
            one_never_came,
        ),
        crime(
            "a notice that one of two gave up",
            &["close-ride"],
            &[LostMessage],
            one_gave_up,
        ),
        crime(
            "a notice whose taker was failed",
            &["fare-book"],
            &[Error],
            one_was_failed,
        ),
        crime(
            "nothing found, for the call failed",
            &["shuttle-board"],
            &[Error],
            none_for_failed,
        ),
        crime(
            "nothing found, and no call failed",
            &["find-shuttles"],
            &[SilentData],
            none_for_none,
        ),
        crime(
            "a price that is not the list's",
            &["price-plate"],
            &[SilentData],
            stale_price,
        ),
        calm(
            "prices that are not the list's now and then",
            rebates_now_and_then,
        ),
        crime(
            "one terminal whose tips are wrong since a release",
            &["level-tips"],
            &[SilentData, BadDeploy],
            one_terminal_wrong,
        ),
        calm(
            "one terminal whose tips are right since a release",
            one_terminal_right,
        ),
        crime(
            "large losses that nobody looks at",
            &["reserve:32"],
            &[BadDeploy, SilentData],
            large_not_looked_at,
        ),
        calm("small losses that nobody looks at", small_not_looked_at),
        crime(
            "a database that somebody else fills",
            &["monthly-report"],
            &[Capacity],
            crowded_by_another,
        ),
        crime(
            "a database that is full",
            &["miles-db"],
            &[Capacity],
            crowded_by_itself,
        ),
        crime(
            "a function that was made small",
            &["hash-list"],
            &[Memory],
            made_small,
        ),
        calm(
            "a function that was made smaller without harm",
            made_smaller_without_harm,
        ),
        crime(
            "a machine that was put in place and is quoted",
            &["clock-keeper-3"],
            &[Infrastructure],
            quoted_machine,
        ),
        crime(
            "a machine that is quoted, and another one put in place",
            &["sign-slip"],
            &[Error],
            quoted_other_machine,
        ),
        crime(
            "cut off, and nothing of it is held",
            &[],
            &[],
            cut_off_in_the_dark,
        )
        .outcome(Outcome::ColdCase),
        crime(
            "cut off, and its log is held",
            &["read-file"],
            &[Latency],
            cut_off_in_the_light,
        ),
    ]
}
