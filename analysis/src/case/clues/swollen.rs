//! A callee that gave many times as much as ever. *What it looks for*: sizes and counts in the attributes of spans below a
//! function that broke of too much data. *Why it matters*: the function only passes on what it was given, and is asked the
//! same as ever. *How to confirm*: the callee's answer, beside that of a healthy run.

use crate::case::{
    charges,
    clue::{self, Clue, Explained},
    failures::Failure,
    measures,
    scene::Scene,
    text::{self, Topic},
};
use model::Category;

/// Healthy runs that tell how much is usual.
const KNOWN: usize = 3;
/// So many times the most of any healthy run is no variation.
const TIMES: f64 = 4.0;

/// How many spans are above one.
fn depth(parents: &[Option<usize>], n: usize) -> usize {
    let mut at = n;
    let mut count = 0;
    while let Some(above) = parents[at].filter(|_| count < parents.len()) {
        at = above;
        count += 1;
    }
    count
}

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(attempt), words) = (failure.attempt, failure.words()) else {
        return Vec::new();
    };
    const BROKE: [Topic; 5] = [
        Topic::TooLarge,
        Topic::OutOfMemory,
        Topic::FunctionTimeout,
        Topic::Timeout,
        Topic::Space,
    ];
    let broke = BROKE.iter().any(|it| text::is(&words, *it))
        || failure.topic().is_some_and(|it| BROKE.contains(&it));
    if !broke || scene.healthy.len() < KNOWN {
        return Vec::new();
    }
    let caller = failure.function().unwrap_or(failure.state());
    let mut best: Option<(usize, usize, String, String, f64)> = None;
    for (n, span) in failure.spans.spans.iter().enumerate() {
        let who = match charges::calls_out(span) {
            true => failure.spans.charged(n),
            false => span.service_name.clone(),
        };
        if who == caller || who.is_empty() {
            continue;
        }
        for (key, value) in measures::of(&failure.spans, n) {
            let known = scene.healthy.iter();
            let usual: Vec<f64> = known
                .filter_map(|it| it.measured.get(&key).copied())
                .collect();
            let most = usual.iter().copied().fold(0.0, f64::max);
            if usual.len() < KNOWN || most <= 0.0 || value < TIMES * most || value < 100.0 {
                continue;
            }
            // The innermost of those that gave more is where it began.
            let depth = depth(&failure.spans.parent, n);
            if best.as_ref().is_none_or(|it| depth > it.0) {
                best = Some((depth, n, who.clone(), key.1, value / most));
            }
        }
    }
    let Some((_, n, who, key, times)) = best else {
        return Vec::new();
    };
    let span = failure.spans.spans[n];
    let mechanism = format!(
        "{who} gave {caller} {times:.0} times as much as in any healthy run ({key}), and {caller} broke of it in {}",
        failure.state()
    );
    let shown = clue::span(
        span,
        format!("{who}: {key} {times:.0} times as large as ever"),
    );
    let explained = [caller, failure.state()].map(|it| Explained {
        kind: String::new(),
        name: it.to_owned(),
        reason: format!("{it} was given {times:.0} times as much as ever"),
        reference: shown.reference.clone(),
    });
    let suspect = clue::entity(scene, "service", &who, &[&attempt.path, caller]);
    vec![
        Clue::new(suspect, Category::DataSize, 0.965, mechanism)
            .with([shown])
            .with(failure.exhibit())
            .changed(super::deploy::change_of(scene, failure, &[&who]))
            .explaining(explained),
    ]
}
