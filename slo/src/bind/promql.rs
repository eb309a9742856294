//! PromQL as sloth, pyrra and OpenSLO files have it: one selector, perhaps in `rate` and `sum`.

use super::{also, series};
use crate::{
    Indicator, Measure, Ratio,
    measure::{Condition, Good, Op, Over},
};
use regex::Regex;

/// A selector: the name of the series, and conditions on labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Name of the series.
    pub name: String,
    /// Label, operator (`=`, `!=`, `=~`, `!~`), value.
    pub matchers: Vec<(String, String, String)>,
}

/// Rows that a selector means.
#[derive(Debug, Clone, PartialEq)]
struct Rows {
    over: Over,
    conditions: Vec<Condition>,
}

/// An indicator from the queries of its good or bad events and of all. `bad` says which the first is.
pub fn ratio(part: &str, total: &str, bad: bool) -> Indicator {
    match bind_ratio(part, total, bad) {
        Ok(measure) => Indicator::Measured(measure),
        Err(reason) => Indicator::NotMeasured {
            reason,
            query: part.trim().to_owned(),
        },
    }
}

/// An indicator from one query that gives an error ratio: `bad / total`, or `1 - good / total`.
pub fn error_ratio(query: &str) -> Indicator {
    // Of what `1 -` stands before, the first count is the good one.
    let (quotient, bad) = match split_at_top(query, '-') {
        Some(("1", rest)) => (rest, false),
        _ => (query, true),
    };
    match split_at_top(quotient, '/') {
        Some((part, total)) => ratio(part, total, bad),
        None => Indicator::NotMeasured {
            reason: "the query is no quotient of two counts".to_owned(),
            query: query.trim().to_owned(),
        },
    }
}

fn bind_ratio(part: &str, total: &str, bad: bool) -> Result<Measure, String> {
    let all = rows(&selector(total)?)?;
    // `total - good` is what is bad, and the other way round.
    let (part, bad) = match split_at_top(strip(part), '-') {
        Some((whole, rest)) if selector(whole)? == selector(total)? => (rest, !bad),
        Some(_) => return Err("a difference of other series".to_owned()),
        None => (part, bad),
    };
    let some = rows(&selector(part)?)?;
    if all.over != some.over {
        let (one, other) = (some.over.table(), all.over.table());
        return Err(format!("it relates {one} to {other}"));
    }
    let own: Vec<Condition> = some
        .conditions
        .into_iter()
        .filter(|it| !all.conditions.contains(it))
        .collect();
    let mut valid = all.conditions;
    valid.extend(super::ended(all.over, Some("true")));
    let good = match bad {
        true => Good::Not(own),
        false => also(Good::All(Vec::new()), own),
    };
    Ok(Measure {
        over: all.over,
        valid,
        valid_sql: None,
        good,
        overdue_ns: None,
    })
}

fn rows(selector: &Selector) -> Result<Rows, String> {
    let name = &selector.name;
    let family = series::family(name).ok_or_else(|| {
        format!(
            "the series {name} is not kept here; Inquest has inquest_executions_total, inquest_invocations_total \
             and span metrics (docs/slo.md), or bind the indicator in a bindings file"
        )
    })?;
    let mut conditions = Vec::new();
    for (label, op, value) in &selector.matchers {
        if label == "le" && family.le_ns > 0 {
            if value == "+Inf" {
                continue;
            }
            let limit = Ratio::parse(value).ok_or_else(|| format!("le is {value:?}, no number"))?;
            let limit = limit.times(Ratio::new(i128::from(family.le_ns), 1));
            let limit = i64::try_from(limit.num() / limit.den()).unwrap_or(i64::MAX);
            conditions.push(Condition::new("duration_ns", Op::AtMost(limit)));
            continue;
        }
        // Labels of the scrape, which rows do not have.
        if matches!(label.as_str(), "job" | "instance" | "prometheus") {
            continue;
        }
        let (column, value) = series::label(family.over, label, value)
            .ok_or_else(|| format!("{} have no label {label}", family.over.table()))?;
        conditions.push(Condition::new(column, operator(op, value)?));
    }
    Ok(Rows {
        over: family.over,
        conditions,
    })
}

fn operator(op: &str, value: String) -> Result<Op, String> {
    let regex = |value: &str| {
        Regex::new(&format!("^(?:{value})$"))
            .map_err(|_| format!("{value:?} is no regular expression"))
    };
    Ok(match op {
        "=" if value.is_empty() => Op::IsNull,
        "!=" if value.is_empty() => Op::IsNotNull,
        "=" => Op::In(vec![value]),
        "!=" => Op::NotIn(vec![value]),
        "=~" => Op::Matches(regex(&value)?),
        _ => Op::NotMatches(regex(&value)?),
    })
}

/// Peels `sum by (…) (rate(… [5m]))` and parentheses off a selector.
///
/// # Errors
/// What else it found.
pub fn selector(query: &str) -> Result<Selector, String> {
    let mut text = strip(query);
    const FUNCTIONS: [&str; 7] = ["sum", "rate", "increase", "irate", "count", "max", "scalar"];
    loop {
        let before = text;
        for function in FUNCTIONS {
            let Some(rest) = text.strip_prefix(function) else {
                continue;
            };
            let mut rest = rest.trim_start();
            if let Some(list) = rest
                .strip_prefix("by")
                .or_else(|| rest.strip_prefix("without"))
            {
                let list = list.trim_start();
                let end = list.find(')').ok_or("a list of labels that does not end")?;
                rest = list[end + 1..].trim_start();
            }
            if let Some(inner) = enclosed(without_labels(rest)) {
                text = strip(inner);
                break;
            }
        }
        if text == before {
            break;
        }
    }
    let text = without_offset(text);
    let text = match text.rfind('[') {
        Some(at) if text.ends_with(']') => text[..at].trim(),
        _ => text,
    };
    parse_selector(without_offset(text))
}

/// Without a list of labels behind it, as in `sum(…) by (job)`.
fn without_labels(text: &str) -> &str {
    let Some(at) = text.rfind('(').filter(|_| text.ends_with(')')) else {
        return text;
    };
    let head = text[..at].trim_end();
    let head = head
        .strip_suffix("by")
        .or_else(|| head.strip_suffix("without"));
    head.filter(|it| it.trim_end().ends_with(')'))
        .map_or(text, str::trim_end)
}

/// Without `offset 1m`: that waits for scrapes, and events have their own time.
fn without_offset(text: &str) -> &str {
    match text.rsplit_once(" offset ") {
        Some((head, length)) if crate::duration::seconds(length).is_some() => head.trim_end(),
        _ => text,
    }
}

/// Without space, outer parentheses and `or vector(0)`.
fn strip(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let before = text;
        let head = text.strip_suffix("vector(0)").map(str::trim_end);
        if let Some(head) = head.and_then(|head| head.strip_suffix("or")) {
            text = head.trim_end();
        }
        if let Some(inner) = enclosed(text) {
            text = inner.trim();
        }
        if text == before {
            return text;
        }
    }
}

/// What is inside, if the first parenthesis closes at the end.
fn enclosed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?;
    let mut depth = 1usize;
    let mut quoted = false;
    for (at, letter) in inner.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return (at + 1 == inner.len()).then(|| &inner[..at]);
                }
            }
            _ => {}
        }
    }
    None
}

/// The two sides of an operator outside of parentheses, braces, brackets and quotes.
fn split_at_top(text: &str, operator: char) -> Option<(&str, &str)> {
    let text = strip(text);
    let mut depth = 0i32;
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => depth -= 1,
            letter if letter == operator && depth == 0 && !quoted => {
                return Some((text[..at].trim(), text[at + 1..].trim()));
            }
            _ => {}
        }
    }
    None
}

fn parse_selector(text: &str) -> Result<Selector, String> {
    let refuse = || {
        let shown: String = text.chars().take(80).collect();
        format!("the query {shown:?} is no plain count of one series")
    };
    let (name, rest) = match text.find('{') {
        Some(at) => (
            text[..at].trim(),
            text[at + 1..].strip_suffix('}').ok_or_else(refuse)?,
        ),
        None => (text, ""),
    };
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | ':'))
    };
    let mut selector = Selector {
        name: name.to_owned(),
        matchers: Vec::new(),
    };
    let mut rest = rest.trim();
    while !rest.is_empty() {
        let at = rest.find(['=', '!']).ok_or_else(refuse)?;
        let label = rest[..at].trim();
        let op = ["=~", "!~", "!=", "="]
            .into_iter()
            .find(|op| rest[at..].starts_with(op));
        let op = op.ok_or_else(refuse)?;
        let (value, after) = quoted(rest[at + op.len()..].trim_start()).ok_or_else(refuse)?;
        match label {
            "__name__" if op == "=" => selector.name = value,
            label if is_name(label) => {
                selector
                    .matchers
                    .push((label.to_owned(), op.to_owned(), value));
            }
            _ => return Err(refuse()),
        }
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    match is_name(&selector.name) {
        true => Ok(selector),
        false => Err(refuse()),
    }
}

/// A quoted text and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|it| matches!(it, '"' | '\'' | '`'))?;
    let mut value = String::new();
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            letter if escaped => {
                value.push(match letter {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                escaped = false;
            }
            '\\' if quote != '`' => escaped = true,
            letter if letter == quote => return Some((value, &text[at + 1..])),
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(indicator: &Indicator) -> String {
        match indicator {
            Indicator::Measured(measure) => measure.words(),
            Indicator::NotMeasured { reason, .. } => format!("not measured: {reason}"),
            Indicator::Composite(_) => "composite".to_owned(),
        }
    }

    #[test]
    fn queries_over_our_series_are_bound() {
        let check = |part: &str, total: &str, bad: bool, expect: &str| {
            let found = words(&ratio(part, total, bad));
            assert!(found.contains(expect), "{found}");
        };
        check(
            "sum(rate(inquest_executions_total{state_machine=\"orders\",status!=\"SUCCEEDED\"}[{{.window}}]))",
            "sum(rate(inquest_executions_total{state_machine=\"orders\"}[{{.window}}]))",
            true,
            "state_machine IN ('orders')",
        );
        check(
            "(sum by (x) (rate(traces_spanmetrics_calls_total{service=\"pay\",status_code=\"STATUS_CODE_ERROR\"}[5m])) or vector(0))",
            "sum(rate(traces_spanmetrics_calls_total{service=\"pay\"}[5m]))",
            true,
            "good if not (status_code IN ('error'))",
        );
        check(
            "sum(rate(inquest_execution_duration_seconds_bucket{le=\"30\"}[5m]))",
            "sum(rate(inquest_execution_duration_seconds_count[5m]))",
            false,
            "duration_ns <= 30000000000",
        );
        check(
            "sum(rate(inquest_spans_total[5m])) - sum(rate(inquest_spans_total{status_code=~\"ok|unset\"}[5m]))",
            "sum(rate(inquest_spans_total[5m]))",
            true,
            "good if coalesce(status_code, '') ~",
        );
    }

    #[test]
    fn shapes_that_real_files_have_are_bound() {
        let check = |found: Indicator, expect: &str| {
            let found = words(&found);
            assert!(found.contains(expect), "{found}");
        };
        let all = "calls_total{service=\"a\"} offset 1m";
        let bad = "calls_total{service=\"a\",status_code=\"STATUS_CODE_ERROR\"} offset 1m";
        check(
            ratio(bad, all, true),
            "good if not (status_code IN ('error'))",
        );
        check(
            ratio(
                "sum(rate(calls_total{status_code=\"error\"}[5m] offset 30s)) by (job)",
                "sum(rate(calls_total[5m] offset 30s)) by (job)",
                true,
            ),
            "good if not (status_code IN ('error'))",
        );
        check(
            error_ratio(
                "1 - (\n sum(rate(duration_seconds_bucket{le=\"0.4\"}[5m])) / sum(rate(duration_seconds_count[5m])))",
            ),
            "duration_ns <= 400000000",
        );
    }

    #[test]
    fn others_are_not_measured_and_say_why() {
        let check = |part: &str, total: &str, expect: &str| {
            let found = words(&ratio(part, total, true));
            assert!(
                found.contains(expect) && found.starts_with("not measured"),
                "{found}"
            );
        };
        check(
            "http_requests_total{code=~\"5..\"}",
            "http_requests_total",
            "http_requests_total is not kept",
        );
        check("histogram_quantile(0.9, a)", "a", "not kept");
        check(
            "inquest_spans_total{code=\"1\"}",
            "inquest_spans_total",
            "no label code",
        );
        check(
            "inquest_spans_total{a=\"",
            "inquest_spans_total",
            "no plain count",
        );
        check("sum((((", "inquest_spans_total", "no plain count");
        check("_sourceCategory=tsat | where x", "a", "not kept");
    }
}
