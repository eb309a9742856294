//! A table as SQL sees it, in terms of the columns that lie in the blocks.
//!
//! Ids are shown as hex text and times as timestamps, although they lie as binary and as integers.
//! A condition on a shown column becomes a condition on the column that lies, so that statistics
//! and bloom filters can rule out blocks.

use crate::convert;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, cast, lit};
use std::sync::Arc;
use store::{Table, tables};

/// The time zone of every timestamp.
pub(crate) const UTC: &str = "+00:00";

/// How a column that lies is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    AsItLies,
    Hex,
    Timestamp,
}

/// The shown columns of a table and what each is made of.
#[derive(Debug)]
pub(crate) struct View {
    /// The columns that lie, in the types in which a scan reads them.
    pub physical: SchemaRef,
    /// The columns that SQL shows.
    pub logical: SchemaRef,
    columns: Vec<Expr>,
    shown: Vec<Shown>,
}

impl View {
    /// The view of a table whose blocks have the columns of `stored`.
    pub fn new(table: Table, stored: &Schema) -> Self {
        let mut view = View {
            physical: Arc::new(Schema::new(
                stored.fields().iter().map(scanned).collect::<Vec<_>>(),
            )),
            logical: Arc::new(Schema::empty()),
            columns: Vec::new(),
            shown: Vec::new(),
        };
        let mut fields = Vec::new();
        for field in stored.fields() {
            let (shown, expr) = show(field);
            fields.push(Field::new(field.name(), shown_type(field, shown), true));
            view.columns.push(expr);
            view.shown.push(shown);
            if table == Table::Spans && field.name() == "duration_ns" {
                fields.push(Field::new("end_time", timestamp(), true));
                view.columns.push(end_time());
                view.shown.push(Shown::AsItLies);
            }
        }
        view.logical = Arc::new(Schema::new(fields));
        view
    }

    /// What the shown column number `index` is made of.
    pub fn column(&self, index: usize) -> &Expr {
        &self.columns[index]
    }

    /// The same condition on the columns that lie. It holds for exactly the same rows.
    pub fn condition(&self, filter: &Expr) -> Result<Expr> {
        let rewritten = filter.clone().transform_down(|expr| {
            if let Some(direct) = self.direct(&expr) {
                return Ok(Transformed::new(direct, true, TreeNodeRecursion::Jump));
            }
            match &expr {
                Expr::Column(column) => Ok(Transformed::new(
                    self.made_of(column).cloned().unwrap_or(expr),
                    true,
                    TreeNodeRecursion::Jump,
                )),
                _ => Ok(Transformed::no(expr)),
            }
        })?;
        Ok(rewritten.data)
    }

    /// Comparisons of an id or a time with constants, without converting every row.
    fn direct(&self, expr: &Expr) -> Option<Expr> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
                if let (Expr::Column(column), Expr::Literal(value, _)) = (&**left, &**right) {
                    let (physical, value) = self.constant(column, value)?;
                    return Some(compare(physical, *op, value));
                }
                if let (Expr::Literal(value, _), Expr::Column(column)) = (&**left, &**right) {
                    let (physical, value) = self.constant(column, value)?;
                    return Some(compare(physical, op.swap()?, value));
                }
                None
            }
            Expr::InList(InList {
                expr,
                list,
                negated,
            }) => {
                let Expr::Column(column) = &**expr else {
                    return None;
                };
                let values: Option<Vec<Expr>> = list
                    .iter()
                    .map(|item| match item {
                        Expr::Literal(value, _) => Some(self.constant(column, value)?.1),
                        _ => None,
                    })
                    .collect();
                let physical = Expr::Column(Column::from_name(column.name()));
                Some(physical.in_list(values?, *negated))
            }
            Expr::IsNull(inner) => Some(Expr::IsNull(Box::new(self.plain(inner)?))),
            Expr::IsNotNull(inner) => Some(Expr::IsNotNull(Box::new(self.plain(inner)?))),
            _ => None,
        }
    }

    /// The column that lies and the constant as it would lie there; `None` if the column is shown
    /// as it lies or the constant has no such form.
    fn constant(&self, column: &Column, value: &ScalarValue) -> Option<(Expr, Expr)> {
        let value = match self.shown[self.index(column)?] {
            Shown::AsItLies => return None,
            Shown::Hex => ScalarValue::BinaryView(Some(convert::read_hex(value.try_as_str()??)?)),
            Shown::Timestamp => ScalarValue::Int64(Some(nanos(value)?)),
        };
        Some((Expr::Column(Column::from_name(column.name())), lit(value)))
    }

    /// The column that lies, for questions to which its form does not matter.
    fn plain(&self, expr: &Expr) -> Option<Expr> {
        let Expr::Column(column) = expr else {
            return None;
        };
        (self.shown[self.index(column)?] != Shown::AsItLies)
            .then(|| Expr::Column(Column::from_name(column.name())))
    }

    fn made_of(&self, column: &Column) -> Option<&Expr> {
        Some(&self.columns[self.index(column)?])
    }

    fn index(&self, column: &Column) -> Option<usize> {
        self.logical.index_of(column.name()).ok()
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn compare(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn nanos(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(nanos, _) => *nanos,
        _ => None,
    }
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()))
}

/// Text and binary are read as views, which the Parquet reader fills without copying twice.
fn scanned(field: &Arc<Field>) -> Field {
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::BinaryView
        }
        DataType::Dictionary(_, value) if **value == DataType::Utf8 => DataType::Utf8View,
        other => other.clone(),
    };
    Field::new(field.name(), data_type, true)
}

fn show(field: &Arc<Field>) -> (Shown, Expr) {
    let column = Expr::Column(Column::from_name(field.name()));
    match field.metadata().get(tables::LOGICAL).map(String::as_str) {
        Some(tables::HEX) => (Shown::Hex, convert::hex().call(vec![column])),
        Some(tables::TIMESTAMP) => (Shown::Timestamp, cast(column, timestamp())),
        _ => (Shown::AsItLies, column),
    }
}

fn shown_type(field: &Arc<Field>, shown: Shown) -> DataType {
    match shown {
        Shown::AsItLies => scanned(field).data_type().clone(),
        Shown::Hex => DataType::Utf8View,
        Shown::Timestamp => timestamp(),
    }
}

fn end_time() -> Expr {
    let column = |name: &str| Expr::Column(Column::from_name(name));
    cast(column("start_time") + column("duration_ns"), timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::col;

    #[test]
    fn conditions_become_conditions_on_what_lies() {
        let view = View::new(Table::Spans, &Table::Spans.schema());
        let check = |filter: Expr, expect: &str| {
            let condition = view.condition(&filter).expect("a condition");
            assert_eq!(condition.to_string(), expect);
        };
        let at = |nanos| {
            lit(ScalarValue::TimestampNanosecond(
                Some(nanos),
                Some(UTC.into()),
            ))
        };
        check(
            col("trace_id").eq(lit("0aff")),
            "trace_id = BinaryView(\"10,255\")",
        );
        check(
            lit("0aff").lt(col("trace_id")),
            "trace_id > BinaryView(\"10,255\")",
        );
        check(
            col("trace_id").eq(lit("XY")),
            "hex_id(trace_id) = Utf8(\"XY\")",
        );
        check(
            col("spans.start_time").gt_eq(at(7)),
            "start_time >= Int64(7)",
        );
        check(
            col("start_time").is_null().or(col("name").eq(lit("a"))),
            "start_time IS NULL OR name = Utf8(\"a\")",
        );
        check(
            col("span_id").in_list(vec![lit("00"), lit("01")], true),
            "span_id NOT IN ([BinaryView(\"0\"), BinaryView(\"1\")])",
        );
        check(
            col("end_time").gt(at(7)),
            "CAST(start_time + duration_ns AS Timestamp(ns, \"+00:00\")) > TimestampNanosecond(7, Some(\"+00:00\"))",
        );
    }
}
