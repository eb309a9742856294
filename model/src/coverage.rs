//! What should be there, against what is: known, not guessed.

use serde::{Deserialize, Serialize};

/// Whether an execution is known completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageStatus {
    /// Everything that the facts say must exist has arrived.
    Complete,
    /// It has ended, and something that must exist is not here; `missing` names it.
    Partial,
    /// It has not ended, so nobody can know yet what will exist.
    #[default]
    Pending,
}

impl CoverageStatus {
    /// The word stored in the `coverage` column.
    pub fn as_str(self) -> &'static str {
        match self {
            CoverageStatus::Complete => "complete",
            CoverageStatus::Partial => "partial",
            CoverageStatus::Pending => "pending",
        }
    }
}

/// One thing that must exist and is not here.
#[derive(Debug, Clone, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// `event`, `invocation`, `report`, `execution`, `map_run`, `child_execution`, `job`, `span`.
    pub kind: String,
    /// The key that names it: a request id, an ARN, a job id, a span id, a range of event ids; empty if
    /// only its place is known.
    pub id: String,
    /// Where it belongs: path of the state and attempt, function, map run.
    pub place: String,
    /// How many things this stands for.
    pub count: u64,
    /// Why it must exist, and where it would come from.
    pub reason: String,
}

/// How much of one kind must exist, and how much does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Must exist.
    pub expected: u64,
    /// Arrived, of those.
    pub received: u64,
}

/// What is known of an execution, and what is missing: `GET /api/v1/executions/{id}/coverage`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// The verdict.
    pub status: CoverageStatus,
    /// That in words.
    pub summary: String,
    /// Events of the history.
    pub events: Tally,
    /// Lambda invocations that attempts made, each with its REPORT.
    pub invocations: Tally,
    /// Executions that it started: nested ones, and children of its map runs.
    pub executions: Tally,
    /// ECS tasks and Batch jobs that it waited for.
    pub jobs: Tally,
    /// Spans that other spans name as their parent.
    pub spans: Tally,
    /// What is missing, at most 10,000 entries; `more_missing` counts the rest.
    pub missing: Vec<Missing>,
    /// Missing things beyond those listed.
    pub more_missing: u64,
}
