//! SQL in definitions, planned against the tables: a mistake is told before anything is counted by it.

use query::{Engine, Options};
use slo::{Finding, Indicator, Level, Measure, Slo, measure::Good};
use std::collections::BTreeMap;
use store::Snapshot;

/// Indicators that are planned at most; what is wrong with the rest is told when it is counted.
const MOST: usize = 2_000;

/// A piece of a definition, as a question and as it is written.
struct Piece {
    /// What it is.
    name: &'static str,
    question: String,
    written: String,
}

/// Plans what each of the objectives counts. `text_of` gives the text of a file, to find lines in.
pub async fn check(
    engine: &Engine,
    snapshot: &Snapshot,
    slos: impl IntoIterator<Item = &Slo>,
    text_of: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    // Many objectives share an indicator; each is planned once.
    let mut known: BTreeMap<String, Option<(&'static str, String, String)>> = BTreeMap::new();
    let mut findings = Vec::new();
    for slo in slos {
        let (Some(key), Indicator::Measured(measure)) = (super::series::key(slo), &slo.indicator)
        else {
            continue;
        };
        let wrong = match known.get(&key) {
            Some(wrong) => wrong.clone(),
            None if known.len() >= MOST => continue,
            None => {
                let wrong = wrong(engine, snapshot, measure, slo.group_by.as_deref()).await;
                known.insert(key, wrong.clone());
                wrong
            }
        };
        let Some((piece, written, error)) = wrong else {
            continue;
        };
        let text = text_of(&slo.source.file).unwrap_or_default();
        findings.push(Finding {
            level: Level::Error,
            rule: "sql",
            file: slo.source.file.clone(),
            line: line_of(&text, slo.source.line, &written),
            slo: Some(slo.name.clone()),
            text: format!(
                "{piece} cannot be asked of {}: {error}",
                measure.over.table()
            ),
        });
    }
    findings
}

/// The first piece that cannot be planned, as it is written, and why not.
async fn wrong(
    engine: &Engine,
    snapshot: &Snapshot,
    measure: &Measure,
    group_by: Option<&str>,
) -> Option<(&'static str, String, String)> {
    for piece in pieces(measure, group_by) {
        let options = Options {
            limit: Some(0),
            ..Options::default()
        };
        if let Err(error) = engine.sql(snapshot, &piece.question, &options).await {
            return Some((piece.name, piece.written, error.problem().error));
        }
    }
    None
}

fn pieces(measure: &Measure, group_by: Option<&str>) -> Vec<Piece> {
    let table = measure.over.table();
    let mut pieces = Vec::new();
    let mut add = |name, question, written: &str| {
        pieces.push(Piece {
            name,
            question,
            written: written.to_owned(),
        });
    };
    for column in measure.columns() {
        add("a column", format!("SELECT {column} FROM {table}"), column);
    }
    if let Some(sql) = &measure.valid_sql {
        add(
            "valid",
            format!("SELECT end_time FROM {table} WHERE ({sql})"),
            sql,
        );
    }
    if let Good::Sql(sql) = &measure.good {
        let question = format!("SELECT end_time FROM {table} WHERE ({sql})");
        // `bad` is kept as its opposite.
        let bad = sql
            .strip_prefix("NOT (")
            .and_then(|it| it.strip_suffix(')'));
        add(
            if bad.is_some() { "bad" } else { "good" },
            question,
            bad.unwrap_or(sql),
        );
    }
    if let Some(column) = group_by {
        // As it is counted: an aggregate, which could be selected, cannot be grouped by.
        let question =
            format!("SELECT CAST({column} AS VARCHAR) AS part, count(*) FROM {table} GROUP BY 1");
        add("group_by", question, column);
    }
    // And as it is counted: what is right apart can be wrong together.
    let question = format!(
        "SELECT count(*) FILTER (WHERE NOT ({})) AS bad FROM {table} WHERE end_time IS NOT NULL AND ({})",
        measure.good_sql(),
        measure.valid_sql()
    );
    add("the indicator", question, "");
    pieces
}

/// The line at or after `first` in which something is written.
fn line_of(text: &str, first: u64, written: &str) -> u64 {
    let head = written.lines().map(str::trim).find(|it| !it.is_empty());
    let skipped = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
    let found = head.and_then(|head| {
        let mut lines = text.lines().skip(skipped);
        lines.position(|line| line.contains(head))
    });
    first.saturating_add(found.unwrap_or(0) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found() {
        let text = "slo: a\ngood: x\n---\nslo: b\nindicator:\n  good: x = 1\n";
        let check = |first: u64, written: &str, expect: u64| {
            assert_eq!(line_of(text, first, written), expect, "{first} {written}");
        };
        check(1, "x", 2);
        check(4, "\n x = 1\n and y", 6);
        check(4, "not there", 4);
        check(99, "x", 99);
        check(0, "", 1);
    }
}
