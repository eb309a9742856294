//! What the store holds at this moment, behind one short lock.

use crate::{
    Error, Table,
    block::Block,
    identity::Identity,
    memory::{Derived, Facts, Generation, UnitId},
    promote::Promoted,
    read::Reader,
    snapshot::{Snapshot, View},
};
use arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, OnceLock},
    time::Instant,
};

/// Blocks by table.
pub(crate) type Blocks = BTreeMap<Table, Vec<Arc<Block>>>;

/// What the store holds.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) active: Generation,
    /// What is being written as blocks.
    pub(crate) frozen: Option<Arc<Generation>>,
    pub(crate) blocks: Arc<Blocks>,
    /// Counts changes of `blocks`.
    pub(crate) version: u64,
    pub(crate) promoted: Promoted,
    /// Since when memory holds rows that are not frozen.
    pub(crate) since: Option<Instant>,
    snapshot: Option<Arc<Snapshot>>,
}

impl State {
    /// Adds the rows whose identity memory does not hold; returns how many.
    pub(crate) fn append(
        &mut self,
        table: Table,
        batch: &RecordBatch,
        identities: &[Identity],
        held: &HashSet<Identity>,
    ) -> Result<usize, Error> {
        let frozen = self.frozen.as_ref().and_then(|f| f.facts.get(&table));
        let facts = self.active.facts.entry(table).or_default();
        let is_new = |id: &Identity| {
            !held.contains(id) && !frozen.is_some_and(|frozen| frozen.holds(id)) && facts.note(*id)
        };
        let keep: Vec<bool> = identities.iter().map(is_new).collect();
        let new = keep.iter().filter(|keep| **keep).count();
        if new == 0 {
            return Ok(0);
        }
        let conformed = if new == keep.len() {
            self.promoted.conform(table, batch)?
        } else {
            let batch = filter(table, batch, keep)?;
            self.promoted.conform(table, &batch)?
        };
        self.active
            .facts
            .entry(table)
            .or_default()
            .push(table, conformed)?;
        self.touched();
        Ok(new)
    }

    /// Puts the new rows of a unit in the place of what is held of it.
    pub(crate) fn replace(
        &mut self,
        table: Table,
        unit: UnitId,
        batch: RecordBatch,
    ) -> Result<(), Error> {
        let batch = self.promoted.conform(table, &batch)?;
        self.touched();
        let derived = self.active.derived.entry(table).or_default();
        derived.replace(table, unit, batch)
    }

    /// Puts the new rows of many units in the place of what is held of them.
    pub(crate) fn replace_all(
        &mut self,
        table: Table,
        places: HashMap<UnitId, (usize, usize)>,
        batch: RecordBatch,
    ) -> Result<(), Error> {
        let batch = self.promoted.conform(table, &batch)?;
        self.touched();
        let derived = self.active.derived.entry(table).or_default();
        derived.replace_all(table, places, batch)
    }

    /// Makes the memory of now the one to be written.
    pub(crate) fn freeze(&mut self) -> Arc<Generation> {
        let frozen = Arc::new(std::mem::take(&mut self.active));
        self.frozen = Some(frozen.clone());
        self.since = None;
        self.snapshot = None;
        frozen
    }

    /// Other blocks; `flushed` when they hold what was frozen.
    pub(crate) fn set_blocks(&mut self, blocks: Blocks, flushed: bool) {
        for (table, blocks) in &blocks {
            for block in blocks {
                self.promoted.add(*table, &block.promoted);
            }
        }
        self.blocks = Arc::new(blocks);
        self.version += 1;
        if flushed {
            self.frozen = None;
        }
        self.snapshot = None;
    }

    fn touched(&mut self) {
        self.snapshot = None;
        self.since.get_or_insert_with(Instant::now);
    }

    /// Bytes of rows in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.active.bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.bytes())
    }

    /// This moment.
    pub(crate) fn snapshot(&mut self, reader: &Arc<Reader>) -> Arc<Snapshot> {
        if let Some(snapshot) = &self.snapshot {
            return snapshot.clone();
        }
        let tables = Table::ALL.map(|table| (table, self.view(table)));
        let snapshot = Arc::new(Snapshot {
            tables: tables.into(),
            reader: reader.clone(),
        });
        self.snapshot = Some(snapshot.clone());
        snapshot
    }

    fn view(&self, table: Table) -> View {
        let generations = || std::iter::once(&self.active).chain(self.frozen.as_deref());
        let facts = generations().filter_map(|g| g.facts.get(&table));
        let derived = generations().filter_map(|g| g.derived.get(&table));
        View {
            schema: self.promoted.schema(table),
            facts: facts.flat_map(Facts::view).collect(),
            derived: derived.cloned().collect::<Vec<Derived>>(),
            blocks: self.blocks.get(&table).cloned().unwrap_or_default(),
            hidden: OnceLock::new(),
        }
    }
}

/// The rows to keep.
pub(crate) fn filter(
    table: Table,
    batch: &RecordBatch,
    keep: Vec<bool>,
) -> Result<RecordBatch, Error> {
    filter_record_batch(batch, &BooleanArray::from(keep)).map_err(|source| Error::Rows {
        table: table.name(),
        source,
    })
}
