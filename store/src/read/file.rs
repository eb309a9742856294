//! A block's bytes, by ranges.

use crate::{block::Block, objects::Objects};
use bytes::Bytes;
use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::{arrow_reader::ArrowReaderOptions, async_reader::AsyncFileReader},
    errors::{ParquetError, Result},
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};
use std::{ops::Range, sync::Arc};

/// Bytes read from the end of a file in the hope that the footer is in them.
const FOOTER_GUESS: usize = 64 << 10;

#[derive(Clone)]
pub(crate) struct BlockFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
}

impl BlockFile {
    pub(super) fn new(objects: &Objects, block: &Block) -> Self {
        BlockFile {
            store: objects.store(),
            path: Path::from(block.path.as_str()),
            bytes: block.bytes,
        }
    }
}

impl AsyncFileReader for BlockFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        let bytes = self.store.get_range(&self.path, range);
        bytes.map_err(failed).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            let bytes = self.store.get_ranges(&self.path, &ranges).await;
            bytes.map_err(failed)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.bytes;
            let metadata = ParquetMetaDataReader::new()
                .with_arrow_reader_options(options)
                .with_prefetch_hint(Some(FOOTER_GUESS))
                .load_and_finish(self, size)
                .await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}

fn failed(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
