//! How every objective stands at a moment.

use super::series::{Shelf, key, with_overdue};
use super::{count::Counted, definitions::Definitions};
use model::api::slo::{SloRow, SloStatus};
use slo::{
    Indicator, Ratio, Series, Slo, Window,
    alert::Memory,
    definition::Method,
    evaluate::{Evaluation, Moment},
    measure::Good,
};
use std::{collections::BTreeMap, sync::Arc};

/// The share of a rule's window that must be covered by data, unless the definition says otherwise.
pub const COVERAGE: (i128, i128) = (9, 10);
/// Steps of the small line in the overview.
const TREND: i64 = 30;
/// Budget below which an objective is at risk.
const LOW: f64 = 0.1;

/// One objective, or one group of one.
#[derive(Debug, Clone)]
pub struct Unit {
    /// What is promised; its name has the group behind a colon.
    pub slo: Arc<Slo>,
    /// Value of the group.
    pub group: Option<String>,
    /// Events by minute.
    pub base: Arc<Series>,
    /// Counted by its method, without excluded time.
    pub by: Arc<Series>,
    /// The state of its alerts.
    pub memory: Memory,
    /// As in the overview.
    pub row: SloRow,
    /// Why it is not measured.
    pub not_measured: Option<String>,
}

/// All of them, at a moment.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// In the order of the definitions.
    pub units: Vec<Arc<Unit>>,
    /// What they were made of.
    pub definitions: Arc<Definitions>,
    /// The moment, seconds; `None` before the first evaluation.
    pub now: Option<i64>,
    /// Until when data has arrived.
    pub watermark: i64,
    /// How long the last evaluation took, seconds.
    pub took_s: f64,
    /// Evaluations so far.
    pub evaluations: u64,
    /// Indicators that are counted.
    pub indicators: usize,
}

impl Board {
    /// The unit of this name.
    pub fn unit(&self, name: &str) -> Option<&Arc<Unit>> {
        self.units.iter().find(|unit| unit.slo.name == name)
    }

    /// The moment of the last evaluation.
    pub fn moment(&self) -> Moment {
        let now = self.now.unwrap_or_default();
        Moment {
            now,
            watermark: self.watermark,
        }
    }
}

impl Unit {
    /// Its numbers.
    pub fn evaluation(&self) -> Evaluation<'_> {
        Evaluation {
            slo: &self.slo,
            series: &self.by,
            coverage: self
                .slo
                .coverage
                .unwrap_or(Ratio::new(COVERAGE.0, COVERAGE.1)),
        }
    }
}

/// The units of the definitions with their counts; rows are filled by [`row`]. `before` are those of the
/// last time: slices are made again only of what changed.
pub fn units(
    definitions: &Definitions,
    shelf: &Shelf,
    overdue: &BTreeMap<String, Counted>,
    now: i64,
    before: &[Arc<Unit>],
) -> Vec<Unit> {
    let before: BTreeMap<&str, &Unit> = before
        .iter()
        .map(|unit| (unit.slo.name.as_str(), unit.as_ref()))
        .collect();
    let mut units: Vec<Unit> = Vec::new();
    for slo in &definitions.slos {
        match &slo.indicator {
            Indicator::Measured(measure) => {
                let held = shelf.of(slo);
                if let Some(error) = held.and_then(|held| held.error.clone()) {
                    units.push(unit(slo, None, Arc::default(), &before, Some(error)));
                    continue;
                }
                let groups = held.map(|held| &held.groups);
                for (group, series) in groups.into_iter().flatten() {
                    let late = key(slo).and_then(|key| overdue.get(&key)?.get(group));
                    let mut series = with_overdue(series, late);
                    if let Good::Fresh { within, .. } = &measure.good {
                        series = Arc::new(series.freshness(*within, now));
                    }
                    units.push(unit(slo, group.as_deref(), series, &before, None));
                }
            }
            Indicator::NotMeasured { reason, .. } => {
                units.push(unit(
                    slo,
                    None,
                    Arc::default(),
                    &before,
                    Some(reason.clone()),
                ));
            }
            Indicator::Composite(_) => {}
        }
    }
    composites(definitions, &mut units);
    units
}

/// Puts composites together, parts before those that have them as parts.
fn composites(definitions: &Definitions, units: &mut Vec<Unit>) {
    let order = slo::parts::order(definitions.slos.iter().map(Arc::as_ref));
    let by_name: BTreeMap<&str, &Arc<Slo>> = definitions
        .slos
        .iter()
        .map(|slo| (slo.name.as_str(), slo))
        .collect();
    for slo in order
        .names
        .iter()
        .filter_map(|name| by_name.get(name.as_str()))
    {
        if let Indicator::Composite(parts) = &slo.indicator {
            let composite = composite(slo, parts, units);
            units.push(composite);
        }
    }
    let none = BTreeMap::new();
    for slo in order
        .stuck
        .iter()
        .filter_map(|name| by_name.get(name.as_str()))
    {
        let reason = match order.circle_of(&slo.name) {
            Some(circle) => format!("it is a part of itself: {circle}"),
            None => "a part of it is a part of itself".to_owned(),
        };
        units.push(unit(slo, None, Arc::default(), &none, Some(reason)));
    }
}

fn composite(slo: &Arc<Slo>, parts: &[slo::definition::Part], units: &[Unit]) -> Unit {
    let none = BTreeMap::new();
    let sliced = slo.method.slices().is_some();
    let mut series: Vec<(Series, u64)> = Vec::new();
    for part in parts {
        let found = units.iter().find(|unit| unit.slo.name == part.slo);
        match found {
            Some(found) if found.not_measured.is_none() => {
                let of = if sliced {
                    found.base.by(&slo.method)
                } else {
                    (*found.base).clone()
                };
                series.push((of, part.weight));
            }
            Some(_) => {
                let reason = format!("its part {} is not measured", part.slo);
                return unit(slo, None, Arc::default(), &none, Some(reason));
            }
            None => {
                let reason = format!("its part {} is no objective without groups", part.slo);
                return unit(slo, None, Arc::default(), &none, Some(reason));
            }
        }
    }
    let parts: Vec<(&Series, u64)> = series
        .iter()
        .map(|(series, weight)| (series, *weight))
        .collect();
    let together = Arc::new(Series::together(&parts, sliced));
    let mut whole = unit(slo, None, together.clone(), &none, None);
    if sliced {
        whole.by = Arc::new(together.without(&slo.exclusions));
    }
    whole
}

fn unit(
    slo: &Arc<Slo>,
    group: Option<&str>,
    base: Arc<Series>,
    before: &BTreeMap<&str, &Unit>,
    not_measured: Option<String>,
) -> Unit {
    let slo = match group {
        None => slo.clone(),
        Some(group) => {
            let mut of = (**slo).clone();
            of.name = format!(
                "{}:{}",
                slo.name,
                if group.is_empty() { "-" } else { group }
            );
            of.display_name = format!("{} · {group}", slo.display_name);
            Arc::new(of)
        }
    };
    let same = |old: &&&Unit| Arc::ptr_eq(&old.base, &base) && *old.slo == *slo;
    let by = match (&slo.method, slo.exclusions.is_empty()) {
        (Method::Occurrences, true) => base.clone(),
        _ if before.get(slo.name.as_str()).filter(same).is_some() => {
            before[slo.name.as_str()].by.clone()
        }
        (method, _) => Arc::new(base.without(&slo.exclusions).by(method)),
    };
    Unit {
        group: group.map(str::to_owned),
        base,
        by,
        memory: Memory::default(),
        row: SloRow::default(),
        not_measured,
        slo,
    }
}

/// A row of what is promised, before anything was counted.
pub fn promise(slo: &Slo, firing: Vec<String>, reason: &str) -> SloRow {
    SloRow {
        firing,
        name: slo.name.clone(),
        display_name: slo.display_name.clone(),
        service: slo.service.clone(),
        status: SloStatus::Evaluating,
        reason: Some(reason.to_owned()),
        target: slo.target.to_string(),
        window: slo.window.words(),
        method: slo.method.word().to_owned(),
        indicator: words(&slo.indicator),
        brief: slo::brief::brief(&slo.indicator),
        source: slo.source.file.clone(),
        ..SloRow::default()
    }
}

/// The overview's row.
pub fn row(unit: &Unit, moment: Moment, findings: u32) -> SloRow {
    let slo = &unit.slo;
    let evaluation = unit.evaluation();
    let budget = evaluation.budget(moment);
    let scale = unit.by.unit().max(1);
    let mut firing: Vec<String> = unit.memory.firing.keys().cloned().collect();
    firing.sort_by_key(|severity| match severity.as_str() {
        "page" => 0,
        "ticket" => 1,
        _ => 2,
    });
    let unknown = firing
        .iter()
        .any(|severity| unit.memory.is_unknown(slo, severity));
    let (status, reason) = match (&unit.not_measured, budget.remaining) {
        (Some(reason), _) => (SloStatus::NotMeasured, Some(reason.clone())),
        (None, None) => (SloStatus::Unknown, Some(why_unknown(unit, moment))),
        (None, Some(_)) if unknown => (SloStatus::Unknown, Some(why_unknown(unit, moment))),
        (None, Some(left)) if left <= 0.0 => (SloStatus::Breached, None),
        (None, Some(left)) if left < LOW || !firing.is_empty() => (SloStatus::AtRisk, None),
        (None, Some(_)) => (SloStatus::Ok, None),
    };
    let measured = unit.not_measured.is_none();
    let nanos = |second: i64| second.saturating_mul(1_000_000_000).to_string();
    let span = slo.window.at(moment.now);
    let minutes = slo.allowed().to_f64() * span.seconds() as f64 / 60.0;
    SloRow {
        name: slo.name.clone(),
        display_name: slo.display_name.clone(),
        service: slo.service.clone(),
        group: unit.group.clone(),
        status,
        reason,
        target: slo.target.to_string(),
        window: slo.window.words(),
        method: slo.method.word().to_owned(),
        indicator: words(&slo.indicator),
        brief: slo::brief::brief(&slo.indicator),
        total: budget.counts.total / scale,
        bad: (budget.counts.bad + scale / 2) / scale,
        sli: budget.sli.filter(|_| measured),
        budget_remaining: budget.remaining.filter(|_| measured),
        budget_allowed: budget
            .remaining
            .map(|_| budget.allowed)
            .filter(|_| measured),
        budget_minutes: budget
            .remaining
            .map(|left| left * minutes)
            .filter(|_| measured),
        burn_1h: evaluation.known_burn(moment, 3_600).filter(|_| measured),
        exhausts_at: evaluation
            .exhausts_in(moment, 3_600)
            .filter(|_| measured)
            .map(|seconds| nanos(moment.now.saturating_add(seconds))),
        firing,
        trend: if measured {
            trend(unit, moment)
        } else {
            Vec::new()
        },
        one_failure_costs: budget
            .remaining
            .filter(|_| measured && budget.allowed > 0.0)
            .map(|_| 1.0 / budget.allowed),
        evaluated_at: Some(nanos(moment.now)),
        findings,
        source: slo.source.file.clone(),
    }
}

fn trend(unit: &Unit, moment: Moment) -> Vec<Option<f64>> {
    let span = unit.slo.window.at(moment.now);
    let end = moment.now.min(span.to);
    let length = (end - span.from).max(TREND);
    let evaluation = unit.evaluation();
    (1..=TREND)
        .map(|step| {
            evaluation
                .budget(Moment::complete(span.from + length * step / TREND))
                .remaining
        })
        .collect()
}

/// No traffic, no data yet, or a pipeline that stands still.
pub(super) fn why_unknown(unit: &Unit, moment: Moment) -> String {
    let ago = |second: i64| slo::duration::words(((moment.now - second) / 60).max(1) * 60);
    if moment.watermark < moment.now {
        return format!(
            "nothing has arrived for {}: the pipeline stands still",
            ago(moment.watermark)
        );
    }
    match unit.base.slices().next_back() {
        None => "no traffic: no event has been counted".to_owned(),
        Some((last, _)) => format!("no traffic: the last event ended {} ago", ago(last)),
    }
}

/// What is counted, in words.
pub fn words(indicator: &Indicator) -> String {
    match indicator {
        Indicator::Measured(measure) => measure.words(),
        Indicator::Composite(_) | Indicator::NotMeasured { .. } => slo::brief::brief(indicator),
    }
}

/// What would be left at the end of a calendar window if the errors and the traffic go on as they are.
pub fn forecast(unit: &Unit, moment: Moment) -> Option<f64> {
    let Window::Calendar(_) = unit.slo.window else {
        return None;
    };
    let evaluation = unit.evaluation();
    let budget = evaluation.budget(moment);
    let sli = budget.sli?;
    Some(1.0 - (1.0 - sli) / unit.slo.allowed().to_f64())
}
