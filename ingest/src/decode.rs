//! OTLP protobuf → rows, in one pass and without owned structures in between.
//!
//! The same bytes give the same rows whenever they are decoded, so that what is read again from the
//! log is recognised as held already. Which attributes have a column of their own may differ; the
//! store does not count that as a difference.

mod logs;
mod spans;

use crate::{
    promotion::Promotion,
    wire::{Message, WireError},
};
use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema},
    error::ArrowError,
};
use model::text::counted;
use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};
use store::Table;

/// Largest request, bytes; what is larger must be sent in parts.
pub const MAX_REQUEST: usize = 256 << 20;
/// How many bytes the rows of one request may take beyond what was sent for them.
const MAX_OVERHEAD: usize = 128 << 20;
/// How many bytes of resource and scope they may have in common. Memory holds these once, but files and those who read
/// them see them in every row.
const MAX_REPEATED: usize = 1 << 30;
/// What a row takes at least, bytes; and a row of an attribute's column.
const ROW: usize = 128;
const CELL: usize = 5;
/// What is said of a text that was not UTF-8, and of several.
const REPAIRED: (&str, &str) = (
    "text was not UTF-8 and repaired",
    "texts were not UTF-8 and repaired",
);
/// Rows for which room is made in advance, at most.
const MOST_EXPECTED: usize = 4096;

/// Why a request cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is not OTLP protobuf, or cut off.
    #[error("not an OTLP protobuf message: {0}")]
    Wire(#[from] WireError),
    /// It is too large.
    #[error("the request has {size} bytes, more than {MAX_REQUEST}: send it in parts")]
    TooLarge {
        /// Its size, bytes.
        size: usize,
    },
    /// The columns do not fit together: a mistake of the decoder.
    #[error("the rows do not fit the table: {0}")]
    Rows(#[from] ArrowError),
}

/// The rows of a request.
#[derive(Debug)]
pub struct Decoded {
    /// Rows with the columns of the table and those of promoted attributes that occur.
    pub batch: RecordBatch,
    /// How many spans or records were left out.
    pub rejected: u64,
    /// Why, or what was changed; empty if nothing was.
    pub message: String,
}

/// Decodes an `ExportTraceServiceRequest` (or `TracesData`) into rows of `spans`.
pub fn traces(request: &[u8], promotion: &Promotion) -> Result<Decoded, DecodeError> {
    check_size(request)?;
    spans::decode(request, promotion)
}

/// Decodes an `ExportLogsServiceRequest` (or `LogsData`) into rows of `logs`.
pub fn logs(request: &[u8], promotion: &Promotion) -> Result<Decoded, DecodeError> {
    check_size(request)?;
    logs::decode(request, promotion)
}

fn check_size(request: &[u8]) -> Result<(), DecodeError> {
    let size = request.len();
    if size > MAX_REQUEST {
        return Err(DecodeError::TooLarge { size });
    }
    Ok(())
}

/// For how many rows of a request room is made: the elements of the lists in the lists in it.
fn count(request: &[u8]) -> Result<usize, WireError> {
    let mut rows = 0;
    let mut outer = Message::new(request);
    while let Some((number, field)) = outer.next()? {
        if number != 1 {
            continue;
        }
        let mut scopes = field.message()?;
        while let Some((number, field)) = scopes.next()? {
            if number == 2 {
                rows += count_in(field.message()?)?;
            }
        }
    }
    Ok(rows.min(MOST_EXPECTED))
}

/// How many rows a scope has.
fn count_in(mut scope: Message) -> Result<usize, WireError> {
    let mut rows = 0;
    while let Some((number, _)) = scope.next()? {
        rows += usize::from(number == 2);
    }
    Ok(rows)
}

/// A time as OTLP has it, as the tables have it.
fn nanos(unsigned: u64) -> Result<i64, &'static str> {
    i64::try_from(unsigned).map_err(|_| "a time is after the year 2262")
}

/// What was left out or changed, with reasons.
#[derive(Default)]
struct Notes {
    rejected: BTreeMap<&'static str, u64>,
    /// By what is said of one, and of several.
    changed: BTreeMap<(&'static str, &'static str), u64>,
    overhead: usize,
    repeated: usize,
}

/// What a row has of its resource and scope, bytes.
#[derive(Clone, Copy)]
struct Common {
    /// What lies in memory once for all rows.
    shared: usize,
    /// What is written into every row.
    copied: usize,
}

impl Notes {
    /// Accounts for text that rows share.
    fn hold(&mut self, bytes: usize) {
        self.overhead += bytes;
    }

    /// Accounts for one more row, which has cells in `columns` columns of attributes.
    fn admit(&mut self, common: Common, columns: usize) -> Result<(), &'static str> {
        self.overhead += common.copied + ROW + CELL * columns;
        self.repeated += common.shared + common.copied;
        if self.overhead > MAX_OVERHEAD {
            return Err("the request has too many rows: send smaller batches");
        }
        if self.repeated > MAX_REPEATED {
            return Err(
                "the request has too many rows for resources of this size: send smaller batches",
            );
        }
        Ok(())
    }

    fn reject(&mut self, reason: &'static str) {
        *self.rejected.entry(reason).or_default() += 1;
    }

    fn change(&mut self, one: &'static str, many: &'static str, count: u64) {
        if count > 0 {
            *self.changed.entry((one, many)).or_default() += count;
        }
    }

    /// `noun` is what a row is.
    fn decoded(self, batch: RecordBatch, noun: &str) -> Decoded {
        let mut message = String::new();
        for (reason, count) in &self.rejected {
            let counted = counted(*count, noun, &format!("{noun}s"));
            sentence(&mut message, format_args!("{counted} rejected: {reason}"));
        }
        for ((one, many), count) in &self.changed {
            let counted = counted(*count, one, many);
            sentence(&mut message, format_args!("{counted}"));
        }
        Decoded {
            batch,
            rejected: self.rejected.values().sum(),
            message,
        }
    }
}

fn sentence(message: &mut String, text: std::fmt::Arguments) {
    if !message.is_empty() {
        message.push_str("; ");
    }
    write!(message, "{text}").expect("writing to memory cannot fail");
}

/// The columns of `table`, each of the type it has here, followed by those of attributes.
fn batch(
    table: Table,
    mut columns: Vec<ArrayRef>,
    promoted: Vec<(Field, ArrayRef)>,
) -> Result<RecordBatch, ArrowError> {
    let schema = table.schema();
    let typed = |(field, column): (&Arc<Field>, &ArrayRef)| match column.data_type() {
        held if held == field.data_type() => field.clone(),
        held => Arc::new(Field::clone(field).with_data_type(held.clone())),
    };
    let typed = schema.fields().iter().zip(&columns).map(typed);
    let mut fields: Vec<_> = typed.collect();
    for (field, column) in promoted {
        fields.push(Arc::new(field));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[cfg(test)]
pub(crate) mod tests;
