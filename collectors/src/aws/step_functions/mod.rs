//! Standard workflows: found by listing, followed until they end, with their map runs, children and
//! definitions.
//!
//! A round: list what began since the last one; fetch what has ended whole, and of what runs only what is
//! new; then map runs; then definitions. Everything is handed over before anything is remembered.

mod definitions;
mod discover;
mod fall_back;
mod follow;
mod history;
mod map_runs;
mod memory;

use super::{
    call::Calls,
    check::{self, Tries},
    session::Session,
};
use crate::collect::{About, Check, Collector, Failure, Meter, Outlet, Round, recall};
use definitions::Definitions;
use futures::{FutureExt, future::BoxFuture};
use memory::{Memory, SECOND};
use model::text::counted;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Between two looks for redriven executions, when there are many state machines.
const SWEEP: i64 = 300 * SECOND;
/// So many state machines are looked through for redriven executions in every round.
const FEW_MACHINES: usize = 20;

/// The collector of one account in one Region.
pub struct StepFunctions {
    calls: Calls,
    memory: Memory,
    definitions: Definitions,
    /// State machines of the last round: (ARN, true for Express).
    machines: Vec<(String, bool)>,
    /// Where state machines deliver everything to, and when that was asked.
    deliveries: HashMap<String, (i64, Option<String>)>,
}

impl StepFunctions {
    /// A collector over a session.
    pub fn new(session: Arc<Session>) -> Self {
        StepFunctions {
            calls: Calls::new(session),
            memory: Memory::default(),
            definitions: Definitions::default(),
            machines: Vec::new(),
            deliveries: HashMap::new(),
        }
    }

    fn lookback(&self) -> i64 {
        let hours = i64::try_from(self.calls.session.source.lookback_hours).unwrap_or(i64::MAX);
        hours.saturating_mul(3_600 * SECOND)
    }

    fn interval(&self) -> i64 {
        let seconds = i64::try_from(self.calls.session.source.interval_s).unwrap_or(i64::MAX);
        seconds.saturating_mul(SECOND)
    }

    async fn go(&mut self, out: &Outlet) -> Result<Round, Failure> {
        let begun = out.now().0;
        self.machines = self.list_machines().await?;
        let standard: Vec<String> = self
            .machines
            .iter()
            .filter(|(_, express)| !express)
            .map(|(arn, _)| arn.clone())
            .collect();
        let first = self.memory.scanned.is_empty();
        if self.memory.may_list() {
            self.memory.crowded = 0;
            for machine in &standard {
                self.discover(out, machine).await?;
            }
        }
        if !first && (standard.len() <= FEW_MACHINES || begun - self.memory.swept >= SWEEP) {
            self.sweep(out, &standard).await?;
            self.memory.swept = begun;
        }
        let left = self.follow_due(out).await?;
        self.fall_back(out).await?;
        let broken = self.collect_map_runs(out).await?;
        let undefined = self.define(out).await?;
        self.memory.prune(begun, self.lookback());
        out.keep(&self.memory).await?;
        match broken {
            Some(failure) => Err(failure),
            None => Ok(self.summed_up(begun, left, undefined)),
        }
    }

    /// More executions run than are followed.
    fn crowded(&self) -> Option<String> {
        let crowded = self.memory.crowded;
        (crowded > 0).then(|| {
            format!(
                "{crowded} executions or more wait, because {} are followed, the most at once: none is lost, they are \
                 listed again when some have ended; choose fewer with state_machines or tags, or spread them over \
                 several [[collect]] tables",
                memory::MAX_OPEN
            )
        })
    }

    fn summed_up(&self, begun: i64, left: usize, undefined: usize) -> Round {
        let following = self.memory.open.len() + self.memory.map_runs.len();
        let express = self.machines.iter().filter(|(_, express)| *express).count();
        let mut detail = format!(
            "{} ({express} Express, read from their logs), {} followed",
            counted(
                self.machines.len() as u64,
                "state machine",
                "state machines"
            ),
            counted(
                following as u64,
                "execution or map run",
                "executions and map runs"
            )
        );
        if undefined > 0 {
            detail += &format!(
                ", {} for its turn (DescribeStateMachineForExecution allows few calls)",
                counted(undefined as u64, "definition waits", "definitions wait")
            );
        }
        let behind = self.crowded().or_else(|| self.fallen_back(left));
        let new = |open: &memory::Open| open.last_event == 0 && open.due <= begun;
        let left = left + self.memory.open.values().filter(|open| new(open)).count();
        let busy = left > 0 || undefined > 0 || !self.memory.map_runs.is_empty();
        let wait = if busy { SECOND } else { self.interval() };
        Round {
            wait: Duration::from_nanos(wait.unsigned_abs()),
            following: following as u64,
            up_to: Some(model::UnixNanos(begun)).filter(|_| left == 0 && self.memory.crowded == 0),
            behind,
            detail,
            caught_up: !busy,
        }
    }
}

impl Collector for StepFunctions {
    fn about(&self) -> About {
        let session = &self.calls.session;
        About {
            name: format!("{}/step_functions/{}", session.source.name, session.region),
            kind: "step_functions".to_owned(),
            place: session.region.clone(),
            stage: 0,
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
        Box::pin(check::step_functions(tries).map(Tries::done))
    }

    fn reach(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        let tries = Tries::first(&self.calls);
        Box::pin(check::step_functions(tries).map(Tries::reached))
    }

    fn meter(&self) -> &Meter {
        &self.calls.meter
    }
}
