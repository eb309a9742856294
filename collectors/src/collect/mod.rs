//! Collectors: sources that are asked again and again.
//!
//! A [`Collector`] knows how to ask; everything that all of them need is in one loop around it, in the
//! server: when to ask again, what to do after an error, where facts go, and when a cursor may be kept.
//! The contract: facts first, cursor after. [`Outlet::facts`] returns when they are durable; only then may
//! [`Outlet::keep`] say that they need not be asked for again. Whatever happens between the two, facts are
//! fetched twice and held once.

mod failure;
mod meter;
mod outlet;
mod wanted;

pub use failure::{Advice, Failure};
pub use meter::{Meter, Metered};
pub use outlet::{Order, Outlet};
pub use wanted::{Wanted, WantedFunction, WantedJob};

use futures::future::BoxFuture;
use model::UnixNanos;
use serde_json::Value;
use std::time::Duration;

/// A source that is asked again and again.
pub trait Collector: Send {
    /// What it is.
    fn about(&self) -> About;

    /// What it kept at the end of an earlier round, possibly of an earlier process.
    fn remember(&mut self, kept: Value);

    /// Asks once for everything that is new.
    ///
    /// # Errors
    /// When the round must end early; what it has handed over before stays.
    fn round<'a>(&'a mut self, out: &'a Outlet) -> BoxFuture<'a, Result<Round, Failure>>;

    /// Tries every permission that it needs, without taking anything.
    fn check(&mut self) -> BoxFuture<'_, Vec<Check>>;

    /// Looks whether anybody answers, in a few seconds and without taking anything.
    ///
    /// # Errors
    /// When there are no credentials, or no way to it.
    fn reach(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How much it has asked.
    fn meter(&self) -> &Meter;
}

/// Takes up what was kept. What cannot be read (of another version) is left: collecting then begins anew, and what is
/// held already is not doubled.
pub fn recall<T: serde::de::DeserializeOwned>(kept: Value, memory: &mut T) {
    match serde_json::from_value(kept) {
        Ok(kept) => *memory = kept,
        Err(error) => {
            tracing::warn!(%error, "what was kept cannot be read; collecting begins anew, nothing is doubled");
        }
    }
}

/// What a source is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// A name that is the same after a restart: the key of what it keeps.
    pub name: String,
    /// `step_functions`, `lambda_logs`…
    pub kind: String,
    /// Account and Region.
    pub place: String,
    /// Sources of a lower stage find what those of a higher one ask for: executions lead to log groups, and
    /// these to traces. One pass takes them in this order.
    pub stage: u8,
}

/// How a round ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Round {
    /// When to begin the next one.
    pub wait: Duration,
    /// What is being followed.
    pub following: u64,
    /// Everything up to here has been taken.
    pub up_to: Option<UnixNanos>,
    /// Why it is slower than the data, if it is.
    pub behind: Option<String>,
    /// What it does, in words.
    pub detail: String,
    /// True when nothing is left that could be asked for now: `--once` ends.
    pub caught_up: bool,
}

/// The outcome of trying one permission or one address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// What was tried, such as `states:ListExecutions`.
    pub action: String,
    /// What for.
    pub purpose: String,
    /// The resource in the policy.
    pub resource: String,
    /// How it went.
    pub outcome: CheckOutcome,
    /// What came back, when it did not work.
    pub message: String,
}

/// How trying went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Allowed.
    #[default]
    Works,
    /// Not allowed.
    Denied,
    /// It could not be tried, for another reason.
    Unknown,
    /// There is nothing to try it with.
    Missing,
}
