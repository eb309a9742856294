//! The service map, and what is known of a whole trace beside its tree.

use super::{
    App, hints,
    params::{NoParams, Params},
    problem::{Answer, Failure},
    traces::trace_id,
};
use crate::times;
use axum::{
    Json,
    extract::{Path, State},
};
use model::api::map::{Clocks, Explanation, Explanations, Hops, ServiceMap};
use query::questions::MapFilter;

/// Joins that are explained at most.
const MOST_JOINS: usize = 1_000;

/// `GET /api/v1/map`
pub async fn map(
    State(app): State<App>,
    Params(mut filter): Params<MapFilter>,
) -> Answer<Json<ServiceMap>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    let mut map = app.engine.map(&snapshot, &filter).await?;
    if map.nodes.is_empty() {
        map.hint = hint(&app, &filter).await;
    }
    analysis::graph::place_services(&mut map);
    Ok(Json(map))
}

/// Which name in the filter nobody has. A service may be anything that stands on the map.
async fn hint(app: &App, filter: &MapFilter) -> Option<String> {
    let workflow = filter.state_machine.as_deref();
    if let Some(hint) = hints::of_data(app, &hints::STATE_MACHINES, workflow).await {
        return Some(hint);
    }
    let wanted = filter.service.as_deref().filter(|it| !it.is_empty())?;
    let (snapshot, all) = (app.store.snapshot(), MapFilter::default());
    let whole = app.engine.map(&snapshot, &all).await.ok()?;
    let names: Vec<&str> = whole.nodes.iter().map(|it| it.name.as_str()).collect();
    hints::of_names("service", Some(wanted), &names)
}

/// `GET /api/v1/traces/{trace id}/hops`
pub async fn hops(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Hops>> {
    let snapshot = app.store.snapshot();
    let hops = app.engine.hops(&snapshot, trace_id(&id)?).await?;
    Ok(Json(Hops { hops }))
}

/// `GET /api/v1/traces/{trace id}/clocks`
pub async fn clocks(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Clocks>> {
    let snapshot = app.store.snapshot();
    let spans = app.engine.spans(&snapshot, trace_id(&id)?).await?;
    Ok(Json(analysis::clocks::clocks(&spans)))
}

/// `GET /api/v1/traces/{trace id}/joins`
pub async fn joins(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Explanations>> {
    let snapshot = app.store.snapshot();
    let joins = app.engine.joins(&snapshot, trace_id(&id)?).await?;
    let total = joins.len() as u64;
    let explained = joins.into_iter().take(MOST_JOINS).map(|join| Explanation {
        text: analysis::joins::explain(&join),
        join,
    });
    Ok(Json(Explanations {
        joins: explained.collect(),
        total,
    }))
}
