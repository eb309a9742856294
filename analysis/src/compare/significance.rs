//! Numbers behind "tells apart": log-odds with a prior, the G-test, a conditional test, and the correction for
//! having looked at many attributes.

/// Executions of two groups with and without something.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Table {
    pub(super) with_a: f64,
    pub(super) without_a: f64,
    pub(super) with_b: f64,
    pub(super) without_b: f64,
}

impl Table {
    fn total(&self) -> f64 {
        self.with_a + self.without_a + self.with_b + self.without_b
    }

    /// Log-odds ratio in standard errors, with half an execution in each cell as prior (Monroe, Colaresi and Quinn
    /// 2008 for the idea, Haldane and Anscombe for the half).
    pub(super) fn log_odds(&self) -> f64 {
        let cells = [self.with_a, self.without_a, self.with_b, self.without_b].map(|it| it + 0.5);
        let [a, b, c, d] = cells;
        let ratio = (a / b).ln() - (c / d).ln();
        let error = cells.iter().map(|cell| 1.0 / cell).sum::<f64>().sqrt();
        ratio / error
    }

    /// Chance of a difference like this without a cause: G-test, one degree of freedom.
    pub(super) fn p_value(&self) -> f64 {
        let total = self.total();
        let rows = [self.with_a + self.without_a, self.with_b + self.without_b];
        let columns = [self.with_a + self.with_b, self.without_a + self.without_b];
        let cells = [
            (self.with_a, rows[0] * columns[0]),
            (self.without_a, rows[0] * columns[1]),
            (self.with_b, rows[1] * columns[0]),
            (self.without_b, rows[1] * columns[1]),
        ];
        let term = |(seen, product): &(f64, f64)| match *seen > 0.0 && *product > 0.0 {
            true => seen * (seen * total / product).ln(),
            false => 0.0,
        };
        let g = 2.0 * cells.iter().map(term).sum::<f64>();
        chi_squared_1(g.max(0.0))
    }
}

/// Chance of a difference like these in all strata together: Cochran-Mantel-Haenszel, one degree of freedom.
pub(super) fn conditional_p(strata: &[Table]) -> f64 {
    let (mut excess, mut variance) = (0.0, 0.0);
    for table in strata {
        let total = table.total();
        if total < 2.0 {
            continue;
        }
        let row = table.with_a + table.without_a;
        let column = table.with_a + table.with_b;
        excess += table.with_a - row * column / total;
        variance +=
            row * (total - row) * column * (total - column) / (total * total * (total - 1.0));
    }
    if variance <= 0.0 {
        return 1.0;
    }
    chi_squared_1(excess * excess / variance)
}

/// Probability that a chi-squared variable with one degree of freedom exceeds `x`.
fn chi_squared_1(x: f64) -> f64 {
    erfc((x / 2.0).sqrt()).clamp(0.0, 1.0)
}

/// Complementary error function for x ≥ 0, relative error below 1.2e-7 (Chebyshev fit, Numerical Recipes §6.2).
fn erfc(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let fit = FIT.iter().rev().fold(0.0, |sum, term| sum * t + term);
    t * (-x * x + fit).exp()
}

/// Benjamini and Hochberg: the share of false ones among those at least as sure as each.
pub(super) fn q_values(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut q = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (n, at) in order.iter().enumerate() {
        let rank = (p_values.len() - n) as f64;
        least = least.min(p_values[*at] * p_values.len() as f64 / rank);
        q[*at] = least;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_agree_with_tables() {
        let check = |x: f64, expect: f64| {
            let found = chi_squared_1(x);
            assert!((found - expect).abs() < 1e-4, "{x}: {found}");
        };
        check(0.0, 1.0);
        check(3.841_459, 0.05);
        check(6.634_897, 0.01);
        check(10.827_566, 0.001);
    }

    #[test]
    fn what_is_the_same_in_both_groups_tells_nothing() {
        let same = Table {
            with_a: 10.0,
            without_a: 10.0,
            with_b: 30.0,
            without_b: 30.0,
        };
        assert!(same.p_value() > 0.99);
        assert!(same.log_odds().abs() < 0.1);
        let other = Table {
            with_a: 20.0,
            without_a: 0.0,
            with_b: 0.0,
            without_b: 20.0,
        };
        assert!(other.p_value() < 1e-9);
        assert!(other.log_odds() > 3.0);
    }

    #[test]
    fn many_looks_weaken_each() {
        let q = q_values(&[0.01, 0.04, 0.03, 0.5]);
        let expect = [0.04, 0.053_333, 0.053_333, 0.5];
        assert!(
            q.iter().zip(expect).all(|(q, it)| (q - it).abs() < 1e-5),
            "{q:?}"
        );
    }
}
