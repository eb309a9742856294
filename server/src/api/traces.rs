//! Traces: the page, the tree as a column file, one span, its logs.

use super::{
    App, hints,
    params::{NoParams, Params},
    problem::{Answer, Failure},
};
use crate::times;
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
};
use model::{
    TraceId,
    api::{LogPage, SpanDetail, TracePage},
};
use query::questions::{LogFilter, TraceFilter};
use std::hash::{DefaultHasher, Hash, Hasher};

/// `GET /api/v1/traces`
pub async fn page(
    State(app): State<App>,
    Params(mut filter): Params<TraceFilter>,
) -> Answer<Json<TracePage>> {
    times::settle(&mut filter.from, &mut filter.to).map_err(Failure::bad_request)?;
    let snapshot = app.store.snapshot();
    let mut page = app.engine.traces(&snapshot, &filter).await?;
    if page.rows.is_empty() && filter.cursor.is_none() {
        let wanted = filter.service.as_deref();
        page.hint = hints::of_data(&app, &hints::SERVICES, wanted).await;
    }
    Ok(Json(page))
}

/// `GET /api/v1/traces/{trace id}/spans.bin`
pub async fn tree(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Answer<Response<Body>> {
    let snapshot = app.store.snapshot();
    let bytes = app.engine.trace(&snapshot, trace_id(&id)?).await?.encode();
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    let tag = format!("\"{:016x}\"", hash.finish());
    let headers = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
    ];
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|it| it.as_bytes() == tag.as_bytes());
    Ok(match known {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, bytes).into_response(),
    })
}

/// `GET /api/v1/traces/{trace id}/spans/{span id}`
pub async fn span(
    _: NoParams,
    State(app): State<App>,
    Path((id, span)): Path<(String, String)>,
) -> Answer<Json<SpanDetail>> {
    let snapshot = app.store.snapshot();
    let span = span
        .parse()
        .map_err(|error| Failure::bad_request(format!("{error}")))?;
    Ok(Json(
        app.engine.span(&snapshot, trace_id(&id)?, span).await?,
    ))
}

/// `GET /api/v1/traces/{trace id}/logs`
pub async fn logs(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(filter): Params<LogFilter>,
) -> Answer<Json<LogPage>> {
    let snapshot = app.store.snapshot();
    Ok(Json(
        app.engine.logs(&snapshot, trace_id(&id)?, &filter).await?,
    ))
}

/// A trace id, or the ARN of an execution, whose trace is meant.
pub(super) fn trace_id(id: &str) -> Result<TraceId, Failure> {
    match id.starts_with("arn:") {
        true => Ok(TraceId::of_execution(id)),
        false => id
            .parse()
            .map_err(|error| Failure::bad_request(format!("{error}"))),
    }
}
