//! Oddities that are no failures: answers that come quicker than ever, lines that are new and complain of nothing, work
//! left undone. Alone they accuse nobody. But where somebody fails in just those traces in which a callee, or who was
//! asked before, answered oddly, the odd answer is what it failed of: a wrong or empty result, an exception swallowed.

use super::absence::Lack;
use super::logs::{self, Counted, SLICE};
use super::numbers::{Turn, Turned};
use super::rank::Evidence;
use super::shift::{self, Logs};
use super::signals::{self, Graph};
use super::tree::{Answers, Trees};
use model::{SpanKind, TraceId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Standard errors by which answers are quicker, and factor, at least.
const QUICKER: f64 = 5.0;
const FACTOR: f64 = 1.4;
/// Share of a service's failures that lie where another is odd, at least.
const MOSTLY: f64 = 0.7;
/// Lines without a trace, for each failure: what is written far more often than anything fails has another reason.
const LINES: std::ops::Range<f64> = 0.3..3.0;
/// Failures of which something is logged, at least, where not all are.
const LOGGED: usize = 4;
/// Weight of evidence that is asked for its reason.
const TOLD: f64 = 0.3;

/// Something odd about a service.
#[derive(Debug)]
pub(super) struct Odd {
    /// Its traces.
    traces: HashSet<TraceId>,
    /// Its slices of time, where it names no traces, and how many lines are in them.
    slices: HashSet<i64>,
    lines: f64,
    /// Where only part of the requests is logged: those that are.
    seen: Option<HashSet<TraceId>>,
    /// A number has left its range.
    turn: Option<Turn>,
    /// A line that shows it, or a span.
    line: Option<usize>,
    span: Option<usize>,
}

/// What is odd about each service.
pub(super) type Oddities = BTreeMap<u32, Vec<Odd>>;

/// Finds what is odd in the faulty period.
pub(super) fn oddities(
    [symptom, baseline]: [&Trees; 2],
    answers: &Answers,
    [now, before]: [&Counted; 2],
    turned: Vec<Turned>,
) -> Oddities {
    let mut found = quick(symptom, baseline, answers);
    for fresh in logs::fresh(now, before) {
        let traced = fresh.places.iter().map(|it| it.0);
        let traces: HashSet<TraceId> = traced.filter(|it| !it.is_zero()).collect();
        let slices = match traces.is_empty() {
            true => fresh.places.iter().map(|it| it.1).collect(),
            false => HashSet::new(),
        };
        found.entry(fresh.service).or_default().push(Odd {
            traces,
            slices,
            lines: fresh.count,
            seen: None,
            turn: None,
            line: Some(fresh.line),
            span: None,
        });
    }
    for it in turned {
        found.entry(it.service).or_default().push(Odd {
            traces: it.traces,
            slices: HashSet::new(),
            lines: 0.0,
            seen: Some(it.seen),
            turn: Some(it.how),
            line: it.line,
            span: it.span,
        });
    }
    found
}

/// The logarithms of what an operation takes itself, one event of each trace, a span of it, and the traces.
type Own = (Logs, usize, HashSet<TraceId>);

fn own_times(trees: &Trees, answers: &Answers) -> BTreeMap<u32, Own> {
    let mut all: BTreeMap<u32, Own> = BTreeMap::new();
    for trace in trees.by_trace().chunk_by(|a, b| trees.same_trace(*a, *b)) {
        let mut of: BTreeMap<u32, (f64, f64, usize)> = BTreeMap::new();
        for n in trace.iter().map(|n| *n as usize) {
            if !trees.calls(n, answers) && trees.went_well(n) {
                let sum = of.entry(trees.operation[n]).or_default();
                sum.0 += shift::log(trees.exclusive(n) as f64);
                sum.1 += 1.0;
                sum.2 = n;
            }
        }
        let id = trace.first().map(|n| trees.spans[*n as usize].trace_id);
        for (operation, (logs, count, n)) in of {
            let entry = all.entry(operation).or_default();
            entry.0.add(logs / count);
            entry.1 = n;
            entry.2.extend(id);
        }
    }
    all
}

/// Operations that answer much quicker than before, beyond what all do.
fn quick(symptom: &Trees, baseline: &Trees, answers: &Answers) -> Oddities {
    let (now, before) = (own_times(symptom, answers), own_times(baseline, answers));
    let both = now
        .into_iter()
        .filter_map(|(operation, it)| Some((it, before.get(&operation)?.0)));
    let both: Vec<_> = both.collect();
    let mut shifts: Vec<f64> = both.iter().map(|(it, usual)| it.0.shift(*usual)).collect();
    shifts.sort_by(f64::total_cmp);
    let usually = shifts
        .get(shifts.len() / 2)
        .copied()
        .unwrap_or(0.0)
        .min(0.0);
    let mut found = Oddities::new();
    for ((logs, span, traces), usual) in both {
        let quicker =
            shift::grown(usual, logs) > QUICKER && logs.shift(usual) - usually < -FACTOR.ln();
        if quicker {
            let service = symptom.service[span];
            found.entry(service).or_default().push(Odd {
                traces,
                slices: HashSet::new(),
                lines: 0.0,
                seen: None,
                turn: None,
                line: None,
                span: Some(span),
            });
        }
    }
    found
}

/// Charges failures to the odd answers that they came from.
pub(super) fn charge(all: &mut [Evidence], odd: &Oddities, graph: &Graph, symptom: &Trees) {
    // Of who left something out it is known why others fail: what they write is that.
    let failing: Vec<usize> = (0..all.len())
        .filter(|n| strength(&all[*n]) > TOLD && !all[*n].missed)
        .collect();
    for n in failing {
        let traces = signals::traces(&all[n], symptom);
        if traces.is_empty() {
            continue;
        }
        // After whom callers stop, they may as well stop for what any other told them.
        let stops = all[n].undone.filter(|it| it.lack == Lack::Stops);
        let stops = stops.is_some() && all[n].by_absence > all[n].by_error.max(all[n].by_log);
        let scene = Scene::new(symptom, all[n].service, traces, stops);
        let found = odd.iter().filter_map(|(service, odd)| {
            let at = all.iter().position(|it| it.service == *service)?;
            let refused = all[n].faulty.map(|it| it.refused_by.contains(service));
            if at == n || all[at].by_error > TOLD || refused == Some(true) {
                return None;
            }
            let below = graph.above(all[n].service, *service);
            let best = odd.iter().map(|it| (scene.share(*service, it, below), it));
            // A number says more than a line.
            let best =
                best.max_by_key(|(share, it)| ((share * 1_000.0) as u64, it.turn.is_some()))?;
            (best.0 >= MOSTLY).then_some((at, best.0, best.1))
        });
        // The deepest of them.
        let found: Vec<(usize, f64, &Odd)> = found.collect();
        let deepest = found.iter().filter(|it| {
            let below = |other: usize| graph.above(all[it.0].service, all[other].service);
            !found.iter().any(|other| below(other.0))
        });
        let Some((at, share, odd)) = deepest.max_by(|a, b| a.1.total_cmp(&b.1)).copied() else {
            continue;
        };
        let said = strength(&all[n]);
        let it = &mut all[n];
        it.by_error *= 1.0 - 0.85 * share;
        it.by_log *= 1.0 - 0.85 * share;
        it.by_absence *= 1.0 - 0.85 * share;
        let cause = &mut all[at];
        cause.by_oddity = cause.by_oddity.max(said * share);
        (cause.odd_line, cause.odd_span) = (odd.line, odd.span);
        cause.turn = odd.turn;
    }
}

/// Charges failures to the calls that were left out before them: who is asked later misses what was not done.
pub(super) fn omitted(all: &mut [Evidence], graph: &Graph, symptom: &Trees) {
    for at in 0..all.len() {
        let Some(undone) = all[at].undone.filter(|it| !it.heralds.is_empty()) else {
            continue;
        };
        let (service, mut charged) = (all[at].service, 0.0_f64);
        for victim in all.iter_mut() {
            if !graph.above(service, victim.service) {
                continue;
            }
            let traces = signals::traces(victim, symptom);
            let shared = traces.intersection(&undone.heralds).count() as f64;
            let share = shared / traces.len().max(1) as f64;
            if share >= MOSTLY {
                charged = charged.max(strength(victim));
                victim.by_error *= 1.0 - 0.85 * share;
                victim.by_log *= 1.0 - 0.85 * share;
                victim.by_absence *= 1.0 - 0.85 * share;
            }
        }
        if charged > 0.0 {
            all[at].by_absence = all[at].by_absence.max(charged);
            all[at].missed = true;
        }
    }
}

/// Services that had a message in hands before a span did: those above it, beyond a queue or topic.
fn senders(trees: &Trees, n: usize) -> Vec<u32> {
    let mut found = Vec::new();
    let (mut at, mut sent) = (n, false);
    for _ in 0..64 {
        sent |= matches!(
            trees.spans[at].kind,
            SpanKind::Producer | SpanKind::Consumer
        );
        let Some(above) = trees.parent(at) else {
            break;
        };
        if sent && trees.service[above] != trees.service[n] {
            found.push(trees.service[above]);
        }
        at = above;
    }
    found
}

/// Notes where those who asked fail of what was left out: in just the traces in which it was.
pub(super) fn needed(all: &mut [Evidence], graph: &Graph, symptom: &Trees) {
    for at in 0..all.len() {
        // Who fails itself leaves out what would have come after.
        let fails = all[at].loud.is_some_and(|it| it.failure) || all[at].by_error > TOLD;
        let leaves = all[at]
            .undone
            .filter(|it| it.lack == Lack::Leaves && !fails);
        let Some(undone) = leaves.filter(|it| !it.traces.is_empty()) else {
            continue;
        };
        let service = all[at].service;
        let fails = |it: &&Evidence| {
            let traces = it.faulty.map(|it| it.traces.iter());
            let traces: HashSet<TraceId> = traces
                .into_iter()
                .flatten()
                .map(|root| symptom.spans[*root as usize].trace_id)
                .collect();
            let shared = traces.intersection(&undone.traces).count() as f64;
            let covers = |of: usize| shared >= MOSTLY * of as f64;
            graph.above(it.service, service) && covers(traces.len()) && covers(undone.traces.len())
        };
        let missed = all
            .iter()
            .filter(|it| it.service != service)
            .any(|it| fails(&it));
        all[at].missed |= missed;
    }
}

fn strength(evidence: &Evidence) -> f64 {
    let said = evidence.by_error.max(evidence.by_log);
    said.max(evidence.by_absence)
}

/// The traces in which a service fails, and who was asked in them.
struct Scene {
    failing: HashSet<TraceId>,
    slices: HashSet<i64>,
    /// Traces that it went through without failing.
    well: HashSet<TraceId>,
    /// Services in each failing trace, and whether they had answered the same caller before.
    asked: HashMap<TraceId, HashMap<u32, bool>>,
}

impl Scene {
    fn new(trees: &Trees, service: u32, failing: HashSet<TraceId>, stops: bool) -> Self {
        let mut scene = Scene {
            failing,
            slices: HashSet::new(),
            well: HashSet::new(),
            asked: HashMap::new(),
        };
        // What fails of an answer is an operation: others may do without.
        let failing = (0..trees.spans.len())
            .filter(|n| trees.service[*n] == service)
            .filter(|n| scene.failing.contains(&trees.spans[*n].trace_id));
        let does: HashSet<u32> = failing.map(|n| trees.operation[trees.entry(n)]).collect();
        for trace in trees.by_trace().chunk_by(|a, b| trees.same_trace(*a, *b)) {
            let Some(first) = trace.first().map(|n| &trees.spans[*n as usize]) else {
                continue;
            };
            let id = first.trace_id;
            if !scene.failing.contains(&id) {
                let same = |n: usize| {
                    trees.service[n] == service && does.contains(&trees.operation[trees.entry(n)])
                };
                if trace.iter().any(|n| same(*n as usize)) {
                    scene.well.insert(id);
                }
                continue;
            }
            let spans = trace.iter().map(|n| *n as usize);
            let caller = |n: usize| trees.parent(trees.entry(n)).map(|it| trees.service[it]);
            let own = spans.clone().filter(|n| trees.service[*n] == service);
            let own = own.max_by_key(|n| trees.spans[*n].start);
            let began = own.map(|n| (trees.spans[trees.entry(n)].start.0, caller(n)));
            let of = scene.asked.entry(id).or_default();
            for service in own.into_iter().flat_map(|it| senders(trees, it)) {
                of.insert(service, true);
            }
            for n in spans {
                scene.slices.insert(trees.spans[n].start.0 / SLICE);
                let span = &trees.spans[n];
                let end = span.start.0.saturating_add(span.duration_ns.max(0));
                let earlier = began.is_some_and(|it| (stops || end <= it.0) && caller(n) == it.1);
                *of.entry(trees.service[n]).or_default() |= earlier && caller(n).is_some();
            }
        }
        scene
    }

    /// Share of the failures that an oddity of a service may be the reason of; nothing where it is as odd in traces that
    /// went well.
    fn share(&self, service: u32, odd: &Odd, below: bool) -> f64 {
        let asked = |id: &&TraceId| {
            let of = self.asked.get(*id).and_then(|it| it.get(&service));
            of.is_some_and(|earlier| below || *earlier)
        };
        let logged = odd
            .seen
            .as_ref()
            .map(|seen| self.failing.intersection(seen).count());
        if logged.is_some_and(|it| it < LOGGED) {
            return 0.0;
        }
        let count = logged.unwrap_or(self.failing.len()).max(1) as f64;
        if odd.slices.is_empty() {
            let covered = self.failing.intersection(&odd.traces).filter(asked).count();
            let well = self.well.intersection(&odd.traces).count();
            return match well as f64 <= 0.5 * covered as f64 {
                true => covered as f64 / count,
                false => 0.0,
            };
        }
        let covered = self.slices.intersection(&odd.slices).count() as f64;
        let share = covered / self.slices.len().max(1) as f64;
        let touched = self.failing.iter().filter(asked).count() as f64 / count;
        match LINES.contains(&(odd.lines / count)) && below {
            true => share.min(touched),
            false => 0.0,
        }
    }
}
