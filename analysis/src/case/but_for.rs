//! What would have happened otherwise, by the rules of the workflow and the times of healthy runs.

use super::{clue::Clue, failures::Failure, scene::Scene, slow::Slow};
use crate::ledger::Replay;
use model::{Category, Fatality, Invocation, SpanId, State, Status, time::human_duration};
use std::collections::{BTreeSet, HashMap};

/// Without a failure. `None` when it would have changed nothing that is known.
pub(crate) fn of_failure(scene: &Scene, failure: &Failure) -> Option<String> {
    let state = failure.state();
    let visit = failure.visit?;
    let mut tries = scene.tries(visit);
    // Where several iterations of a Map failed in the same way, the run needed all of them to go well.
    if visit.path.contains('[') && failure.fate == Fatality::Fatal {
        let own = scene.tries(visit);
        let others = scene.case.attempts.iter();
        let same = others.filter(|it| {
            it.state == visit.state
                && it.status.is_failure()
                && it.error.as_deref() == Some(&failure.error)
        });
        tries = own;
        let more = same.filter(|it| !tries.iter().any(|held| held.span_id == it.span_id));
        let more: Vec<_> = more.collect();
        tries.extend(more);
    }
    let failed = tries
        .iter()
        .filter(|it| it.status.is_failure())
        .count()
        .max(1);
    let what = match (failed, failure.error.as_str()) {
        (1, "") => format!("the failure of {state}"),
        (1, error) => format!("the {error} of {state}"),
        (n, "") => format!("the {n} failures of {state}"),
        (n, error)
            if tries
                .iter()
                .filter(|it| it.status.is_failure())
                .all(|it| it.error.as_deref() == Some(error)) =>
        {
            format!("the {n} × {error} of {state}")
        }
        (n, _) => format!("the {n} failures of {state}"),
    };
    Some(match failure.fate {
        Fatality::Masked => {
            let next = scene
                .written(state)
                .and_then(|it| it.get("Next"))
                .and_then(|it| it.as_str());
            let went = next_of(scene, visit)
                .filter(|it| Some(*it) != next)
                .map_or(String::new(), |it| format!(" instead of {it}"));
            let same = next_of(scene, visit).is_some_and(|it| Some(it) == next);
            match next.filter(|_| !same) {
                Some(next) => format!("without {what} this run would have gone on to {next}{went}"),
                None => format!("without {what} its Catch would not have been taken"),
            }
        }
        Fatality::Survived => {
            let lost: i64 = tries
                .iter()
                .map(|it| {
                    it.backoff_ns.unwrap_or(0)
                        + if it.status.is_failure() {
                            it.duration_ns.unwrap_or(0)
                        } else {
                            0
                        }
                })
                .sum();
            format!(
                "without {what} this run would have been {} shorter",
                human_duration(lost)
            )
        }
        _ => match remaining(scene, visit) {
            Some(took) => format!(
                "without {what} this run would have succeeded in about {}",
                human_duration(took)
            ),
            None => match scene
                .written(state)
                .and_then(|it| it.get("Next"))
                .and_then(|it| it.as_str())
            {
                Some(next) => format!("without {what} this run would have gone on to {next}"),
                None => format!("without {what} this run would have gone on"),
            },
        },
    })
}

/// The state that was entered after a visit in the same surroundings.
fn next_of<'a>(scene: &Scene<'a>, visit: &State) -> Option<&'a str> {
    let after = scene.case.states.iter().filter(|it| {
        it.parent_span_id == visit.parent_span_id && it.entered_event_id > visit.entered_event_id
    });
    after
        .min_by_key(|it| it.entered_event_id)
        .map(|it| it.state.as_str())
}

/// How long the run would have taken: as long as it did up to the visit, then as healthy runs do from there.
fn remaining(scene: &Scene, visit: &State) -> Option<i64> {
    let before = visit.start_time.since(scene.case.execution.start_time);
    let mut rest: Vec<i64> = scene
        .healthy
        .iter()
        .filter_map(|it| Some(it.duration_ns - it.states.get(&visit.state)?.first_ns))
        .collect();
    rest.sort_unstable();
    let median = *rest.get(rest.len() / 2)?;
    Some(before.saturating_add(median))
}

/// Without the time that the culprit took.
pub(crate) fn of_slowness(slow: &Slow) -> String {
    format!(
        "without it this run would have taken about {} instead of {}",
        human_duration(slow.usual_ns),
        human_duration(slow.took_ns)
    )
}

/// Without what a clue of slowness speaks of: for cold starts the execution is played again without them, as the page of
/// cold starts does. `None` where that would have changed nothing.
pub(crate) fn of_time(scene: &Scene, clue: &Clue, slow: &Slow) -> Option<String> {
    let name = &clue.suspect.name;
    let (count, shorter) = match clue.category {
        Category::ColdStart => waits(scene, Some(name)),
        _ => (0, HashMap::new()),
    };
    if count == 0 {
        // Cold starts that were not the fault would have been there all the same.
        let cold = match clue.category {
            Category::ColdStart => 0,
            _ => cold_starts_added(scene),
        };
        let left = slow.usual_ns.saturating_add(cold);
        let tells = cold > slow.excess_ns() / 10 && left < slow.took_ns;
        let usual_ns = if tells { left } else { slow.usual_ns };
        return Some(of_slowness(&Slow { usual_ns, ..*slow }));
    }
    let added = Replay::of_case(scene.case).effect(&shorter);
    let what = match count {
        1 => "it".to_owned(),
        n => format!("the {n} cold starts of {name}"),
    };
    (added > 0).then(|| {
        format!(
            "without {what} this run would have taken about {} instead of {}",
            human_duration(slow.took_ns - added),
            human_duration(slow.took_ns)
        )
    })
}

/// What all cold starts together added to the execution, nanoseconds.
pub(crate) fn cold_starts_added(scene: &Scene) -> i64 {
    let (count, shorter) = waits(scene, None);
    match count {
        0 => 0,
        _ => Replay::of_case(scene.case).effect(&shorter),
    }
}

/// The cold starts of a function, of all without a name, whose time is told: how many, and what each try would have been
/// shorter.
fn waits(scene: &Scene, function: Option<&str>) -> (usize, HashMap<SpanId, i64>) {
    let mut shorter: HashMap<SpanId, i64> = HashMap::new();
    let mut seen = BTreeSet::new();
    for attempt in &scene.case.attempts {
        let own = scene.invocations(attempt).into_iter().map(|it| it.0);
        let all: Vec<&Invocation> = own.chain(scene.callees(attempt)).collect();
        for invocation in all {
            let wait = invocation
                .init_duration_ms
                .or(invocation.restore_duration_ms);
            let cold = invocation.cold_start.is_cold() == Some(true);
            let ns = wait.map_or(0, |ms| (ms.clamp(0.0, 1e9) * 1e6) as i64);
            let named = function.is_none_or(|it| invocation.function_name == it);
            if cold && named && ns > 0 && seen.insert(invocation.span_id) {
                *shorter.entry(attempt.span_id).or_default() += ns;
            }
        }
    }
    (seen.len(), shorter)
}

/// Siblings that were cut off by a failure.
pub(crate) fn cut_off<'a>(scene: &Scene<'a>, failure: &Failure) -> Vec<&'a State> {
    let own = failure.visit.map(|it| it.state.as_str());
    let aborted = scene
        .case
        .states
        .iter()
        .filter(|it| it.status == Status::Aborted && it.state_type == "Task");
    aborted
        .filter(|it| Some(it.state.as_str()) != own)
        .collect()
}
