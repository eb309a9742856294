//! Inquest's store: a write-ahead log, Parquet blocks in an object store, and the catalog that finds them.

pub mod promotion;
pub mod tables;
pub use promotion::{AttributeType, Promotion};
pub use tables::Table;
