//! Receivers, deliveries and silences.

use super::{
    App, hints,
    params::{NoParams, Params},
    problem::{Answer, Failure, Said},
};
use crate::{
    alerts::{self, delivery, silence_view, silence_written},
    clock,
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::api::deliveries::{Delivery, DeliveryPage, ReceiverPage, Silence, TestOutcome};
use notify::{outbox, silence};
use serde::Deserialize;

/// Which deliveries to tell.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    status: Option<String>,
    receiver: Option<String>,
    incident: Option<String>,
    slo: Option<String>,
    limit: Option<usize>,
}

/// `POST …/replay?anyway=`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Anyway {
    anyway: bool,
}

/// `GET /api/v1/receivers`
pub async fn receivers(_: NoParams, State(app): State<App>) -> Answer<Json<ReceiverPage>> {
    alerts::receiver_page(&app.alerts)
        .map(Json)
        .map_err(|error| Failure::internal(format!("{error:#}")))
}

/// `POST /api/v1/receivers/{name}/test`
pub async fn test(
    _: NoParams,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Answer<Json<TestOutcome>> {
    let receivers = app.alerts.receivers();
    let Some(receiver) = receivers.named(&name) else {
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("there is no receiver '{name}' in receivers.toml"),
        ));
    };
    Ok(Json(alerts::test(&receivers, receiver).await))
}

/// `GET /api/v1/deliveries`
pub async fn page(
    State(app): State<App>,
    Params(filter): Params<Filter>,
) -> Answer<Json<DeliveryPage>> {
    let limit = filter.limit.unwrap_or(100).min(1_000);
    let filter = Filter {
        status: filter.status.filter(|it| !it.is_empty()),
        receiver: filter.receiver.filter(|it| !it.is_empty()),
        ..filter
    };
    if let Some(status) = &filter.status {
        alerts::known_status(status).map_err(|error| Failure::bad_request(error.to_string()))?;
    }
    let same = |wanted: &Option<String>, held: &str| wanted.as_deref().is_none_or(|it| it == held);
    let page = alerts::delivery_page(&app.state, limit, clock::now(), |it| {
        same(&filter.status, &it.status)
            && same(&filter.receiver, &it.receiver)
            && same(&filter.incident, &it.incident)
            && same(&filter.slo, &it.slo)
    });
    let mut page = page.map_err(|error| Failure::internal(format!("{error:#}")))?;
    if page.rows.is_empty() {
        let receivers = app.alerts.receivers();
        let receivers: Vec<&str> = receivers.list.iter().map(|it| it.name.as_str()).collect();
        page.hint = hints::of_names("receiver", filter.receiver.as_deref(), &receivers)
            .or_else(|| app.slos.unknown(filter.slo.as_deref()));
    }
    Ok(Json(page))
}

/// `POST /api/v1/deliveries/{id}/replay`
pub async fn replay(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(how): Params<Anyway>,
) -> Answer<Json<Delivery>> {
    let now = clock::now();
    let message = outbox::replay(&app.state, &id, how.anyway, now).map_err(failure)?;
    app.alerts.wake();
    Ok(Json(delivery(&message, &[], now)))
}

/// `GET /api/v1/silences`
pub async fn silences(_: NoParams, State(app): State<App>) -> Answer<Json<Vec<Silence>>> {
    let now = clock::now();
    let held = silence::list(&app.state).map_err(failure)?;
    Ok(Json(held.iter().map(|it| silence_view(it, now)).collect()))
}

/// `POST /api/v1/silences`
pub async fn add_silence(
    _: NoParams,
    State(app): State<App>,
    Said(written): Said<Silence>,
) -> Answer<Json<Silence>> {
    let now = clock::now();
    let silence = silence_written(&written, now)
        .map_err(|error| Failure::bad_request(format!("{error:#}")))?;
    let made = silence::add(&app.state, silence, now).map_err(failure)?;
    app.alerts.wake();
    Ok(Json(Silence {
        hint: app.slos.unfit(&made.slo, &made.severity),
        ..silence_view(&made, now)
    }))
}

/// `DELETE /api/v1/silences/{id}`
pub async fn end_silence(
    _: NoParams,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let ended = silence::end(&app.state, &id).map_err(failure)?;
    app.alerts.wake();
    match ended {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("there is no silence {id}"),
        )),
    }
}

fn failure(error: notify::Error) -> Failure {
    match error {
        notify::Error::State(error) => Failure::internal(error),
        notify::Error::Unknown(what) => Failure::new(StatusCode::NOT_FOUND, what),
        other => Failure::bad_request(other.to_string()),
    }
}
