//! A call that left no span, because whoever made it was killed while it waited: the sandbox that runs out of time exports
//! nothing. *What it looks for*: a service that healthy runs call more often than this one could tell of, and that kept
//! others of the same run waiting far longer than usual. *Why it matters*: else the function that was killed, or its limit,
//! is blamed. *How to confirm*: the service's own span or log at that time.

use crate::case::{
    Profile, charges,
    clue::{self, Clue},
    failures::Failure,
    scene::Scene,
};
use model::{Attempt, Category, time::human_duration};
use std::collections::BTreeSet;

/// Healthy runs that tell what is called how often.
const FEWEST: usize = 3;
/// So many times as long is far longer.
const TIMES: i64 = 5;
/// At least so much, nanoseconds.
const LEAST_NS: i64 = 500_000_000;

pub(super) fn find(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    name: &str,
    limit: i64,
) -> Option<Clue> {
    // It tells of its calls itself.
    let seen = failure.spans.spans.iter();
    if seen.clone().any(|it| charges::calls_out(it)) || scene.healthy.len() < FEWEST {
        return None;
    }
    let forest = scene.forest(scene.case.spans.iter().collect());
    let own: BTreeSet<&str> = scene
        .case
        .attempts
        .iter()
        .filter_map(|it| it.function_name.as_deref())
        .collect();
    let slow = forest
        .charges()
        .into_iter()
        .filter_map(|(service, charge)| {
            let usual = scene
                .healthy
                .iter()
                .filter_map(|it: &&Profile| it.charges.get(&service));
            let mut each: Vec<i64> = usual
                .clone()
                .map(|it| it.ns / i64::from(it.count.max(1)))
                .collect();
            each.sort_unstable();
            let median = *each
                .get(each.len() / 2)
                .filter(|_| each.len() * 2 > scene.healthy.len())?;
            let mut counts: Vec<u32> = usual.map(|it| it.count).collect();
            counts.sort_unstable();
            let mean = charge.ns / i64::from(charge.count.max(1));
            // Somebody whom healthy runs call, and of whose calls some are missing here.
            let lacks = charge.count < counts[counts.len() / 2];
            let longer =
                mean > median.saturating_mul(TIMES) && mean > median.saturating_add(LEAST_NS);
            (lacks && longer && !own.contains(service.as_str())).then_some((mean, median, service))
        });
    let (mean, median, service) = slow.max()?;
    let n = forest.longest_of(&service)?;
    let span = forest.spans[n];
    let took = human_duration(mean);
    let mechanism = format!(
        "{name} was cut off after {} in {} and left no span; {service}, which healthy runs call there, took {took} for others of the run, {} in healthy runs",
        human_duration(limit),
        failure.state(),
        human_duration(median)
    );
    let shown = clue::span(span, format!("{service} took {took}"));
    let suspect = clue::entity(scene, "service", &service, &[&attempt.path, name]);
    Some(
        Clue::new(suspect, Category::Latency, 0.86, mechanism)
            .explaining([clue::Explained {
                kind: String::new(),
                name: name.to_owned(),
                reason: format!("{name} waited for {service} until it was cut off"),
                reference: shown.reference.clone(),
            }])
            .with([shown])
            .missing(&format!("the span of {service} for the call of {name}")),
    )
}
