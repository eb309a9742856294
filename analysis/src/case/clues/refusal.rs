//! A value that a validator refused. *What it looks for*: the words of libraries that check data against a schema.
//! *Why it matters*: the code did what it is for, what it was given is wrong. *How to confirm*: the same function served
//! others; the input beside that of a healthy run.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::{Failure, message},
    scene::Scene,
    text,
};
use model::Category;
use model::text::counted;

/// Executions that were served before a refusal is blamed on what was sent.
const WELL: usize = 3;
/// One of so many may be refused as this one was: inputs are bad now and then.
const FEW: usize = 4;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(name), Some(visit)) = (failure.function(), failure.visit) else {
        return Vec::new();
    };
    let line = failure.lines.iter().rev();
    let line = line
        .clone()
        .find(|it| it.severity_number >= 17 && text::refuses_value(&it.body));
    let said = failure.said();
    let called = failure.spans.spans.iter();
    let mut called =
        called.filter(|it| crate::case::charges::calls_out(it) && crate::case::charges::failed(it));
    let refused = text::refuses_value(&said) || text::topic(&said).is_none() && line.is_some();
    if !refused || called.next().is_some() || super::poison::innermost(&visit.path).is_some() {
        return Vec::new();
    }
    let served = scene.healthy.iter();
    let well = served
        .filter(|it| it.states.contains_key(&visit.state))
        .count();
    let key = (visit.state.clone(), failure.error.clone());
    let alike = scene.world.peers.iter();
    let alike = alike.filter(|it| it.errors.contains(&key)).count();
    // Whom nobody gets past any more, or who is new, is wrong itself.
    if alike * FEW > well.max(1) || super::deploy::changed(scene, failure).is_some() {
        return Vec::new();
    }
    if super::producer(scene, visit).is_some() {
        return Vec::new();
    }
    let weight = if well >= WELL { 0.86 } else { 0.66 };
    let what = match text::refuses_value(&said) {
        true => text::brief(&message(&failure.cause), 160),
        false => line.map_or_else(String::new, |it| text::brief(&it.body, 160)),
    };
    let others = counted(well as u64, "other execution", "other executions");
    let mechanism = format!(
        "{name} refused what {} gave it, and served {others}: {what}",
        visit.state
    );
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    let cleared = (well >= WELL).then(|| Explained {
        kind: "function".into(),
        name: name.to_owned(),
        reason: format!("{name} served the same state in {others}"),
        reference,
    });
    let entered = scene.event(visit.entered_event_id);
    vec![
        Clue::new(
            clue::state(scene, visit),
            Category::BadInput,
            weight,
            mechanism,
        )
        .with(entered.map(|it| clue::event(it, format!("{} was given its input", visit.state))))
        .with(line.map(|it| clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))))
        .with(failure.exhibit())
        .explaining(cleared),
    ]
}
