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
                let (kind, bytes) =
                    as_bytes(chunk).map_err(|error| Refused::Skip(error.to_string()))?;
                let new = client.import_chunk(kind, bytes).await?;
                let mut counts = counts
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                *counts = counts.plus(new);
                Ok(())
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
    /// Hands a chunk to the door, waiting while it is busy; what it refuses is said in words.
    pub async fn take(&self, chunk: Chunk) -> Result<(), Refused> {
        let chunk = as_protobuf(chunk)?;
        for _ in 1..TRIES {
            match offer(&self.door, &chunk).await {
                Err(Refusal::Busy { retry_after, .. }) => tokio::time::sleep(retry_after).await,
                outcome => return self.judge(outcome, &chunk),
            }
        }
        self.judge(offer(&self.door, &chunk).await, &chunk)
    }

    fn judge(&self, outcome: Result<Outcome, Refusal>, chunk: &Chunk) -> Result<(), Refused> {
        let outcome = outcome.map_err(|error| match error {
            Refusal::Malformed(_) | Refusal::TooLarge(_) => Refused::Skip(error.to_string()),
            _ => Refused::Stop(error.to_string()),
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
            rejected => Err(Refused::Skip(format!(
                "{rejected} of {} refused: {}",
                counted(rejected + outcome.accepted, "record", "records"),
                outcome.message
            ))),
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
        Chunk::OtlpTraces(bytes) | Chunk::OtlpTracesJson(bytes) => door.traces(bytes.clone()).await,
        Chunk::OtlpLogs(bytes) | Chunk::OtlpLogsJson(bytes) => door.logs(bytes.clone()).await,
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
fn as_bytes(chunk: Chunk) -> Result<(ChunkKind, Bytes)> {
    Ok(match chunk {
        Chunk::Batch(batch) => (ChunkKind::Batch, serde_json::to_vec(&batch)?.into()),
        Chunk::OtlpTraces(bytes) => (ChunkKind::OtlpTraces, bytes),
        Chunk::OtlpTracesJson(bytes) => (ChunkKind::OtlpTracesJson, bytes),
        Chunk::OtlpLogs(bytes) => (ChunkKind::OtlpLogs, bytes),
        Chunk::OtlpLogsJson(bytes) => (ChunkKind::OtlpLogsJson, bytes),
    })
}
