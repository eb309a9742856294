//! Deliveries, receivers and silences as the API tells them.

use super::Alerts;
use crate::times;
use anyhow::{Context, Result, bail};
use model::{
    UnixNanos,
    api::deliveries::{
        Delivery, DeliveryAttempt, DeliveryPage, ReceiverPage, ReceiverView, Silence,
    },
};
use notify::{
    outbox::{self, Message, Status},
    silence,
};
use state::State;
use std::collections::BTreeMap;

/// Everything about receivers that is no secret.
///
/// # Errors
/// When the state cannot be read.
pub fn receiver_page(alerts: &Alerts) -> Result<ReceiverPage> {
    let receivers = alerts.receivers();
    let messages = outbox::messages(&alerts.state, None, usize::MAX)?;
    let count = |name: &str, status: Status| {
        let fits = |it: &&Message| it.receiver == name && it.status == status;
        messages.iter().filter(fits).count() as u64
    };
    let mut views = Vec::new();
    for receiver in &receivers.list {
        let health = alerts
            .state
            .read(|view| outbox::health(view, &receiver.name))?;
        let word = match &health {
            it if it.gone.as_deref() == Some(&receiver.fingerprint) => "gone",
            it if it.failures > 0 => "failing",
            it if it.last_success.is_some() => "ok",
            _ => "new",
        };
        views.push(ReceiverView {
            name: receiver.name.clone(),
            format: receiver.format.as_str().into(),
            url: receiver.shown_url(),
            route: receiver.route(),
            signed: receiver.signs(),
            fallback: receiver.fallback.clone(),
            health: word.into(),
            last_error: (health.failures > 0).then_some(health.last_error),
            last_success: health.last_success.map(told),
            last_failure: health.last_failure.map(told),
            waiting: count(&receiver.name, Status::Waiting),
            dead: count(&receiver.name, Status::Dead),
            delivered: health.delivered,
        });
    }
    Ok(ReceiverPage {
        receivers: views,
        file: alerts.receiving().path().display().to_string(),
        problem: alerts.receiving().problem(),
    })
}

/// Messages, newest first: those that `fits` chooses.
///
/// # Errors
/// When the state cannot be read.
pub fn delivery_page(
    state: &State,
    limit: usize,
    now: UnixNanos,
    fits: impl Fn(&Delivery) -> bool,
) -> Result<DeliveryPage> {
    let silences = silence::list(state)?;
    let mut page = DeliveryPage::default();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for message in outbox::messages(state, None, usize::MAX)? {
        let view = delivery(&message, &silences, now);
        *counts.entry(view.status.clone()).or_default() += 1;
        if page.rows.len() < limit && fits(&view) {
            page.rows.push(view);
        }
    }
    page.counts = counts;
    Ok(page)
}

/// A message as the API tells it.
pub fn delivery(message: &Message, silences: &[silence::Silence], now: UnixNanos) -> Delivery {
    let said = &message.notification;
    let waits = message.status == Status::Waiting;
    let silent = waits
        && said.kind.effect() != notify::notification::Effect::Resolve
        && silences.iter().any(|it| it.holds(said, now));
    Delivery {
        id: message.id.clone(),
        number: message.number,
        receiver: message.receiver.clone(),
        kind: said.kind.as_str().into(),
        incident: said.incident.key.clone(),
        slo: said.slo.name.clone(),
        severity: said.severity.clone(),
        summary: said.summary.clone(),
        status: if silent {
            "silenced"
        } else {
            message.status.as_str()
        }
        .into(),
        note: message.note.clone(),
        enqueued: told(message.enqueued),
        due: waits.then(|| told(message.due)),
        done: message.done.map(told),
        attempts: message.attempts,
        log: message
            .log
            .iter()
            .map(|it| DeliveryAttempt {
                at: told(it.at),
                took_ms: it.took_ms,
                status: it.status,
                error: it.error.clone(),
                uncertain: it.uncertain,
            })
            .collect(),
    }
}

/// A silence as the API tells it.
pub fn silence_view(silence: &silence::Silence, now: UnixNanos) -> Silence {
    Silence {
        id: silence.id.clone(),
        slo: silence.slo.clone(),
        severity: silence.severity.clone(),
        from: told(silence.from),
        until: told(silence.until),
        comment: silence.comment.clone(),
        author: silence.author.clone(),
        active: (silence.from..silence.until).contains(&now),
        hint: None,
    }
}

/// Refuses a status that no delivery has.
///
/// # Errors
/// When there is no such status; says which there are.
pub fn known_status(word: &str) -> Result<()> {
    const KNOWN: [&str; 6] = [
        "waiting",
        "silenced",
        "delivered",
        "superseded",
        "dropped",
        "dead",
    ];
    if !KNOWN.contains(&word) {
        let shown: String = word.chars().take(80).collect();
        bail!("status='{shown}' is not known: give {}", KNOWN.join(", "));
    }
    Ok(())
}

/// A time as somebody wrote it.
///
/// # Errors
/// When it is none.
pub fn read_time(text: &str, now: UnixNanos) -> Result<UnixNanos> {
    let shown = || text.chars().take(80).collect::<String>();
    times::read(text, now).with_context(|| format!("'{}' is no time: {}", shown(), times::FORMS))
}

/// A silence as somebody wrote it.
///
/// # Errors
/// When a time in it is none, or it has no end.
pub fn silence_written(written: &Silence, now: UnixNanos) -> Result<silence::Silence> {
    if written.until.is_empty() {
        bail!("say when the silence ends: `until`");
    }
    for text in [
        &written.slo,
        &written.severity,
        &written.comment,
        &written.author,
    ] {
        if text.len() > 2_000 {
            bail!("a text of the silence is longer than 2000 bytes");
        }
    }
    for (name, text) in [("slo", &written.slo), ("severity", &written.severity)] {
        if !text.is_empty() && text.trim().is_empty() {
            bail!("{name} is blank: leave it out to mean any");
        }
    }
    Ok(silence::Silence {
        id: String::new(),
        slo: written.slo.trim().to_owned(),
        severity: written.severity.trim().to_owned(),
        from: match written.from.as_str() {
            "" => now,
            text => read_time(text, now)?,
        },
        until: read_time(&written.until, now)?,
        comment: written.comment.clone(),
        author: written.author.clone(),
    })
}

fn told(time: UnixNanos) -> String {
    time.0.to_string()
}
