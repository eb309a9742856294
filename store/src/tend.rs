//! What the store does by itself: flush when memory is full or old, compact, sweep.

use crate::store::Inner;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// Pause after a failure, so that a broken object store is not hammered.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Tends the store until it is closed or dropped.
pub(crate) fn spawn(inner: &Arc<Inner>) {
    let weak = Arc::downgrade(inner);
    let wake = inner.wake.clone();
    tokio::spawn(async move {
        loop {
            let _ = tokio::time::timeout(EVERY, wake.notified()).await;
            match tend(&weak).await {
                Tended::Well => {}
                Tended::Badly => tokio::time::sleep(AFTER_FAILURE).await,
                Tended::Over => return,
            }
        }
    });
}

enum Tended {
    Well,
    Badly,
    Over,
}

async fn tend(weak: &Weak<Inner>) -> Tended {
    let Some(inner) = weak.upgrade() else {
        return Tended::Over;
    };
    {
        let mut work = inner.work.lock().await;
        let Some(work) = work.as_mut() else {
            return Tended::Over;
        };
        if inner.is_due() {
            if let Err(error) = inner.flush(work).await {
                tracing::error!(%error, "writing blocks failed; the log keeps everything, and it is tried again");
                return Tended::Badly;
            }
        } else if !work.garbage.is_empty() {
            inner.sweep(work, false).await;
        }
    }
    if let Err(error) = inner.compact(false).await {
        tracing::error!(%error, "compaction failed; the blocks stay as they are, and it is tried again");
        return Tended::Badly;
    }
    Tended::Well
}

impl Inner {
    fn is_due(&self) -> bool {
        let full = |bytes: u64, limit: u64| bytes >= limit / 2;
        let wal = self.wal.as_ref().map_or(0, |wal| wal.bytes());
        let state = self.state();
        let old = state
            .since
            .is_some_and(|since| since.elapsed() >= self.config.flush_after);
        let large = state.bytes() >= self.config.flush_bytes;
        let something = state.frozen.is_some() || !state.active.is_empty();
        state.frozen.is_some()
            || (something && (old || large || full(wal, self.config.wal_limit_bytes)))
    }
}
