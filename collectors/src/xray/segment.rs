//! One document with all its subsegments.

use super::{RUNNING, fields};
use model::{
    Attributes, Link, Span, SpanEvent, SpanId, SpanKind, SpanSource, StatusCode, TraceId, UnixNanos,
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Subsegments inside subsegments.
const MAX_DEPTH: usize = 64;

/// What a subsegment has from the segment around it.
#[derive(Clone)]
struct Around {
    trace_id: TraceId,
    parent: SpanId,
    service: String,
    resource: Attributes,
}

/// The spans of a document: itself first, then what is inside it.
///
/// # Errors
/// When it lacks what makes a segment; says what.
pub fn segment(document: &Value) -> Result<Vec<Span>, String> {
    let members = document.as_object().ok_or("it is not an object")?;
    let id = text(members, "trace_id").ok_or("it has no trace_id")?;
    let name = text(members, "name").ok_or("it has no name")?;
    let parent = match text(members, "parent_id") {
        Some(parent) => span_id(parent)?,
        None => SpanId::default(),
    };
    let around = Around {
        trace_id: trace_id(id)?,
        parent,
        service: name.to_owned(),
        resource: fields::resource(members),
    };
    let mut spans = Vec::new();
    let alone = text(members, "type") == Some("subsegment");
    read(members, &around, !alone, 0, &mut spans)?;
    name_causes(&mut spans);
    Ok(spans)
}

/// `1-58406520-a006649127e371903a2de979`, or the same 32 digits without dashes.
///
/// # Errors
/// When it is neither.
pub fn trace_id(text: &str) -> Result<TraceId, String> {
    let wrong = || format!("trace_id '{text:.64}' is not 1-8 hex-24 hex digits");
    let digits = match text.strip_prefix("1-") {
        Some(rest) => {
            let (seconds, random) = rest.split_once('-').ok_or_else(wrong)?;
            format!("{seconds}{random}")
        }
        None => text.to_owned(),
    };
    let id: TraceId = digits.parse().map_err(|_| wrong())?;
    match id.is_zero() {
        true => Err(wrong()),
        false => Ok(id),
    }
}

fn span_id(text: &str) -> Result<SpanId, String> {
    let id: SpanId = text.parse().map_err(|error| format!("{error}"))?;
    match id.is_zero() {
        true => Err("an id is zero".to_owned()),
        false => Ok(id),
    }
}

fn text<'a>(members: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    members.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// Seconds as X-Ray writes them hold microseconds, not more.
fn time(members: &Map<String, Value>, key: &str) -> Option<UnixNanos> {
    let seconds = members.get(key)?.as_f64()?;
    let micros = (seconds * 1e6).round();
    (0.0..9.2e15)
        .contains(&micros)
        .then(|| UnixNanos(micros as i64 * 1_000))
}

fn read(
    members: &Map<String, Value>,
    around: &Around,
    is_segment: bool,
    depth: usize,
    spans: &mut Vec<Span>,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("subsegments are nested deeper than {MAX_DEPTH}"));
    }
    let id = span_id(text(members, "id").ok_or("it has no id")?)?;
    let name = text(members, "name").unwrap_or_default();
    let start = time(members, "start_time").ok_or("it has no start_time in seconds")?;
    let end = time(members, "end_time");
    let running = end.is_none() || truth(members, "in_progress");
    let mut span = Span {
        trace_id: around.trace_id,
        span_id: id,
        parent_span_id: around.parent,
        name: fields::name(members, name),
        kind: kind(members, is_segment),
        start_time: start,
        end_time: end.unwrap_or(start).max(start),
        service_name: around.service.clone(),
        resource: around.resource.clone(),
        attributes: fields::attributes(members),
        links: links(members),
        source: SpanSource::Xray,
        ..Span::default()
    };
    if let Some(end) = end.filter(|end| *end < start) {
        span.attributes
            .insert("inquest.end_time".to_owned(), end.0.into());
    }
    if running {
        span.attributes.insert(RUNNING.to_owned(), true.into());
    }
    outcome(members, &mut span);
    spans.push(span);
    let inside = Around {
        parent: id,
        ..around.clone()
    };
    let subsegments = members.get("subsegments").and_then(Value::as_array);
    for subsegment in subsegments.into_iter().flatten() {
        let members = subsegment
            .as_object()
            .ok_or("a subsegment is not an object")?;
        read(members, &inside, false, depth + 1, spans)?;
    }
    Ok(())
}

fn truth(members: &Map<String, Value>, key: &str) -> bool {
    members.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A segment answers; a subsegment that names another service asks; the others are work inside.
fn kind(members: &Map<String, Value>, is_segment: bool) -> SpanKind {
    let calls = matches!(text(members, "namespace"), Some("aws" | "remote"));
    match (is_segment, calls) {
        (true, _) => SpanKind::Server,
        (false, true) => SpanKind::Client,
        (false, false) => SpanKind::Internal,
    }
}

/// Error, throttle and fault, and the exceptions behind them.
fn outcome(members: &Map<String, Value>, span: &mut Span) {
    let words = [
        ("fault", "the service failed (5xx)"),
        ("throttle", "the caller was throttled (429)"),
        ("error", "the call was wrong (4xx)"),
    ];
    let mut said = None;
    for (key, word) in words {
        if truth(members, key) {
            span.attributes
                .insert(format!("aws.xray.{key}"), true.into());
            said = said.or(Some(word));
        }
    }
    match members.get("cause") {
        Some(Value::String(id)) => {
            span.attributes.insert(CAUSE.to_owned(), id.as_str().into());
        }
        Some(Value::Object(cause)) => exceptions(cause, span),
        _ => {}
    }
    if let Some(word) = said {
        span.status_code = StatusCode::Error;
        span.status_message = span
            .events
            .iter()
            .find_map(message)
            .unwrap_or_else(|| word.to_owned());
    }
}

/// The exception of another subsegment, by id.
const CAUSE: &str = "aws.xray.cause_id";
const EXCEPTION: &str = "aws.xray.exception_id";

fn message(event: &SpanEvent) -> Option<String> {
    let text = |key: &str| match event.attributes.get(key) {
        Some(model::Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    match (text("exception.type"), text("exception.message")) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
        (one, other) => one.or(other),
    }
}

fn exceptions(cause: &Map<String, Value>, span: &mut Span) {
    if let Some(folder) = text(cause, "working_directory") {
        let folder = model::Value::from(folder);
        span.attributes
            .insert("process.working_directory".to_owned(), folder);
    }
    let list = cause.get("exceptions").and_then(Value::as_array);
    for exception in list.into_iter().flatten().filter_map(Value::as_object) {
        let mut attributes = Attributes::new();
        for (key, name) in [
            ("type", "exception.type"),
            ("message", "exception.message"),
            ("id", EXCEPTION),
            ("cause", CAUSE),
        ] {
            if let Some(text) = text(exception, key) {
                attributes.insert(name.to_owned(), text.into());
            }
        }
        let frames = exception.get("stack").and_then(Value::as_array);
        let frames: Vec<String> = frames.into_iter().flatten().map(frame).collect();
        if !frames.is_empty() {
            let stack = model::Value::from(frames.join("\n"));
            attributes.insert("exception.stacktrace".to_owned(), stack);
        }
        span.events.push(SpanEvent {
            time: span.end_time,
            name: "exception".to_owned(),
            attributes,
        });
    }
}

fn frame(frame: &Value) -> String {
    let text = |key: &str| frame.get(key).and_then(Value::as_str).unwrap_or("?");
    let line = frame.get("line").and_then(Value::as_i64).unwrap_or(0);
    format!("at {} ({}:{line})", text("label"), text("path"))
}

/// Gives spans that only point to an exception elsewhere in the document its words.
fn name_causes(spans: &mut [Span]) {
    let mut known: HashMap<String, String> = HashMap::new();
    for event in spans.iter().flat_map(|span| &span.events) {
        if let (Some(model::Value::String(id)), Some(words)) =
            (event.attributes.get(EXCEPTION), message(event))
        {
            known.entry(id.clone()).or_insert(words);
        }
    }
    for span in spans {
        if let Some(model::Value::String(id)) = span.attributes.get(CAUSE)
            && let Some(words) = known.get(id)
        {
            span.status_code = StatusCode::Error;
            span.status_message.clone_from(words);
        }
    }
}

fn links(members: &Map<String, Value>) -> Vec<Link> {
    let link = |link: &Value| {
        let text = |key: &str| link.get(key).and_then(Value::as_str);
        Some(Link {
            trace_id: trace_id(text("trace_id")?).ok()?,
            span_id: text("id")
                .and_then(|id| id.parse().ok())
                .unwrap_or_default(),
            attributes: match link.get("attributes") {
                Some(attributes) => fields::flat("aws.xray.link", attributes),
                None => Attributes::new(),
            },
        })
    };
    let list = members.get("links").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(link).collect()
}
