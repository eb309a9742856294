//! Distributed Maps: the run, and its children, which are executions of their own.

use super::{
    StepFunctions,
    discover::{Listed, Listing},
    history,
    memory::{SECOND, Undefined},
};
use crate::{
    aws::{api, call::CallError},
    collect::{Advice, Failure, Outlet},
    step_functions::{Piece, recognise},
};
use futures::{StreamExt, stream};
use serde_json::Value;

/// Children fetched at the same time.
const AT_ONCE: usize = 6;
/// Between two looks at a run that goes on.
const WAIT: i64 = 10 * SECOND;

impl StepFunctions {
    /// Fetches the children that have ended, and the runs themselves when they have. One that cannot be had
    /// does not keep the others waiting: its failure is returned at the end.
    pub(super) async fn collect_map_runs(
        &mut self,
        out: &Outlet,
    ) -> Result<Option<Failure>, Failure> {
        let mut broken = None;
        let now = out.now().0;
        let due: Vec<String> = self
            .memory
            .map_runs
            .iter()
            .filter(|(_, run)| run.due <= now)
            .map(|(arn, _)| arn.clone())
            .collect();
        for arn in due {
            match self.collect_map_run(out, &arn, now).await {
                Ok(()) => {}
                Err(failure) if matches!(failure.advice, Advice::Store | Advice::End) => {
                    return Err(failure);
                }
                Err(failure) => {
                    self.look_later(arn, now);
                    broken = Some(failure);
                }
            }
        }
        Ok(broken)
    }

    fn look_later(&mut self, arn: String, now: i64) {
        let run = self.memory.map_runs.entry(arn).or_default();
        run.quiet = run.quiet.saturating_add(1);
        run.due = now.saturating_add(WAIT.saturating_mul(1 << run.quiet.min(4)));
    }

    async fn collect_map_run(&mut self, out: &Outlet, arn: &str, now: i64) -> Result<(), Failure> {
        let description = match self.describe_map_run(arn).await {
            Ok(description) => description,
            Err(CallError::Gone(_)) => {
                self.memory.map_runs.remove(arn);
                return Ok(());
            }
            Err(error) => return Err(self.calls.failure(&api::DESCRIBE_MAP_RUN, error)),
        };
        let status = description.get("status").and_then(Value::as_str);
        let running = status == Some("RUNNING");
        let all = self.children(out, arn).await?;
        if running || !all {
            self.look_later(arn.to_owned(), now);
            return Ok(());
        }
        let pieces = recognise(&description).unwrap_or_default();
        let runs = pieces
            .into_iter()
            .filter(|piece| matches!(piece, Piece::MapRun(_)));
        out.facts(history::batch(runs.collect())).await?;
        self.memory.map_runs.remove(arn);
        out.keep(&self.memory).await
    }

    async fn describe_map_run(&self, arn: &str) -> Result<Value, CallError> {
        self.calls
            .ask(&api::DESCRIBE_MAP_RUN, |clients, capture| {
                let call = clients.sfn.describe_map_run().map_run_arn(arn);
                async move { call.customize().interceptor(capture).send().await }
            })
            .await
    }

    /// Fetches the children of a run that have ended; false when some have not.
    async fn children(&mut self, out: &Outlet, map_run: &str) -> Result<bool, Failure> {
        let listing = Listing {
            map_run: Some(map_run.to_owned()),
            ..Listing::default()
        };
        let mut all = true;
        let mut token = None;
        loop {
            let (entries, next) = match self.list(&listing, token).await {
                Ok(page) => page,
                // Express children are in their logs only; a stale token begins anew next time.
                Err(CallError::Refused(_) | CallError::Gone(_)) => return Ok(true),
                Err(CallError::StaleToken) => return Ok(false),
                Err(error) => return Err(self.calls.failure(&api::LIST_EXECUTIONS, error)),
            };
            all &= entries.iter().all(|entry| !entry.running);
            let ended = entries
                .into_iter()
                .filter(|it| !it.running && !self.memory.is_done(&it.arn, it.redrives))
                .collect();
            self.fetch_children(out, ended, map_run).await?;
            token = next;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Their histories, with what the list says of them in the place of a description: it says the
    /// same, and a thousand calls of DescribeExecution would take minutes of the quota.
    async fn fetch_children(
        &mut self,
        out: &Outlet,
        children: Vec<Listed>,
        map_run: &str,
    ) -> Result<(), Failure> {
        let mut pieces = Vec::new();
        let mut held = Vec::new();
        let mut runs = Vec::new();
        {
            let this = &*self;
            let fetches: Vec<_> = children
                .iter()
                .map(|child| async move {
                    let open = child.open("");
                    (
                        child,
                        history::fetch(&this.calls, out, &child.arn, &open).await,
                    )
                })
                .collect();
            let mut fetched = stream::iter(fetches).buffer_unordered(AT_ONCE);
            while let Some((child, outcome)) = fetched.next().await {
                let mut found = match outcome? {
                    Ok(found) => found,
                    Err(CallError::Gone(_)) => continue,
                    Err(error) => return Err(self.calls.failure(&api::GET_HISTORY, error)),
                };
                pieces.append(&mut found.pieces);
                runs.append(&mut found.map_runs);
                let described = recognise(&child.entry).unwrap_or_default();
                pieces.extend(described);
                held.push((child.arn.clone(), child.start, found.redrives));
            }
        }
        out.facts(history::batch(pieces)).await?;
        for (arn, start, redrives) in held {
            let undefined = Undefined {
                of: map_run.to_owned(),
                start,
            };
            self.memory.undefined.insert(arn.clone(), undefined);
            self.memory.close(&arn, start, redrives);
        }
        for run in runs {
            self.memory.map_runs.entry(run).or_default();
        }
        out.keep(&self.memory).await
    }
}
