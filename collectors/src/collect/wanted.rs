//! What executions that are held say must exist elsewhere.

use model::UnixNanos;

/// What the executions of the last days called, started and passed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Lambda functions whose logs are needed.
    pub functions: Vec<WantedFunction>,
    /// ECS tasks and Batch jobs that are not known to have ended.
    pub jobs: Vec<WantedJob>,
    /// X-Ray traces (`1-8hex-24hex`) of executions that carry one, without any segment held.
    pub xray_traces: Vec<String>,
}

/// A Lambda function that attempts have called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedFunction {
    /// Name, without ARN and qualifier.
    pub name: String,
    /// Region of the execution.
    pub region: String,
    /// Account of the execution.
    pub account: String,
    /// Start of its earliest attempt in the look-back that has no invocation yet.
    pub missing_since: Option<UnixNanos>,
    /// Start of its latest attempt.
    pub last: UnixNanos,
}

/// Something that a `.sync` state waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedJob {
    /// `ecs` or `batch`.
    pub service: String,
    /// Task ARN or job id.
    pub id: String,
    /// Region of the execution.
    pub region: String,
    /// Account of the execution.
    pub account: String,
}
