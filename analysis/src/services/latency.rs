//! Time beyond the healthy period's, per service.

use super::lag;
use super::more;
use super::shift::{self, Logs};
use super::tree::{Answers, Names, Trees};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Sum and sum of squares of so many.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    count: f64,
    all: f64,
    squares: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.all += value;
        self.squares += value * value;
    }

    /// Mean and variance, of so many of which some were nothing.
    fn of(&self, count: f64) -> (f64, f64) {
        let mean = self.all / count.max(1.0);
        (mean, (self.squares / count.max(1.0) - mean * mean).max(0.0))
    }
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
    /// It asks others more often than it used to, and waits for that.
    pub asks: bool,
}

/// Who waited for whom: in its own time, between call and answer, or between the answers that alone are recorded; or a
/// message, between its sender and its consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Edge {
    Own(u32),
    Wire(u32, u32),
    Gap(u32, u32),
    Queue(u32, u32),
}

impl Edge {
    pub fn ends(self) -> (u32, u32) {
        match self {
            Edge::Own(of) => (of, of),
            Edge::Wire(from, to) | Edge::Gap(from, to) | Edge::Queue(from, to) => (from, to),
        }
    }
}

/// Sums per entry operation and edge, traces per entry operation, and single calls per edge.
#[derive(Default)]
struct Account {
    traces: HashMap<u32, f64>,
    sums: HashMap<(u32, Edge), Sum>,
    calls: HashMap<Edge, Sum>,
    events: HashMap<Event, Logs>,
    counts: HashMap<(u32, Edge), f64>,
}

/// What is compared of a trace: an edge, for an operation, and whether the call's answer is recorded. Own time that is not
/// `true` is what a whole request cost a service, the way to it included.
type Event = (Edge, u32, bool);

/// Tells what a span's own time was spent on.
fn parts(trees: &Trees, n: usize, answers: &Answers, mut tell: impl FnMut(Edge, i64)) {
    let service = trees.service[n];
    if trees.calls(n, answers) {
        let to = trees.waits_for(n, answers);
        let edge = if to == service {
            Edge::Own(service)
        } else {
            Edge::Wire(service, to)
        };
        return tell(edge, trees.exclusive(n));
    }
    let foreign = |child: Option<usize>| {
        child
            .map(|it| trees.service[it])
            .filter(|it| *it != service)
    };
    trees.gaps(n, |ns, after, before| {
        match (foreign(after), foreign(before)) {
            (None, None) => tell(Edge::Own(service), ns),
            (Some(one), None) | (None, Some(one)) => tell(Edge::Gap(service, one), ns),
            (Some(one), Some(other)) => {
                tell(Edge::Gap(service, one), ns / 2);
                tell(Edge::Gap(service, other), ns - ns / 2);
            }
        }
    });
}

/// The same, and how long a message waited that a span takes.
fn parts_and_wait(trees: &Trees, n: usize, answers: &Answers, mut tell: impl FnMut(Edge, i64)) {
    parts(trees, n, answers, &mut tell);
    if let Some((edge, ns)) = lag::waited(trees, n) {
        tell(edge, ns);
    }
}

fn account(trees: &Trees, answers: &Answers) -> Account {
    let mut per_trace: HashMap<(u32, Edge), f64> = HashMap::new();
    let mut account = Account::default();
    for n in 0..trees.spans.len() {
        let root = trees.root(n);
        if root == n {
            *account.traces.entry(trees.operation[n]).or_default() += 1.0;
        }
        parts_and_wait(trees, n, answers, |edge, ns| {
            *per_trace.entry((root as u32, edge)).or_default() += ns as f64;
            let entry = trees.operation[root];
            *account.counts.entry((entry, edge)).or_default() += 1.0;
            account.calls.entry(edge).or_default().add(ns as f64);
        });
    }
    let mut per_trace: Vec<_> = per_trace.into_iter().collect();
    per_trace.sort_by_key(|it| it.0);
    for ((root, edge), ns) in per_trace {
        let entry = trees.operation[root as usize];
        account.sums.entry((entry, edge)).or_default().add(ns);
    }
    account.events = events(trees, answers);
    account
}

/// The logarithms of what each operation spends on each edge, and of what each request costs a service: one event of each
/// trace, because what one trace repeats is no further witness.
fn events(trees: &Trees, answers: &Answers) -> HashMap<Event, Logs> {
    let order = trees.by_trace();
    let mut all: HashMap<Event, Logs> = HashMap::new();
    for spans in order.chunk_by(|a, b| trees.same_trace(*a, *b)) {
        let mut trace = Told::default();
        for n in spans.iter().map(|n| *n as usize) {
            trace.span(trees, n, answers);
        }
        for (n, ns) in std::mem::take(&mut trace.requests) {
            let service = trees.service[n as usize];
            trace.tell((Edge::Own(service), trees.operation[n as usize], false), ns);
        }
        for (event, (count, logs)) in trace.events {
            all.entry(event).or_default().add(logs / count);
        }
    }
    all
}

/// What one trace tells: events with how many and the sum of their logarithms, and the time of each request, by the span
/// in which it came in.
#[derive(Default)]
struct Told {
    events: BTreeMap<Event, (f64, f64)>,
    requests: BTreeMap<u32, i64>,
}

impl Told {
    fn tell(&mut self, event: Event, ns: i64) {
        let of = self.events.entry(event).or_default();
        of.0 += 1.0;
        of.1 += shift::log(ns as f64);
    }

    fn request(&mut self, entry: usize, ns: i64) {
        let of = self.requests.entry(entry as u32).or_default();
        *of = of.saturating_add(ns);
    }

    fn span(&mut self, trees: &Trees, n: usize, answers: &Answers) {
        let (operation, answer) = (trees.operation[n], trees.answer(n));
        let mut own: Option<i64> = None;
        parts(trees, n, answers, |edge, ns| match edge {
            // The stretches of own work between calls are one.
            Edge::Own(_) => own = Some(own.unwrap_or(0).saturating_add(ns)),
            edge => {
                self.tell((edge, operation, answer.is_some()), ns);
                if let (Edge::Wire(..), Some(answer)) = (edge, answer) {
                    self.request(answer, ns);
                }
            }
        });
        if let Some((edge, ns)) = lag::waited(trees, n) {
            self.tell((edge, operation, true), ns);
        }
        if let Some(ns) = own {
            self.tell((Edge::Own(trees.service[n]), operation, true), ns);
            self.request(trees.entry(n), ns);
        }
        // A call as a whole, for where its answer is recorded in one of the periods only.
        let to = trees.waits_for(n, answers);
        if answer.is_some() && to != trees.service[n] {
            let edge = Edge::Wire(trees.service[n], to);
            self.tell((edge, operation, false), trees.spans[n].duration_ns);
        }
    }
}

/// What an edge took beyond the healthy period.
#[derive(Debug, Default, Clone, Copy)]
struct More {
    added: f64,
    surprise: f64,
    /// Single calls are slower, not only more of them.
    slow: bool,
    /// Single calls of the faulty period.
    calls: f64,
    /// The part of what was added that is for there being more of them.
    by_count: f64,
}

/// Calls of another caller below which nothing is said of it.
const FEWEST_CALLS: f64 = 10.0;
/// Standard errors at which a service is taken to have been seen.
const SEEN: f64 = 4.0;

/// What the faulty period added, and of whom so little is held that twice the time would not have been seen.
pub(super) struct Times {
    pub late: BTreeMap<u32, Late>,
    /// Services that were compared.
    pub compared: BTreeSet<u32>,
    /// Of these, those whose doubling would not have been seen.
    pub blind: BTreeSet<u32>,
    /// Callers whose calls are all slow for them alone: the time is theirs, or their network's.
    pub owners: HashSet<u32>,
}

/// Compares the times of both periods.
pub(super) fn times(symptom: &Trees, baseline: &Trees, answers: &Answers, names: &Names) -> Times {
    let (now, before) = (account(symptom, answers), account(baseline, answers));
    let mut power: BTreeMap<u32, f64> = BTreeMap::new();
    for (edge, logs, usual) in compared(&now, &before) {
        let of = power.entry(edge.ends().1).or_default();
        *of = of.max(shift::if_doubled(logs, usual));
    }
    let blind = power.iter().filter(|it| *it.1 < SEEN).map(|it| *it.0);
    let edges = compare(&now, &before);
    let owners = owners(&edges, names.services());
    Times {
        blind: blind.collect(),
        compared: power.keys().copied().collect(),
        late: late([symptom, baseline], answers, &edges, &owners),
        owners,
    }
}

/// What the faulty period added, per service.
fn late(
    [symptom, baseline]: [&Trees; 2],
    answers: &Answers,
    edges: &BTreeMap<Edge, More>,
    owners: &HashSet<u32>,
) -> BTreeMap<u32, Late> {
    let slow = |from: u32, to: u32| {
        let all = [Edge::Wire(from, to), Edge::Own(to)];
        all.iter().any(|it| edges.get(it).is_some_and(|it| it.slow))
    };
    let fresh = more::new_statements([symptom, baseline], answers);
    let busier = lag::busier([symptom, baseline]);
    let askers = more::askers([symptom, baseline], answers, slow);
    let mut found: BTreeMap<u32, Late> = BTreeMap::new();
    for (edge, more) in edges.iter().filter(|(_, it)| it.added > 0.0) {
        if matches!(edge, Edge::Queue(..)) && !lag::counts(*edge, more.added, &busier) {
            continue;
        }
        // A statement that was never sent before is the matter of who sends it.
        let sent = fresh.get(edge).filter(|it| **it > 0.5 * more.added);
        let to = sent.map_or_else(|| owner(*edge, owners), |_| edge.ends().0);
        let late = found.entry(to).or_default();
        late.added_ns += more.added;
        late.surprise = late.surprise.max(more.surprise);
        // What is mostly for being asked more often is the asker's.
        let asker = askers.get(&to).filter(|_| more::waited_for(*edge) == to);
        if let Some(asker) = asker.filter(|_| more.by_count > 0.5 * more.added) {
            late.added_ns -= more.by_count;
            let theirs = found.entry(*asker).or_default();
            theirs.added_ns += more.by_count;
            theirs.surprise = theirs.surprise.max(more.surprise);
            theirs.asks = true;
        }
    }
    let all: f64 = found.values().map(|it| it.added_ns).sum();
    found
        .values_mut()
        .for_each(|late| late.share = late.added_ns / all.max(1.0));
    show(symptom, answers, owners, &mut found);
    found
}

fn owner(edge: Edge, owners: &HashSet<u32>) -> u32 {
    let (from, to) = edge.ends();
    if owners.contains(&from) { from } else { to }
}

/// The longest part that shows it, per service.
fn show(
    symptom: &Trees,
    answers: &Answers,
    owners: &HashSet<u32>,
    found: &mut BTreeMap<u32, Late>,
) {
    let mut longest: HashMap<u32, (i64, usize)> = HashMap::new();
    for n in 0..symptom.spans.len() {
        parts_and_wait(symptom, n, answers, |edge, ns| {
            let of = longest.entry(owner(edge, owners)).or_insert((ns, n));
            if ns > of.0 {
                *of = (ns, n);
            }
        });
    }
    for (service, late) in found {
        late.span = longest.get(service).map(|it| it.1);
    }
}

fn compare(now: &Account, before: &Account) -> BTreeMap<Edge, More> {
    let total: f64 = now.traces.values().sum::<f64>().max(1.0);
    let mut edges: BTreeMap<Edge, More> = BTreeMap::new();
    let mut keys: Vec<&(u32, Edge)> = now.sums.keys().collect();
    keys.sort();
    for key in keys {
        let (entry, edge) = *key;
        let n = now.traces.get(&entry).copied().unwrap_or(1.0);
        let Some(m) = before.traces.get(&entry).copied() else {
            continue;
        };
        let (mean, spread_now) = now.sums[key].of(n);
        let usual = before.sums.get(key).copied().unwrap_or_default();
        let (usual_mean, spread) = usual.of(m);
        let more = mean - usual_mean;
        // A twentieth of the usual and a twentieth of a millisecond are noise.
        let noise = (spread / n.min(m).max(1.0))
            .sqrt()
            .max((spread_now / n.max(1.0)).sqrt() * 0.5)
            + usual_mean * 0.05
            + 50_000.0;
        let of = edges.entry(edge).or_default();
        of.added += more * n / total;
        let each = |of: &Account, all: f64, traces: f64| {
            let count = of.counts.get(key).copied().unwrap_or(0.0);
            (count / traces.max(1.0), all / count.max(1.0))
        };
        let (now, before) = (each(now, now.sums[key].all, n), each(before, usual.all, m));
        of.by_count += more.max(0.0) * n / total * more::by_count(now, before);
        // Of few traces the spread is hardly known.
        let surprise = shift::normal(more / noise, (n.min(m) - 1.0).max(1.0));
        of.surprise = of.surprise.max(surprise);
    }
    for (edge, grown) in grown(now, before) {
        let of = edges.entry(edge).or_default();
        of.surprise = of.surprise.max(grown);
    }
    for (edge, of) in &mut edges {
        let (calls, usual) = (now.calls.get(edge), before.calls.get(edge));
        if let (Some(calls), Some(usual)) = (calls, usual) {
            let ((mean, _), (usual_mean, spread)) = (calls.of(calls.count), usual.of(usual.count));
            of.calls = calls.count;
            let noise = (spread / calls.count.min(usual.count).max(1.0)).sqrt();
            of.slow = mean - usual_mean > 3.0 * noise + usual_mean * 0.15 + 100_000.0;
        }
    }
    edges
}

/// How much each edge has grown, by the operation that shows it most.
fn grown(now: &Account, before: &Account) -> BTreeMap<Edge, f64> {
    let mut found: BTreeMap<Edge, f64> = BTreeMap::new();
    for (edge, logs, usual) in compared(now, before) {
        let of = found.entry(edge).or_default();
        *of = of.max(shift::grown(logs, usual));
    }
    found
}

/// Every pair of events that can be compared. Whole calls are only where their answers are not recorded in both periods:
/// what the answer itself took is told by the answer.
fn compared<'a>(
    now: &'a Account,
    before: &'a Account,
) -> impl Iterator<Item = (Edge, Logs, Logs)> + 'a {
    let pair = |event: Event| Some((*now.events.get(&event)?, *before.events.get(&event)?));
    now.events.keys().filter_map(move |event| {
        let (edge, operation, answered) = *event;
        let (logs, usual) = pair(*event)?;
        let whole = matches!(edge, Edge::Wire(..)) && !answered;
        let better = whole && pair((edge, operation, true)).is_some();
        (!better).then_some((edge, logs, usual))
    })
}

/// True when what is slow around a caller's calls is slow for it alone: others call the same services, and wait no longer
/// than before. The time between two calls counts for both, so that no callee may be slow for everybody.
fn slow_alone(calls: &[Edge], into: &[Vec<Edge>], edges: &BTreeMap<Edge, More>) -> bool {
    let mut alone = false;
    for edge in calls.iter().filter(|it| edges[it].slow) {
        let (from, to) = edge.ends();
        let others = into[to as usize].iter().filter(|it| it.ends().0 != from);
        let seen = others.map(|it| &edges[it]);
        for other in seen.filter(|it| it.calls >= FEWEST_CALLS) {
            if other.slow {
                return false;
            }
            alone = true;
        }
    }
    alone
}

/// Callers that are slow themselves, on whichever edge their time shows: their calls, to services that others reach as
/// ever, are all slow; and for a network so are the calls to them.
fn owners(edges: &BTreeMap<Edge, More>, services: usize) -> HashSet<u32> {
    let mut out: Vec<Vec<Edge>> = vec![Vec::new(); services];
    let mut into: Vec<Vec<Edge>> = vec![Vec::new(); services];
    for edge in edges.keys() {
        let (from, to) = edge.ends();
        if from != to && !matches!(edge, Edge::Queue(..)) {
            out[from as usize].push(*edge);
            into[to as usize].push(*edge);
        }
    }
    let slow = |edge: &Edge| edges[edge].slow;
    let mostly = |all: &[Edge], share: f64| {
        all.iter().filter(|it| slow(it)).count() as f64 >= share * all.len() as f64
    };
    let mut found = HashSet::new();
    for caller in 0..services {
        let (calls, called) = (&out[caller], &into[caller]);
        if calls.is_empty() {
            continue;
        }
        let gaps = calls.iter().all(|it| matches!(it, Edge::Gap(..)));
        // Around answers that come to others as ever, the time is its own.
        if gaps && slow_alone(calls, &into, edges) {
            found.insert(caller as u32);
            continue;
        }
        if !mostly(calls, 0.7) {
            continue;
        }
        let own = edges
            .get(&Edge::Own(caller as u32))
            .is_some_and(|it| it.slow);
        // Others reach the same services as ever.
        let others: Vec<Edge> = calls
            .iter()
            .flat_map(|it| &into[it.ends().1 as usize])
            .filter(|it| it.ends().0 as usize != caller)
            .copied()
            .collect();
        let fine =
            others.is_empty() || others.iter().filter(|it| slow(it)).count() * 2 < others.len();
        let wired = !called.is_empty() && mostly(called, 0.5);
        let itself = wired
            || called.is_empty() && (gaps || calls.len() >= 2)
            || gaps && (own || calls.len() >= 2);
        if itself && fine {
            found.insert(caller as u32);
        }
    }
    found
}
