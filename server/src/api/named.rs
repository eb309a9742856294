//! Executions by their name: a person has `order-A48203` at hand, not an ARN. A name that one execution has stands for
//! it, wherever the path of the API wants its id.

use super::{App, problem::Failure};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{StatusCode, Uri, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};
use model::TraceId;
use query::{Format, Options};
use serde::Deserialize;

/// Where ids stand in paths.
const BEFORE: &str = "/api/v1/executions/";
/// What stands there and is none.
const WORDS: [&str; 2] = ["histogram", "facets"];
/// Longer names are none of an execution (80 characters in Step Functions, 64 in durable functions).
const LONGEST: usize = 256;

/// Puts the trace id in the place of a name.
pub async fn resolve(State(app): State<App>, mut request: Request, next: Next) -> Response<Body> {
    if let Some((name, rest)) = name_in(request.uri().path()) {
        match named(&app, &name).await.as_slice() {
            [] => {}
            [only] => {
                let path = format!("{BEFORE}{only}{rest}");
                if let Some(uri) = with_path(request.uri(), &path) {
                    *request.uri_mut() = uri;
                }
            }
            several => {
                let ids = several.join(", ");
                let told = format!(
                    "several executions are called '{name}': give an ARN or a trace id, such as those of the latest: {ids}"
                );
                return Failure::new(StatusCode::CONFLICT, told).into_response();
            }
        }
    }
    next.run(request).await
}

/// What stands in the place of an id and is neither ARN nor trace id, and what comes behind it.
fn name_in(path: &str) -> Option<(String, &str)> {
    let behind = path.strip_prefix(BEFORE)?;
    let (id, rest) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
    let name = decoded(id)?;
    let is_name = !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with("arn:")
        && !WORDS.contains(&name.as_str())
        && name.parse::<TraceId>().is_err();
    is_name.then_some((name, rest))
}

/// A part of a path without its percent signs; `None` if it is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        let hex = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        let (byte, used) = match (*byte, hex(0).zip(hex(1))) {
            (b'%', Some((high, low))) => ((high * 16 + low) as u8, 2),
            (byte, _) => (byte, 0),
        };
        bytes.push(byte);
        rest = &behind[used..];
    }
    String::from_utf8(bytes).ok()
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

/// The trace ids of the latest few executions of this name. One that has it as its id goes before all others.
async fn named(app: &App, name: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Row {
        trace_id: String,
    }
    let text = name.replace('\'', "''");
    let query = format!(
        "SELECT trace_id FROM executions WHERE name = '{text}' AND NOT EXISTS \
         (SELECT 1 FROM executions WHERE execution_arn = '{text}') ORDER BY start_time DESC LIMIT 3"
    );
    let snapshot = app.store.snapshot();
    let answer = app.engine.sql(&snapshot, &query, &Options::default()).await;
    let Ok(answer) = answer else {
        return Vec::new();
    };
    let bytes = query::format::write_all(answer, Format::Json).await;
    let rows = bytes.map(|bytes| serde_json::from_slice::<Vec<Row>>(&bytes));
    match rows {
        Ok(Ok(rows)) => rows.into_iter().map(|row| row.trace_id).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_ids() {
        let check = |path: &str, expect: Option<(&str, &str)>| {
            let found = name_in(path);
            let found = found.as_ref().map(|(name, rest)| (name.as_str(), *rest));
            assert_eq!(found, expect, "{path}");
        };
        check("/api/v1/executions/order-7", Some(("order-7", "")));
        check(
            "/api/v1/executions/order%207/graph",
            Some(("order 7", "/graph")),
        );
        check("/api/v1/executions/%C3%A9%", Some(("é%", "")));
        check("/api/v1/executions/%FF", None);
        check("/api/v1/executions/arn%3Aaws%3Astates%3Ax", None);
        check("/api/v1/executions/arn:aws:states:x/events", None);
        check("/api/v1/executions/0123456789abcdef0123456789abcdef", None);
        check("/api/v1/executions/histogram", None);
        check("/api/v1/executions/", None);
        check("/api/v1/traces/order-7", None);
        check(&format!("/api/v1/executions/{}", "x".repeat(300)), None);
    }

    #[test]
    fn the_question_stays() {
        let uri = Uri::from_static("/api/v1/executions/a/events?limit=2");
        let moved = with_path(&uri, "/api/v1/executions/b/events").expect("a path");
        assert_eq!(moved.to_string(), "/api/v1/executions/b/events?limit=2");
    }
}
