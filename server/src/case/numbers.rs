//! Numbers that spans tell in attributes of their own: amounts, scores, rows.

use analysis::services::is_amount;
use anyhow::Result;
use arrow::{
    array::{Array, AsArray, Float64Array, RecordBatch},
    compute::cast,
    datatypes::{DataType, Schema},
};
use serde_json::Value;
use std::sync::Arc;
use store::tables::ATTRIBUTE_PREFIX;

/// Columns of numbers that are read.
const MOST_COLUMNS: usize = 32;
/// Characters of attributes without a column that are looked at.
const MOST_TEXT: usize = 4_000;

/// The attributes with a column of numbers, and whether it holds truths.
pub(super) fn columns(schema: &Schema) -> Vec<Arc<str>> {
    let fields = schema.fields().iter();
    let named = fields.filter_map(|it| Some((it.name().strip_prefix(ATTRIBUTE_PREFIX)?, it)));
    let told = named.filter(|(name, it)| match it.data_type() {
        DataType::Int64 | DataType::Float64 => is_amount(name),
        DataType::Boolean => analysis::services::is_cold_start(name),
        _ => false,
    });
    let plain = told.filter(|it| !it.0.contains('\''));
    plain.map(|it| it.0.into()).take(MOST_COLUMNS).collect()
}

/// The columns as part of a SELECT.
pub(super) fn selected(columns: &[Arc<str>]) -> String {
    let each = columns.iter().enumerate();
    each.map(|(n, it)| format!(", CAST(attributes['{it}'] AS DOUBLE) AS told_{n}"))
        .collect()
}

/// The numbers of a batch.
pub(super) struct Told(Vec<(Arc<str>, Float64Array)>);

impl Told {
    /// Reads the columns from one on.
    pub fn of(batch: &RecordBatch, from: usize, columns: &[Arc<str>]) -> Result<Self> {
        let all = columns.iter().enumerate().map(|(n, name)| {
            let column = cast(batch.column(from + n), &DataType::Float64)?;
            let column = column
                .as_primitive::<arrow::datatypes::Float64Type>()
                .clone();
            Ok((name.clone(), column))
        });
        all.collect::<Result<Vec<_>>>().map(Told)
    }

    /// What a span tells; `rest` are its attributes without a column.
    pub fn row(&self, row: usize, rest: &str) -> Vec<(Arc<str>, f64)> {
        let told = self.0.iter().filter(|it| it.1.is_valid(row));
        let mut all: Vec<(Arc<str>, f64)> =
            told.map(|it| (it.0.clone(), it.1.value(row))).collect();
        if rest.len() > 2 && rest.len() < MOST_TEXT && rest.bytes().any(|it| it.is_ascii_digit()) {
            all.extend(in_json(rest));
        }
        all
    }
}

/// Numbers of a JSON object, and texts that are nothing but a number.
fn in_json(rest: &str) -> Vec<(Arc<str>, f64)> {
    let Ok(Value::Object(all)) = serde_json::from_str::<Value>(rest) else {
        return Vec::new();
    };
    let amounts = all.iter().filter(|it| is_amount(it.0));
    let told = amounts.filter_map(|(name, value)| Some((name.as_str().into(), value.as_f64()?)));
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_attributes_without_a_column() {
        let found = in_json(r#"{"app.order.amount": 12.5, "server.port": 80, "note": "x 1"}"#);
        assert_eq!(found, vec![("app.order.amount".into(), 12.5)]);
    }
}
