//! Images that take long to come.

use super::{
    clue::{self, Clue},
    clues,
    scene::Scene,
};
use model::{Attempt, Category, time::human_duration};

/// An image that took long to come, by the times in what the task answered.
pub(super) fn pulling(scene: &Scene, attempt: &Attempt, excess_ns: i64) -> Option<Clue> {
    let event = scene.event(attempt.end_event_id?)?;
    let details: serde_json::Value = serde_json::from_str(&event.details).ok()?;
    let answer: serde_json::Value = serde_json::from_str(details.get("output")?.as_str()?).ok()?;
    let at = |name: &str| super::stays::time_of(answer.get(name)?);
    let pull = at("PullStoppedAt")? - at("PullStartedAt")?;
    if pull * 2 < excess_ns {
        return None;
    }
    let (kind, name) = clues::callee(attempt)?;
    let took = human_duration(pull);
    let mechanism = format!(
        "the image of {name} took {took} to come in {}",
        attempt.state
    );
    let shown = clue::event(event, format!("the image was pulled for {took}"));
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
    Some(Clue::new(suspect, Category::Infrastructure, 0.92, mechanism).with([shown]))
}
