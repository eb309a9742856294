//! The write-ahead log: what is acknowledged is here until blocks hold it.
//!
//! A folder of segments `<first position>.wal`. A segment is a head ([`frame::HEAD`]) and frames, each
//! with length and checksum ([`frame`]). One thread writes ([`writer`]): it takes all entries that wait, writes
//! them with one call, syncs once, and answers them all. A segment goes when every entry of it is
//! applied and the rows are in committed blocks.

mod frame;
mod recover;
mod writer;

pub(crate) use recover::read_only;

use crate::{Error, error::log_error};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, mpsc},
};
use tokio::sync::oneshot;

/// Number of an entry, counting from 1 over the life of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

/// What an entry's payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// An OTLP `ExportTraceServiceRequest`, protobuf.
    OtlpTraces,
    /// An OTLP `ExportLogsServiceRequest`, protobuf.
    OtlpLogs,
    /// A `model::Batch`, JSON.
    Batch,
}

/// An entry as it was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number: give it to [`Store::applied`](crate::Store::applied).
    pub position: Position,
    /// What the payload is.
    pub kind: EntryKind,
    /// The bytes.
    pub payload: Bytes,
}

/// Largest payload of one entry, bytes.
pub(crate) const LARGEST_PAYLOAD: usize = 256 << 20;

/// The open log.
pub(crate) struct Wal {
    requests: Mutex<Option<mpsc::Sender<writer::Request>>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    ledger: Arc<Mutex<Ledger>>,
    limit_bytes: u64,
}

/// Which segments there are and what of them is not applied yet.
#[derive(Default)]
struct Ledger {
    segments: BTreeMap<u64, Segment>,
    /// Bytes of all segments, and of the entries on their way.
    bytes: u64,
}

struct Segment {
    path: PathBuf,
    bytes: u64,
    waiting: HashSet<u64>,
    sealed: bool,
}

/// Sealed segments whose rows were all in memory at some moment.
pub(crate) struct Applied(Vec<u64>);

impl Wal {
    /// Opens the log in `dir`: cuts torn tails and returns the entries that are still there.
    pub(crate) fn open(dir: &Path, limit_bytes: u64) -> Result<(Wal, Vec<Entry>), Error> {
        std::fs::create_dir_all(dir).map_err(log_error("create", dir))?;
        let (ledger, entries, next) = recover::open(dir)?;
        let ledger = Arc::new(Mutex::new(ledger));
        let (sender, receiver) = mpsc::channel();
        let writer = writer::Writer::new(dir.to_owned(), next, ledger.clone());
        let thread = std::thread::Builder::new()
            .name("inquest-wal".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(log_error("start the writer of", dir))?;
        let wal = Wal {
            requests: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            ledger,
            limit_bytes,
        };
        Ok((wal, entries))
    }

    /// Writes an entry; it is on disk when this returns.
    pub(crate) async fn log(&self, kind: EntryKind, payload: Bytes) -> Result<Position, Error> {
        if payload.len() > LARGEST_PAYLOAD {
            return Err(Error::TooLarge {
                bytes: payload.len(),
                limit: LARGEST_PAYLOAD,
            });
        }
        let size = frame::size(payload.len());
        {
            let mut ledger = lock(&self.ledger);
            if ledger.bytes + size > self.limit_bytes {
                return Err(Error::Full {
                    what: "write-ahead log",
                });
            }
            ledger.bytes += size;
        }
        let (done, answer) = oneshot::channel();
        self.send(writer::Request::Entry {
            kind,
            payload,
            done,
        })?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Notes that the rows of an entry are in memory.
    pub(crate) fn applied(&self, position: Position) {
        let mut ledger = lock(&self.ledger);
        if let Some((_, segment)) = ledger.segments.range_mut(..=position.0).next_back() {
            segment.waiting.remove(&position.0);
        }
    }

    /// Ends the current segment and lists those whose entries are all applied. Whatever memory holds
    /// after this call holds their rows.
    pub(crate) async fn seal(&self) -> Result<Applied, Error> {
        let (done, answer) = oneshot::channel();
        self.send(writer::Request::Seal { done })?;
        answer.await.map_err(|_| Error::Closed)?;
        let ledger = lock(&self.ledger);
        let done = |segment: &Segment| segment.sealed && segment.waiting.is_empty();
        let segments = ledger.segments.iter().filter(|(_, s)| done(s));
        Ok(Applied(segments.map(|(first, _)| *first).collect()))
    }

    /// Deletes segments: their rows are in committed blocks.
    pub(crate) fn delete(&self, applied: &Applied) -> Result<(), Error> {
        for first in &applied.0 {
            let mut ledger = lock(&self.ledger);
            let Some(segment) = ledger.segments.get(first) else {
                continue;
            };
            match std::fs::remove_file(&segment.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(log_error("delete", &segment.path)(error));
                }
                _ => {}
            }
            let bytes = segment.bytes;
            ledger.segments.remove(first);
            ledger.bytes = ledger.bytes.saturating_sub(bytes);
        }
        Ok(())
    }

    /// Bytes of the log.
    pub(crate) fn bytes(&self) -> u64 {
        lock(&self.ledger).bytes
    }

    /// Ends the writer. Entries that wait are still written.
    pub(crate) fn close(&self) {
        drop(lock(&self.requests).take());
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }

    fn send(&self, request: writer::Request) -> Result<(), Error> {
        let requests = lock(&self.requests);
        let sender = requests.as_ref().ok_or(Error::Closed)?;
        sender.send(request).map_err(|_| Error::Closed)
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.close();
    }
}

/// A poisoned lock means that a thread panicked between two statements; the data is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
