//! Whatever the events: building ends, does not panic, and gives one tree; order and repetition do not matter.

#![allow(clippy::unwrap_used)]

mod support;

use inquest_analysis::workflow::{build, merge_events};
use model::{EventSource, HistoryEvent};
use proptest::prelude::*;
use std::path::Path;

const TYPES: [&str; 44] = [
    "ExecutionStarted",
    "ExecutionSucceeded",
    "ExecutionFailed",
    "ExecutionAborted",
    "ExecutionTimedOut",
    "ExecutionRedriven",
    "TaskStateEntered",
    "PassStateEntered",
    "FailStateEntered",
    "MapStateEntered",
    "ParallelStateEntered",
    "WaitStateEntered",
    "TaskStateExited",
    "PassStateExited",
    "MapStateExited",
    "ParallelStateExited",
    "TaskStateAborted",
    "WaitStateAborted",
    "MapStateStarted",
    "MapStateSucceeded",
    "MapStateFailed",
    "MapStateAborted",
    "ParallelStateStarted",
    "ParallelStateSucceeded",
    "ParallelStateFailed",
    "ParallelStateAborted",
    "MapIterationStarted",
    "MapIterationSucceeded",
    "MapIterationFailed",
    "MapIterationAborted",
    "MapRunStarted",
    "MapRunFailed",
    "MapRunRedriven",
    "TaskScheduled",
    "TaskStarted",
    "TaskSubmitted",
    "TaskSucceeded",
    "TaskFailed",
    "TaskTimedOut",
    "LambdaFunctionScheduled",
    "LambdaFunctionFailed",
    "ActivityScheduled",
    "EvaluationFailed",
    "QuantumStateTunnelled",
];

fn soup() -> impl Strategy<Value = Vec<HistoryEvent>> {
    let event = (
        0..TYPES.len(),
        0_u64..70,
        0_u64..70,
        0_u32..3,
        "[AB]?",
        0_i64..4,
        any::<i64>(),
    );
    let event = event.prop_map(|(kind, id, cause, redrive, name, index, time)| {
        let mut event = support::history(&format!(
            "{id}<{cause} {} name={name} index={index}",
            TYPES[kind]
        ))
        .remove(0);
        event.redrive_count = redrive;
        event.time = model::UnixNanos(time);
        event
    });
    proptest::collection::vec(event, 0..120)
}

/// A recorded history with interesting structure.
fn recorded(n: usize) -> Vec<HistoryEvent> {
    let files = [
        "aws-sfn-localstack/wire/25-map-nested.json",
        "aws-sfn-localstack/wire/19-map-retried.json",
        "aws-sfn-localstack/wire/10-parallel-branch-failed-aborted-caught.json",
        "aws-sfn-localstack/wire/06-jsonata-evaluation-failed.json",
        "stepfunctions/map_retry_catch_parallel_lambda.history.json",
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(files[n % files.len()]);
    let value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let pieces = collectors::step_functions::recognise(&value).unwrap();
    let pieces = pieces
        .into_iter()
        .map(|piece| (path.clone(), piece))
        .collect();
    collectors::step_functions::assemble(pieces).0.events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn soup_gives_one_tree(events in soup()) {
        let events = merge_events(Vec::new(), events).events;
        let trace = build(&events, &[]);
        if !events.is_empty() {
            support::tree(&trace);
            prop_assert_eq!(trace.spans.len() >= 1 + trace.states.len() + trace.attempts.len(), true);
            prop_assert!(trace.spans.iter().all(|span| span.end_time >= span.start_time));
        }
    }

    #[test]
    fn order_and_repetition_do_not_matter(events in soup(), seed in any::<u64>()) {
        let merged = merge_events(Vec::new(), events.clone());
        let mut shuffled = events.clone();
        shuffle(&mut shuffled, seed);
        let half = shuffled.split_off(shuffled.len() / 2);
        let again = merge_events(merge_events(half, shuffled).events, events);
        prop_assert_eq!(build(&again.events, &[]), build(&merged.events, &[]));
    }

    #[test]
    fn recorded_histories_survive_losses(n in 0..5_usize, lost in any::<u64>(), seed in any::<u64>(), redirect in 0..60_u64) {
        let events = recorded(n);
        let whole = build(&events, &[]);
        let mut left: Vec<HistoryEvent> = events.iter().filter(|event| lost >> (event.event_id % 64) & 1 == 0).cloned().collect();
        if let Some(event) = left.last_mut() {
            event.previous_event_id = redirect;
        }
        shuffle(&mut left, seed);
        let partial = build(&left, &[]);
        if !left.is_empty() {
            support::tree(&partial);
        }
        let healed = merge_events(left.iter().map(without_data).collect(), events);
        prop_assert_eq!(build(&healed.events, &[]), whole);
    }
}

/// The copy of an event that log delivery without execution data gives.
fn without_data(event: &HistoryEvent) -> HistoryEvent {
    let mut details: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&event.details).unwrap();
    details.retain(|key, _| !["input", "output", "parameters"].contains(&key.as_str()));
    let details = serde_json::Value::Object(details).to_string();
    HistoryEvent {
        details,
        source: EventSource::Logs,
        ..event.clone()
    }
}

/// Fisher-Yates with a generator of its own: the same seed gives the same order.
fn shuffle(events: &mut [HistoryEvent], seed: u64) {
    let mut state = seed | 1;
    for n in (1..events.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        events.swap(n, (state >> 33) as usize % (n + 1));
    }
}
