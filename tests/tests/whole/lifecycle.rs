//! Objectives that live: definitions edited while they alert, parts that speak for others, time that does not
//! count, budgets that go, data that stops, and who is told of all that.

use crate::{
    binary::{Server, fixture, good, post_json, request, rows},
    deliveries::Receiver,
    objectives::{get, import, now, wait},
    stored::{Run, lines},
};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

/// The last whole minute but one, so that everything in it has ended.
fn minute() -> i64 {
    now().div_euclid(60) * 60
}

fn define(data: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(data.join("slo")).expect("made");
    std::fs::write(data.join("slo").join(name), text).expect("written");
}

/// Receivers of the CloudEvents format that take everything.
fn receivers(data: &Path, all: &[(&str, &Receiver, &str)]) {
    let each = all.iter().map(|(name, receiver, more)| {
        format!(
            "[[receiver]]\nname = '{name}'\nformat = 'cloudevents'\nurl = 'http://127.0.0.1:{}/'\n\
             allow = ['127.0.0.1']\n{more}\n",
            receiver.port
        )
    });
    let text = each.collect::<String>();
    std::fs::write(
        data.join("receivers.toml"),
        format!("external_url = 'https://i.example'\n{text}"),
    )
    .expect("written");
}

/// One execution a minute of the last `minutes`, of which those for which `bad` holds failed; `bad` is asked
/// with the minutes before now.
fn each_minute(workflow: &str, minutes: i64, bad: impl Fn(i64) -> bool) -> Vec<Run> {
    let last = minute();
    (1..=minutes)
        .rev()
        .map(|ago| {
            Run::ends(
                workflow,
                format!("run-{ago}"),
                last - ago * 60 + 20,
                bad(ago),
            )
        })
        .collect()
}

/// Types and objectives of what a receiver took, each message once.
fn told(receiver: &Receiver) -> Vec<(String, String)> {
    let mut ids = std::collections::BTreeSet::new();
    let text = |it: &Value, pointer: &str| {
        let text = it.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let all = receiver.taken();
    let new = all.iter().filter(|it| ids.insert(text(it, "/id")));
    new.map(|it| (text(it, "/type"), text(it, "/data/slo/id")))
        .collect()
}

fn data_of(receiver: &Receiver, kind: &str, slo: &str) -> Option<Value> {
    let fits = |it: &Value| it["type"] == kind && it["data"]["slo"]["id"] == slo;
    let found = receiver.taken().into_iter().find(fits);
    found.map(|it| it["data"].clone())
}

fn firing(server: &Server, slo: &str, severity: &str) -> bool {
    let rows = get(server, &format!("/api/v1/alerts?state=firing&slo={slo}"))["rows"].clone();
    let rows = rows.as_array().cloned().unwrap_or_default();
    rows.iter()
        .any(|row| row["severity"] == severity && row["slo"] == slo)
}

const RULES: &str = "alerts: [{id: fast, long: 1h, short: 5m, burn: 10}]\n";

#[test]
fn an_indicator_that_is_edited_while_it_alerts_alerts_on_until_the_new_one_can_judge() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let old = format!("slo: pay\ntarget: 99%\nindicator: {{workflow: pay}}\n{RULES}");
    define(data, "pay.yaml", &old);
    import(data, &lines(each_minute("pay", 130, |ago| ago <= 30)));
    let server = Server::start(data);
    wait("the page", || firing(&server, "pay", "page"));
    // Of other rows, of which there are none yet: nobody could judge it.
    let new = format!("slo: pay\ntarget: 99%\nindicator: {{service: pay-app}}\n{RULES}");
    let put = |text: &str| {
        let (status, body) = request(&server.api, "PUT", "/api/v1/slos/pay", "", text.as_bytes())
            .expect("an answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    };
    put(&new);
    let held = get(&server, "/api/v1/slos/pay");
    assert!(firing(&server, "pay", "page"), "{held}");
    let indicator = held["row"]["indicator"].as_str().expect("words");
    assert!(
        indicator.contains("executions"),
        "the old one is shown: {indicator}"
    );
    assert_eq!(held["row"]["bad"], 30);
    // One that is covered takes over at once: only what is slower than an hour is bad in it.
    put(&format!(
        "slo: pay\ntarget: 99%\nindicator: {{workflow: pay, latency: 1h, any_status: true}}\n{RULES}"
    ));
    wait("the end", || !firing(&server, "pay", "page"));
    assert_eq!(get(&server, "/api/v1/slos/pay")["row"]["bad"], 0);
    let alerts = rows(data, "select state from alerts where slo = 'pay'");
    assert_eq!(alerts, [json!({"state": "resolved"})]);
    server.terminate();
}

#[test]
fn groups_composites_exclusions_and_inhibition_decide_who_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let receiver = Receiver::start(&[]);
    receivers(data, &[("hook", &receiver, "kinds = ['slo.burn.*']")]);
    let tenants = format!(
        "slo: tenant\ntarget: 99%\nindicator: {{workflow: 'tenant-*'}}\ngroup_by: state_machine\n{RULES}"
    );
    define(data, "tenants.yaml", &tenants);
    define(
        data,
        "journey.yaml",
        &format!(
            "target: 99%\n{RULES}slos:\n- {{slo: left, indicator: {{workflow: tenant-a}}, alerts: none}}\n\
             - {{slo: right, indicator: {{workflow: tenant-b}}, alerts: none}}\n\
             - {{slo: journey, composite: [left, right]}}\n"
        ),
    );
    // The same failures, in time that does not count.
    let from = jiff_text(minute() - 40 * 60);
    let maintained = format!(
        "slo: maintained\ntarget: 99%\nindicator: {{workflow: tenant-b}}\n\
         exclude: [{{from: '{from}', duration: 2h, reason: a move}}]\n{RULES}"
    );
    define(data, "maintained.yaml", &maintained);
    let both = "alerts:\n- {id: fast, long: 1h, short: 5m, burn: 10}\n\
         - {id: slow, severity: ticket, long: 1h, short: 5m, burn: 5}\n";
    let quiet = format!(
        "slo: quiet\ntarget: 99%\ninhibit: true\nindicator: {{workflow: tenant-b}}\n{both}"
    );
    define(data, "quiet.yaml", &quiet);
    let healthy = each_minute("tenant-a", 130, |_| false);
    let failing = each_minute("tenant-b", 130, |ago| ago <= 30);
    import(data, &lines(healthy.into_iter().chain(failing)));
    let server = Server::start(data);
    for slo in ["tenant:tenant-b", "journey", "quiet"] {
        wait(slo, || data_of(&receiver, "slo.burn.firing", slo).is_some());
    }
    assert!(!firing(&server, "tenant:tenant-a", "page"));
    assert!(!firing(&server, "maintained", "page"));
    let row = |slo: &str| get(&server, &format!("/api/v1/slos/{slo}"));
    assert_eq!(row("journey")["row"]["bad"], 30);
    let maintained = row("maintained");
    assert_eq!(maintained["row"]["bad"], 0);
    assert_eq!(
        maintained["with_excluded"]["bad"], 30,
        "annotated, never deleted"
    );
    assert!(
        maintained["annotations"].to_string().contains("a move"),
        "{}",
        maintained["annotations"]
    );
    assert!(firing(&server, "quiet", "ticket"), "it is recorded");
    let severities = |slo: &str| -> Vec<Value> {
        let all = receiver.taken().into_iter();
        all.filter(|it| it["data"]["slo"]["id"] == slo)
            .map(|it| it["data"]["severity"].clone())
            .collect()
    };
    assert_eq!(severities("quiet"), ["page"], "and not told");
    // When the page no longer speaks for it, the ticket is told after all.
    define(
        data,
        "quiet.yaml",
        &quiet.replace(
            "{id: fast, long: 1h, short: 5m, burn: 10}",
            "{id: fast, long: 1h, short: 5m, burn: 99}",
        ),
    );
    wait("the ticket", || {
        severities("quiet").contains(&json!("ticket"))
    });
    assert_eq!(
        get(&server, "/api/v1/alerts?slo=quiet&state=firing")["rows"][0]["severity"],
        "ticket"
    );
    server.terminate();
}

fn jiff_text(second: i64) -> String {
    // Seconds of a day are all that the definition needs to tell apart.
    let days = second.div_euclid(86_400);
    let (mut year, mut day) = (1970, days);
    let length = |year: i64| {
        if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) {
            366
        } else {
            365
        }
    };
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let months = [
        31,
        length(year) - 337,
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    while day >= months[month] {
        day -= months[month];
        month += 1;
    }
    let of_day = second.rem_euclid(86_400);
    format!(
        "{year:04}-{:02}-{:02}T{:02}:{:02}:00Z",
        month + 1,
        day + 1,
        of_day / 3_600,
        of_day % 3_600 / 60
    )
}

#[test]
fn budgets_silences_and_named_receivers_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let (named, usual) = (Receiver::start(&[]), Receiver::start(&[]));
    receivers(
        data,
        &[("team", &named, "slos = ['nothing']"), ("all", &usual, "")],
    );
    let some = "indicator: {workflow: some}\nalerts: none\nsilent_after: none\n";
    define(
        data,
        "some.yaml",
        &format!("slo: some\ntarget: 90%\nreceivers: [team]\n{some}"),
    );
    define(
        data,
        "same.yaml",
        &format!("slo: same\ntarget: 90%\nreceivers: [nobody]\n{some}"),
    );
    define(
        data,
        "other.yaml",
        &format!("slo: other\ntarget: 90%\nbudget_alerts: [99%]\n{some}"),
    );
    define(
        data,
        "gone.yaml",
        "slo: gone\ntarget: 90%\nalerts: none\nindicator: {workflow: gone}\n",
    );
    // 8 of 100 where 10 may: 80 % of the budget. And one that stopped half an hour ago.
    import(data, &lines(each_minute("some", 100, |ago| ago % 12 == 5)));
    let stopped = each_minute("gone", 100, |_| false).into_iter().take(70);
    import(data, &lines(stopped));
    let server = Server::start(data);
    wait("its share", || {
        data_of(&named, "slo.budget.threshold", "some").is_some()
    });
    wait("the other's", || {
        data_of(&usual, "slo.budget.threshold", "same").is_some()
    });
    wait("the silence", || {
        data_of(&usual, "slo.nodata", "gone").is_some()
    });
    let share = data_of(&named, "slo.budget.threshold", "some").expect("told");
    assert_eq!(share["rule"], "75 % of the budget spent", "{share}");
    assert_eq!(share["severity"], "info");
    assert_eq!(share["slo"]["url"], "https://i.example/slo/some");
    let silence = data_of(&usual, "slo.nodata", "gone").expect("told");
    assert!(
        silence["explain"]
            .as_str()
            .is_some_and(|it| it.contains("no traffic")),
        "{silence}"
    );
    // It comes back.
    import_there(
        &server,
        &lines([Run::ends("gone", "again".into(), minute() - 30, false)]),
    );
    wait("its end", || {
        data_of(&usual, "slo.recovered_data", "gone").is_some()
    });
    let end = data_of(&usual, "slo.recovered_data", "gone").expect("told");
    assert_eq!(end["incident"]["key"], silence["incident"]["key"]);
    server.terminate();
    // Once each, also through another start, and nobody else.
    let server = Server::start(data);
    wait("an evaluation", || {
        get(&server, "/api/v1/slos")["evaluated_at"].is_string()
    });
    let some = |kind: &str, slo: &str| (kind.to_owned(), slo.to_owned());
    assert_eq!(told(&named), [some("slo.budget.threshold", "some")]);
    let mut all = told(&usual);
    all.sort();
    assert_eq!(
        all,
        [
            some("slo.budget.threshold", "same"),
            some("slo.nodata", "gone"),
            some("slo.recovered_data", "gone")
        ]
    );
    server.terminate();
}

fn import_there(server: &Server, text: &str) {
    let (status, body) = request(
        &server.api,
        "POST",
        "/api/import?name=late.jsonl",
        "",
        text.as_bytes(),
    )
    .expect("an answer");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

/// A recorded failure, as if it had ended this second.
fn recorded_now(data: &Path) -> String {
    let text = std::fs::read_to_string(fixture(
        "aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.history.json",
    ))
    .expect("a file");
    let mut history: Value = serde_json::from_str(&text).expect("JSON");
    let events = history["events"].as_array_mut().expect("events");
    let second = |it: &Value| match &it["timestamp"] {
        Value::Number(number) => number.as_f64().expect("seconds"),
        other => panic!("a time in seconds, not {other}"),
    };
    let last = events.iter().map(second).fold(0.0, f64::max);
    let by = (minute() - 90) as f64 - last;
    for event in events.iter_mut() {
        event["timestamp"] = json!(second(event) + by);
    }
    let file = data.join("recorded.json");
    std::fs::write(&file, history.to_string()).expect("written");
    file.to_string_lossy().into_owned()
}

#[test]
fn a_page_carries_the_verdict_and_the_links_to_what_proves_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let receiver = Receiver::start(&[]);
    receivers(data, &[("hook", &receiver, "severities = ['page']")]);
    let file = recorded_now(data);
    good(data, &["import", &file]);
    define(
        data,
        "all.yaml",
        &format!("slo: all\ntarget: 99%\ncoverage: 0\nindicator: {{over: executions}}\n{RULES}"),
    );
    let server = Server::start(data);
    wait("a verdict", || {
        let all = receiver.taken();
        all.iter().any(|it| it["data"]["verdict"].is_string())
    });
    let all = receiver.taken();
    let told = all
        .iter()
        .find(|it| it["data"]["verdict"].is_string())
        .expect("told");
    let verdict = told["data"]["verdict"].as_str().expect("a sentence");
    assert!(verdict.contains("SyncGranule"), "{verdict}");
    let example = &told["data"]["executions"][0];
    let url = example["url"].as_str().expect("a link");
    assert!(url.starts_with("https://i.example/x/arn"), "{url}");
    let api = format!(
        "/api/v1/executions/{}",
        url.trim_start_matches("https://i.example/x/")
    );
    assert_eq!(
        get(&server, &api)["execution"]["status"],
        "FAILED",
        "the link leads to it"
    );
    assert!(
        example["error"].as_str().is_some_and(|it| !it.is_empty()),
        "{example}"
    );
    server.terminate();
}

/// Events that went well for the workflow but not for the objective have no error, and what nobody asked for before was not
/// found late.
#[test]
fn an_objective_that_was_just_written_is_not_late() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let receiver = Receiver::start(&[]);
    receivers(data, &[("hook", &receiver, "severities = ['page']")]);
    import(data, &lines(each_minute("pay", 130, |_| false)));
    let server = Server::start(data);
    std::thread::sleep(Duration::from_secs(4));
    define(
        data,
        "none.yaml",
        &format!(
            "slo: none\ntarget: 99%\ncoverage: 0\nindicator: {{over: executions, good: \"status = 'NOPE'\"}}\n{RULES}"
        ),
    );
    wait("a page", || !receiver.taken().is_empty());
    let told = &receiver.taken()[0];
    assert!(told["data"]["detected_late_s"].is_null(), "{told}");
    assert_eq!(told["data"]["executions"][0]["error"], "", "{told}");
    server.terminate();
}

#[test]
fn experiments_are_found_in_files_and_pushed_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let begin = minute() - 3_600;
    let journal = json!({
        "chaoslib-version": "1.44.0", "platform": "Linux", "node": "n", "status": "completed", "deviated": false,
        "start": jiff_text(begin).trim_end_matches('Z'), "end": jiff_text(begin + 600).trim_end_matches('Z'), "duration": 600.0,
        "experiment": {"title": "What if pay is slow?", "description": "d", "method": [],
            "extensions": [{"name": "inquest", "slos": ["pay"], "scope": {"workflow": "pay"}}]},
        "steady_states": {"before": null, "during": [], "after": null}, "run": [], "rollbacks": [],
    });
    let file = data.join("journal.json");
    std::fs::write(&file, journal.to_string()).expect("written");
    good(data, &["import", &file.to_string_lossy()]);
    let held = rows(data, "select tool, name, state from experiments");
    assert_eq!(
        held,
        [json!({"tool": "chaos-toolkit", "name": "What if pay is slow?", "state": "completed"})]
    );
    define(
        data,
        "pay.yaml",
        &format!("slo: pay\ntarget: 99%\nindicator: {{workflow: pay}}\n{RULES}"),
    );
    import(data, &lines(each_minute("pay", 130, |_| false)));
    let server = Server::start(data);
    let event = |status: &str, at: i64| {
        json!({
            "version": "0", "id": format!("e-{status}"), "detail-type": "FIS Experiment State Change", "source": "aws.fis",
            "account": "123456789012", "time": jiff_text(at), "region": "eu-west-1", "resources": [],
            "detail": {"experiment-id": "EXP42", "experiment-template-id": "EXT7", "new-state": {"status": status, "reason": "r"},
                "old-state": {"status": "pending", "reason": "r"}},
        })
        .to_string()
    };
    for (status, at) in [
        ("running", begin + 1_200),
        ("completed", begin + 1_800),
        ("running", begin + 1_200),
    ] {
        let (answer, body) = post_json(&server.api, "/api/v1/push/eventbridge", &event(status, at))
            .expect("an answer");
        assert_eq!(answer, 200, "{}", String::from_utf8_lossy(&body));
    }
    wait("the pushed experiment", || {
        let all = get(&server, "/api/v1/experiments");
        let all = all["rows"].as_array().cloned().unwrap_or_default();
        all.len() == 2
            && all
                .iter()
                .any(|it| it["id"] == "EXP42" && it["state"] == "completed")
    });
    wait("its mark on the objective's time axis", || {
        let notes = get(&server, "/api/v1/slos/pay")["annotations"].clone();
        let notes = notes.as_array().cloned().unwrap_or_default();
        notes.iter().filter(|it| it["kind"] == "experiment").count() == 2
    });
    let change =
        json!({"time": begin + 300, "kind": "lambda", "resource": "other", "change": "7 to 8"});
    let own = json!({"time": begin + 300, "kind": "state_machine", "resource": "pay", "change": "2 to 3"});
    import_there(&server, &format!("{change}\n{own}\n"));
    wait("the deploy of its workflow, and of no other", || {
        let notes = get(&server, "/api/v1/slos/pay")["annotations"].clone();
        let notes = notes.as_array().cloned().unwrap_or_default();
        let deploys: Vec<_> = notes.iter().filter(|it| it["kind"] == "deploy").collect();
        deploys.len() == 1
            && deploys[0]["text"]
                .as_str()
                .is_some_and(|it| it.contains("2 to 3"))
    });
    let (_, metrics) = request(&server.api, "GET", "/metrics", "", b"").expect("an answer");
    let metrics = String::from_utf8(metrics).expect("text");
    for series in [
        "inquest_execution_duration_seconds_bucket{state_machine=\"pay\",status=\"SUCCEEDED\",le=\"1\"} 130",
        "inquest_execution_duration_seconds_count{state_machine=\"pay\",status=\"SUCCEEDED\"} 130",
        "pyrra_requests_total{slo=\"pay\"} 130",
        "slo:period_error_budget_remaining:ratio{",
    ] {
        assert!(metrics.contains(series), "{series} is not in {metrics}");
    }
    server.terminate();
}
