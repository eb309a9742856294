//! What makes a row of an appended table the same row: (trace, span, kind) of a span, the id of a log
//! record.

use crate::{Error, Table, memory::UnitId};
use arrow::{
    array::{Array, AsArray, BinaryArray, RecordBatch},
    datatypes::Int64Type,
};
use std::collections::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_128;

/// A row's identity, hashed to 128 bits where it is longer. Two rows that differ are taken for one
/// with a probability of 2⁻⁸⁸ among a trillion.
pub(crate) type Identity = u128;

/// The identities of all rows.
pub(crate) fn of(table: Table, batch: &RecordBatch) -> Result<Vec<Identity>, Error> {
    match table {
        Table::Spans => spans(batch),
        Table::Logs => {
            let ids = binary(table, batch, "log_id")?;
            check_lengths(table, "log_id", ids, 16)?;
            Ok(ids
                .iter()
                .map(|id| xxh3_128(id.unwrap_or_default()))
                .collect())
        }
        _ => Err(Error::Refused {
            table: table.name(),
            why: "rows of this table are replaced by unit, not appended".to_owned(),
        }),
    }
}

/// The keys ([`Table::key`]) of all rows, each once.
pub(crate) fn keys(table: Table, batch: &RecordBatch) -> Result<HashSet<UnitId>, Error> {
    let keys = binary(table, batch, table.key())?;
    Ok(keys.iter().filter_map(|key| key?.try_into().ok()).collect())
}

/// The earliest and the latest time of the rows; `None` for a table without times.
pub(crate) fn times(table: Table, batch: &RecordBatch) -> Option<(i64, i64)> {
    let column = batch.column_by_name(table.time()?)?;
    let times = column.as_primitive_opt::<Int64Type>()?.values();
    Some((*times.iter().min()?, *times.iter().max()?))
}

/// Refuses rows that are not of the unit as which they come.
pub(crate) fn check_unit(table: Table, batch: &RecordBatch, unit: &UnitId) -> Result<(), Error> {
    if table == Table::Logs {
        return Err(Error::Refused {
            table: table.name(),
            why: "log records are appended, not replaced by unit".to_owned(),
        });
    }
    if batch.num_rows() == 0 {
        return Ok(());
    }
    let traces = binary(table, batch, "trace_id")?;
    if traces.iter().all(|id| id == Some(unit)) {
        return Ok(());
    }
    Err(Error::Refused {
        table: table.name(),
        why: "a row has another trace_id than its unit".to_owned(),
    })
}

/// Where the rows of each of these units lie in a batch that holds them side by side; (0, 0) for a unit
/// without rows.
///
/// # Errors
/// When a row is of none of them, or the rows of one do not lie together.
pub(crate) fn places(
    table: Table,
    batch: &RecordBatch,
    units: &[UnitId],
) -> Result<HashMap<UnitId, (usize, usize)>, Error> {
    let refuse = |why: &str| Error::Refused {
        table: table.name(),
        why: why.to_owned(),
    };
    if table == Table::Logs {
        return Err(refuse("log records are appended, not replaced by unit"));
    }
    let mut places: HashMap<UnitId, (usize, usize)> =
        units.iter().map(|id| (*id, (0, 0))).collect();
    let traces = binary(table, batch, "trace_id")?;
    let mut before: Option<UnitId> = None;
    for row in 0..batch.num_rows() {
        let unit: Option<UnitId> = traces.value(row).try_into().ok();
        let unit = unit.filter(|_| traces.is_valid(row));
        let place = unit.as_ref().and_then(|unit| places.get_mut(unit));
        let place = place.ok_or_else(|| refuse("a row has the trace_id of no unit"))?;
        if before != unit {
            if place.1 > 0 {
                return Err(refuse("the rows of a unit do not lie together"));
            }
            *place = (row, 0);
            before = unit;
        }
        place.1 += 1;
    }
    Ok(places)
}

fn check_lengths(
    table: Table,
    name: &str,
    column: &BinaryArray,
    length: usize,
) -> Result<(), Error> {
    if column
        .iter()
        .all(|id| id.is_some_and(|id| id.len() == length))
    {
        return Ok(());
    }
    Err(Error::Refused {
        table: table.name(),
        why: format!("{name} is not of {length} bytes everywhere"),
    })
}

/// The columns from which [`of`] is computed.
pub(crate) fn columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Spans => &["trace_id", "span_id", "kind"],
        Table::Logs => &["log_id"],
        _ => &[],
    }
}

fn spans(batch: &RecordBatch) -> Result<Vec<Identity>, Error> {
    let traces = binary(Table::Spans, batch, "trace_id")?;
    let spans = binary(Table::Spans, batch, "span_id")?;
    let kinds = batch
        .column_by_name("kind")
        .and_then(|column| column.as_string_opt::<i32>())
        .ok_or_else(|| missing(Table::Spans, "kind"))?;
    check_lengths(Table::Spans, "trace_id", traces, 16)?;
    check_lengths(Table::Spans, "span_id", spans, 8)?;
    let mut buffer = Vec::with_capacity(48);
    let identity = |row: usize| {
        buffer.clear();
        buffer.extend_from_slice(traces.value(row));
        buffer.extend_from_slice(spans.value(row));
        buffer.extend_from_slice(kinds.value(row).as_bytes());
        xxh3_128(&buffer)
    };
    Ok((0..batch.num_rows()).map(identity).collect())
}

/// A binary column.
pub(crate) fn binary<'a>(
    table: Table,
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a BinaryArray, Error> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_binary_opt::<i32>())
        .ok_or_else(|| missing(table, name))
}

fn missing(table: Table, name: &str) -> Error {
    Error::Refused {
        table: table.name(),
        why: format!("column {name} is missing or of another type"),
    }
}
