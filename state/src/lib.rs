//! Small operational state that must survive `kill -9`: alert states, the outbox of webhooks, silences,
//! experiments, cursors of collectors.
//!
//! Facts about executions do *not* belong here: they go to `store`. Here goes what Inquest itself did or
//! has to do next, a few thousand small records at most.
//!
//! A record is a JSON value under a key in a collection. Records of a collection are ordered by key, byte
//! by byte, so a sequence number from [`Changes::next_number`] written with leading zeros
//! ([`ordered`]) makes a queue. Everything done in one [`State::write`] happens or does not happen:
//!
//! ```
//! # let folder = tempfile::tempdir().unwrap();
//! # use inquest_state as state;
//! let state = state::State::open(folder.path())?;
//! state.write(|changes| {
//!     changes.put("alerts", "checkout/page", &"firing")?;
//!     let number = changes.next_number("outbox")?;
//!     changes.put("outbox", &state::ordered(number), &"tell the people on call")
//! })?;
//! assert_eq!(state.get::<String>("alerts", "checkout/page")?.as_deref(), Some("firing"));
//! # Ok::<(), state::Error>(())
//! ```
//!
//! It is one SQLite file, `<data>/state/state.db`, in write-ahead mode with a sync at every commit. Other
//! processes may read it, and write to it, while a server has it open (`inquest sql`, `inquest alert
//! silence`), so nobody may trust a copy in memory to be the last word. Why SQLite:
//! `docs/decisions/0012-state.md`.
//!
//! Calls block, for as long as a disk takes to sync at worst; a write waits up to five seconds for another
//! process's write to end.

mod error;
mod state;

#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use state::{Changes, State, View, ordered};
