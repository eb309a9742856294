//! Text that many rows share lies once in memory: a column may come as a dictionary of its values.
//!
//! A resource takes hundreds of bytes and is the same for every span of a request. As text it would be copied
//! with every row at each step from the request to the block: gathering, ordering, merging. Files and readers
//! see plain text.

use arrow::{
    array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, RecordBatch, StringArray},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Int32Type, Schema, SchemaRef},
    error::ArrowError,
};
use std::{collections::HashMap, sync::Arc};

/// The type of a column of shared text.
pub fn shared_text() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A column of shared text: for each row the number of its value, if it has one.
///
/// # Errors
/// When a number has no value.
pub fn shared(rows: Vec<Option<i32>>, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let column = DictionaryArray::<Int32Type>::try_new(Int32Array::from(rows), values)?;
    Ok(Arc::new(column))
}

/// The batch with all shared text written out.
///
/// # Errors
/// When a column would take more than 2 GiB.
pub fn plain(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let is_shared = |field: &FieldRef| *field.data_type() == shared_text();
    if !batch.schema_ref().fields().iter().any(is_shared) {
        return Ok(batch.clone());
    }
    let mut fields: Vec<FieldRef> = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if is_shared(field) {
            fields.push(of_type(field, DataType::Utf8));
            columns.push(cast(column, &DataType::Utf8)?);
        } else {
            fields.push(field.clone());
            columns.push(column.clone());
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The rows in parts, none of which has more than `most` bytes of shared text as it would be written out, unless it is a
/// single row. What rows share is small only as long as they share it.
pub fn in_parts(batch: &RecordBatch, most: usize) -> Vec<RecordBatch> {
    if longest(batch).saturating_mul(batch.num_rows()) <= most {
        return vec![batch.clone()];
    }
    let mut parts = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (row, size) in bytes_of(batch).into_iter().enumerate() {
        if bytes + size > most && row > from {
            parts.push(batch.slice(from, row - from));
            (from, bytes) = (row, 0);
        }
        bytes += size;
    }
    parts.push(batch.slice(from, batch.num_rows() - from));
    parts
}

/// No row has more bytes of shared text than this.
fn longest(batch: &RecordBatch) -> usize {
    let mut sum = 0;
    for column in batch.columns() {
        let held = column.as_dictionary_opt::<Int32Type>();
        if let Some(values) = held.and_then(|it| it.values().as_string_opt::<i32>()) {
            let ends = values.offsets().windows(2);
            let longest = ends.map(|it| (it[1] - it[0]).cast_unsigned() as usize);
            sum += longest.max().unwrap_or_default();
        }
    }
    sum
}

/// How many bytes of shared text each row has.
fn bytes_of(batch: &RecordBatch) -> Vec<usize> {
    let mut bytes = vec![0; batch.num_rows()];
    for column in batch.columns() {
        let Some(held) = column.as_dictionary_opt::<Int32Type>() else {
            continue;
        };
        let Some(values) = held.values().as_string_opt::<i32>() else {
            continue;
        };
        for (sum, number) in bytes.iter_mut().zip(held.keys()) {
            let number = number.and_then(|it| usize::try_from(it).ok());
            *sum += number.map_or(0, |it| values.value_length(it).cast_unsigned() as usize);
        }
    }
    bytes
}

/// True when a column of this type is taken for one of the other.
pub(crate) fn stands_for(data_type: &DataType, wanted: &DataType) -> bool {
    data_type == wanted || *wanted == DataType::Utf8 && *data_type == shared_text()
}

/// The same field of another type.
pub(crate) fn of_type(field: &FieldRef, data_type: DataType) -> FieldRef {
    Arc::new(Field::clone(field).with_data_type(data_type))
}

/// The schema with these columns as shared text, where they are text.
pub(crate) fn sharing(schema: &SchemaRef, names: &[&str]) -> SchemaRef {
    let field = |field: &FieldRef| match names.contains(&field.name().as_str())
        && *field.data_type() == DataType::Utf8
    {
        true => of_type(field, shared_text()),
        false => field.clone(),
    };
    let fields: Vec<FieldRef> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new(fields))
}

/// The batch with each value of shared text once: gathering from many batches puts their values one after the
/// other, equal or not.
///
/// # Errors
/// Never in practice: the numbers are made from the values.
pub(crate) fn once(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    for column in &mut columns {
        if let Some(held) = column.as_dictionary_opt::<Int32Type>() {
            *column = each_once(held)?;
        }
    }
    RecordBatch::try_new(schema, columns)
}

fn each_once(column: &DictionaryArray<Int32Type>) -> Result<ArrayRef, ArrowError> {
    let Some(values) = column.values().as_string_opt::<i32>() else {
        return Ok(Arc::new(column.clone()));
    };
    let mut places: HashMap<Option<&str>, i32> = HashMap::new();
    let mut kept: Vec<Option<&str>> = Vec::new();
    let mut moved = Vec::with_capacity(values.len());
    for value in values {
        let place = *places.entry(value).or_insert_with(|| {
            kept.push(value);
            kept.len() as i32 - 1
        });
        moved.push(place);
    }
    let number = |number: Option<i32>| Some(moved[usize::try_from(number?).ok()?]);
    let rows: Vec<Option<i32>> = column.keys().iter().map(number).collect();
    shared(rows, Arc::new(StringArray::from(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(values: &[Option<&str>], rows: &[Option<i32>]) -> RecordBatch {
        let values = Arc::new(StringArray::from(values.to_vec()));
        let column = shared(rows.to_vec(), values).expect("fits");
        RecordBatch::try_from_iter([("resource", column)]).expect("a batch")
    }

    fn text(batch: &RecordBatch) -> Vec<Option<String>> {
        let plain = plain(batch).expect("text");
        let column = plain.column(0).as_string::<i32>();
        column.iter().map(|it| it.map(str::to_owned)).collect()
    }

    #[test]
    fn values_are_there_once_and_rows_are_as_before() {
        let held = batch(
            &[Some("a"), Some("b"), Some("a"), None],
            &[Some(2), None, Some(1), Some(0), Some(3)],
        );
        let before = text(&held);
        let once = once(held).expect("the same");
        assert_eq!(text(&once), before);
        assert_eq!(before[0].as_deref(), Some("a"));
        assert_eq!(before[4], None);
        let values = once.column(0).as_dictionary::<Int32Type>().values().len();
        assert_eq!(values, 3);
    }

    #[test]
    fn rows_that_share_much_text_come_in_parts() {
        let long = "x".repeat(10);
        let rows = batch(
            &[Some(&long), Some("y")],
            &[Some(0), Some(0), None, Some(1), Some(0), Some(0)],
        );
        let check = |most: usize, expect: &[usize]| {
            let parts = in_parts(&rows, most);
            let sizes: Vec<usize> = parts.iter().map(RecordBatch::num_rows).collect();
            assert_eq!(sizes, expect, "{most}");
            let texts: Vec<_> = parts.iter().flat_map(text).collect();
            assert_eq!(texts, text(&rows));
        };
        check(1_000, &[6]);
        check(21, &[4, 2]);
        check(10, &[1, 2, 1, 1, 1]);
        check(0, &[1; 6]);
    }

    #[test]
    fn a_number_without_a_value_is_refused() {
        let values = Arc::new(StringArray::from(vec!["a"]));
        assert!(shared(vec![Some(1)], values).is_err());
    }
}
