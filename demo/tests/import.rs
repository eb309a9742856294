//! The data set goes through the ordinary import, and means what the generator meant.

use analysis::workflow;
use bytes::Bytes;
use collectors::import::{Chunk, Report, import_files};
use model::{Batch, DocumentKind, ExecutionStatus, HistoryEvent, WorkflowTrace};
use std::collections::BTreeMap;
use std::path::PathBuf;

const ANCHOR: i64 = 1_795_305_600_000_000_000; // 2026-11-22T00:00:00Z

fn imported() -> (Batch, usize, Report) {
    let files: Vec<(PathBuf, Bytes)> = inquest_demo::files(1, ANCHOR)
        .into_iter()
        .map(|(path, bytes)| (PathBuf::from(path), Bytes::from(bytes)))
        .collect();
    let (mut all, mut otlp) = (Batch::default(), 0);
    let report = import_files(&files, &mut |chunk| {
        match chunk {
            Chunk::Batch(batch) => all.append(batch),
            _ => otlp += 1,
        }
        Ok(())
    });
    (all, otlp, report.expect("nothing stops the import"))
}

fn traces(batch: &Batch) -> Vec<WorkflowTrace> {
    let mut executions = BTreeMap::<&str, Vec<HistoryEvent>>::new();
    for event in &batch.events {
        executions
            .entry(&event.execution_arn)
            .or_default()
            .push(event.clone());
    }
    executions
        .into_iter()
        .map(|(arn, events)| {
            let documents: Vec<_> = batch
                .documents
                .iter()
                .filter(|document| document.execution_arn == arn)
                .cloned()
                .collect();
            workflow::build(&events, &documents)
        })
        .collect()
}

#[test]
fn everything_is_taken() {
    let (batch, otlp, report) = imported();
    for file in &report.files {
        assert!(
            !file.kind.is_empty(),
            "{} is not recognised",
            file.path.display()
        );
        let made = !file.path.starts_with("recorded");
        assert!(
            !made || file.skipped.is_empty(),
            "{}: {:?}",
            file.path.display(),
            file.skipped
        );
    }
    assert!(
        otlp > 20 && batch.logs.len() > 4000,
        "{otlp} OTLP requests, {} logs",
        batch.logs.len()
    );
}

#[test]
fn executions_end_as_they_were_described() {
    let (batch, ..) = imported();
    let mut statuses = BTreeMap::<&str, usize>::new();
    let traces = traces(&batch);
    for trace in &traces {
        let execution = &trace.execution;
        *statuses.entry(execution.status.as_str()).or_default() += 1;
        let described = batch.documents.iter().find(|document| {
            document.kind == DocumentKind::Execution
                && document.execution_arn == execution.execution_arn
        });
        if let Some(document) = described {
            let status = format!("\"status\":\"{}\"", execution.status.as_str());
            let body = document.body.replace(": ", ":");
            assert!(
                body.contains(&status),
                "{}: {}",
                execution.execution_arn,
                execution.status.as_str()
            );
        }
        if execution.status == ExecutionStatus::Succeeded
            && execution.state_machine.starts_with("order")
        {
            assert!(execution.complete, "{:?}", execution.incomplete_reason);
        }
    }
    assert!(traces.len() > 290, "{} executions", traces.len());
    for status in ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"] {
        assert!(statuses.contains_key(status), "{statuses:?}");
    }
}

#[test]
fn failures_have_the_reasons_that_were_given() {
    let (batch, ..) = imported();
    let traces = traces(&batch);
    let check = |machine: &str, error: &str, state: &str| {
        let found = traces
            .iter()
            .map(|trace| &trace.execution)
            .any(|execution| {
                execution.state_machine.starts_with(machine)
                    && execution.root_error.as_deref() == Some(error)
                    && execution.root_state.as_deref() == Some(state)
            });
        assert!(found, "no {machine} failed in {state} with {error}");
    };
    check("order-pipeline", "CardDeclined", "ChargeCard");
    check("order-pipeline", "TypeError", "PriceItem");
    check("order-pipeline", "States.Timeout", "PickAndPack");
    check("order-pipeline", "States.TaskFailed", "ShipOrder");
    check("shipment", "AddressNotDeliverable", "CreateLabel");
    check("image-thumbnails", "Runtime.ExitError", "MakeThumbnail");
    check("ledger-close", "States.DataLimitExceeded", "BuildReport");
    check("ledger-close", "States.TaskFailed", "Reconcile");
    check("catalog-etl", "States.QueryEvaluationError", "Publish");
    check("refund-approval", "States.Timeout", "ReviewRefund");
    check("quote-api", "ValueError", "CheckRequest");
    let sum = |count: fn(&WorkflowTrace) -> u32| traces.iter().map(count).sum::<u32>();
    assert!(sum(|trace| trace.execution.retries) > 20);
    assert!(sum(|trace| trace.execution.block_retries) >= 2);
    assert!(sum(|trace| trace.execution.caught_failures) > 8);
    assert!(sum(|trace| trace.execution.redrive_count) >= 1);
}

#[test]
fn log_lines_name_their_function() {
    let (batch, ..) = imported();
    let made: Vec<_> = batch
        .logs
        .iter()
        .filter(|line| line.log_stream.contains("/["))
        .collect();
    assert!(made.len() > 4000);
    let named = made
        .iter()
        .filter(|line| line.service_name.contains('-'))
        .count();
    assert_eq!(named, made.len());
    let charged = made
        .iter()
        .filter(|line| line.service_name == "charge-card")
        .count();
    assert!(charged > 300, "{charged} lines of charge-card");
}
