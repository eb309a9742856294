//! Judges what changed: at the end of an import before it returns, and while serving when things have settled.

use super::{
    Court,
    again::{AGAIN, Credit, Waiting},
    lock,
};
use crate::{assembler::Assembler, live::Live};
use analysis::case::hangs_on_siblings;
use anyhow::Result;
use arrow::{
    array::AsArray,
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use model::TraceId;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};
use store::{
    Table, Units,
    rows::{self, Judged},
};
use tokio_util::sync::CancellationToken;

/// Executions that are judged together, to bound memory.
const AT_ONCE: usize = 32;
/// Executions that are looked at again together: what is fresh does not wait longer for them.
const AGAIN_AT_ONCE: usize = 16;
/// Executions without a verdict that are looked for when a server starts: those among the latest.
const UNJUDGED: usize = 2_000;
/// Executions up to which an import judges all that are held.
const ALL: usize = 500;
/// How long nothing must change before changes are judged, and how long they wait at most.
const SETTLED: Duration = Duration::from_millis(1_000);
const LATEST: Duration = Duration::from_secs(5);

impl Court {
    /// Judges these executions and keeps the verdicts that are new. Returns those that changed.
    ///
    /// # Errors
    /// When something cannot be read or kept.
    pub async fn judge(&self, ids: &BTreeSet<TraceId>) -> Result<BTreeSet<TraceId>> {
        self.enlist(ids).await?;
        self.judge_enlisted(ids).await
    }

    async fn judge_enlisted(&self, ids: &BTreeSet<TraceId>) -> Result<BTreeSet<TraceId>> {
        let all: Vec<TraceId> = ids.iter().copied().collect();
        let mut changed = BTreeSet::new();
        for part in all.chunks(AT_ONCE) {
            let found = self.find(&part.iter().copied().collect()).await?;
            let kept = self.held.verdicts(part).await?;
            let before: HashMap<TraceId, &Judged> =
                kept.iter().map(|it| (it.trace_id, it)).collect();
            let mut new = Vec::new();
            for judged in found {
                let hangs = hangs_on_siblings(&judged.verdict);
                lock(&self.hanging).put(judged.trace_id, hangs, 1);
                let before = before.get(&judged.trace_id).copied();
                new.extend(reissued(judged, before));
            }
            changed.extend(new.iter().map(|it| it.trace_id));
            self.keep(&new).await?;
        }
        Ok(changed)
    }

    async fn keep(&self, judged: &[Judged]) -> Result<()> {
        if judged.is_empty() {
            return Ok(());
        }
        let ids = judged.iter().map(|it| it.trace_id).collect();
        let tables = vec![(Table::Verdicts, rows::verdicts(judged)?)];
        Ok(self.held.store.replace_all(Units { ids, tables }).await?)
    }

    /// Judges what an import changed, and what it may have changed: everything where little is held, else the
    /// changed executions and those of the same workflows to whose verdicts they matter.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub async fn after_import(&self, assembler: &Assembler) -> Result<()> {
        let mut ids = assembler.take_changed();
        let all = self.latest(ALL + 1, "").await?;
        if all.len() <= ALL {
            ids.extend(all.into_keys());
            self.judge(&ids).await?;
            return Ok(());
        }
        let news = self.enlist(&ids).await?;
        self.judge_enlisted(&ids).await?;
        let mut waiting = Waiting::default();
        // Spans and lines may belong to executions that are held already: those in trouble are looked at.
        let counts = assembler.counts();
        if counts.spans + counts.logs > 0 {
            let troubled = "WHERE status <> 'SUCCEEDED'";
            for (id, start) in self.latest(4 * ALL, troubled).await? {
                waiting.add(start, id, true);
            }
        }
        self.affected(&news, &mut waiting).await?;
        waiting.done(&news.ids, &news.starts);
        while !waiting.is_empty() {
            let next = self.next(&mut waiting, AT_ONCE).await?;
            self.forget(&next);
            self.judge_enlisted(&next).await?;
        }
        Ok(())
    }

    /// The latest executions that meet a condition, with their start.
    async fn latest(&self, most: usize, condition: &str) -> Result<BTreeMap<TraceId, i64>> {
        let question = format!(
            "SELECT trace_id, CAST(start_time AS BIGINT) AS began FROM executions {condition} \
             ORDER BY start_time DESC LIMIT {most}"
        );
        let mut found = BTreeMap::new();
        for batch in self
            .held
            .ask(&self.held.store.snapshot(), &question)
            .await?
        {
            let ids = cast(batch.column(0), &DataType::Utf8)?;
            let began = cast(batch.column(1), &DataType::Int64)?;
            let began = began.as_primitive::<Int64Type>();
            for (row, id) in ids.as_string::<i32>().iter().enumerate() {
                if let Some(id) = id.and_then(|id| id.parse::<TraceId>().ok()) {
                    found.insert(id, began.value(row));
                }
            }
        }
        Ok(found)
    }

    /// Executions without a verdict, of the latest.
    async fn unjudged(&self) -> Result<BTreeSet<TraceId>> {
        let latest: Vec<TraceId> = self.latest(UNJUDGED, "").await?.into_keys().collect();
        let judged = self.held.verdicts(&latest).await?;
        let judged: BTreeSet<TraceId> = judged.into_iter().map(|it| it.trace_id).collect();
        let open = latest.into_iter().filter(|id| !judged.contains(id));
        Ok(open.take(ALL).collect())
    }

    /// Judges while a server runs, whenever changes have settled.
    pub async fn serve(self, assembler: Assembler, live: Live, end: CancellationToken) {
        let mut bench = Bench {
            fresh: self.unjudged().await.unwrap_or_default(),
            ..Bench::default()
        };
        let mut counted = assembler.counts();
        let mut quiet = SETTLED;
        let mut waited = Duration::ZERO;
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep(SETTLED / 4) => {}
            }
            let new = assembler.take_changed();
            let counts = assembler.counts();
            let telemetry = counts.spans != counted.spans || counts.logs != counted.logs;
            counted = counts;
            quiet = if new.is_empty() && !telemetry {
                quiet + SETTLED / 4
            } else {
                Duration::ZERO
            };
            waited += SETTLED / 4;
            bench.fresh.extend(new);
            bench.telemetry |= telemetry;
            let idle = bench.fresh.is_empty() && !bench.telemetry;
            if idle {
                waited = Duration::ZERO;
            }
            let settled = quiet >= SETTLED || waited >= LATEST;
            let done = match settled && !idle {
                true => {
                    waited = Duration::ZERO;
                    self.round(&mut bench).await
                }
                false => self.second_look(&mut bench).await,
            };
            match done {
                Ok(changed) if changed.is_empty() => {}
                Ok(changed) => live.changed(changed),
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "executions could not be judged"
                ),
            }
        }
    }

    /// Judges what is fresh, and notes whom it concerns.
    pub(super) async fn round(&self, bench: &mut Bench) -> Result<BTreeSet<TraceId>> {
        let fresh = std::mem::take(&mut bench.fresh);
        let news = self.enlist(&fresh).await?;
        let changed = self.judge_enlisted(&fresh).await?;
        bench.siblings.done(&fresh, &news.starts);
        bench.latest.note(&news.starts);
        self.affected(&news, &mut bench.siblings).await?;
        if std::mem::take(&mut bench.telemetry) {
            // Spans and lines may belong to executions that are held already.
            if !bench.latest.known {
                bench.latest.note(&self.latest(AGAIN, "").await?);
                bench.latest.known = true;
            }
            for (start, id) in bench.latest.all.iter().filter(|it| !fresh.contains(&it.1)) {
                bench.reached.add(*start, *id, true);
            }
        }
        Ok(changed)
    }

    /// Looks again at some of those that wait for it, if there is time left for that.
    pub(super) async fn second_look(&self, bench: &mut Bench) -> Result<BTreeSet<TraceId>> {
        let started = Instant::now();
        if bench.siblings.is_empty() && bench.reached.is_empty() || !bench.credit.is_left(started) {
            return Ok(BTreeSet::new());
        }
        // By turns, so that neither waits for the other for good.
        bench.turn = !bench.turn;
        let first = bench.turn && !bench.siblings.is_empty() || bench.reached.is_empty();
        let waiting = match first {
            true => &mut bench.siblings,
            false => &mut bench.reached,
        };
        let next = self.next(waiting, AGAIN_AT_ONCE).await?;
        if !first {
            self.forget(&next);
        }
        let changed = self.judge_enlisted(&next).await;
        bench.credit.spend(started.elapsed());
        changed
    }
}

/// Who waits for judgement.
#[derive(Debug, Default)]
pub(super) struct Bench {
    /// Executions that changed.
    pub fresh: BTreeSet<TraceId>,
    /// Executions whose siblings changed, and those that started them.
    siblings: Waiting,
    /// Executions that spans and lines may have reached.
    reached: Waiting,
    /// True when spans or lines came.
    telemetry: bool,
    latest: Latest,
    credit: Credit,
    turn: bool,
}

#[cfg(test)]
impl Bench {
    /// True when nobody waits for a second look. What time those took is forgiven.
    pub fn is_idle(&mut self) -> bool {
        self.credit = Credit::default();
        self.siblings.is_empty() && self.reached.is_empty()
    }
}

/// The latest executions of all, by their start.
#[derive(Debug, Default)]
struct Latest {
    all: BTreeSet<(i64, TraceId)>,
    /// True once what is held was looked at.
    known: bool,
}

impl Latest {
    fn note<'a>(&mut self, starts: impl IntoIterator<Item = (&'a TraceId, &'a i64)>) {
        for (id, start) in starts {
            self.all.insert((*start, *id));
            if self.all.len() > AGAIN {
                self.all.pop_first();
            }
        }
    }
}

/// The verdict with its number, unless it says the same as the one before.
fn reissued(mut judged: Judged, before: Option<&Judged>) -> Option<Judged> {
    if let Some(before) = before {
        judged.verdict.version = before.verdict.version;
        if judged == *before {
            return None;
        }
        // What is told of the execution beside the verdict may change without it.
        if judged.verdict != before.verdict {
            judged.verdict.version += 1;
        }
    }
    Some(judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_gets_a_number_only_when_it_says_something_new() {
        let mut first = Judged::default();
        first.verdict.version = 3;
        let mut same = first.clone();
        same.verdict.version = 1;
        assert_eq!(reissued(same.clone(), Some(&first)), None);
        same.verdict.mechanism = "another".into();
        let new = reissued(same, Some(&first)).expect("a new one");
        assert_eq!(new.verdict.version, 4);
    }
}
