//! Rows that are in the log but not yet in blocks.
//!
//! A [`Generation`] takes rows until it is frozen to be written as blocks; then the next one takes over.
//! Everything in it is shared and never changed in place, so a snapshot is a handful of reference counts.

mod derived;
mod facts;

pub(crate) use derived::Derived;
pub(crate) use facts::Facts;

use crate::{
    Error, Table,
    shared::{of_type, shared_text},
};
use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array},
    compute::{cast, concat_batches},
    datatypes::{DataType, FieldRef, Schema, SchemaRef},
};
use std::{collections::BTreeMap, sync::Arc};

/// The id of a unit: the trace id of its rows.
pub(crate) type UnitId = [u8; 16];

/// Rows of all tables.
#[derive(Clone, Default)]
pub(crate) struct Generation {
    pub(crate) facts: BTreeMap<Table, Facts>,
    pub(crate) derived: BTreeMap<Table, Derived>,
}

impl Generation {
    /// Bytes of memory that the rows take, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let facts: usize = self.facts.values().map(Facts::bytes).sum();
        let derived: usize = self.derived.values().map(Derived::bytes).sum();
        facts + derived
    }

    /// True when nothing has to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.values().all(|facts| facts.rows() == 0)
            && self.derived.values().all(Derived::is_empty)
    }
}

/// Memory of a batch: its buffers and what the arrays themselves take.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> usize {
    const PER_COLUMN: usize = 160;
    batch.get_array_memory_size() + batch.num_columns() * PER_COLUMN
}

/// The batches as one, with every column that any of them has.
pub(crate) fn concat<'a>(
    table: Table,
    batches: impl Iterator<Item = &'a RecordBatch> + Clone,
) -> Result<RecordBatch, Error> {
    let schema = union(table, batches.clone().map(|batch| batch.schema()));
    let aligned: Vec<RecordBatch> = batches
        .map(|batch| align(table, batch, &schema))
        .collect::<Result<_, _>>()?;
    concat_batches(&schema, &aligned).map_err(|source| Error::Rows {
        table: table.name(),
        source,
    })
}

/// The table's columns and then every attribute column, by name. Text that some batch shares is shared.
pub(crate) fn union(table: Table, schemas: impl Iterator<Item = SchemaRef>) -> SchemaRef {
    let base = table.schema();
    let width = base.fields().len();
    let mut own: Vec<FieldRef> = base.fields().iter().cloned().collect();
    let mut extra: BTreeMap<String, FieldRef> = BTreeMap::new();
    let mut last: Option<SchemaRef> = None;
    for schema in schemas {
        if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &schema)) {
            continue;
        }
        for (own, field) in own.iter_mut().zip(schema.fields()) {
            if *field.data_type() == shared_text() && *own.data_type() == DataType::Utf8 {
                *own = of_type(own, shared_text());
            }
        }
        for field in schema.fields().iter().skip(width) {
            if !extra.contains_key(field.name()) {
                extra.insert(field.name().clone(), field.clone());
            }
        }
        last = Some(schema);
    }
    let fields = own.into_iter().chain(extra.into_values());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch with exactly the columns of `schema`: absent ones are null.
pub(crate) fn align(
    table: Table,
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, Error> {
    let failed = |source| Error::Rows {
        table: table.name(),
        source,
    };
    let column = |field: &FieldRef| -> Result<ArrayRef, Error> {
        match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            Some(column) if column.data_type() == field.data_type() => Ok(column.clone()),
            Some(column) => cast(column, field.data_type()).map_err(failed),
        }
    };
    let columns = schema.fields().iter().map(column);
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(failed)
}

#[cfg(test)]
mod tests;
