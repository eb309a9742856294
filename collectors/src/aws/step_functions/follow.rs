//! Following executions: those that are due, a few at a time, handed over in groups.

use super::{
    StepFunctions,
    history::{self, Fetched},
    memory::{Open, SECOND, Undefined},
};
use crate::{
    aws::{api, call::CallError},
    collect::{Failure, Outlet},
    step_functions::{Piece, recognise},
};
use futures::{StreamExt, stream};
use serde_json::Value;

/// Executions fetched at the same time.
const AT_ONCE: usize = 6;
/// Executions handed over together at most…
const GROUP: usize = 200;
/// …or bytes of their text.
const GROUP_BYTES: usize = 8 << 20;
/// Longest time between two looks at an execution in which nothing happens.
const LONGEST: i64 = 300 * SECOND;

/// An execution, fetched.
struct Done {
    arn: String,
    open: Open,
    fetched: Result<Fetched, CallError>,
    /// True when its description says that it has ended.
    closed: bool,
    redrives: u32,
}

impl StepFunctions {
    /// Asks for those executions that are due, as many as the quota allows in one interval; returns how
    /// many more are due.
    pub(super) async fn follow_due(&mut self, out: &Outlet) -> Result<usize, Failure> {
        let now = out.now().0;
        let mut due: Vec<(i64, String)> = self
            .memory
            .open
            .iter()
            .filter(|(_, open)| open.due <= now)
            .map(|(arn, open)| (open.due, arn.clone()))
            .collect();
        due.sort_unstable();
        let bucket = self.calls.session.bucket(&api::GET_HISTORY);
        let speed = bucket.map_or(f64::MAX, |bucket| bucket.per_s());
        let free = self.calls.free(&api::GET_HISTORY);
        let allowed = ((speed * self.interval() as f64 / 1e9) as usize + free).max(1);
        let left = due.len().saturating_sub(allowed);
        due.truncate(allowed);
        let open = &self.memory.open;
        let due = due
            .into_iter()
            .filter_map(|(_, arn)| Some((arn.clone(), open.get(&arn)?.clone())));
        let due = due.collect();
        self.fetch_all(out, due).await?;
        Ok(left)
    }

    /// Fetches these executions, hands them over, and remembers that they are held.
    pub(super) async fn fetch_all(
        &mut self,
        out: &Outlet,
        executions: Vec<(String, Open)>,
    ) -> Result<(), Failure> {
        let this = &*self;
        let fetches = executions
            .into_iter()
            .map(|(arn, open)| this.fetch_one(out, arn, open));
        let fetches: Vec<_> = fetches.collect();
        let mut fetched = stream::iter(fetches).buffer_unordered(AT_ONCE);
        let mut groups: Vec<Vec<Done>> = Vec::new();
        let (mut group, mut pieces, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut failure = None;
        while let Some(done) = fetched.next().await {
            let mut done = match done {
                Ok(done) => done,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            };
            if let Ok(fetched) = &mut done.fetched {
                pieces.append(&mut fetched.pieces);
                bytes += fetched.bytes;
            }
            group.push(done);
            if group.len() >= GROUP || bytes >= GROUP_BYTES {
                out.facts(history::batch(std::mem::take(&mut pieces)))
                    .await?;
                groups.push(std::mem::take(&mut group));
                bytes = 0;
            }
        }
        drop(fetched);
        out.facts(history::batch(pieces)).await?;
        groups.push(group);
        let now = out.now().0;
        let mut denied = None;
        for done in groups.into_iter().flatten() {
            denied = denied.or(self.remember_one(done, now));
        }
        out.keep(&self.memory).await?;
        match failure.or_else(|| Some(self.calls.failure(&api::GET_HISTORY, denied?))) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    async fn fetch_one(&self, out: &Outlet, arn: String, open: Open) -> Result<Done, Failure> {
        let mut fetched = history::fetch(&self.calls, out, &arn, &open).await?;
        let mut closed = false;
        let mut redrives = open.redrives;
        if let Ok(found) = &mut fetched {
            redrives = found.redrives;
        }
        if fetched.as_ref().is_ok_and(|found| found.ended) {
            match self.describe(&arn).await {
                Ok(description) => {
                    let running = description.get("status").and_then(Value::as_str);
                    closed = !matches!(running, Some("RUNNING" | "PENDING_REDRIVE") | None);
                    let pieces = recognise(&description).filter(|_| closed);
                    if let Ok(found) = &mut fetched {
                        let bodies = pieces.into_iter().flatten();
                        found
                            .pieces
                            .extend(bodies.filter(|it| matches!(it, Piece::Execution(_))));
                    }
                }
                Err(error) => fetched = Err(error),
            }
        }
        Ok(Done {
            arn,
            open,
            fetched,
            closed,
            redrives,
        })
    }

    async fn describe(&self, arn: &str) -> Result<Value, CallError> {
        self.calls
            .ask(&api::DESCRIBE_EXECUTION, |clients, capture| {
                let call = clients.sfn.describe_execution().execution_arn(arn);
                async move { call.customize().interceptor(capture).send().await }
            })
            .await
    }

    /// Remembers what is held now. Returns an error that somebody has to know of.
    fn remember_one(&mut self, done: Done, now: i64) -> Option<CallError> {
        let fetched = match done.fetched {
            Ok(fetched) => fetched,
            Err(CallError::Gone(_)) => {
                self.memory.open.remove(&done.arn);
                return None;
            }
            Err(error) => return Some(error),
        };
        let start = fetched.start.unwrap_or(done.open.start);
        self.want_definition(&done.arn, &done.open, start);
        for map_run in fetched.map_runs {
            self.memory.map_runs.entry(map_run).or_default();
        }
        for child in fetched.children {
            if !self.memory.is_done(&child, 0) && self.is_ours(&child) {
                let definition = machine_of(&child).unwrap_or_default();
                let open = Open {
                    definition,
                    ..Open::default()
                };
                // Without room it is found when its own state machine is listed.
                let _ = self.memory.follow(&child, open);
            }
        }
        if done.closed {
            self.memory.close(&done.arn, start, done.redrives);
            return None;
        }
        let quiet = if fetched.events > 0 {
            0
        } else {
            done.open.quiet.saturating_add(1)
        };
        let wait = self
            .interval()
            .saturating_mul(1 << quiet.min(5))
            .min(LONGEST.max(self.interval()));
        self.memory.open.insert(
            done.arn,
            Open {
                start,
                last_event: fetched.last_event,
                redrives: fetched.redrives,
                due: now.saturating_add(wait),
                quiet,
                definition: done.open.definition,
            },
        );
        None
    }

    /// Asks for the definition of an execution whose first events are here now.
    pub(super) fn want_definition(&mut self, arn: &str, open: &Open, start: i64) {
        if open.last_event == 0 && !open.definition.is_empty() {
            let of = open.definition.clone();
            let undefined = Undefined { of, start };
            self.memory.undefined.insert(arn.to_owned(), undefined);
        }
    }

    /// True for an execution that can be asked for here: Standard, and of this Region.
    fn is_ours(&self, arn: &str) -> bool {
        let mut parts = arn.split(':').skip(3);
        parts.next() == Some(self.calls.session.region.as_str()) && arn.contains(":execution:")
    }
}

/// `…:execution:orders:run-1` → `…:stateMachine:orders`.
fn machine_of(execution_arn: &str) -> Option<String> {
    let (front, rest) = execution_arn.split_once(":execution:")?;
    let name = rest.split(':').next()?;
    Some(format!("{front}:stateMachine:{name}"))
}
