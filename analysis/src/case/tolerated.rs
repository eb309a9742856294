//! Items of a distributed Map that failed and were tolerated: the execution went on without them, and nothing of its own
//! tells of them. A few that fail as ever are what the tolerance is for.

use super::{Case, clue::Clue, clues, failures, scene::Scene};
use model::{ExecutionStatus, Fatality, State};

/// Items that failed, at least.
const FEWEST: usize = 2;
/// Of all items of the Map, at least one in so many.
const SHARE: usize = 20;
/// Items of earlier runs that tell what is usual.
const KNOWN: usize = 5;
/// Items of earlier runs of which one would have failed if it were usual.
const MANY: usize = 60;
/// They failed so many times as often as before.
const TIMES: f64 = 3.0;

/// Whom the failures that a Map tolerated speak against.
pub(crate) fn clues(scene: &Scene) -> Vec<Clue> {
    let maps = scene.case.states.iter();
    let maps = maps.filter(|it| it.map_run_arn.is_some() && !it.status.is_failure());
    let mut found: Vec<Clue> = maps.flat_map(|it| of_map(scene, it)).collect();
    for clue in &mut found {
        clue.fate = Fatality::Masked;
    }
    found
}

fn of_map(scene: &Scene, visit: &State) -> Vec<Clue> {
    let items = scene.case.children.iter();
    let items = items.filter(|it| it.execution.map_run_arn == visit.map_run_arn);
    let failed: Vec<&Case> = items.clone().filter(|it| has_failed(it)).collect();
    let held = items.count();
    let all = held.max(visit.iterations as usize).max(handed(visit));
    let few = failed.len() < FEWEST || failed.len() * SHARE < all;
    if failed.is_empty() || !is_new(scene, &failed, all) {
        return Vec::new();
    }
    if few && !never_before(scene, &failed) && !is_missed(scene, visit, failed.len()) {
        return Vec::new();
    }
    let mut found = clues::below(scene, &failures::below(scene, visit));
    for clue in &mut found {
        clue.mechanism = format!(
            "{} of {all} items of {} failed and were tolerated; {}",
            failed.len(),
            visit.state,
            clue.mechanism
        );
    }
    found
}

/// No item of any earlier run failed, of many: then one is as new as several.
fn never_before(scene: &Scene, failed: &[&Case]) -> bool {
    let start = scene.case.execution.start_time;
    let machine = failed.first().map(|it| &it.execution.state_machine);
    let others = machine
        .and_then(|it| scene.world.below.get(it))
        .into_iter()
        .flatten();
    let others: Vec<_> = others.filter(|it| it.start < start).collect();
    others.len() >= MANY && !others.iter().any(|it| it.failed)
}

/// A number that came out afterwards is short by just the items that failed, and is that of all items in every healthy
/// run: the result lacks them.
fn is_missed(scene: &Scene, map: &State, failed: usize) -> bool {
    let given = super::amounts::of(map.input.as_deref());
    let lists: Vec<(String, f64)> = given
        .into_iter()
        .filter(|(path, _)| path.ends_with("[]"))
        .collect();
    let after = scene.case.states.iter().filter(|it| {
        it.output.is_some()
            && it.iteration_index.is_none()
            && (it.span_id == map.span_id || it.entered_event_id > map.entered_event_id)
    });
    for visit in after {
        for (path, value) in super::amounts::of(visit.output.as_deref()) {
            for (list, all) in &lists {
                let pair = |it: &super::Profile| {
                    let all = *it.states.get(&map.state)?.given.get(list)?;
                    Some((all, *it.states.get(&visit.state)?.quantities.get(&path)?))
                };
                let healthy = scene.healthy.iter();
                let pairs: Vec<(f64, f64)> = healthy.filter_map(|it| pair(it)).collect();
                let always = pairs.len() >= KNOWN && pairs.iter().all(|(all, it)| all == it);
                if always && all - value == failed as f64 {
                    return true;
                }
            }
        }
    }
    false
}

fn has_failed(case: &Case) -> bool {
    let status = case.execution.status;
    matches!(status, ExecutionStatus::Failed | ExecutionStatus::TimedOut)
}

/// Items in the list that the Map was given, where its input is or holds only one list.
fn handed(visit: &State) -> usize {
    let given = super::amounts::of(visit.input.as_deref());
    let lists: Vec<f64> = given
        .iter()
        .filter(|(path, _)| path.ends_with("[]"))
        .map(|(_, length)| *length)
        .collect();
    match lists.as_slice() {
        [one] => *one as usize,
        _ => 0,
    }
}

/// Whether items of earlier runs failed far less often, or not at all. Without earlier ones nobody knows.
fn is_new(scene: &Scene, failed: &[&Case], all: usize) -> bool {
    let start = scene.case.execution.start_time;
    let Some(machine) = failed.first().map(|it| &it.execution.state_machine) else {
        return false;
    };
    let others = scene.world.below.get(machine).into_iter().flatten();
    let others: Vec<_> = others.filter(|it| it.start < start).collect();
    let bad = others.iter().filter(|it| it.failed).count();
    // Items of the same incident that ran before are not what is usual: the first half of the time tells.
    let mut early = others.clone();
    early.sort_by_key(|it| (it.start, it.trace_id));
    early.truncate(others.len().div_ceil(2));
    let early_bad = early.iter().filter(|it| it.failed).count();
    let share = |bad: usize, all: usize| bad as f64 / all.max(1) as f64;
    let before = share(bad, others.len()).min(share(early_bad, early.len()));
    others.len() >= KNOWN && share(failed.len(), all) >= TIMES * before
}
