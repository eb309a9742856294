//! Failed spans without a failed cause below them, against the healthy period.

use super::tree::{Answers, Trees};
use std::collections::{BTreeMap, HashMap};

/// Errors that speak against a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Faulty {
    /// Share of the traces in which an error began there.
    pub rate: f64,
    /// The same in the healthy period.
    pub usual: f64,
    /// A span in which one began.
    pub span: Option<usize>,
}

/// The services in which errors began.
pub(super) fn faulty(
    symptom: &Trees,
    baseline: &Trees,
    answers: &Answers,
) -> BTreeMap<String, Faulty> {
    let (now, traces) = origins(symptom, answers);
    let (before, usual_traces) = origins(baseline, answers);
    now.into_iter()
        .map(|(name, (count, span))| {
            let usual = before.get(&name).map_or(0, |it| it.0);
            let faulty = Faulty {
                rate: (count as f64 + 0.5) / (traces + 1.0),
                usual: (usual as f64 + 0.5) / (usual_traces + 1.0),
                span: Some(span),
            };
            (name, faulty)
        })
        .collect()
}

type Origins = HashMap<String, (usize, usize)>;

fn origins(trees: &Trees, answers: &Answers) -> (Origins, f64) {
    let mut seen: HashMap<(String, usize), usize> = HashMap::new();
    let mut traces = std::collections::HashSet::new();
    for n in 0..trees.spans.len() {
        let root = trees.root(n);
        traces.insert(root);
        let span = &trees.spans[n];
        let caused = trees.children[n]
            .iter()
            .any(|child| trees.spans[*child].failed);
        if !span.failed || caused || span.message.to_lowercase().contains("cancel") {
            continue;
        }
        let name = trees.waits_for(n, answers).to_owned();
        seen.entry((name, root)).or_insert(n);
    }
    let mut found: Origins = HashMap::new();
    let mut seen: Vec<_> = seen.into_iter().collect();
    seen.sort();
    for ((name, _), span) in seen {
        let entry = found.entry(name).or_insert((0, span));
        entry.0 += 1;
    }
    (found, traces.len() as f64)
}
