//! An eighth lot: what is green and wrong (first pages, tolerated items, names that a release changed, sums of two states
//! in another order), who fed whom, polls, large items, cold items of a Map—and of each the same look without a crime.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Lambda, lambda},
    sixth::chain,
    vary,
};
use model::{Category, Fatality, Outcome};
use serde_json::{Value, json};

/// Parcels that are listed and counted.
fn listed(desk: &mut Desk, n: usize, found: i64, cold: bool) -> String {
    let mut count = lambda("count-parcels", 90 + vary(n, 9));
    count.init = cold.then_some(2_900);
    let all = [
        (
            "List",
            lambda("list-parcels", 240 + vary(n, 30)),
            json!({"found": found}),
        ),
        (
            "Count",
            count,
            json!({"found": found, "labels": found * 2 + 1}),
        ),
    ];
    chain(desk, "depot-night", n, &json!({"depot": "north"}), &all)
}

fn first_page(desk: &mut Desk, n: usize, ill: bool) -> String {
    listed(desk, n, if ill { 250 } else { 1_190 + vary(n, 90) }, ill)
}

fn fewer_but_no_page(desk: &mut Desk, n: usize, ill: bool) -> String {
    let found = if ill { 641 } else { 1_190 + vary(n, 90) };
    listed(desk, n, found, false)
}

fn page_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    let full = [250, 500, 250, 1_000][n % 4];
    listed(desk, n, if ill { 100 } else { full }, false)
}

/// A Map of its own executions in which so many items fail and are tolerated.
fn tolerant(desk: &mut Desk, n: usize, bad: usize) -> String {
    let map_run = format!("arn:aws:states:eu-central-1:480213377711:mapRun:reprice/Shelves:7c{n}");
    let mut run = Run::new("reprice", &format!("p{n}"), at(n), &json!({"n": n}));
    run.enter("Map", "Shelves", &json!({"n": n}));
    run.push("MapStateStarted", json!({"length": 0}));
    run.push("MapRunStarted", json!({"mapRunArn": map_run}));
    let (error, words) = (
        "AccessDeniedException",
        "User: arn:aws:sts::480213377711:assumed-role/price-writer-role/price-writer is not authorized to perform: dynamodb:PutItem on resource: table/prices-food because no identity-based policy allows the dynamodb:PutItem action",
    );
    for item in 0..8 {
        let input = json!({"shelf": item});
        let name = format!("c{n}-{item}");
        let mut child = Run::new("reprice/Shelves", &name, run.at + 200, &input).below(&map_run);
        let mut write = lambda("price-writer", 110 + vary(n + item, 30));
        if item < bad {
            write = write.raising(error, words);
        }
        match desk.task(&mut child, "Write", &write, &input, &json!({"ok": 1})) {
            true => desk.end(child, End::Well(&json!({"ok": 1}))),
            false => {
                let cause = json!({"errorMessage": words, "errorType": error}).to_string();
                desk.end(child, End::Failed(error, &cause))
            }
        };
    }
    run.wait(1_500);
    run.push("MapRunSucceeded", json!({}));
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Shelves", &json!([]));
    desk.end(run, End::Well(&json!([])))
}

fn tolerated(desk: &mut Desk, n: usize, ill: bool) -> String {
    tolerant(desk, n, if ill { 3 } else { 0 })
}

fn tolerated_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    tolerant(desk, n, if ill { 2 } else { 1 + n % 2 })
}

/// A Choice over what a function rates; who rates high is inspected.
fn rated(desk: &mut Desk, n: usize, name: &str, read: &str, version: &'static str) -> String {
    let definition = json!({"StartAt": "Rate", "States": {
        "Rate": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Steep"},
        "Steep": {"Type": "Choice", "Choices": [{"Variable": format!("$.{read}"), "NumericGreaterThan": 60, "Next": "Inspect"}], "Default": "Release"},
        "Inspect": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true},
        "Release": {"Type": "Pass", "End": true}}});
    let points = 10 + (n as i64 * 37) % 90;
    let input = json!({"lot": n});
    let mut rates = json!({"lot": n, "points": points});
    rates[name] = json!(points + 1);
    let mut run = Run::new("lot-release", &format!("l{n}"), at(n), &input).defined(definition);
    let rate = lambda("rate-lot", 80 + vary(n, 20)).version(version);
    desk.task(&mut run, "Rate", &rate, &input, &rates);
    run.through("Choice", "Steep", &rates, &rates);
    // Who reads what is not there goes the way of the default.
    if rates[read].as_i64().unwrap_or_default() > 60 {
        desk.task(
            &mut run,
            "Inspect",
            &lambda("inspect-lot", 90),
            &rates,
            &rates,
        );
    } else {
        run.through("Pass", "Release", &rates, &rates);
    }
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn renamed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (name, version) = if ill {
        ("lotGrade", "32")
    } else {
        ("lot_grade", "31")
    };
    rated(desk, n, name, "lot_grade", version)
}

fn renamed_unread(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (name, version) = if ill {
        ("lotGrade", "32")
    } else {
        ("lot_grade", "31")
    };
    rated(desk, n, name, "points", version)
}

/// A function that writes a file, and one that reads it; only the bucket is between them.
fn handed(desk: &mut Desk, n: usize, writer: Lambda, reader: Lambda) -> String {
    let key = json!({"key": format!("night/{n}.json")});
    let all = [
        ("Write", writer, key.clone()),
        ("Print", reader, json!({"ok": 1})),
    ];
    chain(desk, "ticket-print", n, &json!({"n": n}), &all)
}

const UNREADABLE: &str = "invalid character '\\x1f' looking for beginning of value";

fn fed_by_release(desk: &mut Desk, n: usize, ill: bool) -> String {
    let writer = lambda("write-tickets", 120 + vary(n, 20));
    let reader = lambda("print-tickets", 150 + vary(n, 20));
    match ill {
        false => handed(desk, n, writer.saying("INFO", "stored plain"), reader),
        true => handed(
            desk,
            n,
            writer
                .version("32")
                .saying("INFO", "stored compressed level=6"),
            reader.raising("SyntaxError", UNREADABLE),
        ),
    }
}

fn reader_released(desk: &mut Desk, n: usize, ill: bool) -> String {
    let writer = lambda("write-tickets", 120 + vary(n, 20)).saying("INFO", "stored plain");
    let mut reader = lambda("print-tickets", 150 + vary(n, 20));
    if ill {
        reader = reader.version("32").raising("SyntaxError", UNREADABLE);
    }
    handed(desk, n, writer, reader)
}

fn fed_well(desk: &mut Desk, n: usize, ill: bool) -> String {
    let writer = lambda("write-tickets", 120 + vary(n, 20));
    let writer = match ill {
        true => writer
            .version("32")
            .saying("INFO", "stored compressed level=6"),
        false => writer.saying("INFO", "stored plain"),
    };
    handed(desk, n, writer, lambda("print-tickets", 150 + vary(n, 20)))
}

/// A job that is asked about again and again.
fn asked(desk: &mut Desk, n: usize, turns: usize) -> String {
    let of = ("aws-sdk:textract", "getDocumentAnalysis");
    let input = json!({"file": n});
    let mut run = Run::new("deed-scan", &format!("d{n}"), at(n), &input);
    for turn in 0..turns {
        run.enter("Wait", "Pause", &input);
        run.wait(5_000);
        run.exit("Wait", "Pause", &input);
        run.enter("Task", "Ask", &input);
        let status = if turn + 1 == turns {
            "SUCCEEDED"
        } else {
            "IN_PROGRESS"
        };
        run.call(
            of,
            &json!({"JobId": "j"}),
            90,
            Ok(json!({"JobStatus": status})),
        );
        run.exit("Task", "Ask", &json!({"JobStatus": status}));
        run.through("Choice", "Done", &json!({"JobStatus": status}), &input);
    }
    desk.end(run, End::Well(&input))
}

fn asked_long(desk: &mut Desk, n: usize, ill: bool) -> String {
    asked(desk, n, if ill { 23 } else { 3 + n % 3 })
}

fn asked_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    asked(desk, n, if ill { 5 } else { 3 + n % 3 })
}

/// Items of a Map side by side: the time each takes, of what size, in a new sandbox or not.
fn items(desk: &mut Desk, n: usize, all: &[(i64, i64, Option<i64>)], stumbles: bool) -> String {
    let list: Vec<Value> = all.iter().map(|it| json!({"bytes": it.1})).collect();
    let input = json!({"reels": list});
    let mut run = Run::new("reel-cut", &format!("r{n}"), at(n), &input);
    run.enter("Map", "Reels", &input);
    run.push("MapStateStarted", json!({"length": all.len()}));
    let mark = run.mark();
    let mut last = mark;
    for (index, (ms, bytes, init)) in all.iter().enumerate() {
        run.back(mark);
        run.push(
            "MapIterationStarted",
            json!({"name": "Reels", "index": index}),
        );
        let mut cut = lambda("cut-reel", ms + vary(n + index, 15));
        cut.init = *init;
        let given = json!({"bytes": bytes});
        let tries = match stumbles && index == 2 {
            false => vec![cut],
            true => {
                let mut warm = cut.clone();
                warm.init = None;
                vec![cut.raising("StoreBusy", "the store said 503 once"), warm]
            }
        };
        desk.retried(&mut run, "Cut", &tries, &given, &json!({"ok": 1}));
        run.push(
            "MapIterationSucceeded",
            json!({"name": "Reels", "index": index}),
        );
        if run.at > last.at {
            last = run.mark();
        }
    }
    run.back(last);
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Reels", &json!({"ok": 1}));
    desk.end(run, End::Well(&json!({"ok": 1})))
}

fn large_item(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = vec![(400, 52_000, None); 6];
    if ill {
        all[4] = (400 * 31, 52_000 * 34, None);
    }
    items(desk, n, &all, false)
}

fn slow_item(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = vec![(400, 52_000, None); 6];
    if ill {
        all[4] = (400 * 31, 52_000, None);
    }
    items(desk, n, &all, false)
}

fn all_cold(desk: &mut Desk, n: usize, ill: bool) -> String {
    let init = ill.then_some(6_100);
    items(desk, n, &[(400, 52_000, init); 6], ill)
}

fn stumbled(desk: &mut Desk, n: usize, ill: bool) -> String {
    items(desk, n, &[(400, 52_000, None); 6], ill || n % 5 == 2)
}

/// Of the failed run only its end is held, and what that quotes; of the others everything.
fn quoted(desk: &mut Desk, n: usize, ill: bool, words: &str, traced: bool) -> String {
    let of = lambda("hold-seats", 60 + vary(n, 20));
    quoted_by(desk, n, ill, words, (traced, of))
}

fn quoted_by(
    desk: &mut Desk,
    n: usize,
    ill: bool,
    words: &str,
    (traced, mut of): (bool, Lambda),
) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("ferry-seats", &format!("f{n}"), at(n), &input);
    run.enter("Task", "Hold", &input);
    if ill {
        of = of.raising("HarbourError", words);
        let invoke = ("lambda", "invoke");
        run.schedule(invoke, &json!({}), &Value::Null);
        let request = desk.ran(&of, run.at);
        run.wait(of.ms + 11);
        let mut cause = json!({"errorMessage": words, "errorType": "HarbourError"});
        if traced {
            cause["requestId"] = json!(request);
        }
        run.failed(invoke, "HarbourError", &cause.to_string());
        return desk.vended(run, "HarbourError", &cause.to_string());
    }
    desk.invoke(&mut run, &of, &input, &input);
    run.exit("Task", "Hold", &input);
    desk.end(run, End::Well(&input))
}

fn quoted_peer(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "POST https://seats.harbour.example/holds answered 503 Service Unavailable";
    quoted(desk, n, ill, words, false)
}

fn quoted_peer_traced(desk: &mut Desk, n: usize, ill: bool) -> String {
    let words = "POST https://seats.harbour.example/holds answered 502 Bad Gateway";
    quoted(desk, n, ill, words, true)
}

fn quoted_nobody(desk: &mut Desk, n: usize, ill: bool) -> String {
    quoted(desk, n, ill, "the hold could not be made", false)
}

/// Nor does any log hold those words.
fn quoted_nobody_dark(desk: &mut Desk, n: usize, ill: bool) -> String {
    let of = lambda("hold-seats", 60 + vary(n, 20));
    let of = if ill { of.dark() } else { of };
    quoted_by(desk, n, ill, "the hold could not be made", (false, of))
}

fn quoted_nobody_traced(desk: &mut Desk, n: usize, ill: bool) -> String {
    quoted(desk, n, ill, "the hold could not be made", true)
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "only a first page was listed",
            &["list-parcels"],
            &[SilentData],
            first_page,
        ),
        calm("fewer than ever, but no page", fewer_but_no_page),
        calm("full pages as ever", page_as_ever),
        crime(
            "items that a Map tolerated",
            &["price-writer", "price-writer-role"],
            &[Permission],
            tolerated,
        )
        .fate(Fatality::Masked),
        calm("items that a Map tolerates as ever", tolerated_as_ever),
        crime(
            "a name that a release changed, and a Choice reads",
            &["rate-lot"],
            &[SilentData],
            renamed,
        )
        .changed("32"),
        calm(
            "a name that a release changed, and nobody reads",
            renamed_unread,
        ),
        crime(
            "a release that writes what the next cannot read",
            &["write-tickets"],
            &[BadDeploy],
            fed_by_release,
        )
        .changed("32"),
        crime(
            "a release that cannot read what it could",
            &["print-tickets"],
            &[BadDeploy],
            reader_released,
        )
        .changed("32"),
        calm("a release that writes otherwise, and is read", fed_well),
        crime(
            "a job that is asked about too often",
            &["Ask"],
            &[Latency],
            asked_long,
        ),
        calm("a job that is asked about as often as ever", asked_as_ever),
        crime(
            "an item far larger than the others",
            &["Reels[4]"],
            &[DataSize],
            large_item,
        ),
        crime(
            "an item that is slow, not large",
            &["cut-reel"],
            &[Latency],
            slow_item,
        ),
        crime(
            "items cold at once, one of which stumbled",
            &["cut-reel"],
            &[ColdStart],
            all_cold,
        ),
        calm("an item that stumbled as ever", stumbled),
        crime(
            "an end that quotes a peer",
            &["seats.harbour.example"],
            &[Error],
            quoted_peer,
        ),
        crime(
            "an end that quotes a peer, and a request",
            &["seats.harbour.example"],
            &[Error],
            quoted_peer_traced,
        ),
        crime(
            "an end that quotes nobody, but a request",
            &["hold-seats"],
            &[Error],
            quoted_nobody_traced,
        ),
        crime(
            "an end that quotes nobody, with the words of a log",
            &["hold-seats"],
            &[Error],
            quoted_nobody,
        ),
        crime("an end that quotes nobody", &[], &[], quoted_nobody_dark).outcome(Outcome::ColdCase),
    ]
}
