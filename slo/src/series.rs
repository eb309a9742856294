//! Counts per slice of time, in a form in which any window is two look-ups.

use crate::definition::{Empty, Exclusion, Method, Slices};
use std::collections::BTreeMap;

/// Length of a slice in which events are counted, seconds.
pub const SLICE: i64 = 60;

/// Valid and bad events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Valid ones.
    pub total: u64,
    /// Bad ones.
    pub bad: u64,
}

impl Counts {
    /// Both together.
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            total: self.total.saturating_add(other.total),
            bad: self.bad.saturating_add(other.bad),
        }
    }
}

/// Counts by slice. Slices without events are not held.
///
/// A slice `[t, t + length)` holds its events at its middle: a window `[from, to)` has it when the middle
/// lies in it. With evaluations at whole slices that is all of the slice or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Series {
    length: i64,
    /// First second of each slice, ascending.
    starts: Vec<i64>,
    /// Sums up to and including each slice.
    sums: Vec<Counts>,
    /// When data begins; before it nothing is known.
    known_from: Option<i64>,
    /// What a slice without events is from `known_from` on, if it counts.
    empty: Option<Empty>,
    /// What one slice counts, where slices are counted.
    unit: u64,
    /// Stretches that do not count, `[from, to)`, ascending and apart.
    gone: Vec<(i64, i64)>,
}

impl Series {
    /// A series of slices of this length, seconds, from counts by first second.
    pub fn new(length: i64, counts: &BTreeMap<i64, Counts>, known_from: Option<i64>) -> Self {
        let mut series = Series {
            length: length.max(1),
            known_from,
            ..Series::default()
        };
        for (start, counts) in counts.iter().filter(|(_, counts)| counts.total > 0) {
            series.push(*start, *counts);
        }
        series
    }

    fn push(&mut self, start: i64, counts: Counts) {
        let before = self.sums.last().copied().unwrap_or_default();
        self.starts.push(start);
        self.sums.push(before.plus(counts));
    }

    /// Puts other counts in the place of those of some slices; none removes a slice. `changed` is
    /// ascending. Sums are made again from the first changed slice on.
    pub fn replace(&mut self, changed: &BTreeMap<i64, Counts>) {
        let Some((first, _)) = changed.first_key_value() else {
            return;
        };
        let at = self.starts.partition_point(|start| start < first);
        let mut tail: BTreeMap<i64, Counts> = (at..self.starts.len())
            .map(|index| (self.starts[index], self.slice(index)))
            .collect();
        for (start, counts) in changed {
            match counts.total {
                0 => tail.remove(start),
                _ => tail.insert(*start, *counts),
            };
        }
        self.starts.truncate(at);
        self.sums.truncate(at);
        for (start, counts) in tail {
            self.push(start, counts);
        }
    }

    /// Whether there is enough before this second to be forgotten: rarely, because it moves everything.
    pub fn forgets(&self, second: i64) -> bool {
        let at = self.starts.partition_point(|start| *start < second);
        at > 1_024 && at * 4 > self.starts.len()
    }

    /// Forgets what is before this second.
    pub fn forget_before(&mut self, second: i64) {
        let at = self.starts.partition_point(|start| *start < second);
        if self.forgets(second) {
            let gone = self.sums[at - 1];
            self.starts.drain(..at);
            self.sums.drain(..at);
            for sum in &mut self.sums {
                sum.total -= gone.total;
                sum.bad -= gone.bad;
            }
        }
    }

    /// When data begins.
    pub fn known_from(&self) -> Option<i64> {
        self.known_from
    }

    /// Says when data begins.
    pub fn set_known_from(&mut self, second: Option<i64>) {
        self.known_from = second;
    }

    /// Length of a slice, seconds.
    pub fn length(&self) -> i64 {
        self.length
    }

    /// What one slice counts, where slices are counted; 0 where events are.
    pub fn unit(&self) -> u64 {
        self.unit
    }

    /// Number of slices with events.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// True without events.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The slices with events: first second and counts.
    pub fn slices(&self) -> impl DoubleEndedIterator<Item = (i64, Counts)> + '_ {
        (0..self.starts.len()).map(|index| (self.starts[index], self.slice(index)))
    }

    /// The slices from this second on.
    pub fn slices_from(&self, second: i64) -> impl DoubleEndedIterator<Item = (i64, Counts)> + '_ {
        let at = self.starts.partition_point(|start| *start < second);
        (at..self.starts.len()).map(|index| (self.starts[index], self.slice(index)))
    }

    fn slice(&self, index: usize) -> Counts {
        let before = index
            .checked_sub(1)
            .map(|it| self.sums[it])
            .unwrap_or_default();
        Counts {
            total: self.sums[index].total - before.total,
            bad: self.sums[index].bad - before.bad,
        }
    }

    /// Counts in `[from, to)`.
    pub fn sum(&self, from: i64, to: i64) -> Counts {
        let (from_index, to_index) = (self.index(from), self.index(to));
        let at = |index: usize| {
            index
                .checked_sub(1)
                .map(|it| self.sums[it])
                .unwrap_or_default()
        };
        let (low, high) = (at(from_index), at(to_index.max(from_index)));
        let mut counts = Counts {
            total: high.total - low.total,
            bad: high.bad - low.bad,
        };
        if let Some(empty @ (Empty::Good | Empty::Bad)) = self.empty {
            let missing = self
                .slots(from, to)
                .saturating_sub((to_index.max(from_index) - from_index) as u64)
                .saturating_sub(self.gone_slots(self.known_from.map_or(to, |it| it.max(from)), to));
            counts.total += missing * self.unit;
            if empty == Empty::Bad {
                counts.bad += missing * self.unit;
            }
        }
        counts
    }

    /// First slice whose middle is at or after this second.
    fn index(&self, second: i64) -> usize {
        let doubled = second.saturating_mul(2);
        self.starts
            .partition_point(|start| start * 2 + self.length < doubled)
    }

    /// Slices with or without events whose middle lies in `[from, to)`, from the first known one.
    fn slots(&self, from: i64, to: i64) -> u64 {
        self.middles(self.known_from.map_or(to, |known| known.max(from)), to)
    }

    /// Slices whose middle lies in `[from, to)`, known or not.
    fn middles(&self, from: i64, to: i64) -> u64 {
        let after = |second: i64| {
            (second * 2 - self.length + self.length * 2 - 1).div_euclid(self.length * 2)
        };
        u64::try_from(after(to) - after(from)).unwrap_or(0)
    }

    /// Slices of `[from, to)` that lie whole in time that does not count.
    pub fn gone_slots(&self, from: i64, to: i64) -> u64 {
        let first = self.gone.partition_point(|(_, end)| *end <= from);
        let stretches = self.gone[first..]
            .iter()
            .take_while(|(begin, _)| *begin < to);
        stretches
            .map(|(begin, end)| {
                let begin = (begin + self.length - 1).div_euclid(self.length) * self.length;
                let end = end.div_euclid(self.length) * self.length;
                self.middles(begin.max(from), end.min(to))
            })
            .sum()
    }

    /// Whether some of `[from, to)` does not count.
    pub fn has_gone(&self, from: i64, to: i64) -> bool {
        let first = self.gone.partition_point(|(_, end)| *end <= from);
        self.gone.get(first).is_some_and(|(begin, _)| *begin < to)
    }
}

/// What a slice of RatioTimeslices counts: its ratio is kept to twelve digits.
pub const RATIO_UNIT: u64 = 1_000_000_000_000;

impl Series {
    /// The same time counted by a method: events, or slices of time.
    pub fn by(&self, method: &Method) -> Series {
        let Some(slices) = method.slices() else {
            return self.clone();
        };
        let mut merged: BTreeMap<i64, Counts> = BTreeMap::new();
        for (start, counts) in self.slices() {
            let start = start.div_euclid(slices.length) * slices.length;
            let held = merged.entry(start).or_default();
            *held = held.plus(counts);
        }
        let ratio = matches!(method, Method::RatioTimeslices(_));
        for counts in merged.values_mut() {
            *counts = if ratio {
                share(*counts)
            } else {
                verdict(*counts, slices)
            };
        }
        let known = self.known_from.map(|it| {
            let at = it.div_euclid(slices.length) * slices.length;
            if at < it { at + slices.length } else { at }
        });
        let mut series = Series::new(slices.length, &merged, known);
        series.empty = (slices.empty != Empty::Ignored).then_some(slices.empty);
        series.unit = if ratio { RATIO_UNIT } else { 1 };
        series.gone.clone_from(&self.gone);
        series
    }

    /// The same without the time that does not count: its events are left out, and where slices are
    /// counted the slices that lie whole in it are neither good nor bad.
    pub fn without(&self, exclusions: &[Exclusion]) -> Series {
        if exclusions.is_empty() {
            return self.clone();
        }
        let gone = self.stretches(exclusions);
        let is_gone = |start: i64| {
            let middle = start + self.length / 2;
            let next = gone.partition_point(|(_, end)| *end <= middle);
            gone.get(next).is_some_and(|(begin, _)| *begin <= middle)
        };
        let kept = self.slices().filter(|(start, _)| !is_gone(*start));
        let counts: BTreeMap<i64, Counts> = kept.collect();
        let mut series = Series::new(self.length, &counts, self.known_from);
        series.empty = self.empty;
        series.unit = self.unit;
        series.gone = gone;
        series
    }

    /// The stretches of exclusions around what is held, in order and apart.
    fn stretches(&self, exclusions: &[Exclusion]) -> Vec<(i64, i64)> {
        const AHEAD: i64 = 800 * 86_400;
        let first = self.starts.first().copied().or(self.known_from);
        let last = self.starts.last().copied().or(self.known_from);
        let (Some(first), Some(last)) = (first, last) else {
            return Vec::new();
        };
        let first = self.known_from.map_or(first, |known| known.min(first));
        let mut all: Vec<(i64, i64)> = exclusions
            .iter()
            .flat_map(|exclusion| exclusion.stretches(first, last.saturating_add(AHEAD)))
            .collect();
        all.sort_unstable();
        let mut apart: Vec<(i64, i64)> = Vec::new();
        for (begin, end) in all {
            match apart.last_mut() {
                Some(before) if begin <= before.1 => before.1 = before.1.max(end),
                _ => apart.push((begin, end)),
            }
        }
        apart
    }

    /// Minutes by how fresh the last good event was at their end.
    pub fn freshness(&self, within: i64, now: i64) -> Series {
        const MOST_SLICES: i64 = 1_000_000;
        let good: Vec<i64> = self
            .slices()
            .filter(|(_, counts)| counts.total > counts.bad)
            .map(|(start, _)| start)
            .collect();
        let (Some(first), last) = (good.first().copied().or(self.known_from), now - SLICE) else {
            return Series::new(SLICE, &BTreeMap::new(), self.known_from);
        };
        let first = first.max(last - MOST_SLICES * SLICE);
        let mut counts = BTreeMap::new();
        let mut next = 0;
        let mut start = first.div_euclid(SLICE) * SLICE;
        while start <= last {
            let end = start + SLICE;
            while next < good.len() && good[next] < end {
                next += 1;
            }
            // The newest good slice that has begun; events lie in its middle.
            let fresh = next > 0 && end - (good[next - 1] + SLICE / 2) <= within;
            let bad = u64::from(!fresh);
            counts.insert(start, Counts { total: 1, bad });
            start = end;
        }
        Series::new(SLICE, &counts, Some(first))
    }

    /// Several series as one. Events are added, times their weights; a slice of a method that counts
    /// slices is as bad as in its worst part.
    pub fn together(parts: &[(&Series, u64)], any_bad: bool) -> Series {
        let mut merged: BTreeMap<i64, Counts> = BTreeMap::new();
        let length = parts
            .iter()
            .map(|(series, _)| series.length)
            .max()
            .unwrap_or(SLICE);
        for (series, weight) in parts {
            for (start, counts) in series.slices() {
                let start = start.div_euclid(length) * length;
                let held = merged.entry(start).or_default();
                *held = match any_bad {
                    true => Counts {
                        total: held.total.max(counts.total),
                        bad: held.bad.max(counts.bad),
                    },
                    false => held.plus(Counts {
                        total: counts.total.saturating_mul(*weight),
                        bad: counts.bad.saturating_mul(*weight),
                    }),
                };
            }
        }
        // Nothing is known of the whole before something is known of every part.
        let known = parts.iter().map(|(series, _)| series.known_from);
        let known = known.max().flatten();
        if any_bad && parts.iter().any(|(it, _)| it.empty == Some(Empty::Bad)) {
            // Where one part is silent and silence is bad, the others cannot make it good.
            for (start, held) in &mut merged {
                let silent = |part: &Series| part.starts.binary_search(start).is_err();
                if parts.iter().any(|(part, _)| silent(part)) {
                    held.bad = held.total;
                }
            }
        }
        let mut series = Series::new(length, &merged, known);
        series.empty = parts.iter().find_map(|(series, _)| series.empty);
        series.unit = parts
            .iter()
            .map(|(series, _)| series.unit)
            .max()
            .unwrap_or(0);
        series
    }
}

/// A slice that is good or bad as a whole: good when the share of good events is at least the target.
fn verdict(counts: Counts, slices: &Slices) -> Counts {
    let good = i128::from(counts.total - counts.bad.min(counts.total));
    let enough = slices.target.compare_share(good, i128::from(counts.total));
    Counts {
        total: 1,
        bad: u64::from(enough == std::cmp::Ordering::Less),
    }
}

fn share(counts: Counts) -> Counts {
    let (bad, total) = (
        u128::from(counts.bad.min(counts.total)),
        u128::from(counts.total),
    );
    let scaled = (bad * u128::from(RATIO_UNIT) + total / 2) / total.max(1);
    Counts {
        total: RATIO_UNIT,
        bad: scaled as u64,
    }
}

impl Exclusion {
    /// Its occurrences that touch `[from, to)`. It begins again at the same time on the wall, and lasts
    /// equally long.
    pub fn stretches(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        const MOST: i64 = 20_000;
        let length = self.to - self.from;
        let Some(every) = self.every_days.map(|days| days.max(1)) else {
            let touches = self.from < to && self.to > from;
            return touches
                .then_some((self.from, self.to))
                .into_iter()
                .collect();
        };
        let first = ((from - length - self.from) / (every * 86_400) - 1).max(0);
        let local = jiff::Timestamp::from_second(self.from)
            .map(|at| self.zone.to_datetime(at))
            .unwrap_or_default();
        let mut all = Vec::new();
        for index in first..first + MOST {
            let begin = jiff::Span::new()
                .try_days(index.saturating_mul(every))
                .and_then(|span| local.checked_add(span))
                .and_then(|at| self.zone.to_timestamp(at));
            let Ok(begin) = begin else { break };
            let begin = begin.as_second();
            if begin >= to {
                break;
            }
            if begin + length > from {
                all.push((begin, begin + length));
            }
        }
        all
    }
}
