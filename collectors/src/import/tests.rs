use super::*;
use model::{LogOrigin, LogRecord, lambda as word};
use std::collections::HashSet;

mod damaged;

/// Everything an import gave.
#[derive(Default)]
struct Got {
    batch: Batch,
    traces: Vec<Bytes>,
    logs: Vec<Bytes>,
    report: Report,
}

fn import_named(files: &[(&str, &[u8])]) -> Got {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (PathBuf::from(name), Bytes::copy_from_slice(bytes)))
        .collect();
    let mut got = Got::default();
    let report = import_files(&files, &mut |chunk| {
        match chunk {
            Chunk::Batch(batch) => got.batch.append(batch),
            Chunk::OtlpTraces(bytes) | Chunk::OtlpTracesJson(bytes) => got.traces.push(bytes),
            Chunk::OtlpLogs(bytes) | Chunk::OtlpLogsJson(bytes) => got.logs.push(bytes),
        }
        Ok(())
    });
    got.report = report.unwrap();
    got
}

fn import_text(name: &str, text: &str) -> Got {
    import_named(&[(name, text.as_bytes())])
}

fn fixture(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    std::fs::read(root.join(path)).unwrap()
}

fn skips(got: &Got) -> Vec<String> {
    let all = got.report.files.iter().flat_map(|file| &file.skipped);
    all.map(|skip| format!("{}: {}", skip.position, skip.reason))
        .collect()
}

fn events(logs: &[LogRecord], name: &str) -> usize {
    logs.iter().filter(|log| log.event_name == name).count()
}

#[test]
fn lambda_fixtures_become_log_records() {
    let check =
        |name: &str, kind: &str, logs: usize, starts: usize, reports: usize, skipped: usize| {
            let got = import_named(&[(
                &format!("fixtures/{name}"),
                &fixture(&format!("aws-lambda-logs/{name}")),
            )]);
            assert_eq!(got.report.files[0].kind, kind, "{name} {:?}", skips(&got));
            let held = &got.batch.logs;
            let counts = (
                held.len(),
                events(held, word::START),
                events(held, word::REPORT),
                skips(&got).len(),
            );
            assert_eq!(
                counts,
                (logs, starts, reports, skipped),
                "{name}: {:?}",
                skips(&got)
            );
            let ids: HashSet<_> = held.iter().map(|log| log.log_id).collect();
            assert_eq!(ids.len(), logs, "{name}: every line has an id of its own");
            assert!(
                held.iter().all(|log| log.origin != LogOrigin::CloudWatch),
                "{name}"
            );
        };
    check(
        "datadog-subscription-cloudwatch-log-coldstart.json",
        "CloudWatch subscription",
        3,
        1,
        1,
        0,
    );
    check(
        "datadog-subscription-cloudwatch-log-timeout.json",
        "CloudWatch subscription",
        4,
        1,
        1,
        0,
    );
    check(
        "init-error-then-invoke-init-error.sam-logs.txt",
        "Lambda log (text)",
        9,
        1,
        1,
        0,
    );
    check(
        "json-log-format-platform-events.jsonl",
        "Lambda events (JSON), log lines (JSON)",
        7,
        2,
        2,
        0,
    );
    check(
        "localstack-async-error-retry.events.json",
        "CloudWatch log events",
        9,
        2,
        2,
        9,
    );
    check(
        "logs-api-batch-coldstart.json",
        "Lambda events (JSON)",
        6,
        1,
        1,
        0,
    );
    check(
        "snapstart-restore.sam-logs.txt",
        "Lambda log (text)",
        20,
        2,
        2,
        0,
    );
    check(
        "telemetry-api-events.jsonl",
        "Lambda events (JSON)",
        13,
        1,
        2,
        0,
    );
    check(
        "timeout-then-suppressed-init.log",
        "Lambda log (text)",
        21,
        5,
        5,
        0,
    );
}

#[test]
fn a_broken_step_functions_message_stays_a_log_line() {
    let got = import_named(&[(
        "x.json",
        &fixture("aws-lambda-logs/datadog-subscription-step-functions-log.json"),
    )]);
    assert_eq!((got.batch.logs.len(), got.batch.events.len()), (1, 0));
    assert_eq!(got.batch.logs[0].origin, LogOrigin::CloudWatch);
    let skips = skips(&got);
    assert!(
        skips.len() == 1 && skips[0].contains("events[0]") && skips[0].contains("not valid JSON"),
        "{skips:?}"
    );
}

#[test]
fn importing_twice_gives_the_same_facts() {
    for name in [
        "timeout-then-suppressed-init.log",
        "snapstart-restore.sam-logs.txt",
    ] {
        let bytes = fixture(&format!("aws-lambda-logs/{name}"));
        let once = import_named(&[(name, &bytes)]);
        assert_eq!(once.batch, import_named(&[(name, &bytes)]).batch);
    }
}

const START: &str = "START RequestId: db275f87-a934-471a-8980-b63bf4dc1beb Version: 7";
const STREAM: &str = "2024/05/30/[7]60cefc4c4d174d898e4dbb301f9f10ef";

/// One START line in every export there is: time, stream, function.
#[test]
fn one_line_in_every_export() {
    let check = |name: &str, text: &str, stream: &str, function: &str| {
        let got = import_text(name, text);
        assert_eq!(skips(&got), Vec::<String>::new(), "{name}: {text}");
        let [log] = &got.batch.logs[..] else {
            panic!("{name}: one record expected: {:?}", got.batch.logs)
        };
        let told = (
            log.time.0,
            log.log_stream.as_str(),
            log.service_name.as_str(),
            log.event_name.as_str(),
        );
        assert_eq!(
            told,
            (1_717_100_100_037_000_000, stream, function, word::START),
            "{name}: {text}"
        );
    };
    let event = format!(
        r#"{{"timestamp":1717100100037,"message":"{START}\n","ingestionTime":1717100100940,"logStreamName":"{STREAM}","eventId":"3829"}}"#
    );
    check(
        "pay.json",
        &format!(r#"{{"events":[{event}],"searchedLogStreams":[],"nextToken":"x"}}"#),
        STREAM,
        "pay",
    );
    check("pay.json", &format!("[{event}]"), STREAM, "pay");
    check("pay/events.json", &format!("{event}\n"), STREAM, "pay");
    check(
        "a.json",
        &format!(r#"{{"x":{{"pages":[{{"events":[{event}]}}]}}}}"#),
        STREAM,
        "a",
    );
    check(
        "get.json",
        &format!(
            r#"{{"events":[{{"timestamp":1717100100037,"message":"{START}"}}],"nextForwardToken":"f"}}"#
        ),
        "file:get.json",
        "get",
    );
    let envelope = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/aws/lambda/charge","logStream":"{STREAM}","subscriptionFilters":["f"],"logEvents":[{{"id":"3829","timestamp":1717100100037,"message":"{START}"}}]}}"#
    );
    check("e.json", &envelope, STREAM, "charge");
    let packed = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        gzip(envelope.as_bytes()),
    );
    check(
        "e.json",
        &format!(r#"{{"awslogs":{{"data":"{packed}"}}}}"#),
        STREAM,
        "charge",
    );
    check(
        "e.json",
        &format!(r#"{{"Records":[{{"kinesis":{{"data":"{packed}"}}}}]}}"#),
        STREAM,
        "charge",
    );
    check(
        "i.json",
        &format!(
            r#"{{"results":[[{{"field":"@timestamp","value":"2024-05-30 20:15:00.037"}},{{"field":"@message","value":"{START}"}},{{"field":"@logStream","value":"{STREAM}"}},{{"field":"@log","value":"123:/aws/lambda/charge"}}]],"status":"Complete"}}"#
        ),
        STREAM,
        "charge",
    );
    let datadog = format!(
        r#"{{"id":"3829","timestamp":1717100100037,"message":"{START}","service":"x","logGroup":"arn:aws:logs:us-east-1:1:log-group:/aws/lambda/charge:*","logStream":"{STREAM}","ddsource":"lambda"}}"#
    );
    check("dd.json", &datadog, STREAM, "charge");
    let elastic = format!(
        r#"{{"@id":"3829","@timestamp":"2024-05-30T20:15:00.037Z","@message":"{START}","@owner":"1","@log_group":"/aws/lambda/charge","@log_stream":"{STREAM}"}}"#
    );
    check("es.json", &elastic, STREAM, "charge");
    check(
        "tail.txt",
        &format!("2024-05-30T20:15:00.037000+00:00 {STREAM} {START}\n\n"),
        STREAM,
        "",
    );
    check(
        "ship.log",
        &format!(
            "\u{1b}[32m2024-05-30T20:15:00.037000+00:00\u{1b}[0m \u{1b}[36m{STREAM}\u{1b}[0m {START}\r\n"
        ),
        STREAM,
        "ship",
    );
    check(
        "ship.log",
        &format!("2024-05-30T20:15:00.037000+00:00 {STREAM}\n{START}\n"),
        STREAM,
        "ship",
    );
    check(
        "ship.log",
        &format!("{STREAM} 2024-05-30T20:15:00.037000 {START}"),
        STREAM,
        "ship",
    );
    check(
        "ship.log",
        &format!("/aws/lambda/orders {STREAM} 2024-05-30T20:15:00.037Z {START}"),
        STREAM,
        "orders",
    );
    check(
        "ship.log",
        &format!("2024-05-30T20:15:00.037Z\t{START}"),
        "file:ship.log",
        "ship",
    );
    check(
        "ship.csv",
        &format!("timestamp,message\n1717100100037,\"{START}\n\"\n"),
        "file:ship.csv",
        "ship",
    );
    let exported = "orders/2024-05-30-[7]60cefc4c4d174d898e4dbb301f9f10ef/000000";
    check(
        exported,
        &format!("2024-05-30T20:15:00.037Z {START}\n"),
        STREAM,
        "orders",
    );
    let own = STREAM.replace("[7]", "refund[7]");
    check(
        "ship.log",
        &format!("2024-05-30T20:15:00.037000+00:00 {own} {START}"),
        &own,
        "refund",
    );
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(event.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let got = import_named(&[("pay.json", &gzip(&utf16))]);
    assert_eq!(got.batch.logs.len(), 1, "{:?}", skips(&got));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_same_event_from_two_exports_of_one_kind_is_one() {
    let event = |n: u32| {
        format!(
            r#"{{"timestamp":1717100100037,"message":"same","logStreamName":"{STREAM}","eventId":"{n}"}}"#
        )
    };
    let page = |list: &str| format!(r#"{{"events":[{list}]}}"#);
    let one = page(&format!("{},{}", event(1), event(2)));
    let got = import_text("a.json", &format!("{one}{}", page(&event(2))));
    let ids: HashSet<_> = got.batch.logs.iter().map(|log| log.log_id).collect();
    assert_eq!((got.batch.logs.len(), ids.len()), (3, 2));
}

#[test]
fn tracebacks_stay_whole_with_and_without_heads() {
    let check = |text: &str| {
        let got = import_text("f.log", text);
        let bodies: Vec<_> = got
            .batch
            .logs
            .iter()
            .map(|log| log.body.lines().count())
            .collect();
        assert_eq!(bodies, [1, 4, 1, 2], "{:?}", got.batch.logs);
    };
    let lines = [
        START,
        "[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    raise KeyError",
        "END RequestId: db275f87-a934-471a-8980-b63bf4dc1beb",
        "REPORT RequestId: db275f87-a934-471a-8980-b63bf4dc1beb\tDuration: 1 ms\t\nXRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\tSampled: true",
    ];
    check(&lines.join("\n"));
    check(
        &lines
            .map(|line| format!("2024-05-30T20:15:00.037000+00:00 {STREAM} {line}\n"))
            .concat(),
    );
}

/// What the Serverless framework prints: platform lines bare, others with a local time.
#[test]
fn bare_platform_lines_among_timed_ones() {
    let text = format!(
        "{START}\n2024-05-30 22:15:00.037 (+02:00)\tdb275f87-a934-471a-8980-b63bf4dc1beb\tINFO\thello\nEND RequestId: db275f87-a934-471a-8980-b63bf4dc1beb\nREPORT RequestId: db275f87-a934-471a-8980-b63bf4dc1beb\tDuration: 1 ms\n"
    );
    let got = import_text("f.log", &text);
    let logs = &got.batch.logs;
    assert_eq!(logs.len(), 4, "{logs:?}");
    assert!(
        logs.iter()
            .all(|log| (log.time.0 - 1_717_100_100_037_000_000).abs() < 10)
    );
    assert!(
        logs.iter()
            .all(|log| log.request_id.starts_with("db275f87"))
    );
    assert_eq!(
        (logs[1].body.as_str(), logs[1].severity_number),
        ("hello", 9)
    );
}

/// As pages and chats show logs: broken lines, indented, behind the function's answer.
#[test]
fn copies_from_pages() {
    let check = |text: &str, names: &[&str]| {
        let got = import_text("f.txt", text);
        let told: Vec<_> = got
            .batch
            .logs
            .iter()
            .map(|log| log.event_name.as_str())
            .collect();
        assert_eq!(told, names, "{text}");
        got.batch.logs
    };
    let end = "END RequestId: db275f87-a934-471a-8980-b63bf4dc1beb";
    let report = "REPORT RequestId: db275f87-a934-471a-8980-b63bf4dc1beb\nDuration: 13.82 ms\nBilled Duration: 129 ms\nRestore Duration: 204.27 ms";
    let logs = check(
        &format!("{START}\n{end}\n{report}\n"),
        &[word::START, word::END, word::REPORT],
    );
    assert_eq!(logs[2].attributes[word::RESTORE_DURATION_MS], 204.27.into());
    check(
        &format!("Function logs:\n    {START}\n    hello\n    {end}\n"),
        &["", word::START, "", word::END],
    );
    let logged = "2019-06-07T19:11:20.563Z\tdb275f87-a934-471a-8980-b63bf4dc1beb\tINFO\tEVENT\n{\n  \"key\": \"value\"\n}";
    let logs = check(
        &format!("{START}\n{logged}\n{end}\n"),
        &[word::START, "", word::END],
    );
    assert_eq!(logs[1].body.lines().count(), 4);
    check(
        &format!("{{\n    \"id\": 65\n}}\n-----\n{START}\n{end}\n"),
        &[word::START, word::END],
    );
}

#[test]
fn step_functions_events_come_out_of_any_log_export() {
    let message = r#"{"id":"2","type":"FailStateEntered","details":{"name":"F"},"previous_event_id":"0","event_timestamp":"1717100100037","execution_arn":"arn:aws:states:us-east-1:1:express:m:n:u"}"#;
    let check = |text: &str| {
        let got = import_text("x", text);
        assert_eq!(got.batch.events.len(), 1, "{text} {:?}", skips(&got));
        assert_eq!(got.batch.logs.len(), 0);
    };
    check(message);
    check(&format!("[{message}]"));
    check(&format!(
        "2024-05-30T20:15:00.037000+00:00 states/m/2024-05-30-20-15/7851b2d9 {message}\n"
    ));
    check(&format!("2024-05-30T20:15:00 {message}\n"));
    check(&serde_json::json!({"events": [{"timestamp": 1, "message": message}]}).to_string());
}

#[test]
fn histories_are_paired_across_files() {
    let history = br#"{"events":[{"timestamp":"2024-05-30T20:15:00Z","type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{}","roleArn":"r"}}]}"#;
    let describe = br#"{"executionArn":"arn:aws:states:us-east-1:1:execution:m:n","stateMachineArn":"arn:aws:states:us-east-1:1:stateMachine:m","name":"n","status":"RUNNING","startDate":"2024-05-30T20:15:00Z","input":"{}"}"#;
    let got = import_named(&[
        ("run/history.json", history),
        ("run/describe.json", describe),
    ]);
    assert_eq!(got.report.files[0].kind, "Step Functions history");
    assert_eq!(
        got.batch.events[0].execution_arn,
        "arn:aws:states:us-east-1:1:execution:m:n",
        "{:?}",
        skips(&got)
    );
    assert_eq!(
        got.report.taken(),
        Taken {
            events: 1,
            documents: 1,
            ..Taken::default()
        }
    );
}

#[test]
fn otlp_json_is_made_canonical() {
    let span = r#"{"traceId":"O6VWCcPN5JZJzXfR+dzZNg==","spanId":"Sc130fnc2TY=","name":"x","kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR"},"attributes":[{"key":"kind","value":{"stringValue":"SPAN_KIND_CLIENT"}}]}"#;
    let check = |text: String| {
        let got = import_text("x.json", &text);
        assert_eq!(got.traces.len(), 1, "{:?}", skips(&got));
        let value: serde_json::Value = serde_json::from_slice(&got.traces[0]).unwrap();
        let span = &value["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], "3ba55609c3cde49649cd77d1f9dcd936");
        assert_eq!(
            (&span["kind"], &span["status"]["code"]),
            (&3.into(), &2.into())
        );
        assert_eq!(
            span["attributes"][0]["value"]["stringValue"],
            "SPAN_KIND_CLIENT"
        );
    };
    check(format!(
        r#"{{"batches":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#
    ));
    check(format!(
        r#"{{"trace":{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}}}"#
    ));
    check(format!(
        r#"{{"meta":{{}},"raw_b64":null,"body":{{"resource_spans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}}}"#
    ));
    let got = import_text("m.json", r#"{"resourceMetrics":[]}"#);
    assert!(got.traces.is_empty() && skips(&got)[0].contains("metrics"));
}

#[test]
fn the_good_part_of_damaged_files_is_kept() {
    let event =
        |n: u32| format!(r#"{{"timestamp":171710010003{n},"message":"line {n}","eventId":"{n}"}}"#);
    let (a, b, c) = (event(1), event(2), event(3));
    let check = |text: String, kept: usize, position: &str| {
        let got = import_text("x.json", &text);
        assert_eq!(got.batch.logs.len(), kept, "{text} {:?}", skips(&got));
        assert!(
            skips(&got).iter().any(|skip| skip.starts_with(position)),
            "{:?}",
            skips(&got)
        );
    };
    check(
        format!("{{\"events\":[{a},{b},{}", &c[..20]),
        2,
        "line 1: it ends",
    );
    check(format!("{a}\n{}\n{c}\n", &b[..30]), 2, "line 2: ");
    check(
        format!("{a}\nrubbish\n{c}\n"),
        2,
        "line 2: not JSON: rubbish",
    );
    check(format!("[{a},\n{b},\nnul,\n{c}]"), 2, "line 3 column");
    check(
        format!("{a}\n{{\"unknown\":1}}"),
        1,
        "line 2: not recognised",
    );
}

#[test]
fn what_is_no_log_is_refused_in_words() {
    let check = |name: &str, bytes: &[u8], why: &str| {
        let got = import_named(&[(name, bytes)]);
        assert!(got.batch.is_empty() && got.traces.is_empty());
        assert!(
            skips(&got).iter().any(|skip| skip.contains(why)),
            "{name}: {:?}",
            skips(&got)
        );
    };
    check("empty", b"", "empty");
    check(
        "readme.md",
        b"# Title\n\nSome words about START.\n",
        "no lines of CloudWatch",
    );
    check("main.py", b"import os\nprint('[ERROR] x')\n", "no lines of");
    check(
        "h.yaml",
        b"events:\n- id: 1\n  type: ExecutionStarted\n",
        "--output json",
    );
    check(
        "h.txt",
        b"EVENTS\t1\t0\t2024-05-30T20:15:00Z\tExecutionStarted\n",
        "--output json",
    );
    check("a.png", b"\x89PNG\r\n\x1a\n\x00\x00", "binary");
    check("a.json", b"{\"a\":1}", "nothing in it");
    check(
        "x.json",
        br#"{"Traces":[{"Id":"1-2-3","Duration":1,"Segments":[{"Id":"7","Document":"{}"}]}]}"#,
        "segment 7: it has no trace_id",
    );
    check(
        "z.json",
        br#"[{"traceId":"1","id":"2","localEndpoint":{}}]"#,
        "neither a timestamp",
    );
    check("cut.gz", &gzip(b"{\"a\":1}")[..12], "ends in the middle");
}

/// A protobuf field: number, wire type 2.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    [out, bytes.to_vec()].concat()
}

#[test]
fn otlp_protobuf_alone_and_length_delimited() {
    let resource = field(
        1,
        &field(
            1,
            &[field(1, b"service.name"), field(2, &field(1, b"shop"))].concat(),
        ),
    );
    let request = |item: &[u8]| field(1, &[resource.clone(), field(2, &field(2, item))].concat());
    let times = [&[0x39][..], &[7; 8], &[0x41], &[8; 8]].concat();
    let span = [
        field(1, &[1; 16]),
        field(2, &[2; 8]),
        field(5, &[b'n'; 300]),
        times,
    ]
    .concat();
    let log = [
        &[0x09][..],
        &[7; 8],
        &[0x10, 9],
        &field(5, &field(1, b"hello")),
    ]
    .concat();
    let metric = [field(1, b"requests"), field(7, b"")].concat();
    let check = |bytes: Vec<u8>, expect: (usize, usize)| {
        let got = import_named(&[("x.bin", &bytes)]);
        assert_eq!(
            (got.traces.len(), got.logs.len()),
            expect,
            "{:?}",
            skips(&got)
        );
        got
    };
    let (spans, logs) = (request(&span), request(&log));
    assert_eq!(check(spans.clone(), (1, 0)).traces[0], spans);
    check(logs.clone(), (0, 1));
    check(gzip(&spans), (1, 0));
    let framed = |message: &[u8]| [&(message.len() as u32).to_be_bytes()[..], message].concat();
    check(
        [framed(&spans), framed(&logs), framed(&spans)].concat(),
        (2, 1),
    );
    let varint = |message: &[u8]| field(0, message)[1..].to_vec();
    check([varint(&spans), varint(&spans)].concat(), (2, 0));
    let mut cut = [framed(&spans), framed(b""), framed(&logs), framed(&spans)].concat();
    cut.truncate(cut.len() - 9);
    let got = check(cut, (1, 1));
    assert!(skips(&got)[0].starts_with("byte "), "{:?}", skips(&got));
    let got = check(request(&metric), (0, 0));
    assert!(skips(&got)[0].contains("metrics"), "{:?}", skips(&got));
    let got = check(spans[..spans.len() - 5].to_vec(), (0, 0));
    assert!(skips(&got)[0].contains("binary data"), "{:?}", skips(&got));
}
