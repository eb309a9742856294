//! Recorded histories, from file to trace, against what their READMEs say of them.

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
    for line in readme.lines().filter(|line| {
        line.starts_with(|c| c == '|') && line[2..].starts_with(|c: char| c.is_ascii_digit())
    }) {
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
