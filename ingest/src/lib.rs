//! Inquest: ingest.

pub mod promotion;
