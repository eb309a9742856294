//! SQL, and what can be asked in it.

use super::{
    App,
    params::{NoParams, Params},
    problem::{Answer, Failure},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, header},
    response::IntoResponse,
};
use bytes::Bytes;
use futures::StreamExt;
use model::api::Schema;
use query::{Format, Options};
use serde::Deserialize;
use std::time::Instant;

/// Rows of a grid, if nobody says how many.
const GRID_ROWS: usize = 10_000;
/// Most rows of a grid: a browser holds no more.
const MOST_GRID_ROWS: usize = 100_000;

/// A question. As JSON; or the text alone, with the rest in the URL.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Question {
    query: String,
    format: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/schema`
pub async fn schema(_: NoParams, State(app): State<App>) -> Json<Schema> {
    let snapshot = app.store.snapshot();
    Json(app.engine.schema(&snapshot))
}

/// `POST /api/sql`
pub async fn sql(
    State(app): State<App>,
    Params(in_url): Params<Question>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response<Body>> {
    let question = question(in_url, &headers, &body)?;
    if question.format.as_deref() == Some("grid") {
        return grid(&app, &question).await;
    }
    let format = format(&question, &headers)?;
    let snapshot = app.store.snapshot();
    let options = Options {
        limit: question.limit,
        ..Options::default()
    };
    let answer = app.engine.sql(&snapshot, &question.query, &options).await?;
    let mut parts = Box::pin(query::format::write(answer, format));
    // An error before the first row can still become a status.
    let first = parts.next().await.transpose()?;
    let parts = futures::stream::iter(first.map(Ok)).chain(parts);
    let headers = [(header::CONTENT_TYPE, format.media_type())];
    Ok((headers, Body::from_stream(parts)).into_response())
}

fn question(in_url: Question, headers: &HeaderMap, body: &[u8]) -> Result<Question, Failure> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_json = text(header::CONTENT_TYPE).is_some_and(|it| it.starts_with("application/json"));
    // No question in SQL begins with a brace: it is JSON, whatever the client calls it.
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let mut question = match is_json || begins == Some(&b'{') {
        true => serde_json::from_slice(body).map_err(|error| {
            Failure::bad_request(format!("the body is not {{\"query\": \"…\"}}: {error}"))
        })?,
        false => Question {
            query: std::str::from_utf8(body)
                .map_err(|error| {
                    Failure::bad_request(format!("the question is not text: {error}"))
                })?
                .to_owned(),
            ..Question::default()
        },
    };
    question.format = question.format.or(in_url.format);
    question.limit = question.limit.or(in_url.limit);
    if question.query.trim().is_empty() {
        question.query = in_url.query;
    }
    match question.query.trim().is_empty() {
        true => Err(Failure::bad_request(
            "there is no question: send {\"query\": \"select …\"}, or the text itself",
        )),
        false => Ok(question),
    }
}

fn format(question: &Question, headers: &HeaderMap) -> Result<Format, Failure> {
    if let Some(name) = &question.format {
        return Ok(Format::parse(name)?);
    }
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    Ok(accept.and_then(Format::accepted).unwrap_or_default())
}

async fn grid(app: &App, question: &Question) -> Answer<Response<Body>> {
    let started = Instant::now();
    let limit = question.limit.unwrap_or(GRID_ROWS).min(MOST_GRID_ROWS);
    let options = Options {
        // One more, to know whether there are more.
        limit: Some(limit + 1),
        ..Options::default()
    };
    let snapshot = app.store.snapshot();
    let answer = app.engine.sql(&snapshot, &question.query, &options).await?;
    let mut grid = query::format::grid(answer, limit).await?;
    grid.elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
    Ok(Json(grid).into_response())
}
