//! Any order of arrival ends in the same rows.

use crate::binary::{everything, good, path};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Folders whose files describe each other, and files that stand alone.
fn parts(root: &Path) -> Vec<PathBuf> {
    let mut parts = Vec::new();
    for group in [
        "step-functions",
        "express-logs",
        "lambda-logs",
        "otlp",
        "recorded",
        "mysteries",
    ] {
        let entries = std::fs::read_dir(root.join(group)).expect("a folder of the demo");
        parts.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    parts.sort();
    parts
}

/// The same numbers give the same order (a linear congruential generator, to have no dependency).
fn shuffled(parts: &[PathBuf], mut seed: u64) -> Vec<PathBuf> {
    let mut parts = parts.to_vec();
    for last in (1..parts.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = (seed >> 33) as usize % (last + 1);
        parts.swap(last, other);
    }
    parts
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let demo = tempfile::tempdir().expect("a folder");
    let written = Command::new(path())
        .args(["demo", "--anchor", "2026-11-22T00:00:00Z", "--write"])
        .arg(demo.path())
        .output()
        .expect("the binary starts");
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let together = tempfile::tempdir().expect("a folder");
    good(
        together.path(),
        &["import", "--quiet", &demo.path().to_string_lossy()],
    );
    let expect = everything(together.path());
    let joins = &expect
        .iter()
        .find(|(table, _)| *table == "joins")
        .expect("a table")
        .1;
    assert!(
        joins.len() > 100,
        "the data has to be joined to be worth the test"
    );
    for seed in 1..=2 {
        let folder = tempfile::tempdir().expect("a folder");
        // A few at a time: each import judges anew what its files may concern.
        for some in shuffled(&parts(demo.path()), seed).chunks(4) {
            let names: Vec<_> = some.iter().map(|part| part.to_string_lossy()).collect();
            let mut words = vec!["import", "--quiet"];
            words.extend(names.iter().map(AsRef::as_ref));
            good(folder.path(), &words);
        }
        for ((table, expect), (_, found)) in expect.iter().zip(everything(folder.path())) {
            assert_eq!(expect.len(), found.len(), "rows of {table}, seed {seed}");
            for (expect, found) in expect.iter().zip(&found) {
                assert_eq!(expect, found, "{table}, seed {seed}");
            }
        }
    }
}
