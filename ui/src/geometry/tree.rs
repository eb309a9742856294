//! The rows of a trace as a tree: what is visible, what matches, where to go next.

use model::trace_file::{
    FLAG_ABORTED, FLAG_CAUGHT, FLAG_COLD, FLAG_ERROR, FLAG_RETRY, FLAG_ROOT_CAUSE, FLAG_RUNNING,
    FLAG_UNCERTAIN, Header, Row, RowKind, TraceFile,
};

/// A trace in memory. Rows are in depth-first order: the rows below row `i` are the next `subtree`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tree {
    header: Header,
    rows: Vec<Row>,
}

/// What the user chose to see.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Folding {
    /// Row → its children are hidden.
    pub collapsed: Vec<bool>,
    /// Row → shown; `None` shows all.
    pub keep: Option<Vec<bool>>,
}

impl Tree {
    /// Takes a decoded file; whatever contradicts the depth-first order is put right.
    pub fn new(file: TraceFile) -> Self {
        let TraceFile { header, mut rows } = file;
        let count = rows.len();
        for (at, row) in rows.iter_mut().enumerate() {
            row.subtree = row.subtree.min((count - at - 1) as u32);
            if row.parent as usize >= at {
                row.parent = u32::MAX;
            }
            if !row.start.is_finite() {
                row.start = 0.0;
            }
            if row.duration.is_nan() {
                row.duration = 0.0;
            }
        }
        Tree { header, rows }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A row. Panics beyond [`len`](Self::len).
    pub fn row(&self, at: usize) -> &Row {
        &self.rows[at]
    }

    /// Length of the trace in microseconds, never 0.
    pub fn total(&self) -> f64 {
        if self.header.total.is_finite() {
            self.header.total.max(1.0)
        } else {
            1.0
        }
    }

    /// Microsecond 0, nanoseconds since the epoch.
    pub fn origin(&self) -> i64 {
        crate::format::nanos(&self.header.origin)
    }

    /// Name of a row.
    pub fn name(&self, at: usize) -> &str {
        self.text(self.rows[at].name)
    }

    /// Service, resource or function of a row.
    pub fn service(&self, at: usize) -> &str {
        self.text(self.rows[at].service)
    }

    /// Trace id of a row, hex.
    pub fn trace_id(&self, at: usize) -> &str {
        let index = self.rows[at].trace as usize;
        self.header.traces.get(index).map_or("", String::as_str)
    }

    /// Span id of a row, hex; a wait between two tries is no span.
    pub fn span_id(&self, at: usize) -> Option<String> {
        match u64::from_be_bytes(self.rows[at].span_id) {
            0 => None,
            id => Some(format!("{id:016x}")),
        }
    }

    /// What a link calls a row: its span id in hex; a row without one, such as a wait before a retry, is told by that of the
    /// nearest row above that has one and its distance from it, `00f067aa0ba902b7~2`.
    pub fn link_of(&self, at: usize) -> Option<String> {
        if let Some(id) = self.span_id(at) {
            return Some(id);
        }
        let mut above = self.parent(at)?;
        loop {
            if let Some(id) = self.span_id(above) {
                return Some(format!("{id}~{}", at - above));
            }
            above = self.parent(above)?;
        }
    }

    /// The row that a link names, as [`Tree::link_of`] writes it.
    pub fn linked(&self, link: &str) -> Option<usize> {
        let Some((id, below)) = link.split_once('~') else {
            return self.find_span(link);
        };
        let above = self.find_span(id)?;
        let below = below.parse::<usize>().ok()?;
        let last = self.rows[above].subtree as usize;
        (below <= last).then_some(above + below)
    }

    /// The row of a span id in hex.
    pub fn find_span(&self, id: &str) -> Option<usize> {
        let number = u64::from_str_radix(id, 16).ok().filter(|id| *id != 0)?;
        let bytes = number.to_be_bytes();
        self.rows.iter().position(|row| row.span_id == bytes)
    }

    /// The rows of many span ids in hex, ascending.
    pub fn rows_of<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<u32> {
        let numbers = ids.filter_map(|id| u64::from_str_radix(id, 16).ok());
        let wanted: std::collections::HashSet<u64> = numbers.filter(|id| *id != 0).collect();
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, row)| wanted.contains(&u64::from_be_bytes(row.span_id)))
            .map(|(at, _)| at as u32)
            .collect()
    }

    /// Microseconds; what still runs goes on to the end of the trace.
    pub fn duration(&self, at: usize) -> f64 {
        let row = &self.rows[at];
        if row.duration < 0.0 {
            (self.total() - row.start).max(0.0)
        } else {
            row.duration
        }
    }

    /// The parent of a row.
    pub fn parent(&self, at: usize) -> Option<usize> {
        let parent = self.rows[at].parent as usize;
        (parent < at).then_some(parent)
    }

    /// The rows above a row, from its parent to the root.
    pub fn ancestors(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.parent(at), |above| self.parent(*above))
    }

    /// Visible rows, ascending.
    pub fn visible(&self, folding: &Folding) -> Vec<u32> {
        let mut out = Vec::with_capacity(self.rows.len());
        let mut at = 0;
        while at < self.rows.len() {
            let hidden = folding.keep.as_ref().is_some_and(|keep| !keep[at]);
            if !hidden {
                out.push(at as u32);
            }
            let folded = folding.collapsed.get(at).copied().unwrap_or(false);
            at += if folded {
                self.rows[at].subtree as usize + 1
            } else {
                1
            };
        }
        out
    }

    /// Nothing collapsed.
    pub fn unfolded(&self) -> Folding {
        Folding {
            collapsed: vec![false; self.rows.len()],
            keep: None,
        }
    }

    /// Only what `wanted` admits, with everything above it.
    pub fn keep(&self, wanted: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut keep = vec![false; self.rows.len()];
        for at in 0..self.rows.len() {
            if !wanted(at) {
                continue;
            }
            keep[at] = true;
            for above in self.ancestors(at) {
                if std::mem::replace(&mut keep[above], true) {
                    break;
                }
            }
        }
        keep
    }

    /// Rows whose name, service or span id contains the text, in order.
    pub fn search(&self, text: &str) -> Vec<u32> {
        let text = text.trim().to_lowercase();
        if text.is_empty() {
            return Vec::new();
        }
        let hit = |word: &String| word.to_lowercase().contains(&text);
        let words: Vec<bool> = self.header.strings.iter().map(hit).collect();
        let word = |index: u32| words.get(index as usize).copied().unwrap_or(false);
        let span = u64::from_str_radix(&text, 16).ok().map(u64::to_be_bytes);
        let matches = |row: &Row| {
            word(row.name) || word(row.service) || (text.len() == 16 && Some(row.span_id) == span)
        };
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, row)| matches(row))
            .map(|(at, _)| at as u32)
            .collect()
    }

    /// The row that explains the end: the deepest of those on the path to the root cause, else the
    /// first row with an error of its own and no failed row below.
    pub fn culprit(&self) -> Option<usize> {
        let on_path = |row: &Row| row.flags & FLAG_ROOT_CAUSE != 0;
        let deepest = (0..self.rows.len())
            .filter(|at| on_path(&self.rows[*at]))
            .max_by_key(|at| (self.rows[*at].depth, usize::MAX - at));
        deepest.or_else(|| {
            let failed = |at: usize| self.rows[at].flags & FLAG_ERROR != 0;
            let below = |at: usize| at + 1..at + 1 + self.rows[at].subtree as usize;
            let first = (0..self.rows.len()).find(|at| failed(*at))?;
            let mut at = first;
            while let Some(deeper) = below(at).find(|row| failed(*row)) {
                at = deeper;
            }
            Some(at)
        })
    }

    /// The next row whose own failure it is after `from`, or before it; goes round. Rows that only carry a failure up
    /// from a row below are passed over.
    pub fn next_error(&self, from: Option<usize>, forward: bool) -> Option<usize> {
        let count = self.rows.len();
        let culprit = self.culprit();
        let has_failed = |at: usize| self.rows[at].flags & FLAG_ERROR != 0;
        let own = |at: &usize| {
            let last = at + self.rows[*at].subtree as usize;
            has_failed(*at) && (culprit == Some(*at) || !(at + 1..=last).any(has_failed))
        };
        match (from, forward) {
            (None, _) => culprit,
            (Some(at), true) => (at + 1..count).chain(0..at.min(count)).find(own),
            (Some(at), false) => (0..at).rev().chain((at + 1..count).rev()).find(own),
        }
    }

    /// The next or previous row with the same parent.
    pub fn sibling(&self, at: usize, forward: bool) -> Option<usize> {
        if forward {
            let next = at + self.rows[at].subtree as usize + 1;
            let same = self.rows.get(next)?.parent == self.rows[at].parent;
            return same.then_some(next);
        }
        let start = self.parent(at).map_or(0, |parent| parent + 1);
        let mut sibling = start;
        let mut before = None;
        while sibling < at {
            before = Some(sibling);
            sibling += self.rows[sibling].subtree as usize + 1;
        }
        before
    }

    /// Unfolds what hides a row.
    pub fn unfold_to(&self, at: usize, folding: &mut Folding) {
        if let Some(keep) = &mut folding.keep {
            keep[at] = true;
            self.ancestors(at).for_each(|above| keep[above] = true);
        }
        self.ancestors(at)
            .for_each(|above| folding.collapsed[above] = false);
    }

    /// Folds or unfolds all rows that have something below, but roots stay open.
    pub fn fold_all(&self, folded: bool, folding: &mut Folding) {
        let rows = self.rows.iter().zip(folding.collapsed.iter_mut());
        rows.for_each(|(row, fold)| *fold = folded && row.subtree > 0 && row.depth > 0);
    }

    /// The deepest level of which something is shown open moves by one: opens one more level
    /// (`open`) or closes one.
    pub fn fold_level(&self, open: bool, folding: &mut Folding) {
        let rows = || (0..self.rows.len()).filter(|at| self.rows[*at].subtree > 0);
        let depth = |at: usize| self.rows[at].depth;
        let target = match open {
            true => rows().filter(|at| folding.collapsed[*at]).map(depth).min(),
            false => rows().filter(|at| !folding.collapsed[*at]).map(depth).max(),
        };
        if let Some(level) = target {
            rows()
                .filter(|at| depth(*at) == level)
                .for_each(|at| folding.collapsed[at] = !open);
        }
    }

    /// The services and how many rows each has, most first.
    pub fn services(&self) -> Vec<(String, usize)> {
        let mut counts = vec![0usize; self.header.strings.len()];
        for row in &self.rows {
            if let Some(count) = counts.get_mut(row.service as usize) {
                *count += 1;
            }
        }
        let used = counts.into_iter().enumerate().filter(|(_, n)| *n > 0);
        let mut out: Vec<_> = used
            .map(|(at, n)| (self.header.strings[at].clone(), n))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        out.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        out
    }

    fn text(&self, index: u32) -> &str {
        let strings = &self.header.strings;
        strings.get(index as usize).map_or("", String::as_str)
    }
}

/// What a row is, in a word.
pub fn kind_word(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Execution => "execution",
        RowKind::State => "state",
        RowKind::Attempt => "attempt",
        RowKind::Iteration => "iteration",
        RowKind::Branch => "branch",
        RowKind::Invocation => "invocation",
        RowKind::Init => "cold start",
        RowKind::Span => "span",
        RowKind::Backoff => "backoff",
    }
}

/// What the flags say, most important first.
pub fn flag_words(flags: u8) -> Vec<&'static str> {
    const WORDS: [(u8, &str); 8] = [
        (FLAG_ROOT_CAUSE, "on the path to the root cause"),
        (FLAG_ERROR, "failed"),
        (FLAG_CAUGHT, "caught"),
        (FLAG_ABORTED, "aborted"),
        (FLAG_RUNNING, "running"),
        (FLAG_RETRY, "retry"),
        (FLAG_COLD, "cold start"),
        (FLAG_UNCERTAIN, "uncertain join"),
    ];
    let set = WORDS.iter().filter(|(flag, _)| flags & flag != 0);
    set.map(|(_, word)| *word).collect()
}

/// What a cell of the overview shows; a higher number wins.
pub const CELL_PLAIN: u8 = 1;
/// A wait.
pub const CELL_WAIT: u8 = 2;
/// A cold start.
pub const CELL_COLD: u8 = 3;
/// A failure.
pub const CELL_ERROR: u8 = 4;

/// The whole trace on a small raster of `width` × `height` cells, row by row; 0 is empty.
pub fn overview(tree: &Tree, width: usize, height: usize) -> Vec<u8> {
    let mut cells = vec![0u8; width * height];
    if tree.is_empty() || width == 0 || height == 0 {
        return cells;
    }
    let lanes = tree.len().max(height.min(12));
    let scale = width as f64 / tree.total();
    for (at, row) in tree.rows.iter().enumerate() {
        let lane = at * height / lanes;
        let lane_end = ((at + 1) * height / lanes).clamp(lane + 1, height);
        let from = ((row.start * scale).max(0.0) as usize).min(width - 1);
        let end = (((row.start + tree.duration(at)) * scale).ceil().max(0.0) as usize)
            .clamp(from + 1, width);
        let cell = match row.kind {
            _ if row.flags & FLAG_ERROR != 0 => CELL_ERROR,
            RowKind::Init => CELL_COLD,
            RowKind::Backoff => CELL_WAIT,
            _ => CELL_PLAIN,
        };
        for line in lane..lane_end {
            let part = &mut cells[line * width + from..line * width + end];
            part.iter_mut().for_each(|old| *old = cell.max(*old));
        }
    }
    cells
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A tree from (depth, flags) per row, named `n0`, `n1`…
    pub(crate) fn tree(shape: &[(u16, u8)]) -> Tree {
        let parent = |at: usize| {
            let above = (0..at).rev().find(|i| shape[*i].0 < shape[at].0);
            above.map_or(u32::MAX, |i| i as u32)
        };
        let subtree = |at: usize| {
            let below = shape[at + 1..].iter();
            below.take_while(|row| row.0 > shape[at].0).count() as u32
        };
        let rows = (0..shape.len()).map(|at| Row {
            start: at as f64,
            duration: 1.0,
            parent: parent(at),
            subtree: subtree(at),
            name: at as u32,
            service: 0,
            span_id: (at as u64).to_be_bytes(),
            trace: 0,
            depth: shape[at].0,
            kind: RowKind::State,
            flags: shape[at].1,
        });
        Tree::new(TraceFile {
            header: Header {
                origin: "5".into(),
                total: shape.len() as f64,
                strings: (0..shape.len()).map(|at| format!("n{at}")).collect(),
                traces: vec!["ab".into()],
            },
            rows: rows.collect(),
        })
    }

    // 0 ─ 1 ─ 2
    //   │   └ 3
    //   ├ 4
    //   └ 5 ─ 6
    const SHAPE: [(u16, u8); 7] = [
        (0, FLAG_ERROR),
        (1, 0),
        (2, FLAG_ERROR | FLAG_CAUGHT),
        (2, 0),
        (1, 0),
        (1, FLAG_ERROR),
        (2, FLAG_ERROR),
    ];

    #[test]
    fn rows_of_spans_are_found_at_once() {
        let ids = [
            "0000000000000004",
            "0000000000000001",
            "zz",
            "0000000000000000",
            "00000000000000ff",
        ];
        assert_eq!(tree(&SHAPE).rows_of(ids.into_iter()), [1, 4]);
    }

    #[test]
    fn folding_hides_exactly_the_subtree() {
        let tree = tree(&SHAPE);
        let check = |folded: &[usize], expect: &[u32]| {
            let mut folding = tree.unfolded();
            folded.iter().for_each(|at| folding.collapsed[*at] = true);
            assert_eq!(tree.visible(&folding), expect);
        };
        check(&[], &[0, 1, 2, 3, 4, 5, 6]);
        check(&[1], &[0, 1, 4, 5, 6]);
        check(&[1, 5], &[0, 1, 4, 5]);
        check(&[0, 1], &[0]);
        check(&[4], &[0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn levels_open_and_close_one_by_one() {
        let tree = tree(&SHAPE);
        let mut folding = tree.unfolded();
        tree.fold_level(false, &mut folding);
        assert_eq!(tree.visible(&folding), [0, 1, 4, 5]);
        tree.fold_level(false, &mut folding);
        assert_eq!(tree.visible(&folding), [0]);
        tree.fold_level(true, &mut folding);
        assert_eq!(tree.visible(&folding), [0, 1, 4, 5]);
        tree.fold_all(false, &mut folding);
        assert_eq!(tree.visible(&folding).len(), 7);
        tree.fold_all(true, &mut folding);
        assert_eq!(tree.visible(&folding), [0, 1, 4, 5]);
        tree.unfold_to(6, &mut folding);
        assert_eq!(tree.visible(&folding), [0, 1, 4, 5, 6]);
    }

    #[test]
    fn errors_and_siblings_are_next_to_each_other() {
        let tree = tree(&SHAPE);
        assert_eq!(tree.culprit(), Some(2));
        let check = |from, forward, expect| assert_eq!(tree.next_error(from, forward), expect);
        check(Some(2), true, Some(6));
        check(Some(6), true, Some(2));
        check(Some(0), false, Some(6));
        check(Some(5), false, Some(2));
        let check = |from, forward, expect| assert_eq!(tree.sibling(from, forward), expect);
        check(1, true, Some(4));
        check(4, false, Some(1));
        check(5, true, None);
        check(1, false, None);
        check(3, false, Some(2));
    }

    #[test]
    fn the_root_cause_is_the_deepest_row_of_its_path() {
        let path = FLAG_ERROR | FLAG_ROOT_CAUSE;
        let tree = tree(&[(0, path), (1, FLAG_ERROR), (1, path), (2, FLAG_ROOT_CAUSE)]);
        assert_eq!(tree.culprit(), Some(3));
    }

    #[test]
    fn search_finds_names_and_ids_and_keeps_ancestors() {
        let tree = tree(&SHAPE);
        assert_eq!(tree.search("N3"), [3]);
        assert_eq!(tree.search("0000000000000006"), [6]);
        assert_eq!(tree.search("  "), [0u32; 0]);
        let id = tree.span_id(4).unwrap();
        assert_eq!(tree.find_span(&id), Some(4));
        assert_eq!(tree.span_id(0), None);
        assert_eq!(tree.find_span("0000000000000000"), None);
        assert_eq!(tree.find_span("not hex"), None);
        assert_eq!(tree.link_of(4), Some(id.clone()));
        assert_eq!(tree.linked(&id), Some(4));
        assert_eq!(tree.linked("0000000000000001~2"), Some(3));
        assert_eq!(tree.linked("0000000000000001~3"), None);
        assert_eq!(tree.linked("0000000000000001~x"), None);
        let folding = Folding {
            collapsed: vec![false; 7],
            keep: Some(tree.keep(|at| at == 6)),
        };
        assert_eq!(tree.visible(&folding), [0, 5, 6]);
    }

    #[test]
    fn a_failure_is_never_hidden_in_the_overview() {
        let shape: Vec<(u16, u8)> = (0..5_000)
            .map(|at| (1, if at == 2_500 { FLAG_ERROR } else { 0 }))
            .collect();
        let cells = overview(&tree(&shape), 100, 40);
        assert_eq!(cells.iter().filter(|cell| **cell == CELL_ERROR).count(), 1);
        assert_eq!(overview(&Tree::default(), 10, 10), [0; 100]);
    }

    #[test]
    fn nonsense_is_put_right() {
        let mut file = TraceFile::default();
        let row = Row {
            start: f64::NAN,
            duration: f64::NAN,
            parent: 7,
            subtree: 99,
            name: 99,
            service: 99,
            span_id: [1; 8],
            trace: 99,
            depth: 500,
            kind: RowKind::Span,
            flags: 255,
        };
        file.rows = vec![row.clone(), row];
        let tree = Tree::new(file);
        assert_eq!(tree.visible(&tree.unfolded()), [0, 1]);
        assert_eq!((tree.name(1), tree.trace_id(1)), ("", ""));
        assert_eq!(tree.sibling(0, true), None);
        assert_eq!(flag_words(255).len(), 8);
        overview(&tree, 3, 3);
    }
}
