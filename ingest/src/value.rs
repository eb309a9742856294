//! OTLP's `AnyValue` and `KeyValue`, borrowed, and how they are written as JSON text.
//!
//! The text is what serde makes of [`model::Value`], with two additions: bytes become base64 text,
//! and numbers that JSON lacks (`NaN`, infinities) become text.

use crate::wire::{Field, MAX_DEPTH, Message, WireError};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::io::Write as _;

/// A value as it lies in the message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AnyValue<'a> {
    Empty,
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// An `ArrayValue` message.
    Array(&'a [u8]),
    /// A `KeyValueList` message.
    Map(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> AnyValue<'a> {
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut message = Message::new(bytes);
        let mut value = AnyValue::Empty;
        while let Some((number, field)) = message.next()? {
            value = match number {
                1 => AnyValue::Text(field.bytes()?),
                2 => AnyValue::Bool(field.varint()? != 0),
                3 => AnyValue::Int(field.varint()?.cast_signed()),
                4 => AnyValue::Double(f64::from_bits(field.fixed64()?)),
                5 => AnyValue::Array(field.bytes()?),
                6 => AnyValue::Map(field.bytes()?),
                7 => AnyValue::Bytes(field.bytes()?),
                _ => continue,
            };
        }
        Ok(value)
    }

    /// Appends the value as JSON text.
    pub(crate) fn write_json(self, out: &mut Vec<u8>) -> Result<(), WireError> {
        self.write_nested(out, 0)
    }

    fn write_nested(self, out: &mut Vec<u8>, depth: usize) -> Result<(), WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::Depth);
        }
        match self {
            AnyValue::Empty => out.extend_from_slice(b"null"),
            AnyValue::Text(text) => write_json_text(text, out),
            AnyValue::Bool(truth) => write_display(truth, out),
            AnyValue::Int(number) => write_display(number, out),
            AnyValue::Double(number) if number.is_finite() => {
                // Debug keeps the point in 1.0, so that it is read back as a double.
                write_display(format_args!("{number:?}"), out);
            }
            AnyValue::Double(number) => out.extend_from_slice(if number.is_nan() {
                b"\"NaN\"".as_slice()
            } else if number > 0.0 {
                b"\"Infinity\""
            } else {
                b"\"-Infinity\""
            }),
            AnyValue::Bytes(bytes) => {
                write_json_text(STANDARD.encode(bytes).as_bytes(), out);
            }
            AnyValue::Array(bytes) => {
                let mut list = Separated::open(b'[', out);
                each(bytes, |field| {
                    list.separate();
                    AnyValue::read(field.bytes()?)?.write_nested(list.out, depth + 1)
                })?;
                list.close(b']');
            }
            AnyValue::Map(bytes) => {
                let mut list = Separated::open(b'{', out);
                each(bytes, |field| {
                    let pair = KeyValue::read(field.bytes()?)?;
                    list.separate();
                    write_json_text(pair.key, list.out);
                    list.out.push(b':');
                    pair.value.write_nested(list.out, depth + 1)
                })?;
                list.close(b'}');
            }
        }
        Ok(())
    }
}

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KeyValue<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: AnyValue<'a>,
}

impl<'a> KeyValue<'a> {
    #[inline]
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut message = Message::new(bytes);
        let mut pair = KeyValue {
            key: &[],
            value: AnyValue::Empty,
        };
        while let Some((number, field)) = message.next()? {
            match number {
                1 => pair.key = field.bytes()?,
                2 => pair.value = AnyValue::read(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(pair)
    }
}

/// Calls `f` with every element (field 1) of a list message.
fn each<'a>(
    bytes: &'a [u8],
    mut f: impl FnMut(Field<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut message = Message::new(bytes);
    while let Some((number, field)) = message.next()? {
        if number == 1 {
            f(field)?;
        }
    }
    Ok(())
}

/// A JSON list or object in the making.
pub(crate) struct Separated<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Separated<'o> {
    pub(crate) fn open(bracket: u8, out: &'o mut Vec<u8>) -> Self {
        out.push(bracket);
        Separated { out, empty: true }
    }

    /// Before every element: a comma unless it is the first.
    pub(crate) fn separate(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
    }

    /// Before every member of an object: the comma, the key and the colon.
    pub(crate) fn key(&mut self, key: &[u8]) -> &mut Vec<u8> {
        self.separate();
        write_json_text(key, self.out);
        self.out.push(b':');
        self.out
    }

    pub(crate) fn close(self, bracket: u8) {
        self.out.push(bracket);
    }
}

/// Appends anything that can be displayed.
pub(crate) fn write_display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    write!(out, "{value}").expect("writing to memory cannot fail");
}

/// Appends `text` as a JSON string. Bytes beyond ASCII are copied: whoever builds the column
/// checks that they are UTF-8.
pub(crate) fn write_json_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut clean = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[clean..at]);
        clean = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => write_display(format_args!("\\u{byte:04x}"), out),
        }
    }
    out.extend_from_slice(&text[clean..]);
    out.push(b'"');
}

/// Appends an id as a JSON string of hex digits.
pub(crate) fn write_json_hex(id: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in id {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1 as proto;
    use prost::Message as _;
    use proto::any_value::Value;

    fn check(value: Value, expect: &str) {
        let bytes = proto::AnyValue { value: Some(value) }.encode_to_vec();
        let mut out = Vec::new();
        let read = AnyValue::read(&bytes).unwrap();
        read.write_json(&mut out).unwrap();
        assert_eq!(String::from_utf8(out.clone()).unwrap(), expect);
        serde_json::from_slice::<model::Value>(&out).unwrap();
    }

    #[test]
    fn values_become_json() {
        check(
            Value::StringValue("a\"\\\n\u{1}é".into()),
            r#""a\"\\\n\u0001é""#,
        );
        check(Value::BoolValue(true), "true");
        check(Value::IntValue(-7), "-7");
        check(Value::DoubleValue(1.0), "1.0");
        check(Value::DoubleValue(1e300), "1e300");
        check(Value::DoubleValue(f64::NAN), r#""NaN""#);
        check(Value::DoubleValue(f64::NEG_INFINITY), r#""-Infinity""#);
        check(Value::BytesValue(vec![1, 2, 255]), r#""AQL/""#);
        let pair = proto::KeyValue {
            key: "k".into(),
            value: Some(proto::AnyValue {
                value: Some(Value::IntValue(1)),
            }),
            ..Default::default()
        };
        let map = Value::KvlistValue(proto::KeyValueList {
            values: vec![pair.clone(), pair],
        });
        check(map.clone(), r#"{"k":1,"k":1}"#);
        let list = proto::ArrayValue {
            values: vec![
                proto::AnyValue { value: None },
                proto::AnyValue { value: Some(map) },
            ],
        };
        check(Value::ArrayValue(list), r#"[null,{"k":1,"k":1}]"#);
    }

    #[test]
    fn deep_nesting_ends() {
        let mut value = proto::AnyValue { value: None };
        for _ in 0..=MAX_DEPTH {
            let values = vec![value];
            value = proto::AnyValue {
                value: Some(Value::ArrayValue(proto::ArrayValue { values })),
            };
        }
        let bytes = value.encode_to_vec();
        let read = AnyValue::read(&bytes).unwrap();
        assert_eq!(read.write_json(&mut Vec::new()), Err(WireError::Depth));
    }
}
