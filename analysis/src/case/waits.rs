//! Attempts that waited long for somebody else: a worker, a token, a job, an execution.

use super::{
    clue::{self, Clue},
    clues, origin,
    scene::Scene,
    slow::{Excess, ended, median},
};
use model::{Attempt, Category, time::human_duration};

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
    let queue_wait = consumer.map(|it| it.start_time.since(from));
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

/// A started execution that took its time: its longest state speaks.
fn of_child(
    scene: &Scene,
    attempt: &Attempt,
    child: &super::Case,
    excess: &Excess,
) -> Option<Clue> {
    let world = super::World::default();
    let below = Scene::new(child, &world);
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
