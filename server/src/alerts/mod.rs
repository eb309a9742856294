//! Who is told: the receivers as they are in force, and the handle through which the rest of the server
//! says that there is something to tell.

mod metrics;
mod receivers;
mod table;
mod views;
mod worker;

pub use metrics::metrics;
pub use receivers::Receiving;
pub use table::show;
pub use views::{
    delivery, delivery_page, known_status, read_time, receiver_page, silence_view, silence_written,
};
pub use worker::test;

use crate::config::Config;
use anyhow::Result;
use model::UnixNanos;
use notify::{Notification, Receivers, outbox};
use state::{Changes, State};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Alerts on their way out. Clones share it.
#[derive(Clone)]
pub struct Alerts {
    /// Where the outbox is.
    pub state: State,
    receiving: Receiving,
    wake: Arc<Notify>,
}

impl Alerts {
    /// With the receivers of the data folder.
    ///
    /// # Errors
    /// When `receivers.toml` does not hold together: with half of the receivers, somebody would not be
    /// told.
    pub fn open(config: &Config, state: State) -> Result<Self> {
        Ok(Alerts {
            state,
            receiving: Receiving::open(config.receivers_path())?,
            wake: Arc::default(),
        })
    }

    /// The receivers in force.
    pub fn receivers(&self) -> Arc<Receivers> {
        self.receiving.current()
    }

    /// The file of receivers, and what is wrong with it now.
    pub fn receiving(&self) -> &Receiving {
        &self.receiving
    }

    /// Writes a message to everybody who wants it, within the transaction that writes what it is about;
    /// says how many. [`wake`](Alerts::wake) after the commit.
    ///
    /// # Errors
    /// When the state refuses; then the decision is not written, either.
    pub fn enqueue(
        &self,
        changes: &Changes<'_>,
        message: &Notification,
        now: UnixNanos,
    ) -> notify::Result<usize> {
        outbox::enqueue(changes, &self.receivers(), message, now)
    }

    /// Something may be due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Delivers until it is told to end. Attempts that are on their way then are begun again at the next
    /// start, under the same ids.
    pub async fn run(self, end: CancellationToken) {
        worker::run(&self, end).await;
    }
}
