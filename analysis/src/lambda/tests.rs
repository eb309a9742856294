use super::*;
use collectors::import::{Chunk, import_bytes};
use model::{ColdStart, InvocationStatus};
use std::{collections::BTreeMap, path::Path};

/// The invocations of a text or file, stream by stream.
fn imported(name: &str, bytes: &[u8]) -> Vec<Invocation> {
    let mut streams: BTreeMap<String, Vec<LogRecord>> = BTreeMap::new();
    let report = import_bytes(Path::new(name), bytes, &mut |chunk| {
        if let Chunk::Batch(batch) = chunk {
            batch
                .logs
                .into_iter()
                .for_each(|log| streams.entry(log.log_stream.clone()).or_default().push(log));
        }
        Ok(())
    });
    report.unwrap();
    streams
        .values()
        .flat_map(|lines| invocations(lines))
        .collect()
}

fn fixture(name: &str) -> Vec<Invocation> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/aws-lambda-logs");
    imported(name, &std::fs::read(root.join(name)).unwrap())
}

/// Cold start, status, error type, duration in ms, init in ms; one line each.
fn told(invocations: &[Invocation]) -> Vec<String> {
    let word = |of: &Invocation| {
        let ms = of.duration_ns.map(|ns| ns as f64 / 1e6).unwrap_or(-1.0);
        let init = of
            .init_duration_ms
            .or(of.restore_duration_ms)
            .unwrap_or(-1.0);
        let error = of.error_type.as_deref().unwrap_or("-");
        format!(
            "{} {} {error} {ms} {init}",
            of.cold_start.as_str(),
            of.status.as_str()
        )
    };
    invocations.iter().map(word).collect()
}

#[test]
fn recorded_logs() {
    let check = |name: &str, expect: &[&str]| assert_eq!(told(&fixture(name)), expect, "{name}");
    check(
        "datadog-subscription-cloudwatch-log-coldstart.json",
        &["init success - 1.76 120.96"],
    );
    check(
        "datadog-subscription-cloudwatch-log-timeout.json",
        &["init timeout - 3003.16 127.02"],
    );
    check(
        "init-error-then-invoke-init-error.sam-logs.txt",
        &["failed_init error Runtime.ImportModuleError 1713.36 1712.41"],
    );
    check(
        "localstack-async-error-retry.events.json",
        &[
            "init error CustomException 3.01 110.1",
            "warm error CustomException 2.9 -1",
        ],
    );
    check(
        "logs-api-batch-coldstart.json",
        &["init success - 4.96 792.41"],
    );
    check(
        "snapstart-restore.sam-logs.txt",
        &[
            "snapstart_restore success - 306.34 511.25",
            "warm success - 138.27 -1",
        ],
    );
    check(
        "timeout-then-suppressed-init.log",
        &[
            "init success - 10.38 167.5",
            "warm success - 1.32 -1",
            "warm success - 1.32 -1",
            "warm timeout - 6006.56 -1",
            "suppressed_init success - 9.96 -1",
        ],
    );
}

#[test]
fn json_events_tell_the_same() {
    let found = fixture("json-log-format-platform-events.jsonl");
    assert_eq!(
        told(&found),
        [
            "init success - 1.317 10",
            "snapstart_restore success - 147.156 500.795"
        ]
    );
    let found = fixture("telemetry-api-events.jsonl");
    let first = found
        .iter()
        .find(|of| of.request_id.starts_with("459921b5"))
        .unwrap();
    assert_eq!(
        first.xray_trace_id.as_deref(),
        Some("1-6352a70e-1e2c502e358361800241fd45")
    );
    assert_eq!(first.cold_start, ColdStart::Init);
    assert_eq!(
        (first.duration_ns, first.memory_size_mb),
        (Some(2_599_400_000), Some(128))
    );
}

#[test]
fn the_whole_row() {
    let [of] = &fixture("datadog-subscription-cloudwatch-log-coldstart.json")[..] else {
        panic!("one expected")
    };
    assert_eq!(
        (of.function_name.as_str(), of.function_version.as_deref()),
        ("storms-cloudwatch-event", Some("$LATEST"))
    );
    assert_eq!(
        (
            of.billed_duration_ms,
            of.memory_size_mb,
            of.max_memory_used_mb
        ),
        (Some(100.0), Some(128), Some(48))
    );
    assert_eq!(of.start_time.0, 1_591_284_559_098_000_000);
    assert_eq!(
        of.end_time.map(|end| end.0 / 1_000_000),
        Some(1_591_284_559_101)
    );
    assert_eq!(
        of.trace_id,
        TraceId::of_parts(&["invocation", &of.request_id, &of.log_stream, "1"])
    );
}

#[test]
fn a_failed_init_begins_before_its_start_line() {
    let [of] = &fixture("init-error-then-invoke-init-error.sam-logs.txt")[..] else {
        panic!("one expected")
    };
    assert_eq!(
        of.end_time.map(|end| end.since(of.start_time)),
        Some(1_713_360_000)
    );
    assert_eq!(
        of.error_message.as_deref(),
        Some("Unable to import module 'app': No module named 'daily'")
    );
    let spans = spans(std::slice::from_ref(of));
    assert_eq!(spans[1].start_time, spans[0].start_time);
}

#[test]
fn an_init_lies_before_its_parent() {
    let found = fixture("datadog-subscription-cloudwatch-log-coldstart.json");
    let [whole, init] = &spans(&found)[..] else {
        panic!("two spans expected")
    };
    assert_eq!(
        (init.parent_span_id, init.end_time),
        (whole.span_id, whole.start_time)
    );
    assert_eq!(init.end_time.since(init.start_time), 120_960_000);
    assert_eq!(whole.attributes["inquest.kind"], "invocation".into());
}

#[test]
fn order_and_doubles_do_not_matter() {
    let stream = "2024/05/30/[7]60cefc4c4d174d898e4dbb301f9f10ef";
    let lines = [
        (100, "INIT_START Runtime Version: python:3.12.v1"),
        (400, "START RequestId: a Version: 7"),
        (400, "hello"),
        (401, "END RequestId: a"),
        (
            401,
            "REPORT RequestId: a\tDuration: 1.00 ms\tInit Duration: 280 ms",
        ),
        (401, "START RequestId: b Version: 7"),
        (402, "END RequestId: b"),
        (402, "REPORT RequestId: b\tDuration: 0.90 ms"),
    ];
    let text = |order: &[usize]| {
        let event = |n: &usize| {
            format!(
                "{{\"timestamp\":{},\"message\":\"{}\",\"logStreamName\":\"{stream}\",\"eventId\":\"{n}\"}}\n",
                1_717_100_100_000i64 + lines[*n].0,
                lines[*n].1.replace('\t', "\\t")
            )
        };
        order.iter().map(event).collect::<String>()
    };
    let expect = imported("f.json", text(&[0, 1, 2, 3, 4, 5, 6, 7]).as_bytes());
    assert_eq!(
        told(&expect),
        ["init success - 1 280", "warm success - 0.9 -1"]
    );
    for order in [
        vec![7, 6, 5, 4, 3, 2, 1, 0],
        vec![0, 5, 1, 1, 2, 4, 3, 7, 6, 0],
        vec![4, 1, 0, 3, 2, 6, 5, 7],
    ] {
        let got = imported("f.json", text(&order).as_bytes());
        assert_eq!(told(&got), told(&expect), "{order:?}");
        let ids = |of: &[Invocation]| of.iter().map(|of| of.trace_id).collect::<Vec<_>>();
        assert_eq!(ids(&got), ids(&expect));
    }
}

/// Lines of one sandbox, in seconds, as `aws logs tail` prints them.
fn tail(lines: &[(u32, &str)]) -> Vec<Invocation> {
    let line = |(second, text): &(u32, &str)| {
        format!(
            "2024-05-30T20:{:02}:{:02}.000000+00:00 2024/05/30/[7]60cefc4c4d174d898e4dbb301f9f10ef {text}\n",
            second / 60,
            second % 60
        )
    };
    imported(
        "f.log",
        lines.iter().map(line).collect::<String>().as_bytes(),
    )
}

#[test]
fn ends_of_all_kinds() {
    let check = |lines: &[(u32, &str)], expect: &[&str]| {
        assert_eq!(told(&tail(lines)), expect, "{lines:?}")
    };
    let report =
        "REPORT RequestId: a\tDuration: 5.00 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB";
    let start = (1, "START RequestId: a Version: 7");
    let killed = "RequestId: a Error: Runtime exited with error: signal: killed\nRuntime.ExitError";
    check(
        &[start, (2, "END RequestId: a"), (2, report), (2, killed)],
        &["unknown error Runtime.OutOfMemory 5 -1"],
    );
    let exited = "RequestId: a Error: Runtime exited with error: exit status 1\nRuntime.ExitError";
    check(
        &[
            start,
            (2, exited),
            (2, "END RequestId: a"),
            (2, "REPORT RequestId: a\tDuration: 5 ms"),
            (3, "START RequestId: b Version: 7"),
            (3, "REPORT RequestId: b\tDuration: 1 ms"),
        ],
        &[
            "unknown error Runtime.ExitError 5 -1",
            "suppressed_init success - 1 -1",
        ],
    );
    check(&[start], &["unknown unknown - -1 -1"]);
    check(&[(9, report)], &["unknown success - 5 -1"]);
    check(
        &[start, (2, &format!("{report}\tStatus: timeout"))],
        &["unknown timeout - 5 -1"],
    );
    check(
        &[
            start,
            (
                2,
                &format!("{report}\tStatus: error\tError Type: Runtime.OutOfMemory"),
            ),
        ],
        &["unknown error Runtime.OutOfMemory 5 -1"],
    );
    check(
        &[
            start,
            (1, "java.lang.OutOfMemoryError: Java heap space\n\tat a.b"),
            (
                2,
                &format!("{report}\tStatus: error\tError Type: Runtime.ExitError"),
            ),
        ],
        &["unknown error Runtime.OutOfMemory 5 -1"],
    );
    check(
        &[
            start,
            (1, "java.lang.IllegalStateException: no seat\n\tat a.b"),
            (
                2,
                &format!("{report}\tStatus: error\tError Type: Function.Unhandled"),
            ),
        ],
        &["unknown error java.lang.IllegalStateException 5 -1"],
    );
    check(
        &[
            start,
            (1, "[ERROR]\t2024-05-30T20:00:01Z\ta\thandled"),
            (2, report),
        ],
        &["unknown success - 5 -1"],
    );
    check(
        &[
            (1, "INIT_START Runtime Version: x"),
            (
                11,
                "INIT_REPORT Init Duration: 9999.31 ms\tPhase: init\tStatus: timeout",
            ),
            start_at(11),
            (
                14,
                "INIT_REPORT Init Duration: 3000 ms\tPhase: invoke\tStatus: timeout",
            ),
            (14, "END RequestId: a"),
            (14, "REPORT RequestId: a\tDuration: 3000 ms"),
        ],
        &["failed_init timeout - 3000 3000"],
    );
    check(
        &[
            (1, "INIT_START Runtime Version: x"),
            start_at(100),
            (100, "REPORT RequestId: a\tDuration: 3 ms"),
        ],
        &["provisioned success - 3 -1"],
    );
}

fn start_at(second: u32) -> (u32, &'static str) {
    (second, "START RequestId: a Version: 7")
}

#[test]
fn a_request_id_that_runs_again_is_another_invocation() {
    let once = |at: u32| {
        [
            (at, "START RequestId: a Version: 7"),
            (at + 1, "END RequestId: a"),
            (at + 1, "REPORT RequestId: a\tDuration: 5 ms"),
        ]
    };
    let found = tail(&[once(1), once(60), once(180)].concat());
    assert_eq!(
        found
            .iter()
            .map(|of| of.request_attempt)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(
        found
            .iter()
            .map(|of| of.trace_id)
            .collect::<std::collections::HashSet<_>>()
            .len(),
        3
    );
}

#[test]
fn lines_without_any_time_say_so() {
    let found = fixture("timeout-then-suppressed-init.log");
    assert!(found.iter().all(time_is_unknown));
    let spans = spans(&found);
    assert!(
        spans
            .iter()
            .filter(|span| span.parent_span_id.is_zero())
            .all(|span| span.attributes.contains_key(word::TIME_UNKNOWN))
    );
    assert_eq!(spans[0].end_time.since(spans[0].start_time), 10_380_000);
}

#[test]
fn several_sandboxes_in_one_file_are_not_taken_for_one() {
    let text = "2024-05-30T20:00:01 START RequestId: a Version: 7\n2024-05-30T20:00:02 START RequestId: b Version: 7\n\
                2024-05-30T20:00:03 END RequestId: a\n2024-05-30T20:00:04 END RequestId: b\n";
    let found = imported("f.log", text.as_bytes());
    assert!(found.iter().all(|of| of.cold_start == ColdStart::Unknown && of.status == InvocationStatus::Success));
}
