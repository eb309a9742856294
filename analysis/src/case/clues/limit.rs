//! A history that ran into its own limit: an unbounded loop or retry. The design of the workflow did it, not its
//! last state.

use crate::case::{
    clue::{self, Clue},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::Category;
use std::collections::BTreeMap;

/// Events after which Step Functions ends an execution.
const MOST_EVENTS: usize = 25_000;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let execution = &scene.case.execution;
    let said = format!(
        "{} {}",
        failure.said(),
        execution.cause.as_deref().unwrap_or_default()
    );
    let told = text::is(&said, Topic::HistoryLimit);
    let full = scene.case.events.len() * 100 >= MOST_EVENTS * 98;
    let ended_well = failure.attempt.is_none_or(|it| !it.status.is_failure());
    if !(told || full && ended_well) {
        return Vec::new();
    }
    let mut visits: BTreeMap<&str, u32> = BTreeMap::new();
    for visit in &scene.case.states {
        *visits.entry(&visit.state).or_default() += 1;
    }
    let most = visits
        .iter()
        .max_by_key(|(name, count)| (**count, std::cmp::Reverse(**name)));
    let (state, count) = most
        .map(|(name, count)| (*name, *count))
        .unwrap_or_default();
    let mechanism = format!(
        "{} reached the limit of {MOST_EVENTS} events: it entered {state} {count} times",
        execution.state_machine
    );
    let name = match &execution.state_machine_version {
        Some(version) => format!("{}:{version}", execution.state_machine),
        None => execution.state_machine.clone(),
    };
    let weight = if told { 0.95 } else { 0.8 };
    vec![
        Clue::new(
            clue::entity(scene, "state_machine", &name, &[state]),
            Category::Capacity,
            weight,
            mechanism,
        )
        .with(failure.exhibit()),
    ]
}
