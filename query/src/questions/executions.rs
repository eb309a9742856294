//! The executions page: rows newest first, a histogram over time, and what one can filter by.

use super::culprits;
use super::parameter::{self, Cursor, any_contains, given, name, one_of, one_of_these};
use crate::{Engine, Error, cells::Cells};
use arrow::array::RecordBatch;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::DataFrame;
use model::api::{ExecutionPage, ExecutionRow, Facets, Histogram};
use model::{Execution, ExecutionStatus, TraceId};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{Snapshot, Table, rows};

/// Values of a facet that are listed.
const FACET_VALUES: usize = 50;
/// Buckets of a histogram if nobody says, and the most.
const BUCKETS: usize = 60;
const MOST_BUCKETS: usize = 1_000;

/// The query string of the executions page. Everything is optional; an empty text is as if it were
/// not there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ExecutionFilter {
    /// Names of state machines, separated by commas.
    pub state_machine: Option<String>,
    /// Statuses, separated by commas.
    pub status: Option<String>,
    /// Started then or later: nanoseconds since the epoch or RFC 3339.
    pub from: Option<String>,
    /// Started before.
    pub to: Option<String>,
    /// Part of an error's name or cause, in any case.
    pub error: Option<String>,
    /// Name of the culprit of its verdict; the name of a state finds its items, too.
    pub culprit: Option<String>,
    /// Took that many nanoseconds or more.
    pub min_duration: Option<String>,
    /// Took that many nanoseconds or less.
    pub max_duration: Option<String>,
    /// Part of the name, the ARN, an error, the input or the output, in any case.
    pub q: Option<String>,
    /// End of the page before.
    pub cursor: Option<String>,
    /// Rows of a page.
    pub limit: Option<usize>,
    /// Buckets of the histogram.
    pub buckets: Option<usize>,
}

/// The columns in which `q` looks.
const SEARCHED: &[&str] = &[
    "name",
    "execution_arn",
    "error",
    "cause",
    "root_error",
    "root_cause",
    "root_state",
    "input",
    "output",
];

impl ExecutionFilter {
    fn conditions(&self) -> Result<Vec<Expr>, Error> {
        let from = parameter::time("from", &self.from)?;
        let to = parameter::time("to", &self.to)?;
        let mut all = parameter::between("start_time", from, to);
        all.extend(one_of("state_machine", &self.state_machine));
        let statuses = ExecutionStatus::ALL.map(ExecutionStatus::as_str);
        all.extend(one_of_these("status", &self.status, &statuses)?);
        if let Some(least) = parameter::nanos("min_duration", &self.min_duration)? {
            all.push(name("duration_ns").gt_eq(lit(least)));
        }
        if let Some(most) = parameter::nanos("max_duration", &self.max_duration)? {
            all.push(name("duration_ns").lt_eq(lit(most)));
        }
        if let Some(text) = given(&self.error) {
            let columns = ["error", "root_error", "cause", "root_cause"];
            all.extend(any_contains(&columns, text));
        }
        if let Some(text) = given(&self.q) {
            all.extend(any_contains(SEARCHED, text));
        }
        Ok(all)
    }
}

impl Engine {
    /// A page of executions, newest first.
    pub async fn executions(
        &self,
        snapshot: &Snapshot,
        filter: &ExecutionFilter,
    ) -> Result<ExecutionPage, Error> {
        let limit = parameter::page(filter.limit);
        let cursor = Cursor::read(&filter.cursor)?;
        let matching = self.matching_executions(snapshot, filter).await?;
        let total = self.count(matching.clone()).await?;
        let page = match cursor {
            Some(cursor) => matching.filter(cursor.after(Table::Executions))?,
            None => matching,
        };
        let page = page
            .select(ROW_COLUMNS.iter().map(|column| name(column)))?
            .sort(vec![
                name("start_time").sort(false, false),
                name("trace_id").sort(false, false),
            ])?
            .limit(0, Some(limit + 1))?;
        let mut rows: Vec<(i64, ExecutionRow)> = Vec::new();
        for batch in self.collect(page).await? {
            rows.extend(read_rows(&batch));
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|(time, row)| Cursor::write(*time, &row.trace_id));
        let mut rows: Vec<ExecutionRow> = rows.into_iter().map(|(_, row)| row).collect();
        self.add_verdicts(snapshot, &mut rows).await?;
        Ok(ExecutionPage {
            hint: None,
            rows,
            next_cursor,
            total,
        })
    }

    /// The rows of these executions, as the page shows them, newest first, so many at most.
    pub async fn execution_rows(
        &self,
        snapshot: &Snapshot,
        trace_ids: &[TraceId],
        most: usize,
    ) -> Result<Vec<ExecutionRow>, Error> {
        let mut executions = Vec::new();
        for batch in snapshot.find(Table::Executions, trace_ids).await? {
            executions.extend(rows::read_executions(&batch)?);
        }
        executions.sort_by_key(|execution| std::cmp::Reverse(execution.start_time));
        executions.truncate(most);
        let mut rows: Vec<ExecutionRow> = executions.iter().map(row).collect();
        self.add_verdicts(snapshot, &mut rows).await?;
        Ok(rows)
    }

    /// How many executions started when, by status.
    pub async fn histogram(
        &self,
        snapshot: &Snapshot,
        filter: &ExecutionFilter,
    ) -> Result<Histogram, Error> {
        let frame = self
            .matching_executions(snapshot, filter)
            .await?
            .select(vec![name("start_time"), name("status")])?;
        let mut starts: Vec<(i64, String)> = Vec::new();
        for batch in self.collect(frame).await? {
            let cells = Cells(&batch);
            for row in 0..batch.num_rows() {
                if let Some(start) = cells.int("start_time", row) {
                    starts.push((start, cells.string("status", row)));
                }
            }
        }
        let from = parameter::time("from", &filter.from)?.map(|time| time.0);
        let to = parameter::time("to", &filter.to)?.map(|time| time.0);
        let buckets = filter.buckets.unwrap_or(BUCKETS).clamp(1, MOST_BUCKETS);
        Ok(counted(&starts, from, to, buckets))
    }

    /// The values one can filter by. Each list disregards its own filter, so that one can change
    /// one's mind.
    pub async fn facets(
        &self,
        snapshot: &Snapshot,
        filter: &ExecutionFilter,
    ) -> Result<Facets, Error> {
        let mut any = filter.clone();
        any.state_machine = None;
        let state_machines = self.facet(snapshot, &any, "state_machine").await?;
        let mut any = filter.clone();
        any.status = None;
        let statuses = self.facet(snapshot, &any, "status").await?;
        let mut any = filter.clone();
        any.error = None;
        let errors = self.facet(snapshot, &any, "root_error").await?;
        let mut any = filter.clone();
        any.culprit = None;
        let tables = self.tables(snapshot, &[Table::Executions, Table::Verdicts])?;
        let executions = matching(
            tables.table(Table::Executions.name()).await?,
            any.conditions()?,
        )?;
        let verdicts = tables.table(Table::Verdicts.name()).await?;
        let culprits = self.culprits(executions, verdicts).await?;
        Ok(Facets {
            state_machines,
            statuses,
            errors,
            culprits,
        })
    }

    async fn facet(
        &self,
        snapshot: &Snapshot,
        filter: &ExecutionFilter,
        column: &str,
    ) -> Result<Vec<(String, u64)>, Error> {
        let frame = self
            .matching_executions(snapshot, filter)
            .await?
            .filter(name(column).is_not_null())?
            .aggregate(vec![name(column)], vec![count(lit(1)).alias("n")])?
            .sort(vec![
                name("n").sort(false, false),
                name(column).sort(true, false),
            ])?
            .limit(0, Some(FACET_VALUES))?;
        let mut values = Vec::new();
        for batch in self.collect(frame).await? {
            let cells = Cells(&batch);
            values.extend(
                (0..batch.num_rows()).map(|row| (cells.string(column, row), cells.count("n", row))),
            );
        }
        Ok(values)
    }

    async fn matching_executions(
        &self,
        snapshot: &Snapshot,
        filter: &ExecutionFilter,
    ) -> Result<DataFrame, Error> {
        let Some(culprit) = given(&filter.culprit) else {
            let frame = self.table(snapshot, Table::Executions).await?;
            return matching(frame, filter.conditions()?);
        };
        let tables = self.tables(snapshot, &[Table::Executions, Table::Verdicts])?;
        let executions = tables.table(Table::Executions.name()).await?;
        let verdicts = tables.table(Table::Verdicts.name()).await?;
        culprits::only(
            matching(executions, filter.conditions()?)?,
            verdicts,
            culprit,
        )
    }

    /// How many rows a frame has.
    pub(super) async fn count(&self, frame: DataFrame) -> Result<u64, Error> {
        let frame = frame.aggregate(vec![], vec![count(lit(1)).alias("n")])?;
        let batches = self.collect(frame).await?;
        Ok(batches
            .first()
            .map_or(0, |batch| Cells(batch).count("n", 0)))
    }
}

/// The rows for which all conditions hold.
pub(super) fn matching(frame: DataFrame, conditions: Vec<Expr>) -> Result<DataFrame, Error> {
    Ok(match conditions.into_iter().reduce(Expr::and) {
        Some(all) => frame.filter(all)?,
        None => frame,
    })
}

/// The columns of a row of the page.
const ROW_COLUMNS: &[&str] = &[
    "execution_arn",
    "trace_id",
    "engine",
    "state_machine",
    "name",
    "status",
    "start_time",
    "duration_ns",
    "error",
    "root_state",
    "root_error",
    "states_entered",
    "retries",
    "caught_failures",
    "cold_starts",
    "complete",
];

fn read_rows(batch: &RecordBatch) -> Vec<(i64, ExecutionRow)> {
    let cells = Cells(batch);
    (0..batch.num_rows())
        .map(|at| {
            let start = cells.int("start_time", at).unwrap_or_default();
            let row = ExecutionRow {
                execution_arn: cells.string("execution_arn", at),
                trace_id: cells.string("trace_id", at),
                engine: cells.string("engine", at),
                state_machine: cells.string("state_machine", at),
                name: cells.string("name", at),
                status: cells.string("status", at),
                start_time: start.to_string(),
                duration_ns: cells.int("duration_ns", at),
                error: cells.maybe("error", at),
                root_state: cells.maybe("root_state", at),
                root_error: cells.maybe("root_error", at),
                states_entered: cells.count("states_entered", at),
                retries: cells.count("retries", at),
                caught_failures: cells.count("caught_failures", at),
                cold_starts: cells.count("cold_starts", at),
                complete: cells.truth("complete", at),
                verdict: None,
            };
            (start, row)
        })
        .collect()
}

/// An execution as a row of the page.
pub fn row(execution: &Execution) -> ExecutionRow {
    let e = execution.clone();
    ExecutionRow {
        execution_arn: e.execution_arn,
        trace_id: e.trace_id.to_string(),
        engine: e.engine,
        state_machine: e.state_machine,
        name: e.name,
        status: e.status.as_str().to_owned(),
        start_time: e.start_time.0.to_string(),
        duration_ns: e.duration_ns,
        error: e.error,
        root_state: e.root_state,
        root_error: e.root_error,
        states_entered: e.states_entered,
        retries: e.retries,
        caught_failures: e.caught_failures,
        cold_starts: e.cold_starts,
        complete: e.complete,
        verdict: None,
    }
}

/// Counts of starts per bucket and status over the asked range, or the range there is.
fn counted(
    starts: &[(i64, String)],
    from: Option<i64>,
    to: Option<i64>,
    buckets: usize,
) -> Histogram {
    let times = || starts.iter().map(|(start, _)| *start);
    let Some(low) = from.or_else(|| times().min()) else {
        return Histogram::default();
    };
    let high = to.or_else(|| times().max().map(|last| last.saturating_add(1)));
    let high = high.unwrap_or(low).max(low.saturating_add(1));
    // From the first year that there is to the last is more than an i64 holds.
    let (low, high) = (i128::from(low), i128::from(high));
    let width = nice_width(high - low, buckets);
    let first = low.div_euclid(width) * width;
    let number = usize::try_from((high - first + width - 1) / width).unwrap_or(buckets);
    let mut by_status: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (start, status) in starts {
        let bucket = (i128::from(*start) - first).div_euclid(width);
        let counts = by_status.entry(status).or_insert_with(|| vec![0; number]);
        if let Some(count) = usize::try_from(bucket).ok().and_then(|b| counts.get_mut(b)) {
            *count += 1;
        }
    }
    let per_bucket = |bucket: usize| by_status.values().map(|counts| counts[bucket]).collect();
    let last = first + width * number as i128;
    Histogram {
        from: first.to_string(),
        to: last.to_string(),
        bucket_ns: i64::try_from(width).unwrap_or(i64::MAX),
        statuses: by_status
            .keys()
            .map(|status| (*status).to_owned())
            .collect(),
        counts: (0..number).map(per_bucket).collect(),
    }
}

/// The least width a person would choose that needs no more than so many buckets.
fn nice_width(range: i128, buckets: usize) -> i128 {
    const MILLISECOND: i128 = 1_000_000;
    const SECOND: i128 = 1_000 * MILLISECOND;
    const MINUTE: i128 = 60 * SECOND;
    const HOUR: i128 = 60 * MINUTE;
    const DAY: i128 = 24 * HOUR;
    const WIDTHS: &[i128] = &[
        MILLISECOND,
        10 * MILLISECOND,
        100 * MILLISECOND,
        SECOND,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
        MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        30 * MINUTE,
        HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        7 * DAY,
        30 * DAY,
        365 * DAY,
    ];
    let buckets = buckets.max(1) as i128;
    let least = ((range + buckets - 1) / buckets).max(1);
    let fits = |width: &&i128| **width >= least;
    WIDTHS.iter().find(fits).copied().unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_counted_in_buckets() {
        const SECOND: i64 = 1_000_000_000;
        let starts: Vec<(i64, String)> = [0, 1, 61, 119]
            .map(|second| (second * SECOND, "FAILED".to_owned()))
            .into();
        let histogram = counted(&starts, None, None, 2);
        assert_eq!(histogram.bucket_ns, 60 * SECOND);
        let all = counted(&starts, Some(i64::MIN), Some(i64::MAX), 60);
        assert_eq!(all.counts.iter().flatten().sum::<u64>(), 4);
        assert!(all.counts.len() <= 61, "{}", all.counts.len());
        assert_eq!(histogram.counts, [[2], [2]]);
        assert_eq!(counted(&[], None, None, 2), Histogram::default());
        let empty = counted(&[], Some(0), Some(10 * SECOND), 10);
        assert_eq!((empty.counts.len(), empty.statuses.len()), (10, 0));
        let far = counted(&starts, Some(i64::MIN), Some(i64::MAX), 10);
        assert!(far.counts.len() <= 12, "{}", far.counts.len());
    }
}
