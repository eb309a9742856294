//! Judges what changed: at the end of an import before it returns, and while serving when things have settled.

use super::Court;
use crate::{assembler::Assembler, live::Live};
use anyhow::Result;
use arrow::{array::AsArray, compute::cast, datatypes::DataType};
use model::TraceId;
use std::{collections::BTreeSet, time::Duration};
use store::{
    Table, Unit,
    rows::{self, Judged},
};
use tokio_util::sync::CancellationToken;

/// Executions that are judged together, to bound memory.
const AT_ONCE: usize = 32;
/// Other executions that are looked at again when something changed, the latest.
const AGAIN: usize = 150;
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
        self.forget(ids);
        let all: Vec<TraceId> = ids.iter().copied().collect();
        let mut changed = BTreeSet::new();
        for part in all.chunks(AT_ONCE) {
            let found = self.find(&part.iter().copied().collect()).await?;
            let kept = self.held.verdicts(part).await?;
            for judged in found {
                let before = kept.iter().find(|it| it.trace_id == judged.trace_id);
                if let Some(new) = reissued(judged, before) {
                    changed.insert(new.trace_id);
                    self.keep(new).await?;
                }
            }
        }
        Ok(changed)
    }

    async fn keep(&self, judged: Judged) -> Result<()> {
        let id = judged.trace_id;
        let batch = rows::verdicts(&[judged])?;
        let tables = vec![(Table::Verdicts, batch)];
        Ok(self.held.store.replace(Unit { id, tables }).await?)
    }

    /// Judges what an import changed, and what it may have changed: everything where little is held, else the
    /// changed executions and the latest ones of the same workflows.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub async fn after_import(&self, assembler: &Assembler) -> Result<()> {
        let mut ids = assembler.take_changed();
        let all = self.latest(ALL + 1, "").await?;
        match all.len() > ALL {
            true => {
                ids.extend(self.related(&ids).await?);
                // Spans and lines may belong to executions that are held already: those in trouble are looked at.
                let counts = assembler.counts();
                if counts.spans + counts.logs > 0 {
                    ids.extend(self.latest(4 * ALL, "WHERE status <> 'SUCCEEDED'").await?);
                }
            }
            false => ids.extend(all),
        }
        self.judge(&ids).await?;
        Ok(())
    }

    /// Executions whose verdict may depend on these: the latest of the same workflows, and those that started them.
    async fn related(&self, ids: &BTreeSet<TraceId>) -> Result<BTreeSet<TraceId>> {
        let some: Vec<TraceId> = ids.iter().copied().take(1_000).collect();
        let executions = self.held.executions(&some).await?;
        let machines: BTreeSet<&str> = executions
            .iter()
            .map(|it| it.state_machine.as_str())
            .collect();
        let mut found: BTreeSet<TraceId> = executions
            .iter()
            .filter_map(|it| it.parent_execution_arn.as_deref())
            .map(TraceId::of_execution)
            .collect();
        for machine in machines.into_iter().filter(|it| !it.is_empty()).take(50) {
            let condition = format!("WHERE state_machine = '{}'", machine.replace('\'', "''"));
            found.extend(self.latest(AGAIN, &condition).await?);
        }
        Ok(found)
    }

    /// The latest executions that meet a condition.
    async fn latest(&self, most: usize, condition: &str) -> Result<BTreeSet<TraceId>> {
        let question = format!(
            "SELECT trace_id FROM executions {condition} ORDER BY start_time DESC LIMIT {most}"
        );
        let mut found = BTreeSet::new();
        for batch in self
            .held
            .ask(&self.held.store.snapshot(), &question)
            .await?
        {
            let ids = cast(batch.column(0), &DataType::Utf8)?;
            found.extend(
                ids.as_string::<i32>()
                    .iter()
                    .flatten()
                    .filter_map(|id| id.parse::<TraceId>().ok()),
            );
        }
        Ok(found)
    }

    /// Judges while a server runs, whenever changes have settled.
    pub async fn serve(self, assembler: Assembler, live: Live, end: CancellationToken) {
        let unjudged = "WHERE trace_id NOT IN (SELECT trace_id FROM verdicts)";
        let mut waiting = self.latest(ALL, unjudged).await.unwrap_or_default();
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
            waiting.extend(new);
            if telemetry {
                // Spans and lines may belong to executions that are held already.
                waiting.extend(self.latest(AGAIN, "").await.unwrap_or_default());
            }
            if waiting.is_empty() || quiet < SETTLED && waited < LATEST {
                if waiting.is_empty() {
                    waited = Duration::ZERO;
                }
                continue;
            }
            waited = Duration::ZERO;
            let ids = std::mem::take(&mut waiting);
            self.round(ids, &live).await;
        }
    }

    async fn round(&self, mut ids: BTreeSet<TraceId>, live: &Live) {
        let court = self.clone();
        let judged = async {
            ids.extend(court.related(&ids).await?);
            court.judge(&ids).await
        };
        match judged.await {
            Ok(changed) => live.changed(changed),
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "executions could not be judged"
            ),
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
