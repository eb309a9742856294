//! The column file in which the server sends a trace's tree to the browser.
//!
//! Little-endian, 8-byte aligned, rows in depth-first order, so that a collapsed row skips
//! `subtree` rows. Layout: magic `INQT`, version `u32`, rows `u32`, JSON length `u32`, then the columns
//! `start f64`, `duration f64` (microseconds from [`Header::origin`]; duration −1 while running),
//! `parent u32` (row number, `u32::MAX` for a root), `subtree u32` (rows below), `name u32` (index in
//! [`Header::strings`]), `service u32` (the same), `span u32×2` (span id, big-endian halves), `trace u32`
//! (index in [`Header::traces`]), `depth u16`, `kind u8`, `flags u8`, and last the JSON header.

use serde::{Deserialize, Serialize};

/// What a row of the waterfall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RowKind {
    /// A workflow execution.
    Execution = 0,
    /// A visit of a state.
    State = 1,
    /// A try of a task.
    Attempt = 2,
    /// An iteration of a Map.
    Iteration = 3,
    /// A branch of a Parallel.
    Branch = 4,
    /// A Lambda invocation.
    Invocation = 5,
    /// Init or restore of a sandbox, before or inside an invocation.
    Init = 6,
    /// Any other span.
    Span = 7,
    /// A wait between two attempts.
    Backoff = 8,
}

impl RowKind {
    /// The inverse of `kind as u8`; unknown numbers are spans.
    pub fn from_u8(number: u8) -> Self {
        use RowKind::*;
        [
            Execution, State, Attempt, Iteration, Branch, Invocation, Init, Span, Backoff,
        ]
        .get(usize::from(number))
        .copied()
        .unwrap_or(Span)
    }
}

/// The row failed by itself.
pub const FLAG_ERROR: u8 = 1;
/// The row lies on the path from the root to the failure that explains the end.
pub const FLAG_ROOT_CAUSE: u8 = 2;
/// It failed, and a Catch took over.
pub const FLAG_CAUGHT: u8 = 4;
/// It was cut off by something else.
pub const FLAG_ABORTED: u8 = 8;
/// It has not ended.
pub const FLAG_RUNNING: u8 = 16;
/// A cold start.
pub const FLAG_COLD: u8 = 32;
/// It is joined to its parent by a guess or an ambiguous key.
pub const FLAG_UNCERTAIN: u8 = 64;
/// It is a retry.
pub const FLAG_RETRY: u8 = 128;

/// One row, as the server builds it and the browser reads it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Microseconds from the origin.
    pub start: f64,
    /// Microseconds; −1 while it runs.
    pub duration: f64,
    /// Row number of the parent, `u32::MAX` for a root.
    pub parent: u32,
    /// Number of rows below it.
    pub subtree: u32,
    /// Index of the name in [`Header::strings`].
    pub name: u32,
    /// Index of the service (or resource, or function) in [`Header::strings`].
    pub service: u32,
    /// Span id.
    pub span_id: [u8; 8],
    /// Index of the trace in [`Header::traces`].
    pub trace: u32,
    /// Depth in the tree.
    pub depth: u16,
    /// What it is.
    pub kind: RowKind,
    /// The `FLAG_…` bits.
    pub flags: u8,
}

/// What is not a column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Header {
    /// Nanoseconds since the epoch of microsecond 0, as decimal text.
    pub origin: String,
    /// Microseconds from the origin to the last end.
    pub total: f64,
    /// Names and services.
    pub strings: Vec<String>,
    /// Trace ids, hex; the first is the one asked for.
    pub traces: Vec<String>,
}

/// A whole file, decoded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TraceFile {
    /// Strings and ids.
    pub header: Header,
    /// The rows, depth first.
    pub rows: Vec<Row>,
}

/// Why bytes are not a trace file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTraceFile(pub String);

impl std::fmt::Display for InvalidTraceFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a trace file: {}", self.0)
    }
}
impl std::error::Error for InvalidTraceFile {}

const MAGIC: &[u8; 4] = b"INQT";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const ROW_BYTES: usize = 8 + 8 + 4 + 4 + 4 + 4 + 8 + 4 + 2 + 1 + 1;

impl TraceFile {
    /// Writes the file.
    pub fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(&self.header).unwrap_or_default();
        let rows = &self.rows;
        let mut out = Vec::with_capacity(HEADER_BYTES + rows.len() * ROW_BYTES + json.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(rows.len() as u32).to_le_bytes());
        out.extend_from_slice(&(json.len() as u32).to_le_bytes());
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.start.to_le_bytes()));
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.duration.to_le_bytes()));
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.parent.to_le_bytes()));
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.subtree.to_le_bytes()));
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.name.to_le_bytes()));
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.service.to_le_bytes()));
        rows.iter().for_each(|r| out.extend_from_slice(&r.span_id));
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.trace.to_le_bytes()));
        rows.iter()
            .for_each(|r| out.extend_from_slice(&r.depth.to_le_bytes()));
        out.extend(rows.iter().map(|r| r.kind as u8));
        out.extend(rows.iter().map(|r| r.flags));
        out.extend_from_slice(&json);
        out
    }

    /// Reads a file; never panics, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidTraceFile> {
        let invalid = |why: &str| InvalidTraceFile(why.to_owned());
        let word = |at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
        };
        if bytes.get(..4) != Some(MAGIC) || word(4) != Some(VERSION) {
            return Err(invalid("wrong magic or version"));
        }
        let (Some(count), Some(json_length)) = (word(8), word(12)) else {
            return Err(invalid("shorter than its head"));
        };
        let (count, json_length) = (count as usize, json_length as usize);
        let columns = count.checked_mul(ROW_BYTES).map(|size| size + HEADER_BYTES);
        if columns.and_then(|size| size.checked_add(json_length)) != Some(bytes.len()) {
            return Err(invalid("length does not match its head"));
        }
        let mut at = HEADER_BYTES;
        let mut column = |width: usize| {
            let slice = &bytes[at..at + width * count];
            at += width * count;
            slice.chunks_exact(width)
        };
        let u32s = |chunk: &[u8]| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        let eight = |chunk: &[u8]| {
            let mut array = [0u8; 8];
            array.copy_from_slice(chunk);
            array
        };
        let mut rows: Vec<Row> = column(8)
            .map(|chunk| Row {
                start: f64::from_le_bytes(eight(chunk)),
                duration: 0.0,
                parent: 0,
                subtree: 0,
                name: 0,
                service: 0,
                span_id: [0; 8],
                trace: 0,
                depth: 0,
                kind: RowKind::Span,
                flags: 0,
            })
            .collect();
        rows.iter_mut()
            .zip(column(8))
            .for_each(|(r, c)| r.duration = f64::from_le_bytes(eight(c)));
        rows.iter_mut()
            .zip(column(4))
            .for_each(|(r, c)| r.parent = u32s(c));
        rows.iter_mut()
            .zip(column(4))
            .for_each(|(r, c)| r.subtree = u32s(c));
        rows.iter_mut()
            .zip(column(4))
            .for_each(|(r, c)| r.name = u32s(c));
        rows.iter_mut()
            .zip(column(4))
            .for_each(|(r, c)| r.service = u32s(c));
        rows.iter_mut()
            .zip(column(8))
            .for_each(|(r, c)| r.span_id = eight(c));
        rows.iter_mut()
            .zip(column(4))
            .for_each(|(r, c)| r.trace = u32s(c));
        rows.iter_mut()
            .zip(column(2))
            .for_each(|(r, c)| r.depth = u16::from_le_bytes([c[0], c[1]]));
        rows.iter_mut()
            .zip(column(1))
            .for_each(|(r, c)| r.kind = RowKind::from_u8(c[0]));
        rows.iter_mut()
            .zip(column(1))
            .for_each(|(r, c)| r.flags = c[0]);
        let header = serde_json::from_slice(&bytes[bytes.len() - json_length..])
            .map_err(|error| InvalidTraceFile(error.to_string()))?;
        Ok(TraceFile { header, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_rejects_every_truncation() {
        let row = |n: u32| Row {
            start: f64::from(n),
            duration: 2.5,
            parent: n.wrapping_sub(1),
            subtree: 3 - n,
            name: n % 2,
            service: 0,
            span_id: [n as u8; 8],
            trace: 0,
            depth: n as u16,
            kind: RowKind::from_u8(n as u8),
            flags: FLAG_COLD,
        };
        let file = TraceFile {
            header: Header {
                origin: "1700000000000000000".into(),
                total: 9.0,
                strings: vec!["a".into(), "b".into()],
                traces: vec!["00".into()],
            },
            rows: (0..4).map(row).collect(),
        };
        let bytes = file.encode();
        assert_eq!(TraceFile::decode(&bytes), Ok(file));
        (0..bytes.len()).for_each(|n| assert!(TraceFile::decode(&bytes[..n]).is_err()));
    }
}
