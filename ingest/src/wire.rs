//! A walk over protobuf's wire format: borrowed fields, no allocation.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// What a field holds, by its wire type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: text, bytes, messages.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// Why bytes are not protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field says that it is longer than the message.
    #[error("the message ends inside a field; it was probably cut off")]
    Truncated,
    /// More than ten bytes of a number.
    #[error("a number is longer than 64 bits")]
    Varint,
    /// Field number 0, or groups, which proto3 does not have.
    #[error("a field has a number or type that OTLP does not use; is this really OTLP?")]
    Tag,
    /// A known field of another wire type.
    #[error("a field has another type than OTLP says; is this really OTLP?")]
    Type,
    /// Values inside values inside values…
    #[error("values are nested deeper than {MAX_DEPTH} levels")]
    Depth,
}

/// How deep attribute values may be nested.
pub(crate) const MAX_DEPTH: usize = 64;

/// The fields of one message, in the order they came.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Message { rest: bytes }
    }

    /// The next field: its number and content.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| WireError::Tag)?;
        if number == 0 {
            return Err(WireError::Tag);
        }
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) = self
                    .rest
                    .split_at_checked(length)
                    .ok_or(WireError::Truncated)?;
                self.rest = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(WireError::Tag),
        };
        Ok(Some((number, field)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for (at, &byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                if at == 9 && byte > 1 {
                    return Err(WireError::Varint);
                }
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 {
            WireError::Truncated
        } else {
            WireError::Varint
        })
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (array, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

impl<'a> Field<'a> {
    #[inline]
    pub(crate) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Field::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::Type),
        }
    }
    #[inline]
    pub(crate) fn message(self) -> Result<Message<'a>, WireError> {
        self.bytes().map(Message::new)
    }
    #[inline]
    pub(crate) fn varint(self) -> Result<u64, WireError> {
        match self {
            Field::Varint(value) => Ok(value),
            _ => Err(WireError::Type),
        }
    }
    #[inline]
    pub(crate) fn fixed64(self) -> Result<u64, WireError> {
        match self {
            Field::Fixed64(value) => Ok(value),
            _ => Err(WireError::Type),
        }
    }
    #[inline]
    pub(crate) fn fixed32(self) -> Result<u32, WireError> {
        match self {
            Field::Fixed32(value) => Ok(value),
            _ => Err(WireError::Type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: Result<Option<(u32, Field)>, WireError>) {
        assert_eq!(Message::new(bytes).next(), expect);
    }

    #[test]
    fn fields_are_read_by_wire_type() {
        check(&[], Ok(None));
        check(&[0x08, 0x96, 0x01], Ok(Some((1, Field::Varint(150)))));
        check(&[0x12, 2, b'h', b'i'], Ok(Some((2, Field::Bytes(b"hi")))));
        check(&[0x1d, 1, 0, 0, 0], Ok(Some((3, Field::Fixed32(1)))));
        let max = [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        check(&max, Ok(Some((1, Field::Varint(u64::MAX)))));
    }

    #[test]
    fn broken_fields_are_named() {
        check(&[0x08], Err(WireError::Truncated));
        check(&[0x12, 5, 1], Err(WireError::Truncated));
        check(&[0x09, 1, 2], Err(WireError::Truncated));
        check(&[0x0b], Err(WireError::Tag));
        check(&[0x00, 1], Err(WireError::Tag));
        check(
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            Err(WireError::Varint),
        );
        check(&[0xff; 16], Err(WireError::Varint));
    }
}
