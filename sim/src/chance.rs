//! Chance by subject: what happens to one attempt does not depend on how many numbers others drew.
//!
//! This is what makes pairs comparable: with and without a fault, everything that the fault does not
//! touch throws the same dice.

pub use demo::dice::Dice;

/// The source of all dice of a mystery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(pub u64);

impl Chance {
    /// Dice for a subject.
    pub fn of(self, subject: &str) -> Dice {
        let mut dice = Dice::new(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15), subject);
        // The names of neighbours differ in one letter: one throw mixes them well apart.
        let mixed = dice.hex(16);
        Dice::new(self.0, &mixed)
    }
}

/// A duration whose median is given in milliseconds; `spread` is the standard deviation of its logarithm.
pub fn millis(dice: &mut Dice, median: f64, spread: f64) -> f64 {
    let bell: f64 = (0..12).map(|_| dice.unit()).sum::<f64>() - 6.0;
    (median * (spread * bell).exp()).max(0.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_do_not_disturb_each_other() {
        let chance = Chance(7);
        let mut first = chance.of("a/1");
        let alone = first.hex(16);
        let mut other = chance.of("a/2");
        other.hex(64);
        assert_eq!(chance.of("a/1").hex(16), alone);
        assert_ne!(chance.of("a/2").hex(16), alone);
    }

    #[test]
    fn the_median_of_durations_is_as_asked() {
        let mut dice = Chance(3).of("durations");
        let mut all: Vec<f64> = (0..999).map(|_| millis(&mut dice, 200.0, 0.3)).collect();
        all.sort_by(f64::total_cmp);
        assert!((180.0..220.0).contains(&all[499]), "{}", all[499]);
    }
}
