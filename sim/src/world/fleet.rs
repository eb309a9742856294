//! The sandboxes of a function.

use demo::dice::Dice;
use demo::when;

/// One sandbox, that is one log stream.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// Log stream.
    pub stream: String,
    /// Version that it runs.
    pub version: u32,
    /// When it was made, milliseconds since the epoch.
    pub created: i64,
    /// When it worked: (from, until).
    pub busy: Vec<(i64, i64)>,
    /// Ends of invocations that took the runtime down.
    pub crashes: Vec<i64>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// In order of creation.
    pub sandboxes: Vec<Sandbox>,
}

/// What an invocation runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A sandbox that is up.
    Warm(usize),
    /// A sandbox whose runtime went down and has to be started again.
    Down(usize),
    /// A new one.
    New,
}

/// A sandbox is kept for so long after its last invocation.
const IDLE_MS: i64 = 25 * 60_000;

impl Fleet {
    /// Where an invocation at a moment goes.
    pub fn place(&self, at: i64, version: u32, recycled_since: Option<i64>) -> Place {
        for (index, sandbox) in self.sandboxes.iter().enumerate() {
            let taken = sandbox
                .busy
                .iter()
                .any(|(from, until)| from - 2_000 < at && at <= *until + 1);
            let later = sandbox.busy.iter().any(|(from, _)| *from > at);
            let last = sandbox
                .busy
                .iter()
                .map(|(_, until)| *until)
                .filter(|until| *until < at)
                .max();
            let usable = sandbox.version == version
                && !taken
                && !later
                && last.is_some_and(|last| at - last < IDLE_MS)
                && recycled_since.is_none_or(|since| sandbox.created >= since);
            if usable {
                let down = last.is_some_and(|last| sandbox.crashes.contains(&last));
                return if down {
                    Place::Down(index)
                } else {
                    Place::Warm(index)
                };
            }
        }
        Place::New
    }

    /// Makes a sandbox.
    pub fn create(&mut self, dice: &mut Dice, version: u32, created: i64) -> usize {
        self.sandboxes.push(Sandbox {
            stream: format!("{}/[{version}]{}", when::day(created), dice.hex(32)),
            version,
            created,
            busy: Vec::new(),
            crashes: Vec::new(),
        });
        self.sandboxes.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn a_busy_sandbox_takes_nobody_else() {
        let mut fleet = Fleet::default();
        assert_eq!(fleet.place(1_000_000, 1, None), Place::New);
        let index = fleet.create(&mut Chance(1).of("x"), 1, 1_000_000);
        fleet.sandboxes[index].busy.push((1_000_300, 1_000_900));
        assert_eq!(fleet.place(1_000_500, 1, None), Place::New);
        assert_eq!(fleet.place(1_010_000, 1, None), Place::Warm(0));
        assert_eq!(
            fleet.place(1_010_000, 2, None),
            Place::New,
            "another version"
        );
        assert_eq!(
            fleet.place(1_010_000, 1, Some(1_005_000)),
            Place::New,
            "recycled"
        );
        fleet.sandboxes[0].crashes.push(1_000_900);
        assert_eq!(fleet.place(1_010_000, 1, None), Place::Down(0));
    }
}
