//! Inquest: analysis.
