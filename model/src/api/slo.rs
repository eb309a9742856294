//! Objectives, their budgets and their alerts, as the SLO pages and `GET /api/v1/slos` show them.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /api/v1/slos` | [`SloPage`] |
//! | `GET /api/v1/slos/{name}?from=&to=&points=` | [`SloDetail`] |
//! | `PUT /api/v1/slos/{name}` (a definition, YAML or JSON) | [`SloSaved`] |
//! | `DELETE /api/v1/slos/{name}` | nothing |
//! | `POST /api/v1/slos/preview?from=&to=&step=` (a definition) | [`Replay`] |
//! | `GET /api/v1/slos/{name}/definition` | the file that defines it |
//! | `GET /api/v1/alerts?slo=&state=&limit=` | [`AlertPage`] |
//!
//! Times are nanoseconds since the epoch as decimal text, durations in seconds.

use serde::{Deserialize, Serialize};

/// How an objective stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SloStatus {
    /// Budget is left and no alert fires.
    Ok,
    /// An alert fires, or less than a tenth of the budget is left.
    AtRisk,
    /// The budget is spent.
    Breached,
    /// There is not enough data to say.
    #[default]
    Unknown,
    /// The indicator is bound to no data here.
    NotMeasured,
    /// The server has just started: the first evaluation is under way.
    Evaluating,
}

impl SloStatus {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            SloStatus::Ok => "ok",
            SloStatus::AtRisk => "at_risk",
            SloStatus::Breached => "breached",
            SloStatus::Unknown => "unknown",
            SloStatus::NotMeasured => "not_measured",
            SloStatus::Evaluating => "evaluating",
        }
    }
}

/// Burn over one window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Burn {
    /// The window as written, such as `1h`.
    pub window: String,
    /// Its length, seconds.
    pub seconds: i64,
    /// Bad events in it.
    pub bad: u64,
    /// Valid events in it.
    pub total: u64,
    /// Error ratio over what the target allows; `None` when nothing is known.
    pub burn: Option<f64>,
}

/// A row of the overview.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SloRow {
    /// Unique name; with the value of its group behind `:` where there are groups.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// The service or workflow that it belongs to.
    pub service: Option<String>,
    /// Value of the group, for an objective per group.
    pub group: Option<String>,
    /// How it stands.
    pub status: SloStatus,
    /// Why it is unknown or not measured.
    pub reason: Option<String>,
    /// Target as an exact decimal, such as `0.995`.
    pub target: String,
    /// Window in words: `28d rolling`, `1M from 2025-01-01 Europe/Berlin`.
    pub window: String,
    /// `occurrences`, `timeslices`, `ratio_timeslices`.
    pub method: String,
    /// What counts as good, in words.
    pub indicator: String,
    /// The same in a short sentence.
    pub brief: String,
    /// Valid events (or slices) in the window.
    pub total: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// Share of good ones.
    pub sli: Option<f64>,
    /// Share of the budget that is left, negative when overspent.
    pub budget_remaining: Option<f64>,
    /// Bad events (or slices) that the target allows in the window.
    pub budget_allowed: Option<f64>,
    /// Budget left in minutes of full outage at the traffic of the window.
    pub budget_minutes: Option<f64>,
    /// Burn of the last hour.
    pub burn_1h: Option<f64>,
    /// When the budget ends at that burn.
    pub exhausts_at: Option<String>,
    /// Severities that fire now, the worst first.
    pub firing: Vec<String>,
    /// `budget_remaining` over the window in at most 30 steps, oldest first, for a small line.
    pub trend: Vec<Option<f64>>,
    /// Share of the budget that one more bad event costs.
    pub one_failure_costs: Option<f64>,
    /// When it was evaluated.
    pub evaluated_at: Option<String>,
    /// Findings of the linter: errors and warnings.
    pub findings: u32,
    /// File that defines it.
    pub source: String,
}

/// All objectives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SloPage {
    /// The worst first.
    pub rows: Vec<SloRow>,
    /// Files that cannot be read, and why.
    pub problems: Vec<SloFinding>,
    /// When the last evaluation ended.
    pub evaluated_at: Option<String>,
}

/// Something about a definition that its author should know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SloFinding {
    /// `error`, `warning` or `note`.
    pub level: String,
    /// Short name of the rule, such as `burn-unreachable`.
    pub rule: String,
    /// The file.
    pub file: String,
    /// Line in it, from 1; 0 when it is about the whole file.
    pub line: u64,
    /// The objective, if it is about one.
    pub slo: Option<String>,
    /// What is wrong and what to do.
    pub text: String,
}

/// A point of the budget's line.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BudgetPoint {
    /// Evaluation time.
    pub t: String,
    /// Share left.
    pub remaining: Option<f64>,
    /// Share of good events in the window.
    pub sli: Option<f64>,
    /// Valid events in the window.
    pub total: u64,
    /// Bad ones.
    pub bad: u64,
}

/// Burn over one window through time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BurnSeries {
    /// The window as written.
    pub window: String,
    /// Its length, seconds.
    pub seconds: i64,
    /// Values at the times of [`SloDetail::budget`].
    pub burn: Vec<Option<f64>>,
}

/// A rule of the objective and how it stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RuleState {
    /// Name, such as `page-1h-5m`.
    pub id: String,
    /// `page`, `ticket`…
    pub severity: String,
    /// In words: `burn over 1h and 5m above 14.4`.
    pub text: String,
    /// Long window, seconds, for a burn rule.
    pub long_s: Option<i64>,
    /// Short window, seconds.
    pub short_s: Option<i64>,
    /// Factor that the burn must exceed.
    pub threshold: Option<f64>,
    /// `ok`, `pending`, `firing`, `unknown`.
    pub state: String,
    /// Since when.
    pub since: Option<String>,
}

/// Good and bad events of a stretch of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventBar {
    /// Begin.
    pub t: String,
    /// Good ones.
    pub good: u64,
    /// Bad ones.
    pub bad: u64,
}

/// Somebody who burns more than their share.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Contributor {
    /// What kind of thing: `root_state`, `root_error`, `function`, `version`…
    pub kind: String,
    /// Which one.
    pub name: String,
    /// Bad events of it.
    pub bad: u64,
    /// Share of all bad events.
    pub share: f64,
    /// Share among bad events over share among good ones; `None` when it appears in no good one.
    pub lift: Option<f64>,
    /// Executions to look at, newest first.
    pub examples: Vec<ExampleExecution>,
}

/// An execution to look at.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExampleExecution {
    /// ARN, or trace id.
    pub execution: String,
    /// Trace.
    pub trace_id: String,
    /// Its name.
    pub name: String,
    /// End.
    pub time: String,
    /// Its error, or else how it ended.
    #[serde(default)]
    pub error: String,
}

/// Something that happened, for the time axis.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Annotation {
    /// `deploy`, `experiment`, `exclusion`, `edit`.
    pub kind: String,
    /// Begin.
    pub from: String,
    /// End, if it is a stretch.
    pub to: Option<String>,
    /// What it was.
    pub text: String,
}

/// One change of a rule's state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TransitionRow {
    /// Evaluation time.
    pub t: String,
    /// Severity.
    pub severity: String,
    /// Rule.
    pub rule: String,
    /// `firing`, `resolved`, `unknown`.
    pub state: String,
}

/// An incident: one per objective and severity at a time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AlertRow {
    /// Id of the incident.
    pub incident: String,
    /// Objective.
    pub slo: String,
    /// Group.
    pub group: Option<String>,
    /// Severity.
    pub severity: String,
    /// `firing`, `resolved`, `unknown` (it fired, and now nobody knows).
    pub state: String,
    /// The rule that fired first.
    pub rule: String,
    /// When it fired.
    pub fired_at: String,
    /// When it was resolved.
    pub resolved_at: Option<String>,
    /// The rules that fire or fired, with the numbers at the time.
    pub explain: String,
    /// Burn over the long window when it fired.
    pub burn_long: Option<f64>,
    /// Burn over the short window.
    pub burn_short: Option<f64>,
    /// What both exceeded.
    pub threshold: Option<f64>,
    /// Budget left when it fired.
    pub budget_remaining: Option<f64>,
    /// Seconds between the first evaluation that would have fired and the one that did, when data came
    /// late.
    pub detected_late_s: Option<i64>,
    /// True when another severity of the objective speaks for it.
    pub inhibited: bool,
    /// Changes of its rules, oldest first.
    pub timeline: Vec<TransitionRow>,
}

/// Alerts, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AlertPage {
    /// The rows.
    pub rows: Vec<AlertRow>,
    /// When nothing matches and a name in the filter is nobody's: which one, and what is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Everything about one objective.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SloDetail {
    /// As in the overview.
    pub row: SloRow,
    /// Description.
    pub description: String,
    /// Burn over each window of its rules, now.
    pub burns: Vec<Burn>,
    /// Budget through the time range.
    pub budget: Vec<BudgetPoint>,
    /// For a calendar window: what would be left at its end if the traffic and the errors go on as they
    /// are.
    pub forecast_remaining: Option<f64>,
    /// Begin and end of the window.
    pub window_start: String,
    /// End of the window (now, if rolling).
    pub window_end: String,
    /// Burn through the same time range.
    pub burn_series: Vec<BurnSeries>,
    /// The rules.
    pub rules: Vec<RuleState>,
    /// Good and bad events.
    pub events: Vec<EventBar>,
    /// Width of a bar, seconds.
    pub bar_s: i64,
    /// Who burns, the greatest first.
    pub contributors: Vec<Contributor>,
    /// Its incidents, newest first.
    pub alerts: Vec<AlertRow>,
    /// Deploys, experiments, exclusions, edits.
    pub annotations: Vec<Annotation>,
    /// Findings about its definition.
    pub findings: Vec<SloFinding>,
    /// How the numbers come about, with the numbers.
    pub explain: Vec<String>,
    /// True when the definition can be changed here: it lies in the data folder.
    pub editable: bool,
    /// With excluded time counted, too, if there is any.
    pub with_excluded: Option<BudgetPoint>,
}

/// What became of a definition that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SloSaved {
    /// Names of the objectives in it.
    pub names: Vec<String>,
    /// The file it lies in now.
    pub file: String,
    /// What the linter says.
    pub findings: Vec<SloFinding>,
}

/// One evaluation of a replay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReplaySample {
    /// Seconds since the epoch, or since the zero of the counts.
    pub t: i64,
    /// Burn by window; `None` when nothing is known.
    pub burn: std::collections::BTreeMap<String, Option<f64>>,
    /// Valid events in the window of the objective.
    pub total: u64,
    /// Bad ones.
    pub bad: u64,
    /// Share of good ones.
    pub sli: Option<f64>,
    /// Bad ones that the target allows.
    pub budget_allowed: Option<f64>,
    /// Share of the budget left.
    pub budget_remaining: Option<f64>,
}

/// A change found by a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplayTransition {
    /// As in [`ReplaySample`].
    pub t: i64,
    /// Severity.
    pub severity: String,
    /// Rule.
    pub rule: String,
    /// `firing`, `resolved`, `unknown`.
    pub state: String,
}

/// What would have happened.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Replay {
    /// Name of the objective.
    pub slo: String,
    /// Group, for an objective per group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// One per step.
    pub samples: Vec<ReplaySample>,
    /// Changes of rules.
    pub transitions: Vec<ReplayTransition>,
    /// Changes of severities: a severity fires while any of its rules does. `rule` is the one that
    /// brought the change about.
    pub severity_transitions: Vec<ReplayTransition>,
    /// In a sentence: `would have paged 3 times`.
    pub summary: String,
    /// What the linter says.
    pub findings: Vec<SloFinding>,
    /// Why there are no samples, if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_measured: Option<String>,
}
