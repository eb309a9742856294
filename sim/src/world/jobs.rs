//! Containers: Batch jobs and ECS tasks.

use super::Window;

/// A job definition or task definition.
#[derive(Debug, Clone)]
pub struct JobKind {
    /// Name.
    pub name: String,
    /// True for Batch, false for ECS.
    pub batch: bool,
    /// Median until a place is found.
    pub queue_ms: f64,
    /// Median of the image pull.
    pub pull_ms: f64,
    /// Median of the work.
    pub work_ms: f64,
    /// Spot capacity is taken away in these windows.
    pub reclaimed: Vec<Window>,
    /// The image cannot be pulled in these windows.
    pub unpullable: Vec<Window>,
    /// The pull takes so many times as long.
    pub slow_pull: Vec<(Window, f64)>,
    /// The container needs more memory than it has.
    pub too_big: Vec<Window>,
    /// How often Batch tries.
    pub attempts: u32,
}
