//! Where the time of an execution went: its wall clock, split without a rest.

use crate::{SpanId, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

/// What an instant of the wall clock was spent on. Every instant belongs to exactly one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TimeCategory {
    /// The engine between two steps.
    #[default]
    Orchestration,
    /// Scheduled and not yet begun: a worker, a job queue, an invocation on its way.
    Queueing,
    /// Waiting for a runtime: init, restore, image pull, provisioning (see `detail`).
    ColdStart,
    /// Work of a function, a job or a worker.
    Compute,
    /// A call to somebody else: a service, a database, another execution.
    Downstream,
    /// Between a failure and the next try.
    Backoff,
    /// A Wait state.
    Wait,
    /// Waiting for a task token, or for a person who redrives.
    Callback,
    /// An item of a Map that waited for others to free their slot.
    MapSlot,
    /// A try that was refused because a limit on rate or concurrency was reached.
    Throttling,
    /// The data has nothing about it.
    Unobserved,
}

impl TimeCategory {
    /// What people are shown.
    pub fn label(self) -> &'static str {
        match self {
            TimeCategory::Orchestration => "Orchestration",
            TimeCategory::Queueing => "Queueing",
            TimeCategory::ColdStart => "Cold start",
            TimeCategory::Compute => "Compute",
            TimeCategory::Downstream => "Downstream calls",
            TimeCategory::Backoff => "Retry backoff",
            TimeCategory::Wait => "Wait",
            TimeCategory::Callback => "Callback",
            TimeCategory::MapSlot => "Map slot wait",
            TimeCategory::Throttling => "Throttling",
            TimeCategory::Unobserved => "Not observed",
        }
    }

    /// All of them, in the order in which they are shown.
    pub const ALL: [TimeCategory; 11] = [
        TimeCategory::Orchestration,
        TimeCategory::Queueing,
        TimeCategory::ColdStart,
        TimeCategory::Compute,
        TimeCategory::Downstream,
        TimeCategory::Backoff,
        TimeCategory::Wait,
        TimeCategory::Callback,
        TimeCategory::MapSlot,
        TimeCategory::Throttling,
        TimeCategory::Unobserved,
    ];

    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            TimeCategory::Orchestration => "orchestration",
            TimeCategory::Queueing => "queueing",
            TimeCategory::ColdStart => "cold_start",
            TimeCategory::Compute => "compute",
            TimeCategory::Downstream => "downstream",
            TimeCategory::Backoff => "backoff",
            TimeCategory::Wait => "wait",
            TimeCategory::Callback => "callback",
            TimeCategory::MapSlot => "map_slot",
            TimeCategory::Throttling => "throttling",
            TimeCategory::Unobserved => "unobserved",
        }
    }
}

/// A piece of the critical path: a row of `critical_path`. The pieces of an execution follow each other without
/// gap or overlap from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PathSegment {
    /// The execution.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// Position on the path, from 0.
    pub seq: u32,
    /// Begin.
    pub start_time: UnixNanos,
    /// Begin, nanoseconds after the start of the execution.
    pub offset_ns: i64,
    /// Length, nanoseconds.
    pub duration_ns: i64,
    /// What it was spent on.
    pub category: TimeCategory,
    /// What exactly: `init`, `retry after Lambda.TooManyRequestsException`, a service…
    pub detail: String,
    /// Name of the state; empty between states.
    pub state: String,
    /// Path of the state visit, as in [`crate::State::path`].
    pub path: String,
    /// The innermost span it belongs to: attempt, state, execution, invocation.
    pub span_id: SpanId,
    /// True when it is the work of another Map item whose slot the last item waited for: the ledger
    /// counts it as `map_slot`.
    pub behind_slot: bool,
    /// True when the data only allows a guess at the category.
    pub estimated: bool,
}

/// A row of `ledger`: how much of an execution's wall clock one category took in one state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The execution.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// Name of the state machine.
    pub state_machine: String,
    /// When the execution started.
    pub start_time: UnixNanos,
    /// What the time was spent on.
    pub category: TimeCategory,
    /// What exactly.
    pub detail: String,
    /// Name of the state; empty between states.
    pub state: String,
    /// Nanoseconds. Those of all entries add up to the duration of the execution.
    pub duration_ns: i64,
    /// Pieces of the critical path in it.
    pub segments: u32,
    /// True when the data only allows a guess at the category.
    pub estimated: bool,
}

/// How much longer a state visit, iteration or branch could have taken without making the execution longer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Slack {
    /// Its span.
    pub span_id: SpanId,
    /// Name of the state; for iterations and branches that of their Map or Parallel.
    pub state: String,
    /// Its path.
    pub path: String,
    /// Nanoseconds; 0 on the critical path; `None` when it was cut off and nobody knows.
    pub slack_ns: Option<i64>,
}

/// The whole account of one execution.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The execution.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// What all segments add up to: end minus start, or up to the last fact held while it runs.
    pub duration_ns: i64,
    /// False while the execution runs or its end is not held.
    pub ended: bool,
    /// By category, largest first; they add up to `duration_ns`.
    pub totals: Vec<(TimeCategory, i64)>,
    /// By category, detail and state, largest first.
    pub entries: Vec<LedgerEntry>,
    /// The critical path from start to end.
    pub critical_path: Vec<PathSegment>,
    /// Slack of what is not on it, smallest first (at most 1,000).
    pub slack: Vec<Slack>,
}
