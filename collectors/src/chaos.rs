//! What chaos tools say about their experiments, as changes: a change of kind `experiment` whose attributes
//! are what the tool said, without what would only make it long. AWS FIS (events of EventBridge, answers of
//! GetExperiment) and the Chaos Toolkit (`chaoslib/notification.py`, journals).

use crate::timestamp;
use model::{Change, UnixNanos};
use serde_json::{Map, Value, json};

/// Longest text that is kept of what a tool said, bytes.
const LONGEST: usize = 64 * 1024;

/// The experiment that a value tells of; `None` if it tells of none.
///
/// # Errors
/// In words, when it is of a chaos tool and does not say when or which.
pub fn read(value: &Value) -> Option<Result<Change, String>> {
    if value.get("source").and_then(Value::as_str) == Some("aws.fis") {
        return Some(fis_event(value));
    }
    let inner = value.get("experiment").filter(|it| it.is_object());
    if let Some(inner) = inner.filter(|it| it.get("experimentTemplateId").is_some()) {
        return Some(fis_description(inner));
    }
    if let Some(inner) = inner.filter(|it| is_chaos_toolkit(it) && value.get("status").is_some()) {
        return Some(journal(value, inner));
    }
    let event = value.get("name").or_else(|| value.get("event"));
    let event = event
        .and_then(Value::as_str)
        .filter(|it| it.starts_with("run-"))?;
    let payload = value.get("payload").filter(|it| it.is_object())?;
    Some(notification(value, event, payload))
}

fn is_chaos_toolkit(experiment: &Value) -> bool {
    experiment.get("title").is_some_and(Value::is_string)
}

fn fis_event(value: &Value) -> Result<Change, String> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let id = text("/detail/experiment-id").ok_or("an event of aws.fis has detail.experiment-id")?;
    let status = text("/detail/new-state/status");
    let status = status.ok_or("an event of aws.fis has detail.new-state.status")?;
    let time = time(value.get("time")).ok_or("an event of aws.fis has a time")?;
    change(time, id, &format!("AWS FIS experiment {status}"), value)
}

fn fis_description(inner: &Value) -> Result<Change, String> {
    let id = inner.get("id").and_then(Value::as_str);
    let id = id.ok_or("an experiment of AWS FIS has an id")?;
    let began = inner.get("startTime").or_else(|| inner.get("creationTime"));
    let time = time(began).ok_or("an experiment of AWS FIS has startTime or creationTime")?;
    let status = inner.pointer("/state/status").and_then(Value::as_str);
    let text = format!("AWS FIS experiment {}", status.unwrap_or("described"));
    change(time, id, &text, &json!({ "experiment": inner }))
}

fn journal(value: &Value, experiment: &Value) -> Result<Change, String> {
    let status = value
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or("ended");
    let time = time(value.get("start").or_else(|| value.get("end")));
    let time = time.ok_or("a journal of the Chaos Toolkit says when the run began")?;
    let kept = slim_journal(value, experiment);
    change(
        time,
        &title(experiment)?,
        &format!("Chaos Toolkit run {status}"),
        &kept,
    )
}

fn slim_journal(value: &Value, experiment: &Value) -> Value {
    let mut kept = only(
        value,
        &[
            "chaoslib-version",
            "status",
            "deviated",
            "start",
            "end",
            "duration",
            "node",
        ],
    );
    kept.insert("experiment".to_owned(), Value::Object(slim(experiment)));
    Value::Object(kept)
}

fn notification(value: &Value, event: &str, payload: &Value) -> Result<Change, String> {
    let time = time(value.get("ts")).ok_or("a notification of the Chaos Toolkit has ts")?;
    let mut kept = only(value, &["name", "event", "phase", "ts", "error"]);
    let inner = payload.get("experiment").filter(|it| it.is_object());
    let experiment = inner.unwrap_or(payload);
    let payload = match inner {
        Some(inner) => slim_journal(payload, inner),
        None => Value::Object(slim(payload)),
    };
    kept.insert("payload".to_owned(), payload);
    let text = format!("Chaos Toolkit {event}");
    change(time, &title(experiment)?, &text, &Value::Object(kept))
}

fn title(experiment: &Value) -> Result<String, String> {
    let title = experiment.get("title").and_then(Value::as_str);
    let title = title.filter(|it| !it.trim().is_empty());
    Ok(title
        .ok_or("an experiment of the Chaos Toolkit has a title")?
        .to_owned())
}

/// An experiment without its activities: they hold configuration, and secrets.
fn slim(experiment: &Value) -> Map<String, Value> {
    only(experiment, &["title", "description", "tags", "extensions"])
}

fn only(value: &Value, names: &[&str]) -> Map<String, Value> {
    let some = names.iter().filter_map(|name| {
        let member = value.get(*name).filter(|it| !it.is_null())?;
        Some(((*name).to_owned(), member.clone()))
    });
    some.collect()
}

/// A time of a tool; without an offset it is UTC.
fn time(value: Option<&Value>) -> Option<UnixNanos> {
    let value = value?;
    let later = || timestamp::parse(&Value::String(format!("{}Z", value.as_str()?)));
    timestamp::parse(value).or_else(later)
}

fn change(time: UnixNanos, resource: &str, text: &str, said: &Value) -> Result<Change, String> {
    let resource: String = resource.chars().take(1_000).collect();
    let said = said.to_string();
    if said.len() > LONGEST {
        return Err(format!(
            "what is said of the experiment is longer than {LONGEST} bytes"
        ));
    }
    Ok(Change {
        attributes: Some(said),
        ..Change::new(time, "experiment", &resource, text, "told")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn chaos_tools_are_recognised() {
        let check = |value: Value, resource: &str, text: &str, time: i64| {
            let found = read(&value).unwrap().unwrap();
            assert_eq!(
                (
                    found.resource.as_str(),
                    found.change.as_str(),
                    found.time.0 / 1_000_000_000
                ),
                (resource, text, time)
            );
            found.attributes.unwrap()
        };
        let event = json!({
            "source": "aws.fis", "detail-type": "FIS Experiment State Change", "time": "2023-11-14T22:13:20Z",
            "detail": {"experiment-id": "EXP1", "new-state": {"status": "running"}},
        });
        check(event, "EXP1", "AWS FIS experiment running", 1_700_000_000);
        let answer = json!({"experiment": {
            "id": "EXP2", "experimentTemplateId": "EXT", "startTime": 1_700_000_000.5, "state": {"status": "completed"},
        }});
        check(
            answer,
            "EXP2",
            "AWS FIS experiment completed",
            1_700_000_000,
        );
        let journal = json!({
            "chaoslib-version": "1.40", "status": "completed", "deviated": false, "start": "2023-11-14T22:13:20.437018",
            "experiment": {"title": "pay dies", "method": [{"secret": "x"}], "extensions": [{"name": "inquest"}]}, "run": [{"output": "long"}],
        });
        let kept = check(
            journal.clone(),
            "pay dies",
            "Chaos Toolkit run completed",
            1_700_000_000,
        );
        assert!(
            kept.contains("inquest") && !kept.contains("secret") && !kept.contains("long"),
            "{kept}"
        );
        let told = json!({"name": "run-completed", "phase": "complete", "ts": 1_700_000_100.25, "payload": journal});
        check(
            told,
            "pay dies",
            "Chaos Toolkit run-completed",
            1_700_000_100,
        );
    }

    #[test]
    fn other_things_are_not_experiments() {
        let check = |value: Value| assert!(read(&value).is_none(), "{value}");
        check(json!({"source": "aws.states", "detail": {}}));
        check(json!({"name": "run-1", "payload": "text"}));
        check(json!({"experiment": {"title": "x"}}));
        check(json!(3));
        assert!(read(&json!({"source": "aws.fis"})).unwrap().is_err());
    }
}
