//! The tables: what their rows are, their columns, and how rows of each may change.
//!
//! A column's *physical* type is what lies in the Parquet files and in `RecordBatch`es; its *logical*
//! type, in the field metadata under [`LOGICAL`], is what SQL shows: binary ids as hex text, `Int64`
//! nanoseconds as timestamps. The comment, under [`COMMENT`], is what `docs/tables.md` and
//! `/api/v1/schema` print.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::{collections::HashMap, sync::Arc};

/// Metadata key of a column's explanation.
pub const COMMENT: &str = "inquest.comment";
/// Metadata key of a column's logical type: [`HEX`], [`TIMESTAMP`] or absent (as it lies).
pub const LOGICAL: &str = "inquest.logical";
/// Binary shown as lower-case hex text.
pub const HEX: &str = "hex";
/// `Int64` nanoseconds since the epoch, shown as a timestamp in UTC.
pub const TIMESTAMP: &str = "timestamp";
/// Name prefix of promoted attribute columns: `attributes.http.route`.
pub const ATTRIBUTE_PREFIX: &str = "attributes.";

/// The tables, each a folder of Parquet files of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row per execution.
    Executions,
    /// One row per visit of a state.
    States,
    /// One row per try of a task.
    Attempts,
    /// One row per Lambda invocation.
    Invocations,
    /// One row per history event.
    Events,
    /// One row per span, received or derived.
    Spans,
    /// One row per log record.
    Logs,
    /// One row per "this happened inside that".
    Joins,
    /// Descriptions of executions and definitions of state machines, as they came.
    Documents,
    /// One row per execution that was judged.
    Verdicts,
}

impl Table {
    /// All of them.
    pub const ALL: [Table; 10] = [
        Table::Executions,
        Table::States,
        Table::Attempts,
        Table::Invocations,
        Table::Events,
        Table::Spans,
        Table::Logs,
        Table::Joins,
        Table::Documents,
        Table::Verdicts,
    ];

    /// Name in SQL and of the folder.
    pub fn name(self) -> &'static str {
        match self {
            Table::Executions => "executions",
            Table::States => "states",
            Table::Attempts => "attempts",
            Table::Invocations => "invocations",
            Table::Events => "events",
            Table::Spans => "spans",
            Table::Logs => "logs",
            Table::Joins => "joins",
            Table::Documents => "documents",
            Table::Verdicts => "verdicts",
        }
    }

    /// True for tables whose rows are events that end at some time, and so can be counted.
    pub fn is_counted(self) -> bool {
        matches!(
            self,
            Table::Executions | Table::States | Table::Attempts | Table::Invocations | Table::Spans
        )
    }

    /// What a row is.
    pub fn comment(self) -> &'static str {
        match self {
            Table::Executions => "one row per workflow execution",
            Table::States => "one row per visit of a state",
            Table::Attempts => "one row per try of a Task state: first tries and retries",
            Table::Invocations => "one row per Lambda invocation, from the function's log",
            Table::Events => "one row per event of an execution's history",
            Table::Spans => {
                "one row per span: received over OTLP, or derived from a history or a Lambda log"
            }
            Table::Logs => {
                "one row per log record: received over OTLP, or read from CloudWatch Logs"
            }
            Table::Joins => "one row per \"this happened inside that\", with method and confidence",
            Table::Documents => "descriptions of executions and state machines, as they came",
            Table::Verdicts => {
                "one row per judged execution: who did it, what proves it, who did not"
            }
        }
    }

    /// The column by which rows are found without a time range, and by which blocks are sorted.
    pub fn key(self) -> &'static str {
        match self {
            Table::Logs => "log_id",
            _ => "trace_id",
        }
    }

    /// The time column that decides the day partition.
    pub fn time(self) -> Option<&'static str> {
        match self {
            Table::Executions
            | Table::States
            | Table::Attempts
            | Table::Invocations
            | Table::Spans
            | Table::Verdicts => Some("start_time"),
            Table::Events | Table::Logs => Some("time"),
            Table::Joins | Table::Documents => None,
        }
    }

    /// The columns every file has; attribute columns follow them.
    pub fn schema(self) -> SchemaRef {
        Arc::new(Schema::new(match self {
            Table::Executions => executions(),
            Table::States => states(),
            Table::Attempts => attempts(),
            Table::Invocations => invocations(),
            Table::Events => events(),
            Table::Spans => spans(),
            Table::Logs => logs(),
            Table::Joins => joins(),
            Table::Documents => documents(),
            Table::Verdicts => verdicts(),
        }))
    }
}

fn field(name: &str, data_type: DataType, nullable: bool, comment: &str) -> Field {
    Field::new(name, data_type, nullable)
        .with_metadata(HashMap::from([(COMMENT.to_owned(), comment.to_owned())]))
}
fn logical(name: &str, data_type: DataType, nullable: bool, kind: &str, comment: &str) -> Field {
    Field::new(name, data_type, nullable).with_metadata(HashMap::from([
        (COMMENT.to_owned(), comment.to_owned()),
        (LOGICAL.to_owned(), kind.to_owned()),
    ]))
}
fn id(name: &str, comment: &str) -> Field {
    logical(name, DataType::Binary, false, HEX, comment)
}
fn time(name: &str, comment: &str) -> Field {
    logical(name, DataType::Int64, false, TIMESTAMP, comment)
}
fn maybe_time(name: &str, comment: &str) -> Field {
    logical(name, DataType::Int64, true, TIMESTAMP, comment)
}
fn text(name: &str, comment: &str) -> Field {
    field(name, DataType::Utf8, false, comment)
}
fn maybe_text(name: &str, comment: &str) -> Field {
    field(name, DataType::Utf8, true, comment)
}
fn int(name: &str, comment: &str) -> Field {
    field(name, DataType::Int64, false, comment)
}
fn maybe_int(name: &str, comment: &str) -> Field {
    field(name, DataType::Int64, true, comment)
}
fn maybe_double(name: &str, comment: &str) -> Field {
    field(name, DataType::Float64, true, comment)
}
fn truth(name: &str, comment: &str) -> Field {
    field(name, DataType::Boolean, false, comment)
}

fn double(name: &str, comment: &str) -> Field {
    field(name, DataType::Float64, false, comment)
}

fn executions() -> Vec<Field> {
    vec![
        text(
            "execution_arn",
            "ARN of the execution, or the id made for a history that names none",
        ),
        id(
            "trace_id",
            "its trace: SHA-256 of the ARN, see docs/decisions",
        ),
        id("span_id", "its root span"),
        text(
            "engine",
            "the engine that ran it, such as aws.step_functions",
        ),
        text(
            "state_machine",
            "name of the state machine, empty if nothing says it",
        ),
        maybe_text("state_machine_arn", "ARN of the state machine"),
        maybe_text(
            "state_machine_version",
            "version number it was started with",
        ),
        maybe_text("state_machine_alias", "alias it was started through"),
        text("name", "name of the execution"),
        text(
            "status",
            "RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE",
        ),
        time("start_time", "when it started"),
        maybe_time(
            "end_time",
            "when it ended; null while it runs or when the end is unknown",
        ),
        maybe_int("duration_ns", "end minus start, nanoseconds"),
        maybe_text(
            "error",
            "error name of the terminal event; null if it says nothing",
        ),
        maybe_text("cause", "cause of the terminal event"),
        maybe_text("failing_state", "the state that failed"),
        maybe_text(
            "root_error",
            "error of the failure that explains the end; behind a Catch it is earlier than the terminal one",
        ),
        maybe_text("root_cause", "cause text of that failure"),
        maybe_text("root_state", "state of that failure"),
        maybe_int("root_event_id", "event id of that failure"),
        int("states_entered", "number of StateEntered events"),
        int(
            "attempts",
            "number of TaskScheduled, LambdaFunctionScheduled and ActivityScheduled events",
        ),
        int(
            "retries",
            "those attempts that follow a failure of the same state visit",
        ),
        int("block_retries", "repeated starts of a Map or Parallel"),
        int("iterations", "number of MapIterationStarted events"),
        int("iterations_failed", "number of MapIterationFailed events"),
        int("map_runs", "number of MapRunStarted events"),
        int(
            "caught_failures",
            "state visits that failed and were left through a Catch",
        ),
        int("cold_starts", "joined invocations that started cold"),
        int("redrive_count", "how often it was redriven"),
        int("events", "number of events held"),
        truth(
            "complete",
            "true when every event from the first to the terminal one is held",
        ),
        maybe_text("incomplete_reason", "what is missing, in words"),
        text("source", "history, logs or history+logs"),
        maybe_text("region", "AWS Region of the ARN"),
        maybe_text("account", "AWS account of the ARN"),
        maybe_text(
            "parent_execution_arn",
            "the execution that started this one, if known",
        ),
        maybe_text("map_run_arn", "the map run this execution is a child of"),
        maybe_text("definition", "state machine definition as it ran, JSON"),
        maybe_text("input", "input, JSON"),
        maybe_text("output", "output, JSON"),
        text(
            "coverage",
            "complete: everything that must exist has arrived; partial: it has ended and something is missing; pending: it has not ended",
        ),
        int(
            "expected_events",
            "events that must exist; events says how many do",
        ),
        int(
            "expected_invocations",
            "Lambda invocations that must exist, those of child executions included",
        ),
        int("received_invocations", "those of them whose REPORT is held"),
        int(
            "expected_executions",
            "executions that it started, children of its map runs included",
        ),
        int("received_executions", "those of them that are held"),
        int(
            "expected_jobs",
            "ECS tasks and Batch jobs that it waited for",
        ),
        int("received_jobs", "those of them whose end is held"),
        int("expected_spans", "spans of applications that name a parent"),
        int("received_spans", "those of them whose parent is held"),
        maybe_text(
            "missing",
            "what is missing: JSON list of kind, id, place, count and reason",
        ),
    ]
}

fn states() -> Vec<Field> {
    vec![
        text("execution_arn", "the execution"),
        id("trace_id", "its trace"),
        id("span_id", "the span of this visit"),
        id(
            "parent_span_id",
            "the span of the execution, iteration or branch around it",
        ),
        text("state_machine", "name of the state machine"),
        text("state", "name of the state"),
        text(
            "state_type",
            "Task, Map, Parallel, Choice, Wait, Pass, Succeed or Fail",
        ),
        text(
            "path",
            "place in the tree: Fan[3]/Charge is state Charge in iteration 3 of Map Fan, Split{1}/Audit in the second branch of Parallel Split",
        ),
        text(
            "status",
            "RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or UNKNOWN",
        ),
        truth("caught", "it failed and a Catch took over"),
        maybe_text("error", "its error name"),
        maybe_text("cause", "its cause text"),
        time("start_time", "when it was entered"),
        maybe_time("end_time", "when it was left or cut off"),
        maybe_int("duration_ns", "end minus start, nanoseconds"),
        int("attempts", "attempts directly in this visit"),
        int("retries", "those of them that are retries"),
        int("block_retries", "repeated starts of this Map or Parallel"),
        int("iterations", "iterations started (Map)"),
        maybe_text(
            "map_run_arn",
            "the map run that it started (Distributed Map)",
        ),
        maybe_int(
            "iteration_index",
            "index of the innermost enclosing Map iteration",
        ),
        maybe_int(
            "branch_index",
            "index of the innermost enclosing Parallel branch",
        ),
        int("entered_event_id", "event that entered it"),
        maybe_int("exited_event_id", "event that left it"),
        int(
            "redrive_count",
            "redrive count of the execution when it was entered",
        ),
        maybe_text("input", "input, JSON"),
        maybe_text("output", "output, JSON"),
    ]
}

fn attempts() -> Vec<Field> {
    vec![
        text("execution_arn", "the execution"),
        id("trace_id", "its trace"),
        id("span_id", "the span of this attempt"),
        id("parent_span_id", "the span of the state visit"),
        text("state_machine", "name of the state machine"),
        text("state", "name of the state"),
        text("path", "place of the state visit in the tree"),
        int(
            "attempt",
            "1 for the first try of the visit, 2 for its first retry",
        ),
        truth("retry", "it follows a failure of the same visit"),
        maybe_int(
            "backoff_ns",
            "wait between that failure and this try, nanoseconds",
        ),
        text("resource_type", "lambda, sqs, aws-sdk:s3, activity…"),
        text("resource", "invoke, sendMessage.waitForTaskToken, an ARN…"),
        maybe_text("function_name", "Lambda function it calls"),
        maybe_text("function_qualifier", "version or alias it asks for"),
        maybe_text(
            "request_id",
            "Lambda request id that its answer or cause carries",
        ),
        truth(
            "request_id_in_cause",
            "the request id was read from a failure's cause",
        ),
        maybe_text("xray_trace_id", "X-Ray trace of its answer"),
        maybe_text("child_execution_arn", "execution that it started"),
        maybe_text(
            "job_id",
            "id of the job it started (Batch job, ECS task ARN…)",
        ),
        text(
            "status",
            "RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or UNKNOWN",
        ),
        maybe_text("error", "its error name"),
        maybe_text("cause", "its cause text"),
        time("start_time", "when it was scheduled"),
        maybe_time("started_time", "when a worker or service started it"),
        maybe_time(
            "submitted_time",
            "when it was submitted; from then on it waits for a job or a token",
        ),
        maybe_time("end_time", "when it ended"),
        maybe_int("duration_ns", "end minus start, nanoseconds"),
        maybe_int("timeout_seconds", "its time limit, seconds"),
        maybe_int("heartbeat_seconds", "its heartbeat limit, seconds"),
        int("scheduled_event_id", "event that scheduled it"),
        maybe_int("end_event_id", "event that ended it"),
        int(
            "redrive_count",
            "redrive count of the execution at that time",
        ),
        maybe_text("worker", "worker of an activity"),
        maybe_text("input", "what was sent, JSON"),
        maybe_text("output", "what came back, JSON"),
    ]
}

fn invocations() -> Vec<Field> {
    vec![
        id("trace_id", "a trace of its own; joins say whose it is"),
        id("span_id", "its span"),
        text("request_id", "Lambda request id; async retries repeat it"),
        text("function_name", "function"),
        maybe_text("function_version", "version that ran"),
        text("log_group", "CloudWatch log group"),
        text("log_stream", "CloudWatch log stream: one sandbox"),
        time("start_time", "START line, or the end minus the duration"),
        maybe_time("end_time", "END, REPORT or timeout line"),
        maybe_int("duration_ns", "reported duration, nanoseconds"),
        maybe_double("billed_duration_ms", "billed duration, milliseconds"),
        maybe_int("memory_size_mb", "memory size, MB"),
        maybe_int("max_memory_used_mb", "most memory used, MB"),
        maybe_double("init_duration_ms", "init, milliseconds"),
        maybe_double("restore_duration_ms", "SnapStart restore, milliseconds"),
        maybe_double(
            "billed_restore_duration_ms",
            "billed SnapStart restore, milliseconds",
        ),
        field(
            "cold_start",
            DataType::Boolean,
            true,
            "the caller waited for a sandbox; null when nobody knows",
        ),
        text(
            "cold_start_kind",
            "warm, init, suppressed_init, failed_init, snapstart_restore, provisioned or unknown",
        ),
        text("cold_start_reason", "why it was judged so"),
        text("status", "success, error, timeout or unknown"),
        maybe_text("error_type", "error type"),
        maybe_text("error_message", "error message"),
        maybe_text("runtime_version", "runtime version"),
        maybe_text("xray_trace_id", "X-Ray trace"),
        maybe_text("xray_segment_id", "X-Ray segment"),
        int(
            "request_attempt",
            "1 for the first run of this request id, more for async retries",
        ),
        int("log_lines", "lines the function printed"),
    ]
}

fn events() -> Vec<Field> {
    vec![
        id("trace_id", "trace of the execution"),
        text("execution_arn", "the execution"),
        text("engine", "the engine"),
        int("redrive_count", "redrive count at that time"),
        int("event_id", "id in the history, from 1"),
        int("previous_event_id", "the event that caused it, 0 for none"),
        text("event_type", "such as TaskStateEntered"),
        time("time", "when"),
        maybe_text("state", "the state it is about"),
        text("details", "details, JSON"),
        text("source", "history or logs"),
    ]
}

fn spans() -> Vec<Field> {
    vec![
        id("trace_id", "trace"),
        id("span_id", "span"),
        logical(
            "parent_span_id",
            DataType::Binary,
            true,
            HEX,
            "enclosing span; null for a root",
        ),
        text("service_name", "service.name of the resource"),
        text("name", "what was done"),
        text(
            "kind",
            "unspecified, internal, server, client, producer or consumer",
        ),
        time("start_time", "when it began"),
        int("duration_ns", "nanoseconds"),
        text("status_code", "unset, ok or error"),
        maybe_text("status_message", "status in words"),
        maybe_text("scope_name", "instrumentation scope"),
        maybe_text("scope_version", "version of the scope"),
        maybe_text("trace_state", "W3C tracestate"),
        field("flags", DataType::Int64, true, "OTLP span flags"),
        text(
            "source",
            "otlp, zipkin, xray, access_log, workflow or lambda",
        ),
        maybe_text("resource", "other attributes of the resource, JSON object"),
        maybe_text("events", "events, JSON array of {time, name, attributes}"),
        maybe_text(
            "links",
            "links, JSON array of {trace_id, span_id, attributes}",
        ),
        maybe_text(
            "attributes",
            "attributes that have no column of their own, JSON object",
        ),
    ]
}

fn logs() -> Vec<Field> {
    vec![
        id(
            "log_id",
            "identity: the same record delivered again has the same",
        ),
        time("time", "when it happened"),
        maybe_time("observed_time", "when a collector saw it"),
        int("severity_number", "OTLP severity, 1 to 24, 0 if unknown"),
        maybe_text("severity_text", "severity as written"),
        text("body", "message"),
        logical("trace_id", DataType::Binary, true, HEX, "trace it names"),
        logical("span_id", DataType::Binary, true, HEX, "span it names"),
        maybe_text("event_name", "OTLP event name"),
        text("service_name", "service, or the function"),
        maybe_text("scope_name", "instrumentation scope"),
        text("source", "otlp, lambda, lambda_platform or cloudwatch"),
        maybe_text("log_group", "CloudWatch log group"),
        maybe_text("log_stream", "CloudWatch log stream"),
        maybe_text("request_id", "Lambda request id it belongs to"),
        maybe_text("resource", "other attributes of the resource, JSON object"),
        maybe_text(
            "attributes",
            "attributes that have no column of their own, JSON object",
        ),
    ]
}

fn joins() -> Vec<Field> {
    vec![
        id(
            "trace_id",
            "trace of the execution in which the child is shown",
        ),
        text(
            "execution_arn",
            "that execution; empty if the parent is no execution's",
        ),
        text("parent_kind", "attempt, invocation, execution or span"),
        id("parent_trace_id", "trace of the enclosing span"),
        id("parent_span_id", "the enclosing span"),
        text("child_kind", "invocation, execution or span"),
        id("child_trace_id", "trace of the enclosed span"),
        id("child_span_id", "the enclosed span"),
        text(
            "method",
            "request_id, request_id_in_cause, trace_context, invocation_id, execution_arn or function_and_time",
        ),
        field(
            "confidence",
            DataType::Float64,
            false,
            "0 to 1; 1 only for a key that identifies",
        ),
        int("candidates", "how many children were possible"),
        truth("ambiguous", "more than one was possible"),
        text("evidence", "the key or window that matched"),
    ]
}

fn documents() -> Vec<Field> {
    vec![
        id("trace_id", "trace of the execution it belongs to"),
        text("execution_arn", "that execution"),
        text("engine", "the engine"),
        text("kind", "execution, state_machine or map_run"),
        text("body", "the document, JSON"),
    ]
}

fn verdicts() -> Vec<Field> {
    vec![
        id("trace_id", "the execution's trace"),
        text("execution", "ARN of the execution"),
        text("state_machine", "name of the state machine"),
        text("name", "name of the execution"),
        time("start_time", "when the execution started"),
        int(
            "version",
            "counts from 1; late facts that change the verdict give it the next number",
        ),
        text("outcome", "verdict, no_crime or cold_case"),
        maybe_text(
            "culprit_kind",
            "function, state, service, state_machine, host, job, item…",
        ),
        maybe_text("culprit_name", "the culprit's own name"),
        maybe_text("culprit", "kind, name and path of the culprit, JSON object"),
        maybe_text(
            "category",
            "latency, error, cold_start, capacity, timeout_config, memory, bad_deploy, data_size, bad_input, permission, infrastructure, network_config, lost_message or silent_data",
        ),
        text("mechanism", "how it came about, in words"),
        text("fatality", "fatal, survived, masked or none"),
        double("confidence", "0 to 1, calibrated"),
        maybe_text("changed", "what changed shortly before"),
        maybe_text("but_for", "what would have happened without it"),
        text(
            "exhibits",
            "what proves it, in causal order: JSON array of {source, ref, at, text}",
        ),
        text(
            "cleared",
            "who did not do it: JSON array of {kind, name, reason, ref}",
        ),
        text(
            "suspects",
            "who may have done it, best first: JSON array of {kind, name, category, score}",
        ),
        text(
            "missing",
            "the evidence that would decide: JSON array of texts",
        ),
    ]
}
