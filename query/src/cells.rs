//! Reads the columns of an answer by name.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};

/// A batch, read by column name. A column that is missing or of another type reads as null.
pub(crate) struct Cells<'a>(pub &'a RecordBatch);

impl<'a> Cells<'a> {
    /// Text, or `None` for null.
    pub fn text(&self, name: &str, row: usize) -> Option<&'a str> {
        let array = self.array(name, row)?;
        match array.data_type() {
            DataType::Utf8 => Some(array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => Some(array.as_string::<i64>().value(row)),
            DataType::Utf8View => Some(array.as_string_view().value(row)),
            _ => None,
        }
    }

    /// Text, owned and empty for null.
    pub fn string(&self, name: &str, row: usize) -> String {
        self.text(name, row).unwrap_or_default().to_owned()
    }

    /// Text, owned.
    pub fn maybe(&self, name: &str, row: usize) -> Option<String> {
        self.text(name, row).map(str::to_owned)
    }

    /// A whole number or the nanoseconds of a time.
    pub fn int(&self, name: &str, row: usize) -> Option<i64> {
        let array = self.array(name, row)?;
        match array.data_type() {
            DataType::Int64 => Some(array.as_primitive::<Int64Type>().value(row)),
            DataType::UInt64 => i64::try_from(array.as_primitive::<UInt64Type>().value(row)).ok(),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Some(array.as_primitive::<TimestampNanosecondType>().value(row))
            }
            _ => None,
        }
    }

    /// A number with a fraction.
    pub fn double(&self, name: &str, row: usize) -> Option<f64> {
        let array = self.array(name, row)?;
        array
            .as_primitive_opt::<Float64Type>()
            .map(|array| array.value(row))
    }

    /// A count; zero for null.
    pub fn count<T: TryFrom<i64> + Default>(&self, name: &str, row: usize) -> T {
        self.int(name, row)
            .and_then(|count| T::try_from(count).ok())
            .unwrap_or_default()
    }

    /// A truth value; false for null.
    pub fn truth(&self, name: &str, row: usize) -> bool {
        match self.array(name, row) {
            Some(array) if *array.data_type() == DataType::Boolean => array.as_boolean().value(row),
            _ => false,
        }
    }

    fn array(&self, name: &str, row: usize) -> Option<&'a ArrayRef> {
        let array = self.0.column_by_name(name)?;
        array.is_valid(row).then_some(array)
    }
}
