//! Finding state machines and executions.

use super::{
    StepFunctions, history,
    memory::{OVERLAP, Open},
};
use crate::{
    aws::{
        api::{self, Api},
        call::CallError,
        config::fits,
    },
    collect::{Failure, Outlet},
    step_functions::{parse_time, recognise},
};
use aws_sdk_sfn::types::{ExecutionRedriveFilter, ExecutionStatus};
use serde_json::Value;

/// Executions of one page of a list.
const PAGE: i32 = 100;
/// A list that changes under our hands is begun again so often.
const RESTARTS: u32 = 3;

/// One entry of a list of executions.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub arn: String,
    pub start: i64,
    pub running: bool,
    pub redrives: u32,
    /// The entry as it came.
    pub entry: Value,
}

impl Listed {
    pub fn read(entry: &Value) -> Option<Listed> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let redrives = entry.get("redriveCount").and_then(Value::as_u64);
        Some(Listed {
            arn: text("executionArn")?.to_owned(),
            start: entry
                .get("startDate")
                .and_then(parse_time)
                .map_or(0, |time| time.0),
            running: matches!(text("status"), Some("RUNNING" | "PENDING_REDRIVE")),
            redrives: redrives
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(0),
            entry: entry.clone(),
        })
    }

    pub fn open(&self, definition: &str) -> Open {
        Open {
            start: self.start,
            definition: definition.to_owned(),
            ..Open::default()
        }
    }
}

/// Which executions are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub machine: Option<String>,
    pub map_run: Option<String>,
    pub status: Option<ExecutionStatus>,
    pub redriven: bool,
}

impl StepFunctions {
    /// State machines that the configuration asks for: (ARN, true for Express).
    pub(super) async fn list_machines(&self) -> Result<Vec<(String, bool)>, Failure> {
        let source = &self.calls.session.source;
        let mut machines = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .calls
                .ask(&api::LIST_STATE_MACHINES, |clients, capture| {
                    let call = clients.sfn.list_state_machines().max_results(1_000);
                    let call = call.set_next_token(token.clone());
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await
                .map_err(|error| self.calls.failure(&api::LIST_STATE_MACHINES, error))?;
            let list = page.get("stateMachines").and_then(Value::as_array);
            for machine in list.into_iter().flatten() {
                let text = |name: &str| machine.get(name).and_then(Value::as_str);
                let Some(arn) = text("stateMachineArn") else {
                    continue;
                };
                let name = text("name").unwrap_or_default();
                let named = |pattern: &String| fits(pattern, name) || fits(pattern, arn);
                let chosen =
                    source.state_machines.is_empty() || source.state_machines.iter().any(named);
                if chosen && self.has_tags(arn).await? {
                    machines.push((arn.to_owned(), text("type") == Some("EXPRESS")));
                }
            }
            token = page
                .get("nextToken")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if token.is_none() {
                return Ok(machines);
            }
        }
    }

    async fn has_tags(&self, machine: &str) -> Result<bool, Failure> {
        let wanted = &self.calls.session.source.tags;
        if wanted.is_empty() {
            return Ok(true);
        }
        if let Some((_, kept)) = self.definitions.tags(machine) {
            return Ok(kept);
        }
        let answer = self
            .calls
            .ask(&api::LIST_TAGS, |clients, capture| {
                let call = clients.sfn.list_tags_for_resource().resource_arn(machine);
                async move { call.customize().interceptor(capture).send().await }
            })
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(CallError::Gone(_)) => return Ok(false),
            Err(error) => return Err(self.calls.failure(&api::LIST_TAGS, error)),
        };
        let tags = answer.get("tags").and_then(Value::as_array);
        let has = |key: &String, value: &String| {
            tags.into_iter().flatten().any(|tag| {
                tag.get("key").and_then(Value::as_str) == Some(key)
                    && tag.get("value").and_then(Value::as_str) == Some(value)
            })
        };
        let chosen = wanted.iter().all(|(key, value)| has(key, value));
        self.definitions.note_tags(machine, chosen);
        Ok(chosen)
    }

    /// Lists what began since the last time, page by page, newest first, and fetches what has ended.
    pub(super) async fn discover(&mut self, out: &Outlet, machine: &str) -> Result<(), Failure> {
        let scanned = self.memory.scanned.get(machine).copied();
        let until = match scanned {
            Some(scanned) => scanned - OVERLAP,
            None => out.now().0.saturating_sub(self.lookback()),
        };
        let listing = Listing {
            machine: Some(machine.to_owned()),
            ..Listing::default()
        };
        let mut newest = scanned.unwrap_or(until);
        let mut token = None;
        let (mut restarts, mut crowded) = (0, 0);
        loop {
            let page = match self.list(&listing, token.take()).await {
                Ok(page) => page,
                Err(CallError::Gone(_)) => return Ok(()),
                Err(CallError::StaleToken) if restarts < RESTARTS => {
                    restarts += 1;
                    continue;
                }
                Err(error) => return Err(self.calls.failure(&api::LIST_EXECUTIONS, error)),
            };
            let (entries, next) = page;
            newest = entries
                .iter()
                .map(|entry| entry.start)
                .max()
                .unwrap_or(newest)
                .max(newest);
            let old = entries.iter().any(|entry| entry.start < until);
            crowded += self.take(out, entries, machine, until).await?;
            token = next;
            if old || token.is_none() {
                break;
            }
        }
        self.memory.crowded += crowded;
        if crowded == 0 {
            self.memory.scanned.insert(machine.to_owned(), newest);
        }
        Ok(())
    }

    /// Follows what runs, fetches what has ended. Returns how many executions there was no room to follow.
    pub(super) async fn take(
        &mut self,
        out: &Outlet,
        entries: Vec<Listed>,
        definition: &str,
        until: i64,
    ) -> Result<usize, Failure> {
        let mut crowded = 0;
        let now = out.now().0;
        let at_once = self.calls.free(&api::GET_HISTORY);
        let (mut ended, mut told) = (Vec::new(), Vec::new());
        for entry in entries {
            if entry.start < until || self.memory.is_done(&entry.arn, entry.redrives) {
                continue;
            }
            let later = self.postponed(definition, entry.running, now);
            if let Some(due) = later.filter(|_| self.memory.has_room()) {
                // What the list says of its end takes the place of a description.
                told.extend(recognise(&entry.entry).filter(|_| !entry.running));
                self.memory
                    .follow(&entry.arn, entry.open(definition).due_at(due));
            } else if entry.running {
                let taken = self.memory.follow(&entry.arn, entry.open(definition));
                crowded += usize::from(!taken);
            } else if ended.len() >= at_once && self.memory.may_queue() {
                self.memory.queue(&entry.arn, entry.open(definition), now);
            } else {
                let open = self.memory.open.get(&entry.arn).cloned();
                ended.push((
                    entry.arn.clone(),
                    open.unwrap_or_else(|| entry.open(definition)),
                ));
            }
        }
        let told = told.into_iter().flatten().collect();
        out.facts(history::batch(told)).await?;
        self.fetch_all(out, ended).await?;
        Ok(crowded)
    }

    /// Executions that run or ran again: they stand far down in the list of starts.
    pub(super) async fn sweep(&mut self, out: &Outlet, machines: &[String]) -> Result<(), Failure> {
        for machine in machines {
            let listing = Listing {
                machine: Some(machine.clone()),
                redriven: true,
                ..Listing::default()
            };
            let mut token = None;
            loop {
                let (entries, next) = match self.list(&listing, token).await {
                    Ok(page) => page,
                    // Not every endpoint knows the filter; what runs is listed all the same.
                    Err(_) => break,
                };
                let redriven = entries.into_iter().filter(|entry| entry.redrives > 0);
                self.take(out, redriven.collect(), machine, i64::MIN)
                    .await?;
                token = next;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One page of a list of executions, and the token of the next.
    pub(super) async fn list(
        &self,
        listing: &Listing,
        token: Option<String>,
    ) -> Result<(Vec<Listed>, Option<String>), CallError> {
        static API: &Api = &api::LIST_EXECUTIONS;
        let page = self
            .calls
            .ask(API, |clients, capture| {
                let redriven = listing.redriven.then_some(ExecutionRedriveFilter::Redriven);
                let call = clients.sfn.list_executions().max_results(PAGE);
                let call = call
                    .set_state_machine_arn(listing.machine.clone())
                    .set_map_run_arn(listing.map_run.clone())
                    .set_status_filter(listing.status.clone())
                    .set_redrive_filter(redriven)
                    .set_next_token(token.clone());
                async move { call.customize().interceptor(capture).send().await }
            })
            .await?;
        let entries = page.get("executions").and_then(Value::as_array);
        let entries = entries
            .into_iter()
            .flatten()
            .filter_map(Listed::read)
            .collect();
        let next = page
            .get("nextToken")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok((entries, next))
    }
}
