//! A token or an activity that was answered with a failure without a name and without words. *What it looks for*: what
//! the worker that had it wrote meanwhile. *Why it matters*: the history tells that it failed, and nothing else. *How to
//! confirm*: the worker's log.

use super::worker;
use crate::case::{
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::Category;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let waits =
        attempt.resource.contains("waitForTaskToken") || attempt.resource_type == "activity";
    let bare = failure.error.is_empty() && failure.cause.is_empty() && attempt.status.is_failure();
    if !waits || !bare || worker::known(failure) {
        return Vec::new();
    }
    let Some(worker) = worker::of(scene, attempt) else {
        return Vec::new();
    };
    let Some(line) = worker.wrong else {
        return Vec::new();
    };
    let topic = text::topic(&line.body);
    let outside = topic.is_some_and(Topic::is_outside);
    let name = &worker.name;
    let said = text::brief(&line.body, 160);
    let called = super::network::service_in(scene, &line.body);
    let called = called.filter(|it| outside && it != name);
    let (kind, who) = match &called {
        Some(called) => ("service", called.clone()),
        None => (worker.kind, name.clone()),
    };
    let category = match topic {
        Some(Topic::Init) => Category::BadDeploy,
        topic => text::category(topic),
    };
    let mechanism = format!(
        "{name} answered {} with a failure without a word; it wrote: {said}",
        failure.state()
    );
    let shown = clue::log(line, format!("{name} wrote: {said}"));
    let carried = [
        Some(name.clone()),
        super::function::callee(attempt).map(|it| it.1),
        Some(failure.state().to_owned()),
    ];
    let carried = carried.into_iter().flatten().filter(|it| *it != who);
    let carried: Vec<Explained> = carried
        .map(|carrier| Explained {
            kind: String::new(),
            reason: format!("{carrier} passed on what the worker failed of"),
            name: carrier,
            reference: shown.reference.clone(),
        })
        .collect();
    let weight = if worker.hinted { 0.88 } else { 0.93 };
    let suspect = clue::entity(scene, kind, &who, &[&attempt.path, name]);
    vec![
        Clue::new(suspect, category, weight, mechanism)
            .with([shown])
            .with(failure.exhibit())
            .explaining(carried),
    ]
}
