//! What can go wrong in the store.

use std::{io, path::PathBuf};

/// An operation of the store that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the folder.
    #[error("{path} is in use by {holder}; stop it, or ask it instead of opening the folder")]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who says it holds it.
        holder: String,
    },
    /// Memory or the log is full; it empties by itself as blocks are written.
    #[error("the store is over its budget ({what}); send again in a moment")]
    Full {
        /// Which budget.
        what: &'static str,
    },
    /// A single entry is beyond what the log takes.
    #[error(
        "an entry of {bytes} bytes is more than the log takes ({limit}); send smaller requests"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The write-ahead log.
    #[error("write-ahead log: {doing} {path}: {source}")]
    Log {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The write-ahead log failed for a whole group of entries; none of them is acknowledged.
    #[error("write-ahead log: {0}; nothing of this request was stored, send it again")]
    NotLogged(String),
    /// The object store.
    #[error("object store: {doing} {path}: {source}")]
    Objects {
        /// What was tried.
        doing: &'static str,
        /// On which object.
        path: String,
        /// Why not.
        source: object_store::Error,
    },
    /// The address of the object store.
    #[error(
        "'{url}' is no place for blocks: {why}; give a folder, file:///…, s3://bucket/prefix or memory://"
    )]
    Address {
        /// As given.
        url: String,
        /// Why not.
        why: String,
    },
    /// The catalog.
    #[error("catalog {path}: {why}")]
    Catalog {
        /// The object.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A Parquet block.
    #[error("block {path}: {source}")]
    Block {
        /// The object.
        path: String,
        /// Why not.
        source: parquet::errors::ParquetError,
    },
    /// Rows in memory.
    #[error("rows of {table}: {source}")]
    Rows {
        /// The table.
        table: &'static str,
        /// Why not.
        source: arrow::error::ArrowError,
    },
    /// The caller gave rows that the table does not take.
    #[error("rows of {table}: {why}")]
    Refused {
        /// The table.
        table: &'static str,
        /// Why not.
        why: String,
    },
    /// The store was opened to read only.
    #[error("the store was opened to read only")]
    ReadOnly,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// True when the same request may succeed in a moment.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Full { .. } | Error::NotLogged(_) | Error::Objects { .. } => true,
            Error::Block { source, .. } => {
                matches!(source, parquet::errors::ParquetError::External(_))
            }
            _ => false,
        }
    }

    /// True when a block has gone because a newer one replaced it: take a new snapshot.
    pub fn is_gone(&self) -> bool {
        match self {
            Error::Objects { source, .. } => {
                matches!(source, object_store::Error::NotFound { .. })
            }
            Error::Block {
                source: parquet::errors::ParquetError::External(cause),
                ..
            } => cause
                .downcast_ref::<object_store::Error>()
                .is_some_and(|cause| matches!(cause, object_store::Error::NotFound { .. })),
            _ => false,
        }
    }
}

/// Attaches the file to an I/O error.
pub(crate) fn log_error(
    doing: &'static str,
    path: &std::path::Path,
) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Log {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Attaches the object to an object store's error.
pub(crate) fn object_error(
    doing: &'static str,
    path: &object_store::path::Path,
) -> impl FnOnce(object_store::Error) -> Error {
    let path = path.to_string();
    move |source| Error::Objects {
        doing,
        path,
        source,
    }
}
