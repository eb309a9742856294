//! Chance that can be repeated: the same seed throws the same numbers.

/// SplitMix64: small, fast, and good enough for a demonstration.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice for one subject: the same seed and name always give the same throws.
    pub fn new(seed: u64, name: &str) -> Self {
        let salt = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Dice(seed ^ salt)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = (high - low + 1).max(1) as u64;
        low + (self.next() % width) as i64
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the choices.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.between(0, choices.len() as i64 - 1) as usize]
    }

    /// A duration whose median is given, with the long tail that services have.
    pub fn duration(&mut self, median: f64) -> f64 {
        let bell: f64 = (0..6).map(|_| self.unit()).sum::<f64>() - 3.0;
        let tail = if self.chance(0.02) { 3.0 } else { 1.0 };
        median * (0.5 * bell).exp() * tail
    }

    /// The same in whole milliseconds, at least one.
    pub fn millis(&mut self, median: f64) -> i64 {
        (self.duration(median) as i64).max(1)
    }

    /// `digits` hex digits, at most 64.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            text += &format!("{:016x}", self.next());
        }
        text.truncate(digits);
        text
    }

    /// A random UUID (version 4).
    pub fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_throws_the_same() {
        let throws = |seed, name: &str| Dice::new(seed, name).hex(32);
        assert_eq!(throws(1, "a"), throws(1, "a"));
        assert_ne!(throws(1, "a"), throws(1, "b"));
        assert_ne!(throws(1, "a"), throws(2, "a"));
    }

    #[test]
    fn throws_stay_in_their_range() {
        let mut dice = Dice::new(7, "range");
        for _ in 0..1000 {
            assert!((3..=9).contains(&dice.between(3, 9)));
            assert!((0.0..1.0).contains(&dice.unit()));
        }
        assert_eq!(dice.uuid().len(), 36);
    }
}
