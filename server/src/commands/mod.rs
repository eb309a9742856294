//! One file per command.

mod demo;
mod import;
mod serve;
mod show;
pub mod sim;
mod sql;

pub use demo::demo;
pub use import::import;
pub use serve::serve;
pub use show::show;
pub use sql::sql;
