//! Whether a change that is told in general words (a role, a configuration) is about this execution at all.

use crate::case::{failures::Failure, scene::Scene};
use model::Change;

/// Kinds whose resource is somebody's own: a role, a function's settings. What touches all at once, such as a route or a
/// certificate, need not name anybody.
const OWN: [&str; 5] = ["role", "config", "secret", "permission", "iam"];
/// Shorter names lie in other words by chance.
const LEAST: usize = 4;

/// True where the change is not of a resource that somebody else owns: its name stands in what failed, in what was sent or
/// in who took part, or one of these stands in its name (`render-tile-role`).
pub(in crate::case) fn concerns(scene: &Scene, failure: Option<&Failure>, change: &Change) -> bool {
    let kind = change.kind.to_lowercase();
    if !OWN.iter().any(|it| kind.contains(it)) {
        return true;
    }
    let resource = super::last_part(&change.resource).to_lowercase();
    if resource.len() < LEAST {
        return true;
    }
    let names = parts(scene);
    if names
        .iter()
        .any(|it| resource.contains(it.as_str()) || it.contains(&resource))
    {
        return true;
    }
    let told = failure.into_iter().flat_map(|it| {
        let sent = it.attempt.and_then(|it| it.input.clone());
        [it.said(), it.lines_said()].into_iter().chain(sent)
    });
    let mut told = told.map(|it| it.to_lowercase());
    told.any(|it| it.contains(&resource)) || role(scene).is_some_and(|it| it.contains(&resource))
}

/// Who took part in the execution, in lower case.
fn parts(scene: &Scene) -> Vec<String> {
    let case = scene.case;
    let machine = [case.execution.state_machine.as_str()].into_iter();
    let states = case.states.iter().map(|it| it.state.as_str());
    let tried = case
        .attempts
        .iter()
        .filter_map(|it| it.function_name.as_deref());
    let ran = case.invocations.iter().map(|it| it.function_name.as_str());
    let wrote = case.spans.iter().map(|it| it.service_name.as_str());
    let all = machine.chain(states).chain(tried).chain(ran).chain(wrote);
    let mut all: Vec<String> = all
        .filter(|it| it.len() >= LEAST)
        .map(str::to_lowercase)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The role in which the execution ran, in lower case.
fn role(scene: &Scene) -> Option<String> {
    let started = scene
        .case
        .events
        .iter()
        .find(|it| it.event_type == "ExecutionStarted")?;
    let details: serde_json::Value = serde_json::from_str(&started.details).ok()?;
    let role = details.get("roleArn")?.as_str()?;
    Some(role.to_lowercase())
}
