//! An answer for the grid of the browser, and the names of types that people read.

use super::{Format, plain::plain};
use crate::{Answer, Error};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use model::api::{ColumnInfo, Grid};
use serde_json::Value;

/// Whole numbers beyond this are text: a JavaScript number cannot hold them.
const EXACT: u64 = 1 << 53;

/// The first `limit` rows. The caller, who has a clock, fills in how long it took.
pub async fn grid(mut answer: Answer, limit: usize) -> Result<Grid, Error> {
    let columns = answer.schema();
    let mut grid = Grid {
        columns: columns
            .fields()
            .iter()
            .map(|field| ColumnInfo {
                name: field.name().clone(),
                data_type: type_name(field.data_type()),
                comment: String::new(),
            })
            .collect(),
        ..Grid::default()
    };
    while let Some(batch) = answer.next().await {
        let batch = plain(&batch?, Format::Json)?;
        let room = limit - grid.rows.len();
        grid.truncated = batch.num_rows() > room;
        add_rows(&mut grid.rows, &batch.slice(0, room.min(batch.num_rows())))?;
        if grid.truncated {
            break;
        }
    }
    Ok(grid)
}

fn add_rows(rows: &mut Vec<Vec<Value>>, batch: &RecordBatch) -> Result<(), Error> {
    let options = FormatOptions::default();
    let formatters = batch
        .columns()
        .iter()
        .map(|array| ArrayFormatter::try_new(array.as_ref(), &options))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| Error::Format {
            format: "grid",
            cause: cause.to_string(),
        })?;
    for row in 0..batch.num_rows() {
        let cells = batch
            .columns()
            .iter()
            .zip(&formatters)
            .map(|(array, formatter)| cell(array, formatter, row));
        rows.push(cells.collect());
    }
    Ok(())
}

fn cell(array: &ArrayRef, formatter: &ArrayFormatter<'_>, row: usize) -> Value {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int64 => match array.as_primitive::<Int64Type>().value(row) {
            number if number.abs_diff(0) <= EXACT => Value::from(number),
            number => Value::String(number.to_string()),
        },
        DataType::Float64 => match array.as_primitive::<Float64Type>().value(row) {
            number if number.is_finite() => Value::from(number),
            number => Value::String(number.to_string()),
        },
        DataType::UInt64 => match formatter.value(row).to_string().parse::<i64>() {
            Ok(number) if number.abs_diff(0) <= EXACT => Value::from(number),
            _ => Value::String(formatter.value(row).to_string()),
        },
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => match formatter.value(row).to_string().parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::Null,
        },
        _ => Value::String(formatter.value(row).to_string()),
    }
}

/// A type as SQL writes it.
pub(crate) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Int32 => "int".into(),
        DataType::UInt64 => "bigint unsigned".into(),
        DataType::Float64 => "double".into(),
        DataType::Float32 => "float".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "timestamp".into(),
        DataType::Binary | DataType::BinaryView => "bytea".into(),
        DataType::Union(_, _) => "json".into(),
        DataType::Interval(_) => "interval".into(),
        DataType::List(item) => format!("{}[]", type_name(item.data_type())),
        other => other.to_string().to_lowercase(),
    }
}
