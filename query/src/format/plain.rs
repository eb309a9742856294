//! Types that every reader understands, in place of those that only Arrow's own readers do.

use super::Format;
use crate::Error;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::sync::Arc;

/// The schema of what is written.
pub fn plain_schema(schema: &Schema, format: Format) -> SchemaRef {
    let fields = schema
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), plain_type(field.data_type(), format), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch with plain types.
pub(super) fn plain(batch: &RecordBatch, format: Format) -> Result<RecordBatch, Error> {
    let schema = plain_schema(&batch.schema(), format);
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(array, field)| plain_array(array, field.data_type()))
        .collect::<Result<Vec<_>, _>>();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .and_then(|columns| RecordBatch::try_new_with_options(schema, columns, &options))
        .map_err(|cause| Error::Format {
            format: format.name(),
            cause: cause.to_string(),
        })
}

fn plain_type(data_type: &DataType, format: Format) -> DataType {
    use DataType::*;
    match data_type {
        Utf8View | LargeUtf8 | Union(_, _) | Interval(_) => Utf8,
        Duration(_) if format != Format::Arrow => Utf8,
        BinaryView => Binary,
        Null if format == Format::Parquet => Utf8,
        Dictionary(_, value) => plain_type(value, format),
        nested if nested.is_nested() => match format {
            Format::Csv | Format::Table => Utf8,
            _ => nested_type(nested, format),
        },
        other => other.clone(),
    }
}

/// Lists and structs keep their form where the cast to plain items is one that Arrow has.
fn nested_type(data_type: &DataType, format: Format) -> DataType {
    use DataType::*;
    let plain_field = |field: &Arc<Field>| {
        let data_type = plain_type(field.data_type(), format);
        Arc::new(Field::new(field.name(), data_type, true))
    };
    match data_type {
        List(item) | ListView(item) => List(plain_field(item)),
        LargeList(item) | LargeListView(item) => LargeList(plain_field(item)),
        Struct(fields) => Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}

fn plain_array(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
    let source = array.data_type();
    if source == wanted {
        return Ok(array.clone());
    }
    let as_text = *wanted == DataType::Utf8
        && (source.is_nested() || matches!(source, DataType::Interval(_) | DataType::Duration(_)));
    match as_text {
        true => text_of(array),
        false => cast(array, wanted),
    }
}

fn text_of(array: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
    let text = (0..array.len()).map(|row| {
        array
            .is_valid(row)
            .then(|| formatter.value(row).to_string())
    });
    Ok(Arc::new(text.collect::<StringArray>()))
}
