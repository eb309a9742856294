//! Our own JSON.

use super::{text, time_at};
use crate::experiment::{Phase, Update};
use model::UnixNanos;
use serde_json::Value;

/// The parts of a scope.
const SCOPE: [&str; 7] = [
    "workflow",
    "state",
    "function",
    "version",
    "az",
    "attributes",
    "percentage",
];

/// `{id, name, tool, start, end, planned_end, scope, slos, max_spend, owner, hypothesis, state, tail_s}`
pub fn experiment(said: &Value, now: UnixNanos) -> Result<Update, String> {
    let Some(id) = text(said, "id") else {
        return Err(
            "this is no experiment: give at least {\"id\": …}, or what AWS FIS or the Chaos Toolkit send"
                .into(),
        );
    };
    let known = [
        "id",
        "name",
        "tool",
        "start",
        "end",
        "planned_end",
        "scope",
        "slo",
        "slos",
        "max_spend",
        "owner",
        "hypothesis",
        "state",
        "tail_s",
        "template",
        "note",
    ];
    if let Some(key) = said
        .as_object()
        .and_then(|it| it.keys().find(|key| !known.contains(&key.as_str())))
    {
        return Err(format!(
            "'{key}' is not known; known are {}",
            known.join(", ")
        ));
    }
    let end = time_at(said, "end")?;
    let start = time_at(said, "start")?;
    let planned_end = time_at(said, "planned_end")?;
    for (key, at) in [("end", end), ("planned_end", planned_end)] {
        if let (Some(start), Some(at)) = (start, at)
            && at < start
        {
            return Err(format!(
                "{key} lies before start: the experiment would end before it begins"
            ));
        }
    }
    let phase = match said.get("state").and_then(Value::as_str) {
        Some(word) => Some(phase(word)?),
        None if end.is_some() => Some(Phase::Completed),
        None if start.is_some_and(|start| start > now) => Some(Phase::Planned),
        None => start.map(|_| Phase::Running),
    };
    let scope = match said.get("scope") {
        None | Some(Value::Null) => None,
        Some(scope) => {
            let parts = scope.as_object().into_iter().flat_map(|it| it.keys());
            // A part that is misspelt would be left out, and the experiment be charged for what it never touched.
            if let Some(key) = parts.into_iter().find(|it| !SCOPE.contains(&it.as_str())) {
                return Err(format!(
                    "scope: '{key}' is not known; known are {}",
                    SCOPE.join(", ")
                ));
            }
            Some(serde_json::from_value(scope.clone()).map_err(|it| format!("scope: {it}"))?)
        }
    };
    let slos = match said.get("slos").or_else(|| said.get("slo")) {
        None | Some(Value::Null) => None,
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(list) => {
            Some(serde_json::from_value(list.clone()).map_err(|_| "slos is a list of names")?)
        }
    };
    let hypothesis = match said.get("hypothesis") {
        None | Some(Value::Null) => None,
        Some(parts) => {
            let list = match parts {
                Value::Array(_) => parts.clone(),
                one => Value::Array(vec![one.clone()]),
            };
            Some(serde_json::from_value(list).map_err(|it| format!("hypothesis: {it}"))?)
        }
    };
    let max_spend = match said.get("max_spend") {
        None | Some(Value::Null) => None,
        // What is meant as a limit must not be left out because it cannot be read.
        Some(most) => match most.as_f64().filter(|it| (0.0..=1e6).contains(it)) {
            Some(most) => Some(most),
            None => return Err("max_spend is a share of the budget, a number such as 0.05".into()),
        },
    };
    Ok(Update {
        id,
        name: text(said, "name"),
        tool: Some(text(said, "tool").unwrap_or_else(|| "api".into())),
        template: text(said, "template"),
        owner: text(said, "owner"),
        phase,
        start,
        end,
        planned_end,
        tail_s: match said.get("tail_s") {
            None | Some(Value::Null) => None,
            Some(tail) => match tail.as_u64().filter(|it| *it <= 3_600) {
                Some(tail) => Some(tail),
                None => return Err("tail_s is a whole number of seconds from 0 to 3600".into()),
            },
        },
        scope,
        slos,
        max_spend,
        hypothesis,
        note: text(said, "note"),
        at: now,
    })
}

/// The word of a phase.
pub fn phase(word: &str) -> Result<Phase, String> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "planned" | "pending" | "initiating" => Phase::Planned,
        "running" | "stopping" => Phase::Running,
        "completed" => Phase::Completed,
        "stopped" | "aborted" | "interrupted" => Phase::Stopped,
        "failed" => Phase::Failed,
        "cancelled" | "canceled" => Phase::Cancelled,
        other => {
            return Err(format!(
                "'{other}' is no state: planned, running, completed, stopped, failed, cancelled"
            ));
        }
    })
}
