//! Rows → Parquet: sorted by trace, then time; every column encoded for what it holds.

use crate::{
    Error, Table,
    block::{Block, PromotedType},
    memory::{align, union},
    shared::{in_parts, once},
    tables::ATTRIBUTE_PREFIX,
};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array},
    compute::interleave,
    datatypes::{DataType, FieldRef, Int64Type, SchemaRef},
    error::ArrowError,
};
use jiff::{Timestamp, tz::TimeZone};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::RowGroupMetaData,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Who writes the files.
pub(crate) const CREATED_BY: &str = "inquest";
/// Rows of a row group, at most.
pub(crate) const ROW_GROUP_ROWS: usize = 1 << 17;
/// Rows of a page: what is decoded to find one trace.
const PAGE_ROWS: usize = 2048;
/// Bytes of a column's dictionary in a row group: it is read even for a single row, and columns with
/// more distinct values gain nothing from one.
const DICTIONARY_BYTES: usize = 96 << 10;
/// Rows gathered at a time.
const STEP_ROWS: usize = 8192;
/// Bytes of shared text that are written at a time.
const MOST_SHARED: usize = 16 << 20;
/// Rows of a column that take more than this on average are large.
const WIDE_BYTES: u64 = 1 << 10;
/// Bytes at which a block ends even if it may have more rows.
pub(crate) const BLOCK_BYTES: usize = 192 << 20;
/// Days of one write that get blocks of their own; rows of the others share one.
const MOST_DAYS: usize = 64;
/// Chance that a bloom filter sends a search in vain.
const BLOOM_FPP: f64 = 0.01;
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// A block that is written but not yet stored.
pub(crate) struct Encoded {
    pub(crate) block: Block,
    pub(crate) bytes: Vec<u8>,
}

/// Where new blocks go.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) table: Table,
    pub(crate) derived: bool,
    /// Rows of a block, at most.
    pub(crate) block_rows: usize,
    /// Part of the file names; unique over the life of the store.
    pub(crate) name: String,
}

/// Place of a row: what it is sorted by, and where it lies.
struct Place {
    day: i64,
    key: u128,
    time: i64,
    batch: u32,
    row: u32,
}

/// The batches as blocks: one or more per day.
pub(crate) fn encode(target: &Target, batches: &[RecordBatch]) -> Result<Vec<Encoded>, Error> {
    let schema = union(target.table, batches.iter().map(RecordBatch::schema));
    let batches: Vec<RecordBatch> = batches
        .iter()
        .map(|batch| align(target.table, batch, &schema))
        .collect::<Result<_, _>>()?;
    let places = sorted(target.table, &batches)?;
    let mut blocks = Vec::new();
    for day in places.chunk_by(|a, b| a.day == b.day) {
        let name = day.first().and_then(|place| day_name(place.day));
        for rows in day.chunks(target.block_rows) {
            let open = || BlockWriter::new(target, schema.clone(), name.clone(), rows.len());
            let mut writer = open()?;
            for step in rows.chunks(STEP_ROWS) {
                let at: Vec<(usize, usize)> = step
                    .iter()
                    .map(|place| (place.batch as usize, place.row as usize))
                    .collect();
                let sources: Vec<&RecordBatch> = batches.iter().collect();
                let gathered = gathered(&schema, &sources, &at);
                writer.write(&gathered.map_err(rows_error(target.table))?)?;
                if writer.size() > BLOCK_BYTES {
                    blocks.push(std::mem::replace(&mut writer, open()?).finish(blocks.len())?);
                }
            }
            if writer.rows > 0 {
                blocks.push(writer.finish(blocks.len())?);
            }
        }
    }
    Ok(blocks)
}

/// The rows of small batches as one batch, by key and time.
pub(crate) fn in_order(table: Table, batches: &[&RecordBatch]) -> Result<RecordBatch, Error> {
    let schema = union(table, batches.iter().map(|batch| batch.schema()));
    let mut places = Vec::new();
    let mut aligned = Vec::with_capacity(batches.len());
    for (number, batch) in batches.iter().enumerate() {
        let order = order(table, batch)?.into_iter().enumerate();
        places.extend(order.map(|(row, order)| (order, number, row)));
        aligned.push(align(table, batch, &schema)?);
    }
    places.sort_unstable();
    let at: Vec<(usize, usize)> = places
        .iter()
        .map(|(_, batch, row)| (*batch, *row))
        .collect();
    let sources: Vec<&RecordBatch> = aligned.iter().collect();
    let together = gathered(&schema, &sources, &at);
    together.and_then(once).map_err(rows_error(table))
}

/// The rows at these places (batch, row) of batches that all have this schema. Where no batch has a value nothing is copied.
fn gathered(
    schema: &SchemaRef,
    batches: &[&RecordBatch],
    at: &[(usize, usize)],
) -> Result<RecordBatch, ArrowError> {
    let column = |(place, field): (usize, &FieldRef)| {
        let columns: Vec<&dyn Array> = batches.iter().map(|it| it.column(place).as_ref()).collect();
        if columns.iter().all(|it| it.null_count() == it.len()) {
            return Ok(new_null_array(field.data_type(), at.len()));
        }
        interleave(&columns, at)
    };
    let columns = schema.fields().iter().enumerate().map(column);
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(at.len()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// All rows in the order in which they are written.
fn sorted(table: Table, batches: &[RecordBatch]) -> Result<Vec<Place>, Error> {
    let mut places = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (number, batch) in batches.iter().enumerate() {
        let keys = crate::identity::binary(table, batch, table.key())?;
        let times = table.time().and_then(|name| batch.column_by_name(name));
        let times = times.and_then(|column| column.as_primitive_opt::<Int64Type>());
        for row in 0..batch.num_rows() {
            let time = times.map_or(0, |times| times.value(row));
            places.push(Place {
                day: time.div_euclid(NANOS_PER_DAY),
                key: prefix(keys.value(row)),
                time,
                batch: number as u32,
                row: row as u32,
            });
        }
    }
    bound_days(table, &mut places);
    places.sort_unstable_by_key(|p| (p.day, p.key, p.time, p.batch, p.row));
    Ok(places)
}

/// The first sixteen bytes as a number that sorts like them.
pub(crate) fn prefix(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = key.len().min(16);
    bytes[..length].copy_from_slice(&key[..length]);
    u128::from_be_bytes(bytes)
}

/// The day of rows whose days are too many to be kept apart.
const ANY_DAY: i64 = i64::MAX;

/// Leaves the days with the most rows; a sender with a broken clock must not make a thousand files.
fn bound_days(table: Table, places: &mut [Place]) {
    if table.time().is_none() {
        places.iter_mut().for_each(|place| place.day = ANY_DAY);
        return;
    }
    let mut days: HashMap<i64, usize> = HashMap::new();
    for place in places.iter() {
        *days.entry(place.day).or_default() += 1;
    }
    if days.len() <= MOST_DAYS {
        return;
    }
    let mut ranked: Vec<(usize, i64)> = days.iter().map(|(day, rows)| (*rows, *day)).collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    let kept: Vec<i64> = ranked[..MOST_DAYS].iter().map(|(_, day)| *day).collect();
    for place in places.iter_mut().filter(|p| !kept.contains(&p.day)) {
        place.day = ANY_DAY;
    }
}

fn day_name(day: i64) -> Option<String> {
    let nanos = day.checked_mul(NANOS_PER_DAY)?;
    let time = Timestamp::from_nanosecond(i128::from(nanos)).ok()?;
    Some(time.to_zoned(TimeZone::UTC).date().to_string())
}

/// Writes one block; rows come sorted.
pub(crate) struct BlockWriter {
    target: Target,
    day: Option<String>,
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    pub(crate) rows: usize,
    min_time: i64,
    max_time: i64,
    min_key: Vec<u8>,
    max_key: Vec<u8>,
}

impl BlockWriter {
    /// A block for about so many rows: they are shared evenly among its row groups, so that none is small.
    pub(crate) fn new(
        target: &Target,
        schema: SchemaRef,
        day: Option<String>,
        rows: usize,
    ) -> Result<Self, Error> {
        let rows = rows.clamp(1, target.block_rows.max(1));
        let group_rows = rows.div_ceil(rows.div_ceil(ROW_GROUP_ROWS));
        let options = ArrowWriterOptions::new()
            .with_properties(properties(target.table, &schema, group_rows))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)
            .map_err(encode_error(target))?;
        Ok(BlockWriter {
            target: target.clone(),
            day,
            schema,
            writer,
            rows: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            min_key: Vec::new(),
            max_key: Vec::new(),
        })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let table = self.target.table;
        let keys = crate::identity::binary(table, batch, table.key())?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.rows == 0 {
            self.min_key = keys.value(0).to_vec();
        }
        self.max_key = keys.value(batch.num_rows() - 1).to_vec();
        let times = table.time().and_then(|name| batch.column_by_name(name));
        if let Some(times) = times.and_then(|column| column.as_primitive_opt::<Int64Type>()) {
            self.min_time = times.values().iter().copied().fold(self.min_time, i64::min);
            self.max_time = times.values().iter().copied().fold(self.max_time, i64::max);
        }
        self.rows += batch.num_rows();
        // The writer looks at the size of its page between writes.
        for rows in in_parts(batch, MOST_SHARED) {
            self.writer
                .write(&rows)
                .map_err(encode_error(&self.target))?;
        }
        Ok(())
    }

    /// Bytes so far, roughly.
    pub(crate) fn size(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// True when it should end.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.target.block_rows || self.size() > BLOCK_BYTES
    }

    /// The finished block; `number` makes its name unique among blocks of the same target.
    pub(crate) fn finish(self, number: usize) -> Result<Encoded, Error> {
        let target = self.target;
        let mut writer = self.writer;
        writer.flush().map_err(encode_error(&target))?;
        let groups = writer.flushed_row_groups().len() as u32;
        let wide = wide(writer.flushed_row_groups());
        let bytes = writer.into_inner().map_err(encode_error(&target))?;
        let timed = self.min_time <= self.max_time;
        let block = Block {
            path: path(&target, self.day.as_deref(), number),
            rows: self.rows as u64,
            bytes: bytes.len() as u64,
            min_time: if timed { self.min_time } else { 0 },
            max_time: if timed { self.max_time } else { 0 },
            min_key: self.min_key,
            max_key: self.max_key,
            derived: target.derived,
            day: self.day,
            promoted: promoted(&self.schema),
            runs: vec![groups],
            wide,
        };
        Ok(Encoded { block, bytes })
    }
}

/// The columns whose rows take more than [`WIDE_BYTES`] on average, nothing shared, in one of the row groups.
fn wide(groups: &[RowGroupMetaData]) -> BTreeMap<String, u64> {
    let mut wide: BTreeMap<String, u64> = BTreeMap::new();
    for group in groups {
        for chunk in group.columns() {
            let bytes = chunk.unencoded_byte_array_data_bytes().unwrap_or(0);
            let bytes = (bytes / group.num_rows().max(1)).unsigned_abs();
            if bytes > WIDE_BYTES {
                let most = wide.entry(chunk.column_path().string()).or_default();
                *most = bytes.max(*most);
            }
        }
    }
    wide
}

/// Where a block is to lie; `number` tells those of one target apart.
pub(crate) fn path(target: &Target, day: Option<&str>, number: usize) -> String {
    let kind = if target.derived { "derived" } else { "facts" };
    let folder = match (day, target.table.time()) {
        (Some(day), _) => format!("day={day}/"),
        // The name by which table formats know the partition without a value.
        (None, Some(_)) => "day=__HIVE_DEFAULT_PARTITION__/".to_owned(),
        (None, None) => String::new(),
    };
    let (table, name) = (target.table.name(), &target.name);
    format!("{table}/{folder}{name}-{kind}-{number:04}.parquet")
}

fn promoted(schema: &SchemaRef) -> BTreeMap<String, PromotedType> {
    let fields = schema.fields().iter();
    let attributes = fields.filter(|field| field.name().starts_with(ATTRIBUTE_PREFIX));
    attributes
        .filter_map(|field| Some((field.name().clone(), PromotedType::of(field.data_type())?)))
        .collect()
}

/// How each column is written. Measured choices: `docs/performance.md`.
fn properties(table: Table, schema: &SchemaRef, group_rows: usize) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(group_rows))
        .set_max_row_group_bytes(Some(BLOCK_BYTES / 2))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for field in schema.fields() {
        properties = column(properties, table, field.name(), field.data_type());
    }
    properties.build()
}

fn column(
    properties: WriterPropertiesBuilder,
    table: Table,
    name: &str,
    data_type: &DataType,
) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(vec![name.to_owned()]);
    let plain = |properties: WriterPropertiesBuilder, encoding| {
        properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path.clone(), encoding)
    };
    let searched = name == table.key() || name == "trace_id";
    let properties = match (name, data_type) {
        // Sorted: neighbours share most bytes.
        _ if name == table.key() => plain(properties, Encoding::DELTA_BYTE_ARRAY),
        // Random bytes: no dictionary, no length beside each.
        ("span_id" | "child_span_id", _) => plain(properties, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        ("duration_ns" | "event_id" | "previous_event_id", _) => {
            plain(properties, Encoding::DELTA_BINARY_PACKED)
        }
        (_, DataType::Int64) if name.ends_with("time") => {
            plain(properties, Encoding::DELTA_BINARY_PACKED)
        }
        _ => properties,
    };
    let properties = if searched {
        properties
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path.clone(), BLOOM_FPP)
    } else {
        properties
    };
    if searched || Some(name) == table.time() {
        properties.set_column_statistics_enabled(path, EnabledStatistics::Page)
    } else {
        properties
    }
}

fn encode_error(target: &Target) -> impl FnOnce(parquet::errors::ParquetError) -> Error {
    let path = format!("{}/…{}", target.table.name(), target.name);
    move |source| Error::Block { path, source }
}

fn rows_error(table: Table) -> impl FnOnce(arrow::error::ArrowError) -> Error {
    move |source| Error::Rows {
        table: table.name(),
        source,
    }
}

/// The rows of a sorted batch as [`prefix`] sees them.
pub(crate) fn order(table: Table, batch: &RecordBatch) -> Result<Vec<(u128, i64)>, Error> {
    let keys = crate::identity::binary(table, batch, table.key())?;
    let times = table.time().and_then(|name| batch.column_by_name(name));
    let times = times.and_then(|column| column.as_primitive_opt::<Int64Type>().cloned());
    let times = times.map(Arc::new);
    let time = |row: usize| times.as_ref().map_or(0, |times| times.value(row));
    Ok((0..keys.len())
        .map(|row| (prefix(keys.value(row)), time(row)))
        .collect())
}
