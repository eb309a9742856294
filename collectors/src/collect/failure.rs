//! What can go wrong with a source, and what to do about it.

use std::fmt;

/// What kind of failure it is, and so what the loop does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The other side is busy or away: it goes by itself.
    Wait,
    /// There is no way to it: it may come back by itself.
    Unreachable,
    /// A permission, a name, an address is wrong: somebody has to change something.
    Change,
    /// Our own store takes nothing at the moment.
    Store,
    /// We are being ended.
    End,
}

/// Why a round ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was wrong.
    pub message: String,
    /// What to do, in words.
    pub hint: String,
    /// What the loop does.
    pub advice: Advice,
}

impl Failure {
    /// A failure with a hint.
    pub fn new(advice: Advice, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            hint: hint.into(),
            advice,
        }
    }

    /// The process is ending.
    pub fn ending() -> Self {
        Failure::new(Advice::End, "the collector is being ended", "")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hint.as_str() {
            "" => f.write_str(&self.message),
            hint => write!(f, "{}: {hint}", self.message),
        }
    }
}
impl std::error::Error for Failure {}
