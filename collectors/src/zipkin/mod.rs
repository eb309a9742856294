//! Zipkin's spans: v2 as JSON and protobuf, v1 as JSON and Thrift, made into our own.
//!
//! | Module | Reads |
//! |---|---|
//! | [`json`] | v2 and v1 JSON, told apart span by span |
//! | [`protobuf`] | `zipkin.proto3.ListOfSpans` |
//! | [`thrift`] | v1 in Thrift's binary protocol |
//! | [`span`] | what they have in common, and how it becomes a [`model::Span`] |
//!
//! The two sides of a call that share one span id stay two spans: their kind tells them apart.
//! Sources: <https://zipkin.io/zipkin-api/>, `zipkin.proto`, `zipkinCore.thrift`.

mod json;
mod protobuf;
mod span;
mod thrift;
mod v1;

use model::Span;

pub(crate) use json::{is_span, read_one};

/// Spans that one request may hold.
const MOST_SPANS: usize = 1_000_000;

/// Why a body holds no spans.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not JSON, or not a list.
    #[error("not a Zipkin JSON list of spans: {0}")]
    Json(String),
    /// It is not protobuf.
    #[error("not a zipkin.proto3.ListOfSpans: {0}")]
    Protobuf(String),
    /// It is not Thrift.
    #[error("not a list of Zipkin v1 spans in Thrift's binary protocol: {0}")]
    Thrift(String),
}

/// The spans of a body, and why others were left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spans {
    /// What could be read.
    pub spans: Vec<Span>,
    /// Place in the list and reason.
    pub problems: Vec<(usize, String)>,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`, v1 or v2.
    Json,
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/x-thrift`.
    Thrift,
}

impl Encoding {
    /// By the media type; without one by the first byte.
    pub fn of(media_type: &str, body: &[u8]) -> Encoding {
        let media_type = media_type.to_ascii_lowercase();
        if media_type.contains("thrift") {
            Encoding::Thrift
        } else if media_type.contains("protobuf") {
            Encoding::Protobuf
        } else if media_type.contains("json") {
            Encoding::Json
        } else {
            match body.first() {
                Some(0x0a) => match body.trim_ascii_start().first() {
                    Some(b'[') => Encoding::Json,
                    _ => Encoding::Protobuf,
                },
                Some(0x0c) => Encoding::Thrift,
                _ => Encoding::Json,
            }
        }
    }
}

/// Reads the spans of a body.
///
/// # Errors
/// When the body as a whole cannot be read; single bad spans are [`Spans::problems`].
pub fn read(encoding: Encoding, body: &[u8]) -> Result<Spans, Error> {
    match encoding {
        Encoding::Json => json::read(body),
        Encoding::Protobuf => protobuf::read(body),
        Encoding::Thrift => thrift::read(body),
    }
}

impl Spans {
    fn add(&mut self, at: usize, read: Result<Vec<Span>, String>) {
        match read {
            Ok(mut spans) => self.spans.append(&mut spans),
            Err(reason) => self.problems.push((at, reason)),
        }
    }
}

#[cfg(test)]
mod tests;
