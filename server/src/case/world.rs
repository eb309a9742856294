//! What is known besides an execution: how its siblings ran, what changed, who else was busy.

use super::Court;
use analysis::case::{self, Case, Load, Profile, World};
use anyhow::Result;
use arrow::{
    array::AsArray,
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use model::{Change, Invocation, SpanId, TraceId, UnixNanos};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, PoisonError},
};

/// Healthy siblings that an execution is compared with: those before it, then those after it.
const HEALTHY_BEFORE: usize = 40;
const HEALTHY_AFTER: usize = 15;
/// Failed siblings.
const FAILED: usize = 25;
/// Executions of a workflow among which siblings are chosen, the latest.
const CANDIDATES: usize = 50_000;
/// Events of all siblings together, beyond which only [`ENOUGH`] of each kind are looked at.
const EVENTS: i64 = 150_000;
const ENOUGH: usize = 6;
/// Workflows below an execution whose other executions are looked at.
const WORKFLOWS_BELOW: usize = 6;
/// Profiles that are kept in memory.
const MOST_PROFILES: usize = 20_000;
/// Profiles that are made at once.
const AT_ONCE: usize = 50;
/// Window in which load is measured, nanoseconds.
const LOAD_WINDOW: i64 = 120_000_000_000;

/// Another execution of the same workflow.
#[derive(Debug)]
pub(super) struct Sibling {
    id: TraceId,
    well: bool,
    events: i64,
    start: i64,
}

impl Court {
    /// What is known besides the execution.
    pub(super) async fn world(&self, case: &Case) -> Result<World> {
        let siblings = self.siblings(case).await?;
        let peers = self.profiles(&siblings).await?;
        Ok(World {
            peers,
            changes: self.changes(case).await?,
            loads: self.loads(case).await?,
            below: self.below(case).await?,
        })
    }

    /// Others of the workflows that an execution started.
    async fn below(&self, case: &Case) -> Result<BTreeMap<String, Vec<Arc<Profile>>>> {
        let mut found = BTreeMap::new();
        let mut open: Vec<&Case> = case.children.iter().collect();
        while let Some(child) = open.pop() {
            open.extend(&child.children);
            let machine = &child.execution.state_machine;
            if found.contains_key(machine) || found.len() >= WORKFLOWS_BELOW {
                continue;
            }
            let siblings = self.siblings(child).await?;
            found.insert(machine.clone(), self.profiles(&siblings).await?);
        }
        Ok(found)
    }

    /// Forgets what was remembered of executions that changed.
    pub(super) fn forget(&self, ids: &BTreeSet<TraceId>) {
        self.rosters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut kept = self.lock();
        for id in ids {
            kept.remove(id);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TraceId, Arc<Profile>>> {
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ended executions of a workflow, in order of their start: read once per round of judgement.
    async fn roster(&self, machine: &str) -> Result<Arc<Vec<Sibling>>> {
        let known = self
            .rosters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(machine)
            .cloned();
        if let Some(roster) = known {
            return Ok(roster);
        }
        let question = format!(
            "SELECT trace_id, status, events, CAST(start_time AS BIGINT) AS began FROM executions \
             WHERE state_machine = '{}' AND status IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT') \
             ORDER BY start_time DESC, trace_id LIMIT {CANDIDATES}",
            machine.replace('\'', "''")
        );
        let mut found = self.rows_of(&question).await?;
        found.sort_by_key(|it| (it.start, it.id));
        let roster = Arc::new(found);
        let mut rosters = self.rosters.lock().unwrap_or_else(PoisonError::into_inner);
        rosters.insert(machine.to_owned(), roster.clone());
        Ok(roster)
    }

    /// Ended executions of the same workflow, the nearest in time.
    async fn siblings(&self, case: &Case) -> Result<Vec<TraceId>> {
        let execution = &case.execution;
        if execution.state_machine.is_empty() {
            return Ok(Vec::new());
        }
        let roster = self.roster(&execution.state_machine).await?;
        let split = roster.partition_point(|it| it.start <= execution.start_time.0);
        let before: Vec<&Sibling> = roster[..split].iter().rev().collect();
        let after: Vec<&Sibling> = roster[split..].iter().collect();
        let mut budget = EVENTS;
        let mut of = |rows: &[&Sibling], well: bool, most: usize| -> Vec<TraceId> {
            let fitting = rows
                .iter()
                .filter(|it| it.well == well && it.id != execution.trace_id);
            let mut chosen = Vec::new();
            for sibling in fitting.take(most) {
                // Of giants a handful has to do.
                if sibling.events > budget && chosen.len() >= ENOUGH {
                    break;
                }
                budget = budget.saturating_sub(sibling.events);
                chosen.push(sibling.id);
            }
            chosen
        };
        let mut chosen = of(&before, true, HEALTHY_BEFORE);
        let missing = HEALTHY_BEFORE - chosen.len();
        chosen.reverse();
        chosen.extend(of(&after, true, HEALTHY_AFTER + missing));
        chosen.extend(of(&before, false, FAILED));
        chosen.extend(of(&after, false, FAILED));
        Ok(chosen)
    }

    async fn rows_of(&self, question: &str) -> Result<Vec<Sibling>> {
        let mut found = Vec::new();
        for batch in self.held.ask(&self.held.store.snapshot(), question).await? {
            let ids = cast(batch.column(0), &DataType::Utf8)?;
            let statuses = cast(batch.column(1), &DataType::Utf8)?;
            let events = cast(batch.column(2), &DataType::Int64)?;
            let began = cast(batch.column(3), &DataType::Int64)?;
            let (ids, statuses) = (ids.as_string::<i32>(), statuses.as_string::<i32>());
            for row in 0..batch.num_rows() {
                if let Ok(id) = ids.value(row).parse() {
                    found.push(Sibling {
                        id,
                        well: statuses.value(row) == "SUCCEEDED",
                        events: events.as_primitive::<Int64Type>().value(row),
                        start: began.as_primitive::<Int64Type>().value(row),
                    });
                }
            }
        }
        Ok(found)
    }

    /// What is remembered of executions, made for those of which nothing is.
    async fn profiles(&self, ids: &[TraceId]) -> Result<Vec<Arc<Profile>>> {
        let unknown: Vec<TraceId> = {
            let kept = self.lock();
            ids.iter()
                .filter(|id| !kept.contains_key(*id))
                .copied()
                .collect()
        };
        for part in unknown.chunks(AT_ONCE) {
            let cases = self.flat(part, false).await?;
            let made = tokio::task::spawn_blocking(move || {
                cases
                    .iter()
                    .map(|it| (it.execution.trace_id, Arc::new(case::profile(it))))
                    .collect::<Vec<_>>()
            });
            let made = made.await?;
            let mut kept = self.lock();
            if kept.len() + made.len() > MOST_PROFILES {
                kept.clear();
            }
            kept.extend(made);
        }
        let kept = self.lock();
        Ok(ids.iter().filter_map(|id| kept.get(id).cloned()).collect())
    }

    /// How busy functions were, if anything was refused for want of capacity.
    async fn loads(&self, case: &Case) -> Result<Vec<Load>> {
        let refused = case
            .attempts
            .iter()
            .chain(case.children.iter().flat_map(|it| &it.attempts))
            .find(|it| {
                let error = it.error.as_deref().unwrap_or_default().to_lowercase();
                error.contains("toomanyrequests")
                    || error.contains("throttl")
                    || error.contains("concurren")
            });
        let Some(refused) = refused else {
            return Ok(Vec::new());
        };
        let (from, to) = (
            refused.start_time.0.saturating_sub(LOAD_WINDOW),
            refused.start_time.0.saturating_add(LOAD_WINDOW / 2),
        );
        let question = format!(
            "SELECT function_name, trace_id, span_id, CAST(start_time AS BIGINT) AS began, \
             CAST(start_time AS BIGINT) + COALESCE(duration_ns, 0) AS ended FROM invocations \
             WHERE start_time >= to_timestamp_nanos({}) AND start_time <= to_timestamp_nanos({to}) LIMIT 100000",
            from.saturating_sub(2 * LOAD_WINDOW)
        );
        let mut ran: BTreeMap<String, Vec<Invocation>> = BTreeMap::new();
        for batch in self
            .held
            .ask(&self.held.store.snapshot(), &question)
            .await?
        {
            let text = |n: usize| cast(batch.column(n), &DataType::Utf8);
            let number = |n: usize| cast(batch.column(n), &DataType::Int64);
            let (names, traces, spans) = (text(0)?, text(1)?, text(2)?);
            let (began, ended) = (number(3)?, number(4)?);
            for row in 0..batch.num_rows() {
                let invocation = Invocation {
                    trace_id: traces
                        .as_string::<i32>()
                        .value(row)
                        .parse()
                        .unwrap_or_default(),
                    span_id: spans
                        .as_string::<i32>()
                        .value(row)
                        .parse::<SpanId>()
                        .unwrap_or_default(),
                    start_time: UnixNanos(began.as_primitive::<Int64Type>().value(row)),
                    end_time: Some(UnixNanos(ended.as_primitive::<Int64Type>().value(row))),
                    ..Invocation::default()
                };
                let name = names.as_string::<i32>().value(row).to_owned();
                ran.entry(name).or_default().push(invocation);
            }
        }
        Ok(ran
            .into_iter()
            .filter_map(|(name, ran)| load(name, &ran, UnixNanos(from)))
            .collect())
    }
}

/// Most invocations at once from a time on, and before it.
fn load(function: String, ran: &[Invocation], from: UnixNanos) -> Option<Load> {
    let most = |late: bool| {
        let of: Vec<&Invocation> = ran
            .iter()
            .filter(|it| (it.start_time >= from) == late)
            .collect();
        let mut edges: Vec<(i64, i32, usize)> = of
            .iter()
            .enumerate()
            .flat_map(|(n, it)| {
                [
                    (it.start_time.0, 1, n),
                    (it.end_time.unwrap_or(it.start_time).0, -1, n),
                ]
            })
            .collect();
        edges.sort_unstable();
        let (mut now, mut peak, mut at) = (0, 0, None);
        for (_, step, n) in edges {
            now += step;
            if now > peak {
                peak = now;
                at = of.get(n).map(|it| (*it).clone());
            }
        }
        (u32::try_from(peak).unwrap_or_default(), at)
    };
    let (peak, at) = most(true);
    let at = at?;
    Some(Load {
        function,
        peak,
        before: most(false).0,
        trace_id: at.trace_id,
        span_id: at.span_id,
        at: at.start_time,
    })
}

/// How long before an execution a change is told with it, nanoseconds.
const CHANGES_BEFORE: i64 = 48 * 3_600_000_000_000;
/// Changes that are told with one execution.
const MOST_CHANGES: usize = 200;
/// Changes that are read, the latest.
const ALL_CHANGES: usize = 20_000;

impl Court {
    /// Changes before and during the execution.
    async fn changes(&self, case: &Case) -> Result<Vec<Change>> {
        let execution = &case.execution;
        let from = execution.start_time.0.saturating_sub(CHANGES_BEFORE);
        let end = execution.end_time.unwrap_or(execution.start_time).0;
        let to = end.saturating_add(60_000_000_000);
        let all = self.all_changes().await?;
        let near = all.iter().filter(|it| (from..=to).contains(&it.time.0));
        let mut near: Vec<Change> = near.rev().take(MOST_CHANGES).cloned().collect();
        near.reverse();
        Ok(near)
    }

    /// Every change, in order of time: read once per round of judgement.
    async fn all_changes(&self) -> Result<Arc<Vec<Change>>> {
        let known = self
            .news
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(all) = known {
            return Ok(all);
        }
        let all = Arc::new(self.read_changes().await?);
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(all.clone());
        Ok(all)
    }

    async fn read_changes(&self) -> Result<Vec<Change>> {
        if !store::Table::ALL.iter().any(|it| it.name() == "changes") {
            return Ok(Vec::new());
        }
        let question = format!(
            "SELECT trace_id, CAST(time AS BIGINT) AS at, kind, resource, change, source, evidence FROM changes \
             ORDER BY time DESC LIMIT {ALL_CHANGES}"
        );
        let mut found = Vec::new();
        for batch in self
            .held
            .ask(&self.held.store.snapshot(), &question)
            .await?
        {
            let at = cast(batch.column(1), &DataType::Int64)?;
            let columns: Vec<_> = [0, 2, 3, 4, 5, 6]
                .into_iter()
                .map(|n| cast(batch.column(n), &DataType::Utf8))
                .collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                let text = |n: usize| columns[n].as_string::<i32>().value(row).to_owned();
                found.push(Change {
                    trace_id: text(0).parse().unwrap_or_default(),
                    time: UnixNanos(at.as_primitive::<Int64Type>().value(row)),
                    kind: text(1),
                    resource: text(2),
                    change: text(3),
                    source: text(4),
                    evidence: text(5),
                    attributes: None,
                });
            }
        }
        found.sort_by_key(|it| (it.time, it.trace_id));
        Ok(found)
    }
}
