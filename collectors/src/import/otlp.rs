//! OTLP in files: JSON as exporters and back ends print it, made canonical; protobuf told by its form.

use base64::Engine as _;
use serde_json::{Map, Value};

/// What an OTLP message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Logs,
    Metrics,
    Profiles,
}

/// Members under which exporters and back ends put the resources.
const KEYS: &[(&str, Signal)] = &[
    ("resourceSpans", Signal::Traces),
    ("resource_spans", Signal::Traces),
    ("batches", Signal::Traces),
    ("resourceLogs", Signal::Logs),
    ("resource_logs", Signal::Logs),
    ("resourceMetrics", Signal::Metrics),
    ("resource_metrics", Signal::Metrics),
    ("resourceProfiles", Signal::Profiles),
];

/// The signal, if the object is an OTLP export request.
pub(super) fn signal(object: &Map<String, Value>) -> Option<Signal> {
    let has = |key: &str| object.get(key).is_some_and(Value::is_array);
    let signal = KEYS
        .iter()
        .find(|(key, _)| has(key))
        .map(|(_, signal)| *signal)?;
    // "batches" is a common word: only resources with spans in them are Tempo's answer.
    let spans = |item: &Value| {
        item.get("scopeSpans")
            .or(item.get("instrumentationLibrarySpans"))
            .or(item.get("ilSpans"))
            .is_some()
    };
    let generic = signal == Signal::Traces
        && has("batches")
        && !has("resourceSpans")
        && !has("resource_spans");
    let first = || object.get("batches").and_then(|list| list.get(0));
    (!generic || first().is_some_and(spans)).then_some(signal)
}

/// Brings an export request into OTLP/JSON's own form: member names, ids as hex, enumerations as numbers.
/// Tempo and protobuf's JSON mapping print ids as base64 and enumerations as words.
pub(super) fn canonical(mut object: Map<String, Value>, signal: Signal) -> Value {
    let name = if signal == Signal::Logs {
        "resourceLogs"
    } else {
        "resourceSpans"
    };
    let held = KEYS
        .iter()
        .filter(|(_, s)| *s == signal)
        .find_map(|(key, _)| object.remove(*key));
    let mut resources = held.unwrap_or(Value::Null);
    repair(&mut resources, 0);
    Value::Object(Map::from_iter([(name.to_owned(), resources)]))
}

/// Deeper than this nothing is to be repaired: attribute values only.
const MAX_DEPTH: usize = 16;

fn repair(value: &mut Value, depth: usize) {
    match value {
        Value::Array(items) if depth < MAX_DEPTH => {
            items.iter_mut().for_each(|item| repair(item, depth + 1));
        }
        Value::Object(members) if depth < MAX_DEPTH => {
            if let Some(scopes) = members
                .remove("instrumentationLibrarySpans")
                .or(members.remove("ilSpans"))
            {
                members.insert("scopeSpans".to_owned(), scopes);
            }
            for (key, member) in members.iter_mut() {
                match key.as_str() {
                    "traceId" | "trace_id" => id(member, 16),
                    "spanId" | "span_id" | "parentSpanId" | "parent_span_id" => id(member, 8),
                    "kind" => enumeration(member, "SPAN_KIND_", KINDS),
                    "code" => enumeration(member, "STATUS_CODE_", CODES),
                    "attributes" | "body" => {}
                    _ => repair(member, depth + 1),
                }
            }
        }
        _ => {}
    }
}

fn id(value: &mut Value, bytes: usize) {
    let Some(text) = value.as_str() else { return };
    if text.len() == bytes * 2 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return;
    }
    let Ok(raw) = base64::engine::general_purpose::STANDARD.decode(text) else {
        return;
    };
    if raw.len() == bytes {
        *value = Value::String(raw.iter().map(|byte| format!("{byte:02x}")).collect());
    }
}

const KINDS: &[&str] = &[
    "UNSPECIFIED",
    "INTERNAL",
    "SERVER",
    "CLIENT",
    "PRODUCER",
    "CONSUMER",
];
const CODES: &[&str] = &["UNSET", "OK", "ERROR"];

fn enumeration(value: &mut Value, prefix: &str, words: &[&str]) {
    let Some(word) = value.as_str().and_then(|text| text.strip_prefix(prefix)) else {
        return;
    };
    if let Some(number) = words.iter().position(|known| *known == word) {
        *value = number.into();
    }
}

/// What a protobuf message is, told by the fields below its resources: a span has two fixed64 times
/// (7, 8), a log record one (1), a metric a name (1). `None` if it is no export request.
pub(super) fn sniff_protobuf(bytes: &[u8]) -> Option<Signal> {
    let mut signal = None;
    let mut resources = 0;
    for field in Fields(bytes) {
        let (1, Wire::Bytes(resource)) = field? else {
            return None;
        };
        resources += 1;
        if signal.is_none() {
            signal = resource_signal(resource)?;
        }
    }
    (resources > 0).then_some(signal).flatten()
}

/// `None`: no resource message. `Some(None)`: an empty one.
fn resource_signal(resource: &[u8]) -> Option<Option<Signal>> {
    let mut signal = None;
    for field in Fields(resource) {
        match field? {
            (1 | 3, Wire::Bytes(_)) | (1000, _) => {}
            (2, Wire::Bytes(scope)) if signal.is_none() => signal = scope_signal(scope)?,
            (2, Wire::Bytes(_)) => {}
            _ => return None,
        }
    }
    Some(signal)
}

fn scope_signal(scope: &[u8]) -> Option<Option<Signal>> {
    let mut signal = None;
    for field in Fields(scope) {
        match field? {
            (2, Wire::Bytes(item)) if signal.is_none() => signal = item_signal(item),
            (1..=3, Wire::Bytes(_)) => {}
            _ => return None,
        }
    }
    Some(signal)
}

fn item_signal(item: &[u8]) -> Option<Signal> {
    for field in Fields(item) {
        match field? {
            (1, Wire::Bytes(id)) if id.len() == 16 => return Some(Signal::Traces),
            (1 | 11, Wire::Fixed64) => return Some(Signal::Logs),
            (7 | 8, Wire::Fixed64) => return Some(Signal::Traces),
            (5 | 7 | 9 | 10 | 11, Wire::Bytes(_)) => return Some(Signal::Metrics),
            _ => {}
        }
    }
    None
}

enum Wire<'a> {
    Varint,
    Fixed64,
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of a message; `None` in it where the bytes are no message.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = varint(&mut self.0)?;
        let wire = match tag & 7 {
            0 => varint(&mut self.0).map(|_| Wire::Varint)?,
            1 => self.take(8).map(|_| Wire::Fixed64)?,
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed32)?,
            _ => return None,
        };
        Some((tag >> 3, wire)).filter(|(number, _)| *number > 0)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The messages of a file, and the offset from which on it is not legible (cut off, or rubbish).
pub(super) struct Messages<'a> {
    pub(super) found: Vec<(&'a [u8], Signal)>,
    pub(super) bad: Option<usize>,
}

/// The messages of a file: one, or many behind their lengths (big-endian 32 bit as the OpenTelemetry
/// collector's file exporter writes, or varint). `None` if it is neither.
pub(super) fn messages(bytes: &[u8]) -> Option<Messages<'_>> {
    if let Some(signal) = sniff_protobuf(bytes) {
        return Some(Messages {
            found: vec![(bytes, signal)],
            bad: None,
        });
    }
    let fixed = |bytes: &mut &[u8]| {
        let (head, rest) = bytes.split_first_chunk::<4>()?;
        *bytes = rest;
        Some(u64::from(u32::from_be_bytes(*head)))
    };
    framed(bytes, fixed).or_else(|| framed(bytes, varint))
}

fn framed(bytes: &[u8], length: impl Fn(&mut &[u8]) -> Option<u64>) -> Option<Messages<'_>> {
    let mut messages = Messages {
        found: Vec::new(),
        bad: None,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let message = length(&mut rest).and_then(|length| {
            let (message, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            rest = behind;
            Some(message)
        });
        match message.map(|message| (message, sniff_protobuf(message))) {
            Some((message, Some(signal))) => messages.found.push((message, signal)),
            Some(([], _)) => {}
            _ => {
                messages.bad = Some(at);
                break;
            }
        }
    }
    (!messages.found.is_empty()).then_some(messages)
}
