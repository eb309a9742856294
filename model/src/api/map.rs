//! The service map: who calls whom, how often, how slowly, and how often in vain.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /api/v1/map?from=&to=&state_machine=&service=&limit=` | [`ServiceMap`] |
//! | `GET /api/v1/traces/{trace id}/hops` | [`Hops`] |
//! | `GET /api/v1/traces/{trace id}/clocks` | [`Clocks`] |
//! | `GET /api/v1/traces/{trace id}/joins` | [`Explanations`] |

use crate::{Hop, Join};
use serde::{Deserialize, Serialize};

/// What a node of the map is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A program that records spans.
    #[default]
    Service,
    /// A proxy that records spans or access logs.
    Proxy,
    /// A workflow.
    StateMachine,
    /// A Lambda function.
    Function,
    /// A queue or topic.
    Queue,
    /// A database, cache or table.
    Database,
    /// Something called that records nothing itself.
    External,
}

/// Something that calls or is called.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MapNode {
    /// Kind and name, such as `service:cart`: what edges refer to.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// Calls that it answered (for a state machine: executions), as far as it or its callers say.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Half of them took no longer, nanoseconds; `None` without calls that ended.
    pub p50_ns: Option<i64>,
    /// 19 of 20 took no longer, nanoseconds.
    pub p95_ns: Option<i64>,
    /// Left edge of its box in the drawing, pixels.
    pub x: f64,
    /// Upper edge of its box.
    pub y: f64,
    /// Width of its box.
    pub width: f64,
    /// Height of its box.
    pub height: f64,
}

/// A trace or an execution in which a call happened.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MapExample {
    /// The trace, hex.
    pub trace_id: String,
    /// The span of the call, hex.
    pub span_id: String,
    /// The execution, if the trace is that of one.
    pub execution_arn: Option<String>,
    /// The call failed.
    pub failed: bool,
    /// Nanoseconds.
    pub duration_ns: i64,
}

/// One calls another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MapEdge {
    /// Id of the caller's node.
    pub from: String,
    /// Id of the called one's node.
    pub to: String,
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Half of them took no longer, nanoseconds, as the caller waited.
    pub p50_ns: Option<i64>,
    /// 19 of 20 took no longer, nanoseconds.
    pub p95_ns: Option<i64>,
    /// Some of them, failed ones first, then the slowest: at most 5.
    pub examples: Vec<MapExample>,
    /// The line in the drawing, as SVG path data.
    pub path: String,
}

/// The map of a time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServiceMap {
    /// Start of the time looked at.
    pub from: String,
    /// End of it.
    pub to: String,
    /// Who takes part, by id.
    pub nodes: Vec<MapNode>,
    /// Who calls whom, the busiest first.
    pub edges: Vec<MapEdge>,
    /// Spans and attempts that were looked at.
    pub spans: u64,
    /// True when there were more spans than are looked at, or more edges than are shown.
    pub truncated: bool,
    /// Width of the drawing, pixels.
    pub width: f64,
    /// Height of the drawing.
    pub height: f64,
    /// Why it is empty, if nobody has a name that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The proxies on the way of a trace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Hops {
    /// In the order of time.
    pub hops: Vec<Hop>,
}

/// How the clock of a host differs from the others'.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Clock {
    /// Service and host.
    pub host: String,
    /// It is that much ahead of the reference, nanoseconds; negative if behind.
    pub offset_ns: i64,
    /// The offset may be wrong by that much, nanoseconds.
    pub uncertainty_ns: i64,
    /// Calls from which that was computed.
    pub pairs: u32,
    /// True if no offset at all explains every call: the host's clock moved, or a span is wrong.
    pub contradictory: bool,
    /// The offset is not zero within its uncertainty.
    pub skewed: bool,
}

/// The clocks of a trace. Times of spans are never changed by them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Clocks {
    /// The host by whose clock the others are told; empty if no two hosts can be compared.
    pub reference: String,
    /// The others.
    pub hosts: Vec<Clock>,
}

/// Why one thing is shown inside another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The join.
    pub join: Join,
    /// What it means, what speaks for it and how sure it is, in a sentence or two.
    pub text: String,
}

/// Why things are shown where they are, in a whole trace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Explanations {
    /// One for each join, at most 1,000.
    pub joins: Vec<Explanation>,
    /// Joins in all.
    pub total: u64,
}
