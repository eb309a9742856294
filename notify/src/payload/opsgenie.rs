//! Opsgenie: alerts, closed by their alias.

use super::{Context, Path, Payload, clip, data, dedup_key, digest, facts, headline};
use crate::{
    notification::{Effect, Kind, Notification},
    secret::Secret,
};
use serde_json::{Map, Value, json};

/// Create, or close; a test does both.
pub fn requests(message: &Notification, context: &Context<'_>) -> Vec<Payload> {
    let create = || with_key(Payload::json(&alert(message, context)), context);
    let close = || {
        let body = json!({ "source": "Inquest", "note": clip(&headline(message), 25_000) });
        let path = Path::Below(vec![alias(message), "close".into()]);
        let payload = Payload {
            path,
            query: vec![("identifierType", "alias")],
            ..Payload::json(&body)
        };
        with_key(payload, context)
    };
    match message.kind.effect() {
        Effect::Resolve => vec![close()],
        Effect::Notice if message.kind == Kind::Test => vec![create(), close()],
        _ => vec![create()],
    }
}

fn with_key(mut payload: Payload, context: &Context<'_>) -> Payload {
    let key = context.key.map(Secret::expose).unwrap_or_default();
    let value = Secret::new(format!("GenieKey {key}"));
    payload.headers.push(("authorization", value));
    payload
}

/// It stands in a path, so it is plain.
fn alias(message: &Notification) -> String {
    format!("inquest-{}", &digest(&[&dedup_key(message)])[..32])
}

fn alert(message: &Notification, context: &Context<'_>) -> Value {
    let details: Map<String, Value> = facts(message)
        .into_iter()
        .map(|(title, value)| (title.to_owned(), value.into()))
        .collect();
    let links = message.executions.iter().take(data::EXAMPLES);
    let links: Vec<String> = links.map(|it| super::link(context, &it.path)).collect();
    json!({
        "message": clip(&headline(message), 130),
        "alias": alias(message),
        "description": clip(&format!("{}\n{}", message.explain, links.join("\n")), 15_000),
        "details": details,
        "source": "Inquest",
        "entity": clip(super::name(message), 512),
        "tags": [message.kind.as_str(), message.severity],
        "priority": match message.severity.as_str() {
            "page" => "P1",
            "ticket" => "P3",
            _ => "P5",
        },
    })
}
