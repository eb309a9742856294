//! Is it alive, and can it be asked?

use super::{
    App,
    problem::{Answer, Failure},
};
use axum::{extract::State, http::StatusCode};

/// The process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// A question would be answered.
pub async fn ready(State(app): State<App>) -> Answer<&'static str> {
    if app.ending.is_cancelled() {
        return Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is ending",
        ));
    }
    app.store.snapshot();
    Ok("ready\n")
}
