//! A description that came without its history, and a history that names no execution: whether they are of the same one.
//!
//! The same measure as among files that are imported together (`collectors::step_functions::pairing`): they begin at the
//! same instant, and neither the input nor the end says otherwise. The id of a durable execution, which stands in its
//! first event and in its ARN, is proof by itself.

use super::workflows::News;
use collectors::timestamp;
use model::{Document, DocumentKind, Engine, HistoryEvent, UnixNanos};
use serde_json::Value;

/// How far the start in a description may lie from the first event, nanoseconds.
pub(super) const SAME_INSTANT: i64 = 5_000_000;
/// How far its end may lie from the last event, nanoseconds.
const SAME_END: i64 = 1_000_000_000;

/// What is told of an execution beside its events.
pub(super) struct Described {
    arn: String,
    /// When it began.
    pub start: UnixNanos,
    end: Option<UnixNanos>,
    input: Option<String>,
}

impl Described {
    /// From the documents of an execution, if one of them says when it began.
    pub fn of(arn: &str, documents: &[Document]) -> Option<Self> {
        let mut all = documents
            .iter()
            .filter(|it| it.kind == DocumentKind::Execution);
        all.find_map(|document| {
            let body: Value = serde_json::from_str(&document.body).ok()?;
            let time = |name: &str| body.get(name).and_then(timestamp::parse);
            Some(Described {
                arn: arn.to_owned(),
                start: time("startDate")?,
                end: time("stopDate"),
                input: body.get("input").and_then(Value::as_str).map(str::to_owned),
            })
        })
    }

    /// The same of what came at once; `None` when its history came, too.
    pub fn alone(arn: &str, news: &News) -> Option<Self> {
        match news.events.is_empty() {
            true => Described::of(arn, &news.documents),
            false => None,
        }
    }

    /// Whether events without a name can be of this execution.
    pub fn fits(&self, events: &[HistoryEvent]) -> bool {
        let Some(first) = events.iter().find(|it| it.event_id == 1) else {
            return false;
        };
        let durable = Engine::lambda_durable();
        if (first.engine == durable) != self.arn.contains("/durable-execution/") {
            return false;
        }
        let details: Value = serde_json::from_str(&first.details).unwrap_or_default();
        let id = details.get("Id").and_then(Value::as_str);
        if first.engine == durable && id.is_some_and(|id| self.arn.rsplit('/').next() == Some(id)) {
            return true;
        }
        let input = details
            .get("input")
            .or_else(|| details.pointer("/Input/Payload"))
            .and_then(Value::as_str);
        let ended = events.iter().filter(|it| ends(&it.event_type));
        let ended = ended.map(|it| it.time).max();
        near(first.time, self.start, SAME_INSTANT)
            && input
                .zip(self.input.as_deref())
                .is_none_or(|(a, b)| same_json(a, b))
            && ended
                .zip(self.end)
                .is_none_or(|(a, b)| near(a, b, SAME_END))
    }
}

fn near(a: UnixNanos, b: UnixNanos, most: i64) -> bool {
    a.since(b).unsigned_abs() <= most.unsigned_abs()
}

fn ends(event_type: &str) -> bool {
    matches!(
        event_type,
        "ExecutionSucceeded"
            | "ExecutionFailed"
            | "ExecutionTimedOut"
            | "ExecutionAborted"
            | "ExecutionStopped"
    )
}

fn same_json(a: &str, b: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    a == b || read(a).zip(read(b)).is_some_and(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::EventSource;

    const ARN: &str = "arn:aws:states:eu-west-1:123456789012:execution:m:e";
    const DURABLE: &str =
        "arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/n/0f-1e";

    fn event(
        engine: Engine,
        id: u64,
        event_type: &str,
        millis: i64,
        details: &str,
    ) -> HistoryEvent {
        HistoryEvent {
            engine,
            execution_arn: String::new(),
            redrive_count: 0,
            event_id: id,
            previous_event_id: id.saturating_sub(1),
            event_type: event_type.to_owned(),
            time: UnixNanos::from_millis(millis),
            details: details.to_owned(),
            source: EventSource::History,
        }
    }

    fn described(arn: &str, body: &str) -> Option<Described> {
        let document = Document {
            engine: Engine::step_functions(),
            execution_arn: arn.to_owned(),
            kind: DocumentKind::Execution,
            body: body.to_owned(),
        };
        Described::of(arn, &[document])
    }

    #[test]
    fn a_description_fits_the_history_that_begins_and_ends_with_it() {
        let sfn = Engine::step_functions;
        let events = [
            event(
                sfn(),
                1,
                "ExecutionStarted",
                1_000,
                r#"{"input": "{\"a\": 1}"}"#,
            ),
            event(sfn(), 2, "ExecutionFailed", 9_000, "{}"),
        ];
        let check = |body: &str, expect: bool| {
            let fits = described(ARN, body).is_some_and(|it| it.fits(&events));
            assert_eq!(fits, expect, "{body}");
        };
        check(
            r#"{"startDate": 1.0, "stopDate": 9.0, "input": "{\"a\":1}"}"#,
            true,
        );
        check(r#"{"startDate": 1.0}"#, true);
        check(r#"{"startDate": 1.004, "stopDate": 9.4}"#, true);
        check(r#"{"startDate": 1.02}"#, false);
        check(r#"{"startDate": 1.0, "stopDate": 12.0}"#, false);
        check(r#"{"startDate": 1.0, "input": "{\"a\":2}"}"#, false);
        check(r#"{"name": "without a time"}"#, false);
        assert!(!described(DURABLE, r#"{"startDate": 1.0}"#).is_some_and(|it| it.fits(&events)));
        let one = described(ARN, r#"{"startDate": 1.0}"#).expect("a start");
        assert!(!one.fits(&events[1..]), "without its first event");
    }

    #[test]
    fn the_id_of_a_durable_execution_is_proof() {
        let durable = Engine::lambda_durable;
        let of = |details: &str| [event(durable(), 1, "ExecutionStarted", 1_000, details)];
        let check = |details: &str, body: &str, expect: bool| {
            let fits = described(DURABLE, body).is_some_and(|it| it.fits(&of(details)));
            assert_eq!(fits, expect, "{details} {body}");
        };
        check(r#"{"Id": "0f-1e"}"#, r#"{"startDate": 7.0}"#, true);
        check(r#"{"Id": "other"}"#, r#"{"startDate": 7.0}"#, false);
        check(
            r#"{"Input": {"Payload": "1"}}"#,
            r#"{"startDate": 1.0, "input": "1"}"#,
            true,
        );
        check(
            r#"{"Input": {"Payload": "1"}}"#,
            r#"{"startDate": 1.0, "input": "2"}"#,
            false,
        );
    }
}
