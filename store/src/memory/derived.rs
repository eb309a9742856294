//! Rows by unit: the newest version of each unit, as a whole.

use super::{UnitId, batch_bytes, concat};
use crate::{Error, Table};
use arrow::array::RecordBatch;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Units kept apart until there are so many that they are put together.
const MANY: usize = 128;

/// Derived rows of one table.
#[derive(Clone, Default)]
pub(crate) struct Derived {
    chunks: Vec<Chunk>,
    fresh: Vec<Arc<(UnitId, RecordBatch)>>,
    bytes: usize,
}

/// Many units in one batch.
#[derive(Clone)]
struct Chunk {
    batch: Arc<RecordBatch>,
    /// First row and number of rows of each unit.
    places: Arc<HashMap<UnitId, (usize, usize)>>,
    /// Units with a newer version elsewhere.
    dead: Arc<HashSet<UnitId>>,
}

impl Derived {
    /// Puts the new version of a unit in the place of the one that is here.
    pub(crate) fn replace(
        &mut self,
        table: Table,
        unit: UnitId,
        batch: RecordBatch,
    ) -> Result<(), Error> {
        self.bytes += batch_bytes(&batch);
        match self.fresh.iter_mut().find(|held| held.0 == unit) {
            Some(held) => {
                self.bytes = self.bytes.saturating_sub(batch_bytes(&held.1));
                *held = Arc::new((unit, batch));
            }
            None => {
                for chunk in &mut self.chunks {
                    chunk.bury(std::iter::once(&unit));
                }
                self.fresh.push(Arc::new((unit, batch)));
            }
        }
        if self.fresh.len() >= MANY {
            self.settle(table)?;
        }
        Ok(())
    }

    /// Puts many units, whose rows lie side by side in `batch`, in the place of those that are here.
    pub(crate) fn replace_all(
        &mut self,
        table: Table,
        places: HashMap<UnitId, (usize, usize)>,
        batch: RecordBatch,
    ) -> Result<(), Error> {
        self.fresh.retain(|held| !places.contains_key(&held.0));
        for chunk in &mut self.chunks {
            chunk.bury(places.keys());
        }
        self.chunks.push(Chunk {
            batch: Arc::new(batch),
            places: Arc::new(places),
            dead: Arc::default(),
        });
        self.merge(table)
    }

    /// Puts fresh units into a chunk.
    fn settle(&mut self, table: Table) -> Result<(), Error> {
        let batch = concat(table, self.fresh.iter().map(|unit| &unit.1))?;
        let mut places = HashMap::with_capacity(self.fresh.len());
        let mut start = 0;
        for unit in self.fresh.drain(..) {
            places.insert(unit.0, (start, unit.1.num_rows()));
            start += unit.1.num_rows();
        }
        self.chunks.push(Chunk {
            batch: Arc::new(batch),
            places: Arc::new(places),
            dead: Arc::default(),
        });
        self.merge(table)
    }

    /// Keeps chunks few: each holds more than twice as many living units as the next, and at least half
    /// of its units live. A unit is copied once for each doubling, however many there are.
    fn merge(&mut self, table: Table) -> Result<(), Error> {
        loop {
            let small = |pair: &[Chunk]| pair[0].living() <= 2 * pair[1].living();
            let at = self.chunks.windows(2).position(small);
            let worn = self.chunks.iter().position(Chunk::is_worn);
            match (at, worn) {
                (Some(at), _) => {
                    let next = self.chunks.remove(at + 1);
                    self.chunks[at] = Chunk::of(table, &[&self.chunks[at], &next])?;
                }
                (None, Some(at)) => {
                    self.chunks[at] = Chunk::of(table, &[&self.chunks[at]])?;
                }
                (None, None) => break,
            }
        }
        self.bytes = self.chunks.iter().map(Chunk::bytes).sum::<usize>()
            + self
                .fresh
                .iter()
                .map(|held| batch_bytes(&held.1))
                .sum::<usize>();
        Ok(())
    }

    /// True when this unit is here, even with no rows.
    pub(crate) fn holds(&self, unit: &UnitId) -> bool {
        self.fresh.iter().any(|held| held.0 == *unit)
            || self
                .chunks
                .iter()
                .any(|chunk| chunk.places.contains_key(unit))
    }

    /// The rows of a unit; `None` if it is not here.
    pub(crate) fn rows_of(&self, unit: &UnitId) -> Option<RecordBatch> {
        if let Some(held) = self.fresh.iter().find(|held| held.0 == *unit) {
            return Some(held.1.clone());
        }
        let chunk = self
            .chunks
            .iter()
            .find(|chunk| chunk.places.contains_key(unit) && !chunk.dead.contains(unit))?;
        let (start, rows) = chunk.places[unit];
        Some(chunk.batch.slice(start, rows))
    }

    /// The units that are here.
    pub(crate) fn units(&self) -> impl Iterator<Item = UnitId> + '_ {
        let settled = self.chunks.iter().flat_map(|chunk| chunk.places.keys());
        settled.copied().chain(self.fresh.iter().map(|held| held.0))
    }

    /// All rows, without those of units for which `newer` is true.
    pub(crate) fn batches(&self, newer: impl Fn(&UnitId) -> bool) -> Vec<RecordBatch> {
        let fresh = self.fresh.iter().filter(|held| !newer(&held.0));
        let fresh = fresh.map(|held| held.1.clone());
        let settled = self.chunks.iter().flat_map(|chunk| chunk.slices(&newer));
        settled
            .chain(fresh)
            .filter(|batch| batch.num_rows() > 0)
            .collect()
    }

    /// True when there is no unit at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.fresh.is_empty()
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Chunk {
    /// What lives of several chunks, older first, as one.
    fn of(table: Table, chunks: &[&Chunk]) -> Result<Chunk, Error> {
        let slices: Vec<RecordBatch> = chunks.iter().flat_map(|it| it.slices(&|_| false)).collect();
        let batch = match slices.is_empty() {
            true => RecordBatch::new_empty(chunks[0].batch.schema()),
            false => concat(table, slices.iter())?,
        };
        let mut places = HashMap::with_capacity(chunks.iter().map(|it| it.living()).sum());
        let mut start = 0;
        for (unit, rows) in chunks.iter().flat_map(|it| it.in_order()) {
            places.insert(unit, (start, rows));
            start += rows;
        }
        Ok(Chunk {
            batch: Arc::new(batch),
            places: Arc::new(places),
            dead: Arc::default(),
        })
    }

    /// Marks units of which there is a newer version.
    fn bury<'a>(&mut self, units: impl Iterator<Item = &'a UnitId>) {
        for unit in units {
            if self.places.contains_key(unit) && !self.dead.contains(unit) {
                Arc::make_mut(&mut self.dead).insert(*unit);
            }
        }
    }

    fn living(&self) -> usize {
        self.places.len() - self.dead.len()
    }

    fn is_worn(&self) -> bool {
        self.dead.len() * 2 > self.places.len()
    }

    fn bytes(&self) -> usize {
        const PER_UNIT: usize = 48;
        batch_bytes(&self.batch) + self.places.len() * PER_UNIT
    }

    /// The units that live, with their number of rows, as they lie.
    fn in_order(&self) -> Vec<(UnitId, usize)> {
        let alive = self
            .places
            .iter()
            .filter(|(unit, _)| !self.dead.contains(*unit));
        let mut alive: Vec<_> = alive.map(|(unit, place)| (*place, *unit)).collect();
        alive.sort_unstable();
        alive
            .into_iter()
            .map(|((_, rows), unit)| (unit, rows))
            .collect()
    }

    /// The batch, cut where units are dead or have a newer version.
    fn slices(&self, newer: &impl Fn(&UnitId) -> bool) -> Vec<RecordBatch> {
        let gone = |unit: &UnitId| self.dead.contains(unit) || newer(unit);
        let holes = self.places.iter().filter(|(unit, _)| gone(unit));
        let mut holes: Vec<(usize, usize)> = holes.map(|(_, place)| *place).collect();
        holes.sort_unstable();
        let mut slices = Vec::with_capacity(holes.len() + 1);
        let mut at = 0;
        for (start, rows) in holes {
            if start > at {
                slices.push(self.batch.slice(at, start - at));
            }
            at = at.max(start + rows);
        }
        if at < self.batch.num_rows() {
            slices.push(self.batch.slice(at, self.batch.num_rows() - at));
        }
        slices
    }
}
