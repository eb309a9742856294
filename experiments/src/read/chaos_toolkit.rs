//! The Chaos Toolkit: notifications over HTTP (`chaoslib/notification.py`) and journals.
//!
//! A notification is `{name, payload, phase, ts, error?}`; the documentation says `event` where the code sends
//! `name`. A journal has the experiment, when it began and ended, and whether it deviated. An experiment has
//! no id of its own: its title and its beginning name a run.

use super::{text, time};
use crate::experiment::{Phase, Scope, Update};
use model::{UnixNanos, api::experiments::Steady};
use serde_json::Value;

const EVENTS: [&str; 4] = ["run-started", "run-completed", "run-failed", "run-deviated"];

/// Whether this is the name of an event about a run.
pub fn is_event(name: &str) -> bool {
    EVENTS.contains(&name)
}

/// A notification. Its payload is the experiment at the beginning, and the journal at the end.
pub fn notification(said: &Value, now: UnixNanos) -> Result<Update, String> {
    let name = text(said, "name")
        .or_else(|| text(said, "event"))
        .unwrap_or_default();
    let at = said.get("ts").and_then(time).unwrap_or(now);
    let payload = &said["payload"];
    let error = said
        .get("error")
        .filter(|it| !it.is_null())
        .map(Value::to_string);
    if payload.get("experiment").is_some() && name != "run-started" {
        let mut update = journal(payload, at)?;
        update.at = at;
        update.end = update.end.or(Some(at));
        return Ok(update);
    }
    let title = title(payload)?;
    let over = name != "run-started";
    Ok(Update {
        id: run_id(&title),
        phase: Some(match name.as_str() {
            "run-started" => Phase::Running,
            "run-failed" => Phase::Failed,
            _ => Phase::Completed,
        }),
        start: (!over).then_some(at),
        end: over.then_some(at),
        note: error.map(|it| it.chars().take(500).collect()),
        at,
        ..of_experiment(payload, title)
    })
}

/// A journal.
pub fn journal(said: &Value, now: UnixNanos) -> Result<Update, String> {
    let experiment = &said["experiment"];
    let title = title(experiment)?;
    let start = said.get("start").and_then(time);
    let deviated = said
        .get("deviated")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let status = text(said, "status").unwrap_or_default();
    let phase = match status.as_str() {
        "aborted" | "interrupted" => Phase::Stopped,
        "failed" => Phase::Failed,
        _ => Phase::Completed,
    };
    Ok(Update {
        id: run_id(&title),
        phase: Some(phase),
        start,
        end: said.get("end").and_then(time),
        note: Some(format!(
            "{status}{}",
            if deviated {
                ", deviated from its steady state"
            } else {
                ""
            }
        )),
        at: now,
        ..of_experiment(experiment, title)
    })
}

fn title(experiment: &Value) -> Result<String, String> {
    text(experiment, "title").ok_or_else(|| "an experiment of the Chaos Toolkit has a title".into())
}

/// Runs are told apart by [`crate::experiment::identify`], which knows those that are held.
fn run_id(title: &str) -> String {
    format!("chaos-toolkit:{title}")
}

/// What the experiment's own file says: tags, configuration, and our extension
/// `extensions: [{name: "inquest", scope, slos, max_spend, owner, hypothesis}]`.
fn of_experiment(experiment: &Value, title: String) -> Update {
    let extensions = experiment.get("extensions").and_then(Value::as_array);
    let own = extensions
        .into_iter()
        .flatten()
        .find(|it| it.get("name").and_then(Value::as_str) == Some("inquest"));
    let part = |key: &str| own.and_then(|it| it.get(key)).cloned();
    let scope: Option<Scope> = part("scope").and_then(|it| serde_json::from_value(it).ok());
    let hypothesis: Option<Vec<Steady>> =
        part("hypothesis").and_then(|it| serde_json::from_value(it).ok());
    Update {
        name: Some(title.clone()),
        template: Some(title),
        tool: Some("chaos-toolkit".into()),
        owner: own.and_then(|it| text(it, "owner")),
        scope,
        slos: part("slos").and_then(|it| serde_json::from_value(it).ok()),
        max_spend: part("max_spend").and_then(|it| it.as_f64()),
        hypothesis,
        ..Update::default()
    }
}
