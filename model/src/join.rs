//! A join is a fact of its own: "these two records are about the same thing", with the method by
//! which that was found and how sure it is. Spans and logs are never rewritten for it.

use crate::{SpanId, TraceId};
use serde::{Deserialize, Serialize};

/// How two records were found to belong together, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinMethod {
    /// The attempt's answer carries Lambda's request id.
    RequestId,
    /// The failure's cause text carries Lambda's request id.
    RequestIdInCause,
    /// Both sides carry the same trace context (X-Ray root, traceparent).
    TraceContext,
    /// An application's span names the invocation it ran in (`faas.invocation_id`).
    InvocationId,
    /// The parent names the child execution's ARN.
    ExecutionArn,
    /// The attempt's answer names the ECS task or Batch job; or the array names its child.
    JobId,
    /// The child execution names the map run that a Map state started.
    MapRun,
    /// Same function, and the invocation started inside the attempt: a guess.
    FunctionAndTime,
}

impl JoinMethod {
    /// The word stored in the `method` column.
    pub fn as_str(self) -> &'static str {
        match self {
            JoinMethod::RequestId => "request_id",
            JoinMethod::RequestIdInCause => "request_id_in_cause",
            JoinMethod::TraceContext => "trace_context",
            JoinMethod::InvocationId => "invocation_id",
            JoinMethod::ExecutionArn => "execution_arn",
            JoinMethod::JobId => "job_id",
            JoinMethod::MapRun => "map_run",
            JoinMethod::FunctionAndTime => "function_and_time",
        }
    }
}

/// One end of a join.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JoinEnd {
    /// `attempt`, `invocation`, `execution` or `span`.
    pub kind: String,
    /// The trace of the span at this end.
    pub trace_id: TraceId,
    /// The span at this end.
    pub span_id: SpanId,
}

/// "`child` happened inside `parent`."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// The execution in whose trace the child is shown.
    pub execution_arn: String,
    /// The enclosing side, such as an attempt.
    pub parent: JoinEnd,
    /// The enclosed side, such as an invocation.
    pub child: JoinEnd,
    /// How it was found.
    pub method: JoinMethod,
    /// 0 to 1; only a key that identifies (request id, ARN) gives 1.
    pub confidence: f64,
    /// How many children were possible; more than 1 makes the join ambiguous.
    pub candidates: u32,
    /// The key or the window that matched, for a person to read.
    pub evidence: String,
}

impl Join {
    /// True when another child would have matched as well: never show it as certain.
    pub fn ambiguous(&self) -> bool {
        self.candidates > 1
    }
}
