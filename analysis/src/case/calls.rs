//! Time below a call that is not the callee's: more calls than ever, each as quick as ever, or a wait for a slot of a
//! pool before the call was made at all.

use super::{
    Profile,
    charges::{self, Charge, Forest},
    clue::{self, Clue, Explained},
    clues,
    scene::Scene,
    since,
    slow::Excess,
    text::{self, Topic},
};
use model::{Attempt, Category, Span, SpanKind, time::human_duration};

/// So many times as many calls are no chance, and as few are.
const TIMES: f64 = 4.0;
const FEWEST: u32 = 8;
/// How much longer each of them may take.
const SLOWER: f64 = 1.5;
/// Growth of a number of the input that makes the input the reason.
const GROWN: f64 = 3.0;

/// What shows that the time of a callee went into calls that it refused as too many, and into the pauses before the next
/// ones: the refused calls, or, where a client makes its tries inside of one call, the caller's lines about them. A single
/// refusal before a long answer is no reason for it.
pub(super) fn throttled(
    scene: &Scene,
    forest: &Forest,
    attempt: &Attempt,
    callee: &str,
) -> Vec<model::Exhibit> {
    let of_callee = (0..forest.spans.len()).filter(|n| forest.charged(*n) == callee);
    let all: i64 = of_callee.clone().map(|n| forest.exclusive(n)).sum();
    let refused = of_callee.filter(|n| {
        let span = forest.spans[*n];
        charges::failed(span) && text::is(&clues::span_words(span), Topic::Throttled)
    });
    let refused: Vec<usize> = refused.collect();
    let lost: i64 = refused.iter().map(|n| forest.exclusive(*n)).sum();
    if lost.saturating_mul(2) > all {
        let shown = refused.iter().take(2).map(|n| forest.spans[*n]);
        return shown
            .map(|it| clue::span(it, format!("{callee} refused the call as one too many")))
            .collect();
    }
    let usual = |it: &model::LogRecord| {
        let key = (it.service_name.clone(), text::template(&it.body));
        let mut peers = scene.healthy.iter();
        peers.any(|peer| peer.templates.contains(&key))
    };
    let invoked = scene.invocations(attempt);
    let lines = invoked.iter().flat_map(|(it, _)| scene.lines(it));
    let mut lines: Vec<&model::LogRecord> = lines
        .filter(|it| text::is(&it.body, Topic::Throttled) && !usual(it))
        .collect();
    lines.sort_by_key(|it| (it.time, it.log_id));
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Vec::new();
    };
    if last.time.since(first.time).saturating_mul(3) < all {
        return Vec::new();
    }
    let shown = [*first, *last].into_iter();
    shown
        .map(|it| clue::log(it, text::brief(&it.body, 160)))
        .collect()
}

/// A caller that makes many more calls to a callee than healthy runs do, none of them slower.
pub(super) fn more(
    scene: &Scene,
    forest: &Forest,
    attempt: &Attempt,
    callee: &str,
) -> Option<Clue> {
    let own = forest.charges().get(callee)?.clone();
    let peers = scene.healthy.iter();
    let mut usual: Vec<&Charge> = peers
        .filter_map(|it: &&Profile| it.charges.get(callee))
        .filter(|it| it.count > 0)
        .collect();
    usual.sort_by_key(|it| it.count);
    let median = usual.get(usual.len() / 2).filter(|_| usual.len() >= 3)?;
    let many = own.count >= FEWEST && f64::from(own.count) >= TIMES * f64::from(median.count);
    let quick = mean(&own) <= SLOWER * mean(median);
    if !many || !quick || own.errors * 4 > own.count {
        return None;
    }
    let calls = forest.spans.iter().enumerate();
    let calls = calls.filter(|(n, it)| charges::calls_out(it) && forest.charged(*n) == callee);
    let first = calls.map(|(_, it)| *it).min_by_key(|it| it.start_time)?;
    let caller = first.service_name.clone();
    let visit = scene.visit_of(attempt);
    let function = attempt
        .function_name
        .as_deref()
        .filter(|it| *it == caller || caller.is_empty());
    let released = function
        .and(visit)
        .and_then(|it| since::of_function(scene, it))
        .map(|it| it.changed);
    let grown = clues::input_growth(scene, visit).unwrap_or(1.0);
    let grown = grown.max(super::sizes::numeric_growth(scene));
    let category = match &released {
        _ if grown >= GROWN => Category::DataSize,
        Some(_) => Category::BadDeploy,
        None => Category::Latency,
    };
    let (suspect, name) = match function {
        Some(name) => {
            let version = scene.invocation(attempt);
            let version = version.and_then(|(it, _)| it.function_version.as_deref());
            let suspect = clue::function(scene, attempt, name, version);
            (suspect, name.to_owned())
        }
        None => {
            let suspect = clue::entity(scene, "service", &caller, &[&attempt.path]);
            (suspect, caller)
        }
    };
    let mechanism = format!(
        "{name} called {callee} {} times in {}, {} in healthy runs; each call took {}, as ever",
        own.count,
        attempt.state,
        median.count,
        human_duration(mean(&own) as i64)
    );
    let explained = Explained {
        kind: String::new(),
        name: callee.to_owned(),
        reason: format!("{callee} answered each call as quickly as in healthy runs"),
        reference: clue::span_ref(first),
    };
    let shown = format!("the first of {} calls to {callee}", own.count);
    Some(
        Clue::new(suspect, category, 0.93, mechanism)
            .with([clue::span(first, shown)])
            .explaining([explained])
            .changed(released),
    )
}

fn mean(charge: &Charge) -> f64 {
    charge.ns as f64 / f64::from(charge.count.max(1))
}

/// A wait for a connection, a permit or a worker that was most of what was added: the pool is too small for its load.
pub(super) fn slot(
    scene: &Scene,
    forest: &Forest,
    attempt: &Attempt,
    excess: &Excess,
) -> Option<Clue> {
    let took = |it: &Span| it.end_time.since(it.start_time);
    let waits = forest.spans.iter().copied();
    let waits = waits.filter(|it| waits_for_slot(it) && took(it).saturating_mul(2) > excess.ns);
    let span = waits.max_by_key(|it| (took(it), it.span_id))?;
    let holder = span.service_name.clone();
    // Who answers slowly fills the pool of those who wait for him.
    let slow = |name: &String, charge: &Charge| {
        let usual = scene.healthy.iter().filter_map(|it| it.charges.get(name));
        let mut usual: Vec<i64> = usual.map(|it| it.ns).collect();
        usual.sort_unstable();
        let usual = usual.get(usual.len() / 2).copied().unwrap_or_default();
        *name != holder && (charge.ns - usual).saturating_mul(5) > excess.ns
    };
    if forest.charges().iter().any(|(name, it)| slow(name, it)) {
        return None;
    }
    let mechanism = format!(
        "{holder} waited {} for a free slot ({}) in {}: its pool was exhausted",
        human_duration(took(span)),
        super::text::brief(&span.name, 80),
        attempt.state
    );
    let shown = format!("{holder} waited {}", human_duration(took(span)));
    let below = attempt.function_name.as_deref().unwrap_or_default();
    Some(
        Clue::new(
            clue::entity(scene, "service", &holder, &[&attempt.path, below]),
            Category::Capacity,
            0.94,
            mechanism,
        )
        .with([clue::span(span, shown)])
        .with(super::slow::ended(scene, attempt, excess.usual_ns)),
    )
}

/// True for a span that waits for a slot inside its own service, as pools, limiters and drivers call it.
fn waits_for_slot(span: &Span) -> bool {
    const TAKING: [&str; 9] = [
        "acquire",
        "checkout",
        "check out",
        "borrow",
        "obtain",
        "lease",
        "wait",
        "get",
        "queue",
    ];
    const SLOTS: [&str; 9] = [
        "connection",
        "pool",
        "permit",
        "semaphore",
        "bulkhead",
        "slot",
        "worker thread",
        "limiter",
        "executor",
    ];
    let name = span.name.to_lowercase();
    let inner = matches!(span.kind, SpanKind::Internal | SpanKind::Unspecified);
    let of_pool = span.attributes.keys().any(|it| {
        let key = it.to_lowercase();
        key.contains("pool") || key.contains("pending_requests")
    });
    let taking = TAKING.iter().any(|it| name.contains(it));
    let slot = SLOTS.iter().any(|it| name.contains(it)) || of_pool;
    inner && taking && slot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_slots_are_told_by_their_names() {
        let check = |name: &str, kind: SpanKind, expect: bool| {
            let span = Span {
                name: name.to_owned(),
                kind,
                ..Span::default()
            };
            assert_eq!(waits_for_slot(&span), expect, "{name}");
        };
        check("acquire connection", SpanKind::Internal, true);
        check("HikariPool.getConnection", SpanKind::Internal, true);
        check("pool.wait", SpanKind::Internal, true);
        check("semaphore acquire", SpanKind::Internal, true);
        check("acquire lock", SpanKind::Internal, false);
        check("SELECT orders", SpanKind::Client, false);
        check("GET /connections", SpanKind::Client, false);
        check("render", SpanKind::Internal, false);
    }
}
