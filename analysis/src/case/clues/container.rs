//! Jobs and tasks in containers: hosts that were taken away, images that could not be pulled, memory, exit codes.
//! *What it looks for*: the status reasons of Batch and ECS in the cause. *How to confirm*: the attempts of the job.

use crate::case::{
    clue::{self, Clue},
    failures::{Failure, message},
    scene::Scene,
    stays,
    text::{self, Topic},
};
use model::{Attempt, Category};
use serde_json::Value;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let cause: Option<Value> = serde_json::from_str(&failure.cause).ok();
    let container = ["batch", "ecs", "eks"]
        .iter()
        .any(|it| attempt.resource_type.contains(it))
        || cause.as_ref().is_some_and(|it| {
            it.get("JobDefinition").is_some() || it.get("TaskDefinitionArn").is_some()
        });
    let words = format!("{} {}", failure.said(), below(failure));
    let lost = text::is(&words, Topic::HostLost);
    let pull = text::is(&words, Topic::Pull);
    if !container && !lost && !pull {
        return Vec::new();
    }
    if let Some(clue) = never_ran(scene, failure, attempt) {
        return vec![clue];
    }
    let definition = named(cause.as_ref(), attempt);
    let exit = cause.as_ref().and_then(|it| number(it, "ExitCode", 0));
    let reasons = reasons(cause.as_ref());
    let said = match reasons.is_empty() {
        true => text::brief(&message(&failure.cause), 160),
        false => text::brief(&reasons, 160),
    };
    let oom = text::is(&words, Topic::OutOfMemory) || exit == Some(137) && !lost;
    let proof = failure
        .spans
        .spans
        .iter()
        .rfind(|it| crate::case::charges::failed(it));
    let (kind, name, category, weight, how) = if lost {
        // Hosts come and go: whose work stands on such hosts is what can be mended. The reasons tell which it was.
        let how = format!(
            "the host of {} was taken away in {}: {said}",
            definition.1, attempt.state
        );
        (
            definition.0,
            definition.1,
            Category::Infrastructure,
            0.94,
            how,
        )
    } else if pull {
        let how = format!("the image of {} could not be pulled: {said}", definition.1);
        // What does not exist was never there for this revision; what does not come is the registry's or the network's.
        let category = match text::no_such_image(&words) {
            true => Category::BadDeploy,
            false => Category::Infrastructure,
        };
        (definition.0, definition.1, category, 0.94, how)
    } else if oom {
        let how = format!(
            "{} ran out of memory in {}: {said}",
            definition.1, attempt.state
        );
        (definition.0, definition.1, Category::Memory, 0.93, how)
    } else {
        let code = exit
            .map(|it| format!(" with exit code {it}"))
            .unwrap_or_default();
        let how = format!("{} ended{code} in {}: {said}", definition.1, attempt.state);
        (definition.0, definition.1, Category::Error, 0.66, how)
    };
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
    vec![
        Clue::new(suspect, category, weight, how)
            .with(proof.map(|it| {
                clue::span(
                    it,
                    format!("{}: {}", it.name, text::brief(&it.status_message, 120)),
                )
            }))
            .with(failure.exhibit()),
    ]
}

/// A job that nobody ran until its time was over, or that was ended for want of somebody to run it.
fn never_ran(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Clue> {
    let stay = stays::of(scene.job(attempt), attempt)?;
    let ended_in_queue = stay.never_ran
        && text::is(
            &format!("{} {}", stay.reason, failure.said()),
            Topic::Throttled,
        );
    let silent = failure.error == "States.Timeout" || attempt.end_event_id.is_none();
    if !stay.never_ran || !(silent || ended_in_queue) {
        return None;
    }
    let from = stays::created(scene, attempt).or(attempt.submitted_time)?;
    let queued = failure.at.since(from).max(0);
    let clue = crate::case::waits::in_queue(scene, attempt, &stay, queued, None);
    Some(clue.with(failure.exhibit()))
}

/// What the spans of the job say.
fn below(failure: &Failure) -> String {
    let said = failure
        .spans
        .spans
        .iter()
        .filter(|it| crate::case::charges::failed(it));
    said.take(20)
        .map(|it| super::dependency::words(it))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Job definition, job name, task definition: the family that users know.
pub(super) fn named(cause: Option<&Value>, attempt: &Attempt) -> (&'static str, String) {
    const KEYS: [(&str, &str); 4] = [
        ("JobDefinition", "job"),
        ("TaskDefinitionArn", "task_definition"),
        ("TaskDefinition", "task_definition"),
        ("JobName", "job"),
    ];
    let found = KEYS.iter().find_map(|(key, kind)| {
        let name = cause?.get(*key)?.as_str()?;
        let name = if *key == "JobName" {
            name.to_owned()
        } else {
            super::function::family(name)
        };
        Some((*kind, name))
    });
    found
        .or_else(|| super::function::callee(attempt))
        .unwrap_or(("state", attempt.state.clone()))
}

/// Every reason in the cause, the outer ones first.
fn reasons(cause: Option<&Value>) -> String {
    fn walk(value: &Value, depth: usize, found: &mut Vec<String>) {
        if depth > 8 || found.len() > 8 {
            return;
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text)
                            if name.ends_with("Reason") && !found.contains(text) =>
                        {
                            found.push(text.clone())
                        }
                        other => walk(other, depth + 1, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|it| walk(it, depth + 1, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Some(cause) = cause {
        walk(cause, 0, &mut found);
    }
    found.join("; ")
}

fn number(value: &Value, wanted: &str, depth: usize) -> Option<i64> {
    if depth > 8 {
        return None;
    }
    match value {
        Value::Object(members) => members.get(wanted).and_then(Value::as_i64).or_else(|| {
            members
                .values()
                .find_map(|it| number(it, wanted, depth + 1))
        }),
        Value::Array(items) => items
            .iter()
            .rev()
            .find_map(|it| number(it, wanted, depth + 1)),
        _ => None,
    }
}
