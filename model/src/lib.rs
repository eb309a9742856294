//! The shared nouns of Inquest: plain data, no I/O, no clock, no async.
//!
//! Everything that two crates have to agree on lives here. Protobuf exists only in `ingest`,
//! Arrow only in `store` and `query`, and the JSON shapes of [`api`] only between `server` and `ui`.
//!
//! | Module | Nouns |
//! |---|---|
//! | [`id`] | trace and span ids, and how they follow from an execution ARN |
//! | [`time`] | nanoseconds since the epoch, and how durations are written for people |
//! | [`span`], [`log`] | OpenTelemetry's two records |
//! | [`lambda`] | the words in which a Lambda log line is stored |
//! | [`history`] | what a workflow engine recorded: events and documents |
//! | [`execution`] | what those events mean: execution ⊃ state ⊃ attempt, and Lambda invocations |
//! | [`hop`] | what a proxy did with one request |
//! | [`join`] | "this invocation was made by that attempt", with method and confidence |
//! | [`ledger`], [`cost`] | where the time and the money of an execution went |
//! | [`change`] | deployments and other changes |
//! | [`compare`] | an execution beside its twins, a group beside another |
//! | [`container`] | ECS tasks and Batch jobs |
//! | [`coverage`] | what must exist of an execution, against what has arrived |
//! | [`verdict`] | who did it, what proves it, who did not |
//! | [`api`], [`trace_file`] | what the server tells the browser |

pub mod api;
pub mod change;
pub mod compare;
pub mod container;
pub mod cost;
pub mod coverage;
pub mod execution;
pub mod history;
pub mod hop;
pub mod id;
pub mod join;
pub mod lambda;
pub mod ledger;
pub mod log;
pub mod span;
pub mod text;
pub mod time;
pub mod trace_file;
pub mod verdict;

pub use change::Change;
pub use container::Job;
pub use cost::{CostConfidence, CostItem, CostReport, Waste};
pub use coverage::{Coverage, CoverageStatus, Missing, Tally};
pub use execution::{
    Attempt, ColdStart, Execution, ExecutionStatus, Invocation, InvocationStatus, State, Status,
    WorkflowTrace,
};
pub use history::{Document, DocumentKind, Engine, EventSource, HistoryEvent};
pub use hop::{Hop, HopOutcome};
pub use id::{SpanId, TraceId};
pub use join::{Join, JoinEnd, JoinMethod};
pub use ledger::{Ledger, LedgerEntry, PathSegment, Slack, TimeCategory};
pub use log::{LogOrigin, LogRecord};
pub use span::{Attributes, Link, Span, SpanEvent, SpanKind, SpanSource, StatusCode, Value};
pub use time::UnixNanos;
pub use verdict::{
    Category, Cleared, Entity, Exhibit, Fatality, ITS_END, Outcome, Sentence, Suspect, Verdict,
    state_of_item,
};

use serde::{Deserialize, Serialize};

/// What a collector hands to the one door: facts as they came, in any order, any number of times.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Spans from X-Ray, Zipkin, files… (OTLP at full load never takes this form).
    pub spans: Vec<Span>,
    /// Log lines of functions and applications.
    pub logs: Vec<LogRecord>,
    /// Workflow history events, from the history API or from log delivery.
    pub events: Vec<HistoryEvent>,
    /// Descriptions of executions, definitions of state machines, map runs.
    pub documents: Vec<Document>,
    /// Deployments and other changes that somebody told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Batch {
    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
            && self.logs.is_empty()
            && self.events.is_empty()
            && self.documents.is_empty()
            && self.changes.is_empty()
    }

    /// Number of records of all kinds.
    pub fn len(&self) -> usize {
        let facts = self.spans.len() + self.logs.len() + self.events.len();
        facts + self.documents.len() + self.changes.len()
    }

    /// Both halves, or `None` for a single record: what is too large together may fit alone.
    pub fn halves(mut self) -> Option<(Batch, Batch)> {
        let half = self.len() / 2;
        if half == 0 {
            return None;
        }
        let mut left = half;
        let rest = Batch {
            documents: beyond(&mut self.documents, &mut left),
            events: beyond(&mut self.events, &mut left),
            logs: beyond(&mut self.logs, &mut left),
            spans: beyond(&mut self.spans, &mut left),
            changes: beyond(&mut self.changes, &mut left),
        };
        Some((self, rest))
    }

    /// What its first record is, for messages.
    pub fn first_word(&self) -> String {
        if let Some(event) = self.events.first() {
            return format!("event {} of {}", event.event_id, event.execution_arn);
        }
        if let Some(document) = self.documents.first() {
            return format!("a description of {}", document.execution_arn);
        }
        if let Some(span) = self.spans.first() {
            return format!("span {} of trace {}", span.span_id, span.trace_id);
        }
        match self.logs.first() {
            Some(log) => format!("log record {}", log.log_id),
            None => "a change".to_owned(),
        }
    }

    /// Moves everything of `other` to the end of `self`.
    pub fn append(&mut self, mut other: Batch) {
        self.spans.append(&mut other.spans);
        self.logs.append(&mut other.logs);
        self.events.append(&mut other.events);
        self.documents.append(&mut other.documents);
        self.changes.append(&mut other.changes);
    }
}

/// Takes out what lies beyond the first `left` records, and counts down those that stay.
fn beyond<T>(records: &mut Vec<T>, left: &mut usize) -> Vec<T> {
    let stay = records.len().min(*left);
    *left -= stay;
    records.split_off(stay)
}
