//! One file per command.

mod alert;
mod collect;
pub mod compare;
pub mod cost;
mod demo;
mod experiment;
mod explain;
mod import;
mod serve;
mod show;
pub mod sim;
pub mod slo;
mod sql;

pub use alert::alert;
pub use collect::collect;
pub use demo::demo;
pub use experiment::experiment;
pub use explain::explain;
pub use import::import;
pub use serve::serve;
pub use show::show;
pub use sql::sql;
