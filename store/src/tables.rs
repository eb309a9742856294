//! The tables: what their rows are, their columns, and how rows of each may change.
//!
//! A column's *physical* type is what lies in the Parquet files and in `RecordBatch`es; its *logical*
//! type, in the field metadata under [`LOGICAL`], is what SQL shows: binary ids as hex text, `Int64`
//! nanoseconds as timestamps. The comment, under [`COMMENT`], is what `docs/tables.md` and
//! `/api/v1/schema` print.

mod accounts;
mod hops;
mod workflow;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

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
    /// One row per request at a proxy.
    Hops,
    /// Descriptions of executions and definitions of state machines, as they came.
    Documents,
    /// One row per execution that was judged.
    Verdicts,
    /// One row per execution, category and state: where the time went.
    Ledger,
    /// One row per piece of an execution's critical path.
    CriticalPath,
    /// One row per position of an execution's bill.
    Costs,
    /// One row per deployment or other change.
    Changes,
    /// One row per ECS task or Batch job.
    Jobs,
}

impl Table {
    /// All of them.
    pub const ALL: [Table; 16] = [
        Table::Executions,
        Table::States,
        Table::Attempts,
        Table::Invocations,
        Table::Events,
        Table::Spans,
        Table::Logs,
        Table::Joins,
        Table::Hops,
        Table::Documents,
        Table::Verdicts,
        Table::Ledger,
        Table::CriticalPath,
        Table::Costs,
        Table::Changes,
        Table::Jobs,
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
            Table::Hops => "hops",
            Table::Documents => "documents",
            Table::Verdicts => "verdicts",
            Table::Ledger => "ledger",
            Table::CriticalPath => "critical_path",
            Table::Costs => "costs",
            Table::Changes => "changes",
            Table::Jobs => "jobs",
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
            Table::Hops => {
                "one row per request at a proxy: what it did with it and how that ended, in words"
            }
            Table::Documents => "descriptions of executions and state machines, as they came",
            Table::Jobs => "one row per ECS task or Batch job, with its waits and phases",
            Table::Verdicts => {
                "one row per judged execution: who did it, what proves it, who did not"
            }
            Table::Ledger => {
                "where the wall clock of an execution went: its rows add up to the duration"
            }
            Table::CriticalPath => {
                "what the end of an execution waited for, piece by piece, without gap or overlap"
            }
            Table::Costs => "one row per position of an execution's bill",
            Table::Changes => "deployments and other changes, told or derived",
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
            | Table::Hops
            | Table::Jobs
            | Table::Verdicts
            | Table::Ledger
            | Table::CriticalPath
            | Table::Costs => Some("start_time"),
            Table::Events | Table::Logs | Table::Changes => Some("time"),
            Table::Joins | Table::Documents => None,
        }
    }

    /// The columns every file has; attribute columns follow them.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<HashMap<Table, SchemaRef>> = LazyLock::new(|| {
            let schema = |table: Table| (table, Arc::new(Schema::new(table.columns())));
            Table::ALL.map(schema).into()
        });
        SCHEMAS[&self].clone()
    }

    fn columns(self) -> Vec<Field> {
        match self {
            Table::Executions => workflow::executions(),
            Table::States => workflow::states(),
            Table::Attempts => workflow::attempts(),
            Table::Invocations => workflow::invocations(),
            Table::Events => events(),
            Table::Spans => spans(),
            Table::Logs => logs(),
            Table::Joins => joins(),
            Table::Hops => hops::columns(),
            Table::Documents => documents(),
            Table::Verdicts => verdicts(),
            Table::Ledger => accounts::ledger(),
            Table::CriticalPath => accounts::critical_path(),
            Table::Costs => accounts::costs(),
            Table::Changes => accounts::changes(),
            Table::Jobs => jobs(),
        }
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
        text(
            "source",
            "otlp, lambda, lambda_platform, cloudwatch or access_log",
        ),
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

fn jobs() -> Vec<Field> {
    vec![
        text(
            "job_id",
            "ARN of the ECS task, or id of the Batch job; <parent>:<n> for the child of an array",
        ),
        id("trace_id", "a trace of its own; joins say whose it is"),
        id("span_id", "its span"),
        text("service", "ecs or batch"),
        text("name", "name of the job, or family of the task"),
        maybe_text("queue", "job queue, or cluster"),
        maybe_text("definition", "job definition, or task definition"),
        maybe_text("image", "image of its first container"),
        text(
            "status",
            "the service's own word, such as STOPPED or FAILED",
        ),
        truth(
            "failed",
            "it failed, by its status or by the exit code of a container",
        ),
        maybe_text("reason", "why it stopped, in the service's words"),
        maybe_text("stop_code", "stopCode of ECS"),
        maybe_int(
            "exit_code",
            "exit code of its container; none if it was never reported, as when its host went away",
        ),
        truth("spot_reclaimed", "its Spot capacity was taken back"),
        int("attempts", "tries (Batch); 1 for a task"),
        maybe_int("array_size", "children of an array job"),
        maybe_int("array_index", "its place in the array"),
        maybe_text("parent_job_id", "the array that it is a child of"),
        maybe_text("depends_on", "jobs that it waited for, JSON list of ids"),
        maybe_text("log_stream", "CloudWatch log stream"),
        time("start_time", "when it was created"),
        maybe_time("run_time", "when its container began to run"),
        maybe_time("end_time", "when it stopped"),
        maybe_int("duration_ns", "end minus start, nanoseconds"),
        maybe_int(
            "queue_ns",
            "in the queue until a host was found (Batch), nanoseconds",
        ),
        maybe_int(
            "provision_ns",
            "from its creation until the image pull began (ECS), nanoseconds",
        ),
        maybe_int("pull_ns", "pulling the image (ECS), nanoseconds"),
        maybe_int(
            "boot_ns",
            "from the pull, or from the host, until its container ran, nanoseconds",
        ),
        maybe_int("run_ns", "running, nanoseconds"),
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
