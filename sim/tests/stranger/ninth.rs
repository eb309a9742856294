//! A ninth lot: values of another kind, releases that fail for one sort of input, what is stored where nobody finds it,
//! jobs that began anew, hosts that go, ways out that are closed—and of each the same look without that crime.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Lambda, lambda},
    sixth::chain,
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

/// A fare is worked out, and a Choice reads one of its two values.
fn fare(desk: &mut Desk, n: usize, ill: bool, read: &str) -> String {
    let definition = json!({"StartAt": "Work out", "States": {
        "Work out": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Known"},
        "Known": {"Type": "Choice", "Choices": [{"Variable": format!("$.{read}"), "NumericGreaterThan": 0, "Next": "Sell"}], "Default": "Leave"},
        "Sell": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true},
        "Leave": {"Type": "Pass", "End": true}}});
    let input = json!({"line": n % 4});
    let cents = 240 + vary(n, 60);
    let fare = match ill {
        true => json!({"cents": format!("{cents},00"), "zones": 3}),
        false => json!({"cents": cents, "zones": 3}),
    };
    let mut run = Run::new("tram-fare", &format!("t{n}"), at(n), &input).defined(definition);
    let of = lambda("work-out-fare", 90 + vary(n, 20)).version(if ill { "32" } else { "31" });
    desk.task(&mut run, "Work out", &of, &input, &fare);
    run.through("Choice", "Known", &fare, &fare);
    match fare[read].as_i64() {
        Some(_) => _ = desk.task(&mut run, "Sell", &lambda("sell-fare", 70), &fare, &input),
        None => run.through("Pass", "Leave", &fare, &fare),
    }
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn fare_as_text(desk: &mut Desk, n: usize, ill: bool) -> String {
    fare(desk, n, ill, "cents")
}

fn fare_as_text_unread(desk: &mut Desk, n: usize, ill: bool) -> String {
    fare(desk, n, ill, "zones")
}

/// Somebody fails of a weight that is a text since the other side was released; nothing of its own is new.
fn weight_as_text(desk: &mut Desk, n: usize, ill: bool) -> String {
    let kilos = 700 + vary(n, 90);
    let (weighs, loads) = (
        lambda("weigh-crate", 80 + vary(n, 20)),
        lambda("load-crate", 60 + vary(n, 20)),
    );
    let (weighs, loads, weight) = match ill {
        false => (weighs, loads, json!({"crate": n, "kilos": kilos})),
        true => (
            weighs.version("32"),
            loads.raising(
                "TypeError",
                "unsupported operand type(s) for -: 'int' and 'str'",
            ),
            json!({"crate": n, "kilos": kilos.to_string()}),
        ),
    };
    let all = [("Weigh", weighs, weight), ("Load", loads, json!({"ok": 1}))];
    chain(desk, "crate-load", n, &json!({"crate": n}), &all)
}

/// Runs of two sorts; the night ones may fail in a version of its own time.
fn shift(desk: &mut Desk, n: usize, night: bool, version: &'static str, fails: bool) -> String {
    let input = json!({"ward": n, "plan": if night { "night" } else { "day" }});
    let mut staff = lambda("staff-shift", 110 + vary(n, 30)).version(version);
    if fails {
        staff = staff.raising("IndexOutOfRangeException", "Index was outside the bounds");
    }
    chain(
        desk,
        "shift-plan",
        n,
        &input,
        &[("Staff", staff, json!({"ok": 1}))],
    )
}

fn night_fails_since(desk: &mut Desk, n: usize, ill: bool) -> String {
    let version = if n < 7 { "31" } else { "32" };
    shift(desk, n, ill || matches!(n, 1 | 3 | 5 | 6), version, ill)
}

fn night_fails_now_and_then(desk: &mut Desk, n: usize, ill: bool) -> String {
    let version = if n < 5 { "31" } else { "32" };
    let night = ill || n % 2 == 1;
    shift(desk, n, night, version, ill)
}

/// A profile is stored by a function and looked up by the workflow itself.
fn looked_up(desk: &mut Desk, n: usize, version: &'static str, found: bool) -> String {
    let definition = json!({"StartAt": "Store", "States": {
        "Store": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Look up"},
        "Look up": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem", "Next": "Is known"},
        "Is known": {"Type": "Choice", "Choices": [{"Variable": "$.Item.rank.N", "IsPresent": true, "Next": "Greet"}], "Default": "Ask again"},
        "Greet": {"Type": "Pass", "End": true},
        "Ask again": {"Type": "Pass", "End": true}}});
    let input = json!({"guest": format!("g-{n:04}")});
    let mut run = Run::new("lodge", &format!("k{n}"), at(n), &input).defined(definition);
    let of = lambda("store-guest", 100 + vary(n, 20)).version(version);
    desk.task(&mut run, "Store", &of, &input, &input);
    run.enter("Task", "Look up", &input);
    let item = match found {
        true => json!({"Item": {"rank": {"N": "4"}}, "SdkHttpMetadata": {"HttpStatusCode": 200}}),
        false => json!({"SdkHttpMetadata": {"HttpStatusCode": 200}}),
    };
    let key = json!({"TableName": "guests", "Key": {"id": {"S": input["guest"]}}});
    run.call(("dynamodb", "getItem"), &key, 30, Ok(item.clone()));
    run.exit("Task", "Look up", &item);
    run.through("Choice", "Is known", &item, &item);
    let next = if found { "Greet" } else { "Ask again" };
    run.through("Pass", next, &item, &item);
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn stored_elsewhere(desk: &mut Desk, n: usize, ill: bool) -> String {
    looked_up(desk, n, if ill { "32" } else { "31" }, !ill)
}

fn gone_from_the_table(desk: &mut Desk, n: usize, ill: bool) -> String {
    looked_up(desk, n, if n < 6 { "31" } else { "32" }, !ill)
}

fn unknown_now_and_then(desk: &mut Desk, n: usize, ill: bool) -> String {
    let version = if ill { "32" } else { "31" };
    looked_up(desk, n, version, !ill && n % 3 != 1)
}

const BATCH: (&str, &str) = ("batch", "submitJob.sync");

/// A job with its tries: how long each took, its exit code, why it ended.
fn job(desk: &mut Desk, n: usize, tries: &[(i64, Option<i64>, &str)]) -> String {
    let definition = "arn:aws:batch:eu-central-1:480213377711:job-definition/fold-map:6";
    let queue = "arn:aws:batch:eu-central-1:480213377711:job-queue/night-spot";
    let mut run = Run::new("sheet-fold", &format!("b{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Fold", &json!({"n": n}));
    let asked = json!({"JobName": "fold-map", "JobQueue": queue, "JobDefinition": "fold-map:6"});
    run.schedule(BATCH, &asked, &Value::Null);
    run.submitted(
        BATCH,
        &json!({"JobId": format!("j-{n}"), "JobName": "fold-map"}),
    );
    let created = run.at;
    let mut listed = Vec::new();
    for (ms, exit, reason) in tries {
        run.wait(8_000);
        let began = run.at;
        run.wait(*ms);
        let mut container = json!({"LogStreamName": format!("fold-map/default/{began}")});
        if let Some(exit) = exit {
            container["ExitCode"] = json!(exit);
        }
        listed.push(json!({"Container": container, "StartedAt": began, "StoppedAt": run.at, "StatusReason": reason}));
    }
    let well = tries.last().is_some_and(|it| it.1 == Some(0));
    let status = if well { "SUCCEEDED" } else { "FAILED" };
    let told = json!({"JobId": format!("j-{n}"), "JobName": "fold-map", "JobQueue": queue, "JobDefinition": definition,
        "Status": status, "CreatedAt": created, "Attempts": listed});
    if !well {
        run.failed(BATCH, "States.TaskFailed", &told.to_string());
        return desk.end(run, End::Failed("States.TaskFailed", &told.to_string()));
    }
    run.succeeded(BATCH, &told);
    run.exit("Task", "Fold", &told);
    desk.end(run, End::Well(&json!({"ok": 1})))
}

const DONE: &str = "Essential container in task exited";

fn began_anew(desk: &mut Desk, n: usize, ill: bool) -> String {
    let last = (70_000 + vary(n, 4_000), Some(0), DONE);
    let gone = "Host EC2 (instance i-0c51d2f8a9b7e3614) terminated.";
    match ill {
        true => job(desk, n, &[(61_000, None, gone), last]),
        false => job(desk, n, &[last]),
    }
}

fn began_anew_at_once(desk: &mut Desk, n: usize, ill: bool) -> String {
    let last = (70_000 + vary(n, 4_000), Some(0), DONE);
    match ill {
        true => job(desk, n, &[(900, Some(1), DONE), last]),
        false => job(desk, n, &[last]),
    }
}

fn ran_full_and_anew(desk: &mut Desk, n: usize, ill: bool) -> String {
    let last = (70_000 + vary(n, 4_000), Some(0), DONE);
    match ill {
        true => job(desk, n, &[(64_000, Some(137), DONE), last]),
        false => job(desk, n, &[last]),
    }
}

fn host_after_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => job(
            desk,
            n,
            &[
                (
                    31_000,
                    None,
                    "Host EC2 (instance i-0aa1b2c3d4e5f6071) terminated.",
                ),
                (
                    44_000,
                    None,
                    "Host EC2 (instance i-0bb1b2c3d4e5f6072) terminated.",
                ),
            ],
        ),
        false => job(desk, n, &[(70_000 + vary(n, 4_000), Some(0), DONE)]),
    }
}

fn maintained(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => job(
            desk,
            n,
            &[(
                31_000,
                None,
                "The node was shut down: scheduled for retirement of the underlying hardware",
            )],
        ),
        false => job(desk, n, &[(70_000 + vary(n, 4_000), Some(0), DONE)]),
    }
}

/// One function that fails with these words.
fn failing(desk: &mut Desk, n: usize, ill: bool, ms: i64, kind: &str, words: &str) -> String {
    let mut of = lambda("seat-guests", 140 + vary(n, 30));
    if ill {
        of.ms = ms;
        of = of.raising(kind, words);
    }
    chain(
        desk,
        "supper",
        n,
        &json!({"table": n}),
        &[("Seat", of, json!({"ok": 1}))],
    )
}

fn never_connected(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "Timed out while connecting to plates-cache.internal:6379";
    failing(desk, n, ill, 5_030, "RedisTimeoutException", words)
}

fn never_answered(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "Timed out waiting for the reply of plates-cache.internal:6379";
    failing(desk, n, ill, 5_030, "RedisTimeoutException", words)
}

fn no_way_out(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "Connect timeout on endpoint URL: \"https://kms.eu-central-1.amazonaws.com/\"";
    failing(desk, n, ill, 5_030, "ConnectTimeoutError", words)
}

fn no_slot_left(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "connection to server at \"larder\" (10.3.0.9), port 5432 failed: FATAL:  sorry, too many clients already";
    let words = words.replace("larder", "larder-db");
    failing(desk, n, ill, 60, "OperationalError", &words)
}

fn no_slot_of_ones_own(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "QueuePool limit of size 5 overflow 0 reached, connection timed out, timeout 30.00";
    failing(desk, n, ill, 30_060, "TimeoutError", words)
}

/// A file that came from outside is looked at, then read; who looks at it may be released before.
fn read_file(desk: &mut Desk, n: usize, looks: Lambda, words: Option<&str>) -> String {
    let input = json!({"file": format!("drop/box-{n:03}.csv")});
    let mut reads = lambda("read-sheet", 90 + vary(n, 20));
    if let Some(words) = words {
        reads = reads.raising("ValueError", words);
    }
    let all = [
        ("Look", looks, input.clone()),
        ("Read", reads, json!({"rows": 5})),
    ];
    chain(desk, "sheet-drop", n, &input, &all)
}

fn bad_from_outside(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut looks = lambda("look-at-sheet", 200 + vary(n, 30));
    if ill {
        looks = looks
            .version("32")
            .saying("INFO", "signatures of may loaded");
    }
    let words = format!("two columns of one name in s3://in/drop/box-{n:03}.csv");
    read_file(desk, n, looks, ill.then_some(&words))
}

fn bad_since_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut looks = lambda("look-at-sheet", 200 + vary(n, 30));
    if ill {
        looks = looks
            .version("32")
            .saying("INFO", "rewritten with new header");
    }
    read_file(
        desk,
        n,
        looks,
        ill.then_some("two columns of one name in the sheet"),
    )
}

/// A day that no calendar has; the function was released some runs before, and went well since.
fn no_such_day(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 0 {
        desk.changed(at(7) - 60_000, "lambda", "plan-visit", "version 31 -> 32");
    }
    day(desk, n, ill, if n < 7 { "31" } else { "32" })
}

/// The same words, but nobody went well since the release.
fn no_day_any_more(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 0 {
        desk.changed(at(12) - 60_000, "lambda", "plan-visit", "version 31 -> 32");
    }
    day(desk, n, ill, if ill { "32" } else { "31" })
}

fn day(desk: &mut Desk, n: usize, ill: bool, version: &'static str) -> String {
    let day = match ill {
        true => format!("2026-02-3{}", n % 2),
        false => format!("2026-02-{:02}", n + 1),
    };
    let mut of = lambda("plan-visit", 70 + vary(n, 20)).version(version);
    if ill {
        let words = format!("parsing time \"{day}\": day out of range");
        of = of.raising("ParseError", &words);
    }
    chain(
        desk,
        "visit-plan",
        n,
        &json!({"day": day}),
        &[("Plan", of, json!({"ok": 1}))],
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    const FOLD: &[&str] = &["fold-map", "fold-map:6"];
    vec![
        crime(
            "a number that became a text, and a Choice reads",
            &["work-out-fare"],
            &[SilentData],
            fare_as_text,
        )
        .changed("32"),
        calm(
            "a number that became a text, and nobody reads",
            fare_as_text_unread,
        ),
        crime(
            "a number that became a text, and the next fails",
            &["weigh-crate"],
            &[BadDeploy],
            weight_as_text,
        )
        .changed("32"),
        crime(
            "a release that fails for one sort of input",
            &["staff-shift"],
            &[BadDeploy],
            night_fails_since,
        )
        .changed("32"),
        crime(
            "one sort of input that fails now and then",
            &["staff-shift"],
            &[Error, BadInput],
            night_fails_now_and_then,
        ),
        crime(
            "what a release stores where nobody looks",
            &["store-guest"],
            &[SilentData],
            stored_elsewhere,
        )
        .changed("32"),
        crime(
            "what is not in the table any more",
            &["Look up"],
            &[SilentData],
            gone_from_the_table,
        ),
        calm(
            "what is not in the table now and then",
            unknown_now_and_then,
        ),
        crime(
            "a job whose host was taken, and that began anew",
            FOLD,
            &[Infrastructure],
            began_anew,
        )
        .fate(Fatality::Survived),
        calm("a job that began anew at once", began_anew_at_once),
        crime(
            "a job that ran full, and began anew",
            FOLD,
            &[Memory],
            ran_full_and_anew,
        )
        .fate(Fatality::Survived),
        crime(
            "host after host was taken",
            FOLD,
            &[Infrastructure],
            host_after_host,
        ),
        crime(
            "hardware under maintenance",
            FOLD,
            &[Infrastructure],
            maintained,
        ),
        crime(
            "a cache that was never reached",
            &["plates-cache.internal"],
            &[NetworkConfig],
            never_connected,
        ),
        crime(
            "a cache that did not answer",
            &["plates-cache.internal"],
            &[Latency],
            never_answered,
        ),
        crime(
            "an API of AWS that is not reached",
            &["seat-guests"],
            &[NetworkConfig],
            no_way_out,
        ),
        crime(
            "a database without a free slot",
            &["larder-db"],
            &[Capacity],
            no_slot_left,
        ),
        crime(
            "a pool of one's own without a free slot",
            &["seat-guests"],
            &[Capacity],
            no_slot_of_ones_own,
        ),
        crime(
            "a file that came bad, behind a release",
            &["Read"],
            &[BadInput],
            bad_from_outside,
        )
        .runs(12, 1),
        crime(
            "a file that is bad since a release",
            &["look-at-sheet"],
            &[BadDeploy],
            bad_since_release,
        )
        .changed("32"),
        crime(
            "a day that no calendar has, after a release",
            &["Plan"],
            &[BadInput],
            no_such_day,
        )
        .runs(14, 1),
        crime(
            "days that cannot be read since a release",
            &["plan-visit"],
            &[BadDeploy],
            no_day_any_more,
        ),
    ]
}
