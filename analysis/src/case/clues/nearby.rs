//! A run that was cut off without a span, beside others of the same time that show who was slow. *What it looks for*: calls
//! of the same function in runs around this one that took many times as long as in healthy runs. *Why it matters*: a killed
//! sandbox exports nothing. *How to confirm*: the callee's own times.

use crate::case::{
    clue::{self, Clue},
    failures::Failure,
    scene::Scene,
};
use model::{Attempt, Category, time::human_duration};

/// Runs that are of the same time, and how long a call takes that is worth telling, nanoseconds.
const NEAR_NS: i64 = 300_000_000_000;
const SLOW_NS: i64 = 1_000_000_000;

/// Somebody who kept other runs of the same time waiting, where nothing is seen below the function that was cut off: a
/// killed sandbox exports no spans.
pub(super) fn slow(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    name: &str,
) -> Option<Clue> {
    if failure
        .spans
        .spans
        .iter()
        .any(|it| crate::case::charges::calls_out(it))
    {
        return None;
    }
    let start = scene.case.execution.start_time;
    let healthy = |it: &crate::case::Profile| {
        scene
            .healthy
            .iter()
            .any(|well| well.trace_id == it.trace_id)
    };
    let near = scene.world.peers.iter().filter(|it| {
        it.start.0.abs_diff(start.0) <= NEAR_NS as u64
            && !healthy(it)
            && it.functions.contains_key(name)
    });
    let took = |who: &str| {
        let mut usual: Vec<i64> = scene
            .healthy
            .iter()
            .filter_map(|it| it.calls.get(who).copied())
            .collect();
        usual.sort_unstable();
        (usual.len() >= 3).then(|| usual[usual.len() / 2])
    };
    let late = near.flat_map(|it| it.calls.iter());
    let late = late.filter_map(|(who, ns)| {
        let usual = took(who).filter(|usual| *who != name && *ns >= usual.saturating_mul(10))?;
        (*ns >= SLOW_NS).then_some((*ns, who, usual))
    });
    let (ns, who, usual) = late.max()?;
    let mechanism = format!(
        "{who} answered in {} in a run of the same time, {} in healthy runs; {name} ran out of time in {} without a span",
        human_duration(ns),
        human_duration(usual),
        failure.state()
    );
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    Some(
        Clue::new(
            clue::entity(scene, "service", who, &[&attempt.path, name]),
            Category::Latency,
            0.86,
            mechanism,
        )
        .explaining([clue::Explained {
            kind: String::new(),
            name: name.to_owned(),
            reason: format!("{name} calls {who} in healthy runs, which was slow at that time"),
            reference,
        }])
        .missing(&format!("the spans of {name} in this run")),
    )
}
