//! Inquest: xtask.
fn main() {}
