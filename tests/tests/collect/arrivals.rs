//! What arrives late, is dropped, is pushed, or must not be kept.

use crate::{
    binary::{Server, good, number, request, rows},
    recordings::Recorded,
};
use serde_json::{Value, json};
use std::path::Path;

const FRONT: &str = "arn:aws:states:us-east-1:111111111111";
const RUN: &str = "arn:aws:states:us-east-1:111111111111:mapRun:big/Fan:0f";
const CHILDREN: u64 = 1_000;
/// Children whose function fails.
const FAILURES: u64 = 37;
const START: f64 = 1_700_000_000.0;

fn events(of: &[(&str, u64, f64, Value)]) -> Vec<Value> {
    let event = |(n, (kind, previous, after, details)): (usize, &(&str, u64, f64, Value))| {
        let mut event = json!({"id": n + 1, "type": kind, "previousEventId": previous, "timestamp": START + after});
        let own = match *kind {
            kind if kind.ends_with("StateEntered") => "stateEnteredEventDetails".to_owned(),
            kind if kind.ends_with("StateExited") => "stateExitedEventDetails".to_owned(),
            kind => format!("{}{}EventDetails", kind[..1].to_lowercase(), &kind[1..]),
        };
        if !details.is_null() {
            event[own] = details.clone();
        }
        event
    };
    of.iter().enumerate().map(event).collect()
}

/// A Distributed Map of legacy Lambda tasks, every 27th of which fails.
fn distributed(folder: &Path) {
    let parent = Recorded::new(
        "p1",
        "big",
        events(&[
            (
                "ExecutionStarted",
                0,
                0.0,
                json!({"input": "{\"card\":\"4111\"}"}),
            ),
            (
                "MapStateEntered",
                0,
                0.1,
                json!({"name": "Fan", "input": "{}"}),
            ),
            ("MapStateStarted", 2, 0.2, json!({"length": CHILDREN})),
            ("MapRunStarted", 3, 0.3, json!({"mapRunArn": RUN})),
            ("MapRunSucceeded", 4, 1_200.0, Value::Null),
            (
                "MapStateExited",
                5,
                1_200.0,
                json!({"name": "Fan", "output": "[]"}),
            ),
            ("ExecutionSucceeded", 6, 1_200.0, json!({"output": "[]"})),
        ]),
    );
    let mut all = vec![parent];
    for n in 0..CHILDREN {
        let at = 1.0 + n as f64;
        let fails = n % 27 == 4;
        let mut steps = vec![
            ("ExecutionStarted", 0, at, json!({"input": "{}"})),
            (
                "TaskStateEntered",
                0,
                at,
                json!({"name": "Work", "input": "{}"}),
            ),
            (
                "LambdaFunctionScheduled",
                2,
                at,
                json!({"resource": "arn:aws:lambda:us-east-1:111111111111:function:work", "input": "{}"}),
            ),
            ("LambdaFunctionStarted", 3, at, Value::Null),
        ];
        match fails {
            true => {
                steps.push((
                    "LambdaFunctionFailed",
                    4,
                    at + 0.3,
                    json!({"error": "Boom", "cause": "{\"errorType\":\"Boom\"}"}),
                ));
                steps.push(("ExecutionFailed", 5, at + 0.3, json!({"error": "Boom"})));
            }
            false => {
                steps.push((
                    "LambdaFunctionSucceeded",
                    4,
                    at + 0.3,
                    json!({"output": "{}"}),
                ));
                steps.push((
                    "TaskStateExited",
                    5,
                    at + 0.3,
                    json!({"name": "Work", "output": "{}"}),
                ));
                steps.push(("ExecutionSucceeded", 6, at + 0.3, json!({"output": "{}"})));
            }
        }
        let mut child = Recorded::new(&format!("c{n:04}"), "big", events(&steps));
        child.arn = format!("{FRONT}:execution:big/Fan:c{n:04}");
        child.description["executionArn"] = json!(child.arn);
        child.description["mapRunArn"] = json!(RUN);
        all.push(child);
    }
    crate::recordings::write(folder, &all);
    let counts = json!({"total": CHILDREN});
    let run = json!({"mapRunArn": RUN, "executionArn": format!("{FRONT}:execution:big:p1"), "status": "SUCCEEDED",
        "startDate": START, "stopDate": START + 1_200.0, "itemCounts": counts, "executionCounts": counts});
    std::fs::write(folder.join("p1.map-run.json"), run.to_string()).expect("written");
}

/// A CloudWatch subscription payload: what the sandbox of one child printed, or a part of it.
fn payload(n: u64, lines: std::ops::Range<usize>) -> Value {
    let id = format!("{n:08x}-0000-4000-8000-000000000000");
    let at = (START as u64 + 1 + n) * 1_000 + 50;
    let all = [
        (at, format!("START RequestId: {id} Version: $LATEST")),
        (at + 150, format!("END RequestId: {id}")),
        (
            at + 150,
            format!(
                "REPORT RequestId: {id}\tDuration: 100.00 ms\tBilled Duration: 100 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t"
            ),
        ),
    ];
    let events: Vec<Value> = all[lines]
        .iter()
        .map(|(time, text)| json!({"id": format!("{time}{}", text.len()), "timestamp": time, "message": text}))
        .collect();
    json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/lambda/work",
        "logStream": format!("2023/11/14/[$LATEST]{n:032x}"), "subscriptionFilters": ["all"], "logEvents": events})
}

pub fn base64(bytes: &[u8]) -> String {
    const WORDS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let word = part
            .iter()
            .fold(0u32, |all, byte| all << 8 | u32::from(*byte))
            << (8 * (3 - part.len()));
        for n in 0..4 {
            text.push(match n <= part.len() {
                true => WORDS[(word >> (18 - 6 * n) & 63) as usize] as char,
                false => '=',
            });
        }
    }
    text
}

/// Delivers payloads as Firehose does.
pub fn push(server: &Server, payloads: &[Value]) -> Value {
    let data = payloads.iter().map(|it| base64(it.to_string().as_bytes()));
    let (status, answer) = deliver(server, "r-1", &data.collect::<Vec<_>>());
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Delivers records with this id in the body; the header says `r-1`.
fn deliver(server: &Server, id: &str, records: &[String]) -> (u16, Value) {
    let records: Vec<Value> = records.iter().map(|it| json!({"data": it})).collect();
    let body = json!({"requestId": id, "timestamp": 1, "records": records}).to_string();
    let headers = "Content-Type: application/json\r\nX-Amz-Firehose-Request-Id: r-1\r\n";
    let (status, answer) = request(
        &server.api,
        "POST",
        "/api/v1/push/firehose",
        headers,
        body.as_bytes(),
    )
    .expect("an answer");
    (status, serde_json::from_slice(&answer).expect("JSON"))
}

#[test]
fn what_cannot_be_read_is_not_acknowledged() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path());
    let good = base64(payload(1, 0..3).to_string().as_bytes());
    let control = json!({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
        "subscriptionFilters": [], "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE"}]});
    let control = base64(control.to_string().as_bytes());
    let check = |id: &str, records: &[&String], expect: u16| {
        let records: Vec<String> = records.iter().map(|it| (*it).clone()).collect();
        let (status, answer) = deliver(&server, id, &records);
        assert_eq!(status, expect, "{answer}");
        assert_eq!(
            answer["errorMessage"].is_string(),
            expect != 200,
            "{answer}"
        );
    };
    check("r-1", &[&control], 200);
    check("r-2", &[&good], 400);
    check("r-1", &[&"%%%".to_owned()], 400);
    check("r-1", &[&base64(b"hello"), &good], 400);
    check("r-1", &[&good], 200);
    drop(server);
    // The good record beside the broken one was kept, and once.
    assert_eq!(number(data.path(), "select count(*) from invocations"), 1);
}

fn coverage(server: &Server) -> Value {
    let target = format!("/api/v1/executions/{FRONT}:execution:big:p1/coverage");
    let (status, answer) = request(&server.api, "GET", &target, "", b"").expect("an answer");
    assert_eq!(status, 200);
    serde_json::from_slice(&answer).expect("JSON")
}

#[test]
fn a_dropped_batch_is_named_and_completes_when_it_comes() {
    let files = tempfile::tempdir().expect("a folder");
    distributed(files.path());
    let data = tempfile::tempdir().expect("a folder");
    good(
        data.path(),
        &["import", "--quiet", &files.path().to_string_lossy()],
    );
    let server = Server::start(data.path());
    let (mut sent, mut dropped) = (Vec::new(), Vec::new());
    for n in 0..CHILDREN {
        match n {
            50..=52 => {
                sent.push(payload(n, 0..1));
                dropped.push(payload(n, 1..3));
            }
            70 => dropped.push(payload(n, 0..3)),
            _ => sent.push(payload(n, 0..3)),
        }
    }
    assert_eq!(push(&server, &sent)["requestId"], "r-1");
    let found = coverage(&server);
    assert_eq!(found["status"], "partial", "{found}");
    let ids: Vec<&str> = found["missing"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["id"].as_str())
        .collect();
    for n in 50..=52 {
        let id = format!("{n:08x}-0000-4000-8000-000000000000");
        assert!(ids.contains(&id.as_str()), "{ids:?}");
    }
    assert_eq!(ids.len(), 4, "{found}");
    push(&server, &dropped);
    push(&server, &dropped);
    let found = coverage(&server);
    assert_eq!(found["status"], "complete", "{found}");
    assert_eq!(
        found["invocations"],
        json!({"expected": CHILDREN, "received": CHILDREN})
    );
    assert_eq!(
        found["executions"],
        json!({"expected": CHILDREN, "received": CHILDREN})
    );
    drop(server);
    let below = "select count(*) from joins j join states s on s.span_id = j.parent_span_id \
        where j.method = 'map_run' and s.state = 'Fan'";
    assert_eq!(number(data.path(), below), CHILDREN);
    let complete = "select count(*) from executions where coverage = 'complete'";
    assert_eq!(number(data.path(), complete), CHILDREN + 1);
    let failed = "select count(*) from executions where name like 'c%' and status = 'FAILED'";
    assert_eq!(number(data.path(), failed), FAILURES);
}

#[test]
fn what_must_not_be_kept_is_nowhere_in_the_folder() {
    let files = tempfile::tempdir().expect("a folder");
    distributed(files.path());
    let config = files.path().join("inquest.toml");
    std::fs::write(&config, "[[redact]]\njson_path = \"$..card\"\n").expect("written");
    let data = tempfile::tempdir().expect("a folder");
    let history = files.path().join("p1.history.json");
    let config = config.to_string_lossy();
    good(
        data.path(),
        &[
            "--config",
            &config,
            "import",
            "--quiet",
            &history.to_string_lossy(),
        ],
    );
    let input = rows(data.path(), "select input from executions");
    assert_eq!(input[0]["input"], "{\"card\":\"***\"}");
    let clean = "select count(*) from events where details like '%4111%'";
    assert_eq!(number(data.path(), clean), 0);
}

#[test]
fn a_task_that_an_execution_waited_for_lies_below_its_attempt() {
    let files = tempfile::tempdir().expect("a folder");
    let arn = "arn:aws:ecs:us-east-1:111111111111:task/main/0123456789abcdef0123456789abcdef";
    let answer = json!({"Tasks": [{"TaskArn": arn}]}).to_string();
    let run = Recorded::new(
        "run",
        "etl",
        events(&[
            ("ExecutionStarted", 0, 0.0, json!({"input": "{}"})),
            (
                "TaskStateEntered",
                0,
                0.0,
                json!({"name": "Load", "input": "{}"}),
            ),
            (
                "TaskScheduled",
                2,
                0.0,
                json!({"resourceType": "ecs", "resource": "runTask.sync", "region": "us-east-1", "parameters": "{}"}),
            ),
            (
                "TaskStarted",
                3,
                0.1,
                json!({"resourceType": "ecs", "resource": "runTask.sync"}),
            ),
            (
                "TaskSubmitted",
                4,
                0.5,
                json!({"resourceType": "ecs", "resource": "runTask.sync", "output": answer}),
            ),
            (
                "TaskSucceeded",
                5,
                100.0,
                json!({"resourceType": "ecs", "resource": "runTask.sync", "output": "{}"}),
            ),
            (
                "TaskStateExited",
                6,
                100.0,
                json!({"name": "Load", "output": "{}"}),
            ),
            ("ExecutionSucceeded", 7, 100.0, json!({"output": "{}"})),
        ]),
    );
    crate::recordings::write(files.path(), &[run]);
    let data = tempfile::tempdir().expect("a folder");
    good(
        data.path(),
        &["import", "--quiet", &files.path().to_string_lossy()],
    );
    let one = |query: &str| rows(data.path(), query).remove(0);
    let before = one("select coverage, expected_jobs, received_jobs from executions");
    assert_eq!(
        before,
        json!({"coverage": "partial", "expected_jobs": 1, "received_jobs": 0})
    );
    let event = json!({"source": "aws.ecs", "detail-type": "ECS Task State Change", "time": "2023-11-14T22:15:00Z", "detail": {
        "taskArn": arn, "clusterArn": "arn:aws:ecs:us-east-1:111111111111:cluster/main", "lastStatus": "STOPPED", "version": 6,
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:111111111111:task-definition/load:3",
        "createdAt": START + 1.0, "pullStartedAt": START + 21.0, "pullStoppedAt": START + 26.0, "startedAt": START + 30.0,
        "executionStoppedAt": START + 95.0, "stoppedAt": START + 99.0, "containers": [{"exitCode": 0}]}});
    let file = files.path().join("event.json");
    std::fs::write(&file, event.to_string()).expect("written");
    for _ in 0..2 {
        good(data.path(), &["import", "--quiet", &file.to_string_lossy()]);
    }
    let after = one("select coverage, expected_jobs, received_jobs from executions");
    assert_eq!(
        after,
        json!({"coverage": "complete", "expected_jobs": 1, "received_jobs": 1})
    );
    let job = one("select name, provision_ns, pull_ns, boot_ns, run_ns, failed from jobs");
    let expect = json!({"name": "load", "provision_ns": 20_000_000_000_i64, "pull_ns": 5_000_000_000_i64,
        "boot_ns": 4_000_000_000_i64, "run_ns": 65_000_000_000_i64, "failed": false});
    assert_eq!(job, expect);
    let phases = "select count(*) from spans s join joins j on j.child_trace_id = s.trace_id \
        join attempts a on a.span_id = j.parent_span_id where j.method = 'job_id' and s.source = 'container'";
    assert_eq!(number(data.path(), phases), 6);
}

fn span(trace: &str, id: &str, parent: &str, name: &str, at: f64) -> Value {
    let nanos = |after: f64| format!("{}", ((START + after) * 1e9) as u64);
    json!({"traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": 2,
        "startTimeUnixNano": nanos(at), "endTimeUnixNano": nanos(at + 0.1)})
}

/// A queue's consumer and a service, in traces that the workflow sent along: spans that came before the
/// history, and spans that come after it.
#[test]
fn what_took_a_sent_context_up_lies_below_the_attempt_that_sent_it() {
    let (queued, called) = (
        "0af7651916cd43dd8448eb211c80319c",
        "1bf7651916cd43dd8448eb211c80319d",
    );
    let attributes = json!({"traceparent": {"DataType": "String",
        "StringValue": format!("00-{queued}-b7ad6b7169203331-01")}});
    let sent =
        json!({"QueueUrl": "q", "MessageBody": "x", "MessageAttributes": attributes}).to_string();
    let asked =
        json!({"ApiEndpoint": "a", "Headers": {"b3": [format!("{called}-c7ad6b7169203331-1")]}})
            .to_string();
    let mut steps = vec![("ExecutionStarted", 0, 0.0, json!({"input": "{}"}))];
    for (n, (state, kind, resource, parameters)) in [
        ("Tell", "sqs", "sendMessage", sent),
        ("Ask", "apigateway", "invoke", asked),
    ]
    .into_iter()
    .enumerate()
    {
        let (first, at) = (n as u64 * 5 + 2, n as f64 * 10.0);
        let of = json!({"resourceType": kind, "resource": resource});
        let mut scheduled = of.clone();
        scheduled["parameters"] = json!(parameters);
        let mut succeeded = of.clone();
        succeeded["output"] = json!("{}");
        steps.push((
            "TaskStateEntered",
            if n == 0 { 0 } else { first - 1 },
            at,
            json!({"name": state, "input": "{}"}),
        ));
        steps.push(("TaskScheduled", first, at, scheduled));
        steps.push(("TaskStarted", first + 1, at, of));
        steps.push(("TaskSucceeded", first + 2, at + 1.0, succeeded));
        steps.push((
            "TaskStateExited",
            first + 3,
            at + 1.0,
            json!({"name": state, "output": "{}"}),
        ));
    }
    steps.push(("ExecutionSucceeded", 11, 12.0, json!({"output": "{}"})));
    let files = tempfile::tempdir().expect("a folder");
    crate::recordings::write(
        files.path(),
        &[Recorded::new("one", "senders", events(&steps))],
    );
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path());
    let post = |spans: Vec<Value>| {
        let resource =
            json!({"attributes": [{"key": "service.name", "value": {"stringValue": "worker"}}]});
        let body =
            json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]});
        let answer = crate::binary::post_json(&server.http, "/v1/traces", &body.to_string());
        assert_eq!(answer.expect("an answer").0, 200);
    };
    let early = "aaaaaaaaaaaaaaaa";
    post(vec![
        span(called, early, "c7ad6b7169203331", "GET /a", 10.2),
        span(called, "cccccccccccccccc", early, "inner", 10.3),
    ]);
    let url = format!("http://{}", server.api);
    good(
        data.path(),
        &[
            "import",
            "--quiet",
            "--url",
            &url,
            &files.path().to_string_lossy(),
        ],
    );
    post(vec![
        span(queued, "bbbbbbbbbbbbbbbb", "b7ad6b7169203331", "take", 95.0),
        span(queued, "b7ad6b7169203331", "", "caller", 0.5),
    ]);
    let query = "select s.state, j.child_trace_id, j.child_span_id, j.method, j.confidence from joins j \
        join attempts s on s.span_id = j.parent_span_id where j.child_kind = 'span' order by 1";
    let found: Vec<Value> = serde_json::from_str(&good(
        data.path(),
        &["sql", "--url", &url, "--format", "json", query],
    ))
    .expect("rows");
    let row = |state: &str, trace: &str, id: &str, sure: f64| json!({"state": state, "child_trace_id": trace, "child_span_id": id, "method": "trace_context", "confidence": sure});
    let expect = [
        row("Ask", called, early, 0.95),
        row("Tell", queued, "bbbbbbbbbbbbbbbb", 0.8),
    ];
    assert_eq!(found, expect);
}
