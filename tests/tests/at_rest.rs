//! What lies in the data folder is what SQL shows: another engine reads it and counts the same.
//!
//! Run by `cargo xtask test`, which sets `INQUEST_BIN` and `INQUEST_VENV`.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

const TABLES: [&str; 9] = [
    "executions",
    "states",
    "attempts",
    "invocations",
    "events",
    "spans",
    "logs",
    "joins",
    "documents",
];

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run `cargo xtask test --only rust`, which installs what is needed"
        )
    })
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the output is text")
}

fn inquest(data: &Path, arguments: &[&str]) -> String {
    let folder = data.to_string_lossy();
    let mut all = vec!["--data", &folder];
    all.extend(arguments);
    run(&setting("INQUEST_BIN"), &all)
}

/// (rows, distinct ids) of a table, by Inquest's own SQL.
fn counted(data: &Path, table: &str) -> (u64, u64) {
    let key = if table == "logs" {
        "log_id"
    } else {
        "trace_id"
    };
    let query = format!("select count(*) as n, count(distinct {key}) as ids from {table}");
    let answer: Value = serde_json::from_str(&inquest(data, &["sql", "--format", "json", &query]))
        .expect("the answer is JSON");
    let number = |name: &str| answer[0][name].as_u64().expect("a count");
    (number("n"), number("ids"))
}

fn duckdb(data: &Path) -> Value {
    let python = format!("{}/bin/python", setting("INQUEST_VENV"));
    let script = inquest_tests::checkout::root().join("tests/python/counts.py");
    let (script, data) = (script.to_string_lossy(), data.to_string_lossy());
    let mut arguments: Vec<&str> = vec![&script, &data];
    arguments.extend(TABLES);
    serde_json::from_str(&run(&python, &arguments)).expect("the counts are JSON")
}

#[test]
fn duckdb_counts_what_sql_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, data) = (folder.path().join("files"), folder.path().join("data"));
    let files_text = files.to_string_lossy().into_owned();
    inquest(
        &data,
        &[
            "demo",
            "--write",
            &files_text,
            "--anchor",
            "2026-11-22T00:00:00Z",
        ],
    );
    for round in ["first", "second"] {
        inquest(&data, &["import", &files_text]);
        let lying = duckdb(&data);
        for table in TABLES {
            let (rows, ids) = counted(&data, table);
            assert!(rows > 0, "{table} is empty after the {round} import");
            assert_eq!(
                lying[table]["rows"], rows,
                "rows of {table}, {round} import"
            );
            assert_eq!(
                lying[table]["traces"], ids,
                "ids of {table}, {round} import"
            );
        }
    }
}
