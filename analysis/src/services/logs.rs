//! Log templates by presence: how likely one is in a trace that touched the service, or in a slice of time where lines
//! name no trace.

use super::{Line, Period};
use crate::case::text;
use model::TraceId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Slices in which lines without a trace are counted, nanoseconds.
const SLICE: i64 = 10_000_000_000;

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
    severity: u8,
    line: usize,
}

struct Counted {
    templates: BTreeMap<(String, String), Presence>,
    touched: HashMap<String, HashSet<(TraceId, i64)>>,
}

fn count(period: &Period) -> Counted {
    let mut counted = Counted {
        templates: BTreeMap::new(),
        touched: HashMap::new(),
    };
    for span in &period.spans {
        counted
            .touched
            .entry(span.service.clone())
            .or_default()
            .insert((span.trace_id, 0));
    }
    for (n, line) in period.lines.iter().enumerate() {
        let place = place(line);
        counted
            .touched
            .entry(line.service.clone())
            .or_default()
            .insert(place);
        let key = (line.service.clone(), text::template(&line.body));
        let presence = counted.templates.entry(key).or_insert_with(|| Presence {
            line: n,
            ..Presence::default()
        });
        presence.places.insert(place);
        presence.severity = presence.severity.max(line.severity);
    }
    counted
}

/// The most telling template of each service.
pub(super) fn loud(symptom: &Period, baseline: &Period) -> BTreeMap<String, Loud> {
    let (now, before) = (count(symptom), count(baseline));
    let touched =
        |of: &Counted, service: &str| of.touched.get(service).map_or(0, HashSet::len) as f64;
    let mut found: BTreeMap<String, Loud> = BTreeMap::new();
    for ((service, template), presence) in &now.templates {
        let (k, n) = (presence.places.len() as f64, touched(&now, service));
        let usual = before.templates.get(&(service.clone(), template.clone()));
        let (j, m) = (
            usual.map_or(0, |it| it.places.len()) as f64,
            touched(&before, service),
        );
        if m < 1.0 && !before.touched.is_empty() && before.touched.len() > 1 {
            continue;
        }
        let (p, q) = ((k + 0.5) / (n + 1.0), (j + 0.5) / (m + 1.0));
        if p <= q * 1.5 {
            continue;
        }
        let line = &symptom.lines[presence.line];
        let failure = presence.severity >= 17 || speaks_of_failure(&line.body);
        let gain =
            2.0 * (k * (p / q).ln() + (n - k) * ((1.0 - p).max(1e-9) / (1.0 - q).max(1e-9)).ln());
        let weight = if failure { 1.0 } else { 0.2 };
        let entry = found.entry(service.clone()).or_default();
        if gain * weight > entry.surprise {
            *entry = Loud {
                surprise: gain * weight,
                failure,
                line: Some(presence.line),
            };
        }
    }
    found
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
