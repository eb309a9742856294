//! Composites: in which order they can be put together, and which of them wait for each other.

use crate::{
    Finding, Indicator, Level, Slo,
    definition::{Part, Source},
};
use model::text::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// Composites in an order in which each stands behind its parts, and those that go in a circle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Names of the composites that can be put together, parts first.
    pub names: Vec<String>,
    /// Circles: each begins and ends with the same name.
    pub circles: Vec<Vec<String>>,
    /// Composites that have one in a circle among their parts, or are in one.
    pub stuck: Vec<String>,
}

impl Order {
    /// The circle in which an objective stands, beginning with it, as `a → b → a`.
    pub fn circle_of(&self, name: &str) -> Option<String> {
        self.circles.iter().find_map(|circle| {
            let at = circle.iter().position(|it| it == name)?;
            let once = &circle[..circle.len() - 1];
            let mut path: Vec<&str> = once.iter().map(String::as_str).collect();
            path.rotate_left(at % once.len().max(1));
            path.push(name);
            Some(path.join(" → "))
        })
    }
}

/// Orders the composites among the objectives.
pub fn order<'a>(slos: impl IntoIterator<Item = &'a Slo>) -> Order {
    let parts: BTreeMap<&str, &[Part]> = slos
        .into_iter()
        .filter_map(|slo| match &slo.indicator {
            Indicator::Composite(parts) => Some((slo.name.as_str(), parts.as_slice())),
            _ => None,
        })
        .collect();
    // Of each composite: how many of its parts are composites that are not in order yet.
    let inner = |name: &str| -> BTreeSet<&str> {
        let all = parts.get(name).copied().unwrap_or_default().iter();
        let names = all.map(|part| part.slo.as_str());
        names.filter(|name| parts.contains_key(name)).collect()
    };
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in parts.keys() {
        let inner = inner(name);
        waiting.insert(name, inner.len());
        for part in inner {
            users.entry(part).or_default().push(name);
        }
    }
    let free = waiting.iter().filter(|(_, count)| **count == 0);
    let mut ready: Vec<&str> = free.map(|(name, _)| *name).collect();
    let mut found = Order::default();
    while let Some(name) = ready.pop() {
        found.names.push(name.to_owned());
        waiting.remove(name);
        for user in users.get(name).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    ready.push(user);
                }
            }
        }
    }
    let stuck: BTreeSet<&str> = waiting.into_keys().collect();
    // From any of them a part that is stuck as well leads on, and at last around.
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for begin in &stuck {
        let mut path: Vec<&str> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut at = *begin;
        while seen.insert(at) {
            places.insert(at, path.len());
            path.push(at);
            let next = inner(at).into_iter().find(|it| stuck.contains(it));
            let Some(next) = next else { break };
            at = next;
        }
        if let Some(first) = places.get(at) {
            let mut circle: Vec<String> =
                path[*first..].iter().map(|it| (*it).to_owned()).collect();
            circle.push(at.to_owned());
            found.circles.push(circle);
        }
    }
    found.stuck = stuck.into_iter().map(str::to_owned).collect();
    found
}

/// These objectives and all that are parts of them, however deep.
pub fn with_parts<'a>(
    names: impl IntoIterator<Item = &'a str>,
    slos: impl IntoIterator<Item = &'a Slo>,
) -> BTreeSet<&'a str> {
    let known: BTreeMap<&str, &Slo> = slos.into_iter().map(|it| (it.name.as_str(), it)).collect();
    let mut waiting: Vec<&str> = names.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        let Some((name, slo)) = known.get_key_value(name) else {
            continue;
        };
        if let (true, Indicator::Composite(parts)) = (found.insert(*name), &slo.indicator) {
            waiting.extend(parts.iter().map(|part| part.slo.as_str()));
        }
    }
    found
}

/// What is wrong with the parts of composites: names that nobody has, groups, circles.
pub fn check(slos: &[Slo]) -> Vec<Finding> {
    let known: BTreeMap<&str, &Slo> = slos.iter().map(|it| (it.name.as_str(), it)).collect();
    let order = order(slos);
    let mut found = Vec::new();
    for slo in slos {
        let Indicator::Composite(parts) = &slo.indicator else {
            continue;
        };
        for part in parts {
            let text = match known.get(part.slo.as_str()) {
                None => unknown(&part.slo, known.keys().copied()),
                Some(other) if other.group_by.is_some() => format!(
                    "its part {} is an objective for each {}: a part has no groups",
                    part.slo,
                    other.group_by.as_deref().unwrap_or_default()
                ),
                Some(_) => continue,
            };
            found.push(error(&slo.source, &slo.name, "composite-part", text));
        }
        if let Some(circle) = order.circle_of(&slo.name) {
            let text = format!("it is a part of itself: {circle}");
            found.push(error(&slo.source, &slo.name, "composite-cycle", text));
        }
    }
    found
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => {
            let some: Vec<&str> = known.take(10).collect();
            format!("there are {}", some.join(", "))
        }
    };
    format!("there is no objective {name} to be a part of it; {hint}")
}

fn error(source: &Source, slo: &str, rule: &'static str, text: String) -> Finding {
    Finding {
        level: Level::Error,
        rule,
        file: source.file.clone(),
        line: source.line,
        slo: Some(slo.to_owned()),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    fn said(text: &str) -> Vec<String> {
        let loaded = read::read(&[("f.yaml".to_owned(), text.to_owned())]);
        let of = loaded.findings.iter();
        of.filter(|it| it.rule.starts_with("composite-"))
            .map(|it| format!("{}: {}", it.slo.clone().unwrap_or_default(), it.text))
            .collect()
    }

    #[test]
    fn circles_are_named_and_what_hangs_on_them_is_not_blamed() {
        let text = "\
slos:
  - {slo: a, target: 99%, composite: [b, plain]}
  - {slo: b, target: 99%, composite: [c, plain]}
  - {slo: c, target: 99%, composite: [a, plain]}
  - {slo: outside, target: 99%, composite: [a, plain]}
  - {slo: alone, target: 99%, composite: [alone, plain]}
  - {slo: top, target: 99%, composite: [fine, plain]}
  - {slo: fine, target: 99%, composite: [plain, plain]}
  - {slo: plain, target: 99%, indicator: {workflow: w}}
";
        assert_eq!(
            said(text),
            [
                "a: it is a part of itself: a → b → c → a",
                "b: it is a part of itself: b → c → a → b",
                "c: it is a part of itself: c → a → b → c",
                "alone: it is a part of itself: alone → alone",
            ]
        );
        let loaded = read::read(&[("f.yaml".to_owned(), text.to_owned())]);
        let order = order(&loaded.slos);
        assert_eq!(order.names, ["fine", "top"]);
        assert_eq!(order.stuck, ["a", "alone", "b", "c", "outside"]);
        let needed = |name| {
            with_parts([name], &loaded.slos)
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(needed("top"), ["fine", "plain", "top"]);
        assert_eq!(needed("outside"), ["a", "b", "c", "outside", "plain"]);
        assert!(needed("nobody").is_empty());
    }

    #[test]
    fn unknown_parts_are_told_with_what_there_is() {
        let text = "\
slos:
  - {slo: both, target: 99%, composite: [orders-avail, zebra]}
  - {slo: orders-fast, target: 99%, indicator: {workflow: w}}
  - {slo: orders-avails, target: 99%, indicator: {workflow: w}, group_by: tenant}
  - {slo: per-tenant, target: 99%, composite: [orders-avails, orders-fast]}
";
        assert_eq!(
            said(text),
            [
                "both: there is no objective orders-avail to be a part of it; did you mean orders-avails?",
                "both: there is no objective zebra to be a part of it; there are both, orders-avails, orders-fast, per-tenant",
                "per-tenant: its part orders-avails is an objective for each tenant: a part has no groups",
            ]
        );
    }

    #[test]
    fn a_long_chain_is_ordered() {
        let mut text =
            String::from("slos:\n  - {slo: c0, target: 99%, indicator: {workflow: w}}\n");
        for number in 1..3_000 {
            text += &format!(
                "  - {{slo: c{number}, target: 99%, composite: [c{}, c0]}}\n",
                number - 1
            );
        }
        let loaded = read::read(&[("f.yaml".to_owned(), text)]);
        let order = order(&loaded.slos);
        assert_eq!(order.names.len(), 2_999);
        assert_eq!(order.names[2_998], "c2999");
        assert!(order.circles.is_empty());
    }
}
