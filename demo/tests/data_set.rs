//! What the data set promises: repeatable, well formed, varied.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ANCHOR: i64 = 1_795_305_600_000_000_000; // 2026-11-22T00:00:00Z

fn files() -> Vec<inquest_demo::File> {
    inquest_demo::files(1, ANCHOR)
}

fn histories() -> Vec<(String, Vec<Value>)> {
    let made = files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("step-functions/"));
    made.filter(|(path, _)| path.ends_with(".history.json"))
        .map(|(path, bytes)| {
            let mut value: Value = serde_json::from_slice(&bytes).expect("a history is JSON");
            let Value::Array(events) = value["events"].take() else {
                panic!("{path} holds no events");
            };
            (path, events)
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert!(files() == files());
    assert!(files() != inquest_demo::files(2, ANCHOR));
}

#[test]
fn paths_are_unique() {
    let paths: Vec<String> = files().into_iter().map(|(path, _)| path).collect();
    let unique: BTreeSet<&String> = paths.iter().collect();
    assert_eq!(unique.len(), paths.len());
}

#[test]
fn histories_are_numbered_ordered_and_caused() {
    for (path, events) in histories() {
        let mut before = String::new();
        for (index, event) in events.iter().enumerate() {
            let id = event["id"].as_u64().expect("an id");
            assert_eq!(id, index as u64 + 1, "{path}");
            let previous = event["previousEventId"].as_u64().expect("a cause");
            assert!(previous < id, "{path} event {id}");
            let time = event["timestamp"].as_str().expect("a time").to_owned();
            assert!(before <= time, "{path} event {id} goes back in time");
            before = time;
        }
    }
}

#[test]
fn every_entered_task_is_closed_or_explained() {
    for (path, events) in histories() {
        let count = |word: &str| {
            events
                .iter()
                .filter(|event| event["type"].as_str() == Some(word))
                .count()
        };
        let open = count("TaskStateEntered") - count("TaskStateExited");
        let ended_well = count("ExecutionSucceeded") == 1;
        // Aborted and retried blocks leave tasks open; nothing else of a good run may.
        if ended_well && count("ParallelStateStarted") < 2 {
            assert_eq!(open, 0, "{path}");
        }
        let starts =
            count("TaskScheduled") + count("LambdaFunctionScheduled") + count("ActivityScheduled");
        let ends: usize = ["Succeeded", "Failed", "TimedOut"]
            .iter()
            .flat_map(|end| {
                ["Task", "LambdaFunction", "Activity"].map(|kind| format!("{kind}{end}"))
            })
            .map(|word| count(&word))
            .sum();
        assert!(ends <= starts, "{path}");
    }
}

#[test]
fn the_day_is_varied() {
    let histories = histories();
    let mut ends = BTreeMap::<String, usize>::new();
    let mut kinds = BTreeSet::new();
    for (_, events) in &histories {
        let last = events.last().and_then(|event| event["type"].as_str());
        *ends.entry(last.unwrap_or_default().to_owned()).or_default() += 1;
        kinds.extend(
            events
                .iter()
                .filter_map(|event| event["type"].as_str())
                .map(str::to_owned),
        );
    }
    assert!(
        (180..400).contains(&histories.len()),
        "{} histories",
        histories.len()
    );
    let failed = ends["ExecutionFailed"] as f64 / histories.len() as f64;
    assert!((0.06..0.2).contains(&failed), "{ends:?}");
    let running: usize = ends
        .iter()
        .filter(|(word, _)| !word.starts_with("Execution"))
        .map(|(_, count)| count)
        .sum();
    assert!((1..12).contains(&running), "{ends:?}");
    for word in [
        "ExecutionAborted",
        "ExecutionTimedOut",
        "ExecutionRedriven",
        "EvaluationFailed",
        "MapIterationAborted",
        "TaskStateAborted",
        "ParallelStateFailed",
        "MapRunSucceeded",
        "ActivityTimedOut",
        "TaskTimedOut",
        "LambdaFunctionFailed",
        "TaskSubmitted",
    ] {
        assert!(kinds.contains(word), "no {word}");
    }
}

#[test]
fn every_request_id_of_an_answer_is_in_a_log() {
    let mut logs = String::new();
    for (path, bytes) in files() {
        if path.starts_with("lambda-logs/") {
            logs += &String::from_utf8(bytes).expect("logs are text");
        }
    }
    let mut found = 0;
    for (path, events) in histories() {
        for event in events {
            let output = &event["taskSucceededEventDetails"]["output"];
            let output: Value = output
                .as_str()
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            if let Some(id) = output["SdkResponseMetadata"]["RequestId"].as_str() {
                assert!(logs.contains(id), "{path}: {id}");
                found += 1;
            }
        }
    }
    assert!(found > 500, "only {found}");
}
