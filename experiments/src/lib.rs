//! Experiments that spend error budget: what they are, whose words for them we understand, what they are
//! charged, whether they may begin, and whether what they claimed held.
//!
//! Pure: no clock, no input or output.
//!
//! | Module | What it does |
//! |---|---|
//! | [`experiment`] | an experiment, and what may be said about it later |
//! | [`read`](mod@read) | our own JSON, AWS FIS, Chaos Toolkit → updates of experiments |
//! | [`charge`](mod@charge) | bad events net of baseline, split among experiments that overlap |
//! | [`gate`](mod@gate) | whether the budget has room |
//! | [`tolerance`], [`hypothesis`] | whether what was measured is what was claimed |
//! | [`ledger`](mod@ledger) | who spent what, adding up to what is spent |

pub mod charge;
pub mod experiment;
pub mod gate;
pub mod hypothesis;
pub mod ledger;
pub mod read;
pub mod tolerance;

pub use experiment::{Experiment, Phase, Scope, Update};
