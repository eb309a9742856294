//! Objectives end to end: replay over counts and over stored executions, alerts that survive the end of
//! the process, definitions that come and go.

use crate::binary::{Server, fixture, good, request, rows, run};
use serde_json::{Value, json};
use std::{
    fmt::Write,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Seconds since the epoch. The server compares stored ends with its own clock, so the tests need the same.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary under test reads the real clock"
)]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs() as i64
}

/// Log delivery of executions that run ten seconds: name, begin, whether they fail.
pub fn log_lines(runs: impl Iterator<Item = (String, i64, bool)>) -> String {
    let mut text = String::new();
    for (name, begin, bad) in runs {
        let arn = format!("arn:aws:states:eu-west-1:123456789012:execution:orders:{name}");
        let mut line = |id: u32, kind: &str, details: Value, at: i64| {
            let event = json!({
                "id": id.to_string(), "type": kind, "details": details,
                "previous_event_id": (id - 1).to_string(), "event_timestamp": (at * 1_000).to_string(),
                "execution_arn": arn, "redrive_count": "0",
            });
            let _ = writeln!(text, "{event}");
        };
        line(1, "ExecutionStarted", json!({"input": "{}"}), begin);
        match bad {
            true => line(
                2,
                "ExecutionFailed",
                json!({"error": "Boom", "cause": "it broke"}),
                begin + 10,
            ),
            false => line(2, "ExecutionSucceeded", json!({"output": "{}"}), begin + 10),
        }
    }
    text
}

pub fn import(data: &Path, text: &str) {
    let file = tempfile::Builder::new()
        .suffix(".jsonl")
        .tempfile()
        .expect("a file");
    std::fs::write(file.path(), text).expect("written");
    good(data, &["import", "--quiet", &file.path().to_string_lossy()]);
}

fn replay(data: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["slo", "replay", "--format", "json"];
    all.extend(arguments);
    let text = good(data, &all);
    serde_json::from_str(&text).expect("JSON")
}

/// Time, rule and state of changes.
fn changes(found: &Value, key: &str) -> Vec<(i64, String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let list = found[key].as_array().expect("a list").iter();
    list.map(|it| {
        (
            it["t"].as_i64().expect("t"),
            text(&it["rule"]),
            text(&it["state"]),
        )
    })
    .collect()
}

pub const ORDERS: &str =
    "slo: orders\ntarget: 99%\nwindow: 28d\nindicator: {workflow: orders}\ncoverage: 0\n";

#[test]
fn counts_are_replayed_without_any_data() {
    let vectors: Value = serde_json::from_str(
        &std::fs::read_to_string(fixture("slo/vectors.json")).expect("a file"),
    )
    .expect("JSON");
    let of = |id: &str| {
        let all = vectors["vectors"].as_array().expect("a list");
        all.iter()
            .find(|it| it["id"] == id)
            .expect("a vector")
            .clone()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("none");
    let vector = of("mwmb-01");
    let counts = folder.path().join("counts.json");
    std::fs::write(&counts, vector["series"].to_string()).expect("written");
    let found = replay(
        &nowhere,
        &[
            "--slo",
            &fixture("slo/sloth-getting-started.yml"),
            "--counts",
            &counts.to_string_lossy(),
            "--step",
            "60s",
        ],
    );
    let expect: Vec<(i64, String, String)> = vector["expect"]["policies"][0]["rule_transitions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| {
            let text = |key: &str| it[key].as_str().expect("text").to_owned();
            (it["t"].as_i64().expect("t"), text("rule"), text("to"))
        })
        .collect();
    assert_eq!(changes(&found, "transitions"), expect);
    assert!(!nowhere.exists(), "a replay of counts makes no folder");
}

#[test]
fn stored_executions_are_replayed_like_their_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = 1_700_000_040 / 60 * 60;
    let runs = (0..180).map(|minute| {
        (
            format!("run-{minute}"),
            begin + minute * 60,
            (90..100).contains(&minute),
        )
    });
    import(folder.path(), &log_lines(runs));
    let slo = folder.path().join("orders.yaml");
    std::fs::write(&slo, ORDERS).expect("written");
    let slo = slo.to_string_lossy().into_owned();
    let (from, to) = (begin.to_string(), (begin + 180 * 60).to_string());
    let stored = replay(
        folder.path(),
        &["--slo", &slo, "--from", &from, "--to", &to],
    );
    let counts = json!([
        {"from": begin, "to": begin + 90 * 60, "total": 1, "bad": 0},
        {"from": begin + 90 * 60, "to": begin + 100 * 60, "total": 1, "bad": 1},
        {"from": begin + 100 * 60, "to": begin + 180 * 60, "total": 1, "bad": 0},
    ]);
    let file = folder.path().join("counts.json");
    std::fs::write(&file, counts.to_string()).expect("written");
    let counted = replay(
        folder.path(),
        &[
            "--slo",
            &slo,
            "--counts",
            &file.to_string_lossy(),
            "--from",
            &from,
            "--to",
            &to,
        ],
    );
    assert_eq!(stored["samples"], counted["samples"]);
    assert_eq!(stored["transitions"], counted["transitions"]);
    let fired = changes(&stored, "transitions");
    assert!(
        fired
            .iter()
            .any(|(_, rule, state)| rule == "page-1h-5m" && state == "firing"),
        "{fired:?}"
    );
    // A redrive that ends well takes the place of the failure, at another time.
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:orders:run-95";
    let redriven = [
        ("3", "ExecutionRedriven", 160),
        ("4", "ExecutionSucceeded", 170),
    ]
    .map(|(id, kind, minute)| {
        json!({
            "id": id, "type": kind, "details": {}, "previous_event_id": "2", "execution_arn": arn,
            "event_timestamp": ((begin + minute * 60) * 1_000).to_string(), "redrive_count": "1",
        })
        .to_string()
    });
    import(folder.path(), &redriven.join("\n"));
    let again = replay(
        folder.path(),
        &["--slo", &slo, "--from", &from, "--to", &to],
    );
    let at = |found: &Value, index: usize| {
        let sample = &found["samples"].as_array().expect("samples")[index];
        (sample["total"].as_u64(), sample["bad"].as_u64())
    };
    assert_eq!(at(&stored, 180), (Some(180), Some(10)));
    assert_eq!(at(&again, 180), (Some(180), Some(9)));
    assert_eq!(
        at(&again, 100),
        (Some(99), Some(9)),
        "it counts at its last end, and nowhere else"
    );
}

/// Asks until the answer is as wanted.
pub fn wait(what: &str, mut ask: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ask() {
        assert!(
            began.elapsed() < Duration::from_secs(90),
            "{what} did not happen"
        );
        std::thread::sleep(Duration::from_millis(250));
    }
}

pub fn get(server: &Server, target: &str) -> Value {
    let (status, body) = request(&server.api, "GET", target, "", b"").expect("an answer");
    assert_eq!(status, 200, "{target}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap_or(Value::Null)
}

#[test]
fn an_incident_is_one_through_late_data_and_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    std::fs::create_dir(data.join("slo")).expect("made");
    std::fs::write(data.join("slo/orders.yaml"), ORDERS).expect("written");
    let begin = now().div_euclid(60) * 60 - 7_200;
    let healthy = (0..110).map(|minute| (format!("run-{minute}"), begin + minute * 60, false));
    import(data, &log_lines(healthy));
    let server = Server::start(data);
    wait("the first evaluation", || {
        get(&server, "/api/v1/slos/orders")["row"]["status"] == "ok"
    });
    assert_eq!(get(&server, "/api/v1/alerts")["rows"], json!([]));
    // What failed minutes ago arrives only now.
    let failed = (0..20).map(|number| {
        (
            format!("late-{number}"),
            begin + (115 + number % 3) * 60,
            true,
        )
    });
    let (status, _) = request(
        &server.api,
        "POST",
        "/api/import?name=late.jsonl",
        "",
        log_lines(failed).as_bytes(),
    )
    .expect("an answer");
    assert_eq!(status, 200);
    wait("the page", || {
        let rows = get(&server, "/api/v1/alerts?state=firing")["rows"].clone();
        rows.as_array()
            .is_some_and(|rows| rows.iter().any(|row| row["severity"] == "page"))
    });
    let detail = get(&server, "/api/v1/slos/orders");
    assert_eq!(detail["row"]["bad"], 20);
    let kinds: Vec<&str> = detail["contributors"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert!(kinds.contains(&"Boom"), "{kinds:?}");
    let (_, metrics) = request(&server.api, "GET", "/metrics", "", b"").expect("an answer");
    let metrics = String::from_utf8(metrics).expect("text");
    for line in [
        "slo:objective:ratio{",
        "inquest_alert_firing{slo=\"orders\",service=\"\",severity=\"page\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let page = |rows: Vec<Value>| rows.iter().filter(|row| row["severity"] == "page").count();
    server.kill();
    assert_eq!(page(rows(data, "select * from alerts")), 1);
    let server = Server::start(data);
    wait("an evaluation after the start", || {
        get(&server, "/api/v1/slos/orders")["row"]["firing"] != json!([])
    });
    let alerts = get(&server, "/api/v1/alerts")["rows"]
        .as_array()
        .cloned()
        .expect("rows");
    assert_eq!(page(alerts), 1, "the same incident, not another one");
    // Without its definition it is over.
    let (status, _) =
        request(&server.api, "DELETE", "/api/v1/slos/orders", "", b"").expect("an answer");
    assert_eq!(status, 204);
    wait("the end", || {
        let rows = get(&server, "/api/v1/alerts")["rows"]
            .as_array()
            .cloned()
            .expect("rows");
        rows.iter().all(|row| row["state"] == "resolved")
    });
    server.terminate();
}

#[test]
fn definitions_are_written_and_refused_over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let put = |name: &str, text: &str| {
        let target = format!("/api/v1/slos/{name}");
        let (status, body) =
            request(&server.api, "PUT", &target, "", text.as_bytes()).expect("an answer");
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, body) = put("orders", ORDERS);
    assert_eq!(status, 200, "{body}");
    assert!(folder.path().join("slo/orders.yaml").exists());
    assert_eq!(put("orders", "slo: orders\ntarget: 100%\n").0, 400);
    assert_eq!(
        put("other", ORDERS).0,
        400,
        "another name than the definition's"
    );
    assert_eq!(put("..%2Forders", ORDERS).0, 400);
    let (status, body) = request(
        &server.api,
        "POST",
        "/api/v1/slos/preview",
        "",
        ORDERS.as_bytes(),
    )
    .expect("an answer");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert_eq!(get(&server, "/api/v1/slos")["rows"][0]["name"], "orders");
    server.terminate();
}

#[test]
fn the_linter_says_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |name: &str, succeeds: bool, words: &str| {
        let output = run(
            folder.path(),
            &["slo", "lint", &fixture(&format!("slo/{name}"))],
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.success(), succeeds, "{text}");
        assert!(text.contains(words), "{text}");
    };
    check(
        "openslo-v1-timeslices-calendar.yaml",
        true,
        "minute-or-month",
    );
    check("openslo-v1-refs.yaml", false, "fires while all is well");
    check("pyrra-prometheus-http.yaml", true, "not-measured");
}
