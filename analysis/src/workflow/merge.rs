//! The same event from several deliveries becomes one.

use super::event::has_payload;
use model::{EventSource, HistoryEvent};
use std::{cmp::Ordering, collections::BTreeMap};

/// What [`merge_events`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// Every event once, in order of the history.
    pub events: Vec<HistoryEvent>,
    /// False when the new events said nothing that was not held.
    pub changed: bool,
}

/// Puts the events of one execution together. Identity is (redrive count, event id); of two copies the
/// richer one wins: with payload over without, history over logs, then the longer, so that the order of
/// arrival makes no difference.
pub fn merge_events(held: Vec<HistoryEvent>, new: Vec<HistoryEvent>) -> Merged {
    let before = held.len();
    let mut changed = false;
    let mut by_id: BTreeMap<(u32, u64), HistoryEvent> = BTreeMap::new();
    for (n, mut event) in held.into_iter().chain(new).enumerate() {
        let is_new = n >= before;
        event.redrive_count = counted(&event);
        match by_id.entry((event.redrive_count, event.event_id)) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(event);
                changed |= is_new;
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                if richer(&event, entry.get()) == Ordering::Greater {
                    entry.insert(event);
                    changed |= is_new;
                }
            }
        }
    }
    Merged {
        events: by_id.into_values().collect(),
        changed,
    }
}

/// How often the execution had been redriven when this happened. The redrive itself says it, and only that is certain: a
/// log may count it to what was before, a history counts it to what comes after.
fn counted(event: &HistoryEvent) -> u32 {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Redriven {
        redrive_count: u32,
    }
    if event.event_type != "ExecutionRedriven" {
        return event.redrive_count;
    }
    let said = serde_json::from_str::<Redriven>(&event.details);
    said.map_or(event.redrive_count, |said| said.redrive_count)
}

fn richer(a: &HistoryEvent, b: &HistoryEvent) -> Ordering {
    let from_history = |event: &HistoryEvent| event.source == EventSource::History;
    has_payload(a)
        .cmp(&has_payload(b))
        .then_with(|| from_history(a).cmp(&from_history(b)))
        .then_with(|| a.details.len().cmp(&b.details.len()))
        .then_with(|| a.details.cmp(&b.details))
        .then_with(|| a.event_type.cmp(&b.event_type))
        .then_with(|| a.previous_event_id.cmp(&b.previous_event_id))
        .then_with(|| b.time.cmp(&a.time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Engine, UnixNanos};

    fn event(id: u64, details: &str, source: EventSource) -> HistoryEvent {
        HistoryEvent {
            engine: Engine::step_functions(),
            execution_arn: "arn".into(),
            redrive_count: 0,
            event_id: id,
            previous_event_id: 0,
            event_type: "PassStateEntered".into(),
            time: UnixNanos(0),
            details: details.into(),
            source,
        }
    }

    #[test]
    fn the_richer_copy_wins_in_either_order() {
        let check = |a: HistoryEvent, b: HistoryEvent| {
            let one = merge_events(vec![a.clone()], vec![b.clone()]);
            let other = merge_events(vec![b.clone()], vec![a.clone()]);
            assert_eq!(one.events, vec![b]);
            assert_eq!(other.events, one.events);
            assert!(one.changed && !other.changed);
        };
        let (h, l) = (EventSource::History, EventSource::Logs);
        check(
            event(1, r#"{"name":"A"}"#, h),
            event(1, r#"{"name":"A","input":"{}"}"#, l),
        );
        check(
            event(1, r#"{"name":"A","input":"{ }"}"#, l),
            event(1, r#"{"name":"A","input":"{}"}"#, h),
        );
        check(
            event(1, r#"{"name":"A"}"#, l),
            event(1, r#"{"name":"A","input":"{}"}"#, l),
        );
    }

    #[test]
    fn a_redrive_is_one_event_however_it_was_counted() {
        let redrive = |count: u32, source: EventSource, details: &str| HistoryEvent {
            redrive_count: count,
            event_type: "ExecutionRedriven".into(),
            ..event(20, details, source)
        };
        let (h, l) = (EventSource::History, EventSource::Logs);
        let said = r#"{"redriveCount":1}"#;
        let check = |held: Vec<HistoryEvent>, new: Vec<HistoryEvent>, expect: &[u32]| {
            let counts = |events: Vec<HistoryEvent>| -> Vec<u32> {
                events.iter().map(|event| event.redrive_count).collect()
            };
            assert_eq!(
                counts(merge_events(held.clone(), new.clone()).events),
                expect
            );
            assert_eq!(counts(merge_events(new, held).events), expect);
        };
        check(vec![redrive(1, h, said)], vec![redrive(0, l, said)], &[1]);
        check(vec![redrive(0, l, said)], vec![redrive(0, l, said)], &[1]);
        let second = redrive(1, l, r#"{"redriveCount":2}"#);
        check(vec![redrive(1, h, said)], vec![second], &[1, 2]);
        check(vec![redrive(3, h, "{}")], vec![], &[3]);
    }

    #[test]
    fn the_same_again_changes_nothing() {
        let events = vec![
            event(2, "{}", EventSource::Logs),
            event(1, "{}", EventSource::Logs),
        ];
        let first = merge_events(Vec::new(), events.clone());
        assert!(first.changed && first.events[0].event_id == 1);
        assert!(!merge_events(first.events, events).changed);
    }
}
