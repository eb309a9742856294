//! Spans and log records: attributes become columns of their own where their values are plain, the
//! rest JSON text.

use super::{
    read::{Cells, Rows},
    refused, write,
};
use crate::{Error, Table, tables::ATTRIBUTE_PREFIX};
use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use model::{
    Attributes, Link, LogOrigin, LogRecord, Span, SpanEvent, SpanId, SpanKind, SpanSource,
    StatusCode, TraceId, UnixNanos, Value,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, sync::Arc};

/// Attribute columns that one batch may have; the store bounds them over all batches again.
const MOST_COLUMNS: usize = 200;

#[derive(Serialize, Deserialize)]
struct SpanRow {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    service_name: String,
    name: String,
    kind: SpanKind,
    start_time: UnixNanos,
    duration_ns: i64,
    status_code: StatusCode,
    status_message: Option<String>,
    scope_name: Option<String>,
    scope_version: Option<String>,
    trace_state: Option<String>,
    flags: Option<u32>,
    source: SpanSource,
    resource: Option<String>,
    events: Option<String>,
    links: Option<String>,
    attributes: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct LogRow {
    log_id: TraceId,
    time: UnixNanos,
    observed_time: Option<UnixNanos>,
    severity_number: u8,
    severity_text: Option<String>,
    body: String,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    event_name: Option<String>,
    service_name: String,
    scope_name: Option<String>,
    source: String,
    log_group: Option<String>,
    log_stream: Option<String>,
    request_id: Option<String>,
    resource: Option<String>,
    attributes: Option<String>,
}

/// A row with the attribute columns beside the others.
#[derive(Serialize)]
struct Wide<'a, R> {
    #[serde(flatten)]
    row: R,
    #[serde(flatten)]
    columns: BTreeMap<&'a str, &'a Value>,
}

/// Rows of `spans`.
pub fn spans(rows: &[Span]) -> Result<RecordBatch, Error> {
    let promotion = Promotion::of(rows.iter().map(|span| &span.attributes));
    let wide = rows.iter().map(|span| {
        let (columns, rest) = promotion.split(&span.attributes);
        let row = SpanRow {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: (!span.parent_span_id.is_zero()).then_some(span.parent_span_id),
            service_name: span.service_name.clone(),
            name: span.name.clone(),
            kind: span.kind,
            start_time: span.start_time,
            duration_ns: span.end_time.since(span.start_time),
            status_code: span.status_code,
            status_message: filled(&span.status_message),
            scope_name: filled(&span.scope_name),
            scope_version: filled(&span.scope_version),
            trace_state: filled(&span.trace_state),
            flags: (span.flags != 0).then_some(span.flags),
            source: span.source,
            resource: json(&span.resource, span.resource.is_empty()),
            events: json(&span.events, span.events.is_empty()),
            links: json(&span.links, span.links.is_empty()),
            attributes: json(&rest, rest.is_empty()),
        };
        Wide { row, columns }
    });
    let wide: Vec<_> = wide.collect();
    write(Table::Spans, promotion.schema(Table::Spans), &wide)
}

/// The inverse of [`spans`].
pub fn read_spans(batch: &RecordBatch) -> Result<Vec<Span>, Error> {
    let rows: Vec<SpanRow> = Rows::new(Table::Spans, batch)?.collect()?;
    let columns = attribute_columns(Table::Spans, batch)?;
    let span = |(at, row): (usize, SpanRow)| {
        let text = |text: Option<String>| text.unwrap_or_default();
        Ok(Span {
            trace_id: row.trace_id,
            span_id: row.span_id,
            parent_span_id: row.parent_span_id.unwrap_or_default(),
            trace_state: text(row.trace_state),
            flags: row.flags.unwrap_or_default(),
            name: row.name,
            kind: row.kind,
            start_time: row.start_time,
            end_time: UnixNanos(row.start_time.0.saturating_add(row.duration_ns)),
            status_code: row.status_code,
            status_message: text(row.status_message),
            service_name: row.service_name,
            resource: parse(Table::Spans, row.resource)?,
            scope_name: text(row.scope_name),
            scope_version: text(row.scope_version),
            attributes: gather(&columns, at, parse(Table::Spans, row.attributes)?),
            events: parse::<Vec<SpanEvent>>(Table::Spans, row.events)?,
            links: parse::<Vec<Link>>(Table::Spans, row.links)?,
            source: row.source,
        })
    };
    rows.into_iter().enumerate().map(span).collect()
}

/// Rows of `logs`.
pub fn logs(rows: &[LogRecord]) -> Result<RecordBatch, Error> {
    let promotion = Promotion::of(rows.iter().map(|log| &log.attributes));
    let wide = rows.iter().map(|log| {
        let (columns, rest) = promotion.split(&log.attributes);
        let row = LogRow {
            log_id: log.log_id,
            time: log.time,
            observed_time: (log.observed_time.0 != 0).then_some(log.observed_time),
            severity_number: log.severity_number,
            severity_text: filled(&log.severity_text),
            body: log.body.clone(),
            trace_id: (!log.trace_id.is_zero()).then_some(log.trace_id),
            span_id: (!log.span_id.is_zero()).then_some(log.span_id),
            event_name: filled(&log.event_name),
            service_name: log.service_name.clone(),
            scope_name: filled(&log.scope_name),
            source: log.origin.as_str().to_owned(),
            log_group: filled(&log.log_group),
            log_stream: filled(&log.log_stream),
            request_id: filled(&log.request_id),
            resource: json(&log.resource, log.resource.is_empty()),
            attributes: json(&rest, rest.is_empty()),
        };
        Wide { row, columns }
    });
    let wide: Vec<_> = wide.collect();
    write(Table::Logs, promotion.schema(Table::Logs), &wide)
}

/// The inverse of [`logs`].
pub fn read_logs(batch: &RecordBatch) -> Result<Vec<LogRecord>, Error> {
    let rows: Vec<LogRow> = Rows::new(Table::Logs, batch)?.collect()?;
    let columns = attribute_columns(Table::Logs, batch)?;
    let log = |(at, row): (usize, LogRow)| {
        let text = |text: Option<String>| text.unwrap_or_default();
        Ok(LogRecord {
            log_id: row.log_id,
            time: row.time,
            observed_time: row.observed_time.unwrap_or_default(),
            severity_number: row.severity_number,
            severity_text: text(row.severity_text),
            body: row.body,
            trace_id: row.trace_id.unwrap_or_default(),
            span_id: row.span_id.unwrap_or_default(),
            event_name: text(row.event_name),
            service_name: row.service_name,
            resource: parse(Table::Logs, row.resource)?,
            scope_name: text(row.scope_name),
            attributes: gather(&columns, at, parse(Table::Logs, row.attributes)?),
            origin: origin(&row.source),
            log_group: text(row.log_group),
            log_stream: text(row.log_stream),
            request_id: text(row.request_id),
        })
    };
    rows.into_iter().enumerate().map(log).collect()
}

fn origin(word: &str) -> LogOrigin {
    [
        LogOrigin::LambdaFunction,
        LogOrigin::LambdaPlatform,
        LogOrigin::CloudWatch,
        LogOrigin::AccessLog,
    ]
    .into_iter()
    .find(|origin| origin.as_str() == word)
    .unwrap_or_default()
}

/// Which attributes of a batch have a column, and of what type: that of the first value seen.
struct Promotion {
    columns: BTreeMap<String, DataType>,
}

impl Promotion {
    fn of<'a>(all: impl Iterator<Item = &'a Attributes>) -> Self {
        let mut columns = BTreeMap::new();
        for (name, value) in all.flatten() {
            let full = || columns.len() >= MOST_COLUMNS;
            if columns.contains_key(name.as_str()) || full() {
                continue;
            }
            if let Some(data_type) = plain(value).filter(|_| crate::promote::is_promotable(name)) {
                columns.insert(name.clone(), data_type);
            }
        }
        let columns = columns
            .into_iter()
            .map(|(name, data_type)| (format!("{ATTRIBUTE_PREFIX}{name}"), data_type))
            .collect();
        Promotion { columns }
    }

    fn schema(&self, table: Table) -> SchemaRef {
        let base = table.schema();
        let extra = self
            .columns
            .iter()
            .map(|(name, data_type)| Arc::new(Field::new(name, data_type.clone(), true)));
        let fields: Vec<_> = base.fields().iter().cloned().chain(extra).collect();
        Arc::new(Schema::new(fields))
    }

    fn split<'a>(
        &'a self,
        attributes: &'a Attributes,
    ) -> (BTreeMap<&'a str, &'a Value>, BTreeMap<&'a str, &'a Value>) {
        let mut columns = BTreeMap::new();
        let mut rest = BTreeMap::new();
        for (name, value) in attributes {
            match self
                .columns
                .get_key_value(&format!("{ATTRIBUTE_PREFIX}{name}"))
            {
                Some((column, data_type)) if plain(value).as_ref() == Some(data_type) => {
                    columns.insert(column.as_str(), value)
                }
                _ => rest.insert(name.as_str(), value),
            };
        }
        (columns, rest)
    }
}

fn plain(value: &Value) -> Option<DataType> {
    match value {
        Value::Bool(_) => Some(DataType::Boolean),
        Value::Int(_) => Some(DataType::Int64),
        Value::Double(number) if number.is_finite() => Some(DataType::Float64),
        Value::String(_) => Some(DataType::Utf8),
        _ => None,
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn json(value: &impl Serialize, empty: bool) -> Option<String> {
    (!empty).then(|| serde_json::to_string(value).unwrap_or_default())
}

fn parse<T: DeserializeOwned + Default>(table: Table, text: Option<String>) -> Result<T, Error> {
    match text {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(&text).map_err(|e| refused(table, e)),
    }
}

fn attribute_columns(table: Table, batch: &RecordBatch) -> Result<Vec<(String, Cells)>, Error> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns
        .filter_map(|(field, column)| {
            let name = field.name().strip_prefix(ATTRIBUTE_PREFIX)?;
            Some(Cells::new(column).map(|cells| (name.to_owned(), cells)))
        })
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Rows {
            table: table.name(),
            source,
        })
}

fn gather(columns: &[(String, Cells)], at: usize, mut attributes: Attributes) -> Attributes {
    for (name, cells) in columns.iter().filter(|(_, cells)| !cells.is_null(at)) {
        let value = match cells {
            Cells::Text(a) => Value::from(a.value(at)),
            Cells::Int(a) => Value::Int(a.value(at)),
            Cells::Double(a) => Value::Double(a.value(at)),
            Cells::Truth(a) => Value::Bool(a.value(at)),
            Cells::Bytes(_) => continue,
        };
        attributes.insert(name.clone(), value);
    }
    attributes
}
