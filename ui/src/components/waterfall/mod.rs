//! The waterfall of a trace: what the user sees of it, and the moves that change that.

mod keys;
mod overview;
mod row;
mod view;

pub use view::WaterfallView;

use crate::geometry::tree::{Folding, Tree};
use crate::geometry::window::Window;
use leptos::prelude::*;
use std::sync::Arc;

/// A waterfall's state. All of it is signals, so it is copied into every part of the view.
#[derive(Clone, Copy)]
pub struct Waterfall {
    /// The rows.
    pub tree: StoredValue<Arc<Tree>>,
    /// What is folded, what is left out.
    pub folding: RwSignal<Folding>,
    /// Row numbers from the top.
    pub visible: Memo<Arc<Vec<u32>>>,
    /// The row that the keys and the side panel are about.
    pub selected: RwSignal<Option<usize>>,
    /// The side panel is open.
    pub open: RwSignal<bool>,
    /// The time in view.
    pub window: RwSignal<Window>,
    /// Text looked for.
    pub search: RwSignal<String>,
    /// Rows with that text.
    pub hits: Memo<Arc<Vec<u32>>>,
    /// Rows on the critical path, ascending, once the ledger is here.
    pub critical: RwSignal<Arc<Vec<u32>>>,
    /// Only failures and what is above them.
    pub failures: RwSignal<bool>,
    /// A place in `visible` to bring into view.
    wanted: RwSignal<Option<usize>>,
}

impl Waterfall {
    /// Everything unfolded and in view.
    pub fn new(tree: Arc<Tree>) -> Self {
        let folding = RwSignal::new(tree.unfolded());
        let search = RwSignal::new(String::new());
        let window = RwSignal::new(Window::all(tree.total()));
        let tree = StoredValue::new(tree);
        let visible = Memo::new(move |_| {
            Arc::new(folding.with(|folding| tree.with_value(|tree| tree.visible(folding))))
        });
        let hits = Memo::new(move |_| {
            Arc::new(search.with(|text| tree.with_value(|tree| tree.search(text))))
        });
        Waterfall {
            tree,
            folding,
            visible,
            selected: RwSignal::new(None),
            open: RwSignal::new(false),
            window,
            search,
            hits,
            critical: RwSignal::new(Arc::default()),
            failures: RwSignal::new(false),
            wanted: RwSignal::new(None),
        }
    }

    /// The tree.
    pub fn tree(self) -> Arc<Tree> {
        self.tree.get_value()
    }

    /// Length of the trace, microseconds.
    pub fn total(self) -> f64 {
        self.tree.with_value(|tree| tree.total())
    }

    /// Selects a row, unfolds what hides it and brings it into view, in both directions.
    pub fn show(self, row: usize) {
        let tree = self.tree();
        if row >= tree.len() {
            return;
        }
        let hidden = self.place(row).is_none();
        if hidden {
            self.folding.update(|folding| tree.unfold_to(row, folding));
        }
        let (start, duration) = (tree.row(row).start, tree.duration(row));
        let window = self.window.get_untracked();
        if start + duration < window.from || start > window.to {
            let around = Window {
                from: start + duration / 2.0 - window.length() / 2.0,
                to: start + duration / 2.0 + window.length() / 2.0,
            };
            self.window.set(around.panned(0.0, tree.total()));
        }
        self.selected.set(Some(row));
        self.wanted.set(self.place(row));
    }

    /// Where a row is from the top, if it is visible.
    fn place(self, row: usize) -> Option<usize> {
        let visible = self.visible.get_untracked();
        visible.binary_search(&(row as u32)).ok()
    }

    /// Selects the row so many places further down.
    pub fn step(self, by: isize) {
        let visible = self.visible.get_untracked();
        let Some(last) = visible.len().checked_sub(1) else {
            return;
        };
        let now = self
            .selected
            .get_untracked()
            .and_then(|row| self.place(row));
        let next = match now {
            None if by < 0 => last,
            None => 0,
            Some(at) => at.saturating_add_signed(by).min(last),
        };
        self.selected.set(Some(visible[next] as usize));
        self.wanted.set(Some(next));
    }

    /// Folds a row or unfolds it.
    pub fn toggle(self, row: usize) {
        self.folding.update(|folding| {
            if let Some(fold) = folding.collapsed.get_mut(row) {
                *fold = !*fold;
            }
        });
    }

    /// →: unfolds, or goes to the first row below.
    pub fn inward(self, row: usize) {
        let tree = self.tree();
        if tree.row(row).subtree == 0 {
            return;
        }
        if self
            .folding
            .with_untracked(|folding| folding.collapsed[row])
        {
            self.toggle(row);
        } else {
            self.step(1);
        }
    }

    /// ←: folds, or goes to the parent.
    pub fn outward(self, row: usize) {
        let tree = self.tree();
        let open = !self
            .folding
            .with_untracked(|folding| folding.collapsed[row]);
        if tree.row(row).subtree > 0 && open {
            self.toggle(row);
        } else if let Some(parent) = tree.parent(row) {
            self.show(parent);
        }
    }

    /// Unfolds everything below a row.
    pub fn unfold_below(self, row: usize) {
        let below = self.tree().row(row).subtree as usize;
        self.folding
            .update(|folding| folding.collapsed[row..=row + below].fill(false));
    }

    /// One level more or less of everything.
    pub fn level(self, open: bool) {
        let tree = self.tree();
        self.folding
            .update(|folding| tree.fold_level(open, folding));
        self.keep_in_view();
    }

    /// After folding, the selection moves to the nearest row that is still visible.
    fn keep_in_view(self) {
        let Some(row) = self.selected.get_untracked() else {
            return;
        };
        let tree = self.tree();
        let nearest = std::iter::once(row)
            .chain(tree.ancestors(row))
            .find(|row| self.place(*row).is_some());
        if let Some(row) = nearest {
            self.selected.set(Some(row));
            self.wanted.set(self.place(row));
        }
    }

    /// The next or previous failure.
    pub fn next_error(self, forward: bool) {
        let from = self.selected.get_untracked();
        if let Some(row) = self.tree().next_error(from, forward) {
            self.show(row);
        }
    }

    /// The next or previous match of the search.
    pub fn next_hit(self, forward: bool) {
        let hits = self.hits.get_untracked();
        let from = self.selected.get_untracked();
        let after = hits
            .iter()
            .copied()
            .find(|hit| from.is_none_or(|row| *hit as usize > row));
        let before = hits
            .iter()
            .rev()
            .copied()
            .find(|hit| from.is_some_and(|row| (*hit as usize) < row));
        let next = match forward {
            true => after.or(hits.first().copied()),
            false => before.or(hits.last().copied()),
        };
        if let Some(hit) = next {
            self.show(hit as usize);
        }
    }

    /// The next or previous row with the same parent.
    pub fn sibling(self, row: usize, forward: bool) {
        if let Some(row) = self.tree().sibling(row, forward) {
            self.show(row);
        }
    }

    /// Zooms to a row.
    pub fn fit(self, row: usize) {
        let tree = self.tree();
        let around = Window::around(tree.row(row).start, tree.duration(row), tree.total());
        self.window.set(around);
    }

    /// Zooms by a factor around a place, 0 at the left edge and 1 at the right.
    pub fn zoom(self, ratio: f64, factor: f64) {
        let total = self.total();
        self.window
            .update(|window| *window = window.zoomed(ratio, factor, total));
    }

    /// Moves by a part of the view.
    pub fn pan(self, part: f64) {
        let total = self.total();
        self.window
            .update(|window| *window = window.panned(part, total));
    }

    /// Shows only failures and what is above them, or everything.
    pub fn only_failures(self, only: bool) {
        use model::trace_file::{FLAG_ERROR, FLAG_ROOT_CAUSE};
        let tree = self.tree();
        self.failures.set(only);
        let keep =
            only.then(|| tree.keep(|at| tree.row(at).flags & (FLAG_ERROR | FLAG_ROOT_CAUSE) != 0));
        self.folding.update(|folding| folding.keep = keep);
        self.keep_in_view();
    }
}
