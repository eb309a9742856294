//! An upstream whose queue is full because somebody behind it became slow. *What it looks for*: a refused call, and siblings
//! just before it, or earlier calls of the same run, that waited many times as long as ever for somebody behind the upstream.
//! *Why it matters*: the limit let everything through while answers came in time. *How to confirm*: the latency of whoever is
//! behind, before the first refusal.

use crate::case::{
    Profile,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
};
use model::{Category, Exhibit, Span, UnixNanos, time::human_duration};
use std::collections::BTreeSet;

/// How long before a refusal a sibling may have ended that shows what it was like, nanoseconds.
const NEAR_NS: i64 = 300_000_000_000;
/// Who takes less keeps nobody busy, nanoseconds.
const SLOW_NS: i64 = 1_000_000_000;
/// So many times as long as ever is another matter.
const TIMES: i64 = 5;
/// Runs that tell how long somebody takes.
const FEWEST: usize = 3;

/// Somebody behind the upstream who became slow just before it refused a call.
pub(super) fn find(
    scene: &Scene,
    failure: &Failure,
    upstream: &str,
    caller: &str,
    (at, shown): (UnixNanos, Exhibit),
) -> Option<Clue> {
    const LIMITS: [&str; 8] = [
        "pool",
        "breaker",
        "circuit",
        "pending",
        "connection",
        "concurren",
        "max_",
        "limit",
    ];
    let limited = super::deploy::recent(scene, failure).any(|it| {
        let told = format!("{} {}", it.kind, it.change).to_lowercase();
        LIMITS.iter().any(|word| told.contains(word))
    });
    let path = failure.attempt?.path.as_str();
    let slow = slow_since(scene, failure, at, upstream).filter(|_| !limited)?;
    let (name, took, usual) = (
        &slow.name,
        human_duration(slow.ns),
        human_duration(slow.usual_ns),
    );
    let mechanism = format!(
        "{name} took {took} behind {upstream} just before, {usual} in healthy runs, until {upstream} had no room left for {} in {}",
        if upstream == caller {
            "more work"
        } else {
            caller
        },
        failure.state()
    );
    let suspect = clue::entity(scene, "service", name, &[path, upstream]);
    let victims = [upstream, caller];
    let victims = victims.iter().take(if upstream == caller { 1 } else { 2 });
    let waited: Vec<Explained> = victims
        .map(|victim| Explained {
            kind: String::new(),
            name: (*victim).to_owned(),
            reason: format!("{victim} was full of calls that waited for {name}"),
            reference: shown.reference.clone(),
        })
        .collect();
    Some(
        Clue::new(suspect, Category::Latency, 0.95, mechanism)
            .with([shown])
            .with(failure.exhibit())
            .explaining(waited),
    )
}

struct Slow {
    name: String,
    ns: i64,
    usual_ns: i64,
}

fn slow_since(scene: &Scene, failure: &Failure, at: UnixNanos, upstream: &str) -> Option<Slow> {
    let state = failure.state();
    let near = |it: &Profile| {
        let end = it.start.0.saturating_add(it.duration_ns);
        let used = it.charges.contains_key(upstream) || it.functions.contains_key(upstream);
        it.start < at && end.saturating_add(NEAR_NS) >= at.0 && used
    };
    let mut last: Vec<&Profile> = scene.world.peers.iter().map(|it| &**it).collect();
    last.retain(|it| near(it));
    last.sort_by_key(|it| (std::cmp::Reverse(it.start), it.trace_id));
    // Earlier tries of the same state show it as well.
    let tries = failure.visit.map(|it| scene.tries(it)).unwrap_or_default();
    let own: Vec<&Span> = tries
        .into_iter()
        .flat_map(|it| scene.spans_below(it))
        .collect();
    let own: Vec<&Span> = own.into_iter().filter(|it| it.start_time < at).collect();
    let own = scene.forest(own).charges();
    let functions = scene.case.attempts.iter();
    let functions: BTreeSet<&str> = functions
        .filter_map(|it| it.function_name.as_deref())
        .collect();
    // What was waited for in that state lies in the time of the state.
    let spent = |it: &Profile| it.states.get(state).map_or(0, |it| it.longest_ns);
    let lately = last.iter().take(FEWEST).flat_map(|peer| {
        let charges = peer.charges.iter();
        let within = move |ns: i64| ns <= spent(peer);
        charges.filter(move |(_, it)| within(it.ns))
    });
    let lately = lately
        .chain(&own)
        .filter(|(name, _)| *name != upstream && !name.is_empty())
        .filter(|(name, _)| !functions.contains(name.as_str()));
    let slow = lately.filter_map(|(name, charge)| {
        let mut usual: Vec<i64> = scene
            .healthy
            .iter()
            .filter(|it| !last.iter().any(|near| near.trace_id == it.trace_id))
            .filter_map(|it| it.charges.get(name).map(|it| it.ns))
            .collect();
        usual.sort_unstable();
        let known = usual.len() >= FEWEST;
        let usual_ns = *usual.get(usual.len() / 2).filter(|_| known)?;
        let slow = charge.ns >= SLOW_NS && charge.ns >= usual_ns.saturating_mul(TIMES);
        slow.then(|| Slow {
            name: name.clone(),
            ns: charge.ns,
            usual_ns,
        })
    });
    slow.max_by_key(|it| (it.ns - it.usual_ns, it.name.clone()))
}
