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

/// A history that came without its ARN, and the same with it: one execution, whichever was first.
#[test]
fn a_history_finds_its_arn_later() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let durable = fixtures.join("lambda-durable");
    let read = |name: &str| std::fs::read_to_string(durable.join(name)).expect("legible");
    let (history, described) = (
        read("order-1002.history.json"),
        read("order-1002.describe.json"),
    );
    let other = read("order-1001.history.json");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let bare = file("bare/some-run.history.json", &history);
    let neighbour = file("bare/other.history.json", &other);
    file("both/x.history.json", &history);
    file("both/x.describe.json", &described);
    let both = folder.path().join("both").to_string_lossy().into_owned();
    let check = |first: &[&str], second: &[&str]| {
        let data = tempfile::tempdir().expect("a folder");
        for files in [first, second] {
            let mut arguments = vec!["import", "--quiet"];
            arguments.extend(files);
            good(data.path(), &arguments);
        }
        let named = rows(
            data.path(),
            "select execution_arn, status, events from executions where name = 'order-1002'",
        );
        assert_eq!(named.len(), 1, "{named:?}");
        assert_eq!(
            (&named[0]["status"], &named[0]["events"]),
            (&"FAILED".into(), &13.into())
        );
        for table in [
            "executions",
            "events",
            "states",
            "attempts",
            "spans",
            "ledger",
            "verdicts",
        ] {
            let count = |which: &str| {
                number(
                    data.path(),
                    &format!(
                        "select count(*) from {table} t join executions e on e.trace_id = t.trace_id where e.execution_arn {which} like '%unknown%'"
                    ),
                )
            };
            let all = number(data.path(), &format!("select count(*) from {table}"));
            assert_eq!(
                count("") + count("not"),
                all,
                "{table}: nothing is left of who moved"
            );
        }
        let unknown = "select count(*) from executions where execution_arn like '%unknown%'";
        number(data.path(), unknown)
    };
    assert_eq!(check(&[&bare], &[&both]), 0);
    assert_eq!(check(&[&both], &[&bare]), 0);
    // Another execution that nobody names stays as it is.
    assert_eq!(check(&[&bare, &neighbour], &[&both]), 1);
}
