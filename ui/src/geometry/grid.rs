//! SQL results: order of rows, text of cells, and what a chart makes of two columns.

use serde_json::Value;
use std::cmp::Ordering;

/// Text of a cell.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A cell as a number, if it is one (64-bit integers come as text).
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|n: &f64| n.is_finite()),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        _ => None,
    }
}

/// Row numbers in the order of a column; nulls last in both directions, ties as they were.
pub fn order(rows: &[Vec<Value>], column: usize, descending: bool) -> Vec<u32> {
    let mut out: Vec<u32> = (0..rows.len() as u32).collect();
    let at = |row: &u32| rows[*row as usize].get(column).unwrap_or(&Value::Null);
    out.sort_by(|a, b| {
        let (a, b) = (at(a), at(b));
        let ordering = match (a.is_null(), b.is_null()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            _ => compare(a, b),
        };
        if descending {
            ordering.reverse()
        } else {
            ordering
        }
    });
    out
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => cell(a).cmp(&cell(b)),
    }
}

/// A chart's data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Text under each point.
    pub labels: Vec<String>,
    /// Heights.
    pub values: Vec<f64>,
}

/// Points that a chart can show side by side.
pub const MOST_POINTS: usize = 400;

/// Column `x` against column `y`; rows without a number in `y` are left out.
pub fn series(rows: &[Vec<Value>], order: &[u32], x: usize, y: usize) -> Series {
    let mut out = Series::default();
    for row in order.iter().filter_map(|at| rows.get(*at as usize)) {
        if let (Some(label), Some(value)) = (row.get(x), row.get(y).and_then(number)) {
            out.labels.push(cell(label));
            out.values.push(value);
            if out.values.len() == MOST_POINTS {
                break;
            }
        }
    }
    out
}

/// The first column that looks like labels and the first that holds numbers.
pub fn guess(rows: &[Vec<Value>], columns: usize) -> Option<(usize, usize)> {
    let numeric = |column: &usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(*column));
        let first = cells.by_ref().find(|value| !value.is_null());
        first.is_some_and(|value| value.is_number() || number(value).is_some())
    };
    let y = (0..columns).rev().find(numeric)?;
    let x = (0..columns).find(|column| *column != y).unwrap_or(y);
    Some((x, y))
}

/// A round number of at least `peak`, for the top of the axis.
pub fn round_up(peak: f64) -> f64 {
    if peak <= 0.0 || !peak.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(peak.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let fits = steps.iter().map(|step| step * power);
    fits.into_iter()
        .find(|top| *top >= peak)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows() -> Vec<Vec<Value>> {
        let rows = json!([["b", 10], ["a", "9"], ["c", null], ["a", 2.5]]);
        serde_json::from_value(rows).unwrap()
    }

    #[test]
    fn numbers_sort_as_numbers_and_nulls_last() {
        assert_eq!(order(&rows(), 1, false), [3, 1, 0, 2]);
        assert_eq!(order(&rows(), 1, true), [0, 1, 3, 2]);
        assert_eq!(order(&rows(), 0, false), [1, 3, 0, 2]);
        assert_eq!(order(&rows(), 7, false), [0, 1, 2, 3]);
    }

    #[test]
    fn charts_take_what_is_numeric() {
        assert_eq!(guess(&rows(), 2), Some((0, 1)));
        assert_eq!(guess(&[], 2), None);
        let series = series(&rows(), &[0, 1, 2, 3], 0, 1);
        assert_eq!(series.labels, ["b", "a", "a"]);
        assert_eq!(series.values, [10.0, 9.0, 2.5]);
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |peak: f64, expect: f64| assert_eq!(round_up(peak), expect);
        check(0.0, 1.0);
        check(7.0, 8.0);
        check(100.0, 100.0);
        check(1_234.0, 1_500.0);
        check(f64::NAN, 1.0);
    }
}
