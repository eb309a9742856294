//! Judgement: pure functions from facts to what they mean. No I/O, no clock, no randomness.
//!
//! | Module | From | To |
//! |---|---|---|
//! | [`workflow`] | events of a history, documents | execution, states, attempts, spans |
//! | [`lambda`] | the lines of one log stream | invocations, spans |
//! | [`summary`] | an execution | what happened, in one sentence |

pub mod lambda;
pub mod summary;
pub mod workflow;
