//! Which minutes of which table have other rows than before: what counts by time can count those anew, and
//! nothing else.

use crate::Table;
use arrow::{
    array::{Array, AsArray, Int64Array, RecordBatch},
    datatypes::Int64Type,
};
use std::collections::{BTreeMap, BTreeSet};

/// Minutes remembered; with more, everything has changed.
const MOST_MINUTES: usize = 100_000;
const MINUTE: i64 = 60_000_000_000;

/// What changed since it was last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Minutes since the epoch in which events ended, by table.
    pub minutes: BTreeMap<Table, BTreeSet<i64>>,
    /// True when there were too many to remember.
    pub everything: bool,
    /// Times that something arrived.
    pub arrivals: u64,
}

impl Changed {
    /// True when nothing changed.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.minutes.values().all(BTreeSet::is_empty)
    }

    /// Notes an event that ended at this time, nanoseconds.
    pub(crate) fn note(&mut self, table: Table, end: i64) {
        if self.everything {
            return;
        }
        self.minutes
            .entry(table)
            .or_default()
            .insert(end.div_euclid(MINUTE));
        if self.minutes.values().map(BTreeSet::len).sum::<usize>() > MOST_MINUTES {
            self.minutes.clear();
            self.everything = true;
        }
    }

    /// Notes the ends of all rows.
    pub(crate) fn note_rows(&mut self, table: Table, batch: &RecordBatch) {
        self.arrivals += u64::from(batch.num_rows() > 0);
        let column = |name: &str| -> Option<&Int64Array> {
            batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()
        };
        if let Some(ends) = column("end_time") {
            for end in ends.iter().flatten() {
                self.note(table, end);
            }
        } else if let (Some(starts), Some(lengths)) = (column("start_time"), column("duration_ns"))
        {
            for row in 0..starts.len().min(lengths.len()) {
                let length = if lengths.is_null(row) {
                    0
                } else {
                    lengths.value(row)
                };
                self.note(table, starts.value(row).saturating_add(length));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;
    use model::{Execution, UnixNanos};

    #[test]
    fn ends_are_noted_by_the_minute_within_a_bound() {
        let mut changed = Changed::default();
        let ended = |nanos| Execution {
            end_time: Some(UnixNanos(nanos)),
            ..Execution::default()
        };
        let rows = rows::executions(&[ended(1), ended(MINUTE), Execution::default()]);
        changed.note_rows(Table::Executions, &rows.expect("rows"));
        assert_eq!(changed.minutes[&Table::Executions], [0, 1].into());
        assert_eq!(changed.arrivals, 1);
        for minute in 0..=MOST_MINUTES as i64 {
            changed.note(Table::Spans, minute * MINUTE);
        }
        assert!(changed.everything && changed.minutes.is_empty());
    }
}
