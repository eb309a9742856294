//! Blocks with large row groups → one larger block, without decoding them.
//!
//! A flush under load writes row groups as large as they get. To merge them would decode, order, encode and compress every
//! row once more, and gain only that a trace lies in one row group instead of in those of the flushes in which its spans
//! came, mostly one. So their bytes are copied, and the time of each row group stays as narrow as it was.

use crate::{
    Error,
    block::Block,
    encode::{self, Encoded, Target},
    objects::Objects,
};
use bytes::Bytes;
use object_store::path::Path;
use parquet::{
    bloom_filter::Sbbf,
    column::writer::ColumnCloseResult,
    errors::ParquetError,
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
        properties::WriterProperties,
        writer::SerializedFileWriter,
    },
};
use std::{collections::BTreeMap, sync::Arc};

type Writer = SerializedFileWriter<Vec<u8>>;

/// One block with the row groups of these, which are of one table, day and kind. `None` when their columns differ.
pub(crate) async fn join(
    objects: &Objects,
    target: &Target,
    inputs: &[Arc<Block>],
) -> Result<Option<Encoded>, Error> {
    let Some(first) = inputs.first() else {
        return Ok(None);
    };
    let mut writer: Option<Writer> = None;
    for block in inputs {
        let path = Path::from(block.path.as_str());
        let bytes = objects.get(&path).await?;
        let failed = |source| Error::Block {
            path: block.path.clone(),
            source,
        };
        let metadata = read(&bytes).map_err(failed)?;
        let columns = metadata.file_metadata().schema_descr();
        let writer = match &mut writer {
            Some(writer) if writer.schema_descr() != columns => return Ok(None),
            Some(writer) => writer,
            None => {
                let properties =
                    WriterProperties::builder().set_created_by(encode::CREATED_BY.to_owned());
                let made = Writer::new(
                    Vec::new(),
                    columns.root_schema_ptr(),
                    Arc::new(properties.build()),
                );
                writer.insert(made.map_err(failed)?)
            }
        };
        copy(writer, &bytes, &metadata).map_err(failed)?;
    }
    let Some(writer) = writer else {
        return Ok(None);
    };
    let bytes = writer.into_inner().map_err(|source| Error::Block {
        path: first.path.clone(),
        source,
    })?;
    let block = Block {
        path: encode::path(target, first.day.as_deref(), 0),
        rows: inputs.iter().map(|block| block.rows).sum(),
        bytes: bytes.len() as u64,
        min_time: inputs.iter().map(|it| it.min_time).min().unwrap_or(0),
        max_time: inputs.iter().map(|it| it.max_time).max().unwrap_or(0),
        min_key: inputs
            .iter()
            .map(|it| it.min_key.clone())
            .min()
            .unwrap_or_default(),
        max_key: inputs
            .iter()
            .map(|it| it.max_key.clone())
            .max()
            .unwrap_or_default(),
        runs: inputs.iter().flat_map(|it| it.runs.clone()).collect(),
        wide: widest(inputs),
        ..Block::clone(first)
    };
    Ok(Some(Encoded { block, bytes }))
}

fn widest(inputs: &[Arc<Block>]) -> BTreeMap<String, u64> {
    let mut wide: BTreeMap<String, u64> = BTreeMap::new();
    for (column, bytes) in inputs.iter().flat_map(|block| &block.wide) {
        let most = wide.entry(column.clone()).or_default();
        *most = (*most).max(*bytes);
    }
    wide
}

fn read(bytes: &Bytes) -> Result<ParquetMetaData, ParquetError> {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(bytes)
}

/// Appends every row group as it is, with statistics, page index and bloom filters.
fn copy(
    writer: &mut Writer,
    bytes: &Bytes,
    metadata: &ParquetMetaData,
) -> Result<(), ParquetError> {
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let indexes = metadata.column_index().and_then(|all| all.get(number));
        let offsets = metadata.offset_index().and_then(|all| all.get(number));
        let mut into = writer.next_row_group()?;
        for (column, chunk) in group.columns().iter().enumerate() {
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or_default(),
                rows_written: u64::try_from(group.num_rows()).unwrap_or_default(),
                metadata: chunk.clone(),
                bloom_filter: Sbbf::read_from_column_chunk(chunk, bytes)?,
                column_index: indexes.and_then(|all| all.get(column)).cloned(),
                offset_index: offsets.and_then(|all| all.get(column)).cloned(),
            };
            into.append_column(bytes, close)?;
        }
        into.close()?;
    }
    Ok(())
}
