//! Files as people keep them: pages, descriptions and definitions beside histories, and broken ones.

#![allow(clippy::unwrap_used)]

use inquest_collectors::step_functions::{Skip, assemble, parse_log_message, recognise};
use model::{Batch, DocumentKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

fn import(files: &[(&str, Value)]) -> (Batch, Vec<Skip>) {
    let pieces = files.iter().flat_map(|(path, value)| {
        let pieces = recognise(value).unwrap_or_default();
        pieces
            .into_iter()
            .map(|piece| (Path::new(path).to_owned(), piece))
    });
    assemble(pieces.collect())
}

/// Events per execution, by the end of the ARN.
fn events(batch: &Batch) -> BTreeMap<String, Vec<u64>> {
    let mut events: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for event in &batch.events {
        let name = event
            .execution_arn
            .splitn(7, ':')
            .last()
            .unwrap_or_default();
        events
            .entry(name.to_owned())
            .or_default()
            .push(event.event_id);
    }
    events
}

fn event(id: u64, at: f64) -> Value {
    match id {
        1 => {
            json!({"id": 1, "type": "ExecutionStarted", "timestamp": at, "executionStartedEventDetails": {"input": "{}"}})
        }
        _ => {
            json!({"id": id, "previousEventId": id - 1, "type": "PassStateEntered", "timestamp": at,
            "stateEnteredEventDetails": {"name": format!("S{id}")}})
        }
    }
}

fn page(ids: std::ops::RangeInclusive<u64>, start: f64) -> Value {
    let events: Vec<Value> = ids.map(|id| event(id, start + id as f64)).collect();
    json!({"events": events})
}

fn describe(name: &str, start: f64) -> Value {
    json!({"executionArn": format!("arn:aws:states:eu-west-1:1:execution:{name}"), "status": "FAILED",
        "stateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m", "startDate": start, "input": "{}"})
}

#[track_caller]
fn check(files: &[(&str, Value)], expect: &[(&str, &[u64])]) -> Batch {
    let (batch, skips) = import(files);
    assert!(skips.is_empty(), "{skips:?}");
    let expect: BTreeMap<String, Vec<u64>> = expect
        .iter()
        .map(|(name, ids)| ((*name).to_owned(), ids.to_vec()))
        .collect();
    assert_eq!(events(&batch), expect);
    batch
}

#[test]
fn descriptions_beside_histories_name_them() {
    let (a, b) = (page(1..=2, 100.0), page(1..=2, 200.0));
    check(
        &[
            ("d/x.history.json", a.clone()),
            ("d/x.describe.json", describe("m:x", 101.0)),
        ],
        &[("m:x", &[1, 2])],
    );
    check(
        &[
            ("d/history.json", a.clone()),
            ("d/describe-execution.json", describe("m:x", 101.0)),
        ],
        &[("m:x", &[1, 2])],
    );
    check(
        &[
            ("d/foo.json", a.clone()),
            ("d/bar.json", describe("m:x", 101.0)),
        ],
        &[("m:x", &[1, 2])],
    );
    check(
        &[
            ("d/x-history.json", a.clone()),
            ("d/y-history.json", b.clone()),
            ("d/y-desc.json", describe("m:y", 201.0)),
            ("d/x-desc.json", describe("m:x", 101.0)),
        ],
        &[("m:x", &[1, 2]), ("m:y", &[1, 2])],
    );
    check(
        &[
            ("h/1.json", a.clone()),
            ("h/2.json", b.clone()),
            (
                "list.json",
                json!({"executions": [describe("m:y", 201.0), describe("m:x", 101.0)]}),
            ),
        ],
        &[("m:x", &[1, 2]), ("m:y", &[1, 2])],
    );
    check(
        &[("f.json", json!([a, describe("m:x", 101.0)]))],
        &[("m:x", &[1, 2])],
    );
}

#[test]
fn a_second_copy_of_a_named_history_is_of_the_same_execution() {
    let x = ("d/x.describe.json", describe("m:x", 101.0));
    let copy = ("elsewhere/copy.json", page(1..=3, 100.0));
    check(
        &[("d/x.history.json", page(1..=3, 100.0)), x.clone(), copy],
        &[("m:x", &[1, 2, 3, 1, 2, 3])],
    );
    let (batch, _) = import(&[
        ("d/x.history.json", page(1..=3, 100.0)),
        x,
        ("e/y.json", page(1..=2, 100.0)),
    ]);
    assert_eq!(events(&batch).len(), 2, "a beginning alone is no proof");
}

#[test]
fn a_description_that_started_at_another_time_names_nothing() {
    let (batch, skips) = import(&[
        ("d/x.history.json", page(1..=2, 100.0)),
        ("d/x.describe.json", describe("m:x", 900.0)),
    ]);
    assert!(skips.is_empty());
    let arn = &batch.events[0].execution_arn;
    assert!(
        arn.starts_with("arn:aws:states:unknown:000000000000:execution:x:x-"),
        "{arn}"
    );
}

#[test]
fn an_id_that_was_made_up_does_not_change() {
    let arn = |ids, path: &str| {
        import(&[(path, page(ids, 100.0))]).0.events[0]
            .execution_arn
            .clone()
    };
    let first = arn(1..=2, "runs/order/history.json");
    assert_eq!(arn(1..=2, "/elsewhere/order/history.json"), first);
    assert_eq!(
        arn(1..=40, "runs/order/events.json"),
        first,
        "a longer version is the same run"
    );
    assert_ne!(arn(1..=2, "runs/other/history.json"), first);
    let iso = json!({"events": [{"id": 1, "type": "ExecutionStarted", "timestamp": "1970-01-01T00:01:41.000000+00:00",
        "executionStartedEventDetails": {"input": "{}"}}]});
    assert_eq!(
        import(&[("order/history.json", iso)]).0.events[0].execution_arn,
        first,
        "CLI v1 and v2 agree"
    );
}

#[test]
fn pages_become_one_history() {
    let whole: &[u64] = &[1, 2, 3, 4, 5, 6];
    let x = ("d/x.describe.json", describe("m:x", 101.0));
    let (one, two, three) = (page(1..=2, 100.0), page(3..=4, 100.0), page(5..=6, 100.0));
    check(
        &[
            ("d/x-1.json", one.clone()),
            ("d/x-2.json", two.clone()),
            ("d/x-3.json", three.clone()),
            x.clone(),
        ],
        &[("m:x", whole)],
    );
    check(
        &[
            ("d/x-3.json", three.clone()),
            ("d/x-1.json", one.clone()),
            ("d/x-2.json", two.clone()),
            x.clone(),
        ],
        &[("m:x", whole)],
    );
    check(
        &[("d/x.json", json!([one, two, three])), x.clone()],
        &[("m:x", whole)],
    );
    let mut reversed = page(1..=6, 100.0);
    reversed["events"].as_array_mut().unwrap().reverse();
    check(&[("d/x.json", reversed), x.clone()], &[("m:x", whole)]);
    check(
        &[
            ("d/x.json", page(1..=4, 100.0)),
            ("d/x.2.json", page(3..=6, 100.0)),
            x.clone(),
        ],
        &[("m:x", whole)],
    );
    let lines: Vec<(&str, Value)> = (1..=6)
        .map(|id| ("d/x.jsonl", event(id, 100.0 + id as f64)))
        .chain([x])
        .collect();
    check(&lines, &[("m:x", whole)]);
}

#[test]
fn histories_that_follow_each_other_stay_apart() {
    let all: Vec<Value> = (1..=3)
        .map(|id| event(id, 100.0))
        .chain((1..=2).map(|id| event(id, 900.0)))
        .collect();
    let (batch, skips) = import(&[("d/all.json", json!(all))]);
    assert!(skips.is_empty());
    let mut sizes: Vec<usize> = events(&batch).values().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 3]);
}

#[test]
fn a_missing_page_and_a_doubled_id_are_reported() {
    let mut first = page(1..=2, 100.0);
    first["nextToken"] = json!("abc");
    let (batch, skips) = import(&[("d/x.json", first)]);
    assert_eq!((batch.events.len(), skips.len()), (2, 1));
    assert!(
        skips[0].reason.contains("goes on after event 2"),
        "{}",
        skips[0].reason
    );

    let mut other = event(2, 500.0);
    other["type"] = json!("FailStateEntered");
    let (batch, skips) = import(&[(
        "d/x.json",
        json!([event(1, 1.0), event(2, 2.0), other, event(3, 3.0)]),
    )]);
    assert_eq!(batch.events.len(), 3);
    assert_eq!(skips[0].position, "event id 2");
}

#[test]
fn definitions_find_their_executions() {
    let asl = json!({"StartAt": "S2", "States": {"S2": {"Type": "Pass", "Next": "S3"}, "S3": {"Type": "Pass"}}});
    let other = json!({"StartAt": "T", "States": {"T": {"Type": "Pass"}}});
    let definitions = |files: &[(&str, Value)]| {
        let (batch, skips) = import(files);
        let machines = batch
            .documents
            .iter()
            .filter(|document| document.kind == DocumentKind::StateMachine);
        (
            machines
                .map(|document| document.execution_arn.clone())
                .collect::<Vec<_>>(),
            skips,
        )
    };
    let history = page(1..=3, 100.0);
    let (owners, skips) = definitions(&[
        ("d/history.json", history.clone()),
        ("d/describe.json", describe("m:x", 101.0)),
        ("d/definition.asl.json", asl.clone()),
        ("d/other.asl.json", other),
    ]);
    assert_eq!(owners, ["arn:aws:states:eu-west-1:1:execution:m:x"]);
    assert_eq!(skips.len(), 1, "the other definition belongs to none");
    for misfit in [
        json!({"StartAt": "S3", "States": asl["States"]}),
        json!({"StartAt": "S2", "States": {"S2": {"Type": "Wait"}, "S3": {"Type": "Pass"}}}),
    ] {
        let (owners, skips) = definitions(&[
            ("d/history.json", history.clone()),
            ("d/definition.json", misfit),
        ]);
        assert_eq!((owners.len(), skips.len()), (0, 1));
    }
    let machine = json!({"stateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m", "name": "m", "definition": asl.to_string()});
    let (owners, skips) = definitions(&[
        ("a/history.json", history),
        ("b/describe.json", describe("m:x", 101.0)),
        ("c/machine.json", machine),
    ]);
    assert_eq!((owners.len(), skips.len()), (1, 0));
}

#[test]
fn what_one_execution_ran_is_its_own_definition() {
    let of = |state: &str| {
        let asl = json!({"StartAt": state, "States": {state: {"Type": "Pass"}}});
        json!({"stateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m", "name": "m", "definition": asl.to_string(), "updateDate": 90.0})
    };
    let (batch, skips) = import(&[
        ("d/a-history.json", page(1..=2, 100.0)),
        ("d/a-describe.json", describe("m:a", 101.0)),
        ("d/a-definition.json", of("Old")),
        ("d/b-history.json", page(1..=2, 200.0)),
        ("d/b-describe.json", describe("m:b", 201.0)),
        ("d/b-definition.json", of("New")),
    ]);
    assert!(skips.is_empty(), "{skips:?}");
    let machines = batch.documents.iter();
    let machines = machines.filter(|it| it.kind == DocumentKind::StateMachine);
    let mut told: Vec<(bool, bool)> = machines
        .map(|it| (it.execution_arn.ends_with(":a"), it.body.contains("Old")))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(false, false), (true, true)]);
}

#[test]
fn masked_recordings_are_reported_and_left_out() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/aws-sfn-localstack/raw");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let (batch, skips) = import(&[(path.to_str().unwrap(), value)]);
        assert!(batch.is_empty(), "{}", path.display());
        assert!(
            skips[0].reason.contains("has a legible timestamp"),
            "{}",
            skips[0].reason
        );
        assert_eq!(skips[0].position, ".response.events[0].timestamp");
        files += 1;
    }
    assert_eq!(files, 37);
}

#[test]
fn recorded_api_answers() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/aws-sfn-api-localstack");
    // The recorder masked dates; with dates the same answers are taken.
    let check = |file: &str, expect: &[DocumentKind]| {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let text = text
            .replace("\"datetime\"", "1717010000.0")
            .replace("\"start-date\"", "1717010000000");
        let (batch, _) = import(&[(file, serde_json::from_str(&text).unwrap())]);
        let kinds: Vec<DocumentKind> = batch
            .documents
            .iter()
            .map(|document| document.kind)
            .collect();
        assert_eq!(kinds, expect, "{file}");
    };
    check(
        "describe-execution-failed.raw.json",
        &[DocumentKind::Execution],
    );
    check(
        "eventbridge-status-change.raw.json",
        &[DocumentKind::Execution, DocumentKind::Execution],
    );
    check(
        "start-sync-execution-failed.raw.json",
        &[DocumentKind::Execution],
    );
    check(
        "map-run-list-and-describe.raw.json",
        &[DocumentKind::MapRun, DocumentKind::MapRun],
    );
}

/// JSON with the words of histories in it.
fn json_soup() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("ExecutionStarted".to_owned()),
        Just("TaskStateEntered".to_owned()),
        Just("arn:e".to_owned()),
        Just("2021-02-26T15:24:09.766Z".to_owned()),
        Just("aws.states".to_owned()),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "events",
        "id",
        "type",
        "timestamp",
        "previousEventId",
        "executionArn",
        "execution_arn",
        "event_timestamp",
        "startDate",
        "status",
        "stateMachineArn",
        "definition",
        "StartAt",
        "States",
        "mapRunArn",
        "detail",
        "source",
        "details",
        "stateEnteredEventDetails",
        "nextToken",
        "input",
        "Id",
        "Type",
        "Timestamp",
        "_",
        "é",
    ]);
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..10).prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_value_breaks_recognition(values in prop::collection::vec(json_soup(), 1..5)) {
        let files: Vec<(&str, Value)> = ["a/x.json", "a/y.json", "b/x.json", "x"].into_iter().cycle().zip(values).collect();
        let (batch, _) = import(&files);
        let (again, _) = import(&files);
        prop_assert_eq!(batch, again);
    }

    #[test]
    fn mutated_histories_keep_what_is_good(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = page(1..=6, 100.0).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
            let (batch, skips) = import(&[("d/x.json", value)]);
            prop_assert!(batch.events.len() >= 5 || !skips.is_empty() || batch.is_empty());
        }
    }

    #[test]
    fn no_message_breaks_the_log_parser(text in ".{0,80}", at in any::<prop::sample::Index>()) {
        let mut message = r#"{"id":"1","type":"ExecutionStarted","execution_arn":"a","event_timestamp":"1","details":{}}"#.to_owned();
        let at = at.index(message.len());
        message.insert_str(at, &text);
        let _ = parse_log_message(&message);
        let _ = parse_log_message(&text);
    }
}
