//! Inquest: what must be fetched or parsed before it can go through the one door.
//!
//! | Module | Reads |
//! |---|---|
//! | [`step_functions`] | histories, descriptions, definitions and log events of Step Functions |

pub mod step_functions;
