//! Executions of Lambda durable functions: found by listing the executions of functions that have a durable
//! configuration, followed until they end.
//!
//! A round: list what began since the last one; fetch what is new of those that are due; describe those that
//! have ended. Everything is handed over before anything is remembered.

mod history;
mod memory;

use super::{
    api::{self, Api},
    call::{CallError, Calls},
    check::{self, Tries},
    config::fits,
    session::Session,
};
use crate::{
    collect::{About, Check, Collector, Failure, Meter, Outlet, Round, recall},
    durable,
    step_functions::parse_time,
};
use aws_smithy_types::DateTime;
use futures::{FutureExt, future::BoxFuture};
use memory::{Memory, OVERLAP, Open, SECOND};
use model::UnixNanos;
use model::text::counted;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// How long the list of functions is taken to stay the same.
const SAME: i64 = 300 * SECOND;
/// Times that the list of functions is asked for, where another AWS may not know the question.
const FEW_TRIES: u32 = 3;
/// Executions looked at in one round.
const PER_ROUND: usize = 500;
/// Longest time between two looks at an execution in which nothing happens.
const LONGEST: i64 = 300 * SECOND;

/// The collector of one account in one Region.
pub struct Durable {
    calls: Calls,
    memory: Memory,
    /// Durable functions by ARN, and when they were listed.
    functions: (i64, Vec<String>),
}

impl Durable {
    /// A collector over a session.
    pub fn new(session: Arc<Session>) -> Self {
        Durable {
            calls: Calls::new(session),
            memory: Memory::default(),
            functions: (i64::MIN, Vec::new()),
        }
    }

    async fn go(&mut self, out: &Outlet) -> Result<Round, Failure> {
        let begun = out.now().0;
        if begun.saturating_sub(SAME) >= self.functions.0 {
            match self.list_functions().await {
                Ok(functions) => self.functions = (begun, functions),
                // Accounts that have no durable functions need not allow to look for them.
                Err(error) => return Ok(self.unlisted(error)),
            }
        }
        let mut crowded = 0;
        for function in self.functions.1.clone() {
            crowded += self.discover(out, &function).await?;
        }
        let mut due = self.memory.due(begun);
        let left = due.len().saturating_sub(PER_ROUND);
        due.truncate(PER_ROUND);
        for arn in due {
            self.follow(out, &arn).await?;
        }
        self.memory.prune(begun, self.lookback());
        out.keep(&self.memory).await?;
        let busy = left > 0 || !self.memory.due(out.now().0).is_empty();
        Ok(self.summed_up(begun, left, crowded, busy))
    }

    fn summed_up(&self, begun: i64, left: usize, crowded: usize, busy: bool) -> Round {
        let (functions, open) = (self.functions.1.len(), self.memory.open.len());
        let wait = if busy { SECOND } else { self.interval() };
        let waiting = (crowded > 0).then(|| {
            format!(
                "{}: {} are followed already, the most at once; what waits is listed again",
                counted(crowded as u64, "execution waits", "executions wait"),
                memory::MAX_OPEN
            )
        });
        let slow = (left > 0).then(|| {
            counted(
                left as u64,
                "execution waits for its turn",
                "executions wait for their turn",
            )
        });
        Round {
            wait: Duration::from_nanos(wait.unsigned_abs()),
            following: open as u64,
            up_to: Some(UnixNanos(begun)).filter(|_| left == 0 && crowded == 0),
            behind: waiting.or(slow),
            detail: format!(
                "{}, {} followed",
                counted(functions as u64, "durable function", "durable functions"),
                counted(open as u64, "execution", "executions")
            ),
            caught_up: !busy,
        }
    }

    fn unlisted(&self, error: CallError) -> Round {
        let denied = matches!(error, CallError::Denied(_));
        let failure = self.calls.failure(&api::LIST_FUNCTIONS, error);
        let detail = "durable functions cannot be looked for";
        Round {
            wait: Duration::from_secs(300),
            behind: denied.then(|| failure.to_string()),
            detail: match denied {
                true => detail.to_owned(),
                false => format!("{detail}: {}", failure.message),
            },
            caught_up: true,
            ..Round::default()
        }
    }

    /// Functions with a durable configuration that the configuration asks for.
    async fn list_functions(&self) -> Result<Vec<String>, CallError> {
        let wanted = &self.calls.session.source.durable_functions;
        let calls = self.calls.clone().with_tries(FEW_TRIES);
        let mut functions = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let page = calls
                .ask(&api::LIST_FUNCTIONS, |clients, capture| {
                    let call = clients.lambda.list_functions().max_items(50);
                    let call = call.set_marker(marker.clone());
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await?;
            for function in list(&page, "Functions") {
                let text = |name: &str| function.get(name).and_then(Value::as_str);
                let (Some(arn), Some(name)) = (text("FunctionArn"), text("FunctionName")) else {
                    continue;
                };
                let durable = function
                    .get("DurableConfig")
                    .is_some_and(|it| !it.is_null());
                let named = |pattern: &String| fits(pattern, name) || fits(pattern, arn);
                if durable && (wanted.is_empty() || wanted.iter().any(named)) {
                    functions.push(arn.to_owned());
                }
            }
            marker = next(&page, marker.as_deref());
            if marker.is_none() {
                return Ok(functions);
            }
        }
    }

    /// Lists what began since the last time. Returns how many executions there was no room for: then the same
    /// time is listed again.
    async fn discover(&mut self, out: &Outlet, function: &str) -> Result<usize, Failure> {
        static API: &Api = &api::LIST_DURABLE;
        let scanned = self.memory.scanned.get(function).copied();
        let since = match scanned {
            Some(scanned) => scanned.saturating_sub(OVERLAP),
            None => out.now().0.saturating_sub(self.lookback()),
        };
        let (mut newest, mut crowded) = (scanned.unwrap_or(since), 0);
        let mut marker: Option<String> = None;
        loop {
            let page = self
                .calls
                .ask(API, |clients, capture| {
                    let call = clients.lambda.list_durable_executions_by_function();
                    let call = call.function_name(function).max_items(1_000);
                    let call = call
                        .started_after(
                            DateTime::from_nanos(since.into()).unwrap_or(DateTime::from_secs(0)),
                        )
                        .set_marker(marker.clone());
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await;
            let page = match page {
                Ok(page) => page,
                Err(CallError::Gone(_)) => return Ok(0),
                Err(error) => return Err(self.calls.failure(API, error)),
            };
            let mut told = Vec::new();
            for entry in list(&page, "DurableExecutions") {
                let Some((arn, start, running)) = listed(entry) else {
                    continue;
                };
                newest = newest.max(start);
                if start < since || self.memory.closed.contains_key(&arn) {
                    continue;
                }
                let known = self.memory.open.contains_key(&arn);
                match self.memory.follow(&arn, start) {
                    // An end that a list tells of is news.
                    true if known && !running => self.memory.hurry(&arn),
                    true if known => {}
                    true => told.extend(durable::recognise(entry).filter(|_| running)),
                    false => crowded += 1,
                }
            }
            out.facts(history::batch(told.into_iter().flatten().collect()))
                .await?;
            marker = next(&page, marker.as_deref());
            if marker.is_none() {
                break;
            }
        }
        if crowded == 0 {
            self.memory.scanned.insert(function.to_owned(), newest);
        }
        Ok(crowded)
    }

    /// Fetches what is new of an execution, hands it over, and remembers that.
    async fn follow(&mut self, out: &Outlet, arn: &str) -> Result<(), Failure> {
        let Some(open) = self.memory.open.get(arn).cloned() else {
            return Ok(());
        };
        let fetched = match history::fetch(&self.calls, out, arn, open.last_event).await? {
            Ok(fetched) => fetched,
            Err(CallError::Gone(_)) => {
                self.memory.open.remove(arn);
                return Ok(());
            }
            Err(error) => return Err(self.calls.failure(&api::GET_DURABLE_HISTORY, error)),
        };
        if fetched.ended {
            let description = match history::describe(&self.calls, arn).await {
                Ok(description) => durable::recognise(&description).unwrap_or_default(),
                Err(CallError::Gone(_)) => Vec::new(),
                Err(error) => return Err(self.calls.failure(&api::GET_DURABLE, error)),
            };
            out.facts(history::batch(description)).await?;
            self.memory.close(arn, open.start);
            return out.keep(&self.memory).await;
        }
        let quiet = match fetched.events {
            0 => open.quiet.saturating_add(1),
            _ => 0,
        };
        let wait = self.interval().saturating_mul(1 << quiet.min(5));
        let wait = wait.min(LONGEST.max(self.interval()));
        let due = out.now().0.saturating_add(wait);
        let last_event = fetched.last_event;
        let held = Open {
            last_event,
            due,
            quiet,
            ..open
        };
        self.memory.open.insert(arn.to_owned(), held);
        Ok(())
    }

    fn lookback(&self) -> i64 {
        let hours = i64::try_from(self.calls.session.source.lookback_hours).unwrap_or(i64::MAX);
        hours.saturating_mul(3_600 * SECOND)
    }

    fn interval(&self) -> i64 {
        let seconds = i64::try_from(self.calls.session.source.interval_s).unwrap_or(i64::MAX);
        seconds.saturating_mul(SECOND)
    }
}

/// The items of a page.
fn list<'a>(page: &'a Value, name: &str) -> &'a [Value] {
    page.get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Where the next page begins; `None` at the end, and where the same page would come again.
fn next(page: &Value, marker: Option<&str>) -> Option<String> {
    let next = page.get("NextMarker")?.as_str()?;
    (!next.is_empty() && Some(next) != marker).then(|| next.to_owned())
}

/// ARN, start, and whether it runs.
fn listed(entry: &Value) -> Option<(String, i64, bool)> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let start = entry.get("StartTimestamp").and_then(parse_time)?;
    Some((
        text("DurableExecutionArn")?.to_owned(),
        start.0,
        text("Status") == Some("RUNNING"),
    ))
}

impl Collector for Durable {
    fn about(&self) -> About {
        let session = &self.calls.session;
        About {
            name: format!(
                "{}/durable_functions/{}",
                session.source.name, session.region
            ),
            kind: "durable_functions".to_owned(),
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
        Box::pin(check::durable(tries).map(Tries::done))
    }

    fn reach(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        let tries = Tries::first(&self.calls);
        Box::pin(check::durable(tries).map(Tries::reached))
    }

    fn meter(&self) -> &Meter {
        &self.calls.meter
    }
}
