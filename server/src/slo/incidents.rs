//! Incidents: one per objective and severity at a time, from its first firing rule to the end of its last.

use super::board::Unit;
use anyhow::Result;
use model::api::slo::{AlertRow, TransitionRow};
use serde::{Deserialize, Serialize};
use slo::{
    alert::{Memory, Transition},
    definition::Test,
    duration,
    evaluate::Moment,
};
use state::{Changes, State};

/// Collection of incidents, by number.
pub(super) const INCIDENTS: &str = "slo_incidents";
/// Collection of the memory of objectives, by name.
const MEMORIES: &str = "slo_memories";
/// Incidents that are kept.
const MOST_INCIDENTS: u64 = 10_000;
/// Changes of rules that one incident keeps.
const MOST_CHANGES: usize = 200;

/// One of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Incident {
    /// Number, from 1.
    pub number: u64,
    /// Id: the same in every message about it.
    pub key: String,
    /// Objective.
    pub slo: String,
    /// Group.
    pub group: Option<String>,
    /// Severity.
    pub severity: String,
    /// The rule that fired first.
    pub rule: String,
    /// When it fired, seconds.
    pub fired_at: i64,
    /// When it was resolved.
    pub resolved_at: Option<i64>,
    /// True while it fires and nobody knows.
    pub unknown: bool,
    /// The formula with the numbers.
    pub explain: String,
    /// Burn over the long window when it fired.
    pub burn_long: Option<f64>,
    /// Over the short one.
    pub burn_short: Option<f64>,
    /// What both exceeded.
    pub threshold: Option<f64>,
    /// Budget left when it fired.
    pub budget_remaining: Option<f64>,
    /// Seconds by which data came late.
    pub detected_late_s: Option<i64>,
    /// True when another severity speaks for it.
    pub inhibited: bool,
    /// What the inquests into its bad executions found, as last told.
    pub verdict: Option<String>,
    /// Changes of rules.
    pub timeline: Vec<Transition>,
}

/// What is remembered of an objective through restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Rules and severities.
    pub memory: Memory,
    /// Numbers of open incidents, by severity.
    pub open: std::collections::BTreeMap<String, u64>,
    /// Changes when what it measures changes.
    pub generation: String,
    /// The text of the definition under which it fires, while a newer one is not covered yet.
    pub former: Option<Former>,
    /// What was told of its budget.
    pub told: super::notices::Told,
    /// The silence that was told.
    pub silent: Option<super::notices::Silent>,
}

/// A definition that has been replaced and still alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Former {
    /// Where it was written.
    pub file: String,
    /// As written.
    pub text: String,
    /// Files that it refers to, by name, as they were written.
    #[serde(default)]
    pub with: Vec<(String, String)>,
}

impl Incident {
    /// Writes it.
    pub fn put(&self, changes: &Changes<'_>) -> state::Result<()> {
        changes.put(INCIDENTS, &state::ordered(self.number), self)
    }

    /// A number for a new one.
    pub fn next_number(changes: &Changes<'_>) -> state::Result<u64> {
        changes.trim(INCIDENTS, MOST_INCIDENTS)?;
        changes.next_number(INCIDENTS)
    }

    /// The one of this number.
    pub fn get(changes: &Changes<'_>, number: u64) -> state::Result<Option<Incident>> {
        changes.get(INCIDENTS, &state::ordered(number))
    }

    /// Notes changes of its rules.
    pub fn note(&mut self, changed: impl Iterator<Item = Transition>) {
        self.timeline.extend(changed);
        let more = self.timeline.len().saturating_sub(MOST_CHANGES);
        self.timeline.drain(..more);
    }

    /// As the API tells it.
    pub fn to_api(&self) -> AlertRow {
        let nanos = |second: i64| second.saturating_mul(1_000_000_000).to_string();
        let state = match (self.resolved_at, self.unknown) {
            (Some(_), _) => "resolved",
            (None, true) => "unknown",
            (None, false) => "firing",
        };
        AlertRow {
            incident: self.key.clone(),
            slo: self.slo.clone(),
            group: self.group.clone(),
            severity: self.severity.clone(),
            state: state.to_owned(),
            rule: self.rule.clone(),
            fired_at: nanos(self.fired_at),
            resolved_at: self.resolved_at.map(nanos),
            explain: self.explain.clone(),
            burn_long: self.burn_long,
            burn_short: self.burn_short,
            threshold: self.threshold,
            budget_remaining: self.budget_remaining,
            detected_late_s: self.detected_late_s,
            inhibited: self.inhibited,
            timeline: self
                .timeline
                .iter()
                .map(|change| TransitionRow {
                    t: nanos(change.at),
                    severity: change.severity.clone(),
                    rule: change.rule.clone(),
                    state: change.to.as_str().to_owned(),
                })
                .collect(),
        }
    }
}

/// All incidents, the newest first.
///
/// # Errors
/// When the state cannot be read.
pub fn all(state: &State) -> Result<Vec<Incident>> {
    let mut incidents: Vec<Incident> = state
        .list(INCIDENTS)?
        .into_iter()
        .map(|(_, it)| it)
        .collect();
    incidents.reverse();
    Ok(incidents)
}

/// What is remembered, by objective.
///
/// # Errors
/// When the state cannot be read.
pub fn memories(state: &State) -> Result<std::collections::BTreeMap<String, Remembered>> {
    Ok(state.list(MEMORIES)?.into_iter().collect())
}

/// Remembers an objective; nothing is left of one that has nothing to remember.
pub fn remember(changes: &Changes<'_>, name: &str, what: &Remembered) -> state::Result<()> {
    if what == &Remembered::default() {
        changes.remove(MEMORIES, name)?;
        return Ok(());
    }
    changes.put(MEMORIES, name, what)
}

/// A new incident.
pub(super) fn fired(
    unit: &Unit,
    change: &Transition,
    moment: Moment,
    number: u64,
    first: bool,
) -> Incident {
    let slo = &unit.slo;
    let evaluation = unit.evaluation();
    let rule = slo.rules.iter().find(|rule| rule.id == change.rule);
    let mut incident = Incident {
        number,
        key: format!("{}/{}/{}", slo.name, change.severity, change.at),
        slo: slo.name.clone(),
        group: unit.group.clone(),
        severity: change.severity.clone(),
        rule: change.rule.clone(),
        fired_at: change.at,
        budget_remaining: evaluation.budget(moment).remaining,
        inhibited: slo.inhibit
            && change.severity != "page"
            && unit.memory.firing.contains_key("page"),
        ..Incident::default()
    };
    let Some(rule) = rule else { return incident };
    incident.explain = evaluation.explain(rule, moment);
    if let Some(Test::Burn {
        windows, factor, ..
    }) = rule.tests.first()
    {
        incident.threshold = Some(factor.to_f64());
        incident.burn_long = windows.first().and_then(|it| evaluation.burn(moment, *it));
        incident.burn_short = windows.get(1).and_then(|it| evaluation.burn(moment, *it));
    }
    // With what is known now it would have fired earlier: data came late.
    if !first && rule.for_s == 0 {
        const MOST_MINUTES: i64 = 1_440;
        let earlier = (1..MOST_MINUTES)
            .take_while(|ago| {
                let then = moment.now - ago * 60;
                evaluation.rule(rule, Moment::complete(then)) == Some(true)
            })
            .count() as i64;
        if earlier > 0 {
            incident.detected_late_s = Some(earlier * 60);
            incident.explain += &format!("; detected late by {}", duration::words(earlier * 60));
        }
    }
    incident
}
