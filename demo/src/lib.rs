//! A data set to look at: a shop's day, made up but written as AWS and OpenTelemetry write it, and
//! executions that really happened, recorded by others.
//!
//! The files go through the same import as anybody's: nothing here is reachable by the demo alone.
//! The same seed and anchor give the same bytes.
//!
//! | Module | What |
//! |---|---|
//! | [`run`], [`task`], [`block`] | records an execution: events, attempts, Map and Parallel |
//! | [`lambda`], [`lambda_log`] | sandboxes of functions, and what they print |
//! | [`otel`], [`storefront`] | application spans and logs |
//! | [`workflows`] | the shop's state machines |
//! | [`world`], [`files`](mod@files) | all of it together, and the files it leaves behind |
//! | [`recorded`] | executions that really happened |

pub mod block;
pub mod dice;
pub mod files;
pub mod lambda;
pub mod lambda_log;
pub mod otel;
pub mod recorded;
pub mod run;
pub mod storefront;
pub mod task;
pub mod when;
pub mod workflows;
pub mod world;

pub use files::File;

/// What the shop promises, as a file of objectives.
pub const OBJECTIVES: &str = include_str!("objectives.yaml");

/// The whole data set: about 250 executions of the 24 hours before `anchor_ns` (nanoseconds since the
/// epoch) and the recorded ones, as (path, bytes).
pub fn files(seed: u64, anchor_ns: i64) -> Vec<File> {
    let anchor = anchor_ns / 1_000_000;
    let mut world = world::World::new(seed, anchor);
    workflows::day(&mut world);
    let mut files = files::write(&world);
    files.extend(storefront::files(seed, anchor));
    files.extend(recorded::files());
    files
}
