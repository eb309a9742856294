//! Executions beside each other, cold starts, changes.

use super::{
    App,
    accounts::facts,
    hints,
    params::{NoParams, Params},
    problem::{Answer, Failure, Said},
};
use crate::{
    compare::{self, Which},
    times,
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{Response, header},
};
use futures::TryStreamExt;
use model::{
    Batch,
    api::cold_starts::ColdStarts,
    compare::{Comparison, Twins},
};
use query::{Format, Options};
use serde::Deserialize;
use serde_json::Value;

/// How many twins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct HowMany {
    k: Option<usize>,
}

/// `GET /api/v1/executions/{…}/twins?k=`
pub async fn twins(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(how): Params<HowMany>,
) -> Answer<Json<Twins>> {
    let subject = facts(&app, &id).await?;
    let snapshot = app.store.snapshot();
    let k = how.k.unwrap_or(compare::TWINS);
    let twins = compare::twins(&app.engine, &snapshot, subject, k).await;
    twins.map(Json).map_err(failure)
}

/// What to compare.
#[derive(Debug, Deserialize)]
pub struct Sides {
    a: String,
    b: String,
}

/// `GET /api/v1/compare?a=&b=`
pub async fn compare(
    State(app): State<App>,
    Params(sides): Params<Sides>,
) -> Answer<Json<Comparison>> {
    let snapshot = app.store.snapshot();
    let found = compare::compare(&app.engine, &snapshot, &sides.a, &sides.b).await;
    found.map(Json).map_err(failure)
}

/// Which cold starts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WhichStarts {
    function: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/cold-starts?function=&from=&to=&limit=`
pub async fn cold_starts(
    State(app): State<App>,
    Params(which): Params<WhichStarts>,
) -> Answer<Json<ColdStarts>> {
    let (from, to) =
        times::range(which.from.as_deref(), which.to.as_deref()).map_err(Failure::bad_request)?;
    let which = Which {
        function: which.function.filter(|it| !it.is_empty()),
        from: from.map(|it| it.0),
        to: to.map(|it| it.0),
        limit: which.limit,
    };
    let snapshot = app.store.snapshot();
    let function = which.function.clone();
    let found = compare::cold_starts(&app.engine, &snapshot, app.prices.clone(), which).await;
    let mut found = found.map_err(failure)?;
    if found.functions.is_empty() {
        found.hint = hints::of_data(&app, &hints::FUNCTIONS, function.as_deref()).await;
    }
    Ok(Json(found))
}

/// Which changes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WhichChanges {
    from: Option<String>,
    to: Option<String>,
    resource: Option<String>,
}

/// `GET /api/v1/changes?from=&to=&resource=`
pub async fn changes(
    State(app): State<App>,
    Params(which): Params<WhichChanges>,
) -> Answer<Response<Body>> {
    let mut conditions = vec!["true".to_owned()];
    let (from, to) =
        times::range(which.from.as_deref(), which.to.as_deref()).map_err(Failure::bad_request)?;
    for (time, sign) in [(from, ">="), (to, "<")] {
        conditions.extend(time.map(|at| format!("time {sign} to_timestamp_nanos({})", at.0)));
    }
    if let Some(resource) = &which.resource {
        conditions.push(format!("resource = '{}'", resource.replace('\'', "''")));
    }
    let query = format!(
        "SELECT trace_id, CAST(CAST(time AS BIGINT) AS VARCHAR) AS time, kind, resource, change, source, evidence, \
         attributes FROM changes WHERE {} ORDER BY time, trace_id LIMIT 10000",
        conditions.join(" AND ")
    );
    let snapshot = app.store.snapshot();
    let answer = app
        .engine
        .sql(&snapshot, &query, &Options::default())
        .await?;
    let parts: Vec<Bytes> = query::format::write(answer, Format::Json)
        .try_collect()
        .await?;
    let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
    response
        .body(Body::from(parts.concat()))
        .map_err(Failure::internal)
}

/// `POST /api/v1/changes`, also `/api/changes`: one or an array of `{time, kind, resource, change}`.
pub async fn tell(
    _: NoParams,
    State(app): State<App>,
    Said(told): Said<Value>,
) -> Answer<Json<Value>> {
    let list = match told {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut changes = Vec::new();
    for (n, value) in list.iter().enumerate() {
        let change = collectors::changes::read(value);
        changes.push(change.map_err(|why| Failure::bad_request(format!("change {n}: {why}")))?);
    }
    let ids: Vec<String> = changes.iter().map(|it| it.trace_id.to_string()).collect();
    let batch = Batch {
        changes,
        ..Batch::default()
    };
    let taken = app.entrance.door.batch(batch).await;
    taken.map_err(|refusal| {
        Failure::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            refusal.to_string(),
        )
    })?;
    Ok(Json(serde_json::json!({ "changes": ids })))
}

/// A selection that cannot be is the caller's fault.
fn failure(error: anyhow::Error) -> Failure {
    match error.downcast::<query::Error>() {
        Ok(error) => error.into(),
        Err(error) if error.chain().any(|it| it.is::<store::Error>()) => {
            Failure::internal(format!("{error:#}"))
        }
        Err(error) => Failure::bad_request(format!("{error:#}")),
    }
}
