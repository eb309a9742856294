//! X-Ray's segment documents, however they come: from the daemon's UDP protocol, from `PutTraceSegments`, from
//! `BatchGetTraces` or from files, made into spans.
//!
//! A segment and each of its subsegments is a span. One that is in progress is a span that runs; the document that
//! ends it has the same id and takes its place.
//! Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>.

mod calls;
mod fields;
mod segment;

pub use calls::{datagram, put_trace_segments, sampling_rules, sampling_targets};
pub use segment::{segment, trace_id};

use model::Span;
use serde_json::Value;

/// The attribute of a span whose document says that it has not ended.
pub const RUNNING: &str = "inquest.running";

/// The spans of an answer of `BatchGetTraces`, and why documents were left out (with their ids).
pub fn batch_get_traces(answer: &Value) -> (Vec<Span>, Vec<String>) {
    let (mut spans, mut problems) = (Vec::new(), Vec::new());
    let traces = answer.get("Traces").and_then(Value::as_array);
    let segments = traces
        .into_iter()
        .flatten()
        .filter_map(|trace| trace.get("Segments")?.as_array())
        .flatten();
    for of in segments {
        let id = of.get("Id").and_then(Value::as_str).unwrap_or("?");
        let read = match of.get("Document") {
            Some(Value::String(text)) => document(text),
            Some(document @ Value::Object(_)) => segment(document),
            _ => Err("it has no Document".to_owned()),
        };
        match read {
            Ok(mut read) => spans.append(&mut read),
            Err(reason) => problems.push(format!("segment {id}: {reason}")),
        }
    }
    (spans, problems)
}

/// The spans of a document as JSON text.
///
/// # Errors
/// When it is no segment document; says why.
pub fn document(text: &str) -> Result<Vec<Span>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    segment(&value)
}

/// True for what is a segment document and nothing else that is known.
pub(crate) fn is_segment(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    text("trace_id").is_some_and(|id| trace_id(id).is_ok())
        && text("id").is_some_and(|id| id.len() == 16)
        && text("name").is_some()
        && value.get("start_time").is_some_and(Value::is_number)
}

/// True for an answer of `BatchGetTraces`, or one of its traces.
pub(crate) fn is_trace(value: &Value) -> bool {
    value
        .get("Segments")
        .and_then(Value::as_array)
        .is_some_and(|segments| segments.iter().all(|it| it.get("Document").is_some()))
}

#[cfg(test)]
mod tests;
