//! Stacked columns over time, and ranges on them.

use model::api::Histogram;

/// A part of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Which status: index in [`Histogram::statuses`].
    pub status: usize,
    /// Top edge, pixels from the top.
    pub y: f64,
    /// Pixels.
    pub height: f64,
}

/// The highest column.
pub fn peak(histogram: &Histogram) -> u64 {
    let sums = histogram.counts.iter().map(|bucket| bucket.iter().sum());
    sums.max().unwrap_or(0)
}

/// One column's parts from the bottom up. Anything above zero is at least 2 px high, so that a
/// single failure among thousands is seen.
pub fn stack(counts: &[u64], peak: u64, height: f64) -> Vec<Part> {
    let sum: u64 = counts.iter().sum();
    if sum == 0 || peak == 0 {
        return Vec::new();
    }
    let raw = |n: u64| match n {
        0 => 0.0,
        n => (n as f64 / peak as f64 * height).max(2.0),
    };
    let wanted: f64 = counts.iter().map(|n| raw(*n)).sum();
    let squeeze = if wanted > height {
        height / wanted
    } else {
        1.0
    };
    let mut bottom = height;
    let mut parts = Vec::with_capacity(counts.len());
    for (status, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let part = raw(*n) * squeeze;
        bottom -= part;
        parts.push(Part {
            status,
            y: bottom,
            height: part,
        });
    }
    parts
}

/// Where almost everything is, when that is a small part of the time: nanoseconds, half-open. Old
/// outliers would otherwise press all the rest into one column.
pub fn dense(histogram: &Histogram) -> Option<(i64, i64)> {
    let sums: Vec<u64> = histogram
        .counts
        .iter()
        .map(|counts| counts.iter().sum())
        .collect();
    let total: u64 = sums.iter().sum();
    let enough = total - total / 5;
    let mut best: Option<(usize, usize)> = None;
    let (mut begin, mut held) = (0, 0);
    for (end, n) in sums.iter().enumerate() {
        held += n;
        while held - sums[begin] >= enough && begin < end {
            held -= sums[begin];
            begin += 1;
        }
        let shorter = best.is_none_or(|(from, to)| end + 1 - begin < to - from);
        if held >= enough && shorter {
            best = Some((begin, end + 1));
        }
    }
    let (from, to) = best.filter(|(from, to)| total > 0 && (to - from) * 5 <= sums.len())?;
    let at = |n: usize| {
        let start = crate::format::nanos(&histogram.from);
        start.saturating_add((n as i64).saturating_mul(histogram.bucket_ns))
    };
    Some((at(from), at(to)))
}

/// The whole buckets that a drag from one ratio (0 to 1) to another touches, as nanoseconds.
pub fn range(histogram: &Histogram, a: f64, b: f64) -> (i64, i64) {
    let from = crate::format::nanos(&histogram.from);
    let buckets = histogram.counts.len().max(1) as f64;
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    let first = (low.clamp(0.0, 1.0) * buckets).floor().min(buckets - 1.0);
    let end = (high.clamp(0.0, 1.0) * buckets).ceil().max(first + 1.0);
    let at = |n: f64| from.saturating_add((n as i64).saturating_mul(histogram.bucket_ns));
    (at(first), at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dense_part_is_found_when_it_is_small() {
        let check = |counts: &[u64], expect: Option<(i64, i64)>| {
            let histogram = Histogram {
                from: "1000".into(),
                bucket_ns: 10,
                statuses: vec!["FAILED".into()],
                counts: counts.iter().map(|n| vec![*n]).collect(),
                ..Histogram::default()
            };
            assert_eq!(dense(&histogram), expect, "{counts:?}");
        };
        check(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 99], Some((1_090, 1_100)));
        check(&[0, 50, 50, 0, 0, 0, 0, 0, 0, 0], Some((1_010, 1_030)));
        check(&[9, 9, 9, 9, 9, 9, 9, 9, 9, 9], None);
        check(&[30, 0, 0, 0, 0, 0, 0, 0, 0, 70], None);
        check(&[0, 0, 0, 0, 0], None);
        check(&[], None);
    }

    #[test]
    fn one_failure_is_seen_among_thousands() {
        let parts = stack(&[10_000, 1], 10_000, 60.0);
        assert_eq!(parts.len(), 2);
        assert!(parts[1].height > 1.9);
        let total: f64 = parts.iter().map(|part| part.height).sum();
        assert!(total <= 60.0 + 1e-9);
        assert_eq!(stack(&[0, 0], 5, 60.0), []);
        assert_eq!(stack(&[], 0, 60.0), []);
    }

    #[test]
    fn a_drag_selects_whole_buckets() {
        let histogram = Histogram {
            from: "1000".into(),
            to: "1100".into(),
            bucket_ns: 10,
            counts: vec![vec![1]; 10],
            ..Histogram::default()
        };
        let check = |a, b, expect| assert_eq!(range(&histogram, a, b), expect);
        check(0.0, 1.0, (1_000, 1_100));
        check(0.55, 0.31, (1_030, 1_060));
        check(0.42, 0.42, (1_040, 1_050));
        check(-3.0, 7.0, (1_000, 1_100));
        check(1.0, 1.0, (1_090, 1_100));
        range(&Histogram::default(), 0.2, 0.3);
    }
}
