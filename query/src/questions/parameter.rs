//! Parameters of questions, as they come from a URL, and conditions made of them.

use crate::{Error, view::UTC};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use datafusion::common::ScalarValue;
use datafusion::functions::string::expr_fn as string;
use datafusion::logical_expr::{Expr, col, lit};
use model::{TraceId, UnixNanos};
use store::Table;

/// Rows of a page if nobody says.
const PAGE: usize = 50;
/// Most rows of a page.
const MOST: usize = 1_000;

/// Text that was given and is not empty.
pub(super) fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A point in time: nanoseconds since the epoch, or RFC 3339.
pub(super) fn time(name: &str, text: &Option<String>) -> Result<Option<UnixNanos>, Error> {
    let Some(text) = given(text) else {
        return Ok(None);
    };
    if let Ok(nanos) = text.parse() {
        return Ok(Some(UnixNanos(nanos)));
    }
    let parsed = string_to_timestamp_nanos(text).map_err(|_| {
        Error::Parameter(format!(
            "{name}='{text}' is no time; give nanoseconds since 1970 or 2026-11-22T00:00:00Z"
        ))
    })?;
    Ok(Some(UnixNanos(parsed)))
}

/// A number of nanoseconds.
pub(super) fn nanos(name: &str, text: &Option<String>) -> Result<Option<i64>, Error> {
    given(text)
        .map(|text| {
            text.parse().map_err(|_| {
                Error::Parameter(format!(
                    "{name}='{text}' is no duration; give a whole number of nanoseconds"
                ))
            })
        })
        .transpose()
}

/// How many rows a page has.
pub(super) fn page(limit: Option<usize>) -> usize {
    limit.unwrap_or(PAGE).min(MOST)
}

/// Words separated by commas, as a condition on a column.
pub(super) fn one_of(column: &str, text: &Option<String>) -> Option<Expr> {
    let words: Vec<Expr> = given(text)?
        .split(',')
        .filter(|word| !word.is_empty())
        .map(lit)
        .collect();
    Some(name(column).in_list(words, false))
}

/// Words of a closed set, separated by commas, in any case, as a condition on a column.
pub(super) fn one_of_these(
    column: &str,
    text: &Option<String>,
    known: &[&str],
) -> Result<Option<Expr>, Error> {
    let Some(text) = given(text) else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for word in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let found = known.iter().find(|it| it.eq_ignore_ascii_case(word));
        words.push(lit(*found.ok_or_else(|| {
            let shown: String = word.chars().take(80).collect();
            let known = known.join(", ");
            Error::Parameter(format!("{column}='{shown}' is not known: give {known}"))
        })?));
    }
    Ok((!words.is_empty()).then(|| name(column).in_list(words, false)))
}

/// The column contains the text, in any case. Not ILIKE: that builds a regular expression per batch,
/// and rows in memory come in many small batches.
pub(super) fn contains(column: &str, text: &str) -> Expr {
    string::contains(string::lower(name(column)), lit(text.to_lowercase()))
}

/// One of the columns contains the text.
pub(super) fn any_contains(columns: &[&str], text: &str) -> Option<Expr> {
    columns
        .iter()
        .map(|column| contains(column, text))
        .reduce(Expr::or)
}

/// The column lies in `[from, to)`; times in nanoseconds.
pub(super) fn between(column: &str, from: Option<UnixNanos>, to: Option<UnixNanos>) -> Vec<Expr> {
    let from = from.map(|from| name(column).gt_eq(timestamp(from.0)));
    let to = to.map(|to| name(column).lt(timestamp(to.0)));
    from.into_iter().chain(to).collect()
}

/// A column by its name, whatever letters it has.
pub(super) fn name(column: &str) -> Expr {
    col(datafusion::common::Column::from_name(column))
}

/// A literal time.
pub(super) fn timestamp(nanos: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(
        Some(nanos),
        Some(UTC.into()),
    ))
}

/// Where a page ended, in the order newest first: time and trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub time: i64,
    pub trace_id: TraceId,
}

impl Cursor {
    /// The cursor as text for the browser.
    pub fn write(time: i64, trace_id: &str) -> String {
        format!("{time}.{trace_id}")
    }

    /// The inverse of [`write`](Self::write).
    pub fn read(text: &Option<String>) -> Result<Option<Self>, Error> {
        let Some(text) = given(text) else {
            return Ok(None);
        };
        let parsed = text.split_once('.').and_then(|(time, trace_id)| {
            Some(Cursor {
                time: time.parse().ok()?,
                trace_id: trace_id.parse().ok()?,
            })
        });
        parsed.map(Some).ok_or_else(|| {
            Error::Parameter(format!(
                "cursor='{}' is not one that this server gave; start without it",
                text.chars().take(80).collect::<String>()
            ))
        })
    }

    /// Rows that come after it.
    pub fn after(&self, table: Table) -> Expr {
        let time = table.time().unwrap_or("start_time");
        let older = name(time).lt(timestamp(self.time));
        let same = name(time).eq(timestamp(self.time));
        let next = name("trace_id").lt(lit(self.trace_id.to_string()));
        older.or(same.and(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_nanoseconds_or_text() {
        let check = |text: &str, expect: Option<i64>| {
            let parsed = time("from", &Some(text.to_owned()));
            assert_eq!(parsed.ok().flatten().map(|time| time.0), expect, "{text}");
        };
        check("1700000000000000000", Some(1_700_000_000_000_000_000));
        check("2023-11-14T22:13:20Z", Some(1_700_000_000_000_000_000));
        check("", None);
        check("yesterday", None);
    }

    #[test]
    fn cursors_round_trip() {
        let id = TraceId([7; 16]);
        let text = Some(Cursor::write(5, &id.to_string()));
        let cursor = Cursor::read(&text).expect("a cursor");
        assert_eq!(
            cursor,
            Some(Cursor {
                time: 5,
                trace_id: id
            })
        );
        assert!(Cursor::read(&Some("5".into())).is_err());
        assert!(Cursor::read(&Some("x.y".into())).is_err());
    }

    #[test]
    fn text_is_looked_for_in_any_case_and_taken_literally() {
        let condition = contains("name", "50%_É");
        assert_eq!(
            condition.to_string(),
            r#"contains(lower(name), Utf8("50%_é"))"#
        );
    }
}
