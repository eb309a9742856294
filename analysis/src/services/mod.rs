//! Which service did it, from plain traces and logs of a faulty and of a healthy period, without any workflow.
//!
//! Careful accounting, then simple rules:
//!
//! 1. Trees are repaired ([`tree`]): a call span without children that encloses a sibling with children is its parent.
//! 2. Time belongs to whoever was waited for ([`latency`]): what passes between a call and its answer is charged to the
//!    callee, unless all calls of one caller are slow. It is summed per trace and entry operation, so that the number of
//!    calls counts and a change in the mix of requests does not.
//!    Whether it is more than chance says a test that holds from a few traces up ([`shift`]).
//! 3. Errors belong to the span without a failed cause below it ([`errors`]), against the rate in the healthy period.
//! 4. Log lines count by presence, given that the trace touched the service ([`logs`]): constant noise says nothing. A
//!    line that stays away from an operation that always wrote it tells as well.
//! 5. Calls that an operation made and makes no more are work left undone ([`absence`]). Where callers stop after a call
//!    that others used to follow, its answer was wrong. Messages that are sent and that nobody takes any more are too
//!    ([`idle`]).
//! 6. Failures that lie where a callee, or who was asked before, answered oddly are charged to the odd answer ([`hints`]);
//!    what others fail of where one keeps the callee busy, to that one ([`hog`]).
//! 7. What is only said, and moves nothing that anybody feels, is hardly heard ([`heed`]).
//! 8. Each of these is a probability of its own. What fails in the traces in which somebody further down fails too is
//!    explained by that ([`signals`]). They are joined, and ranked ([`rank`]).
//! 9. Of the service that is named the host, pod or operation is told that sets its trouble apart ([`place`]).

mod absence;
mod callers;
mod errors;
mod forgets;
mod heed;
mod hints;
mod hog;
mod idle;
mod lag;
mod latency;
mod lent;
mod logs;
mod means;
mod more;
mod numbers;
mod patience;
mod place;
mod pools;
mod rank;
mod reasons;
mod rejected;
mod report;
mod shift;
mod signals;
mod starts;
mod tree;

pub use lent::lend;
pub use numbers::is_amount;
pub use rank::explain;
pub use starts::is_cold_start;

use model::{SpanId, SpanKind, TraceId, UnixNanos};
use std::sync::Arc;

/// What is looked at of a span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hop {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// The span that called it; zero for none.
    pub parent_span_id: SpanId,
    /// Service.
    pub service: Arc<str>,
    /// Operation.
    pub name: Arc<str>,
    /// Side of the call.
    pub kind: SpanKind,
    /// Start.
    pub start: UnixNanos,
    /// Duration, nanoseconds.
    pub duration_ns: i64,
    /// It failed.
    pub failed: bool,
    /// What it says of its failure.
    pub message: Arc<str>,
    /// That is taken from its service's log.
    pub lent: bool,
    /// It answered that it broke down itself, whatever it was sent: HTTP 5xx, or gRPC UNKNOWN, INTERNAL or DATA_LOSS.
    pub broke: bool,
    /// Who it says it calls.
    pub peer: Option<Arc<str>>,
    /// Host or node it ran on.
    pub host: Option<Arc<str>>,
    /// Pod, container or instance of the service it ran in.
    pub pod: Option<Arc<str>>,
    /// Version of the service that it ran in.
    pub release: Option<Arc<str>>,
    /// Numbers that it tells, by the names of its attributes.
    pub amounts: Vec<(Arc<str>, f64)>,
}

/// What is looked at of a log record.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Its id.
    pub log_id: TraceId,
    /// Trace it says it belongs to; zero for none.
    pub trace_id: TraceId,
    /// Service.
    pub service: Arc<str>,
    /// When.
    pub time: UnixNanos,
    /// OTLP severity number.
    pub severity: u8,
    /// Message.
    pub body: String,
}

/// The traces and logs of a period.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Period {
    /// Spans.
    pub spans: Vec<Hop>,
    /// Log records.
    pub lines: Vec<Line>,
}

#[cfg(test)]
mod tests;
