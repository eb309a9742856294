//! Executions: the page, its histogram and facets, one execution and its events.

use super::{
    App,
    exact::Exact,
    hints,
    params::{NoParams, Params},
    problem::{Answer, Failure},
};
use crate::times;
use axum::{
    Json,
    extract::{Path, State},
};
use model::api::{EventPage, ExecutionDetail, ExecutionPage, Facets, Histogram};
use query::questions::ExecutionFilter;
use serde::Deserialize;

/// `GET /api/v1/executions`
pub async fn page(
    State(app): State<App>,
    Params(mut filter): Params<ExecutionFilter>,
) -> Answer<Json<ExecutionPage>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    let mut page = app.engine.executions(&snapshot, &filter).await?;
    if page.rows.is_empty() && page.total == 0 {
        let wanted = filter.state_machine.as_deref();
        page.hint = hints::of_data(&app, &hints::STATE_MACHINES, wanted).await;
    }
    Ok(Json(page))
}

/// `GET /api/v1/executions/histogram`
pub async fn histogram(
    State(app): State<App>,
    Params(mut filter): Params<ExecutionFilter>,
) -> Answer<Json<Histogram>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    Ok(Json(app.engine.histogram(&snapshot, &filter).await?))
}

/// `GET /api/v1/executions/facets`
pub async fn facets(
    State(app): State<App>,
    Params(mut filter): Params<ExecutionFilter>,
) -> Answer<Json<Facets>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    Ok(Json(app.engine.facets(&snapshot, &filter).await?))
}

/// `GET /api/v1/executions/{ARN or trace id}`
pub async fn detail(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Exact<ExecutionDetail>> {
    let snapshot = app.store.snapshot();
    let mut detail = app.engine.execution(&snapshot, &id).await?;
    detail.summary = analysis::summary::plain_words(&detail.execution);
    Ok(Exact(detail))
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
    Params(which): Params<Events>,
) -> Answer<Json<EventPage>> {
    let snapshot = app.store.snapshot();
    let page = app
        .engine
        .events(&snapshot, &id, which.after, which.limit)
        .await?;
    Ok(Json(page))
}
