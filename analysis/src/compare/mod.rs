//! An execution beside its healthy twins, and groups of executions beside each other.
//!
//! | Question | Module |
//! |---|---|
//! | which healthy executions had the most similar input | [`nearest()`] |
//! | state by state, and where the first departs from all others | [`align()`] |
//! | states and sums of two groups | [`groups()`] |
//! | which attributes tell two groups apart, and which only go along | `attributes`, `tests` |

mod align;
mod attributes;
mod consequence;
mod groups;
mod nearest;
mod significance;

pub use align::{align, compared};
pub use groups::{Side, groups};
pub use nearest::{distance, nearest};

#[cfg(test)]
mod tests;
