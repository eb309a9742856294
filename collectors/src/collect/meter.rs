//! How much a source has asked and been refused: shown on the Sources page.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts of one API.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metered {
    /// Calls made.
    pub calls: u64,
    /// Calls refused for being too many.
    pub throttled: u64,
    /// Milliseconds waited for a turn.
    pub waited_ms: u64,
    /// Calls a second that are allowed.
    pub allowed_per_s: f64,
}

/// Counts by API. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    apis: Arc<Mutex<BTreeMap<&'static str, Metered>>>,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Metered>> {
        self.apis.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the counts of an API.
    pub fn count(&self, api: &'static str, change: impl FnOnce(&mut Metered)) {
        change(self.lock().entry(api).or_default());
    }

    /// All counts.
    pub fn read(&self) -> Vec<(&'static str, Metered)> {
        self.lock()
            .iter()
            .map(|(api, counts)| (*api, *counts))
            .collect()
    }
}
