//! How entries lie in a segment, little-endian: payload length `u32`, kind `u32`, position `u64`,
//! XXH3-64 of those sixteen bytes and the payload `u64`, payload.

use super::{Entry, EntryKind, LARGEST_PAYLOAD, Position};
use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

/// The first bytes of a segment.
pub(super) const HEAD: &[u8; 8] = b"INQWAL\0\x01";
const FRAME_HEAD: usize = 24;

/// Bytes that an entry takes.
pub(super) fn size(payload: usize) -> u64 {
    (FRAME_HEAD + payload) as u64
}

/// Appends a frame to `out`.
pub(super) fn write(out: &mut Vec<u8>, position: Position, kind: EntryKind, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&number(kind).to_le_bytes());
    out.extend_from_slice(&position.0.to_le_bytes());
    let checksum = checksum(&out[start..], payload);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(payload);
}

/// The frame at `at` and where the next one begins; `None` if it is torn, damaged or not there.
pub(super) fn read(segment: &Bytes, at: usize) -> Option<(Entry, usize)> {
    let head: &[u8; FRAME_HEAD] = segment.get(at..)?.first_chunk()?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    let length = word(0) as usize;
    let start = at + FRAME_HEAD;
    let end = start.checked_add(length)?;
    if length > LARGEST_PAYLOAD || end > segment.len() {
        return None;
    }
    if checksum(&head[..16], &segment[start..end]) != long(16) {
        return None;
    }
    let entry = Entry {
        position: Position(long(8)),
        kind: kind(word(4))?,
        payload: segment.slice(start..end),
    };
    Some((entry, end))
}

fn checksum(head: &[u8], payload: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(head);
    hash.update(payload);
    hash.digest()
}

fn number(kind: EntryKind) -> u32 {
    match kind {
        EntryKind::OtlpTraces => 1,
        EntryKind::OtlpLogs => 2,
        EntryKind::Batch => 3,
    }
}

fn kind(number: u32) -> Option<EntryKind> {
    Some(match number {
        1 => EntryKind::OtlpTraces,
        2 => EntryKind::OtlpLogs,
        3 => EntryKind::Batch,
        _ => return None,
    })
}
