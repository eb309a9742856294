//! Where the time went: the wall clock of an execution split exactly, the critical path, and the slack of
//! what is not on it.
//!
//! The path is walked back from the end: whatever finished last before a moment is what that moment waited for.
//! In a Map or Parallel that is the branch that finished last (or that failed, if that ended the block); an item
//! that waited for a slot waited for the item which had it before, as `previousEventId` says. Every step back
//! covers the time between two moments, so the pieces add up to the whole by construction.
//!
//! | Step | Module |
//! |---|---|
//! | spans become a tree of chains and blocks | `tree` |
//! | which item of a Map had the slot before | `slots` |
//! | the walk | `walk` |
//! | what happened inside of a try: queue, cold start, compute, calls | `inside` |
//! | the life of a job: queue, provisioning, image pull, run | `jobs` |
//! | how much later something could have ended | `slack` |
//! | how long it would have taken otherwise | `replay`, `rows` |

mod inside;
mod jobs;
mod replay;
mod rows;
mod slack;
mod slots;
mod tree;
mod walk;

pub(crate) use inside::is_throttle;
pub use replay::Replay;

use model::{
    Attempt, Execution, HistoryEvent, Invocation, Join, Ledger, LedgerEntry, PathSegment, Span,
    State, TimeCategory,
};
use std::collections::BTreeMap;
use tree::Tree;

/// Everything that the account of an execution is made from. What is not known is empty.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The execution.
    pub execution: &'a Execution,
    /// Its state visits.
    pub states: &'a [State],
    /// Its attempts.
    pub attempts: &'a [Attempt],
    /// The invocations that its attempts made.
    pub invocations: &'a [Invocation],
    /// Its joins.
    pub joins: &'a [Join],
    /// Its workflow spans, and spans of applications, proxies and containers in it.
    pub spans: &'a [Span],
    /// Its events; only ids, causes, types and times are looked at.
    pub events: &'a [HistoryEvent],
}

impl<'a> From<&'a crate::case::Case> for Facts<'a> {
    /// A case holds no workflow spans: give them apart, see [`Facts::spans`].
    fn from(case: &'a crate::case::Case) -> Self {
        Facts {
            execution: &case.execution,
            states: &case.states,
            attempts: &case.attempts,
            invocations: &case.invocations,
            joins: &case.joins,
            spans: &case.spans,
            events: &case.events,
        }
    }
}

impl Facts<'_> {
    /// True for an invocation of the function that is the workflow itself (durable functions): it lies below
    /// the execution, and operations lie across several of them.
    pub(crate) fn is_run(&self, attempt: &Attempt) -> bool {
        attempt.parent_span_id == self.execution.span_id && attempt.path.is_empty()
    }
}

/// The account of one execution. Without workflow spans the whole is `unobserved`.
pub fn account(facts: &Facts<'_>) -> Ledger {
    let tree = Tree::of(facts);
    let critical_path = walk::path(facts, &tree);
    let entries = entries(facts.execution, &critical_path);
    let mut totals: BTreeMap<TimeCategory, i64> = BTreeMap::new();
    for entry in &entries {
        *totals.entry(entry.category).or_default() += entry.duration_ns;
    }
    let mut totals: Vec<(TimeCategory, i64)> = totals.into_iter().collect();
    totals.sort_by_key(|(category, ns)| (std::cmp::Reverse(*ns), *category));
    Ledger {
        execution_arn: facts.execution.execution_arn.clone(),
        trace_id: facts.execution.trace_id,
        duration_ns: tree.end.saturating_sub(tree.start),
        ended: facts.execution.end_time.is_some(),
        totals,
        entries,
        slack: slack::slack(&tree),
        critical_path,
    }
}

/// The pieces of a path by category, detail and state, largest first.
pub fn entries(execution: &Execution, path: &[PathSegment]) -> Vec<LedgerEntry> {
    let mut entries: BTreeMap<(TimeCategory, String, &str, bool), (i64, u32)> = BTreeMap::new();
    for piece in path {
        let (category, detail) = match piece.behind_slot {
            true => (TimeCategory::MapSlot, format!("behind {}", piece.path)),
            false => (piece.category, piece.detail.clone()),
        };
        let estimated = piece.estimated && !piece.behind_slot;
        // Which item had the slot matters on the path; the ledger adds them up.
        let detail = match category {
            TimeCategory::MapSlot => general(&detail),
            _ => detail,
        };
        let held = entries
            .entry((category, detail, &piece.state, estimated))
            .or_default();
        held.0 += piece.duration_ns;
        held.1 += 1;
    }
    let entry = |((category, detail, state, estimated), (duration_ns, segments)): (
        (TimeCategory, String, &str, bool),
        (i64, u32),
    )| LedgerEntry {
        execution_arn: execution.execution_arn.clone(),
        trace_id: execution.trace_id,
        state_machine: execution.state_machine.clone(),
        start_time: execution.start_time,
        category,
        detail,
        state: state.to_owned(),
        duration_ns,
        segments,
        estimated,
    };
    let mut entries: Vec<LedgerEntry> = entries.into_iter().map(entry).collect();
    entries.sort_by(|a, b| {
        (b.duration_ns, a.category, &a.state, &a.detail).cmp(&(
            a.duration_ns,
            b.category,
            &b.state,
            &b.detail,
        ))
    });
    entries
}

/// The same place for every item of a Map.
fn general(path: &str) -> String {
    crate::baseline::general_path(path)
}
