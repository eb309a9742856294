//! Who is told about alerts, what was told, and what is held back: `/api/v1/receivers`,
//! `/api/v1/deliveries`, `/api/v1/silences`.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /api/v1/receivers` | [`ReceiverPage`] |
//! | `POST /api/v1/receivers/{name}/test` | [`TestOutcome`] |
//! | `GET /api/v1/deliveries?status=&receiver=&incident=&limit=` | [`DeliveryPage`] |
//! | `POST /api/v1/deliveries/{id}/replay?anyway=` | the [`Delivery`], waiting again |
//! | `GET /api/v1/silences` | JSON array of [`Silence`] |
//! | `POST /api/v1/silences` ([`Silence`] without `id` and `active`) | the [`Silence`] |
//! | `DELETE /api/v1/silences/{id}` | nothing |
//!
//! Times are nanoseconds since the epoch as decimal text.

use serde::{Deserialize, Serialize};

/// All receivers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReceiverPage {
    /// In the order of the file.
    pub receivers: Vec<ReceiverView>,
    /// The file that names them.
    pub file: String,
    /// Why its present text is not used; what was read before holds on.
    pub problem: Option<String>,
}

/// A receiver, without its secrets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReceiverView {
    /// Its name.
    pub name: String,
    /// `cloudevents`, `webhook`, `alertmanager`, `pagerduty`, `slack`, `teams`, `opsgenie`…
    pub format: String,
    /// Scheme and host; the rest may be a secret.
    pub url: String,
    /// What it is told about, in words.
    pub route: String,
    /// Whether messages to it are signed.
    pub signed: bool,
    /// Who is told instead when it fails.
    pub fallback: Option<String>,
    /// `ok`, `failing`, `gone` (it said 410), `new` (nothing was ever sent).
    pub health: String,
    /// What was wrong last.
    pub last_error: Option<String>,
    /// When something arrived last.
    pub last_success: Option<String>,
    /// When something failed last.
    pub last_failure: Option<String>,
    /// Messages that wait for it.
    pub waiting: u64,
    /// Messages that were given up.
    pub dead: u64,
    /// Messages that arrived, ever.
    pub delivered: u64,
}

/// Messages, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DeliveryPage {
    /// At most as many as were asked for.
    pub rows: Vec<Delivery>,
    /// How many there are of each status.
    pub counts: std::collections::BTreeMap<String, u64>,
    /// When nothing matches and a name in the filter is nobody's: which one, and what is like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A message to one receiver.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// What the receiver knows it by.
    pub id: String,
    /// Counts up.
    pub number: u64,
    /// Name of the receiver.
    pub receiver: String,
    /// `slo.burn.firing`, `slo.burn.resolved`…
    pub kind: String,
    /// Key of the incident.
    pub incident: String,
    /// Name of the objective.
    pub slo: String,
    /// `page`, `ticket`, `info`.
    pub severity: String,
    /// One line.
    pub summary: String,
    /// `waiting`, `silenced`, `delivered`, `superseded`, `dropped`, `dead`.
    pub status: String,
    /// Why, where the status alone does not say.
    pub note: String,
    /// When it was written.
    pub enqueued: String,
    /// When it is tried next, if it waits.
    pub due: Option<String>,
    /// When it was dealt with.
    pub done: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// The last ones, oldest first.
    pub log: Vec<DeliveryAttempt>,
}

/// An attempt to deliver.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When it ended.
    pub at: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Status of HTTP, if there was an answer.
    pub status: Option<u16>,
    /// What was wrong; empty if nothing.
    pub error: String,
    /// Whether the receiver may have got it nevertheless.
    pub uncertain: bool,
}

/// What came of a test message.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TestOutcome {
    /// Name of the receiver.
    pub receiver: String,
    /// Whether it arrived.
    pub delivered: bool,
    /// Status of HTTP, if there was an answer.
    pub status: Option<u16>,
    /// What was wrong; empty if nothing.
    pub error: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// What the receiver knows it by.
    pub id: String,
    /// Whether it was signed.
    pub signed: bool,
}

/// Holds back messages about what matches, for a time. An unknown member is refused: a misspelt `slo` would match everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Silence {
    /// Given by the server.
    pub id: String,
    /// Name of the objective, `*` stands for any letters; empty means any.
    pub slo: String,
    /// `page`, `ticket`, `info`; empty means any.
    pub severity: String,
    /// Begins then; now if empty.
    #[serde(with = "crate::time::written")]
    pub from: String,
    /// Ends then.
    #[serde(with = "crate::time::written")]
    pub until: String,
    /// Why.
    pub comment: String,
    /// Who.
    pub author: String,
    /// Whether it holds now.
    pub active: bool,
    /// Said of a new one, if no objective or severity fits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
