//! `/api/v1/mysteries`: verdicts grouped by who did it.

use crate::{Category, Entity};
use serde::{Deserialize, Serialize};

/// Mysteries of a time range, the most frequent first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MysteryPage {
    /// Beginning of the range, decimal nanoseconds since the epoch.
    pub from: String,
    /// End of the range, decimal nanoseconds since the epoch.
    pub to: String,
    /// Width of a bucket of [`Mystery::trend`], decimal nanoseconds.
    pub bucket_ns: String,
    /// Executions with a culprit, or cold, that lie before `from`: when nobody says a beginning, the trend shows the
    /// time in which most lie.
    #[serde(default)]
    pub earlier: u64,
    /// Executions of the range that were judged.
    pub judged: u64,
    /// Those of them that nobody is to blame for.
    pub no_crimes: u64,
    /// Those of them whose facts do not suffice.
    pub cold_cases: u64,
    /// The groups.
    pub mysteries: Vec<Mystery>,
    /// Groups that were left out because there are too many.
    pub more: u64,
    /// When nothing matches and a name in the filter is nobody's: which one, and what is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Executions that ended up with the same culprit for the same kind of fault.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mystery {
    /// Who did it; `None` for cold cases.
    pub culprit: Option<Entity>,
    /// What kind of fault; `None` for cold cases.
    pub category: Option<Category>,
    /// One sentence, such as "37 executions killed by the same suspect since 14:02".
    pub sentence: String,
    /// How it came about in the latest of them.
    pub mechanism: String,
    /// Number of executions.
    pub count: u64,
    /// Those of them that it ended.
    pub fatal: u64,
    /// Those that got over it by a retry.
    pub survived: u64,
    /// Those that went through without a failure: slower, or green with a wrong result.
    #[serde(default)]
    pub unharmed: u64,
    /// Those where a Catch swallowed it.
    pub masked: u64,
    /// Start of the first of them, decimal nanoseconds since the epoch.
    pub first_seen: String,
    /// Start of the last of them, decimal nanoseconds since the epoch.
    pub last_seen: String,
    /// State machines concerned, sorted.
    pub state_machines: Vec<String>,
    /// Mean confidence, 0 to 1.
    pub confidence: f64,
    /// Number of executions per bucket, from the beginning of the range to its end.
    pub trend: Vec<u64>,
    /// Some of the executions, the latest first.
    pub examples: Vec<MysteryExample>,
}

/// One execution of a mystery.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MysteryExample {
    /// Its ARN.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: String,
    /// Its name.
    pub name: String,
    /// Its start, decimal nanoseconds since the epoch.
    pub start_time: String,
    /// How it came about there.
    pub mechanism: String,
    /// 0 to 1.
    pub confidence: f64,
}
