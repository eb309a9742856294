//! Lines that are new and yet no reason: while nobody fails, waits or leaves work undone, and while somebody does whom
//! the writer of the line has no part in.

use super::rank::Evidence;
use super::signals::Graph;
use super::tree::Trees;
use std::collections::{BTreeMap, BTreeSet};

/// Evidence that is more than chance.
const ILL: f64 = 0.3;
/// Evidence that is none.
const WELL: f64 = 0.1;
/// What is left of a line's weight where nothing bears it out.
const HEARSAY: f64 = 0.15;
/// What is left of it where others are ill, and the writer is well.
const ASIDE: f64 = 0.4;
/// Spans of a service, at least, of which none is worse than before.
const LEAST_SPANS: f64 = 20.0;

/// What spans say against a service.
fn shown(evidence: &Evidence) -> f64 {
    let at_work = evidence.by_time.max(evidence.by_error);
    at_work.max(evidence.by_absence).max(evidence.by_oddity)
}

/// True where failures are recorded as such: then their lack means that there are none.
fn told(periods: [&Trees; 2]) -> bool {
    periods
        .iter()
        .any(|it| it.spans.iter().any(|span| span.failed))
}

/// Where no span shows anything, a line that speaks of no failure accuses nobody, and neither does one that belongs to no
/// request.
pub(super) fn alone(all: &mut [Evidence], symptom: &Trees, baseline: &Trees) {
    let traced = !symptom.spans.is_empty() && !baseline.spans.is_empty();
    if !traced || all.iter().any(|it| shown(it) > ILL) {
        return;
    }
    let told = told([symptom, baseline]);
    for evidence in all.iter_mut() {
        let Some(loud) = evidence.loud else {
            continue;
        };
        let of_request = !loud.traces.is_empty();
        if !loud.failure || told && !of_request {
            evidence.by_log *= HEARSAY;
        }
    }
}

/// Where others are ill, who is well and is not asked by them says nothing of it.
pub(super) fn beside(all: &mut [Evidence], graph: &Graph, periods: [&Trees; 2]) {
    if !told(periods) {
        return;
    }
    let well = well(periods);
    let ill: Vec<u32> = all
        .iter()
        .filter(|it| shown(it) > ILL)
        .map(|it| it.service)
        .collect();
    for evidence in all.iter_mut() {
        let seen = well.contains(&evidence.service);
        let asked = ill.iter().any(|it| graph.above(*it, evidence.service));
        if !ill.is_empty() && seen && !asked && shown(evidence) < WELL {
            evidence.by_log *= ASIDE;
        }
    }
}

/// Services whose spans fail no more often than before, for a cause of their own or for another's.
fn well(periods: [&Trees; 2]) -> BTreeSet<u32> {
    let count = |trees: &Trees| {
        let mut all: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for (service, span) in trees.service.iter().zip(trees.spans) {
            let of = all.entry(*service).or_default();
            *of = (of.0 + 1.0, of.1 + f64::from(u8::from(span.failed)));
        }
        all
    };
    let [now, before] = periods.map(count);
    let usual = |service: &u32| before.get(service).map_or(0.0, |it| it.1 / it.0);
    let well = now
        .iter()
        .filter(|(service, it)| it.0 >= LEAST_SPANS && it.1 / it.0 <= 2.0 * usual(service) + 0.005);
    well.map(|it| *it.0).collect()
}
