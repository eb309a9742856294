//! Errors of the API: a status and [`Problem`] as JSON.

use axum::{
    Json,
    body::Body,
    extract::{FromRequest, Request, State},
    http::{Method, Response, StatusCode, header},
    middleware::Next,
    response::IntoResponse,
};
use bytes::Bytes;
use model::api::Problem;
use serde::de::DeserializeOwned;

/// An answer that says what was wrong.
pub fn respond(status: StatusCode, error: impl Into<String>) -> Response<Body> {
    let problem = Problem {
        error: error.into(),
        line: None,
        column: None,
    };
    (status, Json(problem)).into_response()
}

/// What a handler fails with.
#[derive(Debug)]
pub struct Failure {
    /// HTTP status.
    pub status: StatusCode,
    /// In words.
    pub problem: Problem,
}

impl Failure {
    /// A failure without a place in a query.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Failure {
            status,
            problem: Problem {
                error: error.into(),
                line: None,
                column: None,
            },
        }
    }

    /// The request is wrong.
    pub fn bad_request(error: impl Into<String>) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, error)
    }

    /// There is no such execution.
    pub fn no_execution(id: &str) -> Self {
        query::Error::no_execution(id).into()
    }

    /// Our fault; logged here, because nobody else will.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        (self.status, Json(self.problem)).into_response()
    }
}

impl From<query::Error> for Failure {
    fn from(error: query::Error) -> Self {
        let status = match error.kind() {
            query::Kind::Invalid => StatusCode::BAD_REQUEST,
            query::Kind::NotFound => StatusCode::NOT_FOUND,
            query::Kind::TimedOut => StatusCode::REQUEST_TIMEOUT,
            query::Kind::TooLarge => StatusCode::UNPROCESSABLE_ENTITY,
            query::Kind::Internal => {
                tracing::error!(%error, "a question failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Failure {
            status,
            problem: error.problem(),
        }
    }
}

/// What handlers answer.
pub type Answer<T> = Result<T, Failure>;

/// Longest text of the framework that is read, bytes.
const MOST_TEXT: usize = 64 << 10;

/// What the framework itself refuses (a query string, a method, a length) it tells as plain text or not at all.
/// Told here like everything else.
pub async fn worded(
    State(max_import_mb): State<u64>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = next.run(request).await;
    let status = answer.status();
    let fails = status.is_client_error() || status.is_server_error();
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let told = kind.is_some_and(|it| !it.as_bytes().starts_with(b"text/plain"));
    if !fails || told || !is_api(&path) {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, MOST_TEXT).await;
    let text = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
    let allowed = parts.headers.get(header::ALLOW).cloned();
    let methods = allowed.as_ref().and_then(|it| it.to_str().ok());
    let mut answer = respond(
        status,
        refusal(status, &method, &path, methods, text.trim(), max_import_mb),
    );
    if let Some(allowed) = allowed {
        answer.headers_mut().insert(header::ALLOW, allowed);
    }
    answer
}

/// Paths whose answers programs read.
pub fn is_api(path: &str) -> bool {
    let below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    ["/api", "/v1", "/metrics", "/healthz", "/readyz"]
        .into_iter()
        .any(below)
}

/// What was wrong and what to do.
fn refusal(
    status: StatusCode,
    method: &Method,
    path: &str,
    allowed: Option<&str>,
    text: &str,
    max_import_mb: u64,
) -> String {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = allowed.unwrap_or("another method").replace(',', ", ");
            format!("{method} is not possible at {path}: use {allowed}")
        }
        StatusCode::PAYLOAD_TOO_LARGE if super::IMPORTS.contains(&path) => {
            too_large(path, max_import_mb)
        }
        StatusCode::PAYLOAD_TOO_LARGE => format!(
            "the body is larger than the {} MB that {path} takes: send less at a time",
            super::REQUEST_BYTES >> 20
        ),
        _ if text.is_empty() => format!("{method} {path} is refused: {status}"),
        _ => text.to_owned(),
    }
}

/// What is said of an import above the limit.
pub fn too_large(path: &str, max_import_mb: u64) -> String {
    format!(
        "the body is larger than the {max_import_mb} MB that {path} takes: send less at a time, or raise --max-import-mb \
         (max_import_mb in the configuration)"
    )
}

/// A body of JSON, whatever its content type says: many clients say nothing, or call it a form.
pub struct Said<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Said<T> {
    type Rejection = Response<Body>;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response<Body>> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        let read = serde_json::from_slice(&body).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "the body is JSON of another form",
                _ => "the body is no JSON",
            };
            Failure::bad_request(format!("{what}: {error}")).into_response()
        });
        read.map(Said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let check = |status: u16, allowed: Option<&str>, text: &str, expect: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            let said = refusal(status, &Method::PUT, "/api/sql", allowed, text, 256);
            assert_eq!(said, expect);
        };
        check(
            405,
            Some("GET,HEAD"),
            "",
            "PUT is not possible at /api/sql: use GET, HEAD",
        );
        check(
            413,
            None,
            "length limit exceeded",
            "the body is larger than the 2 MB that /api/sql takes: send less at a time",
        );
        check(418, None, "", "PUT /api/sql is refused: 418 I'm a teapot");
        check(400, None, "as it was", "as it was");
        let large = StatusCode::PAYLOAD_TOO_LARGE;
        let said = refusal(large, &Method::POST, "/api/import", None, "", 300);
        assert_eq!(
            said,
            "the body is larger than the 300 MB that /api/import takes: send less at a time, or raise --max-import-mb \
             (max_import_mb in the configuration)"
        );
    }

    #[test]
    fn pages_are_not_the_api() {
        let check = |path: &str, expect: bool| assert_eq!(is_api(path), expect, "{path}");
        check("/api", true);
        check("/api/v1/slos", true);
        check("/v1/experiments", true);
        check("/metrics", true);
        check("/apis", false);
        check("/v1x", false);
        check("/", false);
    }
}
