//! Whether something takes longer than it used to: a test on logarithms that holds from a handful of events up.
//!
//! Times of services are skewed, and one call in ten takes twenty times as long for no reason. Sums and their variances
//! need hundreds of traces to see through that; the logarithm of a time is nearly normal, so that a few calls that take
//! a hundred times as long stand out at once, and a single long one does not.

/// What is added to every time before its logarithm is taken, nanoseconds: less than this is the clock's.
const FLOOR_NS: f64 = 100_000.0;
/// Standard deviation of the logarithm of an ordinary operation, and how many events it counts for where few are seen.
const USUAL_SPREAD: f64 = 0.5;
const USUAL_EVENTS: f64 = 4.0;
/// A shift by less than this factor is the ordinary drift from one period to the next.
const DRIFT: f64 = 1.15;

/// Logarithms of times: how many, their sum and the sum of their squares.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Logs {
    count: f64,
    all: f64,
    squares: f64,
}

/// Logarithm of a time, nanoseconds.
pub(super) fn log(ns: f64) -> f64 {
    (ns.max(0.0) + FLOOR_NS).ln()
}

impl Logs {
    /// Adds a logarithm.
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.all += value;
        self.squares += value * value;
    }

    fn mean(&self) -> f64 {
        self.all / self.count.max(1.0)
    }

    /// Logarithm of the factor by which these are longer than others.
    pub fn shift(self, usual: Logs) -> f64 {
        self.mean() - usual.mean()
    }

    /// Sum of the squared distances from the mean.
    fn scatter(&self) -> f64 {
        (self.squares - self.all * self.all / self.count.max(1.0)).max(0.0)
    }
}

/// Freedom and standard error of the difference of two means; the spread is drawn towards the usual where few events say
/// what it is.
fn noise(now: Logs, before: Logs) -> (f64, f64) {
    let freedom = USUAL_EVENTS + (now.count + before.count - 2.0).max(0.0);
    let scatter = USUAL_EVENTS * USUAL_SPREAD * USUAL_SPREAD + now.scatter() + before.scatter();
    let error =
        (scatter / freedom * (1.0 / now.count.max(1.0) + 1.0 / before.count.max(1.0))).sqrt();
    (freedom, error)
}

/// Standard errors by which times have grown beyond the ordinary drift, as a standard normal would have them; 0 where
/// one side has no event.
pub(super) fn grown(now: Logs, before: Logs) -> f64 {
    if now.count < 1.0 || before.count < 1.0 {
        return 0.0;
    }
    let (freedom, error) = noise(now, before);
    normal((now.mean() - before.mean() - DRIFT.ln()) / error, freedom)
}

/// What [`grown`] would say had everything taken twice as long: the power of the comparison.
pub(super) fn if_doubled(now: Logs, before: Logs) -> f64 {
    if now.count < 1.0 || before.count < 1.0 {
        return 0.0;
    }
    let (freedom, error) = noise(now, before);
    normal((2.0_f64.ln() - DRIFT.ln()) / error, freedom)
}

/// Student's t as the value of a standard normal that is as unlikely (Wallace, 1959).
pub(super) fn normal(t: f64, freedom: f64) -> f64 {
    let z = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
        * (freedom * (1.0 + t * t / freedom).ln()).sqrt();
    z.copysign(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(ms: &[f64]) -> Logs {
        let mut logs = Logs::default();
        ms.iter().for_each(|it| logs.add(log(it * 1e6)));
        logs
    }

    #[test]
    fn few_events_tell_a_great_shift_and_no_small_one() {
        let usual = [22.0, 18.0, 40.0, 21.0, 30.0, 19.0, 25.0];
        let check = |now: &[f64], expect: bool| {
            let grown = grown(logs(now), logs(&usual));
            assert_eq!(grown > 3.8, expect, "{now:?}: {grown}");
        };
        check(&[520.0, 510.0, 610.0], true);
        check(&[310.0, 970.0, 150.0, 400.0, 80.0], true);
        check(&[45.0, 30.0, 60.0], false);
        check(&[220.0], false);
        // One long one among many.
        check(&[22.0, 18.0, 900.0, 21.0, 30.0, 19.0, 25.0], false);
    }

    #[test]
    fn t_becomes_normal() {
        // By numerical integration of Student's density: 2.5648 and 1.9218.
        assert!((normal(4.0, 5.0) - 2.5648).abs() < 0.02);
        assert!((normal(2.0, 30.0) - 1.9218).abs() < 0.01);
        assert!(normal(-4.0, 5.0) < -2.2);
    }

    #[test]
    fn power_grows_with_events() {
        let few = logs(&[10.0, 12.0, 15.0, 9.0]);
        let many: Vec<f64> = (0..80).map(|it| 9.0 + f64::from(it % 7)).collect();
        assert!(if_doubled(few, few) < 3.0);
        assert!(if_doubled(logs(&many), logs(&many)) > 4.5);
        assert_eq!(if_doubled(Logs::default(), few), 0.0);
    }
}
