//! What must exist of an execution, against what has arrived.

use super::{App, params::NoParams, problem::Answer};
use axum::{
    Json,
    extract::{Path, State},
};
use model::{Coverage, Tally};

/// `GET /api/v1/executions/{ARN or trace id}/coverage`
pub async fn coverage(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Coverage>> {
    let snapshot = app.store.snapshot();
    let row = app.engine.execution(&snapshot, &id).await?.execution;
    let tally = |expected: u32, received: u32| Tally {
        expected: u64::from(expected),
        received: u64::from(received),
    };
    let missing = analysis::coverage::carried(&row);
    let mut coverage = Coverage {
        status: row.coverage,
        summary: String::new(),
        events: tally(row.expected_events, row.events),
        invocations: tally(row.expected_invocations, row.received_invocations),
        executions: tally(row.expected_executions, row.received_executions),
        jobs: tally(row.expected_jobs, row.received_jobs),
        spans: tally(row.expected_spans, row.received_spans),
        missing,
        more_missing: 0,
    };
    coverage.summary = analysis::coverage::summary(&coverage);
    Ok(Json(coverage))
}
