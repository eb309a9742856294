//! What is known besides the execution itself: how its siblings ran, what changed, who else was busy.

use super::{Case, Profile, letters::Witness};
use model::{Change, SpanId, TraceId, UnixNanos};
use std::{collections::BTreeMap, sync::Arc};

/// What is known besides the execution itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// Other executions of the same workflow, bounded by the caller; the execution itself is left out.
    pub peers: Vec<Arc<Profile>>,
    /// Changes around the execution.
    pub changes: Vec<Change>,
    /// How busy functions were while the execution ran.
    pub loads: Vec<Load>,
    /// Who took the messages of healthy siblings, where one of this execution was not answered.
    pub witnesses: Vec<Witness>,
    /// Other executions of the workflows that this one started, by state machine.
    pub below: BTreeMap<String, Vec<Arc<Profile>>>,
}

/// How busy a function was in a window of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// The function.
    pub function: String,
    /// Most invocations at once in the window around the execution.
    pub peak: u32,
    /// Most invocations at once in a window of the same length before.
    pub before: u32,
    /// One of the invocations at the peak, as a span.
    pub trace_id: TraceId,
    /// Its span.
    pub span_id: SpanId,
    /// Its start.
    pub at: UnixNanos,
}

impl World {
    /// The same for an execution that this one started: it is compared with others of its own workflow.
    pub(crate) fn of_child(&self, child: &Case) -> World {
        let machine = &child.execution.state_machine;
        let known = self.below.get(machine).into_iter().flatten();
        let others = known.filter(|it| it.trace_id != child.execution.trace_id);
        World {
            peers: others.cloned().collect(),
            witnesses: Vec::new(),
            ..self.clone()
        }
    }
}
