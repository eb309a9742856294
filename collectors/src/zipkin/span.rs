//! A Zipkin span of the present format (v2), and what it is in OpenTelemetry's words.

use model::{
    Attributes, Span, SpanEvent, SpanId, SpanKind, SpanSource, StatusCode, TraceId, UnixNanos,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A span as v2 has it. Times are microseconds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ZipkinSpan {
    #[serde(deserialize_with = "text")]
    pub trace_id: String,
    #[serde(deserialize_with = "text")]
    pub id: String,
    pub parent_id: Option<String>,
    pub name: Option<String>,
    pub kind: Option<String>,
    #[serde(deserialize_with = "micros")]
    pub timestamp: Option<i64>,
    #[serde(deserialize_with = "micros")]
    pub duration: Option<i64>,
    pub local_endpoint: Option<Endpoint>,
    pub remote_endpoint: Option<Endpoint>,
    pub annotations: Option<Vec<Annotation>>,
    pub tags: Option<BTreeMap<String, serde_json::Value>>,
    pub debug: Option<bool>,
    pub shared: Option<bool>,
}

/// One side of a call.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Endpoint {
    pub service_name: Option<String>,
    pub ipv4: Option<String>,
    pub ipv6: Option<String>,
    pub port: Option<i64>,
}

/// Something that happened at a moment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Annotation {
    #[serde(deserialize_with = "micros")]
    pub timestamp: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub value: String,
}

/// Some senders write times as text or with a fraction.
pub(super) fn micros<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Option<i64>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(json)?;
    Ok(value.and_then(|value| match value {
        serde_json::Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|number| number as i64)),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    }))
}

pub(super) fn text<'de, D: serde::Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(json)?.unwrap_or_default())
}

impl ZipkinSpan {
    /// The span in our words.
    pub(super) fn into_span(self) -> Result<Span, String> {
        let trace_id = trace_id(&self.trace_id)?;
        let span_id = span_id("id", &self.id)?;
        let parent_span_id = match self.parent_id.as_deref() {
            None | Some("") => SpanId::default(),
            Some(parent) => span_id_or_zero("parentId", parent)?,
        };
        let annotations = self.annotations.unwrap_or_default();
        let (start, end) = times(self.timestamp, self.duration, &annotations)?;
        let local = self.local_endpoint.unwrap_or_default();
        let mut span = Span {
            trace_id,
            span_id,
            // Old instrumentation makes a root its own parent.
            parent_span_id: match parent_span_id == span_id {
                true => SpanId::default(),
                false => parent_span_id,
            },
            name: self.name.unwrap_or_default(),
            kind: kind(self.kind.as_deref()),
            start_time: start,
            end_time: end,
            service_name: local.service_name.clone().unwrap_or_default(),
            resource: host(&local),
            source: SpanSource::Zipkin,
            ..Span::default()
        };
        for (key, value) in self.tags.unwrap_or_default() {
            let text = match value {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            tag(&mut span, key, text);
        }
        if let Some(remote) = self.remote_endpoint {
            peer(&mut span.attributes, remote);
        }
        let mut mark = |name: &str, set: Option<bool>| {
            if set == Some(true) {
                span.attributes.insert(name.to_owned(), true.into());
            }
        };
        mark("zipkin.shared", self.shared);
        mark("zipkin.debug", self.debug);
        span.events = annotations.into_iter().map(event).collect();
        Ok(span)
    }
}

/// 16 digits, where the upper half is zero, or 32.
fn trace_id(text: &str) -> Result<TraceId, String> {
    let wrong = || format!("traceId '{:.64}' is not 16 to 32 hex digits", text);
    if text.is_empty() || text.len() > 32 || !text.is_ascii() {
        return Err(wrong());
    }
    let id: TraceId = format!("{text:0>32}").parse().map_err(|_| wrong())?;
    match id.is_zero() {
        true => Err("traceId is zero".to_owned()),
        false => Ok(id),
    }
}

fn span_id(member: &str, text: &str) -> Result<SpanId, String> {
    let id = span_id_or_zero(member, text)?;
    match id.is_zero() {
        true => Err(format!("{member} is missing or zero")),
        false => Ok(id),
    }
}

fn span_id_or_zero(member: &str, text: &str) -> Result<SpanId, String> {
    let wrong = || format!("{member} '{:.64}' is not 16 hex digits", text);
    if text.len() > 16 || !text.is_ascii() {
        return Err(wrong());
    }
    format!("{text:0>16}").parse().map_err(|_| wrong())
}

/// Start and end. A span that lacks its start has that of its first annotation.
fn times(
    timestamp: Option<i64>,
    duration: Option<i64>,
    annotations: &[Annotation],
) -> Result<(UnixNanos, UnixNanos), String> {
    let noted = || annotations.iter().filter_map(|it| it.timestamp);
    let start = timestamp
        .filter(|at| *at > 0)
        .or_else(|| noted().min())
        .ok_or("it has neither a timestamp nor an annotation with one")?;
    let end = match duration {
        Some(duration) => start.saturating_add(duration.max(0)),
        None => noted().max().unwrap_or(start).max(start),
    };
    Ok((nanos(start), nanos(end)))
}

fn nanos(micros: i64) -> UnixNanos {
    UnixNanos(micros.saturating_mul(1_000))
}

fn kind(word: Option<&str>) -> SpanKind {
    match word.map(str::to_ascii_uppercase).as_deref() {
        Some("CLIENT") => SpanKind::Client,
        Some("SERVER") => SpanKind::Server,
        Some("PRODUCER") => SpanKind::Producer,
        Some("CONSUMER") => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// Tags by which OpenTelemetry's exporters say what Zipkin has no field for:
/// <https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/>.
fn tag(span: &mut Span, key: String, value: String) {
    match key.as_str() {
        "otel.status_code" => match value.as_str() {
            "ERROR" => span.status_code = StatusCode::Error,
            "OK" => span.status_code = StatusCode::Ok,
            _ => {}
        },
        "otel.status_description" => span.status_message.clone_from(&value),
        "otel.scope.name" | "otel.library.name" => span.scope_name.clone_from(&value),
        "otel.scope.version" | "otel.library.version" => span.scope_version.clone_from(&value),
        "error" if value != "false" => {
            span.status_code = StatusCode::Error;
            if span.status_message.is_empty() && value != "true" {
                span.status_message.clone_from(&value);
            }
        }
        _ => {}
    }
    span.attributes.insert(key, value.into());
}

fn host(local: &Endpoint) -> Attributes {
    let mut resource = Attributes::new();
    if let Some(address) = local.ipv4.as_ref().or(local.ipv6.as_ref()) {
        resource.insert("host.ip".to_owned(), address.clone().into());
    }
    if let Some(port) = local.port.filter(|port| *port > 0) {
        resource.insert("network.local.port".to_owned(), port.into());
    }
    resource
}

fn peer(attributes: &mut Attributes, remote: Endpoint) {
    let mut add = |name: &str, value: model::Value| {
        attributes.entry(name.to_owned()).or_insert(value);
    };
    if let Some(service) = remote.service_name.filter(|name| !name.is_empty()) {
        add("peer.service", service.into());
    }
    if let Some(address) = remote.ipv4.or(remote.ipv6) {
        add("network.peer.address", address.into());
    }
    if let Some(port) = remote.port.filter(|port| *port > 0) {
        add("network.peer.port", port.into());
    }
}

fn event(annotation: Annotation) -> SpanEvent {
    SpanEvent {
        time: nanos(annotation.timestamp.unwrap_or_default()),
        name: annotation.value,
        attributes: Attributes::new(),
    }
}
