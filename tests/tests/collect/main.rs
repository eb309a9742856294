//! Collecting from AWS: an endpoint that replays what AWS has recorded, with everything going wrong that
//! can, gives exactly what importing the same recordings gives.

mod arrivals;
#[path = "../whole/binary.rs"]
#[allow(dead_code)]
mod binary;
mod check;
mod containers;
mod durable;
mod endpoint;
mod fall_back;
mod late;
mod moto;
mod recordings;
mod s3;
mod step_functions;

/// Seconds since the epoch. The collector looks back from the real time, so what it is to find has to be recent.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary under test reads the real clock"
)]
fn now() -> f64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64()
}
