//! Ledger, critical path, costs, changes: their members are the columns.

use super::{read::Rows, write};
use crate::{Error, Table};
use arrow::array::RecordBatch;
use model::{Change, CostItem, LedgerEntry, PathSegment};

/// Rows of `ledger`.
pub fn ledger(rows: &[LedgerEntry]) -> Result<RecordBatch, Error> {
    write(Table::Ledger, Table::Ledger.schema(), rows)
}
/// The inverse of [`ledger`].
pub fn read_ledger(batch: &RecordBatch) -> Result<Vec<LedgerEntry>, Error> {
    Rows::new(Table::Ledger, batch)?.collect()
}

/// Rows of `critical_path`.
pub fn critical_path(rows: &[PathSegment]) -> Result<RecordBatch, Error> {
    write(Table::CriticalPath, Table::CriticalPath.schema(), rows)
}
/// The inverse of [`critical_path`].
pub fn read_critical_path(batch: &RecordBatch) -> Result<Vec<PathSegment>, Error> {
    Rows::new(Table::CriticalPath, batch)?.collect()
}

/// Rows of `costs`.
pub fn costs(rows: &[CostItem]) -> Result<RecordBatch, Error> {
    write(Table::Costs, Table::Costs.schema(), rows)
}
/// The inverse of [`costs`].
pub fn read_costs(batch: &RecordBatch) -> Result<Vec<CostItem>, Error> {
    Rows::new(Table::Costs, batch)?.collect()
}

/// Rows of `changes`.
pub fn changes(rows: &[Change]) -> Result<RecordBatch, Error> {
    write(Table::Changes, Table::Changes.schema(), rows)
}
/// The inverse of [`changes`].
pub fn read_changes(batch: &RecordBatch) -> Result<Vec<Change>, Error> {
    Rows::new(Table::Changes, batch)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{CostConfidence, SpanId, TimeCategory, TraceId, UnixNanos, Waste};

    #[test]
    fn accounts_come_back_as_they_went() {
        let trace_id = TraceId::of_execution("a");
        let entry = LedgerEntry {
            trace_id,
            category: TimeCategory::MapSlot,
            detail: "behind Fan".to_owned(),
            duration_ns: 7,
            ..LedgerEntry::default()
        };
        let piece = PathSegment {
            trace_id,
            start_time: UnixNanos(5),
            category: TimeCategory::ColdStart,
            span_id: SpanId::of_parts(&["s"]),
            behind_slot: true,
            ..PathSegment::default()
        };
        let item = CostItem {
            trace_id,
            attempt: Some(2),
            invocation_span_id: Some(SpanId::of_parts(&["i"])),
            quantity: 0.125,
            picodollars: Some(i64::MAX),
            waste: Waste::FailedAttempt,
            confidence: CostConfidence::Partial,
            ..CostItem::default()
        };
        let change = Change::new(UnixNanos(9), "lambda", "pay", "7 → 8", "told");
        let held = read_ledger(&ledger(std::slice::from_ref(&entry)).unwrap()).unwrap();
        assert_eq!(held, [entry]);
        let held =
            read_critical_path(&critical_path(std::slice::from_ref(&piece)).unwrap()).unwrap();
        assert_eq!(held, [piece]);
        let held = read_costs(&costs(std::slice::from_ref(&item)).unwrap()).unwrap();
        assert_eq!(held, [item]);
        let held = read_changes(&changes(std::slice::from_ref(&change)).unwrap()).unwrap();
        assert_eq!(held, [change]);
    }
}
