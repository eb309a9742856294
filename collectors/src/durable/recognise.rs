//! Finds histories and descriptions in a JSON value, however deep a wrapper hides them.

use super::{document, engine_of, event, find};
use crate::step_functions::{History, Piece, history_of};
use model::Engine;
use serde_json::{Map, Value};

/// How deep wrappers may be nested.
const MAX_DEPTH: usize = 24;

/// Finds durable executions' data in one JSON value; `None` when there is none.
///
/// A history without an ARN gets that of the only description, or of the ARN, in the same object.
pub fn recognise(value: &Value) -> Option<Vec<Piece>> {
    let mut found = Vec::new();
    collect(value, String::new(), 0, &mut found);
    (!found.is_empty()).then_some(found)
}

fn collect(value: &Value, path: String, depth: usize, found: &mut Vec<Piece>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) if is_history(items) => {
            found.push(Piece::History(history(items, &path)));
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                collect(item, format!("{path}[{n}]"), depth + 1, found);
            }
        }
        Value::Object(_) if event::is_event(value) => {
            found.push(Piece::History(history(std::slice::from_ref(value), &path)));
        }
        Value::Object(members) => object(members, &path, depth, found),
        _ => {}
    }
}

/// At least half of the first items have the form: one bad event does not hide the others.
fn is_history(items: &[Value]) -> bool {
    let sample = items.len().min(64);
    let fit = items
        .iter()
        .take(sample)
        .filter(|item| event::is_event(item));
    sample > 0 && fit.count() * 2 >= sample
}

fn history(items: &[Value], path: &str) -> History {
    let mut history = history_of(items, path, event::read);
    history.engine = Engine::lambda_durable();
    history
}

fn object(members: &Map<String, Value>, path: &str, depth: usize, found: &mut Vec<Piece>) {
    let start = found.len();
    if let Some(document) = document(members) {
        found.push(Piece::Execution(document));
    }
    for (key, child) in members {
        if !matches!(child, Value::Object(_) | Value::Array(_)) {
            continue;
        }
        let before = found.len();
        collect(child, format!("{path}.{key}"), depth + 1, found);
        if let [Piece::History(history)] = &mut found[before..]
            && key.eq_ignore_ascii_case("events")
        {
            history.more =
                find(members, "nextMarker").is_some() || find(members, "nextToken").is_some();
        }
    }
    link(members, &mut found[start..]);
}

/// Pairs the only history of an object with its only description, or with the ARN that is written beside.
fn link(members: &Map<String, Value>, found: &mut [Piece]) {
    let written = find(members, "durableExecutionArn").and_then(Value::as_str);
    let written = written.filter(|arn| engine_of(arn) == Engine::lambda_durable());
    let mut described = found.iter().filter_map(|piece| match piece {
        Piece::Execution(document) => document.get("executionArn")?.as_str(),
        _ => None,
    });
    let arn = match (described.next(), described.next()) {
        (Some(only), None) => Some(only),
        (None, _) => written,
        _ => None,
    };
    let arn = arn.map(str::to_owned);
    let mut histories = found.iter_mut().filter_map(|piece| match piece {
        Piece::History(history) => Some(history),
        _ => None,
    });
    if let (Some(only), None) = (histories.next(), histories.next()) {
        only.execution_arn = only.execution_arn.take().or(arn);
    }
}
