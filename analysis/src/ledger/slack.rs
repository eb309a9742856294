//! How much longer something could have taken without making the execution longer.

use super::tree::{Kind, Node, Tree};
use model::{Slack, Status};
use std::collections::HashMap;

/// Rows that are told at most.
const MOST: usize = 1_000;

/// Slack of everything that is not on the critical path and is not within something that is told already as a
/// whole: iterations, branches and the states in them, smallest first.
pub(super) fn slack(tree: &Tree) -> Vec<Slack> {
    let mut found = Vec::new();
    let mut open = vec![(0, Some(0))];
    while let Some((n, own)) = open.pop() {
        let node = &tree.nodes[n];
        if own != Some(0) && (node.kind == Kind::State || tree.is_track(n)) {
            found.push(row(node, own));
        }
        let holds_tracks = node.children.first().is_some_and(|it| tree.is_track(*it));
        if holds_tracks {
            open.extend(of_tracks(tree, node, own));
        } else {
            open.extend(node.children.iter().map(|child| (*child, own)));
        }
    }
    found.sort_by(|a, b| {
        let key = |of: &Slack| (of.slack_ns.unwrap_or(i64::MAX), of.path.clone(), of.span_id);
        key(a).cmp(&key(b))
    });
    found.truncate(MOST);
    found
}

fn row(node: &Node, slack_ns: Option<i64>) -> Slack {
    Slack {
        span_id: node.id,
        state: node.state.clone(),
        path: node.path.clone(),
        slack_ns,
    }
}

/// A track may end later by what is left until the last one ends; one whose slot is waited for, by what the
/// waiting one has.
fn of_tracks(tree: &Tree, node: &Node, own: Option<i64>) -> Vec<(usize, Option<i64>)> {
    let Some(last) = tree.last_track(&node.children) else {
        return Vec::new();
    };
    let end = tree.nodes[last].end;
    // A block that failed did not wait for the others: nobody knows how long they would have taken.
    let failed = tree.nodes[last].status.is_failure();
    let mut slack: HashMap<usize, Option<i64>> = HashMap::new();
    let mut tracks = node.children.clone();
    // Those that waited come later than those that they waited for: look at them first.
    tracks.sort_by_key(|n| std::cmp::Reverse((tree.nodes[*n].start, tree.nodes[*n].event)));
    for n in &tracks {
        let track = &tree.nodes[*n];
        let inherited = slack.get(n).copied();
        let until_end = match track.status {
            _ if *n == last => own,
            _ if failed => None,
            Status::Aborted | Status::Running | Status::Unknown => None,
            _ => own.map(|own| own.saturating_add(end.saturating_sub(track.end).max(0))),
        };
        let this = inherited.unwrap_or(until_end);
        slack.insert(*n, this);
        if let Some(before) = track.slot_of {
            let held = slack.entry(before).or_insert(this);
            *held = match (*held, this) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }
    tracks.into_iter().map(|n| (n, slack[&n])).collect()
}
