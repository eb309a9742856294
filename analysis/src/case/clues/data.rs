//! Payloads that outgrew a limit. *What it looks for*: size errors. *Why it matters*: the state that fails is not the
//! one that grew the data. *How to confirm*: the sizes of what each state was given and gave.

use crate::case::{
    clue::{self, Clue, Explained},
    critical,
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, State};
use std::collections::BTreeMap;

/// Healthy runs that tell how much a state is usually given.
const KNOWN: usize = 3;
/// An input of fewer bytes makes no answer too large.
const LARGE: usize = 20_000;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    if !text::is(&failure.words(), Topic::TooLarge) {
        return Vec::new();
    }
    let state = failure.state();
    let from_function = failure.said().contains("ResponseSizeTooLarge")
        || failure.said().contains("body size is too long")
        || failure.said().contains("returned a result with a size");
    let own = from_function && !overfed(scene, failure);
    if let (true, Some(name), Some(attempt)) = (own, failure.function(), failure.attempt) {
        let suspect = clue::function(scene, attempt, name, failure.version());
        let mechanism = format!("the answer of {name} in {state} is larger than its limit");
        return vec![
            Clue::new(suspect, Category::DataSize, 0.93, mechanism).with(failure.exhibit()),
        ];
    }
    let grower = grower(scene, failure);
    // A list of more items than ever gives as much more: whoever made it so long grew the data.
    if let Some((visit, ..)) = grower.filter(|it| it.0.state_type == "Map")
        && let Some(clue) = crate::case::grown::fed(scene, visit)
    {
        return vec![clue.with(failure.exhibit())];
    }
    // The data itself may lie in a bucket: what the states before tell of its size says who grew it.
    if let (None, Some(visit)) = (&grower, failure.visit)
        && let Some(clue) = crate::case::grown::fed(scene, visit)
    {
        return vec![clue.with(failure.exhibit())];
    }
    let Some((visit, gave, took)) = grower else {
        let visit = failure.visit.map(|it| clue::state(scene, it));
        let suspect = visit.unwrap_or_else(|| clue::entity(scene, "state", state, &[]));
        let mechanism = format!("the data of {state} is larger than its limit");
        return vec![
            Clue::new(suspect, Category::DataSize, 0.7, mechanism)
                .with(failure.exhibit())
                .missing("inputs and outputs of the states before"),
        ];
    };
    let (suspect, name) = super::maker(scene, visit);
    let mechanism = format!(
        "{name} grew the data from {took} to {gave} bytes, which is more than {state} can pass on"
    );
    let exited = visit.exited_event_id.and_then(|id| scene.event(id));
    let entered = scene
        .event(visit.entered_event_id)
        .filter(|_| exited.is_none());
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    let carrier = (visit.state != state).then(|| Explained {
        kind: String::new(),
        name: state.to_owned(),
        reason: format!("{state} failed at data that {} had grown", visit.state),
        reference,
    });
    vec![
        Clue::new(suspect, Category::DataSize, 0.94, mechanism)
            .changed(super::new_version(scene, visit))
            .with(exited.or(entered).map(|it| {
                clue::event(
                    it,
                    format!("{} gave {gave} bytes and was given {took}", visit.state),
                )
            }))
            .with(failure.exhibit())
            .explaining(carrier),
    ]
}

/// The state was given so much more than in any healthy run that its answer had to grow with it, and a state before
/// made it so much.
fn overfed(scene: &Scene, failure: &Failure) -> bool {
    let Some(visit) = failure.visit else {
        return false;
    };
    let healthy = scene.healthy.iter();
    let usual: Vec<usize> = healthy
        .filter_map(|peer| peer.states.get(&visit.state))
        .map(|it| it.input_bytes)
        .collect();
    let Some(most) = usual.iter().max().filter(|_| usual.len() >= KNOWN) else {
        return false;
    };
    let given = visit.input.as_ref().map_or(0, String::len);
    let upstream = || grower(scene, failure).filter(|(it, ..)| it.span_id != visit.span_id);
    given >= LARGE && given * 2 > most * 3 && upstream().is_some()
}

/// The state before the failure that added most to the data, beyond what it adds in healthy runs.
fn grower<'a>(scene: &Scene<'a>, failure: &Failure<'a>) -> Option<(&'a State, usize, usize)> {
    let before = scene
        .case
        .states
        .iter()
        .filter(|it| it.start_time <= failure.at || failure.at.0 == 0);
    let own = failure.visit.map(|it| it.span_id);
    let growth = |it: &'a State| {
        let took = it.input.as_ref().map_or(0, String::len);
        let gave = match &it.output {
            Some(output) => output.len(),
            None => last_output(scene, it)?,
        };
        Some((it, gave, took))
    };
    let usual = |name: &str| {
        let mut all: Vec<usize> = scene
            .healthy
            .iter()
            .filter_map(|peer| peer.states.get(name))
            .map(|it| it.output_bytes.saturating_sub(it.input_bytes))
            .collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(0)
    };
    let grown: Vec<Grew> = before
        .filter(|it| it.output.is_some() || Some(it.span_id) == own)
        .filter_map(growth)
        .filter(|(_, gave, took)| gave > took && *gave >= 1_000)
        .filter(|(it, _, _)| !matches!(it.state_type.as_str(), "Choice" | "Wait"))
        .map(|of| Grew {
            added: (of.1 - of.2).saturating_sub(usual(&of.0.state)),
            of,
        })
        .collect();
    let mut found = grown.iter().max_by_key(|it| it.rank())?;
    let mut added = found.added;
    // A block gives what the states in it gave: it was one of them, however often it was visited, or all of them together.
    while matches!(found.of.0.state_type.as_str(), "Map" | "Parallel") {
        let block = &found.of.0.path;
        let inside = |it: &&Grew| it.added > 0 && critical::is_inside(&it.of.0.path, block);
        let mut by_state: BTreeMap<&str, (usize, &Grew)> = BTreeMap::new();
        for it in grown.iter().filter(inside) {
            let (sum, most) = by_state.entry(&it.of.0.state).or_insert((0, it));
            *sum += it.added;
            if it.rank() > most.rank() {
                *most = it;
            }
        }
        let inner = by_state.into_values();
        match inner.max_by_key(|(sum, it)| (*sum, it.rank())) {
            Some((sum, inner)) if sum * 2 >= added => (added, found) = (sum, inner),
            _ => break,
        }
    }
    Some(found.of)
}

/// A visit that gave more than it was given.
struct Grew<'a> {
    /// What it added beyond what it usually does, bytes.
    added: usize,
    /// The visit, what it gave and what it was given.
    of: (&'a State, usize, usize),
}

impl Grew<'_> {
    fn rank(&self) -> (usize, std::cmp::Reverse<u64>) {
        (self.added, std::cmp::Reverse(self.of.0.entered_event_id))
    }
}

/// What the last successful try of a visit gave back, bytes.
fn last_output(scene: &Scene, visit: &State) -> Option<usize> {
    scene.tries(visit).last()?.output.as_ref().map(String::len)
}
