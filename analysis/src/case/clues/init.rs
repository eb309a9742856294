//! A function that cannot start. *What it looks for*: failed inits, modules or entry points that are not
//! there. *Why it matters*: every invocation of that version fails, whatever it is given. *How to confirm*: the
//! INIT_REPORT line of the same log stream.

use crate::case::{
    clue::{self, Clue},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, ColdStart, Entity, InvocationStatus, time::human_duration};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(name), Some(attempt)) = (failure.function(), failure.attempt) else {
        return Vec::new();
    };
    if let Some(clue) = outlasted(scene, failure, attempt) {
        return vec![clue];
    }
    let words = failure.words();
    let failed_init = failure
        .invocation
        .is_some_and(|it| it.cold_start == ColdStart::FailedInit);
    let told = text::is(&words, Topic::Init);
    let line = failure
        .lines
        .iter()
        .find(|log| text::is(&log.body, Topic::Init));
    // After a failed init the invocation may fail of something else.
    let other = matches!(
        text::topic(&failure.said()),
        Some(Topic::Permission | Topic::Throttled | Topic::OutOfMemory)
    );
    let weight = match (told, failed_init, line.is_some()) {
        (true, true, _) => 0.96,
        (true, false, _) if text::topic(&failure.said()) == Some(Topic::Init) => 0.93,
        (true, false, _) => 0.85,
        (false, true, true) => 0.9,
        (false, true, false) => 0.75,
        _ => return Vec::new(),
    };
    if other {
        return Vec::new();
    }
    let suspect = clue::function(scene, attempt, name, failure.version());
    if let Some(clue) = too_slow(scene, failure, &suspect, told_by_code(failure)) {
        return vec![clue];
    }
    let version = failure
        .version()
        .map(|it| format!(" version {it}"))
        .unwrap_or_default();
    let said = match failure.cause.is_empty() {
        true => text::brief(&failure.reported(), 160),
        false => text::brief(&crate::case::failures::message(&failure.cause), 160),
    };
    let mechanism = format!("{name}{version} could not be started: {said}");
    let mut clue =
        Clue::new(suspect, Category::BadDeploy, weight, mechanism).with(failure.exhibit());
    if let Some(invocation) = failure.invocation {
        let error = invocation.error_type.clone().unwrap_or("an error".into());
        clue = clue.with([clue::invocation(
            invocation,
            format!("init of {name} ended with {error}"),
        )]);
    }
    if let Some(line) = line {
        clue = clue.with([clue::log(
            line,
            format!("{name} wrote: {}", text::brief(&line.body, 160)),
        )]);
    }
    vec![clue.changed(super::deploy::changed(scene, failure))]
}

/// A sandbox that was not ready when the caller's own time was over: the work had hardly begun, or had not, and took no
/// longer than ever. Of a function that was ready in time the start says nothing.
fn outlasted(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Clue> {
    let of = failure.invocation?;
    let out_of_time = failure.error == "States.Timeout" || text::is(&failure.error, Topic::Timeout);
    let made = matches!(
        of.cold_start,
        ColdStart::Init | ColdStart::SuppressedInit | ColdStart::SnapstartRestore
    );
    if !out_of_time || !made || of.status == InvocationStatus::Timeout || failure.below {
        return None;
    }
    let allowed = failure.at.since(attempt.start_time);
    let waited = of.start_time.since(attempt.start_time);
    let init = of.init_duration_ms.or(of.restore_duration_ms);
    let init = init.map_or(0, |it| (it * 1e6) as i64);
    if waited.saturating_mul(10) < allowed.saturating_mul(6) || init.saturating_mul(2) < allowed {
        return None;
    }
    let ran = scene.healthy.iter();
    let ran = ran.filter_map(|it| it.functions.get(&of.function_name));
    let mut took: Vec<i64> = ran.map(|it| it.longest_ns).collect();
    took.sort_unstable();
    let longest = took.last().copied().unwrap_or(i64::MAX);
    // A limit that does not even leave time for the work is what is wrong.
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    if median.saturating_mul(10) >= allowed.saturating_mul(8) {
        return None;
    }
    let left = allowed.saturating_sub(waited).max(0);
    // Who began in time, and was at work for longer than ever, would not have been done without the start either.
    if of
        .duration_ns
        .is_some_and(|it| it > longest.saturating_mul(3))
        && left > longest
    {
        return None;
    }
    let name = &of.function_name;
    let mechanism = format!(
        "{name} started cold in {}: its init took {}, and {} may take {}",
        failure.state(),
        human_duration(init),
        failure.state(),
        human_duration(allowed)
    );
    let suspect = clue::function(scene, attempt, name, failure.version());
    let shown = format!(
        "{name} ran in a new sandbox, which was ready after {}",
        human_duration(waited)
    );
    Some(
        Clue::new(suspect, Category::ColdStart, 0.95, mechanism)
            .with([clue::invocation(of, shown)])
            .with(failure.exhibit())
            .changed(super::deploy::changed(scene, failure)),
    )
}

/// Whether anybody tells what went wrong with the start, besides that it took too long.
fn told_by_code(failure: &Failure) -> bool {
    let words = format!("{} {}", failure.said(), failure.lines_said());
    text::is(&words, Topic::Init)
}

/// A start that ran into the limit of ten seconds and was begun again inside the invocation: nothing is broken, it is slow
/// to start. One that was released since the last healthy run may be broken all the same.
fn too_slow(scene: &Scene, failure: &Failure, suspect: &Entity, told: bool) -> Option<Clue> {
    let invocation = failure.invocation?;
    let late = invocation.cold_start == ColdStart::FailedInit
        && invocation.cold_start_reason.contains("too long");
    let ran_out = invocation.status == InvocationStatus::Timeout
        || text::is(&failure.words(), Topic::FunctionTimeout);
    if !late || !ran_out || told || super::deploy::changed(scene, failure).is_some() {
        return None;
    }
    let name = &invocation.function_name;
    let mechanism = format!(
        "{name} could not start within the time that its init has in {}, and began again inside the invocation, which ran out of time",
        failure.state()
    );
    let shown = clue::invocation(invocation, format!("init of {name} took too long"));
    Some(
        Clue::new(suspect.clone(), Category::ColdStart, 0.95, mechanism)
            .with([shown])
            .with(failure.exhibit()),
    )
}
