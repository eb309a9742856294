//! Importing: counts are right, twice is once, and what cannot be taken is said.

use crate::binary::{Server, everything, fixture, good, number, rows, run};
use serde_json::Value;
use std::path::Path;

fn import(data: &Path, paths: &[&str]) -> Value {
    let mut arguments = vec!["import", "--format", "json"];
    arguments.extend(paths);
    serde_json::from_str(&good(data, &arguments)).expect("JSON")
}

#[test]
fn what_is_imported_is_counted_by_sql() {
    let folder = tempfile::tempdir().expect("a folder");
    let wire = fixture("aws-sfn-localstack/wire");
    let report = import(folder.path(), &[&wire]);
    let events = report["taken"]["events"].as_u64().expect("a count");
    assert_eq!(number(folder.path(), "select count(*) from events"), events);
    assert_eq!(number(folder.path(), "select count(*) from executions"), 37);
    assert_eq!(report["new"]["executions"], 37);
    let query = "select status, retries, block_retries, iterations from executions \
                 where execution_arn like '%19-map-retried%'";
    assert_eq!(
        rows(folder.path(), query),
        [serde_json::json!({
            "status": "FAILED", "retries": 0, "block_retries": 2, "iterations": 3
        })]
    );
}

#[test]
fn twice_is_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = [
        "aws-sfn-localstack/wire",
        "aws-lambda-logs",
        "aws-sfn-logs-localstack",
    ]
    .map(fixture);
    let paths = paths.each_ref().map(String::as_str);
    let first = import(folder.path(), &paths);
    assert_ne!(first["new"]["events"], 0);
    let before = everything(folder.path());
    let second = import(folder.path(), &paths);
    let new = second["new"].as_object().expect("counts");
    assert!(new.values().all(|count| count == 0), "{new:?}");
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn a_running_server_takes_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let wire = fixture("aws-sfn-localstack/wire");
    let report = import(folder.path(), &[&wire]);
    assert_eq!(report["new"]["executions"], 37);
    // The folder is read while the server has it.
    assert_eq!(number(folder.path(), "select count(*) from executions"), 37);
    server.terminate();
    assert_eq!(number(folder.path(), "select count(*) from executions"), 37);
}

#[test]
fn nothing_taken_is_a_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("poem.txt");
    std::fs::write(&file, "roses are red").expect("written");
    let output = run(folder.path(), &["import", &file.to_string_lossy()]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("poem.txt") && text.contains("skipped"),
        "{text}"
    );
    let output = run(folder.path(), &["import", "no/such/file"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such/file"));
}
