//! Query files: `tests/queries/*.txt`, each a list of queries with the answers they must give over
//! every layout. A new case costs no code. `UPDATE_EXPECT=1 cargo test -p inquest-query` writes the
//! answers anew; read the difference before you commit it.

use super::{csv, data, engine};
use data::Layout;
use std::{fs, path::Path};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/queries");

/// A query and its answer as CSV.
struct Case {
    query: String,
    expect: String,
}

#[tokio::test]
async fn query_files_give_their_answers() {
    let mut files: Vec<_> = fs::read_dir(FOLDER)
        .expect("the folder of query files")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        check(&file).await;
    }
}

async fn check(file: &Path) {
    let text = fs::read_to_string(file).expect("a query file");
    let mut cases = read(&text);
    assert!(!cases.is_empty(), "{} has no query", file.display());
    let engine = engine();
    for layout in [Layout::Memory, Layout::Blocks, Layout::Mixed] {
        for case in &mut cases {
            let tables = data::tables(layout).await;
            let answer = match csv(&engine, tables, &case.query).await {
                Ok(answer) => answer,
                Err(error) => error,
            };
            let answer = answer.trim_end().to_owned();
            if layout == Layout::Memory && std::env::var_os("UPDATE_EXPECT").is_some() {
                case.expect.clone_from(&answer);
            }
            assert_eq!(
                answer,
                case.expect,
                "{} over {layout:?}:\n{}",
                file.display(),
                case.query
            );
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(file, write(&cases)).expect("written");
    }
}

/// Queries are separated by lines of `====`, a query from its answer by a line of `----`.
fn read(text: &str) -> Vec<Case> {
    text.split("\n====\n")
        .filter(|case| !case.trim().is_empty())
        .map(|case| {
            let (query, expect) = case.split_once("\n----").unwrap_or((case, ""));
            Case {
                query: query.trim().to_owned(),
                expect: expect.trim().to_owned(),
            }
        })
        .collect()
}

fn write(cases: &[Case]) -> String {
    let cases: Vec<String> = cases
        .iter()
        .map(|case| format!("{}\n----\n{}\n", case.query, case.expect))
        .collect();
    cases.join("\n====\n")
}
