//! Log templates by presence: how likely one is in a trace that touched the service, or in a slice of time where lines
//! name no trace.

use super::{Line, Period};
use crate::case::text;
use model::TraceId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Slices in which lines without a trace are counted, nanoseconds.
const SLICE: i64 = 10_000_000_000;
/// Templates that are told apart.
const MOST_TEMPLATES: usize = 50_000;

/// Lines that speak against a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Loud {
    /// Twice the log-likelihood ratio of the most telling template.
    pub surprise: f64,
    /// It speaks of a failure.
    pub failure: bool,
    /// A line that shows it.
    pub line: Option<usize>,
}

/// Where a line counts: in its trace, or in its slice of time.
fn place(line: &Line) -> (TraceId, i64) {
    match line.trace_id.is_zero() {
        true => (TraceId::default(), line.time.0 / SLICE),
        false => (line.trace_id, 0),
    }
}

#[derive(Default)]
struct Presence {
    places: HashSet<(TraceId, i64)>,
    count: u64,
    severity: u8,
    line: usize,
}

/// A service, a template, and whether its lines name traces.
type Key = (String, String, bool);

struct Counted {
    templates: BTreeMap<Key, Presence>,
    touched: HashMap<(String, bool), HashSet<(TraceId, i64)>>,
}

fn count(period: &Period) -> Counted {
    let mut counted = Counted {
        templates: BTreeMap::new(),
        touched: HashMap::new(),
    };
    for span in &period.spans {
        let of = counted
            .touched
            .entry((span.service.clone(), true))
            .or_default();
        of.insert((span.trace_id, 0));
    }
    for (n, line) in period.lines.iter().enumerate() {
        let (place, traced) = (place(line), !line.trace_id.is_zero());
        let of = counted
            .touched
            .entry((line.service.clone(), traced))
            .or_default();
        of.insert(place);
        if counted.templates.len() >= MOST_TEMPLATES {
            continue;
        }
        let key = (line.service.clone(), text::template(&line.body), traced);
        let presence = counted.templates.entry(key).or_insert_with(|| Presence {
            line: n,
            ..Presence::default()
        });
        presence.places.insert(place);
        presence.count += 1;
        presence.severity = presence.severity.max(line.severity);
    }
    counted
}

/// The most telling template of each service.
pub(super) fn loud(symptom: &Period, baseline: &Period) -> BTreeMap<String, Loud> {
    let (now, before) = (count(symptom), count(baseline));
    let touched = |of: &Counted, key: &Key| {
        let of = of.touched.get(&(key.0.clone(), key.2));
        of.map_or(0, HashSet::len) as f64
    };
    let mut found: BTreeMap<String, Loud> = BTreeMap::new();
    for (key, presence) in &now.templates {
        let (k, n) = (presence.places.len() as f64, touched(&now, key));
        let usual = before.templates.get(key);
        let (j, m) = (
            usual.map_or(0, |it| it.places.len()) as f64,
            touched(&before, key),
        );
        // A service of which nothing is known before tells nothing new.
        if m < 1.0 && !before.touched.is_empty() {
            continue;
        }
        let line = &symptom.lines[presence.line];
        let failure = presence.severity >= 17 || speaks_of_failure(&line.body);
        let weight = if failure { 1.0 } else { 0.2 };
        let often = usual.map_or(0, |it| it.count) as f64 * n / m.max(1.0) + 1.0;
        let gain = presence_gain(k, n, j, m).max(count_gain(presence.count as f64, often)) * weight;
        let entry = found.entry(key.0.clone()).or_default();
        if gain > entry.surprise {
            *entry = Loud {
                surprise: gain,
                failure,
                line: Some(presence.line),
            };
        }
    }
    found
}

/// Twice the log-likelihood ratio of being in `k` of `n` places after `j` of `m`.
fn presence_gain(k: f64, n: f64, j: f64, m: f64) -> f64 {
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
