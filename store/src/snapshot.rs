//! One moment of the store: cheap to take, unchanged by what comes after.

use crate::{
    Error, Table,
    block::Block,
    memory::{Derived, UnitId},
    read::Reader,
    shared::plain,
};
use arrow::{
    array::{Array, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::SchemaRef,
    error::ArrowError,
};
use model::TraceId;
use object_store::ObjectStore;
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, OnceLock},
};

/// One moment of the store.
pub struct Snapshot {
    pub(crate) tables: BTreeMap<Table, View>,
    pub(crate) reader: Arc<Reader>,
}

/// One table at one moment.
pub(crate) struct View {
    pub(crate) schema: SchemaRef,
    pub(crate) facts: Vec<Arc<RecordBatch>>,
    /// Derived rows, newest generation first.
    pub(crate) derived: Vec<Derived>,
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) hidden: OnceLock<Arc<HashSet<UnitId>>>,
}

impl View {
    /// The rows of a unit in memory; `None` if memory knows nothing of it and blocks decide.
    fn unit(&self, unit: &UnitId) -> Option<RecordBatch> {
        self.derived.iter().find_map(|part| part.rows_of(unit))
    }

    fn memory(&self) -> Vec<RecordBatch> {
        let mut batches: Vec<RecordBatch> = self.facts.iter().map(|b| b.as_ref().clone()).collect();
        for (age, part) in self.derived.iter().enumerate() {
            let newer = &self.derived[..age];
            batches.extend(part.batches(|unit| newer.iter().any(|part| part.holds(unit))));
        }
        batches
    }
}

impl Snapshot {
    fn view(&self, table: Table) -> &View {
        &self.tables[&table]
    }

    /// The table's columns, then attribute columns `attributes.<name>` of every row held.
    pub fn schema(&self, table: Table) -> SchemaRef {
        self.view(table).schema.clone()
    }

    /// Rows that are not in blocks yet. A batch may lack attribute columns or have them in another
    /// order, and text may be shared ([`shared_text`](crate::shared_text())): align by name and cast.
    pub fn memory(&self, table: Table) -> Vec<RecordBatch> {
        self.view(table).memory()
    }

    /// The blocks.
    pub fn blocks(&self, table: Table) -> Vec<Arc<Block>> {
        self.view(table).blocks.clone()
    }

    /// Units with newer rows in memory: rows with these trace ids in *derived* blocks must not be shown.
    pub fn hidden(&self, table: Table) -> Arc<HashSet<[u8; 16]>> {
        let view = self.view(table);
        view.hidden
            .get_or_init(|| Arc::new(view.derived.iter().flat_map(Derived::units).collect()))
            .clone()
    }

    /// Where the blocks are; paths of blocks are relative to it.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        self.reader.objects()
    }

    /// Number of rows. Derived rows that memory has replaced are still counted in their blocks until the
    /// next flush.
    pub fn rows(&self, table: Table) -> u64 {
        let view = self.view(table);
        let memory: usize = view.memory().iter().map(RecordBatch::num_rows).sum();
        memory as u64 + view.blocks.iter().map(|block| block.rows).sum::<u64>()
    }

    /// Every row of these traces, without a time range. Batches may lack attribute columns: align by
    /// name. In `logs` the column searched is `trace_id`, too, although blocks are sorted by `log_id`.
    pub async fn find(
        &self,
        table: Table,
        trace_ids: &[TraceId],
    ) -> Result<Vec<RecordBatch>, Error> {
        let wanted: HashSet<UnitId> = trace_ids.iter().map(|id| id.0).collect();
        let view = self.view(table);
        let mut found = Vec::new();
        for batch in &view.facts {
            if let Some(rows) = select(table, batch, &wanted)? {
                found.push(plain(&rows).map_err(rows_error(table))?);
            }
        }
        let mut from_blocks = wanted.clone();
        for unit in &wanted {
            if let Some(rows) = view.unit(unit) {
                from_blocks.remove(unit);
                found.push(rows);
            }
        }
        for block in &view.blocks {
            let keys = if block.derived { &from_blocks } else { &wanted };
            found.extend(self.reader.find(table, block, keys).await?);
        }
        found.retain(|batch| batch.num_rows() > 0);
        Ok(found)
    }
}

/// The rows whose trace is wanted; `None` if there are none.
pub(crate) fn select(
    table: Table,
    batch: &RecordBatch,
    wanted: &HashSet<UnitId>,
) -> Result<Option<RecordBatch>, Error> {
    let traces = crate::identity::binary(table, batch, "trace_id")?;
    let single = if wanted.len() == 1 {
        wanted.iter().next()
    } else {
        None
    };
    let matches = |row: usize| {
        let id = traces.value(row);
        match single {
            Some(one) => id == one,
            None => <&UnitId>::try_from(id).is_ok_and(|id| wanted.contains(id)),
        }
    };
    let keep: Vec<bool> = (0..traces.len())
        .map(|row| traces.is_valid(row) && matches(row))
        .collect();
    if !keep.contains(&true) {
        return Ok(None);
    }
    let filtered = filter_record_batch(batch, &BooleanArray::from(keep));
    filtered.map(Some).map_err(rows_error(table))
}

fn rows_error(table: Table) -> impl FnOnce(ArrowError) -> Error {
    move |source| Error::Rows {
        table: table.name(),
        source,
    }
}
