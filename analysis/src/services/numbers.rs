//! Numbers that a service tells, in its lines and in attributes of its spans, and that have left the range in which they
//! always were: a price that is negative, a share that is nineteen, ten thousand rows where there were fifty.
//!
//! Alone they accuse nobody: a larger basket is a larger basket. But where somebody fails in just those traces, the number
//! is what it failed of ([`super::hints`]). Times, states of pools and queues, codes and ports are no such numbers: they
//! turn for others' sake.

use super::logs::presence_gain;
use super::tree::{Names, Trees};
use super::{Hop, Line, Period};
use crate::case::text;
use model::TraceId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Traces in which a number was told in the healthy period, at least.
const LEAST: usize = 10;
/// Share of the traces that may lie out of the range at each end.
const RARE: f64 = 0.02;
/// How many times as large as the largest, or as small as the smallest, a number is out of its range.
const FAR: f64 = 3.0;
/// Twice the log-likelihood ratio above which that is more than chance.
const MORE_THAN_CHANCE: f64 = 12.0;
/// Parts of a line, and kinds of numbers, that are looked at.
const MOST_PARTS: usize = 40;
const MOST_KINDS: usize = 20_000;
/// Traces of one kind of number, and numbers in all, that are looked at.
const MOST_TRACES: usize = 20_000;
const MOST_NUMBERS: usize = 4_000_000;

/// How a number has turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// It is nothing, and always was something.
    Nothing,
    /// It is negative, and never was.
    Negative,
    /// It is much smaller than the smallest.
    Smaller,
    /// It is much larger than the largest.
    Larger,
    /// It is a size, and much larger.
    Grown,
}

/// A number that has turned.
#[derive(Debug)]
pub(super) struct Turned {
    pub service: u32,
    pub how: Turn,
    /// Traces in which it has, and traces in which it is told.
    pub traces: HashSet<TraceId>,
    pub seen: HashSet<TraceId>,
    /// Where it is told: a line, or a span.
    pub line: Option<usize>,
    pub span: Option<usize>,
}

/// What tells a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Teller {
    /// How a line begins, of how many parts it is, and which of them it is.
    Line(String, usize, usize),
    /// An operation's attribute.
    Span(u32, Arc<str>),
}

/// The numbers of a teller: the least and the most of each trace, and one who told it.
#[derive(Default)]
struct Range {
    of: HashMap<TraceId, (f64, f64, usize)>,
    size: bool,
}

impl Range {
    fn add(&mut self, trace: TraceId, value: f64, at: usize) {
        let of = self.of.entry(trace).or_insert((value, value, at));
        // One that is none makes the trace's none.
        let least = if value.is_nan() || of.0.is_nan() {
            f64::NAN
        } else {
            of.0.min(value)
        };
        *of = (least, of.1.max(value), of.2);
    }

    /// Least and most, but for the few that lie far out now and then.
    fn ends(&self) -> (f64, f64) {
        let rank = (self.of.len() as f64 * RARE) as usize;
        let end = |of: &dyn Fn(&(f64, f64, usize)) -> f64| {
            let mut all: Vec<f64> = self.of.values().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(rank).copied().unwrap_or_default()
        };
        (end(&|it| it.0), -end(&|it| -it.1))
    }

    /// Traces in which the number is out of a range in a way.
    fn out(&self, ends: (f64, f64), how: Turn) -> usize {
        let all = self.of.values();
        all.filter(|it| out((it.0, it.1), ends, self.size) == Some(how))
            .count()
    }
}

type Numbers = BTreeMap<(u32, Teller), Range>;

/// Words of names and of what stands before a number that is no amount of the business.
const NONE: [&str; 46] = [
    "time",
    "duration",
    "latency",
    "elapsed",
    "took",
    "delay",
    "wait",
    "timeout",
    "age",
    "ttl",
    "millis",
    "second",
    "port",
    "pid",
    "thread",
    "line",
    "status",
    "code",
    "attempt",
    "retry",
    "retries",
    "offset",
    "partition",
    "lag",
    "queue",
    "active",
    "idle",
    "pending",
    "backlog",
    "pool",
    "connections",
    "heap",
    "memory",
    "gc",
    "cpu",
    "load",
    "uptime",
    "version",
    "build",
    "seq",
    "sequence",
    "lineno",
    "year",
    "worker",
    "epoch",
    "sampl",
];
/// Words of names of sizes.
const SIZES: [&str; 14] = [
    "rows",
    "size",
    "bytes",
    "length",
    "count",
    "items",
    "records",
    "entries",
    "documents",
    "results",
    "hits",
    "lines",
    "elements",
    "pages",
];
/// Units that make a number a time.
const UNITS: [&str; 15] = [
    "ms",
    "s",
    "sec",
    "secs",
    "us",
    "ns",
    "min",
    "seconds",
    "second",
    "minutes",
    "hours",
    "days",
    "millis",
    "milliseconds",
    "m",
];

/// What stands where there is no number.
const NO_NUMBER: [&str; 7] = ["null", "nil", "None", "NaN", "nan", "undefined", "N/A"];

/// True for a name of which one word, or the beginning of one, is among these.
fn speaks_of(name: &str, words: &[&str]) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
    parts.any(|part| {
        words
            .iter()
            .any(|it| part == *it || it.len() > 3 && (part.starts_with(it) || part.ends_with(it)))
    })
}

/// True for an attribute whose number may be an amount of the business.
pub fn is_amount(name: &str) -> bool {
    const TECHNICAL: [&str; 9] = [
        "http.", "net.", "rpc.", "thread.", "process.", "code.", "server.", "client.", "network.",
    ];
    !speaks_of(name, &NONE) && !TECHNICAL.iter().any(|it| name.starts_with(it))
}

/// The numbers that stand by themselves in a line: which part of how many, value, and whether it is a size.
fn in_line(body: &str) -> (usize, Vec<(usize, f64, bool)>) {
    let parts: Vec<&str> = text::shortened_parts(body)
        .filter(|it| !it.is_empty())
        .take(MOST_PARTS)
        .collect();
    let mut found = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let Some(value) = number(part) else {
            continue;
        };
        let before = n.checked_sub(1).map_or("", |it| parts[it]);
        let after = parts.get(n + 1).copied().unwrap_or_default();
        let unit = after.trim_end_matches('.').to_ascii_lowercase();
        if !speaks_of(before, &NONE) && !UNITS.contains(&unit.as_str()) {
            let size = speaks_of(before, &SIZES) || speaks_of(after, &SIZES);
            found.push((n, value, size));
        }
    }
    (parts.len(), found)
}

/// A plain number, with or without a sign.
fn number(part: &str) -> Option<f64> {
    let bare = part
        .trim_start_matches(':')
        .trim_end_matches([':', '.', '%']);
    if NO_NUMBER.contains(&bare) {
        return Some(f64::NAN);
    }
    let digits = bare.strip_prefix(['-', '+']).unwrap_or(bare);
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    // Longer ones are names of things.
    let short = digits.len() <= 15 || bare.starts_with('-');
    (plain && short).then(|| bare.parse().ok()).flatten()
}

/// A line with what varies taken out; what stands for a number that there is not varies like one.
pub(super) fn template(body: &str) -> String {
    let template = text::template(body);
    if !NO_NUMBER.iter().any(|it| body.contains(it)) {
        return template;
    }
    let words = template.split(' ').map(|it| {
        match NO_NUMBER.contains(&it.trim_end_matches([',', ';', '.'])) {
            true => "<*>",
            false => it,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How a line begins: what it says of itself, without what varies.
fn beginning(body: &str) -> String {
    template(body)
        .split(' ')
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The numbers of a period.
fn numbers(period: &Period, trees: &Trees, names: &mut Names) -> Numbers {
    let mut all = Numbers::new();
    let mut left = MOST_NUMBERS;
    let mut note = |key: (u32, Teller), size: bool, of: (TraceId, f64, usize)| {
        if left > 0 && (all.len() < MOST_KINDS || all.contains_key(&key)) {
            let range = all.entry(key).or_default();
            range.size |= size;
            if range.of.len() < MOST_TRACES {
                left -= 1;
                range.add(of.0, of.1, of.2);
            }
        }
    };
    for (n, line) in period.lines.iter().enumerate() {
        // What is said of a failure tells what was refused, and by whom it was made is another question.
        if line.trace_id.is_zero() || line.severity >= 17 || !may_tell(line) {
            continue;
        }
        let (parts, found) = in_line(&line.body);
        if found.is_empty() {
            continue;
        }
        let (service, begins) = (names.service(&line.service), beginning(&line.body));
        for (at, value, size) in found {
            let teller = Teller::Line(begins.clone(), parts, at);
            note((service, teller), size, (line.trace_id, value, n));
        }
    }
    for (n, span) in period.spans.iter().enumerate() {
        for (name, value) in amounts(span) {
            let teller = Teller::Span(trees.operation[n], name.clone());
            let size = speaks_of(name, &SIZES);
            note((trees.service[n], teller), size, (span.trace_id, *value, n));
        }
    }
    all
}

fn may_tell(line: &Line) -> bool {
    let digits = line.body.bytes().any(|it| it.is_ascii_digit());
    digits || NO_NUMBER.iter().any(|it| line.body.contains(it))
}

fn amounts(span: &Hop) -> impl Iterator<Item = &(Arc<str>, f64)> {
    span.amounts.iter().filter(|it| is_amount(&it.0))
}

/// How a number lies out of a range.
fn out((least, most): (f64, f64), (from, to): (f64, f64), size: bool) -> Option<Turn> {
    if from.is_nan() || to.is_nan() {
        return None;
    }
    if least.is_nan() {
        return Some(Turn::Nothing);
    }
    if least < 0.0 && from >= 0.0 {
        return Some(Turn::Negative);
    }
    if least == 0.0 && from > 0.0 {
        return Some(Turn::Nothing);
    }
    if to > 0.0 && most > FAR * to {
        return Some(if size { Turn::Grown } else { Turn::Larger });
    }
    (from > 0.0 && least < from / FAR).then_some(Turn::Smaller)
}

/// The numbers that have left their range.
pub(super) fn turned(
    [symptom, baseline]: [&Period; 2],
    [now, before]: [&Trees; 2],
    names: &mut Names,
) -> Vec<Turned> {
    let usual = numbers(baseline, before, names);
    let now = numbers(symptom, now, names);
    let mut found = Vec::new();
    for (key, range) in &now {
        let Some(usual) = usual.get(key).filter(|it| it.of.len() >= LEAST) else {
            continue;
        };
        let ends = usual.ends();
        let mut by_turn: BTreeMap<Turn, (HashSet<TraceId>, usize)> = BTreeMap::new();
        for (trace, (least, most, at)) in &range.of {
            if let Some(turn) = out((*least, *most), ends, range.size) {
                let of = by_turn.entry(turn).or_insert((HashSet::new(), *at));
                of.0.insert(*trace);
                of.1 = of.1.min(*at);
            }
        }
        for (how, (traces, at)) in by_turn {
            let (k, n) = (traces.len() as f64, range.of.len() as f64);
            let j = usual.out(ends, how) as f64;
            if presence_gain(k, n, j, usual.of.len() as f64) < MORE_THAN_CHANCE {
                continue;
            }
            let line = matches!(key.1, Teller::Line(..));
            found.push(Turned {
                service: key.0,
                how,
                traces,
                seen: range.of.keys().copied().collect(),
                line: line.then_some(at),
                span: (!line).then_some(at),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lines_are_amounts_or_are_left() {
        let check = |body: &str, expect: &[(f64, bool)]| {
            let (_, found) = in_line(body);
            let found: Vec<(f64, bool)> = found.iter().map(|it| (it.1, it.2)).collect();
            assert_eq!(found, expect, "{body}");
        };
        check("price of order 7-12: -1.25 EUR", &[(-1.25, false)]);
        check("quote amount=12.5, tax=0.0", &[(12.5, false), (0.0, false)]);
        check(r#"{"msg":"quoted","total":17.5}"#, &[(17.5, false)]);
        check("took 350 ms for 12 rows", &[(12.0, true)]);
        check("POST /pay status=200 duration=31", &[]);
        check("pool of size 5 (active=5, idle=0)", &[(5.0, true)]);
        check("trace 83645928374659283746", &[]);
    }

    #[test]
    fn what_is_out_of_a_range() {
        let check = |value: f64, range: (f64, f64), expect: Option<Turn>| {
            assert_eq!(
                out((value, value), range, false),
                expect,
                "{value} {range:?}"
            );
        };
        check(-1.0, (3.0, 90.0), Some(Turn::Negative));
        check(-1.0, (-3.0, 90.0), None);
        check(0.0, (3.0, 90.0), Some(Turn::Nothing));
        check(0.0, (0.0, 90.0), None);
        check(19.0, (0.01, 0.97), Some(Turn::Larger));
        check(130.0, (3.0, 90.0), None);
        check(0.09, (3.0, 90.0), Some(Turn::Smaller));
    }
}
