//! Trace contexts inside what an attempt sent: members of a payload, headers of a request, attributes of a
//! message, of a CloudEvent, in JSON and in JSON inside a text.

use crate::context::{self, TraceContext};
use model::TraceId;
use serde_json::Value;
use std::collections::BTreeSet;

/// Values inside values, texts that are JSON themselves included.
const DEPTH: usize = 12;
/// Contexts of one payload; more are a list of other people's.
const MOST: usize = 16;
/// A text inside is only read as JSON up to this length, bytes.
const TEXT: usize = 256 << 10;

/// The contexts that a payload carries, sorted.
pub fn carried(payload: &str) -> Vec<TraceContext> {
    if !may_carry(payload) {
        return Vec::new();
    }
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::from_str(payload) {
        walk(&value, 0, &mut found);
    }
    found.into_iter().collect()
}

/// Looks for the letters without reading the JSON: nearly all payloads carry none.
fn may_carry(payload: &str) -> bool {
    let bytes = payload.as_bytes();
    bytes.windows(5).any(|part| {
        matches!(part[0], b't' | b'T' | b'b' | b'B')
            && (part.eq_ignore_ascii_case(b"trace") || part[..2].eq_ignore_ascii_case(b"b3"))
    })
}

fn walk(value: &Value, depth: usize, found: &mut BTreeSet<TraceContext>) {
    if depth > DEPTH || found.len() >= MOST {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, depth + 1, found)),
        Value::Object(members) => {
            for (name, value) in members {
                match word(value).and_then(|text| of_member(name, text, members)) {
                    Some(context) => {
                        found.insert(context);
                    }
                    None => walk(value, depth + 1, found),
                }
            }
            // A header as {"name": "traceparent", "value": "00-…"}.
            let named = text_of(members, "name").or_else(|| text_of(members, "key"));
            if let (Some(name), Some(value)) = (named, text_of(members, "value")) {
                found.extend(context::read(name, value));
            }
        }
        Value::String(text) if text.len() <= TEXT && may_carry(text) => {
            if text.trim_start().starts_with(['{', '['])
                && let Ok(value) = serde_json::from_str(text)
            {
                walk(&value, depth + 1, found);
            }
        }
        _ => {}
    }
}

type Members = serde_json::Map<String, Value>;

/// What a member says, whatever the case of its name.
fn text_of<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    let mut all = members.iter();
    let (_, value) = all.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    word(value)
}

fn of_member(name: &str, value: &str, members: &Members) -> Option<TraceContext> {
    let mut found = context::read(name, value)?;
    if name.eq_ignore_ascii_case("x-b3-traceid") {
        let span = text_of(members, "x-b3-spanid").and_then(|id| id.parse().ok());
        found.span_id = span.unwrap_or_default();
    }
    Some(found)
}

/// The text of a member: itself, the first of a list of headers, or the value of a message's attribute.
fn word(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) if items.len() == 1 => items[0].as_str(),
        Value::Object(members) => ["StringValue", "stringValue", "Value"]
            .iter()
            .find_map(|name| members.get(*name)?.as_str()),
        _ => None,
    }
}

/// The traces that a payload names.
pub fn traces(payload: &str) -> BTreeSet<TraceId> {
    carried(payload).iter().map(|it| it.trace_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn contexts_are_found_wherever_they_travel() {
        let check = |payload: Value, expect: &[&str]| {
            let found: Vec<String> = carried(&payload.to_string())
                .iter()
                .map(|it| format!("{}-{}", it.trace_id, it.span_id))
                .collect();
            let expect: Vec<String> = expect
                .iter()
                .map(|span| format!("{TRACE}-{span}"))
                .collect();
            assert_eq!(found, expect, "{payload}");
        };
        let one = ["b7ad6b7169203331"];
        check(json!({"traceparent": PARENT}), &one);
        check(json!({"Headers": {"Traceparent": [PARENT]}}), &one);
        check(
            json!({"MessageAttributes": {"traceparent": {"DataType": "String", "StringValue": PARENT}}}),
            &one,
        );
        check(
            json!({"MessageBody": json!({"meta": {"traceparent": PARENT}}).to_string()}),
            &one,
        );
        check(
            json!({"Entries": [{"Detail": json!({"ce_traceparent": PARENT}).to_string()}]}),
            &one,
        );
        check(
            json!({"headers": [{"key": "traceparent", "value": PARENT}]}),
            &one,
        );
        check(json!({"b3": format!("{TRACE}-b7ad6b7169203331-1")}), &one);
        check(
            json!({"X-B3-TraceId": TRACE, "X-B3-SpanId": "b7ad6b7169203331"}),
            &one,
        );
        check(
            json!({"AWSTraceHeader": "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1"}),
            &one,
        );
        check(
            json!({"traceparent": "nonsense", "trace": 1, "note": "b3 and traceparent"}),
            &[],
        );
        check(json!({"id": TRACE}), &[]);
    }

    #[test]
    fn hostile_payloads_end() {
        let mut deep = json!({"traceparent": PARENT});
        for _ in 0..60 {
            deep = json!({"x": deep});
        }
        assert!(carried(&deep.to_string()).is_empty());
        let many: Vec<Value> = (1..200u64)
            .map(|n| json!({"traceparent": format!("00-{n:032x}-{n:016x}-01")}))
            .collect();
        assert_eq!(carried(&Value::Array(many).to_string()).len(), MOST);
        assert!(carried("traceparent").is_empty());
    }
}
