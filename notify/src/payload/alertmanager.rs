//! Alertmanager: what it sends (webhook version 4), and what it takes (`POST /api/v2/alerts`).

use super::{Context, Payload, clip, data, digest, facts, headline, link};
use crate::notification::{Effect, Notification};
use model::UnixNanos;
use serde_json::{Map, Value, json};

/// An alert without an end is forgotten by Alertmanager after five minutes; ours end when we say so, and
/// at the latest then. 28 days in nanoseconds.
const LONGEST: i64 = 28 * 86_400 * 1_000_000_000;

fn labels(message: &Notification) -> Map<String, Value> {
    let slo = &message.slo;
    let own = message.labels.iter().take(32);
    let mut labels: Map<String, Value> = own
        .map(|(key, value)| (label_name(key), Value::from(clip(value, 200))))
        .collect();
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            labels.insert(key.to_owned(), value.into());
        }
    };
    add(
        "alertname",
        match message.kind.effect() {
            Effect::Notice => message.kind.as_str(),
            _ if message.kind.as_str().starts_with("slo.burn") => "SLOBurn",
            _ => "SLONoData",
        },
    );
    add("severity", &message.severity);
    add("slo", &slo.name);
    add("sloth_slo", &slo.name);
    add("service", &slo.service);
    add("group", &slo.group);
    add("incident", &message.incident.key);
    labels
}

/// Label names of Prometheus: letters, digits and `_`.
fn label_name(text: &str) -> String {
    let fit = |letter: char| match letter.is_ascii_alphanumeric() {
        true => letter,
        false => '_',
    };
    let name: String = text.chars().map(fit).take(100).collect();
    match name.starts_with(|letter: char| letter.is_ascii_digit()) || name.is_empty() {
        true => format!("_{name}"),
        false => name,
    }
}

fn annotations(message: &Notification, context: &Context<'_>) -> Map<String, Value> {
    let mut annotations = Map::new();
    annotations.insert("summary".into(), clip(&headline(message), 1_000).into());
    annotations.insert("description".into(), clip(&message.explain, 4_000).into());
    for (title, value) in facts(message) {
        annotations.insert(title.to_lowercase().replace(' ', "_"), value.into());
    }
    let links = message.executions.iter().take(data::EXAMPLES);
    let links: Vec<String> = links.map(|it| link(context, &it.path)).collect();
    if !links.is_empty() {
        annotations.insert("executions".into(), links.join("\n").into());
    }
    annotations
}

fn ends(message: &Notification) -> Option<UnixNanos> {
    match message.kind.effect() {
        Effect::Resolve => Some(message.incident.until.unwrap_or(message.at)),
        _ => None,
    }
}

/// The webhook's JSON (prometheus/alertmanager, docs/configuration.md, `<webhook_config>`).
pub fn webhook(message: &Notification, context: &Context<'_>) -> Payload {
    let labels = labels(message);
    let annotations = annotations(message, context);
    let status = match ends(message) {
        Some(_) => "resolved",
        None => "firing",
    };
    // What does not change in an incident makes its identity.
    let identity = digest(&[&message.incident.key]);
    let url = link(context, &message.incident.path);
    let group = json!({ "alertname": labels["alertname"], "slo": message.slo.name });
    Payload::json(&json!({
        "version": "4",
        "groupKey": format!("{{}}:{{incident=\"{}\"}}", message.incident.key),
        "truncatedAlerts": 0,
        "status": status,
        "receiver": context.receiver,
        "groupLabels": group,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": context.external_url,
        "alerts": [{
            "status": status,
            "labels": labels,
            "annotations": annotations,
            "startsAt": data::time(message.incident.since),
            "endsAt": ends(message).map_or("0001-01-01T00:00:00Z".into(), data::time),
            "generatorURL": url,
            "fingerprint": &identity[..16],
        }],
    }))
}

/// A list of one alert for `POST /api/v2/alerts`.
pub fn api(message: &Notification, context: &Context<'_>) -> Payload {
    let end = match (ends(message), message.kind.effect()) {
        (Some(end), _) => end,
        (None, Effect::Notice) => UnixNanos(message.at.0.saturating_add(3_600_000_000_000)),
        (None, _) => UnixNanos(message.at.0.saturating_add(LONGEST)),
    };
    let mut alert = json!({
        "labels": labels(message),
        "annotations": annotations(message, context),
        "startsAt": data::time(message.incident.since),
        "endsAt": data::time(end),
    });
    if let Some(url) = super::full_link(context, &message.incident.path) {
        alert["generatorURL"] = url.into();
    }
    Payload::json(&Value::Array(vec![alert]))
}
