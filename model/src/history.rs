//! What a workflow engine recorded, as it came: events and documents.

use crate::UnixNanos;
use serde::{Deserialize, Serialize};

/// The engine that ran a workflow: a field of every row, never an assumption.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Engine(pub String);

impl Engine {
    /// AWS Step Functions, Standard and Express.
    pub const STEP_FUNCTIONS: &'static str = "aws.step_functions";

    /// AWS Lambda durable functions.
    pub const LAMBDA_DURABLE: &'static str = "aws.lambda_durable";

    /// AWS Lambda durable functions.
    pub fn lambda_durable() -> Self {
        Engine(Self::LAMBDA_DURABLE.to_owned())
    }

    /// AWS Step Functions.
    pub fn step_functions() -> Self {
        Engine(Self::STEP_FUNCTIONS.to_owned())
    }
}

/// How an event reached us. Log delivery may lack payloads and whole events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSource {
    /// The history API: complete up to the moment of asking.
    History,
    /// Log delivery: best effort, filtered by level.
    Logs,
}

impl EventSource {
    /// The word stored in the `source` column.
    pub fn as_str(self) -> &'static str {
        match self {
            EventSource::History => "history",
            EventSource::Logs => "logs",
        }
    }
}

/// One event of an execution's history. Identity: (execution ARN, redrive count, event id).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// The engine that recorded it.
    pub engine: Engine,
    /// The execution: an ARN, or an id that the importer made for a history that names none.
    pub execution_arn: String,
    /// How often the execution had been redriven when this happened.
    pub redrive_count: u32,
    /// Id in the history, counting from 1.
    pub event_id: u64,
    /// The event that caused this one; 0 for none.
    pub previous_event_id: u64,
    /// The engine's word, such as `TaskStateEntered`. Unknown words are kept.
    pub event_type: String,
    /// When.
    pub time: UnixNanos,
    /// The members of the details object as JSON text, flat, without the `…EventDetails` wrapper;
    /// `{}` if it had none. `input`, `output`, `parameters` and `cause` are strings in it, as sent.
    pub details: String,
    /// How it reached us.
    pub source: EventSource,
}

/// What a [`Document`] describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// DescribeExecution's answer, or a status change event in the same words.
    Execution,
    /// DescribeStateMachine(ForExecution)'s answer, or a bare state machine definition.
    StateMachine,
    /// DescribeMapRun's answer.
    MapRun,
    #[serde(rename = "ecs_task")]
    /// An ECS task, as described or as an event says; its ARN stands in the place of the execution's.
    Task,
    #[serde(rename = "batch_job")]
    /// A Batch job, likewise.
    Job,
}

impl DocumentKind {
    /// The word stored in the `kind` column.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentKind::Execution => "execution",
            DocumentKind::StateMachine => "state_machine",
            DocumentKind::MapRun => "map_run",
            DocumentKind::Task => "ecs_task",
            DocumentKind::Job => "batch_job",
        }
    }
}

/// A description that belongs to an execution, as JSON text with the API's own member names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The engine it is from.
    pub engine: Engine,
    /// The execution it belongs to.
    pub execution_arn: String,
    /// What it is.
    pub kind: DocumentKind,
    /// The document.
    pub body: String,
}
