//! Gathers small facts into batches that are worth a write.

use super::{Accepted, Chunk, Refused};
use model::{Batch, Change, HistoryEvent, LogRecord, Span};
use std::path::{Path, PathBuf};

/// A batch is handed on when it holds so many records…
const MAX_RECORDS: usize = 50_000;
/// …or so many bytes of text.
const MAX_BYTES: usize = 16 << 20;

/// The largest text of one record, bytes as JSON writes it: with its record it has to fit into one entry of the
/// write-ahead log (256 MiB).
const MAX_TEXT: usize = 240 << 20;

pub(super) struct Sink<'a> {
    out: &'a mut dyn FnMut(Chunk) -> Accepted,
    batch: Batch,
    bytes: usize,
    /// The file being read.
    reading: PathBuf,
    /// Where the batch's facts come from: the last file, and whether there are others.
    from: Origins,
    /// What was refused of batches, until somebody asks.
    refusals: Vec<Refusal>,
}

/// Where facts come from.
#[derive(Debug, Default)]
struct Origins {
    last: PathBuf,
    others: usize,
}

impl Origins {
    fn add(&mut self, path: &Path) {
        if self.last != path {
            self.others += usize::from(self.last != Path::new(""));
            self.last = path.to_owned();
        }
    }
}

/// What the receiver refused of a batch.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The last file of which it held facts.
    pub(super) path: PathBuf,
    /// Why.
    pub(super) reason: String,
}

/// Why a record with this text is refused, if it is: said where its place is still known.
pub(super) fn too_large(text: &str) -> Option<String> {
    // Control characters take six bytes.
    if text.len() <= MAX_TEXT / 6 {
        return None;
    }
    let size = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    let bytes: usize = text.bytes().map(size).sum();
    (bytes > MAX_TEXT).then(|| {
        let (megabytes, most) = (bytes >> 20, MAX_TEXT >> 20);
        format!("its {megabytes} MiB of text are more than the {most} MiB that one record may have; left out")
    })
}

impl<'a> Sink<'a> {
    pub(super) fn new(out: &'a mut dyn FnMut(Chunk) -> Accepted) -> Self {
        Sink {
            out,
            batch: Batch::default(),
            bytes: 0,
            reading: PathBuf::new(),
            from: Origins::default(),
            refusals: Vec::new(),
        }
    }

    /// Says what file the facts are of that follow.
    pub(super) fn reading(&mut self, path: &Path) {
        self.reading = path.to_owned();
    }

    /// What was refused since it was last asked.
    pub(super) fn refusals(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.refusals)
    }

    /// The last file of what was sent last, or will be sent.
    pub(super) fn last_file(&self) -> &Path {
        &self.from.last
    }

    pub(super) fn log(&mut self, record: LogRecord) -> Accepted {
        self.bytes += record.body.len() + 200;
        self.batch.logs.push(record);
        self.from.add(&self.reading);
        self.flush_full()
    }

    pub(super) fn span(&mut self, span: Span) -> Accepted {
        self.bytes += 400 + span.attributes.len() * 60 + span.events.len() * 100;
        self.batch.spans.push(span);
        self.from.add(&self.reading);
        self.flush_full()
    }

    pub(super) fn change(&mut self, change: Change) -> Accepted {
        self.bytes += change.change.len() + 400;
        self.batch.changes.push(change);
        self.from.add(&self.reading);
        self.flush_full()
    }

    pub(super) fn event(&mut self, event: HistoryEvent) -> Accepted {
        self.bytes += event.details.len() + 200;
        self.batch.events.push(event);
        self.from.add(&self.reading);
        self.flush_full()
    }

    /// Whole executions: a batch ends between two of them, unless one alone is too large.
    pub(super) fn whole(&mut self, batch: Batch) -> Accepted {
        self.from.add(&self.reading);
        for document in batch.documents {
            self.bytes += document.body.len();
            self.batch.documents.push(document);
        }
        batch
            .logs
            .into_iter()
            .try_for_each(|record| self.log(record))?;
        for event in batch.events {
            let last = self.batch.events.last();
            let boundary = last.is_none_or(|last| last.execution_arn != event.execution_arn);
            if (boundary && self.is_full()) || self.bytes >= MAX_BYTES * 4 {
                self.flush()?;
                self.from.add(&self.reading);
            }
            self.bytes += event.details.len() + 200;
            self.batch.events.push(event);
        }
        self.flush_full()
    }

    pub(super) fn chunk(&mut self, chunk: Chunk) -> Accepted {
        (self.out)(chunk)
    }

    fn flush_full(&mut self) -> Accepted {
        if self.is_full() { self.flush() } else { Ok(()) }
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= MAX_RECORDS || self.bytes >= MAX_BYTES
    }

    /// Hands the batch on. What is refused of it is kept for the report, and reading goes on.
    pub(super) fn flush(&mut self) -> Accepted {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        match (self.out)(Chunk::Batch(batch)) {
            Err(Refused::Skip(reason) | Refused::Part(reason)) => {
                let from = std::mem::take(&mut self.from);
                let reason = match from.others {
                    0 => reason,
                    others => {
                        format!("{reason} (of a batch from this file and {others} before it)")
                    }
                };
                self.refusals.push(Refusal {
                    path: from.last,
                    reason,
                });
                Ok(())
            }
            Err(stop) => Err(stop),
            Ok(()) => {
                self.from = Origins::default();
                Ok(())
            }
        }
    }
}
