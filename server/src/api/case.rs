//! The case file of an execution, and mysteries.

use super::{
    App,
    problem::{Answer, Failure},
};
use crate::case::mysteries::Filter;
use analysis::case::report;
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use model::{Execution, TraceId, Verdict, api::MysteryPage};

async fn found(app: &App, id: &str) -> Answer<(Execution, Verdict)> {
    let trace: TraceId = id.parse().unwrap_or_else(|_| TraceId::of_execution(id));
    let snapshot = app.store.snapshot();
    let held = snapshot.find(store::Table::Executions, &[trace]).await;
    if held.map_err(Failure::internal)?.is_empty() {
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("no execution '{id}' is held"),
        ));
    }
    app.court.verdict(trace).await.map_err(Failure::internal)
}

/// `GET /api/v1/executions/{ARN or trace id}/verdict`
pub async fn verdict(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<Verdict>> {
    Ok(Json(found(&app, &id).await?.1))
}

/// `GET /api/v1/executions/{…}/case.html`
pub async fn html(State(app): State<App>, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let (execution, verdict) = found(&app, &id).await?;
    // It shows what came from outside: nothing in it may run.
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ),
    ];
    Ok((headers, report::html(&execution, &verdict)))
}

/// `GET /api/v1/executions/{…}/case.md`
pub async fn markdown(State(app): State<App>, Path(id): Path<String>) -> Answer<impl IntoResponse> {
    let (execution, verdict) = found(&app, &id).await?;
    let headers = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
    Ok((headers, report::markdown(&execution, &verdict)))
}

/// `GET /api/v1/mysteries`
pub async fn mysteries(
    State(app): State<App>,
    Query(filter): Query<Filter>,
) -> Answer<Json<MysteryPage>> {
    let page = app.court.mysteries(&filter).await;
    Ok(Json(page.map_err(Failure::internal)?))
}
