//! What is left of an objective's events without those of experiments: alerts look at that, the budget
//! counts everything. So an experiment wakes nobody, and cannot hide anything else either.

use super::{Slos, Unit};
use crate::experiments::Apart;
use anyhow::Result;
use model::UnixNanos;
use slo::{
    Counts, Indicator, Measure, Series, definition::Method, evaluate::Moment, measure::Condition,
};
use std::collections::BTreeMap;

impl Slos {
    /// Events by minute that belong to experiments. When they cannot be told apart, alerts look at
    /// everything: a page too many rather than one too few.
    pub(super) async fn apart(&self, units: &[Unit], now: i64) -> Apart {
        let Some(experiments) = self.0.experiments.get() else {
            return Apart::new();
        };
        let nanos = |second: i64| UnixNanos(second.saturating_mul(1_000_000_000));
        let longest = units
            .iter()
            .map(|unit| unit.slo.reach())
            .max()
            .unwrap_or_default();
        let measured = || {
            units
                .iter()
                .filter_map(|unit| Some((unit.slo.name.clone(), measure(unit)?)))
        };
        let found = experiments
            .apart(measured, nanos(now - longest), nanos(now))
            .await;
        found.unwrap_or_else(|error| {
            tracing::error!(
                error = format!("{error:#}"),
                "events of experiments cannot be told apart"
            );
            Apart::new()
        })
    }
}

impl Slos {
    /// Tells the owners of experiments that only these burn a budget, once each.
    pub(super) fn tell_burns(&self, burns: &[(String, String)], now: i64) -> Result<()> {
        let Some(experiments) = self.0.experiments.get().filter(|_| !burns.is_empty()) else {
            return Ok(());
        };
        let now = UnixNanos(now.saturating_mul(1_000_000_000));
        self.0.state.write(|changes| -> Result<()> {
            for (slo, explain) in burns {
                experiments.tell_burn(changes, slo, explain, now)?;
            }
            Ok(())
        })?;
        self.0.alerts.wake();
        Ok(())
    }
}

/// What is counted for a unit, that of its group alone.
pub fn measure(unit: &Unit) -> Option<Measure> {
    let Indicator::Measured(measure) = &unit.slo.indicator else {
        return None;
    };
    let mut measure = measure.clone();
    if let (Some(by), Some(value)) = (&unit.slo.group_by, &unit.group) {
        measure.valid.push(Condition::is(by, value));
    }
    Some(measure)
}

/// The series of a unit without these events.
pub(super) fn rest(unit: &Unit, apart: &BTreeMap<i64, Counts>) -> Series {
    let mut base = (*unit.base).clone();
    let changed: BTreeMap<i64, Counts> = base
        .slices()
        .filter_map(|(start, held)| {
            let gone = apart.get(&start)?;
            let left = Counts {
                total: held.total.saturating_sub(gone.total),
                bad: held.bad.saturating_sub(gone.bad),
            };
            Some((start, left))
        })
        .collect();
    base.replace(&changed);
    match (&unit.slo.method, unit.slo.exclusions.is_empty()) {
        (Method::Occurrences, true) => base,
        (method, _) => base.without(&unit.slo.exclusions).by(method),
    }
}

/// Why somebody would be paged if the events of experiments counted, if only they would page.
pub(super) fn only_experiments(unit: &Unit, rest: &Series, moment: Moment) -> Option<String> {
    let all = unit.evaluation();
    let mut without = unit.evaluation();
    without.series = rest;
    let mut rules = unit.slo.rules.iter().filter(|rule| rule.severity == "page");
    let rule = rules.find(|rule| {
        all.rule(rule, moment) == Some(true) && without.rule(rule, moment) != Some(true)
    })?;
    Some(all.explain(rule, moment))
}
