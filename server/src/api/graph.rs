//! The state machine of an execution as it ran.

use super::{
    App,
    accounts::{apart, facts},
    params::NoParams,
    problem::{Answer, Failure},
};
use crate::{accounts::Facts, compare};
use axum::{
    Json,
    extract::{Path, State},
};
use model::{Execution, api::graph::Graph};
use std::collections::BTreeSet;
use store::{Table, rows};

/// Items of distributed Maps that are drawn, the first ones.
const MOST_ITEMS: usize = 2_000;

/// `GET /api/v1/executions/{ARN or trace id}/graph`
pub async fn graph(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Graph>> {
    let mut facts = facts(&app, &id).await?;
    let items = items(&app, &facts).await;
    let items = items.map_err(|error| Failure::internal(format!("{error:#}")))?;
    let prices = app.prices.clone();
    let draw = move || {
        let bill = analysis::cost::bill(&facts.view(), &prices);
        let cost = analysis::cost::report(&facts.execution, bill, &prices);
        let more = items.more;
        analysis::graph::with_items(&mut facts.states, &items.executions, items.states);
        facts.attempts.extend(items.attempts);
        let mut graph = analysis::graph::graph(&facts.execution, &facts.states, &facts.attempts);
        analysis::graph::price(&mut graph, &cost.by_state);
        if more {
            graph.notes.push(format!(
                "Of the items of distributed Maps the first {MOST_ITEMS} are drawn."
            ));
        }
        graph
    };
    Ok(Json(apart(draw).await?))
}

/// What is held of the items of an execution's distributed Maps.
#[derive(Default)]
struct Items {
    executions: Vec<Execution>,
    states: Vec<model::State>,
    attempts: Vec<model::Attempt>,
    /// There are more than are drawn.
    more: bool,
}

async fn items(app: &App, facts: &Facts) -> anyhow::Result<Items> {
    let runs = facts.states.iter().filter_map(|it| it.map_run_arn.as_ref());
    let runs: BTreeSet<String> = runs.map(|arn| compare::quoted(arn)).collect();
    if runs.is_empty() {
        return Ok(Items::default());
    }
    let runs: Vec<String> = runs.into_iter().collect();
    let query = format!(
        "SELECT trace_id FROM executions WHERE map_run_arn IN ({}) ORDER BY start_time, trace_id LIMIT {}",
        runs.join(", "),
        MOST_ITEMS + 1
    );
    let snapshot = app.store.snapshot();
    let mut ids = compare::ids_of(&compare::ask(&app.engine, &snapshot, &query).await?)?;
    let mut items = Items {
        more: ids.len() > MOST_ITEMS,
        ..Items::default()
    };
    ids.truncate(MOST_ITEMS);
    for batch in snapshot.find(Table::Executions, &ids).await? {
        items.executions.extend(rows::read_executions(&batch)?);
    }
    for batch in snapshot.find(Table::States, &ids).await? {
        items.states.extend(rows::read_states(&batch)?);
    }
    for batch in snapshot.find(Table::Attempts, &ids).await? {
        items.attempts.extend(rows::read_attempts(&batch)?);
    }
    let order = |it: &Execution| (it.start_time, it.trace_id);
    items.executions.sort_by_key(order);
    items
        .states
        .sort_by_key(|it| (it.trace_id, it.redrive_count, it.entered_event_id));
    Ok(items)
}
