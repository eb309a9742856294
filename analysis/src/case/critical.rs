//! Which state visits an execution waited for: all in a row, of branches the one that ended last, of iterations the
//! last one and those whose end let it begin.

use super::Case;
use model::{SpanId, State};
use std::collections::{HashMap, HashSet};

/// Ends and beginnings that close together follow each other, nanoseconds.
const NEXT: i64 = 5_000_000;

/// The visits of the critical path.
pub(crate) struct Critical {
    visits: HashSet<SpanId>,
    at_once: HashMap<SpanId, u32>,
}

/// An iteration or a branch: visits in one surrounding.
struct Group<'a> {
    visits: Vec<&'a State>,
    start: i64,
    end: i64,
}

impl Critical {
    pub fn of(case: &Case) -> Self {
        let mut inside: HashMap<&str, Vec<Group>> = HashMap::new();
        let mut top = Vec::new();
        let mut by_parent: HashMap<SpanId, Vec<&State>> = HashMap::new();
        for visit in &case.states {
            by_parent
                .entry(visit.parent_span_id)
                .or_default()
                .push(visit);
        }
        for (_, visits) in by_parent {
            let Some(block) = visits.first().and_then(|it| block_of(&it.path)) else {
                top.extend(visits);
                continue;
            };
            let start = visits
                .iter()
                .map(|it| it.start_time.0)
                .min()
                .unwrap_or_default();
            let end = visits
                .iter()
                .map(|it| it.end_time.unwrap_or(it.start_time).0)
                .max()
                .unwrap_or(start);
            inside
                .entry(block)
                .or_default()
                .push(Group { visits, start, end });
        }
        for groups in inside.values_mut() {
            groups.sort_by_key(|it| (it.end, it.start, first(&it.visits)));
        }
        let mut critical = Critical {
            visits: HashSet::new(),
            at_once: HashMap::new(),
        };
        critical.walk(top, &inside);
        for block in &case.states {
            if let Some(groups) = inside.get(block.path.as_str()) {
                critical
                    .at_once
                    .insert(block.span_id, most_at_once(block, groups));
            }
        }
        critical
    }

    fn walk<'a>(&mut self, visits: Vec<&'a State>, inside: &HashMap<&str, Vec<Group<'a>>>) {
        let mut open = visits;
        while let Some(visit) = open.pop() {
            if !self.visits.insert(visit.span_id) {
                continue;
            }
            let Some(groups) = inside.get(visit.path.as_str()) else {
                continue;
            };
            let end = visit
                .end_time
                .map_or(i64::MAX, |it| it.0.saturating_add(NEXT));
            let mut before = end;
            let mut at = groups.partition_point(|it| it.end <= before);
            while at > 0 {
                let group = &groups[at - 1];
                if group.start < visit.start_time.0 {
                    break;
                }
                open.extend(&group.visits);
                before = group
                    .start
                    .saturating_add(NEXT)
                    .min(before.saturating_sub(1));
                let next = groups.partition_point(|it| it.end <= before);
                at = next.min(at - 1);
            }
        }
    }

    /// True when the execution waited for it.
    pub fn holds(&self, visit: &State) -> bool {
        self.visits.contains(&visit.span_id)
    }

    /// Most iterations or branches of a block that ran together.
    pub fn at_once(&self, visit: &State) -> u32 {
        self.at_once
            .get(&visit.span_id)
            .copied()
            .unwrap_or_default()
    }
}

/// The first event of a group, which no other group has.
fn first(visits: &[&State]) -> u64 {
    let ids = visits.iter().map(|it| it.entered_event_id);
    ids.min().unwrap_or_default()
}

fn most_at_once(block: &State, groups: &[Group]) -> u32 {
    let within = groups.iter().filter(|it| {
        it.start >= block.start_time.0 && block.end_time.is_none_or(|end| it.start <= end.0)
    });
    let mut edges: Vec<(i64, i32)> = within
        .flat_map(|it| [(it.start, 1), (it.end, -1)])
        .collect();
    edges.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, step) in edges {
        now += step;
        most = most.max(now);
    }
    u32::try_from(most).unwrap_or_default()
}

/// `Fan` of `Fan[3]/Charge`, `Split{1}/Fan` of `Split{1}/Fan[0]/Pay`; none at the top.
pub(crate) fn block_of(path: &str) -> Option<&str> {
    let around = path.rsplit_once('/')?.0;
    let open = around.rfind(['[', '{'])?;
    around.ends_with([']', '}']).then_some(&around[..open])
}

/// Whether a visit lies in a block, however deep.
pub(crate) fn is_inside(path: &str, block: &str) -> bool {
    std::iter::successors(block_of(path), |it| block_of(it)).any(|it| it == block)
}

#[cfg(test)]
mod tests {
    use super::{block_of, is_inside};

    #[test]
    fn what_lies_in_a_block_lies_in_those_around_it() {
        assert!(is_inside("Split{1}/Fan[0]/Pay", "Split"));
        assert!(is_inside("Split{1}/Fan[0]/Pay", "Split{1}/Fan"));
        assert!(!is_inside("Split{1}/Pay", "Fan"));
    }

    #[test]
    fn blocks_are_read_from_paths() {
        let check = |path: &str, expect: Option<&str>| assert_eq!(block_of(path), expect);
        check("Pay", None);
        check("Fan[3]/Charge", Some("Fan"));
        check("Split{1}/Fan[0]/Pay", Some("Split{1}/Fan"));
    }
}
