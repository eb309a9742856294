//! Objectives and their alerts.

use super::{
    App,
    params::{NoParams, Params},
    problem::{Answer, Failure},
};
use crate::{clock, slo::replay, times};
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use model::api::slo::{AlertPage, Replay, SloDetail, SloPage, SloSaved};
use serde::Deserialize;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// A stretch of time.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Range {
    from: Option<String>,
    to: Option<String>,
    points: Option<i64>,
    step: Option<String>,
}

impl Range {
    /// Beginning and end, in seconds.
    fn seconds(&self) -> Answer<(Option<i64>, Option<i64>)> {
        let (from, to) =
            times::range(self.from.as_deref(), self.to.as_deref()).map_err(Failure::bad_request)?;
        let second = |at: model::UnixNanos| at.0.div_euclid(1_000_000_000);
        Ok((from.map(second), to.map(second)))
    }
}

/// Which alerts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Which {
    slo: Option<String>,
    state: Option<String>,
    limit: Option<usize>,
}

/// How long the overview waits for the first evaluation: longer than a small one takes, and not noticed by people.
const AT_ONCE: Duration = Duration::from_millis(200);
/// The same of what cannot be answered without it.
const PATIENTLY: Duration = Duration::from_secs(60);

/// Waits for the first evaluation after a start.
///
/// # Errors
/// When it takes too long; the answer is then 503.
pub(super) async fn evaluated(app: &App) -> Answer<()> {
    match app.slos.evaluated(PATIENTLY).await {
        true => Ok(()),
        false => Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the objectives are being evaluated for the first time since the start: ask again in a minute",
        )),
    }
}

/// `GET /api/v1/slos`
pub async fn page(_: NoParams, State(app): State<App>) -> Answer<Json<SloPage>> {
    app.slos.evaluated(AT_ONCE).await;
    Ok(Json(app.slos.page().map_err(Failure::internal)?))
}

/// `GET /api/v1/slos/{name}`
pub async fn detail(
    State(app): State<App>,
    Path(name): Path<String>,
    Params(range): Params<Range>,
) -> Answer<Json<SloDetail>> {
    let (from, to) = range.seconds()?;
    evaluated(&app).await?;
    let found = app.slos.detail(&name, from, to, range.points).await;
    match found.map_err(Failure::internal)? {
        Some(detail) => Ok(Json(detail)),
        None => Err(none(&name)),
    }
}

/// `GET /api/v1/slos/{name}/definition`
pub async fn definition(
    _: NoParams,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Answer<impl IntoResponse> {
    let board = app.slos.board();
    let slo = board.definitions.slos.iter().find(|slo| slo.name == name);
    let slo = slo.ok_or_else(|| none(&name))?;
    let text = crate::slo::definitions::text_of(slo).map_err(Failure::internal)?;
    Ok((
        [(header::CONTENT_TYPE, "application/yaml; charset=utf-8")],
        text,
    ))
}

/// `PUT /api/v1/slos/{name}`
pub async fn save(
    _: NoParams,
    State(app): State<App>,
    Path(name): Path<String>,
    text: String,
) -> Answer<Json<SloSaved>> {
    let board = app.slos.board();
    let held = board.definitions.clone();
    let (read, _) = beside(&app, &text).await?;
    let mut found = read.findings.clone();
    found.extend(app.slos.mistakes(&text, &read.slos).await);
    refuse(&found)?;
    let slos = app.slos.clone();
    let saving = tokio::task::spawn_blocking(move || slos.places().save(&name, &text, &held));
    let saved = saving.await.map_err(Failure::internal)?;
    let (file, loaded) = saved.map_err(|error| Failure::bad_request(format!("{error:#}")))?;
    app.slos.evaluate_now().await.map_err(Failure::internal)?;
    let unknown = loaded
        .slos
        .iter()
        .flat_map(|slo| app.slos.unknown_receivers(slo));
    let misspelt = app.slos.misspelt(&loaded.slos).await;
    let findings = loaded.findings.iter().cloned().chain(unknown);
    let findings = findings.chain(misspelt);
    Ok(Json(SloSaved {
        names: loaded.slos.iter().map(|slo| slo.name.clone()).collect(),
        file: file.display().to_string(),
        findings: findings.map(|it| it.to_api()).collect(),
    }))
}

/// What a text that is no file yet defines, and everything that the files beside it define: the text stands for the
/// file of its first objective.
async fn beside(app: &App, text: &str) -> Answer<(slo::read::Loaded, slo::read::Loaded)> {
    let board = app.slos.board();
    let (slos, text) = (app.slos.clone(), text.to_owned());
    let reading = tokio::task::spawn_blocking(move || {
        let alone = slo::read::read(&[("new".to_owned(), text.clone())]);
        let first = alone.slos.first();
        let held = first.and_then(|slo| {
            let mut all = board.definitions.slos.iter();
            all.find(|it| it.name == slo.name)
        });
        let file = held.map_or("new", |it| it.source.file.as_str());
        let all = slos.places().read_beside(std::path::Path::new(file), &text);
        let mut own = all.clone();
        own.slos.retain(|it| it.source.file == file);
        own.findings.retain(|it| it.file == file);
        (own, all)
    });
    reading.await.map_err(Failure::internal)
}

/// `DELETE /api/v1/slos/{name}`
pub async fn remove(
    _: NoParams,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    let board = app.slos.board();
    let removed = app.slos.places().remove(&name, &board.definitions);
    let removed =
        removed.map_err(|error| Failure::new(StatusCode::CONFLICT, format!("{error:#}")))?;
    if !removed {
        return Err(none(&name));
    }
    app.slos.evaluate_now().await.map_err(Failure::internal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/slos/preview`
pub async fn preview(
    State(app): State<App>,
    Params(range): Params<Range>,
    text: String,
) -> Answer<Json<Replay>> {
    let (own, all) = beside(&app, &text).await?;
    let mut found = own.findings.clone();
    found.extend(app.slos.mistakes(&text, &own.slos).await);
    refuse(&found)?;
    found.extend(app.slos.misspelt(&own.slos).await);
    let names: BTreeSet<String> = own.slos.iter().map(|it| it.name.clone()).collect();
    let mut definitions = crate::slo::definitions::Definitions {
        slos: all.slos.into_iter().map(Arc::new).collect(),
        findings: found,
        ..Default::default()
    };
    definitions.retain(&names);
    let now = clock::now().0.div_euclid(60_000_000_000) * 60;
    let (from, to) = range.seconds()?;
    let to = to.unwrap_or(now);
    let from = from.unwrap_or(to.saturating_sub(7 * 86_400));
    let step = match &range.step {
        None => (to.saturating_sub(from) / 2_000 / 60).max(1) * 60,
        Some(text) => slo::duration::seconds(text)
            .filter(|it| *it > 0)
            .ok_or_else(|| {
                Failure::bad_request(format!(
                    "step is {text:?}: give a length of time such as 60s"
                ))
            })?,
    };
    const MOST_SAMPLES: i64 = 50_000;
    if to.saturating_sub(from) / step.max(1) > MOST_SAMPLES {
        return Err(Failure::bad_request(
            "too many steps for a preview: take a longer step, or inquest slo replay",
        ));
    }
    let snapshot = app.store.snapshot();
    let found = replay::over_data(&app.engine, &snapshot, &definitions, Some(from), to, step).await;
    let found = found.map_err(|error| Failure::bad_request(format!("{error:#}")))?;
    let mut found = found.into_iter().filter(|it| replay::is_of(it, &names));
    match found.next() {
        None => Err(Failure::bad_request(
            "there is nothing to count yet: no group has an event",
        )),
        Some(replay) => Ok(Json(replay)),
    }
}

/// `GET /api/v1/alerts`
pub async fn alerts(
    State(app): State<App>,
    Params(which): Params<Which>,
) -> Answer<Json<AlertPage>> {
    if let Some(state) = which
        .state
        .as_deref()
        .filter(|it| !matches!(*it, "firing" | "resolved" | "unknown"))
    {
        return Err(Failure::bad_request(format!(
            "state is {state:?}: give firing, resolved or unknown"
        )));
    }
    let found = app.slos.alerts(
        which.slo.as_deref(),
        which.state.as_deref(),
        which.limit.unwrap_or(200),
    );
    let mut found = found.map_err(Failure::internal)?;
    if found.rows.is_empty() {
        found.hint = app.slos.unknown(which.slo.as_deref());
    }
    Ok(Json(found))
}

/// `GET /metrics`
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let mut text = app.slos.metrics().await;
    match crate::alerts::metrics(&app.alerts) {
        Ok(more) => text += &more,
        Err(error) => tracing::warn!(%error, "no numbers about deliveries"),
    }
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
}

/// The errors among findings, each with its line; the line of the answer is that of the first.
fn refuse(findings: &[slo::Finding]) -> Result<(), Failure> {
    let errors = || findings.iter().filter(|it| it.level == slo::Level::Error);
    let Some(first) = errors().map(|it| it.line).min() else {
        return Ok(());
    };
    let mut failure = Failure::bad_request(crate::slo::definitions::errors(errors()));
    failure.problem.line = Some(first);
    Err(failure)
}

fn none(name: &str) -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        format!("there is no objective '{name}': GET /api/v1/slos lists them"),
    )
}
