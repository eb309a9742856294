//! From weight to probability: a small table, fitted to how often verdicts were right at first sight on mysteries that others
//! wrote (docs/bench.md), linear between its points. It only grows, so it never changes who is first.

/// Weight of the evidence, and how often a verdict of that weight is right.
const TABLE: [(f64, f64); 8] = [
    (0.0, 0.0),
    (0.3, 0.30),
    (0.5, 0.45),
    (0.7, 0.62),
    (0.8, 0.84),
    (0.9, 0.88),
    (0.93, 0.93),
    (1.0, 0.97),
];
/// How often nobody was to blame where nobody was accused.
pub(crate) const NO_CRIME: f64 = 0.92;
/// The same where no other run tells what is usual: only a failure would have been seen.
pub(crate) const ALONE: f64 = 0.6;

/// The probability that goes with a weight.
pub(crate) fn calibrated(weight: f64) -> f64 {
    let weight = weight.clamp(0.0, 1.0);
    for pair in TABLE.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        if weight <= x1 {
            return y0 + (y1 - y0) * (weight - x0) / (x1 - x0);
        }
    }
    TABLE[TABLE.len() - 1].1
}

/// How sure a verdict is: its weight, less when somebody else is close behind.
pub(crate) fn of(weight: f64, margin: f64) -> f64 {
    let close = if margin < 0.15 { 0.85 + margin } else { 1.0 };
    // As it is shown, so that the number and its word agree.
    (calibrated(weight * close) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_weight_is_never_less_sure() {
        let points: Vec<f64> = (0..=100)
            .map(|n| calibrated(f64::from(n) / 100.0))
            .collect();
        assert!(points.is_sorted());
        assert!(of(0.9, 0.0) < of(0.9, 0.5));
        assert!(calibrated(2.0) <= 1.0);
    }
}
