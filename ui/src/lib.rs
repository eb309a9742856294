//! Inquest: ui.
