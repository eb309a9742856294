//! X-Ray traces that executions and their functions carry: BatchGetTraces, twice, because segments of long
//! calls come late.

use super::{
    api,
    call::Calls,
    check::{self, Tries},
    session::Session,
};
use crate::{
    collect::{About, Check, Collector, Failure, Meter, Outlet, Round, recall},
    xray,
};
use futures::{FutureExt, future::BoxFuture};
use model::Batch;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Traces of one call: the most that X-Ray takes.
const AT_ONCE: usize = 5;
/// Traces asked for in one round.
const PER_ROUND: usize = 500;
/// Looks at one trace.
const LOOKS: u32 = 3;
/// Between two looks, nanoseconds.
const BETWEEN: i64 = 120_000_000_000;
/// Traces remembered as looked at.
const REMEMBERED: usize = 50_000;

/// The collector of one account in one Region.
pub struct Traces {
    calls: Calls,
    asked: BTreeMap<String, Asked>,
}

/// How often a trace was asked for, and when it is asked for again.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Asked {
    times: u32,
    due: i64,
}

impl Traces {
    /// A collector over a session.
    pub fn new(session: Arc<Session>) -> Self {
        Traces {
            calls: Calls::new(session),
            asked: BTreeMap::new(),
        }
    }

    async fn go(&mut self, out: &Outlet) -> Result<Round, Failure> {
        let begun = out.now();
        let wanted = out.wanted().await?.xray_traces;
        let due = |id: &String| {
            let asked = self.asked.get(id).copied().unwrap_or_default();
            asked.times < LOOKS && asked.due <= begun.0
        };
        let due: Vec<String> = wanted.into_iter().filter(due).collect();
        for part in due[..due.len().min(PER_ROUND)].chunks(AT_ONCE) {
            let answer = self
                .calls
                .ask(&api::GET_TRACES, |clients, capture| {
                    let call = clients
                        .xray
                        .batch_get_traces()
                        .set_trace_ids(Some(part.to_vec()));
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await
                .map_err(|error| self.calls.failure(&api::GET_TRACES, error))?;
            let (spans, problems) = xray::batch_get_traces(&answer);
            for problem in problems {
                tracing::warn!(problem, "a segment of X-Ray was left out");
            }
            out.facts(Batch {
                spans,
                ..Batch::default()
            })
            .await?;
            for id in part {
                let asked = self.asked.entry(id.clone()).or_default();
                asked.times += 1;
                asked.due = begun.0.saturating_add(BETWEEN << asked.times);
            }
        }
        while self.asked.len() > REMEMBERED {
            // Ids begin with their time: the oldest go first.
            self.asked.pop_first();
        }
        out.keep(&self.asked).await?;
        Ok(Round {
            wait: Duration::from_secs(self.calls.session.source.interval_s),
            following: due.len() as u64,
            up_to: Some(begun),
            detail: format!("{} X-Ray traces are known", self.asked.len()),
            caught_up: due.len() <= PER_ROUND,
            behind: None,
        })
    }
}

impl Collector for Traces {
    fn about(&self) -> About {
        let session = &self.calls.session;
        About {
            name: format!("{}/xray/{}", session.source.name, session.region),
            kind: "xray".to_owned(),
            place: session.region.clone(),
            stage: 2,
        }
    }

    fn remember(&mut self, kept: Value) {
        recall(kept, &mut self.asked);
    }

    fn round<'a>(&'a mut self, out: &'a Outlet) -> BoxFuture<'a, Result<Round, Failure>> {
        Box::pin(self.go(out))
    }

    fn check(&mut self) -> BoxFuture<'_, Vec<Check>> {
        let tries = Tries::all(&self.calls);
        Box::pin(check::traces(tries).map(Tries::done))
    }

    fn reach(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        let tries = Tries::first(&self.calls);
        Box::pin(check::traces(tries).map(Tries::reached))
    }

    fn meter(&self) -> &Meter {
        &self.calls.meter
    }
}
