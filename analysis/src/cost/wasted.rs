//! What was done for nothing: failed tries, and everything that was thrown away with a block that was started
//! again or cut off.

use crate::ledger::Facts;
use model::{Span, SpanId, SpanSource, Status, Value, Waste};
use std::collections::{HashMap, HashSet};

/// Spans whose work did not count.
pub(super) struct Wasted {
    thrown_away: HashSet<SpanId>,
}

impl Wasted {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let own = facts
            .spans
            .iter()
            .filter(|it| it.source == SpanSource::Workflow);
        let mut children: HashMap<SpanId, Vec<&Span>> = HashMap::new();
        for span in own {
            children.entry(span.parent_span_id).or_default().push(span);
        }
        let mut open: Vec<SpanId> = superseded(&children);
        open.extend(facts.states.iter().filter(cut_off).map(|it| it.span_id));
        let mut thrown_away = HashSet::new();
        while let Some(id) = open.pop() {
            if thrown_away.insert(id) {
                let below = children.get(&id).into_iter().flatten();
                open.extend(below.map(|span| span.span_id));
            }
        }
        Wasted { thrown_away }
    }

    /// Of the span of a state or attempt that itself ended so.
    pub(super) fn waste(&self, span: SpanId, status: Status) -> Waste {
        if self.thrown_away.contains(&span) || status == Status::Aborted {
            Waste::Aborted
        } else if status.is_failure() {
            Waste::FailedAttempt
        } else {
            Waste::None
        }
    }

    pub(super) fn is_thrown_away(&self, span: SpanId) -> bool {
        self.thrown_away.contains(&span)
    }
}

fn cut_off(state: &&model::State) -> bool {
    state.status == Status::Aborted
}

/// Starts of a Map or Parallel that were followed by another one.
fn superseded(children: &HashMap<SpanId, Vec<&Span>>) -> Vec<SpanId> {
    let mut found = Vec::new();
    for spans in children.values() {
        let number = |span: &&&Span| match span.attributes.get("aws.sfn.block_attempt") {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        let last = spans.iter().filter_map(|span| number(&span)).max();
        let earlier = spans
            .iter()
            .filter(|it| number(it).is_some_and(|n| Some(n) < last));
        found.extend(earlier.map(|span| span.span_id));
    }
    found
}
