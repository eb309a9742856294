//! The data of our own messages: what every other format is cut from.

use super::{Context, clip, link};
use crate::notification::Notification;
use model::{UnixNanos, time::rfc3339};
use serde_json::{Map, Value, json};

/// Examples that a message names.
pub const EXAMPLES: usize = 3;
/// Culprits that a message names.
const CULPRITS: usize = 5;

/// RFC 3339 in UTC, seconds with as many digits as they have.
pub fn time(at: UnixNanos) -> String {
    let text = rfc3339(at);
    let digits = text
        .trim_end_matches('Z')
        .trim_end_matches('0')
        .trim_end_matches('.');
    format!("{digits}Z")
}

/// Everything that is known, with links; below 20 kB.
pub fn data(message: &Notification, context: &Context<'_>) -> Value {
    let slo = &message.slo;
    let mut data = Map::new();
    let mut add = |key: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if !empty {
            data.insert(key.to_owned(), value);
        }
    };
    add(
        "incident",
        json!({
            "key": message.incident.key,
            "since": time(message.incident.since),
            "until": message.incident.until.map(time),
            "url": link(context, &message.incident.path),
        }),
    );
    add(
        "slo",
        json!({
            "id": slo.name, "name": super::name(message), "service": slo.service, "group": slo.group,
            "target": slo.target, "window": slo.window, "method": slo.method, "url": link(context, &slo.path),
        }),
    );
    add("severity", json!(message.severity));
    add("summary", json!(clip(&message.summary, 1_000)));
    add("rule", json!(message.rule));
    let short = (message.burn.len() > 1)
        .then(|| message.burn.last())
        .flatten();
    add(
        "burn",
        json!({
            "long": message.burn.first().and_then(|it| it.rate),
            "short": short.and_then(|it| it.rate),
        }),
    );
    add("windows", message.burn.iter().take(16).map(|it| json!({
        "window": it.window, "burn": it.rate, "threshold": it.threshold, "bad": it.bad, "total": it.total,
    })).collect());
    add(
        "threshold",
        json!(message.burn.first().and_then(|it| it.threshold)),
    );
    if let Some(budget) = &message.budget {
        add(
            "budget",
            json!({
                "remaining": budget.remaining, "allowed": budget.allowed, "spent": budget.spent,
            }),
        );
    }
    add("exhausts_at", json!(message.exhausts_at.map(time)));
    add("detected_late_s", json!(message.detected_late_s));
    add("explain", json!(clip(&message.explain, 4_000)));
    add("top_causes", message.culprits.iter().take(CULPRITS).map(|it| json!({
        "kind": it.kind, "name": clip(&it.name, 200), "share": it.share, "lift": it.lift, "bad": it.bad,
    })).collect());
    add(
        "executions",
        message
            .executions
            .iter()
            .take(EXAMPLES)
            .map(|it| {
                json!({
                    "id": clip(&it.id, 400), "name": clip(&it.name, 200), "at": time(it.at),
                    "error": clip(&it.error, 500), "url": link(context, &it.path),
                })
            })
            .collect(),
    );
    add(
        "verdict",
        json!(message.verdict.as_deref().map(|it| clip(it, 1_000))),
    );
    add("experiment", message.experiments.iter().take(8).map(|it| json!({
        "id": clip(&it.id, 200), "name": clip(&it.name, 200), "owner": clip(&it.owner, 100), "charge": it.charge,
    })).collect());
    add(
        "labels",
        message
            .labels
            .iter()
            .take(32)
            .map(|(key, value)| (clip(key, 100), Value::from(clip(value, 200))))
            .collect::<Map<_, _>>()
            .into(),
    );
    Value::Object(data)
}
