//! Queues whose consumers answer task tokens, and activities with their workers.

use super::Window;

/// A queue or activity, and who works on it.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Name.
    pub name: String,
    /// Median until somebody takes a message up.
    pub pickup_ms: f64,
    /// Median of the work on a message.
    pub work_ms: f64,
    /// Messages in these windows are taken and never answered.
    pub lost: Vec<Window>,
    /// Workers are too few in these windows: so much more time until a message is taken up.
    pub starved: Vec<(Window, f64)>,
}

impl Queue {
    /// True when an answer to a message of that moment never comes.
    pub fn loses(&self, at: i64) -> bool {
        self.lost.iter().any(|window| window.holds(at))
    }

    /// Milliseconds that a message of that moment waits longer.
    pub fn backlog_ms(&self, at: i64) -> f64 {
        let held = self.starved.iter().filter(|(window, _)| window.holds(at));
        held.map(|(_, ms)| ms).sum()
    }
}
