//! The state of rules and severities through evaluations: firing, resolved, unknown.
//!
//! A rule fires at the first evaluation at least `for` after its condition became true without a break,
//! and is resolved at the first evaluation at least `hold` after it became false. Unknown neither fires
//! nor resolves. A severity is one incident from its first firing rule to the end of its last.

use crate::{
    definition::{Rule, Slo},
    evaluate::{Evaluation, Moment},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a rule or severity changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It fires.
    Firing,
    /// It does not any more.
    Resolved,
    /// Nobody knows any more.
    Unknown,
}

impl Change {
    /// The word as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Firing => "firing",
            Change::Resolved => "resolved",
            Change::Unknown => "unknown",
        }
    }
}

/// A change at an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Evaluation time, seconds.
    pub at: i64,
    /// Severity.
    pub severity: String,
    /// Rule; of a severity the one that brought the change about.
    pub rule: String,
    /// To what.
    pub to: Change,
}

/// What is remembered of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleMemory {
    /// Since when its condition is true.
    pub true_since: Option<i64>,
    /// Since when it is false while the rule fires.
    pub false_since: Option<i64>,
    /// Since when nobody knows.
    pub unknown_since: Option<i64>,
    /// Since when it fires.
    pub firing_since: Option<i64>,
    /// True once its condition was known.
    pub known: bool,
}

/// What is remembered of an objective.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// By rule.
    pub rules: BTreeMap<String, RuleMemory>,
    /// Severities that fire, and since when.
    pub firing: BTreeMap<String, i64>,
}

/// What an evaluation changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Of rules.
    pub rules: Vec<Transition>,
    /// Of severities.
    pub severities: Vec<Transition>,
}

impl RuleMemory {
    /// Takes in whether the condition is true now; says what changed.
    fn step(&mut self, rule: &Rule, now: i64, is: Option<bool>) -> Option<Change> {
        match is {
            None => {
                let first = self.unknown_since.is_none() && self.known;
                self.unknown_since.get_or_insert(now);
                // A break in what is known is a break in "without a break".
                if self.firing_since.is_none() {
                    self.true_since = None;
                }
                self.false_since = None;
                first.then_some(Change::Unknown)
            }
            Some(true) => {
                let returned = self.unknown_since.take().is_some();
                self.known = true;
                self.false_since = None;
                let since = *self.true_since.get_or_insert(now);
                if self.firing_since.is_some() {
                    return returned.then_some(Change::Firing);
                }
                (now - since >= rule.for_s).then(|| {
                    self.firing_since = Some(now);
                    Change::Firing
                })
            }
            Some(false) => {
                self.unknown_since = None;
                self.known = true;
                self.true_since = None;
                self.firing_since?;
                let since = *self.false_since.get_or_insert(now);
                (now - since >= rule.hold_s).then(|| {
                    self.firing_since = None;
                    self.false_since = None;
                    Change::Resolved
                })
            }
        }
    }
}

impl Memory {
    /// Evaluates every rule and remembers.
    pub fn step(&mut self, evaluation: &Evaluation<'_>, moment: Moment) -> Changes {
        let rules = &evaluation.slo.rules;
        let states = rules.iter().map(|rule| evaluation.rule(rule, moment));
        let states: Vec<Option<bool>> = states.collect();
        self.take(evaluation.slo, moment.now, &states)
    }

    /// Takes in the state of every rule, in the order of the definition.
    pub fn take(&mut self, slo: &Slo, now: i64, states: &[Option<bool>]) -> Changes {
        let mut changes = Changes::default();
        for (rule, is) in slo.rules.iter().zip(states) {
            let memory = self.rules.entry(rule.id.clone()).or_default();
            if let Some(to) = memory.step(rule, now, *is) {
                changes.rules.push(Transition {
                    at: now,
                    severity: rule.severity.clone(),
                    rule: rule.id.clone(),
                    to,
                });
            }
        }
        // A rule that is gone from the definition cannot keep an incident open.
        self.rules
            .retain(|id, _| slo.rules.iter().any(|rule| rule.id == *id));
        self.settle(slo, now, &mut changes);
        changes
    }

    /// Severities follow their rules.
    fn settle(&mut self, slo: &Slo, now: i64, changes: &mut Changes) {
        let mut severities: Vec<&str> = slo
            .rules
            .iter()
            .map(|rule| rule.severity.as_str())
            .collect();
        severities.extend(self.firing.keys().map(String::as_str));
        let mut severities: Vec<String> = severities.into_iter().map(str::to_owned).collect();
        severities.sort_unstable();
        severities.dedup();
        for severity in severities {
            let of = slo.rules.iter().filter(|rule| rule.severity == severity);
            let firing = of.clone().find(|rule| {
                let memory = self.rules.get(&rule.id);
                memory.is_some_and(|memory| memory.firing_since.is_some())
            });
            let fired = self.firing.contains_key(&severity);
            let to = match (fired, firing) {
                (false, Some(_)) => Change::Firing,
                (true, None) => Change::Resolved,
                _ => continue,
            };
            let cause = |change: &&Transition| change.severity == severity && change.to == to;
            let rule = changes.rules.iter().find(cause).map(|it| it.rule.clone());
            match to {
                Change::Firing => self.firing.insert(severity.clone(), now),
                _ => self.firing.remove(&severity),
            };
            changes.severities.push(Transition {
                at: now,
                severity,
                rule: rule.unwrap_or_default(),
                to,
            });
        }
    }

    /// True when every firing rule of a severity is unknown.
    pub fn is_unknown(&self, slo: &Slo, severity: &str) -> bool {
        let mut firing = slo
            .rules
            .iter()
            .filter(|rule| rule.severity == severity)
            .filter_map(|rule| self.rules.get(&rule.id))
            .filter(|memory| memory.firing_since.is_some())
            .peekable();
        firing.peek().is_some() && firing.all(|memory| memory.unknown_since.is_some())
    }
}
