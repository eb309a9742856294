//! Which web pages may send: cross-origin resource sharing.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// The origins (`https://shop.example`) whose pages may send OTLP; `*` is every one, empty none.
#[derive(Debug, Clone, Default)]
pub struct Origins(Arc<Vec<String>>);

impl Origins {
    /// These origins.
    pub fn new(origins: Vec<String>) -> Self {
        Origins(Arc::new(origins))
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let known = |allowed: &String| allowed == "*" || allowed.as_bytes() == origin.as_bytes();
        self.0.iter().any(known)
    }
}

/// Answers preflights and marks answers to pages of allowed origins. Pages of others cannot send:
/// OTLP's content types always need a preflight.
pub(super) async fn allow(
    State(origins): State<Origins>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let Some(origin) = origin.filter(|origin| origins.allows(origin)) else {
        return next.run(request).await;
    };
    let preflight = request.method() == Method::OPTIONS;
    let asked = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if preflight {
        describe(headers, asked);
    }
    response
}

fn describe(headers: &mut HeaderMap, asked: Option<HeaderValue>) {
    let post = HeaderValue::from_static("POST");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, post);
    let hours = HeaderValue::from_static("7200");
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, hours);
    if let Some(asked) = asked {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
}
