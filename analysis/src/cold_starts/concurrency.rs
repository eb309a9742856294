//! How many invocations ran at once, over time.

use model::Invocation;
use std::collections::{BTreeMap, HashMap};

const HOUR_NS: i64 = 3_600_000_000_000;
/// An invocation longer than Lambda allows is a mistake of the log; its length is cut to that.
const LONGEST_NS: i64 = 900_000_000_000;

/// Invocations at once: how many from a moment until the next.
pub(super) struct Concurrency {
    steps: Vec<(i64, usize)>,
}

impl Concurrency {
    pub(super) fn of(members: &[&Invocation]) -> Self {
        let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
        for invocation in members {
            let start = invocation.start_time.0;
            let length = invocation.duration_ns.unwrap_or(0).max(0);
            let end = invocation.end_time.map_or(start, |end| end.0);
            let end = end.max(start.saturating_add(length));
            *changes.entry(start).or_default() += 1;
            *changes
                .entry(end.min(start.saturating_add(LONGEST_NS)))
                .or_default() -= 1;
        }
        let mut now = 0_i64;
        let steps = changes.into_iter().map(|(at, change)| {
            now += change;
            (at, usize::try_from(now).unwrap_or(0))
        });
        Concurrency {
            steps: steps.collect(),
        }
    }

    /// From the first begin to the last end.
    pub(super) fn observed_ns(&self) -> i64 {
        let ends = self.steps.first().zip(self.steps.last());
        ends.map_or(0, |(first, last)| last.0.saturating_sub(first.0))
    }

    /// How many ran at a moment.
    pub(super) fn at(&self, time: i64) -> usize {
        let after = self.steps.partition_point(|(at, _)| *at <= time);
        after.checked_sub(1).map_or(0, |n| self.steps[n].1)
    }

    /// Begin of the hour in which most time was computed, and how many ran at once at most for 95 % of its time.
    pub(super) fn busiest_hour(&self) -> Option<(i64, usize)> {
        // By hour: time by level. What is not there was idle.
        let mut hours: HashMap<i64, BTreeMap<usize, i64>> = HashMap::new();
        for pair in self.steps.windows(2) {
            let ((mut from, level), (to, _)) = (pair[0], pair[1]);
            while level > 0 && from < to {
                let hour = from.div_euclid(HOUR_NS);
                let until = to.min((hour + 1).saturating_mul(HOUR_NS));
                *hours.entry(hour).or_default().entry(level).or_default() += until - from;
                from = until;
            }
        }
        let work = |levels: &BTreeMap<usize, i64>| {
            let each = levels
                .iter()
                .map(|(level, ns)| *level as i128 * i128::from(*ns));
            each.sum::<i128>()
        };
        let (hour, levels) = hours
            .iter()
            .max_by_key(|(hour, levels)| (work(levels), std::cmp::Reverse(**hour)))?;
        let busy: i64 = levels.values().sum();
        let mut below = HOUR_NS - busy;
        let mut wanted = 0;
        for (level, ns) in levels {
            if below >= HOUR_NS / 20 * 19 {
                break;
            }
            (below, wanted) = (below + ns, *level);
        }
        Some((hour.saturating_mul(HOUR_NS), wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UnixNanos;

    #[test]
    fn a_percentile_is_one_over_time() {
        let ran = |minute: i64, minutes: i64| Invocation {
            start_time: UnixNanos(minute * HOUR_NS / 60),
            duration_ns: Some(minutes * HOUR_NS / 60),
            ..Invocation::default()
        };
        let check = |all: &[Invocation], expect: Option<(i64, usize)>| {
            let members: Vec<&Invocation> = all.iter().collect();
            assert_eq!(Concurrency::of(&members).busiest_hour(), expect);
        };
        check(&[], None);
        // Twenty at once for a minute: idle for the rest of the hour.
        let burst: Vec<Invocation> = (0..20).map(|_| ran(61, 1)).collect();
        check(&burst, Some((HOUR_NS, 0)));
        // Two at once for four minutes, one for all of them.
        let mut steady: Vec<Invocation> = (0..6).map(|n| ran(n * 10, 10)).collect();
        check(&steady, Some((0, 1)));
        steady.push(ran(7, 2));
        check(&steady, Some((0, 1)));
        steady.push(ran(9, 3));
        check(&steady, Some((0, 2)));
        let members: Vec<&Invocation> = steady.iter().collect();
        let found = Concurrency::of(&members);
        assert_eq!(
            (found.at(-1), found.at(0), found.at(10 * HOUR_NS)),
            (0, 1, 0)
        );
    }
}
