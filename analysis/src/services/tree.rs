//! Spans as trees, repaired, and who answers which call.

use super::Hop;
use model::{SpanId, SpanKind, TraceId};
use std::collections::HashMap;

/// How far a span may reach beyond one that it encloses, nanoseconds.
const SLACK: i64 = 1_000_000;

/// The spans of a period with their children.
pub(super) struct Trees<'a> {
    pub spans: &'a [Hop],
    pub children: Vec<Vec<usize>>,
    pub parent: Vec<Option<usize>>,
}

/// Which service answers a call: by the caller's service and the name of its span.
pub(super) type Answers = HashMap<(String, String), String>;

impl<'a> Trees<'a> {
    pub fn new(spans: &'a [Hop]) -> Self {
        let at: HashMap<(TraceId, SpanId), usize> = spans
            .iter()
            .enumerate()
            .map(|(n, it)| ((it.trace_id, it.span_id), n))
            .collect();
        let mut parent: Vec<Option<usize>> = spans
            .iter()
            .enumerate()
            .map(|(n, it)| {
                at.get(&(it.trace_id, it.parent_span_id))
                    .copied()
                    .filter(|above| *above != n)
            })
            .collect();
        let children = children_of(&parent);
        repair(spans, &children, &mut parent);
        let children = children_of(&parent);
        Trees {
            spans,
            children,
            parent,
        }
    }

    /// The topmost span above one.
    pub fn root(&self, mut n: usize) -> usize {
        for _ in 0..500 {
            match self.parent[n] {
                Some(above) => n = above,
                None => break,
            }
        }
        n
    }

    /// Duration without what children cover, nanoseconds.
    pub fn exclusive(&self, n: usize) -> i64 {
        let (from, to) = range(&self.spans[n]);
        let mut parts: Vec<(i64, i64)> = self.children[n]
            .iter()
            .map(|child| range(&self.spans[*child]))
            .map(|(start, end)| (start.clamp(from, to), end.clamp(from, to)))
            .filter(|(start, end)| start < end)
            .collect();
        parts.sort_unstable();
        let (mut covered, mut last) = (0, from);
        for (start, end) in parts {
            covered += (end - start.max(last)).max(0);
            last = last.max(end);
        }
        to - from - covered
    }

    /// Learns who answers which call.
    pub fn learn(&self, answers: &mut Answers) {
        let none = Answers::new();
        for (n, span) in self.spans.iter().enumerate() {
            if let Some(child) = self.answer(n).filter(|_| self.calls(n, &none)) {
                answers
                    .entry((span.service.clone(), span.name.clone()))
                    .or_insert_with(|| child.service.clone());
            }
        }
    }

    /// True for a span that waits for another service. Where nothing says on which side of a call it is, it is one
    /// that lies inside its own service's span and has one answer below it, or none although others of its name do.
    fn calls(&self, n: usize, answers: &Answers) -> bool {
        let span = &self.spans[n];
        match span.kind {
            SpanKind::Client | SpanKind::Producer => true,
            SpanKind::Server | SpanKind::Consumer => false,
            SpanKind::Internal | SpanKind::Unspecified => {
                let inside =
                    self.parent[n].is_some_and(|above| self.spans[above].service == span.service);
                let known = || answers.contains_key(&(span.service.clone(), span.name.clone()));
                inside
                    && (self.answer(n).is_some() && self.children[n].len() == 1
                        || self.children[n].is_empty() && known())
            }
        }
    }

    /// The span of another service right below one.
    fn answer(&self, n: usize) -> Option<&Hop> {
        let below = self.children[n].iter().map(|child| &self.spans[*child]);
        let mut others = below
            .filter(|child| child.service != self.spans[n].service && !child.service.is_empty());
        others.next()
    }

    /// The service that a span waits for in its own time: its callee for a call, else itself.
    pub fn waits_for<'b>(&'b self, n: usize, answers: &'b Answers) -> &'b str {
        let span = &self.spans[n];
        if !self.calls(n, answers) {
            return &span.service;
        }
        if let Some(child) = self.answer(n) {
            return &child.service;
        }
        answers
            .get(&(span.service.clone(), span.name.clone()))
            .or(span.peer.as_ref())
            .map_or(span.service.as_str(), String::as_str)
    }
}

fn range(span: &Hop) -> (i64, i64) {
    (
        span.start.0,
        span.start.0.saturating_add(span.duration_ns.max(0)),
    )
}

fn children_of(parent: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); parent.len()];
    for (n, above) in parent.iter().enumerate() {
        if let Some(above) = above {
            children[*above].push(n);
        }
    }
    children
}

/// Reactive gateways write the call and its answer as siblings: a span without children that encloses a sibling with
/// children is its parent.
fn repair(spans: &[Hop], children: &[Vec<usize>], parent: &mut [Option<usize>]) {
    for siblings in children {
        // Long lists of siblings are batches, not gateways.
        if siblings.len() < 2 || siblings.len() > 64 {
            continue;
        }
        for call in siblings.iter().filter(|n| children[**n].is_empty()) {
            let (from, to) = range(&spans[*call]);
            let inner = siblings.iter().find(|n| {
                let (start, end) = range(&spans[**n]);
                **n != *call
                    && !children[**n].is_empty()
                    && start + SLACK >= from
                    && end <= to + SLACK
                    && (start, end) != (from, to)
            });
            if let Some(inner) = inner {
                parent[*inner] = Some(*call);
            }
        }
    }
}
