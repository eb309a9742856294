//! Questions about what the store holds: SQL over a snapshot, and the typed questions of the pages.
//!
//! | Module | What it does |
//! |---|---|
//! | [`engine`] | runs SQL, read-only, with a budget of memory and time |
//! | [`view`], [`scan`], [`source`] | a table as SQL sees it: memory and Parquet blocks, pruned, with logical types |
//! | [`extra`] | tables of state that do not lie in the store |
//! | [`attributes`] | `attributes['http.route']`, whether or not the attribute has a column of its own |
//! | [`format`](mod@format) | answers as JSON, NDJSON, CSV, Arrow, Parquet, a text table or a grid |
//! | [`questions`] | executions, traces, the tree of a trace, logs, schema: what the browser asks |
//!
//! DataFusion stays inside this crate; HTTP stays outside.

mod attributes;
mod cells;
mod convert;
pub mod engine;
pub mod error;
mod expansion;
pub mod extra;
pub mod format;
mod guard;
mod json;
mod parse;
mod place;
pub mod questions;
mod scan;
mod source;
mod view;
mod workers;
mod yielding;

#[cfg(test)]
mod tests;

pub use engine::{Answer, Engine, Limits, Options};
pub use error::{Error, Kind};
pub use format::Format;
pub use parse::{Condition, condition};
