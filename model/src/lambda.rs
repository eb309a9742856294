//! The words in which a Lambda log line is stored: event names and attributes of a log record.
//!
//! `collectors` writes them whatever the form of the line (text, JSON log format, Telemetry API), so
//! that `analysis` reads one form. Numbers keep the unit of their name.

/// `event_name` of a START line or `platform.start`.
pub const START: &str = "platform.start";
/// `event_name` of an END line or `platform.end`.
pub const END: &str = "platform.end";
/// `event_name` of a REPORT line or `platform.report`.
pub const REPORT: &str = "platform.report";
/// `event_name` of `platform.runtimeDone`.
pub const RUNTIME_DONE: &str = "platform.runtimeDone";
/// `event_name` of an INIT_START line or `platform.initStart`.
pub const INIT_START: &str = "platform.initStart";
/// `event_name` of `platform.initRuntimeDone`.
pub const INIT_RUNTIME_DONE: &str = "platform.initRuntimeDone";
/// `event_name` of an INIT_REPORT line or `platform.initReport`.
pub const INIT_REPORT: &str = "platform.initReport";
/// `event_name` of a RESTORE_START line or `platform.restoreStart`.
pub const RESTORE_START: &str = "platform.restoreStart";
/// `event_name` of a RESTORE_REPORT line or `platform.restoreReport`.
pub const RESTORE_REPORT: &str = "platform.restoreReport";
/// `event_name` of "Task timed out after 3.00 seconds".
pub const TIMEOUT: &str = "platform.timeout";
/// `event_name` of "Runtime exited with error…" and `platform.fault`.
pub const FAULT: &str = "platform.fault";
/// `event_name` of any other platform line (EXTENSION, LOGS, TELEMETRY…): told by its own word.
pub const EXTENSION: &str = "platform.extension";

/// Duration, milliseconds.
pub const DURATION_MS: &str = "aws.lambda.duration_ms";
/// Billed duration, milliseconds.
pub const BILLED_DURATION_MS: &str = "aws.lambda.billed_duration_ms";
/// Memory size, MB.
pub const MEMORY_SIZE_MB: &str = "aws.lambda.memory_size_mb";
/// Most memory used, MB.
pub const MAX_MEMORY_USED_MB: &str = "aws.lambda.max_memory_used_mb";
/// Init duration, milliseconds.
pub const INIT_DURATION_MS: &str = "aws.lambda.init_duration_ms";
/// SnapStart restore, milliseconds.
pub const RESTORE_DURATION_MS: &str = "aws.lambda.restore_duration_ms";
/// Billed SnapStart restore, milliseconds.
pub const BILLED_RESTORE_DURATION_MS: &str = "aws.lambda.billed_restore_duration_ms";
/// `success`, `error`, `failure`, `timeout` as the platform says.
pub const STATUS: &str = "aws.lambda.status";
/// `init` or `invoke`: when an init ran.
pub const PHASE: &str = "aws.lambda.phase";
/// `on-demand`, `provisioned-concurrency`, `snap-start`…
pub const INITIALIZATION_TYPE: &str = "aws.lambda.initialization_type";
/// Runtime version, such as `python:3.11.v39`.
pub const RUNTIME_VERSION: &str = "aws.lambda.runtime_version";
/// Function name, where a line names it.
pub const FUNCTION_NAME: &str = "faas.name";
/// Version of the function.
pub const FUNCTION_VERSION: &str = "faas.version";
/// X-Ray trace, `1-8hex-24hex`.
pub const XRAY_TRACE_ID: &str = "aws.xray.trace_id";
/// X-Ray segment.
pub const XRAY_SEGMENT_ID: &str = "aws.xray.segment_id";
/// Error type as the platform names it.
pub const ERROR_TYPE: &str = "error.type";
/// Class of an exception that a function printed.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// Message of that exception.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// True when the exception left the handler: the runtime printed it, not the function.
pub const EXCEPTION_ESCAPED: &str = "exception.escaped";
/// True when no line of the file tells a time; the record's time then only gives the order.
pub const TIME_UNKNOWN: &str = "inquest.time_unknown";
/// True when the time is that of a neighbouring line or of an X-Ray id, not the line's own.
pub const TIME_ESTIMATED: &str = "inquest.time_estimated";
/// Prefix of a log stream name made for a file that names none.
pub const FILE_STREAM: &str = "file:";
