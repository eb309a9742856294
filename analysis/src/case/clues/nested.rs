//! An execution that was started by this one failed: its own culprit is the culprit here.

use crate::case::{
    Case,
    clue::{self, Clue, Explained},
    failures::{self, Failure},
    scene::Scene,
    text,
};
use model::{Attempt, Category, ExecutionStatus, Exhibit};
use serde_json::Value;

/// A release that speaks so loud is behind an item that fails.
const RELEASED: f64 = 0.84;
/// How deep executions start executions.
const DEEPEST: usize = 6;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure
        .attempt
        .filter(|it| it.child_execution_arn.is_some())
    else {
        return of_map_run(scene, failure);
    };
    match scene.child(attempt) {
        Some(child) if depth(scene) < DEEPEST => {
            let mut found = inside(scene, failure, &attempt.path, &attempt.state, child)
                .unwrap_or_else(|| unseen(scene, failure, attempt));
            found.extend(fed(scene, failure, &found));
            found
        }
        _ => unseen(scene, failure, attempt),
    }
}

/// A Map whose items are executions of their own: what most of those that failed died of.
fn of_map_run(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let visit = failure.visit.filter(|it| it.map_run_arn.is_some());
    let Some(visit) = visit.filter(|_| failure.attempt.is_none()) else {
        return Vec::new();
    };
    let failed = |it: &&Case| {
        it.execution.map_run_arn == visit.map_run_arn
            && matches!(
                it.execution.status,
                ExecutionStatus::Failed | ExecutionStatus::TimedOut
            )
    };
    let failed: Vec<&Case> = scene.case.children.iter().filter(failed).collect();
    let alike = |child: &Case| {
        let same = failed.iter();
        same.filter(|it| it.execution.root_error == child.execution.root_error)
            .count()
    };
    let chosen = failed.iter().max_by_key(|it| {
        let execution = &it.execution;
        (
            alike(it),
            std::cmp::Reverse((execution.end_time, execution.trace_id)),
        )
    });
    let told = chosen.filter(|_| depth(scene) < DEEPEST);
    let speaks = |child: &&Case| {
        let mut clues = inside(scene, failure, &visit.path, &visit.state, child)?;
        // What went well before with the same sort of items is no item's fault.
        let released = |it: &Clue| {
            it.category == Category::BadDeploy && it.changed.is_some() && it.weight >= RELEASED
        };
        if !clues.iter().any(released) {
            clues.extend(super::item::refused(scene, failure, visit, child));
        }
        Some(clues)
    };
    told.and_then(speaks).unwrap_or_else(|| {
        let run = visit.map_run_arn.as_deref().unwrap_or_default();
        let how = format!(
            "executions that {} started for its items failed: {}",
            visit.state,
            text::brief(&failure.said(), 160)
        );
        let suspect = clue::state(scene, visit);
        let clue = Clue::new(suspect, Category::Error, 0.5, how).with(failure.exhibit());
        vec![clue.missing(&format!("the histories of the failed executions of {run}"))]
    })
}

/// Who grew what an execution was started with that ran out of memory or time.
fn fed(scene: &Scene, failure: &Failure, found: &[Clue]) -> Option<Clue> {
    const BROKE: [Category; 5] = [
        Category::Memory,
        Category::Latency,
        Category::TimeoutConfig,
        Category::DataSize,
        Category::Capacity,
    ];
    let lead = found.iter().max_by(|a, b| a.weight.total_cmp(&b.weight))?;
    let visit = failure.visit.filter(|_| BROKE.contains(&lead.category))?;
    let clue = crate::case::grown::fed(scene, visit)?.with(failure.exhibit());
    let reference = clue
        .exhibits
        .first()
        .map(|it| it.reference.clone())
        .unwrap_or_default();
    let own = clue.suspect.name.clone();
    let names: std::collections::BTreeSet<String> =
        found.iter().map(|it| it.suspect.name.clone()).collect();
    let carried = names
        .into_iter()
        .filter(|it| *it != own)
        .map(|name| Explained {
            kind: String::new(),
            reason: format!("{name} was given many times as much as ever"),
            name,
            reference: reference.clone(),
        });
    let carried: Vec<Explained> = carried.collect();
    let mut clue = clue.explaining(carried);
    clue.weight = clue.weight.max(0.965);
    Some(clue)
}

/// What speaks in an execution that an attempt started, which failed although the call itself went well, as
/// `startSyncExecution` does.
pub(super) fn answered(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Vec<Clue>> {
    let child = scene.child(attempt).filter(|_| depth(scene) < DEEPEST)?;
    let failed = matches!(
        child.execution.status,
        ExecutionStatus::Failed | ExecutionStatus::TimedOut
    );
    let clues = inside(scene, failure, &attempt.path, &attempt.state, child);
    clues.filter(|it| failed && !it.is_empty())
}

fn depth(scene: &Scene) -> usize {
    fn of(case: &Case) -> usize {
        case.children
            .iter()
            .map(|child| 1 + of(child))
            .max()
            .unwrap_or(0)
    }
    // A case holds the children below it only, so its height bounds the way down.
    of(scene.case).saturating_sub(1)
}

/// What speaks in the execution that failed, seen from the one that waited for it at this path; none if it does not tell
/// how it failed.
fn inside(
    scene: &Scene,
    failure: &Failure,
    path: &str,
    state: &str,
    child: &Case,
) -> Option<Vec<Clue>> {
    let world = scene.world.of_child(child);
    let below = Scene::new(child, &world);
    let own = failures::fatal(&below)?;
    let parent: Vec<Exhibit> = failure.exhibit().into_iter().collect();
    let mut clues = super::of(&below, &own);
    for clue in &mut clues {
        let mut above = vec![scene.case.execution.state_machine.clone(), path.to_owned()];
        above.append(&mut clue.suspect.path);
        clue.suspect.path = above;
        clue.weight = 1.0 - (1.0 - clue.weight) * 0.8;
        clue.exhibits.extend(parent.clone());
        clue.mechanism = format!("in {}: {}", child.execution.name, clue.mechanism);
        clue.explains.push(Explained {
            kind: "state_machine".into(),
            name: super::function::last_part(&child.execution.state_machine),
            reason: format!("{state} only passed on what failed inside it"),
            reference: parent
                .first()
                .map(|it| it.reference.clone())
                .unwrap_or_default(),
        });
        clue.explains.push(Explained {
            kind: "state".into(),
            name: state.to_owned(),
            reason: "it only waited for the execution that failed".into(),
            reference: parent
                .first()
                .map(|it| it.reference.clone())
                .unwrap_or_default(),
        });
    }
    Some(clues)
}

/// The execution that ended this one, of which neither the history is held nor the parent's cause tells what it died of; and
/// whether that cause says nothing at all.
pub(in crate::case) fn untold(scene: &Scene, failure: &Failure) -> Option<(String, bool)> {
    const SAY_NOTHING: [&str; 4] = ["", "States.Timeout", "States.TaskFailed", "States.ALL"];
    let attempt = failure.attempt?;
    let arn = attempt.child_execution_arn.as_deref()?;
    if scene.child(attempt).is_some() || !attempt.status.is_failure() {
        return None;
    }
    // What it called tells of itself.
    if super::called::told(scene, failure, attempt) {
        return None;
    }
    let cause: Value = serde_json::from_str(&failure.cause).ok()?;
    let member = |name: &str| cause.get(name).and_then(Value::as_str).unwrap_or_default();
    // That the state itself ran out of time is its own matter.
    let ended = ["FAILED", "TIMED_OUT"].contains(&member("Status"));
    let (error, said) = (member("Error"), member("Cause").trim());
    let silent = SAY_NOTHING.contains(&error) && said.is_empty();
    let vague =
        text::topic(&format!("{error} {said}")).is_none() && crate::case::dark::says_nothing(said);
    (ended && (silent || vague)).then(|| (arn.to_owned(), silent))
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
