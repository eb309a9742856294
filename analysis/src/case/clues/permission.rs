//! Access denied. *What it looks for*: the words of IAM, KMS and HTTP 403, in the history or in the function's
//! log. *Why it matters*: it fails fast and always, from one instant on. *How to confirm*: the policy of the role
//! that the message names.

use crate::case::{
    clue::{self, Clue},
    failures::{Failure, message},
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, LogRecord};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    if super::platform::told(&failure.error) {
        return Vec::new();
    }
    let told = text::is(&failure.words(), Topic::Permission);
    let said = failure
        .lines
        .iter()
        .find(|log| log.severity_number >= 13 && text::is(&log.body, Topic::Permission));
    let attribute = failure.spans.spans.iter().find(|span| {
        matches!(crate::case::charges::status(span), Some(401 | 403))
            || text::is(&span.status_message, Topic::Permission)
    });
    // An unclear error of the function (its SDK wraps the refusal) with a refusal in its log.
    let topic = text::topic(&failure.words());
    let wrapped = (said.is_some() || attribute.is_some())
        && matches!(
            topic,
            None | Some(Topic::Data | Topic::Unavailable | Topic::Permission)
        );
    if !told && !wrapped {
        return Vec::new();
    }
    let weight = if told { 0.95 } else { 0.88 };
    let Some((suspect, who)) = denied(scene, failure) else {
        return Vec::new();
    };
    let what = match told {
        true => text::brief(&message(&failure.cause), 200),
        false => said.map_or_else(String::new, |it: &&LogRecord| text::brief(&it.body, 200)),
    };
    let mechanism = format!("{who} was denied access in {}: {what}", failure.state());
    let clue = Clue::new(suspect, Category::Permission, weight, mechanism)
        .with(failure.exhibit())
        .with(said.map(|it| clue::log(it, format!("{who} wrote: {}", text::brief(&it.body, 160)))))
        .with(attribute.map(|it| clue::span(it, format!("{} was refused", it.name))))
        .changed(super::deploy::change_of(
            scene,
            failure,
            &["role", "policy", "iam", "permission", "kms", "key"],
        ));
    vec![clue]
}

fn denied(scene: &Scene, failure: &Failure) -> Option<(model::Entity, String)> {
    let state = || {
        failure
            .visit
            .map(|it| (clue::state(scene, it), it.state.clone()))
    };
    let attempt = failure.attempt;
    // Step Functions itself may not call it: the state's role, not the function's.
    let own_role = failure.error.contains("States.Permissions")
        || failure.said().contains("lambda:InvokeFunction")
        || failure.said().contains("states:StartExecution");
    match (failure.function(), attempt) {
        (Some(name), Some(attempt)) if !own_role => Some((
            clue::function(scene, attempt, name, failure.version()),
            name.to_owned(),
        )),
        (None, Some(attempt)) if !own_role => of_job(scene, failure, attempt).or_else(state),
        _ => state(),
    }
}

/// A job or task that was taken on and then denied something: its own role, or the one that starts it, lacks the
/// permission. What was refused at once was refused to the state machine's role.
fn of_job(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<(model::Entity, String)> {
    // What a started execution was denied was denied within it.
    if let Some(arn) = attempt.child_execution_arn.as_deref() {
        let machine = arn
            .split(':')
            .nth(6)
            .filter(|it| !it.is_empty())?
            .to_owned();
        let suspect = clue::entity(scene, "state_machine", &machine, &[&attempt.path]);
        return Some((suspect, machine));
    }
    let cause = serde_json::from_str(&failure.cause).ok();
    let runs = attempt.resource.contains(".sync") && attempt.submitted_time.is_some();
    let (kind, name) = super::container::named(cause.as_ref(), attempt);
    let job = matches!(kind, "job" | "task_definition");
    (runs && job).then(|| {
        let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
        (suspect, name)
    })
}
