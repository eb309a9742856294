//! The one door: every fact, from a socket or from a file, is admitted, made durable and applied
//! here, and nowhere else.

use crate::{
    budget::{Budget, Held},
    decode::{self, Decoded},
    judged::{Watched, facts, judged},
    promotion::Promotion,
    redact::Redactor,
};
use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::StreamExt;
use model::Batch;
use std::{sync::Arc, time::Duration};
use store::{Entry, EntryKind, Position, Store, Table};
use tokio::sync::{mpsc, oneshot};

/// Requests larger than this are decoded where they cannot hold up others, bytes.
const LARGE: usize = 1 << 20;
/// How often applying is tried again when the store cannot read what it holds.
const TRIES: u32 = 4;
/// Entries that are applied again at the same time.
const REPLAYED_TOGETHER: usize = 32;

/// What the door admits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest request as sent and after decompression, bytes.
    pub request_bytes: usize,
    /// Bytes of requests under way at once; beyond it requests are refused as retryable.
    pub in_flight_bytes: usize,
    /// When a refused sender should try again.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_bytes: 64 << 20,
            in_flight_bytes: 256 << 20,
            retry_after: Duration::from_secs(2),
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Records taken, those that were held already among them.
    pub accepted: u64,
    /// Those of the accepted spans or log records that were not held before. For a batch, whoever applies
    /// it counts.
    pub new: u64,
    /// Records left out.
    pub rejected: u64,
    /// Why, or what was changed; empty if nothing was.
    pub message: String,
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It can never be taken as it is.
    #[error("{0}")]
    Malformed(String),
    /// It is larger than the limits.
    #[error("{0}")]
    TooLarge(String),
    /// Too much is under way; the same request may be sent again.
    #[error("{why}")]
    Busy {
        /// Which budget is used up.
        why: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// It could not be made durable; the same request may be sent again.
    #[error("{why}")]
    Unavailable {
        /// What failed.
        why: String,
        /// When to try again.
        retry_after: Duration,
    },
}

/// A batch on its way to whoever turns facts into traces.
#[derive(Debug)]
pub struct Submitted {
    /// The facts. Spans in it may be held already.
    pub batch: Batch,
    /// Its place in the log, to be reported to [`Store::applied`] when it is applied; `None` if
    /// somebody else does.
    pub position: Option<Position>,
    /// Where to say that it is applied and visible, or why not.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct Door {
    store: Store,
    batches: mpsc::Sender<Submitted>,
    limits: Limits,
    budget: Budget,
    spans: Promotion,
    logs: Promotion,
    redactor: Arc<Redactor>,
    watched: Watched,
}

impl Door {
    /// A door to `store`; batches go to the other end of `batches`.
    pub fn new(store: Store, batches: mpsc::Sender<Submitted>) -> Self {
        Door::with_limits(store, batches, Limits::default())
    }

    /// The same with other limits.
    pub fn with_limits(store: Store, batches: mpsc::Sender<Submitted>, limits: Limits) -> Self {
        let snapshot = store.snapshot();
        let (spans, logs) = (Promotion::default(), Promotion::default());
        spans.adopt(&snapshot.schema(Table::Spans));
        logs.adopt(&snapshot.schema(Table::Logs));
        Door {
            budget: Budget::new(limits.in_flight_bytes),
            store,
            batches,
            limits,
            spans,
            logs,
            redactor: Arc::default(),
            watched: Watched::default(),
        }
    }

    /// The same door, which has spans of watched traces judged at once.
    pub fn watching(self, watched: Watched) -> Self {
        Door { watched, ..self }
    }

    /// The same door, which takes out what must not be kept before anything is written.
    pub fn redacting(self, redactor: Redactor) -> Self {
        Door {
            redactor: Arc::new(redactor),
            ..self
        }
    }

    /// What it admits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reserves room for `bytes` of a request until what is returned is dropped.
    pub fn admit(&self, bytes: usize) -> Result<Held, Refusal> {
        if bytes > self.limits.request_bytes {
            return Err(self.too_large(bytes));
        }
        self.admit_of_any_size(bytes)
    }

    /// The same for what no sender could make smaller; what is larger than the whole budget waits for all of it.
    fn admit_of_any_size(&self, bytes: usize) -> Result<Held, Refusal> {
        let bytes = bytes.min(self.limits.in_flight_bytes);
        self.budget.take(bytes).ok_or_else(|| Refusal::Busy {
            why: "too many bytes of requests are under way; send again in a moment".into(),
            retry_after: self.limits.retry_after,
        })
    }

    /// The refusal of a request of `bytes` or more.
    pub(crate) fn too_large(&self, bytes: usize) -> Refusal {
        let limit = self.limits.request_bytes;
        Refusal::TooLarge(format!(
            "the request has {bytes} bytes or more, the limit is {limit}: send smaller batches"
        ))
    }

    /// Takes an `ExportTraceServiceRequest`. Durable and visible when it returns.
    pub async fn traces(&self, protobuf: Bytes) -> Result<Outcome, Refusal> {
        self.otlp(EntryKind::OtlpTraces, protobuf).await
    }

    /// Takes an `ExportLogsServiceRequest`. Durable and visible when it returns.
    pub async fn logs(&self, protobuf: Bytes) -> Result<Outcome, Refusal> {
        self.otlp(EntryKind::OtlpLogs, protobuf).await
    }

    /// Takes an OTLP request that was found in a file. The limit of requests is for senders, who can send less at
    /// a time; a file is as it is, and what the log takes is taken.
    pub async fn imported(&self, kind: EntryKind, protobuf: Bytes) -> Result<Outcome, Refusal> {
        let _held = self.admit_of_any_size(protobuf.len())?;
        self.otlp_admitted(kind, protobuf).await
    }

    /// Takes what a collector read. Durable and applied when it returns. What is larger than the log takes is
    /// [`Refusal::TooLarge`]: the halves may be offered.
    pub async fn batch(&self, batch: Batch) -> Result<Outcome, Refusal> {
        if batch.is_empty() {
            return Ok(Outcome::default());
        }
        let mut batch = batch;
        self.redactor.batch(&mut batch);
        let accepted = batch.len() as u64;
        let payload = serde_json::to_vec(&batch).map_err(|e| Refusal::Malformed(e.to_string()))?;
        let _held = self.admit_of_any_size(payload.len())?;
        let door = self.clone();
        self.run(async move {
            let logged = door.store.log(EntryKind::Batch, payload.into()).await;
            let position = logged.map_err(|error| door.refusal(error))?;
            door.submit(batch, Some(position)).await
        })
        .await?;
        Ok(Outcome {
            accepted,
            ..Outcome::default()
        })
    }

    /// Applies what was acknowledged before a restart and is not in blocks yet. An entry that
    /// cannot be applied is reported and stays in the log.
    pub async fn replay(&self, entries: Vec<Entry>) -> Result<(), Refusal> {
        // Several at once, so that whoever applies batches can take them together.
        let mut replayed = futures::stream::iter(entries)
            .map(|entry| async move { (entry.position, self.replay_one(entry).await) })
            .buffer_unordered(REPLAYED_TOGETHER);
        while let Some((position, outcome)) = replayed.next().await {
            match outcome {
                Ok(()) => {}
                Err(error @ (Refusal::Busy { .. } | Refusal::Unavailable { .. })) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::error!(?position, %error, "an entry of the log cannot be applied; it stays there");
                }
            }
        }
        Ok(())
    }

    async fn replay_one(&self, entry: Entry) -> Result<(), Refusal> {
        match entry.kind {
            EntryKind::Batch => {
                let batch = serde_json::from_slice(&entry.payload)
                    .map_err(|error| Refusal::Malformed(error.to_string()))?;
                // Waiting would not help: one batch must not keep all others shut in.
                let applied = self.hand_over(batch, Some(entry.position)).await?;
                applied.map_err(Refusal::Malformed)
            }
            kind => {
                let decoded = self.decode(kind, entry.payload).await?;
                let named = judged(kind, &decoded.batch, &self.watched);
                self.append(kind, decoded.batch).await?;
                self.join(kind, named, entry.position).await
            }
        }
    }

    async fn otlp(&self, kind: EntryKind, request: Bytes) -> Result<Outcome, Refusal> {
        let _held = self.admit(request.len())?;
        self.otlp_admitted(kind, request).await
    }

    async fn otlp_admitted(&self, kind: EntryKind, request: Bytes) -> Result<Outcome, Refusal> {
        let request = match self.redactor.is_empty() {
            true => request,
            false => {
                let clean = self.redactor.otlp(&request, kind == EntryKind::OtlpLogs);
                Bytes::from(clean.map_err(|error| Refusal::Malformed(error.to_string()))?)
            }
        };
        let decoded = self.decode(kind, request.clone()).await?;
        let mut outcome = Outcome {
            accepted: decoded.batch.num_rows() as u64,
            new: 0,
            rejected: decoded.rejected,
            message: decoded.message,
        };
        if outcome.accepted > 0 {
            let door = self.clone();
            let new = self.run(async move {
                let logged = door.store.log(kind, request).await;
                let position = logged.map_err(|error| door.refusal(error))?;
                let named = judged(kind, &decoded.batch, &door.watched);
                let new = door.append(kind, decoded.batch).await?;
                // What was held already was joined when it came.
                let named = if new > 0 { named } else { Vec::new() };
                door.join(kind, named, position).await?;
                Ok(new)
            });
            outcome.new = new.await?;
        }
        Ok(outcome)
    }

    /// Runs to the end even if the sender goes away: what is in the log has to be applied.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        match tokio::spawn(work).await {
            Ok(result) => result,
            Err(error) => Err(self.unavailable(format!("applying a request failed: {error}"))),
        }
    }

    async fn decode(&self, kind: EntryKind, request: Bytes) -> Result<Decoded, Refusal> {
        let large = request.len() > LARGE;
        let (spans, logs) = (self.spans.clone(), self.logs.clone());
        let decode = move || match kind {
            EntryKind::OtlpLogs => decode::logs(&request, &logs),
            _ => decode::traces(&request, &spans),
        };
        let decoded = if large {
            let joined = tokio::task::spawn_blocking(decode).await;
            joined.map_err(|error| self.unavailable(format!("decoding failed: {error}")))?
        } else {
            decode()
        };
        decoded.map_err(|error| Refusal::Malformed(error.to_string()))
    }

    /// Puts rows that are in the log into the store; how many were new.
    async fn append(&self, kind: EntryKind, rows: RecordBatch) -> Result<u64, Refusal> {
        let table = match kind {
            EntryKind::OtlpLogs => Table::Logs,
            _ => Table::Spans,
        };
        let mut tries = 0;
        loop {
            match self.store.append(table, rows.clone()).await {
                Ok(appended) => return Ok(appended.rows as u64),
                Err(error) => {
                    tries += 1;
                    if !error.is_retryable() || tries == TRIES {
                        return Err(self.refusal(error));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50 << (2 * tries))).await;
        }
    }

    /// Has facts judged from which something is derived; then the entry is applied.
    async fn join(
        &self,
        kind: EntryKind,
        judged: Vec<RecordBatch>,
        position: Position,
    ) -> Result<(), Refusal> {
        for batch in judged.iter().filter_map(|rows| facts(kind, rows)) {
            self.submit(batch, None).await?;
        }
        self.store.applied(position);
        Ok(())
    }

    async fn submit(&self, batch: Batch, position: Option<Position>) -> Result<(), Refusal> {
        let applied = self.hand_over(batch, position).await?;
        applied.map_err(|why| self.unavailable(why))
    }

    /// The inner error says why the batch could not be applied, the outer one that nobody tried.
    async fn hand_over(
        &self,
        batch: Batch,
        position: Option<Position>,
    ) -> Result<Result<(), String>, Refusal> {
        let (done, applied) = oneshot::channel();
        let submitted = Submitted {
            batch,
            position,
            done,
        };
        let closing = "the server is closing; send again when it is back";
        if self.batches.send(submitted).await.is_err() {
            return Err(self.unavailable(closing));
        }
        match applied.await {
            Ok(outcome) => Ok(outcome),
            Err(_) => Err(self.unavailable(closing)),
        }
    }

    fn unavailable(&self, why: impl Into<String>) -> Refusal {
        Refusal::Unavailable {
            why: why.into(),
            retry_after: self.limits.retry_after,
        }
    }

    fn refusal(&self, error: store::Error) -> Refusal {
        let why = error.to_string();
        let retry_after = self.limits.retry_after;
        match error {
            store::Error::Full { .. } => Refusal::Busy { why, retry_after },
            store::Error::TooLarge { .. } => Refusal::TooLarge(why),
            store::Error::Refused { .. } | store::Error::Rows { .. } => Refusal::Malformed(why),
            error => {
                tracing::error!(%error, "a request could not be stored");
                Refusal::Unavailable { why, retry_after }
            }
        }
    }
}

#[cfg(test)]
mod tests;
