//! Which item of a Map had a slot before: the begin of an iteration is caused by the end of another one.

use super::{Facts, tree::Tree};
use std::collections::HashMap;

/// Causes followed from the begin of an iteration until one is known: the end of another iteration may lie between.
const STEPS: usize = 4;

/// Sets [`super::tree::Node::slot_of`] of every iteration that waited for another one.
pub(super) fn link(facts: &Facts<'_>, tree: &mut Tree) {
    let causes: HashMap<u64, u64> = facts
        .events
        .iter()
        .map(|event| (event.event_id, event.previous_event_id))
        .collect();
    let owners = owners(facts, tree);
    for n in 1..tree.nodes.len() {
        if !tree.is_track(n) {
            continue;
        }
        let slot = match causes.is_empty() {
            false => by_cause(tree, n, &causes, &owners),
            true => by_time(tree, n),
        };
        // Only what ended before can have been waited for, so there is no way round in a circle.
        tree.nodes[n].slot_of = slot.filter(|held| ended_before(tree, *held, n));
    }
}

fn ended_before(tree: &Tree, held: usize, n: usize) -> bool {
    let (held, waiting) = (&tree.nodes[held], &tree.nodes[n]);
    held.end <= waiting.start && (held.start, held.event) < (waiting.start, waiting.event)
}

/// The node that each event ended or began.
fn owners(facts: &Facts<'_>, tree: &Tree) -> HashMap<u64, usize> {
    let mut owners = HashMap::new();
    for (n, node) in tree.nodes.iter().enumerate().skip(1) {
        owners.insert(node.event, n);
        let Some(row) = node.row else {
            continue;
        };
        let ended = match node.kind {
            super::tree::Kind::Try => facts.attempts[row].end_event_id,
            _ => facts.states[row].exited_event_id,
        };
        if let Some(ended) = ended {
            owners.insert(ended, n);
        }
    }
    owners
}

fn by_cause(
    tree: &Tree,
    n: usize,
    causes: &HashMap<u64, u64>,
    owners: &HashMap<u64, usize>,
) -> Option<usize> {
    let mut event = *causes.get(&tree.nodes[n].event)?;
    for _ in 0..STEPS {
        if let Some(owner) = owners.get(&event) {
            return sibling(tree, *owner, n);
        }
        event = *causes.get(&event)?;
    }
    None
}

/// The track beside `n` that holds `inner`.
fn sibling(tree: &Tree, inner: usize, n: usize) -> Option<usize> {
    let above = tree.nodes[n].parent;
    let mut at = inner;
    for _ in 0..tree.nodes.len() {
        if tree.nodes[at].parent == above {
            return (at != n && tree.is_track(at)).then_some(at);
        }
        at = tree.nodes[at].parent?;
    }
    None
}

/// Without events: the one that ended last before. Items that begin with their Map waited for nobody.
fn by_time(tree: &Tree, n: usize) -> Option<usize> {
    let above = tree.nodes[n].parent?;
    let siblings = tree.nodes[above].children.iter().copied();
    siblings
        .filter(|held| *held != n && tree.is_track(*held) && ended_before(tree, *held, n))
        .max_by_key(|held| (tree.nodes[*held].end, tree.nodes[*held].event))
}
