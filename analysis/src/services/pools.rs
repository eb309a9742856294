//! Calls that found no connection left in their own pool, though whoever was to be called answers as quickly as ever: the
//! caller does not give its connections back, or has too few of them.

use super::reasons;
use super::tree::{Answers, Trees};
use crate::case::text;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Answers of either period that tell how quick somebody is, at least.
const LEAST: usize = 8;
/// How many times as long an answer may take as before, at most, to be as quick as ever.
const AS_QUICK: f64 = 1.5;

/// Who calls, and whom.
type Pair = (u32, u32);

/// The calls of the faulty period that waited for a connection of the caller's own.
pub(super) fn drained(symptom: &Trees, baseline: &Trees, answers: &Answers) -> HashSet<usize> {
    let mut waited: BTreeMap<Pair, Vec<usize>> = BTreeMap::new();
    for (n, span) in symptom.spans.iter().enumerate().filter(|it| it.1.failed) {
        let caused = || symptom.children(n).any(|it| symptom.spans[it].failed);
        let lower = text::shortened(&span.message).to_lowercase();
        let to = symptom.waits_for(n, answers);
        let called = symptom.calls(n, answers) && to != symptom.service[n];
        let unheard = symptom.answer(n).is_none() && !is_answer(&lower);
        if called && unheard && reasons::pool(&lower) && !caused() {
            waited.entry((symptom.service[n], to)).or_default().push(n);
        }
    }
    if waited.is_empty() {
        return HashSet::new();
    }
    let pairs: BTreeSet<Pair> = waited.keys().copied().collect();
    let (now, before) = (
        usual(symptom, answers, &pairs),
        usual(baseline, answers, &pairs),
    );
    let as_quick = |it: &Pair| {
        let both = now.get(it).zip(before.get(it));
        both.is_some_and(|(now, before)| *now as f64 <= AS_QUICK * (*before).max(1) as f64)
    };
    let own = waited.into_iter().filter(|it| as_quick(&it.0));
    own.flat_map(|it| it.1).collect()
}

/// Whether words are those of an answer: then the pool is that of whoever answered.
fn is_answer(lower: &str) -> bool {
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let status = |it: &str| {
        let code = it.len() == 3 && it.bytes().all(|c| c.is_ascii_digit());
        code && it.starts_with(['4', '5'])
    };
    words.any(status) || lower.contains("rpc error") || lower.contains("upstream")
}

/// What answers to a caller usually take: by the spans of whoever answers, else, as calls may have waited before they were
/// made, by the quicker ones of those that went well.
fn usual(trees: &Trees, answers: &Answers, pairs: &BTreeSet<Pair>) -> BTreeMap<Pair, i64> {
    let mut served: BTreeMap<Pair, Vec<i64>> = BTreeMap::new();
    let mut called: BTreeMap<Pair, Vec<i64>> = BTreeMap::new();
    for (n, span) in trees.spans.iter().enumerate() {
        let pair = (trees.service[n], trees.waits_for(n, answers));
        if span.failed || !trees.calls(n, answers) || !pairs.contains(&pair) {
            continue;
        }
        called.entry(pair).or_default().push(span.duration_ns);
        if let Some(answer) = trees.answer(n) {
            let of = served.entry(pair).or_default();
            of.push(trees.spans[answer].duration_ns);
        }
    }
    let mut found = BTreeMap::new();
    for (part, all) in [(4, called), (2, served)] {
        for (pair, mut all) in all {
            all.sort_unstable();
            if all.len() >= LEAST {
                found.insert(pair, all[all.len() / part]);
            }
        }
    }
    found
}
