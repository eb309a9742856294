//! What the API refuses it refuses as JSON, with what was wrong and what to do; and the same time can be written in
//! every form at every door.

use crate::binary::{Server, fixture, good, request, rows, run};
use serde_json::{Value, json};

const NASA: &str = "aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.history.json";
const NOBODY: &str = "00000000000000000000000000000abc";

/// Asks; the answer is JSON with a status. Its error, or the answer as text.
fn ask(server: &Server, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let (status, answer) = request(&server.api, method, path, "", body).expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    if status < 400 {
        return (status, text);
    }
    let problem: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{method} {path} {status}: {error}: {text}"));
    let error = problem["error"].as_str().expect("an error").to_owned();
    assert!(error.len() > 10, "{method} {path}: {error}");
    (status, error)
}

#[test]
fn refusals_are_json_and_say_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    good(folder.path(), &["import", &fixture(NASA)]);
    let server = Server::start(folder.path());
    let check = |method: &str, path: &str, body: &[u8], expect: u16, says: &[&str]| {
        let (status, error) = ask(&server, method, path, body);
        assert_eq!(status, expect, "{method} {path}: {error}");
        for word in says {
            assert!(error.contains(word), "{method} {path}: {error}");
        }
    };
    // What the framework refuses.
    check("GET", "/api/v1/executions?limit=many", b"", 400, &["limit"]);
    check("GET", "/api/v1/compare?a=x", b"", 400, &["b"]);
    check(
        "GET",
        "/api/v1/slos/x/gate?spent=1",
        b"",
        400,
        &["spent", "spend"],
    );
    check("POST", "/api/v1/executions", b"", 405, &["GET"]);
    check("PUT", "/api/sql", b"", 405, &["POST"]);
    check("DELETE", "/metrics", b"", 405, &["GET"]);
    check("GET", "/api/v1/nothing", b"", 404, &["/api/v1/nothing"]);
    check("GET", "/v1/nothing", b"", 404, &["/v1/nothing"]);
    check("POST", "/api/v1/silences", b"until", 400, &["no JSON"]);
    check("POST", "/api/v1/silences", b"[1]", 400, &["another form"]);
    check("POST", "/api/v1/changes", b"{", 400, &["no JSON"]);
    check("POST", "/api/import?kind=x", b"", 400, &["kind", "x"]);
    let long = vec![b' '; (2 << 20) + 1];
    check("POST", "/api/sql", &long, 413, &["2 MB"]);
    check("PUT", "/api/v1/slos/x", &long, 413, &["2 MB"]);
    check("PUT", "/api/v1/slos/x", b"\xff", 400, &["UTF-8"]);
    check("GET", "/api/v1/executions/%FF", b"", 400, &["UTF-8"]);
    // What is not held.
    for end in [
        "",
        "/events",
        "/verdict",
        "/case.html",
        "/case.md",
        "/ledger",
        "/cost",
        "/twins",
        "/graph",
        "/coverage",
    ] {
        for id in [NOBODY, "arn:aws:states:eu-west-1:1:execution:a:b", "nobody"] {
            let path = format!("/api/v1/executions/{id}{end}");
            check("GET", &path, b"", 404, &["no execution", id, "ARN"]);
        }
    }
    for end in ["/spans.bin", "/logs", "/hops", "/clocks", "/joins"] {
        let path = format!("/api/v1/traces/{NOBODY}{end}");
        check("GET", &path, b"", 404, &["no trace", NOBODY]);
        check("GET", &format!("/api/v1/traces/nobody{end}"), b"", 400, &[]);
    }
    check(
        "GET",
        "/api/v1/slos/nobody",
        b"",
        404,
        &["nobody", "/api/v1/slos"],
    );
    check(
        "GET",
        "/api/v1/budget-ledger?slo=nobody",
        b"",
        404,
        &["nobody"],
    );
    // What is no value of a closed set.
    check(
        "GET",
        "/api/v1/executions?status=BROKEN",
        b"",
        400,
        &["BROKEN", "FAILED", "TIMED_OUT", "PENDING_REDRIVE"],
    );
    check(
        "GET",
        "/api/v1/executions/facets?status=x",
        b"",
        400,
        &["ABORTED"],
    );
    check(
        "GET",
        "/api/v1/traces?status=bad",
        b"",
        400,
        &["error or ok"],
    );
    check("GET", "/api/v1/experiments?state=x", b"", 400, &["planned"]);
    check("GET", "/api/v1/deliveries?status=x", b"", 400, &["dead"]);
    check("GET", "/api/v1/alerts?state=x", b"", 400, &["firing"]);
    let (status, text) = ask(
        &server,
        "GET",
        "/api/v1/executions?status=failed,running",
        b"",
    );
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("\"total\":1"), "{text}");
    // What is held and empty is no error.
    let row = rows(folder.path(), "select trace_id from executions");
    let id = row[0]["trace_id"].as_str().expect("an id");
    for path in [
        format!("/api/v1/executions/{id}/events?after=100000"),
        format!("/api/v1/traces/{id}/logs"),
        format!("/api/v1/traces/{id}/hops"),
        format!("/api/v1/traces/{id}/clocks"),
        format!("/api/v1/traces/{id}/joins"),
    ] {
        assert_eq!(ask(&server, "GET", &path, b"").0, 200, "{path}");
    }
}

#[test]
fn a_time_is_written_alike_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    good(folder.path(), &["import", &fixture(NASA)]);
    let begin = rows(
        folder.path(),
        "select cast(start_time as bigint) as at, cast(start_time as varchar) as text from executions",
    );
    let nanos = begin[0]["at"]
        .as_i64()
        .or_else(|| begin[0]["at"].as_str()?.parse().ok());
    let nanos = nanos.expect("a number");
    std::fs::create_dir_all(folder.path().join("slo")).expect("a folder");
    std::fs::write(
        folder.path().join("slo/all.yaml"),
        "slo: all\ntarget: 99%\nwindow: 28d\nindicator: {valid: 'true'}\n",
    )
    .expect("written");
    let server = Server::start(folder.path());
    let text = begin[0]["text"].as_str().expect("text").replace(' ', "T");
    let exact = if text.ends_with('Z') {
        text
    } else {
        format!("{text}Z")
    };
    let forms = [
        nanos.to_string(),
        exact,
        (nanos / 1_000_000_000).to_string(),
        "2001-01-01".to_owned(),
        "-9000d".to_owned(),
        "now-9000d".to_owned(),
        "2001-01-01T00:00:00+01:00".to_owned(),
    ];
    let doors = [
        "executions",
        "executions/histogram",
        "executions/facets",
        "traces",
        "map",
        "mysteries",
        "cold-starts",
        "changes",
        "slos/all",
    ];
    for door in doors {
        let asked = |query: &str| ask(&server, "GET", &format!("/api/v1/{door}?{query}"), b"");
        for form in &forms {
            let (status, answer) = asked(&format!("from={form}&to=now"));
            assert_eq!(status, 200, "{door} {form}: {answer}");
        }
        for wrong in ["from=yesterday", "to=-1fortnight", "from=now&to=-1h"] {
            let (status, answer) = asked(wrong);
            assert_eq!(status, 400, "{door} {wrong}: {answer}");
            assert!(answer.contains("time"), "{door} {wrong}: {answer}");
        }
    }
    // They mean the same.
    let total = |query: &str| {
        let (_, answer) = ask(&server, "GET", &format!("/api/v1/executions?{query}"), b"");
        serde_json::from_str::<Value>(&answer).expect("JSON")["total"].clone()
    };
    for form in &forms {
        assert_eq!(total(&format!("from={form}")), json!(1), "{form}");
    }
    assert_eq!(total("from=-1h"), json!(0));
    assert_eq!(total(&format!("to={nanos}")), json!(0));
    // And in what is sent.
    let silence = json!({"slo": "all", "from": "-1m", "until": "+2h"}).to_string();
    let (status, answer) = ask(&server, "POST", "/api/v1/silences", silence.as_bytes());
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("\"active\":true"), "{answer}");
}

/// A definition with this indicator.
fn objective(indicator: &str) -> String {
    format!("slo: mine\ntarget: 99%\nwindow: 28d\nindicator:\n  over: executions\n  {indicator}\n")
}

#[test]
fn mistakes_in_sql_are_told_before_anything_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("mine.yaml"));
    let lint = |text: &str| {
        std::fs::write(&file, text).expect("written");
        let output = run(&data, &["slo", "lint", &file.to_string_lossy()]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    let wrong = [
        ("good: \"statsu = 'SUCCEEDED'\"", "statsu"),
        ("bad: \"status = 'FAILED' and\"", ""),
        ("good: \"no_such_function(status)\"", "no_such_function"),
        ("where: \"colour = 'red'\"", "colour"),
        ("where: {colour: red}", "colour"),
        ("good: \"duration_ns\"", ""),
        ("good: \"status = 'SUCCEEDED'\"\ngroup_by: colour", "colour"),
        ("good: \"true) or (select 1\"", ""),
    ];
    let right = [
        "good: \"status = 'SUCCEEDED' and duration_ns < 3e10\"",
        "where: {http.route: /pay}",
        "good: \"attributes['tenant'] is null\"",
        "good: warm",
        "latency: 30s\ngroup_by: state_machine_version",
    ];
    for (indicator, word) in wrong {
        let (code, said) = lint(&objective(indicator));
        assert_eq!(code, Some(1), "{indicator}: {said}");
        assert!(
            said.contains("[sql]") && said.contains(word),
            "{indicator}: {said}"
        );
        let line = if indicator.contains("group_by") {
            ":7: error"
        } else {
            ":6: error"
        };
        assert!(said.contains(line), "{indicator}: {said}");
    }
    assert!(!data.exists(), "linting makes no folder");
    for indicator in right {
        let (code, said) = lint(&objective(indicator));
        if indicator.contains("http.route") || indicator.contains("tenant") {
            // Executions have no attributes: that is a mistake, too.
            assert_eq!(code, Some(1), "{indicator}: {said}");
            continue;
        }
        assert_eq!(code, Some(0), "{indicator}: {said}");
    }
    let (code, said) =
        lint("slo: s\ntarget: 99%\nindicator: {over: spans, where: {http.route: /pay}}\n");
    assert_eq!(code, Some(0), "{said}");

    good(&data, &["import", &fixture(NASA)]);
    let server = Server::start(&data);
    for (indicator, word) in wrong {
        let text = objective(indicator);
        for (method, path) in [
            ("PUT", "/api/v1/slos/mine"),
            ("POST", "/api/v1/slos/preview"),
        ] {
            let (status, error) = ask(&server, method, path, text.as_bytes());
            assert_eq!(status, 400, "{method} {indicator}: {error}");
            assert!(
                error.contains(word) && error.contains("line "),
                "{method} {indicator}: {error}"
            );
        }
    }
    assert!(
        !data.join("slo/mine.yaml").exists(),
        "what is refused is not written"
    );
    let text = objective("good: \"status = 'SUCCEEDED'\"");
    let (status, answer) = ask(&server, "PUT", "/api/v1/slos/mine", text.as_bytes());
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn experiments_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    good(folder.path(), &["import", &fixture(NASA)]);
    let server = Server::start(folder.path());
    let declare = |said: Value| {
        let body = said.to_string();
        ask(&server, "POST", "/api/v1/experiments", body.as_bytes())
    };
    let refused = |said: Value, word: &str| {
        let (status, error) = declare(said.clone());
        assert_eq!(status, 400, "{said}: {error}");
        assert!(error.contains(word), "{said}: {error}");
    };
    let begin = "2026-01-01T00:00:00Z";
    refused(
        json!({"id": "a", "start": begin, "end": "2025-01-01T00:00:00Z"}),
        "before",
    );
    refused(
        json!({"id": "a", "start": begin, "planned_end": "2025-01-01T00:00:00Z"}),
        "before",
    );
    refused(
        json!({"id": "a", "hypothesis": {"sql": "select statsu from executions"}}),
        "statsu",
    );
    refused(
        json!({"id": "a", "hypothesis": {"sql": "select 1, 2"}}),
        "column",
    );
    refused(
        json!({"id": "a", "hypothesis": {"measure": "happiness"}}),
        "happiness",
    );
    refused(json!({"id": "a", "hypothesis": {"name": "well"}}), "well");
    refused(
        json!({"id": "a", "hypothesis": {"sql": "drop table executions"}}),
        "",
    );
    let (_, held) = ask(&server, "GET", "/api/v1/experiments", b"");
    assert_eq!(held, "{\"rows\":[]}", "what is refused is not kept");
    let sql = "select count(*) from executions where end_time >= $from and end_time < $to";
    let (status, answer) = declare(json!({
        "id": "a", "start": begin, "slos": ["nobody"], "hypothesis": {"sql": sql, "tolerance": [0, 10]},
    }));
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let warning = answer[0]["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("nobody"), "{warning}");
    // Its end is told later.
    refused(
        json!({"id": "a", "state": "completed", "end": "2025-06-01T00:00:00Z"}),
        "before",
    );
    let (status, answer) = declare(json!({"id": "a", "end": "2026-01-01T01:00:00Z"}));
    assert_eq!(status, 200, "{answer}");
    let refuse = run(
        folder.path(),
        &["experiment", "gate", "nobody", "--spend", "0.1"],
    );
    assert!(!refuse.status.success());
}

#[test]
fn traces_and_unpriced_runs_are_told_as_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    // A region that no price book has.
    let text = std::fs::read_to_string(fixture(NASA)).expect("read");
    assert!(text.contains("us-east-1"), "the recording names its region");
    let far = data.join("far.history.json");
    std::fs::write(&far, text.replace("us-east-1", "mars-east-1")).expect("written");
    let other = tempfile::tempdir().expect("a folder");
    good(other.path(), &["import", &far.to_string_lossy()]);
    let row = rows(other.path(), "select trace_id from executions");
    let id = row[0]["trace_id"].as_str().expect("an id");
    let bill = good(other.path(), &["cost", id]);
    assert!(bill.contains("not priced: "), "{bill}");
    assert!(!bill.contains("0 USD"), "{bill}");
    let compared = good(other.path(), &["compare", id, id]);
    assert!(compared.contains("not priced"), "{compared}");
}
