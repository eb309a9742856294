//! Forgets what is older than the configuration allows, once an hour.

use crate::clock;
use model::UnixNanos;
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;

const BETWEEN: Duration = Duration::from_secs(3_600);
const DAY_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// Forgets until it is told to end. A failure is logged and tried again an hour later.
pub async fn run(store: Store, days: u64, ending: CancellationToken) {
    loop {
        match store.expire(oldest(clock::now(), days)).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, days, "forgot what is older than the retention"),
            Err(error) => tracing::warn!(%error, "cannot forget old data; trying again in an hour"),
        }
        tokio::select! {
            () = ending.cancelled() => return,
            () = tokio::time::sleep(BETWEEN) => {}
        }
    }
}

/// The oldest time that is kept.
fn oldest(now: UnixNanos, days: u64) -> UnixNanos {
    let age = i64::try_from(days)
        .unwrap_or(i64::MAX)
        .saturating_mul(DAY_NS);
    UnixNanos(now.0.saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_days_and_never_wrap() {
        assert_eq!(oldest(UnixNanos(3 * DAY_NS + 1), 2), UnixNanos(DAY_NS + 1));
        assert!(oldest(UnixNanos(0), u64::MAX).0 < 0);
    }
}
