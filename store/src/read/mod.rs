//! Reading blocks by key, with footers and bloom filters kept in memory.

mod file;
mod footer;
mod recent;

use crate::{
    Error, Table,
    block::Block,
    identity::{self, Identity},
    memory::UnitId,
    objects::Objects,
    snapshot::select,
};
use arrow::array::{BooleanArray, RecordBatch};
use file::BlockFile;
use footer::{Cache, Footer};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowPredicateFn, RowFilter, RowSelection, RowSelector},
        async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder},
    },
    errors::ParquetError,
};
use recent::Recent;
use std::{collections::HashSet, sync::Arc};

/// Rows decoded at a time.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Reads blocks of one object store.
pub(crate) struct Reader {
    objects: Objects,
    footers: Cache,
    recent: Recent,
}

pub(crate) type Rows = ParquetRecordBatchStream<BlockFile>;

impl Reader {
    pub(crate) fn new(objects: Objects, cache_bytes: usize) -> Self {
        Reader {
            objects,
            footers: Cache::new(cache_bytes / 2),
            recent: Recent::new(cache_bytes / 2),
        }
    }

    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        self.objects.store()
    }

    /// Forgets a block that has gone.
    pub(crate) fn forget(&self, block: &Block) {
        self.footers.remove(&block.path);
        self.recent.remove(&block.path);
    }

    /// Keeps the identities of rows that have just become blocks, so that late rows of the same traces
    /// need no look into them.
    pub(crate) fn remember<'a>(
        &self,
        blocks: impl Iterator<Item = &'a Block>,
        identities: impl Iterator<Item = Identity>,
    ) {
        self.recent.add(blocks.map(|block| &block.path), identities);
    }

    /// Rows of a block by trace id.
    pub(crate) async fn find(
        &self,
        table: Table,
        block: &Block,
        traces: &HashSet<UnitId>,
    ) -> Result<Vec<RecordBatch>, Error> {
        self.look_up(table, block, "trace_id", traces, None).await
    }

    /// Which of these identities the block holds. `keys` are the keys of their rows.
    pub(crate) async fn held(
        &self,
        table: Table,
        block: &Block,
        keys: &HashSet<UnitId>,
        identities: &[Identity],
    ) -> Result<HashSet<Identity>, Error> {
        if self.recent.rules_out(&block.path, identities) {
            return Ok(HashSet::new());
        }
        let columns = Some(identity::columns(table));
        let found = self.look_up(table, block, table.key(), keys, columns);
        let mut held = HashSet::new();
        for batch in found.await? {
            held.extend(identity::of(table, &batch)?);
        }
        Ok(held)
    }

    /// Every row of a block, in order.
    pub(crate) async fn scan(&self, block: &Block, batch_rows: usize) -> Result<Rows, Error> {
        let footer = self.footer(block).await?;
        let builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(self.file(block), footer.metadata());
        let stream = builder.with_batch_size(batch_rows).build();
        stream.map_err(failed(block))
    }

    /// The rows of each sorted run of a block, in order, with the text of these columns shared among rows: at most
    /// `batch_rows` at a time, and so few that their text takes `batch_bytes`.
    pub(crate) async fn runs_sharing(
        &self,
        block: &Block,
        (batch_rows, batch_bytes): (usize, usize),
        names: &[&str],
    ) -> Result<Vec<Rows>, Error> {
        let footer = self.footer(block).await?;
        let metadata = footer.sharing(names).map_err(failed(block))?;
        let run = |groups: Vec<usize>| {
            let file = self.file(block);
            let rows = footer.rows_within(&groups, batch_rows, batch_bytes);
            let builder =
                ParquetRecordBatchStreamBuilder::new_with_metadata(file, metadata.clone());
            builder
                .with_row_groups(groups)
                .with_batch_size(rows)
                .build()
                .map_err(failed(block))
        };
        runs(block, footer.row_groups()).map(run).collect()
    }

    async fn look_up(
        &self,
        table: Table,
        block: &Block,
        key: &'static str,
        wanted: &HashSet<UnitId>,
        columns: Option<&[&str]>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let in_range = |id: &&UnitId| key != table.key() || block.may_hold(id.as_slice());
        let wanted: HashSet<UnitId> = wanted.iter().filter(in_range).copied().collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let footer = self.footer(block).await?;
        let Some(column) = table.schema().index_of(key).ok() else {
            return Ok(Vec::new());
        };
        let mut groups = Vec::new();
        let mut selectors: Vec<RowSelector> = Vec::new();
        for group in 0..footer.row_groups() {
            let likely: Vec<UnitId> = wanted
                .iter()
                .filter(|id| footer.may_hold(group, column, id))
                .copied()
                .collect();
            if likely.is_empty() {
                continue;
            }
            selectors.extend(footer.pages(group, column, &likely));
            groups.push(group);
        }
        if groups.is_empty() || selectors.iter().all(|selector| selector.skip) {
            return Ok(Vec::new());
        }
        let metadata = footer.metadata();
        let roots = |names: &[&str]| {
            let schema = table.schema();
            let roots: Vec<usize> = names
                .iter()
                .filter_map(|name| schema.index_of(name).ok())
                .collect();
            ProjectionMask::roots(metadata.parquet_schema(), roots)
        };
        let matches = Arc::new(wanted);
        let predicate = ArrowPredicateFn::new(roots(&[key]), move |batch| {
            let column = batch.column(0);
            let keys = arrow::array::AsArray::as_binary::<i32>(column.as_ref());
            let wanted = |id: Option<&[u8]>| {
                id.and_then(|id| <&UnitId>::try_from(id).ok())
                    .is_some_and(|id| matches.contains(id))
            };
            Ok(keys
                .iter()
                .map(|id| Some(wanted(id)))
                .collect::<BooleanArray>())
        });
        let projection = match columns {
            Some(columns) => roots(columns),
            None => ProjectionMask::all(),
        };
        let builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(self.file(block), metadata.clone());
        let stream = builder
            .with_row_groups(groups)
            .with_row_selection(RowSelection::from(selectors))
            .with_projection(projection)
            .with_row_filter(RowFilter::new(vec![Box::new(predicate)]))
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(failed(block))?;
        stream.try_collect().await.map_err(failed(block))
    }

    /// The rows of a derived block whose units are not among `gone`; `None` if it holds none of these.
    pub(crate) async fn without(
        &self,
        table: Table,
        block: &Block,
        gone: &HashSet<UnitId>,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        if self.find(table, block, gone).await?.is_empty() {
            return Ok(None);
        }
        let mut rest = Vec::new();
        let mut rows = self.scan(block, BATCH_ROWS).await?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(failed(block))?;
            match select(table, &batch, gone)? {
                None => rest.push(batch),
                Some(_) => {
                    let ids = identity::binary(table, &batch, "trace_id")?;
                    let keep = |id: Option<&[u8]>| {
                        !id.and_then(|id| <&UnitId>::try_from(id).ok())
                            .is_some_and(|id| gone.contains(id))
                    };
                    let keep = ids.iter().map(keep).collect();
                    rest.push(crate::state::filter(table, &batch, keep)?);
                }
            }
        }
        Ok(Some(rest))
    }

    async fn footer(&self, block: &Block) -> Result<Arc<Footer>, Error> {
        if let Some(footer) = self.footers.get(&block.path) {
            return Ok(footer);
        }
        let footer = Footer::load(self.file(block)).await;
        let footer = Arc::new(footer.map_err(failed(block))?);
        self.footers.add(&block.path, footer.clone());
        Ok(footer)
    }

    fn file(&self, block: &Block) -> BlockFile {
        BlockFile::new(&self.objects, block)
    }
}

pub(crate) fn failed(block: &Block) -> impl FnOnce(ParquetError) -> Error {
    let path = block.path.clone();
    move |source| Error::Block { path, source }
}

/// The row groups of each sorted run.
fn runs(block: &Block, groups: usize) -> impl Iterator<Item = Vec<usize>> {
    let known = block.row_groups() == groups as u64;
    let lengths = match known {
        true => block.runs.iter().map(|run| *run as usize).collect(),
        false => vec![groups],
    };
    lengths.into_iter().scan(0, |at, length| {
        *at += length;
        Some((*at - length..*at).collect())
    })
}
