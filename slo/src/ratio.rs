//! Exact fractions: targets, factors and shares, as they were written.

use std::cmp::Ordering;
use std::fmt;

/// A fraction in lowest terms. The denominator is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    num: i128,
    den: i128,
}

/// Digits of a number as written, at most.
const MOST_DIGITS: usize = 12;

impl Ratio {
    /// Nothing.
    pub const ZERO: Ratio = Ratio { num: 0, den: 1 };
    /// All.
    pub const ONE: Ratio = Ratio { num: 1, den: 1 };

    /// `num / den`.
    ///
    /// # Panics
    /// Never: a denominator of 0 is taken for 1.
    pub fn new(num: i128, den: i128) -> Self {
        let (num, den) = match den {
            0 => (num, 1),
            den if den < 0 => (-num, -den),
            den => (num, den),
        };
        let divisor = gcd(num.unsigned_abs(), den.unsigned_abs()).max(1) as i128;
        Ratio {
            num: num / divisor,
            den: den / divisor,
        }
    }

    /// A decimal number, exactly: `0.999`, `-3`, `99.5`, `1e-3`; `None` for anything else, or for
    /// more digits than a target has.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, digits) = match mantissa.as_bytes().first()? {
            b'-' => (-1, &mantissa[1..]),
            b'+' => (1, &mantissa[1..]),
            _ => (1, mantissa),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let part = part.trim_end_matches('0');
        let all = format!("{whole}{part}");
        let significant = all.trim_start_matches('0').len();
        if all.is_empty() || significant > MOST_DIGITS || part.len() > MOST_DIGITS {
            return None;
        }
        if !all.bytes().all(|byte| byte.is_ascii_digit()) || exponent.abs() > 12 {
            return None;
        }
        let num: i128 = all.parse().ok()?;
        let scale = part.len() as i32 - exponent;
        let power = 10i128.pow(scale.unsigned_abs());
        Some(match scale >= 0 {
            true => Ratio::new(sign * num, power),
            false => Ratio::new(sign * num * power, 1),
        })
    }

    /// Numerator.
    pub fn num(self) -> i128 {
        self.num
    }

    /// Denominator, positive.
    pub fn den(self) -> i128 {
        self.den
    }

    /// The nearest floating-point number.
    pub fn to_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// One minus this.
    pub fn complement(self) -> Self {
        Ratio::new(self.den - self.num, self.den)
    }

    /// Product; the factors are small enough as they are read.
    pub fn times(self, other: Ratio) -> Self {
        let cross = |a: i128, b: i128| gcd(a.unsigned_abs(), b.unsigned_abs()).max(1) as i128;
        let (left, right) = (cross(self.num, other.den), cross(other.num, self.den));
        Ratio::new(
            (self.num / left).saturating_mul(other.num / right),
            (self.den / right).saturating_mul(other.den / left),
        )
    }

    /// Quotient; 0 when divided by 0.
    pub fn over(self, other: Ratio) -> Self {
        match other.num {
            0 => Ratio::ZERO,
            _ => self.times(Ratio::new(other.den, other.num)),
        }
    }

    /// Compares `count / total` with this, exactly; `total` is positive.
    pub fn compare_share(self, count: i128, total: i128) -> Ordering {
        match (count.checked_mul(self.den), self.num.checked_mul(total)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => (count as f64 / total as f64).total_cmp(&self.to_f64()),
        }
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        other.compare_share(self.num, self.den)
    }
}

impl fmt::Display for Ratio {
    /// The decimal if it ends, else six digits of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut power = 1i128;
        for digits in 0..=MOST_DIGITS {
            if (self.num * power) % self.den == 0 {
                let scaled = self.num * power / self.den;
                let sign = if scaled < 0 { "-" } else { "" };
                let (whole, part) = (scaled.abs() / power, scaled.abs() % power);
                return match digits {
                    0 => write!(f, "{sign}{whole}"),
                    _ => write!(f, "{sign}{whole}.{part:0digits$}"),
                };
            }
            power *= 10;
        }
        write!(f, "{:.6}", self.to_f64())
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    match b {
        0 => a,
        b => gcd(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        let check = |text: &str, expect: Option<&str>| {
            let shown = Ratio::parse(text).map(|ratio| ratio.to_string());
            assert_eq!(shown.as_deref(), expect, "{text}");
        };
        check("0.999", Some("0.999"));
        check("99.50", Some("99.5"));
        check(" 1e-3 ", Some("0.001"));
        check("-2", Some("-2"));
        check(".5", Some("0.5"));
        check("2e3", Some("2000"));
        check("", None);
        check(".", None);
        check("1.2.3", None);
        check("0x10", None);
        check("0.1234567890123", None);
        check("1e99", None);
        check("nan", None);
    }

    #[test]
    fn a_tie_is_a_tie() {
        // 144 of 10,000 at a target of 0.999 burns exactly 14.4 times as fast as allowed.
        let allowed = Ratio::parse("0.999").expect("a number").complement();
        let factor = Ratio::parse("14.4").expect("a number");
        let limit = factor.times(allowed);
        assert_eq!(limit.compare_share(144, 10_000), Ordering::Equal);
        assert_eq!(limit.compare_share(145, 10_000), Ordering::Greater);
        assert_eq!(limit.compare_share(1_439, 100_000), Ordering::Less);
    }
}
