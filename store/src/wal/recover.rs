//! Reading the segments of a log that somebody left, in whatever state.

use super::{Entry, Ledger, Segment, frame};
use crate::{Error, error::log_error};
use bytes::Bytes;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// File name ending of segments.
pub(super) const ENDING: &str = "wal";

/// The ledger, the entries and the next position. Torn tails are cut off, empty segments deleted.
pub(super) fn open(dir: &Path) -> Result<(Ledger, Vec<Entry>, u64), Error> {
    let mut ledger = Ledger::default();
    let mut entries: Vec<Entry> = Vec::new();
    let mut next = 1;
    for (first, path) in segments(dir)? {
        let bytes = Bytes::from(fs::read(&path).map_err(log_error("read", &path))?);
        let (found, end) = scan(&bytes);
        next = next.max(first);
        if end < bytes.len() {
            tracing::warn!(segment = %path.display(), at = end, cut = bytes.len() - end,
                "the log ends in an unfinished entry, which was never acknowledged");
            cut(&path, end as u64)?;
        }
        if found.is_empty() {
            fs::remove_file(&path).map_err(log_error("delete", &path))?;
            continue;
        }
        let segment = Segment {
            path,
            bytes: end as u64,
            waiting: found.iter().map(|entry| entry.position.0).collect(),
            sealed: true,
        };
        ledger.bytes += segment.bytes;
        ledger.segments.insert(first, segment);
        next = next.max(found.last().map_or(0, |entry| entry.position.0 + 1));
        entries.extend(found);
    }
    Ok((ledger, entries, next))
}

/// The entries, without touching a file; another process may be writing and deleting.
pub(crate) fn read_only(dir: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for (_, path) in segments(dir)? {
        match fs::read(&path) {
            Ok(bytes) => entries.extend(scan(&Bytes::from(bytes)).0),
            // It went because blocks hold it now; the catalog, read after this, lists them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(log_error("read", &path)(error)),
        }
    }
    Ok(entries)
}

fn segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(log_error("list", dir)(error)),
    };
    let mut segments = Vec::new();
    for file in listing {
        let path = file.map_err(log_error("list", dir))?.path();
        let is_segment = path.extension().is_some_and(|ending| ending == ENDING);
        let first = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(first) = first.filter(|_| is_segment) {
            segments.push((first, path));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// The whole entries from the beginning, and where they end.
fn scan(segment: &Bytes) -> (Vec<Entry>, usize) {
    let mut entries = Vec::new();
    if !segment.starts_with(frame::HEAD) {
        return (entries, 0);
    }
    let mut at = frame::HEAD.len();
    while let Some((entry, next)) = frame::read(segment, at) {
        entries.push(entry);
        at = next;
    }
    (entries, at)
}

fn cut(path: &Path, end: u64) -> Result<(), Error> {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(log_error("open", path))?;
    file.set_len(end).map_err(log_error("cut", path))?;
    file.sync_all().map_err(log_error("sync", path))
}
