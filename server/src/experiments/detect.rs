//! Experiments that stored facts tell of: spans that carry `chaos.experiment.id`, the runs of LitmusChaos, and
//! what chaos tools said in files and events that were imported or pushed.

use super::{
    Experiments,
    count::number,
    scope::{MARK, attribute, time},
};
use anyhow::Result;
use experiments::{Phase, Update};
use model::UnixNanos;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How far back spans are looked at, nanoseconds.
const BACK: i64 = 7_200 * 1_000_000_000;
/// Without another span for so long, an experiment that only spans tell of is over, nanoseconds.
const QUIET: i64 = 300 * 1_000_000_000;
/// Experiments that one look finds.
const MOST: usize = 100;
/// The latest changes that are looked at.
const MOST_TOLD: usize = 2_000;
/// Changes that were looked at.
const SEEN: &str = "experiment_changes";

impl Experiments {
    /// Takes what was imported or pushed about experiments and not looked at yet.
    ///
    /// # Errors
    /// When the data or the state cannot be read.
    pub async fn take_told(&self, now: UnixNanos) -> Result<()> {
        let seen: BTreeSet<String> = self
            .state
            .list::<bool>(SEEN)?
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        let mut marks = Vec::new();
        for row in self.rows(&told()).await? {
            let text = |key: &str| row.get(key).and_then(Value::as_str);
            let (Some(id), Some(said)) = (text("id"), text("said")) else {
                continue;
            };
            if seen.contains(id) {
                continue;
            }
            let read = serde_json::from_str(said)
                .map_err(|error| error.to_string())
                .and_then(|said: Value| experiments::read::read(&said, now));
            match read {
                Ok(updates) => {
                    super::take(&self.state, updates)?;
                }
                Err(error) => tracing::debug!(error, id, "a change tells of no experiment"),
            }
            marks.push(id.to_owned());
        }
        if !marks.is_empty() {
            self.state.write(|changes| -> Result<()> {
                for id in &marks {
                    changes.put(SEEN, id, &true)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Looks at recent spans, and takes what they tell.
    pub(super) async fn detect(&self, now: UnixNanos) -> Result<()> {
        self.take_told(now).await?;
        let since = UnixNanos(now.0.saturating_sub(BACK));
        let mut updates = Vec::new();
        let known = self.list()?;
        for row in self.rows(&marked(since)).await? {
            let Some(mut update) = update(&row, now, "otlp") else {
                continue;
            };
            let held = known.iter().find(|it| it.id == update.id);
            // Somebody who declared it knows better when it begins and ends.
            if held.is_some_and(|it| it.tool != "otlp") {
                continue;
            }
            update.name = Some(update.id.clone());
            updates.push(update);
        }
        for row in self.rows(&litmus(since)).await? {
            let Some(mut update) = update(&row, now, "litmus") else {
                continue;
            };
            let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
            update.name = Some(text("label").to_owned()).filter(|it| !it.is_empty());
            update.template = update.name.clone();
            updates.push(update);
        }
        let news: Vec<Update> = updates
            .into_iter()
            .filter(|update| {
                let held = known.iter().find(|it| it.id == update.id);
                held.is_none_or(|it| !it.phase.is_over() || update.end > it.end)
            })
            .collect();
        if !news.is_empty() {
            super::take(&self.state, news)?;
        }
        Ok(())
    }
}

/// What was told, the oldest first: a run begins before it ends.
fn told() -> String {
    format!(
        "SELECT id, said FROM (SELECT CAST(trace_id AS VARCHAR) AS id, attributes AS said, time FROM changes \
         WHERE kind = 'experiment' AND source = 'told' AND attributes IS NOT NULL ORDER BY time DESC LIMIT {MOST_TOLD}) \
         ORDER BY time"
    )
}

fn marked(since: UnixNanos) -> String {
    let mark = attribute(MARK);
    format!(
        "SELECT {mark} AS id, CAST(min(start_time) AS BIGINT) AS first, CAST(max(end_time) AS BIGINT) AS last \
         FROM spans WHERE start_time >= {} AND {mark} IS NOT NULL GROUP BY 1 LIMIT {MOST}",
        time(since)
    )
}

/// litmus-go traces a run below `ExecuteExperiment` of the service `chaos_experiment_job`.
fn litmus(since: UnixNanos) -> String {
    format!(
        "SELECT 'litmus:' || trace_id AS id, max(CASE WHEN name LIKE 'Inject%' OR name LIKE '%Fault' THEN name END) AS label, \
         CAST(min(start_time) AS BIGINT) AS first, CAST(max(end_time) AS BIGINT) AS last \
         FROM spans WHERE start_time >= {} AND service_name = 'chaos_experiment_job' GROUP BY trace_id LIMIT {MOST}",
        time(since)
    )
}

fn update(row: &Map<String, Value>, now: UnixNanos, tool: &str) -> Option<Update> {
    let id = row.get("id")?.as_str()?;
    let id: String = id.chars().take(400).collect();
    let first = UnixNanos(row.get("first").and_then(number)?);
    let last = UnixNanos(row.get("last").and_then(number)?);
    let over = now.since(last) > QUIET;
    (!id.is_empty()).then(|| Update {
        id,
        tool: Some(tool.into()),
        phase: Some(if over {
            Phase::Completed
        } else {
            Phase::Running
        }),
        start: Some(first),
        end: over.then_some(last),
        at: now,
        ..Update::default()
    })
}
