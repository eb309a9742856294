//! What was used lately, in two generations: when the younger one is full, the older one goes.

use model::TraceId;
use std::collections::HashMap;

/// Values by trace, at most twice `most` in weight: those that nobody asked for since the younger generation began go
/// first.
#[derive(Debug)]
pub(super) struct Recent<V> {
    young: HashMap<TraceId, (V, usize)>,
    old: HashMap<TraceId, (V, usize)>,
    weight: usize,
    most: usize,
}

impl<V: Clone> Recent<V> {
    /// Keeps values of `most` weight in each generation.
    pub fn new(most: usize) -> Self {
        Recent {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            most,
        }
    }

    /// True when the value is kept; this does not count as asking for it.
    pub fn holds(&self, id: TraceId) -> bool {
        self.young.contains_key(&id) || self.old.contains_key(&id)
    }

    /// The value, if it is kept.
    pub fn get(&mut self, id: TraceId) -> Option<V> {
        if let Some((value, _)) = self.young.get(&id) {
            return Some(value.clone());
        }
        let (value, weight) = self.old.remove(&id)?;
        self.put(id, value.clone(), weight);
        Some(value)
    }

    /// Keeps a value in the place of the one before.
    pub fn put(&mut self, id: TraceId, value: V, weight: usize) {
        self.remove(id);
        if self.weight.saturating_add(weight) > self.most {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight = self.weight.saturating_add(weight);
        self.young.insert(id, (value, weight));
    }

    /// Forgets a value.
    pub fn remove(&mut self, id: TraceId) {
        self.old.remove(&id);
        if let Some((_, weight)) = self.young.remove(&id) {
            self.weight = self.weight.saturating_sub(weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> TraceId {
        TraceId(n.to_be_bytes())
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes_within_a_bound() {
        let mut recent = Recent::new(10);
        for n in 0..1_000 {
            recent.put(id(n), n, 1);
            assert_eq!(recent.get(id(0)), Some(0), "asked for all the time");
            assert!(recent.young.len() + recent.old.len() <= 20);
        }
        assert_eq!(recent.get(id(5)), None, "long ago");
        assert_eq!(recent.get(id(999)), Some(999));
        recent.put(id(999), 1, 1);
        assert_eq!(recent.get(id(999)), Some(1), "the new one");
        recent.remove(id(999));
        assert!(!recent.holds(id(999)));
        recent.put(id(7), 7, 500);
        assert_eq!(recent.get(id(7)), Some(7), "one that is too large alone");
    }
}
