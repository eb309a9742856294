//! Service level objectives: what is promised, how much of the budget is left, and when to wake somebody.
//!
//! Pure: no clock, no input or output. Seconds since the epoch come in; numbers and changes go out.
//!
//! | Module | What it does |
//! |---|---|
//! | [`definition`] | an objective, whatever the dialect |
//! | [`read`] | own YAML, OpenSLO v1, v1alpha and v2alpha, sloth, pyrra → definitions and findings |
//! | [`lint`] | findings: traps that a definition falls into |
//! | [`bind`] | indicators of other systems → what is measured here |
//! | [`brief`](mod@brief) | an indicator in a sentence |
//! | [`measure`] | which rows are events, and which are good |
//! | [`series`], [`window`] | counts by slice of time; rolling and calendar windows |
//! | [`evaluate`], [`alert`] | burn, budget, rules; the state of rules through time |
//! | [`replay`](mod@replay) | all of it over stored counts |
//! | [`export`] | OpenSLO v1 |
//!
//! Formulas are those of the Google SRE workbook, chapter 5, and of the OpenSLO specification; docs/slo.md
//! has them all.

pub mod alert;
pub mod bind;
pub mod brief;
pub mod definition;
pub mod duration;
pub mod evaluate;
pub mod export;
pub mod lint;
pub mod measure;
pub mod node;
pub mod parts;
mod ratio;
pub mod read;
pub mod replay;
pub mod series;
pub mod window;

#[cfg(test)]
mod tests;

pub use definition::{Indicator, Slo};
pub use lint::{Finding, Level};
pub use measure::Measure;
pub use ratio::Ratio;
pub use series::{Counts, Series};
pub use window::Window;
