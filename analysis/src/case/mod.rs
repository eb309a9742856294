//! The case file: everything that is held about one execution, and what it proves.

use model::{Attempt, Document, Execution, HistoryEvent, Invocation, Join, LogRecord, Span, State};

/// Everything that is held about one execution, as facts and first derivations.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Case {
    /// The execution.
    pub execution: Execution,
    /// Its state visits, in order of their events.
    pub states: Vec<State>,
    /// The tries of its tasks.
    pub attempts: Vec<Attempt>,
    /// The invocations that its attempts made.
    pub invocations: Vec<Invocation>,
    /// Which invocation, span or execution happened inside which attempt.
    pub joins: Vec<Join>,
    /// Its raw events.
    pub events: Vec<HistoryEvent>,
    /// Descriptions and definition.
    pub documents: Vec<Document>,
    /// Application and proxy spans below its invocations and attempts (not those derived from the history).
    pub spans: Vec<Span>,
    /// Lines of its invocations, and log records of its spans.
    pub logs: Vec<LogRecord>,
    /// The executions that it started, as far as their histories are held.
    pub children: Vec<Case>,
}
