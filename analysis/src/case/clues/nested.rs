//! An execution that was started by this one failed: its own culprit is the culprit here.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::{self, Failure},
    scene::Scene,
    text,
};
use model::{Attempt, Exhibit};
use serde_json::Value;

/// How deep executions start executions.
const DEEPEST: usize = 6;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure
        .attempt
        .filter(|it| it.child_execution_arn.is_some())
    else {
        return Vec::new();
    };
    match scene.child(attempt) {
        Some(child) if depth(scene) < DEEPEST => inside(scene, failure, attempt, child),
        _ => unseen(scene, failure, attempt),
    }
}

fn depth(scene: &Scene) -> usize {
    fn of(case: &crate::case::Case) -> usize {
        case.children
            .iter()
            .map(|child| 1 + of(child))
            .max()
            .unwrap_or(0)
    }
    // A case holds the children below it only, so its height bounds the way down.
    of(scene.case).saturating_sub(1)
}

fn inside(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    child: &crate::case::Case,
) -> Vec<Clue> {
    let world = crate::case::World {
        peers: Vec::new(),
        ..scene.world.clone()
    };
    let below = Scene::new(child, &world);
    let Some(own) = failures::fatal(&below) else {
        return unseen(scene, failure, attempt);
    };
    let parent: Vec<Exhibit> = failure.exhibit().into_iter().collect();
    let mut clues = super::of(&below, &own);
    for clue in &mut clues {
        let mut path = vec![
            scene.case.execution.state_machine.clone(),
            attempt.path.clone(),
        ];
        path.append(&mut clue.suspect.path);
        clue.suspect.path = path;
        clue.weight = 1.0 - (1.0 - clue.weight) * 0.8;
        clue.exhibits.extend(parent.clone());
        clue.mechanism = format!("in {}: {}", child.execution.name, clue.mechanism);
        clue.explains.push(Explained {
            kind: "state_machine".into(),
            name: super::function::last_part(&child.execution.state_machine),
            reason: format!("{} only passed on what failed inside it", attempt.state),
            reference: parent
                .first()
                .map(|it| it.reference.clone())
                .unwrap_or_default(),
        });
        clue.explains.push(Explained {
            kind: "state".into(),
            name: attempt.state.clone(),
            reason: "it only waited for the execution that failed".into(),
            reference: parent
                .first()
                .map(|it| it.reference.clone())
                .unwrap_or_default(),
        });
    }
    clues
}

/// What the parent's cause tells of a child whose history is not held.
fn unseen(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Vec<Clue> {
    let arn = attempt.child_execution_arn.as_deref().unwrap_or_default();
    let machine = arn.split(':').nth(6).unwrap_or(arn).to_owned();
    let cause: Option<Value> = serde_json::from_str(&failure.cause).ok();
    let member = |name: &str| Some(cause.as_ref()?.get(name)?.as_str()?.to_owned());
    let error = member("Error").unwrap_or_default();
    let said = member("Cause").unwrap_or_default();
    let words = format!("{error} {said}");
    let suspect = clue::entity(scene, "state_machine", &machine, &[&attempt.path]);
    let mechanism = format!(
        "the execution of {machine} that {} started failed: {}",
        attempt.state,
        text::brief(&words, 160)
    );
    vec![
        Clue::new(
            suspect,
            text::category(text::topic(&words)),
            0.66,
            mechanism,
        )
        .with(failure.exhibit())
        .missing(&format!("the history of {arn}")),
    ]
}
