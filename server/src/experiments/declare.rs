//! What is declared is looked at before it is taken: questions are planned, and names that nobody has are told.

use super::{Experiments, scope::time};
use anyhow::{Result, bail};
use experiments::{Experiment, Update};
use model::{UnixNanos, api::experiments::Steady};
use query::{Engine, Options};
use serde_json::Value;
use store::Store;

/// Measures that a hypothesis can name.
const MEASURES: [&str; 8] = [
    "success_ratio",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "retry_ratio",
    "caught_ratio",
    "executions",
    "state_paths",
];
/// Longest id, and longest of the other texts, bytes; most objectives, marks and parts of a hypothesis. Each part is a
/// question, and each is asked three times whenever somebody looks.
const MOST_ID: usize = 300;
const MOST_TEXT: usize = 4_000;
const MOST_SLOS: usize = 500;
const MOST_MARKS: usize = 50;
const MOST_PARTS: usize = 50;
/// Tools that send events: what they say is taken as it is, with clocks that differ.
const TOOLS: [&str; 4] = ["aws-fis", "chaos-toolkit", "litmus", "otlp"];

impl Experiments {
    /// Takes what was said about experiments, whoever said it in whatever form; with what is odd about it.
    ///
    /// # Errors
    /// Says what is wrong with it; then nothing of it is taken.
    pub async fn take(
        &self,
        said: &Value,
        now: UnixNanos,
    ) -> Result<(Vec<Experiment>, Vec<String>)> {
        let updates = experiments::read::read(said, now).map_err(anyhow::Error::msg)?;
        check(&self.engine, &self.store, &updates, now).await?;
        let held = self.list()?;
        for update in updates.iter().filter(|it| is_ours(it)) {
            let known = held.iter().find(|it| it.id == update.id);
            let start = known.filter(|it| it.start_said).map(|it| it.start);
            if let (Some(start), Some(end)) = (start, update.end)
                && update.start.is_none()
                && end < start
            {
                bail!(
                    "end lies before the start of experiment '{}': it would end before it begins",
                    update.id
                );
            }
        }
        let names: Vec<String> = self.objectives().into_iter().map(|it| it.name).collect();
        let warnings = strangers(&updates, &names);
        let taken = super::take(&self.state, updates)?;
        self.wake.notify_one();
        Ok((taken, warnings))
    }
}

fn is_ours(update: &Update) -> bool {
    let tool = update.tool.as_deref();
    tool.is_none_or(|tool| !TOOLS.contains(&tool))
}

/// Objectives that are named and are not there: perhaps not yet.
pub fn strangers(updates: &[Update], known: &[String]) -> Vec<String> {
    let mut all: Vec<&str> = Vec::new();
    for update in updates {
        all.extend(update.slos.iter().flatten().map(String::as_str));
        let parts = update.hypothesis.iter().flatten();
        all.extend(parts.map(|it| it.slo.as_str()).filter(|it| !it.is_empty()));
    }
    all.sort_unstable();
    all.dedup();
    all.retain(|name| !known.iter().any(|it| it == name));
    let told = all.into_iter().map(|name| {
        format!("there is no objective '{name}': nothing is charged to it until there is")
    });
    told.collect()
}

/// Refuses what is too large to be kept and looked at.
fn bounded(update: &Update) -> Result<()> {
    let id = &update.id;
    if id.len() > MOST_ID || id.chars().any(char::is_control) {
        bail!("an id of an experiment has at most {MOST_ID} bytes and no control characters");
    }
    let texts = [&update.name, &update.template, &update.owner, &update.note];
    let slos = update.slos.iter().flatten();
    let mut long = texts.into_iter().flatten().chain(slos);
    if long.any(|it| it.len() > MOST_TEXT) {
        bail!("experiment '{id}' has a text of more than {MOST_TEXT} bytes");
    }
    let marks = update.scope.as_ref().map_or(0, |it| it.attributes.len());
    for (what, count, most) in [
        ("slos", update.slos.as_ref().map_or(0, Vec::len), MOST_SLOS),
        ("attributes of its scope", marks, MOST_MARKS),
        (
            "parts of its hypothesis",
            update.hypothesis.as_ref().map_or(0, Vec::len),
            MOST_PARTS,
        ),
    ] {
        if count > most {
            bail!("experiment '{id}' has {count} {what}: at most {most} are taken");
        }
    }
    Ok(())
}

/// Refuses what is too large, and hypotheses that cannot be asked.
///
/// # Errors
/// What is wrong with which part.
pub async fn check(
    engine: &Engine,
    store: &Store,
    updates: &[Update],
    now: UnixNanos,
) -> Result<()> {
    updates.iter().try_for_each(bounded)?;
    for update in updates.iter().filter(|it| is_ours(it)) {
        for (n, part) in update.hypothesis.iter().flatten().enumerate() {
            let name = match part.name.is_empty() {
                true => format!("hypothesis {}", n + 1),
                false => format!("hypothesis '{}'", part.name),
            };
            if let Err(error) = askable(engine, store, part, now).await {
                bail!("{name}: {error:#}");
            }
        }
    }
    Ok(())
}

async fn askable(engine: &Engine, store: &Store, part: &Steady, now: UnixNanos) -> Result<()> {
    // Whatever is measured, a tolerance that cannot be read says nothing about it.
    experiments::tolerance::within(&part.tolerance, &Value::Null).map_err(anyhow::Error::msg)?;
    if part.sql.is_empty() {
        let named = !part.slo.is_empty() || MEASURES.contains(&part.measure.as_str());
        if !named {
            bail!(
                "give sql, slo, or a measure: {} (it has '{}')",
                MEASURES.join(", "),
                part.measure
            );
        }
        return Ok(());
    }
    let question = question(&part.sql, now, now);
    let options = Options {
        limit: Some(0),
        ..Options::default()
    };
    let answer = engine.sql(&store.snapshot(), &question, &options).await;
    let answer = answer.map_err(|error| anyhow::anyhow!("{}", error.problem().error))?;
    match answer.schema().fields().len() {
        1 => Ok(()),
        columns => bail!("its question has {columns} columns: it has one row with one column"),
    }
}

/// The question of a hypothesis for a window.
pub(super) fn question(sql: &str, from: UnixNanos, to: UnixNanos) -> String {
    sql.replace("$from", &time(from)).replace("$to", &time(to))
}
