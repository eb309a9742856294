//! Counts by indicator, kept up to date: each indicator is counted once, however many objectives use it, and
//! only minutes whose rows changed are counted again.

use super::count::{self, Counted, Wanted};
use anyhow::Result;
use query::Engine;
use slo::{Counts, Indicator, Series, Slo, measure::Over, series::SLICE};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};
use store::{Changed, Snapshot, Table};

/// How far into the future an event may end and still be counted, seconds: clocks differ.
const AHEAD: i64 = 86_400;

/// Names an indicator with its group: the same for the same counts.
pub type Key = String;

/// One indicator's counts.
#[derive(Debug, Clone)]
pub struct Held {
    wanted: Wanted,
    /// Seconds that it must reach back.
    reach: i64,
    /// By group; the only one without groups is `None`.
    pub groups: BTreeMap<Option<String>, Arc<Series>>,
    /// Why it cannot be counted.
    pub error: Option<String>,
}

/// All counts.
#[derive(Debug, Default)]
pub struct Shelf {
    held: BTreeMap<Key, Held>,
    known_from: BTreeMap<Over, i64>,
    /// Newest event of any kind.
    pub newest: Option<i64>,
    /// Seconds that are counted beyond what evaluation needs.
    further: i64,
}

/// The key of what an objective counts; `None` if it counts nothing itself.
pub fn key(slo: &Slo) -> Option<Key> {
    match &slo.indicator {
        Indicator::Measured(measure) => Some(format!("{measure:?}|{:?}", slo.group_by)),
        _ => None,
    }
}

fn table(over: Over) -> Table {
    match over {
        Over::Executions => Table::Executions,
        Over::States => Table::States,
        Over::Attempts => Table::Attempts,
        Over::Invocations => Table::Invocations,
        Over::Spans => Table::Spans,
    }
}

impl Shelf {
    /// The counts of an objective.
    pub fn of(&self, slo: &Slo) -> Option<&Held> {
        self.held.get(&key(slo)?)
    }

    /// Counts so many seconds more than an evaluation now needs: for evaluations at earlier times.
    pub fn reach_further(&mut self, seconds: i64) {
        self.further = seconds.max(0);
    }

    /// Number of indicators.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Makes the shelf fit the objectives, then counts what is new or changed. Says how many minutes were
    /// counted again.
    pub async fn refresh(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        slos: &[Arc<Slo>],
        changed: &Changed,
        now: i64,
    ) -> Result<usize> {
        let mut needed: BTreeMap<Key, (Wanted, i64)> = BTreeMap::new();
        for slo in slos {
            if let (Some(key), Indicator::Measured(measure)) = (key(slo), &slo.indicator) {
                let wanted = || Wanted {
                    measure: measure.clone(),
                    group_by: slo.group_by.clone(),
                };
                let entry = needed.entry(key).or_insert_with(|| (wanted(), 0));
                entry.1 = entry.1.max(slo.reach().saturating_add(self.further));
            }
        }
        let enough = |key: &Key, held: &Held| {
            needed
                .get(key)
                .is_some_and(|(_, reach)| *reach <= held.reach)
                && held.error.is_none()
        };
        self.held.retain(|key, held| enough(key, held));
        let before = self.held.keys().cloned().collect::<BTreeSet<_>>();
        let everything = changed.everything;
        if everything {
            self.held.clear();
        }
        let new: Vec<(Key, (Wanted, i64))> = needed
            .into_iter()
            .filter(|(key, _)| everything || !before.contains(key))
            .collect();
        if !everything {
            self.recount(engine, snapshot, changed).await?;
        }
        if !new.is_empty() {
            self.extents(engine, snapshot, &new).await?;
            self.fill(engine, snapshot, new, now).await?;
        }
        for held in self.held.values_mut() {
            let oldest = now - held.reach - 7 * 86_400;
            for series in held.groups.values_mut().filter(|it| it.forgets(oldest)) {
                Arc::make_mut(series).forget_before(oldest);
            }
        }
        Ok(changed.minutes.values().map(BTreeSet::len).sum())
    }

    /// When data begins, table by table.
    async fn extents(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        new: &[(Key, (Wanted, i64))],
    ) -> Result<()> {
        let overs: BTreeSet<Over> = new
            .iter()
            .map(|(_, (wanted, _))| wanted.measure.over)
            .collect();
        for over in overs {
            if let Some((first, last)) = count::extent(engine, snapshot, over).await? {
                self.known_from
                    .insert(over, first.div_euclid(SLICE) * SLICE);
                self.newest = self.newest.max(Some(last));
            }
        }
        Ok(())
    }

    /// Counts indicators from the beginning.
    async fn fill(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        new: Vec<(Key, (Wanted, i64))>,
        now: i64,
    ) -> Result<()> {
        let reach = new.iter().map(|(_, (_, reach))| *reach).max().unwrap_or(0);
        let range = (now - reach).div_euclid(SLICE) * SLICE..now + AHEAD;
        let wanted: Vec<&Wanted> = new.iter().map(|(_, (wanted, _))| wanted).collect();
        let counted = count::count(engine, snapshot, &wanted, std::slice::from_ref(&range)).await?;
        for ((key, (wanted, _)), counted) in new.into_iter().zip(counted) {
            let known = self.known_from.get(&wanted.measure.over).copied();
            let (counted, error) = match counted {
                Ok(counted) => (counted, None),
                Err(error) => (Counted::new(), Some(error)),
            };
            let mut groups: BTreeMap<Option<String>, Arc<Series>> = counted
                .into_iter()
                .map(|(group, counts)| (group, Arc::new(Series::new(SLICE, &counts, known))))
                .collect();
            if wanted.group_by.is_none() {
                let empty = || Arc::new(Series::new(SLICE, &BTreeMap::new(), known));
                groups.entry(None).or_insert_with(empty);
            }
            self.held.insert(
                key,
                Held {
                    wanted,
                    reach,
                    groups,
                    error,
                },
            );
        }
        Ok(())
    }

    /// Counts the changed minutes again.
    async fn recount(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        changed: &Changed,
    ) -> Result<()> {
        for over in Over::ALL {
            let Some(minutes) = changed
                .minutes
                .get(&table(over))
                .filter(|it| !it.is_empty())
            else {
                continue;
            };
            if let Some(last) = minutes.last() {
                self.newest = self.newest.max(Some(last * SLICE + SLICE - 1));
            }
            let first = minutes.first().copied().unwrap_or_default() * SLICE;
            let known = self.known_from.entry(over).or_insert(first);
            *known = first.min(*known);
            let known = *known;
            let keys: Vec<Key> = self
                .held
                .iter()
                .filter(|(_, held)| held.wanted.measure.over == over)
                .map(|(key, _)| key.clone())
                .collect();
            let wanted: Vec<Wanted> = keys
                .iter()
                .map(|key| self.held[key].wanted.clone())
                .collect();
            let wanted: Vec<&Wanted> = wanted.iter().collect();
            let ranges: Vec<Range<i64>> = minutes
                .iter()
                .map(|it| it * SLICE..(it + 1) * SLICE)
                .collect();
            let counted = count::count(engine, snapshot, &wanted, &ranges).await?;
            for (key, counted) in keys.into_iter().zip(counted) {
                let Some(held) = self.held.get_mut(&key) else {
                    continue;
                };
                match counted {
                    Ok(counted) => held.replace(counted, minutes, known),
                    Err(error) => held.error = Some(error),
                }
            }
        }
        Ok(())
    }

    /// What runs too long now, by key: it counts until it ends.
    pub async fn overdue(
        &self,
        engine: &Engine,
        snapshot: &Snapshot,
        now: i64,
    ) -> Result<BTreeMap<Key, Counted>> {
        let limited = self
            .held
            .iter()
            .filter(|(_, held)| held.wanted.measure.overdue_ns.is_some());
        let (keys, wanted): (Vec<&Key>, Vec<&Wanted>) =
            limited.map(|(key, held)| (key, &held.wanted)).unzip();
        let counted = count::overdue(engine, snapshot, &wanted, now).await?;
        let some = keys
            .into_iter()
            .cloned()
            .zip(counted)
            .filter(|(_, counted)| !counted.is_empty());
        Ok(some.collect())
    }
}

impl Held {
    /// The counts of these minutes are these now, and nothing where they have none.
    fn replace(&mut self, counted: Counted, minutes: &BTreeSet<i64>, known: i64) {
        let mut counted = counted;
        for group in counted.keys() {
            if self.groups.len() < count::MOST_GROUPS || self.groups.contains_key(group) {
                self.groups.entry(group.clone()).or_default();
            }
        }
        for (group, series) in &mut self.groups {
            let counts = counted.remove(group).unwrap_or_default();
            let of = |minute: &i64| {
                let second = minute * SLICE;
                (second, counts.get(&second).copied().unwrap_or_default())
            };
            let changed: BTreeMap<i64, Counts> = minutes.iter().map(of).collect();
            if series.is_empty() && series.length() == 0 {
                *series = Arc::new(Series::new(SLICE, &changed, Some(known)));
                continue;
            }
            let series = Arc::make_mut(series);
            series.set_known_from(Some(known));
            series.replace(&changed);
        }
    }
}

/// A series with what is overdue.
pub fn with_overdue(series: &Arc<Series>, overdue: Option<&BTreeMap<i64, Counts>>) -> Arc<Series> {
    let Some(overdue) = overdue else {
        return series.clone();
    };
    let mut changed = BTreeMap::new();
    for (start, counts) in overdue {
        changed.insert(*start, series.sum(*start, start + SLICE).plus(*counts));
    }
    let mut with = (**series).clone();
    with.replace(&changed);
    Arc::new(with)
}
