//! Takes the chunks that `collectors` makes of files through the one door, here or in a running server.

use crate::{
    assembler::{Assembler, Counts},
    client::Client,
    core::Core,
};
use anyhow::{Context, Result};
use bytes::Bytes;
use collectors::import::{self, Chunk, Progress, Refused, Report};
use ingest::{Door, Outcome, Refusal};
use model::Batch;
use model::text::counted;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};
use store::EntryKind;
use tokio::runtime::Handle;

/// Where chunks go.
pub enum Target {
    /// A folder that this process has opened.
    Here(Box<Core>),
    /// A running server.
    There(Client),
}

impl Target {
    /// Takes files and folders in. `progress` is called from another thread.
    ///
    /// # Errors
    /// When nothing can be taken any more: the disk is full, the server is gone. What was taken before
    /// stays.
    pub async fn import(
        &self,
        paths: Vec<PathBuf>,
        mut progress: impl FnMut(&Progress) + Send + 'static,
    ) -> Result<(Report, Counts)> {
        let way = self.way();
        let runtime = Handle::current();
        let reading = tokio::task::spawn_blocking(move || {
            let mut sink = |chunk| runtime.block_on(way.send(chunk));
            let report = import::import(&paths, &mut sink, &mut progress);
            report.map(|report| (report, way.counts()))
        });
        let (report, counts) = reading.await.context("reading the files ended badly")??;
        Ok((report, counts))
    }

    /// The way into it, for one import or one collector.
    pub fn way(&self) -> Way {
        match self {
            Target::Here(core) => core.way(),
            Target::There(client) => Way::There {
                client: client.clone(),
                counts: Arc::default(),
            },
        }
    }
}

/// A target as one import or one collector sees it.
pub enum Way {
    /// A folder that this process has opened.
    Here {
        /// Takes chunks.
        entrance: Entrance,
        /// Counts when it began.
        before: Counts,
    },
    /// A running server.
    There {
        /// Where it is.
        client: Client,
        /// What it said was new.
        counts: Arc<Mutex<Counts>>,
    },
}

impl Way {
    /// Hands a chunk over, and waits until it is durable.
    ///
    /// # Errors
    /// When it is refused, or nothing can be taken.
    pub async fn send(&self, chunk: Chunk) -> Result<(), Refused> {
        match self {
            Way::Here { entrance, .. } => entrance.take(chunk).await,
            Way::There { client, counts } => {
                let mut parts = Parts::of(chunk);
                while let Some(part) = parts.next() {
                    let outcome = send_whole(client, counts, &part).await;
                    parts.note(part, outcome)?;
                }
                parts.end()
            }
        }
    }

    /// What was new.
    pub fn counts(&self) -> Counts {
        match self {
            Way::Here { entrance, before } => entrance.assembler.counts().since(*before),
            Way::There { counts, .. } => *counts
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }
}

async fn send_whole(client: &Client, counts: &Mutex<Counts>, part: &Chunk) -> Result<(), Turned> {
    let (kind, bytes) = as_bytes(part).map_err(|error| Refused::Skip(error.to_string()))?;
    if kind == ChunkKind::Batch && bytes.len() > SENT_AT_ONCE && !alone(part) {
        return Err(Turned::TooLarge(String::new()));
    }
    let (new, partial) = client.import_chunk(kind, bytes).await?;
    let mut counts = counts
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    *counts = counts.plus(new);
    match partial {
        None => Ok(()),
        Some(why) => Err(Refused::Part(why).into()),
    }
}

/// What is sent beside a chunk's bytes, so that the server knows what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkKind {
    /// `model::Batch` as JSON.
    Batch,
    /// OTLP.
    OtlpTraces,
    /// OTLP as JSON.
    OtlpTracesJson,
    /// OTLP.
    OtlpLogs,
    /// OTLP as JSON.
    OtlpLogsJson,
}

/// Times that a chunk is offered when the door is busy.
const TRIES: u32 = 60;

/// The door, and who counts what is new behind it.
#[derive(Clone)]
pub struct Entrance {
    /// Takes chunks.
    pub door: Door,
    /// Counts.
    pub assembler: Assembler,
}

impl Entrance {
    /// Hands a chunk to the door, waiting while it is busy; what it refuses is said in words. A batch that is too
    /// large goes in parts: what is taken of it does not hang on what is not.
    pub async fn take(&self, chunk: Chunk) -> Result<(), Refused> {
        let mut parts = Parts::of(as_protobuf(chunk)?);
        while let Some(part) = parts.next() {
            let outcome = self.take_whole(&part).await;
            parts.note(part, outcome)?;
        }
        parts.end()
    }

    async fn take_whole(&self, chunk: &Chunk) -> Result<(), Turned> {
        for _ in 1..TRIES {
            match offer(&self.door, chunk).await {
                Err(Refusal::Busy { retry_after, .. }) => tokio::time::sleep(retry_after).await,
                outcome => return self.judge(outcome, chunk),
            }
        }
        self.judge(offer(&self.door, chunk).await, chunk)
    }

    fn judge(&self, outcome: Result<Outcome, Refusal>, chunk: &Chunk) -> Result<(), Turned> {
        let outcome = outcome.map_err(|error| match error {
            Refusal::TooLarge(why) => Turned::TooLarge(why),
            Refusal::Malformed(why) => Refused::Skip(why).into(),
            _ => Refused::Stop(error.to_string()).into(),
        })?;
        self.assembler.count(match chunk {
            // Of a batch it has counted itself.
            Chunk::Batch(_) => Counts::default(),
            Chunk::OtlpTraces(_) | Chunk::OtlpTracesJson(_) => Counts {
                spans: outcome.new,
                ..Counts::default()
            },
            Chunk::OtlpLogs(_) | Chunk::OtlpLogsJson(_) => Counts {
                logs: outcome.new,
                ..Counts::default()
            },
        });
        match outcome.rejected {
            0 => Ok(()),
            rejected => {
                let why = format!(
                    "{rejected} of {} refused: {}",
                    counted(rejected + outcome.accepted, "record", "records"),
                    outcome.message
                );
                Err(match outcome.accepted {
                    0 => Refused::Skip(why).into(),
                    _ => Refused::Part(why).into(),
                })
            }
        }
    }
}

/// A batch that is larger goes to a server in parts, bytes: it has a limit for what it is sent.
const SENT_AT_ONCE: usize = 64 << 20;

fn alone(chunk: &Chunk) -> bool {
    matches!(chunk, Chunk::Batch(batch) if batch.len() == 1)
}

/// Why a chunk was not taken as it was offered.
#[derive(Debug)]
pub enum Turned {
    /// Less of it may be taken.
    TooLarge(String),
    /// It never will be.
    Refused(Refused),
}

impl From<Refused> for Turned {
    fn from(refused: Refused) -> Self {
        Turned::Refused(refused)
    }
}

/// Refusals that are told of the parts of one batch; the rest is counted.
const TOLD: usize = 5;

/// A chunk on its way: the halves of what is too large are offered, until single records are left. What is refused
/// then is told by its name.
struct Parts {
    waiting: Vec<Chunk>,
    refusals: Vec<String>,
    /// Of what was refused in part, the rest was taken.
    partial: bool,
}

impl Parts {
    fn of(chunk: Chunk) -> Parts {
        Parts {
            waiting: vec![chunk],
            refusals: Vec::new(),
            partial: false,
        }
    }

    /// What is to be offered next.
    fn next(&mut self) -> Option<Chunk> {
        self.waiting.pop()
    }

    /// Takes note of what became of it.
    fn note(&mut self, part: Chunk, outcome: Result<(), Turned>) -> Result<(), Refused> {
        match (outcome, part) {
            (Ok(()), _) => {}
            (Err(Turned::Refused(Refused::Skip(why))), _) => self.refusals.push(why),
            (Err(Turned::Refused(Refused::Part(why))), _) => {
                self.partial = true;
                self.refusals.push(why);
            }
            (Err(Turned::Refused(stop)), _) => return Err(stop),
            (Err(Turned::TooLarge(why)), Chunk::Batch(batch)) => {
                let first = batch.first_word();
                match batch.halves() {
                    Some((first, second)) => {
                        let halves = [Chunk::Batch(second), Chunk::Batch(first)];
                        self.waiting.extend(halves);
                    }
                    None => self.refusals.push(format!("{first} was refused: {why}")),
                }
            }
            (Err(Turned::TooLarge(why)), _) => self.refusals.push(why),
        }
        Ok(())
    }

    /// What is to be said in the end.
    fn end(mut self) -> Result<(), Refused> {
        let more = self.refusals.len().saturating_sub(TOLD);
        self.refusals.truncate(TOLD);
        if more > 0 {
            self.refusals.push(format!("and {more} more"));
        }
        let why = self.refusals.join("; ");
        match (self.refusals.is_empty(), self.partial) {
            (true, _) => Ok(()),
            (false, true) => Err(Refused::Part(why)),
            (false, false) => Err(Refused::Skip(why)),
        }
    }
}

/// The door takes OTLP as protobuf only.
fn as_protobuf(chunk: Chunk) -> Result<Chunk, Refused> {
    let skip = |error: ingest::json::JsonError| Refused::Skip(error.to_string());
    Ok(match chunk {
        Chunk::OtlpTracesJson(text) => {
            Chunk::OtlpTraces(ingest::json::traces(&text).map_err(skip)?.into())
        }
        Chunk::OtlpLogsJson(text) => {
            Chunk::OtlpLogs(ingest::json::logs(&text).map_err(skip)?.into())
        }
        other => other,
    })
}

async fn offer(door: &Door, chunk: &Chunk) -> Result<Outcome, Refusal> {
    match chunk {
        Chunk::Batch(batch) => door.batch(batch.clone()).await,
        Chunk::OtlpTraces(bytes) | Chunk::OtlpTracesJson(bytes) => {
            door.imported(EntryKind::OtlpTraces, bytes.clone()).await
        }
        Chunk::OtlpLogs(bytes) | Chunk::OtlpLogsJson(bytes) => {
            door.imported(EntryKind::OtlpLogs, bytes.clone()).await
        }
    }
}

/// Reads a chunk that was sent as bytes.
///
/// # Errors
/// When the bytes are not what `kind` says.
pub fn chunk(kind: ChunkKind, bytes: Bytes) -> Result<Chunk> {
    Ok(match kind {
        ChunkKind::Batch => {
            let batch: Batch = serde_json::from_slice(&bytes).context("not a batch")?;
            Chunk::Batch(batch)
        }
        ChunkKind::OtlpTraces => Chunk::OtlpTraces(bytes),
        ChunkKind::OtlpTracesJson => Chunk::OtlpTracesJson(bytes),
        ChunkKind::OtlpLogs => Chunk::OtlpLogs(bytes),
        ChunkKind::OtlpLogsJson => Chunk::OtlpLogsJson(bytes),
    })
}

/// The inverse of [`chunk`].
fn as_bytes(chunk: &Chunk) -> Result<(ChunkKind, Bytes)> {
    Ok(match chunk {
        Chunk::Batch(batch) => (ChunkKind::Batch, serde_json::to_vec(batch)?.into()),
        Chunk::OtlpTraces(bytes) => (ChunkKind::OtlpTraces, bytes.clone()),
        Chunk::OtlpTracesJson(bytes) => (ChunkKind::OtlpTracesJson, bytes.clone()),
        Chunk::OtlpLogs(bytes) => (ChunkKind::OtlpLogs, bytes.clone()),
        Chunk::OtlpLogsJson(bytes) => (ChunkKind::OtlpLogsJson, bytes.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Document, DocumentKind, Engine};

    /// What a receiver takes of documents of these sizes that takes `most` bytes at once, and what is said.
    fn sent(sizes: &[usize], most: usize) -> (Vec<usize>, Option<String>) {
        let document = |size: &usize| Document {
            engine: Engine::step_functions(),
            execution_arn: format!("run-{size}"),
            kind: DocumentKind::Execution,
            body: "x".repeat(*size),
        };
        let mut parts = Parts::of(Chunk::Batch(Batch {
            documents: sizes.iter().map(document).collect(),
            ..Batch::default()
        }));
        let mut taken = Vec::new();
        while let Some(part) = parts.next() {
            let Chunk::Batch(batch) = &part else { continue };
            let sizes: Vec<usize> = batch.documents.iter().map(|it| it.body.len()).collect();
            let outcome = match sizes.iter().sum::<usize>() > most {
                true => Err(Turned::TooLarge("too large".into())),
                false => Ok(()),
            };
            if outcome.is_ok() {
                taken.extend(sizes);
            }
            parts.note(part, outcome).expect("never a stop");
        }
        (taken, parts.end().err().map(|refused| refused.to_string()))
    }

    #[test]
    fn what_is_too_large_goes_in_parts_and_only_what_is_too_large_alone_is_refused() {
        let check = |sizes: &[usize], taken: &[usize], said: Option<&str>| {
            let said = said.map(str::to_owned);
            assert_eq!(sent(sizes, 10), (taken.to_vec(), said), "{sizes:?}");
        };
        check(&[4, 6], &[4, 6], None);
        check(&[4, 6, 9, 1, 10], &[4, 6, 9, 1, 10], None);
        let said = "a description of run-30 was refused: too large";
        check(&[4, 30, 6, 7], &[4, 6, 7], Some(said));
        check(&[30], &[], Some(said));
        let (taken, said) = sent(&[30; 9], 10);
        assert!(taken.is_empty() && said.is_some_and(|it| it.ends_with("; and 4 more")));
    }
}
