//! What is kept of a block: its metadata with page index, and the bloom filters of its ids.

use super::file::BlockFile;
use crate::{memory::UnitId, shared::sharing};
use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelector},
        async_reader::ParquetRecordBatchStreamBuilder,
    },
    bloom_filter::Sbbf,
    errors::ParquetError,
    file::{
        metadata::{PageIndexPolicy, RowGroupMetaData},
        page_index::{column_index::ColumnIndexMetaData, offset_index::OffsetIndexMetaData},
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(super) struct Footer {
    metadata: ArrowReaderMetadata,
    /// By row group and column.
    blooms: HashMap<(usize, usize), Sbbf>,
    bytes: usize,
}

impl Footer {
    pub(super) async fn load(mut file: BlockFile) -> Result<Self, ParquetError> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load_async(&mut file, options).await?;
        let mut builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(file, metadata.clone());
        let mut blooms = HashMap::new();
        let mut bytes = metadata.metadata().memory_size();
        for (group, columns) in metadata.metadata().row_groups().iter().enumerate() {
            for (column, chunk) in columns.columns().iter().enumerate() {
                if chunk.bloom_filter_offset().is_none() {
                    continue;
                }
                let bloom = builder.get_row_group_column_bloom_filter(group, column);
                if let Some(bloom) = bloom.await? {
                    bytes += bloom.num_blocks() * 32;
                    blooms.insert((group, column), bloom);
                }
            }
        }
        Ok(Footer {
            metadata,
            blooms,
            bytes,
        })
    }

    pub(super) fn metadata(&self) -> ArrowReaderMetadata {
        self.metadata.clone()
    }

    /// The metadata for reading these columns as shared text.
    pub(super) fn sharing(&self, names: &[&str]) -> Result<ArrowReaderMetadata, ParquetError> {
        let schema = sharing(self.metadata.schema(), names);
        let options = ArrowReaderOptions::new().with_schema(schema);
        ArrowReaderMetadata::try_new(self.metadata.metadata().clone(), options)
    }

    pub(super) fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// How many rows of these row groups may be decoded at a time, at most `most`, for text and bytes to take no more
    /// than `bytes` then. A single row may.
    ///
    /// The sizes are those that the writer noted for every page, as they are when nothing is shared
    /// (`unencoded_byte_array_data_bytes` of the offset index).
    pub(super) fn rows_within(&self, groups: &[usize], most: usize, bytes: usize) -> usize {
        let metadata = self.metadata.metadata();
        let largest_row = |group: &usize| -> usize {
            let rows = metadata.row_group(*group).num_rows() as usize;
            let index = metadata.offset_index().and_then(|index| index.get(*group));
            let columns = index.into_iter().flatten();
            columns.map(|column| most_a_row(column, rows)).sum()
        };
        let largest = groups.iter().map(largest_row).max().unwrap_or_default();
        bytes
            .checked_div(largest)
            .map_or(most, |fit| fit.clamp(1, most))
    }

    /// False when a row group surely does not hold the id in this column.
    pub(super) fn may_hold(&self, group: usize, column: usize, id: &UnitId) -> bool {
        let metadata: &RowGroupMetaData = self.metadata.metadata().row_group(group);
        if let Some(statistics) = metadata.column(column).statistics() {
            let below = statistics
                .min_bytes_opt()
                .is_some_and(|min| id.as_slice() < min);
            let above = statistics.max_is_exact()
                && statistics
                    .max_bytes_opt()
                    .is_some_and(|max| id.as_slice() > max);
            if below || above {
                return false;
            }
        }
        let bloom = self.blooms.get(&(group, column));
        bloom.is_none_or(|bloom| bloom.check(id.as_slice()))
    }

    /// The pages of a row group that may hold one of the ids.
    pub(super) fn pages(&self, group: usize, column: usize, ids: &[UnitId]) -> Vec<RowSelector> {
        let metadata = self.metadata.metadata();
        let rows = metadata.row_group(group).num_rows() as usize;
        let index = metadata
            .column_index()
            .and_then(|index| index.get(group)?.get(column));
        let pages = metadata
            .offset_index()
            .and_then(|index| index.get(group)?.get(column));
        let (Some(ColumnIndexMetaData::BYTE_ARRAY(index)), Some(pages)) = (index, pages) else {
            return vec![RowSelector::select(rows)];
        };
        let starts = pages
            .page_locations()
            .iter()
            .map(|p| p.first_row_index as usize);
        let starts: Vec<usize> = starts.chain([rows]).collect();
        let within = |page: usize| {
            let (Some(min), Some(max)) = (index.min_value(page), index.max_value(page)) else {
                // A page of nulls.
                return false;
            };
            ids.iter()
                .any(|id| min <= id.as_slice() && id.as_slice() <= max)
        };
        let page = |(page, range): (usize, &[usize])| {
            let rows = range[1].saturating_sub(range[0]);
            if within(page) {
                RowSelector::select(rows)
            } else {
                RowSelector::skip(rows)
            }
        };
        starts.windows(2).enumerate().map(page).collect()
    }
}

/// Bytes of the average row on the page of a column whose rows are largest; a row group has `rows`.
fn most_a_row(column: &OffsetIndexMetaData, rows: usize) -> usize {
    let starts = column.page_locations().iter();
    let starts = starts.map(|page| page.first_row_index as usize);
    let ends = starts.clone().skip(1).chain([rows]);
    let sizes = column.unencoded_byte_array_data_bytes();
    let pages = starts.zip(ends).zip(sizes.into_iter().flatten());
    pages
        .map(|((start, end), bytes)| {
            let bytes = usize::try_from(*bytes).unwrap_or_default();
            bytes / end.saturating_sub(start).max(1)
        })
        .max()
        .unwrap_or_default()
}

/// Footers, the least recently used of which make room for others.
pub(super) struct Cache {
    held: Mutex<Held>,
    limit_bytes: usize,
}

#[derive(Default)]
struct Held {
    footers: HashMap<String, (Arc<Footer>, u64)>,
    bytes: usize,
    uses: u64,
}

impl Cache {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Cache {
            held: Mutex::default(),
            limit_bytes,
        }
    }

    pub(super) fn get(&self, path: &str) -> Option<Arc<Footer>> {
        let mut held = self.lock();
        held.uses += 1;
        let now = held.uses;
        let (footer, used) = held.footers.get_mut(path)?;
        *used = now;
        Some(footer.clone())
    }

    pub(super) fn add(&self, path: &str, footer: Arc<Footer>) {
        let mut held = self.lock();
        held.uses += 1;
        held.bytes += footer.bytes;
        let used = held.uses;
        if let Some((old, _)) = held.footers.insert(path.to_owned(), (footer, used)) {
            held.bytes -= old.bytes;
        }
        while held.bytes > self.limit_bytes && held.footers.len() > 1 {
            let oldest = held.footers.iter().min_by_key(|(_, (_, used))| *used);
            let Some(path) = oldest.map(|(path, _)| path.clone()) else {
                break;
            };
            held.remove(&path);
        }
    }

    pub(super) fn remove(&self, path: &str) {
        self.lock().remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn remove(&mut self, path: &str) {
        if let Some((footer, _)) = self.footers.remove(path) {
            self.bytes -= footer.bytes;
        }
    }
}
