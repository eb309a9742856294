//! Log templates by presence: how likely one is in a trace that touched the service, or in a slice of time where lines
//! name no trace. New ones speak of failures, those that stay away of work that was not done.

use super::tree::{Names, Trees};
use super::{Line, Period, errors, numbers};
use crate::case::text;
use model::TraceId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Slices in which lines without a trace are counted, nanoseconds.
pub(super) const SLICE: i64 = 10_000_000_000;
/// Templates that are told apart.
const MOST_TEMPLATES: usize = 50_000;
/// Operations of a service that are told apart in a trace.
const MOST_OPERATIONS: usize = 32;
/// Traces that are looked at for lines that stay away, over all templates.
const MOST_WORK: usize = 300_000_000;
/// A template that is in fewer traces is not expected.
const LEAST_PLACES: usize = 10;
/// Twice the log-likelihood ratio above which a template is new.
const FRESH: f64 = 12.0;
/// Share of the likeliest operation's from which a line may as well be another's of the same traces: then it is missed
/// only where both took place.
const AS_LIKELY: f64 = 0.9;
/// A template that is less likely in the traces of an operation is not expected there.
const USUAL: f64 = 0.5;

/// Lines that speak against a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Loud {
    /// Twice the log-likelihood ratio of the most telling template.
    pub surprise: f64,
    /// It speaks of a failure.
    pub failure: bool,
    /// A line that shows it.
    pub line: Option<usize>,
    /// Another service that it complains of.
    pub blames: Option<u32>,
    /// Traces it is in.
    pub traces: HashSet<TraceId>,
}

/// A line that stays away.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent {
    /// Twice the log-likelihood ratio.
    pub surprise: f64,
    /// The line in the healthy period.
    pub line: usize,
    /// A trace without it.
    pub traces: HashSet<TraceId>,
}

/// Where a line counts: in its trace, or in its slice of time.
pub(super) type Place = (TraceId, i64);

fn place(line: &Line) -> Place {
    match line.trace_id.is_zero() {
        true => (TraceId::default(), line.time.0 / SLICE),
        false => (line.trace_id, 0),
    }
}

#[derive(Default)]
pub(super) struct Presence {
    places: HashSet<Place>,
    count: u64,
    severity: u8,
    line: usize,
}

/// A service, a template, and whether its lines name traces.
type Key = (u32, String, bool);

/// Templates of a period, and what each service touched.
pub(super) struct Counted {
    templates: BTreeMap<Key, Presence>,
    touched: HashMap<(u32, bool), HashSet<Place>>,
}

/// Counts the templates of a period.
pub(super) fn count(period: &Period, trees: &Trees, names: &mut Names) -> Counted {
    let mut counted = Counted {
        templates: BTreeMap::new(),
        touched: HashMap::new(),
    };
    // Only services that log in traces are asked in which traces they were.
    let traced = period.lines.iter().filter(|it| !it.trace_id.is_zero());
    let traced: HashSet<u32> = traced.map(|it| names.service(&it.service)).collect();
    for (n, span) in period.spans.iter().enumerate() {
        if traced.contains(&trees.service[n]) {
            let of = counted.touched.entry((trees.service[n], true)).or_default();
            of.insert((span.trace_id, 0));
        }
    }
    for (n, line) in period.lines.iter().enumerate() {
        let (place, traced) = (place(line), !line.trace_id.is_zero());
        let service = names.service(&line.service);
        let of = counted.touched.entry((service, traced)).or_default();
        of.insert(place);
        let key = (service, numbers::template(&line.body), traced);
        if counted.templates.len() >= MOST_TEMPLATES && !counted.templates.contains_key(&key) {
            continue;
        }
        note(&mut counted.templates, key, n, line);
    }
    counted
}

fn note(all: &mut BTreeMap<Key, Presence>, key: Key, n: usize, line: &Line) {
    let presence = all.entry(key).or_insert_with(|| Presence {
        line: n,
        ..Presence::default()
    });
    presence.places.insert(place(line));
    presence.count += 1;
    presence.severity = presence.severity.max(line.severity);
}

/// The most telling new template of each service.
pub(super) fn loud(
    now: &Counted,
    before: &Counted,
    symptom: &Period,
    names: &Names,
) -> BTreeMap<u32, Loud> {
    let touched = |of: &Counted, key: &Key| {
        let of = of.touched.get(&(key.0, key.2));
        of.map_or(0, HashSet::len) as f64
    };
    let mut found: BTreeMap<u32, Loud> = BTreeMap::new();
    let (all_now, all_before) = (places(now), places(before));
    for (key, presence) in &now.templates {
        let (k, mut n) = (presence.places.len() as f64, touched(now, key));
        let usual = before.templates.get(key);
        let (j, mut m) = (
            usual.map_or(0, |it| it.places.len()) as f64,
            touched(before, key),
        );
        let line = &symptom.lines[presence.line];
        let failure = presence.severity >= 17 || speaks_of_failure(&line.body);
        if m < 1.0 && !before.touched.is_empty() {
            // A service of which nothing is known before tells nothing new, unless it is there to complain: then of all
            // places, those in which it does count.
            if !failure {
                continue;
            }
            (n, m) = (all_now[usize::from(key.2)], all_before[usize::from(key.2)]);
        }
        let refuses = errors::nonsense(&line.body);
        let weight = if failure && !refuses { 1.0 } else { 0.2 };
        let often = usual.map_or(0, |it| it.count) as f64 * n / m.max(1.0) + 1.0;
        let gain = presence_gain(k, n, j, m).max(count_gain(presence.count as f64, often)) * weight;
        let entry = found.entry(key.0).or_default();
        let traces = presence
            .places
            .iter()
            .map(|it| it.0)
            .filter(|it| !it.is_zero());
        if gain > 6.0 && failure && !refuses {
            entry.traces.extend(traces);
        }
        if gain > entry.surprise {
            entry.surprise = gain;
            entry.failure = failure && !refuses;
            entry.line = Some(presence.line);
            entry.blames = errors::named(names, key.0, &line.body);
        }
    }
    found
}

/// A template that was not there before, whatever it says.
pub(super) struct Fresh<'a> {
    pub service: u32,
    pub places: &'a HashSet<Place>,
    pub count: f64,
    pub line: usize,
}

/// Templates that are new.
pub(super) fn fresh<'a>(now: &'a Counted, before: &Counted) -> Vec<Fresh<'a>> {
    let touched = |of: &Counted, key: &Key| {
        let of = of.touched.get(&(key.0, key.2));
        of.map_or(0, HashSet::len) as f64
    };
    let new = now.templates.iter().filter(|(key, presence)| {
        let (k, n, m) = (
            presence.places.len() as f64,
            touched(now, key),
            touched(before, key),
        );
        !before.templates.contains_key(*key) && presence_gain(k, n, 0.0, m) > FRESH
    });
    let fresh = new.map(|(key, presence)| Fresh {
        service: key.0,
        places: &presence.places,
        count: presence.count as f64,
        line: presence.line,
    });
    fresh.collect()
}

/// The most telling template of each service that stays away from traces of an operation in which it always was.
/// Operations that failed do not count: what comes after a failure is missing anyhow.
pub(super) fn silent(
    (now, symptom): (&Counted, &Trees),
    (before, baseline): (&Counted, &Trees),
) -> BTreeMap<u32, Silent> {
    let (well, usual) = (operations(symptom), operations(baseline));
    let mut work = MOST_WORK;
    let mut found: BTreeMap<u32, Silent> = BTreeMap::new();
    for (key, presence) in before.templates.iter().filter(|it| it.0.2) {
        if presence.places.len() < LEAST_PLACES {
            continue;
        }
        let Some((all, with)) = home(&usual, key.0, presence) else {
            continue;
        };
        let had = usual.with(&all).len() as f64;
        let here = well.with(&all);
        work = work.saturating_sub(here.len());
        if work == 0 {
            break;
        }
        let still = now.templates.get(key);
        let lacks = |it: &&TraceId| !still.is_some_and(|still| still.places.contains(&(**it, 0)));
        let missing: HashSet<TraceId> = here.iter().filter(lacks).copied().collect();
        let gain = presence_gain(missing.len() as f64, here.len() as f64, had - with, had);
        let entry = found.entry(key.0).or_default();
        if gain > 6.0 {
            entry.traces.extend(missing);
        }
        if gain > entry.surprise {
            (entry.surprise, entry.line) = (gain, presence.line);
        }
    }
    found
}

/// The operation in whose traces a template usually is, with those that are as likely its home, and in how many.
fn home(usual: &Operations, service: u32, presence: &Presence) -> Option<(Vec<u32>, f64)> {
    let mut with: BTreeMap<u32, f64> = BTreeMap::new();
    for (trace, _) in &presence.places {
        for operation in usual.of.get(&(service, *trace)).into_iter().flatten() {
            *with.entry(*operation).or_default() += 1.0;
        }
    }
    let share = |it: &(u32, f64)| it.1 / usual.traces.get(&it.0).map_or(1, HashSet::len) as f64;
    let often = with
        .into_iter()
        .filter(|it| it.1 >= LEAST_PLACES as f64 && share(it) > USUAL);
    let often: Vec<(u32, f64)> = often.collect();
    let most = often.iter().map(share).fold(0.0, f64::max);
    let homes = often.iter().filter(|it| share(it) >= AS_LIKELY * most);
    let count = often.iter().map(|it| it.1).fold(f64::INFINITY, f64::min);
    let homes: Vec<u32> = homes.map(|it| it.0).collect();
    (!homes.is_empty()).then_some((homes, count))
}

impl Operations {
    /// The traces in which all of some operations went well.
    fn with(&self, all: &[u32]) -> HashSet<TraceId> {
        let mut of = all.iter().map(|it| self.traces.get(it));
        let mut both = of.next().flatten().cloned().unwrap_or_default();
        for other in of {
            both.retain(|it| other.is_some_and(|other| other.contains(it)));
        }
        both
    }
}

/// Traces in which operations went well, and the operations of a service in a trace.
#[derive(Default)]
struct Operations {
    traces: HashMap<u32, HashSet<TraceId>>,
    of: HashMap<(u32, TraceId), Vec<u32>>,
}

fn operations(trees: &Trees) -> Operations {
    let mut found = Operations::default();
    for (n, span) in trees.spans.iter().enumerate() {
        if !trees.went_well(n) {
            continue;
        }
        let operation = trees.operation[n];
        let of = found
            .of
            .entry((trees.service[n], span.trace_id))
            .or_default();
        if of.len() < MOST_OPERATIONS && !of.contains(&operation) {
            of.push(operation);
            let traces = found.traces.entry(operation).or_default();
            traces.insert(span.trace_id);
        }
    }
    found
}

/// How many slices of time, and how many traces, any service touched.
fn places(of: &Counted) -> [f64; 2] {
    [false, true].map(|traced| {
        let touched = of.touched.iter().filter(|it| it.0.1 == traced);
        let all: HashSet<&Place> = touched.flat_map(|it| it.1).collect();
        all.len() as f64
    })
}

/// Twice the log-likelihood ratio of being in `k` of `n` places after `j` of `m`.
pub(super) fn presence_gain(k: f64, n: f64, j: f64, m: f64) -> f64 {
    let (p, q) = ((k + 0.5) / (n + 1.0), (j + 0.5) / (m + 1.0));
    if p <= q * 1.5 {
        return 0.0;
    }
    2.0 * (k * (p / q).ln() + (n - k) * ((1.0 - p).max(1e-9) / (1.0 - q).max(1e-9)).ln())
}

/// The same of being written so often where so much was expected. Lines come in bursts, so it counts a tenth.
fn count_gain(count: f64, expected: f64) -> f64 {
    if count <= expected * 2.0 {
        return 0.0;
    }
    0.2 * (count * (count / expected).ln() - (count - expected))
}

/// Words of failure where no severity is given.
pub(super) fn speaks_of_failure(body: &str) -> bool {
    let lower = text::shortened(body).to_lowercase();
    const WORDS: [&str; 12] = [
        "error",
        "exception",
        "fail",
        "fatal",
        "panic",
        "traceback",
        "refused",
        "timeout",
        "timed out",
        "denied",
        "killed",
        "unavailable",
    ];
    WORDS.iter().any(|word| lower.contains(word))
}
