//! How the objectives stand, as far as experiments need it.

use super::{Happened, Objective};
use crate::{clock, core::Core, slo::Slos};
use anyhow::Result;
use model::{UnixNanos, api::slo::SloStatus};
use state::State;
use std::sync::Arc;

/// Evaluates the objectives of a folder that is only read, and has experiments know them.
///
/// # Errors
/// When the data or the state cannot be read.
pub async fn look(core: &Core) -> Result<()> {
    let now = clock::now().0.div_euclid(1_000_000_000);
    core.slos.look(now).await?;
    Ok(())
}

/// All of them, as last evaluated.
pub fn objectives(slos: &Slos, state: &State) -> Vec<Objective> {
    let board = slos.board();
    let moment = board.moment();
    let incidents = crate::slo::all_incidents(state).unwrap_or_default();
    let nanos = |second: i64| UnixNanos(second.saturating_mul(1_000_000_000));
    let one = |unit: &Arc<crate::slo::Unit>| {
        let slo = &unit.slo;
        let budget = unit.evaluation().budget(moment);
        let scale = unit.by.unit().max(1) as f64;
        let unknown = match (&unit.not_measured, unit.row.status) {
            (Some(reason), _) => Some(reason.clone()),
            (None, SloStatus::Unknown) => Some(
                unit.row
                    .reason
                    .clone()
                    .unwrap_or_else(|| "there is not enough data".into()),
            ),
            _ => None,
        };
        Objective {
            name: slo.name.clone(),
            measure: crate::slo::measure(unit),
            target: slo.target.to_f64(),
            allowed: budget.allowed,
            spent: budget.counts.bad as f64 / scale,
            remaining: budget.remaining.filter(|_| unit.not_measured.is_none()),
            unknown,
            firing: unit.memory.firing.keys().cloned().collect(),
            window: (nanos(budget.from), nanos(budget.to.min(moment.now))),
            incidents: incidents
                .iter()
                .filter(|it| it.slo == slo.name)
                .map(|it| Happened {
                    key: it.key.clone(),
                    severity: it.severity.clone(),
                    from: nanos(it.fired_at),
                    until: it.resolved_at.map(nanos),
                })
                .collect(),
        }
    };
    board.units.iter().map(one).collect()
}
