//! OpenTelemetry's log record, as plain data.

use crate::{Attributes, SpanId, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

/// Where a log record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogOrigin {
    /// Received over OTLP.
    #[default]
    Otlp,
    /// A line of a Lambda function's log, printed by the function.
    LambdaFunction,
    /// A line of a Lambda function's log, printed by the platform (START, REPORT, `platform.*`…).
    LambdaPlatform,
    /// Any other line of CloudWatch Logs.
    CloudWatch,
    /// A proxy's access log.
    AccessLog,
}

impl LogOrigin {
    /// The word stored in the `source` column.
    pub fn as_str(self) -> &'static str {
        match self {
            LogOrigin::Otlp => "otlp",
            LogOrigin::LambdaFunction => "lambda",
            LogOrigin::LambdaPlatform => "lambda_platform",
            LogOrigin::CloudWatch => "cloudwatch",
            LogOrigin::AccessLog => "access_log",
        }
    }
}

/// One log record.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogRecord {
    /// Identity, 16 bytes as hex: the same record delivered again has the same id.
    pub log_id: TraceId,
    /// When it happened.
    pub time: UnixNanos,
    /// When it was seen by a collector; zero if nobody said.
    pub observed_time: UnixNanos,
    /// OTLP severity number, 1–24; 0 if unknown.
    pub severity_number: u8,
    /// Severity as the source wrote it: `INFO`, `ERROR`…
    pub severity_text: String,
    /// The message: text, or JSON text when the source logged an object.
    pub body: String,
    /// Trace it says it belongs to; zero if none.
    pub trace_id: TraceId,
    /// Span it says it belongs to; zero if none.
    pub span_id: SpanId,
    /// OTLP `event_name`.
    pub event_name: String,
    /// `service.name`; the function's name for Lambda.
    pub service_name: String,
    /// The other attributes of the resource.
    pub resource: Attributes,
    /// Instrumentation scope.
    pub scope_name: String,
    /// Attributes of the record.
    pub attributes: Attributes,
    /// Where it came from.
    pub origin: LogOrigin,
    /// `aws.log.group.names`: the CloudWatch log group, empty if unknown.
    pub log_group: String,
    /// `aws.log.stream.names`: the CloudWatch log stream, empty if unknown. One stream is one sandbox.
    pub log_stream: String,
    /// `faas.invocation_id`: Lambda's request id, empty if none.
    pub request_id: String,
}
