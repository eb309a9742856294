//! Which siblings are fit to be compared with: not those that suffered from the same incident.
//!
//! An incident lasts. When the last of ten executions is judged, the nine before it may have been as slow, and what
//! is slow in most runs looks usual. So the time is looked for from which on siblings are off and before which
//! they were not; from there on, those that are off do not count as healthy. Where siblings are off all the time,
//! being off is usual, and all of them count.

use super::Profile;
use model::UnixNanos;

/// Siblings before the onset below which it is not believed.
const FEWEST: usize = 3;
/// Runs below which nothing is called slow.
const FEWEST_TIMES: usize = 3;
/// Share of siblings that are off before the onset, at most.
const BEFORE: f64 = 0.1;
/// Share of siblings that are off from the onset on, at least.
const AFTER: f64 = 0.3;
/// Share of siblings that are off after a time where only those before it tell what is usual, at least.
const MOSTLY: f64 = 0.75;
/// Siblings before a time below which they do not tell alone what is usual: where runs are quick or slow by turns,
/// three quick ones are soon in a row.
const FEWEST_ALONE: usize = 4;
/// Siblings before a time from which on one of them may be off: the first run may have been cold.
const ENOUGH_ALONE: usize = 5;
/// Times that are tried.
const MOST_TIMES: usize = 60;

/// Healthy variation of durations, on a logarithmic scale with median and MAD.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usual {
    /// The middle one.
    pub median_ns: i64,
    sigma: f64,
    /// The worst of the healthy are not so healthy: one in twenty is left out.
    pub worst_ns: i64,
}

impl Usual {
    /// True when so long a run is beyond variation, the longest runs left aside.
    pub fn is_exceeded(&self, took_ns: i64) -> bool {
        let over = (took_ns.max(1) as f64).ln() - (self.median_ns as f64).ln();
        over > (3.5 * self.sigma).max(0.34) && took_ns - self.median_ns > 50_000_000
    }
}

/// What is usual, if enough runs tell.
pub(crate) fn usual(durations: impl Iterator<Item = i64>) -> Option<Usual> {
    let mut all: Vec<i64> = durations.filter(|it| *it > 0).collect();
    if all.len() < FEWEST_TIMES {
        return None;
    }
    all.sort_unstable();
    let median_ns = all[all.len() / 2];
    let middle = (median_ns as f64).ln();
    let mut off: Vec<f64> = all
        .iter()
        .map(|it| ((*it as f64).ln() - middle).abs())
        .collect();
    off.sort_by(f64::total_cmp);
    let few = 1.0 + 2.0 / all.len() as f64;
    // Where runs are short or long by turns, the deviation from the middle is the way from the one to the other; the
    // way between the quarters is no longer than that, and a run far beyond both is long.
    let (low, high) = ((all.len() - 1) / 4, ((all.len() - 1) * 3).div_ceil(4));
    let between = (all[high] as f64).ln() - (all[low] as f64).ln();
    let deviation = (off[off.len() / 2] * 1.4826).min(between / 1.349);
    Some(Usual {
        median_ns,
        sigma: (deviation * few).max(0.1),
        worst_ns: all[(all.len() - 1) - all.len().div_ceil(20).min(all.len() / 5)],
    })
}

/// The siblings that are fit to be compared with an execution that started at a time.
pub(crate) fn fit<'a>(
    peers: &[&'a Profile],
    start: UnixNanos,
    off: impl Fn(&Profile) -> bool,
) -> Vec<&'a Profile> {
    let mut ordered: Vec<(&'a Profile, bool)> = peers.iter().map(|it| (*it, off(it))).collect();
    ordered.sort_by_key(|(it, _)| (it.start, it.trace_id));
    if !ordered.iter().any(|(_, off)| *off) {
        return peers.to_vec();
    }
    let own = ordered.partition_point(|(it, _)| it.start < start);
    match onset(&ordered, own) {
        Some(onset) => {
            let (before, after) = ordered.split_at(onset);
            let well = after.iter().filter(|(_, off)| !off);
            before.iter().chain(well).map(|(it, _)| *it).collect()
        }
        None => peers.to_vec(),
    }
}

/// The siblings that are fit to be compared with by how long they took.
///
/// What is usual is first taken of all siblings. Where those of the incident are about as many as the healthy ones,
/// that calls the incident usual; so it is taken of those before a time, too, and believed where most of those after
/// it are off; the execution itself is one of those, if it has ended.
pub(crate) fn quick<'a>(
    peers: &[&'a Profile],
    start: UnixNanos,
    took_ns: Option<i64>,
) -> Vec<&'a Profile> {
    let kept = match usual(peers.iter().map(|it| it.duration_ns)) {
        Some(usual) => fit(peers, start, |it| usual.is_exceeded(it.duration_ns)),
        None => peers.to_vec(),
    };
    let mut ordered = kept;
    ordered.sort_by_key(|it| (it.start, it.trace_id));
    let own = ordered.partition_point(|it| it.start < start);
    // The later the time, the more there is to tell what is usual.
    let candidates = (FEWEST_ALONE..=own).rev().take(MOST_TIMES);
    for (at, usual) in candidates.filter_map(|at| Some((at, prefix(&ordered[..at])?))) {
        let (before, after) = ordered.split_at(at);
        let well = |it: &&&Profile| !usual.is_exceeded(it.duration_ns);
        let own = usize::from(took_ns.is_some_and(|it| usual.is_exceeded(it)));
        let all = after.len() + own;
        let off = all - after.iter().filter(well).count();
        if all >= FEWEST && off as f64 >= MOSTLY * all as f64 {
            let kept = before.iter().chain(after.iter().filter(well));
            return kept.copied().collect();
        }
    }
    ordered
}

/// What is usual of siblings before a time, if hardly any of them is off.
fn prefix(before: &[&Profile]) -> Option<Usual> {
    let usual = usual(before.iter().map(|it| it.duration_ns))?;
    let off = before.iter().filter(|it| usual.is_exceeded(it.duration_ns));
    let least = f64::from(u8::from(before.len() >= ENOUGH_ALONE));
    let allowed = (before.len() as f64 * BEFORE).max(least);
    (off.count() as f64 <= allowed).then_some(usual)
}

/// The first of the siblings that the incident touched; the execution itself stands at `own`.
fn onset(ordered: &[(&Profile, bool)], own: usize) -> Option<usize> {
    let share = |part: &[(&Profile, bool)]| {
        part.iter().filter(|(_, off)| *off).count() as f64 / part.len().max(1) as f64
    };
    let candidates = (FEWEST..=own).filter(|at| *at == own || ordered[*at].1);
    let fitting = |at: &usize| {
        let during = &ordered[*at..own];
        share(&ordered[..*at]) <= BEFORE && (during.is_empty() || share(during) >= AFTER)
    };
    candidates.into_iter().find(fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(slow: &[bool]) -> Vec<Profile> {
        let one = |(n, slow): (usize, &bool)| Profile {
            start: UnixNanos(n as i64 * 10),
            duration_ns: if *slow { 9 } else { 1 },
            ..Profile::default()
        };
        slow.iter().enumerate().map(one).collect()
    }

    /// `o` is well, `x` is off; the execution itself stands behind the letters before the bar.
    fn check(line: &str, expect: usize) {
        let own = line.find('|').expect("the bar is the execution");
        let all: Vec<bool> = line
            .chars()
            .filter(|c| *c != '|')
            .map(|c| c == 'x')
            .collect();
        let peers = peers(&all);
        let borrowed: Vec<&Profile> = peers.iter().collect();
        let start = UnixNanos(own as i64 * 10 - 5);
        let fit = fit(&borrowed, start, |it| it.duration_ns > 5);
        assert_eq!(fit.len(), expect, "{line}");
    }

    #[test]
    fn the_streak_of_an_incident_is_not_healthy() {
        check("oooooooooooo|xxxx", 12);
        check("ooooooooooooxxxx|", 12);
        check("ooooooooooooxoxo|xo", 15);
        check("ooooo|xxxx", 5);
    }

    #[test]
    fn what_is_off_all_the_time_is_usual() {
        check("oxooxoxooxoox|oxoo", 17);
        check("xxxxxx|ooooo", 11);
    }

    /// Seconds that siblings took, the execution itself at the bar, and how many are fit.
    fn check_quick(line: &str, expect: usize) {
        let (before, after) = line.split_once('|').expect("the bar is the execution");
        let seconds = |part: &str| -> Vec<f64> {
            let all = part.split_whitespace();
            all.map(|it| it.parse().expect("seconds")).collect()
        };
        let (before, after) = (seconds(before), seconds(after));
        let start = UnixNanos(before.len() as i64 * 10 - 5);
        let one = |(n, took): (usize, &f64)| Profile {
            start: UnixNanos(n as i64 * 10),
            duration_ns: (took * 1e9) as i64,
            ..Profile::default()
        };
        let peers: Vec<Profile> = before.iter().chain(&after).enumerate().map(one).collect();
        let borrowed: Vec<&Profile> = peers.iter().collect();
        assert_eq!(quick(&borrowed, start, None).len(), expect, "{line}");
    }

    #[test]
    fn an_incident_with_as_many_runs_as_there_were_healthy_ones_is_not_usual() {
        check_quick("4.1 2.0 2.6 1.9 2.3 | 9.0 8.1 9.5 8.8", 5);
        check_quick("4.1 2.0 2.6 1.9 2.3 9.0 8.1 | 9.5 8.8", 5);
        check_quick("2.0 2.6 1.9 2.3 | 9.0 2.1 9.5 8.8", 5);
    }

    #[test]
    fn variation_before_and_after_is_usual() {
        check_quick("4.1 2.0 2.6 1.9 2.3 | 2.2 4.0 2.4 2.9", 9);
        check_quick("2.0 9.0 2.1 8.7 9.3 | 9.0 2.2 9.5 8.8", 9);
        // One slow run is no incident.
        check_quick("2.0 2.6 1.9 2.3 2.2 | 2.1 9.5 2.4", 7);
    }
}
