//! Second looks: executions whose verdict news may have changed, the newest first, in a small share of the time.

use super::{
    Court,
    enrol::News,
    lock,
    roster::{ENOUGH_HEALTHY, Kind},
};
use analysis::case::hangs_on_siblings;
use anyhow::Result;
use model::TraceId;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Executions of a workflow before its news, and after them, that are looked at again at most.
pub(super) const AGAIN: usize = 150;
/// Executions that wait for a second look; beyond it the oldest go.
const MOST_WAITING: usize = 20_000;
/// Verdicts that are looked up together.
const LOOKED_UP: usize = 512;
/// Of so many times the time that second looks took, they take one.
const REST: f64 = 20.0;
/// Time that second looks may take at once after they have rested long enough.
const SAVED: Duration = Duration::from_secs(3);

/// Executions that wait, in order of their start.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// `true` for those that are looked at whatever their verdict says.
    all: BTreeMap<(Reverse<i64>, TraceId), bool>,
}

impl Waiting {
    /// Adds one.
    pub fn add(&mut self, start: i64, id: TraceId, sure: bool) {
        *self.all.entry((Reverse(start), id)).or_default() |= sure;
        if self.all.len() > MOST_WAITING {
            self.all.pop_last();
        }
    }

    /// True when nobody waits.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those without which nobody waits any more, because they are judged.
    pub fn done(&mut self, ids: &BTreeSet<TraceId>, starts: &BTreeMap<TraceId, i64>) {
        for id in ids {
            if let Some(start) = starts.get(id) {
                self.all.remove(&(Reverse(*start), *id));
            }
        }
    }
}

/// How long second looks may take now: they save while they rest.
#[derive(Debug)]
pub(super) struct Credit {
    left: f64,
    at: Instant,
}

impl Default for Credit {
    fn default() -> Self {
        Credit {
            left: SAVED.as_secs_f64(),
            at: Instant::now(),
        }
    }
}

impl Credit {
    /// True when there is any left at a moment.
    pub fn is_left(&mut self, now: Instant) -> bool {
        let rested = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + rested / REST).min(SAVED.as_secs_f64());
        self.left > 0.0
    }

    /// Takes what a look took; there may be debt after it.
    pub fn spend(&mut self, took: Duration) {
        self.left -= took.as_secs_f64();
    }
}

impl Court {
    /// Executions that these news may concern: those that started one of them, and those whose siblings they are, if
    /// that can matter to their verdicts.
    pub(super) async fn affected(&self, news: &News, waiting: &mut Waiting) -> Result<()> {
        let parents: Vec<TraceId> = news.parents.difference(&news.ids).copied().collect();
        for part in parents.chunks(LOOKED_UP) {
            for parent in self.held.executions(part).await? {
                waiting.add(parent.start_time.0, parent.trace_id, true);
            }
        }
        let mut kept = lock(&self.kept);
        for (machine, span) in &news.machines {
            for (one, healthy) in kept.rosters.near(machine, &news.ids, *span, AGAIN) {
                // One that ran well has nothing to fear from others, unless too few had told what is usual.
                let sure = one.kind != Kind::Well || healthy < ENOUGH_HEALTHY;
                waiting.add(one.start, one.id, sure);
            }
        }
        Ok(())
    }

    /// The newest that wait and have to be looked at, at most so many: they wait no longer.
    pub(super) async fn next(
        &self,
        waiting: &mut Waiting,
        most: usize,
    ) -> Result<BTreeSet<TraceId>> {
        let mut next = BTreeSet::new();
        while next.len() < most && !waiting.is_empty() {
            self.look_up(waiting).await?;
            let mut looked = 0;
            while next.len() < most && looked < LOOKED_UP {
                let Some(((_, id), sure)) = waiting.all.pop_first() else {
                    break;
                };
                looked += 1;
                if sure || lock(&self.hanging).get(id).unwrap_or_default() {
                    next.insert(id);
                }
            }
        }
        Ok(next)
    }

    /// Learns of the newest that wait whether their verdicts hang on their siblings. One without a verdict is judged
    /// when somebody asks.
    async fn look_up(&self, waiting: &Waiting) -> Result<()> {
        let newest = waiting.all.iter().take(LOOKED_UP);
        let unsure = newest.filter(|(_, sure)| !**sure).map(|((_, id), _)| *id);
        let unknown: Vec<TraceId> = {
            let known = lock(&self.hanging);
            unsure.filter(|id| !known.holds(*id)).collect()
        };
        if unknown.is_empty() {
            return Ok(());
        }
        let verdicts = self.held.verdicts(&unknown).await?;
        let mut known = lock(&self.hanging);
        for id in unknown {
            known.put(id, false, 1);
        }
        for judged in verdicts {
            known.put(judged.trace_id, hangs_on_siblings(&judged.verdict), 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> TraceId {
        TraceId(u128::from(n).to_be_bytes())
    }

    #[test]
    fn the_newest_wait_within_a_bound() {
        let mut waiting = Waiting::default();
        for n in 0..2 * MOST_WAITING as u32 {
            waiting.add(i64::from(n), id(n), false);
        }
        waiting.add(0, id(0), true);
        assert_eq!(waiting.all.len(), MOST_WAITING);
        let last = 2 * MOST_WAITING as u32 - 1;
        waiting.add(i64::from(last), id(last), true);
        let first = waiting.all.first_key_value();
        assert_eq!(first, Some((&(Reverse(i64::from(last)), id(last)), &true)));
        let starts = [(id(last), i64::from(last))].into();
        waiting.done(&[id(last), id(7)].into(), &starts);
        assert_eq!(waiting.all.len(), MOST_WAITING - 1);
    }

    #[test]
    fn second_looks_take_a_twentieth_of_the_time() {
        let mut credit = Credit::default();
        let begin = Instant::now();
        let (mut now, mut looked) = (begin, Duration::ZERO);
        let look = Duration::from_millis(700);
        for _ in 0..40_000 {
            now += Duration::from_millis(250);
            if credit.is_left(now) {
                credit.spend(look);
                looked += look;
            }
        }
        let share = looked.as_secs_f64() / (now - begin).as_secs_f64();
        assert!((0.049..0.051).contains(&share), "{share}");
        assert!(!credit.is_left(now) || credit.left < look.as_secs_f64());
    }
}
