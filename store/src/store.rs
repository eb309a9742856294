//! The store as others see it.

use crate::{
    Error, StoreConfig, Table,
    lock::Lock,
    memory::UnitId,
    objects,
    read::Reader,
    snapshot::Snapshot,
    state::{self, State},
    wal::{self, Entry, EntryKind, Position, Wal},
};
use arrow::array::RecordBatch;
use bytes::Bytes;
use model::TraceId;
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

/// A store: a write-ahead log, rows in memory, blocks in an object store.
///
/// Clones are the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) reader: Arc<Reader>,
    /// `None` when opened to read only.
    pub(crate) wal: Option<Wal>,
    state: Mutex<State>,
    lock: Option<Lock>,
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What became of appended rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Rows that are new.
    pub rows: usize,
    /// Rows that were held already.
    pub duplicates: usize,
}

/// All derived rows of one execution or invocation.
pub struct Unit {
    /// Its trace, which all its rows carry.
    pub id: TraceId,
    /// Its rows: they take the place of all earlier ones in these tables. An empty batch removes.
    pub tables: Vec<(Table, RecordBatch)>,
}

impl Store {
    /// Opens a folder for writing, and returns what was acknowledged but is not in blocks yet: the caller
    /// applies it again, in order.
    pub async fn open(config: StoreConfig) -> Result<(Store, Vec<Entry>), Error> {
        let lock = Lock::take(&config.wal_dir)?;
        let (wal, entries) = Wal::open(&config.wal_dir, config.wal_limit_bytes)?;
        let objects = objects::open(&config.blocks_url)?;
        let store = Store {
            inner: Arc::new(Inner {
                config,
                reader: Arc::new(Reader::new(objects)),
                wal: Some(wal),
                state: Mutex::default(),
                lock: Some(lock),
            }),
        };
        Ok((store, entries))
    }

    /// Opens a folder to look at it, also while another process writes it. Applied entries stay in
    /// memory; nothing is ever written.
    pub async fn open_read_only(config: StoreConfig) -> Result<(Store, Vec<Entry>), Error> {
        let entries = wal::read_only(&config.wal_dir)?;
        let objects = objects::open(&config.blocks_url)?;
        let store = Store {
            inner: Arc::new(Inner {
                config,
                reader: Arc::new(Reader::new(objects)),
                wal: None,
                state: Mutex::default(),
                lock: None,
            }),
        };
        Ok((store, entries))
    }

    /// Says in the lock file where this process can be asked, such as `http://127.0.0.1:4319`;
    /// [`holder`](crate::holder) reads it.
    pub fn announce(&self, address: &str) -> Result<(), Error> {
        match &self.inner.lock {
            Some(lock) => lock.announce(address),
            None => Err(Error::ReadOnly),
        }
    }

    /// Writes an entry to the log. It is durable when this returns; the caller then applies it and calls
    /// [`applied`](Self::applied).
    pub async fn log(&self, kind: EntryKind, payload: Bytes) -> Result<Position, Error> {
        let wal = self.inner.wal.as_ref().ok_or(Error::ReadOnly)?;
        if self.inner.state().bytes() >= self.inner.config.memory_limit_bytes {
            return Err(Error::Full { what: "memory" });
        }
        wal.log(kind, payload).await
    }

    /// Notes that every row of this entry is in memory.
    pub fn applied(&self, position: Position) {
        if let Some(wal) = &self.inner.wal {
            wal.applied(position);
        }
    }

    /// Adds rows of `spans` or `logs`. Rows whose identity is held already, in memory or in any block,
    /// are dropped. The others are in the next snapshot.
    pub async fn append(&self, table: Table, batch: RecordBatch) -> Result<Appended, Error> {
        let identities = state::identities(table, &batch)?;
        let rows = self.inner.state().append(table, batch, &identities)?;
        Ok(Appended {
            rows,
            duplicates: identities.len() - rows,
        })
    }

    /// Puts the rows of a unit in the place of those that are held of it.
    pub async fn replace(&self, unit: Unit) -> Result<(), Error> {
        let id: UnitId = unit.id.0;
        let mut state = self.inner.state();
        for (table, batch) in unit.tables {
            state.replace(table, id, batch)?;
        }
        Ok(())
    }

    /// This moment of the store.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.state().snapshot(&self.inner.reader)
    }

    /// Writes what is in memory as blocks. (Until blocks are in, the log alone keeps it.)
    pub async fn flush(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Puts small blocks together. (Until blocks are in, there are none.)
    pub async fn compact(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Ends the store; what is acknowledged is kept.
    pub async fn close(self) -> Result<(), Error> {
        self.flush().await?;
        if let Some(wal) = &self.inner.wal {
            wal.close();
        }
        Ok(())
    }

    /// The folder of the log.
    pub fn wal_dir(&self) -> &Path {
        &self.inner.config.wal_dir
    }
}
