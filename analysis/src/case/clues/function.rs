//! The called function, service or worker failed by itself: what is left when nothing deeper is found.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    scene::Scene,
    text,
};
use model::{Attempt, Category, ExecutionStatus, Span};
use serde_json::Value;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return of_state(scene, failure).into_iter().collect();
    };
    if failure.error.is_empty() && failure.cause.is_empty() && failure.event.is_none() {
        return Vec::new();
    }
    let (kind, name) = match failure.function() {
        Some(name) => ("function", name.to_owned()),
        // Of what failed behind a service's API or a token nothing is known but the state that called.
        None => callee(attempt)
            .filter(|(kind, _)| matches!(*kind, "job" | "task_definition" | "activity" | "service"))
            .unwrap_or(("state", attempt.state.clone())),
    };
    let suspect = match failure.function() {
        Some(name) => clue::function(scene, attempt, name, failure.version()),
        None => clue::entity(scene, kind, &name, &[&attempt.path]),
    };
    let line = failure.telling_line(None);
    // An exception that the function itself raised and logged speaks against its code.
    let weight = match (failure.function(), line.is_some(), failure.cause.is_empty()) {
        (Some(_), true, _) => 0.62,
        (Some(_), false, false) => 0.58,
        _ => 0.5,
    };
    let said = match failure.cause.as_str() {
        "" => failure.error.clone(),
        cause => format!("{}: {}", failure.error, text::brief(&message(cause), 160)),
    };
    let mechanism = format!("{name} failed in {}: {said}", failure.state());
    let category = match refused_as_nonsense(failure, attempt) {
        true => Category::BadInput,
        false => own_category(failure),
    };
    let mut clue = Clue::new(suspect, category, weight, mechanism)
        .with(line.map(|it| clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))))
        .with(failure.exhibit());
    if failure.function().is_some() && failure.invocation.is_none() {
        clue = clue.missing(&format!("the log of {name} for this invocation"));
    }
    vec![clue]
}

/// What a failure means when nothing deeper is known: of a function's own fault only what its words prove.
fn own_category(failure: &Failure) -> Category {
    match failure.topic() {
        Some(text::Topic::Data | text::Topic::Path | text::Topic::Init) | None => Category::Error,
        topic => text::category(topic),
    }
}

/// True when a service that the workflow calls by itself refused what it was sent: no code of anybody ran, so what was
/// sent is wrong.
fn refused_as_nonsense(failure: &Failure, attempt: &Attempt) -> bool {
    let waits = attempt.resource.contains("waitForTaskToken") || attempt.resource.contains(".sync");
    let direct = !matches!(
        attempt.resource_type.as_str(),
        "" | "lambda" | "activity" | "states"
    );
    direct
        && !waits
        && failure.function().is_none()
        && text::topic(&failure.said()) == Some(text::Topic::Data)
}

fn of_state(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let named = scene.case.execution.failing_state.as_deref();
    let name = failure.visit.map(|it| it.state.as_str()).or(named)?;
    // Nobody threw it: the time limit of the whole execution ended what was under way.
    let overdue = scene.case.execution.status == ExecutionStatus::TimedOut
        && matches!(failure.error.as_str(), "" | "States.Timeout");
    let said = match failure.error.as_str() {
        _ if overdue => "States.Timeout, the time limit of the execution ran out in it".to_owned(),
        "" => "no error name is given".to_owned(),
        error => error.to_owned(),
    };
    let said = match failure.cause.as_str() {
        "" => said,
        cause => format!("{said}: {}", text::brief(&message(cause), 160)),
    };
    let suspect = match failure.visit {
        Some(visit) => clue::state(scene, visit),
        None => clue::entity(scene, "state", name, &[]),
    };
    let mechanism = format!("state {name} failed: {said}");
    let category = match overdue {
        true => Category::TimeoutConfig,
        false => own_category(failure),
    };
    Some(Clue::new(suspect, category, 0.55, mechanism).with(failure.exhibit()))
}

/// That a caller only carried on what its callee did.
pub(super) fn carried(caller: &str, callee: &str, span: &Span) -> Explained {
    Explained {
        kind: String::new(),
        name: caller.to_owned(),
        reason: format!("{caller} failed because its call to {callee} did"),
        reference: clue::span_ref(span),
    }
}

/// Who answers an attempt that calls no function: a queue, a table, a job definition, an activity…
pub(in crate::case) fn callee(attempt: &Attempt) -> Option<(&'static str, String)> {
    if attempt.resource_type == "activity" {
        return Some(("activity", last_part(&attempt.resource)));
    }
    const NAMED: [(&str, &str); 14] = [
        ("JobDefinition", "job"),
        ("JobName", "job"),
        ("TaskDefinition", "task_definition"),
        ("QueueUrl", "queue"),
        ("TopicArn", "topic"),
        ("TableName", "table"),
        ("Bucket", "bucket"),
        ("StateMachineArn", "state_machine"),
        ("StreamName", "stream"),
        ("EventBusName", "event_bus"),
        ("ApiEndpoint", "service"),
        ("ClusterIdentifier", "service"),
        ("ProjectName", "job"),
        ("Name", "job"),
    ];
    let input: Value = serde_json::from_str(attempt.input.as_deref()?).ok()?;
    let bus = input
        .pointer("/Entries/0/EventBusName")
        .and_then(Value::as_str);
    if let Some(bus) = bus.filter(|it| !it.is_empty()) {
        return Some(("event_bus", last_part(bus)));
    }
    NAMED.iter().find_map(|(key, kind)| {
        // A `Name` names many things; of Glue and DataBrew it is the job.
        let jobs = ["glue", "databrew"];
        if *key == "Name" && !jobs.iter().any(|it| attempt.resource_type.ends_with(it)) {
            return None;
        }
        let text = input.get(*key)?.as_str().filter(|it| !it.is_empty())?;
        let name = match *key {
            "ApiEndpoint" => text
                .split("://")
                .last()
                .unwrap_or(text)
                .split('/')
                .next()
                .unwrap_or(text)
                .to_owned(),
            "JobDefinition" | "TaskDefinition" => family(text),
            _ => last_part(text),
        };
        Some((*kind, name))
    })
}

/// The name in a definition's ARN or `name:revision`.
pub(super) fn family(text: &str) -> String {
    let name = text.rsplit('/').next().unwrap_or(text);
    let revision = |it: &&str| !it.is_empty() && it.chars().all(|c| c.is_ascii_digit());
    match name.rsplit_once(':') {
        Some((name, end)) if revision(&end) => name.rsplit(':').next().unwrap_or(name).to_owned(),
        _ => name.rsplit(':').next().unwrap_or(name).to_owned(),
    }
}

/// The last part of an ARN, a URL or a path.
pub(in crate::case) fn last_part(text: &str) -> String {
    let text = text.trim_end_matches('/');
    text.rsplit(['/', ':']).next().unwrap_or(text).to_owned()
}
