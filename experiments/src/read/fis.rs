//! AWS Fault Injection Service: events of EventBridge (`FIS Experiment State Change`), and what
//! `aws fis get-experiment` prints.

use super::{own, text, time, time_at};
use crate::experiment::{Phase, Scope, Update};
use model::UnixNanos;
use serde_json::Value;

/// An event: `detail.experiment-id`, `detail.new-state.status`.
pub fn event(said: &Value, now: UnixNanos) -> Result<Update, String> {
    let detail = &said["detail"];
    let id = text(detail, "experiment-id").ok_or("an event of aws.fis has detail.experiment-id")?;
    let state = &detail["new-state"];
    let status = text(state, "status").ok_or("an event of aws.fis has detail.new-state.status")?;
    let phase = own::phase(&status)?;
    let at = time_at(said, "time")?.unwrap_or(now);
    let template = text(detail, "experiment-template-id");
    Ok(Update {
        name: template.as_ref().map(|it| format!("FIS {it}")),
        template,
        id,
        tool: Some("aws-fis".into()),
        phase: Some(phase),
        start: (phase == Phase::Running && status == "running").then_some(at),
        end: phase.is_over().then_some(at),
        note: text(state, "reason"),
        owner: text(said, "account"),
        at,
        ..Update::default()
    })
}

/// An experiment as described: with the functions that its targets name as its scope.
pub fn description(said: &Value, now: UnixNanos) -> Result<Update, String> {
    let id = text(said, "id").ok_or("an experiment of FIS has an id")?;
    let status = text(&said["state"], "status").unwrap_or_else(|| "running".into());
    let phase = own::phase(&status)?;
    let template = text(said, "experimentTemplateId");
    let tag = |key: &str| text(&said["tags"], key);
    let start = said
        .get("startTime")
        .or_else(|| said.get("creationTime"))
        .and_then(time);
    Ok(Update {
        name: tag("Name").or_else(|| template.as_ref().map(|it| format!("FIS {it}"))),
        owner: tag("owner").or_else(|| tag("Owner")),
        template,
        id,
        tool: Some("aws-fis".into()),
        phase: Some(phase),
        start,
        end: said.get("endTime").and_then(time),
        scope: function_of(said).map(|function| Scope {
            function,
            percentage: percentage_of(said),
            ..Scope::default()
        }),
        note: text(&said["state"], "reason"),
        at: now,
        ..Update::default()
    })
}

/// The function that the targets name, if it is one.
fn function_of(said: &Value) -> Option<String> {
    let mut functions = Vec::new();
    for target in said.get("targets")?.as_object()?.values() {
        let arns = target.get("resourceArns").and_then(Value::as_array);
        for arn in arns.into_iter().flatten().filter_map(Value::as_str) {
            if let Some((_, name)) = arn.split_once(":function:") {
                functions.push(name.split(':').next().unwrap_or(name).to_owned());
            }
        }
    }
    functions.sort();
    functions.dedup();
    match functions.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

fn percentage_of(said: &Value) -> Option<f64> {
    let actions = said.get("actions")?.as_object()?;
    let mut parameters = actions.values().filter_map(|it| it.get("parameters"));
    parameters.find_map(|it| it.get("invocationPercentage")?.as_str()?.parse().ok())
}
