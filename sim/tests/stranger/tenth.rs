//! A tenth lot: ways that a release took out, values of another kind or scale, rare ways, pools, calls that multiply,
//! failures that were taken for answers, limits of the whole—and of each the same look without a crime, or another's.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Call, Lambda, lambda},
    sixth::chain,
    vary,
};
use model::Category;
use serde_json::{Value, json};

/// Hull checks that are sorted by what was found.
fn sorted(desk: &mut Desk, n: usize, version: u32, arms: &[&str], found: &str) -> String {
    let rules: Vec<Value> = arms
        .iter()
        .map(|it| json!({"Variable": "$.found", "StringEquals": it, "Next": format!("Do {it}")}))
        .collect();
    let definition = json!({"StartAt": "Look", "States": {
        "Look": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Sort"},
        "Sort": {"Type": "Choice", "Choices": rules},
        "Do clean": {"Type": "Pass", "End": true}, "Do paint": {"Type": "Pass", "End": true}, "Do weld": {"Type": "Pass", "End": true}}});
    let input = json!({"hull": n});
    let run = Run::new("hull-check", &format!("h{n}"), at(n), &input);
    let mut run = run.version(version).defined(definition);
    let data = json!({"hull": n, "found": found});
    let look = lambda("look-at-hull", 210 + vary(n, 40));
    desk.task(&mut run, "Look", &look, &input, &data);
    run.enter("Choice", "Sort", &data);
    if !arms.contains(&found) {
        let cause = "Failed to transition out of the state 'Sort'. The state does not point to a next state.";
        return desk.end(run, End::Failed("States.NoChoiceMatched", cause));
    }
    run.exit("Choice", "Sort", &data);
    run.through("Pass", &format!("Do {found}"), &data, &data);
    desk.end(run, End::Well(&data))
}

fn arm_lost(desk: &mut Desk, n: usize, ill: bool) -> String {
    let all = ["clean", "paint", "weld"];
    // Runs of the new version that take the ways which are left go well.
    if n >= 9 {
        return sorted(desk, n, 8, &all[..2], if ill { "weld" } else { "clean" });
    }
    sorted(desk, n, 7, &all, all[n % 3])
}

fn arm_unused(desk: &mut Desk, n: usize, ill: bool) -> String {
    let all = ["clean", "paint", "weld"];
    match ill {
        true => sorted(desk, n, 8, &all[..2], all[n % 2]),
        false => sorted(desk, n, 7, &all, all[n % 2]),
    }
}

/// Milk that is measured, and cooled or kept by what was measured.
fn measured(desk: &mut Desk, n: usize, version: &'static str, value: &Value, cool: bool) -> String {
    let definition = json!({"StartAt": "Measure", "States": {
        "Measure": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Warm"},
        "Warm": {"Type": "Choice", "Choices": [{"Variable": "$.degrees", "NumericGreaterThan": 30, "Next": "Cool"}], "Default": "Keep"},
        "Cool": {"Type": "Pass", "End": true}, "Keep": {"Type": "Pass", "End": true}}});
    let input = json!({"tank": n % 4});
    let mut run = Run::new("milk-tanks", &format!("t{n}"), at(n), &input).defined(definition);
    let data = json!({"tank": n % 4, "degrees": value});
    let of = lambda("measure-tank", 60 + vary(n, 20)).version(version);
    desk.task(&mut run, "Measure", &of, &input, &data);
    run.through("Choice", "Warm", &data, &data);
    let way = if cool { "Cool" } else { "Keep" };
    run.through("Pass", way, &data, &data);
    desk.end(run, End::Well(&data))
}

fn as_text(desk: &mut Desk, n: usize, ill: bool) -> String {
    let degrees = 34.0 + (n % 5) as f64 * 1.3;
    match ill {
        true => measured(desk, n, "6", &json!(degrees.to_string()), false),
        false => measured(desk, n, "5", &json!(degrees), true),
    }
}

fn text_as_ever(desk: &mut Desk, n: usize, ill: bool) -> String {
    let degrees = 34.0 + (n % 5) as f64 * 1.3;
    let version = if ill { "6" } else { "5" };
    measured(desk, n, version, &json!(degrees.to_string()), false)
}

fn other_scale(desk: &mut Desk, n: usize, ill: bool) -> String {
    let degrees = 11.0 + ((n * 7) % 5) as f64 * 1.3;
    match ill {
        true => measured(desk, n, "6", &json!(degrees * 1.8 + 32.0), true),
        false => measured(desk, n, "5", &json!(degrees), false),
    }
}

fn warm_day(desk: &mut Desk, n: usize, ill: bool) -> String {
    let degrees = 21.0 + ((n * 7) % 5) as f64 * 1.3;
    match ill {
        true => measured(desk, n, "5", &json!(degrees + 9.0), true),
        false => measured(desk, n, "5", &json!(degrees), false),
    }
}

/// Loans of which few are looked at by hand.
fn loans(desk: &mut Desk, n: usize, by_hand: bool, review_ms: i64) -> String {
    let input = json!({"loan": n, "amount": 400});
    let mut run = Run::new("loans", &format!("l{n}"), at(n), &input);
    let score = lambda("score-loan", 300 + vary(n, 40));
    desk.task(&mut run, "Score", &score, &input, &input);
    run.through("Choice", "Large", &input, &input);
    if by_hand {
        run.enter("Wait", "Cool off", &input);
        run.wait(120_000);
        run.exit("Wait", "Cool off", &input);
        let review = lambda("review-loan", review_ms);
        desk.task(&mut run, "Review", &review, &input, &input);
    }
    desk.end(run, End::Well(&input))
}

fn rare_way(desk: &mut Desk, n: usize, ill: bool) -> String {
    // The rare ones before were a little shorter.
    loans(desk, n, ill || n % 5 == 1, if ill { 980 } else { 800 })
}

fn rare_and_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    let ms = if ill { 91_000 } else { 800 };
    loans(desk, n, ill || n % 5 == 1, ms)
}

/// A function that takes a connection and asks a database.
fn pooled(desk: &mut Desk, n: usize, wait: i64, query: i64) -> String {
    let mut take = Call::new("acquire connection", wait, &[("pool.name", "berths")]);
    take.kind = 1;
    let asked = Call::new(
        "SELECT berths-db",
        query,
        &[("server.address", "berths-db"), ("db.system", "mysql")],
    );
    let of = lambda("find-berth", wait + query + 20 + vary(n, 9))
        .calling(take)
        .calling(asked);
    chain(
        desk,
        "berths",
        n,
        &json!({"n": n}),
        &[("Find", of, json!({"berth": 4}))],
    )
}

fn pool_empty(desk: &mut Desk, n: usize, ill: bool) -> String {
    pooled(desk, n, if ill { 6_100 } else { 2 }, 14)
}

fn query_slow(desk: &mut Desk, n: usize, ill: bool) -> String {
    pooled(desk, n, 2, if ill { 6_100 } else { 14 })
}

/// A function that asks a service so many times.
fn asking(desk: &mut Desk, n: usize, version: &'static str, times: i64, ms: i64) -> String {
    let mut of = lambda("sum-ledger", times * (ms + 1) + 30 + vary(n, 9)).version(version);
    for _ in 0..times {
        of = of.calling(Call::new(
            "GET /entries",
            ms,
            &[("server.address", "ledger-core")],
        ));
    }
    chain(
        desk,
        "ledger",
        n,
        &json!({"book": n % 3}),
        &[("Sum", of, json!({"sum": 7}))],
    )
}

fn one_by_one(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => asking(desk, n, "32", 60, 90),
        false => asking(desk, n, "31", 2, 90 + vary(n, 9)),
    }
}

fn slower_each(desk: &mut Desk, n: usize, ill: bool) -> String {
    asking(desk, n, "31", 2, if ill { 2_700 } else { 90 + vary(n, 9) })
}

/// A function that looks a patient up and one that writes his letter.
fn looked_up(desk: &mut Desk, n: usize, status: &str, release: &'static str, well: bool) -> String {
    let mut call = Call::new(
        "GET /patients",
        30,
        &[
            ("server.address", "patients-core"),
            ("http.response.status_code", status),
        ],
    );
    if status != "200" {
        call = call.failing("HTTP");
    }
    let look = lambda("look-up-patient", 60 + vary(n, 9)).calling(call);
    let mut write = lambda("write-letter", 80 + vary(n, 9)).version(release);
    if !well {
        write = write.raising(
            "TypeError",
            "Cannot read properties of undefined (reading 'street')",
        );
    }
    let data = json!({"patient": if status == "200" { "known" } else { "guest" }});
    let all = [
        ("Look up", look, data),
        ("Write", write, json!({"letter": 1})),
    ];
    chain(desk, "letters", n, &json!({"n": n}), &all)
}

fn swallowed(desk: &mut Desk, n: usize, ill: bool) -> String {
    match ill {
        true => looked_up(desk, n, "503", "32", false),
        false => looked_up(desk, n, "200", "31", true),
    }
}

fn not_swallowed(desk: &mut Desk, n: usize, ill: bool) -> String {
    // The call fails in healthy runs as well.
    match ill {
        true => looked_up(desk, n, "503", "32", false),
        false => looked_up(desk, n, "503", "31", true),
    }
}

/// An execution that may not take long.
fn limited(desk: &mut Desk, n: usize, limit: Option<i64>) -> String {
    let input = json!({"n": n});
    let version = if limit.is_some() { 5 } else { 4 };
    let mut run = Run::new("stage-cues", &format!("c{n}"), at(n), &input).version(version);
    let cues = lambda("cut-cues", 9_000 + vary(n, 400));
    desk.task(&mut run, "Cut", &cues, &input, &input);
    run.enter("Task", "Send", &input);
    if limit.is_some() {
        let arn = "arn:aws:lambda:eu-central-1:480213377711:function:send-cues";
        run.schedule(
            ("lambda", "invoke"),
            &json!({"FunctionName": arn, "Payload": {}}),
            &Value::Null,
        );
        run.wait(900);
        return desk.end(run, End::TimedOut);
    }
    desk.invoke(&mut run, &lambda("send-cues", 6_000), &input, &input);
    run.exit("Task", "Send", &input);
    desk.end(run, End::Well(&input))
}

fn limit_of_the_whole(desk: &mut Desk, n: usize, ill: bool) -> String {
    limited(desk, n, ill.then_some(10))
}

/// A name that a zone lost.
fn zone(desk: &mut Desk, n: usize, ill: bool) -> String {
    if ill && n == 12 {
        desk.changed(
            at(n) - 60_000,
            "config",
            "zone/berths.internal",
            "records merged",
        );
    }
    let mut of: Lambda = lambda("ask-tide", 90 + vary(n, 9));
    if ill {
        of = of.raising("Error", "getaddrinfo ENOTFOUND tides.berths.internal");
    }
    chain(
        desk,
        "tides",
        n,
        &json!({"n": n}),
        &[("Ask", of, json!({"tide": 2}))],
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    vec![
        crime(
            "a way that a release took out",
            &["hull-check:8"],
            &[BadDeploy],
            arm_lost,
        ),
        calm("a way that a release took out and nobody takes", arm_unused),
        crime(
            "a number that became a text",
            &["measure-tank"],
            &[SilentData],
            as_text,
        ),
        calm("a text as ever", text_as_ever),
        crime(
            "a number of another scale",
            &["measure-tank"],
            &[SilentData],
            other_scale,
        ),
        calm("a warm day", warm_day),
        calm("a rare way that takes its time", rare_way),
        crime(
            "a rare way that takes longer",
            &["review-loan"],
            &[Latency],
            rare_and_slow,
        )
        .runs(14, 1),
        crime(
            "a pool without a free connection",
            &["find-berth"],
            &[Capacity],
            pool_empty,
        ),
        crime(
            "a slow query behind a pool",
            &["berths-db"],
            &[Latency],
            query_slow,
        ),
        crime(
            "one call for each entry",
            &["sum-ledger"],
            &[BadDeploy, Latency],
            one_by_one,
        ),
        crime(
            "two calls, each of them slow",
            &["ledger-core"],
            &[Latency],
            slower_each,
        ),
        crime(
            "a failed call that was taken for an answer",
            &["patients-core"],
            &[Error],
            swallowed,
        ),
        crime(
            "a failed call as ever, and a release",
            &["write-letter"],
            &[BadDeploy],
            not_swallowed,
        ),
        crime(
            "a limit of the whole execution",
            &["stage-cues"],
            &[TimeoutConfig],
            limit_of_the_whole,
        ),
        crime(
            "a name that a zone lost",
            &["tides.berths.internal", "ask-tide"],
            &[NetworkConfig],
            zone,
        ),
    ]
}
