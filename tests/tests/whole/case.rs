//! Verdicts: the command line, the table and the API say the same, everything cited can be found, and late facts give
//! a verdict the next number.

use crate::binary::{Server, fixture, good, request, rows, run};
use serde_json::{Value, json};
use std::path::Path;

const NASA: &str = "aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.history.json";

fn explained(data: &Path, execution: &str) -> Value {
    let text = good(data, &["explain", "--format", "json", execution]);
    serde_json::from_str(&text).expect("a verdict")
}

fn only_execution(data: &Path) -> String {
    let rows = rows(data, "select execution_arn from executions");
    rows[0]["execution_arn"]
        .as_str()
        .expect("an ARN")
        .to_owned()
}

#[test]
fn the_three_doors_agree_and_everything_cited_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    good(data, &["import", &fixture(NASA)]);
    let arn = only_execution(data);
    let verdict = explained(data, &arn);
    assert_eq!(verdict["outcome"], "verdict");
    assert_eq!(verdict["fatality"], "fatal");
    let name = verdict["culprit"]["name"].as_str().expect("a name");
    assert!(name.contains("SyncGranule"), "{name}");
    let table = rows(data, "select * from verdicts");
    assert_eq!(table.len(), 1);
    for member in [
        "execution",
        "version",
        "outcome",
        "category",
        "mechanism",
        "fatality",
        "confidence",
        "but_for",
    ] {
        assert_eq!(table[0][member], verdict[member], "{member}");
    }
    for member in ["culprit", "exhibits", "cleared", "suspects", "missing"] {
        let text = table[0][member].as_str().expect("JSON text");
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(value, verdict[member], "{member}");
    }
    let exhibits = verdict["exhibits"].as_array().expect("a list");
    assert!(!exhibits.is_empty());
    for exhibit in exhibits {
        let reference = exhibit["ref"].as_str().expect("text");
        assert_eq!(found(data, reference), 1, "{reference}");
    }
    for format in ["text", "markdown", "html"] {
        assert!(good(data, &["explain", "--format", format, &arn]).contains("SyncGranule"));
    }
    let server = Server::start(data);
    let path = |end: &str| format!("/api/v1/executions/{}/{end}", arn.replace(':', "%3A"));
    let (status, body) = request(&server.api, "GET", &path("verdict"), "", b"").expect("an answer");
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(answer, verdict);
    let (status, page) =
        request(&server.api, "GET", &path("case.html"), "", b"").expect("an answer");
    let page = String::from_utf8_lossy(&page).into_owned();
    assert!(status == 200 && page.contains("SyncGranule") && !page.contains("<script"));
    let (status, body) =
        request(&server.api, "GET", "/api/v1/mysteries", "", b"").expect("an answer");
    let mysteries: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        (status, &mysteries["mysteries"][0]["count"]),
        (200, &json!(1))
    );
    let (status, _) = request(
        &server.api,
        "GET",
        "/api/v1/executions/nobody/verdict",
        "",
        b"",
    )
    .expect("an answer");
    assert_eq!(status, 404);
}

/// How many rows a reference names.
fn found(data: &Path, reference: &str) -> usize {
    let (kind, rest) = reference.split_once(':').expect("a kind");
    let query = match kind {
        "event" => {
            let (arn, id) = rest.rsplit_once('#').expect("an id");
            format!("select 1 from events where execution_arn = '{arn}' and event_id = {id}")
        }
        "span" => {
            let (trace, span) = rest.split_once('/').expect("a span");
            format!("select 1 from spans where trace_id = '{trace}' and span_id = '{span}'")
        }
        "log" => format!("select 1 from logs where log_id = '{rest}'"),
        other => panic!("{other} is no kind of reference"),
    };
    rows(data, &query).len()
}

#[test]
fn late_facts_give_the_next_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let text = std::fs::read_to_string(fixture(NASA)).expect("read");
    let mut history: Value = serde_json::from_str(&text).expect("JSON");
    let whole = history.clone();
    let events = history["events"].as_array_mut().expect("events");
    events.truncate(events.len() / 2);
    // A history names no execution: its file does.
    let write = |part: &str, value: &Value| {
        let path = folder.path().join(part);
        std::fs::create_dir(&path).expect("a folder");
        let path = path.join("run.history.json");
        std::fs::write(&path, value.to_string()).expect("written");
        path.to_string_lossy().into_owned()
    };
    let (first, second) = (write("first", &history), write("second", &whole));
    good(data, &["import", &first]);
    let arn = only_execution(data);
    let early = explained(data, &arn);
    // It has failed twice and still runs: a suspicion at most.
    assert_eq!(early["fatality"], "none");
    assert!(early["confidence"].as_f64() <= Some(0.6), "{early}");
    assert_eq!(early["missing"][0], "the end of the execution");
    good(data, &["import", &second]);
    let late = explained(data, &arn);
    assert_eq!(late["outcome"], "verdict");
    assert_ne!(late["fatality"], "none");
    assert_eq!(
        late["version"].as_u64(),
        early["version"].as_u64().map(|it| it + 1)
    );
    good(data, &["import", &second]);
    assert_eq!(explained(data, &arn), late);
}

#[test]
fn plain_traces_are_compared_without_a_workflow() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let lines: String = (0..60_u64)
        .map(|n| format!("{}\n", shop(n, n >= 30)))
        .collect();
    let file = folder.path().join("shop.jsonl");
    std::fs::write(&file, lines).expect("written");
    good(data, &["import", &file.to_string_lossy()]);
    let check = |symptom: &str, baseline: &str, url: &[&str]| {
        let sides = ["explain", "--symptom", symptom, "--baseline", baseline];
        let how = ["--format", "json"];
        let text = good(data, &[&sides[..], &how, url].concat());
        let verdict: Value = serde_json::from_str(&text).expect("a verdict");
        assert_eq!(verdict["culprit"]["name"], "stock", "{text}");
        let reference = verdict["exhibits"][0]["ref"].as_str().expect("an exhibit");
        assert_eq!(found(data, reference), 1);
        let first = &verdict["suspects"][0];
        assert_eq!(first["category"], verdict["category"], "{text}");
    };
    let times = [
        "2026-09-21T14:17:10Z..2026-09-21T14:18:00Z",
        "2026-09-21T14:16:00Z..2026-09-21T14:17:10Z",
    ];
    let questions = [
        "select trace_id from spans where service_name = 'front' and duration_ns > 500000000",
        "service_name = 'front' and duration_ns < 500000000",
    ];
    check(times[0], times[1], &[]);
    check(questions[0], questions[1], &[]);
    let server = Server::start(data);
    let url = format!("http://{}", server.api);
    check(questions[0], questions[1], &["--url", &url]);
    let path = "/api/v1/explain?symptom=nonsense%20%3D&baseline=true";
    let (status, answer) = request(&server.api, "GET", path, "", b"").expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(status == 400 && answer.contains("the symptom"), "{answer}");
    drop(server);
    let wrong = run(
        data,
        &["explain", "--symptom", "nonsense =", "--baseline", "true"],
    );
    assert!(!wrong.status.success());
}

/// One trace as OTLP: `front` calls `cart` and `stock`; `stock` is slow when it is ill.
fn shop(n: u64, ill: bool) -> String {
    let start = 1_790_000_200_000_000_000 + n * 1_000_000_000;
    let stock_ms = if ill { 800 } else { 20 + n % 5 };
    let span = |id: u64, parent: u64, kind: u64, name: &str, from_ms: u64, ms: u64| {
        let mut span = json!({
            "traceId": format!("{:032x}", n + 1), "spanId": format!("{id:016x}"), "name": name, "kind": kind,
            "startTimeUnixNano": (start + from_ms * 1_000_000).to_string(),
            "endTimeUnixNano": (start + (from_ms + ms) * 1_000_000).to_string(),
        });
        if parent > 0 {
            span["parentSpanId"] = json!(format!("{parent:016x}"));
        }
        span
    };
    let of = |service: &str, spans: Vec<Value>| {
        json!({
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
            "scopeSpans": [{"spans": spans}],
        })
    };
    let front = vec![
        span(1, 0, 2, "POST /order", 0, stock_ms + 40),
        span(2, 1, 3, "cart", 1, 14),
        span(4, 1, 3, "stock", 20, stock_ms + 4),
    ];
    let resources = vec![
        of("front", front),
        of("cart", vec![span(3, 2, 2, "GET /cart", 2, 12)]),
        of("stock", vec![span(5, 4, 2, "GET /stock", 22, stock_ms)]),
    ];
    json!({ "resourceSpans": resources }).to_string()
}

/// A history of one task that waits until its time is over: what was asked for, and what was answered at once.
fn waited(machine: &str, of: (&str, &str), parameters: &Value, answer: &Value) -> (String, Value) {
    let arn = format!("arn:aws:states:eu-west-1:123456789012:execution:{machine}:run-1");
    let time = |seconds: u32| {
        format!(
            "2026-05-04T06:{:02}:{:02}.000+00:00",
            seconds / 60,
            seconds % 60
        )
    };
    let event = |id: u32, at: u32, kind: &str, key: &str, details: Value| json!({"timestamp": time(at), "type": kind, "id": id, "previousEventId": id - 1, key: details});
    let called =
        |more: (&str, Value)| json!({"resourceType": of.0, "resource": of.1, more.0: more.1});
    let mut scheduled = called(("parameters", json!(parameters.to_string())));
    scheduled["timeoutInSeconds"] = json!(600);
    let events = json!([
        event(
            1,
            0,
            "ExecutionStarted",
            "executionStartedEventDetails",
            json!({"input": "{}"})
        ),
        event(
            2,
            0,
            "TaskStateEntered",
            "stateEnteredEventDetails",
            json!({"name": "Await", "input": "{}"})
        ),
        event(
            3,
            1,
            "TaskScheduled",
            "taskScheduledEventDetails",
            scheduled
        ),
        event(
            4,
            1,
            "TaskStarted",
            "taskStartedEventDetails",
            called(("region", json!("eu-west-1")))
        ),
        event(
            5,
            2,
            "TaskSubmitted",
            "taskSubmittedEventDetails",
            called(("output", json!(answer.to_string())))
        ),
        event(
            6,
            602,
            "TaskTimedOut",
            "taskTimedOutEventDetails",
            called(("error", json!("States.Timeout")))
        ),
        event(
            7,
            602,
            "ExecutionFailed",
            "executionFailedEventDetails",
            json!({"error": "States.Timeout"})
        ),
    ]);
    let description = json!({"executionArn": arn, "stateMachineArn": format!("arn:aws:states:eu-west-1:123456789012:stateMachine:{machine}"),
        "name": "run-1", "status": "FAILED", "startDate": time(0), "stopDate": time(602), "input": "{}", "error": "States.Timeout"});
    (arn, json!([{"events": events}, description]))
}

fn put(folder: &Path, name: &str, value: &Value) {
    std::fs::write(folder.join(name), value.to_string()).expect("a file");
}

/// Who is named, and that everything cited is held.
fn accused(data: &Path, arn: &str) -> (Value, Value) {
    let verdict = explained(data, arn);
    for exhibit in verdict["exhibits"].as_array().expect("a list") {
        let reference = exhibit["ref"].as_str().expect("text");
        assert_eq!(found(data, reference), 1, "{reference}");
    }
    (
        verdict["culprit"]["name"].clone(),
        verdict["category"].clone(),
    )
}

#[test]
fn a_message_is_followed_to_the_worker_that_dropped_it() {
    let (files, data) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let message = "5f3c9a10-1111-4222-8333-944455556666";
    let queue = json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/labels", "MessageBody": {"n": 1}});
    let of = ("sqs", "sendMessage.waitForTaskToken");
    let (arn, parts) = waited("labels", of, &queue, &json!({"MessageId": message}));
    put(files.path(), "run.history.json", &parts[0]);
    put(files.path(), "run.json", &parts[1]);
    let request = "0a1b2c3d-0000-4000-8000-00000000000a";
    let line = |at: i64, text: &str| {
        json!({"logGroupName": "/aws/lambda/label-worker", "logStreamName": "2026/05/04/[$LATEST]ab", "timestamp": 1_777_874_400_000_i64 + at,
            "message": text, "ingestionTime": 1_777_874_400_900_i64 + at, "eventId": format!("37{at:054}")})
    };
    let lines = json!({"events": [
        line(3_000, &format!("START RequestId: {request} Version: $LATEST\n")),
        line(3_010, &format!("2026-05-04T06:00:03.010Z\t{request}\tINFO\tgot {message}\n")),
        line(3_200, &format!("2026-05-04T06:00:03.200Z\t{request}\tERROR\tno template for this label\n")),
        line(3_210, &format!("END RequestId: {request}\n")),
        line(3_211, &format!("REPORT RequestId: {request}\tDuration: 210.00 ms\tBilled Duration: 211 ms\tMemory Size: 128 MB\tMax Memory Used: 60 MB\t\n")),
    ]});
    good(
        data.path(),
        &[
            "import",
            &files.path().join("run.history.json").to_string_lossy(),
            &files.path().join("run.json").to_string_lossy(),
        ],
    );
    assert_eq!(accused(data.path(), &arn).0, "labels");
    // The worker's log comes later, and says more.
    put(files.path(), "label-worker.json", &lines);
    good(
        data.path(),
        &[
            "import",
            &files.path().join("label-worker.json").to_string_lossy(),
        ],
    );
    let (name, category) = accused(data.path(), &arn);
    assert_eq!(
        (name, category),
        (json!("label-worker"), json!("lost_message"))
    );
}

#[test]
fn a_job_that_never_left_its_queue_is_the_queues() {
    let (files, data) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let id = "9b1de0aa-3333-4444-8555-666677778888";
    let queue = "arn:aws:batch:eu-west-1:123456789012:job-queue/gpu-low";
    let definition = "arn:aws:batch:eu-west-1:123456789012:job-definition/train:3";
    let asked = json!({"JobName": "train", "JobQueue": queue, "JobDefinition": definition});
    let (arn, parts) = waited(
        "training",
        ("batch", "submitJob.sync"),
        &asked,
        &json!({"JobId": id, "JobName": "train"}),
    );
    put(files.path(), "run.history.json", &parts[0]);
    put(files.path(), "run.json", &parts[1]);
    let event = json!({"version": "0", "id": "e1", "detail-type": "Batch Job State Change", "source": "aws.batch", "account": "123456789012",
        "time": "2026-05-04T06:00:05Z", "region": "eu-west-1", "resources": [format!("arn:aws:batch:eu-west-1:123456789012:job/{id}")],
        "detail": {"jobArn": format!("arn:aws:batch:eu-west-1:123456789012:job/{id}"), "jobName": "train", "jobId": id, "jobQueue": queue,
            "status": "RUNNABLE", "attempts": [], "createdAt": 1_777_874_402_000_i64, "jobDefinition": definition}});
    put(files.path(), "event.json", &event);
    good(data.path(), &["import", &files.path().to_string_lossy()]);
    let (name, category) = accused(data.path(), &arn);
    assert_eq!((name, category), (json!("gpu-low"), json!("capacity")));
}
