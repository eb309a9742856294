//! OTLP JSON → OTLP protobuf, so that both go the same way afterwards and give the same rows.
//!
//! The JSON is read in one pass into protobuf bytes, led by tables of the messages' fields. It takes
//! what the specification says (hex ids, 64-bit numbers as text or numbers, enums as numbers or
//! names, `lowerCamelCase` members) and what senders do in addition (`snake_case` members, base64
//! ids). Unknown members are ignored.
//! Source: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

mod messages;

use base64::{
    Engine,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::PAD},
};
use messages::{Kind, LOGS, Member, Shape, TRACES};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use std::fmt;

/// Why a JSON text is not OTLP, with line and column.
#[derive(Debug, thiserror::Error)]
#[error("not OTLP JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

/// An `ExportTraceServiceRequest` in JSON, as protobuf.
pub fn traces(text: &[u8]) -> Result<Vec<u8>, JsonError> {
    convert(text, &TRACES)
}

/// An `ExportLogsServiceRequest` in JSON, as protobuf.
pub fn logs(text: &[u8]) -> Result<Vec<u8>, JsonError> {
    convert(text, &LOGS)
}

fn convert(text: &[u8], shape: &'static Shape) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut json = serde_json::Deserializer::from_slice(text);
    MessageSeed {
        shape,
        out: &mut out,
    }
    .deserialize(&mut json)?;
    json.end()?;
    Ok(out)
}

/// Reads an object as the message `shape`; `null` as an empty one.
struct MessageSeed<'o> {
    shape: &'static Shape,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "an object ({})", self.shape.name)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<str>>()? {
            match self.shape.member(&key) {
                Some(member) => map.next_value_seed(MemberSeed {
                    member,
                    out: self.out,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads the value of a member, or each element of a list of them.
struct MemberSeed<'o> {
    member: &'static Member,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MemberSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MemberSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let what = match self.member.kind {
            Kind::Text => "text",
            Kind::Id(_) => "an id in hex digits",
            Kind::Base64 => "bytes as base64 text",
            Kind::Varint | Kind::Fixed64 | Kind::Fixed32 => "a whole number",
            Kind::Enum(_) => "a number or name",
            Kind::Double => "a number",
            Kind::Bool => "true or false",
            Kind::Message(shape) => return write!(f, "an object ({})", shape.name),
        };
        write!(f, "{what} in {}", self.member.name)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.member.repeated {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let member = self.member;
        while list
            .next_element_seed(MemberSeed {
                member,
                out: &mut *self.out,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(shape) = self.member.kind else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        let mut inner = Vec::new();
        MessageSeed {
            shape,
            out: &mut inner,
        }
        .visit_map(map)?;
        self.bytes(&inner);
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<(), E> {
        match self.member.kind {
            Kind::Bool => self.varint(u64::from(truth)),
            Kind::Id(_) => self.bytes(NO_ID),
            _ => return Err(E::invalid_type(serde::de::Unexpected::Bool(truth), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        match self.member.kind {
            Kind::Varint | Kind::Enum(_) => self.varint(number),
            Kind::Fixed64 => self.fixed64(number),
            Kind::Fixed32 => self.fixed32(number)?,
            Kind::Double => self.fixed64((number as f64).to_bits()),
            Kind::Id(_) => self.bytes(NO_ID),
            _ => {
                return Err(E::invalid_type(
                    serde::de::Unexpected::Unsigned(number),
                    &self,
                ));
            }
        }
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        match self.member.kind {
            Kind::Varint | Kind::Enum(_) => self.varint(number.cast_unsigned()),
            Kind::Double => self.fixed64((number as f64).to_bits()),
            Kind::Id(_) => self.bytes(NO_ID),
            _ => {
                return Err(E::invalid_type(
                    serde::de::Unexpected::Signed(number),
                    &self,
                ));
            }
        }
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        // Some serializers write whole numbers as 1.7e18.
        let whole = number >= 0.0 && number.fract() == 0.0 && number < 1.8e19;
        match self.member.kind {
            Kind::Double => self.fixed64(number.to_bits()),
            Kind::Varint if number.fract() == 0.0 && number.abs() < 9.2e18 => {
                self.varint((number as i64).cast_unsigned());
            }
            Kind::Fixed64 if whole => self.fixed64(number as u64),
            Kind::Fixed32 if whole => self.fixed32(number as u64)?,
            Kind::Id(_) => self.bytes(NO_ID),
            _ => return Err(E::invalid_type(serde::de::Unexpected::Float(number), &self)),
        }
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let invalid = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
        match self.member.kind {
            Kind::Text => self.bytes(text.as_bytes()),
            Kind::Id(length) => {
                let id = id(text, length);
                self.bytes(id.as_deref().unwrap_or(NO_ID));
            }
            Kind::Base64 => {
                let bytes = from_base64(text).ok_or_else(invalid)?;
                self.bytes(&bytes);
            }
            Kind::Varint => {
                let number: i64 = text.parse().map_err(|_| invalid())?;
                self.varint(number.cast_unsigned());
            }
            Kind::Fixed64 => {
                let number = text.parse().map_err(|_| invalid())?;
                self.fixed64(number);
            }
            Kind::Fixed32 => {
                let number = text.parse().map_err(|_| invalid())?;
                self.fixed32(number)?;
            }
            Kind::Double => {
                let number: f64 = text.parse().map_err(|_| invalid())?;
                self.fixed64(number.to_bits());
            }
            Kind::Bool => {
                let truth: bool = text.parse().map_err(|_| invalid())?;
                self.varint(u64::from(truth));
            }
            Kind::Enum(names) => {
                let number = names.iter().find(|(name, _)| *name == text);
                let number = number.map(|(_, number)| *number).or(text.parse().ok());
                let number = number.ok_or_else(invalid)?;
                self.varint(number);
            }
            Kind::Message(_) => return Err(invalid()),
        }
        Ok(())
    }
}

impl MemberSeed<'_> {
    fn tag(&mut self, wire_type: u64) {
        write_varint(self.member.number << 3 | wire_type, self.out);
    }
    fn varint(mut self, number: u64) {
        self.tag(0);
        write_varint(number, self.out);
    }
    fn fixed64(mut self, number: u64) {
        self.tag(1);
        self.out.extend_from_slice(&number.to_le_bytes());
    }
    fn fixed32<E: serde::de::Error>(mut self, number: u64) -> Result<(), E> {
        let number = u32::try_from(number)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))?;
        self.tag(5);
        self.out.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }
    fn bytes(mut self, bytes: &[u8]) {
        self.tag(2);
        write_varint(bytes.len() as u64, self.out);
        self.out.extend_from_slice(bytes);
    }
}

pub(crate) fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What is written where an id stands that is none: of no id's length, so that the decoder rejects that span and no other.
const NO_ID: &[u8] = &[0];

/// Hex digits, as OTLP says, or base64, as protobuf's own JSON mapping says. Empty is no id.
/// What is neither is none; hex of another length is left for the decoder to reject.
fn id(text: &str, length: usize) -> Option<Vec<u8>> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(digit).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Some(
            digits
                .chunks_exact(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect(),
        ),
        _ => from_base64(text).filter(|id| id.len() == length),
    }
}

/// Base64 of either alphabet, padded or not.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = PAD
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let standard = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    let url = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
    standard.decode(text).or_else(|_| url.decode(text)).ok()
}

#[cfg(test)]
mod tests;
