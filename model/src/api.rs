//! What the server tells the browser, as JSON. Times are nanoseconds since the epoch as decimal
//! text (`"1700000000000000000"`), because a JavaScript number cannot hold them; durations are numbers of
//! nanoseconds.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /api/v1/executions?state_machine=&status=&from=&to=&error=&min_duration=&max_duration=&q=&cursor=&limit=` | [`ExecutionPage`] |
//! | `GET /api/v1/executions/histogram?` the same filters `&buckets=` | [`Histogram`] |
//! | `GET /api/v1/executions/facets?` the same filters | [`Facets`] |
//! | `GET /api/v1/executions/{execution ARN or trace id}` | [`ExecutionDetail`] |
//! | `GET /api/v1/executions/{…}/events?after=&limit=` | [`EventPage`] |
//! | `GET /api/v1/executions/{…}/ledger` | [`crate::Ledger`] |
//! | `GET /api/v1/executions/{…}/cost` | [`crate::CostReport`] |
//! | `GET /api/v1/executions/{…}/twins?k=` | [`crate::compare::Twins`] |
//! | `GET /api/v1/compare?a=&b=` (an ARN, a trace id, or a condition in SQL) | [`crate::compare::Comparison`] |
//! | `GET /api/v1/changes?from=&to=&resource=` | JSON array of [`crate::Change`] |
//! | `POST /api/v1/changes` (also `/api/changes`) | one or an array of `{time, kind, resource, change}` |
//! | `GET /api/v1/cold-starts?function=&from=&to=&limit=` | [`cold_starts::ColdStarts`] |
//! | `GET /api/v1/executions/{…}/verdict` | the [`crate::Verdict`] |
//! | `GET /api/v1/executions/{…}/case.html`, `case.md` | the case file, to send on |
//! | `GET /api/v1/mysteries?from=&to=&buckets=&limit=` | [`MysteryPage`] |
//! | `GET /api/v1/executions/{…}/graph` | [`graph::Graph`] |
//! | `GET /api/v1/traces?service=&name=&status=&from=&to=&min_duration=&max_duration=&q=&cursor=&limit=` | [`TracePage`] |
//! | `GET /api/v1/traces/{trace id}/spans.bin` | a [`crate::trace_file::TraceFile`] |
//! | `GET /api/v1/traces/{trace id}/spans/{span id}` | [`SpanDetail`] |
//! | `GET /api/v1/traces/{trace id}/logs?span_id=&q=&after=&limit=` | [`LogPage`] |
//! | service map, hops, clocks, joins | [`map`] |
//! | `GET /api/v1/schema` | [`Schema`] |
//! | `GET /api/v1/executions/{…}/coverage` | [`crate::Coverage`] |
//! | `GET /api/v1/sources` | [`sources::SourcePage`] |
//! | `GET /api/v1/slos`, `/alerts` and more | see [`slo`] |
//! | receivers, deliveries, silences | [`deliveries`] |
//! | experiments, gate, budget ledger | [`experiments`] |
//! | `GET /api/v1/live` | server-sent events `executions` with a [`LiveUpdate`] |
//! | `POST /api/sql` `{"query", "format", "limit"}` | JSON array of objects, NDJSON, CSV, Arrow stream; `format=grid` gives a [`Grid`] |
//! | any error | [`Problem`] with a 4xx or 5xx status |

pub mod cold_starts;
pub mod deliveries;
pub mod experiments;
pub mod map;
mod mysteries;
pub mod slo;
pub mod sources;

pub use mysteries::{Mystery, MysteryExample, MysteryPage};
pub mod graph;

use crate::{Category, Execution, Join, Outcome};
use serde::{Deserialize, Serialize};

/// An error, in words that say what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What was wrong, and what to do.
    pub error: String,
    /// Line in the query, from 1, if the error has a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column in that line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

/// A row of the executions page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExecutionRow {
    /// ARN.
    pub execution_arn: String,
    /// Trace id, hex.
    pub trace_id: String,
    /// Engine.
    pub engine: String,
    /// State machine name.
    pub state_machine: String,
    /// Execution name.
    pub name: String,
    /// `SUCCEEDED`, `FAILED`…
    pub status: String,
    /// Start.
    pub start_time: String,
    /// Nanoseconds; `None` while it runs.
    pub duration_ns: Option<i64>,
    /// Terminal error name.
    pub error: Option<String>,
    /// State of the failure that explains the end.
    pub root_state: Option<String>,
    /// Error of the failure that explains the end.
    pub root_error: Option<String>,
    /// State visits.
    pub states_entered: u32,
    /// Retries.
    pub retries: u32,
    /// Caught failures.
    pub caught_failures: u32,
    /// Cold starts.
    pub cold_starts: u32,
    /// False when something is missing.
    pub complete: bool,
    /// Whose fault it was; `None` before it is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<RowVerdict>,
}

/// A verdict in a word, for lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowVerdict {
    /// How the inquest ended.
    pub outcome: Outcome,
    /// The culprit's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// The kind of fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// 0 to 1.
    pub confidence: f64,
}

/// A page of executions, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExecutionPage {
    /// The rows.
    pub rows: Vec<ExecutionRow>,
    /// Give it as `cursor` to get the next page; `None` at the end.
    pub next_cursor: Option<String>,
    /// How many match in all.
    pub total: u64,
    /// When nothing matches and a name in the filter is nobody's: which one, and what is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Counts over time by status.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// Start of the first bucket.
    pub from: String,
    /// End of the last bucket.
    pub to: String,
    /// Width of a bucket, nanoseconds.
    #[serde(with = "crate::time::as_text")]
    pub bucket_ns: i64,
    /// The statuses, in the order of `counts`.
    pub statuses: Vec<String>,
    /// Per bucket, per status.
    pub counts: Vec<Vec<u64>>,
}

/// The values one can filter by, with counts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facets {
    /// State machines.
    pub state_machines: Vec<(String, u64)>,
    /// Statuses.
    pub statuses: Vec<(String, u64)>,
    /// Errors (of the failure that explains the end).
    pub errors: Vec<(String, u64)>,
    /// Culprits of verdicts.
    #[serde(default)]
    pub culprits: Vec<(String, u64)>,
}

/// The head of the execution page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExecutionDetail {
    /// The execution, with input, output and definition.
    pub execution: Execution,
    /// Status, error and cause in plain words: "Failed after 20.1 s: …".
    pub summary: String,
    /// Invocations joined to it.
    pub invocations: u32,
    /// Log records joined to it.
    pub logs: u64,
    /// Executions it started, with trace ids: (attempt span id, ARN, trace id, status if held).
    pub children: Vec<ChildExecution>,
}

/// An execution started by another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChildExecution {
    /// Span of the attempt that started it.
    pub span_id: String,
    /// Its ARN.
    pub execution_arn: String,
    /// Its trace id.
    pub trace_id: String,
    /// Its status, if its history is held.
    pub status: Option<String>,
}

/// One raw event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventRow {
    /// Id.
    pub event_id: u64,
    /// Cause.
    pub previous_event_id: u64,
    /// Redrive count.
    pub redrive_count: u32,
    /// Type.
    pub event_type: String,
    /// When.
    pub time: String,
    /// The state it is about, if known.
    pub state: Option<String>,
    /// Details, JSON text.
    pub details: String,
}

/// A page of raw events, by id.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventPage {
    /// The rows.
    pub rows: Vec<EventRow>,
    /// How many there are.
    pub total: u64,
}

/// A row of the traces page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TraceRow {
    /// Trace id, hex.
    pub trace_id: String,
    /// Service of the root span.
    pub root_service: String,
    /// Name of the root span.
    pub root_name: String,
    /// Start.
    pub start_time: String,
    /// Nanoseconds.
    pub duration_ns: i64,
    /// Spans.
    pub spans: u64,
    /// Spans with status error.
    pub errors: u64,
    /// Services in it.
    pub services: Vec<String>,
}

/// A page of traces, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TracePage {
    /// The rows.
    pub rows: Vec<TraceRow>,
    /// For the next page.
    pub next_cursor: Option<String>,
    /// When nothing matches and a name in the filter is nobody's: which one, and what is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Everything about one span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpanDetail {
    /// Trace id, hex.
    pub trace_id: String,
    /// Span id, hex.
    pub span_id: String,
    /// Name.
    pub name: String,
    /// `state`, `attempt`, `invocation`, `span`…
    pub kind: String,
    /// Service, function or resource.
    pub service: String,
    /// Status in a word.
    pub status: String,
    /// Start.
    pub start_time: String,
    /// Nanoseconds; `None` while it runs.
    pub duration_ns: Option<i64>,
    /// Error name and message or cause.
    pub error: Option<String>,
    /// Cause or message.
    pub cause: Option<String>,
    /// Attributes in order.
    pub attributes: Vec<(String, serde_json::Value)>,
    /// Attributes of the resource.
    pub resource: Vec<(String, serde_json::Value)>,
    /// Input, JSON text.
    pub input: Option<String>,
    /// Output, JSON text.
    pub output: Option<String>,
    /// Events: (time, name, attributes).
    pub events: Vec<(String, String, serde_json::Value)>,
    /// Links: (trace id, span id, attributes).
    pub links: Vec<(String, String, serde_json::Value)>,
    /// How it was joined to what encloses it, and to what it encloses.
    pub joins: Vec<Join>,
    /// An execution it started, if any.
    pub child_execution: Option<ChildExecution>,
}

/// One log record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogRow {
    /// Id.
    pub log_id: String,
    /// When.
    pub time: String,
    /// Severity as written.
    pub severity_text: String,
    /// OTLP severity number.
    pub severity_number: u8,
    /// Message.
    pub body: String,
    /// Service or function.
    pub service: String,
    /// Who printed it: `otlp`, `lambda`, `lambda_platform`, `cloudwatch`.
    pub source: String,
    /// Span of the waterfall it belongs to, hex; empty if only the execution is known.
    pub span_id: String,
    /// Attributes.
    pub attributes: serde_json::Value,
}

/// A page of logs in time order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogPage {
    /// The rows.
    pub rows: Vec<LogRow>,
    /// How many there are.
    pub total: u64,
}

/// The tables of SQL.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Schema {
    /// The tables.
    pub tables: Vec<TableInfo>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TableInfo {
    /// Name.
    pub name: String,
    /// What a row is.
    pub comment: String,
    /// Rows held, if cheap to know.
    pub rows: Option<u64>,
    /// Columns.
    pub columns: Vec<ColumnInfo>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Name.
    pub name: String,
    /// SQL type.
    pub data_type: String,
    /// What it means.
    pub comment: String,
}

/// A SQL result for the grid.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Grid {
    /// Names and types.
    pub columns: Vec<ColumnInfo>,
    /// Cells, row by row; times as text, 64-bit integers beyond 2^53 as text.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// True when rows were left out because of the limit.
    pub truncated: bool,
    /// How long it took, milliseconds.
    pub elapsed_ms: f64,
}

/// Something changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LiveUpdate {
    /// Executions that are new or changed since the last update, newest first, at most 100.
    pub rows: Vec<ExecutionRow>,
    /// Executions held in all.
    pub total: u64,
    /// Spans held in all.
    pub spans: u64,
}
