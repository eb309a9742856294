//! OpenTelemetry's span, as plain data.

use crate::{SpanId, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Attribute names to values. Names follow OpenTelemetry's semantic conventions where one exists.
pub type Attributes = BTreeMap<String, Value>;

/// An OpenTelemetry `AnyValue`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// Nested key-values.
    Map(BTreeMap<String, Value>),
    /// No value, or bytes that have no JSON form (they are given as base64 text instead).
    Null,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Double(number)
    }
}
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

/// `span.kind`, numbered as in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// Work inside one service.
    Internal = 1,
    /// The answering side of a call.
    Server = 2,
    /// The asking side of a call.
    Client = 3,
    /// Puts a message somewhere.
    Producer = 4,
    /// Takes a message from somewhere.
    Consumer = 5,
}

/// `span.status.code`, numbered as in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StatusCode {
    /// Not said.
    #[default]
    Unset = 0,
    /// Declared good.
    Ok = 1,
    /// Failed.
    Error = 2,
}

/// Who recorded a span. It decides how a stored span may change: spans derived from a workflow
/// history are rebuilt when more of the history arrives, received ones never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanSource {
    /// Received over OTLP.
    #[default]
    Otlp,
    /// Derived from a workflow history.
    Workflow,
    /// Derived from Lambda's platform log lines.
    Lambda,
    /// Derived from descriptions of ECS tasks and Batch jobs.
    Container,
    /// Received from a Zipkin tracer.
    Zipkin,
    /// Read from X-Ray segment documents, of which a later one replaces an earlier one.
    Xray,
    /// Derived from a proxy's access log, where its tracer sent no span.
    AccessLog,
}

impl SpanSource {
    /// The word stored in the `source` column.
    pub fn as_str(self) -> &'static str {
        match self {
            SpanSource::Otlp => "otlp",
            SpanSource::Workflow => "workflow",
            SpanSource::Lambda => "lambda",
            SpanSource::Container => "container",
            SpanSource::Zipkin => "zipkin",
            SpanSource::Xray => "xray",
            SpanSource::AccessLog => "access_log",
        }
    }

    /// Sources whose spans are facts or stand for them; the others follow from a history or from Lambda's
    /// lines and carry our own marks.
    pub const RECEIVED: [SpanSource; 4] = [
        SpanSource::Otlp,
        SpanSource::Zipkin,
        SpanSource::Xray,
        SpanSource::AccessLog,
    ];

    /// True for spans of applications and proxies, whoever brought them.
    pub fn is_received(self) -> bool {
        SpanSource::RECEIVED.contains(&self)
    }

    /// True for spans that are appended once and never change.
    pub fn is_appended(self) -> bool {
        matches!(self, SpanSource::Otlp | SpanSource::Zipkin)
    }
}

/// One operation with a start and an end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Span {
    /// The trace it is part of.
    pub trace_id: TraceId,
    /// Its own id, unique in the trace.
    pub span_id: SpanId,
    /// The enclosing span; zero for a root.
    pub parent_span_id: SpanId,
    /// W3C tracestate.
    pub trace_state: String,
    /// OTLP span flags.
    pub flags: u32,
    /// What was done, with low cardinality.
    pub name: String,
    /// Its role in a call.
    pub kind: SpanKind,
    /// When it began.
    pub start_time: UnixNanos,
    /// When it ended; equal to `start_time` plus the time seen so far while it still runs.
    pub end_time: UnixNanos,
    /// Outcome.
    pub status_code: StatusCode,
    /// Outcome in words.
    pub status_message: String,
    /// `service.name` of the resource.
    pub service_name: String,
    /// The other attributes of the resource.
    pub resource: Attributes,
    /// Instrumentation scope.
    pub scope_name: String,
    /// Version of the instrumentation scope.
    pub scope_version: String,
    /// Attributes of the span.
    pub attributes: Attributes,
    /// Things that happened at a point inside it.
    pub events: Vec<SpanEvent>,
    /// Other spans it has to do with.
    pub links: Vec<Link>,
    /// Who recorded it.
    pub source: SpanSource,
}

/// A thing that happened inside a span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpanEvent {
    /// When.
    pub time: UnixNanos,
    /// What.
    pub name: String,
    /// Details.
    pub attributes: Attributes,
}

/// A pointer to another span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Link {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// Why.
    pub attributes: Attributes,
}
