//! Zipkin JSON. A v1 span has `binaryAnnotations`, or annotations with an endpoint; all else is v2.

use super::{Error, MOST_SPANS, Spans, span::ZipkinSpan, v1::V1Span};
use model::Span;
use serde_json::Value;

pub(super) fn read(body: &[u8]) -> Result<Spans, Error> {
    let wrong = |reason: String| Error::Json(reason);
    let list: Vec<Value> =
        serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
    if list.len() > MOST_SPANS {
        return Err(wrong(format!(
            "{} spans in one request, at most {MOST_SPANS}: send smaller batches",
            list.len()
        )));
    }
    let mut spans = Spans::default();
    for (at, item) in list.into_iter().enumerate() {
        spans.add(at, read_one(item));
    }
    Ok(spans)
}

/// One span; a v1 span that holds both sides of a call gives two.
pub(crate) fn read_one(item: Value) -> Result<Vec<Span>, String> {
    if !item.is_object() {
        return Err("it is not an object".to_owned());
    }
    if is_v1(&item) {
        let span: V1Span = serde_json::from_value(item).map_err(|error| error.to_string())?;
        return span
            .into_v2()
            .into_iter()
            .map(ZipkinSpan::into_span)
            .collect();
    }
    let span: ZipkinSpan = serde_json::from_value(item).map_err(|error| error.to_string())?;
    Ok(vec![span.into_span()?])
}

/// True for what is a Zipkin span and nothing else that is known.
pub(crate) fn is_span(item: &Value) -> bool {
    let has = |key: &str| item.get(key).is_some();
    let id = |key: &str| item.get(key).and_then(Value::as_str);
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    id("traceId").is_some_and(hex)
        && id("id").is_some_and(hex)
        && !has("spanId")
        && [
            "localEndpoint",
            "timestamp",
            "annotations",
            "binaryAnnotations",
            "kind",
            "name",
        ]
        .iter()
        .any(|key| has(key))
}

fn is_v1(item: &Value) -> bool {
    let annotations = item.get("annotations").and_then(Value::as_array);
    item.get("binaryAnnotations").is_some()
        || annotations
            .into_iter()
            .flatten()
            .any(|annotation| annotation.get("endpoint").is_some())
}
