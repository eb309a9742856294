//! Step Functions as people save it: histories, descriptions, definitions, map runs, log events.
//!
//! Recognising happens in two steps, because a history does not carry the ARN of its execution:
//! [`recognise()`] finds the [`Piece`]s in one JSON value, whatever it is wrapped in, and [`assemble()`] pairs
//! the pieces of one import. Formats: API reference of AWS Step Functions (GetExecutionHistory,
//! DescribeExecution, DescribeStateMachine, DescribeMapRun, ListExecutions, StartSyncExecution),
//! EventBridge's "Step Functions Execution Status Change", and its CloudWatch Logs events.

mod assemble;
mod documents;
mod event;
mod identity;
mod known;
mod log;
mod pages;
mod pairing;
mod recognise;
mod time;

pub use assemble::{Lost, Skip, assemble, assemble_with};
pub use event::Event;
pub(crate) use event::{camel, whole};
pub use known::Streamed;
pub use log::parse_log_message;
pub(crate) use recognise::history_of;
pub use recognise::recognise;
pub use time::parse_time;
pub(crate) use time::to_epoch_seconds;

use model::{Engine, HistoryEvent};
use serde_json::{Map, Value};

/// One thing that [`recognise()`] found.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A page of a history, or a whole one.
    History(History),
    /// DescribeExecution's answer, or anything that says the same (ListExecutions, StartSyncExecution,
    /// a status change event), with dates as epoch seconds and payloads as JSON text.
    Execution(Map<String, Value>),
    /// A state machine's definition.
    StateMachine(StateMachine),
    /// DescribeMapRun's answer, or an entry of ListMapRuns.
    MapRun(Map<String, Value>),
    /// Events from log delivery: they name their execution.
    LogEvents(LogEvents),
}

/// A page of a history, or a whole one.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The engine that wrote it.
    pub engine: Engine,
    /// The execution, if the wrapper names it.
    pub execution_arn: Option<String>,
    /// The events, as they came.
    pub events: Vec<Event>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// True when the page ends with a `nextToken`: there is more.
    pub more: bool,
}

impl Default for History {
    fn default() -> Self {
        History {
            engine: Engine::step_functions(),
            execution_arn: None,
            events: Vec::new(),
            problems: Vec::new(),
            more: false,
        }
    }
}

/// A state machine's definition, with or without the API's description around it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateMachine {
    /// The execution it was found beside, in the same JSON value.
    pub execution_arn: Option<String>,
    /// ARN, if described.
    pub state_machine_arn: Option<String>,
    /// The description, with `definition` as JSON text.
    pub body: Map<String, Value>,
}

/// Events from log delivery.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogEvents {
    /// The events.
    pub events: Vec<HistoryEvent>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Something that could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Place inside the JSON value, such as `.events[3].timestamp`.
    pub position: String,
    /// What was wrong, and what was done about it.
    pub reason: String,
}
