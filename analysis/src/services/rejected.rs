//! Answers that were given as if all were well, and that whoever asked for them would not take: "rate 0.0 is not positive".
//!
//! Who refuses a value says so in words, and stops right after the answer that held it, after which it always used to go
//! on. That answer is what is wrong, not the refusal.

use super::tree::{Answers, Names, Trees};
use model::TraceId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Requests of the healthy period that made the call, at least, and share of them that went on after it.
const LEAST: f64 = 5.0;
const WENT_ON: f64 = 0.7;
/// Refusals, at least, and share of the refusals of an operation that follow the same call.
const LEAST_REFUSED: usize = 3;
const MOSTLY: f64 = 0.7;

/// An operation, and the last call that it made: the operation that answered.
type Stop = (u32, u32);

/// Spans of the faulty period that failed of what they were answered, and the service that answered so. In the traces
/// `told` the value itself is: who told it is known better than by what was asked last.
pub(super) fn answers(
    [symptom, baseline]: [&Trees; 2],
    answers: &Answers,
    names: &Names,
    told: &HashSet<TraceId>,
) -> HashMap<usize, u32> {
    let mut refused: BTreeMap<u32, Vec<(usize, Stop, u32, bool)>> = BTreeMap::new();
    for (n, span) in symptom.spans.iter().enumerate() {
        let caused = symptom.children(n).any(|it| symptom.spans[it].failed);
        if !span.failed || caused || symptom.calls(n, answers) || !doubts(&span.message) {
            continue;
        }
        let meant = meant(symptom, answers, names, n);
        if let Some((stop, by)) = meant.or_else(|| last(symptom, answers, n)) {
            let of = refused.entry(symptom.operation[n]).or_default();
            of.push((n, stop, by, meant.is_some()));
        }
    }
    if refused.is_empty() {
        return HashMap::new();
    }
    let usual = usual(baseline, answers);
    let mut found = HashMap::new();
    for all in refused.into_values() {
        let known = all
            .iter()
            .filter(|it| told.contains(&symptom.spans[it.0].trace_id));
        if known.count() as f64 >= MOSTLY * all.len() as f64 {
            continue;
        }
        let mut by_stop: BTreeMap<Stop, usize> = BTreeMap::new();
        for (_, stop, ..) in &all {
            *by_stop.entry(*stop).or_default() += 1;
        }
        let Some((stop, count)) = by_stop.into_iter().max_by_key(|it| it.1) else {
            continue;
        };
        let (made, ended) = usual.get(&stop).copied().unwrap_or_default();
        let named = all.iter().any(|it| it.1 == stop && it.3);
        let goes_on = made >= LEAST && (named || (made - ended) >= WENT_ON * made);
        if goes_on && count >= LEAST_REFUSED && count as f64 >= MOSTLY * all.len() as f64 {
            let those = all.into_iter().filter(|it| it.1 == stop);
            found.extend(those.map(|it| (it.0, it.2)));
        }
    }
    found
}

/// How many requests of an operation made each call, and in how many of them it was the last.
fn usual(baseline: &Trees, answers: &Answers) -> HashMap<Stop, (f64, f64)> {
    let mut found: HashMap<Stop, (f64, f64)> = HashMap::new();
    for n in 0..baseline.spans.len() {
        let mut calls: Vec<u32> = baseline.children(n).map(|it| asked(baseline, it)).collect();
        calls.sort_unstable();
        calls.dedup();
        for call in calls {
            found.entry((baseline.operation[n], call)).or_default().0 += 1.0;
        }
        if let Some((stop, _)) = last(baseline, answers, n) {
            found.entry(stop).or_default().1 += 1.0;
        }
    }
    found
}

/// What a call asks for: the operation that answers it, where that is recorded.
fn asked(trees: &Trees, call: usize) -> u32 {
    trees.operation[trees.answer(call).unwrap_or(call)]
}

/// What values are called, and parts of the names of those who tell them.
const TELLERS: [(&str, &[&str]); 10] = [
    ("rate", &["forex", "fx", "currency", "convert", "exchange"]),
    ("exchange", &["forex", "fx", "currency", "convert"]),
    ("currency", &["forex", "fx", "convert", "exchange"]),
    ("shipping", &["parcel", "freight", "delivery"]),
    ("price", &["pricing", "tariff", "catalog", "fare"]),
    ("total", &["pricing", "cart", "basket"]),
    ("tax", &["vat", "duty"]),
    ("stock", &["inventory", "warehouse"]),
    ("score", &["risk", "fraud", "rating"]),
    ("seat", &["cabin", "seatmap"]),
];

/// The only answered call of a span that a word of its failure names, the nearest to the doubt: "shipping quote out of
/// range" is of `Parcel/Quote`.
fn meant(trees: &Trees, answers: &Answers, names: &Names, n: usize) -> Option<(Stop, u32)> {
    let lower = trees.spans[n].message.to_lowercase();
    let subject = &lower[..doubt(&lower)?];
    let words = subject.rsplit(|c: char| !c.is_ascii_alphabetic());
    let calls: Vec<(Stop, u32)> = trees
        .children(n)
        .map(|it| (it, trees.waits_for(it, answers)))
        .filter(|it| it.1 != trees.service[n])
        .map(|(it, by)| ((trees.operation[n], asked(trees, it)), by))
        .collect();
    let tells = |it: &(Stop, u32), word: &str| {
        let teller = TELLERS.iter().find(|it| it.0 == word);
        let mut others = teller.into_iter().flat_map(|it| it.1);
        let (service, operation) = (names.name(it.1), names.operation_name(it.0.1));
        let name = format!("{service} {operation}").to_lowercase();
        word.len() >= 4 && name.contains(word) || others.any(|it| name.contains(it))
    };
    for word in words.filter(|it| it.len() >= 3).take(12) {
        let mut named: Vec<_> = calls.iter().filter(|it| tells(it, word)).copied().collect();
        named.sort_unstable();
        named.dedup();
        if named.len() == 1 {
            return Some(named[0]);
        }
    }
    None
}

/// The last call of a span that another service answered.
fn last(trees: &Trees, answers: &Answers, n: usize) -> Option<(Stop, u32)> {
    let ended = |it: &usize| {
        let span = &trees.spans[*it];
        span.start.0.saturating_add(span.duration_ns)
    };
    let call = trees.children(n).max_by_key(ended)?;
    let by = trees.waits_for(call, answers);
    (by != trees.service[n]).then(|| ((trees.operation[n], asked(trees, call)), by))
}

/// Words by which code refuses a value that it was given.
fn doubts(message: &str) -> bool {
    doubt(&message.to_lowercase()).is_some() && !crate::case::text::stumbles(message)
}

/// Where they begin.
fn doubt(lower: &str) -> Option<usize> {
    const WORDS: [&str; 24] = [
        "is not positive",
        "not a positive",
        "must be positive",
        "must be greater",
        "must be non-negative",
        "is negative",
        "negative ",
        "out of range",
        "not plausible",
        "implausible",
        "unreasonable",
        "not in the expected range",
        "outside the",
        "above the maximum",
        "below the minimum",
        "is not a number",
        "is nan",
        "does not add up",
        "do not add up",
        "does not match",
        "do not match",
        "mismatch",
        "inconsistent",
        "unexpected value",
    ];
    WORDS.iter().filter_map(|it| lower.find(it)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts_are_told_from_other_failures() {
        for said in [
            "cannot compute order total: rate 0.0 is not positive",
            "shipping quote out of range: 0.00",
            "odometer reading -1.0 is not plausible",
        ] {
            assert!(doubts(said), "{said}");
        }
        for said in [
            "connection refused",
            "list index out of range",
            "status code 500",
        ] {
            assert!(!doubts(said), "{said}");
        }
    }
}
