//! The tables `experiments` and `budget_ledger`.

use super::{LEDGER, list};
use model::api::experiments::LedgerRow;
use query::Engine;
use serde::Serialize;
use state::State;
use store::StateTable;

#[derive(Serialize)]
struct Row {
    experiment: String,
    name: String,
    tool: String,
    template: String,
    owner: String,
    state: &'static str,
    started_at: i64,
    ended_at: Option<i64>,
    planned_end: Option<i64>,
    scope: String,
    max_spend: Option<f64>,
    net_charge: Option<f64>,
    slo: Option<String>,
    verdict: String,
    abort_advised: Option<String>,
}

#[derive(Serialize)]
struct Spent {
    slo: String,
    period_start: i64,
    period_end: i64,
    kind: String,
    spender: String,
    name: String,
    bad: f64,
    charge: f64,
}

/// Shows experiments and the ledger in SQL.
pub fn show(engine: &Engine, state: State) {
    let ledger = state.clone();
    engine.show(StateTable::BudgetLedger, move || {
        let held: Option<Vec<LedgerRow>> = ledger
            .get(LEDGER, "all")
            .map_err(|error| query::Error::Engine(error.to_string()))?;
        let nanos = |text: &str| text.parse().unwrap_or_default();
        let rows = held.unwrap_or_default().into_iter().map(|it| Spent {
            period_start: nanos(&it.period_start),
            period_end: nanos(&it.period_end),
            slo: it.slo,
            kind: it.kind,
            spender: it.spender,
            name: it.name,
            bad: it.bad,
            charge: it.charge,
        });
        query::extra::batch(StateTable::BudgetLedger, &rows.collect::<Vec<_>>())
    });
    engine.show(StateTable::Experiments, move || {
        let held = list(&state).map_err(|error| query::Error::Engine(format!("{error:#}")))?;
        let rows: Vec<Row> = held
            .into_iter()
            .map(|it| Row {
                scope: serde_json::to_string(&it.scope).unwrap_or_default(),
                net_charge: it.charges.first().map(|it| it.net_charge),
                slo: it.charges.first().map(|it| it.slo.clone()),
                state: it.phase.as_str(),
                started_at: it.start.0,
                ended_at: it.end.map(|it| it.0),
                planned_end: it.planned_end.map(|it| it.0),
                experiment: it.id,
                name: it.name,
                tool: it.tool,
                template: it.template,
                owner: it.owner,
                max_spend: it.max_spend,
                verdict: it.verdict,
                abort_advised: it.abort_advised,
            })
            .collect();
        query::extra::batch(StateTable::Experiments, &rows)
    });
}
