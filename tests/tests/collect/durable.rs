//! Lambda durable functions, from an endpoint that answers as the Lambda API does.

use crate::{
    binary::{everything, good, number, rows},
    endpoint::{Answer, Endpoint, Faults},
    step_functions::with_credentials,
};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:fulfil-order";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lambda-durable")
}

fn fixture(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).expect("legible");
    serde_json::from_str(&text).expect("JSON")
}

/// As the API says it: times as epoch seconds.
fn spoken(value: &Value, key: &str) -> Value {
    match value {
        Value::String(text) if key.ends_with("Timestamp") => {
            let (date, clock) = text.split_once('T').expect("ISO 8601");
            assert!(date == "2026-03-14" || date == "2026-03-16", "{text}");
            let day = if date == "2026-03-14" {
                1_773_446_400.0
            } else {
                1_773_619_200.0
            };
            let part = |n: usize| -> f64 { clock[n..n + 2].parse().expect("digits") };
            let millis: f64 = clock[9..12].parse().expect("digits");
            json!(day + part(0) * 3_600.0 + part(3) * 60.0 + part(6) + millis / 1e3)
        }
        Value::Object(members) => {
            let spoken = |(key, value): (&String, &Value)| (key.clone(), spoken(value, key));
            Value::Object(members.iter().map(spoken).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| spoken(item, key)).collect(),
        other => other.clone(),
    }
}

fn decoded(text: &str) -> String {
    text.replace("%3A", ":")
        .replace("%2F", "/")
        .replace("%24", "$")
}

/// An account with these executions, of which the history may be cut.
fn account(orders: &[u32], shown: usize) -> Box<Answer> {
    let all: Vec<(Value, Vec<Value>)> = orders
        .iter()
        .map(|order| {
            let description = spoken(&fixture(&format!("order-{order}.describe.json")), "");
            let history = spoken(&fixture(&format!("order-{order}.history.json")), "");
            let mut events = history["Events"].as_array().expect("events").clone();
            events.truncate(shown);
            (description, events)
        })
        .collect();
    Box::new(move |operation, _, random| {
        let (path, query) = operation
            .strip_prefix("GET ")?
            .split_once('?')
            .unwrap_or((operation.strip_prefix("GET ")?, ""));
        let asked = |name: &str| {
            query
                .split('&')
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let from: usize = asked("Marker").and_then(|it| it.parse().ok()).unwrap_or(0);
        let mut page = |name: &str, items: Vec<Value>| {
            let to = (from + 1 + random.below(9) as usize).min(items.len());
            let mut page = json!({ name: items[from.min(to)..to] });
            if to < items.len() {
                page["NextMarker"] = json!(to.to_string());
            }
            Some(Ok(page))
        };
        let path = decoded(path);
        if path == "/2015-03-31/functions" || path == "/2015-03-31/functions/" {
            return page(
                "Functions",
                vec![
                    json!({"FunctionName": "plain", "FunctionArn": FUNCTION.replace("fulfil-order", "plain")}),
                    json!({"FunctionName": "fulfil-order", "FunctionArn": FUNCTION, "DurableConfig": {"ExecutionTimeout": 86_400}}),
                ],
            );
        }
        if path.ends_with("/durable-executions") {
            assert!(
                path.contains("fulfil-order"),
                "only durable functions are asked: {path}"
            );
            return page(
                "DurableExecutions",
                all.iter()
                    .map(|(description, _)| {
                        let listed = |name: &&str| {
                            Some(((*name).to_owned(), description.get(*name)?.clone()))
                        };
                        let names = [
                            "DurableExecutionArn",
                            "DurableExecutionName",
                            "FunctionArn",
                            "Status",
                            "StartTimestamp",
                            "EndTimestamp",
                        ];
                        Value::Object(names.iter().filter_map(listed).collect())
                    })
                    .collect(),
            );
        }
        let arn = path.strip_prefix("/2025-12-01/durable-executions/")?;
        let (arn, history) = match arn.strip_suffix("/history") {
            Some(arn) => (arn, true),
            None => (arn, false),
        };
        let Some((description, events)) =
            all.iter().find(|(it, _)| it["DurableExecutionArn"] == arn)
        else {
            return Some(Err((404, "ResourceNotFoundException")));
        };
        if !history {
            return Some(Ok(description.clone()));
        }
        let mut events = events.clone();
        if asked("ReverseOrder") == Some("true") {
            events.reverse();
        }
        page("Events", events)
    })
}

fn collect_once(data: &Path, url: &str) -> String {
    let arguments = [
        "collect",
        "--once",
        "--quiet",
        "--region",
        "eu-central-1",
        "--lookback-hours",
        "200000",
        "--quota-share",
        "1",
        "--timeout-s",
        "1",
        "--interval-s",
        "1",
        "--part",
        "durable_functions",
        "--endpoint-url",
        url,
    ];
    let output = with_credentials(data, &arguments)
        .output()
        .expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn imported(orders: &[u32]) -> Vec<(&'static str, Vec<Value>)> {
    let data = tempfile::tempdir().expect("a folder");
    let folder = folder();
    let file = |order: &u32, kind: &str| {
        folder
            .join(format!("order-{order}.{kind}.json"))
            .to_string_lossy()
            .into_owned()
    };
    let files: Vec<String> = orders
        .iter()
        .flat_map(|order| [file(order, "history"), file(order, "describe")])
        .collect();
    let mut arguments = vec!["import", "--quiet"];
    arguments.extend(files.iter().map(String::as_str));
    good(data.path(), &arguments);
    everything(data.path())
}

const ALL: [u32; 5] = [1001, 1002, 1003, 1004, 1005];
const WHOLE: usize = usize::MAX;

fn assert_same(data: &Path, orders: &[u32]) {
    for ((table, left), (_, right)) in everything(data).into_iter().zip(imported(orders)) {
        // Of one that runs there is what the list says, not a description.
        if table != "documents" {
            assert_eq!(said(left), said(right), "{table}");
        }
    }
}

/// Without columns that are there because something else once had them.
fn said(rows: Vec<Value>) -> Vec<Value> {
    let bare = |row: Value| match row {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .collect(),
        ),
        other => other,
    };
    rows.into_iter().map(bare).collect()
}

#[test]
fn what_is_collected_is_what_is_imported() {
    let data = tempfile::tempdir().expect("a folder");
    let endpoint = Endpoint::start(Faults::default(), 1, account(&ALL, WHOLE));
    collect_once(data.path(), &endpoint.url);
    assert_same(data.path(), &ALL);
    let calls = endpoint.calls.lock().expect("no panic").len();
    collect_once(data.path(), &endpoint.url);
    assert_same(data.path(), &ALL);
    let again = endpoint.calls.lock().expect("no panic").len() - calls;
    assert!(
        again < calls,
        "{again} calls for one that runs, {calls} for all"
    );
    let source = rows(data.path(), "select kind, state, following from sources").remove(0);
    assert_eq!(
        source,
        json!({"kind": "durable_functions", "state": "stopped", "following": 1})
    );
}

#[test]
fn whatever_goes_wrong_nothing_is_lost_and_nothing_doubled() {
    let faults = Faults {
        throttle: 10,
        broken: 5,
        dropped: 4,
        truncated: 5,
        expired: 2,
        ..Faults::default()
    };
    let data = tempfile::tempdir().expect("a folder");
    // A list of functions that fails too often in a row is asked for again in the next run.
    for seed in 0..4 {
        let endpoint = Endpoint::start(faults, 7 + 1_000 * seed, account(&ALL, WHOLE));
        collect_once(data.path(), &endpoint.url);
    }
    assert_same(data.path(), &ALL);
}

#[test]
fn one_that_runs_is_followed_to_its_end() {
    let data = tempfile::tempdir().expect("a folder");
    for shown in [3, 12, 40, WHOLE] {
        let endpoint = Endpoint::start(Faults::default(), 3, account(&[1001], shown));
        collect_once(data.path(), &endpoint.url);
        let events = number(data.path(), "select count(*) from events");
        assert_eq!(
            events as usize,
            shown.min(
                fixture("order-1001.history.json")["Events"]
                    .as_array()
                    .expect("events")
                    .len()
            )
        );
    }
    assert_same(data.path(), &[1001]);
}

#[test]
fn invocations_are_joined_by_their_request_ids() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = folder().to_string_lossy().into_owned();
    good(data.path(), &["import", "--quiet", &folder]);
    let joined = "select count(*) from joins where child_kind = 'invocation' and method = 'request_id' and confidence = 1";
    assert_eq!(number(data.path(), joined), 5);
    let of = |name: &str| {
        let query = format!(
            "select coverage, expected_invocations, received_invocations, cold_starts from executions where name = '{name}'"
        );
        rows(data.path(), &query).remove(0)
    };
    // Its five own invocations are here, that of the function which it called is not.
    assert_eq!(
        of("order-1001"),
        json!({"coverage": "partial", "expected_invocations": 6, "received_invocations": 5, "cold_starts": 1})
    );
    assert_eq!(of("order-1002")["received_invocations"], 0);
    let shown = good(data.path(), &["show", "order-1001", "--color", "never"]);
    for words in [
        "fulfil-order",
        "reserve-stock (Task)",
        "pack-items (Map)",
        "pack-items[1]",
        "BoxTooSmall",
        "customs (Context)",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    let ledger = rows(
        data.path(),
        "select category, sum(l.duration_ns) as ns from ledger l join executions e on e.trace_id = l.trace_id \
        where e.name = 'order-1001' group by category order by category",
    );
    let whole: i64 = ledger
        .iter()
        .map(|it| it["ns"].as_i64().expect("a number"))
        .sum();
    assert_eq!(whole, 93_610_000_000, "{ledger:?}");
    let of = |category: &str| {
        ledger
            .iter()
            .find(|it| it["category"] == category)
            .map_or(0, |it| it["ns"].as_i64().unwrap_or(0))
    };
    assert_eq!(of("wait"), 30_001_000_000, "{ledger:?}");
    assert_eq!(of("backoff"), 2_030_000_000, "{ledger:?}");
    assert_eq!(of("callback"), 60_000_000_000, "{ledger:?}");
    assert_eq!(of("unobserved"), 0, "{ledger:?}");
}
