//! Columns of what histories and logs mean: executions, states, attempts, invocations.

use super::{field, id, int, maybe_double, maybe_int, maybe_text, maybe_time, text, time, truth};
use arrow::datatypes::{DataType, Field};

pub(super) fn executions() -> Vec<Field> {
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
        maybe_int(
            "cold_start_ns",
            "cold starts on the critical path, nanoseconds",
        ),
        maybe_int(
            "cost_picodollars",
            "cost as far as priced, 10^-12 USD; the positions are in costs",
        ),
        maybe_int(
            "wasted_picodollars",
            "the part of it spent on failed and repeated work",
        ),
        maybe_text("cost_confidence", "exact, estimated or partial"),
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

pub(super) fn states() -> Vec<Field> {
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

pub(super) fn attempts() -> Vec<Field> {
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

pub(super) fn invocations() -> Vec<Field> {
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
        maybe_int(
            "log_bytes",
            "bytes that CloudWatch Logs charges for its lines, those of the platform included",
        ),
    ]
}
