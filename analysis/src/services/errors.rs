//! Failed spans without a failed cause below them, against the healthy period.

use super::tree::{Answers, Names, Trees};
use crate::case::text::{self, Topic};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Errors that speak against a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Faulty {
    /// Share of the traces in which an error began there.
    pub rate: f64,
    /// The same in the healthy period.
    pub usual: f64,
    /// A span in which one began.
    pub span: Option<usize>,
    /// Roots of the traces.
    pub traces: HashSet<u32>,
}

/// The services in which errors began.
pub(super) fn faulty(
    symptom: &Trees,
    baseline: &Trees,
    answers: &Answers,
    names: &Names,
) -> BTreeMap<u32, Faulty> {
    let now = origins(symptom, answers, names);
    let before = origins(baseline, answers, names);
    let (traces, usual_traces) = (count(symptom), count(baseline));
    now.into_iter()
        .map(|(service, (roots, span))| {
            let usual = before.get(&service).map_or(0, |it| it.0.len());
            let faulty = Faulty {
                rate: (roots.len() as f64 + 0.5) / (traces + 1.0),
                usual: (usual as f64 + 0.5) / (usual_traces + 1.0),
                span: Some(span),
                traces: roots,
            };
            (service, faulty)
        })
        .collect()
}

fn count(trees: &Trees) -> f64 {
    (0..trees.spans.len())
        .filter(|n| trees.root(*n) == *n)
        .count() as f64
}

/// Whom an operation's failures are charged to, and from which caller they came.
struct Origin {
    service: u32,
    caller: Option<u32>,
    operation: u32,
    root: u32,
    span: usize,
    /// The caller's fault, by its words.
    nonsense: bool,
}

fn origins(
    trees: &Trees,
    answers: &Answers,
    names: &Names,
) -> BTreeMap<u32, (HashSet<u32>, usize)> {
    let mut all: Vec<Origin> = Vec::new();
    for n in 0..trees.spans.len() {
        let span = &trees.spans[n];
        let caused = trees.children(n).any(|child| trees.spans[child].failed);
        if !span.failed || caused || span.message.to_lowercase().contains("cancel") {
            continue;
        }
        all.push(origin(trees, answers, names, n));
    }
    let callers = callers(trees);
    let picky = picky(&all, &callers);
    let mut found: BTreeMap<u32, (HashSet<u32>, usize)> = BTreeMap::new();
    for it in all {
        let service = match it.caller {
            Some(caller) if it.nonsense && picky.contains(&(caller, it.operation)) => caller,
            _ => it.service,
        };
        let entry = found
            .entry(service)
            .or_insert_with(|| (HashSet::new(), it.span));
        entry.0.insert(it.root);
    }
    found
}

fn origin(trees: &Trees, answers: &Answers, names: &Names, n: usize) -> Origin {
    let span = &trees.spans[n];
    let mut service = trees.waits_for(n, answers);
    let topic = text::topic(&span.message);
    if matches!(topic, Some(Topic::Timeout)) {
        service = slowest(trees, answers, n);
    } else if service == trees.service[n]
        && !trees.calls(n, answers)
        && let Some(named) = named(names, service, &span.message)
    {
        // It says itself whom it waited for, where no span does.
        service = named;
    }
    let above = trees.parent(n).map(|it| trees.service[it]);
    Origin {
        service,
        caller: above.filter(|it| *it != service),
        operation: trees.operation[n],
        root: trees.root(n) as u32,
        span: n,
        nonsense: nonsense(&span.message),
    }
}

/// Whom a call that was given up was waiting for: down the longest answers.
fn slowest(trees: &Trees, answers: &Answers, n: usize) -> u32 {
    let mut at = n;
    for _ in 0..64 {
        let longest = trees
            .children(at)
            .max_by_key(|it| trees.spans[*it].duration_ns);
        match longest.filter(|it| trees.spans[*it].duration_ns * 2 > trees.spans[at].duration_ns) {
            Some(below) => at = below,
            None => break,
        }
    }
    trees.waits_for(at, answers)
}

/// Another service that is named in a message.
pub(super) fn named(names: &Names, service: u32, message: &str) -> Option<u32> {
    let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    let mut known = words
        .take(60)
        .filter(|it| it.len() > 2)
        .filter_map(|it| names.known(it));
    known.find(|it| *it != service)
}

/// Words by which a callee refuses what it was sent.
pub(super) fn nonsense(message: &str) -> bool {
    let lower = text::shortened(message).to_lowercase();
    const WORDS: [&str; 14] = [
        "invalid argument",
        "invalidargument",
        "invalid_argument",
        "bad request",
        "badrequest",
        "status code 400",
        "status code 422",
        "unprocessable",
        "validation",
        "must be ",
        "must not be",
        "malformed",
        "missing parameter",
        "required ",
    ];
    WORDS.iter().any(|word| lower.contains(word))
}

/// Who calls each operation, and how often.
fn callers(trees: &Trees) -> HashMap<u32, HashMap<u32, u32>> {
    let mut found: HashMap<u32, HashMap<u32, u32>> = HashMap::new();
    for n in 0..trees.spans.len() {
        if let Some(above) = trees.parent(n).map(|it| trees.service[it]) {
            *found
                .entry(trees.operation[n])
                .or_default()
                .entry(above)
                .or_default() += 1;
        }
    }
    found
}

/// Callers whose requests are refused where those of others are not.
fn picky(all: &[Origin], callers: &HashMap<u32, HashMap<u32, u32>>) -> HashSet<(u32, u32)> {
    let mut refused: HashMap<(u32, u32), u32> = HashMap::new();
    for it in all {
        if let Some(caller) = it.caller {
            *refused.entry((caller, it.operation)).or_default() += 1;
        }
    }
    let share = |caller: u32, operation: u32| {
        let calls = callers.get(&operation).and_then(|it| it.get(&caller));
        let refused = refused.get(&(caller, operation)).copied().unwrap_or(0);
        f64::from(refused) / f64::from(calls.copied().unwrap_or(1).max(1))
    };
    refused
        .keys()
        .filter(|(caller, operation)| {
            let others = callers.get(operation).into_iter().flatten();
            others
                .filter(|(other, calls)| *other != caller && **calls >= 5)
                .all(|(other, _)| share(*other, *operation) < share(*caller, *operation) / 4.0)
        })
        .copied()
        .collect()
}
