//! How many bytes of requests may be under way at once.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits count this many bytes.
const UNIT: usize = 1024;

/// A budget of bytes. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Budget {
            free: Arc::new(Semaphore::new(units)),
        }
    }

    /// Takes `bytes` until what is returned is dropped; `None` if there is not that much left.
    pub(crate) fn take(&self, bytes: usize) -> Option<Held> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        let permit = self.free.clone().try_acquire_many_owned(units).ok()?;
        Some(Held { _permit: permit })
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Held {
    _permit: OwnedSemaphorePermit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_comes_back() {
        let budget = Budget::new(10 * UNIT);
        let held = budget.take(8 * UNIT);
        assert!(held.is_some());
        assert!(budget.take(3 * UNIT).is_none());
        assert!(budget.take(1).is_some());
        drop(held);
        assert!(budget.take(10 * UNIT).is_some());
        assert!(budget.take(usize::MAX).is_none());
    }
}
