//! What a case file says: who did it, what proves it, who did not.
//!
//! The JSON form of [`Verdict`] is a contract: `inquest explain --format json`, the API and the table
//! `verdicts` agree on it.

use serde::{Deserialize, Serialize};

/// What `missing` begins with for an execution that has not ended.
pub const ITS_END: &str = "the end of the execution";

/// How an inquest ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Somebody is named.
    Verdict,
    /// Nothing went wrong that is not explained by input or load.
    #[default]
    NoCrime,
    /// The facts do not suffice; `missing` says which one would decide.
    ColdCase,
}

/// The closed list of kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Something took longer than it does in healthy runs.
    Latency,
    /// Code or a dependency failed.
    Error,
    /// A runtime had to be started first.
    ColdStart,
    /// A limit on concurrency, a pool or a quota.
    Capacity,
    /// A timeout that is too short for what it guards.
    TimeoutConfig,
    /// Out of memory.
    Memory,
    /// A new version of a function, workflow or configuration.
    BadDeploy,
    /// A payload or an input that has outgrown a limit.
    DataSize,
    /// One input item that cannot be processed.
    BadInput,
    /// A role or policy.
    Permission,
    /// A host, a container, an image, spot capacity.
    Infrastructure,
    /// Names, routes, connections.
    NetworkConfig,
    /// A message, token or heartbeat that never arrived.
    LostMessage,
    /// Wrong data without an error.
    SilentData,
}

/// The state of an input item, `PriceItems` of `PriceItems[2]`: items of one state are one mystery, whatever their index.
pub fn state_of_item(name: &str) -> &str {
    let of = name.strip_suffix(']').and_then(|it| it.rsplit_once('['));
    match of {
        Some((state, index)) if index.bytes().all(|it| it.is_ascii_digit()) => state,
        _ => name,
    }
}

impl Category {
    /// All of them.
    pub const ALL: [Category; 14] = [
        Category::Latency,
        Category::Error,
        Category::ColdStart,
        Category::Capacity,
        Category::TimeoutConfig,
        Category::Memory,
        Category::BadDeploy,
        Category::DataSize,
        Category::BadInput,
        Category::Permission,
        Category::Infrastructure,
        Category::NetworkConfig,
        Category::LostMessage,
        Category::SilentData,
    ];

    /// The word of the contract, such as `cold_start`.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Latency => "latency",
            Category::Error => "error",
            Category::ColdStart => "cold_start",
            Category::Capacity => "capacity",
            Category::TimeoutConfig => "timeout_config",
            Category::Memory => "memory",
            Category::BadDeploy => "bad_deploy",
            Category::DataSize => "data_size",
            Category::BadInput => "bad_input",
            Category::Permission => "permission",
            Category::Infrastructure => "infrastructure",
            Category::NetworkConfig => "network_config",
            Category::LostMessage => "lost_message",
            Category::SilentData => "silent_data",
        }
    }
}

/// What the fault did to the execution.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Fatality {
    /// It ended the execution.
    Fatal,
    /// The execution got over it by a retry.
    Survived,
    /// A Catch took it and the execution went on as if nothing had happened.
    Masked,
    /// There was none.
    #[default]
    None,
}

/// Somebody or something that can be named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Entity {
    /// `function`, `state`, `service`, `state_machine`, `host`, `job`, `task_definition`, `item`…
    pub kind: String,
    /// Its own name as users know it: function name, state name, service name or Envoy cluster, state
    /// machine, host, job or task definition, input item (`state[index]`).
    pub name: String,
    /// From the workflow down to it: workflow, version, state, iteration, attempt, function, version…
    #[serde(default)]
    pub path: Vec<String>,
}

/// A sentence of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sentence {
    /// How it came about.
    Mechanism,
    /// What changed before.
    Changed,
    /// What would have happened otherwise.
    ButFor,
}

/// A fact that proves something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exhibit {
    /// `event`, `log`, `span`, `join`, `invocation`, `document`, `change`.
    pub source: String,
    /// Names the fact so that SQL finds it: `event:<arn>#<id>`, `log:<log id>`,
    /// `span:<trace id>/<span id>`, `join:<parent span id>/<child span id>`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// When, RFC 3339 with nanoseconds in UTC.
    pub at: String,
    /// What it shows, in a sentence.
    pub text: String,
    /// The sentences of the verdict that stand on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proves: Vec<Sentence>,
}

/// A suspect who did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleared {
    /// Kind of entity.
    pub kind: String,
    /// Name of the entity.
    pub name: String,
    /// The one fact that clears it.
    pub reason: String,
    /// Where that fact is.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// Somebody who may have done it, best first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Suspect {
    /// Kind of entity.
    pub kind: String,
    /// Name of the entity.
    pub name: String,
    /// Of what it is suspected.
    pub category: Option<Category>,
    /// 0 to 1.
    pub score: f64,
}

/// What an inquest into one execution found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// ARN of the execution, or the trace id where there is no workflow.
    pub execution: String,
    /// Counts from 1; late facts that change the verdict give it the next number.
    pub version: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did it; `None` unless the outcome is a verdict.
    pub culprit: Option<Entity>,
    /// What kind of fault; `None` unless the outcome is a verdict.
    pub category: Option<Category>,
    /// How it came about, in one sentence.
    pub mechanism: String,
    /// What it did to the execution.
    pub fatality: Fatality,
    /// 0 to 1, calibrated.
    pub confidence: f64,
    /// What changed shortly before, if anything did.
    pub changed: Option<String>,
    /// What would have happened without it.
    pub but_for: Option<String>,
    /// In causal order.
    pub exhibits: Vec<Exhibit>,
    /// Who did not do it.
    pub cleared: Vec<Cleared>,
    /// Ranked, best first.
    pub suspects: Vec<Suspect>,
    /// The evidence that would decide.
    pub missing: Vec<String>,
}

impl Outcome {
    /// The word of the contract, such as `no_crime`.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Verdict => "verdict",
            Outcome::NoCrime => "no_crime",
            Outcome::ColdCase => "cold_case",
        }
    }
}

impl Fatality {
    /// The word of the contract, such as `masked`.
    pub fn as_str(self) -> &'static str {
        match self {
            Fatality::Fatal => "fatal",
            Fatality::Survived => "survived",
            Fatality::Masked => "masked",
            Fatality::None => "none",
        }
    }
}

impl Verdict {
    /// How sure it is, in words that are bound to numbers.
    pub fn certainty(&self) -> &'static str {
        match (self.outcome, self.confidence) {
            (Outcome::ColdCase, _) => "cold case",
            (Outcome::NoCrime, _) => "no crime",
            (_, 0.9..) => "beyond reasonable doubt",
            (_, 0.7..) => "probable",
            _ => "suspected",
        }
    }

    /// True for an execution of which nothing can be said yet but that it runs.
    pub fn still_runs(&self) -> bool {
        self.outcome == Outcome::ColdCase && self.missing.first().is_some_and(|it| it == ITS_END)
    }

    /// The exhibits, by number from 1, on which a sentence stands.
    pub fn cited(&self, of: Sentence) -> Vec<usize> {
        let all = self.exhibits.iter().enumerate();
        all.filter(|(_, it)| it.proves.contains(&of))
            .map(|(n, _)| n + 1)
            .collect()
    }

    /// A sentence with the numbers of the exhibits on which it stands: `… took 3 s [1, 3]`.
    pub fn with_citations(&self, text: &str, of: Sentence) -> String {
        let cited: Vec<String> = self.cited(of).iter().map(usize::to_string).collect();
        match cited.is_empty() {
            true => text.to_owned(),
            false => format!("{text} [{}]", cited.join(", ")),
        }
    }

    /// One sentence: who, of what, how sure.
    pub fn headline(&self) -> String {
        match (&self.culprit, self.category) {
            (Some(culprit), Some(category)) if self.outcome == Outcome::Verdict => format!(
                "{} {} did it: {} ({}, {:.0} %)",
                culprit.kind.replace('_', " "),
                culprit.name,
                category.as_str().replace('_', " "),
                self.certainty(),
                self.confidence * 100.0
            ),
            _ if self.still_runs() => "it still runs".to_owned(),
            _ if self.outcome == Outcome::ColdCase => {
                "cold case: the facts do not suffice".to_owned()
            }
            _ => "no crime".to_owned(),
        }
    }
}
