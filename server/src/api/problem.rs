//! Errors of the API: a status and [`Problem`] as JSON.

use axum::{
    Json,
    body::Body,
    http::{Response, StatusCode},
    response::IntoResponse,
};
use model::api::Problem;

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
