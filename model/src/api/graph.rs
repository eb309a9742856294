//! `GET /api/v1/executions/{ARN or trace id}/graph`: the state machine as it ran, laid out.
//!
//! Lengths are CSS pixels from the top left corner of the drawing. The layout is the server's, so that every
//! reader of it draws the same picture.

use serde::{Deserialize, Serialize};

/// The drawing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Graph {
    /// Width of the drawing.
    pub width: f64,
    /// Height of the drawing.
    pub height: f64,
    /// True when the definition is not known and the graph shows only what the history did.
    pub observed: bool,
    /// The states; a container comes before what is in it.
    pub nodes: Vec<GraphNode>,
    /// The transitions.
    pub edges: Vec<GraphEdge>,
    /// What the drawing leaves out, in words.
    pub notes: Vec<String>,
}

/// A state, or the begin or end of a scope.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GraphNode {
    /// Name of the state; empty for begin and end.
    pub name: String,
    /// `Task`, `Choice`, `Map`…; `start` or `end` of a scope.
    pub kind: String,
    /// What it calls or waits for, such as a function.
    pub subject: String,
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Place of the Map or Parallel it is in, in [`Graph::nodes`].
    pub parent: Option<u32>,
    /// True when other nodes lie in it.
    pub container: bool,
    /// The retriers of the definition, in words; empty without.
    pub retry: String,
    /// How often it was entered.
    pub visits: u32,
    /// The worst way in which a visit ended: `FAILED`, `TIMED_OUT`, `CAUGHT`, `RUNNING`, `ABORTED`, `UNKNOWN`,
    /// `SUCCEEDED`; empty without a visit.
    pub status: String,
    /// How many visits ended in which way, worst first; `CAUGHT` is a failure that a Catch took.
    pub outcomes: Vec<(String, u32)>,
    /// Tries of its task.
    pub attempts: u32,
    /// Those of them that follow a failure, and repeated starts of a Map or Parallel.
    pub retries: u32,
    /// Errors and how often each ended a try or a visit, most frequent first.
    pub errors: Vec<(String, u32)>,
    /// Nanoseconds in all visits.
    pub time_ns: i64,
    /// Nanoseconds of the longest visit.
    pub longest_ns: i64,
    /// What it cost in all visits, pico-dollars (10⁻¹² USD); `None` if nobody knows.
    pub picodollars: Option<i64>,
    /// True when the failure that explains the end of the execution is here.
    pub root_cause: bool,
    /// Some visits, the worst first.
    pub some: Vec<GraphVisit>,
    /// Iterations of a Map by how they ended, worst first.
    pub iterations: Vec<IterationGroup>,
}

/// One visit of a state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GraphVisit {
    /// Its span, hex.
    pub span_id: String,
    /// Where: `Fan[3]/Charge`.
    pub path: String,
    /// How it ended, as in [`GraphNode::outcomes`].
    pub status: String,
    /// Its error.
    pub error: Option<String>,
    /// Nanoseconds; `None` if it did not end.
    pub duration_ns: Option<i64>,
    /// Trace of the execution it is in, if that is not the one that is drawn: an item of a distributed Map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
}

/// Iterations of a Map that ended in the same way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct IterationGroup {
    /// How.
    pub status: String,
    /// With which error.
    pub error: Option<String>,
    /// How many.
    pub count: u32,
    /// The lowest indices of them.
    pub indices: Vec<u32>,
    /// A span in the first of them, hex.
    pub span_id: String,
    /// Trace of that one's execution, if it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
}

/// A transition.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Place of the origin in [`Graph::nodes`].
    pub from: u32,
    /// Place of the target.
    pub to: u32,
    /// `next`, `choice`, `default` or `catch`.
    pub kind: String,
    /// Condition or errors, short; empty without.
    pub label: String,
    /// The same in full.
    pub title: String,
    /// How often it was taken.
    pub taken: u32,
    /// SVG path data.
    pub path: String,
    /// Where the label begins (or, for a choice, has its middle).
    pub label_at: (f64, f64),
}
