//! Inquest: collectors.
