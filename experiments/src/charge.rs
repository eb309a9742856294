//! What an experiment is charged: the bad events in its scope and time, less those that would have been
//! without it, as a share of the budget.
//!
//! `charge = max(0, bad − baseline_bad / baseline_total × total) / allowed`. Without a baseline nothing is
//! taken off. An event that several experiments touch is shared evenly among them.

use model::api::experiments::Charge;

/// Counts in the scope of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counted {
    /// Bad events; parts of events where several experiments share one.
    pub bad: f64,
    /// All events.
    pub total: f64,
    /// Bad events of the same scope before it.
    pub baseline_bad: u64,
    /// All events of the same scope before it.
    pub baseline_total: u64,
}

/// Charges these counts to a budget of `allowed` bad events. With no budget at all, anything that was spent
/// is all of it.
pub fn charge(slo: &str, counted: Counted, allowed: f64) -> Charge {
    let rate = match counted.baseline_total {
        0 => 0.0,
        total => counted.baseline_bad as f64 / total as f64,
    };
    let expected_bad = rate * counted.total;
    let net_bad = (counted.bad - expected_bad).max(0.0);
    let share = |bad: f64| match allowed > 0.0 {
        true => bad / allowed,
        false if bad > 0.0 => 1.0,
        false => 0.0,
    };
    Charge {
        slo: slo.to_owned(),
        total: counted.total.round() as u64,
        bad: counted.bad,
        baseline_bad: counted.baseline_bad,
        baseline_total: counted.baseline_total,
        expected_bad,
        net_bad,
        allowed,
        gross_charge: share(counted.bad),
        net_charge: share(net_bad),
    }
}

/// Events that the same experiments touch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Touched {
    /// For each experiment, whether it touches them.
    pub by: Vec<bool>,
    /// How many there are.
    pub total: u64,
    /// Bad ones among them.
    pub bad: u64,
}

/// The share of each of `count` experiments, bad and total: an event is charged once.
pub fn split(touched: &[Touched], count: usize) -> Vec<(f64, f64)> {
    let mut shares = vec![(0.0, 0.0); count];
    for events in touched {
        let many = events.by.iter().filter(|it| **it).count();
        if many == 0 {
            continue;
        }
        for (share, _) in shares.iter_mut().zip(&events.by).filter(|(_, by)| **by) {
            share.0 += events.bad as f64 / many as f64;
            share.1 += events.total as f64 / many as f64;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(held: f64, expect: f64) {
        assert!((held - expect).abs() < 1e-6, "{held} {expect}");
    }

    #[test]
    fn the_published_vector_holds() {
        let check = |bad: f64, total: f64, baseline: (u64, u64), allowed: f64, expect: [f64; 4]| {
            let counted = Counted {
                bad,
                total,
                baseline_bad: baseline.0,
                baseline_total: baseline.1,
            };
            let held = charge("x", counted, allowed);
            near(held.expected_bad, expect[0]);
            near(held.net_bad, expect[1]);
            near(held.gross_charge, expect[2]);
            near(held.net_charge, expect[3]);
        };
        check(
            500.0,
            10_000.0,
            (60, 60_000),
            43_200.0,
            [10.0, 490.0, 0.011574, 0.011343],
        );
        check(
            5.0,
            10_000.0,
            (60, 60_000),
            43_200.0,
            [10.0, 0.0, 0.000116, 0.0],
        );
        check(20.0, 200.0, (0, 0), 1_000.0, [0.0, 20.0, 0.02, 0.02]);
        check(3.0, 200.0, (0, 0), 0.0, [0.0, 3.0, 1.0, 1.0]);
        check(0.0, 0.0, (0, 0), 0.0, [0.0; 4]);
    }

    #[test]
    fn an_event_is_charged_once() {
        let touched = [
            Touched {
                by: vec![true, true],
                total: 100,
                bad: 10,
            },
            Touched {
                by: vec![false, true],
                total: 60,
                bad: 6,
            },
            Touched {
                by: vec![false, false],
                total: 9,
                bad: 9,
            },
        ];
        let shares = split(&touched, 2);
        near(shares[0].0 / 1_000.0, 0.005);
        near(shares[1].0 / 1_000.0, 0.011);
        near(shares[0].1 + shares[1].1, 160.0);
    }
}
