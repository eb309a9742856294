//! Rules as the own form has them.

use super::own::{Keys, usual};
use crate::{
    Ratio, Slo,
    definition::{Rule, Test, factor},
    duration,
    lint::{Findings, Level},
    node::Node,
};

/// The rules below `alerts`: `workbook` (also when nothing is said), `none`, or a list.
pub(super) fn own(keys: Keys<'_>, slo: &Slo, found: &mut Findings) -> Vec<Rule> {
    let mut rules = match keys.get("alerts") {
        None => usual(slo),
        Some(node) => match node.text() {
            Some("workbook") => usual(slo),
            Some("none") => Vec::new(),
            Some(other) => {
                let text = format!("alerts is {other:?}: give workbook, none, or a list of rules");
                found.say(Level::Error, "alerts", node.line, Some(&slo.name), text);
                Vec::new()
            }
            None => list(node, slo, found),
        },
    };
    if let Some(node) = keys.get("outage") {
        match outage(node) {
            Ok(rule) => rules.push(rule),
            Err(text) => found.say(Level::Error, "alerts", node.line, Some(&slo.name), text),
        }
    }
    unique(&mut rules);
    rules
}

fn list(node: &Node, slo: &Slo, found: &mut Findings) -> Vec<Rule> {
    let mut rules = Vec::new();
    for item in node.items() {
        if item.text() == Some("workbook") {
            rules.extend(usual(slo));
            continue;
        }
        match rule(item, slo) {
            Ok(rule) => rules.push(rule),
            Err(text) => found.say(Level::Error, "alerts", item.line, Some(&slo.name), text),
        }
    }
    rules
}

/// Ids are unique.
pub(super) fn unique(rules: &mut [Rule]) {
    for index in 1..rules.len() {
        let (before, rest) = rules.split_at_mut(index);
        let id = rest[0].id.clone();
        let mut number = 2;
        while before.iter().any(|rule| rule.id == rest[0].id) {
            rest[0].id = format!("{id}-{number}");
            number += 1;
        }
    }
}

fn outage(node: &Node) -> Result<Rule, String> {
    let events = node.text().or_else(|| node.text_of("events"));
    let events = events
        .and_then(|it| it.parse::<u64>().ok())
        .filter(|it| *it > 0);
    let within = node
        .text_of("within")
        .map_or(Some(86_400), duration::seconds);
    let severity = node.text_of("severity").unwrap_or("page");
    Ok(Rule {
        id: format!("{severity}-outage"),
        severity: severity.to_owned(),
        tests: vec![Test::Outage {
            events: events.ok_or("outage is a number of failures in a row, such as 5")?,
            within: within.ok_or("within is a length of time such as 1d")?,
        }],
        for_s: 0,
        hold_s: 0,
        min_bad: 1,
        min_total: 1,
    })
}

fn rule(node: &Node, slo: &Slo) -> Result<Rule, String> {
    const KEYS: [&str; 19] = [
        "id",
        "severity",
        "long",
        "short",
        "window",
        "burn",
        "budget",
        "compare",
        "for",
        "hold",
        "min_bad",
        "min_total",
        "budget_left",
        "exhausts_within",
        "lookback",
        "outage",
        "within",
        "no_data",
        "keep",
    ];
    for (key, _) in node.entries() {
        if !KEYS.contains(&key.as_str()) {
            return Err(format!(
                "a rule has no key {key}; it has {}",
                KEYS.join(", ")
            ));
        }
    }
    let seconds = |key: &str| match node.text_of(key) {
        None => Ok(None),
        Some(text) => duration::seconds(text)
            .map(Some)
            .ok_or_else(|| format!("{key} is {text:?}, which is no length of time such as 5m")),
    };
    let number = |key: &str| match node.text_of(key) {
        None => Ok(1),
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| format!("{key} is {text:?}, which is no whole number")),
    };
    let severity = node.text_of("severity").unwrap_or("page").to_owned();
    let mut tests = Vec::new();
    let mut name = Vec::new();
    let long = seconds("long")?.or(seconds("window")?);
    if node.get("burn").is_some() || node.get("budget").is_some() {
        let long = long.ok_or("a burn rule needs long: its window")?;
        let windows: Vec<i64> = [Some(long), seconds("short")?]
            .into_iter()
            .flatten()
            .collect();
        if windows.iter().any(|it| *it < 60) {
            return Err("a window is at least 1m".to_owned());
        }
        super::pair(&windows)?;
        let share = |key| node.text_of(key).map(super::share);
        let factor = match (node.text_of("burn").map(Ratio::parse), share("budget")) {
            (Some(burn), _) => burn.ok_or("burn is a number such as 14.4")?,
            (None, budget) => {
                let budget = budget.flatten().ok_or("budget is a share such as 2%")?;
                factor(budget, slo.window.nominal_seconds(), long)
            }
        };
        name.extend(windows.iter().map(|it| duration::words(*it)));
        tests.push(Test::Burn {
            windows,
            factor,
            or_equal: matches!(node.text_of("compare"), Some(">=" | "gte")),
        });
    }
    if let Some(text) = node.text_of("budget_left") {
        let share = super::share(text).ok_or("budget_left is a share such as 10% or 0")?;
        name.push(format!("budget-{}", share.times(Ratio::new(100, 1))));
        tests.push(Test::BudgetAtMost(share));
    }
    if let Some(within) = seconds("exhausts_within")? {
        let lookback = seconds("lookback")?.unwrap_or(3_600);
        name.push(format!("exhausts-{}", duration::words(within)));
        tests.push(Test::ExhaustsWithin { within, lookback });
    }
    if node.get("outage").is_some() {
        name.push("outage".to_owned());
        tests.extend(outage(node).map(|rule| rule.tests).or_else(|_| {
            let events = number("outage")?;
            let within = seconds("within")?.unwrap_or(86_400);
            Ok::<_, String>(vec![Test::Outage { events, within }])
        })?);
    }
    if let Some(length) = seconds("no_data")? {
        name.push(format!("no-data-{}", duration::words(length)));
        tests.push(Test::Silence(length));
    }
    if tests.is_empty() {
        return Err(
            "a rule needs burn, budget_left, exhausts_within, outage or no_data".to_owned(),
        );
    }
    let id = node.text_of("id").map(str::to_owned);
    Ok(Rule {
        id: id.unwrap_or_else(|| format!("{severity}-{}", name.join("-"))),
        severity,
        tests,
        for_s: seconds("for")?.unwrap_or(0),
        hold_s: seconds("hold")?.or(seconds("keep")?).unwrap_or(0),
        min_bad: number("min_bad")?,
        min_total: number("min_total")?,
    })
}
