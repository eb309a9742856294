//! Caches that forget: whoever asks a store far more often than he did because his cache writes that it has no room left
//! is its victim.

use super::Period;
use super::latency::Late;
use super::means;
use super::rank::Evidence;
use super::tree::{Answers, Names, Trees};
use std::collections::{BTreeMap, BTreeSet};

/// Caches, and who asks others more often for want of them.
pub(super) fn caches(
    late: &BTreeMap<u32, Late>,
    periods: [&Period; 2],
    symptom: &Trees,
    answers: &Answers,
    names: &Names,
) -> BTreeMap<u32, u32> {
    let askers: BTreeSet<u32> = late.iter().filter(|it| it.1.asks).map(|it| *it.0).collect();
    let mut asked: BTreeSet<(u32, u32)> = BTreeSet::new();
    for n in 0..symptom.spans.len() {
        let from = symptom.service[n];
        let to = symptom.waits_for(n, answers);
        if askers.contains(&from) && to != from {
            asked.insert((to, from));
        }
    }
    let short = asked
        .into_iter()
        .filter(|it| means::written(it.0, periods, names).is_some());
    short.collect()
}

/// Charges what the asking costs to the cache.
pub(super) fn charge(all: &mut [Evidence], caches: &BTreeMap<u32, u32>) {
    for (cache, asker) in caches {
        let cost = all.iter_mut().find(|it| it.service == *asker);
        let cost = cost.map(|it| {
            let left = it.by_time * 0.3;
            std::mem::replace(&mut it.by_time, left)
        });
        if let Some(it) = all.iter_mut().find(|it| it.service == *cache) {
            it.by_time = it.by_time.max(cost.unwrap_or(0.0));
            it.forgets = true;
        }
    }
}
