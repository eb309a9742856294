//! Inquest: query.
