//! The one thread that writes the log.

use super::{EntryKind, Ledger, Position, Segment, frame, lock, recover::ENDING};
use crate::Error;
use bytes::Bytes;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
};
use tokio::sync::oneshot;

/// A segment ends when it has this many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
/// A group of entries is written when it has this many bytes, even if more wait.
const GROUP_BYTES: usize = 4 << 20;

pub(super) enum Request {
    Entry {
        kind: EntryKind,
        payload: Bytes,
        done: oneshot::Sender<Result<Position, Error>>,
    },
    Seal {
        done: oneshot::Sender<()>,
    },
}

pub(super) struct Writer {
    dir: PathBuf,
    next: u64,
    current: Option<Current>,
    ledger: Arc<Mutex<Ledger>>,
    buffer: Vec<u8>,
}

struct Current {
    first: u64,
    file: File,
    bytes: u64,
}

/// An entry in the buffer, not yet on disk.
struct Waiting {
    position: u64,
    bytes: u64,
    done: oneshot::Sender<Result<Position, Error>>,
}

impl Writer {
    pub(super) fn new(dir: PathBuf, next: u64, ledger: Arc<Mutex<Ledger>>) -> Self {
        Writer {
            dir,
            next,
            current: None,
            ledger,
            buffer: Vec::new(),
        }
    }

    /// Until every sender is gone. While a sync runs, requests gather and make the next group.
    pub(super) fn run(mut self, requests: mpsc::Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let mut group = Vec::new();
            let mut sealed = None;
            let mut next = Some(first);
            while let Some(request) = next.take() {
                match request {
                    Request::Entry {
                        kind,
                        payload,
                        done,
                    } => group.push(self.buffer(kind, &payload, done)),
                    Request::Seal { done } => sealed = Some(done),
                }
                if sealed.is_none() && self.buffer.len() < GROUP_BYTES {
                    next = requests.try_recv().ok();
                }
            }
            self.commit(group);
            if let Some(done) = sealed {
                self.seal();
                let _ = done.send(());
            }
        }
        self.seal();
    }

    fn buffer(
        &mut self,
        kind: EntryKind,
        payload: &[u8],
        done: oneshot::Sender<Result<Position, Error>>,
    ) -> Waiting {
        let position = self.next;
        self.next += 1;
        frame::write(&mut self.buffer, Position(position), kind, payload);
        Waiting {
            position,
            bytes: frame::size(payload.len()),
            done,
        }
    }

    fn commit(&mut self, group: Vec<Waiting>) {
        let Some(first) = group.first() else { return };
        let result = self.write(first.position);
        self.buffer.clear();
        self.buffer.shrink_to(GROUP_BYTES);
        match result {
            Ok(()) => self.acknowledge(group),
            Err(error) => {
                tracing::error!(%error, dir = %self.dir.display(), "the write-ahead log could not be written");
                self.abandon();
                let why = format!("{}: {error}", self.dir.display());
                let bytes: u64 = group.iter().map(|entry| entry.bytes).sum();
                lock(&self.ledger).bytes -= bytes;
                for entry in group {
                    let _ = entry.done.send(Err(Error::NotLogged(why.clone())));
                }
            }
        }
    }

    fn write(&mut self, first: u64) -> io::Result<()> {
        if self.current.is_none() {
            self.current = Some(self.create(first)?);
        }
        let current = self.current.as_mut().expect("just created");
        current.file.write_all(&self.buffer)?;
        current.file.sync_data()?;
        current.bytes += self.buffer.len() as u64;
        Ok(())
    }

    fn acknowledge(&mut self, group: Vec<Waiting>) {
        let Some(current) = &self.current else { return };
        let full = current.bytes >= SEGMENT_BYTES;
        {
            let mut ledger = lock(&self.ledger);
            if let Some(segment) = ledger.segments.get_mut(&current.first) {
                segment.bytes = current.bytes;
                segment.waiting.extend(group.iter().map(|e| e.position));
            }
        }
        for entry in group {
            let position = Position(entry.position);
            if entry.done.send(Ok(position)).is_err()
                && let Some(segment) = lock(&self.ledger).segments.get_mut(&current.first)
            {
                // The caller has left: nothing was acknowledged, and nobody will apply it.
                segment.waiting.remove(&position.0);
            }
        }
        if full {
            self.seal();
        }
    }

    fn create(&self, first: u64) -> io::Result<Current> {
        let path = self.dir.join(format!("{first:020}.{ENDING}"));
        let mut file = fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&path)?;
        file.write_all(frame::HEAD)?;
        file.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        let bytes = frame::HEAD.len() as u64;
        let mut ledger = lock(&self.ledger);
        ledger.bytes += bytes;
        ledger.segments.insert(
            first,
            Segment {
                path,
                bytes,
                waiting: Default::default(),
                sealed: false,
            },
        );
        Ok(Current { first, file, bytes })
    }

    fn seal(&mut self) {
        if let Some(current) = self.current.take()
            && let Some(segment) = lock(&self.ledger).segments.get_mut(&current.first)
        {
            segment.sealed = true;
        }
    }

    /// After a failed write or sync nobody knows what of it is on disk: the segment is cut back to what
    /// was acknowledged and never written again. (If even cutting fails, recovery may apply entries that
    /// were refused; sent again, they are the same rows.)
    fn abandon(&mut self) {
        if let Some(current) = &self.current {
            let _ = current.file.set_len(current.bytes);
        }
        self.seal();
    }
}
