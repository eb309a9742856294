//! Experiments that spend error budget: `/api/v1/experiments`, the gate and the ledger.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /api/v1/experiments?state=&slo=&limit=` | [`ExperimentPage`] |
//! | `POST /api/v1/experiments` (also `/v1/experiments`) | the [`Experiment`]; takes our own JSON, AWS FIS events, Chaos Toolkit notifications and journals |
//! | `GET /api/v1/experiments/{id}` | [`ExperimentReport`] |
//! | `POST /api/v1/experiments/{id}/end` | the [`Experiment`] |
//! | `GET /api/v1/slos/{name}/gate?spend=&reserve=` (also `/v1/slo/{name}/gate`) | [`GateAnswer`] |
//! | `GET /api/v1/budget-ledger?slo=` | [`BudgetLedger`] |
//!
//! Times are nanoseconds since the epoch as decimal text. Shares of a budget are numbers: 0.05 is 5 %.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Experiments, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExperimentPage {
    /// At most as many as were asked for.
    pub rows: Vec<Experiment>,
    /// Why there are none, if nobody has a name that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Which executions an experiment touches. Every part that is given must match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExperimentScope {
    /// Name of a workflow; `*` stands for any letters.
    pub workflow: String,
    /// Name of a state in it.
    pub state: String,
    /// Name of a Lambda function.
    pub function: String,
    /// Version of the workflow.
    pub version: String,
    /// Availability zone.
    pub az: String,
    /// Further attributes of spans, equal to these.
    pub attributes: BTreeMap<String, String>,
    /// Share of the calls that the fault hits, percent; only noted.
    pub percentage: Option<f64>,
}

/// An experiment as declared or detected.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Experiment {
    /// Unique; that of its tool where it has one.
    pub id: String,
    /// For people.
    pub name: String,
    /// `api`, `aws-fis`, `chaos-toolkit`, `litmus`, `otlp`.
    pub tool: String,
    /// What it is an instance of, such as a FIS template.
    pub template: String,
    /// Who runs it.
    pub owner: String,
    /// `planned`, `running`, `completed`, `stopped`, `failed`, `cancelled`, `lost` (its end never arrived).
    pub state: String,
    /// When it began.
    pub start: String,
    /// When it ended.
    pub end: Option<String>,
    /// When it should end.
    pub planned_end: Option<String>,
    /// Seconds after its end in which failures still count as its own.
    pub tail_s: u64,
    /// What it touches.
    pub scope: ExperimentScope,
    /// Objectives that it may spend from; empty means all that its scope touches.
    pub slos: Vec<String>,
    /// Share of a budget that it may spend.
    pub max_spend: Option<f64>,
    /// What should hold.
    pub hypothesis: Vec<Steady>,
    /// What it has spent, per objective.
    pub charges: Vec<Charge>,
    /// `met`, `not_met`, `unknown`; empty without a hypothesis.
    pub verdict: String,
    /// Why it should be stopped.
    pub abort_advised: Option<String>,
    /// What its tool said about it.
    pub note: String,
    /// What was odd about what was just declared, such as an objective that is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A part of a steady-state hypothesis.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Steady {
    /// For people.
    pub name: String,
    /// A measure: `success_ratio`, `p95_ms`, `p50_ms`, `retry_ratio`, `executions`, `state_paths`.
    pub measure: String,
    /// A question in SQL with one number as its answer; `$from` and `$to` stand for the window.
    pub sql: String,
    /// An objective that must be within its target in the window.
    pub slo: String,
    /// Tolerance as in the Chaos Toolkit: a value, two numbers (a range with its ends), a list, or
    /// `{"type": "regex" | "jsonpath" | "range" | "probe", …}`.
    pub tolerance: serde_json::Value,
    /// Executions below which nothing is judged.
    pub min_sample: Option<u64>,
    /// `met`, `not_met`, `unknown`.
    pub verdict: String,
    /// What was measured before it.
    pub before: Option<serde_json::Value>,
    /// What was measured during it.
    pub during: Option<serde_json::Value>,
    /// What was measured after it.
    pub after: Option<serde_json::Value>,
    /// Why the verdict is what it is.
    pub why: String,
}

/// What an experiment has spent of one budget.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Charge {
    /// The objective.
    pub slo: String,
    /// Events in its scope and time.
    pub total: u64,
    /// Bad ones among them.
    pub bad: f64,
    /// Bad ones in the same scope before it.
    pub baseline_bad: u64,
    /// Events in the same scope before it.
    pub baseline_total: u64,
    /// Bad ones that would have been without it.
    pub expected_bad: f64,
    /// Bad ones that it caused.
    pub net_bad: f64,
    /// Bad ones that the target allows in the window.
    pub allowed: f64,
    /// `bad / allowed`.
    pub gross_charge: f64,
    /// `net_bad / allowed`.
    pub net_charge: f64,
}

/// Everything about one experiment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExperimentReport {
    /// The experiment with its charges and its hypothesis.
    pub experiment: Experiment,
    /// Executions in scope, and how they ended.
    pub executions: u64,
    /// Failed ones.
    pub failed: u64,
    /// Attempts that failed and were retried: the fault was absorbed.
    pub retried_attempts: u64,
    /// Failures that a Catch took.
    pub caught_failures: u64,
    /// What the executions in scope cost, US dollars; `None` if that is not known.
    pub cost_usd: Option<f64>,
    /// Seconds from its start to our first page; `None` if none fired.
    pub detected_after_s: Option<f64>,
    /// Seconds from its end until no page fired any more.
    pub recovered_after_s: Option<f64>,
    /// Executions to look at: id, name, error.
    pub examples: Vec<ExampleExecution>,
    /// The run of the same template before this one.
    pub previous: Option<Box<Experiment>>,
    /// The report as Markdown.
    pub markdown: String,
}

/// An execution to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExampleExecution {
    /// ARN or trace id.
    pub id: String,
    /// For people.
    pub name: String,
    /// How it ended.
    pub status: String,
    /// Its error.
    pub error: String,
}

/// Whether an experiment may begin.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GateAnswer {
    /// Whether it may.
    pub allow: bool,
    /// `ok`, `budget`, `reserve`, `page_firing`, `unknown`.
    pub reason: String,
    /// In words.
    pub text: String,
    /// The objective.
    pub slo: String,
    /// Share of the budget that is left.
    pub budget_remaining: Option<f64>,
    /// Share that would be left.
    pub after: Option<f64>,
    /// Share that was asked for.
    pub spend: f64,
    /// Share that must stay.
    pub reserve: f64,
}

/// Who spent what.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetLedger {
    /// One per spender, largest first within an objective.
    pub rows: Vec<LedgerRow>,
}

/// What somebody spent of a budget.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LedgerRow {
    /// The objective.
    pub slo: String,
    /// When the period of the budget began.
    pub period_start: String,
    /// When it ends; now for one that rolls.
    pub period_end: String,
    /// `experiment`, `incident`, `deploy`, `unattributed`.
    pub kind: String,
    /// Id of the experiment, key of the incident, what was deployed.
    pub spender: String,
    /// For people.
    pub name: String,
    /// Bad events.
    pub bad: f64,
    /// Share of the budget.
    pub charge: f64,
}
