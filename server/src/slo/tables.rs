//! Objectives, slices and alerts in SQL.

use super::{Board, Slos, incidents};
use crate::clock;
use query::{Engine, Error, extra};
use serde::Serialize;
use std::sync::Arc;
use store::StateTable;

/// Rows of `slo_slices` that are shown, the newest.
const MOST_SLICES: usize = 500_000;

#[derive(Serialize)]
struct SloLine {
    slo: String,
    display_name: String,
    service: Option<String>,
    group_value: Option<String>,
    status: &'static str,
    reason: Option<String>,
    method: String,
    time_window: String,
    target: String,
    indicator: String,
    window_start: Option<i64>,
    window_end: Option<i64>,
    total: i64,
    bad: i64,
    sli: Option<f64>,
    budget_allowed: Option<f64>,
    budget_remaining: Option<f64>,
    burn_rate_1h: Option<f64>,
    exhausts_at: Option<i64>,
    page_firing: bool,
    ticket_firing: bool,
    source: String,
    definition_hash: String,
}

#[derive(Serialize)]
struct SliceLine {
    slo: String,
    group_value: Option<String>,
    slice_start: i64,
    slice_s: i64,
    total: i64,
    bad: i64,
}

#[derive(Serialize)]
struct AlertLine {
    incident: String,
    slo: String,
    group_value: Option<String>,
    severity: String,
    state: String,
    rule: String,
    fired_at: i64,
    resolved_at: Option<i64>,
    burn_long: Option<f64>,
    burn_short: Option<f64>,
    threshold: Option<f64>,
    budget_remaining: Option<f64>,
    silenced: bool,
    explain: String,
}

/// Shows the tables. A folder that is only read has nobody who evaluates: then a query that reads one looks
/// for itself.
pub fn show(slos: &Slos, engine: &Engine, read_only: bool) {
    let board = {
        let slos = slos.clone();
        move || match read_only {
            true => looked(&slos),
            false => Ok(slos.board()),
        }
    };
    let of = board.clone();
    engine.show(StateTable::Slos, move || {
        let board = of()?;
        let moment = board.moment();
        let lines: Vec<SloLine> = board
            .units
            .iter()
            .map(|unit| slo_line(unit, moment.now))
            .collect();
        extra::batch(StateTable::Slos, &lines)
    });
    engine.show(StateTable::SloSlices, move || {
        let board = board()?;
        extra::batch(StateTable::SloSlices, &slice_lines(&board))
    });
    let state = slos.0.state.clone();
    engine.show(StateTable::Alerts, move || {
        let all = incidents::all(&state).map_err(|error| Error::Engine(format!("{error:#}")))?;
        let lines: Vec<AlertLine> = all.into_iter().map(alert_line).collect();
        extra::batch(StateTable::Alerts, &lines)
    });
}

/// A board made on the spot, in a thread of its own: the one that asks must not wait within its runtime.
fn looked(slos: &Slos) -> Result<Arc<Board>, Error> {
    if slos.board().now.is_some() {
        return Ok(slos.board());
    }
    let failed = |text: String| Error::Engine(format!("objectives: {text}"));
    let now = clock::now().0.div_euclid(1_000_000_000);
    let look = || -> Result<Arc<Board>, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        runtime
            .block_on(slos.look(now))
            .map_err(|error| failed(format!("{error:#}")))
    };
    let board = std::thread::scope(|scope| scope.spawn(look).join());
    board.map_err(|_| failed("a defect".to_owned()))?
}

fn slo_line(unit: &super::Unit, now: i64) -> SloLine {
    let row = &unit.row;
    let span = unit.slo.window.at(now);
    let nanos = |second: i64| second.saturating_mul(1_000_000_000);
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let firing = |severity: &str| row.firing.iter().any(|it| it == severity);
    SloLine {
        slo: row.name.clone(),
        display_name: row.display_name.clone(),
        service: row.service.clone(),
        group_value: row.group.clone(),
        status: row.status.as_str(),
        reason: row.reason.clone(),
        method: row.method.clone(),
        time_window: row.window.clone(),
        target: row.target.clone(),
        indicator: row.indicator.clone(),
        window_start: Some(nanos(span.from)),
        window_end: Some(nanos(span.to)),
        total: count(row.total),
        bad: count(row.bad),
        sli: row.sli,
        budget_allowed: row.budget_allowed,
        budget_remaining: row.budget_remaining,
        burn_rate_1h: row.burn_1h,
        exhausts_at: row.exhausts_at.as_deref().and_then(|it| it.parse().ok()),
        page_firing: firing("page"),
        ticket_firing: firing("ticket"),
        source: row.source.clone(),
        definition_hash: unit.slo.generation(),
    }
}

fn slice_lines(board: &Board) -> Vec<SliceLine> {
    let mut lines = Vec::new();
    let each = MOST_SLICES / board.units.len().max(1);
    for unit in &board.units {
        let slices = unit.base.slices().rev().take(each.max(1));
        lines.extend(slices.map(|(start, counts)| SliceLine {
            slo: unit.slo.name.clone(),
            group_value: unit.group.clone(),
            slice_start: start.saturating_mul(1_000_000_000),
            slice_s: unit.base.length(),
            total: i64::try_from(counts.total).unwrap_or(i64::MAX),
            bad: i64::try_from(counts.bad).unwrap_or(i64::MAX),
        }));
    }
    lines
}

fn alert_line(incident: super::Incident) -> AlertLine {
    let row = incident.to_api();
    let nanos = |second: i64| second.saturating_mul(1_000_000_000);
    AlertLine {
        incident: row.incident,
        slo: row.slo,
        group_value: row.group,
        severity: row.severity,
        state: row.state,
        rule: row.rule,
        fired_at: nanos(incident.fired_at),
        resolved_at: incident.resolved_at.map(nanos),
        burn_long: row.burn_long,
        burn_short: row.burn_short,
        threshold: row.threshold,
        budget_remaining: row.budget_remaining,
        silenced: row.inhibited,
        explain: row.explain,
    }
}
