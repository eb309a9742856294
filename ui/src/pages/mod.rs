//! One file per page: the address becomes requests, the answers become components.

pub mod executions;
