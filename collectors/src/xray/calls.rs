//! What X-Ray's daemon answers to the SDKs: datagrams with segments, and calls over HTTP.
//!
//! Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon.html> ("format of a datagram") and the API
//! model of X-Ray (`PutTraceSegments`, `GetSamplingRules`, `GetSamplingTargets`).

use super::document;
use model::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Documents of one call; the API takes 50.
const MOST_DOCUMENTS: usize = 10_000;

/// A datagram: a line that says the format, then a document.
///
/// # Errors
/// When it is not that; says what was expected.
pub fn datagram(bytes: &[u8]) -> Result<Vec<Span>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not text: {error}"))?;
    let (head, rest) = text.split_once('\n').unwrap_or((text, ""));
    let head: Value = serde_json::from_str(head)
        .map_err(|_| "the first line is not {\"format\": \"json\", \"version\": 1}")?;
    let format = head.get("format").and_then(Value::as_str);
    if format != Some("json") {
        return Err(format!("format {format:?} is not known: send json"));
    }
    document(rest)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutTraceSegments {
    trace_segment_documents: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Unprocessed {
    id: String,
    error_code: &'static str,
    message: String,
}

/// `PutTraceSegments`: the spans, and the answer that names what could not be read.
///
/// # Errors
/// When the body is not the call's.
pub fn put_trace_segments(body: &[u8]) -> Result<(Vec<Span>, String), String> {
    let call: PutTraceSegments = serde_json::from_slice(body)
        .map_err(|error| format!("not {{\"TraceSegmentDocuments\": [text, …]}}: {error}"))?;
    if call.trace_segment_documents.len() > MOST_DOCUMENTS {
        return Err(format!("more than {MOST_DOCUMENTS} documents: send fewer"));
    }
    let (mut spans, mut unprocessed) = (Vec::new(), Vec::new());
    for text in &call.trace_segment_documents {
        match document(text) {
            Ok(mut read) => spans.append(&mut read),
            Err(message) => unprocessed.push(Unprocessed {
                id: id_of(text),
                error_code: "ParseError",
                message,
            }),
        }
    }
    let answer = json!({"UnprocessedTraceSegments": unprocessed});
    Ok((spans, answer.to_string()))
}

fn id_of(document: &str) -> String {
    let value: Option<Value> = serde_json::from_str(document).ok();
    let id = value.as_ref().and_then(|value| value.get("id")?.as_str());
    id.unwrap_or_default().to_owned()
}

/// `GetSamplingRules`: none, so that SDKs go by their own.
pub fn sampling_rules() -> String {
    json!({"SamplingRuleRecords": []}).to_string()
}

/// `GetSamplingTargets`: none.
pub fn sampling_targets() -> String {
    json!({"SamplingTargetDocuments": [], "LastRuleModification": 0, "UnprocessedStatistics": []})
        .to_string()
}
