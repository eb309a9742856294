//! Inquest's store: a write-ahead log, Parquet blocks in an object store, and the catalog that finds
//! them.
//!
//! | Module | What |
//! |---|---|
//! | [`tables`] | the tables and their columns |
//! | [`state_tables`] | tables of small operational state, which do not lie in blocks |
//! | [`rows`] | `model` ↔ `RecordBatch` |
//! | `store` | [`Store`]: log, append, replace, snapshot |
//! | `wal` | what is acknowledged is here until blocks hold it |
//! | `memory`, `state` | rows that are not in blocks yet; deduplication by `identity` |
//! | `shared` | text that many rows have in common |
//! | `promote` | attributes with columns of their own |
//! | `flush`, `encode`, `compact`, `tend` | memory → Parquet blocks → larger blocks |
//! | `catalog`, `objects` | which blocks there are, and the object store they are in |
//! | `snapshot`, `read` | one moment of the store, and finding rows by trace |

mod block;
mod catalog;
mod changes;
mod compact;
mod config;
mod encode;
mod error;
mod flush;
mod identity;
mod join;
mod lock;
mod memory;
mod objects;
mod promote;
mod read;
pub mod rows;
mod shared;
mod snapshot;
mod state;
pub mod state_tables;
mod store;
pub mod tables;
mod tend;
mod wal;

pub use block::{Block, PromotedType};
pub use changes::Changed;
pub use config::StoreConfig;
pub use error::Error;
pub use lock::{Holder, holder};
pub use promote::{MOST_PROMOTED, is_promotable};
pub use shared::{in_parts, plain, shared, shared_text};
pub use snapshot::Snapshot;
pub use state_tables::StateTable;
pub use store::{Appended, Store, Unit, Units};
pub use tables::Table;
pub use wal::{Entry, EntryKind, Position};

#[cfg(test)]
mod tests;
