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
    Some(Usual {
        median_ns,
        sigma: (off[off.len() / 2] * 1.4826 * few).max(0.1),
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
}
