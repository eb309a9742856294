//! Executions that have not ended. Nothing is decided yet, so nobody is found innocent; but one that waits far longer
//! than healthy runs ever did, or tries the same thing again and again, is worth a suspicion.

use super::{
    clue::{self, Clue},
    clues,
    failures::{self, Failure},
    onset,
    scene::Scene,
};
use model::{Attempt, Category, Fatality, State, UnixNanos, time::human_duration};

/// Failed tries of one visit that are more than a hiccup.
const AGAIN_AND_AGAIN: usize = 2;
/// However much speaks for it, it may still end well.
pub(super) const MOST_SURE: f64 = 0.6;

/// What an execution is at.
pub(super) struct Now<'a> {
    pub visit: Option<&'a State>,
    attempt: Option<&'a Attempt>,
    /// The latest moment of which anything is held.
    seen: UnixNanos,
}

impl<'a> Now<'a> {
    pub fn of(scene: &Scene<'a>) -> Self {
        let case = scene.case;
        let open = case.attempts.iter().filter(|it| it.end_time.is_none());
        let attempt = open.max_by_key(|it| (it.start_time, it.scheduled_event_id));
        let visits = case.states.iter().filter(|it| it.end_time.is_none());
        let last = visits.max_by_key(|it| (it.start_time, it.entered_event_id));
        let visit = attempt.and_then(|it| scene.visit_of(it)).or(last);
        Now {
            visit,
            attempt,
            seen: seen(scene),
        }
    }

    /// What an execution was at when somebody stopped it.
    pub fn when_stopped(scene: &Scene<'a>) -> Self {
        let case = scene.case;
        let open = case.attempts.iter().filter(|it| it.end_event_id.is_none());
        let attempt = open.max_by_key(|it| (it.start_time, it.scheduled_event_id));
        let visits = case.states.iter().filter(|it| it.exited_event_id.is_none());
        let last = visits.max_by_key(|it| (it.start_time, it.entered_event_id));
        Now {
            visit: attempt.and_then(|it| scene.visit_of(it)).or(last),
            attempt,
            seen: case.execution.end_time.unwrap_or_else(|| seen(scene)),
        }
    }

    /// What it is at, in words.
    pub fn told(&self) -> String {
        let Some(visit) = self.visit else {
            return "it still runs".to_owned();
        };
        match self.seen.since(visit.start_time) {
            ..=0 => format!("it still runs, in {}", visit.state),
            since => format!(
                "it still runs, in {} for at least {}",
                visit.state,
                human_duration(since)
            ),
        }
    }

    /// Why it may be stuck.
    pub fn suspicions(&self, scene: &Scene<'a>) -> Vec<Clue> {
        let Some(visit) = self.visit else {
            return Vec::new();
        };
        let failed = scene
            .tries(visit)
            .into_iter()
            .filter(|it| it.status.is_failure());
        let failed: Vec<&Attempt> = failed.collect();
        if failed.len() >= AGAIN_AND_AGAIN
            && let Some(last) = failed.last().copied()
        {
            let failure = failures::of_try(scene, last, Fatality::None);
            return clues::of(scene, &failure);
        }
        let waited = self.seen.since(visit.start_time);
        let Some(usual_ns) = overdue(scene, visit, waited) else {
            return Vec::new();
        };
        let clue = match self.attempt {
            // Whether its token was handed over is not known.
            Some(it) if it.resource.contains("waitForTaskToken") && it.submitted_time.is_none() => {
                return Vec::new();
            }
            Some(attempt) => self.of_attempt(scene, attempt, visit, usual_ns),
            None => late(scene, visit, waited, usual_ns),
        };
        vec![clue]
    }

    fn of_attempt(
        &self,
        scene: &Scene<'a>,
        attempt: &'a Attempt,
        visit: &State,
        usual_ns: i64,
    ) -> Clue {
        let mut failure: Failure = failures::of_try(scene, attempt, Fatality::None);
        failure.at = self.seen;
        let waited = self.seen.since(visit.start_time);
        let usual = human_duration(usual_ns);
        match clues::unanswered(scene, &failure, attempt) {
            Some(mut clue) => {
                clue.mechanism = format!("{}, {usual} in healthy runs", clue.mechanism);
                clue
            }
            None => self.of_callee(scene, attempt, waited, &usual),
        }
    }

    fn of_callee(&self, scene: &Scene, attempt: &Attempt, waited: i64, usual: &str) -> Clue {
        let name = attempt.function_name.clone().map(|it| ("function", it));
        let (kind, name) = name
            .or_else(|| clues::callee(attempt))
            .unwrap_or(("state", attempt.state.clone()));
        let mechanism = format!(
            "{name} keeps {} waiting for {} already, {usual} in healthy runs",
            attempt.state,
            human_duration(waited)
        );
        let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
        let scheduled = scene.event(attempt.scheduled_event_id);
        Clue::new(suspect, Category::Latency, 0.6, mechanism)
            .with(scheduled.map(|it| clue::event(it, format!("{} called {name}", attempt.state))))
    }
}

fn late(scene: &Scene, visit: &State, waited: i64, usual_ns: i64) -> Clue {
    let mechanism = format!(
        "{} takes {} already, {} in healthy runs",
        visit.state,
        human_duration(waited),
        human_duration(usual_ns)
    );
    let entered = scene.event(visit.entered_event_id);
    Clue::new(clue::state(scene, visit), Category::Latency, 0.5, mechanism)
        .with(entered.map(|it| clue::event(it, format!("{} was entered", visit.state))))
}

/// What healthy runs take in a state, if this visit is far beyond it.
fn overdue(scene: &Scene, visit: &State, waited: i64) -> Option<i64> {
    let usual = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state));
    let longest: Vec<i64> = usual.map(|it| it.longest_ns).collect();
    let worst = longest.iter().copied().max()?;
    let usual = onset::usual(longest.into_iter())?;
    let over = usual.is_exceeded(waited) && waited > worst.saturating_mul(2);
    over.then_some(usual.median_ns)
}

/// The latest moment of which anything is held, of this execution or of its siblings: until then it had not ended.
fn seen(scene: &Scene) -> UnixNanos {
    let case = scene.case;
    let events = case.events.iter().map(|it| it.time);
    let spans = case.spans.iter().map(|it| it.end_time);
    let logs = case.logs.iter().map(|it| it.time);
    let ends = scene.world.peers.iter();
    let ends = ends.map(|it| UnixNanos(it.start.0.saturating_add(it.duration_ns.max(0))));
    let all = events.chain(spans).chain(logs).chain(ends);
    all.max().unwrap_or(case.execution.start_time)
}
