//! Reads rosters for all workflows of a round together, and keeps them up to date.

use super::{
    Court, lock,
    roster::{CANDIDATES, Key, Kind, Place, Rosters, Sibling, WINDOWS},
};
use analysis::case::Case;
use anyhow::Result;
use arrow::{
    array::AsArray,
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use model::{Execution, ExecutionStatus, TraceId};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};
use store::Table;

/// Pieces that one question asks for.
const PIECES_AT_ONCE: usize = 200;
/// Executions that one question about several pieces may answer with.
const MOST_ROWS: usize = 400_000;
/// Executions in a store up to which workflows are read as a whole.
const SMALL: u64 = 50_000;
/// How long rosters are kept at most: rows that retention takes away are not told of one by one.
const KEPT: Duration = Duration::from_secs(900);
/// Changed executions above which it is cheaper to read rosters anew than to enlist them.
const MANY: usize = 5_000;
/// Executions that are read at once to enlist them.
const AT_ONCE: usize = 1_000;

/// What a round of judgement knows of the executions that changed.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The executions.
    pub ids: BTreeSet<TraceId>,
    /// First and last start by workflow.
    pub machines: BTreeMap<String, (i64, i64)>,
    /// When they started.
    pub starts: BTreeMap<TraceId, i64>,
    /// Executions that started one of them.
    pub parents: BTreeSet<TraceId>,
}

impl News {
    fn note(&mut self, execution: &Execution) {
        let start = execution.start_time.0;
        self.starts.insert(execution.trace_id, start);
        let parent = execution.parent_execution_arn.as_deref();
        self.parents.extend(parent.map(TraceId::of_execution));
        if !execution.state_machine.is_empty() {
            let machine = execution.state_machine.clone();
            let span = self.machines.entry(machine).or_insert((start, start));
            *span = (span.0.min(start), span.1.max(start));
        }
    }
}

/// Pieces by when they were read.
#[derive(Debug)]
pub(super) struct Kept {
    pub rosters: Rosters,
    since: Instant,
}

impl Default for Kept {
    fn default() -> Self {
        Kept {
            rosters: Rosters::default(),
            since: Instant::now(),
        }
    }
}

impl Kept {
    fn refresh(&mut self) {
        if self.since.elapsed() > KEPT {
            self.rosters.clear();
            self.since = Instant::now();
        }
    }
}

impl Court {
    /// Takes note of executions that changed: forgets what was remembered of them and enlists them, before anything is
    /// judged by it.
    pub(super) async fn enlist(&self, ids: &BTreeSet<TraceId>) -> Result<News> {
        let _alone = self.enrolling.lock().await;
        let mut news = News {
            ids: ids.clone(),
            ..News::default()
        };
        *lock(&self.news) = None;
        self.forget(ids);
        lock(&self.kept).refresh();
        if ids.len() > MANY {
            lock(&self.kept).rosters.clear();
        }
        let all: Vec<TraceId> = ids.iter().copied().collect();
        for part in all.chunks(AT_ONCE) {
            let executions = self.held.executions(part).await?;
            let held: HashSet<TraceId> = executions.iter().map(|it| it.trace_id).collect();
            let gone = part.iter().filter(|id| !held.contains(*id)).copied();
            let gone: HashSet<TraceId> = gone.collect();
            let mut kept = lock(&self.kept);
            if !gone.is_empty() {
                kept.rosters.remove(None, &gone);
            }
            let mut by_machine: HashMap<&str, Vec<Sibling>> = HashMap::new();
            for execution in &executions {
                news.note(execution);
                let of = by_machine.entry(&execution.state_machine).or_default();
                of.push(sibling(execution));
            }
            for (machine, rows) in by_machine {
                let ids = rows.iter().map(|it| it.id).collect();
                kept.rosters.remove(Some(machine), &ids);
                for one in rows {
                    kept.rosters.insert(machine, one);
                }
            }
        }
        Ok(news)
    }

    /// Reads what is not remembered of the workflows of these cases, and of those they started, in few questions.
    pub(super) async fn enrol(&self, cases: &[Case]) -> Result<()> {
        let mut open: Vec<&Case> = cases.iter().collect();
        let mut places = BTreeSet::new();
        while let Some(case) = open.pop() {
            open.extend(&case.children);
            places.extend(place(case));
        }
        self.read_rosters(places.into_iter().collect()).await
    }

    /// Reads the pieces in which the siblings of executions lie.
    pub(super) async fn read_rosters(&self, mut places: Vec<Place>) -> Result<()> {
        let _alone = self.enrolling.lock().await;
        lock(&self.kept).refresh();
        let small = self.held.store.snapshot().rows(Table::Executions) <= SMALL;
        // Each turn reads a larger window for those of which the one before held too few.
        for _ in 0..=WINDOWS.len() {
            let mut missing: BTreeSet<Key> = BTreeSet::new();
            {
                let rosters = &mut lock(&self.kept).rosters;
                places.retain(|place| match rosters.siblings(place) {
                    Ok(_) => false,
                    Err(key) => {
                        let whole = small.then(|| rosters.all_time(&place.machine));
                        missing.insert(whole.flatten().unwrap_or(key));
                        true
                    }
                });
            }
            if missing.is_empty() {
                break;
            }
            self.read_pieces(missing.into_iter().collect()).await?;
        }
        Ok(())
    }

    async fn read_pieces(&self, keys: Vec<Key>) -> Result<()> {
        let mut open: Vec<Vec<Key>> = keys.chunks(PIECES_AT_ONCE).map(<[Key]>::to_vec).collect();
        while let Some(mut part) = open.pop() {
            let rows = self.rows_of(&question(&part)).await?;
            if part.len() > 1 && rows.len() >= MOST_ROWS {
                // Together they are too many.
                open.push(part.split_off(part.len() / 2));
                open.push(part);
                continue;
            }
            let mut by_key: HashMap<&Key, Vec<Sibling>> =
                part.iter().map(|key| (key, Vec::new())).collect();
            let mut by_machine: HashMap<&str, Vec<&Key>> = HashMap::new();
            for key in &part {
                by_machine.entry(&key.machine).or_default().push(key);
            }
            for (machine, row) in rows {
                let keys = by_machine.get(machine.as_str()).into_iter().flatten();
                for key in keys.filter(|key| key.holds(row.start)) {
                    by_key.entry(key).or_default().push(row);
                }
            }
            let rosters = &mut lock(&self.kept).rosters;
            for (key, rows) in by_key {
                rosters.put(key.clone(), rows);
            }
        }
        Ok(())
    }

    async fn rows_of(&self, question: &str) -> Result<Vec<(String, Sibling)>> {
        let mut found = Vec::new();
        for batch in self.held.ask(&self.held.store.snapshot(), question).await? {
            let text = |n: usize| cast(batch.column(n), &DataType::Utf8);
            let number = |n: usize| cast(batch.column(n), &DataType::Int64);
            let (machines, ids, statuses) = (text(0)?, text(1)?, text(2)?);
            let (events, began) = (number(3)?, number(4)?);
            let (machines, ids) = (machines.as_string::<i32>(), ids.as_string::<i32>());
            let statuses = statuses.as_string::<i32>();
            for row in 0..batch.num_rows() {
                let Ok(id) = ids.value(row).parse() else {
                    continue;
                };
                let status: ExecutionStatus =
                    ExecutionStatus::parse(statuses.value(row)).unwrap_or_default();
                let events = events.as_primitive::<Int64Type>().value(row);
                let one = Sibling {
                    id,
                    kind: Kind::of(status),
                    events: u32::try_from(events).unwrap_or(u32::MAX),
                    start: began.as_primitive::<Int64Type>().value(row),
                };
                found.push((machines.value(row).to_owned(), one));
            }
        }
        Ok(found)
    }
}

fn sibling(execution: &Execution) -> Sibling {
    Sibling {
        id: execution.trace_id,
        kind: Kind::of(execution.status),
        events: execution.events,
        start: execution.start_time.0,
    }
}

/// Where the siblings of a case are looked for; nowhere without a workflow.
pub(super) fn place(case: &Case) -> Option<Place> {
    let execution = &case.execution;
    (!execution.state_machine.is_empty()).then(|| Place {
        machine: execution.state_machine.clone(),
        start: execution.start_time.0,
        id: execution.trace_id,
    })
}

/// Asks for the rows of these pieces: of a single one for the latest.
fn question(keys: &[Key]) -> String {
    let mut by_time: BTreeMap<Option<(i64, i64)>, Vec<String>> = BTreeMap::new();
    for key in keys {
        let name = format!("'{}'", key.machine.replace('\'', "''"));
        by_time.entry(key.time()).or_default().push(name);
    }
    let within = |time: &Option<(i64, i64)>| match time {
        Some((from, to)) => format!(
            " AND start_time >= to_timestamp_nanos({from}) AND start_time < to_timestamp_nanos({to})"
        ),
        None => String::new(),
    };
    let parts: Vec<String> = by_time
        .iter()
        .map(|(time, names)| format!("(state_machine IN ({}){})", names.join(", "), within(time)))
        .collect();
    // What holds all of them leaves out most blocks at once.
    let hull = by_time.keys().copied().reduce(|a, b| {
        let ((a, b), (c, d)) = a.zip(b)?;
        Some((a.min(c), b.max(d)))
    });
    let hull = hull.as_ref().map(within).unwrap_or_default();
    let end = match keys {
        [_] => format!("ORDER BY start_time DESC, trace_id DESC LIMIT {CANDIDATES}"),
        _ => format!("LIMIT {MOST_ROWS}"),
    };
    format!(
        "SELECT state_machine, trace_id, status, events, CAST(start_time AS BIGINT) AS began FROM executions \
         WHERE ({}){hull} {end}",
        parts.join(" OR ")
    )
}
