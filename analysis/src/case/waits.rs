//! Attempts that waited long for somebody else: a worker, a token, a job, an execution.

use super::{
    clue::{self, Clue},
    clues, origin,
    scene::Scene,
    slow::{self, Excess, ended, median},
    stays,
};
use model::{Attempt, Category, time::human_duration};

/// Healthy runs whose messages somebody took, before he is known to take them.
const USUAL: usize = 3;

/// Work that waited for a worker.
pub(super) fn queued(
    scene: &Scene,
    attempt: &Attempt,
    tries: &[&Attempt],
    excess: &Excess,
) -> Option<Clue> {
    if attempt.resource_type != "activity" {
        return None;
    }
    let waited: i64 = tries
        .iter()
        .filter_map(|it| Some(it.started_time?.since(it.start_time)))
        .sum();
    let usual = median(scene, excess.state, |it| it.queued_ns);
    if (waited - usual) * 2 < excess.ns {
        return None;
    }
    let name = attempt
        .resource
        .rsplit(':')
        .next()
        .unwrap_or(&attempt.resource)
        .to_owned();
    let mechanism = format!(
        "work for {name} waited {} for a worker, {} in healthy runs",
        human_duration(waited),
        human_duration(usual)
    );
    let started = scene
        .case
        .events
        .iter()
        .find(|it| it.event_type == "ActivityStarted" && Some(it.time) == attempt.started_time);
    Some(
        Clue::new(
            clue::entity(scene, "activity", &name, &[&attempt.path]),
            Category::Capacity,
            0.92,
            mechanism,
        )
        .with(started.map(|it| {
            clue::event(
                it,
                format!("a worker took the work after {}", human_duration(waited)),
            )
        }))
        .with(ended(scene, attempt, excess.usual_ns)),
    )
}

/// Runs that waited for the same, at least; and how long, nanoseconds, where somebody may have to think.
const OTHERS: usize = 2;
const THINKS_NS: i64 = 120_000_000_000;

/// Whoever is waited for takes his time: nothing is held of a worker, others waited for minutes, one far longer than
/// another, and this one hardly longer than the longest of them. A person, or something that is as free.
pub(super) fn is_ones_own_time(scene: &Scene, attempt: &Attempt, excess: &Excess) -> bool {
    let (Some(from), Some(to)) = (attempt.submitted_time, attempt.end_time) else {
        return false;
    };
    // Who only sends the message on, such as a function that writes a mail, is soon done.
    let soon = from.0.saturating_add(to.since(from) / 10);
    let mut spans = scene.spans_below(attempt).into_iter();
    let mut called = scene.callees(attempt).into_iter();
    let unseen = attempt.resource.contains("waitForTaskToken")
        && called.all(|it| it.end_time.is_some_and(|end| end.0 <= soon))
        && spans.all(|it| it.end_time.0 <= soon)
        && clues::worker(scene, attempt).is_none();
    if !unseen {
        return false;
    }
    let usual = median(scene, excess.state, |it| it.waited_ns);
    let late = |it: &super::Profile| {
        let state = it.states.get(excess.state);
        state.is_some_and(|it| it.waited_ns > usual.saturating_mul(2))
    };
    let start = scene.case.execution.start_time;
    let fit = super::onset::fit(&scene.healthy, start, late);
    let states = fit.iter().filter_map(|it| it.states.get(excess.state));
    let mut waits: Vec<i64> = states.map(|it| it.waited_ns).filter(|it| *it > 0).collect();
    waits.sort_unstable();
    let (Some(least), Some(most)) = (waits.first(), waits.last()) else {
        return false;
    };
    let varies = waits.len() >= OTHERS && least.saturating_mul(3) <= most.saturating_mul(2);
    varies && usual >= THINKS_NS && to.since(from) <= most.saturating_add(most / 2)
}

/// A job or a token that took its time.
pub(super) fn waited(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Option<Clue> {
    let (from, to) = (attempt.submitted_time?, attempt.end_time?);
    let waited = to.since(from);
    let usual = median(scene, excess.state, |it| it.waited_ns);
    if (waited - usual) * 2 < excess.ns {
        return None;
    }
    if let Some(child) = scene.child(attempt) {
        return of_child(scene, attempt, child, excess);
    }
    let spans = scene.forest(scene.spans_below(attempt));
    let container = ["batch", "ecs"]
        .iter()
        .any(|it| attempt.resource_type.contains(it));
    let pulled = spans.spans.iter().find(|it| {
        let name = it.name.to_lowercase();
        (name.contains("pull") || name.contains("provision"))
            && it.end_time.since(it.start_time) * 2 > excess.ns
    });
    let consumer = spans
        .spans
        .iter()
        .find(|it| it.kind == model::SpanKind::Consumer);
    if let Some(clue) = super::pulls::pulling(scene, attempt, excess.ns).filter(|_| container) {
        return Some(clue);
    }
    if let Some(clue) = kept(scene, attempt, excess) {
        return Some(clue);
    }
    if let Some(clue) = super::toil::slow(scene, attempt, excess) {
        return Some(clue);
    }
    if let Some(clue) = taken(scene, attempt, excess).filter(|_| consumer.is_none()) {
        return Some(clue.with(ended(scene, attempt, excess.usual_ns)));
    }
    if let Some(clue) = lay(scene, attempt, excess).filter(|_| consumer.is_none()) {
        return Some(clue.with(ended(scene, attempt, excess.usual_ns)));
    }
    if let Some(clue) = super::equipped::less(scene, attempt, excess) {
        return Some(clue.with(ended(scene, attempt, excess.usual_ns)));
    }
    // Of a worker that no line tells to have taken it, its own time may tell.
    if consumer.is_none() && attempt.function_name.is_none() {
        let cold = super::called::cold(scene, &[attempt], excess.ns, false);
        let slow = || super::called::work(scene, attempt, excess.ns);
        if let Some(clue) = cold.or_else(slow) {
            return Some(clue.with(ended(scene, attempt, excess.usual_ns)));
        }
    }
    let queue_wait = consumer.map(|it| it.start_time.since(from));
    if let Some(worker) = consumer.filter(|_| queue_wait.is_some_and(|it| it * 2 <= excess.ns)) {
        if let Some(clue) = on_one_host(scene, attempt, excess) {
            return Some(clue);
        }
        if let Some(clue) = held_up(scene, &spans, attempt, &worker.service_name, excess) {
            return Some(clue);
        }
    }
    let callee = clues::callee(attempt).unwrap_or(("state", attempt.state.clone()));
    let (kind, name, category, weight) = match (pulled, consumer, queue_wait) {
        (Some(_), _, _) => (callee.0, callee.1, Category::Infrastructure, 0.92),
        (None, Some(_), Some(wait)) if wait * 2 > excess.ns => {
            (callee.0, callee.1, Category::Capacity, 0.9)
        }
        (None, Some(worker), _) => (
            "service",
            worker.service_name.clone(),
            Category::Latency,
            0.88,
        ),
        _ if container => (callee.0, callee.1, Category::Latency, 0.7),
        _ => (callee.0, callee.1, Category::Latency, 0.66),
    };
    let mechanism = format!(
        "{name} kept {} waiting for {}, {} in healthy runs",
        excess.state,
        human_duration(waited),
        human_duration(usual)
    );
    let proof = pulled.or(consumer).map(|it| {
        clue::span(
            it,
            format!(
                "{} took {}",
                it.name,
                human_duration(it.end_time.since(it.start_time))
            ),
        )
    });
    Some(
        Clue::new(
            clue::entity(scene, kind, &name, &[&attempt.path]),
            category,
            weight,
            mechanism,
        )
        .with(proof)
        .with(ended(scene, attempt, excess.usual_ns)),
    )
}

/// A message of which its worker's lines tell when it was taken: it lay in the queue, or was worked on, for most of the
/// time that was added.
fn taken(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Option<Clue> {
    let from = attempt.submitted_time?;
    let worker = clues::worker(scene, attempt)?;
    let took = worker.took()?;
    let lay = took.since(from);
    let worked = attempt.end_time?.since(took);
    let (kind, queue) = clues::callee(attempt)?;
    let name = &worker.name;
    let line = worker.named.first()?;
    let shown = clue::log(line, super::text::brief(&line.body, 160));
    if lay.saturating_mul(2) > excess.ns {
        let mechanism = format!(
            "the message of {} lay in {queue} for {} before {name} took it; the whole takes {} in healthy runs",
            excess.state,
            human_duration(lay),
            human_duration(excess.usual_ns)
        );
        let suspect = clue::entity(scene, kind, &queue, &[&attempt.path]);
        return Some(Clue::new(suspect, Category::Capacity, 0.93, mechanism).with([shown]));
    }
    if worked.saturating_mul(2) < excess.ns {
        return None;
    }
    if let Some(clue) =
        super::called::work(scene, attempt, excess.ns).filter(|it| it.suspect.name != *name)
    {
        return Some(clue.with([shown]));
    }
    let most = worked.saturating_add(worked / 10);
    if let Some(timed) = worker.waited_for(scene, (excess.ns.saturating_mul(6) / 10, most)) {
        let line = clue::log(timed.line, super::text::brief(&timed.line.body, 160));
        let who = &timed.name;
        let mechanism = format!(
            "{who} kept {name} waiting for {} in {}, as {name} wrote itself",
            human_duration(timed.ns),
            excess.state
        );
        let explained = [name, &queue].map(|victim| clue::Explained {
            kind: String::new(),
            name: victim.clone(),
            reason: format!("{name} waited for {who}"),
            reference: line.reference.clone(),
        });
        let suspect = clue::entity(scene, "service", who, &[&attempt.path, name]);
        let clue = Clue::new(suspect, Category::Latency, 0.91, mechanism);
        return Some(clue.with([shown, line]).explaining(explained));
    }
    let mechanism = format!(
        "{name} worked on the message of {} for {}; the whole takes {} in healthy runs",
        excess.state,
        human_duration(worked),
        human_duration(excess.usual_ns)
    );
    let suspect = clue::entity(scene, worker.kind, name, &[&attempt.path]);
    let explained = clue::Explained {
        kind: String::new(),
        name: queue,
        reason: format!("{name} took the message after {}", human_duration(lay)),
        reference: shown.reference.clone(),
    };
    Some(
        Clue::new(suspect, Category::Latency, 0.9, mechanism)
            .with([shown])
            .explaining([explained]),
    )
}

/// A message of which no line tells, and whose usual taker began to work only long after it was sent, right before the
/// answer came: it lay in its queue.
fn lay(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Option<Clue> {
    let from = attempt.submitted_time?;
    let (kind, queue) = clues::callee(attempt)?;
    let peers = scene.healthy.iter();
    let peers: Vec<_> = peers.filter_map(|it| it.states.get(excess.state)).collect();
    let usually = |name: &String| {
        let with = peers.iter().filter(|it| it.takers.contains(name)).count();
        with >= USUAL && with * 2 > peers.len()
    };
    let taken = scene.callees(attempt).into_iter();
    let taken = taken.filter(|it| usually(&it.function_name));
    let taker = taken.min_by_key(|it| (it.start_time, it.span_id))?;
    let waited = taker.start_time.since(from);
    if waited.saturating_mul(2) <= excess.ns {
        return None;
    }
    let name = &taker.function_name;
    let told = human_duration(waited);
    let mechanism = format!(
        "the message of {} lay in {queue} for {told} before {name} took it; the whole takes {} in healthy runs",
        excess.state,
        human_duration(excess.usual_ns)
    );
    let ran = human_duration(taker.duration_ns.unwrap_or_default());
    let shown = clue::invocation(
        taker,
        format!("{name} began {told} later and ran for {ran}"),
    );
    let suspect = clue::entity(scene, kind, &queue, &[&attempt.path]);
    Some(Clue::new(suspect, Category::Capacity, 0.9, mechanism).with([shown]))
}

/// A host on which a worker is slow, among those that took messages of the same state.
fn on_one_host(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Option<Clue> {
    let same = scene.case.attempts.iter();
    let same = same.filter(|it| it.state == attempt.state);
    let spans = same.flat_map(|it| scene.spans_below(it)).collect();
    super::hosts::slow(scene, &scene.forest(spans), attempt, excess.ns)
}

/// Somebody whom the worker called, and who took longer than the whole answer usually does.
fn held_up(
    scene: &Scene,
    spans: &super::charges::Forest,
    attempt: &Attempt,
    worker: &str,
    excess: &Excess,
) -> Option<Clue> {
    let grown = origin::of_time(scene, spans, true)?;
    let usual = median(scene, excess.state, |it| it.waited_ns);
    let more = grown.ns - grown.usual_ns.unwrap_or(0);
    if grown.name == worker || more * 2 < excess.ns || grown.ns <= usual {
        return None;
    }
    let span = spans.spans[grown.span];
    let took = human_duration(grown.ns);
    let mechanism = format!(
        "{} kept {worker} waiting for {took} in {}, whose answer takes {} in healthy runs",
        grown.name,
        excess.state,
        human_duration(usual)
    );
    Some(
        Clue::new(
            clue::entity(scene, "service", &grown.name, &[&attempt.path, worker]),
            Category::Latency,
            0.93,
            mechanism,
        )
        .with([clue::span(
            span,
            format!("{worker} waited {took} for {}", grown.name),
        )])
        .with(ended(scene, attempt, excess.usual_ns)),
    )
}

/// A job that waited in its queue for most of the time that was added.
fn kept(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Option<Clue> {
    let job = scene.job(attempt);
    let stay = stays::of(job, attempt)?;
    let queued = stay.queued_ns?;
    let usual = median(scene, excess.state, |it| it.queued_ns);
    if (queued - usual) * 2 < excess.ns {
        return None;
    }
    Some(
        in_queue(scene, attempt, &stay, queued, Some(usual)).with(ended(
            scene,
            attempt,
            excess.usual_ns,
        )),
    )
}

/// The clue against whoever kept a job waiting.
pub(super) fn in_queue(
    scene: &Scene,
    attempt: &Attempt,
    stay: &stays::Stay,
    queued: i64,
    usual: Option<i64>,
) -> Clue {
    let (kind, name) = stays::keeper(attempt, stay);
    let how = match stay.never_ran {
        true => "and it never ran",
        false => "before it ran",
    };
    let usual = usual.map(|it| format!(", {} in healthy runs", human_duration(it)));
    let why = match stay.reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", super::text::brief(reason, 160)),
    };
    let mechanism = format!(
        "{name} kept the job of {} waiting for {} {how}{}{why}",
        attempt.state,
        human_duration(queued),
        usual.unwrap_or_default()
    );
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
    let submitted = super::letters::submitted(&scene.case.events, attempt);
    let row = scene.job(attempt).map(|it| model::Exhibit {
        source: "span".into(),
        reference: format!("span:{}/{}", it.trace_id, it.span_id),
        at: model::time::rfc3339(it.start_time),
        text: format!("{} waited, last seen as {}", it.name, it.status),
        ..model::Exhibit::default()
    });
    let job = clues::callee(attempt).filter(|it| it.1 != name);
    let explained = job.map(|(kind, job)| clue::Explained {
        kind: kind.to_owned(),
        reason: format!("{job} had no part in the wait: nobody ran it"),
        name: job,
        reference: submitted
            .map(|it| clue::event_ref(&it.execution_arn, it.event_id))
            .unwrap_or_default(),
    });
    Clue::new(suspect, Category::Capacity, 0.93, mechanism)
        .with(submitted.map(|it| clue::event(it, format!("{} was submitted", attempt.state))))
        .with(row)
        .explaining(explained)
}

/// A started execution that took its time: its longest state speaks.
fn of_child(
    scene: &Scene,
    attempt: &Attempt,
    child: &super::Case,
    excess: &Excess,
) -> Option<Clue> {
    let world = scene.world.of_child(child);
    let below = Scene::new(child, &world);
    if let Some(clue) = slow_child(scene, attempt, &below) {
        return Some(clue.with(ended(scene, attempt, excess.usual_ns)));
    }
    let longest = child.attempts.iter().max_by_key(|it| it.duration_ns)?;
    let spans = below.forest(below.spans_below(longest));
    let (kind, name) = match (
        origin::of_time(&below, &spans, true),
        longest.function_name.as_deref(),
    ) {
        (Some(excess), function)
            if Some(excess.name.as_str()) != function && excess.share > 0.5 =>
        {
            ("service", excess.name)
        }
        (_, Some(function)) => ("function", function.to_owned()),
        _ => ("state", longest.state.clone()),
    };
    let mechanism = format!(
        "{name} took most of the time in {}, which {} waited for",
        child.execution.name, attempt.state
    );
    let event = below.event(longest.end_event_id?)?;
    let shown = clue::event(
        event,
        format!(
            "{} took {}",
            longest.state,
            human_duration(longest.duration_ns.unwrap_or_default())
        ),
    );
    Some(
        Clue::new(
            clue::entity(scene, kind, &name, &[&attempt.path, &longest.path]),
            Category::Latency,
            0.75,
            mechanism,
        )
        .with([shown])
        .with(ended(scene, attempt, excess.usual_ns)),
    )
}

/// What speaks in a started execution that was slower than others of its own workflow.
fn slow_child(scene: &Scene, attempt: &Attempt, below: &Scene) -> Option<Clue> {
    let found = slow::clues(below, &slow::of(below).filter(|it| it.by_size.is_none())?);
    let mut clue = found
        .into_iter()
        .max_by(|a, b| a.weight.total_cmp(&b.weight))?;
    let mut path = vec![
        scene.case.execution.state_machine.clone(),
        attempt.path.clone(),
    ];
    path.append(&mut clue.suspect.path);
    clue.suspect.path = path;
    clue.mechanism = format!("in {}: {}", below.case.execution.name, clue.mechanism);
    Some(clue)
}
