//! Rows of a `RecordBatch` as serde sees them: a map from column name to cell.

use super::refused;
use crate::{
    Error, Table,
    tables::{HEX, LOGICAL},
};
use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch,
        StringArray,
    },
    compute::cast,
    datatypes::DataType,
};
use serde::{
    de::{
        DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use std::fmt::Write as _;

type Failure = serde::de::value::Error;

/// The rows of a batch.
pub(super) struct Rows {
    table: Table,
    count: usize,
    columns: Vec<(String, Cells)>,
}

/// A column by the few types that columns have.
pub(super) enum Cells {
    Text(StringArray),
    Int(Int64Array),
    Double(Float64Array),
    Truth(BooleanArray),
    Bytes(BinaryArray),
}

impl Cells {
    /// The column, cast if it is text, a number or bytes of another width.
    pub(super) fn new(column: &ArrayRef) -> Result<Self, arrow::error::ArrowError> {
        use arrow::array::AsArray;
        use arrow::datatypes::{Float64Type, Int64Type};
        let target = match column.data_type() {
            DataType::Boolean => DataType::Boolean,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => DataType::Binary,
            other if other.is_integer() => DataType::Int64,
            _ => DataType::Utf8,
        };
        let column = cast(column, &target)?;
        Ok(match target {
            DataType::Boolean => Cells::Truth(column.as_boolean().clone()),
            DataType::Float64 => Cells::Double(column.as_primitive::<Float64Type>().clone()),
            DataType::Binary => Cells::Bytes(column.as_binary::<i32>().clone()),
            DataType::Int64 => Cells::Int(column.as_primitive::<Int64Type>().clone()),
            _ => Cells::Text(column.as_string::<i32>().clone()),
        })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Text(a) => a.is_null(row),
            Cells::Int(a) => a.is_null(row),
            Cells::Double(a) => a.is_null(row),
            Cells::Truth(a) => a.is_null(row),
            Cells::Bytes(a) => a.is_null(row),
        }
    }
}

impl Rows {
    /// The columns that the table has in any case; attribute columns are left out.
    pub(super) fn new(table: Table, batch: &RecordBatch) -> Result<Self, Error> {
        let mut columns = Vec::new();
        for field in table.schema().fields() {
            let Some(column) = batch.column_by_name(field.name()) else {
                if field.is_nullable() {
                    continue;
                }
                return Err(refused(table, format!("no column {}", field.name())));
            };
            debug_assert!(
                field.data_type() != &DataType::Binary
                    || field.metadata().get(LOGICAL).map(String::as_str) == Some(HEX)
            );
            let cells = Cells::new(column).map_err(|source| Error::Rows {
                table: table.name(),
                source,
            })?;
            columns.push((field.name().clone(), cells));
        }
        Ok(Rows {
            table,
            count: batch.num_rows(),
            columns,
        })
    }

    /// Leaves a column out.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.columns.retain(|(column, _)| column != name);
        self
    }

    /// Gives a column the name that the noun has for it.
    pub(super) fn renamed(mut self, from: &str, to: &str) -> Self {
        for (name, _) in &mut self.columns {
            if name == from {
                to.clone_into(name);
            }
        }
        self
    }

    /// The nouns.
    pub(super) fn collect<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        (0..self.count)
            .map(|at| T::deserialize(Row { rows: self, at }))
            .collect::<Result<_, _>>()
            .map_err(|e| refused(self.table, e))
    }
}

#[derive(Clone, Copy)]
struct Row<'a> {
    rows: &'a Rows,
    at: usize,
}

impl<'de> Deserializer<'de> for Row<'_> {
    type Error = Failure;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_map(Members { row: self, next: 0 })
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Members<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some((name, _)) = self.row.rows.columns.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        let name: StrDeserializer<Failure> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (_, cells) = &self.row.rows.columns[self.next - 1];
        seed.deserialize(Cell {
            cells,
            at: self.row.at,
        })
    }
}

struct Cell<'a> {
    cells: &'a Cells,
    at: usize,
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let at = self.at;
        if self.cells.is_null(at) {
            return visitor.visit_unit();
        }
        match self.cells {
            Cells::Text(a) => visitor.visit_str(a.value(at)),
            Cells::Int(a) => visitor.visit_i64(a.value(at)),
            Cells::Double(a) => visitor.visit_f64(a.value(at)),
            Cells::Truth(a) => visitor.visit_bool(a.value(at)),
            Cells::Bytes(a) => visitor.visit_string(hex(a.value(at))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.cells.is_null(self.at) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let word = match self.cells {
            Cells::Text(a) if a.is_valid(self.at) => a.value(self.at),
            _ => "",
        };
        let word: StrDeserializer<Failure> = word.into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
