//! Containers that ran for a workflow: ECS tasks and Batch jobs.

use crate::{SpanId, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

/// One ECS task or Batch job: a row of `jobs`. The waits before it runs are the cold start of a container.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// ARN of the task, or id of the job; `<parent>:<n>` for the child of an array.
    pub job_id: String,
    /// A trace of its own, from its id: joins say whose it is.
    pub trace_id: TraceId,
    /// Its span.
    pub span_id: SpanId,
    /// `ecs` or `batch`.
    pub service: String,
    /// Name of the job, or family of the task.
    pub name: String,
    /// Job queue, or cluster.
    pub queue: Option<String>,
    /// Job definition, or task definition.
    pub definition: Option<String>,
    /// Image of its first container.
    pub image: Option<String>,
    /// The service's own word, such as `STOPPED` or `FAILED`.
    pub status: String,
    /// True when it failed: by its status, or by the exit code of a container.
    pub failed: bool,
    /// Why it stopped, in the service's words.
    pub reason: Option<String>,
    /// ECS's `stopCode`.
    pub stop_code: Option<String>,
    /// Exit code of its container; none if it was never reported, as when its host went away.
    pub exit_code: Option<i64>,
    /// True when its Spot capacity was taken back.
    pub spot_reclaimed: bool,
    /// Tries (Batch); 1 for a task.
    pub attempts: i64,
    /// Children of an array job.
    pub array_size: Option<i64>,
    /// Its place in the array.
    pub array_index: Option<i64>,
    /// The array that it is a child of.
    pub parent_job_id: Option<String>,
    /// Jobs that it waited for, JSON list of ids.
    pub depends_on: Option<String>,
    /// CloudWatch log stream.
    pub log_stream: Option<String>,
    /// Created.
    pub start_time: UnixNanos,
    /// Its container began to run.
    pub run_time: Option<UnixNanos>,
    /// Stopped.
    pub end_time: Option<UnixNanos>,
    /// End minus start.
    pub duration_ns: Option<i64>,
    /// In the queue, until a host was found (Batch).
    pub queue_ns: Option<i64>,
    /// From its creation until the image pull began (ECS).
    pub provision_ns: Option<i64>,
    /// Pulling the image (ECS).
    pub pull_ns: Option<i64>,
    /// From the pull, or from the host, until its container ran.
    pub boot_ns: Option<i64>,
    /// Running.
    pub run_ns: Option<i64>,
}
