//! The parts that every command which touches the data needs, put together: store, door, assembler, queries.

use crate::{
    accounts,
    alerts::{self, Alerts},
    assembler::Assembler,
    case::Court,
    collect::{self, Sources},
    config::Config,
    experiments::{self, Experiments},
    importer::{Entrance, Way},
    live::Live,
    slo::{self, Slos},
};
use analysis::cost::PriceBook;
use anyhow::{Context, Result};
use ingest::Door;
use query::{Engine, Limits};
use state::State;
use std::{path::PathBuf, sync::Arc, time::Duration};
use store::{Entry, Store, StoreConfig};
use tokio::{sync::mpsc, task::JoinHandle};

/// Batches that may wait for the assembler.
const WAITING_BATCHES: usize = 64;

/// The parts. [`close`](Core::close) them in the end.
pub struct Core {
    /// What is held.
    pub store: Store,
    /// Answers questions.
    pub engine: Engine,
    /// Takes facts.
    pub door: Door,
    /// Says what they mean.
    pub assembler: Assembler,
    /// Judges what has settled.
    pub court: Court,
    /// Says what changed.
    pub live: Live,
    /// How the sources of facts stand.
    pub sources: Sources,
    /// What is billed by.
    pub prices: Arc<PriceBook>,
    /// What Inquest did or has to do next.
    pub state: State,
    /// Who is told.
    pub alerts: Alerts,
    /// What is promised, and how it stands.
    pub slos: Slos,
    /// What spends budgets on purpose.
    pub experiments: Experiments,
    assembling: JoinHandle<()>,
    read_only: bool,
}

/// Where a store lies and what it may use.
pub fn store_config(config: &Config) -> StoreConfig {
    let mut store = StoreConfig::at(&config.data);
    if let Some(blocks) = &config.blocks {
        store.blocks_url.clone_from(blocks);
    }
    store.memory_limit_bytes = megabytes(config.memory_mb);
    store.flush_bytes = store.flush_bytes.min(store.memory_limit_bytes / 4);
    store
}

/// Folder of the log, where the lock is.
pub fn log_folder(config: &Config) -> PathBuf {
    store_config(config).wal_dir
}

fn megabytes(number: u64) -> usize {
    usize::try_from(number.saturating_mul(1 << 20)).unwrap_or(usize::MAX)
}

impl Core {
    /// Opens the data for writing and applies what was acknowledged before the last end.
    ///
    /// # Errors
    /// When another process has the folder, or something in it cannot be read.
    pub async fn open(config: &Config) -> Result<Core> {
        let opened = Store::open(store_config(config)).await?;
        Core::over(config, opened, false).await
    }

    /// Opens the data to look at it, also while a server writes it.
    ///
    /// # Errors
    /// When there is no such folder, or something in it cannot be read.
    pub async fn open_read_only(config: &Config) -> Result<Core> {
        if config.blocks.is_none() && !config.data.is_dir() {
            anyhow::bail!(
                "there is no data in {}: import something first, or say --data DIR",
                config.data.display()
            );
        }
        let opened = Store::open_read_only(store_config(config)).await?;
        Core::over(config, opened, true).await
    }

    async fn over(config: &Config, opened: (Store, Vec<Entry>), read_only: bool) -> Result<Core> {
        let (store, entries) = opened;
        let state = match read_only {
            true => State::open_read_only(&config.data)?,
            false => State::open(&config.data)?,
        };
        let engine = Engine::new(Limits {
            memory_bytes: megabytes(config.query_memory_mb),
            time: config.query_timeout(),
            ..Limits::default()
        })?;
        let alerts = Alerts::open(config, state.clone())?;
        alerts::show(&engine, state.clone());
        let prices = Arc::new(accounts::price_book(config.price_book.as_deref())?);
        // What the assembler looks up must not fail because somebody's query used the budget.
        let lookups = Engine::new(Limits {
            time: Duration::from_secs(3_600),
            ..Limits::default()
        })?;
        let slos = Slos::new(config, store.clone(), lookups.clone(), alerts.clone());
        slo::show(&slos, &engine, read_only);
        experiments::show(&engine, state.clone());
        let sources = Sources::default();
        collect::show(&engine, sources.clone(), state.clone());
        let experiments = Experiments::new(
            state.clone(),
            store.clone(),
            lookups.clone(),
            alerts.clone(),
        );
        let (known, held) = (slos.clone(), state.clone());
        experiments.ask(Arc::new(move || experiments::objectives(&known, &held)));
        slos.leave_out(experiments.clone());
        let live = Live::default();
        let assembler = Assembler::new(store.clone(), lookups, prices.clone(), live.clone());
        let court = Court::new(assembler.held().clone());
        let (sender, inbox) = mpsc::channel(WAITING_BATCHES);
        let assembling = tokio::spawn(assembler.clone().run(inbox));
        let request_bytes = megabytes(config.max_request_mb);
        let limits = ingest::Limits {
            request_bytes,
            in_flight_bytes: request_bytes.saturating_mul(4),
            ..ingest::Limits::default()
        };
        let redactor = ingest::Redactor::new(&config.redact)?;
        let door = Door::with_limits(store.clone(), sender, limits)
            .redacting(redactor)
            .watching(assembler.watched());
        if !entries.is_empty() {
            tracing::debug!(
                entries = entries.len(),
                "applying what was acknowledged before"
            );
            door.replay(entries)
                .await
                .context("cannot apply what was acknowledged before")?;
        }
        Ok(Core {
            store,
            engine,
            door,
            assembler,
            live,
            prices,
            state,
            court,
            alerts,
            slos,
            experiments,
            sources,
            assembling,
            read_only,
        })
    }

    /// Where imports go in.
    pub fn entrance(&self) -> Entrance {
        Entrance {
            door: self.door.clone(),
            assembler: self.assembler.clone(),
        }
    }

    /// The way in for a collector.
    pub fn way(&self) -> Way {
        Way::Here {
            entrance: self.entrance(),
            before: self.assembler.counts(),
        }
    }

    /// Lets the assembler finish, then writes everything to blocks.
    ///
    /// # Errors
    /// When the blocks cannot be written; nothing acknowledged is lost, the log still holds it.
    pub async fn close(self) -> Result<()> {
        drop(self.door);
        self.assembling.await.context("the assembler ended badly")?;
        if !self.read_only {
            self.store.close().await?;
        }
        Ok(())
    }
}
