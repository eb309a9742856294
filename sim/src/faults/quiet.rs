//! Kept apart: faults that need more than one workflow or much time.

use super::Fault;

pub(super) fn faults() -> Vec<Fault> {
    Vec::new()
}
