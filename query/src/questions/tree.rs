//! Puts the spans of a trace, and those joined to it, into one tree, depth first.
//!
//! Pure: what is a span's parent, in which order siblings stand, and what to do with orphans and with
//! parents that form a circle.

use model::trace_file::{
    FLAG_ERROR, FLAG_ROOT_CAUSE, FLAG_UNCERTAIN, Header, Row, RowKind, TraceFile,
};
use model::{SpanId, TraceId};
use std::collections::HashMap;

/// Which span: ids are unique in a trace only.
pub(super) type Key = (TraceId, SpanId);

/// A span, or a wait between two, before it has its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Which span; a zero span id for what is no span.
    pub key: Key,
    /// The enclosing span in the same trace; zero for none.
    pub parent: SpanId,
    pub name: String,
    pub service: String,
    /// Nanoseconds since the epoch.
    pub start: i64,
    /// `None` while it runs.
    pub end: Option<i64>,
    pub kind: RowKind,
    pub flags: u8,
}

/// A join: the child is shown below the parent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adoption {
    pub child: Key,
    pub parent: Key,
    pub confidence: f64,
    pub uncertain: bool,
}

/// The tree of `trace`: its spans and those that joins put below them. `culprit` is the span of the
/// failure that explains the end.
pub(super) fn assemble(
    trace: TraceId,
    mut nodes: Vec<Node>,
    adoptions: &[Adoption],
    culprit: Option<Key>,
) -> TraceFile {
    nodes.sort_by_key(|node| (node.start, node.key.1, node.key.0, node.kind as u8));
    let family = Family::new(trace, &mut nodes, adoptions);
    let mut places = family.depth_first();
    mark_root_cause(&nodes, &mut places, culprit);
    write(trace, &nodes, &places)
}

/// Who is whose parent. Nodes are in order of start.
struct Family<'a> {
    nodes: &'a [Node],
    parents: Vec<Option<usize>>,
    roots: Vec<usize>,
}

impl<'a> Family<'a> {
    fn new(trace: TraceId, nodes: &'a mut [Node], adoptions: &[Adoption]) -> Self {
        let mut index: HashMap<Key, usize> = HashMap::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            if !node.key.1.is_zero() {
                index.entry(node.key).or_insert(at);
            }
        }
        let mut parents: Vec<Option<usize>> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| own_parent(at, node, &index))
            .collect();
        adopt(nodes, &mut parents, &index, adoptions);
        let main = main_root(trace, nodes, &parents);
        cut_circles(&mut parents);
        let mut roots = Vec::new();
        for (at, parent) in parents.iter_mut().enumerate() {
            if parent.is_some() || nodes[at].key.0 != trace {
                continue;
            }
            match main {
                Some(main) if main != at && !nodes[at].parent.is_zero() => *parent = Some(main),
                _ => roots.push(at),
            }
        }
        Family {
            nodes,
            parents,
            roots,
        }
    }

    /// The nodes that can be reached from a root, each before those below it.
    fn depth_first(&self) -> Vec<Place> {
        let children = self.children();
        let mut places: Vec<Place> = Vec::with_capacity(self.nodes.len());
        let mut stack: Vec<(usize, u32, u16)> = Vec::new();
        stack.extend(self.roots.iter().rev().map(|root| (*root, u32::MAX, 0)));
        while let Some((node, parent, depth)) = stack.pop() {
            let row = places.len() as u32;
            places.push(Place {
                node,
                parent,
                depth,
                subtree: 0,
                root_cause: false,
            });
            let below = depth.saturating_add(1);
            stack.extend(
                children[node]
                    .iter()
                    .rev()
                    .map(|child| (*child, row, below)),
            );
        }
        for row in (0..places.len()).rev() {
            if let Some(parent) = places.get(row).map(|place| place.parent as usize)
                && parent < places.len()
            {
                places[parent].subtree += places[row].subtree + 1;
            }
        }
        places
    }

    fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (at, parent) in self.parents.iter().enumerate() {
            if let Some(parent) = parent {
                children[*parent].push(at);
            }
        }
        for siblings in &mut children {
            self.in_order_of_items(siblings);
        }
        children
    }

    /// Iterations that stand together are told by index, not by who happened to start first.
    fn in_order_of_items(&self, siblings: &mut [usize]) {
        let is_iteration = |at: &usize| self.nodes[*at].kind == RowKind::Iteration;
        let mut index = HashMap::new();
        for run in siblings.chunk_by_mut(|a, b| is_iteration(a) && is_iteration(b)) {
            index.clear();
            index.extend(run.iter().map(|at| (*at, item(&self.nodes[*at].name))));
            run.sort_by_key(|at| index[at]);
        }
    }
}

/// The index at the end of an iteration's name, `Fan[3]`; those without one come first, as they started.
fn item(name: &str) -> Option<u64> {
    let inner = name.strip_suffix(']')?;
    inner.rsplit_once('[')?.1.parse().ok()
}

/// The parent that the span itself names. Of two spans with the same id (the two sides of a call, in
/// some instrumentations) the later one lies in the earlier.
fn own_parent(at: usize, node: &Node, index: &HashMap<Key, usize>) -> Option<usize> {
    let first = index.get(&node.key).copied();
    if let Some(first) = first.filter(|first| *first != at) {
        return Some(first);
    }
    let parent = index.get(&(node.key.0, node.parent)).copied();
    parent.filter(|parent| *parent != at)
}

/// Joins win over what a span says of itself; of several the surest wins.
fn adopt(
    nodes: &mut [Node],
    parents: &mut [Option<usize>],
    index: &HashMap<Key, usize>,
    adoptions: &[Adoption],
) {
    let mut by_confidence: Vec<&Adoption> = adoptions.iter().collect();
    by_confidence.sort_by(|a, b| {
        let confidence = b.confidence.total_cmp(&a.confidence);
        confidence.then_with(|| (a.child, a.parent).cmp(&(b.child, b.parent)))
    });
    let mut adopted: HashMap<usize, usize> = HashMap::new();
    for adoption in by_confidence {
        let ends = index.get(&adoption.child).zip(index.get(&adoption.parent));
        let Some((child, parent)) = ends.filter(|(child, parent)| child != parent) else {
            continue;
        };
        if adopted.contains_key(child) {
            continue;
        }
        adopted.insert(*child, *parent);
        parents[*child] = Some(*parent);
        if adoption.uncertain {
            nodes[*child].flags |= FLAG_UNCERTAIN;
        }
    }
    // The start of a sandbox lies with its invocation, whose sibling it is.
    let invocations: HashMap<TraceId, usize> = adopted
        .keys()
        .filter(|child| nodes[**child].kind == RowKind::Invocation)
        .map(|child| (nodes[*child].key.0, *child))
        .collect();
    for (at, node) in nodes.iter().enumerate() {
        if node.kind == RowKind::Init && parents[at].is_none() {
            parents[at] = invocations.get(&node.key.0).copied();
        }
    }
}

/// The root under which orphans are kept: the execution, or the only span that has no parent.
fn main_root(trace: TraceId, nodes: &[Node], parents: &[Option<usize>]) -> Option<usize> {
    let candidates = || {
        (0..nodes.len()).filter(|at| {
            parents[*at].is_none() && nodes[*at].key.0 == trace && nodes[*at].parent.is_zero()
        })
    };
    let execution = candidates().find(|at| nodes[*at].kind == RowKind::Execution);
    execution.or_else(|| {
        let mut candidates = candidates();
        candidates.next().filter(|_| candidates.next().is_none())
    })
}

/// Makes the first node of every circle of parents an orphan.
fn cut_circles(parents: &mut [Option<usize>]) {
    const NEW: u32 = 0;
    let mut walked = vec![NEW; parents.len()];
    for start in 0..parents.len() {
        let walk = start as u32 + 1;
        let mut at = start;
        while walked[at] == NEW {
            walked[at] = walk;
            match parents[at] {
                Some(parent) if walked[parent] == walk => {
                    parents[circle_start(parents, parent)] = None;
                    break;
                }
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
}

/// The earliest node of the circle on which `on` lies.
fn circle_start(parents: &[Option<usize>], on: usize) -> usize {
    let (mut least, mut at) = (on, on);
    while let Some(next) = parents[at] {
        if next == on {
            break;
        }
        least = least.min(next);
        at = next;
    }
    least
}

/// A row of the tree.
struct Place {
    node: usize,
    parent: u32,
    depth: u16,
    subtree: u32,
    root_cause: bool,
}

/// Marks the path from the root to the culprit, and on into what failed inside it.
fn mark_root_cause(nodes: &[Node], places: &mut [Place], culprit: Option<Key>) {
    let Some(culprit) = culprit else {
        return;
    };
    let row = places
        .iter()
        .position(|place| nodes[place.node].key == culprit);
    let Some(mut row) = row else {
        return;
    };
    let mut up = row;
    loop {
        places[up].root_cause = true;
        match places[up].parent {
            u32::MAX => break,
            parent => up = parent as usize,
        }
    }
    while let Some(inner) = failed_inside(nodes, places, row) {
        places[inner].root_cause = true;
        row = inner;
    }
}

/// The first child that failed as well and certainly belongs here: an invocation or a span.
fn failed_inside(nodes: &[Node], places: &[Place], row: usize) -> Option<usize> {
    let end = row + places[row].subtree as usize;
    let mut child = row + 1;
    while child <= end {
        let node = &nodes[places[child].node];
        let certain = node.flags & FLAG_UNCERTAIN == 0;
        let inner = matches!(node.kind, RowKind::Invocation | RowKind::Span);
        if inner && certain && node.flags & FLAG_ERROR != 0 {
            return Some(child);
        }
        child += places[child].subtree as usize + 1;
    }
    None
}

fn write(trace: TraceId, nodes: &[Node], places: &[Place]) -> TraceFile {
    let shown = || places.iter().map(|place| &nodes[place.node]);
    let origin = shown().map(|node| node.start).min().unwrap_or_default();
    let micros = |nanos: i64| nanos.saturating_sub(origin) as f64 / 1_000.0;
    let last = shown().map(|node| node.end.unwrap_or(node.start)).max();
    let mut strings = Dictionary::default();
    let mut traces = Dictionary::default();
    traces.number(&trace.to_string());
    let mut known_traces: HashMap<TraceId, u32> = HashMap::from([(trace, 0)]);
    let rows = places
        .iter()
        .map(|place| {
            let node = &nodes[place.node];
            let trace = *known_traces
                .entry(node.key.0)
                .or_insert_with(|| traces.number(&node.key.0.to_string()));
            Row {
                start: micros(node.start),
                duration: match node.end {
                    Some(end) => end.saturating_sub(node.start).max(0) as f64 / 1_000.0,
                    None => -1.0,
                },
                parent: place.parent,
                subtree: place.subtree,
                name: strings.number(&node.name),
                service: strings.number(&node.service),
                span_id: node.key.1.0,
                trace,
                depth: place.depth,
                kind: node.kind,
                flags: node.flags | if place.root_cause { FLAG_ROOT_CAUSE } else { 0 },
            }
        })
        .collect();
    TraceFile {
        header: Header {
            origin: origin.to_string(),
            total: last.map_or(0.0, |last| micros(last).max(0.0)),
            strings: strings.words,
            traces: traces.words,
        },
        rows,
    }
}

/// Words, each kept once.
#[derive(Default)]
struct Dictionary {
    words: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Dictionary {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u8 = 1;

    fn key(trace: u8, span: u64) -> Key {
        (TraceId([trace; 16]), SpanId(span.to_be_bytes()))
    }

    fn node(trace: u8, span: u64, parent: u64, start: i64) -> Node {
        Node {
            key: key(trace, span),
            parent: SpanId(parent.to_be_bytes()),
            name: format!("{span}"),
            service: "s".into(),
            start,
            end: Some(start + 1_000),
            kind: RowKind::Span,
            flags: 0,
        }
    }

    /// The tree as `1(2(3)4)`.
    fn drawn(file: &TraceFile) -> String {
        let mut text = String::new();
        let mut open: Vec<usize> = Vec::new();
        for (at, row) in file.rows.iter().enumerate() {
            while open.last().is_some_and(|end| at > *end) {
                text.push(')');
                open.pop();
            }
            if at > 0 && !text.ends_with('(') {
                text.push(' ');
            }
            text.push_str(&file.header.strings[row.name as usize]);
            if row.subtree > 0 {
                text.push('(');
                open.push(at + row.subtree as usize);
            }
            assert_eq!(
                row.depth as usize,
                open.len() - usize::from(row.subtree > 0)
            );
        }
        text.push_str(&")".repeat(open.len()));
        text
    }

    fn check(nodes: Vec<Node>, adoptions: &[Adoption], expect: &str) -> TraceFile {
        let file = assemble(TraceId([T; 16]), nodes, adoptions, None);
        assert_eq!(drawn(&file), expect);
        file
    }

    #[test]
    fn children_stand_in_order_of_time() {
        let nodes = vec![
            node(T, 4, 1, 30),
            node(T, 3, 2, 25),
            node(T, 2, 1, 20),
            node(T, 1, 0, 10),
        ];
        let file = check(nodes, &[], "1(2(3) 4)");
        assert_eq!(file.header.origin, "10");
        assert_eq!(file.rows[0].duration, 1.0);
        assert_eq!(file.header.total, 1.02);
    }

    #[test]
    fn orphans_are_kept_under_the_only_root() {
        check(vec![node(T, 1, 0, 0), node(T, 2, 9, 5)], &[], "1(2)");
        check(vec![node(T, 1, 8, 0), node(T, 2, 9, 5)], &[], "1 2");
        let two = vec![node(T, 1, 0, 0), node(T, 2, 0, 5), node(T, 3, 9, 6)];
        check(two, &[], "1 2 3");
    }

    #[test]
    fn circles_are_cut() {
        check(vec![node(T, 1, 1, 0)], &[], "1");
        check(vec![node(T, 1, 2, 0), node(T, 2, 1, 5)], &[], "1(2)");
        let nodes = vec![
            node(T, 1, 0, 0),
            node(T, 2, 4, 5),
            node(T, 3, 2, 6),
            node(T, 4, 3, 7),
            node(T, 5, 4, 8),
        ];
        check(nodes, &[], "1(2(3(4(5))))");
    }

    #[test]
    fn joined_spans_come_with_what_is_below_them() {
        let nodes = vec![
            node(T, 1, 0, 0),
            node(2, 7, 0, 5),
            node(2, 8, 7, 6),
            node(2, 9, 0, 6),
            node(3, 5, 0, 7),
        ];
        let join = |child, parent, confidence, uncertain| Adoption {
            child,
            parent,
            confidence,
            uncertain,
        };
        let adoptions = [
            join(key(2, 7), key(T, 1), 0.5, true),
            join(key(3, 5), key(2, 8), 1.0, false),
            join(key(3, 6), key(2, 8), 1.0, false),
        ];
        let file = check(nodes, &adoptions, "1(7(8(5)))");
        assert_eq!(file.header.traces.len(), 3);
        assert_eq!(file.rows[1].flags, FLAG_UNCERTAIN);
        assert_eq!(file.rows[2].flags, 0);
    }

    #[test]
    fn the_surest_join_wins() {
        let nodes = vec![
            node(T, 1, 0, 0),
            node(T, 2, 1, 1),
            node(T, 3, 1, 2),
            node(2, 7, 0, 5),
        ];
        let join = |parent, confidence| Adoption {
            child: key(2, 7),
            parent,
            confidence,
            uncertain: confidence < 0.9,
        };
        let adoptions = [join(key(T, 2), 0.4), join(key(T, 3), 1.0)];
        let file = check(nodes, &adoptions, "1(2 3(7))");
        assert_eq!(file.rows[3].flags, 0);
    }

    #[test]
    fn the_path_to_the_root_cause_is_marked() {
        let mut failed = node(T, 3, 2, 6);
        failed.flags = FLAG_ERROR;
        let mut inner = node(T, 4, 3, 7);
        inner.flags = FLAG_ERROR;
        let nodes = vec![
            node(T, 1, 0, 0),
            node(T, 2, 1, 5),
            failed,
            inner,
            node(T, 5, 1, 9),
        ];
        let file = assemble(TraceId([T; 16]), nodes, &[], Some(key(T, 3)));
        let marked: Vec<bool> = file
            .rows
            .iter()
            .map(|row| row.flags & FLAG_ROOT_CAUSE != 0)
            .collect();
        assert_eq!(marked, [true, true, true, true, false]);
    }

    #[test]
    fn deep_chains_and_wide_fans_are_quick() {
        let chain = (1..=100_000).map(|n| node(T, n, n - 1, n as i64)).collect();
        let file = assemble(TraceId([T; 16]), chain, &[], None);
        assert_eq!(file.rows[0].subtree, 99_999);
        let fan = (1..=100_000).map(|n| node(T, n, u64::from(n > 1), n as i64));
        let file = assemble(TraceId([T; 16]), fan.collect(), &[], None);
        assert_eq!(file.rows[0].subtree, 99_999);
        let circle = (1..=50_000).map(|n| node(T, n, n % 50_000 + 1, n as i64));
        let file = assemble(TraceId([T; 16]), circle.collect(), &[], None);
        assert_eq!(file.rows.len(), 50_000);
    }
}
