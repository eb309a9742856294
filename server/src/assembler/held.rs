//! What is held already, found by SQL or by trace, as plain data.

use super::{adopt::MADE_UP, described::SAME_INSTANT};
use anyhow::{Context, Result};
use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch},
    compute::cast,
    datatypes::{DataType, Field, Schema},
};
use model::{
    Attempt, Document, Execution, HistoryEvent, Hop, Invocation, Job, Join, LogRecord, Span, State,
    TraceId, UnixNanos,
};
use query::{Engine, Options};
use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc};
use store::{Snapshot, Store, Table, rows, tables};

/// Words that one question looks for in messages.
const WORDS_PER_QUESTION: usize = 40;
/// Values of one `IN (…)`: beyond it a question is asked in parts.
const VALUES_PER_QUESTION: usize = 1_000;

/// Reads what is held.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) store: Store,
    engine: Engine,
}

macro_rules! of_traces {
    ($name:ident, $table:expr, $read:path, $row:ty) => {
        /// Every row of these traces.
        pub(crate) async fn $name(&self, traces: &[TraceId]) -> Result<Vec<$row>> {
            let batches = self.store.snapshot().find($table, traces).await?;
            let mut all = Vec::new();
            for batch in &batches {
                all.extend($read(batch)?);
            }
            Ok(all)
        }
    };
}

impl Held {
    pub(crate) fn new(store: Store, engine: Engine) -> Self {
        Held { store, engine }
    }

    of_traces!(
        executions,
        Table::Executions,
        rows::read_executions,
        Execution
    );
    of_traces!(states, Table::States, rows::read_states, State);
    of_traces!(
        invocations,
        Table::Invocations,
        rows::read_invocations,
        Invocation
    );
    of_traces!(spans, Table::Spans, rows::read_spans, Span);
    of_traces!(logs, Table::Logs, rows::read_logs, LogRecord);
    of_traces!(verdicts, Table::Verdicts, rows::read_verdicts, rows::Judged);
    of_traces!(attempts, Table::Attempts, rows::read_attempts, Attempt);
    of_traces!(events, Table::Events, rows::read_events, HistoryEvent);
    of_traces!(documents, Table::Documents, rows::read_documents, Document);
    of_traces!(joins, Table::Joins, rows::read_joins, Join);
    of_traces!(hops, Table::Hops, rows::read_hops, Hop);

    /// Hops that meet a condition.
    pub(super) async fn hops_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
        window: Option<RangeInclusive<UnixNanos>>,
    ) -> Result<Vec<Hop>> {
        self.rows_where(Table::Hops, column, values, window, rows::read_hops)
            .await
    }

    /// Invocations that meet a condition: a text column has one of the values, in a window of start
    /// times.
    pub(crate) async fn invocations_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
        window: Option<RangeInclusive<UnixNanos>>,
    ) -> Result<Vec<Invocation>> {
        self.rows_where(
            Table::Invocations,
            column,
            values,
            window,
            rows::read_invocations,
        )
        .await
    }

    /// Tasks and jobs of which a text column has one of the values.
    pub(crate) async fn jobs_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
    ) -> Result<Vec<Job>> {
        self.rows_where(Table::Jobs, column, values, None, rows::read_jobs)
            .await
    }

    /// Executions of which a text column has one of the values.
    pub(super) async fn executions_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
    ) -> Result<Vec<Execution>> {
        self.rows_where(
            Table::Executions,
            column,
            values,
            None,
            rows::read_executions,
        )
        .await
    }

    /// Executions that began at one of these moments.
    pub(super) async fn executions_at(
        &self,
        starts: &BTreeSet<UnixNanos>,
    ) -> Result<Vec<Execution>> {
        let snapshot = self.store.snapshot();
        let starts: Vec<String> = starts
            .iter()
            .map(|start| format!("to_timestamp_nanos({})", start.0))
            .collect();
        let mut found = Vec::new();
        for part in starts.chunks(VALUES_PER_QUESTION) {
            let list = part.join(", ");
            let question = format!("SELECT * FROM executions WHERE start_time IN ({list})");
            for batch in self.ask(&snapshot, &question).await? {
                let batch = physical(Table::Executions, &batch)?;
                found.extend(rows::read_executions(&batch)?);
            }
        }
        Ok(found)
    }

    /// Executions that began within [`SAME_INSTANT`] of one of these moments: those with a made-up id, or those with their
    /// own.
    pub(super) async fn executions_near(
        &self,
        starts: &BTreeSet<UnixNanos>,
        made_up: bool,
    ) -> Result<Vec<Execution>> {
        const AT_ONCE: usize = 100;
        let snapshot = self.store.snapshot();
        let around = |start: &UnixNanos| {
            let (low, high) = (
                start.0.saturating_sub(SAME_INSTANT),
                start.0.saturating_add(SAME_INSTANT),
            );
            format!("start_time BETWEEN to_timestamp_nanos({low}) AND to_timestamp_nanos({high})")
        };
        let ranges: Vec<String> = starts.iter().map(around).collect();
        let like = if made_up { "LIKE" } else { "NOT LIKE" };
        let mut found = Vec::new();
        for part in ranges.chunks(AT_ONCE) {
            let question = format!(
                "SELECT * FROM executions WHERE execution_arn {like} '%{MADE_UP}%' AND ({})",
                part.join(" OR ")
            );
            for batch in self.ask(&snapshot, &question).await? {
                let batch = physical(Table::Executions, &batch)?;
                found.extend(rows::read_executions(&batch)?);
            }
        }
        Ok(found)
    }

    /// True when an execution is held whose ARN is like the pattern.
    pub(super) async fn any_execution_like(&self, pattern: &str) -> Result<bool> {
        let question =
            format!("SELECT 1 FROM executions WHERE execution_arn LIKE '{pattern}' LIMIT 1");
        let batches = self.ask(&self.store.snapshot(), &question).await?;
        Ok(batches.iter().any(|batch| batch.num_rows() > 0))
    }

    /// State visits of which a text column has one of the values.
    pub(super) async fn states_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
    ) -> Result<Vec<State>> {
        self.rows_where(Table::States, column, values, None, rows::read_states)
            .await
    }

    /// Attempts that meet a condition.
    pub(crate) async fn attempts_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
        window: Option<RangeInclusive<UnixNanos>>,
    ) -> Result<Vec<Attempt>> {
        self.rows_where(Table::Attempts, column, values, window, rows::read_attempts)
            .await
    }

    /// Invocations that began within these stretches of time, at most so many.
    pub(crate) async fn invocations_within(
        &self,
        windows: &[(UnixNanos, UnixNanos)],
        most: usize,
    ) -> Result<Vec<Invocation>> {
        let within = |(from, to): &(UnixNanos, UnixNanos)| {
            let (from, to) = (from.0, to.0);
            format!("start_time BETWEEN to_timestamp_nanos({from}) AND to_timestamp_nanos({to})")
        };
        let ranges: Vec<String> = windows.iter().map(within).collect();
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let question = format!(
            "SELECT * FROM invocations WHERE {} ORDER BY start_time, span_id LIMIT {most}",
            ranges.join(" OR ")
        );
        let mut found = Vec::new();
        for batch in self.ask(&self.store.snapshot(), &question).await? {
            let batch = physical(Table::Invocations, &batch)?;
            found.extend(rows::read_invocations(&batch)?);
        }
        Ok(found)
    }

    /// Log lines that meet a condition.
    pub(crate) async fn logs_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
        window: Option<RangeInclusive<UnixNanos>>,
    ) -> Result<Vec<LogRecord>> {
        self.rows_where(Table::Logs, column, values, window, rows::read_logs)
            .await
    }

    /// Log lines of a window whose stream holds one of these ids, at most so many.
    pub(crate) async fn logs_of_streams(
        &self,
        ids: &BTreeSet<String>,
        window: &RangeInclusive<UnixNanos>,
        most: usize,
    ) -> Result<Vec<LogRecord>> {
        self.logs_with("log_stream", ids, window, most).await
    }

    /// Log lines of a window whose message holds one of these words, at most so many.
    pub(crate) async fn logs_holding(
        &self,
        words: &BTreeSet<String>,
        window: &RangeInclusive<UnixNanos>,
        most: usize,
    ) -> Result<Vec<LogRecord>> {
        self.logs_with("body", words, window, most).await
    }

    async fn logs_with(
        &self,
        column: &str,
        words: &BTreeSet<String>,
        window: &RangeInclusive<UnixNanos>,
        most: usize,
    ) -> Result<Vec<LogRecord>> {
        let snapshot = self.store.snapshot();
        let words: Vec<String> = words
            .iter()
            .map(|it| format!("strpos({column}, '{}') > 0", it.replace('\'', "''")))
            .collect();
        let mut found = Vec::new();
        for part in words.chunks(WORDS_PER_QUESTION) {
            let (from, to) = (window.start().0, window.end().0);
            let question = format!(
                "SELECT * FROM logs WHERE time >= to_timestamp_nanos({from}) AND time <= to_timestamp_nanos({to}) \
                 AND ({}) ORDER BY time, log_id LIMIT {most}",
                part.join(" OR ")
            );
            for batch in self.ask(&snapshot, &question).await? {
                found.extend(rows::read_logs(&physical(Table::Logs, &batch)?)?);
            }
        }
        Ok(found)
    }

    /// Spans that meet a condition.
    pub(crate) async fn spans_where(
        &self,
        column: &str,
        values: &BTreeSet<String>,
        window: Option<RangeInclusive<UnixNanos>>,
    ) -> Result<Vec<Span>> {
        self.rows_where(Table::Spans, column, values, window, rows::read_spans)
            .await
    }

    /// True when any span is held that shares a unit with others.
    pub(super) async fn any_guests(&self) -> Result<bool> {
        let question = "SELECT 1 FROM spans WHERE source IN ('xray', 'access_log') LIMIT 1";
        let batches = self.ask(&self.store.snapshot(), question).await?;
        Ok(batches.iter().any(|batch| batch.num_rows() > 0))
    }

    /// True when spans have this attribute in a column of its own.
    pub(crate) fn has_span_attribute(&self, name: &str) -> bool {
        let schema = self.store.snapshot().schema(Table::Spans);
        schema
            .index_of(&format!("{}{name}", tables::ATTRIBUTE_PREFIX))
            .is_ok()
    }

    async fn rows_where<T>(
        &self,
        table: Table,
        column: &str,
        values: &BTreeSet<String>,
        window: Option<RangeInclusive<UnixNanos>>,
        read: impl Fn(&RecordBatch) -> Result<Vec<T>, store::Error>,
    ) -> Result<Vec<T>> {
        let snapshot = self.store.snapshot();
        let values: Vec<&String> = values.iter().collect();
        let mut found = Vec::new();
        for part in values.chunks(VALUES_PER_QUESTION) {
            let question = question(table, column, part, window.as_ref());
            for batch in self.ask(&snapshot, &question).await? {
                found.extend(read(&physical(table, &batch)?)?);
            }
        }
        Ok(found)
    }

    /// The answer to a question in SQL.
    pub(crate) async fn ask(
        &self,
        snapshot: &Snapshot,
        question: &str,
    ) -> Result<Vec<RecordBatch>> {
        tracing::debug!(question, "looking up what is held");
        let answer = self
            .engine
            .sql(snapshot, question, &Options::default())
            .await;
        let batches = match answer {
            Ok(answer) => answer.collect().await,
            Err(error) => Err(error),
        };
        batches.with_context(|| format!("cannot look up what is held ({:.200})", question))
    }
}

fn question(
    table: Table,
    column: &str,
    values: &[&String],
    window: Option<&RangeInclusive<UnixNanos>>,
) -> String {
    let list: Vec<String> = values
        .iter()
        .map(|value| format!("'{}'", value.replace('\'', "''")))
        .collect();
    let mut text = format!(
        "SELECT * FROM {} WHERE {column} IN ({})",
        table.name(),
        list.join(", ")
    );
    if let (Some(window), Some(time)) = (window, table.time()) {
        let (from, to) = (window.start().0, window.end().0);
        text += &format!(
            " AND {time} >= to_timestamp_nanos({from}) AND {time} <= to_timestamp_nanos({to})"
        );
    }
    text
}

/// Rows as SQL shows them, back to how they lie: ids in binary, times as integers.
pub(crate) fn physical(table: Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let base = table.schema();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let stored = base.field_with_name(field.name()).ok();
        let column = match stored.and_then(|it| it.metadata().get(tables::LOGICAL)) {
            Some(kind) if kind == tables::HEX => binary(column)?,
            Some(kind) if kind == tables::TIMESTAMP => cast(column, &DataType::Int64)?,
            _ => match column.data_type() {
                DataType::Utf8View | DataType::LargeUtf8 => cast(column, &DataType::Utf8)?,
                DataType::Dictionary(_, value) => cast(column, value)?,
                _ => column.clone(),
            },
        };
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

fn binary(hex: &ArrayRef) -> Result<ArrayRef> {
    let text = cast(hex, &DataType::Utf8)?;
    let text = text.as_string::<i32>();
    let mut ids = BinaryBuilder::new();
    for row in 0..text.len() {
        match text.is_valid(row) {
            true => ids.append_value(decode(text.value(row)).context("an id is not hex")?),
            false => ids.append_null(),
        }
    }
    Ok(Arc::new(ids.finish()))
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let nibble = |digit: u8| (digit as char).to_digit(16);
    digits.len().is_multiple_of(2).then_some(())?;
    digits
        .chunks_exact(2)
        .map(|pair| Some((nibble(pair[0])? << 4 | nibble(pair[1])?) as u8))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_quote_what_they_are_given() {
        let value = "o'clock".to_owned();
        let window = UnixNanos(1)..=UnixNanos(2);
        let text = question(Table::Logs, "log_stream", &[&value], Some(&window));
        assert_eq!(
            text,
            "SELECT * FROM logs WHERE log_stream IN ('o''clock') \
             AND time >= to_timestamp_nanos(1) AND time <= to_timestamp_nanos(2)"
        );
    }
}
