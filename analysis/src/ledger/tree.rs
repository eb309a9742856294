//! The workflow spans of an execution as a tree: chains of states, blocks of tracks, tries.

use super::{Facts, slots};
use model::{Span, SpanId, SpanSource, Status, Value};
use std::collections::HashMap;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Holds states one after the other: the execution, an iteration, a branch.
    Chain,
    /// A visit of a state: holds runs, tracks or tries.
    State,
    /// One start of a Map or Parallel that was started more than once: holds tracks.
    Run,
    /// A try of a task.
    Try,
}

/// A part of the execution. Times are nanoseconds since the epoch.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: SpanId,
    pub(super) kind: Kind,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Event that began it.
    pub(super) event: u64,
    pub(super) status: Status,
    /// Place in [`Facts::states`] or [`Facts::attempts`].
    pub(super) row: Option<usize>,
    pub(super) children: Vec<usize>,
    pub(super) parent: Option<usize>,
    /// For an iteration: the one that had its slot before.
    pub(super) slot_of: Option<usize>,
    pub(super) path: String,
    pub(super) state: String,
}

/// The tree. The root is the first node.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) start: i64,
    pub(super) end: i64,
    /// When the execution lay failed until somebody redrove it.
    pub(super) idle: Vec<(i64, i64)>,
}

impl Tree {
    pub(super) fn of(facts: &Facts<'_>) -> Tree {
        let mut nodes = vec![root(facts)];
        let rows = Rows::of(facts);
        let mut places = HashMap::from([(facts.execution.span_id, 0)]);
        let mut parents = Vec::new();
        let own = facts.spans.iter().filter(|span| {
            span.source == SpanSource::Workflow && span.trace_id == facts.execution.trace_id
        });
        for span in own {
            let Some(node) = rows.node(span) else {
                continue;
            };
            if let std::collections::hash_map::Entry::Vacant(place) = places.entry(span.span_id) {
                place.insert(nodes.len());
                parents.push((nodes.len(), span.parent_span_id));
                nodes.push(node);
            }
        }
        for (n, parent) in parents {
            // A span of a history that lacks its beginning hangs on the execution.
            let parent = places.get(&parent).copied().unwrap_or(0);
            if parent != n {
                nodes[n].parent = Some(parent);
                nodes[parent].children.push(n);
            }
        }
        for n in 0..nodes.len() {
            let mut children = std::mem::take(&mut nodes[n].children);
            children.sort_by_key(|child| {
                let child = &nodes[*child];
                (child.start, child.event, child.id)
            });
            nodes[n].children = children;
        }
        let last = nodes.iter().map(|node| node.end).max();
        let (start, end) = (nodes[0].start, nodes[0].end);
        let end = match facts.execution.end_time {
            Some(_) => end,
            None => last.unwrap_or(end),
        };
        nodes[0].end = end;
        let mut tree = Tree {
            nodes,
            start,
            end,
            idle: idle(facts),
        };
        tree.name_tracks();
        slots::link(facts, &mut tree);
        tree
    }

    /// Iterations, branches and runs are called after their state.
    fn name_tracks(&mut self) {
        for n in 1..self.nodes.len() {
            if !self.nodes[n].state.is_empty() || self.nodes[n].row.is_some() {
                continue;
            }
            let above = self.nodes[n].parent.unwrap_or(0);
            let first = self.nodes[n].children.first().copied();
            let inside = first.map(|child| self.nodes[child].path.clone());
            let place = inside.and_then(|path| Some(path.rsplit_once('/')?.0.to_owned()));
            let (state, path) = (
                self.nodes[above].state.clone(),
                self.nodes[above].path.clone(),
            );
            self.nodes[n].path = place.unwrap_or(path);
            self.nodes[n].state = state;
        }
    }

    /// The tracks of a block: iterations or branches.
    pub(super) fn is_track(&self, n: usize) -> bool {
        n != 0 && self.nodes[n].kind == Kind::Chain
    }

    /// The track that the end of a block waited for: the one that failed, if that ended it; else the last.
    pub(super) fn last_track(&self, tracks: &[usize]) -> Option<usize> {
        let failed = |n: &&usize| self.nodes[**n].status.is_failure();
        let cut_off = |n: &&usize| self.nodes[**n].status == Status::Aborted;
        let anybody_cut = tracks.iter().any(|n| cut_off(&n));
        let by_end = |n: &&usize| (self.nodes[**n].end, self.nodes[**n].event);
        let culprit = tracks.iter().filter(failed).max_by_key(by_end);
        let last = tracks.iter().filter(|n| !cut_off(n)).max_by_key(by_end);
        let chosen = match culprit {
            // Others may go on after a tolerated failure.
            Some(culprit) if anybody_cut || last == Some(culprit) => Some(culprit),
            _ => last,
        };
        chosen.or_else(|| tracks.iter().max_by_key(by_end)).copied()
    }
}

fn root(facts: &Facts<'_>) -> Node {
    let execution = facts.execution;
    let start = execution.start_time.0;
    let end = execution
        .end_time
        .or_else(|| facts.events.iter().map(|event| event.time).max())
        .unwrap_or(execution.start_time);
    Node {
        id: execution.span_id,
        kind: Kind::Chain,
        start,
        end: end.0.max(start),
        event: 0,
        status: Status::Running,
        row: None,
        children: Vec::new(),
        parent: None,
        slot_of: None,
        path: String::new(),
        state: String::new(),
    }
}

/// Rows by span.
struct Rows<'a> {
    facts: &'a Facts<'a>,
    states: HashMap<SpanId, usize>,
    attempts: HashMap<SpanId, usize>,
}

impl<'a> Rows<'a> {
    fn of(facts: &'a Facts<'a>) -> Self {
        let by_id = |ids: &mut dyn Iterator<Item = SpanId>| {
            ids.enumerate().map(|(n, id)| (id, n)).collect()
        };
        Rows {
            facts,
            states: by_id(&mut facts.states.iter().map(|row| row.span_id)),
            attempts: by_id(&mut facts.attempts.iter().map(|row| row.span_id)),
        }
    }

    fn node(&self, span: &Span) -> Option<Node> {
        let text = |name: &str| match span.attributes.get(name) {
            Some(Value::String(text)) => text.as_str(),
            _ => "",
        };
        let (state, attempt) = (
            self.states.get(&span.span_id).copied(),
            self.attempts.get(&span.span_id).copied(),
        );
        let kind = match text("inquest.kind") {
            "state" => Kind::State,
            "iteration" | "branch" => Kind::Chain,
            // The engine ran the function that is the workflow itself: see `walk`.
            "attempt" if attempt.is_some_and(|n| self.facts.is_run(&self.facts.attempts[n])) => {
                return None;
            }
            "attempt" if attempt.is_some() => Kind::Try,
            "attempt" => Kind::Run,
            _ => return None,
        };
        let (path, name) = match (state, attempt) {
            (Some(n), _) => (&self.facts.states[n].path, &self.facts.states[n].state),
            (_, Some(n)) => (&self.facts.attempts[n].path, &self.facts.attempts[n].state),
            _ => (&String::new(), &String::new()),
        };
        let event = match span.attributes.get("aws.sfn.event_id") {
            Some(Value::Int(id)) => *id as u64,
            _ => 0,
        };
        Some(Node {
            id: span.span_id,
            kind,
            start: span.start_time.0,
            end: span.end_time.0.max(span.start_time.0),
            event,
            status: status(text("aws.sfn.state.status")),
            row: state.or(attempt),
            children: Vec::new(),
            parent: None,
            slot_of: None,
            path: path.clone(),
            state: name.clone(),
        })
    }
}

fn status(word: &str) -> Status {
    let all = [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::TimedOut,
        Status::Aborted,
    ];
    let known = all.into_iter().find(|status| status.as_str() == word);
    known.unwrap_or(Status::Unknown)
}

/// From each end of the execution to the redrive after it.
fn idle(facts: &Facts<'_>) -> Vec<(i64, i64)> {
    let mut events: Vec<_> = facts.events.iter().collect();
    events.sort_by_key(|event| (event.event_id, event.redrive_count));
    let mut idle = Vec::new();
    let mut ended = None;
    for event in events {
        match event.event_type.as_str() {
            "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted" => {
                ended = Some(event.time.0);
            }
            "ExecutionRedriven" => {
                let from = ended.take().filter(|from| *from < event.time.0);
                idle.extend(from.map(|from| (from, event.time.0)));
            }
            _ => {}
        }
    }
    idle
}
