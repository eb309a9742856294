//! A third lot: definitions that changed in one number, executions below executions, jobs that are polled.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Call, lambda},
    vary,
};
use model::{Category, Fatality};
use serde_json::{Value, json};

fn defined(states: Value) -> Value {
    json!({"StartAt": "First", "States": states})
}

/// A Map that runs so many items at once.
fn narrow(desk: &mut Desk, n: usize, ill: bool) -> String {
    let at_once = if ill { 1 } else { 8 };
    let items: Vec<i64> = (0..8).collect();
    let definition = defined(
        json!({"Each file": {"Type": "Map", "MaxConcurrency": at_once, "ItemProcessor": {"StartAt": "Do", "States": {"Do": {"Type": "Task"}}}}}),
    );
    let mut run = Run::new("files", &format!("s{n}"), at(n), &json!({"items": items}))
        .defined(definition)
        .version(if ill { 6 } else { 5 });
    run.enter("Map", "Each file", &json!(items));
    run.push("MapStateStarted", json!({"length": 8}));
    let top = run.mark();
    let mut last = top;
    for item in 0..8_i64 {
        let from = if ill { last } else { top };
        run.back(from);
        run.push(
            "MapIterationStarted",
            json!({"name": "Each file", "index": item}),
        );
        desk.task(
            &mut run,
            "Do",
            &lambda("do-file", 900 + vary(n + item as usize, 200)),
            &json!(item),
            &json!(1),
        );
        run.push(
            "MapIterationSucceeded",
            json!({"name": "Each file", "index": item}),
        );
        if run.at >= last.at {
            last = run.mark();
        }
    }
    run.back(last);
    run.push("MapStateSucceeded", json!({}));
    run.exit("Map", "Each file", &json!([1]));
    desk.end(run, End::Well(&json!([1])))
}

fn nap(desk: &mut Desk, n: usize, ill: bool) -> String {
    let seconds = if ill { 300 } else { 5 };
    let definition =
        defined(json!({"Nap": {"Type": "Wait", "Seconds": seconds}, "Work": {"Type": "Task"}}));
    let mut run = Run::new("napping", &format!("s{n}"), at(n), &json!({})).defined(definition);
    run.enter("Wait", "Nap", &json!({}));
    run.wait(seconds * 1_000);
    run.exit("Wait", "Nap", &json!({}));
    desk.task(
        &mut run,
        "Work",
        &lambda("work-it", 400 + vary(n, 60)),
        &json!({}),
        &json!({}),
    );
    desk.end(run, End::Well(&json!({})))
}

/// A hiccup that healthy runs get over; the new definition does not try again.
fn impatient(desk: &mut Desk, n: usize, ill: bool) -> String {
    let retry = match ill {
        true => json!([]),
        false => json!([{"ErrorEquals": ["States.ALL"], "MaxAttempts": 4}]),
    };
    let definition = defined(json!({"Pay": {"Type": "Task", "Retry": retry}}));
    let mut run = Run::new("pay-out", &format!("s{n}"), at(n), &json!({"n": n}))
        .defined(definition)
        .version(if ill { 9 } else { 8 });
    let bad = lambda("pay-out-fn", 90).raising(
        "ConnectionResetError",
        "[Errno 104] Connection reset by peer",
    );
    let good = lambda("pay-out-fn", 200 + vary(n, 40));
    let tries = match (ill, n % 3) {
        (true, _) => vec![bad],
        (false, 0) => vec![bad, good],
        _ => vec![good],
    };
    if desk.retried(&mut run, "Pay", &tries, &json!({"n": n}), &json!({})) {
        return desk.end(run, End::Well(&json!({})));
    }
    desk.end(run, End::Failed("ConnectionResetError", "{\"errorMessage\":\"[Errno 104] Connection reset by peer\",\"errorType\":\"ConnectionResetError\"}"))
}

/// The limit of one state was cut to less than it ever took.
fn short_state(desk: &mut Desk, n: usize, ill: bool) -> String {
    let limit = if ill { 2 } else { 60 };
    let definition = defined(json!({"Crunch": {"Type": "Task", "TimeoutSeconds": limit}}));
    let mut run =
        Run::new("crunching", &format!("s{n}"), at(n), &json!({"n": n})).defined(definition);
    if !ill {
        desk.task(
            &mut run,
            "Crunch",
            &lambda("crunch", 6_000 + vary(n, 900)),
            &json!({}),
            &json!({}),
        );
        return desk.end(run, End::Well(&json!({})));
    }
    run.enter("Task", "Crunch", &json!({}));
    run.schedule(
        ("lambda", "invoke"),
        &json!({"FunctionName": "crunch", "Payload": {}}),
        &json!({"timeoutInSeconds": limit}),
    );
    run.wait(2_000);
    run.push(
        "TaskTimedOut",
        json!({"resourceType": "lambda", "resource": "invoke", "error": "States.Timeout"}),
    );
    desk.end(run, End::Failed("States.Timeout", ""))
}

/// The limit of the whole workflow was cut.
fn short_whole(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut definition = defined(json!({"A": {"Type": "Task"}, "B": {"Type": "Task"}}));
    definition["TimeoutSeconds"] = json!(if ill { 8 } else { 600 });
    let mut run = Run::new("whole", &format!("s{n}"), at(n), &json!({"n": n})).defined(definition);
    desk.task(
        &mut run,
        "A",
        &lambda("first-half", 6_000 + vary(n, 500)),
        &json!({}),
        &json!({}),
    );
    if ill {
        run.enter("Task", "B", &json!({}));
        run.schedule(
            ("lambda", "invoke"),
            &json!({"FunctionName": "second-half", "Payload": {}}),
            &Value::Null,
        );
        run.wait(1_500);
        return desk.end(run, End::TimedOut);
    }
    desk.task(
        &mut run,
        "B",
        &lambda("second-half", 7_000 + vary(n, 500)),
        &json!({}),
        &json!({}),
    );
    desk.end(run, End::Well(&json!({})))
}

const CHILD: (&str, &str) = ("states", "startExecution.sync:2");

/// An execution that starts another one, whose end is given.
fn parent(
    desk: &mut Desk,
    n: usize,
    machine: &str,
    child: &str,
    mut inner: impl FnMut(&mut Desk, &mut Run) -> Option<(String, String)>,
) -> String {
    let mut run = Run::new(machine, &format!("p{n}"), at(n), &json!({"n": n}));
    run.enter("Task", "Delegate", &json!({"n": n}));
    run.schedule(CHILD, &json!({"StateMachineArn": format!("arn:aws:states:eu-central-1:480213377711:stateMachine:{child}"), "Input": {"n": n}}), &Value::Null);
    let mut below = Run::new(child, &format!("k{n}"), run.at + 60, &json!({"n": n}));
    let started = below.at;
    let arn = below.arn.clone();
    run.submitted(CHILD, &json!({"ExecutionArn": arn, "StartDate": started}));
    let failed = inner(desk, &mut below);
    let took = below.at - started;
    run.wait(took + 120);
    match failed {
        None => {
            desk.end(below, End::Well(&json!({})));
            run.succeeded(
                CHILD,
                &json!({"ExecutionArn": arn, "Status": "SUCCEEDED", "Output": {}}),
            );
            run.exit("Task", "Delegate", &json!({}));
            desk.end(run, End::Well(&json!({})))
        }
        Some((error, cause)) => {
            desk.end(below, End::Failed(&error, &cause));
            let told = json!({"ExecutionArn": arn, "Status": "FAILED", "Error": error, "Cause": cause, "StateMachineArn": format!("arn:aws:states:eu-central-1:480213377711:stateMachine:{child}")}).to_string();
            run.failed(CHILD, "States.TaskFailed", &told);
            desk.end(run, End::Failed("States.TaskFailed", &told))
        }
    }
}

/// Below, a service refuses what this one execution sent, and serves all others.
fn refused_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    let ill = ill && n == 13;
    parent(desk, n, "intake", "check-address", |desk, run| {
        let status = if ill { "422" } else { "200" };
        let call = Call::new(
            "POST",
            40,
            &[
                ("http.request.method", "POST"),
                ("url.full", "http://addresses/v1/check"),
                ("server.address", "addresses"),
                ("http.response.status_code", status),
            ],
        )
        .by(&[("service.name", "addresses")], 30);
        let mut of = lambda("check-it", 150 + vary(n, 30));
        of = match ill {
            true => of
                .raising(
                    "HTTPError",
                    "422 Client Error: Unprocessable Entity for url: http://addresses/v1/check",
                )
                .calling(call.failing("Unprocessable Entity")),
            false => of.calling(call),
        };
        let failed = of.error.clone();
        let well = desk.task(run, "Check address", &of, &json!({"zip": "1"}), &json!({}));
        (!well).then(|| {
            let (kind, message) = failed.unwrap_or_default();
            (
                kind.clone(),
                json!({"errorType": kind, "errorMessage": message}).to_string(),
            )
        })
    })
}

/// Below, a service is slow; the longest state of it is the same as ever.
fn slow_below(desk: &mut Desk, n: usize, ill: bool) -> String {
    parent(desk, n, "onboard", "verify-person", |desk, run| {
        desk.task(
            run,
            "Long one",
            &lambda("long-one", 5_000 + vary(n, 300)),
            &json!({}),
            &json!({}),
        );
        let took = if ill { 4_000 } else { 60 + vary(n, 15) };
        let call = Call::new(
            "GET",
            took,
            &[
                ("http.request.method", "GET"),
                ("server.address", "registry"),
                ("url.full", "http://registry/v2/p"),
            ],
        )
        .by(&[("service.name", "registry")], took - 5);
        desk.task(
            run,
            "Ask registry",
            &lambda("ask-registry", took + 50).calling(call),
            &json!({}),
            &json!({}),
        );
        None
    })
}

/// Starts something, asks until it is done.
fn polled(
    desk: &mut Desk,
    n: usize,
    machine: &str,
    rounds: usize,
    (ask, start): ((&str, &str), (&str, &str)),
    answer: impl Fn(usize) -> Value,
    told: Option<(&str, &str)>,
) -> String {
    let mut run = Run::new(machine, &format!("q{n}"), at(n), &json!({"n": n}));
    let id = format!("job-{:012x}", desk.id() >> 16);
    run.enter("Task", "Start it", &json!({}));
    match start.0 {
        "lambda" => {
            _ = desk.invoke(
                &mut run,
                &lambda("start-render", 90),
                &json!({}),
                &json!({"renderId": id}),
            )
        }
        _ => run.call(
            start,
            &json!({"QueryString": "SELECT 1"}),
            90,
            Ok(json!({"QueryExecutionId": id})),
        ),
    }
    run.exit("Task", "Start it", &json!({"id": id}));
    for round in 0..rounds {
        run.enter("Wait", "Pause", &json!({}));
        run.wait(5_000);
        run.exit("Wait", "Pause", &json!({}));
        run.enter("Task", "Ask", &json!({"id": id}));
        match ask.0 {
            "lambda" => {
                _ = desk.invoke(
                    &mut run,
                    &lambda("check-render", 70 + vary(n, 9)),
                    &json!({"renderId": id}),
                    &answer(round),
                )
            }
            _ => run.call(ask, &json!({"QueryExecutionId": id}), 60, Ok(answer(round))),
        }
        run.exit("Task", "Ask", &answer(round));
        run.through("Choice", "Done?", &answer(round), &answer(round));
    }
    if let Some((error, cause)) = told {
        run.enter("Fail", "Give up", &json!({}));
        return desk.end(run, End::Failed(error, cause));
    }
    desk.end(run, End::Well(&json!({})))
}

const ATHENA: (&str, &str) = ("aws-sdk:athena", "getQueryExecution");
const QUERY: (&str, &str) = ("athena", "startQueryExecution");
const LAMBDA: (&str, &str) = ("lambda", "invoke");

fn exhausted(desk: &mut Desk, n: usize, ill: bool) -> String {
    let answer = move |round: usize| match (round, ill) {
        (0..=1, _) => json!({"QueryExecution": {"Status": {"State": "RUNNING"}}}),
        (_, false) => json!({"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}),
        (_, true) => {
            json!({"QueryExecution": {"Status": {"State": "FAILED", "StateChangeReason": "Query exhausted resources at this scale factor", "AthenaError": {"ErrorCategory": 2}}}})
        }
    };
    polled(
        desk,
        n,
        "ad-hoc",
        3,
        (ATHENA, QUERY),
        answer,
        ill.then_some(("QueryFailed", "the query did not succeed")),
    )
}

fn export_denied(desk: &mut Desk, n: usize, ill: bool) -> String {
    let answer = move |round: usize| match (round, ill) {
        (0..=1, _) => json!({"job": "nightly-export", "status": "RUNNING"}),
        (_, false) => json!({"job": "nightly-export", "status": "DONE"}),
        (_, true) => {
            json!({"job": "nightly-export", "status": "FAILED", "reason": "AccessDenied: not authorized to perform s3:PutObject on exports"})
        }
    };
    polled(
        desk,
        n,
        "exports",
        3,
        (LAMBDA, LAMBDA),
        answer,
        ill.then_some(("ExportFailed", "see the job")),
    )
}

fn never_done(desk: &mut Desk, n: usize, ill: bool) -> String {
    let rounds = if ill { 30 } else { 2 + n % 3 };
    let answer = |_: usize| json!({"status": "PENDING"});
    polled(
        desk,
        n,
        "renders",
        rounds,
        (LAMBDA, LAMBDA),
        answer,
        ill.then_some(("TooSlow", "gave up after 30 rounds")),
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::{BadDeploy, BadInput, Capacity, Latency, Permission, TimeoutConfig};
    vec![
        crime("one item at a time", &["Each file"], &[Capacity], narrow)
            .fate(Fatality::None)
            .changed("MaxConcurrency 8 → 1"),
        crime("a longer nap", &["Nap"], &[TimeoutConfig], nap)
            .fate(Fatality::None)
            .changed("Seconds 5 → 300"),
        crime(
            "nobody tries again any more",
            &["pay-out", "pay-out:9"],
            &[BadDeploy],
            impatient,
        )
        .changed("Retry[0].MaxAttempts 4 → none"),
        crime(
            "a state's limit was cut",
            &["Crunch", "crunch"],
            &[TimeoutConfig],
            short_state,
        )
        .changed("TimeoutSeconds 60 → 2"),
        crime(
            "the workflow's limit was cut",
            &["whole"],
            &[TimeoutConfig],
            short_whole,
        )
        .changed("TimeoutSeconds 600 → 8"),
        crime(
            "refused below",
            &["Check address"],
            &[BadInput],
            refused_below,
        ),
        crime("slow below", &["registry"], &[Latency], slow_below).fate(Fatality::None),
        crime(
            "a query exhausts its resources",
            &["Start it", "Ask"],
            &[Capacity],
            exhausted,
        ),
        crime(
            "an export may not write",
            &["nightly-export"],
            &[Permission],
            export_denied,
        ),
        crime(
            "a render is never done",
            &["start-render", "check-render", "Ask", "Start it"],
            &[Latency],
            never_done,
        ),
    ]
}

/// Runs in which the same things happen as they should.
pub mod well {
    use super::*;

    pub fn few_more_rounds(desk: &mut Desk, n: usize, ill: bool) -> String {
        let rounds = if ill { 4 } else { 2 + n % 4 };
        polled(
            desk,
            n,
            "renders",
            rounds,
            (LAMBDA, LAMBDA),
            |_| json!({"status": "PENDING"}),
            None,
        )
    }

    pub fn only_a_comment(desk: &mut Desk, n: usize, ill: bool) -> String {
        let comment = if ill { "new words" } else { "old words" };
        let definition = json!({"Comment": comment, "StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 5, "Comment": comment}}});
        let mut run = Run::new("napping", &format!("s{n}"), at(n), &json!({}))
            .defined(definition)
            .version(if ill { 4 } else { 3 });
        run.enter("Wait", "Nap", &json!({}));
        run.wait(5_000 + vary(n, 40));
        run.exit("Wait", "Nap", &json!({}));
        desk.end(run, End::Well(&json!({})))
    }

    pub fn a_child_of_a_child(desk: &mut Desk, n: usize, _: bool) -> String {
        parent(desk, n, "onboard", "verify-person", |desk, run| {
            desk.task(
                run,
                "Long one",
                &lambda("long-one", 5_000 + vary(n, 300)),
                &json!({}),
                &json!({}),
            );
            None
        })
    }
}
