//! Calls that an operation used to make and does not make any more: work that was left undone without an error.

use super::logs::presence_gain;
use super::tree::{Answers, Trees};
use model::TraceId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A call that is missing.
#[derive(Debug, Clone, Default)]
pub(super) struct Undone {
    /// Twice the log-likelihood ratio.
    pub surprise: f64,
    /// A span that used to have it below.
    pub span: Option<usize>,
    /// What is missing below: an operation.
    pub operation: u32,
    /// Traces it is missing from.
    pub traces: HashSet<TraceId>,
}

/// Spans of an operation, and those with a child of each operation; a child's name is the last of its kind.
#[derive(Default)]
struct Shape {
    count: f64,
    with: HashMap<u32, f64>,
}

/// Operations of spans that are no calls themselves, as trees of what they call. A failure explains what is
/// missing after it, so such spans do not count.
fn shapes(trees: &Trees, answers: &Answers) -> HashMap<u32, Shape> {
    let mut found: HashMap<u32, Shape> = HashMap::new();
    for n in (0..trees.spans.len()).filter(|n| !trees.calls(*n, answers) && trees.went_well(*n)) {
        let shape = found.entry(trees.operation[n]).or_default();
        shape.count += 1.0;
        let below: HashSet<u32> = trees.children(n).map(|it| trees.operation[it]).collect();
        for operation in below {
            *shape.with.entry(operation).or_default() += 1.0;
        }
    }
    found
}

/// The services whose operations leave calls undone.
pub(super) fn undone(
    symptom: &Trees,
    baseline: &Trees,
    answers: &Answers,
) -> BTreeMap<u32, Undone> {
    let (now, before) = (shapes(symptom, answers), shapes(baseline, answers));
    let seen: HashSet<u32> = symptom.operation.iter().copied().collect();
    let services: HashSet<u32> = symptom.service.iter().copied().collect();
    let service_of: HashMap<u32, u32> = baseline
        .operation
        .iter()
        .copied()
        .zip(baseline.service.iter().copied())
        .collect();
    let mut missing: HashMap<(u32, u32), f64> = HashMap::new();
    let mut keys: Vec<(&u32, &Shape)> = before.iter().collect();
    keys.sort_by_key(|it| *it.0);
    for (operation, usual) in keys {
        let Some(shape) = now.get(operation) else {
            continue;
        };
        for (below, with) in &usual.with {
            // Where a service is recorded no more at all, its telemetry is gone, not its work.
            let gone = !seen.contains(below)
                && !service_of
                    .get(below)
                    .is_some_and(|it| services.contains(it));
            if *with < 0.3 * usual.count || usual.count < 10.0 || gone {
                continue;
            }
            let lacks = shape.count - shape.with.get(below).copied().unwrap_or(0.0);
            let gain = presence_gain(lacks, shape.count, usual.count - with, usual.count);
            if gain > 6.0 {
                missing.insert((*operation, *below), gain);
            }
        }
    }
    collect(symptom, answers, &missing)
}

fn collect(
    symptom: &Trees,
    answers: &Answers,
    missing: &HashMap<(u32, u32), f64>,
) -> BTreeMap<u32, Undone> {
    let mut by_parent: HashMap<u32, Vec<(u32, f64)>> = HashMap::new();
    for ((operation, below), gain) in missing {
        by_parent
            .entry(*operation)
            .or_default()
            .push((*below, *gain));
    }
    by_parent
        .values_mut()
        .for_each(|it| it.sort_by_key(|it| it.0));
    let mut found: BTreeMap<u32, Undone> = BTreeMap::new();
    for n in
        (0..symptom.spans.len()).filter(|n| !symptom.calls(*n, answers) && symptom.went_well(*n))
    {
        for (below, gain) in by_parent.get(&symptom.operation[n]).into_iter().flatten() {
            if symptom
                .children(n)
                .any(|it| symptom.operation[it] == *below)
            {
                continue;
            }
            let undone = found.entry(symptom.service[n]).or_default();
            undone.traces.insert(symptom.spans[n].trace_id);
            if *gain > undone.surprise {
                (undone.surprise, undone.span, undone.operation) = (*gain, Some(n), *below);
            }
        }
    }
    found
}
