//! What would have been: the execution again with some of its parts shorter or longer.

use super::{
    Facts,
    tree::{Kind, Tree},
};
use model::SpanId;
use std::collections::HashMap;

/// An execution that can be played again.
#[derive(Debug)]
pub struct Replay {
    tree: Tree,
    places: HashMap<SpanId, usize>,
    /// Children before their parents.
    order: Vec<usize>,
}

impl Replay {
    /// Of an execution.
    pub fn of(facts: &Facts<'_>) -> Self {
        let tree = Tree::of(facts);
        let places = tree
            .nodes
            .iter()
            .enumerate()
            .map(|(n, node)| (node.id, n))
            .collect();
        let mut order = Vec::with_capacity(tree.nodes.len());
        let mut open = vec![0];
        while let Some(n) = open.pop() {
            order.push(n);
            open.extend(&tree.nodes[n].children);
        }
        order.reverse();
        Replay {
            tree,
            places,
            order,
        }
    }

    /// Of a case, which holds rows and no workflow spans.
    pub(crate) fn of_case(case: &crate::case::Case) -> Self {
        let facts = Facts::from(case);
        let spans = super::rows::spans(&facts);
        Replay::of(&Facts {
            spans: &spans,
            ..facts
        })
    }

    /// How long the execution takes when the spans named (attempts, states) are shorter by so many nanoseconds
    /// (longer, if negative). Waits, pauses between tries and the engine's own time stay as they were; a Map
    /// item waits for its slot, a join for its last track.
    pub fn duration_with(&self, shorter: &HashMap<SpanId, i64>) -> i64 {
        let mut cut = vec![0; self.tree.nodes.len()];
        for (span, by) in shorter {
            if let Some(n) = self.places.get(span) {
                cut[*n] = *by;
            }
        }
        let mut lengths = vec![0; self.tree.nodes.len()];
        for n in &self.order {
            let length = self.length(*n, &lengths);
            lengths[*n] = length.saturating_sub(cut[*n]).max(0);
        }
        lengths[0]
    }

    /// Nanoseconds by which the execution would have been shorter.
    pub fn effect(&self, shorter: &HashMap<SpanId, i64>) -> i64 {
        self.duration_with(&HashMap::new()) - self.duration_with(shorter)
    }

    fn length(&self, n: usize, lengths: &[i64]) -> i64 {
        let node = &self.tree.nodes[n];
        let whole = node.end.saturating_sub(node.start);
        let Some(first) = node.children.first() else {
            return whole;
        };
        if self.tree.is_track(*first) && node.kind != Kind::Chain {
            return self.beside(n, lengths).unwrap_or(whole);
        }
        let before: i64 = node.children.iter().map(|child| self.held(*child)).sum();
        let after: i64 = node.children.iter().map(|child| lengths[*child]).sum();
        (whole - before + after).max(0)
    }

    fn held(&self, n: usize) -> i64 {
        let node = &self.tree.nodes[n];
        node.end.saturating_sub(node.start)
    }

    /// Tracks beside each other, each after the one whose slot it waited for.
    fn beside(&self, n: usize, lengths: &[i64]) -> Option<i64> {
        let node = &self.tree.nodes[n];
        let last = self.tree.last_track(&node.children)?;
        let mut tracks = node.children.clone();
        tracks.sort_by_key(|n| (self.tree.nodes[*n].start, self.tree.nodes[*n].event));
        let mut ends: HashMap<usize, i64> = HashMap::new();
        for track in tracks {
            let at = &self.tree.nodes[track];
            let held = at.slot_of.and_then(|slot| {
                let gap = at.start.saturating_sub(self.tree.nodes[slot].end);
                Some(ends.get(&slot)?.saturating_add(gap))
            });
            let start = held.unwrap_or(at.start.saturating_sub(node.start));
            ends.insert(track, start.saturating_add(lengths[track]));
        }
        let join = node.end.saturating_sub(self.tree.nodes[last].end);
        let counts = |n: &usize| {
            let status = self.tree.nodes[*n].status;
            status == model::Status::Succeeded
        };
        let failed = self.tree.nodes[last].status.is_failure();
        let last_end = match failed {
            true => ends[&last],
            false => {
                let kept = ends.iter().filter(|(n, _)| **n == last || counts(n));
                kept.map(|(_, end)| *end).max()?
            }
        };
        Some(last_end.saturating_add(join).max(0))
    }
}
