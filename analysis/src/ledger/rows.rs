//! Workflow spans made again from rows, where only those are held: a case has states, tries and events.

use super::Facts;
use model::{Span, SpanId, SpanSource, State, UnixNanos, Value};
use std::collections::{BTreeMap, HashMap};

/// The spans of an execution: its states, its tries, and the tracks that lie between a block and the states in it. Tracks
/// begin with the event that started them, if it is held, else with their first state.
pub(super) fn spans(facts: &Facts<'_>) -> Vec<Span> {
    let known: HashMap<SpanId, &State> = facts.states.iter().map(|it| (it.span_id, it)).collect();
    let events: HashMap<u64, (u64, UnixNanos)> = facts
        .events
        .iter()
        .map(|it| (it.event_id, (it.previous_event_id, it.time)))
        .collect();
    let last = facts.events.iter().map(|it| it.time).max();
    let last = facts.execution.end_time.or(last);
    let mut spans = Vec::with_capacity(facts.states.len() + facts.attempts.len());
    let mut tracks: BTreeMap<SpanId, Vec<&State>> = BTreeMap::new();
    let span = |id, parent, kind: &str, event: u64, start: UnixNanos, end: UnixNanos| Span {
        trace_id: facts.execution.trace_id,
        span_id: id,
        parent_span_id: parent,
        start_time: start,
        end_time: end.max(start),
        source: SpanSource::Workflow,
        attributes: [
            ("inquest.kind".to_owned(), Value::from(kind)),
            ("aws.sfn.event_id".to_owned(), Value::Int(event as i64)),
        ]
        .into(),
        ..Span::default()
    };
    let status = |mut span: Span, word: &str| {
        let name = "aws.sfn.state.status".to_owned();
        span.attributes.insert(name, Value::from(word));
        span
    };
    for state in facts.states {
        let above = state.parent_span_id;
        if above != facts.execution.span_id && !known.contains_key(&above) {
            tracks.entry(above).or_default().push(state);
        }
        let end = state.end_time.or(last).unwrap_or(state.start_time);
        let own = span(
            state.span_id,
            above,
            "state",
            state.entered_event_id,
            state.start_time,
            end,
        );
        spans.push(status(own, state.status.as_str()));
    }
    for attempt in facts.attempts {
        let end = attempt.end_time.or(last).unwrap_or(attempt.start_time);
        let (id, above) = (attempt.span_id, attempt.parent_span_id);
        let own = span(
            id,
            above,
            "attempt",
            attempt.scheduled_event_id,
            attempt.start_time,
            end,
        );
        spans.push(status(own, attempt.status.as_str()));
    }
    for (id, mut inside) in tracks {
        inside.sort_by_key(|it| (it.start_time, it.entered_event_id));
        let (Some(first), Some(end)) = (
            inside.first(),
            inside.iter().max_by_key(|it| it.end_time.or(last)),
        ) else {
            continue;
        };
        let began = events.get(&first.entered_event_id).map(|it| it.0);
        let began = began.and_then(|id| Some((id, events.get(&id)?.1)));
        let (event, start) = began.unwrap_or((first.entered_event_id, first.start_time));
        let block = crate::case::block_of(&first.path);
        let within = |it: &&State| {
            it.start_time <= first.start_time
                && it.end_time.is_none_or(|end| end >= first.start_time)
                && Some(it.path.as_str()) == block
        };
        let above = facts.states.iter().find(within);
        let above = above.map_or(facts.execution.span_id, |it| it.span_id);
        let ended = end.end_time.or(last).unwrap_or(start);
        let own = span(
            id,
            above,
            "iteration",
            event,
            start.min(first.start_time),
            ended,
        );
        spans.push(status(own, end.status.as_str()));
    }
    spans
}
