//! An execution beside its healthy twins, and two groups of executions beside each other.

use crate::TimeCategory;
use serde::{Deserialize, Serialize};

/// One of the executions in a comparison.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Compared {
    /// Its ARN.
    pub execution_arn: String,
    /// Its trace id, hex.
    pub trace_id: String,
    /// Its name.
    pub name: String,
    /// State machine.
    pub state_machine: String,
    /// Version of the state machine.
    pub version: Option<String>,
    /// Status.
    pub status: String,
    /// Start, nanoseconds since the epoch as decimal text.
    pub start_time: String,
    /// Nanoseconds.
    pub duration_ns: Option<i64>,
    /// Bytes of its input.
    pub input_bytes: u64,
    /// 0 is the same, more is further away.
    pub distance: f64,
}

/// A state visit on one side of an alignment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AlignedVisit {
    /// Span, hex.
    pub span_id: String,
    /// Begin, nanoseconds after the start of its execution.
    pub offset_ns: i64,
    /// Nanoseconds; `None` if it did not end.
    pub duration_ns: Option<i64>,
    /// Status.
    pub status: String,
    /// True when it failed and a Catch took over.
    pub caught: bool,
    /// Error, if any.
    pub error: Option<String>,
    /// Attempts.
    pub attempts: u32,
    /// Retries.
    pub retries: u32,
    /// Bytes of its input.
    pub input_bytes: u64,
    /// Bytes of its output.
    pub output_bytes: u64,
    /// Version of the function that ran, if one did and it is known.
    pub function_version: Option<String>,
}

/// One row of an alignment: a state on the subject's side, on the twins', or on both.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AlignedState {
    /// Path of the visit, with iterations and branches by number.
    pub path: String,
    /// Name of the state.
    pub state: String,
    /// Type of the state.
    pub state_type: String,
    /// In the execution in question; `None` if it did not go there.
    pub subject: Option<AlignedVisit>,
    /// In each twin, in the order of [`Twins::twins`].
    pub twins: Vec<Option<AlignedVisit>>,
    /// Duration minus the median of all twins', nanoseconds; the difference to one of them is that of the visits.
    pub delta_ns: Option<i64>,
    /// How it differs, in words, most important first; empty if it does not.
    pub differences: Vec<String>,
}

/// An execution beside its nearest healthy twins: `GET /api/v1/executions/{id}/twins`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Twins {
    /// The execution in question.
    pub subject: Compared,
    /// Healthy ones of the same state machine, nearest first.
    pub twins: Vec<Compared>,
    /// How many healthy executions were looked at.
    pub candidates: u32,
    /// State by state, in the order of the subject, states that only twins have where these have them.
    pub states: Vec<AlignedState>,
    /// Place in `states` where the subject first departs from all twins.
    pub diverges_at: Option<u32>,
    /// What happens there, in words.
    pub divergence: Option<String>,
}

/// One side of a comparison of groups.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GroupSummary {
    /// How it was asked for.
    pub selection: String,
    /// Executions in it.
    pub executions: u64,
    /// Those of them that were looked at (the newest, when there are too many).
    pub looked_at: u64,
    /// Failed, timed out or aborted.
    pub failed: u64,
    /// Median duration, nanoseconds.
    pub duration_ns_p50: Option<i64>,
    /// 95th percentile of the durations, nanoseconds.
    pub duration_ns_p95: Option<i64>,
    /// Mean cost in pico-dollars of the executions that have a price.
    pub picodollars_mean: Option<i64>,
    /// Executions looked at that have a price.
    #[serde(default)]
    pub priced: u64,
    /// Mean nanoseconds by category of the ledger.
    pub ledger: Vec<(TimeCategory, i64)>,
}

/// How one state differs between two groups.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StateDifference {
    /// Path without numbers of iterations and branches.
    pub state: String,
    /// Share of executions of A that went there, 0 to 1.
    pub visited_a: f64,
    /// The same of B.
    pub visited_b: f64,
    /// Median duration in A, nanoseconds.
    pub duration_ns_a: Option<i64>,
    /// The same in B.
    pub duration_ns_b: Option<i64>,
    /// Failures per visit in A.
    pub failures_a: f64,
    /// The same in B.
    pub failures_b: f64,
    /// Retries per visit in A.
    pub retries_a: f64,
    /// The same in B.
    pub retries_b: f64,
}

/// An attribute that tells two groups apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Distinguishing {
    /// Name: `state_machine_version`, `function_version:charge`, `input.tenant`…
    pub attribute: String,
    /// Value, or the threshold of a number: `> 4096`.
    pub value: String,
    /// Executions of A that have it.
    pub count_a: u64,
    /// Executions of B that have it.
    pub count_b: u64,
    /// Share of A.
    pub share_a: f64,
    /// Share of B.
    pub share_b: f64,
    /// Log-odds with a prior, in standard errors: positive when A has it more often.
    pub score: f64,
    /// Corrected for the number of attributes tried (Benjamini-Hochberg); 0 is surest.
    pub q_value: f64,
    /// Another attribute that explains it away: it only goes along with that one.
    pub explained_by: Option<String>,
    /// True when it only follows from how the executions went: it explains nothing, and stands behind what does.
    #[serde(default)]
    pub consequence: bool,
}

/// Two executions or groups beside each other: `GET /api/v1/compare`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// The group in question.
    pub a: GroupSummary,
    /// What it is compared to.
    pub b: GroupSummary,
    /// State by state.
    pub states: Vec<StateDifference>,
    /// What tells them apart, best first.
    pub attributes: Vec<Distinguishing>,
    /// For two single executions: aligned, B as the only twin of A.
    pub alignment: Option<Twins>,
}
