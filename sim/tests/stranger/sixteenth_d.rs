//! A sixteenth lot: what a state hands over beside its data, defaults in green runs, items that were tolerated, files that end
//! too early, values beyond all others, and people who take their time. Right answers were written first.

use super::{
    Mystery, at, calm, crime as bad,
    desk::{Desk, End, Run},
    lambda::lambda,
    sixth::chain,
    vary,
};
use model::Category;
use serde_json::{Value, json};

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");
const SNS: (&str, &str) = ("sns", "publish.waitForTaskToken");
const BUS: (&str, &str) = ("events", "putEvents.waitForTaskToken");
const INVOKE: (&str, &str) = ("lambda", "invoke");
const GLUE: (&str, &str) = ("glue", "startJobRun.sync");

fn token(desk: &mut Desk) -> String {
    let mut part = || format!("{:016x}", desk.id());
    format!("AQCgAAAAKgAAAAMAAAAAAAAAA{}{}{}", part(), part(), part())
}

fn message(desk: &mut Desk) -> String {
    let (a, b) = (desk.id(), desk.id());
    format!("{:08x}-5b1c-4e02-8d11-{:012x}", a >> 32, b >> 16)
}

/// A kiln is fired by whoever takes the message; `release` is the workflow's version.
fn firing(
    desk: &mut Desk,
    n: usize,
    release: u32,
    of: (&str, &str),
    sent: &dyn Fn(&str, &str) -> Value,
    well: bool,
) -> String {
    let input = json!({"load": format!("kiln-load-{n}")});
    let mut run = Run::new("kiln-firing", &format!("d{n}"), at(n), &input).version(release);
    let (token, id) = (token(desk), message(desk));
    run.enter("Task", "Fire", &input);
    run.schedule(of, &sent(&token, &id), &json!({"timeoutInSeconds": 240}));
    let answer = match of.0 {
        "events" => json!({"Entries": [{"EventId": id}], "FailedEntryCount": 0}),
        _ => json!({"MessageId": id}),
    };
    run.submitted(of, &answer);
    let mut work = lambda("fire-kiln", 700).saying("INFO", &format!("took {id}"));
    if !well {
        work = work.saying("INFO", "fired, nobody to tell");
    }
    desk.ran(&work, run.at + 400);
    if well {
        run.wait(1_600 + vary(n, 200));
        run.succeeded(of, &json!({"fired": 1}));
        run.exit("Task", "Fire", &json!({"fired": 1}));
        return desk.end(run, End::Well(&json!({"fired": 1})));
    }
    run.wait(240_000);
    let limit = json!({"resourceType": of.0, "resource": of.1, "error": "States.Timeout"});
    run.push("TaskTimedOut", limit);
    desk.end(run, End::Failed("States.Timeout", ""))
}

const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/480213377711/kilns";
const TOPIC: &str = "arn:aws:sns:eu-central-1:480213377711:kilns";

fn token_under_another_name(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (name, release) = if ill {
        ("callback_id", 4)
    } else {
        ("callbackId", 3)
    };
    let sent =
        |token: &str, _: &str| json!({"QueueUrl": QUEUE, "MessageBody": {"load": n, name: token}});
    firing(desk, n, release, SQS, &sent, !ill)
}

fn token_where_it_was(desk: &mut Desk, n: usize, ill: bool) -> String {
    let sent = |token: &str, _: &str| json!({"QueueUrl": QUEUE, "MessageBody": {"load": n, "callbackId": token, "cone": 6}});
    firing(desk, n, 3, SQS, &sent, !ill)
}

fn token_deep_in_a_text(desk: &mut Desk, n: usize, ill: bool) -> String {
    let sent = |token: &str, _: &str| {
        let body = match ill {
            true => json!({"meta": {"resume": {"with": token}}}),
            false => json!({"meta": {"resume": token}}),
        };
        json!({"TopicArn": TOPIC, "Message": body.to_string()})
    };
    firing(desk, n, if ill { 8 } else { 7 }, SNS, &sent, !ill)
}

fn token_left_out(desk: &mut Desk, n: usize, ill: bool) -> String {
    let sent = |token: &str, _: &str| {
        let detail = match ill {
            true => json!({"load": n}),
            false => json!({"load": n, "taskToken": token}),
        };
        json!({"Entries": [{"EventBusName": "kilns", "DetailType": "fire", "Source": "kiln", "Detail": detail}]})
    };
    firing(desk, n, if ill { 12 } else { 11 }, BUS, &sent, !ill)
}

/// A function is asked for by version or alias, and runs in a version.
fn asked(
    desk: &mut Desk,
    n: usize,
    release: u32,
    (asked, ran): (&str, &'static str),
    rate: f64,
    error: Option<(&str, &str)>,
) -> String {
    let amount = 100 + vary(n, 900);
    let input = json!({"net": amount});
    let mut run = Run::new("berth-fees", &format!("d{n}"), at(n), &input).version(release);
    run.enter("Task", "Reckon", &input);
    let arn = format!("arn:aws:lambda:eu-central-1:480213377711:function:reckon-fee:{asked}");
    run.schedule(
        INVOKE,
        &json!({"FunctionName": arn, "Payload": input}),
        &Value::Null,
    );
    let mut of = lambda("reckon-fee", 40 + vary(n, 9)).version(ran);
    if let Some((kind, said)) = error {
        of = of.raising(kind, said);
    }
    let request = desk.ran(&of, run.at);
    run.wait(60);
    if let Some((kind, said)) = error {
        let cause = json!({"errorType": kind, "errorMessage": said, "requestId": request});
        run.failed(INVOKE, kind, &cause.to_string());
        return desk.end(run, End::Failed(kind, &cause.to_string()));
    }
    let gave = json!({"net": amount, "fee": amount as f64 * rate});
    let output = json!({"ExecutedVersion": ran, "Payload": gave, "StatusCode": 200, "SdkResponseMetadata": {"RequestId": request}});
    run.succeeded(INVOKE, &output);
    run.exit("Task", "Reckon", &gave);
    desk.end(run, End::Well(&gave))
}

fn older_version_asked_for(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (release, version, rate) = if ill { (6, "2", 0.3) } else { (5, "7", 0.2) };
    asked(desk, n, release, (version, version), rate, None)
}

fn alias_was_moved(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (version, rate) = if ill { ("8", 0.3) } else { ("7", 0.2) };
    asked(desk, n, 5, ("live", version), rate, None)
}

const NO_TARIFF: (&str, &str) = (
    "TypeError",
    "Cannot read properties of undefined (reading 'tariff')",
);

fn other_alias_asked_for(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ill.then_some(NO_TARIFF);
    let (release, of) = if ill {
        (6, ("beta", "9"))
    } else {
        (5, ("live", "7"))
    };
    asked(desk, n, release, of, 0.2, error)
}

fn newer_version_released(desk: &mut Desk, n: usize, ill: bool) -> String {
    if n == 12 {
        desk.changed(
            at(n) - 70_000,
            "lambda",
            "reckon-fee",
            "version 8 published",
        );
    }
    let error = ill.then_some(NO_TARIFF);
    let (release, version) = if ill { (6, "8") } else { (5, "7") };
    asked(desk, n, release, (version, version), 0.2, error)
}

/// How deep a harbour is, by whoever knows.
fn depth(desk: &mut Desk, n: usize, says: Option<(&'static str, &str)>, gave: &Value) -> String {
    let mut of = lambda("sound-depth", 60 + vary(n, 12));
    if let Some((level, line)) = says {
        of = of.saying(level, line);
    }
    let all = [
        ("Sound", of, gave.clone()),
        ("Clear", lambda("clear-entry", 30), json!({"entry": true})),
    ];
    chain(desk, "harbour-entry", n, &json!({"ship": n % 7}), &all)
}

fn usual_depth(n: usize) -> Value {
    json!({"metres": 11.0 + vary(n, 10) as f64 / 10.0, "origin": "gauge"})
}

fn made_up(desk: &mut Desk, n: usize, ill: bool) -> String {
    if !ill {
        let gave = json!({"metres": usual_depth(n)["metres"]});
        return depth(desk, n, None, &gave);
    }
    let says = ("WARN", "gauge table has no rows for today, taking 4.0");
    depth(desk, n, Some(says), &json!({"metres": 4.0}))
}

fn gauge_turned_down(desk: &mut Desk, n: usize, ill: bool) -> String {
    let says = (
        "WARN",
        "GET https://gauges.tides.example/v2/now -> 503 Service Unavailable; falling back to the almanac",
    );
    let gave = match ill {
        true => json!({"metres": 11.4, "origin": "almanac"}),
        false => usual_depth(n),
    };
    depth(desk, n, ill.then_some(says), &gave)
}

fn says_it_is_old(desk: &mut Desk, n: usize, ill: bool) -> String {
    let gave = match ill {
        true => json!({"metres": 11.4, "origin": "stale-cache"}),
        false => usual_depth(n),
    };
    depth(desk, n, None, &gave)
}

fn made_up_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    if !ill && !n.is_multiple_of(3) {
        return depth(desk, n, None, &usual_depth(n));
    }
    let says = ("WARN", "no gauge in this harbour, using default 4.0");
    depth(
        desk,
        n,
        Some(says),
        &json!({"metres": 4.0, "origin": "default"}),
    )
}

fn warned_and_gave_the_same(desk: &mut Desk, n: usize, ill: bool) -> String {
    let says = ("WARN", "cache of gauges is cold, falling back to the store");
    depth(desk, n, ill.then_some(says), &usual_depth(n))
}

/// The pilot is called, if the ship has a telephone and the exchange answers.
fn called(desk: &mut Desk, n: usize, says: &str, gave: &str) -> String {
    let mut of = lambda("call-pilot", 60 + vary(n, 12));
    if !says.is_empty() {
        of = of.saying("WARN", says);
    }
    let all = [("Call", of, json!({"call": gave}))];
    chain(desk, "pilotage", n, &json!({"ship": n % 7}), &all)
}

fn nobody_to_call(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => called(
            desk,
            n,
            "ship has no telephone, skipping the call",
            "skipped",
        ),
        false => called(desk, n, "", "made"),
    }
}

fn exchange_turned_down(desk: &mut Desk, n: usize, ill: bool) -> String {
    const SAYS: &str =
        "POST https://exchange.example/call -> 503 Service Unavailable, skipping the call";
    match ill {
        true => called(desk, n, SAYS, "skipped"),
        false => called(desk, n, "", "made"),
    }
}

/// A distributed Map counts ballots, or whatever: items that fail are tolerated.
fn counted(desk: &mut Desk, n: usize, torn: Option<usize>) -> String {
    let map_run = format!("arn:aws:states:eu-central-1:480213377711:mapRun:weigh/Crates:5e{n}");
    let many = 8 + n % 3;
    let list: Vec<Value> = (0..many)
        .map(|it| json!({"crate": format!("cr-{n}-{it}")}))
        .collect();
    let input = json!({"crates": list});
    let mut run = Run::new("weigh", &format!("d{n}"), at(n), &input);
    run.enter("Map", "Weigh each", &input);
    run.push("MapStateStarted", json!({"length": many}));
    run.push("MapRunStarted", json!({"mapRunArn": map_run}));
    let mut gave = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let name = format!("v{n}-{index}");
        let mut child = Run::new("weigh/Crates", &name, run.at + 150, item).below(&map_run);
        let of = lambda("weigh-crate", 90 + vary(n, 20));
        let bad = of
            .clone()
            .raising("ScaleError", "negative tare in the crate's record");
        let tries = if torn == Some(index) {
            vec![bad.clone(), bad]
        } else {
            vec![of]
        };
        let weight = json!({"kg": 40 + index});
        match desk.retried(&mut child, "Weigh", &tries, item, &weight) {
            true => {
                gave.push(weight.clone());
                desk.end(child, End::Well(&weight))
            }
            false => desk.end(child, End::Failed("ScaleError", "{\"errorType\": \"ScaleError\", \"errorMessage\": \"negative tare in the crate's record\"}")),
        };
    }
    run.wait(6_000);
    run.push("MapRunSucceeded", json!({}));
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Weigh each", &json!({"weights": gave}));
    let sum = json!({"weighed": gave.len()});
    desk.task(
        &mut run,
        "Sum",
        &lambda("sum-weights", 40),
        &json!({"weights": gave}),
        &sum,
    );
    desk.end(run, End::Well(&sum))
}

fn left_out_of_the_sum(desk: &mut Desk, n: usize, ill: bool) -> String {
    counted(desk, n, ill.then_some(3))
}

fn left_out_as_ever(desk: &mut Desk, n: usize, _: bool) -> String {
    counted(desk, n, Some(0))
}

/// One function writes a file, a job reads it.
fn written(desk: &mut Desk, n: usize, says: Option<&str>, own: bool, torn: bool) -> String {
    let uri = format!("s3://ledger-drops/{n}/day.parquet");
    let input = match own {
        true => json!({"day": n}),
        false => json!({"day": n, "file": uri}),
    };
    let mut run = Run::new("ledger-load", &format!("d{n}"), at(n), &input);
    let mut of = lambda("write-day", 900 + vary(n, 90));
    if let Some(line) = says {
        of = of.saying("WARN", line);
    }
    let gave = json!({"day": n, "file": uri});
    desk.task(&mut run, "Write", &of, &input, &gave);
    run.enter("Task", "Load", &gave);
    let sent = json!({"JobName": "load-ledger", "Arguments": {"--file": uri}});
    run.schedule(GLUE, &sent, &Value::Null);
    let id = format!("jr_{:016x}{:016x}", desk.id(), desk.id());
    run.submitted(GLUE, &json!({"JobRunId": id}));
    run.wait(52_000 + vary(n, 900));
    if torn {
        let cause = json!({"JobName": "load-ledger", "Id": id, "JobRunState": "FAILED", "ErrorMessage": "RuntimeException: day.parquet is not a Parquet file. Expected magic number at tail, but found [0, 0, 0, 0]"}).to_string();
        run.failed(GLUE, "States.TaskFailed", &cause);
        return desk.end(run, End::Failed("States.TaskFailed", &cause));
    }
    run.succeeded(
        GLUE,
        &json!({"JobName": "load-ledger", "Id": id, "JobRunState": "SUCCEEDED"}),
    );
    run.exit("Task", "Load", &json!({"loaded": 1}));
    desk.end(run, End::Well(&json!({"loaded": 1})))
}

fn file_not_written_to_its_end(desk: &mut Desk, n: usize, ill: bool) -> String {
    let says = "source closed after 2 of 9 row groups, leaving the rest";
    written(desk, n, ill.then_some(says), true, ill)
}

fn file_that_came_so(desk: &mut Desk, n: usize, ill: bool) -> String {
    written(desk, n, Some("no owner set on the drop"), false, ill)
}

/// Berths for ships of so many metres.
fn berths(
    desk: &mut Desk,
    n: usize,
    metres: i64,
    flag: &str,
    error: Option<(&str, &str)>,
) -> String {
    let mut of = lambda("assign-berth", 50 + vary(n, 9));
    if let Some((kind, said)) = error {
        of = of.raising(kind, said);
    }
    let input = json!({"metres": metres, "flag": flag});
    let all = [("Assign", of, json!({"berth": n % 5}))];
    chain(desk, "berths", n, &input, &all)
}

fn flag(n: usize) -> &'static str {
    ["NL", "DE", "DK"][n % 3]
}

fn longer_than_any(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ("BerthError", "length 4120 exceeds the longest berth");
    let metres = if ill {
        4_120
    } else {
        60 + (n as i64 * 37) % 180
    };
    berths(desk, n, metres, flag(n), ill.then_some(error))
}

fn as_long_as_others(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ("BerthError", "length 120 exceeds the longest berth");
    let metres = if ill { 120 } else { 60 + (n as i64 * 37) % 180 };
    berths(desk, n, metres, flag(n), ill.then_some(error))
}

fn flag_that_nobody_has(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ("LookupError", "unknown flag ZZQ");
    let own = if ill { "ZZQ" } else { flag(n) };
    berths(
        desk,
        n,
        60 + (n as i64 * 37) % 180,
        own,
        ill.then_some(error),
    )
}

fn flag_that_others_have(desk: &mut Desk, n: usize, ill: bool) -> String {
    let error = ("LookupError", "unknown flag DK");
    let own = if ill { "DK" } else { flag(n) };
    berths(
        desk,
        n,
        60 + (n as i64 * 37) % 180,
        own,
        ill.then_some(error),
    )
}

/// Some visas are looked at by a consul, who takes minutes.
fn visa(desk: &mut Desk, n: usize, thinks: Option<i64>) -> String {
    let input = json!({"visa": n, "stay": if thinks.is_some() { 300 } else { 20 }});
    let mut run = Run::new("visas", &format!("d{n}"), at(n), &input);
    desk.task(
        &mut run,
        "Check",
        &lambda("check-visa", 120),
        &input,
        &input,
    );
    if let Some(minutes) = thinks {
        run.enter("Task", "Consul", &input);
        let sent = json!({"TopicArn": "arn:aws:sns:eu-central-1:480213377711:consuls", "Message": {"visa": n, "token": token(desk)}});
        run.schedule(SNS, &sent, &json!({"timeoutInSeconds": 90_000}));
        let id = message(desk);
        run.submitted(SNS, &json!({"MessageId": id}));
        run.wait(minutes * 60_000);
        run.succeeded(SNS, &json!({"granted": true}));
        run.exit("Task", "Consul", &json!({"granted": true}));
    }
    desk.end(run, End::Well(&json!({"granted": true})))
}

fn thinks(n: usize) -> Option<i64> {
    n.is_multiple_of(4).then(|| [14, 33, 22][n / 4 % 3])
}

fn consul_thinks(desk: &mut Desk, n: usize, ill: bool) -> String {
    visa(desk, n, if ill { Some(37) } else { thinks(n) })
}

fn consul_forgot(desk: &mut Desk, n: usize, ill: bool) -> String {
    visa(desk, n, if ill { Some(1_300) } else { thinks(n) })
}

pub fn all() -> Vec<Mystery> {
    use Category::{BadDeploy, BadInput, Error, Latency, LostMessage, SilentData};
    let fallbacks = [
        bad("a depth made up", &["sound-depth"], &[SilentData], made_up),
        bad(
            "a gauge that turned down",
            &["gauges.tides.example"],
            &[Error, Latency],
            gauge_turned_down,
        ),
        bad(
            "an old depth",
            &["sound-depth"],
            &[SilentData],
            says_it_is_old,
        ),
        calm("a depth made up as ever", made_up_as_ever).runs(12, 1),
        calm("nobody to call", nobody_to_call).runs(12, 1),
        bad(
            "exchange turned down",
            &["exchange.example"],
            &[Error],
            exchange_turned_down,
        ),
        calm("warned, and gave the same", warned_and_gave_the_same),
    ];
    let handed = [
        bad(
            "a token under another name",
            &["kiln-firing:4"],
            &[BadDeploy],
            token_under_another_name,
        ),
        bad(
            "a token where it always was",
            &["fire-kiln"],
            &[LostMessage],
            token_where_it_was,
        ),
        bad(
            "a token deeper in a text",
            &["kiln-firing:8"],
            &[BadDeploy],
            token_deep_in_a_text,
        ),
        bad(
            "a token left out",
            &["kiln-firing:12"],
            &[BadDeploy],
            token_left_out,
        ),
        bad(
            "an older version was asked for",
            &["berth-fees:6"],
            &[BadDeploy],
            older_version_asked_for,
        ),
        bad(
            "an alias was moved",
            &["reckon-fee"],
            &[SilentData],
            alias_was_moved,
        ),
        bad(
            "another alias was asked for",
            &["berth-fees:6"],
            &[BadDeploy],
            other_alias_asked_for,
        ),
        bad(
            "a newer version was released",
            &["reckon-fee"],
            &[BadDeploy],
            newer_version_released,
        ),
    ];
    let given = [
        bad(
            "left out of the sum",
            &["Weigh each[3]"],
            &[BadInput],
            left_out_of_the_sum,
        )
        .runs(12, 1),
        calm("left out as ever", left_out_as_ever),
        bad(
            "a file not written to its end",
            &["write-day"],
            &[SilentData],
            file_not_written_to_its_end,
        ),
        bad(
            "a file that came so",
            &["load-ledger", "Load"],
            &[Error, BadInput, Latency],
            file_that_came_so,
        ),
        bad("longer than any", &["Assign"], &[BadInput], longer_than_any).runs(12, 1),
        bad(
            "as long as others",
            &["assign-berth"],
            &[Error],
            as_long_as_others,
        )
        .runs(12, 1),
        bad(
            "a flag that nobody has",
            &["Assign"],
            &[BadInput],
            flag_that_nobody_has,
        )
        .runs(12, 1),
        bad(
            "a flag that others have",
            &["assign-berth"],
            &[Error],
            flag_that_others_have,
        )
        .runs(12, 1),
        calm("a consul thinks", consul_thinks).runs(16, 1),
        bad("a consul forgot", &["consuls"], &[Latency], consul_forgot).runs(16, 1),
    ];
    fallbacks.into_iter().chain(handed).chain(given).collect()
}
