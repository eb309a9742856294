//! What there is to say about an incident or an experiment.

use model::UnixNanos;
use serde::{Deserialize, Serialize};

/// What happened. The words are the `type` of our own messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Kind {
    /// An incident began.
    #[default]
    #[serde(rename = "slo.burn.firing")]
    Firing,
    /// It goes on, with another rule, tier or culprit.
    #[serde(rename = "slo.burn.updated")]
    Updated,
    /// It is over.
    #[serde(rename = "slo.burn.resolved")]
    Resolved,
    /// A share of the budget (50, 75, 90, 100 %) is spent.
    #[serde(rename = "slo.budget.threshold")]
    BudgetThreshold,
    /// An objective cannot be judged any more for want of data.
    #[serde(rename = "slo.nodata")]
    NoData,
    /// It can be judged again.
    #[serde(rename = "slo.recovered_data")]
    RecoveredData,
    /// An experiment has been charged to a budget.
    #[serde(rename = "experiment.charged")]
    ExperimentCharged,
    /// Only an experiment burns the budget: its owner is told, nobody is woken.
    #[serde(rename = "experiment.burn")]
    ExperimentBurn,
    /// An experiment should be stopped.
    #[serde(rename = "experiment.abort_advised")]
    AbortAdvised,
    /// Somebody tries whether messages arrive.
    #[serde(rename = "inquest.test")]
    Test,
}

/// What a message does to the incident as its receiver knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Opens it.
    Trigger,
    /// Says more about it.
    Update,
    /// Closes it.
    Resolve,
    /// Stands for itself.
    Notice,
}

impl Kind {
    /// The word in messages and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Firing => "slo.burn.firing",
            Kind::Updated => "slo.burn.updated",
            Kind::Resolved => "slo.burn.resolved",
            Kind::BudgetThreshold => "slo.budget.threshold",
            Kind::NoData => "slo.nodata",
            Kind::RecoveredData => "slo.recovered_data",
            Kind::ExperimentCharged => "experiment.charged",
            Kind::ExperimentBurn => "experiment.burn",
            Kind::AbortAdvised => "experiment.abort_advised",
            Kind::Test => "inquest.test",
        }
    }

    /// What it does to its incident.
    pub fn effect(self) -> Effect {
        match self {
            Kind::Firing | Kind::NoData => Effect::Trigger,
            Kind::Updated => Effect::Update,
            Kind::Resolved | Kind::RecoveredData => Effect::Resolve,
            _ => Effect::Notice,
        }
    }
}

/// What is told. Everything that is not known is left empty, and then left out of messages.
///
/// Whoever makes one fills in what holds at the moment of the decision: it is stored as it is, so that a
/// message which is delivered late still says what was decided.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Notification {
    /// What happened.
    pub kind: Kind,
    /// When it was decided.
    pub at: UnixNanos,
    /// What it is about; messages of one incident share its key.
    pub incident: Incident,
    /// `page`, `ticket` or `info`.
    pub severity: String,
    /// The objective.
    pub slo: SloRef,
    /// One line for people, such as `checkout: 14.9 times the sustainable burn, 1 h and 5 min`.
    pub summary: String,
    /// The rule that fired, such as `1h/5m > 14.4`.
    pub rule: String,
    /// Burn rates by window, longest first; 1 spends the budget exactly in its period.
    pub burn: Vec<Burn>,
    /// What is left.
    pub budget: Option<Budget>,
    /// When the budget is spent if it goes on like this.
    pub exhausts_at: Option<UnixNanos>,
    /// Seconds by which the decision came late, because facts did.
    pub detected_late_s: Option<u64>,
    /// How the numbers came about, as a formula with the numbers in it.
    pub explain: String,
    /// Who burns it, worst first.
    pub culprits: Vec<Culprit>,
    /// Executions to look at; at most three are told.
    pub executions: Vec<Example>,
    /// What the inquest into the examples found, in a sentence.
    pub verdict: Option<String>,
    /// Experiments that ran meanwhile.
    pub experiments: Vec<ExperimentRef>,
    /// Further labels, for routing by the receiver.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Names of the receivers that the objective asks for; empty for those whose settings fit.
    pub receivers: Vec<String>,
}

/// An incident: one objective in trouble, once per severity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Incident {
    /// The same for all messages about it and for nothing else, such as `checkout/page/1732245368`.
    pub key: String,
    /// When it began.
    pub since: UnixNanos,
    /// When it ended.
    pub until: Option<UnixNanos>,
    /// Path of its page, such as `/alerts/7`.
    pub path: String,
}

/// The objective that a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SloRef {
    /// Its name in the API.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The service it belongs to.
    pub service: String,
    /// The group, where an objective is kept per group.
    pub group: String,
    /// In percent, as written: `99.5`.
    pub target: String,
    /// Such as `28d` or `month`.
    pub window: String,
    /// `Occurrences`, `Timeslices` or `RatioTimeslices`.
    pub method: String,
    /// Path of its page.
    pub path: String,
}

/// A burn rate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Burn {
    /// Such as `1h`.
    pub window: String,
    /// Times the sustainable rate; `None` without events.
    pub rate: Option<f64>,
    /// What it is compared with.
    pub threshold: Option<f64>,
    /// Bad events in the window.
    pub bad: u64,
    /// All events in the window.
    pub total: u64,
}

/// An error budget.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Share that is left: 1 is all, below 0 is overspent.
    pub remaining: f64,
    /// Bad events that are allowed in the window.
    pub allowed: f64,
    /// Bad events so far.
    pub spent: f64,
}

/// Somebody who burns the budget.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Culprit {
    /// Such as `state`, `error`, `function`, `version`.
    pub kind: String,
    /// Its value.
    pub name: String,
    /// Share of the bad events that have it, 0 to 1.
    pub share: f64,
    /// How many times more frequent it is among bad events than among good ones; `None` when no good event
    /// has it.
    pub lift: Option<f64>,
    /// Bad events with it.
    pub bad: u64,
}

/// An execution to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Example {
    /// ARN or trace id.
    pub id: String,
    /// For people.
    pub name: String,
    /// When it ended.
    pub at: UnixNanos,
    /// Its error, or what makes it bad.
    pub error: String,
    /// Path of its case file.
    pub path: String,
}

/// An experiment that ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExperimentRef {
    /// Its id.
    pub id: String,
    /// For people.
    pub name: String,
    /// Who runs it.
    pub owner: String,
    /// Share of the budget that it has spent, net of baseline.
    pub charge: Option<f64>,
}

impl Notification {
    /// A message that says nothing but that messages arrive.
    pub fn test(now: UnixNanos, receiver: &str) -> Self {
        Notification {
            kind: Kind::Test,
            at: now,
            incident: Incident {
                key: format!("inquest-test/{receiver}"),
                since: now,
                until: None,
                path: "/alerts".into(),
            },
            severity: "info".into(),
            slo: SloRef {
                name: "inquest-test".into(),
                title: "A test of alert delivery".into(),
                service: "inquest".into(),
                target: "99.5".into(),
                window: "28d".into(),
                method: "Occurrences".into(),
                ..SloRef::default()
            },
            summary: format!("Test message to {receiver}: if you can read this, alerts arrive."),
            explain: "somebody said `inquest alert test`; nothing is wrong".into(),
            ..Notification::default()
        }
    }
}
