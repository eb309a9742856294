//! Names in definitions that nothing held has, while something held is called nearly so.
//!
//! Data may come later, so this is never a mistake, only a warning.

use model::text::nearest;
use query::{Engine, Format, Options};
use serde_json::{Map, Value};
use slo::{
    Finding, Indicator, Level, Measure, Slo,
    measure::{Condition, Op},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use store::Snapshot;

/// Most names of a kind that are looked at: where there are more, nothing is said.
const MOST: usize = 10_000;
/// Longest that looking for the names of a kind may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Columns that hold names, and what people call them.
const KINDS: [(&str, &str); 5] = [
    ("state_machine", "workflow"),
    ("state", "state"),
    ("function_name", "function"),
    ("service_name", "service"),
    ("name", "operation"),
];

/// Names held, by table and column.
type Known = BTreeMap<(&'static str, String), BTreeSet<String>>;

/// A warning for every name that is probably misspelt.
pub async fn misspelt(
    engine: &Engine,
    snapshot: &Snapshot,
    slos: impl IntoIterator<Item = &Slo>,
) -> Vec<Finding> {
    let mut known = Known::new();
    let mut findings = Vec::new();
    for slo in slos {
        let Indicator::Measured(measure) = &slo.indicator else {
            continue;
        };
        for (condition, word) in named(measure) {
            let key = (measure.over.table(), condition.column.clone());
            if !known.contains_key(&key) {
                let names = names(engine, snapshot, key.0, &key.1).await;
                known.insert(key.clone(), names);
            }
            let texts = texts(condition, word, key.0, &known[&key]);
            findings.extend(texts.into_iter().map(|text| Finding {
                level: Level::Warning,
                rule: "unknown-name",
                file: slo.source.file.clone(),
                line: slo.source.line,
                slo: Some(slo.name.clone()),
                text,
            }));
        }
    }
    findings
}

/// Whether an objective that counts events may still have a name that nothing has: one of several.
pub fn names_several(slo: &Slo) -> bool {
    match &slo.indicator {
        Indicator::Measured(measure) => named(measure)
            .any(|(condition, _)| matches!(&condition.op, Op::In(values) if values.len() > 1)),
        _ => false,
    }
}

/// Conditions on names, with the word for what is named.
fn named(measure: &Measure) -> impl Iterator<Item = (&Condition, &'static str)> {
    measure.valid.iter().filter_map(|condition| {
        let kind = KINDS.iter().find(|(column, _)| *column == condition.column);
        kind.map(|(_, word)| (condition, *word))
    })
}

/// The names in a column; none where they are too many or cannot be had.
async fn names(
    engine: &Engine,
    snapshot: &Snapshot,
    table: &str,
    column: &str,
) -> BTreeSet<String> {
    let question = format!(
        "SELECT DISTINCT {column} AS name FROM {table} WHERE {column} <> '' LIMIT {}",
        MOST + 1
    );
    let options = Options {
        time: Some(PATIENCE),
        ..Options::default()
    };
    let read = async {
        let answer = engine.sql(snapshot, &question, &options).await.ok()?;
        let bytes = query::format::write_all(answer, Format::Json).await.ok()?;
        serde_json::from_slice::<Vec<Map<String, Value>>>(&bytes).ok()
    };
    let rows = read.await.unwrap_or_default();
    if rows.len() > MOST {
        return BTreeSet::new();
    }
    rows.into_iter()
        .filter_map(|mut row| match row.remove("name") {
            Some(Value::String(name)) => Some(name),
            _ => None,
        })
        .collect()
}

fn texts(condition: &Condition, word: &str, table: &str, known: &BTreeSet<String>) -> Vec<String> {
    let text = |wanted: &str, near: &str| {
        format!(
            "none of the {table} held has the {word} '{wanted}': did you mean '{near}'? (it may still come)"
        )
    };
    match &condition.op {
        Op::In(values) => values
            .iter()
            .filter(|value| !known.contains(*value))
            .filter_map(|value| {
                let near = nearest(value, known.iter().map(String::as_str))?;
                Some(text(value, near))
            })
            .collect(),
        Op::Like(pattern) => {
            let matches = |name: &String| condition.holds(slo::measure::Cell::Text(name));
            let near = near_pattern(pattern, known);
            let near = near.filter(|_| !known.iter().any(matches));
            near.map(|near| text(pattern, near)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// A name that begins nearly as a pattern does.
fn near_pattern<'a>(pattern: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    let head = pattern.split('*').next().filter(|it| !it.is_empty())?;
    let length = head.chars().count();
    let begins = |name: &'a String, length: usize| -> &'a str {
        let end = name
            .char_indices()
            .nth(length)
            .map_or(name.len(), |(at, _)| at);
        &name[..end]
    };
    // A letter may be missing or too many; the nearest of all beginnings tells.
    let lengths = [length, length + 1, length.saturating_sub(1)];
    let all: Vec<(&str, &String)> = lengths
        .iter()
        .flat_map(|length| known.iter().map(move |name| (begins(name, *length), name)))
        .collect();
    let near = nearest(head, all.iter().map(|(begin, _)| *begin))?;
    let found = all.iter().find(|(begin, _)| *begin == near);
    found.map(|(_, name)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_like_one_held_are_told() {
        let known: BTreeSet<String> = ["orders", "orders-eu", "payments"]
            .map(str::to_owned)
            .into();
        let check = |op: Op, expect: Option<(&str, &str)>| {
            let condition = Condition::new("state_machine", op);
            let expect: Vec<String> = expect
                .map(|(wanted, near)| {
                    format!(
                        "none of the executions held has the workflow '{wanted}': did you mean '{near}'? \
                         (it may still come)"
                    )
                })
                .into_iter()
                .collect();
            assert_eq!(texts(&condition, "workflow", "executions", &known), expect);
        };
        let one_of = |names: &[&str]| Op::In(names.iter().map(|it| (*it).to_owned()).collect());
        check(one_of(&["orders"]), None);
        check(one_of(&["ordrs"]), Some(("ordrs", "orders")));
        check(one_of(&["Orders"]), Some(("Orders", "orders")));
        check(one_of(&["refunds"]), None);
        check(
            one_of(&["orders", "paymnets"]),
            Some(("paymnets", "payments")),
        );
        check(Op::Like("orders-*".to_owned()), None);
        check(
            Op::Like("ordrs-*".to_owned()),
            Some(("ordrs-*", "orders-eu")),
        );
        check(Op::Like("*".to_owned()), None);
        check(Op::Like("*-us".to_owned()), None);
        check(Op::NotIn(vec!["ordrs".to_owned()]), None);
    }
}
