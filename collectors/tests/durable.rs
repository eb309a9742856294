//! Histories and descriptions of Lambda durable functions, as people save them.

#![allow(clippy::unwrap_used)]

use inquest_collectors::import::{Chunk, Report, import_files};
use model::{Batch, Engine, HistoryEvent};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:fulfil-order";

fn fixture(name: &str) -> Value {
    let path = format!(
        "{}/../tests/fixtures/lambda-durable/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn import(files: &[(&str, String)]) -> (Batch, Report) {
    let mut all = Batch::default();
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (PathBuf::from(name), text.clone().into()))
        .collect();
    let mut sink = |chunk| {
        if let Chunk::Batch(batch) = chunk {
            all.events.extend(batch.events);
            all.documents.extend(batch.documents);
        }
        Ok(())
    };
    let report = import_files(&files, &mut sink).unwrap();
    all.events
        .sort_by_key(|event| (event.execution_arn.clone(), event.event_id));
    (all, report)
}

/// Why something was left out or mended.
fn reasons(report: &Report) -> Vec<String> {
    let skips = report.files.iter().flat_map(|file| &file.skipped);
    skips.map(|skip| skip.reason.clone()).collect()
}

/// Events per execution.
fn counts(batch: &Batch) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for event in &batch.events {
        *counts.entry(event.execution_arn.as_str()).or_default() += 1;
    }
    counts
}

fn arn(order: u32) -> String {
    let described = fixture(&format!("order-{order}.describe.json"));
    described["DurableExecutionArn"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn whole(order: u32) -> Vec<HistoryEvent> {
    let history = fixture(&format!("order-{order}.history.json"));
    let described = fixture(&format!("order-{order}.describe.json"));
    let (batch, _) = import(&[(
        "all.json",
        json!({"d": described, "h": history}).to_string(),
    )]);
    batch.events
}

#[test]
fn a_history_finds_its_description() {
    let history = |order: u32| fixture(&format!("order-{order}.history.json"));
    let described = |order: u32| fixture(&format!("order-{order}.describe.json"));
    let expect = whole(1002);
    assert_eq!(
        expect.len(),
        history(1002)["Events"].as_array().unwrap().len()
    );
    assert!(
        expect
            .iter()
            .all(|it| it.execution_arn == arn(1002) && it.engine == Engine::lambda_durable())
    );
    let check = |files: &[(&str, String)]| {
        let (batch, report) = import(files);
        let own: Vec<HistoryEvent> = batch
            .events
            .into_iter()
            .filter(|it| it.execution_arn == arn(1002))
            .collect();
        assert_eq!(own, expect, "{:?}", reasons(&report));
    };
    let (events, document) = (history(1002).to_string(), described(1002).to_string());
    // Named alike; alone in a folder; known by the id that both carry, among others.
    check(&[
        ("a/x.history.json", events.clone()),
        ("a/x.describe.json", document.clone()),
    ]);
    check(&[
        ("a/one.json", events.clone()),
        ("a/two.json", document.clone()),
    ]);
    check(&[
        ("a/one.json", events.clone()),
        ("b/list.json", fixture("list.json").to_string()),
    ]);
    // One after the other in one file, and as a list of events.
    check(&[("a.json", format!("{document}\n{events}"))]);
    check(&[
        ("a.json", history(1002)["Events"].to_string()),
        ("b.json", document.clone()),
    ]);
    // Newest first.
    let mut reversed = history(1002);
    reversed["Events"].as_array_mut().unwrap().reverse();
    check(&[
        ("a.json", reversed.to_string()),
        ("b.json", document.clone()),
    ]);
    // An unknown neighbour that began at the same moment.
    check(&[
        ("a.json", events),
        ("b.json", document),
        ("c.json", history(1001).to_string()),
        ("d.json", described(1001).to_string()),
    ]);
}

#[test]
fn pages_are_put_together() {
    let all = fixture("order-1001.history.json")["Events"]
        .as_array()
        .unwrap()
        .clone();
    let (first, rest) = all.split_at(10);
    let page = |events: &[Value], more: bool| match more {
        true => json!({"Events": events, "NextMarker": "abc"}),
        false => json!({"Events": events}),
    };
    let described = fixture("order-1001.describe.json").to_string();
    let expect = whole(1001);
    // Wherever it is cut: what runs at once is not numbered in the order of time.
    for at in 1..all.len() {
        let (first, rest) = all.split_at(at);
        let apart = [
            ("x.history-1.json", page(first, true).to_string()),
            ("x.history-2.json", page(rest, false).to_string()),
            ("x.describe.json", described.clone()),
        ];
        assert_eq!(import(&apart).0.events, expect, "cut after {at}");
        let (alone, _) = import(&apart[..2]);
        assert_eq!(counts(&alone).len(), 1, "cut after {at}, not described");
    }
    let together = format!("{}{}", page(first, true), page(rest, false));
    assert_eq!(
        import(&[("h.json", together), ("d.json", described)])
            .0
            .events,
        expect
    );
    let (_, report) = import(&[("h.json", page(first, true).to_string())]);
    assert!(
        reasons(&report)
            .iter()
            .any(|it| it.contains("goes on after event 10 (NextMarker)")),
        "{:?}",
        reasons(&report)
    );
}

#[test]
fn whoever_wrote_it_down_it_is_the_same_event() {
    // The API itself and SDKs: epoch seconds, names in another case, empty members.
    fn rewritten(value: &Value, key: &str) -> Value {
        match value {
            Value::String(text) if key.ends_with("Timestamp") => {
                let time: jiff::Timestamp = text.parse().unwrap();
                json!(time.as_millisecond() as f64 / 1e3)
            }
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| (camel(key), rewritten(value, key)))
                .chain([("other".to_owned(), Value::Null)])
                .collect(),
            Value::Array(items) => items.iter().map(|item| rewritten(item, key)).collect(),
            other => other.clone(),
        }
    }
    fn camel(key: &str) -> String {
        key[..1].to_ascii_lowercase() + &key[1..]
    }
    for order in 1001..=1005 {
        let both = json!([
            rewritten(&fixture(&format!("order-{order}.describe.json")), ""),
            rewritten(&fixture(&format!("order-{order}.history.json")), ""),
        ]);
        assert_eq!(
            import(&[("both.json", both.to_string())]).0.events,
            whole(order),
            "{order}"
        );
    }
}

#[test]
fn descriptions_have_the_words_of_executions() {
    let (batch, report) = import(&[("list.json", fixture("list.json").to_string())]);
    assert_eq!(batch.documents.len(), 5, "{:?}", reasons(&report));
    let body = |order: u32| -> Value {
        let (batch, _) = import(&[(
            "d.json",
            fixture(&format!("order-{order}.describe.json")).to_string(),
        )]);
        assert_eq!(batch.documents[0].engine, Engine::lambda_durable());
        serde_json::from_str(&batch.documents[0].body).unwrap()
    };
    let failed = body(1002);
    assert_eq!(failed["stateMachineArn"], FUNCTION);
    assert_eq!(
        (failed["status"].as_str(), failed["error"].as_str()),
        (Some("FAILED"), Some("OrderFailed"))
    );
    assert_eq!(failed["version"], "7");
    assert_eq!(body(1005)["status"], "ABORTED");
    assert!(
        body(1001)["traceHeader"]
            .as_str()
            .unwrap()
            .starts_with("Root=1-")
    );
}

#[test]
fn without_a_description_it_has_an_id_of_its_own() {
    let history = fixture("order-1003.history.json").to_string();
    let (first, _) = import(&[("runs/order-7.history.json", history.clone())]);
    let (again, _) = import(&[("runs/order-7.history.json", history)]);
    assert_eq!(first.events, again.events);
    let counts = counts(&first);
    let (arn, count) = counts.iter().next().unwrap();
    assert!(
        arn.starts_with("arn:aws:lambda:unknown:") && arn.contains("/durable-execution/order-7/"),
        "{arn}"
    );
    assert_eq!((*count, counts.len()), (5, 1));
}

#[test]
fn nothing_happens_before_the_start() {
    let mut history = fixture("order-1002.history.json");
    let events = history["Events"].as_array_mut().unwrap();
    let count = events.len();
    events[count - 1]["EventTimestamp"] = json!("1999-01-01T00:00:00Z");
    let (batch, report) = import(&[("h.json", history.to_string())]);
    assert_eq!(batch.events.len(), count - 1);
    let skips = reasons(&report);
    assert!(
        skips.iter().any(|it| it.contains("before the start")),
        "{skips:?}"
    );
}

#[test]
fn what_is_bad_is_left_out_and_told() {
    let mut history = fixture("order-1003.history.json");
    history["Events"][1] = json!(7);
    history["Events"][2]["EventTimestamp"] = json!("soon");
    history["Events"][3]["EventId"] = json!(-4);
    let (batch, report) = import(&[("h.json", history.to_string())]);
    assert_eq!(batch.events.len(), 3);
    let skips = reasons(&report);
    for words in ["it is not an object", "no legible timestamp", "no EventId"] {
        assert!(
            skips.iter().any(|it| it.contains(words)),
            "{words}: {skips:?}"
        );
    }
}
