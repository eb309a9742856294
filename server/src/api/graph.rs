//! The state machine of an execution as it ran.

use super::{
    App,
    accounts::{apart, facts},
    params::NoParams,
    problem::Answer,
};
use axum::{
    Json,
    extract::{Path, State},
};
use model::api::graph::Graph;

/// `GET /api/v1/executions/{ARN or trace id}/graph`
pub async fn graph(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Graph>> {
    let facts = facts(&app, &id).await?;
    let prices = app.prices.clone();
    let draw = move || {
        let items = analysis::cost::bill(&facts.view(), &prices);
        let cost = analysis::cost::report(&facts.execution, items, &prices);
        let mut graph = analysis::graph::graph(&facts.execution, &facts.states, &facts.attempts);
        analysis::graph::price(&mut graph, &cost.by_state);
        graph
    };
    Ok(Json(apart(draw).await?))
}
