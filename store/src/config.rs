//! Where the store lives and how much it may use.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Settings of a store.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Folder of the write-ahead log and of the lock.
    pub wal_dir: PathBuf,
    /// Where blocks and catalog go: a folder, `file:///…`, `s3://bucket/prefix` or `memory://`.
    pub blocks_url: String,
    /// Most bytes of rows in memory; beyond it requests are refused as retryable.
    pub memory_limit_bytes: usize,
    /// Bytes of rows in memory at which blocks are written.
    pub flush_bytes: usize,
    /// Longest time that rows stay in memory only.
    pub flush_after: Duration,
    /// Most bytes of the write-ahead log; beyond it requests are refused as retryable.
    pub wal_limit_bytes: u64,
    /// Rows that compaction puts into one block.
    pub block_rows: usize,
    /// Bytes of block footers, bloom filters and identities kept in memory.
    pub cache_bytes: usize,
}

impl StoreConfig {
    /// A store in one folder, with the default budgets: log in `wal/`, one folder per table beside it.
    pub fn at(data_dir: impl AsRef<Path>) -> Self {
        let dir = data_dir.as_ref();
        StoreConfig {
            wal_dir: dir.join("wal"),
            blocks_url: dir.to_string_lossy().into_owned(),
            memory_limit_bytes: 512 << 20,
            flush_bytes: 128 << 20,
            flush_after: Duration::from_secs(60),
            wal_limit_bytes: 2 << 30,
            block_rows: 1 << 20,
            cache_bytes: 128 << 20,
        }
    }

    /// Rows of a block of derived rows. They are fewer, because such a block is written anew when a
    /// unit in it changes.
    pub(crate) fn derived_rows(&self) -> usize {
        (self.block_rows / 8).max(1)
    }
}
