//! Burn, budget and the state of a rule at one moment.
//!
//! With `bad` and `total` events over a window, and `a = 1 - target` the share that may be bad:
//!
//! | | |
//! |---|---|
//! | burn | `(bad / total) / a`; not known without events |
//! | a burn rule | `bad / total > factor * a`, compared as fractions of whole numbers |
//! | budget allowed | `a * total` |
//! | budget remaining | `1 - bad / (a * total)`, negative when overspent |
//! | exhausts after | `remaining * period / burn` |

use crate::{
    Counts, Ratio, Series, Slo, Window,
    definition::{NoData, Rule, Test},
    duration,
};
use model::text::counted;
use std::cmp::Ordering;

/// The moment, and what is known of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Evaluation time, seconds since the epoch.
    pub now: i64,
    /// Until when data has arrived; before `now` when the pipeline stands still.
    pub watermark: i64,
}

impl Moment {
    /// Everything up to now has arrived.
    pub fn complete(now: i64) -> Self {
        Moment {
            now,
            watermark: now,
        }
    }
}

/// The budget of the objective's window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Begin of the window.
    pub from: i64,
    /// Its end, which lies ahead for a calendar window.
    pub to: i64,
    /// Events in it.
    pub counts: Counts,
    /// Bad events that are allowed, as a fraction of events.
    pub allowed: f64,
    /// Share left; `None` without events.
    pub remaining: Option<f64>,
    /// Share of good events.
    pub sli: Option<f64>,
}

/// An objective with its counts.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// What is promised.
    pub slo: &'a Slo,
    /// Counts, by its method.
    pub series: &'a Series,
    /// The share of a window that must be covered.
    pub coverage: Ratio,
}

impl Evaluation<'_> {
    /// Counts of the last so many seconds.
    pub fn over(&self, moment: Moment, seconds: i64) -> Counts {
        let to = self.until(moment.now);
        self.series.sum(to - seconds, to)
    }

    /// Slices that are not over do not count yet.
    fn until(&self, now: i64) -> i64 {
        match self.slo.method.slices() {
            Some(slices) => now.div_euclid(slices.length) * slices.length,
            None => now,
        }
    }

    /// Burn over the last so many seconds.
    pub fn burn(&self, moment: Moment, seconds: i64) -> Option<f64> {
        burn(self.over(moment, seconds), self.slo.allowed())
    }

    /// The same, unless too little of the window is covered.
    pub fn known_burn(&self, moment: Moment, seconds: i64) -> Option<f64> {
        self.is_covered(moment, seconds)
            .then(|| self.burn(moment, seconds))
            .flatten()
    }

    /// Whether enough of the last so many seconds is covered by data.
    pub fn is_covered(&self, moment: Moment, seconds: i64) -> bool {
        if self.coverage == Ratio::ZERO {
            return true;
        }
        let from = moment.now - seconds;
        let first = self
            .series
            .known_from()
            .map_or(moment.now, |it| it.max(from));
        let covered = (moment.watermark.min(moment.now) - first).max(0);
        seconds > 0
            && self
                .coverage
                .compare_share(i128::from(covered), i128::from(seconds))
                != Ordering::Less
    }

    /// The budget of the window.
    pub fn budget(&self, moment: Moment) -> Budget {
        let span = self.slo.window.at(moment.now);
        let to = self.until(moment.now.min(span.to));
        let counts = self.series.sum(span.from, to);
        // Of slices it is known beforehand how many the window has.
        let base = match (&self.slo.window, self.slo.method.slices()) {
            (Window::Calendar(_), Some(slices)) => {
                let unit = if counts.total > 0 {
                    self.series.unit().max(1)
                } else {
                    1
                };
                let slices = (span.seconds() / slices.length).unsigned_abs();
                let gone = self.series.gone_slots(span.from, span.to);
                slices.saturating_sub(gone) * unit
            }
            _ => counts.total,
        };
        let allowed = self.slo.allowed();
        let scale = self.series.unit().max(1) as f64;
        let known = counts.total > 0 && base > 0;
        Budget {
            from: span.from,
            to: span.to,
            counts,
            allowed: allowed.to_f64() * base as f64 / scale,
            remaining: known.then(|| remaining(counts.bad, base, allowed)),
            sli: known.then(|| 1.0 - counts.bad as f64 / counts.total as f64),
        }
    }

    /// Seconds until the budget ends at the burn of the last so many seconds; `None` if it does not.
    pub fn exhausts_in(&self, moment: Moment, lookback: i64) -> Option<i64> {
        let remaining = self.budget(moment).remaining?;
        let burn = self.known_burn(moment, lookback)?;
        if remaining <= 0.0 {
            return Some(0);
        }
        let period = self.slo.window.nominal_seconds() as f64;
        let seconds = remaining * period / burn;
        (burn > 0.0 && seconds < 1e12).then_some(seconds as i64)
    }

    /// Whether a rule is true now; `None` when nobody knows.
    pub fn rule(&self, rule: &Rule, moment: Moment) -> Option<bool> {
        let longest = self.over(moment, rule.longest());
        let guarded = rule.min_bad > 1 || rule.min_total > 1;
        let unit = self.series.unit().max(1);
        let quiet = longest.bad / unit < rule.min_bad || longest.total / unit < rule.min_total;
        let mut all = Some(true);
        for test in &rule.tests {
            all = and(all, self.test(test, moment));
        }
        // Too few events cannot make a rule true, whatever else is unknown. None at all say nothing: they must not
        // end what fires.
        let few = guarded && quiet && longest.total > 0;
        let all = match few && self.is_covered(moment, rule.longest()) {
            true => Some(false),
            false => all,
        };
        match (all, self.slo.no_data) {
            (None, NoData::False) => Some(false),
            (None, NoData::True) => Some(true),
            (known, _) => known,
        }
    }

    fn test(&self, test: &Test, moment: Moment) -> Option<bool> {
        match test {
            Test::Burn {
                windows,
                factor,
                or_equal,
            } => {
                let mut all = Some(true);
                for window in windows {
                    all = and(all, self.exceeds(moment, *window, *factor, *or_equal));
                }
                all
            }
            Test::BudgetAtMost(share) => {
                let budget = self.budget(moment);
                budget.remaining.map(|left| left <= share.to_f64() + 1e-12)
            }
            Test::ExhaustsWithin { within, lookback } => {
                self.known_burn(moment, *lookback)?;
                Some(
                    self.exhausts_in(moment, *lookback)
                        .is_some_and(|it| it <= *within),
                )
            }
            Test::Outage { events, within } => {
                let counts = self.over(moment, *within);
                // Without a good event nobody knows whether it is over.
                let known = counts.bad < counts.total;
                match self.outage(moment, *within) >= *events {
                    true => Some(true),
                    false => known.then_some(false),
                }
            }
            // Nobody promised events in time that does not count.
            Test::Silence(length) if self.series.has_gone(moment.now - length, moment.now) => None,
            Test::Silence(length) => {
                Some(self.is_covered(moment, *length) && self.over(moment, *length).total == 0)
            }
        }
    }

    fn exceeds(&self, moment: Moment, window: i64, factor: Ratio, or_equal: bool) -> Option<bool> {
        if !self.is_covered(moment, window) {
            return None;
        }
        let counts = self.over(moment, window);
        if counts.total == 0 {
            return None;
        }
        let limit = factor.times(self.slo.allowed());
        let order = limit.compare_share(i128::from(counts.bad), i128::from(counts.total));
        Some(order == Ordering::Greater || or_equal && order == Ordering::Equal)
    }

    /// Failures in a row up to now, slice by slice.
    pub fn outage(&self, moment: Moment, within: i64) -> u64 {
        let from = moment.now - within;
        let mut failed = 0u64;
        for (start, counts) in self.series.slices_from(from).rev() {
            if start + self.series.length() > moment.now {
                continue;
            }
            if counts.bad < counts.total {
                break;
            }
            failed = failed.saturating_add(counts.bad);
        }
        failed / self.series.unit().max(1)
    }

    /// How a burn rule comes about, with the numbers.
    pub fn explain(&self, rule: &Rule, moment: Moment) -> String {
        let allowed = self.slo.allowed();
        let mut parts = Vec::new();
        for test in &rule.tests {
            match test {
                Test::Burn { windows, .. } => parts.extend(windows.iter().map(|window| {
                    let counts = self.over(moment, *window);
                    let burn = burn(counts, allowed);
                    format!(
                        "over {}: {} bad of {} / {allowed} = {}",
                        duration::words(*window),
                        counts.bad,
                        counts.total,
                        burn.map_or("unknown".to_owned(), |burn| format!("{burn:.2}"))
                    )
                })),
                Test::BudgetAtMost(_) => {
                    let left = self.budget(moment).remaining;
                    parts.push(format!(
                        "budget left: {}",
                        left.map_or("unknown".to_owned(), |it| format!("{:.2} %", it * 100.0))
                    ));
                }
                Test::ExhaustsWithin { lookback, .. } => {
                    let ends = self.exhausts_in(moment, *lookback);
                    parts.push(ends.map_or("the budget does not end".to_owned(), |it| {
                        format!("the budget ends in {:.1} h", it as f64 / 3_600.0)
                    }));
                }
                Test::Outage { within, .. } => {
                    let failures = self.outage(moment, *within);
                    parts.push(counted(failures, "failure", "failures") + " in a row");
                }
                Test::Silence(length) => {
                    parts.push(format!("no event for {}", duration::words(*length)));
                }
            }
        }
        format!("{}; {}", rule.words(), parts.join("; "))
    }
}

/// Both, where unknown and false is false.
fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Error ratio over what is allowed.
pub fn burn(counts: Counts, allowed: Ratio) -> Option<f64> {
    let bad = counts.bad as f64 * allowed.den() as f64;
    let may = counts.total as f64 * allowed.num() as f64;
    (counts.total > 0 && may > 0.0).then(|| bad / may)
}

/// Share of the budget left, signed.
pub fn remaining(bad: u64, base: u64, allowed: Ratio) -> f64 {
    let spent = bad as f64 * allowed.den() as f64;
    let may = base as f64 * allowed.num() as f64;
    (may - spent) / may
}
