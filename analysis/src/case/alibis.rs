//! Who did not do it, and the one fact that clears each.

use super::{
    but_for, clue, clues,
    critical::Critical,
    failures::{self, Failure},
    ranking::Charge,
    scene::Scene,
    text,
};
use model::text::counted;
use model::{Attempt, Cleared, Entity, Status, time::human_duration};
use std::collections::BTreeSet;

/// Cleared suspects that are told.
const MOST: usize = 12;
/// Runs that went well after a change before it is cleared.
const FEWEST: usize = 3;
/// How long before a failure a change of something that takes no part in the run is worth a word, nanoseconds.
const NEARBY_NS: i64 = 3_600_000_000_000;

/// Everybody who is cleared.
pub(crate) fn of(
    scene: &Scene,
    culprit: &Entity,
    charges: &[Charge],
    failure: Option<&Failure>,
) -> Vec<Cleared> {
    let mut all: Vec<Cleared> = charges
        .iter()
        .take(1)
        .flat_map(|it| explained(scene, it))
        .collect();
    all.extend(charges.iter().skip(1).filter_map(carried));
    all.extend(recovered(scene, failure.is_none()));
    if let Some(failure) = failure {
        all.extend(aborted(scene, failure));
    }
    all.extend(beside(scene, culprit));
    all.extend(changes(scene, culprit, failure));
    all.extend(usual_noise(scene));
    let mut told: Vec<Cleared> = Vec::new();
    for cleared in all {
        let own = cleared.name == culprit.name || culprit.path.first() == Some(&cleared.name);
        let known = told.iter().any(|it| it.name == cleared.name);
        if !own
            && !known
            && !cleared.name.is_empty()
            && !cleared.reference.is_empty()
            && told.len() < MOST
        {
            told.push(cleared);
        }
    }
    told
}

/// What a name is called, where the clue does not tell.
fn kind_of(scene: &Scene, name: &str) -> &'static str {
    let case = scene.case;
    let mut tried = case.attempts.iter();
    let mut ran = case.invocations.iter();
    let called = tried.any(|it| it.function_name.as_deref() == Some(name))
        || ran.any(|it| it.function_name == name);
    if called {
        return "function";
    }
    if case.states.iter().any(|it| it.state == name) {
        return "state";
    }
    let mut wrote = case.spans.iter();
    match wrote.any(|it| it.service_name == name) || name.contains('.') {
        true => "service",
        false => "function",
    }
}

fn explained(scene: &Scene, charge: &Charge) -> Vec<Cleared> {
    let all = charge.clues.iter().flat_map(|it| &it.explains);
    all.map(|it| Cleared {
        kind: if it.kind.is_empty() {
            kind_of(scene, &it.name).into()
        } else {
            it.kind.clone()
        },
        name: it.name.clone(),
        reason: it.reason.clone(),
        reference: it.reference.clone(),
    })
    .collect()
}

fn carried(charge: &Charge) -> Option<Cleared> {
    let explained = charge.explained.as_ref()?;
    Some(Cleared {
        kind: charge.entity().kind.clone(),
        name: charge.entity().name.clone(),
        reason: explained.reason.clone(),
        reference: explained.reference.clone(),
    })
}

/// What a try cost that did not go well, with the wait after it, nanoseconds.
fn lost_in(of: &Attempt) -> i64 {
    let took = of.duration_ns.filter(|_| of.status.is_failure());
    of.backoff_ns.unwrap_or(0) + took.unwrap_or(0)
}

/// States that failed and went well at the next try; of a slow run only those whose tries cost little of its time.
fn recovered(scene: &Scene, slow: bool) -> Vec<Cleared> {
    const LITTLE: i64 = 10;
    let took = scene.case.execution.duration_ns.unwrap_or_default();
    let survived = failures::survived(scene);
    survived
        .iter()
        .filter_map(|failure| {
            let visit = failure.visit?;
            let tries = scene.tries(visit);
            let lost: i64 = tries.iter().map(|it| lost_in(it)).sum();
            if slow && lost > took / LITTLE {
                return None;
            }
            let last = scene
                .tries(visit)
                .into_iter()
                .rfind(|it| it.status == Status::Succeeded)?;
            let name = failure
                .function()
                .unwrap_or(visit.state.as_str())
                .to_owned();
            Some(Cleared {
                kind: if failure.function().is_some() {
                    "function".into()
                } else {
                    "state".into()
                },
                name,
                reason: format!(
                    "its failure in {} ({}) was got over by a retry",
                    visit.state, failure.error
                ),
                reference: clue::event_ref(&visit.execution_arn, last.end_event_id?),
            })
        })
        .collect()
}

/// Siblings that were cut off.
fn aborted(scene: &Scene, failure: &Failure) -> Vec<Cleared> {
    but_for::cut_off(scene, failure)
        .into_iter()
        .map(|visit| Cleared {
            kind: "state".into(),
            name: visit.state.clone(),
            reason: format!("it was cut off when {} failed", failure.state()),
            reference: clue::event_ref(&visit.execution_arn, visit.entered_event_id),
        })
        .collect()
}

/// Branches that were slow, but nobody waited for them. Of a state in a Map that is true only if nobody waited for any of its
/// iterations.
fn beside(scene: &Scene, culprit: &Entity) -> Vec<Cleared> {
    let path = Critical::of(scene.case);
    let held = scene.case.states.iter().filter(|it| path.holds(it));
    let held: BTreeSet<&str> = held.map(|it| it.state.as_str()).collect();
    let of_culprit = |state: &str| {
        let mut steps = culprit.path.iter().flat_map(|it| it.split('/'));
        steps.any(|it| it == state)
    };
    let slow = scene
        .case
        .states
        .iter()
        .filter(|it| it.state_type == "Task" && !held.contains(it.state.as_str()))
        .filter(|it| !of_culprit(&it.state))
        .filter(|it| {
            let mut usual: Vec<i64> = scene
                .healthy
                .iter()
                .filter_map(|peer| peer.states.get(&it.state))
                .map(|it| it.longest_ns)
                .collect();
            usual.sort_unstable();
            let median = usual.get(usual.len() / 2).copied();
            median.is_some_and(|median| {
                it.duration_ns.unwrap_or(0) > median.saturating_mul(3) / 2
                    && it.duration_ns.unwrap_or(0) > 100_000_000
            })
        });
    slow.take(3)
        .map(|visit| Cleared {
            kind: "state".into(),
            name: visit.state.clone(),
            reason: format!(
                "it took {}, but the execution did not wait for it",
                human_duration(visit.duration_ns.unwrap_or(0))
            ),
            reference: clue::event_ref(&visit.execution_arn, visit.entered_event_id),
        })
        .collect()
}

/// Changes nearby that have nothing to do with it.
fn changes(scene: &Scene, culprit: &Entity, failure: Option<&Failure>) -> Vec<Cleared> {
    let at = failure.map_or(scene.case.execution.start_time, |it| it.at);
    let mut all: Vec<_> = scene.world.changes.iter().collect();
    // Who looks for a cause asks of the workflow's own parts first, and of the latest change first.
    all.sort_by_key(|it| {
        let name = clues::last_part(&it.resource);
        let own = takes_part(scene, &name) || is_known(scene, &name);
        (!own, it.time.0.abs_diff(at.0), it.trace_id)
    });
    all.into_iter()
        .filter(|it| !culprit.path.contains(&it.resource) && !it.resource.ends_with(&culprit.name))
        .filter_map(|change| {
            // What ran after it was changed again, perhaps back, says nothing of it.
            let again = scene.world.changes.iter();
            let again = again
                .filter(|it| it.resource == change.resource && it.time > change.time)
                .map(|it| it.time)
                .min();
            let well = scene
                .healthy
                .iter()
                .filter(|it| it.start > change.time && again.is_none_or(|end| it.start < end))
                .count();
            let name = clues::last_part(&change.resource);
            // A function or a workflow that neither this execution nor healthy ones of the kind ever called, or what was
            // seen in the history or the log of some other workflow: it says nothing about this one.
            // Nor does what was told of anything else long before.
            let runs = matches!(change.kind.as_str(), "lambda" | "state_machine");
            let long_ago = at.since(change.time) > NEARBY_NS;
            if (runs || long_ago || change.source == "derived")
                && !takes_part(scene, &name)
                && !is_known(scene, &name)
            {
                return None;
            }
            if !clues::concerns(scene, failure, change) {
                return None;
            }
            let reason = match (change.time > at, well) {
                (true, _) => "it was changed after the failure".to_owned(),
                (false, 1..FEWEST) => return None,
                // A role, a secret or a route takes no part in a run by itself: that nothing failed in it says nothing.
                (false, 0) if !takes_part(scene, &name) => return None,
                (false, 0) => "it was changed, but the failure is not in it".to_owned(),
                (false, n) => format!(
                    "{} went well after its change",
                    counted(n as u64, "run", "runs")
                ),
            };
            Some(Cleared {
                kind: change.kind.clone(),
                name,
                reason,
                reference: format!("change:{}", change.trace_id),
            })
        })
        .take(4)
        .collect()
}

/// The workflow itself, or a function that its healthy runs call.
fn is_known(scene: &Scene, name: &str) -> bool {
    let mut healthy = scene.healthy.iter();
    scene.case.execution.state_machine == name || healthy.any(|it| it.functions.contains_key(name))
}

/// A function that was called, or a service that wrote spans, in this execution.
fn takes_part(scene: &Scene, name: &str) -> bool {
    let mut called = scene.case.attempts.iter();
    let mut wrote = scene.case.spans.iter();
    called.any(|it| it.function_name.as_deref() == Some(name))
        || wrote.any(|it| it.service_name == name)
}

/// Errors in logs that healthy runs have, too.
fn usual_noise(scene: &Scene) -> Vec<Cleared> {
    let healthy = scene.healthy.len();
    if healthy == 0 {
        return Vec::new();
    }
    let loud = scene.case.logs.iter().filter(|it| it.severity_number >= 13);
    let mut loud: Vec<_> = loud.collect();
    loud.sort_by_key(|it| (it.time, it.log_id));
    loud.into_iter()
        .filter_map(|log| {
            let key = (log.service_name.clone(), text::template(&log.body));
            let with = scene
                .healthy
                .iter()
                .filter(|it| it.templates.contains(&key))
                .count();
            (with * 2 > healthy).then(|| Cleared {
                kind: "service".into(),
                name: log.service_name.clone(),
                reason: format!(
                    "it writes the same in {with} of {}",
                    counted(healthy as u64, "healthy run", "healthy runs")
                ),
                reference: format!("log:{}", log.log_id),
            })
        })
        .take(3)
        .collect()
}
