//! Reading blocks: by key, with footers kept in memory.

use crate::{Error, Table, block::Block, memory::UnitId};
use arrow::array::RecordBatch;
use object_store::ObjectStore;
use std::{collections::HashSet, sync::Arc};

/// Reads blocks of one object store.
pub(crate) struct Reader {
    objects: Arc<dyn ObjectStore>,
}

impl Reader {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Reader { objects }
    }

    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        self.objects.clone()
    }

    /// Rows of a block by trace id.
    pub(crate) async fn find(
        &self,
        _table: Table,
        _block: &Block,
        _keys: &HashSet<UnitId>,
    ) -> Result<Vec<RecordBatch>, Error> {
        Ok(Vec::new())
    }
}
