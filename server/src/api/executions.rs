//! Executions: the page, its histogram and facets, one execution and its events.

use super::{
    App,
    problem::{Answer, Failure},
};
use crate::times;
use axum::{
    Json,
    extract::{Path, Query, State},
};
use model::api::{EventPage, ExecutionDetail, ExecutionPage, Facets, Histogram};
use query::questions::ExecutionFilter;
use serde::Deserialize;

/// `GET /api/v1/executions`
pub async fn page(
    State(app): State<App>,
    Query(mut filter): Query<ExecutionFilter>,
) -> Answer<Json<ExecutionPage>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    Ok(Json(app.engine.executions(&snapshot, &filter).await?))
}

/// `GET /api/v1/executions/histogram`
pub async fn histogram(
    State(app): State<App>,
    Query(mut filter): Query<ExecutionFilter>,
) -> Answer<Json<Histogram>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    Ok(Json(app.engine.histogram(&snapshot, &filter).await?))
}

/// `GET /api/v1/executions/facets`
pub async fn facets(
    State(app): State<App>,
    Query(mut filter): Query<ExecutionFilter>,
) -> Answer<Json<Facets>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    Ok(Json(app.engine.facets(&snapshot, &filter).await?))
}

/// `GET /api/v1/executions/{ARN or trace id}`
pub async fn detail(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<ExecutionDetail>> {
    let snapshot = app.store.snapshot();
    let mut detail = app.engine.execution(&snapshot, &id).await?;
    detail.summary = analysis::summary::plain_words(&detail.execution);
    Ok(Json(detail))
}

/// Which events.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Events {
    after: Option<u64>,
    limit: Option<usize>,
}

/// `GET /api/v1/executions/{…}/events`
pub async fn events(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(which): Query<Events>,
) -> Answer<Json<EventPage>> {
    let snapshot = app.store.snapshot();
    let page = app
        .engine
        .events(&snapshot, &id, which.after, which.limit)
        .await?;
    Ok(Json(page))
}
