//! Changes: somebody deployed, configured, granted or tried something. A hint, never a verdict.

use crate::{TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

/// A change: a row of `changes`. Identity: time, kind, resource and text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Change {
    /// Id, made of its identity: the same change told twice is one.
    pub trace_id: TraceId,
    /// When.
    pub time: UnixNanos,
    /// `lambda`, `state_machine`, `config`, `role`, `experiment`… as told.
    pub kind: String,
    /// What was changed: a function, a state machine, a parameter.
    pub resource: String,
    /// In words: `version 7 → 8`.
    pub change: String,
    /// `told` (API or file) or `derived` (seen in histories and logs).
    pub source: String,
    /// Where it was seen: an execution ARN, an invocation's request id; empty when told.
    pub evidence: String,
    /// Everything else that was told, JSON object text.
    pub attributes: Option<String>,
}

impl Change {
    /// A change with its id made.
    pub fn new(time: UnixNanos, kind: &str, resource: &str, change: &str, source: &str) -> Self {
        let nanos = time.0.to_string();
        Change {
            trace_id: TraceId::of_parts(&["change", &nanos, kind, resource, change]),
            time,
            kind: kind.to_owned(),
            resource: resource.to_owned(),
            change: change.to_owned(),
            source: source.to_owned(),
            ..Change::default()
        }
    }
}
