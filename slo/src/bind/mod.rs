//! Indicators written for other systems, bound to what is measured here.
//!
//! | What the file has | What it becomes |
//! |---|---|
//! | `type: inquest` with a spec, or annotation `inquest.dev/sli` | the own indicator in it |
//! | an entry for the indicator's name in a bindings file | the own indicator in it |
//! | PromQL over series that Inquest exports, or over span metrics | conditions on rows ([`promql`]) |
//! | anything else | not measured, with the reason |

pub mod promql;
mod series;

use crate::{
    Indicator, Measure, Ratio,
    definition::Part,
    duration,
    measure::{Condition, Good, Op, Over},
    node::Node,
};
use std::collections::BTreeMap;

/// The column of what an execution cost, 10⁻¹² USD.
const COST: &str = "cost_picodollars";

/// Indicators by the name of the objective or of the indicator: for files that one may not edit.
pub type Bindings = BTreeMap<String, Node>;

/// Reads a bindings file: `bindings: {name: {own indicator}}`.
pub fn bindings(document: &Node) -> Bindings {
    let entries = document.get("bindings").map_or(&[][..], Node::entries);
    entries.iter().cloned().collect()
}

/// An own indicator: the keys of docs/slo.md.
///
/// # Errors
/// What is wrong, in words.
pub fn own(node: &Node) -> Result<Indicator, String> {
    if let Some(parts) = node.get("composite") {
        return composite(parts);
    }
    const KEYS: [&str; 16] = [
        "over",
        "workflow",
        "state",
        "function",
        "service",
        "operation",
        "version",
        "status",
        "where",
        "good",
        "bad",
        "total",
        "valid",
        "latency",
        "fresh",
        "count_aborted",
    ];
    const TRUTHS: [&str; 6] = ["true", "yes", "bad", "false", "no", "good"];
    const MORE: [&str; 4] = ["latency_ms", "cost_usd", "max_retries", "any_status"];
    for (key, _) in node.entries() {
        if !KEYS.contains(&key.as_str()) && !MORE.contains(&key.as_str()) {
            return Err(format!(
                "an indicator has no key {key}; it has {}, {}",
                KEYS.join(", "),
                MORE.join(", ")
            ));
        }
    }
    for (key, value) in node.entries() {
        let is_truth = value.text().is_some_and(|it| TRUTHS.contains(&it));
        if matches!(key.as_str(), "count_aborted" | "any_status") && !is_truth {
            return Err(format!("{key} is true or false"));
        }
    }
    let over = over(node)?;
    let mut valid = filters(node, over)?;
    let aborted = node.text_of("count_aborted");
    valid.extend(ended(over, aborted));
    let mut valid_sql = None;
    for key in ["where", "total", "valid"] {
        match node.get(key) {
            Some(map) if map.is_map() => valid.extend(equalities(map)?),
            Some(text) => valid_sql = text.text().map(str::to_owned),
            None => {}
        }
    }
    let (good, overdue_ns) = good(node, over)?;
    // What nobody knows is neither good nor bad.
    let looks_at = |column: &str| match &good {
        Good::All(all) | Good::Not(all) => all.iter().any(|it| it.column == column),
        _ => false,
    };
    for column in [COST, "cold_start"] {
        if looks_at(column) {
            valid.push(Condition::new(column, Op::IsNotNull));
        }
    }
    Ok(Indicator::Measured(Measure {
        over,
        valid,
        valid_sql,
        good,
        overdue_ns,
    }))
}

fn composite(parts: &Node) -> Result<Indicator, String> {
    let mut all = Vec::new();
    for part in parts.items() {
        let name = part.text().or_else(|| part.text_of("slo"));
        let name = name.ok_or("a part of a composite needs slo: its name")?;
        let weight = part.text_of("weight").unwrap_or("1");
        let weight = weight
            .parse::<u64>()
            .ok()
            .filter(|it| (1..=1_000_000).contains(it));
        all.push(Part {
            slo: name.to_owned(),
            weight: weight.ok_or("a weight is a whole number from 1 to 1000000")?,
        });
    }
    match all.is_empty() {
        true => Err("a composite needs parts".to_owned()),
        false => Ok(Indicator::Composite(all)),
    }
}

fn over(node: &Node) -> Result<Over, String> {
    if let Some(word) = node.text_of("over") {
        return Over::parse(word).ok_or_else(|| {
            format!("over is {word:?}: give executions, states, attempts, invocations or spans")
        });
    }
    Ok(match () {
        () if node.get("state").is_some() => Over::States,
        () if node.get("function").is_some() => Over::Invocations,
        () if node.get("service").is_some() || node.get("operation").is_some() => Over::Spans,
        () => Over::Executions,
    })
}

/// The shorthands: workflow, state, function, service, operation, version.
fn filters(node: &Node, over: Over) -> Result<Vec<Condition>, String> {
    let column = |key: &str| {
        Some(match (key, over) {
            ("workflow", Over::Executions | Over::States | Over::Attempts) => "state_machine",
            ("version", Over::Executions) => "state_machine_version",
            ("version", Over::Invocations) => "function_version",
            ("state", Over::States | Over::Attempts) => "state",
            ("function", Over::Invocations | Over::Attempts) => "function_name",
            ("service", Over::Spans) => "service_name",
            ("operation", Over::Spans) => "name",
            _ => return None,
        })
    };
    let mut all = Vec::new();
    for key in [
        "workflow",
        "version",
        "state",
        "function",
        "service",
        "operation",
    ] {
        let Some(value) = node.get(key) else { continue };
        let column =
            column(key).ok_or_else(|| format!("{key} cannot be said of {}", over.table()))?;
        all.push(one_of(column, value)?);
    }
    Ok(all)
}

fn one_of(column: &str, value: &Node) -> Result<Condition, String> {
    let texts: Option<Vec<String>> = value
        .items()
        .iter()
        .map(|it| it.text().map(str::to_owned))
        .collect();
    match texts.as_deref() {
        Some([one]) => Ok(Condition::is(column, one)),
        Some(some) if !some.is_empty() => Ok(Condition::new(column, Op::In(some.to_vec()))),
        _ => Err(format!("{column}: give a value or a list of values")),
    }
}

/// `{column: value}`; a value may be a list or have a `*`.
fn equalities(map: &Node) -> Result<Vec<Condition>, String> {
    let mut all = Vec::new();
    for (column, value) in map.entries() {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let column = match column.chars().all(plain) {
            true => column.clone(),
            false => format!("attributes[{}]", crate::measure::quote(column)),
        };
        all.push(one_of(&column, value)?);
    }
    Ok(all)
}

/// What has not ended is no event, and what was stopped from outside is neither good nor bad.
fn ended(over: Over, aborted: Option<&str>) -> Vec<Condition> {
    let not = |words: &[&str]| {
        Condition::new(
            "status",
            Op::NotIn(words.iter().map(|it| (*it).to_owned()).collect()),
        )
    };
    let counted = matches!(aborted, Some("true" | "bad" | "yes"));
    match over {
        Over::Executions if counted => vec![not(&["RUNNING", "PENDING_REDRIVE"])],
        Over::Executions => vec![not(&["RUNNING", "PENDING_REDRIVE", "ABORTED"])],
        Over::States | Over::Attempts if counted => vec![not(&["RUNNING", "UNKNOWN"])],
        Over::States | Over::Attempts => vec![not(&["RUNNING", "UNKNOWN", "ABORTED"])],
        Over::Invocations => vec![not(&["unknown"])],
        Over::Spans => Vec::new(),
    }
}

/// What a success is.
pub(crate) fn succeeded(over: Over) -> Good {
    let is = |column: &str, word: &str| Condition::is(column, word);
    match over {
        Over::Executions | Over::States | Over::Attempts => {
            Good::All(vec![is("status", "SUCCEEDED")])
        }
        Over::Invocations => Good::All(vec![is("status", "success")]),
        Over::Spans => Good::Not(vec![is("status_code", "error")]),
    }
}

fn good(node: &Node, over: Over) -> Result<(Good, Option<i64>), String> {
    let mut nested = None;
    let mut sql = None;
    let mut base = succeeded(over);
    match node.get("good") {
        Some(map) if map.is_map() => nested = Some(map),
        Some(text) => match text.text() {
            Some("succeeded" | "success" | "availability") => {}
            Some("warm" | "no_cold_start") => return Ok((warm(over)?, None)),
            Some(text) => sql = Some(text.to_owned()),
            None => return Err("good is a word, a predicate in SQL, or keys".to_owned()),
        },
        None => {}
    }
    if let Some(text) = sql {
        return Ok((Good::Sql(text), None));
    }
    let key = |key: &str| nested.and_then(|it| it.get(key)).or_else(|| node.get(key));
    if let Some(bad) = key("bad") {
        let bad = match bad.is_map() {
            true => Good::Not(equalities(bad)?),
            false => Good::Sql(format!("NOT ({})", bad.text().unwrap_or("false"))),
        };
        return Ok((bad, None));
    }
    if let Some(map) = nested {
        let shorthands = [
            "latency",
            "latency_ms",
            "fresh",
            "cost_usd",
            "max_retries",
            "any_status",
            "bad",
        ];
        let (known, columns): (Vec<_>, Vec<_>) = map
            .entries()
            .iter()
            .cloned()
            .partition(|(key, _)| shorthands.contains(&key.as_str()));
        if !columns.is_empty() {
            let value = crate::node::Value::Map(columns);
            base = Good::All(equalities(&Node {
                line: map.line,
                value,
            })?);
        }
        let _ = known;
    }
    if matches!(key("any_status").and_then(Node::text), Some("true" | "yes")) {
        base = Good::All(Vec::new());
    }
    if let Some(fresh) = key("fresh") {
        let within = fresh
            .text()
            .and_then(duration::seconds)
            .filter(|it| *it >= 60);
        let within = within.ok_or("fresh is a time of at least 1m, such as 6h")?;
        return Ok((
            Good::Fresh {
                within,
                of: conditions(base),
            },
            None,
        ));
    }
    let mut more = Vec::new();
    if let Some(cost) = key("cost_usd") {
        let usd = cost
            .text()
            .and_then(Ratio::parse)
            .filter(|it| it.num() >= 0);
        let usd = usd.ok_or("cost_usd is an amount such as 0.02")?;
        if over != Over::Executions {
            return Err("cost_usd can be said of executions only".to_owned());
        }
        let most = usd.times(Ratio::new(1_000_000_000_000, 1));
        let most = i64::try_from(most.num() / most.den()).unwrap_or(i64::MAX);
        more.push(Condition::new(COST, Op::AtMost(most)));
    }
    if let Some(most) = key("max_retries") {
        let most = most.text().and_then(|it| it.parse().ok());
        let most = most.filter(|it| *it >= 0);
        more.push(Condition::new(
            "retries",
            Op::AtMost(most.ok_or("max_retries is a whole number")?),
        ));
    }
    let mut overdue = None;
    let latency = match (key("latency"), key("latency_ms")) {
        (Some(node), _) => Some(node.text().and_then(duration::nanos)),
        (None, Some(node)) => {
            let ms = node
                .text()
                .and_then(Ratio::parse)
                .map(|it| it.times(Ratio::new(1_000_000, 1)));
            Some(ms.and_then(|it| i64::try_from(it.num() / it.den()).ok()))
        }
        (None, None) => None,
    };
    if let Some(limit) = latency {
        let limit = limit.filter(|it| *it > 0);
        let limit = limit.ok_or("latency is a time such as 30s or 250ms")?;
        more.push(Condition::new("duration_ns", Op::AtMost(limit)));
        overdue = (over == Over::Executions).then_some(limit);
    }
    if more.is_empty() {
        return Ok((base, None));
    }
    Ok((also(base, more), overdue))
}

/// Good, and these besides.
pub(crate) fn also(base: Good, more: Vec<Condition>) -> Good {
    match base {
        Good::All(mut conditions) => {
            conditions.extend(more);
            Good::All(conditions)
        }
        // A span that is no error: what is not `error` is `unset` or `ok`.
        Good::Not(not) => {
            let mut conditions: Vec<Condition> = not.into_iter().map(opposite).collect();
            conditions.extend(more);
            Good::All(conditions)
        }
        other => other,
    }
}

fn opposite(condition: Condition) -> Condition {
    let op = match condition.op {
        Op::In(values) => Op::NotIn(values),
        Op::NotIn(values) => Op::In(values),
        Op::Matches(pattern) => Op::NotMatches(pattern),
        Op::NotMatches(pattern) => Op::Matches(pattern),
        Op::IsNull => Op::IsNotNull,
        Op::IsNotNull => Op::IsNull,
        Op::AtMost(most) => Op::AtLeast(most.saturating_add(1)),
        Op::AtLeast(least) => Op::AtMost(least.saturating_sub(1)),
        other => other,
    };
    Condition {
        column: condition.column,
        op,
    }
}

fn conditions(good: Good) -> Vec<Condition> {
    match good {
        Good::All(conditions) => conditions,
        Good::Not(conditions) => conditions.into_iter().map(opposite).collect(),
        _ => Vec::new(),
    }
}

fn warm(over: Over) -> Result<Good, String> {
    match over {
        Over::Executions => Ok(Good::All(vec![Condition::new(
            "cold_starts",
            Op::AtMost(0),
        )])),
        Over::Invocations => Ok(Good::Not(vec![Condition::new("cold_start", Op::IsTrue)])),
        over => Err(format!("cold starts are not known of {}", over.table())),
    }
}
