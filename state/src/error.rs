//! What can go wrong.

use std::path::PathBuf;

/// Answer of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be made.
    #[error("cannot make the folder {folder} for operational state")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be opened.
    #[error(
        "cannot open {path}: if it is damaged, move it away; what is lost is what was waiting to be sent, \
         silences, experiments and the places where collectors stopped, but no executions"
    )]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A newer Inquest wrote it.
    #[error("{path} was written by a newer Inquest (format {found}, this one knows {known})")]
    Newer {
        /// Which.
        path: PathBuf,
        /// The format in the file.
        found: i64,
        /// The format known here.
        known: i64,
    },
    /// Reading or writing failed.
    #[error("cannot access operational state")]
    Access(#[from] rusqlite::Error),
    /// A value that is not what was expected.
    #[error("the record {key} of {collection} is not what this version of Inquest writes")]
    Value {
        /// Where it lies.
        collection: String,
        /// Under which key.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Whoever called refused in the middle of a change; nothing was changed.
    #[error("{0}")]
    Refused(String),
}
