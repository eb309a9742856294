//! Counting events by minute: indicators that look at columns are counted together in one pass over a
//! table, those in SQL by a query each.

use anyhow::{Context, Result};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType},
};
use futures::StreamExt;
use query::{Engine, Options};
use slo::{
    Counts, Measure,
    measure::{Cell, Over},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
    time::Duration,
};
use store::Snapshot;

/// Ranges of one query: beyond it neighbours are put together.
const MOST_RANGES: usize = 32;
/// Longest time in which an indicator in SQL is counted.
const PREDICATE_TIME: Duration = Duration::from_secs(300);
/// Groups of one indicator.
pub const MOST_GROUPS: usize = 200;

/// An indicator, and by what it is grouped.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// What is counted.
    pub measure: Measure,
    /// A column, if there is a count for each of its values.
    pub group_by: Option<String>,
}

/// Counts by group and first second of a minute.
pub type Counted = BTreeMap<Option<String>, BTreeMap<i64, Counts>>;

/// Counts each of the indicators in these ranges of seconds. An indicator that cannot be counted says why.
pub async fn count(
    engine: &Engine,
    snapshot: &Snapshot,
    wanted: &[&Wanted],
    ranges: &[Range<i64>],
) -> Result<Vec<Result<Counted, String>>> {
    let ranges = few(ranges);
    let mut all: Vec<Result<Counted, String>> = wanted.iter().map(|_| Ok(Counted::new())).collect();
    if ranges.is_empty() {
        return Ok(all);
    }
    for over in Over::ALL {
        let mut plain = Vec::new();
        for (index, it) in wanted
            .iter()
            .enumerate()
            .filter(|(_, it)| it.measure.over == over)
        {
            if it.measure.is_plain() && it.group_by.as_deref().is_none_or(is_column) {
                plain.push(index);
                continue;
            }
            all[index] = by_sql(engine, snapshot, it, &ranges)
                .await
                .map_err(|error| format!("{error:#}"));
        }
        if plain.is_empty() {
            continue;
        }
        let measures: Vec<&Wanted> = plain.iter().map(|index| wanted[*index]).collect();
        match together(engine, snapshot, over, &measures, &ranges).await {
            Ok(counted) => {
                for (index, counted) in plain.into_iter().zip(counted) {
                    all[index] = Ok(counted);
                }
            }
            // A column that is not there spoils the pass for all: find out whose it is.
            Err(_) => {
                for index in plain {
                    let one = together(engine, snapshot, over, &[wanted[index]], &ranges).await;
                    all[index] = one
                        .map(|mut it| it.pop().unwrap_or_default())
                        .map_err(|error| format!("{error:#}"));
                }
            }
        }
    }
    Ok(all)
}

/// True for the plain name of a column.
fn is_column(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Ranges in order, those that touch put together, and not too many.
fn few(ranges: &[Range<i64>]) -> Vec<Range<i64>> {
    let mut sorted: Vec<Range<i64>> = ranges
        .iter()
        .filter(|it| it.start < it.end)
        .cloned()
        .collect();
    sorted.sort_by_key(|it| it.start);
    let mut merged: Vec<Range<i64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    while merged.len() > MOST_RANGES {
        let gaps = merged.windows(2).map(|pair| pair[1].start - pair[0].end);
        let Some((at, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else {
            break;
        };
        merged[at].end = merged[at + 1].end;
        merged.remove(at + 1);
    }
    merged
}

/// The time at which a row of a table is an event.
fn within(over: Over, ranges: &[Range<i64>]) -> String {
    let nanos = |second: i64| second.saturating_mul(1_000_000_000);
    let each = ranges.iter().map(|range| {
        let (from, to) = (nanos(range.start), nanos(range.end));
        let early = match over {
            // The end is computed; the beginning lies, and rules out blocks.
            Over::Spans => format!(" AND start_time < to_timestamp_nanos({to})"),
            _ => String::new(),
        };
        format!("(end_time >= to_timestamp_nanos({from}) AND end_time < to_timestamp_nanos({to}){early})")
    });
    format!("({})", each.collect::<Vec<_>>().join(" OR "))
}

async fn by_sql(
    engine: &Engine,
    snapshot: &Snapshot,
    wanted: &Wanted,
    ranges: &[Range<i64>],
) -> Result<Counted> {
    let measure = &wanted.measure;
    let group = wanted.group_by.as_deref().unwrap_or("NULL");
    let question = format!(
        "SELECT date_trunc('minute', end_time) AS minute, CAST({group} AS VARCHAR) AS part, count(*) AS total, \
         count(*) FILTER (WHERE NOT ({})) AS bad FROM {} WHERE {} AND ({}) GROUP BY 1, 2",
        measure.good_sql(),
        measure.over.table(),
        within(measure.over, ranges),
        measure.valid_sql()
    );
    // Somebody's predicate must not hold up the alerts of everybody.
    let options = Options {
        time: Some(PREDICATE_TIME),
        ..Options::default()
    };
    let answer = engine.sql(snapshot, &question, &options).await?;
    let mut counted = Counted::new();
    for batch in answer.collect().await? {
        let minutes = times(batch.column(0))?;
        let (parts, total, bad) = (
            text(batch.column(1))?,
            ints(batch.column(2))?,
            ints(batch.column(3))?,
        );
        for row in 0..batch.num_rows() {
            let part = (wanted.group_by.is_some()).then(|| {
                let parts = parts.as_string::<i32>();
                if parts.is_null(row) {
                    String::new()
                } else {
                    parts.value(row).to_owned()
                }
            });
            if counted.len() >= MOST_GROUPS && !counted.contains_key(&part) {
                continue;
            }
            let value =
                |column: &ArrayRef| column.as_primitive::<Int64Type>().value(row).unsigned_abs();
            let second = minutes
                .as_primitive::<Int64Type>()
                .value(row)
                .div_euclid(1_000_000_000);
            let held = counted.entry(part).or_default().entry(second).or_default();
            *held = held.plus(Counts {
                total: value(&total),
                bad: value(&bad),
            });
        }
    }
    Ok(counted)
}

/// One pass over a table for many indicators.
async fn together(
    engine: &Engine,
    snapshot: &Snapshot,
    over: Over,
    wanted: &[&Wanted],
    ranges: &[Range<i64>],
) -> Result<Vec<Counted>> {
    let question = question(over, wanted, &within(over, ranges), "end_time");
    let mut counted = vec![Counted::new(); wanted.len()];
    let index = Index::new(over, wanted);
    let mut answer = engine.sql(snapshot, &question, &Options::default()).await?;
    while let Some(batch) = answer.next().await {
        let columns = Columns::new(&batch?)?;
        for row in 0..columns.rows {
            let Some(second) = columns.second(row) else {
                continue;
            };
            let minute = second.div_euclid(60) * 60;
            for measure in index.of(&columns, row) {
                let it = wanted[measure];
                let Some(good) = it.measure.judge(|column| columns.cell(column, row)) else {
                    continue;
                };
                let part = it.group_by.as_deref().map(|by| columns.words(by, row));
                let of = &mut counted[measure];
                if of.len() >= MOST_GROUPS && !of.contains_key(&part) {
                    continue;
                }
                let held = of.entry(part).or_default().entry(minute).or_default();
                held.total += 1;
                held.bad += u64::from(!good);
            }
        }
    }
    Ok(counted)
}

/// Executions that run longer than an objective allows: bad at the moment at which they ran out of time,
/// until they end and count at their end.
pub async fn overdue(
    engine: &Engine,
    snapshot: &Snapshot,
    wanted: &[&Wanted],
    now: i64,
) -> Result<Vec<Counted>> {
    let mut counted = vec![Counted::new(); wanted.len()];
    let limits = wanted.iter().filter_map(|it| it.measure.overdue_ns);
    let Some(least) = limits.min() else {
        return Ok(counted);
    };
    const OLDEST: i64 = 400 * 86_400;
    let before = now.saturating_mul(1_000_000_000).saturating_sub(least);
    let after = (now - OLDEST).saturating_mul(1_000_000_000);
    let running = format!(
        "end_time IS NULL AND status = 'RUNNING' AND start_time < to_timestamp_nanos({before}) \
         AND start_time > to_timestamp_nanos({after})"
    );
    let question = question(Over::Executions, wanted, &running, "start_time");
    let mut answer = engine.sql(snapshot, &question, &Options::default()).await?;
    while let Some(batch) = answer.next().await {
        let columns = Columns::new(&batch?)?;
        for row in 0..columns.rows {
            let Some(start) = columns.nanos(row) else {
                continue;
            };
            for (index, it) in wanted.iter().enumerate() {
                let Some(limit) = it.measure.overdue_ns else {
                    continue;
                };
                let second = start.saturating_add(limit).div_euclid(1_000_000_000);
                let mut valid = it
                    .measure
                    .valid
                    .iter()
                    .filter(|condition| condition.column != "status");
                if second >= now || !valid.all(|it| it.holds(columns.cell(&it.column, row))) {
                    continue;
                }
                let part = it.group_by.as_deref().map(|by| columns.words(by, row));
                let minute = second.div_euclid(60) * 60;
                let held = counted[index]
                    .entry(part)
                    .or_default()
                    .entry(minute)
                    .or_default();
                *held = held.plus(Counts { total: 1, bad: 1 });
            }
        }
    }
    Ok(counted)
}

fn question(over: Over, wanted: &[&Wanted], condition: &str, time: &str) -> String {
    let mut columns: BTreeSet<&str> = BTreeSet::new();
    for it in wanted {
        columns.extend(it.measure.columns());
        columns.extend(it.group_by.as_deref());
    }
    columns.remove(time);
    let columns: String = columns.iter().map(|column| format!(", {column}")).collect();
    format!(
        "SELECT {time}{columns} FROM {} WHERE {condition}",
        over.table()
    )
}

/// First and last second at which events of a table ended.
pub async fn extent(
    engine: &Engine,
    snapshot: &Snapshot,
    over: Over,
) -> Result<Option<(i64, i64)>> {
    let question = format!("SELECT min(end_time), max(end_time) FROM {}", over.table());
    let answer = engine.sql(snapshot, &question, &Options::default()).await?;
    for batch in answer.collect().await? {
        let (first, last) = (times(batch.column(0))?, times(batch.column(1))?);
        if batch.num_rows() == 1 && first.is_valid(0) {
            let second = |column: &ArrayRef| {
                column
                    .as_primitive::<Int64Type>()
                    .value(0)
                    .div_euclid(1_000_000_000)
            };
            return Ok(Some((second(&first), second(&last))));
        }
    }
    Ok(None)
}

/// Which indicators can concern a row: most name one workflow, function or service.
struct Index {
    column: &'static str,
    by_value: HashMap<String, Vec<usize>>,
    others: Vec<usize>,
}

impl Index {
    fn new(over: Over, wanted: &[&Wanted]) -> Self {
        let column = match over {
            Over::Executions | Over::States | Over::Attempts => "state_machine",
            Over::Invocations => "function_name",
            Over::Spans => "service_name",
        };
        let mut index = Index {
            column,
            by_value: HashMap::new(),
            others: Vec::new(),
        };
        for (number, it) in wanted.iter().enumerate() {
            let values = it
                .measure
                .valid
                .iter()
                .find_map(|condition| match &condition.op {
                    slo::measure::Op::In(values) if condition.column == column => Some(values),
                    _ => None,
                });
            match values {
                Some(values) => {
                    for value in values {
                        index
                            .by_value
                            .entry(value.clone())
                            .or_default()
                            .push(number);
                    }
                }
                None => index.others.push(number),
            }
        }
        index
    }

    fn of<'a>(&'a self, columns: &'a Columns, row: usize) -> impl Iterator<Item = usize> + 'a {
        let named = match columns.cell(self.column, row) {
            Cell::Text(value) => self.by_value.get(value).map(Vec::as_slice),
            _ => None,
        };
        named.unwrap_or(&[]).iter().chain(&self.others).copied()
    }
}

/// The columns of a batch, ready to be read by name.
struct Columns {
    rows: usize,
    time: ArrayRef,
    named: Vec<(String, Column)>,
}

enum Column {
    Text(arrow::array::StringViewArray),
    Int(arrow::array::Int64Array),
    Float(arrow::array::Float64Array),
    Bool(arrow::array::BooleanArray),
}

impl Columns {
    fn new(batch: &RecordBatch) -> Result<Self> {
        let mut named = Vec::new();
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()).skip(1) {
            let column = match array.data_type() {
                DataType::Boolean => Column::Bool(array.as_boolean().clone()),
                DataType::Int64 => Column::Int(array.as_primitive::<Int64Type>().clone()),
                DataType::Float64 => Column::Float(array.as_primitive::<Float64Type>().clone()),
                DataType::Timestamp(_, _) => {
                    Column::Int(times(array)?.as_primitive::<Int64Type>().clone())
                }
                DataType::Int32 | DataType::UInt32 | DataType::UInt64 | DataType::Int16 => {
                    Column::Int(
                        cast(array, &DataType::Int64)?
                            .as_primitive::<Int64Type>()
                            .clone(),
                    )
                }
                _ => Column::Text(cast(array, &DataType::Utf8View)?.as_string_view().clone()),
            };
            named.push((field.name().clone(), column));
        }
        Ok(Columns {
            rows: batch.num_rows(),
            time: times(batch.column(0))?,
            named,
        })
    }

    fn nanos(&self, row: usize) -> Option<i64> {
        let time = self.time.as_primitive::<Int64Type>();
        time.is_valid(row).then(|| time.value(row))
    }

    fn second(&self, row: usize) -> Option<i64> {
        self.nanos(row).map(|nanos| nanos.div_euclid(1_000_000_000))
    }

    fn cell(&self, name: &str, row: usize) -> Cell<'_> {
        let found = self.named.iter().find(|(held, _)| held == name);
        match found.map(|(_, column)| column) {
            Some(Column::Text(array)) if array.is_valid(row) => Cell::Text(array.value(row)),
            Some(Column::Int(array)) if array.is_valid(row) => Cell::Int(array.value(row)),
            Some(Column::Float(array)) if array.is_valid(row) => Cell::Float(array.value(row)),
            Some(Column::Bool(array)) if array.is_valid(row) => Cell::Bool(array.value(row)),
            _ => Cell::Null,
        }
    }

    fn words(&self, name: &str, row: usize) -> String {
        match self.cell(name, row) {
            Cell::Null => String::new(),
            Cell::Text(text) => text.to_owned(),
            Cell::Int(number) => number.to_string(),
            Cell::Float(number) => number.to_string(),
            Cell::Bool(truth) => truth.to_string(),
        }
    }
}

/// Times as integers of nanoseconds.
fn times(array: &ArrayRef) -> Result<ArrayRef> {
    let array = match array.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Int64 => array.clone(),
        DataType::Null => cast(array, &DataType::Int64)?,
        _ => cast(array, &DataType::Timestamp(TimeUnit::Nanosecond, None))?,
    };
    if let Some(typed) = array.as_primitive_opt::<TimestampNanosecondType>() {
        return Ok(Arc::new(typed.reinterpret_cast::<Int64Type>()));
    }
    Ok(array)
}

fn ints(array: &ArrayRef) -> Result<ArrayRef> {
    cast(array, &DataType::Int64).context("a count that is no number")
}

fn text(array: &ArrayRef) -> Result<ArrayRef> {
    cast(array, &DataType::Utf8).context("a group that is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_put_together_where_they_touch_or_are_too_many() {
        assert_eq!(few(&[60..120, 0..60, 300..360]), [0..120, 300..360]);
        let many: Vec<Range<i64>> = (0..100).map(|it| it * 600..it * 600 + 60).collect();
        let few = few(&many);
        assert_eq!(few.len(), MOST_RANGES);
        assert!(many.iter().all(|it| {
            few.iter()
                .any(|range| range.start <= it.start && it.end <= range.end)
        }));
    }
}
