//! Under what circumstances something was measured, from the most exact to the most general.

use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// The execution as a whole.
    Execution,
    /// Visits of a state, by its path without numbers: `Fan/Charge`.
    State(String),
    /// Single tries of a state, by the same path.
    Attempt(String),
    /// Invocations of a function.
    Function(String),
    /// Spans of an operation: service and name.
    Operation(String, String),
}

/// In what it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Measure {
    /// Nanoseconds from begin to end.
    Duration,
    /// Nanoseconds from scheduled to started.
    Queueing,
    /// Bytes of the input.
    InputBytes,
    /// Bytes of the output.
    OutputBytes,
    /// Tries of a visit, iterations of a Map: how many.
    Count,
    /// Megabytes of memory used at most.
    MemoryMb,
    /// Nanoseconds until a runtime was ready.
    Init,
}

/// The circumstances.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Circumstances {
    /// Version of the workflow, or of the function where the subject is one; `None` if unknown.
    pub version: Option<String>,
    /// [`size_bucket`] of the input.
    pub size: Option<u8>,
    /// Whether a runtime had to be started; `None` if unknown.
    pub cold: Option<bool>,
}

impl Circumstances {
    /// From these to none. A warm run gives up cold or warm first, then the version, then the size; a cold
    /// one resembles other cold runs more than warm ones of its size, and gives that up last.
    pub fn levels(&self) -> Vec<Circumstances> {
        let mut levels = vec![self.clone()];
        let mut less = |with: fn(&mut Circumstances)| {
            let mut next = levels[levels.len() - 1].clone();
            with(&mut next);
            if !levels.contains(&next) {
                levels.push(next);
            }
        };
        if self.cold == Some(true) {
            less(|it| it.size = None);
            less(|it| it.version = None);
            less(|it| it.cold = None);
        } else {
            less(|it| it.cold = None);
            less(|it| it.version = None);
            less(|it| it.size = None);
        }
        levels
    }
}

/// Sizes that count as alike: a bucket for each factor of 4 from 256 bytes on.
pub fn size_bucket(bytes: usize) -> u8 {
    let mut bucket = 0;
    let mut limit = 256;
    while bytes > limit && bucket < 16 {
        bucket += 1;
        limit *= 4;
    }
    bucket
}

/// A state's path without the numbers of iterations and branches: `Fan[3]/Charge` → `Fan/Charge`. Branches of
/// a Parallel are different things and keep theirs.
pub fn general_path(path: &str) -> String {
    let mut general = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('[') {
        let digits = rest[at + 1..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let end = at + 1 + digits;
        let closes = rest[end..].starts_with(']') && digits > 0;
        let ends = matches!(rest.as_bytes().get(end + 1), None | Some(b'/'));
        if closes && ends {
            general.push_str(&rest[..at]);
            rest = &rest[end + 1..];
        } else {
            general.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
        }
    }
    general + rest
}
