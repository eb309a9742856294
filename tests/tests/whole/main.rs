//! The binary as a whole: what it acknowledges it keeps, once, whatever the order and however it ends.
//!
//! `cargo xtask test` sets `INQUEST_BIN`; otherwise the binary beside the tests is taken.

mod binary;
mod case;
mod crash;
mod deliveries;
mod described;
mod doors;
mod ecosystem;
mod edges;
mod exact;
mod import;
mod lifecycle;
mod mistakes;
mod objectives;
mod order;
mod refusals;
mod stored;
mod terminal;
mod thresholds;
mod together;
