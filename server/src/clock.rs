//! The one place that reads the wall clock. Everything else is given a time.

use model::UnixNanos;

/// Now, in nanoseconds since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that the others take the time from"
)]
pub fn now() -> UnixNanos {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    UnixNanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}
