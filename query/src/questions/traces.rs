//! The traces page: OTLP traces that belong to no execution, newest first.

use super::executions::matching;
use super::parameter::{self, Cursor, any_contains, contains, given, name, timestamp};
use crate::{Engine, Error, cells::Cells};
use arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{bool_or, max, min, sum};
use datafusion::logical_expr::{Expr, JoinType, cast, lit, when};
use datafusion::prelude::{DataFrame, SessionContext};
use model::api::{TracePage, TraceRow};
use model::{TraceId, UnixNanos};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use store::{Snapshot, Table};

const HOUR: i64 = 3_600_000_000_000;
/// A trace is taken to be no longer than this when only a part of the time is looked at.
const LONGEST: i64 = HOUR;
/// Up to so many spans all of them are looked at; beyond, the newest hours first.
const FEW_SPANS: u64 = 1_000_000;

/// The query string of the traces page. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TraceFilter {
    /// A service that took part.
    pub service: Option<String>,
    /// Part of the name of a span, in any case.
    pub name: Option<String>,
    /// `error` for traces in which a span failed, `ok` for the others.
    pub status: Option<String>,
    /// Began then or later: nanoseconds since the epoch or RFC 3339.
    pub from: Option<String>,
    /// Began before.
    pub to: Option<String>,
    /// Took that many nanoseconds or more.
    pub min_duration: Option<String>,
    /// Took that many nanoseconds or less.
    pub max_duration: Option<String>,
    /// Part of a span's name, service, message, or of its attributes without a column.
    pub q: Option<String>,
    /// End of the page before.
    pub cursor: Option<String>,
    /// Rows of a page.
    pub limit: Option<usize>,
}

/// A time range, nanoseconds: `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: i64,
    to: i64,
}

impl Engine {
    /// A page of traces.
    pub async fn traces(
        &self,
        snapshot: &Snapshot,
        filter: &TraceFilter,
    ) -> Result<TracePage, Error> {
        let limit = parameter::page(filter.limit);
        let cursor = Cursor::read(&filter.cursor)?;
        // A wrong filter is told even when there is nothing to filter.
        wanted(filter, cursor.as_ref())?;
        parameter::time("from", &filter.from)?;
        parameter::time("to", &filter.to)?;
        let context = self.tables(snapshot, &[Table::Spans, Table::Executions, Table::Joins])?;
        let Some(all) = self.range(&context, filter, cursor.as_ref()).await? else {
            return Ok(TracePage::default());
        };
        let few = snapshot.rows(Table::Spans) <= FEW_SPANS;
        let mut width = if few { i64::MAX } else { HOUR };
        let found = loop {
            let range = Range {
                from: all.to.saturating_sub(width).max(all.from),
                to: all.to,
            };
            let frame = candidates(&context, filter, range, cursor.as_ref()).await?;
            let frame = frame.limit(0, Some(limit + 1))?;
            let found = self.trace_ids(frame).await?;
            if found.len() > limit || range.from == all.from {
                break found;
            }
            width = width.saturating_mul(4);
        };
        let more = found.len() > limit;
        let page = &found[..found.len().min(limit)];
        let next_cursor = page
            .last()
            .filter(|_| more)
            .map(|(id, start)| Cursor::write(*start, &id.to_string()));
        Ok(TracePage {
            hint: None,
            rows: trace_rows(snapshot, page).await?,
            next_cursor,
        })
    }

    /// The time in which there are spans and in which the page lies; `None` if there are none.
    async fn range(
        &self,
        context: &SessionContext,
        filter: &TraceFilter,
        cursor: Option<&Cursor>,
    ) -> Result<Option<Range>, Error> {
        let bounds = received(context).await?.aggregate(
            vec![],
            vec![
                min(name("start_time")).alias("low"),
                max(name("start_time")).alias("high"),
            ],
        )?;
        let batches = self.collect(bounds).await?;
        let bounds = batches.first().and_then(|batch| {
            let cells = Cells(batch);
            cells.int("low", 0).zip(cells.int("high", 0))
        });
        let Some((low, high)) = bounds else {
            return Ok(None);
        };
        let from = parameter::time("from", &filter.from)?.map(|time| time.0);
        let to = parameter::time("to", &filter.to)?.map(|time| time.0);
        let end = high.saturating_add(1).min(to.unwrap_or(i64::MAX));
        let end = cursor.map_or(end, |cursor| end.min(cursor.time.saturating_add(1)));
        let range = Range {
            from: low.max(from.unwrap_or(i64::MIN)),
            to: end,
        };
        Ok((range.from < range.to).then_some(range))
    }

    async fn trace_ids(&self, frame: DataFrame) -> Result<Vec<(TraceId, i64)>, Error> {
        let mut found = Vec::new();
        for batch in self.collect(frame).await? {
            let cells = Cells(&batch);
            found.extend((0..batch.num_rows()).filter_map(|row| {
                let id = cells.text("trace_id", row)?.parse().ok()?;
                Some((id, cells.int("start", row)?))
            }));
        }
        Ok(found)
    }
}

async fn received(context: &SessionContext) -> Result<DataFrame, Error> {
    let spans = context.table(Table::Spans.name()).await?;
    let sources = model::SpanSource::RECEIVED.map(|source| lit(source.as_str()));
    Ok(spans.filter(name("source").in_list(sources.to_vec(), false))?)
}

/// Ids and starts of the traces that began in the range and match, newest first.
async fn candidates(
    context: &SessionContext,
    filter: &TraceFilter,
    range: Range,
    cursor: Option<&Cursor>,
) -> Result<DataFrame, Error> {
    let near = parameter::between(
        "start_time",
        Some(UnixNanos(range.from.saturating_sub(LONGEST))),
        Some(UnixNanos(range.to.saturating_add(LONGEST))),
    );
    let traces = matching(received(context).await?, near)?
        .aggregate(vec![name("trace_id")], measures(filter)?)?;
    let started = parameter::between(
        "start",
        Some(UnixNanos(range.from)),
        Some(UnixNanos(range.to)),
    );
    let traces = matching(traces, started)?;
    let traces = matching(traces, wanted(filter, cursor)?)?;
    let executions = context
        .table(Table::Executions.name())
        .await?
        .select(vec![name("trace_id").alias("owned")])?;
    let joined = context
        .table(Table::Joins.name())
        .await?
        .select(vec![name("child_trace_id").alias("owned")])?;
    Ok(traces
        .join(
            executions,
            JoinType::LeftAnti,
            &["trace_id"],
            &["owned"],
            None,
        )?
        .join(joined, JoinType::LeftAnti, &["trace_id"], &["owned"], None)?
        .sort(vec![
            name("start").sort(false, false),
            name("trace_id").sort(false, false),
        ])?)
}

/// What is computed per trace.
fn measures(filter: &TraceFilter) -> Result<Vec<Expr>, Error> {
    let failed = when(name("status_code").eq(lit("error")), lit(1_i64)).otherwise(lit(0_i64))?;
    let mut measures = vec![
        min(name("start_time")).alias("start"),
        sum(failed).alias("errors"),
    ];
    if filter.min_duration.is_some() || filter.max_duration.is_some() {
        measures.push(max(name("end_time")).alias("stop"));
    }
    if let Some(service) = given(&filter.service) {
        measures.push(bool_or(name("service_name").eq(lit(service))).alias("has_service"));
    }
    if let Some(text) = given(&filter.name) {
        measures.push(bool_or(contains("name", text)).alias("has_name"));
    }
    if let Some(text) = given(&filter.q) {
        let columns = [
            "name",
            "service_name",
            "status_message",
            "attributes",
            "resource",
        ];
        if let Some(found) = any_contains(&columns, text) {
            measures.push(bool_or(found).alias("has_text"));
        }
    }
    Ok(measures)
}

/// Whether traces with errors are wanted, or those without.
fn failed(filter: &TraceFilter) -> Result<Option<bool>, Error> {
    match given(&filter.status)
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None => Ok(None),
        Some("error") => Ok(Some(true)),
        Some("ok") => Ok(Some(false)),
        Some(other) => {
            let shown: String = other.chars().take(80).collect();
            Err(Error::Parameter(format!(
                "status='{shown}' is not known: give error or ok"
            )))
        }
    }
}

/// Which traces are wanted, by what was computed.
fn wanted(filter: &TraceFilter, cursor: Option<&Cursor>) -> Result<Vec<Expr>, Error> {
    let took = || cast(name("stop"), DataType::Int64) - cast(name("start"), DataType::Int64);
    let mut wanted = Vec::new();
    if let Some(least) = parameter::nanos("min_duration", &filter.min_duration)? {
        wanted.push(took().gt_eq(lit(least)));
    }
    if let Some(most) = parameter::nanos("max_duration", &filter.max_duration)? {
        wanted.push(took().lt_eq(lit(most)));
    }
    for (text, column) in [
        (&filter.service, "has_service"),
        (&filter.name, "has_name"),
        (&filter.q, "has_text"),
    ] {
        if given(text).is_some() {
            wanted.push(name(column).is_true());
        }
    }
    match failed(filter)? {
        None => {}
        Some(true) => wanted.push(name("errors").gt(lit(0_i64))),
        Some(false) => wanted.push(name("errors").eq(lit(0_i64))),
    }
    if let Some(cursor) = cursor {
        let older = name("start").lt(timestamp(cursor.time));
        let same = name("start").eq(timestamp(cursor.time));
        let next = name("trace_id").lt(lit(cursor.trace_id.to_string()));
        wanted.push(older.or(same.and(next)));
    }
    Ok(wanted)
}

/// The rows of these traces, in this order.
async fn trace_rows(snapshot: &Snapshot, page: &[(TraceId, i64)]) -> Result<Vec<TraceRow>, Error> {
    if page.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<TraceId> = page.iter().map(|(id, _)| *id).collect();
    let mut summaries: HashMap<TraceId, Summary> = HashMap::new();
    for batch in snapshot.find(Table::Spans, &ids).await? {
        let batch = crate::scan::align(&batch, &super::span_cells::SPAN_COLUMNS)?;
        let spans = super::span_cells::SpanCells::new(&batch);
        for row in 0..batch.num_rows() {
            if let Some(node) = spans.node(row) {
                summaries.entry(node.key.0).or_default().add(node);
            }
        }
    }
    let row = |(id, _): &(TraceId, i64)| Some(summaries.remove(id)?.row(*id));
    Ok(page.iter().filter_map(row).collect())
}

/// What the page says of a trace.
#[derive(Default)]
struct Summary {
    start: Option<i64>,
    end: i64,
    spans: u64,
    errors: u64,
    services: BTreeSet<String>,
    /// Of the root, or of the earliest span: (has a parent, start), service and name.
    root: Option<((bool, i64), String, String)>,
}

impl Summary {
    fn add(&mut self, node: super::tree::Node) {
        let end = node.end.unwrap_or(node.start);
        self.end = self.start.map_or(end, |_| self.end.max(end));
        self.start = Some(self.start.map_or(node.start, |start| start.min(node.start)));
        self.spans += 1;
        self.errors += u64::from(node.flags & model::trace_file::FLAG_ERROR != 0);
        let rank = (!node.parent.is_zero(), node.start);
        if self.root.as_ref().is_none_or(|(best, ..)| rank < *best) {
            self.root = Some((rank, node.service.clone(), node.name));
        }
        self.services.insert(node.service);
    }

    fn row(self, trace_id: TraceId) -> TraceRow {
        let start = self.start.unwrap_or_default();
        let (root_service, root_name) = match self.root {
            Some((_, service, name)) => (service, name),
            None => Default::default(),
        };
        TraceRow {
            trace_id: trace_id.to_string(),
            root_service,
            root_name,
            start_time: start.to_string(),
            duration_ns: self.end.saturating_sub(start),
            spans: self.spans,
            errors: self.errors,
            services: self.services.into_iter().collect(),
        }
    }
}
