//! The walk back from the end. Each function covers the time from `lo` to `hi` without gap or overlap, and
//! writes its pieces last first.

use super::{
    Facts,
    inside::Insides,
    tree::{Kind, Node, Tree},
};
use model::{PathSegment, SpanId, Status, TimeCategory, UnixNanos};

/// Blocks in blocks deeper than this are taken as a whole.
const DEEPEST: usize = 100;
/// In a history with holes, a gap between states that is longer than this was not idle time of the engine.
const LONG_GAP_NS: i64 = 1_000_000_000;

/// The critical path, in order of time.
pub(super) fn path(facts: &Facts<'_>, tree: &Tree) -> Vec<PathSegment> {
    let mut walk = Walk {
        facts,
        tree,
        insides: Insides::of(facts),
        runs: runs(facts),
        pieces: Vec::new(),
        behind: 0,
    };
    walk.chain(0, tree.start, tree.end, 0);
    walk.finish()
}

fn runs(facts: &Facts<'_>) -> Vec<usize> {
    let all = 0..facts.attempts.len();
    let mut runs: Vec<usize> = all.filter(|n| facts.is_run(&facts.attempts[*n])).collect();
    runs.sort_by_key(|n| (facts.attempts[*n].start_time, facts.attempts[*n].span_id));
    runs
}

/// What a piece was spent on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Use {
    pub(super) category: TimeCategory,
    pub(super) detail: String,
    pub(super) estimated: bool,
    pub(super) span: Option<SpanId>,
}

impl Use {
    pub(super) fn new(category: TimeCategory, detail: impl Into<String>) -> Self {
        Use {
            category,
            detail: detail.into(),
            estimated: false,
            span: None,
        }
    }
    pub(super) fn estimated(mut self) -> Self {
        self.estimated = true;
        self
    }
    pub(super) fn of_span(mut self, span: SpanId) -> Self {
        self.span = Some(span);
        self
    }
}

struct Walk<'a> {
    facts: &'a Facts<'a>,
    tree: &'a Tree,
    insides: Insides<'a>,
    /// Places of the invocations of a durable function, in order of time.
    runs: Vec<usize>,
    pieces: Vec<PathSegment>,
    behind: usize,
}

impl Walk<'_> {
    /// States one after the other. Those of a durable function may lie across each other: then the one that
    /// ended last before a moment is what that moment waited for.
    fn chain(&mut self, n: usize, lo: i64, hi: i64, depth: usize) {
        let node = &self.tree.nodes[n];
        let mut children: Vec<&usize> = node.children.iter().collect();
        // Stable: states that end at once stay in their order.
        children.sort_by_key(|child| self.tree.nodes[**child].end);
        let mut cursor = hi;
        for child in children.into_iter().rev() {
            let below = &self.tree.nodes[*child];
            let (start, end) = (below.start.max(lo), below.end.min(cursor));
            if start >= end {
                continue;
            }
            self.between(n, end, cursor);
            self.state(*child, start, end, depth);
            cursor = start;
        }
        self.between(n, lo, cursor);
    }

    /// Time in a chain in which no state was visited.
    fn between(&mut self, n: usize, lo: i64, hi: i64) {
        let holes = !self.facts.execution.complete && hi - lo > LONG_GAP_NS;
        let what = match holes {
            true => Use::new(TimeCategory::Unobserved, "no event of this time is held"),
            false => Use::new(TimeCategory::Orchestration, "between states"),
        };
        self.runs_apart(n, lo, hi, &what);
    }

    /// Time between states, with the invocations cut out in which a durable function ran its own code.
    fn runs_apart(&mut self, n: usize, lo: i64, hi: i64, what: &Use) {
        let facts = self.facts;
        let mut cursor = hi;
        for at in self.runs.clone().into_iter().rev() {
            let run = &facts.attempts[at];
            let start = run.start_time.0.max(lo);
            let end = run.end_time.map_or(cursor, |end| end.0.min(cursor));
            if start >= end {
                continue;
            }
            self.idle_apart(n, end, cursor, what);
            let whole = self.insides.parts(run, run.start_time.0, end);
            let own = whole.iter().rev().filter(|(_, to, _)| *to > start);
            for (from, to, what) in own {
                self.piece(n, (*from).max(start), *to, what);
            }
            cursor = start;
        }
        self.idle_apart(n, lo, cursor, what);
    }

    fn state(&mut self, n: usize, lo: i64, hi: i64, depth: usize) {
        let tree = self.tree;
        let node = &tree.nodes[n];
        let Some(first) = node.children.first() else {
            let what = self.childless(node);
            return self.idle_apart(n, lo, hi, &what);
        };
        if depth > DEEPEST {
            let what = Use::new(TimeCategory::Unobserved, "nested too deep").estimated();
            return self.piece(n, lo, hi, &what);
        }
        match tree.nodes[*first].kind {
            Kind::Chain => self.tracks(n, lo, hi, depth),
            Kind::State => self.chain(n, lo, hi, depth + 1),
            _ => self.tries(n, lo, hi, depth),
        }
    }

    /// What a visit was that has nothing in it.
    fn childless(&self, node: &Node) -> Use {
        let row = node.row.filter(|_| node.kind == Kind::State);
        let Some(state) = row.map(|row| &self.facts.states[row]) else {
            return Use::new(TimeCategory::Orchestration, "empty");
        };
        match state.state_type.as_str() {
            "Wait" => Use::new(TimeCategory::Wait, "Wait state"),
            "Map" if self.insides.has_map_run(state.span_id) => Use::new(
                TimeCategory::Downstream,
                "map run (its children are executions)",
            ),
            "Task" | "Map" | "Parallel" if !self.facts.execution.complete => {
                Use::new(TimeCategory::Unobserved, "no event of the inside is held")
            }
            kind => Use::new(TimeCategory::Orchestration, format!("{kind} state")),
        }
    }

    /// Tries of a task, or starts of a block, one after the other with waits between.
    fn tries(&mut self, n: usize, lo: i64, hi: i64, depth: usize) {
        let tree = self.tree;
        let mut cursor = hi;
        // The next one, and whether it is there because the one before it failed.
        let mut next: Option<&Node> = None;
        for child in tree.nodes[n].children.iter().rev() {
            let below = &tree.nodes[*child];
            let (start, end) = (below.start.max(lo), below.end.min(cursor));
            if start > end {
                continue;
            }
            let what = self.after_try(below, next);
            self.idle_apart(n, end, cursor, &what);
            match below.kind {
                Kind::Run => self.tracks(*child, start, end, depth),
                Kind::Chain => self.chain(*child, start, end, depth + 1),
                Kind::State => self.state(*child, start, end, depth + 1),
                Kind::Try => self.one_try(*child, start, end),
            }
            cursor = start;
            next = Some(below);
        }
        let what = Use::new(TimeCategory::Orchestration, "entering the state");
        self.idle_apart(n, lo, cursor, &what);
    }

    fn after_try(&self, node: &Node, next: Option<&Node>) -> Use {
        let Some(next) = next else {
            return Use::new(TimeCategory::Orchestration, "leaving the state");
        };
        let error = |row: usize| self.facts.attempts[row].error.as_deref();
        match (node.kind, node.row) {
            (Kind::Try, Some(row)) => {
                let again = next.row.is_some_and(|next| self.facts.attempts[next].retry);
                let redriven = self
                    .tree
                    .idle
                    .iter()
                    .any(|(from, to)| node.end <= *from && *to <= next.start);
                match again && !redriven {
                    true => Use::new(
                        TimeCategory::Backoff,
                        format!("retry after {}", error(row).unwrap_or("a failure")),
                    ),
                    false => Use::new(TimeCategory::Orchestration, "between tries"),
                }
            }
            _ => Use::new(TimeCategory::Backoff, "retry of the whole block"),
        }
    }

    /// Branches or iterations beside each other.
    fn tracks(&mut self, n: usize, lo: i64, hi: i64, depth: usize) {
        let tree = self.tree;
        let tracks = &tree.nodes[n].children;
        let mut cursor = hi;
        let mut track = tree.last_track(tracks);
        let before = self.behind;
        let mut what = Use::new(TimeCategory::Orchestration, "joining");
        while let Some(at) = track {
            let below = &tree.nodes[at];
            let (start, end) = (below.start.clamp(lo, cursor), below.end.clamp(lo, cursor));
            self.piece(n, end, cursor, &what);
            self.chain(at, start, end, depth + 1);
            cursor = start;
            track = below.slot_of;
            if track.is_some() {
                self.behind = before + 1;
                what = Use::new(TimeCategory::Orchestration, "handing over the slot");
            }
        }
        self.behind = before;
        let what = Use::new(TimeCategory::Orchestration, "starting");
        self.piece(n, lo, cursor, &what);
    }

    fn one_try(&mut self, n: usize, lo: i64, hi: i64) {
        let Some(row) = self.tree.nodes[n].row else {
            let what = Use::new(TimeCategory::Unobserved, "a try without a row");
            return self.piece(n, lo, hi, &what);
        };
        let parts = self.insides.parts(&self.facts.attempts[row], lo, hi);
        for (start, end, what) in parts.iter().rev() {
            self.piece(n, *start, *end, what);
        }
    }

    /// A piece, with the times cut out in which the execution lay failed.
    fn idle_apart(&mut self, n: usize, lo: i64, hi: i64, what: &Use) {
        let mut cursor = hi;
        let idle: Vec<(i64, i64)> = self.tree.idle.iter().rev().copied().collect();
        for (from, to) in idle {
            let (start, end) = (from.max(lo), to.min(cursor));
            if start < end {
                self.piece(n, end, cursor, what);
                let redrive = Use::new(TimeCategory::Callback, "failed, until it was redriven");
                self.piece(n, start, end, &redrive);
                cursor = start;
            }
        }
        self.piece(n, lo, cursor, what);
    }

    fn piece(&mut self, n: usize, lo: i64, hi: i64, what: &Use) {
        if lo >= hi {
            return;
        }
        let node = &self.tree.nodes[n];
        let running = self.facts.execution.end_time.is_none() && node.status == Status::Running;
        let piece = PathSegment {
            execution_arn: String::new(),
            trace_id: self.facts.execution.trace_id,
            seq: 0,
            start_time: UnixNanos(lo),
            offset_ns: lo - self.tree.start,
            duration_ns: hi - lo,
            category: what.category,
            detail: what.detail.clone(),
            state: node.state.clone(),
            path: node.path.clone(),
            span_id: what.span.unwrap_or(node.id),
            behind_slot: self.behind > 0,
            estimated: what.estimated || (running && node.kind == Kind::Try),
        };
        match self.pieces.last_mut() {
            // Neighbours that say the same are one.
            Some(later) if alike(later, &piece) => {
                later.offset_ns = piece.offset_ns;
                later.start_time = piece.start_time;
                later.duration_ns += piece.duration_ns;
            }
            _ => self.pieces.push(piece),
        }
    }

    fn finish(self) -> Vec<PathSegment> {
        let mut pieces = self.pieces;
        pieces.reverse();
        for (n, piece) in pieces.iter_mut().enumerate() {
            piece.seq = n as u32;
            piece
                .execution_arn
                .clone_from(&self.facts.execution.execution_arn);
        }
        pieces
    }
}

fn alike(a: &PathSegment, b: &PathSegment) -> bool {
    (a.category, a.span_id, a.behind_slot, a.estimated)
        == (b.category, b.span_id, b.behind_slot, b.estimated)
        && a.detail == b.detail
        && a.path == b.path
}
