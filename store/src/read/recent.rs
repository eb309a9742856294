//! Identities of rows in blocks written lately.
//!
//! Spans of a trace come over seconds, so right after a flush many rows belong to traces that a block
//! holds, although they are new. Half of each identity is enough to tell that; only when it is found
//! does the block itself decide.

use crate::identity::Identity;
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Memory of an identity, bytes, with the slack of the set.
const COST: usize = 16;

pub(super) struct Recent {
    held: Mutex<VecDeque<Group>>,
    limit: usize,
}

/// Blocks written together.
struct Group {
    paths: HashSet<String>,
    halves: Arc<HashSet<u64>>,
}

impl Recent {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Recent {
            held: Mutex::default(),
            limit: limit_bytes / COST,
        }
    }

    pub(super) fn add<'a>(
        &self,
        paths: impl Iterator<Item = &'a String>,
        identities: impl Iterator<Item = Identity>,
    ) {
        let group = Group {
            paths: paths.cloned().collect(),
            halves: Arc::new(identities.map(half).collect()),
        };
        let mut held = self.lock();
        held.push_back(group);
        let count = |held: &VecDeque<Group>| held.iter().map(|g| g.halves.len()).sum::<usize>();
        while count(&held) > self.limit && held.pop_front().is_some() {}
    }

    /// True when a block surely holds none of these; false when it may, or is not known here.
    pub(super) fn rules_out(&self, path: &str, identities: &[Identity]) -> bool {
        let held = self.lock();
        let group = held.iter().find(|group| group.paths.contains(path));
        let Some(halves) = group.map(|group| group.halves.clone()) else {
            return false;
        };
        drop(held);
        !identities.iter().any(|id| halves.contains(&half(*id)))
    }

    pub(super) fn remove(&self, path: &str) {
        let mut held = self.lock();
        for group in held.iter_mut() {
            group.paths.remove(path);
        }
        held.retain(|group| !group.paths.is_empty());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Group>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn half(identity: Identity) -> u64 {
    identity as u64
}
