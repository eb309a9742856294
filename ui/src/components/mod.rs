//! Parts of pages: values in, callbacks out.

pub mod case;
pub mod changes;
pub mod chart;
pub mod editor;
pub mod events;
pub mod filters;
pub mod graph;
pub mod grid;
mod histogram;
mod icons;
mod json_tree;
pub mod logs;
pub mod palette;
mod panel;
pub mod plot;
mod rows;
mod states;
pub mod status;
pub mod trace_view;
pub mod waterfall;
mod when;

pub use filters::FilterBar;
pub use histogram::TimeHistogram;
pub use icons::icon;
pub use json_tree::JsonTree;
pub use rows::Rows;
pub use states::{Empty, Problem, Waiting};
pub use status::{Status, status_class};
pub use when::{When, moment};
