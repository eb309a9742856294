//! How long a trace of the largest Standard history (25,000 events) takes to build, and whether ten times
//! as many events take ten times as long: `cargo run --release -p inquest-analysis --example build_speed`.

use inquest_analysis::workflow::build;
use model::{Engine, EventSource, HistoryEvent, UnixNanos};
use std::time::Instant;

fn main() {
    for events in [2_500, 25_000, 250_000] {
        for (name, make) in [
            ("map", map as fn(u64) -> Vec<HistoryEvent>),
            ("loop", loop_),
            ("orphans", orphans),
        ] {
            let history = make(events);
            let start = Instant::now();
            let trace = build(&history, &[]);
            let took = start.elapsed();
            println!(
                "{name:8} {:7} events {:7} spans {:8.1} ms",
                history.len(),
                trace.spans.len(),
                took.as_secs_f64() * 1e3
            );
        }
    }
}

fn event(id: u64, cause: u64, event_type: &str, details: String) -> HistoryEvent {
    HistoryEvent {
        engine: Engine::step_functions(),
        execution_arn: "arn:aws:states:eu-west-1:111111111111:execution:m:n".to_owned(),
        redrive_count: 0,
        event_id: id,
        previous_event_id: cause,
        event_type: event_type.to_owned(),
        time: UnixNanos(1_700_000_000_000_000_000 + id as i64 * 1_000_000),
        details,
        source: EventSource::History,
    }
}

const PAYLOAD: &str = r#"{\"order\":{\"id\":\"o-1234567890\",\"items\":[{\"sku\":\"a\",\"n\":1},{\"sku\":\"b\",\"n\":2}],\"note\":\"a payload of middling size, as most are\"}}"#;

/// One Map with as many concurrent iterations as fit; every iteration is one Lambda task with a retry.
fn map(events: u64) -> Vec<HistoryEvent> {
    let named = |name: &str| format!(r#"{{"name":"{name}","input":"{PAYLOAD}"}}"#);
    let mut history = vec![
        event(
            1,
            0,
            "ExecutionStarted",
            format!(r#"{{"input":"{PAYLOAD}"}}"#),
        ),
        event(2, 0, "MapStateEntered", named("Fan")),
        event(3, 2, "MapStateStarted", r#"{"length":1}"#.to_owned()),
    ];
    let lambda =
        r#"{"resourceType":"lambda","resource":"invoke","parameters":"{\"FunctionName\":\"f\"}"}"#;
    for index in 0..events / 9 {
        let first = history.len() as u64 + 1;
        let iteration = format!(r#"{{"name":"Fan","index":{index}}}"#);
        let steps = [
            (3, "MapIterationStarted", iteration.clone()),
            (first, "TaskStateEntered", named("Work")),
            (first + 1, "TaskScheduled", lambda.to_owned()),
            (
                first + 2,
                "TaskFailed",
                r#"{"error":"E","cause":"{}"}"#.to_owned(),
            ),
            (first + 3, "TaskScheduled", lambda.to_owned()),
            (first + 4, "TaskStarted", "{}".to_owned()),
            (
                first + 5,
                "TaskSucceeded",
                format!(r#"{{"output":"{PAYLOAD}"}}"#),
            ),
            (first + 6, "TaskStateExited", named("Work")),
            (first + 7, "MapIterationSucceeded", iteration),
        ];
        for (n, (cause, event_type, details)) in steps.into_iter().enumerate() {
            history.push(event(first + n as u64, cause, event_type, details));
        }
    }
    history
}

/// A loop: the same states again and again, one long chain.
fn loop_(events: u64) -> Vec<HistoryEvent> {
    (1..=events)
        .map(|id| match id {
            1 => event(1, 0, "ExecutionStarted", "{}".to_owned()),
            _ => {
                let event_type = if id % 2 == 0 {
                    "PassStateEntered"
                } else {
                    "PassStateExited"
                };
                let cause = if id == 2 { 0 } else { id - 1 };
                event(
                    id,
                    cause,
                    event_type,
                    format!(r#"{{"name":"S","input":"{PAYLOAD}","output":"{PAYLOAD}"}}"#),
                )
            }
        })
        .collect()
}

/// Nothing but events whose causes are missing, nested as deep as they can be.
fn orphans(events: u64) -> Vec<HistoryEvent> {
    let types = [
        "MapStateEntered",
        "MapStateStarted",
        "MapIterationStarted",
        "TaskFailed",
        "EvaluationFailed",
    ];
    (1..=events)
        .map(|id| {
            let event_type = types[(id % 5) as usize];
            event(
                id,
                if id % 3 == 0 { events + id } else { id - 1 },
                event_type,
                r#"{"name":"S","index":0,"state":"T"}"#.to_owned(),
            )
        })
        .collect()
}
