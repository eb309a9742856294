//! Changes as somebody tells them: objects of `time`, `kind`, `resource` and `change`.

use crate::timestamp;
use model::Change;
use serde_json::{Map, Value};

/// Longest text of a member, bytes.
const LONGEST: usize = 4_096;

/// True for an object that tells a change.
pub fn is_change(value: &Value) -> bool {
    let has = |name: &str| value.get(name).is_some_and(|it| !it.is_null());
    let named = |name: &str| value.get(name).is_some_and(Value::is_string);
    has("time") && has("change") && named("kind") && named("resource")
}

/// Reads a change. Members besides the four are kept as attributes.
///
/// # Errors
/// In words, when a member is missing or wrong.
pub fn read(value: &Value) -> Result<Change, String> {
    let members = value
        .as_object()
        .ok_or("a change is an object of time, kind, resource and change")?;
    let time = members.get("time").unwrap_or(&Value::Null);
    let time = timestamp::parse(time).ok_or_else(|| {
        format!("time is {time}: write ISO 8601 (2026-01-31T12:00:00Z) or epoch seconds")
    })?;
    let (kind, resource) = (text(members, "kind")?, text(members, "resource")?);
    let change = match members.get("change") {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => return Err("change is missing: say what was changed".into()),
        Some(other) => other.to_string(),
    };
    let known = ["time", "kind", "resource", "change"];
    let rest: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let rest = Value::Object(rest).to_string();
    if change.len() > LONGEST || rest.len() > 16 * LONGEST {
        return Err(format!(
            "the text of the change is longer than {LONGEST} bytes"
        ));
    }
    Ok(Change {
        attributes: (rest != "{}").then_some(rest),
        ..Change::new(time, &kind, &resource, &change, "told")
    })
}

fn text(members: &Map<String, Value>, name: &str) -> Result<String, String> {
    match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() && text.len() <= LONGEST => Ok(text.clone()),
        Some(Value::String(text)) if !text.is_empty() => {
            Err(format!("{name} is longer than {LONGEST} bytes"))
        }
        _ => Err(format!("{name} is missing or not text")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_read_in_many_shapes() {
        let check = |value: Value, time: i64, change: &str| {
            assert!(is_change(&value));
            let found = read(&value).unwrap();
            assert_eq!((found.time.0, found.change.as_str()), (time, change));
            assert_eq!(found.source, "told");
        };
        let told = json!({"time": "2023-11-14T22:13:20Z", "kind": "lambda", "resource": "pay", "change": "7 → 8", "by": "ann"});
        check(told.clone(), 1_700_000_000_000_000_000, "7 → 8");
        assert_eq!(
            read(&told).unwrap().attributes.as_deref(),
            Some(r#"{"by":"ann"}"#)
        );
        let structured = json!({"time": 1_700_000_000, "kind": "config", "resource": "x", "change": {"from": 1, "to": 2}});
        check(
            structured,
            1_700_000_000_000_000_000,
            r#"{"from":1,"to":2}"#,
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |value: Value, expect: &str| {
            let error = read(&value).unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        check(json!(3), "is an object");
        check(json!({"time": "soon"}), "time is \"soon\"");
        check(json!({"time": 1, "kind": "k"}), "resource is missing");
        check(
            json!({"time": 1, "kind": "k", "resource": "r"}),
            "change is missing",
        );
        check(
            json!({"time": 1, "kind": "", "resource": "r", "change": "c"}),
            "kind is missing",
        );
    }
}
