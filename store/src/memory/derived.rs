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
                    if chunk.places.contains_key(&unit) && !chunk.dead.contains(&unit) {
                        Arc::make_mut(&mut chunk.dead).insert(unit);
                    }
                }
                self.fresh.push(Arc::new((unit, batch)));
            }
        }
        if self.fresh.len() >= MANY {
            self.settle(table)?;
        }
        Ok(())
    }

    /// Puts fresh units into a chunk, together with chunks that are mostly dead.
    fn settle(&mut self, table: Table) -> Result<(), Error> {
        let (worn, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.chunks)
            .into_iter()
            .partition(Chunk::is_worn);
        self.chunks = kept;
        let mut parts: Vec<(UnitId, RecordBatch)> = worn.iter().flat_map(Chunk::units).collect();
        parts.extend(self.fresh.drain(..).map(|unit| (unit.0, unit.1.clone())));
        let batch = concat(table, parts.iter().map(|(_, batch)| batch))?;
        let mut places = HashMap::with_capacity(parts.len());
        let mut start = 0;
        for (unit, part) in &parts {
            places.insert(*unit, (start, part.num_rows()));
            start += part.num_rows();
        }
        self.chunks.push(Chunk {
            batch: Arc::new(batch),
            places: Arc::new(places),
            dead: Arc::default(),
        });
        self.bytes = self.chunks.iter().map(Chunk::bytes).sum();
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
    fn is_worn(&self) -> bool {
        self.dead.len() * 2 > self.places.len() || self.places.len() < MANY
    }

    fn bytes(&self) -> usize {
        const PER_UNIT: usize = 48;
        batch_bytes(&self.batch) + self.places.len() * PER_UNIT
    }

    /// The units that live, apart.
    fn units(&self) -> Vec<(UnitId, RecordBatch)> {
        let alive = self
            .places
            .iter()
            .filter(|(unit, _)| !self.dead.contains(*unit));
        alive
            .map(|(unit, (start, rows))| (*unit, self.batch.slice(*start, *rows)))
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
