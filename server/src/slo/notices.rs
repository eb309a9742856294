//! What is told besides the beginning and the end of incidents: budgets that go, data that stops, and what
//! is found out about an incident while it goes on.

use super::{
    Slos,
    board::{Unit, why_unknown},
    culprits::{self, Culprits},
    incidents::{Incident, Remembered},
};
use anyhow::Result;
use model::UnixNanos;
use notify::{Kind, Notification, notification::Incident as IncidentRef};
use serde::{Deserialize, Serialize};
use slo::{Ratio, Window, definition::Test, duration, evaluate::Moment};
use state::State;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;

/// How long after its beginning an incident may still be explained, seconds.
const EXPLAINED: i64 = 7_200;
/// Open incidents that are looked at per evaluation.
const MOST: usize = 50;
/// Objectives that are told of one by one when the data of all stops; more are told of together.
const MOST_SILENT: usize = 20;
/// Silence that is nothing unusual anywhere, seconds.
const SHORT: i64 = 900;
/// Slices with events that it takes to know what is usual.
const LEAST_SLICES: usize = 5;
/// Share of the budget that must come back before it is told again that it is gone.
const BACK: f64 = 0.05;

/// What was told of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The highest share that was told, in ten thousandths.
    pub share: i64,
    /// Begin of the calendar window that it is about.
    pub window: i64,
}

/// A silence that was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Silent {
    /// End of the last minute with events, seconds.
    pub since: i64,
    /// Key of the messages about it.
    pub key: String,
}

/// Something new about an incident that goes on.
pub(super) struct Followed {
    /// Position of its objective.
    pub unit: usize,
    number: u64,
    kind: Kind,
    culprits: Culprits,
}

fn nanos(second: i64) -> UnixNanos {
    UnixNanos(second.saturating_mul(1_000_000_000))
}

impl Slos {
    /// Looks whether open incidents can be explained now, or are not inhibited any more. `skip` are units
    /// about which something is decided anyway.
    pub(super) async fn follow(
        &self,
        snapshot: &Snapshot,
        units: &[Unit],
        memories: &BTreeMap<String, Remembered>,
        skip: &BTreeSet<usize>,
        now: i64,
    ) -> Result<Vec<Followed>> {
        let mut found = Vec::new();
        let mut looked = 0;
        for (index, unit) in units.iter().enumerate() {
            let held = memories
                .get(&unit.slo.name)
                .filter(|it| !it.open.is_empty());
            let Some(held) = held.filter(|_| !skip.contains(&index)) else {
                continue;
            };
            for number in held.open.values() {
                let Some(incident) = Incident::of(&self.0.state, *number)? else {
                    continue;
                };
                let released = incident.inhibited && !unit.memory.firing.contains_key("page");
                let unexplained = incident.verdict.is_none() && now - incident.fired_at < EXPLAINED;
                if looked >= MOST || incident.inhibited && !released || !released && !unexplained {
                    continue;
                }
                looked += 1;
                let from = incident.fired_at - 3_600;
                let verdict = culprits::verdict_of(&self.0.engine, snapshot, unit, from, now).await;
                if !released && verdict.is_none() {
                    continue;
                }
                found.push(Followed {
                    unit: index,
                    number: *number,
                    kind: if released {
                        Kind::Firing
                    } else {
                        Kind::Updated
                    },
                    culprits: culprits::of(&self.0.engine, snapshot, unit, from, now).await,
                });
            }
        }
        Ok(found)
    }

    /// Writes what was found out, and messages about it.
    pub(super) fn tell_followed(
        &self,
        changes: &state::Changes<'_>,
        units: &[Unit],
        followed: &[Followed],
        moment: Moment,
    ) -> Result<usize> {
        let mut told = 0;
        for it in followed {
            let Some(mut incident) = Incident::get(changes, it.number)? else {
                continue;
            };
            incident.inhibited = false;
            incident.verdict.clone_from(&it.culprits.verdict);
            incident.put(changes)?;
            let unit = &units[it.unit];
            let message = culprits::message(unit, &incident, it.kind, moment, &it.culprits);
            told += self.tell(changes, &message)?;
        }
        Ok(told)
    }

    /// The culprits of an incident that ends: of all of its time.
    pub(super) async fn at_its_end(
        &self,
        snapshot: &Snapshot,
        unit: &Unit,
        held: Option<&Remembered>,
        now: i64,
    ) -> Culprits {
        let open = held.into_iter().flat_map(|held| held.open.values());
        let begun = open
            .filter_map(|number| Incident::of(&self.0.state, *number).ok().flatten())
            .map(|incident| incident.fired_at)
            .min();
        match begun {
            Some(begun) => culprits::of(&self.0.engine, snapshot, unit, begun - 3_600, now).await,
            None => Culprits::default(),
        }
    }
}

/// Whether more of the budget is gone than was told; remembers it.
pub(super) fn budget(unit: &Unit, held: &mut Remembered, moment: Moment) -> Option<Notification> {
    if unit.not_measured.is_some() || unit.slo.budget_alerts.is_empty() {
        return None;
    }
    let budget = unit.evaluation().budget(moment);
    let spent = 1.0 - budget.remaining?;
    let bad = budget.counts.bad as f64 / unit.by.unit().max(1) as f64;
    if matches!(unit.slo.window, Window::Calendar(_)) && held.told.window != budget.from {
        held.told = Told {
            share: 0,
            window: budget.from,
        };
    }
    // One failure of few events is much of a small budget, and no news.
    if budget.allowed < 1.0 && bad < 3.0 {
        return None;
    }
    let crossed = unit.slo.budget_alerts.iter().rev();
    let crossed = crossed.copied().find(|it| spent >= it.to_f64() - 1e-12);
    let share = crossed.map_or(0, |it| (it.to_f64() * 1e4).round() as i64);
    let before = held.told.share;
    if spent < before as f64 / 1e4 - BACK {
        held.told.share = share;
    }
    let crossed = crossed.filter(|_| share > before)?;
    held.told.share = share;
    Some(budget_message(unit, crossed, spent, moment))
}

fn budget_message(unit: &Unit, crossed: Ratio, spent: f64, moment: Moment) -> Notification {
    let percent = crossed.times(Ratio::new(100, 1));
    let slo = &unit.slo;
    let budget = unit.evaluation().budget(moment);
    Notification {
        kind: Kind::BudgetThreshold,
        incident: IncidentRef {
            key: format!("{}/budget-{percent}/{}", slo.name, moment.now),
            since: nanos(moment.now),
            until: None,
            path: culprits::path(&slo.name),
        },
        severity: match crossed >= Ratio::new(9, 10) {
            true => "ticket".to_owned(),
            false => "info".to_owned(),
        },
        summary: format!(
            "{}: {:.1} % of the error budget is spent",
            slo.display_name,
            spent * 100.0
        ),
        rule: format!("{percent} % of the budget spent"),
        explain: format!(
            "{} bad of {:.2} allowed = {:.4} % of the budget, at least {percent} %",
            budget.counts.bad / unit.by.unit().max(1),
            budget.allowed,
            spent * 100.0
        ),
        ..culprits::standing(unit, moment)
    }
}

/// Silences that are new and that are over; remembers them.
pub(super) fn silences(
    units: &[Unit],
    memories: &mut BTreeMap<String, Remembered>,
    moment: Moment,
) -> Vec<Notification> {
    let stalled = moment.watermark < moment.now;
    let mut new: Vec<(&Unit, i64)> = Vec::new();
    let mut over: BTreeMap<String, Notification> = BTreeMap::new();
    for unit in units {
        let Some(held) = memories.get_mut(&unit.slo.name) else {
            continue;
        };
        let last = last_event(unit);
        if let Some(silent) = &held.silent {
            if last.is_some_and(|last| last > silent.since) {
                over.insert(silent.key.clone(), recovered(unit, silent, moment));
                held.silent = None;
            }
            continue;
        }
        if let Some(last) = last.filter(|last| is_unusual(unit, *last, moment.now)) {
            new.push((unit, last));
        }
    }
    let together = stalled && new.len() > MOST_SILENT;
    let mut told: BTreeMap<String, Notification> = BTreeMap::new();
    let number = new.len();
    for (unit, last) in new {
        let key = match together {
            true => format!("pipeline/no-data/{}", moment.watermark),
            false => format!("{}/no-data/{last}", unit.slo.name),
        };
        let silent = Silent {
            since: last,
            key: key.clone(),
        };
        told.entry(key).or_insert_with(|| {
            let mut message = no_data(unit, &silent, moment);
            if together {
                message.summary = format!("no data for {number} objectives: {}", message.explain);
            }
            message
        });
        memories.entry(unit.slo.name.clone()).or_default().silent = Some(silent);
    }
    over.into_values().chain(told.into_values()).collect()
}

/// End of the last minute with events, of an objective that silence can be told of.
fn last_event(unit: &Unit) -> Option<i64> {
    let slo = &unit.slo;
    let told_by_a_rule = || {
        let mut tests = slo.rules.iter().flat_map(|rule| &rule.tests);
        tests.any(|test| matches!(test, Test::Silence(_)))
    };
    let composite = matches!(slo.indicator, slo::Indicator::Composite(_));
    if unit.not_measured.is_some() || composite || slo.silent_after == Some(0) || told_by_a_rule() {
        return None;
    }
    let (last, _) = unit.base.slices().next_back()?;
    Some(last + unit.base.length())
}

/// Whether nobody would expect this silence: it is longer than what the definition says, or than three times
/// the longest of the week before.
fn is_unusual(unit: &Unit, last: i64, now: i64) -> bool {
    let silence = now - last;
    if unit.by.has_gone(last, now) {
        return false;
    }
    if let Some(after) = unit.slo.silent_after {
        return silence >= after;
    }
    if silence < SHORT {
        return false;
    }
    const WEEK: i64 = 7 * 86_400;
    let starts: Vec<i64> = unit
        .base
        .slices_from(last - WEEK)
        .map(|(start, _)| start)
        .collect();
    let gaps = starts.windows(2).map(|pair| pair[1] - pair[0]);
    let longest = gaps.max().unwrap_or(i64::MAX / 4);
    starts.len() >= LEAST_SLICES && silence >= (3 * longest).max(SHORT)
}

fn no_data(unit: &Unit, silent: &Silent, moment: Moment) -> Notification {
    let why = why_unknown(unit, moment);
    Notification {
        kind: Kind::NoData,
        incident: IncidentRef {
            key: silent.key.clone(),
            since: nanos(silent.since),
            until: None,
            path: culprits::path(&unit.slo.name),
        },
        severity: "ticket".to_owned(),
        summary: format!("{}: no data: {why}", unit.slo.display_name),
        rule: "no data".to_owned(),
        explain: why,
        ..culprits::standing(unit, moment)
    }
}

fn recovered(unit: &Unit, silent: &Silent, moment: Moment) -> Notification {
    let after = duration::words((moment.now - silent.since).max(60));
    Notification {
        kind: Kind::RecoveredData,
        incident: IncidentRef {
            key: silent.key.clone(),
            since: nanos(silent.since),
            until: Some(nanos(moment.now)),
            path: culprits::path(&unit.slo.name),
        },
        severity: "ticket".to_owned(),
        summary: format!("{}: data again after {after}", unit.slo.display_name),
        rule: "no data".to_owned(),
        explain: "events are counted again".to_owned(),
        ..culprits::standing(unit, moment)
    }
}

impl Incident {
    /// The one of this number, as last written.
    pub(super) fn of(state: &State, number: u64) -> Result<Option<Incident>> {
        Ok(state.get(super::incidents::INCIDENTS, &state::ordered(number))?)
    }
}
