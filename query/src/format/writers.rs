//! One writer per format, all writing to a buffer that is emptied after every batch.

use super::Format;
use crate::Error;
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::csv;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use arrow::json::writer::{JsonArray, LineDelimited};
use arrow::json::{self, Writer as JsonWriter};
use arrow::util::pretty::pretty_format_batches_with_schema;
use bytes::Bytes;
use model::text::{visible, visible_line};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows of a text table beyond which nobody reads it; the rest is counted.
const TABLE_ROWS: usize = 10_000;

/// Writes batches of one answer.
pub(super) struct Writer {
    format: Format,
    out: Buffer,
    inner: Inner,
}

enum Inner {
    Json(JsonWriter<Buffer, JsonArray>),
    Ndjson(JsonWriter<Buffer, LineDelimited>),
    Csv(Box<csv::Writer<Buffer>>),
    Arrow(Box<StreamWriter<Buffer>>),
    Parquet(Box<ArrowWriter<Buffer>>),
    Table(TextTable),
}

impl Writer {
    pub fn new(format: Format, schema: &SchemaRef) -> Result<Self, Error> {
        let out = Buffer::default();
        let json = || json::WriterBuilder::new().with_explicit_nulls(true);
        let failed = |cause: &dyn std::fmt::Display| failure(format, cause);
        let inner = match format {
            Format::Json => Inner::Json(json().build(out.clone())),
            Format::Ndjson => Inner::Ndjson(json().build(out.clone())),
            Format::Csv => Inner::Csv(Box::new(csv_writer(&out, schema).map_err(|e| failed(&e))?)),
            Format::Arrow => Inner::Arrow(Box::new(
                StreamWriter::try_new(out.clone(), schema).map_err(|e| failed(&e))?,
            )),
            Format::Parquet => Inner::Parquet(Box::new(
                ArrowWriter::try_new(out.clone(), schema.clone(), Some(parquet_properties()))
                    .map_err(|e| failed(&e))?,
            )),
            Format::Table => Inner::Table(TextTable::new(shown_schema(schema))),
        };
        Ok(Writer { format, out, inner })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let format = self.format;
        let failed = |cause: &dyn std::fmt::Display| failure(format, cause);
        match &mut self.inner {
            Inner::Json(writer) => writer.write(batch).map_err(|e| failed(&e)),
            Inner::Ndjson(writer) => writer.write(batch).map_err(|e| failed(&e)),
            Inner::Csv(writer) => writer.write(batch).map_err(|e| failed(&e)),
            Inner::Arrow(writer) => writer.write(batch).map_err(|e| failed(&e)),
            Inner::Parquet(writer) => writer.write(batch).map_err(|e| failed(&e)),
            Inner::Table(table) => {
                table.add(batch);
                Ok(())
            }
        }
    }

    /// The bytes written since the last call.
    pub fn take(&self) -> Bytes {
        self.out.take()
    }

    pub fn finish(self) -> Result<Bytes, Error> {
        let format = self.format;
        let failed = |cause: &dyn std::fmt::Display| failure(format, cause);
        match self.inner {
            Inner::Json(mut writer) => writer.finish().map_err(|e| failed(&e))?,
            Inner::Ndjson(mut writer) => writer.finish().map_err(|e| failed(&e))?,
            Inner::Csv(writer) => drop(writer),
            Inner::Arrow(mut writer) => writer.finish().map_err(|e| failed(&e))?,
            Inner::Parquet(writer) => drop(writer.close().map_err(|e| failed(&e))?),
            Inner::Table(table) => return table.finish(),
        }
        Ok(self.out.take())
    }
}

fn failure(format: Format, cause: &dyn std::fmt::Display) -> Error {
    Error::Format {
        format: format.name(),
        cause: cause.to_string(),
    }
}

/// A CSV writer that has written its header, which an answer without rows has, too.
fn csv_writer(
    out: &Buffer,
    schema: &SchemaRef,
) -> Result<csv::Writer<Buffer>, arrow::error::ArrowError> {
    let mut writer = csv::WriterBuilder::new()
        .with_header(true)
        .build(out.clone());
    writer.write(&RecordBatch::new_empty(schema.clone()))?;
    Ok(writer)
}

fn parquet_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build()
}

/// Rows gathered for a table, which needs them all to know its widths.
struct TextTable {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl TextTable {
    fn new(schema: SchemaRef) -> Self {
        TextTable {
            schema,
            batches: Vec::new(),
            rows: 0,
        }
    }

    fn add(&mut self, batch: &RecordBatch) {
        let room = TABLE_ROWS.saturating_sub(self.rows).min(batch.num_rows());
        self.rows += batch.num_rows();
        if room > 0 {
            let schema = self.schema.clone();
            let columns = batch.slice(0, room).columns().iter().map(shown).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(room));
            // Columns keep their types and lengths: it cannot fail.
            let batch = RecordBatch::try_new_with_options(schema, columns, &options);
            self.batches.extend(batch);
        }
    }

    fn finish(self) -> Result<Bytes, Error> {
        let table = pretty_format_batches_with_schema(self.schema, &self.batches)
            .map_err(|cause| failure(Format::Table, &cause))?;
        let more = match self.rows.checked_sub(TABLE_ROWS) {
            Some(1) => "1 more row is not shown\n".to_owned(),
            Some(more @ 2..) => format!("{more} more rows are not shown\n"),
            _ => String::new(),
        };
        Ok(Bytes::from(format!("{table}\n{more}")))
    }
}

/// Texts as a terminal may be shown them.
fn shown(column: &ArrayRef) -> ArrayRef {
    match column.as_string_opt::<i32>() {
        Some(texts) => Arc::new(
            texts
                .iter()
                .map(|it| it.map(visible))
                .collect::<StringArray>(),
        ),
        None => column.clone(),
    }
}

/// Names of columns, too, can be made up in a question.
fn shown_schema(schema: &Schema) -> SchemaRef {
    let named = |field: &Arc<Field>| {
        let name = visible_line(field.name()).into_owned();
        Field::clone(field).with_name(name)
    };
    Arc::new(Schema::new(
        schema.fields().iter().map(named).collect::<Vec<_>>(),
    ))
}

/// Bytes shared by a writer and whoever sends them on.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Bytes {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::from(std::mem::take(&mut *bytes))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
