//! Work that was left undone without an error: calls that an operation used to make and makes no more, and callees after
//! whose answer their callers stop.
//!
//! A trace counts once, however often it repeats an operation: what one trace repeats is no further witness.

use super::Hop;
use super::logs::presence_gain;
use super::tree::{Answers, Names, Trees};
use model::{SpanKind, TraceId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Calls of an operation that usually fewer traces make are not missed.
const LEAST_TRACES: f64 = 10.0;
/// Traces in which a call used to be followed by others, at least: before its being the last one says anything.
const LEAST_FOLLOWED: f64 = 5.0;
/// Share of the spans in which one call comes before another, for it to come always.
const ALWAYS: f64 = 0.9;
/// Calls that used to follow another are told apart up to so many.
const MOST_FOLLOWERS: usize = 16;
/// Calls of one span that are looked at for what comes after what.
const MOST_CALLS: usize = 64;

/// How work is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Lack {
    /// It leaves a call out.
    #[default]
    Leaves,
    /// Its callers stop after it.
    Stops,
    /// It takes no messages.
    Idle,
}

/// A call that is missing.
#[derive(Debug, Clone, Default)]
pub(super) struct Undone {
    /// Twice the log-likelihood ratio.
    pub surprise: f64,
    /// A span that used to have it below, or that was the last its caller made.
    pub span: Option<usize>,
    /// What is missing below, or what callers stop after: an operation.
    pub operation: u32,
    /// How it is missing.
    pub lack: Lack,
    /// Traces it is missing from.
    pub traces: HashSet<TraceId>,
    /// Those of them in which somebody failed who was asked later.
    pub heralds: HashSet<TraceId>,
    /// What is missing is a message.
    pub message: bool,
}

/// An operation, and the one in which the request came in that it is part of: what a helper does depends on who needs it.
type Kind = (u32, u32);

/// Traces with an operation, and the part of them with a call of each other.
#[derive(Default)]
struct Shape {
    count: f64,
    with: BTreeMap<u32, f64>,
    after: BTreeMap<u32, After>,
    /// Who asked for it went on when it was done.
    taken: Taken,
    /// Traces in which calls of a service have no answer: they were made, whatever they asked for.
    unanswered: BTreeMap<u32, f64>,
    /// Of those that failed, the call that did so first, and all that were made.
    failed: Vec<(u32, BTreeSet<u32>)>,
}

impl Shape {
    /// Share of the traces with a call.
    fn often(&self, call: u32) -> f64 {
        self.with.get(&call).copied().unwrap_or(0.0) / self.count.max(1.0)
    }

    /// True for a call that always comes before another.
    fn precedes(&self, call: u32, other: u32) -> bool {
        self.after.get(&other).is_some_and(|it| {
            let earlier = it.earlier.get(&call).copied().unwrap_or(0.0);
            it.spans >= LEAST_TRACES && earlier >= ALWAYS * it.spans
        })
    }

    /// True where other calls come more often by about as much as one comes less: of an operation with several ways, such
    /// as a proxy's `/*`, another mix of requests was asked for.
    fn does_instead(&self, call: u32, usual: &Shape) -> bool {
        let lost = usual.often(call) - self.often(call);
        let mut others = self.with.keys().filter(|it| **it != call);
        lost > 0.0 && others.any(|it| self.often(*it) - usual.often(*it) >= lost / 2.0)
    }

    /// How many traces lack a call of a service, and of how many that can be told, by what is `usual`. What fails leaves
    /// out what would have come later, but not what comes before.
    fn lacks(&self, call: u32, service: Option<u32>, usual: &Shape) -> (f64, f64) {
        let unanswered = service.and_then(|it| self.unanswered.get(&it));
        let mut of = (self.count - unanswered.copied().unwrap_or(0.0)).max(0.0);
        let mut lacks = (of - self.with.get(&call).copied().unwrap_or(0.0)).max(0.0);
        for (failed, made) in &self.failed {
            let left_out = !made.contains(&call) && usual.precedes(call, *failed);
            of += f64::from(u8::from(left_out || made.contains(&call)));
            lacks += f64::from(u8::from(left_out));
        }
        (lacks, of)
    }
}

/// Traces in which a call was made, the part of them in which it was the last, and what came later.
#[derive(Default)]
struct After {
    count: f64,
    last: f64,
    later: BTreeSet<u32>,
    /// Spans that made the call, and those of them in which others had begun before it.
    spans: f64,
    earlier: BTreeMap<u32, f64>,
    /// Who asked for what it was the last call of went on.
    taken: Taken,
}

/// How often somebody asked, and how often that one went on with other calls then.
#[derive(Default, Clone, Copy)]
struct Taken {
    asked: f64,
    onward: f64,
}

impl Taken {
    fn add(&mut self, onward: bool) {
        self.asked += 1.0;
        self.onward += f64::from(u8::from(onward));
    }

    fn share(self) -> f64 {
        self.onward / self.asked.max(1.0)
    }
}

/// Spans that are no calls themselves and went well: a failure explains what is missing after it.
fn judged(trees: &Trees, answers: &Answers, n: usize) -> bool {
    !trees.calls(n, answers) && trees.went_well(n)
}

/// The service that answers a child, if it is another.
fn callee(trees: &Trees, answers: &Answers, child: usize) -> Option<u32> {
    let above = trees.parent(child).map(|it| trees.service[it]);
    Some(trees.waits_for(child, answers)).filter(|it| Some(*it) != above)
}

/// Who answers which call, and the services that record spans in both periods.
#[derive(Clone, Copy)]
struct Known<'a> {
    answers: &'a Answers,
    lasting: &'a HashSet<u32>,
}

/// The service that a call without an answer went to, if it records answers.
fn unanswered(trees: &Trees, known: Known, child: usize) -> Option<u32> {
    let to = callee(trees, known.answers, child)?;
    let silent = trees.spans[child].kind != SpanKind::Producer && trees.answer(child).is_none();
    (silent && known.lasting.contains(&to)).then_some(to)
}

/// The call that failed first, and all that were made, in a span that did not go well.
fn failing(trees: &Trees, known: Known, n: usize) -> Option<(u32, BTreeSet<u32>)> {
    let failed = trees.children(n).filter(|it| trees.spans[*it].failed);
    let first = failed.min_by_key(|it| trees.spans[*it].start)?;
    let all = trees.children(n).map(|it| made(trees, known, it));
    Some((made(trees, known, first), all.collect()))
}

/// What a call asks for: the operation that answers it, where its own name says no more than `POST`. Services that are
/// recorded in one of the periods only are known by the call, and so is a message: any of its consumers may come first.
fn made(trees: &Trees, known: Known, child: usize) -> u32 {
    let one = trees.spans[child].kind != SpanKind::Producer && trees.calls(child, known.answers);
    let answer = trees
        .answer(child)
        .filter(|answer| one && known.lasting.contains(&trees.service[*answer]));
    trees.operation[answer.unwrap_or(child)]
}

/// True when who asked for an operation made another call after it; none where nobody asked.
fn onward(trees: &Trees, answers: &Answers, n: usize) -> Option<bool> {
    let call = trees.parent(trees.entry(n))?;
    let asking = match trees.calls(call, answers) {
        true => trees.parent(call)?,
        false => call,
    };
    let over = end(trees, n);
    let mut others = trees.children(asking).filter(|it| *it != call);
    Some(others.any(|it| trees.spans[it].start.0 >= over))
}

/// When a span ended.
fn end(trees: &Trees, n: usize) -> i64 {
    let span = &trees.spans[n];
    span.start.0.saturating_add(span.duration_ns.max(0))
}

/// The child that ended last.
fn last(trees: &Trees, n: usize) -> Option<usize> {
    trees.children(n).max_by_key(|it| end(trees, *it))
}

/// Operations as trees of what they call.
fn shapes(trees: &Trees, known: Known) -> BTreeMap<Kind, Shape> {
    let mut found: BTreeMap<Kind, Shape> = BTreeMap::new();
    let order = trees.by_trace();
    for trace in order.chunk_by(|a, b| trees.same_trace(*a, *b)) {
        let mut of: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
        for n in trace.iter().map(|n| *n as usize) {
            if judged(trees, known.answers, n) {
                of.entry(kind(trees, n)).or_default().push(n);
            } else if !trees.calls(n, known.answers)
                && let Some(failing) = failing(trees, known, n)
            {
                let shape = found.entry(kind(trees, n)).or_default();
                shape.failed.push(failing);
            }
        }
        for (operation, spans) in of {
            witness(trees, known, &spans, found.entry(operation).or_default());
        }
    }
    found
}

/// What the spans of an operation in one trace tell.
fn witness(trees: &Trees, known: Known, spans: &[usize], shape: &mut Shape) {
    shape.count += 1.0;
    let mut calls: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for n in spans {
        let unanswered = trees
            .children(*n)
            .filter_map(|it| unanswered(trees, known, it));
        for service in unanswered.collect::<BTreeSet<u32>>() {
            *shape.unanswered.entry(service).or_default() += 1.0 / spans.len() as f64;
        }
        let last = last(trees, *n).map(|it| made(trees, known, it));
        let children = trees.children(*n);
        let below: BTreeSet<u32> = children.map(|it| made(trees, known, it)).collect();
        for operation in below {
            *shape.with.entry(operation).or_default() += 1.0 / spans.len() as f64;
            let call = calls.entry(operation).or_default();
            call.0 += 1.0;
            call.1 += f64::from(u8::from(last == Some(operation)));
        }
        follow(trees, known, *n, shape);
        if let Some(onward) = onward(trees, known.answers, *n) {
            shape.taken.add(onward);
            if let Some(last) = last {
                shape.after.entry(last).or_default().taken.add(onward);
            }
        }
    }
    for (operation, (count, last)) in calls {
        let after = shape.after.entry(operation).or_default();
        after.count += 1.0;
        after.last += last / count;
    }
}

/// Notes what comes after each call of a span.
fn follow(trees: &Trees, known: Known, n: usize, shape: &mut Shape) {
    let mut children: Vec<usize> = trees.children(n).take(MOST_CALLS).collect();
    children.sort_unstable_by_key(|it| std::cmp::Reverse(end(trees, *it)));
    let mut later: BTreeSet<u32> = BTreeSet::new();
    for at in &children {
        let began = trees.spans[*at].start;
        let earlier = children.iter().filter(|it| trees.spans[**it].start < began);
        let earlier: BTreeSet<u32> = earlier.map(|it| made(trees, known, *it)).collect();
        let after = shape.after.entry(made(trees, known, *at)).or_default();
        after.spans += 1.0;
        for other in earlier.into_iter().take(MOST_FOLLOWERS) {
            *after.earlier.entry(other).or_default() += 1.0;
        }
    }
    for operation in children.into_iter().map(|it| made(trees, known, it)) {
        let after = &mut shape.after.entry(operation).or_default().later;
        if after.len() < MOST_FOLLOWERS {
            after.extend(later.iter().filter(|it| **it != operation));
        }
        if later.len() < MOST_FOLLOWERS {
            later.insert(operation);
        }
    }
}

/// An operation and its request's.
fn kind(trees: &Trees, n: usize) -> Kind {
    (trees.operation[trees.entry(n)], trees.operation[n])
}

/// True when whoever asked went on after what ended early as after what did not: then nothing was thrown, and the rest
/// was left out by who ended early, not for the answer it got.
fn accepted(usual: Taken, early: Taken) -> bool {
    usual.asked >= LEAST_FOLLOWED
        && early.asked >= 1.0
        && usual.share() >= 0.5
        && early.share() >= 0.7 * usual.share()
}

/// What is known of both periods.
struct Both<'a> {
    symptom: &'a Trees<'a>,
    known: Known<'a>,
    now: BTreeMap<Kind, Shape>,
    before: BTreeMap<Kind, Shape>,
    /// Operations of services that are recorded no more at all: their telemetry is gone, not their work.
    gone: HashSet<u32>,
    /// The service of each operation of the healthy period.
    of: HashMap<u32, u32>,
    /// Operations that send messages.
    messages: HashSet<u32>,
    /// What operations are called.
    names: &'a Names,
}

/// The services whose operations leave calls undone, or after which others do.
pub(super) fn undone(
    symptom: &Trees,
    baseline: &Trees,
    answers: &Answers,
    names: &Names,
) -> BTreeMap<u32, Undone> {
    let services: HashSet<u32> = symptom.service.iter().copied().collect();
    let of = baseline.operation.iter().zip(&baseline.service);
    let gone = of.filter(|it| !services.contains(it.1)).map(|it| *it.0);
    let lasting = baseline.service.iter().filter(|it| services.contains(it));
    let lasting: HashSet<u32> = lasting.copied().collect();
    let known = Known {
        answers,
        lasting: &lasting,
    };
    let all_of = |it: &Trees| {
        let of = it.operation.iter().copied();
        of.zip(it.service.iter().copied()).collect::<Vec<_>>()
    };
    let sends = |it: &(&Hop, &u32)| it.0.kind == SpanKind::Producer;
    let messages = baseline.spans.iter().zip(&baseline.operation).filter(sends);
    let messages = messages.map(|it| *it.1);
    let both = Both {
        symptom,
        known,
        now: shapes(symptom, known),
        before: shapes(baseline, known),
        gone: gone.collect(),
        of: all_of(baseline).into_iter().collect(),
        messages: messages.collect(),
        names,
    };
    let stops = both.stops();
    let missing = both.missing(&stops);
    both.collect(&missing, &stops)
}

/// A gain by operation and the operation below it.
type Gains = BTreeMap<(Kind, u32), f64>;

impl Both<'_> {
    /// Calls that operations used to go on after, and now stop after.
    fn stops(&self) -> Gains {
        let mut found = Gains::new();
        for (operation, usual) in &self.before {
            let Some(shape) = self.now.get(operation) else {
                continue;
            };
            for (below, before) in &usual.after {
                let later = before.later.iter().filter(|it| !self.gone.contains(it));
                let lost = later.filter(|it| usual.often(**it) > 2.0 * shape.often(**it));
                let followed = before.count - before.last;
                // Where one call only is lost, the caller may as well have left that one out.
                if lost.count() < 2 || followed < LEAST_FOLLOWED || followed < 0.5 * before.count {
                    continue;
                }
                if let Some(now) = shape.after.get(below) {
                    if accepted(usual.taken, now.taken) {
                        continue;
                    }
                    let gain = presence_gain(now.last, now.count, before.last, before.count);
                    if gain > 6.0 {
                        found.insert((*operation, *below), gain);
                    }
                }
            }
        }
        found
    }

    /// Calls that are not made any more, and that no callee's answer kept from being made.
    fn missing(&self, stops: &Gains) -> Gains {
        let mut found = Gains::new();
        for (operation, usual) in &self.before {
            let Some(shape) = self.now.get(operation) else {
                continue;
            };
            let stopped = stops.iter().filter(|it| it.0.0 == *operation);
            let stopped = stopped.map(|it| *it.1).fold(0.0, f64::max);
            for (below, with) in &usual.with {
                let rare = *with < 0.3 * usual.count || usual.count < LEAST_TRACES;
                // A route that takes everything is no operation: another mix of requests makes other calls.
                let everything = self.names.operation_name(operation.1).ends_with('*');
                let mixed = everything && *with < ALWAYS * usual.count;
                let instead = mixed && shape.does_instead(*below, usual);
                if rare || instead || self.gone.contains(below) {
                    continue;
                }
                let (lacks, of) = shape.lacks(*below, self.of.get(below).copied(), usual);
                let gain = presence_gain(lacks, of, usual.count - with, usual.count);
                if gain > 6.0 && gain > 1.5 * stopped {
                    found.insert((*operation, *below), gain);
                }
            }
        }
        found
    }

    /// True when a call of the operation's service has no answer: it may have asked for this.
    fn asked(&self, n: usize, operation: u32) -> bool {
        let of = self.of.get(&operation).copied();
        let mut below = self.symptom.children(n);
        below.any(|it| of.is_some() && unanswered(self.symptom, self.known, it) == of)
    }

    /// True when what a span leaves out would have come before what failed in it.
    fn heralds(&self, n: usize, operation: u32, lack: Lack) -> bool {
        let usual = self.before.get(&kind(self.symptom, n));
        let failed = failing(self.symptom, self.known, n);
        let both = usual.zip(failed).filter(|_| lack == Lack::Leaves);
        both.is_some_and(|(usual, (failed, _))| usual.precedes(operation, failed))
    }

    fn collect(&self, missing: &Gains, stops: &Gains) -> BTreeMap<u32, Undone> {
        let mut found: BTreeMap<u32, Undone> = BTreeMap::new();
        let mut tell = |service: u32, n: usize, operation: u32, gain: f64, lack: Lack| {
            let undone = found.entry(service).or_default();
            undone.traces.insert(self.symptom.spans[n].trace_id);
            if gain > undone.surprise {
                (undone.surprise, undone.span) = (gain, Some(n));
                (undone.operation, undone.lack) = (operation, lack);
                undone.message = lack == Lack::Leaves && self.messages.contains(&operation);
            }
            if self.heralds(n, operation, lack) {
                undone.heralds.insert(self.symptom.spans[n].trace_id);
            }
        };
        let all = 0..self.symptom.spans.len();
        for n in all.filter(|n| !self.symptom.calls(*n, self.known.answers)) {
            let operation = kind(self.symptom, n);
            let well = self.symptom.went_well(n);
            let made = |it: usize| made(self.symptom, self.known, it);
            for ((_, below), gain) in missing.range((operation, 0)..=(operation, u32::MAX)) {
                let mut children = self.symptom.children(n);
                let lacks = !children.any(|it| made(it) == *below) && !self.asked(n, *below);
                if lacks && (well || self.heralds(n, *below, Lack::Leaves)) {
                    tell(self.symptom.service[n], n, *below, *gain, Lack::Leaves);
                }
            }
            if !well {
                continue;
            }
            let Some(last) = last(self.symptom, n) else {
                continue;
            };
            let below = made(last);
            if let Some(gain) = stops.get(&(operation, below))
                && let Some(service) = callee(self.symptom, self.known.answers, last)
            {
                tell(service, last, below, *gain, Lack::Stops);
            }
        }
        found
    }
}
