//! What the first bytes of a file tell.

use super::holes;
use crate::envoy;

/// What kind of archive this is, if it is one: several files in one, which only its own tool can take apart.
pub(super) fn archive(head: &[u8]) -> Option<&'static str> {
    const KINDS: [(usize, &[u8], &str); 7] = [
        (0, b"PK\x03\x04", "a ZIP archive"),
        (0, b"PK\x05\x06", "an empty ZIP archive"),
        (257, b"ustar", "a tar archive"),
        (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (0, b"Rar!\x1a\x07", "a RAR archive"),
        (0, b"\xfd7zXZ\0", "packed with xz"),
        (0, b"BZh", "packed with bzip2"),
    ];
    let is = |(at, magic, _): &&(usize, &[u8], &str)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(magic))
    };
    let (_, magic, kind) = KINDS.iter().find(is)?;
    // A text may begin with these letters.
    let text = *magic == b"BZh" && Form::of(head) == Form::Text;
    (!text).then_some(kind)
}

/// What the first bytes tell.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    Empty,
    Json,
    Text,
    Utf16,
    Binary,
}

impl Form {
    pub(super) fn of(head: &[u8]) -> Form {
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Form::Utf16;
        }
        let head = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(head);
        let binary = |byte: &u8| {
            *byte < 0x20 && !matches!(byte, 0 | b'\n' | b'\r' | b'\t' | 0x0c | 0x1b | 0x1e)
        };
        if head.iter().any(binary) || invalid_utf8(head) {
            return Form::Binary;
        }
        let begins = head.iter().find(|byte| !byte.is_ascii_whitespace());
        if !matches!(begins, Some(b'{' | b'[')) && holes::is_binary(head) {
            return Form::Binary;
        }
        let mut solid = head
            .iter()
            .filter(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0 | 0x1e));
        match (solid.next(), solid.next()) {
            (None, _) => Form::Empty,
            (Some(b'{'), _) => Form::Json,
            // `[ERROR] …` is text, `[{…}]` is not.
            (Some(b'['), Some(b'0'..=b'9')) if is_access_log(head) => Form::Text,
            (Some(b'['), Some(b'{' | b'[' | b'"' | b']' | b'0'..=b'9' | b'-') | None) => Form::Json,
            _ => Form::Text,
        }
    }
}

/// `[2016-04-15T20:17:00.310Z] "GET …` begins like a list of numbers.
fn is_access_log(head: &[u8]) -> bool {
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty());
    line.is_some_and(|line| envoy::read_line(&String::from_utf8_lossy(line)).is_some())
}

/// Mostly not text: some bytes of another encoding, or a character cut at the end, are no reason to refuse.
fn invalid_utf8(head: &[u8]) -> bool {
    head.utf8_chunks()
        .filter(|chunk| !chunk.invalid().is_empty())
        .count()
        > head.len() / 50 + 1
}
