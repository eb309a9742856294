//! Inquest: ingest.
