//! What the collector keeps between rounds and over restarts: where it is, not what it has.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const SECOND: i64 = 1_000_000_000;
/// How far behind the newest start a listing reads again: lists lag, and clocks differ.
pub(super) const OVERLAP: i64 = 300 * SECOND;
/// Executions of one Region that are followed at once; more wait until some have ended.
pub(super) const MAX_OPEN: usize = 100_000;

/// Everything that is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// By ARN of the function: nanoseconds up to which all starts are listed.
    pub scanned: BTreeMap<String, i64>,
    /// Executions that have not ended, as far as is known.
    pub open: BTreeMap<String, Open>,
    /// Executions that have ended and are held, by their start, as long as listings still show them.
    pub closed: BTreeMap<String, i64>,
}

/// An execution that is followed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Open {
    /// Its start.
    pub start: i64,
    /// Id of the last event that is held.
    pub last_event: u64,
    /// When to ask again.
    pub due: i64,
    /// How often nothing was new.
    pub quiet: u32,
}

impl Memory {
    /// Executions that are due, those that wait longest first.
    pub fn due(&self, now: i64) -> Vec<String> {
        let due = self.open.iter().filter(|(_, open)| open.due <= now);
        let mut due: Vec<(i64, &String)> = due.map(|(arn, open)| (open.due, arn)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, arn)| arn.clone()).collect()
    }

    /// Follows an execution from now on; false when there is no room.
    pub fn follow(&mut self, arn: &str, start: i64) -> bool {
        if self.open.len() >= MAX_OPEN && !self.open.contains_key(arn) {
            return false;
        }
        let open = Open {
            start,
            ..Open::default()
        };
        self.open.entry(arn.to_owned()).or_insert(open);
        true
    }

    /// Has an execution asked for in this round.
    pub fn hurry(&mut self, arn: &str) {
        if let Some(open) = self.open.get_mut(arn) {
            open.due = 0;
        }
    }

    /// Notes that an execution has ended and is held.
    pub fn close(&mut self, arn: &str, start: i64) {
        self.open.remove(arn);
        self.closed.insert(arn.to_owned(), start);
    }

    /// Forgets what no listing will show again.
    pub fn prune(&mut self, now: i64, lookback: i64) {
        let scanned = self.scanned.values().min().copied();
        let before = scanned.unwrap_or(now.saturating_sub(lookback)) - 2 * OVERLAP;
        self.closed.retain(|_, start| *start >= before);
    }
}
