//! Token buckets: never more calls than a share of what AWS allows the account.
//!
//! AWS itself counts calls by token buckets, one per API, account and Region; all callers share them. A
//! bucket of ours has the chosen share of both its size and its refill, so that the user's own calls find
//! the rest, at every moment and not only on average. When AWS throttles all the same (somebody else used
//! the rest), the bucket is emptied and refills at half its speed for a minute.

use std::{sync::Mutex, time::Duration};
use tokio::time::Instant;

/// For how long a bucket is slower after it was throttled.
const CAUTION: Duration = Duration::from_secs(60);

/// What AWS grants: size of the bucket, and calls a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Calls that may be made at once.
    pub burst: f64,
    /// Calls a second, in the long run.
    pub per_s: f64,
}

impl Quota {
    /// A share of it, of at least one call at once and one a minute.
    pub fn share(self, share: f64) -> Quota {
        Quota {
            burst: (self.burst * share).max(1.0),
            per_s: (self.per_s * share).max(1.0 / 60.0),
        }
    }
}

/// One bucket.
#[derive(Debug)]
pub struct Bucket {
    quota: Quota,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Instant,
    careful_until: Option<Instant>,
}

impl Bucket {
    /// A full bucket.
    pub fn new(quota: Quota, now: Instant) -> Self {
        let state = State {
            tokens: quota.burst,
            at: now,
            careful_until: None,
        };
        Bucket {
            quota,
            state: Mutex::new(state),
        }
    }

    /// Calls a second that it allows in the long run.
    pub fn per_s(&self) -> f64 {
        self.quota.per_s
    }

    /// Takes a token now, or says how long to wait before trying again.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.refill(self.quota, now);
        if state.tokens >= 1.0 {
            state.tokens -= 1.0;
            return Ok(());
        }
        let missing = (1.0 - state.tokens) / state.speed(self.quota, now);
        Err(Duration::from_secs_f64(missing.clamp(0.001, 60.0)))
    }

    /// Tokens that are there.
    pub fn free(&self, now: Instant) -> usize {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.refill(self.quota, now);
        state.tokens as usize
    }

    /// AWS has refused a call for being one too many.
    pub fn throttled(&self, now: Instant) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.refill(self.quota, now);
        state.tokens = 0.0;
        state.careful_until = Some(now + CAUTION);
    }
}

impl State {
    fn speed(&self, quota: Quota, now: Instant) -> f64 {
        let careful = self.careful_until.is_some_and(|until| now < until);
        if careful {
            quota.per_s / 2.0
        } else {
            quota.per_s
        }
    }

    fn refill(&mut self, quota: Quota, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.speed(quota, now)).min(quota.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls that get through in `seconds` when there is always one more waiting.
    fn calls(bucket: &Bucket, start: Instant, seconds: u64) -> u64 {
        let mut now = start;
        let mut made = 0;
        while now < start + Duration::from_secs(seconds) {
            match bucket.take(now) {
                Ok(()) => made += 1,
                Err(wait) => now += wait,
            }
        }
        made
    }

    #[test]
    fn a_quarter_is_a_quarter_at_once_and_in_the_long_run() {
        let quota = Quota {
            burst: 400.0,
            per_s: 20.0,
        };
        let start = Instant::now();
        let bucket = Bucket::new(quota.share(0.25), start);
        let first = calls(&bucket, start, 1);
        assert!((104..=106).contains(&first), "{first}");
        let hour = calls(&bucket, start + Duration::from_secs(1), 3_600);
        assert!((17_990..=18_010).contains(&hour), "{hour}");
    }

    #[test]
    fn throttling_makes_it_careful_for_a_minute() {
        let start = Instant::now();
        let bucket = Bucket::new(
            Quota {
                burst: 100.0,
                per_s: 10.0,
            },
            start,
        );
        bucket.throttled(start);
        assert!(bucket.take(start).is_err());
        let minute = calls(&bucket, start, 60);
        assert!((298..=302).contains(&minute), "{minute}");
        let after = calls(&bucket, start + Duration::from_secs(60), 60);
        assert!((598..=602).contains(&after), "{after}");
    }

    #[test]
    fn a_tiny_share_still_makes_progress() {
        let start = Instant::now();
        let bucket = Bucket::new(
            Quota {
                burst: 1.0,
                per_s: 0.1,
            }
            .share(0.01),
            start,
        );
        assert_eq!(calls(&bucket, start, 600), 1 + 10 - 1);
    }
}
