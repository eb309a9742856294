//! Appended rows, each identity once.

use super::batch_bytes;
use crate::{Error, Table, encode, identity::Identity};
use ahash::RandomState;
use arrow::array::RecordBatch;
use std::{collections::HashSet, sync::Arc};

/// Batches of fewer rows than this are put together…
const SMALL_ROWS: usize = 4096;
/// …when there are this many of them.
const MANY: usize = 64;

/// Identities come from outside and are hashes that anybody can compute: the table is seeded.
type Identities = HashSet<Identity, RandomState>;

/// Appended rows of one table.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    /// Larger batches.
    settled: Vec<Arc<RecordBatch>>,
    /// Small ones, in order of arrival.
    fresh: Vec<Arc<RecordBatch>>,
    identities: Arc<Identities>,
    bytes: usize,
    rows: usize,
}

impl Facts {
    /// True when a row of this identity is here.
    pub(crate) fn holds(&self, identity: &Identity) -> bool {
        self.identities.contains(identity)
    }

    /// Notes an identity; false when it was noted before.
    pub(crate) fn note(&mut self, identity: Identity) -> bool {
        Arc::make_mut(&mut self.identities).insert(identity)
    }

    pub(crate) fn noted(&self) -> &Identities {
        &self.identities
    }

    /// Adds rows whose identities are noted.
    pub(crate) fn push(&mut self, table: Table, batch: RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows();
        self.bytes += batch_bytes(&batch);
        if batch.num_rows() >= SMALL_ROWS {
            self.settled.push(Arc::new(batch));
            return Ok(());
        }
        self.fresh.push(Arc::new(batch));
        if self.fresh.len() >= MANY {
            // In the order of blocks: writing them then reads each batch from front to back.
            let fresh: Vec<&RecordBatch> = self.fresh.iter().map(AsRef::as_ref).collect();
            let together = encode::in_order(table, &fresh)?;
            let apart: usize = self.fresh.iter().map(|batch| batch_bytes(batch)).sum();
            self.bytes = self.bytes.saturating_sub(apart) + batch_bytes(&together);
            self.fresh.clear();
            // Once more through the same door: four thousand rows settle, fewer wait for more.
            if together.num_rows() >= SMALL_ROWS {
                self.settled.push(Arc::new(together));
            } else {
                self.fresh.push(Arc::new(together));
            }
        }
        Ok(())
    }

    /// All batches.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Arc<RecordBatch>> + Clone {
        self.settled.iter().chain(&self.fresh)
    }

    /// A view for snapshots: the batches without the identities.
    pub(crate) fn view(&self) -> Vec<Arc<RecordBatch>> {
        self.batches().cloned().collect()
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of memory, with the identities.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.identities.capacity() * (size_of::<Identity>() + 1)
    }
}
