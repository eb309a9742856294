//! Small blocks → larger ones, of the same table, day and kind.
//!
//! Blocks whose row groups are large are joined (see [`join`](crate::join)): nothing is decoded. The others are sorted, so
//! they are merged as streams: of each a few thousand rows are in memory. The outputs take the place of the inputs in one commit; if a flush has replaced an input meanwhile, the
//! outputs are thrown away.

use crate::{
    Error, Table,
    block::Block,
    encode::{self, BLOCK_BYTES, BlockWriter, Encoded, ROW_GROUP_ROWS, Target},
    flush::Prepared,
    join::join,
    memory::align,
    read::{self, Reader, Rows},
    shared::sharing,
    store::Inner,
    tables::ATTRIBUTE_PREFIX,
};
use arrow::{
    array::RecordBatch,
    compute::interleave_record_batch,
    datatypes::{Field, FieldRef, Schema, SchemaRef},
};
use futures::StreamExt;
use object_store::path::Path;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Blocks merged at once, at most.
const MOST_INPUTS: usize = 16;
/// Blocks of similar size that are worth a merge in the background.
const ENOUGH: usize = 8;
/// Small blocks of any size that are worth a merge in the background.
const TOO_MANY: usize = 24;
/// Blocks beyond this many bytes are large, however few rows they have.
const LARGE_BYTES: u64 = 64 << 20;
/// Rows read at a time from each run of each input.
const STEP_ROWS: usize = 4096;
/// Bytes of text read at a time from all of them.
const STEP_BYTES: usize = 256 << 20;

/// Columns of text that many rows share.
const SHARED: &[&str] = &[
    "resource",
    "service_name",
    "status_code",
    "scope_name",
    "scope_version",
    "source",
];

/// What is done next.
enum Step {
    /// The row groups of these go into one block as they are; if their columns differ, they are merged.
    Join(Vec<Arc<Block>>),
    /// The rows of these are put in order.
    Merge(Vec<Arc<Block>>),
}

/// Blocks that may be put together with each other: table, kind, day.
type Group = (Table, bool, Option<String>);

impl Inner {
    /// Merges small blocks: what is worth it, or everything that is small when `all`.
    pub(crate) async fn compact(self: &Arc<Self>, all: bool) -> Result<(), Error> {
        let _one_at_a_time = self.compacting.lock().await;
        while let Some(step) = self.choose(all) {
            if !self.take(step).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The inputs of the next step.
    fn choose(&self, all: bool) -> Option<Step> {
        let blocks = self.state().blocks.clone();
        let mut groups: BTreeMap<Group, Vec<Arc<Block>>> = BTreeMap::new();
        for (table, blocks) in blocks.iter() {
            for block in blocks.iter().filter(|block| self.is_small(block)) {
                let group = (*table, block.derived, block.day.clone());
                groups.entry(group).or_default().push(block.clone());
            }
        }
        groups.into_values().find_map(|blocks| {
            let (ripe, mut rest): (Vec<_>, Vec<_>) =
                blocks.into_iter().partition(|block| self.is_ripe(block));
            if let Some(inputs) = self.to_join(&ripe, all) {
                return Some(Step::Join(inputs));
            }
            if ripe.len() >= TOO_MANY {
                rest.extend(ripe);
            }
            to_merge(rest, all).map(Step::Merge)
        })
    }

    /// Neighbours in time with the same columns, as many as one block holds.
    fn to_join(&self, ripe: &[Arc<Block>], all: bool) -> Option<Vec<Arc<Block>>> {
        let mut alike: Vec<Vec<Arc<Block>>> = Vec::new();
        for block in ripe {
            match alike.iter_mut().find(|of| of[0].promoted == block.promoted) {
                Some(of) => of.push(block.clone()),
                None => alike.push(vec![block.clone()]),
            }
        }
        alike.into_iter().find_map(|mut blocks| {
            blocks.sort_by(|a, b| (a.min_time, &a.path).cmp(&(b.min_time, &b.path)));
            let (mut rows, mut bytes) = (0, 0);
            let fits = |block: &&Arc<Block>| {
                rows += block.rows;
                bytes += block.bytes;
                rows <= self.config.block_rows as u64 && bytes <= BLOCK_BYTES as u64
            };
            let inputs: Vec<Arc<Block>> = blocks.iter().take_while(fits).cloned().collect();
            let full = inputs.len() < blocks.len();
            let worth = all || full || inputs.len() >= ENOUGH;
            (worth && inputs.len() > 1).then_some(inputs)
        })
    }

    /// True when its row groups are so large that nothing is gained by putting its rows among others.
    fn is_ripe(&self, block: &Block) -> bool {
        let enough = (self.config.block_rows / 16).clamp(1, ROW_GROUP_ROWS / 2) as u64;
        let groups = block.row_groups();
        !block.derived && groups > 0 && block.rows / groups >= enough
    }

    fn is_small(&self, block: &Block) -> bool {
        let rows = self.rows_of_a_block(block.derived) as u64;
        block.rows <= rows / 2 && block.bytes <= LARGE_BYTES
    }

    fn rows_of_a_block(&self, derived: bool) -> usize {
        if derived {
            self.config.derived_rows()
        } else {
            self.config.block_rows
        }
    }

    /// False when the outputs came too late.
    async fn take(self: &Arc<Self>, step: Step) -> Result<bool, Error> {
        let (Step::Join(inputs) | Step::Merge(inputs)) = &step;
        let inputs = inputs.clone();
        let Some(first) = inputs.first() else {
            return Ok(false);
        };
        let Some(table) = first.table() else {
            return Ok(false);
        };
        let target = Target {
            table,
            derived: first.derived,
            block_rows: self.rows_of_a_block(first.derived),
            name: self
                .work
                .lock()
                .await
                .as_mut()
                .ok_or(Error::ReadOnly)?
                .name(),
        };
        let encoded = {
            let inner = self.clone();
            let inputs = inputs.clone();
            let runtime = tokio::runtime::Handle::current();
            let merged = tokio::task::spawn_blocking(move || {
                runtime.block_on(async {
                    if let Step::Join(inputs) = &step
                        && let Some(joined) = join(&inner.objects, &target, inputs).await?
                    {
                        return Ok(vec![joined]);
                    }
                    merge(&inner.reader, &target, &inputs).await
                })
            });
            merged.await.map_err(|_| Error::Closed)??
        };
        let mut added = Vec::new();
        for block in encoded {
            added.push(self.store_block(block).await?);
        }
        let mut work = self.work.lock().await;
        let work = work.as_mut().ok_or(Error::ReadOnly)?;
        let mut blocks = self.state().blocks.as_ref().clone();
        let list = blocks.entry(table).or_default();
        let gone: HashSet<&str> = inputs.iter().map(|block| block.path.as_str()).collect();
        let before = list.len();
        list.retain(|block| !gone.contains(block.path.as_str()));
        if before - list.len() < inputs.len() {
            for block in added {
                self.objects
                    .delete(&Path::from(block.path.as_str()))
                    .await?;
            }
            return Ok(false);
        }
        list.extend(added.iter().cloned());
        let prepared = Prepared {
            blocks,
            added,
            removed: inputs,
            flushed: false,
        };
        self.make(work, prepared).await?;
        Ok(true)
    }

    /// Removes blocks all of whose rows are older; returns how many rows went.
    pub(crate) async fn expire(&self, before: i64) -> Result<u64, Error> {
        let mut work = self.work.lock().await;
        let work = work.as_mut().ok_or(Error::ReadOnly)?;
        let mut blocks = self.state().blocks.as_ref().clone();
        let mut removed = Vec::new();
        for (table, blocks) in &mut blocks {
            if table.time().is_none() {
                continue;
            }
            blocks.retain(|block| {
                let old = block.max_time < before;
                if old {
                    removed.push(block.clone());
                }
                !old
            });
        }
        if removed.is_empty() {
            return Ok(0);
        }
        let rows = removed.iter().map(|block| block.rows).sum();
        let prepared = Prepared {
            blocks,
            added: Vec::new(),
            removed,
            flushed: false,
        };
        self.make(work, prepared).await?;
        Ok(rows)
    }
}

/// Blocks of similar size, or the smallest.
fn to_merge(mut blocks: Vec<Arc<Block>>, all: bool) -> Option<Vec<Arc<Block>>> {
    blocks.sort_by_key(|block| block.rows);
    let similar = |first: &Arc<Block>| {
        let most = first.rows.saturating_mul(8);
        blocks
            .iter()
            .filter(|b| b.rows <= most && b.rows >= first.rows)
            .count()
    };
    let start = if all || blocks.len() >= TOO_MANY {
        0
    } else {
        blocks.iter().position(|first| similar(first) >= ENOUGH)?
    };
    let end = blocks.len().min(start + MOST_INPUTS);
    let inputs = blocks[start..end].to_vec();
    (inputs.len() > 1).then_some(inputs)
}

/// A sorted stream of rows and the batch that is looked at.
struct Input<'a> {
    block: &'a Block,
    rows: Rows,
    batch: Option<RecordBatch>,
    order: Vec<(u128, i64)>,
    at: usize,
}

impl Input<'_> {
    /// Makes sure that there is a row to look at; false at the end.
    async fn fill(&mut self, table: Table, schema: &SchemaRef) -> Result<bool, Error> {
        while self.at >= self.order.len() {
            let Some(batch) = self.rows.next().await else {
                self.batch = None;
                return Ok(false);
            };
            let batch = batch.map_err(read::failed(self.block))?;
            self.order = encode::order(table, &batch)?;
            self.batch = Some(align(table, &batch, schema)?);
            self.at = 0;
        }
        Ok(true)
    }
}

async fn merge(
    reader: &Reader,
    target: &Target,
    blocks: &[Arc<Block>],
) -> Result<Vec<Encoded>, Error> {
    let table = target.table;
    let schema = sharing(&schema(table, blocks), SHARED);
    let day = blocks.first().and_then(|block| block.day.clone());
    let runs: usize = blocks.iter().map(|block| block.runs.len().max(1)).sum();
    let step = (STEP_ROWS, STEP_BYTES / runs.max(1));
    let mut inputs = Vec::new();
    for block in blocks {
        for rows in reader.runs_sharing(block, step, SHARED).await? {
            inputs.push(Input {
                block,
                rows,
                batch: None,
                order: Vec::new(),
                at: 0,
            });
        }
    }
    let mut done = Vec::new();
    let mut left: usize = blocks.iter().map(|block| block.rows as usize).sum();
    let open = |left: usize| BlockWriter::new(target, schema.clone(), day.clone(), left);
    let mut writer = open(left)?;
    loop {
        let mut live = Vec::new();
        for mut input in inputs {
            if input.fill(table, &schema).await? {
                live.push(input);
            }
        }
        inputs = live;
        // Up to the smallest of the last rows in view, every row is in view.
        let Some(boundary) = inputs.iter().filter_map(|i| i.order.last().copied()).min() else {
            break;
        };
        let mut places = Vec::new();
        for (number, input) in inputs.iter_mut().enumerate() {
            let count = input.order[input.at..].partition_point(|order| *order <= boundary);
            let rows = input.at..input.at + count;
            places.extend(rows.map(|row| (input.order[row], number, row)));
            input.at += count;
        }
        places.sort_unstable();
        let sources: Vec<&RecordBatch> = inputs.iter().filter_map(|i| i.batch.as_ref()).collect();
        let at: Vec<(usize, usize)> = places
            .iter()
            .map(|(_, input, row)| (*input, *row))
            .collect();
        for at in at.chunks(STEP_ROWS) {
            let batch = interleave_record_batch(&sources, at).map_err(|source| Error::Rows {
                table: table.name(),
                source,
            })?;
            writer.write(&batch)?;
            left = left.saturating_sub(batch.num_rows());
            if writer.is_full() {
                done.push(std::mem::replace(&mut writer, open(left)?).finish(done.len())?);
            }
        }
    }
    if writer.rows > 0 {
        done.push(writer.finish(done.len())?);
    }
    Ok(done)
}

fn schema(table: Table, blocks: &[Arc<Block>]) -> SchemaRef {
    let mut extra: BTreeMap<&str, FieldRef> = BTreeMap::new();
    for (name, kind) in blocks.iter().flat_map(|block| &block.promoted) {
        debug_assert!(name.starts_with(ATTRIBUTE_PREFIX));
        extra
            .entry(name)
            .or_insert_with(|| Arc::new(Field::new(name, kind.data_type(), true)));
    }
    let base = table.schema();
    let fields = base.fields().iter().cloned().chain(extra.into_values());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
