//! Log groups: of the functions that executions called, of state machines that deliver their events, and
//! those that are named in the configuration.
//!
//! FilterLogEvents is asked, from where the last round ended minus an overlap, for whole groups: one call
//! for all streams. A line read again has the same identity. What comes later than the overlap is found by
//! what is missing: executions that lack an invocation have the time around it read again, less and less often.

mod groups;
mod read;

pub(super) use groups::group_of_arn;

use super::{
    call::Calls,
    check::{self, Tries},
    session::Session,
};
use crate::{
    cloudwatch::Recorder,
    collect::{About, Check, Collector, Failure, Meter, Outlet, Round, recall},
};
use futures::{FutureExt, future::BoxFuture};
use model::text::counted;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Whose logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Functions, and what is configured.
    Functions,
    /// State machines.
    StateMachines,
}

/// The collector of log groups of one account in one Region.
pub struct Logs {
    calls: Calls,
    whose: Whose,
    memory: Memory,
    /// Streams as they were read, by group.
    readers: HashMap<String, Reader>,
    /// Log group of each function, when it was asked for.
    groups_of: HashMap<String, (i64, String)>,
}

/// What is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    groups: BTreeMap<String, Group>,
}

/// Where reading a group is, in milliseconds since the epoch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Group {
    until: i64,
    /// Next time to look again for what is missing.
    again: i64,
    /// How often that was done in vain.
    vain: u32,
}

/// What is remembered of a group in this process.
#[derive(Default)]
struct Reader {
    recorder: Recorder,
    /// Ids of the events of the overlap.
    seen: HashSet<String>,
    /// The same, of the round before.
    before: HashSet<String>,
}

/// A group to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wish {
    group: String,
    /// Milliseconds: something after this is missing.
    missing_since: Option<i64>,
    /// Milliseconds: nothing is expected after this.
    last: Option<i64>,
}

impl Logs {
    /// A collector over a session.
    pub fn new(session: Arc<Session>, whose: Whose) -> Self {
        Logs {
            calls: Calls::new(session),
            whose,
            memory: Memory::default(),
            readers: HashMap::new(),
            groups_of: HashMap::new(),
        }
    }

    async fn go(&mut self, out: &Outlet) -> Result<Round, Failure> {
        let begun = out.now();
        let wishes = self.wishes(out).await?;
        let count = wishes.len() as u64;
        for wish in wishes {
            self.read(out, wish).await?;
        }
        out.keep(&self.memory).await?;
        Ok(Round {
            wait: Duration::from_secs(self.calls.session.source.interval_s),
            following: count,
            up_to: Some(begun),
            behind: None,
            detail: match self.whose {
                Whose::Functions => {
                    let groups = counted(count, "log group", "log groups");
                    format!("{groups} of functions that executions called, or configured")
                }
                Whose::StateMachines => {
                    let groups = counted(count, "log group", "log groups");
                    format!("{groups} that state machines deliver to")
                }
            },
            caught_up: true,
        })
    }
}

impl Collector for Logs {
    fn about(&self) -> About {
        let session = &self.calls.session;
        let kind = match self.whose {
            Whose::Functions => "lambda_logs",
            Whose::StateMachines => "step_functions_logs",
        };
        About {
            name: format!("{}/{kind}/{}", session.source.name, session.region),
            kind: kind.to_owned(),
            place: session.region.clone(),
            stage: u8::from(self.whose == Whose::Functions),
        }
    }

    fn remember(&mut self, kept: Value) {
        recall(kept, &mut self.memory);
    }

    fn round<'a>(&'a mut self, out: &'a Outlet) -> BoxFuture<'a, Result<Round, Failure>> {
        Box::pin(self.go(out))
    }

    fn check(&mut self) -> BoxFuture<'_, Vec<Check>> {
        let tries = Tries::all(&self.calls);
        Box::pin(check::logs(tries, self.whose).map(Tries::done))
    }

    fn reach(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        let tries = Tries::first(&self.calls);
        Box::pin(check::logs(tries, self.whose).map(Tries::reached))
    }

    fn meter(&self) -> &Meter {
        &self.calls.meter
    }
}
