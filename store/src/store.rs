//! The store as others see it.

use crate::{
    Error, StoreConfig, Table,
    catalog::Catalog,
    changes::Changed,
    flush::Work,
    identity,
    lock::Lock,
    memory::UnitId,
    objects::Objects,
    read::Reader,
    snapshot::Snapshot,
    state::State,
    tend,
    wal::{self, Entry, EntryKind, Position, Wal},
};
use arrow::array::RecordBatch;
use bytes::Bytes;
use model::{TraceId, UnixNanos};
use object_store::ObjectStore;
use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// A store: a write-ahead log, rows in memory, blocks in an object store.
///
/// Clones are the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) objects: Objects,
    pub(crate) reader: Arc<Reader>,
    /// `None` when opened to read only.
    pub(crate) wal: Option<Wal>,
    /// `None` when opened to read only, and after closing.
    pub(crate) work: tokio::sync::Mutex<Option<Work>>,
    pub(crate) compacting: tokio::sync::Mutex<()>,
    /// Rung when memory should become blocks.
    pub(crate) wake: Arc<Notify>,
    state: Mutex<State>,
    changed: Mutex<Changed>,
    lock: Mutex<Option<Lock>>,
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
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

/// All derived rows of many units, in one batch a table: much cheaper than one by one.
pub struct Units {
    /// Their traces.
    pub ids: Vec<TraceId>,
    /// Their rows, those of one unit side by side. In each of these tables they take the place of all
    /// earlier rows of every unit named, also of one that has no rows here.
    pub tables: Vec<(Table, RecordBatch)>,
}

impl Store {
    /// Opens a folder for writing, and returns what was acknowledged but is not in blocks yet: the caller
    /// applies it again, in order.
    pub async fn open(config: StoreConfig) -> Result<(Store, Vec<Entry>), Error> {
        let objects = Objects::open(&config.blocks_url, true)?;
        Self::open_objects(config, objects).await
    }

    /// As [`open`](Self::open), with blocks in any object store.
    pub async fn open_on(
        config: StoreConfig,
        objects: Arc<dyn ObjectStore>,
    ) -> Result<(Store, Vec<Entry>), Error> {
        Self::open_objects(config, Objects::new(objects)).await
    }

    async fn open_objects(
        config: StoreConfig,
        objects: Objects,
    ) -> Result<(Store, Vec<Entry>), Error> {
        let lock = Lock::take(&config.wal_dir)?;
        let (wal, entries) = Wal::open(&config.wal_dir, config.wal_limit_bytes)?;
        let store = Self::assemble(config, objects, Some(wal), Some(lock)).await?;
        store.inner.objects.delete_unfinished()?;
        store.inner.delete_orphans().await?;
        tend::spawn(&store.inner);
        Ok((store, entries))
    }

    /// Opens a folder to look at it, also while another process writes it. Applied entries stay in
    /// memory; nothing is ever written.
    pub async fn open_read_only(config: StoreConfig) -> Result<(Store, Vec<Entry>), Error> {
        // First the log, then the catalog: what leaves the log in between is in the catalog.
        let entries = wal::read_only(&config.wal_dir)?;
        let objects = Objects::open(&config.blocks_url, false)?;
        let store = Self::assemble(config, objects, None, None).await?;
        Ok((store, entries))
    }

    async fn assemble(
        config: StoreConfig,
        objects: Objects,
        wal: Option<Wal>,
        lock: Option<Lock>,
    ) -> Result<Store, Error> {
        let (catalog, blocks) = Catalog::open(&objects).await?;
        let mut state = State::default();
        state.set_blocks(blocks, false);
        let work = wal.as_ref().map(|_| Work::new(catalog));
        let inner = Inner {
            reader: Arc::new(Reader::new(objects.clone(), config.cache_bytes)),
            config,
            objects,
            wal,
            work: tokio::sync::Mutex::new(work),
            compacting: tokio::sync::Mutex::default(),
            wake: Arc::default(),
            state: Mutex::new(state),
            changed: Mutex::default(),
            lock: Mutex::new(lock),
        };
        Ok(Store {
            inner: Arc::new(inner),
        })
    }

    /// Says in the lock file where this process can be asked, such as `http://127.0.0.1:4319`;
    /// [`holder`](crate::holder) reads it.
    pub fn announce(&self, address: &str) -> Result<(), Error> {
        match self.inner.lock().as_ref() {
            Some(lock) => lock.announce(address),
            None => Err(Error::ReadOnly),
        }
    }

    /// Writes an entry to the log. It is durable when this returns; the caller then applies it and calls
    /// [`applied`](Self::applied), even if whoever sent it has gone meanwhile.
    pub async fn log(&self, kind: EntryKind, payload: Bytes) -> Result<Position, Error> {
        let wal = self.inner.wal.as_ref().ok_or(Error::ReadOnly)?;
        if self.inner.state().bytes() >= self.inner.config.memory_limit_bytes {
            self.inner.wake.notify_one();
            return Err(Error::Full { what: "memory" });
        }
        let logged = wal.log(kind, payload).await;
        if matches!(logged, Err(Error::Full { .. })) {
            self.inner.wake.notify_one();
        }
        logged
    }

    /// Notes that every row of this entry is in memory.
    pub fn applied(&self, position: Position) {
        if let Some(wal) = &self.inner.wal {
            wal.applied(position);
        }
    }

    /// Adds rows of `spans` or `logs`. Rows whose identity is held already, in memory or in any block,
    /// are dropped. The others are in the next snapshot. (What is delivered again has the time that it
    /// had the first time, so only blocks of that time are looked into.)
    pub async fn append(&self, table: Table, batch: RecordBatch) -> Result<Appended, Error> {
        let identities = identity::of(table, &batch)?;
        let keys = identity::keys(table, &batch)?;
        let times = identity::times(table, &batch);
        let mut checked: HashSet<String> = HashSet::new();
        let mut held = HashSet::new();
        let rows = loop {
            let (blocks, version) = {
                let state = self.inner.state();
                (state.blocks.clone(), state.version)
            };
            let mut gone = None;
            for block in blocks.get(&table).into_iter().flatten() {
                let apart = times
                    .is_some_and(|(first, last)| last < block.min_time || first > block.max_time);
                if block.derived || apart || !checked.insert(block.path.clone()) {
                    continue;
                }
                match self
                    .inner
                    .reader
                    .held(table, block, &keys, &identities)
                    .await
                {
                    Ok(found) => held.extend(found),
                    Err(error) if error.is_gone() => gone = Some(error),
                    Err(error) => return Err(error),
                }
            }
            let mut state = self.inner.state();
            if state.version != version {
                // Blocks have changed meanwhile: look into the new ones, too.
                continue;
            }
            if let Some(error) = gone {
                return Err(error);
            }
            let rows = state.append(table, &batch, &identities, &held)?;
            self.wake_if_due(&state);
            break rows;
        };
        if rows > 0 && table == Table::Spans {
            self.inner.changed().note_rows(table, &batch);
        }
        Ok(Appended {
            rows,
            duplicates: identities.len() - rows,
        })
    }

    /// Puts the rows of a unit in the place of those that are held of it.
    pub async fn replace(&self, unit: Unit) -> Result<(), Error> {
        let id: UnitId = unit.id.0;
        for (table, batch) in &unit.tables {
            identity::check_unit(*table, batch, &id)?;
        }
        let counted: Vec<(Table, RecordBatch)> = unit
            .tables
            .iter()
            .filter(|(table, _)| table.is_counted())
            .cloned()
            .collect();
        {
            let mut state = self.inner.state();
            for (table, batch) in unit.tables {
                state.replace(table, id, batch)?;
            }
            self.wake_if_due(&state);
        }
        let mut changed = self.inner.changed();
        for (table, batch) in &counted {
            changed.note_rows(*table, batch);
        }
        Ok(())
    }

    /// Puts the rows of many units in the place of those that are held of them, all at once.
    pub async fn replace_all(&self, units: Units) -> Result<(), Error> {
        let ids: Vec<UnitId> = units.ids.iter().map(|id| id.0).collect();
        let mut checked = Vec::with_capacity(units.tables.len());
        for (table, batch) in units.tables {
            checked.push((table, identity::places(table, &batch, &ids)?, batch));
        }
        let counted: Vec<(Table, RecordBatch)> = checked
            .iter()
            .filter(|(table, ..)| table.is_counted())
            .map(|(table, _, batch)| (*table, batch.clone()))
            .collect();
        {
            let mut state = self.inner.state();
            for (table, places, batch) in checked {
                state.replace_all(table, places, batch)?;
            }
            self.wake_if_due(&state);
        }
        let mut changed = self.inner.changed();
        for (table, batch) in &counted {
            changed.note_rows(*table, batch);
        }
        Ok(())
    }

    /// Notes that a row which ended then is no more, or ends at another time.
    pub fn outdated(&self, table: Table, end: UnixNanos) {
        self.inner.changed().note(table, end.0);
    }

    /// Which minutes have other rows since the last call. A snapshot that is taken afterwards has them.
    pub fn take_changes(&self) -> Changed {
        std::mem::take(&mut self.inner.changed())
    }

    fn wake_if_due(&self, state: &State) {
        if state.frozen.is_none() && state.bytes() >= self.inner.config.flush_bytes {
            self.inner.wake.notify_one();
        }
    }

    /// This moment of the store.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.state().snapshot(&self.inner.reader)
    }

    /// Writes what is in memory as blocks.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut work = self.inner.work.lock().await;
        let work = work.as_mut().ok_or(Error::ReadOnly)?;
        // A flush that failed earlier left its rows frozen: they go first, then those that came since.
        if self.inner.state().frozen.is_some() {
            self.inner.flush(work).await?;
        }
        self.inner.flush(work).await
    }

    /// Puts small blocks together until there are none.
    pub async fn compact(&self) -> Result<(), Error> {
        self.inner.compact(true).await
    }

    /// Removes blocks all of whose rows are older than `before`; returns how many rows went. Rows of
    /// tables without a time stay.
    pub async fn expire(&self, before: UnixNanos) -> Result<u64, Error> {
        self.inner.expire(before.0).await
    }

    /// Reads the catalog again; for a store opened to read only, when a block has gone.
    pub async fn refresh(&self) -> Result<(), Error> {
        if self.inner.wal.is_none() {
            let (_, blocks) = Catalog::open(&self.inner.objects).await?;
            self.inner.state().set_blocks(blocks, false);
        }
        Ok(())
    }

    /// Ends the store: what is in memory becomes blocks, replaced blocks go, the folder is free for others.
    /// A store opened to read only just forgets.
    pub async fn close(self) -> Result<(), Error> {
        let Some(wal) = &self.inner.wal else {
            return Ok(());
        };
        let flushed = self.flush().await;
        if let Some(mut work) = self.inner.work.lock().await.take() {
            self.inner.sweep(&mut work, true).await;
        }
        wal.close();
        self.inner.lock().take();
        flushed
    }
}

impl Store {
    /// The folder of the log and the lock.
    pub fn wal_dir(&self) -> &Path {
        &self.inner.config.wal_dir
    }
}
