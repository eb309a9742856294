//! What the API tells and takes, endpoint by endpoint: no number that a browser would round, and no parameter that is
//! passed over.

use crate::binary::{Server, fixture, good, post_json, request};
use crate::objectives::{import, log_lines, now};
use serde_json::Value;
use std::collections::BTreeMap;

/// The endpoints, as the server names them.
const ROUTER: &str = include_str!("../../../server/src/api/mod.rs");
/// The largest whole number that every smaller one of is exact in JavaScript.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Paths with a GET, with their placeholders.
fn paths() -> Vec<&'static str> {
    let routes = ROUTER.split(".route(").skip(1);
    let gets = routes.filter(|route| {
        let end = route.find(".route(").unwrap_or(route.len());
        route[..end].contains("get(")
    });
    let all: Vec<&str> = gets.filter_map(|route| route.split('"').nth(1)).collect();
    assert!(all.len() > 40, "{all:?}");
    all
}

/// A server that holds something of everything, and what stands for placeholders.
fn furnished(data: &std::path::Path) -> (Server, BTreeMap<&'static str, String>) {
    let begin = now() - 7_200;
    let runs = (0..30).map(|n| (format!("run-{n}"), begin + i64::from(n) * 60, n % 5 == 0));
    import(data, &log_lines(runs));
    for name in [
        "aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.history.json",
        "aws-lambda-logs/logs-api-batch-coldstart.json",
        "aws-xray",
        "envoy",
    ] {
        good(data, &["import", "--quiet", &fixture(name)]);
    }
    std::fs::create_dir_all(data.join("slo")).expect("made");
    let slo = "slo: orders\nindicator: {workflow: orders}\ntarget: 95%\nwindow: 7d\n";
    std::fs::write(data.join("slo/orders.yaml"), slo).expect("written");
    let server = Server::start(data);
    let change = r#"{"time": "2026-11-22T03:16:00.000000001Z", "kind": "config", "resource": "orders", "change": "1 → 2"}"#;
    let (status, _) = post_json(&server.api, "/api/v1/changes", change).expect("an answer");
    assert_eq!(status, 200);
    let silence =
        r#"{"slo": "x", "until": 4102444800, "from": "now", "comment": "numbers are times, too"}"#;
    let (status, body) = post_json(&server.api, "/api/v1/silences", silence).expect("an answer");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let started = format!(r#"{{"id": "lag", "slos": ["orders"], "start": {begin}}}"#);
    let (status, body) =
        post_json(&server.api, "/api/v1/experiments", &started).expect("an answer");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let page = json(
        &server,
        "/api/v1/executions?state_machine=orders&status=FAILED",
    );
    let id = page["rows"][0]["trace_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let places = BTreeMap::from([
        ("id", id),
        ("name", "orders".to_owned()),
        ("experiment", "lag".to_owned()),
    ]);
    (server, places)
}

fn get(server: &Server, target: &str) -> (u16, String) {
    let (status, body) = request(&server.api, "GET", target, "", b"").expect("an answer");
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn json(server: &Server, target: &str) -> Value {
    let (status, text) = get(server, target);
    assert_eq!(status, 200, "{target}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{target}: {error}: {text}"))
}

/// Paths of numbers that are not exact.
fn rounded(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(number) if number.as_f64().is_some_and(|it| it.abs() > EXACT) => {
            found.push(format!("{path} = {number}"));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|it| rounded(it, &format!("{path}[]"), found)),
        Value::Object(members) => {
            for (key, member) in members {
                rounded(member, &format!("{path}.{key}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_answer_has_a_number_that_a_browser_rounds_and_no_parameter_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, places) = furnished(folder.path());
    let span =
        json(&server, &format!("/api/v1/executions/{}", places["id"]))["execution"]["span_id"]
            .as_str()
            .expect("a span")
            .to_owned();
    let (mut asked, mut strict) = (0, 0);
    for path in paths() {
        // A stream that does not end, and what other programs ask as they like.
        if path.ends_with("/live") {
            continue;
        }
        let id = match path.contains("/experiments/") {
            true => &places["experiment"],
            false => &places["id"],
        };
        let mut target = path
            .replace("{id}", id)
            .replace("{name}", &places["name"])
            .replace("{span}", &span);
        if path.ends_with("/compare") {
            target += "?a=state_machine%3D'orders'&b=status%3D'FAILED'";
        }
        if path.ends_with("/explain") {
            let one = "select min(trace_id) as trace_id from spans where source not in ('workflow','lambda')";
            target += &format!("?symptom={}&baseline=true", one.replace(' ', "%20"));
        }
        let (status, text) = get(&server, &target);
        assert_eq!(status, 200, "{target}: {text}");
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let mut found = Vec::new();
            rounded(&value, "", &mut found);
            assert!(found.is_empty(), "{target}: {found:?}");
            asked += 1;
        }
        if matches!(path, "/metrics" | "/healthz" | "/readyz") {
            continue;
        }
        let mark = if target.contains('?') { '&' } else { '?' };
        let (status, text) = get(&server, &format!("{target}{mark}collour=red"));
        assert!(
            status == 400 && text.contains("no parameter 'collour'"),
            "{target}: {status} {text}"
        );
        strict += 1;
    }
    assert!(asked > 35 && strict > 38, "{asked} {strict}");
    // Times are the same as text as they are in the tables.
    let detail = json(&server, &format!("/api/v1/executions/{}", places["id"]));
    assert!(detail["execution"]["start_time"].is_string(), "{detail}");
    let changes = json(&server, "/api/v1/changes?resource=orders");
    assert_eq!(changes[0]["time"], "1795317360000000001");
    server.terminate();
}

#[test]
fn parameters_are_refused_by_name_and_unknown_names_are_hinted_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _) = furnished(folder.path());
    let check = |target: &str, status: u16, expect: &str| {
        let (given, text) = get(&server, target);
        assert!(
            given == status && text.contains(expect),
            "{target}: {given} {text}"
        );
    };
    check("/api/v1/executions?limit=abc", 400, "limit is 'abc'");
    check(
        "/api/v1/executions?statemachine=x",
        400,
        "did you mean state_machine?",
    );
    check("/api/v1/deliveries?limit=-1", 400, "limit is '-1'");
    check("/api/v1/slos/orders?point=5", 400, "did you mean points?");
    check(
        "/api/v1/executions/histogram?from=-9999999999999999999999",
        400,
        "from=",
    );
    check(
        "/api/v1/executions?state_machine=order",
        200,
        "did you mean orders?",
    );
    check("/api/v1/executions/facets?state_machine=order", 200, "{");
    check(
        "/api/v1/mysteries?state_machine=zebra",
        200,
        "there is no state machine 'zebra'",
    );
    check(
        "/api/v1/cold-starts?function=zebra",
        200,
        "there is no function 'zebra'",
    );
    check(
        "/api/v1/traces?service=zebra",
        200,
        "there is no service 'zebra'",
    );
    check(
        "/api/v1/deliveries?receiver=zebra",
        200,
        "there is no receiver 'zebra'",
    );
    check("/api/v1/alerts?slo=order", 200, "did you mean orders?");
    // A filter that matches nothing for another reason has no hint.
    let (_, text) = get(&server, "/api/v1/executions?state_machine=orders&q=nowhere");
    assert!(!text.contains("hint"), "{text}");
    let post = |target: &str, body: &[u8]| {
        let (status, body) = request(&server.api, "POST", target, "", body).expect("an answer");
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, text) = post("/api/v1/deliveries/x/replay", b"");
    assert!(
        status == 404 && text.contains("no message 'x'"),
        "{status} {text}"
    );
    let (status, text) = post("/api/v1/silences", br#"{"until": true}"#);
    assert!(
        status == 400 && text.contains("a time is text"),
        "{status} {text}"
    );
    let (status, text) = post("/api/v1/silences?untill=5", br#"{"until": "+1h"}"#);
    assert!(
        status == 400 && text.contains("no parameter 'untill'"),
        "{status} {text}"
    );
    server.terminate();
}

#[test]
fn an_import_that_is_too_large_names_the_limit_and_its_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "max_import_mb = 1\n").expect("written");
    let server = Server::start_with(folder.path(), &["--config", &config.display().to_string()]);
    let body = vec![b' '; (1 << 20) + 1];
    let (status, text) = request(&server.api, "POST", "/api/import", "", &body).expect("an answer");
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(
        status == 413 && text.contains("1 MB") && text.contains("--max-import-mb"),
        "{status} {text}"
    );
    server.terminate();
}
