//! Callees that are waited for longer because they are asked more often: that is the matter of who asks.
//!
//! A store that is asked ten times for each request, where once was enough, is slow for nobody but him who asks: his cache
//! finds nothing any more, or he asks for each row of a list. What is asked again because it failed, or instead of another
//! that is ill, is not meant.

use super::latency::Edge;
use super::tree::{Answers, Trees};
use std::collections::{HashMap, HashSet};

/// Calls of a callee for each request of the caller: how many times as many as before.
const TIMES: f64 = 1.5;
/// Calls, at least.
const LEAST: f64 = 20.0;
/// Share of a caller's calls to somebody that fail or have no answer, at most, beyond the usual: what is done instead, or
/// once more, is for that reason.
const FAILING: f64 = 0.05;

/// Calls of one period.
#[derive(Default)]
struct Calls {
    /// By caller and callee: all, and those that failed or lack their answer.
    of: HashMap<(u32, u32), (f64, f64)>,
    /// Requests that came in, by service.
    requests: HashMap<u32, f64>,
}

impl Calls {
    fn new(trees: &Trees, answers: &Answers) -> Self {
        let mut all = Calls::default();
        let mut answered: HashSet<u32> = HashSet::new();
        for n in 0..trees.spans.len() {
            if trees.calls(n, answers) {
                answered.extend(trees.answer(n).map(|it| trees.service[it]));
            } else if trees.entry(n) == n {
                *all.requests.entry(trees.service[n]).or_default() += 1.0;
            }
        }
        for n in (0..trees.spans.len()).filter(|n| trees.calls(*n, answers)) {
            let to = trees.waits_for(n, answers);
            let silent = answered.contains(&to) && trees.answer(n).is_none();
            let of = all.of.entry((trees.service[n], to)).or_default();
            of.0 += 1.0;
            of.1 += f64::from(u8::from(trees.spans[n].failed || silent));
        }
        all
    }

    fn count(&self, call: (u32, u32)) -> f64 {
        self.of.get(&call).map_or(0.0, |it| it.0)
    }

    fn ill(&self, call: (u32, u32)) -> f64 {
        self.of.get(&call).map_or(0.0, |it| it.1 / it.0.max(1.0))
    }

    /// Calls for each request of the caller.
    fn often(&self, call: (u32, u32)) -> f64 {
        self.count(call) / self.requests.get(&call.0).copied().unwrap_or(0.0).max(1.0)
    }
}

/// Callers who ask a callee far more often than they used to, by callee. `slow` tells who is slow for whom.
pub(super) fn askers(
    [symptom, baseline]: [&Trees; 2],
    answers: &Answers,
    slow: impl Fn(u32, u32) -> bool,
) -> HashMap<u32, u32> {
    let (now, before) = (Calls::new(symptom, answers), Calls::new(baseline, answers));
    let ill = |call: (u32, u32)| now.ill(call) > before.ill(call) + FAILING;
    let mut found: HashMap<u32, (f64, u32)> = HashMap::new();
    for call in now.of.keys().copied().filter(|it| it.0 != it.1) {
        let (often, usual) = (now.often(call), before.often(call));
        let more = now.count(call) >= LEAST && before.count(call) >= 1.0 && often > TIMES * usual;
        let instead = || {
            let mut others = now.of.keys().filter(|it| it.0 == call.0);
            others.any(|it| ill(*it) || *it != call && slow(it.0, it.1))
        };
        if more && !instead() {
            let grown = now.count(call) * (1.0 - usual / often);
            let of = found.entry(call.1).or_insert((grown, call.0));
            if (grown, call.0) > *of {
                *of = (grown, call.0);
            }
        }
    }
    found.into_iter().map(|(to, it)| (to, it.1)).collect()
}

/// Share of what an edge added that is for its being gone more often, by how often and how long it was per trace: now and
/// before.
pub(super) fn by_count(now: (f64, f64), before: (f64, f64)) -> f64 {
    let (more, longer) = ((now.0 - before.0) * before.1, now.0 * (now.1 - before.1));
    match more > 0.0 {
        true => more / (more + longer.max(0.0)),
        false => 0.0,
    }
}

/// The callee that an edge waits for, or whose own time it is.
pub(super) fn waited_for(edge: Edge) -> u32 {
    match edge {
        Edge::Own(of) => of,
        Edge::Wire(_, to) | Edge::Gap(_, to) | Edge::Queue(_, to) => to,
    }
}

/// What was added per trace by statements that a caller never sent before, by edge, where those that it always sent are
/// sent as ever and answered as ever: to stores and others that record nothing of themselves.
pub(super) fn new_statements(
    [symptom, baseline]: [&Trees; 2],
    answers: &Answers,
) -> HashMap<Edge, f64> {
    let recorded: HashSet<u32> = symptom.service.iter().copied().collect();
    let calls = |trees: &Trees| {
        let mut all: HashMap<Edge, HashMap<u32, Sent>> = HashMap::new();
        for n in (0..trees.spans.len()).filter(|n| trees.calls(*n, answers)) {
            let (from, to) = (trees.service[n], trees.waits_for(n, answers));
            if from != to && !recorded.contains(&to) {
                let of = all.entry(Edge::Wire(from, to)).or_default();
                let of = of.entry(trees.operation[n]).or_default();
                let ns = trees.exclusive(n) as f64;
                *of = Sent {
                    count: of.count + 1.0,
                    ns: of.ns + ns,
                };
            }
        }
        all
    };
    let (now, before) = (calls(symptom), calls(baseline));
    let traces = [symptom, baseline].map(|it| (it.traces() as f64).max(1.0));
    let mut found = HashMap::new();
    for (edge, statements) in now {
        let Some(usual) = before.get(&edge) else {
            continue;
        };
        let sum = |of: &dyn Fn(&u32) -> bool, all: &HashMap<u32, Sent>| {
            let mut sum = Sent::default();
            for (_, it) in all.iter().filter(|it| of(it.0)) {
                sum.count += it.count;
                sum.ns += it.ns;
            }
            sum
        };
        let new = sum(&|it| !usual.contains_key(it), &statements);
        let old = sum(&|it| usual.contains_key(it), &statements);
        let was = sum(&|_| true, usual);
        let each = |it: &Sent| it.ns / it.count.max(1.0);
        let as_ever = old.count / traces[0] >= 0.5 * was.count / traces[1]
            && each(&old) <= TIMES * each(&was) + 100_000.0;
        if new.count >= LEAST && as_ever {
            found.insert(edge, new.ns / traces[0]);
        }
    }
    found
}

/// Statements of one kind: how many, and what they took.
#[derive(Debug, Default, Clone, Copy)]
struct Sent {
    count: f64,
    ns: f64,
}
