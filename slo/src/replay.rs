//! What an objective's rules would have done over stored counts.

use crate::{
    Counts, Ratio, Series, Slo,
    alert::{Change, Memory},
    duration,
    evaluate::{Evaluation, Moment},
    node::{self, Node},
    series::SLICE,
};
use model::api::slo::{Replay, ReplaySample, ReplayTransition};
use std::collections::BTreeMap;

/// Most evaluations of one replay.
pub const MOST_STEPS: i64 = 2_000_000;
/// Most slices that a file of counts may unfold to.
const MOST_SLICES: i64 = 10_000_000;

/// Which evaluations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// First, seconds.
    pub from: i64,
    /// Last, inclusive.
    pub to: i64,
    /// Between two, seconds.
    pub every: i64,
}

impl Steps {
    /// Checks that there are some, and not too many.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(self) -> Result<Self, String> {
        if self.every < 1 {
            return Err("the step must be at least 1s".to_owned());
        }
        let far = |at: i64| at.unsigned_abs() > 1 << 40;
        if far(self.from) || far(self.to) || self.every > 1 << 40 {
            return Err("a time is too far away: give seconds, not nanoseconds".to_owned());
        }
        if self.to < self.from {
            return Err(format!(
                "the end {} lies before the begin {}",
                self.to, self.from
            ));
        }
        let steps = self.to.saturating_sub(self.from) / self.every;
        if steps > MOST_STEPS {
            return Err(format!(
                "{steps} evaluations are more than {MOST_STEPS}: take a longer step or less time"
            ));
        }
        Ok(self)
    }
}

/// Evaluates at every step. `base` are the events; `coverage` is demanded unless the definition says
/// something else.
pub fn replay(slo: &Slo, base: &Series, steps: Steps, coverage: Ratio) -> Replay {
    let series = base.without(&slo.exclusions).by(&slo.method);
    replay_by(slo, &series, steps, coverage)
}

/// The same over a series that is counted by the objective's method already.
pub fn replay_by(slo: &Slo, series: &Series, steps: Steps, coverage: Ratio) -> Replay {
    let evaluation = Evaluation {
        slo,
        series,
        coverage: slo.coverage.unwrap_or(coverage),
    };
    let windows: Vec<(String, i64)> = shown_windows(slo);
    let mut memory = Memory::default();
    let mut last: BTreeMap<String, Change> = BTreeMap::new();
    let mut replay = Replay {
        slo: slo.name.clone(),
        ..Replay::default()
    };
    let shown = |to: &crate::alert::Transition| ReplayTransition {
        t: to.at,
        severity: to.severity.clone(),
        rule: to.rule.clone(),
        state: to.to.as_str().to_owned(),
    };
    let mut now = steps.from;
    while now <= steps.to {
        let moment = Moment::complete(now);
        replay.samples.push(sample(&evaluation, moment, &windows));
        let changes = memory.step(&evaluation, moment);
        for change in &changes.rules {
            // What was quiet and known for a while without a change is not told, so neither is the return of
            // not knowing.
            let before = last.insert(change.rule.clone(), change.to);
            if before != Some(change.to) || change.to != Change::Unknown {
                replay.transitions.push(shown(change));
            }
        }
        replay
            .severity_transitions
            .extend(changes.severities.iter().map(shown));
        now += steps.every;
    }
    replay.summary = summary(&replay);
    replay
}

/// The windows of the rules, and those of the workbook, by name.
fn shown_windows(slo: &Slo) -> Vec<(String, i64)> {
    let mut windows = slo.windows();
    windows.extend([300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200]);
    windows.sort_unstable();
    windows.dedup();
    windows
        .into_iter()
        .map(|it| (duration::words(it), it))
        .collect()
}

/// The numbers of one evaluation.
fn sample(evaluation: &Evaluation<'_>, moment: Moment, windows: &[(String, i64)]) -> ReplaySample {
    let budget = evaluation.budget(moment);
    let burn = |(name, seconds): &(String, i64)| (name.clone(), evaluation.burn(moment, *seconds));
    let unit = evaluation.series.unit().max(1);
    ReplaySample {
        t: moment.now,
        burn: windows.iter().map(burn).collect(),
        total: budget.counts.total / unit,
        bad: (budget.counts.bad + unit / 2) / unit,
        sli: budget.sli,
        budget_allowed: budget.remaining.map(|_| budget.allowed),
        budget_remaining: budget.remaining,
    }
}

fn summary(replay: &Replay) -> String {
    let mut fired: BTreeMap<&str, usize> = BTreeMap::new();
    let firing = Change::Firing.as_str();
    for change in replay
        .severity_transitions
        .iter()
        .filter(|it| it.state == firing)
    {
        *fired.entry(&change.severity).or_default() += 1;
    }
    if fired.is_empty() {
        return "would not have alerted".to_owned();
    }
    let times = |count: usize| match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    };
    let words: Vec<String> = fired
        .iter()
        .map(|(severity, count)| match *severity {
            "page" => format!("would have paged {}", times(*count)),
            "ticket" => format!("would have opened a ticket {}", times(*count)),
            other => format!("would have fired {other} {}", times(*count)),
        })
        .collect();
    words.join(" and ")
}

/// Counts from a file: `[{from, to, total, bad}]` in seconds, where `total` and `bad` are those of each
/// slice of 60 s in `[from, to)`, or of one slice every `every_s`. Also `{series: […], slice_s}`. Begin
/// and end are those of the file. Ranges come in any order and do not overlap.
///
/// # Errors
/// What is wrong and on which line.
pub fn counts(text: &str) -> Result<(Series, Steps), String> {
    let documents = node::parse(text).map_err(|error| error.to_string())?;
    let document = documents.first().ok_or("the file is empty")?;
    let (slice, items) = match document.get("series") {
        Some(series) => (whole(document, "slice_s")?.unwrap_or(SLICE), series.items()),
        None => (SLICE, document.items()),
    };
    if !(1..=86_400).contains(&slice) {
        return Err(format!("slice_s is {slice}: give seconds from 1 to 86400"));
    }
    let mut all: BTreeMap<i64, Counts> = BTreeMap::new();
    let mut ranges: Vec<(i64, i64, u64)> = Vec::new();
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for item in items {
        let line = item.line;
        let need =
            |key: &str| whole(item, key)?.ok_or_else(|| format!("line {line}: there is no {key}"));
        let (from, to, total, bad) = (need("from")?, need("to")?, need("total")?, need("bad")?);
        let every = whole(item, "every_s")?.unwrap_or(slice);
        if to <= from || every < slice || total < 0 || bad < 0 || bad > total {
            return Err(format!(
                "line {line}: give from < to, every_s of at least {slice}, and 0 <= bad <= total"
            ));
        }
        if to.abs().max(from.abs()) > 1 << 40 || (to - from) / every > MOST_SLICES {
            return Err(format!("line {line}: from {from} to {to} is too long"));
        }
        (first, last) = (first.min(from), last.max(to));
        ranges.push((from, to, line));
        let add = Counts {
            total: total.unsigned_abs(),
            bad: bad.unsigned_abs(),
        };
        let mut start = from;
        while start < to {
            let held = all.entry(start).or_default();
            *held = held.plus(add);
            start += every;
        }
        if all.len() as i64 > MOST_SLICES {
            return Err("the file unfolds to more than 10 million slices".to_owned());
        }
    }
    if all.is_empty() {
        return Err(
            "there are no counts: give [{\"from\", \"to\", \"total\", \"bad\"}]".to_owned(),
        );
    }
    apart(ranges)?;
    let steps = Steps {
        from: first,
        to: last,
        every: SLICE,
    };
    Ok((Series::new(slice, &all, Some(first)), steps))
}

/// Ranges may come in any order. What two of them count is counted twice or once: nobody can know which.
fn apart(mut ranges: Vec<(i64, i64, u64)>) -> Result<(), String> {
    ranges.sort_unstable();
    let Some(pair) = ranges.windows(2).find(|pair| pair[1].0 < pair[0].1) else {
        return Ok(());
    };
    let words = |(from, to, line): (i64, i64, u64)| format!("from {from} to {to} (line {line})");
    Err(format!(
        "the range {} overlaps the range {}: give every second once",
        words(pair[1]),
        words(pair[0])
    ))
}

/// A whole number below a key.
fn whole(node: &Node, key: &str) -> Result<Option<i64>, String> {
    let Some(text) = node.text_of(key) else {
        return Ok(None);
    };
    let read = Ratio::parse(text).filter(|it| it.den() == 1);
    let number = read.and_then(|it| i64::try_from(it.num()).ok());
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(format!(
            "line {}: {key} is {text:?}, which is no whole number",
            node.line
        )),
    }
}
