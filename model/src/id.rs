//! Trace and span ids, and the rules by which they follow from a workflow execution.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// W3C trace id: 16 bytes, written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TraceId(pub [u8; 16]);

/// W3C span id: 8 bytes, written as 16 lower-case hex digits. All zero means "none".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SpanId(pub [u8; 8]);

/// An id that is not hex of the right length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    /// The text as it was given.
    pub text: String,
    /// How many hex digits were expected.
    pub digits: usize,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is not an id of {} hex digits",
            self.text, self.digits
        )
    }
}
impl std::error::Error for InvalidId {}

impl TraceId {
    /// The trace of a workflow execution: SHA-256 of its ARN, bytes 0–7 as the high and 8–15 as the
    /// low word, the top bit of each cleared. It is the rule of Datadog's open-source Lambda
    /// extension, so that spans of functions instrumented with it fall into the same trace.
    pub fn of_execution(execution_arn: &str) -> Self {
        let digest = Sha256::digest(execution_arn.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        id[0] &= 0x7f;
        id[8] &= 0x7f;
        TraceId(id)
    }

    /// A stable id for anything else, from the parts that identify it.
    pub fn of_parts(parts: &[&str]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&hash_parts(parts)[..16]);
        TraceId(id)
    }

    /// True for the all-zero id, which OpenTelemetry calls invalid.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl SpanId {
    /// A stable span id from the parts that identify the span; never zero.
    ///
    /// Spans of an execution use the parts (execution ARN, what, event id, redrive count), so the
    /// history API and log delivery of the same execution give the same ids.
    pub fn of_parts(parts: &[&str]) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&hash_parts(parts)[..8]);
        id[0] &= 0x7f;
        if id == [0; 8] {
            id[7] = 1;
        }
        SpanId(id)
    }

    /// True for the all-zero id: no span.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 8]
    }
}

fn hash_parts(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn decode_hex<const N: usize>(text: &str) -> Result<[u8; N], InvalidId> {
    let invalid = || InvalidId {
        text: text.chars().take(64).collect(),
        digits: N * 2,
    };
    let bytes = text.as_bytes();
    if bytes.len() != N * 2 {
        return Err(invalid());
    }
    let nibble = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    let mut id = [0; N];
    for (at, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
        *at = nibble(pair[0]).ok_or_else(invalid)? << 4 | nibble(pair[1]).ok_or_else(invalid)?;
    }
    Ok(id)
}

macro_rules! hex_id {
    ($id:ident, $bytes:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl FromStr for $id {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode_hex::<$bytes>(text).map($id)
            }
        }
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(D::Error::custom)
            }
        }
    };
}
hex_id!(TraceId, 16);
hex_id!(SpanId, 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_as_hex() {
        let id = TraceId::of_execution("arn:aws:states:us-east-1:1:execution:m:n");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("xyz".parse::<SpanId>().is_err());
        assert!("é".repeat(16).parse::<SpanId>().is_err());
    }

    #[test]
    fn execution_trace_id_has_both_top_bits_cleared() {
        for n in 0..64 {
            let id = TraceId::of_execution(&format!("arn:{n}"));
            assert!(id.0[0] < 0x80 && id.0[8] < 0x80);
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            SpanId::of_parts(&["ab", "c"]),
            SpanId::of_parts(&["a", "bc"])
        );
    }
}
