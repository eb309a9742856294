//! A worker whose answer came when nobody waited any more. *What it looks for*: a line of whoever took a message that its
//! task does not exist any more, written after the wait was over, or an invocation that went on for longer than it. *Why it matters*: the message was not lost, and nobody was
//! silent: the work took too long, and often not the worker's own. *How to confirm*: what the worker did in that time.

use super::worker::Worker;
use crate::case::{
    clue::{self, Clue, Explained},
    failures::Failure,
    origin,
    scene::Scene,
    text,
};
use model::{
    Attempt, Category, Exhibit, Invocation, InvocationStatus, UnixNanos, time::human_duration,
};

/// Whoever kept the worker waiting for most of that time, else the worker itself.
pub(super) fn find(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    worker: &Worker,
) -> Option<Clue> {
    let mut ran = scene.callees(attempt).into_iter();
    let ran = ran.rfind(|it| it.function_name == worker.name);
    let (shown, until, cut) = over_time(failure, worker, ran)?;
    let took = worker.took().or(ran.map(|it| it.start_time))?;
    let worked = until.since(took);
    let from = attempt.submitted_time.unwrap_or(attempt.start_time);
    let waited = failure.at.since(from).max(0);
    // What came late lay somewhere: who took it had no time left.
    if worked.saturating_mul(2) < waited || !worker.only_late() {
        return None;
    }
    let said = shown;
    let named = worker.named.first();
    let named = named.map(|it| clue::log(it, format!("{} received the message", worker.name)));
    let (state, by) = (failure.state(), &worker.name);
    let (allowed, worked) = (human_duration(waited), human_duration(worked));
    let queue = super::function::callee(attempt).map(|(_, queue)| Explained {
        kind: String::new(),
        reason: format!("{queue} delivered the message: {by} received it"),
        name: queue,
        reference: said.reference.clone(),
    });
    let kept = kept_by(scene, failure, worker, waited);
    // Who was cut off may have hung by himself.
    if kept.is_none() && cut {
        return None;
    }
    let Some((name, took, shown)) = kept else {
        let mechanism = format!(
            "{by} worked for {worked} on what {state} had sent it, and {allowed} were allowed: its answer came too late"
        );
        let suspect = clue::entity(scene, worker.kind, by, &[&attempt.path]);
        return Some(
            Clue::new(suspect, Category::Latency, 0.8, mechanism)
                .with(named)
                .with([said])
                .with(failure.exhibit())
                .explaining(queue)
                .missing(&format!("spans of what {by} waited for")),
        );
    };
    let mechanism = format!(
        "{name} kept {by} waiting for {took}, so its answer to {state} came too late: {allowed} were allowed"
    );
    let waiting = Explained {
        kind: String::new(),
        name: by.clone(),
        reason: format!("{by} took the message, waited for {name} and answered"),
        reference: shown.reference.clone(),
    };
    let suspect = clue::entity(scene, "service", &name, &[&attempt.path, by]);
    Some(
        Clue::new(suspect, Category::Latency, 0.95, mechanism)
            .with([shown])
            .with(named)
            .with([said])
            .with(failure.exhibit())
            .explaining([waiting])
            .explaining(queue),
    )
}

/// What tells that a worker was at work when the wait was over, until when, and whether it was cut off then.
fn over_time(
    failure: &Failure,
    worker: &Worker,
    ran: Option<&Invocation>,
) -> Option<(Exhibit, UnixNanos, bool)> {
    let name = &worker.name;
    if let Some(line) = worker.outlived(failure.at) {
        let said = text::brief(&line.body, 160);
        let shown = clue::log(line, format!("{name} answered too late: {said}"));
        return Some((shown, line.time, false));
    }
    let ran = ran?;
    let end = ran.end_time?;
    let cut = ran.status == InvocationStatus::Timeout;
    let later = ran.status == InvocationStatus::Success && end > failure.at;
    let told = match cut {
        true => format!("{name} was cut off before it answered"),
        false => format!("{name} was still at work when nobody waited any more"),
    };
    (later || cut).then(|| (clue::invocation(ran, told), end, cut))
}

/// Who took most of what was allowed below the worker, by spans, else by its own lines.
fn kept_by(
    scene: &Scene,
    failure: &Failure,
    worker: &Worker,
    waited: i64,
) -> Option<(String, String, Exhibit)> {
    let by = &worker.name;
    let spans = origin::of_time(scene, &failure.spans, false).filter(|it| {
        let more = it
            .usual_ns
            .is_none_or(|usual| it.ns > usual.saturating_mul(2));
        more && it.ns.saturating_mul(2) >= waited && !it.name.is_empty()
    });
    if let Some(excess) = spans {
        let took = human_duration(excess.ns);
        let span = failure.spans.spans[excess.span];
        let shown = clue::span(span, format!("{by} waited {took} for {}", excess.name));
        return (excess.name != *by).then_some((excess.name, took, shown));
    }
    let limits = (waited.saturating_mul(6) / 10, i64::MAX);
    let timed = worker.waited_for(scene, limits)?;
    let shown = clue::log(timed.line, text::brief(&timed.line.body, 160));
    Some((timed.name, human_duration(timed.ns), shown))
}
