//! Recorded histories, from file to trace, against what their READMEs say of them.

#![allow(clippy::unwrap_used)]

use collectors::step_functions::{assemble, recognise};
use inquest_analysis::workflow::build;
use model::{Batch, WorkflowTrace};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// Reads a file as an import does; panics if any of it is skipped.
fn import(path: &Path) -> Batch {
    let text = std::fs::read_to_string(path).unwrap();
    let mut pieces = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter() {
        pieces.extend(recognise(&value.unwrap()).unwrap_or_default());
    }
    let pieces = pieces
        .into_iter()
        .map(|piece| (path.to_owned(), piece))
        .collect();
    let (batch, skips) = assemble(pieces);
    assert!(skips.is_empty(), "{}: {skips:?}", path.display());
    batch
}

fn trace(path: &Path) -> WorkflowTrace {
    let batch = import(path);
    build(&batch.events, &batch.documents)
}

/// The README's table, recomputed.
fn row(trace: &WorkflowTrace) -> Vec<String> {
    let e = &trace.execution;
    let dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let block = if e.block_retries > 0 {
        format!(" + {} block", e.block_retries)
    } else {
        String::new()
    };
    let count = |status: &str| {
        let is = |s: &&model::Span| s.attributes.get("inquest.kind") == Some(&"iteration".into());
        let ended =
            |s: &&model::Span| s.attributes.get("aws.sfn.state.status") == Some(&status.into());
        trace.spans.iter().filter(is).filter(ended).count()
    };
    let iterations = match (e.iterations, e.map_runs) {
        (0, 0) => String::new(),
        (0, runs) => format!("{runs} map run"),
        (n, _) => format!(
            "{n} started/{} ok/{} failed/{} aborted",
            count("SUCCEEDED"),
            count("FAILED"),
            count("ABORTED")
        ),
    };
    let caught: Vec<&str> = trace
        .states
        .iter()
        .filter(|s| s.caught)
        .map(|s| s.state.as_str())
        .collect();
    assert_eq!(caught.len() as u32, e.caught_failures);
    let failed = e.status == model::ExecutionStatus::Failed;
    let failing = e.failing_state.clone().unwrap_or_default();
    let error = e.error.clone().unwrap_or("(no error)".into());
    let terminal = match e.status.as_str() {
        "FAILED" => format!("{error} @ {failing}"),
        "ABORTED" => format!("{error} @ (open at abort: {failing})"),
        _ => String::new(),
    };
    let last = trace.execution.events as u64;
    let root = match e.root_event_id {
        Some(id) if id == last && failed => "= terminal".to_owned(),
        Some(id) if failed => {
            let event = format!("#{id}");
            format!(
                "{event} {} @{}",
                e.root_error.clone().unwrap_or_default(),
                e.root_state.clone().unwrap_or_default()
            )
        }
        _ => String::new(),
    };
    vec![
        e.events.to_string(),
        e.status.as_str().to_owned(),
        e.states_entered.to_string(),
        format!("{} ({}){block}", e.attempts, e.retries),
        dash(iterations),
        dash(caught.join(", ")),
        dash(terminal),
        dash(root),
    ]
}

#[test]
fn recorded_histories_give_the_traces_that_the_readme_tells() {
    let folder = fixtures().join("aws-sfn-localstack");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut checked = 0;
    for line in readme
        .lines()
        .filter(|line| line.starts_with('|') && line[2..].starts_with(|c: char| c.is_ascii_digit()))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let path = folder.join("wire").join(format!("{}.json", cells[0]));
        let mut expect: Vec<String> = cells[2..].iter().map(|cell| (*cell).to_owned()).collect();
        // "#5 TaskFailed X @S" names the type of the event as well.
        let words: Vec<&str> = expect[7].splitn(3, ' ').collect();
        if let [id, _, rest] = words[..]
            && id.starts_with('#')
        {
            expect[7] = format!("{id} {rest}");
        }
        let trace = trace(&path);
        assert_eq!(row(&trace), expect, "{}", cells[0]);
        assert_eq!(
            trace.execution.complete,
            cells[3] != "RUNNING",
            "{}",
            cells[0]
        );
        checked += 1;
    }
    assert_eq!(checked, 37);
}

#[test]
fn nasa_real_times_retries_and_catch() {
    let folder = fixtures().join("aws-sfn-nasa-cumulus");
    for file in ["cumulus-api", "history"] {
        let trace = trace(&folder.join(format!("ingest-granule-retries-then-fail.{file}.json")));
        let e = &trace.execution;
        assert_eq!(
            (e.status.as_str(), e.events, e.states_entered),
            ("FAILED", 17, 2)
        );
        assert_eq!((e.attempts, e.retries, e.caught_failures), (4, 3, 1));
        assert_eq!(e.duration_ns, Some(20_069_000_000));
        assert_eq!(
            (e.error.as_deref(), e.failing_state.as_deref()),
            (None, Some("WorkflowFailed"))
        );
        assert_eq!(
            e.root_error.as_deref(),
            Some("CumulusMessageAdapterExecutionError")
        );
        assert_eq!(
            (e.root_state.as_deref(), e.root_event_id),
            (Some("SyncGranule"), Some(14))
        );
        let waits: Vec<_> = trace
            .attempts
            .iter()
            .map(|a| a.backoff_ns.map(|ns| ns / 1_000_000))
            .collect();
        assert_eq!(waits, [None, Some(2001), Some(4007), Some(8000)]);
        assert!(
            e.complete
                && trace
                    .attempts
                    .iter()
                    .all(|a| a.status == model::Status::Failed)
        );
        if file == "cumulus-api" {
            assert_eq!(e.state_machine, "test-stack-IngestGranule");
            assert!(
                e.definition.is_some()
                    && e.execution_arn
                        .ends_with("7a71f849-57a0-40e7-8fca-5cf796602a07")
            );
        }
    }
}

/// (status, states, attempts, retries, iterations, caught, error, failing state, root error, root state)
type Facts<'a> = (
    &'a str,
    u32,
    u32,
    u32,
    u32,
    u32,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
);

fn facts(trace: &WorkflowTrace) -> Facts<'_> {
    let e = &trace.execution;
    (
        e.status.as_str(),
        e.states_entered,
        e.attempts,
        e.retries,
        e.iterations,
        e.caught_failures,
        e.error.as_deref(),
        e.failing_state.as_deref(),
        e.root_error.as_deref(),
        e.root_state.as_deref(),
    )
}

#[test]
fn histories_of_emulators() {
    let folder = fixtures().join("stepfunctions");
    let check = |file: &str, expect: Facts| {
        let trace = trace(&folder.join(format!("{file}.history.json")));
        assert_eq!(facts(&trace), expect, "{file}");
        assert!(trace.execution.complete, "{file}");
    };
    let timeout = Some("States.Timeout");
    check(
        "activity",
        ("SUCCEEDED", 1, 2, 1, 0, 0, None, None, None, None),
    );
    check(
        "callback",
        (
            "FAILED",
            1,
            1,
            0,
            0,
            0,
            timeout,
            Some("C"),
            timeout,
            Some("C"),
        ),
    );
    check("dmap", ("SUCCEEDED", 1, 0, 0, 0, 0, None, None, None, None));
    check(
        "fail",
        (
            "FAILED",
            1,
            0,
            0,
            0,
            0,
            Some("E1"),
            Some("W"),
            Some("E1"),
            Some("W"),
        ),
    );
    check(
        "nested",
        ("SUCCEEDED", 1, 1, 0, 0, 0, None, None, None, None),
    );
    check(
        "retry",
        ("SUCCEEDED", 2, 3, 2, 0, 1, None, None, None, None),
    );
    check(
        "rt",
        (
            "FAILED",
            1,
            0,
            0,
            0,
            0,
            Some("States.Runtime"),
            Some("W"),
            Some("States.Runtime"),
            Some("W"),
        ),
    );
    check(
        "stdlog",
        ("SUCCEEDED", 1, 0, 0, 0, 0, None, None, None, None),
    );
    check(
        "timeout",
        ("TIMED_OUT", 1, 0, 0, 0, 0, None, Some("W"), None, Some("W")),
    );
    check(
        "moto_map_parallel_choice",
        ("SUCCEEDED", 12, 4, 0, 3, 1, None, None, None, None),
    );
    let error = Some("Exception");
    check(
        "map_retry_catch_parallel_lambda",
        (
            "FAILED",
            11,
            8,
            4,
            3,
            2,
            error,
            Some("Legacy"),
            error,
            Some("Legacy"),
        ),
    );
}

/// Log messages as they lie in a CloudWatch export or one a line.
fn log_events(path: &Path) -> Vec<model::HistoryEvent> {
    let text = std::fs::read_to_string(path).unwrap();
    let messages: Vec<String> = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(serde_json::Value::Array(events)) => events
            .iter()
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect(),
        _ => text.lines().map(str::to_owned).collect(),
    };
    let read = |message: &String| {
        collectors::step_functions::parse_log_message(message)
            .unwrap()
            .unwrap()
    };
    messages.iter().map(read).collect()
}

#[test]
fn logs_and_history_in_any_order_are_one_trace() {
    let folder = fixtures().join("stepfunctions");
    let logs = log_events(&folder.join("map_retry_catch_parallel_lambda.vended_logs.json"));
    let mut history = import(&folder.join("map_retry_catch_parallel_lambda.history.json")).events;
    let made_up = trace(&folder.join("map_retry_catch_parallel_lambda.history.json"));
    history
        .iter_mut()
        .for_each(|event| event.execution_arn = logs[0].execution_arn.clone());
    assert_eq!(history.len(), 55);

    let from_logs = build(&merge(Vec::new(), logs.clone()), &[]);
    let from_history = build(&merge(Vec::new(), history.clone()), &[]);
    assert_eq!(facts(&from_logs), facts(&made_up));
    assert_eq!(from_logs.spans.len(), from_history.spans.len());
    for (a, b) in from_logs.spans.iter().zip(&from_history.spans) {
        assert_eq!(
            (a.span_id, a.parent_span_id, &a.name),
            (b.span_id, b.parent_span_id, &b.name)
        );
    }
    let one = build(&merge(logs.clone(), history.clone()), &[]);
    let other = build(&merge(history.clone(), logs.clone()), &[]);
    assert_eq!(one, other);
    assert_eq!(one, from_history);

    let (mut half, rest): (Vec<_>, Vec<_>) =
        logs.into_iter().partition(|event| event.event_id % 3 == 0);
    half.reverse();
    assert_eq!(build(&merge(half, rest), &[]), from_logs);
}

fn merge(
    held: Vec<model::HistoryEvent>,
    new: Vec<model::HistoryEvent>,
) -> Vec<model::HistoryEvent> {
    inquest_analysis::workflow::merge_events(held, new).events
}

#[test]
fn every_log_level_gives_what_it_can() {
    let folder = fixtures().join("aws-sfn-logs-localstack");
    let check = |file: &str, expect: Facts, missing: Option<&str>| {
        let trace = build(&log_events(&folder.join(file)), &[]);
        assert_eq!(facts(&trace), expect, "{file}");
        assert_eq!(
            trace.execution.incomplete_reason.as_deref(),
            missing,
            "{file}"
        );
    };
    let (failure, state) = (Some("SomeFailure"), Some("FailState"));
    check(
        "all-nodata-pass.jsonl",
        ("SUCCEEDED", 1, 0, 0, 0, 0, None, None, None, None),
        None,
    );
    check(
        "all-data-fail.jsonl",
        ("FAILED", 1, 0, 0, 0, 0, failure, state, failure, state),
        None,
    );
    check(
        "error-level-fail.jsonl",
        ("FAILED", 1, 0, 0, 0, 0, failure, state, failure, state),
        Some("event 1 is missing: the log level seems to be ERROR"),
    );
    check(
        "fatal-level-wait-failed.jsonl",
        (
            "FAILED",
            0,
            0,
            0,
            0,
            0,
            Some("States.Runtime"),
            Some("WaitState"),
            Some("States.Runtime"),
            Some("WaitState"),
        ),
        Some("events 1–2 are missing: the log level seems to be FATAL"),
    );
    check(
        "express-async-end-event-failed.jsonl",
        ("FAILED", 0, 0, 0, 0, 0, failure, None, failure, None),
        Some("events 1–2 are missing: the log level seems to be FATAL"),
    );
    // At this level a run that got over its failure ends without a word.
    let mut silent = log_events(&folder.join("error-level-fail.jsonl"));
    silent.retain(|event| event.event_type != "ExecutionFailed");
    let silent = build(&silent, &[]).execution;
    assert_eq!(silent.status, model::ExecutionStatus::Running);
    let reason = silent.incomplete_reason.unwrap_or_default();
    assert!(
        reason.ends_with("only a failure has one: it may have succeeded"),
        "{reason}"
    );
    let three = log_events(&folder.join("all-three-runs-one-stream.jsonl"));
    let arns: std::collections::BTreeSet<_> =
        three.iter().map(|event| &event.execution_arn).collect();
    assert_eq!(arns.len(), 3);
}

#[test]
fn an_express_execution_is_named_by_its_longer_arn() {
    let events = log_events(
        &fixtures().join("aws-sfn-logs-localstack/express-async-end-event-failed.jsonl"),
    );
    let execution = build(&events, &[]).execution;
    assert_eq!(execution.state_machine, "sm-3605c253");
    assert_eq!(execution.name, "c0fd2ac9-3212-5dea-8ae6-57a092118b67");
    assert_eq!(
        (execution.region.as_deref(), execution.account.as_deref()),
        (Some("us-east-1"), Some("111111111111"))
    );
}

#[test]
fn a_growing_history_keeps_its_span_ids() {
    for file in [
        "aws-sfn-localstack/wire/25-map-nested.json",
        "aws-sfn-localstack/wire/19-map-retried.json",
        "stepfunctions/map_retry_catch_parallel_lambda.history.json",
    ] {
        let events = import(&fixtures().join(file)).events;
        let whole: std::collections::HashSet<_> = build(&events, &[])
            .spans
            .iter()
            .map(|span| span.span_id)
            .collect();
        for length in 1..events.len() {
            let partial = build(&events[..length], &[]);
            assert_eq!(partial.execution.status, model::ExecutionStatus::Running);
            assert_eq!(
                partial.execution.incomplete_reason.as_deref(),
                Some("still running")
            );
            assert!(
                partial
                    .spans
                    .iter()
                    .all(|span| whole.contains(&span.span_id)),
                "{file} {length}"
            );
            assert!(partial.spans[0].attributes.contains_key("inquest.running"));
        }
    }
}

#[test]
fn a_history_that_leaves_out_the_causes_is_read_in_its_order() {
    let path = fixtures().join("aws-sfn-localstack/wire/33-lambda-invoke-retry-then-caught.json");
    let mut value: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for event in value["events"].as_array_mut().unwrap() {
        event.as_object_mut().unwrap().remove("previousEventId");
    }
    let pieces = recognise(&value)
        .unwrap()
        .into_iter()
        .map(|piece| (path.clone(), piece));
    let batch = assemble(pieces.collect()).0;
    assert_eq!(facts(&build(&batch.events, &[])), facts(&trace(&path)));
}
