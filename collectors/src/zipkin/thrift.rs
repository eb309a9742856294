//! Zipkin v1 spans in Thrift's binary protocol: a bare list, as old tracers send it.
//!
//! Field ids: openzipkin/zipkin-api `thrift/zipkinCore.thrift`; wire form: Apache Thrift, "binary protocol".

use super::{
    Error, MOST_SPANS, Spans,
    protobuf::{v4, v6},
    span::{Endpoint, ZipkinSpan},
    v1::{BinaryAnnotation, V1Annotation, V1Span},
};
use serde_json::Value;

/// Structs inside structs inside lists.
const MAX_DEPTH: usize = 16;

const STRUCT: u8 = 12;

pub(super) fn read(body: &[u8]) -> Result<Spans, Error> {
    let wrong = |reason: &str| Error::Thrift(reason.to_owned());
    let mut input = Input(body);
    let (kind, count) = input.list().ok_or_else(|| wrong("it is too short"))?;
    if kind != STRUCT || count > MOST_SPANS {
        return Err(wrong("it does not begin with a list of structs"));
    }
    let mut spans = Spans::default();
    for at in 0..count {
        let span = input
            .span()
            .ok_or_else(|| Error::Thrift(format!("it is cut off or broken in span {at}")))?;
        let read = span.into_v2().into_iter().map(ZipkinSpan::into_span);
        spans.add(at, read.collect());
    }
    Ok(spans)
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.i32()?).ok()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    /// Type of the elements and their number.
    fn list(&mut self) -> Option<(u8, usize)> {
        let kind = self.byte()?;
        let count = usize::try_from(self.i32()?).ok()?;
        Some((kind, count))
    }

    /// Type and id of the next field; type 0 at the end of the struct.
    fn field(&mut self) -> Option<(u8, i16)> {
        match self.byte()? {
            0 => Some((0, 0)),
            kind => Some((kind, self.i16()?)),
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            2 | 3 => self.take(1).map(|_| ()),
            6 => self.take(2).map(|_| ()),
            8 => self.take(4).map(|_| ()),
            4 | 10 => self.take(8).map(|_| ()),
            11 => self.bytes().map(|_| ()),
            STRUCT => loop {
                match self.field()? {
                    (0, _) => return Some(()),
                    (kind, _) => self.skip(kind, depth + 1)?,
                }
            },
            13 => {
                let (key, value) = (self.byte()?, self.byte()?);
                let count = self.i32()?;
                for _ in 0..count {
                    self.skip(key, depth + 1)?;
                    self.skip(value, depth + 1)?;
                }
                Some(())
            }
            14 | 15 => {
                let (kind, count) = self.list()?;
                for _ in 0..count {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn span(&mut self) -> Option<V1Span> {
        let (mut high, mut low) = (0, 0);
        let mut span = V1Span::default();
        loop {
            match self.field()? {
                (0, _) => break,
                (10, 1) => low = self.i64()?,
                (10, 12) => high = self.i64()?,
                (11, 3) => span.name = Some(self.text()?),
                (10, 4) => span.id = format!("{:016x}", self.i64()?),
                (10, 5) => span.parent_id = Some(format!("{:016x}", self.i64()?)),
                (15, 6) => span.annotations = Some(self.structs(Self::annotation)?),
                (15, 8) => span.binary_annotations = Some(self.structs(Self::binary_annotation)?),
                (2, 9) => span.debug = Some(self.byte()? != 0),
                (10, 10) => span.timestamp = Some(self.i64()?),
                (10, 11) => span.duration = Some(self.i64()?),
                (kind, _) => self.skip(kind, 0)?,
            }
        }
        span.trace_id = format!("{high:016x}{low:016x}");
        Some(span)
    }

    fn structs<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let (kind, count) = self.list()?;
        // Every struct has one byte at least, so a wrong count ends soon.
        if kind != STRUCT || count > self.0.len() {
            return None;
        }
        (0..count).map(|_| read(self)).collect()
    }

    fn annotation(&mut self) -> Option<V1Annotation> {
        let mut annotation = V1Annotation::default();
        loop {
            match self.field()? {
                (0, _) => return Some(annotation),
                (10, 1) => annotation.timestamp = Some(self.i64()?),
                (11, 2) => annotation.value = self.text()?,
                (STRUCT, 3) => annotation.endpoint = Some(self.endpoint()?),
                (kind, _) => self.skip(kind, 0)?,
            }
        }
    }

    fn binary_annotation(&mut self) -> Option<BinaryAnnotation> {
        let mut annotation = BinaryAnnotation::default();
        let (mut raw, mut kind_of_value): (&[u8], i32) = (&[], 6);
        loop {
            match self.field()? {
                (0, _) => break,
                (11, 1) => annotation.key = self.text()?,
                (11, 2) => raw = self.bytes()?,
                (8, 3) => kind_of_value = self.i32()?,
                (STRUCT, 4) => annotation.endpoint = Some(self.endpoint()?),
                (kind, _) => self.skip(kind, 0)?,
            }
        }
        annotation.value = value(kind_of_value, raw);
        Some(annotation)
    }

    fn endpoint(&mut self) -> Option<Endpoint> {
        let mut endpoint = Endpoint::default();
        loop {
            match self.field()? {
                (0, _) => return Some(endpoint),
                (8, 1) => {
                    let address = self.i32()?;
                    endpoint.ipv4 = (address != 0).then(|| v4(address.to_be_bytes()));
                }
                (6, 2) => endpoint.port = Some(i64::from(self.i16()?.cast_unsigned())),
                (11, 3) => endpoint.service_name = Some(self.text()?),
                (11, 4) => endpoint.ipv6 = self.bytes()?.try_into().ok().map(v6),
                (kind, _) => self.skip(kind, 0)?,
            }
        }
    }
}

/// A value by `AnnotationType`: 0 BOOL, 1 BYTES, 2 I16, 3 I32, 4 I64, 5 DOUBLE, 6 STRING.
fn value(kind: i32, raw: &[u8]) -> Value {
    let number = |raw: &[u8]| {
        let sign = raw.first().is_some_and(|byte| byte & 0x80 != 0);
        let start = if sign { -1i64 } else { 0 };
        raw.iter()
            .take(8)
            .fold(start, |all, byte| all << 8 | i64::from(*byte))
    };
    match kind {
        0 => Value::Bool(raw.first().is_some_and(|byte| *byte != 0)),
        2..=4 => number(raw).into(),
        5 => <[u8; 8]>::try_from(raw).map_or(Value::Null, |raw| f64::from_be_bytes(raw).into()),
        _ => String::from_utf8_lossy(raw).into_owned().into(),
    }
}
