//! Who is explained by whom: a service whose failures all lie in traces in which somebody that it calls fails too, carries
//! them only.

use super::rank::Evidence;
use super::tree::{Answers, Trees};
use model::{SpanKind, TraceId};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Whom each service calls, directly or through others.
pub(super) struct Graph(BTreeMap<u32, BTreeSet<u32>>);

impl Graph {
    /// From the traces, and from what services complain of where no trace says.
    pub fn new(
        periods: [&Trees; 2],
        complaints: impl Iterator<Item = (u32, u32)>,
        answers: &Answers,
    ) -> Self {
        let mut calls: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        // Whoever is asked and writes no spans: what he says of whom he serves is no complaint.
        let mut asked: BTreeSet<(u32, u32)> = BTreeSet::new();
        let mut waited: BTreeSet<(u32, u32)> = BTreeSet::new();
        for trees in periods {
            for n in 0..trees.spans.len() {
                let to = (trees.service[n], trees.waits_for(n, answers));
                asked.insert(to);
                // Nobody waits for whoever takes a message.
                if trees.spans[n].kind != SpanKind::Producer {
                    waited.insert(to);
                }
                let Some(above) = trees.parent(n).map(|it| trees.service[it]) else {
                    continue;
                };
                if above != trees.service[n] {
                    calls.entry(above).or_default().insert(trees.service[n]);
                }
            }
        }
        // Who records nothing is called by whoever waits for it.
        let recorded = periods.iter().flat_map(|it| &it.service);
        let recorded: BTreeSet<u32> = recorded.copied().collect();
        for (from, to) in waited.iter().filter(|it| !recorded.contains(&it.1)) {
            calls.entry(*from).or_default().insert(*to);
        }
        for (from, to) in complaints {
            let serves = asked.contains(&(to, from)) && !asked.contains(&(from, to));
            if !serves && !calls.get(&to).is_some_and(|it| it.contains(&from)) {
                calls.entry(from).or_default().insert(to);
            }
        }
        let below = calls.keys().map(|from| (*from, reach(&calls, *from)));
        Graph(below.collect())
    }

    /// True when the second is called by the first, and not the other way round.
    pub fn above(&self, first: u32, second: u32) -> bool {
        let reaches = |from: u32, to: u32| self.0.get(&from).is_some_and(|it| it.contains(&to));
        reaches(first, second) && !reaches(second, first)
    }
}

fn reach(calls: &BTreeMap<u32, BTreeSet<u32>>, from: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        for to in calls.get(&at).into_iter().flatten() {
            if found.insert(*to) {
                next.push(*to);
            }
        }
    }
    found
}

/// The traces in which a service fails, or leaves something undone.
pub(super) fn traces(evidence: &Evidence, symptom: &Trees) -> HashSet<TraceId> {
    let mut all = HashSet::new();
    if let Some(faulty) = evidence.faulty.filter(|_| evidence.by_error > 0.3) {
        let roots = faulty.traces.iter();
        all.extend(roots.map(|it| symptom.spans[*it as usize].trace_id));
    }
    if let Some(loud) = evidence.loud {
        all.extend(&loud.traces);
    }
    if let Some(silent) = evidence.silent {
        all.extend(&silent.traces);
    }
    if let Some(undone) = evidence.undone.filter(|it| it.surprise > 6.0) {
        all.extend(&undone.traces);
    }
    all
}

/// True for one who only refused what the first alone sends, and fails of nothing itself.
fn refused(it: &Evidence, by: &Evidence) -> bool {
    let refusals = it.faulty.filter(|_| it.by_error > 0.3);
    refusals.is_some_and(|it| it.refused_by.contains(&by.service)) && by.by_error < 0.3
}

/// The share of each service's traces in which somebody below it has a part.
pub(super) fn explained(all: &[Evidence], graph: &Graph, symptom: &Trees) -> Vec<f64> {
    let traces: Vec<HashSet<TraceId>> = all.iter().map(|it| traces(it, symptom)).collect();
    all.iter()
        .enumerate()
        .map(|(n, it)| {
            let below: Vec<&HashSet<TraceId>> = (0..all.len())
                .filter(|other| graph.above(it.service, all[*other].service))
                .filter(|other| !refused(it, &all[*other]))
                .map(|other| &traces[other])
                .collect();
            let shared = traces[n]
                .iter()
                .filter(|id| below.iter().any(|it| it.contains(*id)));
            shared.count() as f64 / traces[n].len().max(1) as f64
        })
        .collect()
}
