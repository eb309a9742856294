//! Inquest: what must be fetched or parsed before it can go through the one door.
//!
//! | Module | Reads |
//! |---|---|
//! | [`step_functions`] | histories, descriptions, definitions and log events of Step Functions |
//! | [`lambda`] | lines of Lambda logs, in all their forms |

pub mod lambda;
pub mod step_functions;
pub mod timestamp;
