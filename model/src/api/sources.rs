//! Where facts come from: what the Sources page and `GET /api/v1/sources` show.

use serde::{Deserialize, Serialize};

/// How a source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Configured, and not yet asked for the first time.
    #[default]
    Starting,
    /// The last round brought everything that it asked for.
    Working,
    /// It works, but not as fast as data is made: quota or throttling holds it back.
    Behind,
    /// The last round failed; it is tried again at `next_poll`.
    Failing,
    /// A door that others push to, and nobody has for a while or ever.
    Waiting,
    /// Switched off.
    Stopped,
}

impl SourceState {
    /// The word as shown and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceState::Starting => "starting",
            SourceState::Working => "working",
            SourceState::Behind => "behind",
            SourceState::Failing => "failing",
            SourceState::Waiting => "waiting",
            SourceState::Stopped => "stopped",
        }
    }
}

/// How much of the allowance of one API a source has used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct QuotaUse {
    /// The API, such as `states:GetExecutionHistory`.
    pub api: String,
    /// Calls since the start.
    pub calls: u64,
    /// Calls that were refused for being too many.
    pub throttled: u64,
    /// Calls per second that the source allows itself: a share of the account's quota.
    pub allowed_per_s: f64,
    /// Calls per second over the last minute.
    pub used_per_s: f64,
    /// Milliseconds that calls have waited for their turn, since the start.
    pub waited_ms: u64,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceError {
    /// When, nanoseconds since the epoch.
    pub time: String,
    /// What was wrong.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// How often in a row.
    pub times: u32,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its name in the configuration, with its part and Region: `production/step_functions/eu-west-1`.
    pub name: String,
    /// `step_functions`, `lambda_logs`, `containers`, `xray`, `sqs`, `firehose`, `eventbridge`, `otlp`…
    pub kind: String,
    /// `pull` or `push`.
    pub mode: String,
    /// How it stands.
    pub state: SourceState,
    /// That in words: what it does now, what holds it back, what it fell back to.
    pub detail: String,
    /// Account and Region, or the path that is pushed to.
    pub place: String,
    /// How far behind the present the newest fact is, nanoseconds; `None` if nothing came yet.
    pub lag_ns: Option<i64>,
    /// Records taken since the start: events, log lines, documents, spans.
    pub records: u64,
    /// Records per second over the last minute.
    pub records_per_s: f64,
    /// Executions or log groups that it follows at the moment.
    pub following: u64,
    /// Use of quotas.
    pub quotas: Vec<QuotaUse>,
    /// The last error, if the last round failed or the error is of the last hour.
    pub last_error: Option<SourceError>,
    /// When something was last taken.
    pub last_taken: Option<String>,
    /// When the last round ended.
    pub last_poll: Option<String>,
    /// When the next begins; `None` for doors.
    pub next_poll: Option<String>,
}

/// `GET /api/v1/sources`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourcePage {
    /// The sources, by name.
    pub rows: Vec<SourceRow>,
}
