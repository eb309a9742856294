//! Inquest: tests.
