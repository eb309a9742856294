//! What the pages ask, each a method of [`Engine`](crate::Engine).
//!
//! | Module | Questions |
//! |---|---|
//! | [`executions`] | a page of executions, their histogram and facets |
//! | [`execution`] | one execution and its events |
//! | [`traces`] | a page of OTLP traces |
//! | [`trace`] | the tree of a trace, and one span of it |
//! | [`logs`] | the logs of a trace or of one of its spans |
//! | [`map`] | who calls whom |
//! | [`mesh`] | hops, spans and joins of a whole trace |
//! | [`schema`] | the tables and their columns |

mod culprits;
mod detail;
pub mod execution;
pub mod executions;
pub mod logs;
pub mod map;
pub mod mesh;
mod parameter;
pub mod schema;
mod span_cells;
pub mod trace;
pub mod traces;
mod tree;

pub use executions::ExecutionFilter;
pub use logs::LogFilter;
pub use map::MapFilter;
pub use traces::TraceFilter;
