//! `inquest sim run`: the ordinary import and the ordinary verdicts, over mysteries with known answers.

use super::{Run, make};
use crate::{cli::ReportFormat, clock, config::Config, core::Core};
use anyhow::{Context, Result};
use bytes::Bytes;
use collectors::import;
use model::{TraceId, Verdict};
use sim::{Mystery, Order, score};
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::runtime::Handle;

/// `A..B` or a single number.
pub(super) fn seeds(text: &str) -> Result<(u64, u64), String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.trim_start_matches('=').trim().parse::<u64>();
    match (number(first), number(last)) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("'{text}' is not a range of seeds such as 1..40")),
    }
}

pub(super) async fn run(config: &Config, command: &Run) -> Result<ExitCode> {
    let mut scores = Vec::new();
    let mut times = Vec::new();
    for tier in &command.tier {
        for seed in command.seeds.0..=command.seeds.1 {
            let order = Order {
                seed,
                tier: *tier,
                fault: command.kind.fault.clone().filter(|_| *tier > 0),
                family: command.kind.family.into(),
                healthy: command.kind.healthy,
                began_ms: None,
            };
            let Some(mystery) = tokio::task::spawn_blocking(move || sim::make(&order)).await?
            else {
                continue;
            };
            let began = clock::now();
            let verdicts = answer(config, &mystery, command.cases).await?;
            times.push((clock::now().0 - began.0) as f64 / 1e6);
            let none = std::collections::BTreeMap::new();
            let cases = mystery.truth.cases.iter().take(command.cases);
            let new: Vec<_> = cases
                .map(|case| {
                    score::score(
                        &mystery.truth,
                        case,
                        mystery.naive.get(&case.execution).unwrap_or(&none),
                        verdicts.get(&case.execution),
                    )
                })
                .collect();
            progress(*tier, seed, &new);
            let wrong = new.iter().any(|score| {
                if score.innocent {
                    score.accused
                } else {
                    !score.joint
                }
            });
            if let Some(folder) = command.keep.as_ref().filter(|_| wrong) {
                let folder = folder.join(format!("tier{tier}-seed{seed}-{}", mystery.truth.fault));
                make::write(&folder, &mystery.files, &mystery.truth)?;
            }
            scores.extend(new);
        }
    }
    let asked = format!(
        "seeds {}..{}, tiers {:?}, family {:?}, {} healthy executions, up to {} executions explained in each mystery",
        command.seeds.0,
        command.seeds.1,
        command.tier,
        command.kind.family,
        command.kind.healthy,
        command.cases
    );
    let report = sim::report::report(asked, &scores, times);
    let mut out = std::io::stdout().lock();
    match command.format {
        ReportFormat::Text => out.write_all(report.text().as_bytes())?,
        ReportFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Imports a mystery into a folder of its own and asks for the verdicts, by ARN.
async fn answer(
    config: &Config,
    mystery: &Mystery,
    cases: usize,
) -> Result<HashMap<String, Verdict>> {
    let folder = Folder::new();
    let mut own = config.clone();
    own.data = folder.0.clone();
    own.blocks = None;
    let core = Core::open(&own).await?;
    let files: Vec<(PathBuf, Bytes)> = mystery
        .files
        .iter()
        .map(|(path, bytes)| (PathBuf::from(path), Bytes::from(bytes.clone())))
        .collect();
    let entrance = core.entrance();
    let runtime = Handle::current();
    let reading = tokio::task::spawn_blocking(move || {
        let mut sink = |chunk| runtime.block_on(entrance.take(chunk));
        import::import_files(&files, &mut sink)
    });
    reading
        .await
        .context("the mystery could not be imported")??;
    core.court.after_import(&core.assembler).await?;
    let mut verdicts = HashMap::new();
    for case in mystery.truth.cases.iter().take(cases) {
        let (_, verdict) = core
            .court
            .verdict(TraceId::of_execution(&case.execution))
            .await?;
        verdicts.insert(case.execution.clone(), verdict);
    }
    core.close().await?;
    Ok(verdicts)
}

fn progress(tier: u8, seed: u64, scores: &[score::Score]) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let good = scores
        .iter()
        .filter(|score| {
            if score.innocent {
                !score.accused
            } else {
                score.joint
            }
        })
        .count();
    eprintln!(
        "tier {tier} seed {seed} {}: {good} of {}",
        scores.first().map_or("", |score| &score.fault),
        scores.len()
    );
}

/// A folder that goes when the mystery has been answered.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Folder(std::env::temp_dir().join(format!(
            "inquest-sim-{}-{}",
            std::process::id(),
            clock::now().0
        )))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the temporary folder of the system, which cleans up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
