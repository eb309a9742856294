//! Our own JSON: as a CloudEvent, and in the envelope of Standard Webhooks.

use super::{Context, Payload, data};
use crate::{notification::Notification, secret::Secret};
use serde_json::json;

fn source(context: &Context<'_>) -> String {
    match context.external_url {
        "" => "/inquest".into(),
        url => url.to_owned(),
    }
}

/// CloudEvents 1.0, structured mode (cloudevents/spec, HTTP protocol binding §3.2).
pub fn structured(message: &Notification, context: &Context<'_>) -> Payload {
    let event = json!({
        "specversion": "1.0",
        "id": context.id,
        "source": source(context),
        "type": message.kind.as_str(),
        "subject": message.incident.key,
        "time": data::time(message.at),
        "datacontenttype": "application/json",
        "data": data::data(message, context),
    });
    Payload {
        content_type: "application/cloudevents+json",
        ..Payload::json(&event)
    }
}

/// CloudEvents 1.0, binary mode (§3.1): attributes are headers, the body is the data.
pub fn binary(message: &Notification, context: &Context<'_>) -> Payload {
    let header = |name, value: &str| (name, Secret::new(percent(value)));
    Payload {
        headers: vec![
            header("ce-specversion", "1.0"),
            header("ce-id", context.id),
            header("ce-source", &source(context)),
            header("ce-type", message.kind.as_str()),
            header("ce-subject", &message.incident.key),
            header("ce-time", &data::time(message.at)),
        ],
        ..Payload::json(&data::data(message, context))
    }
}

/// Header values are percent-encoded where they are not printable ASCII (§3.1.3.2).
fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' | b'"' | b'%' => out += &format!("%{byte:02X}"),
            0x21..=0x7e => out.push(char::from(byte)),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// `{type, timestamp, data}` of the Standard Webhooks specification.
pub fn envelope(message: &Notification, context: &Context<'_>) -> Payload {
    Payload::json(&json!({
        "type": message.kind.as_str(),
        "timestamp": data::time(message.at),
        "data": data::data(message, context),
    }))
}
