//! Experiments, the gate, the budget ledger.

use super::{
    App,
    params::{NoParams, Params},
    problem::{Answer, Failure},
};
use crate::{clock, experiments::view};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use experiments::Phase;
use model::api::experiments::{
    BudgetLedger, Experiment, ExperimentPage, ExperimentReport, GateAnswer,
};
use serde::Deserialize;

/// Which experiments to tell.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    state: Option<String>,
    slo: Option<String>,
    limit: Option<usize>,
}

/// How much is to be spent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spend {
    spend: f64,
    reserve: f64,
}

/// Whose budget.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Whose {
    slo: Option<String>,
}

/// `GET /api/v1/experiments`
pub async fn page(
    State(app): State<App>,
    Params(filter): Params<Filter>,
) -> Answer<Json<ExperimentPage>> {
    if let Some(state) = &filter.state
        && !Phase::ALL.iter().any(|it| it.as_str() == state)
    {
        let known = Phase::ALL.map(Phase::as_str).join(", ");
        return Err(Failure::bad_request(format!(
            "state='{state:.80}' is not known: give {known}"
        )));
    }
    let all = app.experiments.list().map_err(told)?;
    let fits = |it: &experiments::Experiment| {
        filter
            .state
            .as_deref()
            .is_none_or(|state| state == it.phase.as_str())
            && filter.slo.as_deref().is_none_or(|slo| {
                it.charges.iter().any(|charge| charge.slo == slo)
                    || it.slos.iter().any(|held| held == slo)
            })
    };
    let rows = all
        .iter()
        .filter(|it| fits(it))
        .take(filter.limit.unwrap_or(100).min(1_000));
    let rows: Vec<Experiment> = rows.map(view).collect();
    let wanted = filter.slo.as_deref().filter(|_| rows.is_empty());
    Ok(Json(ExperimentPage {
        hint: app.slos.unknown(wanted),
        rows,
    }))
}

/// `POST /api/v1/experiments`: JSON of ours, of AWS FIS, or of the Chaos Toolkit, whatever its content type
/// says.
pub async fn take(State(app): State<App>, body: Bytes) -> Answer<Json<Vec<Experiment>>> {
    let said: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad_request(format!("this is no JSON: {error}")))?;
    let taken = app
        .experiments
        .take(&said, clock::now())
        .await
        .map_err(|error| Failure::bad_request(format!("{error:#}")))?;
    let (taken, warnings) = taken;
    let told = taken.iter().map(|it| Experiment {
        warnings: warnings.clone(),
        ..view(it)
    });
    Ok(Json(told.collect()))
}

/// `GET /api/v1/experiments/{id}`
pub async fn report(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<ExperimentReport>> {
    match app
        .experiments
        .report(&id, clock::now())
        .await
        .map_err(told)?
    {
        Some(report) => Ok(Json(report)),
        None => Err(missing(&id)),
    }
}

/// `POST /api/v1/experiments/{id}/end`
pub async fn end(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<Experiment>> {
    if app.experiments.get(&id).map_err(told)?.is_none() {
        return Err(missing(&id));
    }
    let ended = app
        .experiments
        .end(&id, clock::now())
        .map_err(|error| Failure::new(StatusCode::CONFLICT, format!("{error:#}")))?;
    Ok(Json(view(&ended)))
}

/// `GET /api/v1/slos/{name}/gate?spend=&reserve=`
pub async fn gate(
    State(app): State<App>,
    Path(name): Path<String>,
    Params(spend): Params<Spend>,
) -> Answer<Json<GateAnswer>> {
    for (key, share) in [("spend", spend.spend), ("reserve", spend.reserve)] {
        if !(0.0..=1e6).contains(&share) {
            return Err(Failure::bad_request(format!(
                "{key} is a share of the budget, such as 0.05"
            )));
        }
    }
    super::slos::evaluated(&app).await?;
    match app.experiments.gate(&name, spend.spend, spend.reserve) {
        Some(answer) => Ok(Json(answer)),
        None => Err(no_objective(&name)),
    }
}

/// `GET /api/v1/budget-ledger?slo=`
pub async fn ledger(
    State(app): State<App>,
    Params(whose): Params<Whose>,
) -> Answer<Json<BudgetLedger>> {
    let board = app.slos.board();
    if let Some(name) = whose.slo.as_deref()
        && board.unit(name).is_none()
        && !board.definitions.slos.iter().any(|slo| slo.name == name)
    {
        return Err(no_objective(name));
    }
    Ok(Json(
        app.experiments
            .ledger(whose.slo.as_deref())
            .await
            .map_err(told)?,
    ))
}

fn no_objective(name: &str) -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        format!("there is no objective '{name}': GET /api/v1/slos lists them"),
    )
}

fn told(error: anyhow::Error) -> Failure {
    Failure::internal(format!("{error:#}"))
}

fn missing(id: &str) -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        format!("there is no experiment '{id}'"),
    )
}
