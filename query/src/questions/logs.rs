//! The logs of a trace, or of one of its spans and what is below it.
//!
//! A log record belongs to a span if it names it, or if it is a line of the joined invocation: same
//! request id in the same log stream. Lines are looked for around the time of the trace only, so that
//! a store with years of logs answers as quickly as a young one.

use super::parameter::{self, contains, given, name};
use super::trace::Held;
use crate::{Engine, Error, cells::Cells};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::{Expr, lit};
use model::api::{LogPage, LogRow};
use model::trace_file::{RowKind, TraceFile};
use model::{Invocation, SpanId, TraceId, UnixNanos};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use store::{Snapshot, Table, tables::ATTRIBUTE_PREFIX};

/// How far from the trace's own time its logs are looked for.
const SLACK: i64 = 3_600_000_000_000;
/// Most log records of one trace that are looked at.
const MOST: usize = 200_000;

/// The query string of a trace's logs. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LogFilter {
    /// A span of the trace's tree, hex: its logs and those of what is below it.
    pub span_id: Option<String>,
    /// Part of the message, in any case.
    pub q: Option<String>,
    /// Where the page before ended: a number of rows, or the id of its last row.
    pub after: Option<String>,
    /// Rows of a page.
    pub limit: Option<usize>,
}

/// A log record that belongs to the trace.
struct Found {
    log_id: String,
    span_id: Option<SpanId>,
}

impl Engine {
    /// A page of logs in order of time.
    pub async fn logs(
        &self,
        snapshot: &Snapshot,
        trace_id: TraceId,
        filter: &LogFilter,
    ) -> Result<LogPage, Error> {
        let held = Held::find(snapshot, trace_id).await?;
        let scope = Scope::new(trace_id, &held.tree()?, &held.invocations, filter)?;
        let found = self.find_logs(snapshot, &scope, given(&filter.q)).await?;
        if found.is_empty() {
            self.must_hold(snapshot, trace_id).await?;
        }
        let first = first_row(&found, &filter.after)?;
        let limit = parameter::page(filter.limit);
        let page = &found[first..found.len().min(first + limit)];
        Ok(LogPage {
            rows: self.log_rows(snapshot, &scope, page).await?,
            total: found.len() as u64,
        })
    }

    /// How many log records belong to the trace.
    pub(super) async fn count_logs(
        &self,
        snapshot: &Snapshot,
        trace_id: TraceId,
    ) -> Result<u64, Error> {
        if snapshot.rows(Table::Logs) == 0 {
            return Ok(0);
        }
        let held = Held::find(snapshot, trace_id).await?;
        let filter = LogFilter::default();
        let scope = Scope::new(trace_id, &held.tree()?, &held.invocations, &filter)?;
        let found = self.find_logs(snapshot, &scope, None).await?;
        Ok(found.len() as u64)
    }

    /// Ids of the records in scope, in order of time.
    async fn find_logs(
        &self,
        snapshot: &Snapshot,
        scope: &Scope,
        text: Option<&str>,
    ) -> Result<Vec<Found>, Error> {
        let Some(mut condition) = scope.condition() else {
            return Ok(Vec::new());
        };
        if let Some(text) = text {
            condition = condition.and(contains("body", text));
        }
        let columns = [
            "log_id",
            "time",
            "trace_id",
            "span_id",
            "request_id",
            "log_stream",
        ];
        let frame = self
            .table(snapshot, Table::Logs)
            .await?
            .filter(condition)?
            .select(columns.map(name))?
            .sort(vec![
                name("time").sort(true, false),
                name("log_id").sort(true, false),
            ])?
            .limit(0, Some(MOST))?;
        let mut found = Vec::new();
        for batch in self.collect(frame).await? {
            let cells = Cells(&batch);
            found.extend((0..batch.num_rows()).filter_map(|row| scope.find(&cells, row)));
        }
        Ok(found)
    }

    /// The whole rows of these records, in this order.
    async fn log_rows(
        &self,
        snapshot: &Snapshot,
        scope: &Scope,
        page: &[Found],
    ) -> Result<Vec<LogRow>, Error> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let ids = page.iter().map(|found| lit(found.log_id.as_str()));
        let mut condition = name("log_id").in_list(ids.collect(), false);
        condition = scope.times().into_iter().fold(condition, Expr::and);
        let frame = self.table(snapshot, Table::Logs).await?.filter(condition)?;
        let mut rows: HashMap<String, LogRow> = HashMap::new();
        for batch in self.collect(frame).await? {
            for row in read_rows(&batch)? {
                rows.insert(row.log_id.clone(), row);
            }
        }
        let row = |found: &Found| {
            let mut row = rows.remove(&found.log_id)?;
            row.span_id = found.span_id.map(|id| id.to_string()).unwrap_or_default();
            Some(row)
        };
        Ok(page.iter().filter_map(row).collect())
    }
}

fn first_row(found: &[Found], after: &Option<String>) -> Result<usize, Error> {
    let Some(after) = given(after) else {
        return Ok(0);
    };
    if let Some(at) = found.iter().position(|found| found.log_id == after) {
        return Ok(at + 1);
    }
    let rows: usize = after.parse().map_err(|_| {
        Error::Parameter(format!(
            "after='{after}' is neither a number of rows nor the id of a log record"
        ))
    })?;
    Ok(rows.min(found.len()))
}

/// Which records belong to the trace, or to the part of it that is asked for.
struct Scope {
    trace_id: TraceId,
    /// True when the whole trace is asked for.
    whole: bool,
    spans: HashSet<(TraceId, SpanId)>,
    traces: Vec<TraceId>,
    /// Joined invocations by request id and stream, each in order of start.
    invocations: HashMap<(String, String), Vec<(i64, SpanId)>>,
    from: Option<UnixNanos>,
    to: Option<UnixNanos>,
}

impl Scope {
    fn new(
        trace_id: TraceId,
        tree: &TraceFile,
        invocations: &[Invocation],
        filter: &LogFilter,
    ) -> Result<Self, Error> {
        let wanted = given(&filter.span_id).map(str::parse::<SpanId>).transpose();
        let wanted = wanted.map_err(|error| Error::Parameter(error.to_string()))?;
        let rows = match wanted {
            None => &tree.rows[..],
            Some(span) => {
                let at = tree.rows.iter().position(|row| row.span_id == span.0);
                let at = at.ok_or_else(|| {
                    Error::NotFound(format!("no span '{span}' is in trace '{trace_id}'"))
                })?;
                &tree.rows[at..=at + tree.rows[at].subtree as usize]
            }
        };
        let traces: Vec<TraceId> = tree
            .header
            .traces
            .iter()
            .map(|text| text.parse().unwrap_or(trace_id))
            .collect();
        let key = |row: &model::trace_file::Row| {
            let trace = traces.get(row.trace as usize).copied().unwrap_or(trace_id);
            (trace, SpanId(row.span_id))
        };
        let shown: HashSet<(TraceId, SpanId)> = rows
            .iter()
            .filter(|row| row.kind == RowKind::Invocation)
            .map(key)
            .collect();
        let mut by_request: HashMap<(String, String), Vec<(i64, SpanId)>> = HashMap::new();
        for invocation in invocations {
            if shown.contains(&(invocation.trace_id, invocation.span_id)) {
                let request = (invocation.request_id.clone(), invocation.log_stream.clone());
                let runs = by_request.entry(request).or_default();
                runs.push((invocation.start_time.0, invocation.span_id));
            }
        }
        by_request
            .values_mut()
            .for_each(|runs| runs.sort_unstable());
        let origin: Option<i64> = tree
            .header
            .origin
            .parse()
            .ok()
            .filter(|_| !tree.rows.is_empty());
        let end = |origin: i64| origin.saturating_add((tree.header.total * 1_000.0) as i64);
        Ok(Scope {
            trace_id,
            whole: wanted.is_none(),
            spans: rows.iter().map(key).collect(),
            traces,
            invocations: by_request,
            from: origin.map(|origin| UnixNanos(origin.saturating_sub(SLACK))),
            to: origin.map(|origin| UnixNanos(end(origin).saturating_add(SLACK))),
        })
    }

    fn times(&self) -> Vec<Expr> {
        parameter::between("time", self.from, self.to)
    }

    /// Holds for every record in scope, and for few others.
    fn condition(&self) -> Option<Expr> {
        let list = |words: Vec<String>| words.into_iter().map(lit).collect::<Vec<Expr>>();
        let traces: Vec<String> = self
            .traces
            .iter()
            .chain([&self.trace_id])
            .map(TraceId::to_string)
            .collect();
        let mut any = name("trace_id").in_list(list(traces), false);
        if !self.invocations.is_empty() {
            let requests = self.invocations.keys().map(|(request, _)| request.clone());
            any = any.or(name("request_id").in_list(list(requests.collect()), false));
        }
        Some(
            self.times()
                .into_iter()
                .fold(any, |all, time| time.and(all)),
        )
    }

    /// The record of this row with its span, if it is in scope.
    fn find(&self, cells: &Cells<'_>, row: usize) -> Option<Found> {
        let log_id = cells.string("log_id", row);
        let request = cells.text("request_id", row).map(|request| {
            let stream = cells.string("log_stream", row);
            (request.to_owned(), stream)
        });
        if let Some(runs) = request.and_then(|request| self.invocations.get(&request)) {
            let time = cells.int("time", row).unwrap_or_default();
            let run = runs.iter().rev().find(|(start, _)| *start <= time);
            let (_, span_id) = run.or_else(|| runs.first())?;
            return Some(Found {
                log_id,
                span_id: Some(*span_id),
            });
        }
        let trace_id: TraceId = cells.text("trace_id", row)?.parse().ok()?;
        let span_id = cells
            .text("span_id", row)
            .and_then(|id| id.parse::<SpanId>().ok());
        let known = span_id.filter(|span| self.spans.contains(&(trace_id, *span)));
        let belongs = known.is_some() || (self.whole && trace_id == self.trace_id);
        belongs.then_some(Found {
            log_id,
            span_id: known,
        })
    }
}

fn read_rows(batch: &RecordBatch) -> Result<Vec<LogRow>, Error> {
    let cells = Cells(batch);
    (0..batch.num_rows())
        .map(|at| {
            Ok(LogRow {
                log_id: cells.string("log_id", at),
                time: cells.int("time", at).unwrap_or_default().to_string(),
                severity_text: cells.string("severity_text", at),
                severity_number: cells.count("severity_number", at),
                body: cells.string("body", at),
                service: cells.string("service_name", at),
                source: cells.string("source", at),
                span_id: String::new(),
                attributes: attributes(batch, at)?,
            })
        })
        .collect()
}

/// All attributes of a record: those with a column, those without, and where it was logged.
fn attributes(batch: &RecordBatch, row: usize) -> Result<serde_json::Value, Error> {
    let cells = Cells(batch);
    let rest = cells.text("attributes", row).unwrap_or("{}");
    let mut all: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(rest).unwrap_or_default();
    let schema = batch.schema();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let Some(attribute) = field.name().strip_prefix(ATTRIBUTE_PREFIX) else {
            continue;
        };
        if array.is_valid(row) {
            all.insert(attribute.to_owned(), value(array.as_ref(), row)?);
        }
    }
    for (column, attribute) in [
        ("request_id", "faas.invocation_id"),
        ("log_group", "aws.log.group.names"),
        ("log_stream", "aws.log.stream.names"),
        ("scope_name", "otel.scope.name"),
        ("event_name", "event.name"),
    ] {
        if let Some(text) = cells.text(column, row).filter(|text| !text.is_empty()) {
            all.insert(attribute.to_owned(), text.into());
        }
    }
    Ok(all.into())
}

fn value(array: &dyn arrow::array::Array, row: usize) -> Result<serde_json::Value, Error> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options)
        .map_err(|error| Error::Engine(error.to_string()))?;
    let text = formatter.value(row).to_string();
    let is_text = matches!(
        array.data_type(),
        arrow::datatypes::DataType::Utf8 | arrow::datatypes::DataType::Utf8View
    );
    if is_text {
        return Ok(text.into());
    }
    Ok(serde_json::from_str(&text).unwrap_or_else(|_| text.into()))
}
