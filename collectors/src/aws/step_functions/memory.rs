//! What the collector keeps between rounds and over restarts: where it is, not what it has.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const SECOND: i64 = 1_000_000_000;
/// How far behind the newest start a listing reads again: lists lag, and clocks differ.
pub(super) const OVERLAP: i64 = 300 * SECOND;
/// After so long no execution can be redriven any more.
const REDRIVE_WINDOW: i64 = 15 * 24 * 3_600 * SECOND;
/// Executions of one Region that may be followed at once; more wait until some have ended.
pub(super) const MAX_OPEN: usize = 100_000;

/// With fewer on the list, executions that have ended wait on it for their turn.
pub(super) const MAX_QUEUED: usize = 20_000;

/// Everything that is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// By ARN of the state machine: nanoseconds up to which all starts are listed.
    pub scanned: BTreeMap<String, i64>,
    /// Executions that have not ended, as far as is known.
    pub open: BTreeMap<String, Open>,
    /// Executions that have ended and are held, as long as listings still show them.
    pub closed: BTreeMap<String, Closed>,
    /// Map runs whose children are not all held.
    pub map_runs: BTreeMap<String, MapRun>,
    /// Executions without their definition yet.
    pub undefined: BTreeMap<String, Undefined>,
    /// State machines that are read from their logs, because the quota cannot keep up.
    pub delivered: BTreeMap<String, Delivered>,
    /// How often that was so.
    pub trials: BTreeMap<String, u32>,
    /// When redriven executions were last looked for.
    pub swept: i64,
    /// Executions that were listed when there was no room to follow them, at the last look.
    pub crowded: usize,
}

/// An execution that is followed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Open {
    /// Its start; 0 if only its ARN is known.
    pub start: i64,
    /// Id of the last event that is held.
    pub last_event: u64,
    /// Redrives up to there.
    pub redrives: u32,
    /// When to ask again.
    pub due: i64,
    /// How often nothing was new.
    pub quiet: u32,
    /// The state machine, or the map run, whose definition it ran.
    pub definition: String,
}

/// A state machine that is read from its logs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Delivered {
    /// Where its events are delivered to.
    pub group: String,
    /// When histories are asked for again.
    pub until: i64,
}

/// An execution that is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Closed {
    pub start: i64,
    pub redrives: u32,
}

/// A map run whose children are being fetched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct MapRun {
    /// When to ask again.
    pub due: i64,
    /// Its own state machine, for the definition of its children.
    pub quiet: u32,
}

/// An execution without its definition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Undefined {
    /// State machine or map run.
    pub of: String,
    /// Its start.
    pub start: i64,
}

impl Memory {
    /// True when everything of this execution is held, at this count of redrives.
    pub fn is_done(&self, arn: &str, redrives: u32) -> bool {
        self.closed
            .get(arn)
            .is_some_and(|closed| closed.redrives >= redrives)
    }

    /// Follows an execution from now on, if it is not followed already; false when there is no room.
    pub fn follow(&mut self, arn: &str, open: Open) -> bool {
        if self.open.len() >= MAX_OPEN && !self.open.contains_key(arn) {
            return false;
        }
        self.open.entry(arn.to_owned()).or_insert(open);
        true
    }

    /// True when there is room enough that listing more is worth its calls: lists are read again from where
    /// they were when there was none.
    pub fn may_list(&self) -> bool {
        self.open.len() < MAX_OPEN - MAX_OPEN / 20 || self.crowded == 0
    }

    /// True when executions that have ended may wait for their turn instead of being fetched at once.
    pub fn may_queue(&self) -> bool {
        self.open.len() < MAX_QUEUED
    }

    /// Has an execution that has ended asked for as soon as the quota allows.
    pub fn queue(&mut self, arn: &str, open: Open, now: i64) {
        let held = self.open.entry(arn.to_owned()).or_insert(open);
        held.due = held.due.min(now);
        if held.due == 0 {
            held.due = now;
        }
    }

    /// Notes that an execution has ended and is held.
    pub fn close(&mut self, arn: &str, start: i64, redrives: u32) {
        self.open.remove(arn);
        self.closed
            .insert(arn.to_owned(), Closed { start, redrives });
    }

    /// Forgets what no listing will show again.
    pub fn prune(&mut self, now: i64, lookback: i64) {
        let scanned = self
            .scanned
            .values()
            .min()
            .copied()
            .unwrap_or(now - lookback);
        let before = scanned - 2 * OVERLAP;
        self.closed.retain(|_, closed| {
            closed.start >= before
                || (closed.redrives > 0 && closed.start >= now - 2 * REDRIVE_WINDOW)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_said() {
        let mut memory = Memory::default();
        for n in 0..MAX_OPEN {
            assert!(memory.follow(&n.to_string(), Open::default()));
        }
        assert!(
            memory.follow("7", Open::default()),
            "it is followed already"
        );
        assert!(!memory.follow("new", Open::default()));
        assert!(memory.may_list(), "nobody waits");
        memory.crowded = 1;
        assert!(!memory.may_list());
        for n in 0..=MAX_OPEN / 20 {
            memory.close(&n.to_string(), 0, 0);
        }
        assert!(memory.may_list() && memory.follow("new", Open::default()));
    }
}
