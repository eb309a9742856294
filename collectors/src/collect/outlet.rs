//! What a collector is given: where facts go, what is kept, what time it is, what others want.

use super::{Advice, Failure, Wanted};
use crate::import::{Chunk, Refused};
use model::{Batch, UnixNanos};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};

/// What a collector asks of the loop around it.
#[derive(Debug)]
pub enum Order {
    /// Take these facts; answer when they are durable.
    Take(Chunk, oneshot::Sender<Result<(), Refused>>),
    /// Keep this for the next start.
    Keep(Value, oneshot::Sender<Result<(), String>>),
    /// What is being looked for.
    Want(oneshot::Sender<Wanted>),
    /// Which of these executions have ended and are held with all their events: how often each was redriven.
    Whole(Vec<String>, oneshot::Sender<BTreeMap<String, u32>>),
}

/// The way out of a collector.
#[derive(Debug, Clone)]
pub struct Outlet {
    orders: mpsc::Sender<Order>,
    clock: fn() -> UnixNanos,
}

impl Outlet {
    /// An outlet whose orders go to `orders`.
    pub fn new(orders: mpsc::Sender<Order>, clock: fn() -> UnixNanos) -> Self {
        Outlet { orders, clock }
    }

    /// Now.
    pub fn now(&self) -> UnixNanos {
        (self.clock)()
    }

    /// Hands facts over and waits until they are durable.
    ///
    /// # Errors
    /// When nothing can be taken. Facts that are refused as malformed are reported and passed over:
    /// asking for them again would give the same.
    pub async fn facts(&self, batch: Batch) -> Result<(), Failure> {
        if batch.is_empty() {
            return Ok(());
        }
        self.chunk(Chunk::Batch(batch)).await
    }

    /// The same, of any chunk.
    ///
    /// # Errors
    /// As [`facts`](Self::facts).
    pub async fn chunk(&self, chunk: Chunk) -> Result<(), Failure> {
        match self.ask(|answer| Order::Take(chunk, answer)).await? {
            Ok(()) => Ok(()),
            Err(Refused::Skip(reason) | Refused::Part(reason)) => {
                tracing::warn!(reason, "some of what was collected cannot be stored");
                Ok(())
            }
            Err(Refused::Stop(reason)) => Err(Failure::new(
                Advice::Store,
                reason,
                "it is tried again; nothing is lost, because cursors stay where they are",
            )),
        }
    }

    /// Keeps something for the next round and the next start. Call it only for what is durable.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep(&self, kept: &impl Serialize) -> Result<(), Failure> {
        let failed = |why: String| {
            Failure::new(
                Advice::Store,
                format!("cannot keep where the collector is: {why}"),
                "look at the state folder inside the data folder",
            )
        };
        let kept = serde_json::to_value(kept).map_err(|error| failed(error.to_string()))?;
        self.ask(|answer| Order::Keep(kept, answer))
            .await?
            .map_err(failed)
    }

    /// What executions that are held still lack.
    ///
    /// # Errors
    /// When the process is ending.
    pub async fn wanted(&self) -> Result<Wanted, Failure> {
        self.ask(Order::Want).await
    }

    /// Which of these executions have ended and are held with all their events, and how often each was
    /// redriven.
    ///
    /// # Errors
    /// When the process is ending.
    pub async fn whole(&self, arns: Vec<String>) -> Result<BTreeMap<String, u32>, Failure> {
        self.ask(|answer| Order::Whole(arns, answer)).await
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let sent = self.orders.send(order(answer)).await;
        sent.map_err(|_| Failure::ending())?;
        answered.await.map_err(|_| Failure::ending())
    }
}
