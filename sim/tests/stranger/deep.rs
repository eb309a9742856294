//! Functions that call functions: cold starts, slowness, bad values and bad versions two and three calls below the state,
//! told by nothing but the callees' own logs—and of each the same look without that crime.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Lambda, lambda},
    vary,
};
use model::Category;
use serde_json::{Value, json};

/// A try of a function that calls the next one, and that the next: each takes its own time and that of all below.
pub fn stack(
    desk: &mut Desk,
    run: &mut Run,
    all: &[Lambda],
    payload: &Value,
    answer: &Value,
) -> bool {
    let mut took = 0;
    let mut deep: Vec<Lambda> = Vec::new();
    for of in all.iter().rev() {
        let mut of = of.clone();
        of.ms += took;
        took = of.ms + of.init.unwrap_or(0) + 24;
        deep.insert(0, of);
    }
    let mut from = run.at + 15;
    for of in deep.iter().skip(1) {
        from += 12;
        desk.ran(of, from);
        from += of.init.unwrap_or(0);
    }
    desk.invoke(run, &deep[0], payload, answer)
}

/// A workflow of one state whose function calls others.
fn one(desk: &mut Desk, machine: &str, n: usize, input: &Value, all: &[Lambda]) -> String {
    let mut run = Run::new(machine, &format!("d{n}"), at(n), input);
    run.enter("Task", "Quote", input);
    let well = stack(desk, &mut run, all, input, &json!({"premium": 40 + n % 7}));
    if !well {
        let (error, message) = all[0].error.clone().unwrap_or_default();
        let cause = json!({"errorMessage": message, "errorType": error}).to_string();
        return desk.end(run, End::Failed(&error, &cause));
    }
    let output = json!({"premium": 40 + n % 7});
    run.exit("Task", "Quote", &output);
    desk.end(run, End::Well(&output))
}

/// Three functions, the first two of which write whom they call.
fn three(n: usize, named: bool) -> [Lambda; 3] {
    let mut quote = lambda("quote-cover", 70 + vary(n, 30));
    let mut rate = lambda("rate-cover", 60 + vary(n, 20));
    let risk = lambda("risk-model", 120 + vary(n, 60));
    if named {
        quote = quote.saying("INFO", "invoking rate-cover synchronously");
        rate = rate.saying("INFO", "POST /2015-03-31/functions/risk-model/invocations");
    }
    [quote, rate, risk]
}

fn cold_named(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = three(n, true);
    all[2].init = ill.then_some(6_400);
    one(desk, "cover", n, &json!({"n": n}), &all)
}

fn cold_unnamed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = three(n, false);
    all[2].init = ill.then_some(5_100);
    one(desk, "cover", n, &json!({"n": n}), &all)
}

fn cold_a_little(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = three(n, true);
    all[2].init = ill.then_some(700);
    one(desk, "cover", n, &json!({"n": n}), &all)
}

fn slow_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = three(n, true);
    all[2].ms += if ill { 5_900 } else { 0 };
    one(desk, "cover", n, &json!({"n": n}), &all)
}

/// The callee starts cold for a moment, its caller works for long.
fn slow_above(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = three(n, true);
    if ill {
        all[0].ms += 6_800;
        all[2].init = Some(900);
    }
    one(desk, "cover", n, &json!({"n": n}), &all)
}

/// A client that waits for two seconds only, and a callee that starts for four.
fn impatient(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = json!({"n": n});
    let mut run = Run::new("cover-fast", &format!("d{n}"), at(n), &input);
    run.enter("Task", "Quote", &input);
    let mut quote = lambda("quote-cover", 90).saying("INFO", "invoking risk-model");
    let mut risk = lambda("risk-model", 130 + vary(n, 50));
    let from = run.at + 27;
    if !ill {
        desk.ran(&risk, from);
        quote.ms += risk.ms;
        desk.invoke(&mut run, &quote, &input, &input);
        run.exit("Task", "Quote", &input);
        return desk.end(run, End::Well(&input));
    }
    risk.init = Some(4_300);
    desk.ran(&risk, from);
    quote.ms = 2_090;
    let words = "Read timeout on endpoint URL: \"https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/risk-model/invocations\"";
    quote = quote.raising("ReadTimeoutError", words);
    desk.invoke(&mut run, &quote, &input, &input);
    let cause = json!({"errorMessage": words, "errorType": "ReadTimeoutError"}).to_string();
    desk.end(run, End::Failed("ReadTimeoutError", &cause))
}

/// A value of the input that the third function cannot read.
fn unread(desk: &mut Desk, n: usize, ill: bool) -> String {
    let value = if ill { "12,5O" } else { "12.5" };
    let input = json!({"policy": format!("pol-{n:04}"), "deductible": value});
    let mut all = three(n, true);
    if ill {
        let words = format!("could not convert string to float: '{value}'");
        all[2] = all[2].clone().raising("ValueError", &words);
        all[1] = all[1].clone().raising(
            "InvokeError",
            "risk-model answered with FunctionError Unhandled",
        );
        all[0] = all[0].clone().raising("RateFailed", "no rate");
    }
    one(desk, "cover-read", n, &input, &all)
}

fn unread_since(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = json!({"policy": format!("pol-{n:04}"), "deductible": "12.5"});
    let mut all = three(n, true);
    if ill {
        all[2] = all[2]
            .clone()
            .version("32")
            .raising("ValueError", "could not convert string to float: '12.5'");
        all[1] = all[1].clone().raising(
            "InvokeError",
            "risk-model answered with FunctionError Unhandled",
        );
        all[0] = all[0].clone().raising("RateFailed", "no rate");
    }
    one(desk, "cover-read", n, &input, &all)
}

/// A version of the third function that fails for one country only.
fn one_country(desk: &mut Desk, n: usize, ill: bool) -> String {
    let austria = ill || matches!(n, 1 | 3 | 5);
    let input =
        json!({"policy": format!("pol-{n:04}"), "country": if austria { "AT" } else { "DE" }});
    let mut all = three(n, true);
    all[2] = all[2].clone().version(if n < 7 { "31" } else { "32" });
    if ill {
        all[2] = all[2].clone().raising("KeyError", "'vst_at'");
        all[1] = all[1].clone().raising(
            "InvokeError",
            "risk-model answered with FunctionError Unhandled",
        );
        all[0] = all[0].clone().raising("RateFailed", "no rate");
    }
    one(desk, "cover-tax", n, &input, &all)
}

/// The third function fails, and the second goes on without it: as it does in healthy runs.
fn got_over(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = json!({"n": n});
    let mut all = three(n, true);
    all[2] = all[2].clone().raising("KeyError", "'bonus'");
    if ill {
        all[0] = all[0].clone().raising("AccessDeniedException", "User: arn:aws:sts::480213377711:assumed-role/quote-cover/quote-cover is not authorized to perform: dynamodb:PutItem");
    }
    one(desk, "cover-put", n, &input, &all)
}

/// The second function ran full of memory.
fn full_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let input = json!({"n": n});
    let mut all = three(n, true);
    if ill {
        all[1].memory = (512, 512);
        all[1].killed = Some("Runtime exited with error: signal: killed");
        all[0] = all[0].clone().raising("RateFailed", "no rate");
        return one(desk, "cover-full", n, &input, &all[..2]);
    }
    one(desk, "cover-full", n, &input, &all)
}

/// Who passes on only, and the service two calls behind it that answers late; nothing but lines tell of them.
fn passed_on(desk: &mut Desk, n: usize, ill: bool) -> String {
    let more = if ill { 7_400 } else { 0 };
    let tidy = lambda("tidy-address", 40 + vary(n, 20)).saying("INFO", "calling geo-lookup");
    let mut look = lambda("geo-lookup", 240 + vary(n, 80) + more);
    look.lines = vec![
        ("INFO", "GET https://tiles.geo.internal/v2/cells".into()),
        ("INFO", "cells read".into()),
    ];
    if ill {
        // The silence lies between the two lines.
        look.lines.insert(0, ("INFO", "request parsed".into()));
        look.lines = vec![("INFO", "GET https://tiles.geo.internal/v2/cells".into())];
    }
    one(desk, "cover-geo", n, &json!({"n": n}), &[tidy, look])
}

pub fn all() -> Vec<Mystery> {
    use Category::*;
    const RISK: &[&str] = &["risk-model"];
    vec![
        crime(
            "a callee's callee starts cold",
            RISK,
            &[ColdStart],
            cold_named,
        )
        .runs(12, 1),
        crime(
            "a callee's callee starts cold, unnamed",
            RISK,
            &[ColdStart],
            cold_unnamed,
        )
        .runs(12, 1),
        calm("a callee starts cold for a moment", cold_a_little).runs(12, 1),
        crime(
            "a callee's callee works for long",
            RISK,
            &[Latency],
            slow_below,
        ),
        crime(
            "a caller works for long above a cold callee",
            &["quote-cover"],
            &[Latency],
            slow_above,
        ),
        crime(
            "a client gives up on a callee that starts",
            RISK,
            &[ColdStart],
            impatient,
        )
        .runs(12, 1),
        crime(
            "a value that the third function cannot read",
            &["Quote", "risk-model"],
            &[BadInput],
            unread,
        )
        .runs(12, 1),
        crime(
            "the third function cannot read since a release",
            RISK,
            &[BadDeploy],
            unread_since,
        ),
        crime(
            "a version of the third function and one country",
            RISK,
            &[BadDeploy],
            one_country,
        ),
        crime(
            "a callee that always fails, and a denial",
            &["quote-cover"],
            &[Permission],
            got_over,
        ),
        crime(
            "a callee that ran full",
            &["rate-cover"],
            &[Memory],
            full_below,
        )
        .runs(12, 1),
        crime(
            "who passes on, and who is slow behind",
            &["tiles.geo.internal"],
            &[Latency],
            passed_on,
        ),
    ]
}
