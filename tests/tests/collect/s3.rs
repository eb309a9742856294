//! Blocks in S3 (moto's): what a machine put there is read by another one, and kept when the bucket is away.

use crate::{binary::path, moto::Account};
use std::{path::Path, process::Output};

const COUNTS: &str =
    "select count(*) as executions, (select count(*) from spans) as spans from executions";

/// Runs a command whose blocks are in the bucket.
fn with_blocks(account: &Account, data: &Path, arguments: &[&str]) -> Output {
    std::process::Command::new(path())
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL", account.text("url"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("INQUEST_BLOCKS", "s3://blocks/a/team")
        .arg("--data")
        .arg(data)
        .args(arguments)
        .output()
        .expect("it runs")
}

fn counts(account: &Account, data: &Path) -> String {
    let output = with_blocks(account, data, &["sql", "--format", "json", COUNTS]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn blocks_lie_in_s3() {
    let account = Account::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stepfunctions");
    let fixtures = fixtures.to_string_lossy();
    for _ in 0..2 {
        let import = with_blocks(&account, &here, &["import", "--quiet", &fixtures]);
        let errors = String::from_utf8_lossy(&import.stderr);
        assert!(import.status.success(), "{errors}");
    }
    let held = counts(&account, &here);
    assert!(!held.contains(r#""executions":0"#), "{held}");
    assert_eq!(counts(&account, &there), held, "another machine reads them");
    let parquet = walk(&here);
    assert!(parquet.is_empty(), "no block stays here: {parquet:?}");

    // A bucket that is away is told once, and takes nothing with it.
    let url = account.text("url").to_owned();
    drop(account);
    let output = std::process::Command::new(path())
        .envs([("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")])
        .envs([("AWS_REGION", "us-east-1"), ("AWS_ALLOW_HTTP", "true")])
        .env("AWS_ENDPOINT_URL", &url)
        .env("INQUEST_BLOCKS", "s3://blocks/a/team")
        .arg("--data")
        .arg(&here)
        .args(["sql", "select 1"])
        .output()
        .expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{errors}");
    assert_eq!(errors.matches("Connection refused").count(), 1, "{errors}");
    assert_eq!(errors.matches("after 10 retries").count(), 1, "{errors}");
}

/// Parquet files below a folder.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let each = entries.flat_map(|entry| {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => walk(&path),
            false => vec![path],
        }
    });
    each.filter(|path| path.extension().is_some_and(|it| it == "parquet"))
        .collect()
}
