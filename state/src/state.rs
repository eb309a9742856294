//! The file and its transactions.

use crate::error::{Error, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Format of the file, in its `user_version`.
const FORMAT: i64 = 1;
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Collection of the sequence numbers.
const NUMBERS: &str = "numbers";

/// Operational state. Clones share it.
#[derive(Debug, Clone)]
pub struct State {
    connection: Arc<Mutex<Connection>>,
}

/// A number as a key that sorts as the number does.
pub fn ordered(number: u64) -> String {
    format!("{number:020}")
}

impl State {
    /// Opens, or makes, the state of a data folder.
    ///
    /// # Errors
    /// When the folder or the file cannot be had, or a newer Inquest wrote it.
    pub fn open(data: &Path) -> Result<State> {
        let path = path_in(data);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
                folder: folder.to_owned(),
                source,
            })?;
        }
        let opening = |source| Error::Open {
            path: path.clone(),
            source,
        };
        let connection = Connection::open(&path).map_err(opening)?;
        prepare(&connection).map_err(opening)?;
        State::checked(connection, &path)
    }

    /// Opens the state of a data folder to look at it; where there is none, everything is empty.
    ///
    /// # Errors
    /// When the file cannot be read, or a newer Inquest wrote it.
    pub fn open_read_only(data: &Path) -> Result<State> {
        let path = path_in(data);
        if !path.exists() {
            return State::in_memory();
        }
        let connection = read_only(&path).map_err(|source| Error::Open {
            path: path.clone(),
            source,
        })?;
        State::checked(connection, &path)
    }

    /// State that is forgotten when the last clone is dropped: for tests, and where there is no folder.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn in_memory() -> Result<State> {
        let connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        State::checked(connection, Path::new(":memory:"))
    }

    fn checked(connection: Connection, path: &Path) -> Result<State> {
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|source| Error::Open {
                path: path.to_owned(),
                source,
            })?;
        if found > FORMAT {
            return Err(Error::Newer {
                path: path.to_owned(),
                found,
                known: FORMAT,
            });
        }
        Ok(State {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Changes things, all or none: when `change` fails, nothing happened. When this returns `Ok`, the
    /// changes are on disk.
    ///
    /// # Errors
    /// Those of `change`, and when the disk refuses.
    pub fn write<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&Changes<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut connection = self.lock();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Error::from)?;
        let outcome = change(&Changes(View {
            connection: &transaction,
        }))?;
        transaction.commit().map_err(Error::from)?;
        Ok(outcome)
    }

    /// Looks at several things as they were at one moment.
    ///
    /// # Errors
    /// Those of `look`, and when the file cannot be read.
    pub fn read<T, E: From<Error>>(
        &self,
        look: impl FnOnce(&View<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(Error::from)?;
        look(&View {
            connection: &transaction,
        })
    }

    /// One record.
    ///
    /// # Errors
    /// When it cannot be read, or is no `T`.
    pub fn get<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<Option<T>> {
        self.read(|view| view.get(collection, key))
    }

    /// All records of a collection, by key.
    ///
    /// # Errors
    /// When they cannot be read, or one is no `T`.
    pub fn list<T: DeserializeOwned>(&self, collection: &str) -> Result<Vec<(String, T)>> {
        self.read(|view| view.list(collection))
    }

    /// Writes one record, over the one that was there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put<T: Serialize>(&self, collection: &str, key: &str, value: &T) -> Result<()> {
        self.write(|changes| changes.put(collection, key, value))
    }

    /// Removes one record; says whether there was one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, collection: &str, key: &str) -> Result<bool> {
        self.write(|changes| changes.remove(collection, key))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in the middle of a transaction rolled it back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment of the state, to read.
pub struct View<'a> {
    connection: &'a Connection,
}

impl View<'_> {
    /// One record.
    ///
    /// # Errors
    /// When it cannot be read, or is no `T`.
    pub fn get<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<Option<T>> {
        let mut statement = self
            .connection
            .prepare("SELECT value FROM entries WHERE collection = ?1 AND key = ?2")?;
        let text: Option<String> = statement
            .query_row(params![collection, key], |row| row.get(0))
            .optional()?;
        text.map(|text| parse(collection, key, &text)).transpose()
    }

    /// All records of a collection, by key.
    ///
    /// # Errors
    /// When they cannot be read, or one is no `T`.
    pub fn list<T: DeserializeOwned>(&self, collection: &str) -> Result<Vec<(String, T)>> {
        self.after(collection, "", usize::MAX)
    }

    /// The records of a collection whose key begins with `prefix`, by key.
    ///
    /// # Errors
    /// When they cannot be read, or one is no `T`.
    pub fn below<T: DeserializeOwned>(
        &self,
        collection: &str,
        prefix: &str,
    ) -> Result<Vec<(String, T)>> {
        let mut statement = self.connection.prepare(
            "SELECT key, value FROM entries WHERE collection = ?1 AND key >= ?2 \
             AND substr(key, 1, length(?2)) = ?2 ORDER BY key",
        )?;
        let rows = statement.query_map(params![collection, prefix], pair)?;
        rows.map(|row| parsed(collection, row?)).collect()
    }

    /// At most `limit` records whose key is greater than `key`, by key.
    ///
    /// # Errors
    /// When they cannot be read, or one is no `T`.
    pub fn after<T: DeserializeOwned>(
        &self,
        collection: &str,
        key: &str,
        limit: usize,
    ) -> Result<Vec<(String, T)>> {
        let mut statement = self.connection.prepare(
            "SELECT key, value FROM entries WHERE collection = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![collection, key, limit], pair)?;
        rows.map(|row| parsed(collection, row?)).collect()
    }

    /// Number of records in a collection.
    ///
    /// # Errors
    /// When they cannot be counted.
    pub fn count(&self, collection: &str) -> Result<u64> {
        let mut statement = self
            .connection
            .prepare("SELECT count(*) FROM entries WHERE collection = ?1")?;
        let count: i64 = statement.query_row(params![collection], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// A transaction: what is read in it includes what was changed in it.
pub struct Changes<'a>(View<'a>);

impl<'a> Deref for Changes<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.0
    }
}

impl Changes<'_> {
    /// Writes one record, over the one that was there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put<T: Serialize>(&self, collection: &str, key: &str, value: &T) -> Result<()> {
        let text = serde_json::to_string(value).map_err(|source| Error::Value {
            collection: collection.to_owned(),
            key: key.to_owned(),
            source,
        })?;
        self.0
            .connection
            .prepare("INSERT OR REPLACE INTO entries (collection, key, value) VALUES (?1, ?2, ?3)")?
            .execute(params![collection, key, text])?;
        Ok(())
    }

    /// Removes one record; says whether there was one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, collection: &str, key: &str) -> Result<bool> {
        let removed = self
            .0
            .connection
            .prepare("DELETE FROM entries WHERE collection = ?1 AND key = ?2")?
            .execute(params![collection, key])?;
        Ok(removed > 0)
    }

    /// Removes the oldest records of a collection (those with the least keys) beyond `keep`; says how many.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn trim(&self, collection: &str, keep: u64) -> Result<usize> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let removed = self
            .0
            .connection
            .prepare(
                "DELETE FROM entries WHERE collection = ?1 AND key <= \
                 (SELECT key FROM entries WHERE collection = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute(params![collection, keep])?;
        Ok(removed)
    }

    /// The next number of a sequence, from 1. A number is never given twice, unless its transaction failed.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn next_number(&self, sequence: &str) -> Result<u64> {
        let last: u64 = self.get(NUMBERS, sequence)?.unwrap_or_default();
        let next = last.saturating_add(1);
        self.put(NUMBERS, sequence, &next)?;
        Ok(next)
    }
}

fn path_in(data: &Path) -> PathBuf {
    data.join("state").join("state.db")
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS entries (
                 collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
                 PRIMARY KEY (collection, key)
             ) STRICT, WITHOUT ROWID;
             PRAGMA user_version = {FORMAT};
             COMMIT;"
        ))?;
    }
    Ok(())
}

/// Beside a writer the file is read with its log. On a disk that cannot be written there is no writer and
/// no log, and SQLite wants to be told so.
fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let probe = |connection: Connection| {
        connection.busy_timeout(BUSY)?;
        connection.query_row("SELECT count(*) FROM entries", [], |_| Ok(()))?;
        Ok(connection)
    };
    let plain = Connection::open_with_flags(path, flags).and_then(probe);
    plain.or_else(|error| {
        let escaped: String = path
            .to_string_lossy()
            .chars()
            .map(|letter| match letter {
                '%' => "%25".to_owned(),
                '?' => "%3f".to_owned(),
                '#' => "%23".to_owned(),
                other => other.to_string(),
            })
            .collect();
        let uri = format!("file:{escaped}?immutable=1");
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
            .and_then(probe)
            .map_err(|_| error)
    })
}

fn pair(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn parsed<T: DeserializeOwned>(
    collection: &str,
    (key, text): (String, String),
) -> Result<(String, T)> {
    let value = parse(collection, &key, &text)?;
    Ok((key, value))
}

fn parse<T: DeserializeOwned>(collection: &str, key: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| Error::Value {
        collection: collection.to_owned(),
        key: key.to_owned(),
        source,
    })
}
