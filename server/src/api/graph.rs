//! The state machine of an execution as it ran.

use super::{App, problem::Answer};
use axum::{
    Json,
    extract::{Path, State},
};
use model::api::graph::Graph;

/// `GET /api/v1/executions/{ARN or trace id}/graph`
pub async fn graph(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<Graph>> {
    let snapshot = app.store.snapshot();
    let visits = app.engine.visits(&snapshot, &id).await?;
    let graph = analysis::graph::graph(&visits.execution, &visits.states, &visits.attempts);
    Ok(Json(graph))
}
