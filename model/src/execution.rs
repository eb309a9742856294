//! What a history means: execution ⊃ state ⊃ attempt, and the invocations of functions.
//!
//! These are the rows of the tables `executions`, `states`, `attempts` and `invocations`; their
//! fields are the columns, and `docs/tables.md` explains each. Nothing here names one engine.

use crate::{CoverageStatus, Span, SpanId, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// No terminal event and nobody said that it ended.
    #[default]
    Running,
    /// Ended well.
    Succeeded,
    /// Ended by a failure.
    Failed,
    /// Ended by its own time limit.
    TimedOut,
    /// Stopped from outside.
    Aborted,
    /// Waits for its map run to be redriven.
    PendingRedrive,
}

impl ExecutionStatus {
    /// All of them.
    pub const ALL: [ExecutionStatus; 6] = [
        ExecutionStatus::Running,
        ExecutionStatus::Succeeded,
        ExecutionStatus::Failed,
        ExecutionStatus::TimedOut,
        ExecutionStatus::Aborted,
        ExecutionStatus::PendingRedrive,
    ];

    /// Step Functions' word for it, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            ExecutionStatus::Running => "RUNNING",
            ExecutionStatus::Succeeded => "SUCCEEDED",
            ExecutionStatus::Failed => "FAILED",
            ExecutionStatus::TimedOut => "TIMED_OUT",
            ExecutionStatus::Aborted => "ABORTED",
            ExecutionStatus::PendingRedrive => "PENDING_REDRIVE",
        }
    }

    /// The inverse of [`as_str`](Self::as_str); `None` for a word it does not know.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "RUNNING" => ExecutionStatus::Running,
            "SUCCEEDED" => ExecutionStatus::Succeeded,
            "FAILED" => ExecutionStatus::Failed,
            "TIMED_OUT" => ExecutionStatus::TimedOut,
            "ABORTED" => ExecutionStatus::Aborted,
            "PENDING_REDRIVE" => ExecutionStatus::PendingRedrive,
            _ => return None,
        })
    }

    /// True when nothing more is to be expected, short of a redrive.
    pub fn is_terminal(self) -> bool {
        !matches!(
            self,
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive
        )
    }
}

/// How a state visit, an iteration, a branch or an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// No end was seen, and the execution has not ended.
    #[default]
    Running,
    /// Ended well.
    Succeeded,
    /// Failed. A state that failed and was left through a Catch has failed, too.
    Failed,
    /// Ran out of time.
    TimedOut,
    /// Cut off because something else failed or stopped the execution.
    Aborted,
    /// The data has no end for it although the execution ended (a partial trace).
    Unknown,
}

impl Status {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
            Status::Unknown => "UNKNOWN",
        }
    }

    /// True for a failure of its own: failed or timed out.
    pub fn is_failure(self) -> bool {
        matches!(self, Status::Failed | Status::TimedOut)
    }
}

/// One run of a workflow: a row of `executions`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Execution {
    /// Its ARN, or the id that stands for it.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// Its root span.
    pub span_id: SpanId,
    /// Engine, such as `aws.step_functions`.
    pub engine: String,
    /// Name of the state machine; empty if nothing says it.
    pub state_machine: String,
    /// ARN of the state machine.
    pub state_machine_arn: Option<String>,
    /// Version (the number at the end of the version ARN).
    pub state_machine_version: Option<String>,
    /// Alias it was started through.
    pub state_machine_alias: Option<String>,
    /// Name of the execution.
    pub name: String,
    /// Status.
    pub status: ExecutionStatus,
    /// Start.
    pub start_time: UnixNanos,
    /// End; `None` while it runs or if the end is not known.
    pub end_time: Option<UnixNanos>,
    /// End minus start.
    pub duration_ns: Option<i64>,
    /// Error name of the terminal event; `None` if it says nothing.
    pub error: Option<String>,
    /// Cause of the terminal event.
    pub cause: Option<String>,
    /// The state that failed.
    pub failing_state: Option<String>,
    /// Error name of the failure that explains the end.
    pub root_error: Option<String>,
    /// Cause text of that failure.
    pub root_cause: Option<String>,
    /// The state of that failure.
    pub root_state: Option<String>,
    /// Id of the event of that failure.
    pub root_event_id: Option<u64>,
    /// Number of `…StateEntered` events.
    pub states_entered: u32,
    /// Number of TaskScheduled, LambdaFunctionScheduled and ActivityScheduled events.
    pub attempts: u32,
    /// Those attempts that follow a failure of the same state visit.
    pub retries: u32,
    /// Repeated starts of a Map or Parallel.
    pub block_retries: u32,
    /// Number of MapIterationStarted events.
    pub iterations: u32,
    /// Number of MapIterationFailed events.
    pub iterations_failed: u32,
    /// Number of MapRunStarted events (Distributed Map).
    pub map_runs: u32,
    /// State visits that failed and were left through a Catch.
    pub caught_failures: u32,
    /// Joined invocations that started cold.
    pub cold_starts: u32,
    /// Nanoseconds of cold starts on the critical path.
    pub cold_start_ns: Option<i64>,
    /// What it cost as far as priced, pico-dollars.
    pub cost_picodollars: Option<i64>,
    /// The part of it spent on failed and repeated work, pico-dollars.
    pub wasted_picodollars: Option<i64>,
    /// `exact`, `estimated` or `partial`.
    pub cost_confidence: Option<String>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// Number of events held.
    pub events: u32,
    /// True when every event from the first to the terminal one is held.
    pub complete: bool,
    /// What is missing, in words; `None` when `complete`.
    pub incomplete_reason: Option<String>,
    /// `history`, `logs` or `history+logs`.
    pub source: String,
    /// AWS Region of the ARN.
    pub region: Option<String>,
    /// AWS account of the ARN.
    pub account: Option<String>,
    /// The execution that started this one, if known.
    pub parent_execution_arn: Option<String>,
    /// The map run that this execution is a child of.
    pub map_run_arn: Option<String>,
    /// The state machine definition as it ran, JSON text, if known.
    pub definition: Option<String>,
    /// Input, JSON text.
    pub input: Option<String>,
    /// Output, JSON text.
    pub output: Option<String>,
    /// Whether everything that must exist of it has arrived.
    pub coverage: CoverageStatus,
    /// Events that must exist: up to the last one that is known of.
    pub expected_events: u32,
    /// Lambda invocations that must exist, those of its child executions included.
    pub expected_invocations: u32,
    /// Those of them whose REPORT is held.
    pub received_invocations: u32,
    /// Executions that it started, children of its map runs included.
    pub expected_executions: u32,
    /// Those of them that are held.
    pub received_executions: u32,
    /// ECS tasks and Batch jobs that it waited for.
    pub expected_jobs: u32,
    /// Those of them whose end is held.
    pub received_jobs: u32,
    /// Spans of applications that name a parent.
    pub expected_spans: u32,
    /// Those of them whose parent is held.
    pub received_spans: u32,
    /// What is missing: a JSON list of [`Missing`](crate::Missing); `None` when nothing is.
    pub missing: Option<String>,
}

/// One visit of a state: a row of `states`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The execution.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// The span of this visit.
    pub span_id: SpanId,
    /// The enclosing span: execution, iteration or branch.
    pub parent_span_id: SpanId,
    /// Name of the state machine.
    pub state_machine: String,
    /// Name of the state.
    pub state: String,
    /// `Task`, `Map`, `Parallel`, `Choice`, `Wait`, `Pass`, `Succeed`, `Fail`.
    pub state_type: String,
    /// Where it is: `Fan[3]/Charge` is state Charge in iteration 3 of Map Fan; `Split{1}/Audit` is in
    /// the second branch of Parallel Split.
    pub path: String,
    /// How the visit ended.
    pub status: Status,
    /// True when it failed and a Catch took over.
    pub caught: bool,
    /// Its error name.
    pub error: Option<String>,
    /// Its cause text.
    pub cause: Option<String>,
    /// Entered.
    pub start_time: UnixNanos,
    /// Exited, or cut off.
    pub end_time: Option<UnixNanos>,
    /// End minus start.
    pub duration_ns: Option<i64>,
    /// Attempts directly in this visit.
    pub attempts: u32,
    /// Those of them that are retries.
    pub retries: u32,
    /// Repeated starts of this Map or Parallel.
    pub block_retries: u32,
    /// Iterations started (Map).
    pub iterations: u32,
    /// The map run that it started (Distributed Map).
    pub map_run_arn: Option<String>,
    /// Index of the innermost enclosing Map iteration.
    pub iteration_index: Option<u32>,
    /// Index of the innermost enclosing Parallel branch, in order of first entry.
    pub branch_index: Option<u32>,
    /// Event that entered it.
    pub entered_event_id: u64,
    /// Event that left it.
    pub exited_event_id: Option<u64>,
    /// The execution's redrive count when it was entered.
    pub redrive_count: u32,
    /// Input, JSON text.
    pub input: Option<String>,
    /// Output, JSON text.
    pub output: Option<String>,
}

/// One try of a Task: a row of `attempts`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// The execution.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// The span of this attempt.
    pub span_id: SpanId,
    /// The span of the state visit.
    pub parent_span_id: SpanId,
    /// Name of the state machine.
    pub state_machine: String,
    /// Name of the state.
    pub state: String,
    /// Path of the state visit, as in [`State::path`].
    pub path: String,
    /// 1 for the first try of the visit, 2 for its first retry…
    pub attempt: u32,
    /// True when it follows a failure of the same visit.
    pub retry: bool,
    /// Wait between that failure and this try; `None` for a first try.
    pub backoff_ns: Option<i64>,
    /// `lambda`, `sqs`, `aws-sdk:s3`, `activity`…
    pub resource_type: String,
    /// `invoke`, `sendMessage.waitForTaskToken`, a function ARN, an activity ARN…
    pub resource: String,
    /// Lambda function name (no ARN, no qualifier), if it calls one and the name is known.
    pub function_name: Option<String>,
    /// Version or alias asked for.
    pub function_qualifier: Option<String>,
    /// Lambda's request id, if the answer or the cause carries it.
    pub request_id: Option<String>,
    /// True when `request_id` was read from a failure's cause.
    pub request_id_in_cause: bool,
    /// X-Ray trace root of the answer, `1-8hex-24hex`.
    pub xray_trace_id: Option<String>,
    /// The execution that this attempt started (`startExecution`).
    pub child_execution_arn: Option<String>,
    /// Id the started job has elsewhere (Batch job id, ECS task ARN, Glue run…).
    pub job_id: Option<String>,
    /// How it ended.
    pub status: Status,
    /// Its error name.
    pub error: Option<String>,
    /// Its cause text.
    pub cause: Option<String>,
    /// Scheduled.
    pub start_time: UnixNanos,
    /// Started by a worker or service.
    pub started_time: Option<UnixNanos>,
    /// Submitted (`.sync`, `.waitForTaskToken`): from here on it waits.
    pub submitted_time: Option<UnixNanos>,
    /// Ended.
    pub end_time: Option<UnixNanos>,
    /// End minus start.
    pub duration_ns: Option<i64>,
    /// Time limit asked for, seconds.
    pub timeout_seconds: Option<i64>,
    /// Heartbeat limit asked for, seconds.
    pub heartbeat_seconds: Option<i64>,
    /// Event that scheduled it.
    pub scheduled_event_id: u64,
    /// Event that ended it.
    pub end_event_id: Option<u64>,
    /// The execution's redrive count at that time.
    pub redrive_count: u32,
    /// Worker name of an activity.
    pub worker: Option<String>,
    /// What was sent, JSON text.
    pub input: Option<String>,
    /// What came back, JSON text.
    pub output: Option<String>,
}

/// Whether and how an invocation had to wait for its sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColdStart {
    /// An earlier invocation used the same sandbox.
    Warm,
    /// A new sandbox: its init was reported.
    Init,
    /// The sandbox was made new after a crash, time-out or kill; its init is not reported.
    SuppressedInit,
    /// Init failed and was repeated inside the invocation's own duration.
    FailedInit,
    /// Restored from a SnapStart snapshot.
    SnapstartRestore,
    /// Provisioned concurrency: the init happened before anyone waited.
    Provisioned,
    /// The log does not tell (its beginning is missing).
    #[default]
    Unknown,
}

impl ColdStart {
    /// The word stored in the `cold_start_kind` column.
    pub fn as_str(self) -> &'static str {
        match self {
            ColdStart::Warm => "warm",
            ColdStart::Init => "init",
            ColdStart::SuppressedInit => "suppressed_init",
            ColdStart::FailedInit => "failed_init",
            ColdStart::SnapstartRestore => "snapstart_restore",
            ColdStart::Provisioned => "provisioned",
            ColdStart::Unknown => "unknown",
        }
    }

    /// `Some(true)` when the caller waited for a sandbox, `None` when nobody knows.
    pub fn is_cold(self) -> Option<bool> {
        match self {
            ColdStart::Warm | ColdStart::Provisioned => Some(false),
            ColdStart::Unknown => None,
            _ => Some(true),
        }
    }
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvocationStatus {
    /// The function answered.
    Success,
    /// The function or its runtime failed.
    Error,
    /// The function ran out of time.
    Timeout,
    /// No END or REPORT seen.
    #[default]
    Unknown,
}

impl InvocationStatus {
    /// The word stored in the `status` column.
    pub fn as_str(self) -> &'static str {
        match self {
            InvocationStatus::Success => "success",
            InvocationStatus::Error => "error",
            InvocationStatus::Timeout => "timeout",
            InvocationStatus::Unknown => "unknown",
        }
    }
}

/// One run of a Lambda function: a row of `invocations`.
/// Identity: (request id, log stream, start), because async retries repeat the request id.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Invocation {
    /// A trace of its own, from its identity: joins say whose it is.
    pub trace_id: TraceId,
    /// Its span.
    pub span_id: SpanId,
    /// Lambda's request id.
    pub request_id: String,
    /// Function name.
    pub function_name: String,
    /// Version that ran.
    pub function_version: Option<String>,
    /// CloudWatch log group.
    pub log_group: String,
    /// CloudWatch log stream: the sandbox.
    pub log_stream: String,
    /// START line, or the end minus the duration.
    pub start_time: UnixNanos,
    /// END, REPORT or timeout line; `None` if none was seen.
    pub end_time: Option<UnixNanos>,
    /// `Duration` as reported.
    pub duration_ns: Option<i64>,
    /// `Billed Duration`, milliseconds.
    pub billed_duration_ms: Option<f64>,
    /// `Memory Size`, MB.
    pub memory_size_mb: Option<i64>,
    /// `Max Memory Used`, MB.
    pub max_memory_used_mb: Option<i64>,
    /// `Init Duration`, milliseconds; for a failed init the one inside the duration.
    pub init_duration_ms: Option<f64>,
    /// `Restore Duration`, milliseconds.
    pub restore_duration_ms: Option<f64>,
    /// `Billed Restore Duration`, milliseconds.
    pub billed_restore_duration_ms: Option<f64>,
    /// Cold start and its kind.
    pub cold_start: ColdStart,
    /// Why the cold start was judged so, in words.
    pub cold_start_reason: String,
    /// Outcome.
    pub status: InvocationStatus,
    /// Error type, such as `Runtime.OutOfMemory` or the exception's class.
    pub error_type: Option<String>,
    /// Error message.
    pub error_message: Option<String>,
    /// Runtime version, such as `python:3.11.v39`.
    pub runtime_version: Option<String>,
    /// X-Ray trace, `1-8hex-24hex`.
    pub xray_trace_id: Option<String>,
    /// X-Ray segment.
    pub xray_segment_id: Option<String>,
    /// 1 for the first time this request id ran, 2 and more for async retries.
    pub request_attempt: u32,
    /// Number of log lines the function printed in it.
    pub log_lines: u32,
    /// Bytes that CloudWatch Logs charges for its lines, those of the platform included.
    pub log_bytes: Option<i64>,
}

/// An execution with everything that its history says: what the builder makes of events.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WorkflowTrace {
    /// The execution.
    pub execution: Execution,
    /// Its state visits, by entered event.
    pub states: Vec<State>,
    /// Its attempts, by scheduled event.
    pub attempts: Vec<Attempt>,
    /// The same as spans: execution, states, attempts, and the iterations and branches between.
    pub spans: Vec<Span>,
    /// State name per event id, for the `state` column of `events`.
    pub event_states: Vec<(u64, String)>,
}
