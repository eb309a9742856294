//! Sandboxes that had to be started before work began.

use super::{
    but_for,
    clue::{self, Clue},
    clues, onset,
    profile::Profile,
    scene::Scene,
    slow::{Excess, ended},
};
use model::{Attempt, Category, time::human_duration};

/// A single cold start that added less is nobody's fault, milliseconds.
const SLIGHT_MS: f64 = 1_500.0;

/// Tries that had to wait for a sandbox: what it added in milliseconds, try and invocation.
fn starts<'a>(
    scene: &Scene<'a>,
    tries: &[&'a Attempt],
) -> Vec<(f64, &'a Attempt, &'a model::Invocation)> {
    let mut found = Vec::new();
    for attempt in tries {
        let Some((invocation, _)) = scene.invocation(attempt) else {
            continue;
        };
        let init = invocation
            .init_duration_ms
            .or(invocation.restore_duration_ms)
            .unwrap_or(0.0);
        let gap = invocation.start_time.since(attempt.start_time).max(0) as f64 / 1e6;
        // What passed between the call and START holds the init and the search for a place.
        if invocation.cold_start.is_cold() == Some(true) {
            found.push((init.max(gap), *attempt, invocation));
        }
    }
    found
}

/// The time that a try waited for its sandbox, nanoseconds.
pub(super) fn waited_ns(scene: &Scene, attempt: &Attempt) -> i64 {
    let all = starts(scene, &[attempt]);
    all.first().map_or(0, |it| (it.0 * 1e6) as i64)
}

/// Runs with as many cold starts below which they are not called normal.
const HABIT: usize = 3;

/// Where most runs that went well start a function as often cold, and one of them took about as long, it is how the workflow
/// is, no crime. Healthy runs alone do not tell: those with cold starts are slower, and may have been left out for it.
/// Runs of the same storm of cold starts do not count.
fn habitual(scene: &Scene, name: &str) -> bool {
    let cold =
        |it: &&model::Invocation| it.function_name == name && it.cold_start.is_cold() == Some(true);
    let own = scene.case.invocations.iter().filter(cold).count();
    let as_many = |it: &Profile| {
        let known = it.functions.get(name);
        known.is_some_and(|it| it.cold as usize >= own)
    };
    let peers = scene.world.peers.iter().filter(|it| !it.failed);
    let peers: Vec<&Profile> = peers.map(|it| &**it).collect();
    let execution = &scene.case.execution;
    let mut fit = onset::fit(&peers, execution.start_time, as_many);
    fit.sort_by_key(|it| (it.start, it.trace_id));
    // A storm is one streak, before which hardly anybody started cold.
    let streaks = fit.split(|it| !as_many(it));
    let streak = streaks.map(<[_]>::len).max().unwrap_or(0);
    let with: Vec<i64> = fit
        .iter()
        .filter(|it| as_many(it))
        .map(|it| it.duration_ns)
        .collect();
    let took = execution.duration_ns.unwrap_or_default();
    let longest = with.iter().max();
    with.len() >= HABIT
        && with.len() * 2 > fit.len()
        && (streak == fit.len() || with.len() - streak + 1 >= HABIT)
        && longest.is_some_and(|it| it.saturating_add(it / 4) >= took)
}

/// One new sandbox now and then is how Lambda works, after a release above all: nobody's fault when it took little; nor
/// are those that nearly every run has.
pub(super) fn warmed_up(scene: &Scene, tries: &[&Attempt], excess_ns: i64) -> bool {
    let cold = scene.case.invocations.iter();
    let cold = cold.filter(|it| it.cold_start.is_cold() == Some(true));
    let starts = starts(scene, tries);
    let total: f64 = starts.iter().map(|it| it.0).sum();
    let longest = starts.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    if total * 2e6 >= excess_ns as f64
        && longest.is_some_and(|it| habitual(scene, &it.2.function_name))
    {
        return true;
    }
    let slight = match cold.count() {
        1 => total < SLIGHT_MS,
        2 => but_for::cold_starts_added(scene) < (SLIGHT_MS * 1e6) as i64,
        _ => false,
    };
    slight && total * 2e6 >= excess_ns as f64
}

/// Sandboxes that had to be started.
pub(super) fn cold<'a>(scene: &Scene<'a>, tries: &[&'a Attempt], excess: &Excess) -> Option<Clue> {
    let starts = starts(scene, tries);
    let total: f64 = starts.iter().map(|it| it.0).sum();
    let (_, attempt, invocation) = starts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let name = &invocation.function_name;
    let usual = scene
        .healthy
        .iter()
        .filter_map(|it| it.functions.get(name))
        .filter(|it| it.cold > 0)
        .count();
    let usually_cold = usual * 2 > scene.healthy.len();
    if total * 1e6 * 2.0 < excess.ns as f64 || usually_cold && total * 1e6 < excess.ns as f64 {
        return None;
    }
    let init = invocation
        .init_duration_ms
        .or(invocation.restore_duration_ms)
        .unwrap_or_default();
    let mechanism = format!(
        "{name} started cold in {}: its init took {}",
        attempt.state,
        human_duration((init * 1e6) as i64)
    );
    let suspect = clue::function(scene, attempt, name, invocation.function_version.as_deref());
    let new = clues::new_version(scene, scene.visit_of(attempt)?);
    Some(
        Clue::new(suspect, Category::ColdStart, 0.94, mechanism)
            .with([clue::invocation(
                invocation,
                format!(
                    "{name} ran in a new sandbox, init {}",
                    human_duration((init * 1e6) as i64)
                ),
            )])
            .with(ended(scene, attempt, excess.usual_ns))
            .changed(new.or_else(|| clues::colder(scene, name))),
    )
}
