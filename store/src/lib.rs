//! Inquest's store: a write-ahead log, Parquet blocks in an object store, and the catalog that finds them.

pub mod tables;
pub use tables::Table;
