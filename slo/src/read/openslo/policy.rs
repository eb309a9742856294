//! Alert policies and conditions of OpenSLO.

use super::{ALERTING, referred};
use crate::{
    Ratio, Slo,
    definition::{Rule, Test},
    duration,
    lint::{Findings, Level},
    node::Node,
    read::{Context, conditions, own},
};

/// Least silence that is told, seconds.
const QUIET: i64 = 15 * 60;

pub(super) fn rules(
    slo: &mut Slo,
    spec: &Node,
    context: &Context<'_>,
    found: &mut Findings,
) -> Vec<Rule> {
    let name = slo.name.clone();
    let policies = spec.items_of("alertPolicies");
    match (
        slo.annotations.get(ALERTING).map(String::as_str),
        policies.is_empty(),
    ) {
        (Some("none"), _) => return Vec::new(),
        (Some("workbook"), _) => return own::usual(slo),
        (_, true) => {
            let usual = own::usual(slo);
            // In a short window none of them has room; that nobody is told is said of any dialect.
            if !usual.is_empty() {
                let text = format!(
                    "it has no alertPolicies: those of the SRE workbook hold; {ALERTING}: none for none"
                );
                found.say(Level::Note, "workbook", spec.line, Some(&name), text);
            }
            return usual;
        }
        _ => {}
    }
    let mut rules = Vec::new();
    let mut dangling = 0;
    let mut told = Told::default();
    for policy in policies {
        let named = policy.text().map(|_| policy);
        let named = named.or_else(|| policy.get("alertPolicyRef"));
        let policy = match named {
            Some(reference) => referred("AlertPolicy", reference, &name, context, found),
            None => Some(policy),
        };
        let Some(policy) = policy else {
            dangling += 1;
            continue;
        };
        let title = policy
            .at(&["metadata", "name"])
            .and_then(Node::text)
            .unwrap_or("policy");
        let body = policy.get("spec").unwrap_or(policy);
        told.note(body);
        rules.extend(policy_rule(title, body, &name, context, found));
        for target in body.items_of("notificationTargets") {
            let receiver = target
                .text_of("targetRef")
                .or_else(|| target.at(&["metadata", "name"])?.text());
            let receiver = receiver.map(str::to_owned);
            slo.receivers
                .extend(receiver.filter(|it| !slo.receivers.contains(it)));
        }
    }
    if dangling == policies.len() {
        let usual = own::usual(slo);
        let text = match usual.is_empty() {
            false => {
                "none of its alertPolicies is in the files given: those of the SRE workbook hold meanwhile"
            }
            true => "none of its alertPolicies is in the files given",
        };
        found.say(Level::Warning, "workbook", spec.line, Some(&name), text);
        return usual;
    }
    told.settle(slo, &rules);
    conditions::unique(&mut rules);
    paired(rules, &name, spec.line, found)
}

/// What policies say of telling ends and silence.
#[derive(Default)]
struct Told {
    policies: usize,
    /// Policies that say `alertWhenResolved: false`.
    no_end: usize,
    /// Those that say `alertWhenNoData: true`, and `false`.
    no_data: usize,
    data_only: usize,
}

impl Told {
    fn note(&mut self, policy: &Node) {
        let says = |key: &str, word: &str| usize::from(policy.text_of(key) == Some(word));
        self.policies += 1;
        self.no_end += says("alertWhenResolved", "false");
        self.no_data += says("alertWhenNoData", "true");
        self.data_only += says("alertWhenNoData", "false");
    }

    /// An end is told unless every policy says otherwise: their rules are one incident. Silence is told after
    /// the longest window that a rule looks back on, a quarter of an hour at least.
    fn settle(&self, slo: &mut Slo, rules: &[Rule]) {
        slo.send_resolved = self.no_end < self.policies;
        if self.no_data > 0 {
            let windows = rules.iter().flat_map(|rule| &rule.tests);
            let windows = windows.filter_map(|test| match test {
                Test::Burn { windows, .. } => windows.iter().max().copied(),
                _ => None,
            });
            slo.silent_after = Some(windows.max().unwrap_or_default().max(QUIET));
        } else if self.data_only == self.policies {
            slo.silent_after = Some(0);
        }
    }
}

/// Policies named in pairs, `…-long` and `…-short` or `…_long` and `…_short`, are one rule each pair: that
/// is how opensloctl writes the multi-window rule, for which v1 has no form.
fn paired(rules: Vec<Rule>, slo: &str, line: u64, found: &mut Findings) -> Vec<Rule> {
    let stem = |id: &str, word: &str| {
        let head = id.strip_suffix(word)?;
        let head = head.strip_suffix(['-', '_', '.', ' '])?;
        (!head.is_empty()).then(|| head.to_owned())
    };
    let mut all: Vec<Rule> = Vec::new();
    let mut shorts: Vec<Rule> = Vec::new();
    for rule in rules {
        match stem(&rule.id, "short") {
            Some(_) => shorts.push(rule),
            None => all.push(rule),
        }
    }
    for short in shorts {
        let name = stem(&short.id, "short").unwrap_or_default();
        let long = all.iter_mut().find(|it| {
            stem(&it.id, "long").as_deref() == Some(&name) && it.severity == short.severity
        });
        let Some(long) = long else {
            all.push(short);
            continue;
        };
        let text = format!(
            "{} and {} are taken as one rule: both must be true",
            long.id, short.id
        );
        found.say(Level::Note, "paired-policies", line, Some(slo), text);
        long.id = name;
        long.for_s = long.for_s.max(short.for_s);
        long.tests.extend(short.tests);
    }
    all
}

/// A policy is one rule: all of its conditions together.
fn policy_rule(
    title: &str,
    body: &Node,
    slo: &str,
    context: &Context<'_>,
    found: &mut Findings,
) -> Option<Rule> {
    if body.text_of("alertWhenBreaching") == Some("false") {
        return None;
    }
    let conditions = body.items_of("conditions");
    if conditions.len() > 1 {
        let text = format!(
            "{title} has {} conditions: all must be true (v1 allows one)",
            conditions.len()
        );
        found.say(
            Level::Warning,
            "many-conditions",
            body.line,
            Some(slo),
            text,
        );
    }
    let mut rule = Rule {
        id: title.to_owned(),
        severity: String::new(),
        tests: Vec::new(),
        for_s: 0,
        hold_s: 0,
        min_bad: 1,
        min_total: 1,
    };
    for condition in conditions {
        let named = condition.text().map(|_| condition);
        let node = match named.or_else(|| condition.get("conditionRef")) {
            Some(reference) => referred("AlertCondition", reference, slo, context, found)?,
            None => condition,
        };
        let spec = node.get("spec").unwrap_or(node);
        match self::condition(spec, found, slo) {
            Ok((test, wait)) => {
                rule.tests.push(test);
                rule.for_s = rule.for_s.max(wait);
            }
            Err(text) => {
                found.say(
                    Level::Error,
                    "condition",
                    node.line,
                    Some(slo),
                    format!("{title}: {text}"),
                );
                return None;
            }
        }
        let severity = spec.text_of("severity").unwrap_or("page").to_lowercase();
        rule.severity = severity;
    }
    (!rule.tests.is_empty()).then_some(rule)
}

/// A condition, and for how long it must be true.
fn condition(spec: &Node, found: &mut Findings, slo: &str) -> Result<(Test, i64), String> {
    let line = spec.line;
    let inner = spec.get("condition").unwrap_or(spec);
    let kind = inner.text_of("kind").unwrap_or("burnrate").to_lowercase();
    if !matches!(kind.replace(['-', '_'], "").as_str(), "burnrate") {
        return Err(format!(
            "there is no condition of kind {kind:?} in OpenSLO: only burnrate is evaluated"
        ));
    }
    if kind != "burnrate" {
        let text = format!("the kind is written burnrate, not {kind}");
        found.say(Level::Warning, "condition-kind", line, Some(slo), text);
    }
    let op = inner.text_of("op").unwrap_or("gt");
    let or_equal = match op {
        "gt" | ">" => false,
        "gte" | ">=" => true,
        "lt" | "lte" | "<" | "<=" => {
            return Err(format!(
                "op {op} fires while all is well and is silent while the budget burns: say gt or gte"
            ));
        }
        other => return Err(format!("op is {other:?}: give gt or gte")),
    };
    let factor = inner.text_of("threshold").and_then(Ratio::parse);
    let factor = factor.ok_or("threshold is a burn rate such as 14.4")?;
    let lookback = inner.text_of("lookbackWindow").unwrap_or_default();
    let positive = lookback.trim_start_matches('-');
    if positive != lookback {
        let text = format!("lookbackWindow {lookback} is taken as {positive}");
        found.say(Level::Warning, "negative-lookback", line, Some(slo), text);
    }
    let window = duration::seconds(positive).filter(|it| *it >= 60);
    let window = window.ok_or("lookbackWindow is a length of time of at least 1m, such as 1h")?;
    let wait = match inner.text_of("alertAfter") {
        None => 0,
        Some(text) => duration::seconds(text.trim_start_matches('-'))
            .ok_or_else(|| format!("alertAfter is {text:?}, which is no length of time"))?,
    };
    let test = Test::Burn {
        windows: vec![window],
        factor,
        or_equal,
    };
    Ok((test, wait))
}

/// What can be said of an object that is no SLO.
pub(in crate::read) fn check(node: &Node, context: &Context<'_>, found: &mut Findings) {
    let name = node
        .at(&["metadata", "name"])
        .and_then(Node::text)
        .unwrap_or("?");
    let spec = node.get("spec").unwrap_or(node);
    match node.text_of("kind").unwrap_or_default() {
        "AlertCondition" => {
            if let Err(text) = condition(spec, found, name) {
                found.say(
                    Level::Error,
                    "condition",
                    node.line,
                    None,
                    format!("{name}: {text}"),
                );
            }
        }
        "AlertPolicy" => {
            for condition in spec.items_of("conditions") {
                if let Some(reference) = condition.get("conditionRef") {
                    referred("AlertCondition", reference, name, context, found);
                }
            }
        }
        "DataSource" => {
            let details = spec.get("connectionDetails").map_or(&[][..], Node::entries);
            let secret = |key: &str| {
                let key = key.to_lowercase();
                ["secret", "password", "token", "key"]
                    .iter()
                    .any(|word| key.contains(word))
            };
            if details.iter().any(|(key, _)| secret(key)) {
                let text =
                    format!("{name}: a secret in a definition is read by everybody: take it out");
                found.say(Level::Warning, "secret", node.line, None, text);
            }
        }
        "SLI" | "Service" | "AlertNotificationTarget" => {}
        other => {
            let text = format!("OpenSLO has no kind {other:?}");
            found.say(Level::Error, "unknown-kind", node.line, None, text);
        }
    }
}
