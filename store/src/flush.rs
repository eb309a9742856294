//! Memory → blocks.
//!
//! Order of things, so that a crash at any instant is harmless: the log is sealed and what is applied of
//! it noted; memory is frozen; blocks are written and synced; the catalog names them, and leaves out
//! those they replace, in one commit; only then go the segments of the log, and last the replaced blocks.
//! A crash before the commit leaves blocks that no catalog names (deleted at the next opening) and the
//! log; one after it leaves entries whose rows are found to be held when they are applied again.

use crate::{
    Error, Table,
    block::Block,
    catalog::Catalog,
    encode::{self, Encoded, Target},
    memory::{Derived, Facts, Generation, UnitId},
    state::Blocks,
    store::Inner,
    wal::Applied,
};
use arrow::array::RecordBatch;
use object_store::path::Path;
use std::{collections::HashSet, sync::Arc};

/// Replaced derived blocks up to this many rows are put together with the new rows…
const SMALL_ROWS: u64 = 1 << 15;
/// …and this many bytes, all of them together.
const SMALL_BYTES: u64 = 16 << 20;

/// What only one task at a time may do: commits to the catalog.
pub(crate) struct Work {
    pub(crate) catalog: Catalog,
    /// Entries of the log whose rows are in the frozen generation.
    applied: Option<Applied>,
    /// A commit whose outcome is not known yet: it is made again, with the same content.
    prepared: Option<Prepared>,
    /// Replaced blocks that snapshots may still read.
    pub(crate) garbage: Vec<Arc<Block>>,
    attempts: u64,
}

/// Everything that a commit changes.
pub(crate) struct Prepared {
    pub(crate) blocks: Blocks,
    pub(crate) added: Vec<Arc<Block>>,
    pub(crate) removed: Vec<Arc<Block>>,
    /// The blocks hold what was frozen.
    pub(crate) flushed: bool,
}

impl Work {
    pub(crate) fn new(catalog: Catalog) -> Self {
        Work {
            catalog,
            applied: None,
            prepared: None,
            garbage: Vec::new(),
            attempts: 0,
        }
    }

    /// A name that no other block of this store has.
    pub(crate) fn name(&mut self) -> String {
        self.attempts += 1;
        format!("{:012}-{:06}", self.catalog.number() + 1, self.attempts)
    }
}

impl Inner {
    /// Writes what memory holds as blocks.
    pub(crate) async fn flush(&self, work: &mut Work) -> Result<(), Error> {
        let wal = self.wal.as_ref().ok_or(Error::ReadOnly)?;
        self.commit(work).await?;
        if self.state().frozen.is_none() {
            let applied = wal.seal().await?;
            if self.state().active.is_empty() {
                return wal.delete(&applied);
            }
            self.state().freeze();
            work.applied = Some(applied);
        }
        let frozen = self.state().frozen.clone();
        let Some(frozen) = frozen else { return Ok(()) };
        let name = work.name();
        let mut written = Vec::new();
        match self.write(&frozen, &name, &mut written).await {
            Ok(prepared) => work.prepared = Some(prepared),
            Err(error) => {
                for block in written {
                    let _ = self.objects.delete(&Path::from(block.path.as_str())).await;
                }
                return Err(error);
            }
        }
        self.commit(work).await
    }

    /// Makes a prepared change, if there is one.
    async fn commit(&self, work: &mut Work) -> Result<(), Error> {
        let Some(prepared) = &work.prepared else {
            return Ok(());
        };
        work.catalog.commit(&prepared.blocks).await?;
        let Some(prepared) = work.prepared.take() else {
            return Ok(());
        };
        if prepared.flushed {
            self.remember(&prepared.added);
        }
        self.state().set_blocks(prepared.blocks, prepared.flushed);
        work.garbage.extend(prepared.removed);
        if prepared.flushed
            && let (Some(wal), Some(applied)) = (&self.wal, work.applied.take())
        {
            wal.delete(&applied)?;
        }
        self.sweep(work, false).await;
        Ok(())
    }

    /// Makes a change that was prepared elsewhere.
    pub(crate) async fn make(&self, work: &mut Work, prepared: Prepared) -> Result<(), Error> {
        self.commit(work).await?;
        work.prepared = Some(prepared);
        self.commit(work).await
    }

    /// Deletes replaced blocks that nobody reads any more; all of them when `force`.
    pub(crate) async fn sweep(&self, work: &mut Work, force: bool) {
        let mut kept = Vec::new();
        for block in std::mem::take(&mut work.garbage) {
            if !force && Arc::strong_count(&block) > 1 {
                kept.push(block);
                continue;
            }
            self.reader.forget(&block);
            if let Err(error) = self.objects.delete(&Path::from(block.path.as_str())).await {
                tracing::warn!(%error, "a replaced block stays; the next flush tries again");
                kept.push(block);
            }
        }
        work.garbage = kept;
    }

    /// Late rows of the same traces need no look into blocks of which the identities are known.
    fn remember(&self, added: &[Arc<Block>]) {
        let frozen = self.state().frozen.clone();
        let Some(frozen) = frozen else { return };
        for (table, facts) in &frozen.facts {
            let own = |block: &&Arc<Block>| block.table() == Some(*table) && !block.derived;
            let blocks = added.iter().filter(own).map(AsRef::as_ref);
            self.reader.remember(blocks, facts.identities());
        }
    }

    async fn write(
        &self,
        frozen: &Arc<Generation>,
        name: &str,
        written: &mut Vec<Arc<Block>>,
    ) -> Result<Prepared, Error> {
        let mut blocks = self.state().blocks.as_ref().clone();
        let mut removed: Vec<Arc<Block>> = Vec::new();
        let mut target = Target {
            table: Table::Spans,
            derived: false,
            block_rows: self.config.block_rows,
            name: name.to_owned(),
        };
        for (table, facts) in &frozen.facts {
            target.table = *table;
            let batches: Vec<RecordBatch> = facts.batches().map(|b| b.as_ref().clone()).collect();
            self.put(&target, batches, written).await?;
        }
        target.derived = true;
        target.block_rows = self.config.derived_rows();
        for (table, derived) in &frozen.derived {
            target.table = *table;
            let old = blocks.get(table).cloned().unwrap_or_default();
            let gone = self.replace_units(&target, derived, &old, written);
            removed.extend(gone.await?);
        }
        let paths: HashSet<&str> = removed.iter().map(|block| block.path.as_str()).collect();
        for blocks in blocks.values_mut() {
            blocks.retain(|block| !paths.contains(block.path.as_str()));
        }
        for block in written.iter() {
            if let Some(table) = block.table() {
                blocks.entry(table).or_default().push(block.clone());
            }
        }
        Ok(Prepared {
            blocks,
            added: written.clone(),
            removed,
            flushed: true,
        })
    }

    /// Writes the derived rows of one table, and those older blocks anew that hold earlier versions of
    /// the same units. Returns the blocks that go.
    async fn replace_units(
        &self,
        target: &Target,
        derived: &Derived,
        old: &[Arc<Block>],
        written: &mut Vec<Arc<Block>>,
    ) -> Result<Vec<Arc<Block>>, Error> {
        let units: HashSet<UnitId> = derived.units().collect();
        let mut batches = derived.batches(|_| false);
        let mut removed = Vec::new();
        let mut together = 0;
        for block in old.iter().filter(|block| block.derived) {
            let Some(rest) = self.reader.without(target.table, block, &units).await? else {
                continue;
            };
            removed.push(block.clone());
            together += block.bytes;
            if block.rows <= SMALL_ROWS && together <= SMALL_BYTES {
                batches.extend(rest);
            } else {
                let name = format!("{}-{}", target.name, removed.len());
                let target = Target {
                    name,
                    ..target.clone()
                };
                self.put(&target, rest, written).await?;
            }
        }
        self.put(target, batches, written).await?;
        Ok(removed)
    }

    /// Encodes rows off the async threads, and stores the blocks.
    async fn put(
        &self,
        target: &Target,
        batches: Vec<RecordBatch>,
        written: &mut Vec<Arc<Block>>,
    ) -> Result<(), Error> {
        if batches.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(());
        }
        let own = target.clone();
        let encoded = tokio::task::spawn_blocking(move || encode::encode(&own, &batches))
            .await
            .map_err(|_| Error::Closed)??;
        for encoded in encoded {
            written.push(self.store_block(encoded).await?);
        }
        Ok(())
    }

    /// Stores a block; the catalog does not know it yet.
    pub(crate) async fn store_block(&self, encoded: Encoded) -> Result<Arc<Block>, Error> {
        let Encoded { block, bytes } = encoded;
        let path = Path::from(block.path.as_str());
        self.objects.create(&path, bytes).await?;
        Ok(Arc::new(block))
    }

    /// Deletes blocks that no catalog names: a crash left them.
    pub(crate) async fn delete_orphans(&self) -> Result<(), Error> {
        let named: HashSet<String> = {
            let state = self.state();
            let blocks = state.blocks.values().flatten();
            blocks.map(|block| block.path.clone()).collect()
        };
        for table in Table::ALL {
            for path in self.objects.list(&Path::from(table.name())).await? {
                if path.extension() == Some("parquet") && !named.contains(path.as_ref()) {
                    tracing::info!(%path, "deleting a block that a crash left");
                    self.objects.delete(&path).await?;
                }
            }
        }
        Ok(())
    }
}

impl Facts {
    /// The identities of all rows.
    pub(crate) fn identities(&self) -> impl Iterator<Item = crate::identity::Identity> + '_ {
        self.noted().iter().copied()
    }
}
