//! PagerDuty: Events API v2, and change events for what is only worth knowing.

use super::{Context, Path, Payload, clip, data, dedup_key, full_link, headline};
use crate::notification::{Effect, Kind, Notification};
use serde_json::{Value, json};

/// Largest event, bytes.
const LARGEST: usize = 500_000;

/// Trigger, resolve, or, for notices, a change event.
pub fn events(message: &Notification, context: &Context<'_>) -> Vec<Payload> {
    match message.kind.effect() {
        Effect::Trigger | Effect::Update => vec![Payload::json(&trigger(message, context))],
        Effect::Resolve => vec![Payload::json(&resolve(message, context))],
        // A test leaves nothing open behind it.
        Effect::Notice if message.kind == Kind::Test => vec![
            Payload::json(&trigger(message, context)),
            Payload::json(&resolve(message, context)),
        ],
        Effect::Notice => vec![Payload {
            path: Path::Beside(vec!["change".into(), "enqueue".into()]),
            ..Payload::json(&change(message, context))
        }],
    }
}

fn key<'a>(context: &'a Context<'_>) -> &'a str {
    context.key.map(|key| key.expose()).unwrap_or_default()
}

fn resolve(message: &Notification, context: &Context<'_>) -> Value {
    json!({
        "routing_key": key(context),
        "event_action": "resolve",
        "dedup_key": dedup_key(message),
    })
}

fn severity(message: &Notification) -> &'static str {
    match message.severity.as_str() {
        "page" => "critical",
        "ticket" => "warning",
        _ => "info",
    }
}

fn links(message: &Notification, context: &Context<'_>) -> Vec<Value> {
    let mut links = Vec::new();
    let mut add = |path: &str, text: String| {
        if let Some(href) = full_link(context, path) {
            links.push(json!({ "href": href, "text": text }));
        }
    };
    add(&message.incident.path, "Incident".into());
    add(&message.slo.path, "Objective".into());
    for example in message.executions.iter().take(data::EXAMPLES) {
        add(&example.path, clip(&example.name, 100));
    }
    links
}

fn trigger(message: &Notification, context: &Context<'_>) -> Value {
    let mut event = json!({
        "routing_key": key(context),
        "event_action": "trigger",
        "dedup_key": dedup_key(message),
        "client": "Inquest",
        "links": links(message, context),
        "payload": {
            "summary": clip(&headline(message), 1_024),
            "source": clip(super::name(message), 255),
            "severity": severity(message),
            "timestamp": data::time(message.incident.since),
            "component": message.slo.service,
            "group": message.slo.group,
            "class": message.kind.as_str(),
            "custom_details": data::data(message, context),
        },
    });
    if let Some(url) = full_link(context, &message.incident.path) {
        event["client_url"] = url.into();
    }
    if event.to_string().len() > LARGEST {
        event["payload"]["custom_details"] = json!({ "cut": "the details were too long" });
    }
    event
}

fn change(message: &Notification, context: &Context<'_>) -> Value {
    json!({
        "routing_key": key(context),
        "payload": {
            "summary": clip(&headline(message), 1_024),
            "timestamp": data::time(message.at),
            "source": "inquest",
            "custom_details": data::data(message, context),
        },
        "links": links(message, context),
    })
}
