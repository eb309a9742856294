//! Where facts come from.

use super::{App, params::NoParams};
use axum::{Json, extract::State};
use model::api::sources::SourcePage;

/// `GET /api/v1/sources`
pub async fn page(_: NoParams, State(app): State<App>) -> Json<SourcePage> {
    Json(app.sources.page())
}
