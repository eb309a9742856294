//! Inquest: server.
fn main() {}
