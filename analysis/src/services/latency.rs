//! Time beyond the healthy period's, per service.

use super::tree::{Answers, Trees};
use std::collections::{BTreeMap, HashMap};

/// What a service took, per trace of an entry operation.
#[derive(Debug, Default, Clone)]
struct Sum {
    all: f64,
    squares: f64,
}

/// Time that speaks against a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Late {
    /// Added per trace of the faulty period on average, nanoseconds.
    pub added_ns: f64,
    /// Share of all that was added.
    pub share: f64,
    /// Standard errors above the healthy period.
    pub surprise: f64,
    /// Longest span that shows it.
    pub span: Option<usize>,
}

/// An edge: who called, who was waited for.
type Edge = (String, String);

/// Sums per entry operation and edge, and traces per entry operation.
#[derive(Default)]
struct Account {
    traces: HashMap<String, f64>,
    sums: HashMap<(String, Edge), Sum>,
}

fn account(trees: &Trees, answers: &Answers) -> Account {
    let mut per_trace: HashMap<(usize, Edge), f64> = HashMap::new();
    let mut roots: HashMap<usize, String> = HashMap::new();
    for n in 0..trees.spans.len() {
        let root = trees.root(n);
        let entry = &trees.spans[root];
        roots
            .entry(root)
            .or_insert_with(|| format!("{} {}", entry.service, entry.name));
        let span = &trees.spans[n];
        let edge = (span.service.clone(), trees.waits_for(n, answers).to_owned());
        *per_trace.entry((root, edge)).or_default() += trees.exclusive(n) as f64;
    }
    let mut account = Account::default();
    for operation in roots.values() {
        *account.traces.entry(operation.clone()).or_default() += 1.0;
    }
    let mut per_trace: Vec<_> = per_trace.into_iter().collect();
    per_trace.sort_by(|a, b| a.0.cmp(&b.0));
    for ((root, edge), ns) in per_trace {
        let sum = account
            .sums
            .entry((roots[&root].clone(), edge))
            .or_default();
        sum.all += ns;
        sum.squares += ns * ns;
    }
    account
}

/// What the faulty period added, per service.
pub(super) fn late(symptom: &Trees, baseline: &Trees, answers: &Answers) -> BTreeMap<String, Late> {
    let (now, before) = (account(symptom, answers), account(baseline, answers));
    let total: f64 = now.traces.values().sum::<f64>().max(1.0);
    let mut added: BTreeMap<Edge, (f64, f64)> = BTreeMap::new();
    let mut keys: Vec<&(String, Edge)> = now.sums.keys().collect();
    keys.sort();
    for key in keys {
        let (operation, edge) = key;
        let n = now.traces.get(operation).copied().unwrap_or(1.0);
        let Some(m) = before.traces.get(operation).copied() else {
            continue;
        };
        let mean = now.sums[key].all / n;
        let zero = Sum::default();
        let usual = before.sums.get(key).unwrap_or(&zero);
        let usual_mean = usual.all / m;
        let variance = (usual.squares / m - usual_mean * usual_mean).max(0.0);
        let more = mean - usual_mean;
        // A tenth of the usual and a tenth of a millisecond are noise.
        let noise = (variance / n.min(m).max(1.0)).sqrt() + usual_mean * 0.05 + 50_000.0;
        let entry = added.entry(edge.clone()).or_default();
        entry.0 += more * n / total;
        entry.1 = entry.1.max(more / noise);
    }
    let owners = owners(&added);
    let mut found: BTreeMap<String, Late> = BTreeMap::new();
    for (edge, (more, surprise)) in &added {
        if *more <= 0.0 {
            continue;
        }
        let owner = if owners.contains(&edge.0) {
            &edge.0
        } else {
            &edge.1
        };
        let late = found.entry(owner.clone()).or_default();
        late.added_ns += more;
        late.surprise = late.surprise.max(*surprise);
    }
    let all: f64 = found.values().map(|it| it.added_ns).sum();
    for (name, late) in &mut found {
        late.share = late.added_ns / all.max(1.0);
        late.span = (0..symptom.spans.len())
            .filter(|n| {
                symptom.waits_for(*n, answers) == name
                    || owners.contains(name) && symptom.spans[*n].service == *name
            })
            .max_by_key(|n| (symptom.exclusive(*n), std::cmp::Reverse(*n)));
    }
    found
}

/// Callers whose own network is slow: every call they make is, to several services that others reach as ever, and so
/// is every call to them.
fn owners(added: &BTreeMap<Edge, (f64, f64)>) -> Vec<String> {
    let slow = |surprise: f64| surprise > 3.0;
    let callers: Vec<&String> = added.keys().map(|(from, _)| from).collect();
    let mut found: Vec<String> = Vec::new();
    for caller in callers {
        let out: Vec<bool> = added
            .iter()
            .filter(|((a, b), _)| a == caller && b != caller)
            .map(|(_, it)| slow(it.1))
            .collect();
        let others_fine = added
            .iter()
            .filter(|((a, b), _)| {
                a != caller
                    && added.contains_key(&(caller.clone(), b.clone()))
                    && b != caller
                    && a != b
            })
            .all(|(_, it)| !slow(it.1));
        let incoming: Vec<bool> = added
            .iter()
            .filter(|((a, b), _)| b == caller && a != caller)
            .map(|(_, it)| slow(it.1))
            .collect();
        let called = incoming.is_empty() || incoming.iter().any(|it| *it);
        if out.len() >= 2
            && out.iter().all(|it| *it)
            && others_fine
            && called
            && !found.contains(caller)
        {
            found.push(caller.clone());
        }
    }
    found
}
