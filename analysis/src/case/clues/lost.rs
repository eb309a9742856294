//! A token or a heartbeat that never came. *What it looks for*: submitted attempts that wait until their limit.
//! *Why it matters*: nothing failed, somebody stayed silent. *How to confirm*: the worker's log: did it receive
//! the message, and what did it do then?

use super::worker::{self, Worker};
use crate::case::{
    clue::{self, Clue, Explained},
    failures::Failure,
    letters,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, ExecutionStatus, SpanKind, time::human_duration};

/// What remains of the weight of a worker's silence behind a failure of somebody whom it called.
const BEHIND: f64 = 0.75;

/// The weight of what is known by the time of others alone.
const BY_TIME: f64 = 0.88;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let waits = attempt.resource.contains("waitForTaskToken");
    let activity = attempt.resource_type == "activity";
    let silent = failure.error == "States.Timeout"
        || text::is(&failure.error, Topic::Heartbeat)
        || text::is(&failure.error, Topic::Timeout);
    // The time limit of the whole execution ran out while it still waited.
    let waiting =
        attempt.end_event_id.is_none() && scene.case.execution.status == ExecutionStatus::TimedOut;
    if !(waits || activity) || !(silent || waiting) {
        return Vec::new();
    }
    if activity && attempt.started_time.is_none() {
        return vec![starved(scene, failure, attempt)];
    }
    if let Some(clue) = super::timeout::window_cut(scene, failure, attempt) {
        return vec![clue];
    }
    if let Some(clue) = crate::case::handed::misplaced(scene, failure, attempt) {
        return vec![clue];
    }
    if let Some(clue) = held_up(scene, failure, attempt) {
        return vec![clue];
    }
    vec![silent_since(scene, failure, attempt)]
}

/// The worker took the message and waited itself: somebody whom it called took longer than the whole answer ever took in
/// healthy runs, and most of the time that was allowed.
fn held_up(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Clue> {
    let worker = receipt(failure)?;
    let from = attempt.submitted_time.unwrap_or(attempt.start_time);
    let waited = failure.at.since(from).max(0);
    let excess = crate::case::origin::of_time(scene, &failure.spans, false)?;
    let usual = scene.healthy.iter();
    let usual = usual.filter_map(|it| it.states.get(failure.state()));
    let longest = usual.map(|it| it.waited_ns).max()?;
    let other = excess.name != worker.service_name && !excess.name.is_empty();
    if !other || excess.ns.saturating_mul(2) < waited || excess.ns <= longest {
        return None;
    }
    let (name, by) = (&excess.name, &worker.service_name);
    let span = failure.spans.spans[excess.span];
    let took = human_duration(excess.ns);
    let mechanism = format!(
        "{name} kept {by} waiting for {took}, so its answer to {} did not come within {}; healthy runs were answered within {}",
        failure.state(),
        human_duration(waited),
        human_duration(longest)
    );
    let suspect = clue::entity(scene, "service", name, &[&attempt.path, by]);
    Some(
        Clue::new(suspect, Category::Latency, 0.95, mechanism)
            .with([clue::span(span, format!("{by} waited {took} for {name}"))])
            .with([clue::span(worker, format!("{by} received the message"))])
            .with(failure.exhibit())
            .explaining([super::function::carried(by, name, span)]),
    )
}

/// The clue against whoever has not answered an attempt that waits for a token, a heartbeat or a worker. None for one
/// that waits for none of them.
pub(in crate::case) fn unanswered(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
) -> Option<Clue> {
    let activity = attempt.resource_type == "activity";
    if activity && attempt.started_time.is_none() {
        return Some(starved(scene, failure, attempt));
    }
    let waits = attempt.resource.contains("waitForTaskToken");
    (waits || activity).then(|| silent_since(scene, failure, attempt))
}

fn silent_since(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Clue {
    let absent = worker::missing(scene, attempt);
    if let Some(name) = absent.first().filter(|_| !worker::known(failure)) {
        return never_came(scene, failure, attempt, name);
    }
    if let Some(worker) = worker::of(scene, attempt).filter(|_| !worker::known(failure)) {
        let mut clue = dropped(scene, failure, attempt, &worker);
        // Somebody whom it called failed: that is who it did not answer for.
        let origin = crate::case::origin::of_error(scene, &failure.spans);
        if origin.is_some_and(|it| it.name != worker.name && !it.name.is_empty()) {
            clue.weight *= BEHIND;
        }
        return clue;
    }
    let activity = attempt.resource_type == "activity";
    if let Some(clue) = super::rerouted::find(scene, failure, attempt)
        .filter(|_| !activity && receipt(failure).is_none())
    {
        return clue;
    }
    // Without a line that names the message, the time tells who takes it.
    if let Some(name) = worker::absent(scene, attempt).filter(|_| {
        !activity
            && receipt(failure).is_none()
            && failure.function().is_none()
            && scene.callees(attempt).is_empty()
    }) {
        let mut clue = never_came(scene, failure, attempt, &name);
        clue.weight = BY_TIME;
        return clue;
    }
    let (kind, name) = silent_one(failure, attempt);
    let from = attempt
        .submitted_time
        .or(attempt.started_time)
        .unwrap_or(attempt.start_time);
    let waited = human_duration(failure.at.since(from).max(0));
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
    let what = match (activity, attempt.heartbeat_seconds) {
        (true, Some(_)) => "heartbeat",
        (true, None) => "answer",
        (false, _) => "token",
    };
    let mechanism = format!(
        "{name} never sent back the {what} of {}; it waited {waited}",
        failure.state()
    );
    let received = receipt(failure);
    let submitted = letters::submitted(&scene.case.events, attempt);
    let line = failure
        .lines
        .iter()
        .rev()
        .find(|it| it.severity_number >= 13);
    let mut clue = Clue::new(suspect, Category::LostMessage, 0.92, mechanism)
        .with(submitted.map(|it| {
            clue::event(
                it,
                format!("{} handed its token over to {name}", failure.state()),
            )
        }))
        .with(
            received.map(|it| clue::span(it, format!("{} received the message", it.service_name))),
        )
        .with(line.map(|it| {
            clue::log(
                it,
                format!("{} wrote: {}", it.service_name, text::brief(&it.body, 160)),
            )
        }))
        .with(failure.exhibit());
    if received.is_none() && line.is_none() {
        clue = clue.missing(&format!("the log of the worker behind {name}"));
    }
    clue
}

/// Where a message went of whose receiver nothing is held, neither here nor in healthy runs: a message that was lost on its
/// way, a worker that died, one that may not answer and a person who did not look are all the same then. None when a
/// clue tells more than that the answer did not come, or when other runs got no answer there either: then it is the way.
pub(in crate::case) fn unheard(scene: &Scene, failure: &Failure, clues: &[Clue]) -> Option<String> {
    let attempt = failure.attempt?;
    let waits = attempt.resource.contains("waitForTaskToken") && !worker::known(failure);
    let of_nobody = |it: &Clue| {
        it.category == Category::LostMessage && it.changed.is_none() && !it.missing.is_empty()
    };
    let all = clues.iter().all(|it| of_nobody(it) || it.weight <= 0.7);
    let alone = failure.spans.spans.is_empty() && failure.lines.is_empty();
    let unknown = scene.case.heard.is_empty() && scene.world.witnesses.is_empty();
    let key = (failure.state().to_owned(), failure.thrown());
    let peers = scene.world.peers.iter();
    let once = peers
        .filter(|it| it.failed)
        .all(|it| !it.errors.contains(&key));
    let waits = waits && all && alone && unknown && once && clues.iter().any(of_nobody);
    waits.then(|| silent_one(failure, attempt).1)
}

/// A message that did not come to whoever takes those of healthy runs: it was lost on its way.
fn never_came(scene: &Scene, failure: &Failure, attempt: &Attempt, worker: &str) -> Clue {
    let (kind, name) = super::function::callee(attempt).unwrap_or(("state", attempt.state.clone()));
    let from = attempt.submitted_time.unwrap_or(attempt.start_time);
    let waited = human_duration(failure.at.since(from).max(0));
    let mechanism = format!(
        "the message of {} never came from {name} to {worker}, which takes those of healthy runs; it waited {waited}",
        failure.state()
    );
    let submitted = letters::submitted(&scene.case.events, attempt);
    let submitted = submitted.map(|it| clue::event(it, format!("{name} took the message")));
    let reference = submitted
        .as_ref()
        .map(|it| it.reference.clone())
        .unwrap_or_default();
    let others = scene.case.heard.iter().map(|it| it.service_name.clone());
    let others: std::collections::BTreeSet<String> = others.chain([worker.to_owned()]).collect();
    let others = others
        .into_iter()
        .filter(|it| !it.is_empty() && *it != name);
    let others: Vec<Explained> = others
        .map(|other| Explained {
            kind: String::new(),
            reason: match other == worker {
                true => format!("{other} was given nothing"),
                false => format!("{other} does the same in healthy runs"),
            },
            name: other,
            reference: reference.clone(),
        })
        .collect();
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
    Clue::new(suspect, Category::LostMessage, 0.94, mechanism)
        .with(submitted)
        .with(failure.exhibit())
        .changed(super::deploy::change_of(
            scene,
            failure,
            &[
                "subscription",
                "filter",
                "rule",
                "mapping",
                "queue",
                "topic",
                &name,
            ],
        ))
        .explaining(others)
}

/// The worker that received the message and did not answer it.
fn dropped(scene: &Scene, failure: &Failure, attempt: &Attempt, worker: &Worker) -> Clue {
    if let Some(clue) = taken_late(scene, failure, attempt, worker) {
        return clue;
    }
    if let Some(clue) = super::outlived::find(scene, failure, attempt, worker) {
        return clue;
    }
    let name = &worker.name;
    let state = failure.state();
    let suspect = clue::entity(scene, worker.kind, name, &[&attempt.path]);
    let from = attempt.submitted_time.unwrap_or(attempt.start_time);
    let waited = human_duration(failure.at.since(from).max(0));
    let why = match worker.wrong {
        Some(line) => format!("{name} wrote: {}", text::brief(&line.body, 160)),
        None => "it wrote of no failure".to_owned(),
    };
    let (category, how) = match worker.denied() {
        true => (
            Category::Permission,
            "was denied access, and did not answer",
        ),
        false if worker.starved() => (Category::Memory, "ran out of memory, and did not answer"),
        false => (Category::LostMessage, "received and never answered"),
    };
    let mechanism = format!("{name} {how} the message of {state}, which waited {waited}: {why}");
    let weight = match (worker.hinted, worker.wrong.is_some()) {
        (false, _) => 0.95,
        (true, true) => 0.9,
        (true, false) => 0.7,
    };
    let submitted = letters::submitted(&scene.case.events, attempt);
    let reference = worker.named.first().map(|it| format!("log:{}", it.log_id));
    let sender = super::function::callee(attempt).map(|(_, queue)| Explained {
        kind: String::new(),
        reason: format!("{queue} delivered the message: {name} received it"),
        name: queue,
        reference: reference.unwrap_or_default(),
    });
    let named = worker.named.iter().take(3);
    Clue::new(suspect, category, weight, mechanism)
        .with(submitted.map(|it| clue::event(it, format!("{state} handed its token over"))))
        .with(named.map(|it| {
            clue::log(
                it,
                format!("{name} received it: {}", text::brief(&it.body, 120)),
            )
        }))
        .with(
            worker
                .wrong
                .map(|it| clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))),
        )
        .with(failure.exhibit())
        .explaining(sender)
}

/// A message that lay in its queue for most of the time that there was, and was taken and answered when it was over.
fn taken_late(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    worker: &Worker,
) -> Option<Clue> {
    let from = attempt.submitted_time.unwrap_or(attempt.start_time);
    let lay = worker.took()?.since(from);
    let waited = failure.at.since(from);
    let (kind, queue) = super::function::callee(attempt)?;
    let most = lay.saturating_mul(10) >= waited.saturating_mul(7) && waited > 0;
    if !most || !worker.too_late() || worker.denied() {
        return None;
    }
    let mechanism = format!(
        "the message of {} lay in {queue} for {} before {} took it, {} were allowed",
        failure.state(),
        human_duration(lay),
        worker.name,
        human_duration(waited)
    );
    let submitted = letters::submitted(&scene.case.events, attempt);
    let named = worker.named.iter().take(2);
    Some(
        Clue::new(
            clue::entity(scene, kind, &queue, &[&attempt.path]),
            Category::Capacity,
            0.95,
            mechanism,
        )
        .with(submitted.map(|it| clue::event(it, format!("{} sent it", failure.state()))))
        .with(named.map(|it| clue::log(it, format!("{} took it late", worker.name))))
        .with(failure.exhibit()),
    )
}

/// The span in which a worker took the message.
fn receipt<'a>(failure: &Failure<'a>) -> Option<&'a model::Span> {
    failure
        .spans
        .spans
        .iter()
        .copied()
        .find(|it| it.kind == SpanKind::Consumer)
}

/// Who had the token last: the worker that received it, else where it was sent.
fn silent_one(failure: &Failure, attempt: &Attempt) -> (&'static str, String) {
    if let Some(worker) = receipt(failure).filter(|it| !it.service_name.is_empty()) {
        return ("service", worker.service_name.clone());
    }
    if let Some(worker) = attempt
        .worker
        .as_deref()
        .filter(|it| !it.is_empty() && attempt.resource_type == "activity")
    {
        return ("worker", worker.to_owned());
    }
    if let Some(function) = failure.function() {
        return ("function", function.to_owned());
    }
    super::function::callee(attempt).unwrap_or(("state", attempt.state.clone()))
}

/// Nobody took the work.
fn starved(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Clue {
    let name = super::function::last_part(&attempt.resource);
    let waited = human_duration(failure.at.since(attempt.start_time).max(0));
    let suspect = clue::entity(scene, "activity", &name, &[&attempt.path]);
    let mechanism = format!(
        "no worker of {name} took the work of {} within {waited}",
        failure.state()
    );
    let scheduled = scene.event(attempt.scheduled_event_id);
    Clue::new(suspect, Category::Capacity, 0.9, mechanism)
        .with(scheduled.map(|it| clue::event(it, format!("{} was scheduled", failure.state()))))
        .with(failure.exhibit())
}
