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
    let within = node.text_of("within").map_or(Some(86_400), |text| {
        duration::seconds(text).filter(|it| *it >= 60)
    });
    let severity = node.text_of("severity").unwrap_or("page");
    Ok(Rule {
        id: format!("{severity}-outage"),
        severity: severity.to_owned(),
        tests: vec![Test::Outage {
            events: events.ok_or("outage is a number of failures in a row, such as 5")?,
            within: within.ok_or("within is a length of time of at least 1m, such as 1d")?,
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
    // Nothing is counted in less than a minute.
    let stretch = |key: &str| match seconds(key)? {
        Some(length) if length < 60 => Err(format!("{key} is at least 1m, not {length}s")),
        length => Ok(length),
    };
    let or_equal = match node.text_of("compare") {
        None | Some(">" | "gt") => false,
        Some(">=" | "gte") => true,
        Some(_) => return Err("compare is > or >=".to_owned()),
    };
    let severity = node.text_of("severity").unwrap_or("page").to_owned();
    if severity.trim().is_empty() {
        return Err("severity is a word such as page or ticket".to_owned());
    }
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
        let factor = burn(node, slo, long)?;
        name.extend(windows.iter().map(|it| duration::words(*it)));
        tests.push(Test::Burn {
            windows,
            factor,
            or_equal,
        });
    }
    if let Some(text) = node.text_of("budget_left") {
        let share = super::share(text).ok_or("budget_left is a share such as 10% or 0")?;
        if !(Ratio::ZERO..Ratio::ONE).contains(&share) {
            return Err(format!(
                "budget_left is {text}: give a share from 0 to less than 100%; all of it is left to begin with"
            ));
        }
        name.push(format!("budget-{}", share.times(Ratio::new(100, 1))));
        tests.push(Test::BudgetAtMost(share));
    }
    if let Some(within) = stretch("exhausts_within")? {
        let lookback = stretch("lookback")?.unwrap_or(3_600);
        name.push(format!("exhausts-{}", duration::words(within)));
        tests.push(Test::ExhaustsWithin { within, lookback });
    }
    if node.get("outage").is_some() {
        name.push("outage".to_owned());
        tests.extend(match node.get("outage").filter(|it| it.is_map()) {
            Some(inner) => outage(inner)?.tests,
            None => {
                let events = number("outage")?;
                if events == 0 {
                    return Err("outage is a number of failures in a row, such as 5".to_owned());
                }
                let within = stretch("within")?.unwrap_or(86_400);
                vec![Test::Outage { events, within }]
            }
        });
    }
    if let Some(length) = stretch("no_data")? {
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

/// The factor of a burn rule: as it is said, or the one at which a share of the budget goes in the long window.
fn burn(node: &Node, slo: &Slo, long: i64) -> Result<Ratio, String> {
    match (node.text_of("burn"), node.text_of("budget")) {
        (Some(_), Some(_)) => Err("burn and budget say the same: give one of them".to_owned()),
        (Some(text), None) => Ratio::parse(text)
            .filter(|it| *it >= Ratio::ZERO)
            .ok_or_else(|| format!("burn is {text:?}: give a number such as 14.4")),
        (None, text) => {
            let text = text.unwrap_or_default();
            let share = super::share(text).filter(|it| (Ratio::ZERO..=Ratio::ONE).contains(it));
            let share =
                share.ok_or_else(|| format!("budget is {text:?}: give a share such as 2%"))?;
            Ok(factor(share, slo.window.nominal_seconds(), long))
        }
    }
}
