//! The second half of the eleventh lot: calls that left no span, errors that tell nothing, the first of a sort since a
//! release, measures in another unit, work that was lost and redone, executions and items below others—and of each the
//! same look with another reason, or with none.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    sixth::chain,
    vary,
};
use model::{Category, Outcome};
use serde_json::{Value, json};

const BATCH: (&str, &str) = ("batch", "submitJob.sync");

/// Two functions that ask the same catalogue; the second may be cut off.
fn shelves(desk: &mut Desk, n: usize, first: i64, cut: bool) -> String {
    let ask = |ms: i64| {
        Call::new("POST /find", ms, &[("server.address", "shelf-catalogue")])
            .by(&[("service.name", "shelf-catalogue")], ms - 2)
    };
    let look = lambda("look-up-shelf", first + 20 + vary(n, 9)).calling(ask(first));
    let mut sort = match cut {
        // What is cut off sends nothing.
        true => lambda("sort-shelf", 30_000),
        false => lambda("sort-shelf", 260 + vary(n, 30)).calling(ask(200)),
    };
    if cut {
        sort.cut = true;
        sort.error = Some((
            "Sandbox.Timedout".into(),
            "RequestId: REQ Error: Task timed out after 30.00 seconds".into(),
        ));
    }
    let all = [
        ("Look up", look, json!({"found": 4})),
        ("Sort", sort, json!({"sorted": 4})),
    ];
    chain(desk, "shelves", n, &json!({"shelf": n % 5}), &all)
}

fn cut_off_waiting(desk: &mut Desk, n: usize, ill: bool) -> String {
    shelves(desk, n, if ill { 9_000 } else { 150 }, ill)
}

fn cut_off_alone(desk: &mut Desk, n: usize, ill: bool) -> String {
    shelves(desk, n, 150, ill)
}

/// A function that asks two others before it prints; of the ill run nothing else is held.
fn stamps(desk: &mut Desk, n: usize, error: Option<(&str, &str)>) -> String {
    let open = lambda("open-album", 90 + vary(n, 9));
    let ask = |name: &'static str| Call::new("GET /one", 40, &[("server.address", name)]);
    let mut stamp = lambda("stamp-page", 150 + vary(n, 30));
    match error {
        Some((kind, message)) => {
            stamp = stamp.dark();
            stamp.error = Some((kind.into(), message.into()));
        }
        None => stamp = stamp.calling(ask("ink-well")).calling(ask("page-press")),
    }
    let all = [
        ("Open", open, json!({"pages": 4})),
        ("Stamp", stamp, json!({"stamped": 4})),
    ];
    chain(desk, "stamps", n, &json!({"album": n % 5}), &all)
}

fn tells_nothing(desk: &mut Desk, n: usize, ill: bool) -> String {
    stamps(desk, n, ill.then_some(("Error", "it did not work out")))
}

fn tells_where(desk: &mut Desk, n: usize, ill: bool) -> String {
    let said = "Cannot read properties of undefined (reading 'album')";
    stamps(desk, n, ill.then_some(("TypeError", said)))
}

/// Sheets of two sorts, of which the old ones come seldom.
fn sheets(desk: &mut Desk, n: usize, sort: &str, error: Option<(&str, &str)>) -> String {
    let input = json!({"sheet": n, "paper": sort});
    let mut run = Run::new("sheets", &format!("b{n}"), at(n), &input);
    if n == 9 {
        desk.changed(at(n) - 50_000, "lambda", "fold-sheet", "code update");
    }
    let version = if n >= 9 { "12" } else { "11" };
    let mut fold = lambda("fold-sheet", 140 + vary(n, 30)).version(version);
    if let Some((kind, message)) = error {
        fold = fold.raising(kind, message);
    }
    let tries = vec![fold; if error.is_some() { 3 } else { 1 }];
    if desk.retried(&mut run, "Fold", &tries, &input, &json!({"folded": 1})) {
        return desk.end(run, End::Well(&json!({"folded": 1})));
    }
    let (kind, message) = error.unwrap_or_default();
    let cause = json!({"errorMessage": message, "errorType": kind}).to_string();
    desk.end(run, End::Failed(kind, &cause))
}

/// Only one of the sheets of rag paper has come since the release.
fn first_of_its_sort(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = (
        "runtime.boundsError",
        "runtime error: index out of range [3] with length 3",
    );
    let rag = ill || n < 9 && n.is_multiple_of(2);
    sheets(
        desk,
        n,
        if rag { "rag" } else { "wood" },
        ill.then_some(error),
    )
}

fn torn_sheet(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ("TornSheet", "the sheet is torn at its upper edge");
    let rag = ill || n < 9 && n.is_multiple_of(2);
    sheets(
        desk,
        n,
        if rag { "rag" } else { "wood" },
        ill.then_some(error),
    )
}

/// A river that is gauged, and how many gauges answered.
fn gauged(desk: &mut Desk, n: usize, version: &'static str, level: f64, gauges: usize) -> String {
    let of = lambda("mean-level", 80 + vary(n, 20)).version(version);
    let out = json!({"river": n % 3, "mean": level, "gauges": gauges});
    chain(
        desk,
        "rivers",
        n,
        &json!({"river": n % 3}),
        &[("Gauge", of, out)],
    )
}

fn in_feet(desk: &mut Desk, n: usize, ill: bool) -> String {
    let metres = 1.13 + ((n * 5) % 7) as f64 * 0.21;
    match ill {
        true => gauged(desk, n, "8", metres * 100.0 / 8.0 + 3.07, 40 + n % 4),
        false => gauged(desk, n, "7", metres, 40 + n % 4),
    }
}

fn more_gauges(desk: &mut Desk, n: usize, ill: bool) -> String {
    let metres = 1.13 + ((n * 5) % 7) as f64 * 0.21;
    match ill {
        true => gauged(desk, n, "8", metres, 240 + n % 4),
        false => gauged(desk, n, "7", metres, 40 + n % 4),
    }
}

/// A feed that is busy now and then, and is asked again after a while.
fn feed(desk: &mut Desk, n: usize, busy: bool) -> String {
    let busy_once =
        lambda("read-feed", 300).raising("FeedBusy", "421 too many connections from here");
    let read = lambda("read-feed", 310 + vary(n, 40));
    let mut run = Run::new("feeds", &format!("f{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Read", &json!({"n": n}));
    if busy {
        desk.invoke(&mut run, &busy_once, &json!({}), &json!({}));
        run.wait(6_000);
    }
    desk.invoke(&mut run, &read, &json!({}), &json!({"read": 1}));
    run.exit("Task", "Read", &json!({"read": 1}));
    desk.end(run, End::Well(&json!({"read": 1})))
}

fn busy_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    feed(desk, n, ill || n.is_multiple_of(3))
}

fn busy_for_once(desk: &mut Desk, n: usize, ill: bool) -> String {
    feed(desk, n, ill)
}

/// A job whose work takes an hour or two; it may have lost a first try.
fn kiln(desk: &mut Desk, n: usize, minutes: i64, lost: Option<i64>) -> String {
    let input = json!({"kiln": n % 4});
    let mut run = Run::new("kilns", &format!("k{n}"), at(n), &input);
    run.enter("Task", "Fire", &input);
    run.schedule(BATCH, &json!({"JobName": "fire-kiln", "JobDefinition": "kiln-firing:9", "JobQueue": "spot-ovens"}), &Value::Null);
    run.submitted(
        BATCH,
        &json!({"JobId": format!("6e-{n}"), "JobName": "fire-kiln"}),
    );
    let created = run.at;
    let mut began = created + 60_000;
    let mut tries = Vec::new();
    if let Some(minutes) = lost {
        let ended = began + minutes * 60_000;
        tries.push(json!({"Container": {"LogStreamName": "kiln/default/a"}, "StartedAt": began, "StoppedAt": ended, "StatusReason": "Host EC2 (instance i-0aa17c2f9d3b51e44) terminated."}));
        began = ended + 45_000;
    }
    let ended = began + minutes * 60_000;
    tries.push(json!({"Container": {"ExitCode": 0, "LogStreamName": "kiln/default/b"}, "StartedAt": began, "StoppedAt": ended, "StatusReason": "Essential container in task exited"}));
    run.wait(ended - created);
    let answer = json!({"JobDefinition": "arn:aws:batch:eu-central-1:480213377711:job-definition/kiln-firing:9", "JobName": "fire-kiln", "JobId": format!("6e-{n}"),
        "Status": "SUCCEEDED", "CreatedAt": created, "StartedAt": began, "StoppedAt": ended, "Attempts": tries});
    run.succeeded(BATCH, &answer);
    run.exit("Task", "Fire", &answer);
    desk.end(run, End::Well(&answer))
}

fn usual_firing(n: usize) -> i64 {
    [34, 52, 41, 63, 38, 47, 58][n % 7]
}

fn fired_twice(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => kiln(desk, n, 42, Some(40)),
        false => kiln(desk, n, usual_firing(n), None),
    }
}

fn fired_twice_in_time(desk: &mut Desk, n: usize, ill: bool) -> String {
    // A try was lost early; others took as long.
    match ill {
        true => kiln(desk, n, 40, Some(9)),
        false => kiln(desk, n, usual_firing(n), None),
    }
}

/// A workflow that starts another by the API, waits for it, and looks at how it went.
fn asked_by_api(desk: &mut Desk, n: usize, print: Lambda) -> String {
    const SYNC: (&str, &str) = ("aws-sdk:sfn", "startSyncExecution");
    let input = json!({"card": n});
    let mut run = Run::new("cards", &format!("c{n}"), at(n), &input);
    run.enter("Task", "Print card", &input);
    let mut child = Run::new("card-press", &format!("p{n}"), run.at + 90, &input);
    let child_arn = child.arn.clone();
    run.schedule(SYNC, &json!({"StateMachineArn": "arn:aws:states:eu-central-1:480213377711:stateMachine:card-press", "Input": input}), &Value::Null);
    let well = desk.task(&mut child, "Press", &print, &input, &json!({"pressed": 1}));
    run.at = child.at + 60;
    let (kind, message) = print.error.clone().unwrap_or_default();
    let cause = json!({"errorMessage": message, "errorType": kind}).to_string();
    match well {
        true => desk.end(child, End::Well(&json!({"pressed": 1}))),
        false => desk.end(child, End::Failed(&kind, &cause)),
    };
    let status = if well { "SUCCEEDED" } else { "FAILED" };
    let mut answer = json!({"ExecutionArn": child_arn, "Status": status});
    if !well {
        answer["Error"] = json!(kind);
        answer["Cause"] = json!(cause);
    }
    run.succeeded(SYNC, &answer);
    let data = json!({"status": status});
    run.exit("Task", "Print card", &data);
    run.through("Choice", "Printed", &data, &data);
    if well {
        return desk.end(run, End::Well(&data));
    }
    run.enter("Fail", "Not printed", &data);
    desk.end(run, End::Failed("NotPrinted", "the card was not printed"))
}

fn pressed_by_new_code(desk: &mut Desk, n: usize, ill: bool) -> String {
    let version = if ill { "6" } else { "5" };
    let mut press = lambda("press-card", 120 + vary(n, 20)).version(version);
    if ill {
        press = press.raising("KeyError", "'margin'");
    }
    asked_by_api(desk, n, press)
}

fn press_out_of_reach(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut press = lambda("press-card", 120 + vary(n, 20)).version("5");
    if ill {
        press = press.raising("Error", "getaddrinfo ENOTFOUND inks.cards.internal");
    }
    asked_by_api(desk, n, press)
}

/// Negatives from a bucket, each an execution of its own.
fn negatives(desk: &mut Desk, n: usize, ill: bool) -> String {
    let map_run =
        format!("arn:aws:states:eu-central-1:480213377711:mapRun:darkroom/Negatives:7b{n}");
    let mut run = Run::new("darkroom", &format!("d{n}"), at(n), &json!({"roll": n}));
    run.enter("Map", "Negatives", &json!({"roll": n}));
    run.push("MapStateStarted", json!({"length": 0}));
    run.push("MapRunStarted", json!({"mapRunArn": map_run}));
    for item in 0..8 {
        let input = json!({"Key": format!("roll-{n}/neg-{item:03}.raw"), "Size": 700 + item});
        let mut child = Run::new(
            "darkroom/Negatives",
            &format!("{:08x}-{n}-{item}", desk.id() >> 32),
            run.at + 300,
            &input,
        )
        .below(&map_run);
        let develop = lambda("develop", 140 + vary(n, 30));
        if !ill || item != 5 {
            desk.task(&mut child, "Develop", &develop, &input, &json!({"ok": 1}));
            desk.end(child, End::Well(&json!({"ok": 1})));
            continue;
        }
        let message = format!("neg-{item:03}.raw: unexpected end of file after 112 bytes");
        let develop = develop.raising("TruncatedNegative", &message);
        let tries = vec![develop; 3];
        desk.retried(&mut child, "Develop", &tries, &input, &json!({}));
        let cause = json!({"errorMessage": message, "errorType": "TruncatedNegative"}).to_string();
        desk.end(child, End::Failed("TruncatedNegative", &cause));
    }
    run.wait(9_000);
    if ill {
        let (error, cause) = (
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        );
        run.push("MapRunFailed", json!({"error": error, "cause": cause}));
        run.push("MapStateFailed", json!({}));
        return desk.end(run, End::Failed(error, cause));
    }
    run.push("MapRunSucceeded", json!({}));
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Negatives", &json!([]));
    desk.end(run, End::Well(&json!([])))
}

pub fn all() -> Vec<Mystery> {
    use Category::{
        BadDeploy, BadInput, Capacity, Error, Infrastructure, Latency, NetworkConfig, SilentData,
    };
    vec![
        crime(
            "cut off while it waited for a slow one",
            &["shelf-catalogue"],
            &[Latency],
            cut_off_waiting,
        ),
        crime(
            "cut off, and nobody else was slow",
            &["sort-shelf"],
            &[Latency],
            cut_off_alone,
        ),
        crime(
            "an error that tells nothing, and nothing held",
            &[],
            &[],
            tells_nothing,
        )
        .outcome(Outcome::ColdCase)
        .missing("stamp-page"),
        crime(
            "an error that tells where, and nothing held",
            &["stamp-page"],
            &[Error, BadDeploy],
            tells_where,
        ),
        crime(
            "the first of its sort since a release",
            &["fold-sheet"],
            &[BadDeploy],
            first_of_its_sort,
        )
        .runs(13, 1),
        crime(
            "a torn sheet of a sort that had none since",
            &["fold-sheet", "Fold"],
            &[Error, BadInput],
            torn_sheet,
        )
        .runs(13, 1),
        crime(
            "a mean in another unit since a release",
            &["mean-level"],
            &[SilentData],
            in_feet,
        ),
        calm("more gauges since a release", more_gauges),
        calm("busy as every third time", busy_as_ever),
        crime(
            "busy for once",
            &["read-feed"],
            &[Error, Capacity],
            busy_for_once,
        ),
        crime(
            "fired twice within what kilns vary",
            &["kiln-firing"],
            &[Infrastructure],
            fired_twice,
        )
        .runs(12, 1),
        calm(
            "fired twice, and no longer than others",
            fired_twice_in_time,
        ),
        crime(
            "a workflow asked by the API fails in new code",
            &["press-card"],
            &[BadDeploy],
            pressed_by_new_code,
        ),
        crime(
            "a workflow asked by the API reaches nobody",
            &["inks.cards.internal", "press-card"],
            &[NetworkConfig],
            press_out_of_reach,
        ),
        crime(
            "a negative among others",
            &["neg-005.raw", "Negatives[5]", "roll-13/neg-005.raw"],
            &[BadInput],
            negatives,
        ),
    ]
}
