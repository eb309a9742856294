//! What can go wrong.

/// Answer of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a receiver cannot be read, or a message cannot be made or kept. No variant ever holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `receivers.toml` does not hold together.
    #[error("{0}")]
    Receivers(String),
    /// A secret that is named but not there.
    #[error("{what}: {why}")]
    Secret {
        /// Which setting.
        what: String,
        /// Why it cannot be had.
        why: String,
    },
    /// An address that is never connected to.
    #[error("{0}")]
    Address(String),
    /// Something that was asked for does not exist.
    #[error("{0}")]
    Unknown(String),
    /// Something that was asked for cannot be done.
    #[error("{0}")]
    Refused(String),
    /// The outbox cannot be read or written.
    #[error("cannot access the outbox")]
    State(#[from] state::Error),
}
