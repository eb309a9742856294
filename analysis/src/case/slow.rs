//! Executions that took longer than healthy ones: whose time it was.

use super::{
    clue::{self, Clue},
    clues,
    critical::Critical,
    failures, origin,
    profile::Profile,
    scene::Scene,
    sizes, starved,
};
use model::{Attempt, Category, Execution, Fatality, State, time::human_duration};
use std::collections::{BTreeMap, BTreeSet};

/// Healthy runs below which nothing is called slow.
const FEWEST: usize = 3;

/// What a function took more than usual that is nobody's fault where no line of it is held, nanoseconds.
const DARK_NS: i64 = 1_500_000_000;

/// A single retry that cost less did what retries are for, nanoseconds.
const SLIGHT_NS: i64 = 3_000_000_000;

/// Work that was done anew is told from half of so much of the run on, where the run is not slow by variation.
const REDONE: i64 = 2;

/// How much longer an execution took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slow {
    /// What it took.
    pub took_ns: i64,
    /// What the median healthy run takes.
    pub usual_ns: i64,
    /// Explained by the size of its work: how many times larger it is, and what of it.
    pub by_size: Option<(f64, &'static str)>,
}

impl Slow {
    pub fn excess_ns(&self) -> i64 {
        self.took_ns - self.usual_ns
    }
}

/// Whether the execution took longer than healthy variation allows.
pub(crate) fn of(scene: &Scene) -> Option<Slow> {
    let took_ns = duration(&scene.case.execution)?;
    let usual = super::onset::usual(scene.healthy.iter().map(|it| it.duration_ns))?;
    let usual_ns = usual.median_ns;
    let slow = usual.is_exceeded(took_ns) && took_ns > usual.worst_ns;
    slow.then(|| {
        let by_size = sizes::of_work(scene, took_ns as f64 / usual_ns as f64);
        // Where most of it was spent on cold starts, more work explains nothing.
        let cold =
            |_: &(f64, &str)| super::but_for::cold_starts_added(scene) * 2 > took_ns - usual_ns;
        Slow {
            took_ns,
            usual_ns,
            by_size: by_size.filter(|it| !cold(it)),
        }
    })
}

/// A run that is within variation, but longer than any healthy one, because a job or a task in it was done anew: what was
/// lost is known to the second, whatever runs take otherwise.
pub(crate) fn redone<'a>(scene: &Scene<'a>) -> Vec<Clue> {
    let took = duration(&scene.case.execution).unwrap_or_default();
    let mut usual: Vec<i64> = scene.healthy.iter().map(|it| it.duration_ns).collect();
    usual.sort_unstable();
    let Some(longest) = usual.last().filter(|_| usual.len() >= FEWEST) else {
        return Vec::new();
    };
    let median = usual[usual.len() / 2];
    let path = Critical::of(scene.case);
    let waited = scene.case.states.iter().filter(|it| path.holds(it));
    let tries: Vec<&'a Attempt> = waited.flat_map(|it| scene.tries(it)).collect();
    let jobs = tries.iter().filter_map(|it| {
        let (clue, lost) = clues::lost_tries(scene, it, took / REDONE)?;
        (took > *longest && took - lost <= *longest).then_some(clue)
    });
    let mut found: Vec<Clue> = jobs.collect();
    if found.is_empty() {
        found = failed_once(scene, &tries, took, *longest);
    }
    let slow = Slow {
        took_ns: took,
        usual_ns: median,
        by_size: None,
    };
    for clue in &mut found {
        clue.fate = Fatality::Survived;
        clue.but_for = Some(super::but_for::of_slowness(&slow));
    }
    found
}

/// The same of tries that failed, as the history tells: without them it would have been a run like the others.
fn failed_once<'a>(scene: &Scene<'a>, tries: &[&'a Attempt], took: i64, longest: i64) -> Vec<Clue> {
    let lost: i64 = tries.iter().map(|it| lost_ns(scene, it)).sum();
    let most = tries.iter().copied().filter(|it| it.status.is_failure());
    let most = most.max_by_key(|it| {
        let first = std::cmp::Reverse(it.scheduled_event_id);
        (lost_ns(scene, it), first)
    });
    // What lies far beyond all others needs less of a reason than what is a little longer.
    let share = match took > longest.saturating_add(longest / 4) {
        true => REDONE + 1,
        false => REDONE,
    };
    let telling = lost >= SLIGHT_NS && lost.saturating_mul(share) >= took;
    let Some(attempt) = most.filter(|_| telling && took > longest && took - lost <= longest) else {
        return Vec::new();
    };
    if habitual(scene, attempt) {
        return Vec::new();
    }
    let failure = failures::of_try(scene, attempt, Fatality::Survived);
    clues::of(scene, &failure)
}

fn duration(execution: &Execution) -> Option<i64> {
    execution.duration_ns
}

/// What one state took more than usual.
pub(super) struct Excess<'a> {
    pub state: &'a str,
    pub ns: i64,
    pub usual_ns: i64,
}

/// Whom the time speaks against.
pub(crate) fn clues<'a>(scene: &Scene<'a>, slow: &Slow) -> Vec<Clue> {
    let path = Critical::of(scene.case);
    let by_state = excesses(scene, &path);
    let all: i64 = by_state.iter().map(|it| it.ns).sum();
    // What a rare way always costs is no excess.
    let rare = rare_ns(scene, &path);
    let usual = super::onset::usual(scene.healthy.iter().map(|it| it.duration_ns));
    if rare > 0 && usual.is_some_and(|it| !it.is_exceeded(slow.took_ns - rare)) {
        return Vec::new();
    }
    let added = slow.excess_ns() - rare;
    let mut found = Vec::new();
    for excess in by_state.iter().take(2) {
        let share = excess.ns as f64 / added.max(1) as f64;
        if share < 0.3 || excess.ns < 50_000_000 {
            continue;
        }
        let sure = share.min(1.0);
        for mut clue in of_state(scene, &path, excess) {
            clue.weight *= 0.6 + 0.4 * sure;
            found.push(clue);
        }
    }
    // Time between states: nobody ran.
    let between = added - all.max(0);
    if found.is_empty() && between * 2 > slow.excess_ns() {
        found.extend(between_states(scene, between));
    }
    found
}

/// What the states usually take that the execution waited for and that hardly any healthy run has: a way for large
/// amounts, a review by hand. Those that took it were not slow.
fn rare_ns(scene: &Scene, path: &Critical) -> i64 {
    let waited = scene.case.states.iter().filter(|it| path.holds(it));
    let names: BTreeSet<&str> = waited.map(|it| it.state.as_str()).collect();
    let mut all = 0_i64;
    for name in names {
        let takes = |it: &&&Profile| it.states.contains_key(name);
        let with = scene.healthy.iter().filter(takes).count();
        if with > 0 && with * 2 < scene.healthy.len() {
            all = all.saturating_add(median(scene, name, |it| it.critical_ns));
        }
    }
    all
}

fn excesses<'a>(scene: &Scene<'a>, path: &Critical) -> Vec<Excess<'a>> {
    let mut own: BTreeMap<&str, i64> = BTreeMap::new();
    for visit in scene.case.states.iter().filter(|it| path.holds(it)) {
        if matches!(visit.state_type.as_str(), "Map" | "Parallel") && has_inside(scene, visit) {
            continue;
        }
        *own.entry(&visit.state).or_default() += visit.duration_ns.unwrap_or_default();
    }
    let mut all: Vec<Excess> = own
        .into_iter()
        .map(|(state, took)| {
            let usual_ns = median(scene, state, |it| it.critical_ns);
            Excess {
                state,
                ns: took - usual_ns,
                usual_ns,
            }
        })
        .filter(|it| it.ns > 0)
        .collect();
    all.sort_by_key(|it| (std::cmp::Reverse(it.ns), it.state));
    all
}

fn has_inside(scene: &Scene, block: &State) -> bool {
    scene
        .case
        .states
        .iter()
        .any(|it| super::critical::block_of(&it.path) == Some(block.path.as_str()))
}

pub(super) fn median(
    scene: &Scene,
    state: &str,
    of: impl Fn(&super::profile::StateProfile) -> i64,
) -> i64 {
    let mut all: Vec<i64> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(state))
        .map(of)
        .collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Whom the time of one state speaks against.
fn of_state<'a>(scene: &Scene<'a>, path: &Critical, excess: &Excess<'a>) -> Vec<Clue> {
    let visits: Vec<&State> = scene
        .case
        .states
        .iter()
        .filter(|it| it.state == excess.state && path.holds(it))
        .collect();
    let tries: Vec<&'a Attempt> = visits.iter().flat_map(|it| scene.tries(it)).collect();
    let mut found = Vec::new();
    if let Some(clue) = super::slots::capped(scene, path, &visits, excess.state) {
        return vec![clue];
    }
    let lost: i64 = tries.iter().map(|it| lost_ns(scene, it)).sum();
    let failures = scene.case.attempts.iter();
    let failures = failures.filter(|it| it.status.is_failure()).count();
    if lost * 2 > excess.ns && failures == 1 && lost < SLIGHT_NS {
        return found;
    }
    if lost * 2 > excess.ns {
        let failed = tries.iter().find(|it| it.status.is_failure());
        if let Some(attempt) = failed.copied() {
            if habitual(scene, attempt) {
                return found;
            }
            let failure = failures::of_try(scene, attempt, Fatality::Survived);
            found.extend(clues::of(scene, &failure));
            return found;
        }
    }
    let longest = tries
        .iter()
        .copied()
        .max_by_key(|it| (it.duration_ns, std::cmp::Reverse(it.scheduled_event_id)));
    let Some(attempt) = longest else {
        if let Some(clue) = visits
            .first()
            .and_then(|it| clues::asked_often(scene, it, excess.ns))
        {
            return vec![clue];
        }
        match visits
            .first()
            .map(|it| (it, super::due::told(scene, it, excess.usual_ns)))
        {
            Some((_, Some(super::due::Told::By(clue)))) => found.push(*clue),
            Some((_, Some(super::due::Told::Outside))) | None => {}
            Some((visit, None)) => found.push(of_waiting(scene, visit, excess)),
        }
        return found;
    };
    if let Some((clue, _)) = clues::lost_tries(scene, attempt, excess.ns) {
        return vec![clue.with(ended(scene, attempt, excess.usual_ns))];
    }
    if super::waits::is_ones_own_time(scene, attempt, excess) {
        return found;
    }
    found.extend(super::waits::queued(scene, attempt, &tries, excess));
    found.extend(super::waits::waited(scene, attempt, excess));
    let warmed_up = || {
        super::starts::warmed_up(scene, &tries, excess.ns)
            || super::called::warmed_up(scene, &tries, excess.ns)
    };
    if found.is_empty() && warmed_up() {
        return found;
    }
    if found.is_empty() {
        found.extend(super::starts::cold(scene, &tries, excess));
    }
    if found.is_empty()
        && let Some(clue) = scene
            .visit_of(attempt)
            .and_then(|it| super::grown::fed(scene, it))
    {
        found.push(clue.with(ended(scene, attempt, excess.usual_ns)));
    }
    if found.is_empty() {
        found.extend(super::called::cold(scene, &tries, excess.ns, false));
    }
    if found.is_empty() {
        found.extend(worked(scene, attempt, &tries, excess));
    }
    found
}

/// A failure that a good part of the healthy runs got over as well, and that cost one of them as much: it comes and goes.
fn habitual(scene: &Scene, failed: &Attempt) -> bool {
    let key = (
        failed.state.clone(),
        failed.error.clone().unwrap_or_default(),
    );
    // Others of the same incident make no habit.
    let start = scene.case.execution.start_time;
    let fit = super::onset::fit(&scene.healthy, start, |it| it.errors.contains(&key));
    let with = fit.iter().filter(|it| it.errors.contains(&key));
    let longest = with.clone().map(|it| it.duration_ns).max();
    let took = scene.case.execution.duration_ns.unwrap_or_default();
    with.count() * 4 >= fit.len() && longest.is_some_and(|it| it.saturating_add(it / 4) >= took)
}

/// What a try that failed took, with the pause before the next; not the time that its sandbox took to start.
fn lost_ns(scene: &Scene, attempt: &Attempt) -> i64 {
    let took = match attempt.status.is_failure() {
        true => attempt.duration_ns.unwrap_or(0) - super::starts::waited_ns(scene, attempt),
        false => 0,
    };
    attempt.backoff_ns.unwrap_or(0) + took.max(0)
}

pub(super) fn ended(scene: &Scene, attempt: &Attempt, usual_ns: i64) -> Option<model::Exhibit> {
    let event = scene.event(attempt.end_event_id?)?;
    let took = human_duration(attempt.duration_ns.unwrap_or_default());
    Some(clue::event(
        event,
        format!(
            "{} took {took}; {} in healthy runs",
            attempt.state,
            human_duration(usual_ns)
        ),
    ))
}

fn of_waiting(scene: &Scene, visit: &State, excess: &Excess) -> Clue {
    let exited = visit.exited_event_id.and_then(|id| scene.event(id));
    let took = human_duration(visit.duration_ns.unwrap_or_default());
    let mechanism = format!(
        "{} took {took}, {} in healthy runs",
        visit.state,
        human_duration(excess.usual_ns)
    );
    // A wait takes what it is told to take.
    let told = (visit.state_type == "Wait").then(|| super::settings::changed(scene, &visit.state));
    let (category, weight) = match told.iter().flatten().next() {
        Some(_) => (Category::TimeoutConfig, 0.93),
        None => (Category::Latency, 0.7),
    };
    let started = told.iter().flatten().next();
    let started =
        started.and_then(|it| clues::started(scene, format!("the execution ran with {it}")));
    Clue::new(clue::state(scene, visit), category, weight, mechanism)
        .with(started)
        .with(exited.map(|it| clue::event(it, format!("{} ended after {took}", visit.state))))
        .changed(told.flatten())
}

/// Work that took longer: a callee's, a host's, or the function's own.
fn worked<'a>(
    scene: &Scene<'a>,
    attempt: &'a Attempt,
    tries: &[&'a Attempt],
    excess: &Excess,
) -> Vec<Clue> {
    let spans: Vec<_> = tries.iter().flat_map(|it| scene.spans_below(it)).collect();
    let forest = scene.forest(spans);
    let caller = attempt
        .function_name
        .clone()
        .unwrap_or_else(|| attempt.state.clone());
    if let Some(clue) = super::calls::slot(scene, &forest, attempt, excess) {
        return vec![clue];
    }
    let mut found = Vec::new();
    if let Some(clue) = super::hosts::noisy(scene, &forest, attempt) {
        found.push(clue);
    } else if let Some(clue) = super::hosts::slow(scene, &forest, attempt, excess.ns) {
        found.push(clue);
    } else if let Some(clue) = super::hosts::slow_behind(scene, &forest, attempt, excess.ns) {
        found.push(clue);
    }
    if found.is_empty()
        && let Some(clue) = super::again::of(scene, &forest, attempt, excess.ns)
    {
        return vec![clue.with(ended(scene, attempt, excess.usual_ns))];
    }
    // No answer is late where no connection comes about.
    if let Some(name) = attempt.function_name.as_deref() {
        let failure = failures::of_try(scene, attempt, Fatality::None);
        if let Some(clue) = clues::unconnected(scene, &failure, attempt, name) {
            found.push(clue.with(ended(scene, attempt, excess.usual_ns)));
            return found;
        }
    }
    let grown = origin::of_time(scene, &forest, true);
    if let Some(grown) = grown {
        let more = grown.ns - grown.usual_ns.unwrap_or(0);
        let called = || super::called::work(scene, attempt, excess.ns);
        if grown.name != caller && more * 2 > excess.ns {
            // Its own log tells more of a function than the spans around it.
            if let Some(clue) = called().filter(|it| it.suspect.name == grown.name) {
                found.push(clue.with(ended(scene, attempt, excess.usual_ns)));
                return found;
            }
            if let Some(clue) = super::calls::more(scene, &forest, attempt, &grown.name) {
                found.push(clue.with(ended(scene, attempt, excess.usual_ns)));
                return found;
            }
            found.extend(super::instead::of(scene, &forest, attempt, grown.span));
            found.extend(super::overheard::held(scene, attempt, &grown.name));
            let span = forest.spans[grown.span];
            let unseen = super::hosts::unseen(scene, &forest, grown.span, &grown.name);
            let usual = human_duration(grown.usual_ns.unwrap_or(0));
            let throttled = super::calls::throttled(scene, &forest, attempt, &grown.name);
            let (category, how) = match throttled.is_empty() {
                true => (Category::Latency, "took"),
                false => (Category::Capacity, "refused calls as too many, which cost"),
            };
            let mechanism = format!(
                "{} {how} {} in {}, {usual} in healthy runs",
                grown.name,
                human_duration(grown.ns),
                attempt.state
            );
            found.push(
                Clue::new(
                    clue::entity(scene, "service", &grown.name, &[&attempt.path, &caller]),
                    category,
                    if unseen.is_some() { 0.8 } else { 0.93 },
                    mechanism,
                )
                .lacking(unseen)
                .with(throttled)
                .with([clue::span(
                    span,
                    format!(
                        "{} was waited for {}",
                        grown.name,
                        human_duration(span.end_time.since(span.start_time))
                    ),
                )])
                .with(ended(scene, attempt, excess.usual_ns))
                .explaining([super::clue::Explained {
                    kind: String::new(),
                    name: caller.clone(),
                    reason: format!("{caller} waited for {} most of the time", grown.name),
                    reference: clue::span_ref(span),
                }]),
            );
            return found;
        }
    }
    let below = super::called::work(scene, attempt, excess.ns);
    let told = || super::timed::of_try(scene, attempt, excess.ns);
    if let Some(clue) = below.or_else(told) {
        found.extend(super::overheard::held(scene, attempt, &clue.suspect.name));
        found.push(clue.with(ended(scene, attempt, excess.usual_ns)));
        return found;
    }
    found.extend(silent_about(scene, attempt, &caller, excess));
    // A new sandbox may have cost that much, which only its log would tell.
    let dark = attempt.function_name.is_some() && scene.invocations(attempt).is_empty();
    if !dark || excess.ns >= DARK_NS || !forest.spans.is_empty() {
        found.push(own_work(scene, attempt, excess));
    }
    found
}

/// Somebody whom the function's line before a long silence names, where no span tells of its calls.
fn silent_about(scene: &Scene, attempt: &Attempt, caller: &str, excess: &Excess) -> Option<Clue> {
    let (invocation, _) = scene.invocation(attempt)?;
    let silence = clues::longest_silence(scene, invocation)?;
    let calls = scene.spans_below(attempt);
    let seen = calls.iter().any(|it| super::charges::calls_out(it));
    if seen || silence.ns * 10 < excess.ns * 6 {
        return None;
    }
    let waited = human_duration(silence.ns);
    let usual = human_duration(excess.usual_ns);
    let mechanism = format!(
        "{caller} was silent for {waited} in {} after it wrote of {}; healthy runs take {usual}",
        attempt.state, silence.name
    );
    let line = clue::log(silence.line, super::text::brief(&silence.line.body, 160));
    let suspect = clue::entity(scene, "service", &silence.name, &[&attempt.path, caller]);
    let explained = super::clue::Explained {
        kind: String::new(),
        name: caller.to_owned(),
        reason: format!(
            "{caller} wrote nothing while it waited for {}",
            silence.name
        ),
        reference: line.reference.clone(),
    };
    Some(
        Clue::new(suspect, Category::Latency, 0.84, mechanism)
            .with([line])
            .with(ended(scene, attempt, excess.usual_ns))
            .explaining([explained])
            .missing(&format!("spans of the calls of {caller}")),
    )
}

fn own_work(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Clue {
    let took = human_duration(attempt.duration_ns.unwrap_or_default());
    let usual = human_duration(excess.usual_ns);
    let visit = scene.visit_of(attempt);
    let (suspect, name) = match attempt.function_name.as_deref() {
        Some(name) => {
            let version = scene
                .invocation(attempt)
                .and_then(|(it, _)| it.function_version.as_deref());
            (
                clue::function(scene, attempt, name, version),
                name.to_owned(),
            )
        }
        None => {
            let (kind, name) = clues::callee(attempt).unwrap_or(("state", attempt.state.clone()));
            (clue::entity(scene, kind, &name, &[&attempt.path]), name)
        }
    };
    let new = visit.and_then(|it| clues::new_version(scene, it));
    let grown = clues::input_growth(scene, visit);
    let grown = grown.map(|it| it.max(sizes::numeric_growth(scene)));
    if let Some(clue) = visit.and_then(|it| super::sizes::of_item(scene, it)) {
        return clue.with(ended(scene, attempt, excess.usual_ns));
    }
    let less = scene
        .invocation(attempt)
        .and_then(|(it, _)| starved::less_memory(scene, it));
    let new = less.clone().or(new);
    let (category, weight) = match (&new, grown) {
        _ if less.is_some() => (Category::Memory, 0.92),
        _ if starved::starved_of_memory(scene, attempt) => (Category::Memory, 0.86),
        (Some(_), _) => (Category::BadDeploy, 0.8),
        (None, Some(times)) if times >= 3.0 => (Category::DataSize, 0.7),
        _ => (Category::Latency, 0.8),
    };
    let mechanism = format!(
        "{name} took {took} in {}, {usual} in healthy runs",
        attempt.state
    );
    let ran = scene.invocation(attempt).map(|(it, _)| {
        clue::invocation(
            it,
            format!(
                "{name} ran for {}",
                human_duration(it.duration_ns.unwrap_or_default())
            ),
        )
    });
    Clue::new(suspect, category, weight, mechanism)
        .with(ran)
        .with(ended(scene, attempt, excess.usual_ns))
        .changed(new)
}

/// Time in which nothing ran: transitions that were throttled.
fn between_states(scene: &Scene, between: i64) -> Option<Clue> {
    let execution = &scene.case.execution;
    let mechanism = format!(
        "{} passed between the states of {}, where nothing ran",
        human_duration(between),
        execution.state_machine
    );
    let last = scene.last_event()?;
    Some(
        Clue::new(
            clue::entity(scene, "state_machine", &execution.state_machine, &[]),
            Category::Capacity,
            0.7,
            mechanism,
        )
        .with([clue::event(last, "the end of the execution".into())]),
    )
}
