//! What is known besides an execution: how its siblings ran, what changed, who else was busy.

use super::{Court, enrol, lock, roster::Sibling};
use analysis::case::{
    self, Case, Load, Profile, World,
    letters::{self, WITNESSES},
};
use anyhow::Result;
use arrow::{
    array::AsArray,
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use model::{Change, Invocation, SpanId, TraceId, UnixNanos};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Workflows below an execution whose other executions are looked at.
const WORKFLOWS_BELOW: usize = 6;
/// Profiles that are made at once: of executions of so many events and bytes of input, and of so many executions.
const EVENTS_AT_ONCE: usize = 20_000;
const AT_ONCE: usize = 500;
/// Window in which load is measured, nanoseconds.
const LOAD_WINDOW: i64 = 120_000_000_000;

impl Court {
    /// What is known besides the execution.
    pub(super) async fn world(&self, case: &Case) -> Result<World> {
        let siblings = self.siblings(case).await?;
        let peers = self.profiles(&siblings).await?;
        let start = case.execution.start_time;
        let mut near: Vec<&Arc<Profile>> = peers.iter().filter(|it| it.healthy).collect();
        near.sort_by_key(|it| (it.start.0.abs_diff(start.0), it.trace_id));
        let near = near.into_iter().take(WITNESSES);
        let near: Vec<TraceId> = near.map(|it| it.trace_id).collect();
        Ok(World {
            changes: self.changes(case).await?,
            loads: self.loads(case).await?,
            witnesses: self.witnesses(case, &near).await?,
            peers,
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

    /// Executions of the same workflow that it is compared with, the nearest in time.
    async fn siblings(&self, case: &Case) -> Result<Vec<Sibling>> {
        let Some(place) = enrol::place(case) else {
            return Ok(Vec::new());
        };
        // Between two looks others may take the place in memory.
        for _ in 0..3 {
            if let Ok(found) = lock(&self.kept).rosters.siblings(&place) {
                return Ok(found);
            }
            self.read_rosters(vec![place.clone()]).await?;
        }
        Ok(Vec::new())
    }

    /// Makes the profiles that these cases need, for all of them together.
    pub(super) async fn prepare(&self, cases: &[Case]) -> Result<()> {
        self.enrol(cases).await?;
        let mut all = BTreeMap::new();
        for case in cases {
            let siblings = self.siblings(case).await?;
            all.extend(siblings.into_iter().map(|it| (it.id, it)));
        }
        let all: Vec<Sibling> = all.into_values().collect();
        self.make_profiles(&all).await
    }

    /// What is remembered of executions, made for those of which nothing is.
    async fn profiles(&self, siblings: &[Sibling]) -> Result<Vec<Arc<Profile>>> {
        self.make_profiles(siblings).await?;
        let mut kept = lock(&self.profiles);
        let found = siblings.iter().filter_map(|it| kept.get(it.id));
        Ok(found.collect())
    }

    async fn make_profiles(&self, siblings: &[Sibling]) -> Result<()> {
        let mut unknown: Vec<Sibling> = {
            let kept = lock(&self.profiles);
            let unknown = siblings.iter().filter(|it| !kept.holds(it.id));
            unknown.copied().collect()
        };
        while !unknown.is_empty() {
            let mut events = 0;
            let fitting = unknown.iter().take(AT_ONCE).take_while(|it| {
                events += it.events as usize;
                events <= EVENTS_AT_ONCE
            });
            let part = fitting.count().max(1);
            let part: Vec<TraceId> = unknown.drain(..part).map(|it| it.id).collect();
            let cases = self.flat(&part, false).await?;
            let made = tokio::task::spawn_blocking(move || cases.iter().map(weighed).collect());
            let made: Vec<(Arc<Profile>, usize)> = made.await?;
            let mut kept = lock(&self.profiles);
            for (profile, weight) in made {
                kept.put(profile.trace_id, profile, weight);
            }
        }
        Ok(())
    }

    /// Forgets profiles of executions to which something may have been added.
    pub(super) fn forget(&self, ids: &BTreeSet<TraceId>) {
        let mut kept = lock(&self.profiles);
        ids.iter().for_each(|id| kept.remove(*id));
    }

    /// Remembers what was just judged: it will be a sibling soon.
    pub(super) async fn remember(&self, mut case: Case) -> Result<()> {
        if !case.execution.status.is_terminal() {
            return Ok(());
        }
        // As siblings are read: without these, and without the workers that took what was not answered.
        if letters::has_workers(&case) {
            return Ok(());
        }
        case.events.clear();
        case.documents.clear();
        case.heard.clear();
        case.overheard.clear();
        case.children.clear();
        let (profile, weight) = tokio::task::spawn_blocking(move || weighed(&case)).await?;
        lock(&self.profiles).put(profile.trace_id, profile, weight);
        Ok(())
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

/// What is remembered of a case, and about how many things that are.
fn weighed(case: &Case) -> (Arc<Profile>, usize) {
    let profile = case::profile(case);
    let keys = |it: &case::StateProfile| {
        4 + it.keys.len() + it.input_keys.len() + it.sent_keys.len() + it.texts.len()
    };
    let states: usize = profile.states.values().map(keys).sum();
    let weight = 4
        + states
        + 2 * profile.functions.len()
        + 2 * (profile.charges.len()
            + profile.hosts.len()
            + profile.placed.len()
            + profile.routed.len()
            + profile.releases.len()
            + profile.addresses.len())
        + profile.answered.len()
        + profile.written.len()
        + profile.settings.len()
        + profile.errors.len()
        + profile.templates.len()
        + profile.edges.len()
        + profile.output_keys.len()
        + profile.numbers.len()
        + profile.counted.len()
        + profile.measured.len();
    (Arc::new(profile), weight)
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
        let known = lock(&self.news).clone();
        if let Some(all) = known {
            return Ok(all);
        }
        let all = Arc::new(self.read_changes().await?);
        *lock(&self.news) = Some(all.clone());
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
