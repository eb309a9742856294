//! SQL in definitions, planned against the tables: a mistake is told before anything is counted by it.

use query::{Engine, Options};
use slo::{Finding, Indicator, Level, Measure, Slo, measure::Good};
use std::collections::BTreeMap;
use store::Snapshot;

/// Indicators that are planned at most; what is wrong with the rest is told when it is counted.
const MOST: usize = 2_000;
/// Parts of one predicate that are planned apart at most.
const MOST_PARTS: usize = 50;

/// What is wrong with a piece.
#[derive(Clone)]
struct Mistake {
    name: &'static str,
    /// Where to look for its line: the part that is wrong, and what it is a part of.
    written: [String; 2],
    error: String,
}

/// Plans what each of the objectives counts. `text_of` gives the text of a file, to find lines in.
pub async fn check(
    engine: &Engine,
    snapshot: &Snapshot,
    slos: impl IntoIterator<Item = &Slo>,
    text_of: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    // Many objectives share an indicator; each is planned once.
    let mut known: BTreeMap<String, Vec<Mistake>> = BTreeMap::new();
    let mut findings = Vec::new();
    for slo in slos {
        let (Some(key), Indicator::Measured(measure)) = (super::series::key(slo), &slo.indicator)
        else {
            continue;
        };
        let mistakes = match known.get(&key) {
            Some(mistakes) => mistakes.clone(),
            None if known.len() >= MOST => continue,
            None => {
                let group_by = slo.group_by.as_deref();
                let mistakes = mistakes(engine, snapshot, measure, group_by).await;
                known.insert(key, mistakes.clone());
                mistakes
            }
        };
        if mistakes.is_empty() {
            continue;
        }
        let text = text_of(&slo.source.file).unwrap_or_default();
        let table = measure.over.table();
        findings.extend(mistakes.into_iter().map(|it| Finding {
            level: Level::Error,
            rule: "sql",
            file: slo.source.file.clone(),
            line: line_of(&text, slo.source.line, &it.written),
            slo: Some(slo.name.clone()),
            text: format!("{} cannot be asked of {table}: {}", it.name, it.error),
        }));
    }
    findings
}

/// Everything that cannot be planned. What is right apart can be wrong together, which is only looked at then.
async fn mistakes(
    engine: &Engine,
    snapshot: &Snapshot,
    measure: &Measure,
    group_by: Option<&str>,
) -> Vec<Mistake> {
    let table = measure.over.table();
    let mut found = Vec::new();
    for column in measure.columns() {
        let question = format!("SELECT {column} FROM {table}");
        found.extend(planned(engine, snapshot, "a column", question, column).await);
    }
    for (name, sql) in predicates(measure) {
        found.extend(predicate(engine, snapshot, table, name, sql).await);
    }
    if let Some(column) = group_by {
        // As it is counted: an aggregate, which could be selected, cannot be grouped by.
        let question =
            format!("SELECT CAST({column} AS VARCHAR) AS part, count(*) FROM {table} GROUP BY 1");
        found.extend(match query::condition(column) {
            Ok(_) => planned(engine, snapshot, "group_by", question, column).await,
            Err(error) => Some(mistake("group_by", column, "", &error)),
        });
    }
    if found.is_empty() {
        let question = format!(
            "SELECT count(*) FILTER (WHERE NOT ({})) AS bad FROM {table} WHERE end_time IS NOT NULL AND ({})",
            measure.good_sql(),
            measure.valid_sql()
        );
        found.extend(planned(engine, snapshot, "the indicator", question, "").await);
    }
    found
}

/// The predicates in SQL of a measure, as they are written.
fn predicates(measure: &Measure) -> Vec<(&'static str, &str)> {
    let valid = measure.valid_sql.as_deref().map(|sql| ("valid", sql));
    let good = match &measure.good {
        // `bad` is kept as its opposite.
        Good::Sql(sql) => Some(
            match sql
                .strip_prefix("NOT (")
                .and_then(|it| it.strip_suffix(')'))
            {
                Some(bad) => ("bad", bad),
                None => ("good", sql.as_str()),
            },
        ),
        _ => None,
    };
    valid.into_iter().chain(good).collect()
}

/// What is wrong with a predicate: with each of its parts, or with all of it.
async fn predicate(
    engine: &Engine,
    snapshot: &Snapshot,
    table: &str,
    name: &'static str,
    sql: &str,
) -> Vec<Mistake> {
    let read = match query::condition(sql) {
        Ok(read) => read,
        Err(error) => return vec![mistake(name, sql, "", &error)],
    };
    let question = |sql: &str| format!("SELECT end_time FROM {table} WHERE ({sql})");
    let Some(whole) = planned(engine, snapshot, name, question(&read.text), sql).await else {
        return Vec::new();
    };
    let mut found: Vec<Mistake> = Vec::new();
    for part in read.parts.iter().take(MOST_PARTS) {
        let Some(mut wrong) = planned(engine, snapshot, name, question(part), part).await else {
            continue;
        };
        wrong.written[1] = sql.to_owned();
        if !found.iter().any(|it| it.error == wrong.error) {
            found.push(wrong);
        }
    }
    match found.is_empty() {
        true => vec![whole],
        false => found,
    }
}

/// The mistake of a question, if it cannot be planned.
async fn planned(
    engine: &Engine,
    snapshot: &Snapshot,
    name: &'static str,
    question: String,
    written: &str,
) -> Option<Mistake> {
    let options = Options {
        limit: Some(0),
        ..Options::default()
    };
    let error = engine.sql(snapshot, &question, &options).await.err()?;
    Some(mistake(name, written, "", &error))
}

fn mistake(name: &'static str, part: &str, whole: &str, error: &query::Error) -> Mistake {
    Mistake {
        name,
        written: [part.to_owned(), whole.to_owned()],
        error: error.problem().error,
    }
}

/// The line at or after `first` in which the first of these that is found is written.
fn line_of(text: &str, first: u64, written: &[String]) -> u64 {
    let skipped = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
    let found = written.iter().find_map(|written| {
        let head = written.lines().map(str::trim).find(|it| !it.is_empty())?;
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
            let written = ["not there".to_owned(), written.to_owned()];
            assert_eq!(
                line_of(text, first, &written),
                expect,
                "{first} {written:?}"
            );
        };
        check(1, "x", 2);
        check(4, "\n x = 1\n and y", 6);
        check(4, "not there", 4);
        check(99, "x", 99);
        check(0, "", 1);
    }
}
