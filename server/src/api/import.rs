//! Imports: a file as it lies, or a chunk of an import that another process reads.

use super::{
    App,
    params::Params,
    problem::{Answer, Failure},
};
use crate::{
    assembler::Counts,
    importer::{self, ChunkKind},
};
use axum::{Json, extract::State, http::StatusCode};
use bytes::Bytes;
use collectors::import::{self, FileReport, Refused, Taken};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tokio::runtime::Handle;

/// What the body is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct About {
    /// Name of the file: a hint for what lacks a name of its own.
    name: Option<String>,
    /// A chunk of this kind instead of a file.
    kind: Option<ChunkKind>,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// What was not held before. Imports at the same time are counted together.
    new: Counts,
    /// What was taken, new or not.
    taken: Taken,
    /// How much was skipped.
    skipped: u64,
    /// How much of that was legible, and refused.
    refused: u64,
    /// Of a chunk: what of it was refused while the rest was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<String>,
    /// What was made of each file.
    files: Vec<FileReport>,
}

/// `POST /api/import?name=`
pub async fn import(
    State(app): State<App>,
    Params(about): Params<About>,
    // What is too large is told by `problem::worded`.
    body: Bytes,
) -> Answer<Json<Imported>> {
    let before = app.entrance.assembler.counts();
    let (report, partial) = match about.kind {
        Some(kind) => (
            import::Report::default(),
            take_chunk(&app, kind, body).await?,
        ),
        None => (take_file(&app, about.name, body).await?, None),
    };
    if about.kind.is_none() && report.taken().is_empty() {
        return Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            nothing_taken(&report),
        ));
    }
    app.experiments.wake();
    Ok(Json(Imported {
        new: app.entrance.assembler.counts().since(before),
        taken: report.taken(),
        skipped: report.skipped(),
        refused: report.refused(),
        partial,
        files: report.files,
    }))
}

/// Takes a chunk; says what of it was refused while the rest was taken.
async fn take_chunk(app: &App, kind: ChunkKind, body: Bytes) -> Result<Option<String>, Failure> {
    let chunk =
        importer::chunk(kind, body).map_err(|error| Failure::bad_request(format!("{error:#}")))?;
    match app.entrance.take(chunk).await {
        Ok(()) => Ok(None),
        Err(Refused::Part(reason)) => Ok(Some(reason)),
        Err(Refused::Skip(reason)) => Err(Failure::bad_request(reason)),
        Err(Refused::Stop(reason)) => Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, reason)),
    }
}

async fn take_file(
    app: &App,
    name: Option<String>,
    body: Bytes,
) -> Result<import::Report, Failure> {
    let name = PathBuf::from(name.filter(|it| !it.is_empty()).unwrap_or("upload".into()));
    let entrance = app.entrance.clone();
    let runtime = Handle::current();
    let reading = tokio::task::spawn_blocking(move || {
        let mut sink = |chunk| runtime.block_on(entrance.take(chunk));
        import::import_bytes(&name, &body, &mut sink)
    });
    reading
        .await
        .map_err(Failure::internal)?
        .map_err(|error| Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))
}

fn nothing_taken(report: &import::Report) -> String {
    let skips = report.files.iter().flat_map(|file| &file.skipped);
    let reasons: Vec<&str> = skips.take(3).map(|skip| skip.reason.as_str()).collect();
    format!("nothing could be taken: {}", reasons.join("; "))
}
