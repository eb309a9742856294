//! What a stranger does to objectives and questions: names and words that are nearly right, brackets that close what is
//! not theirs, counts of one.

use crate::binary::{Server, fixture, good, request, rows, run};
use crate::objectives::{get, import, log_lines};
use serde_json::{Value, json};

const NASA: &str = "aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.history.json";

/// Sends a body; status and text.
fn send(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = request(&server.api, method, path, "", body.as_bytes()).expect("an answer");
    (answer.0, String::from_utf8_lossy(&answer.1).into_owned())
}

fn error_of(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    value["error"].as_str().expect("an error").to_owned()
}

#[test]
fn every_mistake_in_sql_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let file = data.join("wrong.yaml");
    let text = "slo: a\ntarget: 99%\nindicator:\n  over: executions\n  where: stat_machine = 'w'\n  good: |\n    statuss = 'x'\n    \
                AND durration_ns < 5\n    AND retries = 0\ngroup_by: versoin\n";
    std::fs::write(&file, text).expect("written");
    let output = run(data, &["slo", "lint", &file.to_string_lossy()]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success());
    for expect in [
        "wrong.yaml:5: error a: valid cannot be asked",
        "wrong.yaml:7: error a: good cannot be asked",
        "wrong.yaml:8: error a: good cannot be asked",
        "did you mean 'duration_ns'",
        "wrong.yaml:10: error a: group_by cannot be asked",
        "4 errors",
    ] {
        assert!(told.contains(expect), "{expect}: {told}");
    }
    let server = Server::start(data);
    for (method, path) in [("PUT", "/api/v1/slos/a"), ("POST", "/api/v1/slos/preview")] {
        let (status, answer) = send(&server, method, path, text);
        let error = error_of(&answer);
        assert_eq!(status, 400, "{error}");
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 4, "{error}");
        let places = ["line 5: ", "line 7: ", "line 8: ", "line 10: "];
        for (line, place) in lines.iter().zip(places) {
            assert!(line.starts_with(place), "{line}");
        }
    }
    // A predicate is one condition: it closes no bracket that is not its own.
    for evil in [
        "true) OR (true",
        "true) UNION SELECT now() WHERE (true",
        "true; DROP TABLE x",
        ")",
    ] {
        let text =
            format!("slo: a\ntarget: 99%\nindicator: {{over: executions, bad: \"{evil}\"}}\n");
        let (status, answer) = send(&server, "PUT", "/api/v1/slos/a", &text);
        assert_eq!(status, 400, "{evil}: {answer}");
        assert!(
            error_of(&answer).starts_with("line 3: bad cannot"),
            "{answer}"
        );
    }
    server.terminate();
}

#[test]
fn a_name_that_is_nearly_one_held_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let now = crate::objectives::now();
    import(
        data,
        &log_lines((0..3).map(|n| (format!("run-{n}"), now - 600 + n, false))),
    );
    let lint = |name: &str| {
        let file = data.join("it.yaml");
        let text = format!("slo: a\ntarget: 99%\nindicator: {{workflow: {name}}}\n");
        std::fs::write(&file, &text).expect("written");
        let output = run(data, &["slo", "lint", &file.to_string_lossy()]);
        assert!(output.status.success());
        (text, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let says = "the workflow 'oders': did you mean 'orders'?";
    let (text, told) = lint("oders");
    assert!(
        told.contains(says) && told.contains("[unknown-name]"),
        "{told}"
    );
    // What is like nothing may simply not have run yet.
    for name in ["orders", "refunds", "'ord*'"] {
        let (_, told) = lint(name);
        assert!(!told.contains("unknown-name"), "{told}");
    }
    let (_, told) = lint("[orders, oders]");
    assert!(told.contains(says), "{told}");
    let server = Server::start(data);
    let (status, saved) = send(&server, "PUT", "/api/v1/slos/a", &text);
    assert_eq!(status, 200, "{saved}");
    assert!(saved.contains(says), "{saved}");
    let page = get(&server, "/api/v1/slos/a");
    let findings = page["findings"].as_array().expect("findings");
    let of = |it: &&Value| it["rule"] == "unknown-name";
    let found = findings.iter().find(of).expect("a finding");
    assert_eq!(found["level"], "warning");
    assert!(
        found["text"].as_str().is_some_and(|it| it.contains(says)),
        "{found}"
    );
    let (status, told) = send(&server, "POST", "/api/v1/slos/preview", &text);
    assert!(status == 200 && told.contains(says), "{told}");
    server.terminate();
}

#[test]
fn a_replay_of_a_broken_rule_says_which_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let file = data.join("it.yaml");
    let path = file.to_string_lossy().into_owned();
    let counts = data.join("counts.json");
    std::fs::write(
        &counts,
        r#"[{"from": 0, "to": 7200, "total": 100, "bad": 50}]"#,
    )
    .expect("written");
    let counts = counts.to_string_lossy().into_owned();
    let one = |name: &str, rule: &str| {
        format!(
            "  - slo: {name}\n    target: 99%\n    indicator: {{workflow: w}}\n    alerts:\n    - {{{rule}}}\n    - {{long: 1h, burn: 2}}\n"
        )
    };
    let text = format!(
        "slos:\n{}{}",
        one("a", "budget_left: 150%"),
        one("b", "budget_left: 10%")
    );
    std::fs::write(&file, text).expect("written");
    for more in [&["--from=-1h"][..], &["--counts", &counts]] {
        let mut arguments = vec!["slo", "replay", "--slo", &path, "--format", "json"];
        arguments.extend(more);
        let output = run(data, &arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.contains("it.yaml:6: error a: budget_left is 150%"),
            "{told}"
        );
        // The rest is done all the same.
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(found["slos"].as_array().map(Vec::len), Some(2), "{found}");
        // Another objective of the file is not touched by it.
        arguments.extend(["--name", "b"]);
        assert!(run(data, &arguments).status.success());
    }
}

#[test]
fn a_condition_to_compare_by_is_one_condition() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    good(data, &["import", &fixture(NASA)]);
    let all = rows(data, "select count(*) n from executions")[0]["n"].clone();
    let right = "status <> 'SUCCEEDED' -- and so on";
    let compared = good(
        data,
        &[
            "compare",
            "--format",
            "json",
            right,
            "status = 'FAILED' or name like '%)%'",
        ],
    );
    let compared: Value = serde_json::from_str(&compared).expect("JSON");
    assert_eq!(compared["a"]["executions"], all, "{compared}");
    let server = Server::start(data);
    for evil in [
        "status = 'x') OR (true",
        "true) UNION ALL SELECT trace_id, 1, 1 FROM executions WHERE (true",
        "true) ORDER BY (SELECT 1",
        "true /*",
        "status = 'x'; select 1",
        "status = 'x' limit 1",
    ] {
        let output = run(data, &["compare", evil, "status = 'FAILED'"]);
        assert!(!output.status.success(), "{evil}");
        let encoded: String = evil.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (status, answer) = send(
            &server,
            "GET",
            &format!("/api/v1/compare?a={encoded}&b=true%20"),
            "",
        );
        assert_eq!(status, 400, "{evil}: {answer}");
    }
    // Neither does depth harm: the server answers on.
    let deep = format!("a{}", "[1]".repeat(9_000));
    let (status, _) = send(&server, "GET", &format!("/api/v1/compare?a={deep}&b=x"), "");
    assert_eq!(status, 400);
    let question = json!({"query": format!("select a{}", "[1]".repeat(20_000))}).to_string();
    let (status, answer) = send(&server, "POST", "/api/sql", &question);
    assert!(status == 400 && answer.contains("brackets"), "{answer}");
    server.terminate();
}

#[test]
fn an_id_in_json_that_is_none_refuses_its_span_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let span = |trace: &str, id: &str| {
        json!({"traceId": trace, "spanId": id, "name": "a", "startTimeUnixNano": "1700000000000000000",
               "endTimeUnixNano": "1700000000000000005"})
    };
    let trace = "5b8efff798038103d269b633813fc60c";
    let spans = [
        span(trace, "eee19b7ec3c1b174"),
        span("not-hexadecimal", "eee19b7ec3c1b175"),
        span(trace, "eee19b7ec3c1b1"),
        span(trace, "eee19b7ec3c1b176"),
    ];
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let headers = "Content-Type: application/json\r\n";
    let (status, answer) =
        request(&server.http, "POST", "/v1/traces", headers, body.as_bytes()).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(status, 200, "{answer}");
    let told = &answer["partialSuccess"];
    let rejected = &told["rejectedSpans"];
    assert!(*rejected == json!(2) || *rejected == json!("2"), "{answer}");
    let message = told["errorMessage"].as_str().expect("a message");
    assert!(
        message.contains("trace id") && message.contains("span id"),
        "{message}"
    );
    server.terminate();
    let held = rows(folder.path(), "select count(*) n from spans");
    assert_eq!(held[0]["n"], 2);
}

/// What log delivery writes of an execution: kinds of events with details, a second apart; the redrive each belongs to.
fn written(arn: &str, begin: i64, events: &[(&str, Value, u32)]) -> String {
    let mut text = String::new();
    for (n, (kind, details, redrive)) in events.iter().enumerate() {
        let id = n + 1;
        let event = json!({
            "id": id.to_string(), "type": kind, "details": details, "previous_event_id": n.to_string(),
            "event_timestamp": ((begin + n as i64) * 1_000).to_string(), "execution_arn": arn,
            "redrive_count": redrive.to_string(),
        });
        text += &format!("{event}\n");
    }
    text
}

#[test]
fn a_nested_execution_says_how_it_ended_and_a_redrive_is_no_back_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let begin = crate::objectives::now() - 3_600;
    let arn = |machine: &str, name: &str| {
        format!("arn:aws:states:eu-west-1:123456789012:execution:{machine}:{name}")
    };
    let (parent, child) = (arn("outer", "parent-1"), arn("inner", "child-1"));
    let task = json!({"resourceType": "states", "resource": "startExecution.sync:2", "region": "eu-west-1", "parameters": "{}"});
    let started = json!({"resourceType": "states", "resource": "startExecution.sync:2"});
    let submitted = json!({"resourceType": "states", "resource": "startExecution.sync:2",
        "output": json!({"ExecutionArn": child, "StartDate": 1}).to_string()});
    let failed = json!({"resourceType": "states", "resource": "startExecution.sync:2", "error": "States.TaskFailed",
        "cause": json!({"ExecutionArn": child, "Status": "FAILED"}).to_string()});
    let ends = json!({"error": "States.TaskFailed", "cause": "the child failed"});
    let first: Vec<(&str, Value, u32)> = vec![
        ("ExecutionStarted", json!({"input": "{}"}), 0),
        (
            "TaskStateEntered",
            json!({"name": "Call", "input": "{}"}),
            0,
        ),
        ("TaskScheduled", task.clone(), 0),
        ("TaskStarted", started.clone(), 0),
        ("TaskSubmitted", submitted.clone(), 0),
        ("TaskFailed", failed.clone(), 0),
        ("ExecutionFailed", ends.clone(), 0),
    ];
    import(data, &written(&parent, begin, &first));
    let shown = good(data, &["show", "parent-1", "--color", "never"]);
    assert!(shown.contains("[not held]"), "{shown}");
    let inner = [
        ("ExecutionStarted", json!({"input": "{}"}), 0),
        (
            "ExecutionFailed",
            json!({"error": "Boom", "cause": "it broke"}),
            0,
        ),
    ];
    import(data, &written(&child, begin + 5, &inner));
    let id = rows(
        data,
        "select trace_id from executions where name = 'child-1'",
    )[0]["trace_id"]
        .clone();
    let id = id.as_str().expect("an id");
    let shown = good(data, &["show", "parent-1", "--color", "never"]);
    let says = format!("✗ execution child-1  1 s  [FAILED, inquest show {id}]");
    assert!(shown.contains(&says), "{says}: {shown}");
    assert!(shown.contains("Boom: it broke"), "{shown}");
    assert!(
        shown.contains("1 state entered, 1 attempt, 0 retries"),
        "{shown}"
    );
    let json = good(data, &["show", "parent-1", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["nested"][0]["status"], "FAILED");

    // Hours later somebody starts it again.
    let mut all = first;
    all.extend([
        ("ExecutionRedriven", json!({"redriveCount": 1}), 1),
        ("TaskScheduled", task.clone(), 1),
        ("TaskStarted", started.clone(), 1),
        ("TaskFailed", failed.clone(), 1),
        ("TaskScheduled", task, 1),
        ("TaskStarted", started, 1),
        ("TaskSucceeded", submitted, 1),
        (
            "TaskStateExited",
            json!({"name": "Call", "output": "{}"}),
            1,
        ),
        ("ExecutionSucceeded", json!({"output": "{}"}), 1),
    ]);
    let other = arn("outer", "parent-2");
    import(data, &written(&other, begin, &all));
    let shown = good(data, &["show", "parent-2", "--color", "never"]);
    assert_eq!(shown.matches("after a redrive").count(), 1, "{shown}");
    assert_eq!(shown.matches("retry after 1 s").count(), 1, "{shown}");
    assert!(shown.contains("3 attempts, 2 retries,"), "{shown}");
    assert!(shown.contains("[2 retries, redriven]"), "{shown}");
}

#[test]
fn numbers_of_rows_that_cannot_be_are_refused_and_unknown_names_are_hinted_at_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    good(data, &["import", &fixture(NASA)]);
    let now = crate::objectives::now();
    import(
        data,
        &log_lines([("run-1".to_owned(), now - 600, false)].into_iter()),
    );
    let slos = data.join("slo");
    std::fs::create_dir_all(&slos).expect("made");
    std::fs::write(
        slos.join("it.yaml"),
        "slo: ingest\ntarget: 99%\nindicator: {workflow: w}\n",
    )
    .expect("written");
    let server = Server::start(data);
    let lists = [
        "executions?limit",
        "executions/histogram?buckets",
        "executions/x/events?limit",
        "executions/x/twins?k",
        "traces?limit",
        "traces/0000000000000000000000000000abcd/logs?limit",
        "mysteries?limit",
        "mysteries?buckets",
        "cold-starts?limit",
        "map?limit",
        "alerts?limit",
        "deliveries?limit",
        "experiments?limit",
        "slos/x?points",
    ];
    for list in lists {
        let (_, name) = list.split_once('?').expect("a parameter");
        for value in ["0", "-1", "-0", "10001", "99999999999999999999999999"] {
            let (status, answer) = send(&server, "GET", &format!("/api/v1/{list}={value}"), "");
            let expect = format!("{name} is '{value}': give a number from 1 to 10000");
            assert_eq!((status, error_of(&answer)), (400, expect), "{list}");
        }
        let (_, answer) = send(&server, "GET", &format!("/api/v1/{list}=1000"), "");
        assert!(!answer.contains("give a number"), "{answer}");
    }
    // Changes are not paged: they have no such parameter.
    for path in ["/api/v1/changes?limit=0", "/api/changes?limit=-1"] {
        let (status, answer) = send(&server, "GET", path, "");
        assert!(status == 400 && answer.contains("'limit'"), "{answer}");
    }
    for (path, expect) in [
        (
            "/api/v1/experiments?slo=ingst",
            "there is no objective 'ingst': did you mean ingest?".to_owned(),
        ),
        (
            "/api/v1/alerts?slo=ingst",
            "there is no objective 'ingst': did you mean ingest?".to_owned(),
        ),
        (
            "/api/v1/map?service=zz",
            "there is no service 'zz': there are ".to_owned(),
        ),
        (
            "/api/v1/map?state_machine=oders",
            "there is no state machine 'oders': did you mean orders?".to_owned(),
        ),
    ] {
        let hint = get(&server, path)["hint"].clone();
        let hint = hint.as_str().unwrap_or_else(|| panic!("{path}"));
        assert!(hint.starts_with(&expect), "{path}: {hint}");
    }
    assert_eq!(
        get(&server, "/api/v1/experiments?slo=ingest")["hint"],
        Value::Null
    );
    assert_eq!(get(&server, "/api/v1/map")["hint"], Value::Null);
    // JSON without its content type is JSON.
    let question =
        r#"{"query": "select count(*) as n from executions where state_machine = 'orders'"}"#;
    for headers in [
        "",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: text/plain\r\n",
    ] {
        let answer = request(
            &server.api,
            "POST",
            "/api/sql",
            headers,
            question.as_bytes(),
        );
        let (status, body) = answer.expect("an answer");
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(status == 200 && body.contains("{\"n\":1}"), "{body}");
    }
    let (status, answer) = send(&server, "POST", "/api/sql", "  {\"query\": 5}");
    assert!(
        status == 400 && error_of(&answer).contains("{\"query\""),
        "{answer}"
    );
    server.terminate();
}

#[test]
fn one_is_not_told_as_several() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let import = good(data, &["import", &fixture(NASA)]);
    assert!(import.contains("\n1 file: "), "{import}");
    let id = rows(data, "select trace_id from executions")[0]["trace_id"].clone();
    let id = id.as_str().expect("an id");
    let compared = good(data, &["compare", id, id]);
    assert!(compared.contains("1 execution, 1 failed"), "{compared}");
    let file = data.join("it.yaml");
    std::fs::write(
        &file,
        "slo: a\ntarget: 99%\nindicator: {workflow: w, good: x = 1}\n",
    )
    .expect("written");
    let output = run(data, &["slo", "lint", &file.to_string_lossy()]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.contains("1 objective, 0 other objects; 1 error, 0 warnings"),
        "{told}"
    );
}

#[test]
fn experiments_and_silences_of_strangers_are_bounded_and_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let slos = data.join("slo");
    std::fs::create_dir_all(&slos).expect("made");
    let text = "slo: orders\ntarget: 99%\nindicator: {workflow: orders}\n";
    std::fs::write(slos.join("it.yaml"), text).expect("written");
    let server = Server::start(data);
    let experiment = |more: Value| {
        let mut body = json!({"id": "e", "slos": ["orders"]});
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        send(&server, "POST", "/api/v1/experiments", &body.to_string())
    };
    let part = |tolerance: Value| json!([{"name": "a", "measure": "success_ratio", "tolerance": tolerance}]);
    let many = vec![part(json!(1))[0].clone(); 51];
    for (more, expect) in [
        (json!({"id": "x".repeat(301)}), "at most 300 bytes"),
        (json!({"id": "a\u{1b}[2Jb"}), "no control characters"),
        (json!({"slos": ["x".repeat(4_001)]}), "more than 4000 bytes"),
        (json!({"slos": vec!["x"; 501]}), "501 slos: at most 500"),
        (json!({"hypothesis": many}), "51 parts of its hypothesis"),
        (
            json!({"scope": {"workfow": "orders"}}),
            "'workfow' is not known",
        ),
        (json!({"tail_s": -5}), "tail_s is a whole number"),
        (json!({"tail_s": 3_601}), "tail_s is a whole number"),
        (
            json!({"hypothesis": part(json!({"type": "regex", "pattern": "("}))}),
            "no regular expression",
        ),
        (json!({"hypothesis": part(json!([5, 1]))}), "holds nothing"),
        (
            json!({"hypothesis": part(json!({"type": "jsonpath", "path": "$..a"}))}),
            "is no path",
        ),
    ] {
        let (status, answer) = experiment(more);
        assert_eq!(status, 400, "{answer}");
        assert!(error_of(&answer).contains(expect), "{expect}: {answer}");
    }
    // Several at once, each with a scope that is looked up in the spans: every report is an answer.
    for n in 0..8 {
        let scope = json!({"attributes": {"it's": n.to_string(), "a'] OR true --": "x"}, "az": "' OR ''='"});
        let id = format!("e{n}");
        let (status, answer) = experiment(json!({"id": id, "scope": scope}));
        assert_eq!(status, 200, "{answer}");
    }
    for n in 0..8 {
        get(&server, &format!("/api/v1/experiments/e{n}"));
    }
    get(&server, "/api/v1/budget-ledger");

    let silence = |more: Value| {
        let mut body = json!({"until": "+1h"});
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        send(&server, "POST", "/api/v1/silences", &body.to_string())
    };
    for key in ["slo", "severity"] {
        let (status, answer) = silence(json!({ key: "  " }));
        assert!(status == 400 && answer.contains("is blank"), "{answer}");
    }
    for (more, expect) in [
        (json!({}), None),
        (json!({"slo": "orders", "severity": "page"}), None),
        (json!({"slo": "ord*"}), None),
        (json!({"slo": "ordrs"}), Some("did you mean orders?")),
        (
            json!({"slo": "pay*"}),
            Some("no objective is called 'pay*'"),
        ),
        (json!({"severity": "pgae"}), Some("did you mean page?")),
    ] {
        let (status, answer) = silence(more);
        assert_eq!(status, 200, "{answer}");
        let made: Value = serde_json::from_str(&answer).expect("JSON");
        let hint = made["hint"].as_str();
        let told = expect.map_or(hint.is_none(), |it| {
            hint.is_some_and(|hint| hint.contains(it))
        });
        assert!(told, "{answer}");
    }
    server.terminate();
}
