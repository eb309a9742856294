//! Parts of pages: values in, callbacks out.

pub mod filters;
mod histogram;
mod icons;
mod rows;
mod states;
pub mod status;

pub use filters::FilterBar;
pub use histogram::TimeHistogram;
pub use icons::icon;
pub use rows::Rows;
pub use states::{Empty, Problem, Waiting};
pub use status::{Status, status_class};
