//! The case file of an execution, and mysteries.

use super::{
    App,
    accounts::facts,
    hints,
    params::{NoParams, Params},
    problem::{Answer, Failure},
};
use crate::{
    case::{mysteries::Filter, services},
    compare, times,
};
use analysis::case::report;
use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};
use model::{Execution, TraceId, Verdict, api::MysteryPage};
use serde::Deserialize;
use tokio::sync::Semaphore;

async fn found(app: &App, id: &str) -> Answer<(Execution, Verdict)> {
    let trace: TraceId = id.parse().unwrap_or_else(|_| TraceId::of_execution(id));
    let snapshot = app.store.snapshot();
    let held = snapshot.find(store::Table::Executions, &[trace]).await;
    if held.map_err(Failure::internal)?.is_empty() {
        return Err(Failure::no_execution(id));
    }
    app.court.verdict(trace).await.map_err(Failure::internal)
}

/// What the file tells besides the verdict.
async fn rest(app: &App, id: &str) -> Answer<report::Rest> {
    let facts = facts(app, id).await?;
    let snapshot = app.store.snapshot();
    let told = compare::told_besides(&app.engine, &snapshot, facts, app.prices.clone()).await;
    told.map_err(|error| Failure::internal(format!("{error:#}")))
}

/// `GET /api/v1/executions/{ARN or trace id}/verdict`
pub async fn verdict(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Verdict>> {
    Ok(Json(found(&app, &id).await?.1))
}

/// Traces of a trouble, and healthy ones.
#[derive(Debug, Deserialize)]
pub struct Periods {
    symptom: String,
    baseline: String,
}

/// Periods are large: they are compared one after the other.
static ONE: Semaphore = Semaphore::const_new(1);

/// `GET /api/v1/explain?symptom=&baseline=`
pub async fn explain(
    State(app): State<App>,
    Params(periods): Params<Periods>,
) -> Answer<Json<Verdict>> {
    let _turn = ONE.acquire().await.map_err(Failure::internal)?;
    let held = services::Held {
        store: &app.store,
        engine: &app.engine,
    };
    let judged = services::explain(held, &periods.symptom, &periods.baseline).await;
    judged
        .map(Json)
        .map_err(|error| Failure::bad_request(format!("{error:#}")))
}

/// `GET /api/v1/executions/{…}/case.html`
pub async fn html(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<impl IntoResponse> {
    let (execution, verdict) = found(&app, &id).await?;
    let more = rest(&app, &id).await?;
    // It shows what came from outside: nothing in it may run.
    let policy = format!("{}; frame-ancestors 'none'; sandbox", report::policy());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    Ok((headers, report::html(&execution, &verdict, &more)))
}

/// `GET /api/v1/executions/{…}/case.md`
pub async fn markdown(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<impl IntoResponse> {
    let (execution, verdict) = found(&app, &id).await?;
    let more = rest(&app, &id).await?;
    let headers = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
    Ok((headers, report::markdown(&execution, &verdict, &more)))
}

/// Which verdicts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Which {
    from: Option<String>,
    to: Option<String>,
    state_machine: Option<String>,
    buckets: Option<usize>,
    limit: Option<usize>,
}

/// `GET /api/v1/mysteries?from=&to=&state_machine=&buckets=&limit=`
pub async fn mysteries(
    State(app): State<App>,
    Params(which): Params<Which>,
) -> Answer<Json<MysteryPage>> {
    let (from, to) =
        times::range(which.from.as_deref(), which.to.as_deref()).map_err(Failure::bad_request)?;
    let filter = Filter {
        from: from.map(|it| it.0),
        to: to.map(|it| it.0),
        state_machine: which.state_machine.filter(|it| !it.is_empty()),
        buckets: which.buckets,
        limit: which.limit,
    };
    let page = app.court.mysteries(&filter).await;
    let mut page = page.map_err(Failure::internal)?;
    if page.mysteries.is_empty() && page.judged == 0 {
        let wanted = filter.state_machine.as_deref();
        page.hint = hints::of_data(&app, &hints::STATE_MACHINES, wanted).await;
    }
    Ok(Json(page))
}
