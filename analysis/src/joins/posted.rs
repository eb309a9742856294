//! Spans in which a worker took the messages that attempts sent, by the id that the queue, the topic or the bus gave them.
//!
//! Instrumentations of workers name it in `messaging.message.id`
//! (<https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>); the answer of the sending call names it,
//! too, which stands in the event that says that the attempt was submitted.

use super::attempt_end;
use model::{
    Attempt, Execution, HistoryEvent, Join, JoinEnd, JoinMethod, Span, SpanId, TraceId, Value,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Attributes in which spans name the message that they are about, as conventions had it over the years.
pub const MESSAGE_ID: [&str; 3] = [
    "messaging.message.id",
    "messaging.message_id",
    "messaging.sqs.message.id",
];
/// Names of the ids in answers.
const NAMES: [&str; 3] = ["MessageId", "EventId", "SequenceNumber"];
/// Values inside values.
const DEPTH: usize = 6;
/// Messages of one execution.
const MOST: usize = 2_000;

/// The attempts that sent messages, by the ids of these.
pub fn message_ids<'a>(
    attempts: &'a [Attempt],
    events: &[HistoryEvent],
) -> BTreeMap<String, &'a Attempt> {
    let by_event: HashMap<u64, &HistoryEvent> = events.iter().map(|it| (it.event_id, it)).collect();
    let sent: HashMap<u64, &Attempt> = attempts
        .iter()
        .map(|it| (it.scheduled_event_id, it))
        .collect();
    let mut found = BTreeMap::new();
    for event in events
        .iter()
        .filter(|it| it.event_type.ends_with("Submitted"))
    {
        let mut at = Some(event);
        // Scheduled, started, submitted: nothing else lies in between.
        let attempt = (0..3).find_map(|_| {
            let before = at?.previous_event_id;
            at = by_event.get(&before).copied();
            sent.get(&before).copied()
        });
        let Some(attempt) = attempt.filter(|_| found.len() < MOST) else {
            continue;
        };
        let answer = serde_json::from_str::<serde_json::Value>(&event.details).ok();
        let answer = answer.as_ref().and_then(|it| it.get("output")?.as_str());
        let answer = answer.and_then(|it| serde_json::from_str::<serde_json::Value>(it).ok());
        let mut ids = Vec::new();
        if let Some(answer) = answer {
            walk(&answer, 0, &mut ids);
        }
        found.extend(ids.into_iter().map(|it| (it, attempt)));
    }
    found
}

fn walk(value: &serde_json::Value, depth: usize, ids: &mut Vec<String>) {
    if depth > DEPTH {
        return;
    }
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                let named = NAMES.iter().any(|it| it.eq_ignore_ascii_case(name));
                match value.as_str().filter(|it| named && it.len() >= 8) {
                    Some(id) => ids.push(id.to_owned()),
                    None => walk(value, depth + 1, ids),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|it| walk(it, depth + 1, ids)),
        _ => {}
    }
}

/// The message that a span is about.
pub fn message_of(span: &Span) -> Option<&str> {
    MESSAGE_ID
        .iter()
        .find_map(|name| match span.attributes.get(*name) {
            Some(Value::String(id)) => Some(id.as_str()),
            _ => None,
        })
}

/// Joins of the outermost spans about these messages. Spans that `joined` holds already are left alone.
pub fn by_message(
    execution: &Execution,
    sent: &BTreeMap<String, &Attempt>,
    spans: &[Span],
    joined: &[Join],
) -> Vec<Join> {
    let taken: HashSet<(TraceId, SpanId)> = joined
        .iter()
        .map(|join| (join.child.trace_id, join.child.span_id))
        .collect();
    let about: HashMap<(TraceId, SpanId), &str> = spans
        .iter()
        .filter_map(|it| Some(((it.trace_id, it.span_id), message_of(it)?)))
        .collect();
    let mut joins = Vec::new();
    for span in spans {
        let Some(id) = message_of(span) else { continue };
        let above = about.get(&(span.trace_id, span.parent_span_id));
        let known = taken.contains(&(span.trace_id, span.span_id));
        let Some(attempt) = sent.get(id).filter(|_| !known && above != Some(&id)) else {
            continue;
        };
        // The span of the sender itself began with the call, and is no worker's.
        if span.kind == model::SpanKind::Producer {
            continue;
        }
        joins.push(Join {
            execution_arn: execution.execution_arn.clone(),
            parent: attempt_end(attempt),
            child: JoinEnd {
                kind: "span".to_owned(),
                trace_id: span.trace_id,
                span_id: span.span_id,
            },
            method: JoinMethod::TraceContext,
            confidence: 0.95,
            candidates: 1,
            evidence: format!("message {id}"),
        });
    }
    joins
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Attributes;

    fn event(id: u64, before: u64, kind: &str, details: &str) -> HistoryEvent {
        HistoryEvent {
            event_id: id,
            previous_event_id: before,
            event_type: kind.into(),
            details: details.into(),
            engine: model::Engine::step_functions(),
            execution_arn: String::new(),
            redrive_count: 0,
            time: model::UnixNanos(0),
            source: model::EventSource::History,
        }
    }

    fn span(n: u8, parent: u8, message: Option<&str>) -> Span {
        let id = message.map(|it| ("messaging.message.id".to_owned(), Value::from(it)));
        Span {
            trace_id: TraceId([7; 16]),
            span_id: SpanId([n; 8]),
            parent_span_id: SpanId([parent; 8]),
            attributes: id.into_iter().collect::<Attributes>(),
            ..Span::default()
        }
    }

    #[test]
    fn workers_are_found_by_the_message() {
        let attempt = Attempt {
            scheduled_event_id: 3,
            ..Attempt::default()
        };
        let attempts = [attempt];
        let events = [
            event(3, 2, "TaskScheduled", "{}"),
            event(4, 3, "TaskStarted", "{}"),
            event(
                5,
                4,
                "TaskSubmitted",
                r#"{"output": "{\"MessageId\": \"0f2c-message-1\"}"}"#,
            ),
        ];
        let sent = message_ids(&attempts, &events);
        assert_eq!(sent.keys().collect::<Vec<_>>(), ["0f2c-message-1"]);
        let spans = [
            span(1, 0, Some("0f2c-message-1")),
            span(2, 1, Some("0f2c-message-1")),
            span(3, 0, Some("another-message")),
            span(4, 0, None),
        ];
        let joins = by_message(&Execution::default(), &sent, &spans, &[]);
        let found: Vec<SpanId> = joins.iter().map(|it| it.child.span_id).collect();
        assert_eq!(found, [SpanId([1; 8])]);
        assert!(by_message(&Execution::default(), &sent, &spans, &joins).is_empty());
    }
}
