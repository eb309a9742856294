//! What was recorded while the world ran: the raw material of the files, and of the truth.

use demo::otel::Span;
use demo::run::Run;
use serde_json::Value;
use std::collections::BTreeMap;

/// An execution as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Events and identity.
    pub run: Run,
    /// Version of the state machine.
    pub machine_version: u32,
    /// Milliseconds since the epoch.
    pub started: i64,
    /// Milliseconds since the epoch.
    pub ended: i64,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`.
    pub status: &'static str,
    /// What it put out, if it succeeded.
    pub output: Option<Value>,
}

/// A line in the log group of a function.
#[derive(Debug, Clone)]
pub struct Line {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Log stream, that is sandbox.
    pub stream: String,
    /// As it was printed.
    pub text: String,
    /// The same in the pair: execution, state, attempt and place.
    pub key: String,
    /// What is compared between the pair: kind and outcome without ids and times.
    pub says: String,
    /// Milliseconds that it tells of, or since the invocation began.
    pub millis: f64,
}

/// A span, and who exports it.
#[derive(Debug, Clone)]
pub struct Spanned {
    /// `service.name`.
    pub service: String,
    /// `host.name`.
    pub host: Option<String>,
    /// `telemetry.sdk.language`, or `cpp` for a proxy.
    pub language: &'static str,
    /// `service.version`.
    pub version: Option<String>,
    /// The same in the pair.
    pub key: String,
    /// The span.
    pub span: Span,
}

/// A log record that a service exports.
#[derive(Debug, Clone)]
pub struct Record {
    /// `service.name`.
    pub service: String,
    /// `host.name`.
    pub host: Option<String>,
    /// Nanoseconds since the epoch.
    pub at_ns: i64,
    /// `WARN`, `ERROR`…
    pub level: &'static str,
    /// Text.
    pub body: String,
    /// Trace and span.
    pub context: Option<(String, String)>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Executions in order of their starts.
    pub runs: Vec<Recorded>,
    /// Lines by function.
    pub lines: BTreeMap<String, Vec<Line>>,
    /// Spans.
    pub spans: Vec<Spanned>,
    /// Log records of services.
    pub records: Vec<Record>,
    /// State-change events of Batch and ECS.
    pub containers: Vec<Value>,
}
