//! A bounded sample of numbers: exact while small, uniform when not, the same in whatever order it was filled.

use std::collections::BTreeMap;

/// Numbers that a sample keeps: those with the smallest hashes of their sources (bottom-k), so that
/// two samples can be merged and the order does not matter.
const KEPT: usize = 512;

/// Numbers seen, at most 512 of them kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    by_hash: BTreeMap<(u64, i64), u32>,
    kept: usize,
    seen: u64,
}

impl Sample {
    /// Adds a number; `source` identifies where it is from, such as a span id.
    pub fn add(&mut self, source: u64, value: i64) {
        self.seen += 1;
        self.keep((mixed(source), value), 1);
    }

    /// Puts another sample's numbers to this one's.
    pub fn merge(&mut self, other: &Sample) {
        self.seen += other.seen;
        for (key, count) in &other.by_hash {
            self.keep(*key, *count);
        }
    }

    fn keep(&mut self, key: (u64, i64), count: u32) {
        *self.by_hash.entry(key).or_default() += count;
        self.kept += count as usize;
        while self.kept > KEPT {
            let Some(mut last) = self.by_hash.last_entry() else {
                return;
            };
            self.kept -= 1;
            *last.get_mut() -= 1;
            if *last.get() == 0 {
                last.remove();
            }
        }
    }

    /// How many numbers were added.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The numbers kept, smallest first.
    pub fn sorted(&self) -> Vec<i64> {
        let each =
            |((_, value), count): (&(u64, i64), &u32)| std::iter::repeat_n(*value, *count as usize);
        let mut values: Vec<i64> = self.by_hash.iter().flat_map(each).collect();
        values.sort_unstable();
        values
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014): spreads ids that differ little.
fn mixed(source: u64) -> u64 {
    let mut x = source.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a sample says about a number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    values: Vec<i64>,
    /// Numbers that were added to the sample behind it, which may be more than it keeps.
    pub seen: u64,
}

impl Distribution {
    /// Of the numbers of a sample.
    pub fn of(sample: &Sample) -> Self {
        Distribution {
            values: sample.sorted(),
            seen: sample.seen(),
        }
    }

    /// How many numbers it rests on.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True when it rests on nothing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Smallest and largest number.
    pub fn range(&self) -> Option<(i64, i64)> {
        Some((*self.values.first()?, *self.values.last()?))
    }

    /// The number below or at which a share `q` (0 to 1) lies: nearest rank.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        quantile(&self.values, q)
    }

    /// The middle number (the lower of two).
    pub fn median(&self) -> Option<i64> {
        self.quantile(0.5)
    }

    /// Median of the distances to the median.
    pub fn mad(&self) -> Option<i64> {
        let median = self.median()?;
        let mut distances: Vec<i64> = self
            .values
            .iter()
            .map(|value| value.saturating_sub(median).saturating_abs())
            .collect();
        distances.sort_unstable();
        quantile(&distances, 0.5)
    }

    /// How surprising it is to see `value` or more: (1 + numbers ≥ value) / (n + 1), conformal, honest for
    /// any n, and never below 1/(n + 1). 1 when there is nothing to compare to.
    pub fn p_at_least(&self, value: i64) -> f64 {
        let below = self.values.partition_point(|held| *held < value);
        (1 + self.values.len() - below) as f64 / (self.values.len() + 1) as f64
    }

    /// The same for `value` or less.
    pub fn p_at_most(&self, value: i64) -> f64 {
        let not_above = self.values.partition_point(|held| *held <= value);
        (1 + not_above) as f64 / (self.values.len() + 1) as f64
    }
}

/// Nearest rank in sorted numbers.
fn quantile(sorted: &[i64], q: f64) -> Option<i64> {
    let rank = (q.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}
