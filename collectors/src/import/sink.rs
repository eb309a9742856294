//! Gathers small facts into batches that are worth a write.

use super::{Accepted, Chunk};
use model::{Batch, Change, HistoryEvent, LogRecord, Span};

/// A batch is handed on when it holds so many records…
const MAX_RECORDS: usize = 50_000;
/// …or so many bytes of text.
const MAX_BYTES: usize = 16 << 20;

pub(super) struct Sink<'a> {
    out: &'a mut dyn FnMut(Chunk) -> Accepted,
    batch: Batch,
    bytes: usize,
}

impl<'a> Sink<'a> {
    pub(super) fn new(out: &'a mut dyn FnMut(Chunk) -> Accepted) -> Self {
        Sink {
            out,
            batch: Batch::default(),
            bytes: 0,
        }
    }

    pub(super) fn log(&mut self, record: LogRecord) -> Accepted {
        self.bytes += record.body.len() + 200;
        self.batch.logs.push(record);
        self.flush_full()
    }

    pub(super) fn span(&mut self, span: Span) -> Accepted {
        self.bytes += 400 + span.attributes.len() * 60 + span.events.len() * 100;
        self.batch.spans.push(span);
        self.flush_full()
    }

    pub(super) fn change(&mut self, change: Change) -> Accepted {
        self.bytes += change.change.len() + 400;
        self.batch.changes.push(change);
        self.flush_full()
    }

    pub(super) fn event(&mut self, event: HistoryEvent) -> Accepted {
        self.bytes += event.details.len() + 200;
        self.batch.events.push(event);
        self.flush_full()
    }

    /// Whole executions: a batch ends between two of them, unless one alone is too large.
    pub(super) fn whole(&mut self, batch: Batch) -> Accepted {
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

    pub(super) fn flush(&mut self) -> Accepted {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            Ok(())
        } else {
            (self.out)(Chunk::Batch(batch))
        }
    }
}
