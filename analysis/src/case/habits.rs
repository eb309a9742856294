//! Failures that a Catch takes by design: a good part of the runs has them, or all runs of one sort of input.

use super::{Profile, failures::Failure, onset, profile, scene::Scene};

/// Runs that make a habit, and runs of one's own sort that tell that it is none of theirs.
const HABIT: usize = 3;
const OWN: usize = 5;

/// True when healthy or at least successful runs of the workflow have the same failure as a habit.
pub(super) fn usual(scene: &Scene, failure: &Failure) -> bool {
    let peers = scene.world.peers.iter().filter(|it| !it.failed);
    let peers: Vec<&Profile> = peers.map(|it| &**it).collect();
    let key = (failure.state().to_owned(), failure.thrown());
    // Others of the same incident make no habit.
    let start = scene.case.execution.start_time;
    let peers = onset::fit(&peers, start, |it| it.errors.contains(&key));
    let with = peers.iter().filter(|it| it.errors.contains(&key)).count();
    let habit = peers.len() >= HABIT && with * 4 >= peers.len();
    habit && !habit_of_others(scene, &key) || habit_of_sort(scene, &key)
}

/// True when all runs of another sort of input have the failure, and none of this one's sort had it before: what guests
/// run into is no habit of members.
fn habit_of_others(scene: &Scene, key: &(String, String)) -> bool {
    let peers = scene.world.peers.iter().filter(|it| !it.failed);
    let peers: Vec<&Profile> = peers.map(|it| &**it).collect();
    let traits = profile::traits(scene.case.execution.input.as_deref());
    let start = scene.case.execution.start_time;
    traits.iter().any(|(name, value)| {
        let own = |it: &Profile| it.traits.get(name) == Some(value);
        let has = |it: &Profile| it.errors.contains(key);
        // Others of the same incident fail as well.
        let fit = onset::fit(&peers, start, |it| own(it) && has(it));
        let told = fit.into_iter().filter(|it| it.traits.contains_key(name));
        let (same, others): (Vec<&Profile>, Vec<&Profile>) = told.partition(|it| own(it));
        let other = others
            .iter()
            .find(|it| has(it))
            .and_then(|it| it.traits.get(name));
        let told = others
            .iter()
            .all(|it| has(it) == (it.traits.get(name) == other));
        let enough = others.iter().filter(|it| has(it)).count() >= HABIT && same.len() >= OWN;
        enough && told && !same.iter().any(|it| has(it))
    })
}

/// True when all runs of one sort of input, like this one, have the same failure, and no others have: guests have no
/// account.
fn habit_of_sort(scene: &Scene, key: &(String, String)) -> bool {
    let peers = scene.world.peers.iter().filter(|it| !it.failed);
    let peers: Vec<&Profile> = peers.map(|it| &**it).collect();
    let traits = profile::traits(scene.case.execution.input.as_deref());
    let start = scene.case.execution.start_time;
    traits.iter().any(|(name, value)| {
        let told = peers.iter().filter(|it| it.traits.contains_key(name));
        let (same, others): (Vec<&&Profile>, Vec<_>) =
            told.partition(|it| it.traits.get(name) == Some(value));
        let has = |it: &&&Profile| it.errors.contains(key);
        let early = same.iter().filter(|it| it.start < start).count();
        // An incident begins when there have been runs for a while; a sort is there all along.
        let first = same.iter().map(|it| it.start).min();
        let before = others
            .iter()
            .filter(|it| first.is_some_and(|at| it.start < at));
        let along = before.count() * 3 <= others.len();
        let healthy = others.len() >= HABIT && !others.iter().any(has);
        along && same.len() >= HABIT && early >= 2 && same.iter().all(has) && healthy
    })
}
