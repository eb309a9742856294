//! Redaction of OTLP requests: the message is copied field by field, texts of attributes and bodies on the
//! way. Field numbers: opentelemetry-proto, `common/v1`, `resource/v1`, `trace/v1`, `logs/v1`.

use super::Redactor;
use crate::wire::{Field, MAX_DEPTH, Message, WireError};

/// What a message is, as far as its fields matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// ExportTraceServiceRequest or ExportLogsServiceRequest.
    Request {
        logs: bool,
    },
    OfResource {
        logs: bool,
    },
    Resource,
    OfScope {
        logs: bool,
    },
    Scope,
    Span,
    Status,
    /// Span.Event has its attributes in field 3, Span.Link in field 4.
    Event,
    Link,
    Log,
    Pair,
    Any,
    List,
    Pairs,
}

/// What becomes of a field.
enum Way {
    Into(Kind),
    Text,
    Copy,
}

impl Kind {
    fn way(self, field: u32) -> Way {
        use Kind::*;
        match (self, field) {
            (Request { logs }, 1) => Way::Into(OfResource { logs }),
            (OfResource { .. }, 1) => Way::Into(Resource),
            (OfResource { logs }, 2) => Way::Into(OfScope { logs }),
            (Resource, 1)
            | (Scope, 3)
            | (Event, 3)
            | (Link, 4)
            | (Span, 9)
            | (Log, 6)
            | (Pairs, 1) => Way::Into(Pair),
            (OfScope { .. }, 1) => Way::Into(Scope),
            (OfScope { logs: false }, 2) => Way::Into(Span),
            (OfScope { logs: true }, 2) => Way::Into(Log),
            (Span, 11) => Way::Into(Event),
            (Span, 13) => Way::Into(Link),
            (Span, 15) => Way::Into(Status),
            (Status, 2) | (Any, 1) => Way::Text,
            (Log, 5) | (Pair, 2) | (List, 1) => Way::Into(Any),
            (Any, 5) => Way::Into(List),
            (Any, 6) => Way::Into(Pairs),
            _ => Way::Copy,
        }
    }
}

pub(super) fn rewrite(
    redactor: &Redactor,
    request: &[u8],
    logs: bool,
) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(request.len());
    message(redactor, request, Kind::Request { logs }, None, 0, &mut out)?;
    Ok(out)
}

/// `name` is that of the attribute whose value this is.
fn message(
    redactor: &Redactor,
    bytes: &[u8],
    kind: Kind,
    name: Option<&str>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    if depth > MAX_DEPTH + 8 {
        return Err(WireError::Depth);
    }
    let own_name = match kind {
        Kind::Pair => key(bytes)?,
        _ => None,
    };
    let name = own_name.or(name);
    let mut fields = Message::new(bytes);
    while let Some((number, field)) = fields.next()? {
        match (field, kind.way(number)) {
            (Field::Bytes(inner), Way::Into(kind)) => {
                let mut copy = Vec::with_capacity(inner.len());
                message(redactor, inner, kind, name, depth + 1, &mut copy)?;
                put(out, number, &copy);
            }
            (Field::Bytes(text), Way::Text) => {
                let clean = std::str::from_utf8(text).ok().and_then(|text| match name {
                    Some(name) => redactor.attribute(name, text),
                    None => redactor.clean(text, 0),
                });
                put(out, number, clean.as_deref().map_or(text, str::as_bytes));
            }
            // A number that a pattern or a path takes out becomes text (AnyValue.int_value is 3).
            (Field::Varint(value), _) if kind == Kind::Any && number == 3 => {
                let text = value.cast_signed().to_string();
                let clean = match name {
                    Some(name) => redactor.attribute(name, &text),
                    None => redactor.clean(&text, 0),
                };
                match clean {
                    Some(clean) => put(out, 1, clean.as_bytes()),
                    None => copy(out, number, field),
                }
            }
            _ => copy(out, number, field),
        }
    }
    Ok(())
}

/// The key of a KeyValue.
fn key(pair: &[u8]) -> Result<Option<&str>, WireError> {
    let mut fields = Message::new(pair);
    let mut key = None;
    while let Some((number, field)) = fields.next()? {
        if let (1, Field::Bytes(bytes)) = (number, field) {
            key = std::str::from_utf8(bytes).ok();
        }
    }
    Ok(key)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    varint(out, u64::from(number) << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn copy(out: &mut Vec<u8>, number: u32, field: Field) {
    let tag = u64::from(number) << 3;
    match field {
        Field::Varint(value) => {
            varint(out, tag);
            varint(out, value);
        }
        Field::Fixed64(value) => {
            varint(out, tag | 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Field::Bytes(bytes) => put(out, number, bytes),
        Field::Fixed32(value) => {
            varint(out, tag | 5);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}
