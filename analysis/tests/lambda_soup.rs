//! Lambda log lines in any order, in any number, with any times: judging them ends, and depends on nothing but
//! the lines themselves.

use collectors::import::{Chunk, import_bytes};
use inquest_analysis::{joins, lambda};
use model::{Attempt, Execution, Invocation, LogRecord, Span, SpanId, Status, TraceId, UnixNanos};
use proptest::prelude::*;
use std::{collections::HashSet, path::Path};

const LINES: &[&str] = &[
    "INIT_START Runtime Version: python:3.12.v1",
    "INIT_REPORT Init Duration: 9999.31 ms\tPhase: init\tStatus: timeout",
    "INIT_REPORT Init Duration: 1712.41 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.Unknown",
    "RESTORE_START Runtime Version: java:11.v21",
    "RESTORE_REPORT Restore Duration: 511.25 ms",
    "START RequestId: aaaaaaaa-0000-0000-0000-000000000001 Version: 7",
    "START RequestId: aaaaaaaa-0000-0000-0000-000000000002 Version: 7",
    "hello",
    "[ERROR] KeyError: 'x'\nTraceback (most recent call last):",
    "2024-05-30T20:15:00.037Z aaaaaaaa-0000-0000-0000-000000000001 Task timed out after 3.00 seconds",
    "RequestId: aaaaaaaa-0000-0000-0000-000000000002 Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
    "aaaaaaaa-0000-0000-0000-000000000003 INFO without a start",
    "END RequestId: aaaaaaaa-0000-0000-0000-000000000001",
    "END RequestId: aaaaaaaa-0000-0000-0000-000000000002",
    "REPORT RequestId: aaaaaaaa-0000-0000-0000-000000000001\tDuration: 10.38 ms\tBilled Duration: 11 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\tInit Duration: 167.50 ms",
    "REPORT RequestId: aaaaaaaa-0000-0000-0000-000000000002\tDuration: 1e300 ms\tMemory Size: -1 MB\tStatus: timeout",
    "REPORT RequestId: aaaaaaaa-0000-0000-0000-000000000002\tDuration: -5 ms",
];

/// The lines as an export of one stream, at the given milliseconds.
fn records(lines: &[(usize, i64)]) -> Vec<LogRecord> {
    let event = |(n, (line, millis)): (usize, &(usize, i64))| {
        serde_json::json!({
            "logStreamName": "2024/05/30/[7]60cefc4c4d174d898e4dbb301f9f10ef", "eventId": n.to_string(),
            "timestamp": 1_717_100_100_000_i64 + millis, "message": LINES[*line],
        })
    };
    let events: Vec<_> = lines.iter().enumerate().map(event).collect();
    let text = serde_json::json!({ "events": events }).to_string();
    let mut records = Vec::new();
    let report = import_bytes(Path::new("f.json"), text.as_bytes(), &mut |chunk| {
        if let Chunk::Batch(batch) = chunk {
            records.extend(batch.logs);
        }
        Ok(())
    });
    report.expect("an import in memory ends");
    records
}

fn any_lines() -> impl Strategy<Value = Vec<(usize, i64)>> {
    proptest::collection::vec((0..LINES.len(), 0..40i64), 0..60)
}

/// Attempts with times that may be anything, even ends before starts.
fn attempts(times: &[(i64, i64, bool)]) -> Vec<Attempt> {
    let attempt = |(n, (from, to, known)): (usize, &(i64, i64, bool))| Attempt {
        span_id: SpanId::of_parts(&["attempt", &n.to_string()]),
        function_name: Some("f".to_owned()),
        request_id: known.then(|| format!("aaaaaaaa-0000-0000-0000-00000000000{}", n % 4)),
        status: if n % 3 == 0 {
            Status::Failed
        } else {
            Status::Succeeded
        },
        start_time: UnixNanos(from * 1_000_000),
        end_time: Some(UnixNanos(to * 1_000_000)),
        scheduled_event_id: n as u64,
        ..Attempt::default()
    };
    times.iter().enumerate().map(attempt).collect()
}

fn runs(times: &[(i64, i64)]) -> Vec<Invocation> {
    let run = |(n, (from, to)): (usize, &(i64, i64))| Invocation {
        trace_id: TraceId::of_parts(&["run", &n.to_string()]),
        span_id: SpanId::of_parts(&["run", &n.to_string()]),
        request_id: format!("aaaaaaaa-0000-0000-0000-00000000000{}", n % 7),
        function_name: "f".to_owned(),
        start_time: UnixNanos(from * 1_000_000),
        end_time: Some(UnixNanos(to * 1_000_000)),
        ..Invocation::default()
    };
    times.iter().enumerate().map(run).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn order_and_copies_change_nothing(lines in any_lines(), turn in 0usize..60, copies in 0usize..20) {
        let records = records(&lines);
        let expect = lambda::invocations(&records);
        let mut other = records.clone();
        other.extend(records.iter().take(copies).cloned());
        if !other.is_empty() {
            let turn = turn % other.len();
            other.rotate_left(turn);
            other.reverse();
        }
        prop_assert_eq!(&lambda::invocations(&other), &expect);
        let ids: HashSet<_> = expect.iter().map(|of| of.trace_id).collect();
        prop_assert_eq!(ids.len(), expect.len());
        let spans = lambda::spans(&expect);
        prop_assert!(spans.iter().all(|span| span.end_time >= span.start_time));
        let ids: HashSet<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
        prop_assert_eq!(ids.len(), spans.len());
    }

    #[test]
    fn every_join_is_one_to_one_or_by_a_key(
        tried in proptest::collection::vec((0..5_000i64, 0..5_000i64, prop::bool::weighted(0.2)), 0..40),
        ran in proptest::collection::vec((90_000_000..90_005_000i64, 90_000_000..90_005_000i64), 0..40),
    ) {
        let tried: Vec<_> = tried.iter().map(|(a, b, known)| (a + 90_000_000, b + 90_000_000, *known)).collect();
        let (attempts, runs) = (attempts(&tried), runs(&ran));
        let joins = joins::join(&Execution::default(), &attempts, &runs, &[] as &[Span]);
        let guesses: Vec<_> = joins.iter().filter(|join| join.method.as_str() == "function_and_time").collect();
        let parents: HashSet<_> = guesses.iter().map(|join| join.parent.span_id).collect();
        let children: HashSet<_> = guesses.iter().map(|join| join.child.span_id).collect();
        prop_assert_eq!((parents.len(), children.len()), (guesses.len(), guesses.len()));
        prop_assert!(guesses.iter().all(|join| join.confidence < 0.9 && join.candidates >= 1));
        prop_assert!(guesses.iter().all(|join| !join.ambiguous() || join.confidence <= 0.4));
        let backwards: Vec<_> = attempts.iter().rev().cloned().collect();
        prop_assert_eq!(joins::join(&Execution::default(), &backwards, &runs, &[]), joins);
    }
}
