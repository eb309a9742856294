//! Tells the open pages which executions changed: what changes together is told together.

use model::TraceId;
use std::collections::BTreeSet;
use tokio::sync::broadcast;

/// Changes that a page may be behind before it misses some.
const BACKLOG: usize = 256;

/// Where changes are announced. Clones are the same.
#[derive(Debug, Clone)]
pub struct Live(broadcast::Sender<BTreeSet<TraceId>>);

impl Default for Live {
    fn default() -> Self {
        Live(broadcast::Sender::new(BACKLOG))
    }
}

impl Live {
    /// These executions are new or changed.
    pub fn changed(&self, executions: BTreeSet<TraceId>) {
        if !executions.is_empty() {
            // Without an open page nobody listens, and that is all right.
            let _ = self.0.send(executions);
        }
    }

    /// Changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<BTreeSet<TraceId>> {
        self.0.subscribe()
    }
}
