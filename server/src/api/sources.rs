//! Where facts come from.

use super::App;
use axum::{Json, extract::State};
use model::api::sources::SourcePage;

/// `GET /api/v1/sources`
pub async fn page(State(app): State<App>) -> Json<SourcePage> {
    Json(app.sources.page())
}
