//! One history event, classified, with its details decoded.

use model::{ExecutionStatus, HistoryEvent, Status, UnixNanos};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value;

/// What an event means for the structure of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Started,
    Ended(ExecutionStatus),
    Redriven,
    /// A state was entered; the type of the state.
    Entered(String),
    /// A state was left; the type of the state.
    Exited(String),
    /// An open state was cut off; the type of the state.
    StateAborted(String),
    BlockStarted(Block),
    BlockSucceeded(Block),
    BlockFailed(Block),
    BlockAborted(Block),
    IterationStarted,
    IterationEnded(Status),
    MapRunStarted,
    MapRunEnded(Status),
    Scheduled,
    TryStarted,
    TrySubmitted,
    TrySucceeded,
    /// A try failed or timed out.
    TryFailed(Status),
    EvaluationFailed,
    Other,
}

/// States that hold states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Map,
    Parallel,
}

impl Block {
    pub fn state_type(self) -> &'static str {
        match self {
            Block::Map => "Map",
            Block::Parallel => "Parallel",
        }
    }
}

impl Kind {
    /// Classifies an event type of the API reference, GetExecutionHistory; unknown ones are `Other`.
    pub fn of(event_type: &str) -> Kind {
        use ExecutionStatus as E;
        match event_type {
            "ExecutionStarted" => Kind::Started,
            "ExecutionSucceeded" => Kind::Ended(E::Succeeded),
            "ExecutionFailed" => Kind::Ended(E::Failed),
            "ExecutionTimedOut" => Kind::Ended(E::TimedOut),
            "ExecutionAborted" => Kind::Ended(E::Aborted),
            "ExecutionRedriven" => Kind::Redriven,
            "MapStateStarted" => Kind::BlockStarted(Block::Map),
            "MapStateSucceeded" => Kind::BlockSucceeded(Block::Map),
            "MapStateFailed" => Kind::BlockFailed(Block::Map),
            "MapStateAborted" => Kind::BlockAborted(Block::Map),
            "ParallelStateStarted" => Kind::BlockStarted(Block::Parallel),
            "ParallelStateSucceeded" => Kind::BlockSucceeded(Block::Parallel),
            "ParallelStateFailed" => Kind::BlockFailed(Block::Parallel),
            "ParallelStateAborted" => Kind::BlockAborted(Block::Parallel),
            "MapIterationStarted" => Kind::IterationStarted,
            "MapIterationSucceeded" => Kind::IterationEnded(Status::Succeeded),
            "MapIterationFailed" => Kind::IterationEnded(Status::Failed),
            "MapIterationAborted" => Kind::IterationEnded(Status::Aborted),
            "MapRunStarted" | "MapRunRedriven" => Kind::MapRunStarted,
            "MapRunSucceeded" => Kind::MapRunEnded(Status::Succeeded),
            "MapRunFailed" => Kind::MapRunEnded(Status::Failed),
            "MapRunAborted" => Kind::MapRunEnded(Status::Aborted),
            "EvaluationFailed" => Kind::EvaluationFailed,
            _ => Kind::of_state(event_type)
                .or_else(|| Kind::of_try(event_type))
                .unwrap_or(Kind::Other),
        }
    }

    fn of_state(event_type: &str) -> Option<Kind> {
        let ends = |end| event_type.strip_suffix(end).map(str::to_owned);
        None.or_else(|| ends("StateEntered").map(Kind::Entered))
            .or_else(|| ends("StateExited").map(Kind::Exited))
            .or_else(|| ends("StateAborted").map(Kind::StateAborted))
    }

    fn of_try(event_type: &str) -> Option<Kind> {
        let rest = ["Task", "LambdaFunction", "Activity"]
            .iter()
            .find_map(|start| event_type.strip_prefix(start))?;
        Some(match rest {
            "Scheduled" => Kind::Scheduled,
            "Started" => Kind::TryStarted,
            "Submitted" => Kind::TrySubmitted,
            "Succeeded" => Kind::TrySucceeded,
            "TimedOut" => Kind::TryFailed(Status::TimedOut),
            "Failed" | "ScheduleFailed" | "StartFailed" | "SubmitFailed" => {
                Kind::TryFailed(Status::Failed)
            }
            _ => return None,
        })
    }

    /// True for an event that says that something failed by itself.
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Kind::TryFailed(_)
                | Kind::EvaluationFailed
                | Kind::BlockFailed(_)
                | Kind::MapRunEnded(Status::Failed)
        )
    }
}

/// The members of the details that the trace needs. Text that came as something else is kept as JSON text.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Details {
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub input: Option<String>,
    #[serde(deserialize_with = "text")]
    pub output: Option<String>,
    #[serde(deserialize_with = "text")]
    pub error: Option<String>,
    #[serde(deserialize_with = "text")]
    pub cause: Option<String>,
    #[serde(deserialize_with = "text")]
    pub resource: Option<String>,
    #[serde(deserialize_with = "text")]
    pub resource_type: Option<String>,
    #[serde(deserialize_with = "text")]
    pub parameters: Option<String>,
    #[serde(deserialize_with = "text")]
    pub map_run_arn: Option<String>,
    #[serde(deserialize_with = "text")]
    pub state: Option<String>,
    #[serde(deserialize_with = "text")]
    pub location: Option<String>,
    #[serde(deserialize_with = "text")]
    pub worker_name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub state_machine_version_arn: Option<String>,
    #[serde(deserialize_with = "text")]
    pub state_machine_alias_arn: Option<String>,
    #[serde(deserialize_with = "number")]
    pub index: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub length: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub timeout_in_seconds: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub heartbeat_in_seconds: Option<i64>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    })
}

/// An event with what was read from it.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub event: &'a HistoryEvent,
    pub kind: Kind,
    pub details: Details,
}

impl<'a> Step<'a> {
    pub fn read(event: &'a HistoryEvent) -> Self {
        Step {
            event,
            kind: Kind::of(&event.event_type),
            details: serde_json::from_str(&event.details).unwrap_or_default(),
        }
    }
    pub fn id(&self) -> u64 {
        self.event.event_id
    }
    pub fn time(&self) -> UnixNanos {
        self.event.time
    }
}

/// How much of its payload an event copy holds: what [`super::merge_events`] prefers.
pub(super) fn has_payload(event: &HistoryEvent) -> bool {
    #[derive(Deserialize)]
    struct Payload {
        #[serde(default)]
        input: Option<IgnoredAny>,
        #[serde(default)]
        output: Option<IgnoredAny>,
        #[serde(default)]
        parameters: Option<IgnoredAny>,
    }
    serde_json::from_str::<Payload>(&event.details).is_ok_and(|payload| {
        payload.input.is_some() || payload.output.is_some() || payload.parameters.is_some()
    })
}
