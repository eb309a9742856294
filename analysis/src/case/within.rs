//! What a Catch swallowed inside of an execution that this one started, and that ended green: the empty answer above is
//! what the fallback left.

use super::{Case, clue::Clue, clues, failures, habits::usual, scene::Scene};
use model::{ExecutionStatus, Fatality, State};

/// Runs of a workflow that make a habit.
const HABIT: usize = 3;
/// Executions below each other that are followed down.
const DEEPEST: usize = 4;

/// Whoever failed inside of the execution that a state waited for, where that went green all the same and gave what no
/// healthy one gives.
pub(super) fn swallowed(scene: &Scene, visit: &State, gave: &str) -> Option<Clue> {
    let attempt = scene.tries(visit).into_iter().next_back()?;
    let mut clue = inside(scene, scene.child(attempt)?, 0)?;
    let mut path = vec![
        scene.case.execution.state_machine.clone(),
        visit.path.clone(),
    ];
    path.append(&mut clue.suspect.path);
    clue.suspect.path = path;
    clue.mechanism = format!("{}; {} {gave}", clue.mechanism, visit.state);
    clue.fate = Fatality::Masked;
    Some(clue)
}

fn inside(scene: &Scene, child: &Case, depth: usize) -> Option<Clue> {
    if depth >= DEEPEST || child.execution.status != ExecutionStatus::Succeeded {
        return None;
    }
    let world = scene.world.of_child(child);
    let below = Scene::new(child, &world);
    if below.healthy.len() < HABIT {
        return None;
    }
    let masked = failures::masked(&below).into_iter();
    let first = masked.into_iter().find(|it| !usual(&below, it));
    let Some(failure) = first else {
        let mut deeper = child.attempts.iter().filter_map(|it| below.child(it));
        return deeper.find_map(|it| inside(&below, it, depth + 1));
    };
    let found = clues::of(&below, &failure).into_iter();
    let mut clue = found.max_by(|a, b| {
        let order = a.weight.total_cmp(&b.weight);
        order.then_with(|| b.suspect.cmp(&a.suspect))
    })?;
    // That no healthy run is left through this Catch speaks for itself.
    clue.weight = 1.0 - (1.0 - clue.weight) * 0.3;
    clue.mechanism = format!(
        "in {}: {}, which its Catch swallowed",
        child.execution.name, clue.mechanism
    );
    Some(clue)
}
