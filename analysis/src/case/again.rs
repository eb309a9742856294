//! Calls below one try that failed and were made again, until one of them went well: nothing failed above them, and all the
//! time went there. What they failed of says whose matter it is, as where the execution fails of it.

use super::{
    charges::{self, Forest},
    clue::Clue,
    clues, failures,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, Fatality, Span, time::human_duration};
use std::collections::BTreeMap;

/// Failed calls of one peer.
#[derive(Default)]
struct Lost {
    ns: i64,
    calls: u32,
    /// One of them, where it failed itself.
    inner: usize,
}

/// The clue against whoever was called again and again, where that cost most of the time that was added.
pub(super) fn of<'a>(
    scene: &Scene<'a>,
    forest: &Forest,
    attempt: &'a Attempt,
    excess_ns: i64,
) -> Option<Clue> {
    let mut by_peer: BTreeMap<String, Lost> = BTreeMap::new();
    for n in (0..forest.spans.len()).filter(|n| is_lost(forest, *n)) {
        let inner = innermost(forest, n);
        let lost = by_peer.entry(forest.charged(inner)).or_default();
        lost.ns = lost.ns.saturating_add(cost(forest, n));
        lost.calls += 1;
        lost.inner = inner;
    }
    let (name, lost) = by_peer
        .into_iter()
        .max_by_key(|(name, it)| (it.ns, std::cmp::Reverse(name.clone())))?;
    if lost.ns.saturating_mul(2) < excess_ns || is_habit(scene, &name) {
        return None;
    }
    let words = clues::span_words(forest.spans[lost.inner]);
    let unconnected =
        text::is_connect_timeout(&words) || clues::is_unreached(forest.spans[lost.inner]);
    // An answer that did not come in time is a late one.
    if !unconnected && is_late(forest.spans[lost.inner], &words) {
        return None;
    }
    let failure = failures::of_try(scene, attempt, Fatality::Survived);
    let mut found = clues::of_calls(scene, &failure);
    found.retain(|it| {
        (it.suspect.name == name || it.suspect.kind == "host") && it.category != Category::Latency
    });
    let mut clue = found.into_iter().max_by(|a, b| {
        let order = a.weight.total_cmp(&b.weight);
        order.then_with(|| b.suspect.cmp(&a.suspect))
    })?;
    clue.mechanism = format!(
        "{}; such calls were made again, which cost {}",
        clue.mechanism,
        human_duration(lost.ns)
    );
    clue.fate = Fatality::Survived;
    Some(clue)
}

/// A call that failed, and not only because of one that its own side made below it.
fn is_lost(forest: &Forest, n: usize) -> bool {
    let span = forest.spans[n];
    let outer = forest.parent[n].is_some_and(|it| charges::calls_out(forest.spans[it]));
    charges::calls_out(span) && charges::failed(span) && !charges::cancelled(span) && !outer
}

fn innermost(forest: &Forest, mut n: usize) -> usize {
    let bad = |it: &usize| charges::failed(forest.spans[*it]);
    for _ in 0..200 {
        // The last one, where there are several: those before it were made again.
        match forest.children[n].iter().copied().rfind(bad) {
            Some(below) => n = below,
            None => break,
        }
    }
    n
}

/// What a failed call cost: until the next one of its kind, less what was done meanwhile; itself, where there is none.
fn cost(forest: &Forest, n: usize) -> i64 {
    let span = forest.spans[n];
    let took = span.end_time.since(span.start_time);
    let others = |it: &usize| *it != n && forest.parent[*it] == forest.parent[n];
    let same = |it: &&Span| {
        it.start_time >= span.end_time
            && it.service_name == span.service_name
            && it.name == span.name
            && charges::peer(it) == charges::peer(span)
            && asked(it) == asked(span)
    };
    let siblings = (0..forest.spans.len())
        .filter(others)
        .map(|it| forest.spans[it]);
    let next = siblings.clone().filter(same).map(|it| it.start_time).min();
    let Some(next) = next else {
        return took;
    };
    let meanwhile = siblings.filter(|it| it.start_time >= span.end_time && it.start_time < next);
    let busy: i64 = meanwhile
        .map(|it| it.end_time.min(next).since(it.start_time).max(0))
        .sum();
    took + (next.since(span.end_time) - busy).max(0)
}

/// What a call asked for: a call that asks for something else is no second try of it.
fn asked(span: &Span) -> Option<String> {
    const KEYS: [&str; 8] = [
        "url.full",
        "http.url",
        "url.path",
        "http.target",
        "db.query.text",
        "db.statement",
        "rpc.method",
        "messaging.operation.name",
    ];
    super::scene::attribute(&span.attributes, &KEYS)
}

fn is_late(span: &Span, words: &str) -> bool {
    let flag = charges::flags(span).is_some_and(|it| it.split(',').any(|it| it.trim() == "UT"));
    flag || charges::status(span) == Some(504) || text::topic(words) == Some(Topic::Timeout)
}

/// Whether healthy runs live with failures of somebody.
fn is_habit(scene: &Scene, name: &str) -> bool {
    let called = scene.healthy.iter().filter_map(|it| it.charges.get(name));
    let called: Vec<_> = called.collect();
    let bad = called.iter().filter(|it| it.errors > 0).count();
    bad * 4 > called.len()
}
