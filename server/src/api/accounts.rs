//! Where time and money of one execution went.

use super::{
    App,
    exact::Exact,
    params::NoParams,
    problem::{Answer, Failure},
};
use crate::accounts::{self, Facts};
use axum::extract::{Path, State};
use model::{CostReport, Ledger, TraceId};

/// What is held of one execution; the answer 404 if nothing is.
pub(super) async fn facts(app: &App, id: &str) -> Answer<Facts> {
    let trace: TraceId = id.parse().unwrap_or_else(|_| TraceId::of_execution(id));
    let loaded = accounts::load(&app.store.snapshot(), &[trace]).await;
    let mut loaded = loaded.map_err(|error| Failure::internal(format!("{error:#}")))?;
    loaded.pop().ok_or_else(|| Failure::no_execution(id))
}

/// Judges where it does not hold up others.
pub(super) async fn apart<T: Send + 'static>(
    judge: impl FnOnce() -> T + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(judge)
        .await
        .map_err(Failure::internal)
}

/// `GET /api/v1/executions/{…}/ledger`
pub async fn ledger(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Exact<Ledger>> {
    let facts = facts(&app, &id).await?;
    let judge = move || analysis::ledger::account(&facts.view());
    Ok(Exact(apart(judge).await?))
}

/// `GET /api/v1/executions/{…}/cost`
pub async fn cost(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Exact<CostReport>> {
    let facts = facts(&app, &id).await?;
    let prices = app.prices.clone();
    let judge = move || {
        let items = analysis::cost::bill(&facts.view(), &prices);
        analysis::cost::report(&facts.execution, items, &prices)
    };
    Ok(Exact(apart(judge).await?))
}
