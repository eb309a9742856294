//! `inquest experiment`: declare, end, gate, report. What is declared is written to the folder, also beside a
//! running server, which takes it up within seconds.

use crate::{
    cli::{Experiment, ReportFormat},
    client::Client,
    clock,
    config::Config,
    core::Core,
    experiments, terminal, times,
};
use anyhow::{Context, Result, bail};
use model::{
    UnixNanos,
    api::experiments::{BudgetLedger, ExperimentReport, GateAnswer},
    text::visible_line,
    time::rfc3339,
};
use serde_json::{Value, json};
use state::State;
use std::{io::Read, process::ExitCode};

/// Longest file of experiments, bytes.
const LONGEST: u64 = 64 << 20;

/// Does it.
///
/// # Errors
/// When the folder or the server cannot be had, or what was asked for does not exist.
pub async fn experiment(config: &Config, command: Experiment) -> Result<ExitCode> {
    let now = clock::now();
    match command {
        Experiment::Start {
            id,
            name,
            slos,
            scope,
            duration,
            max_spend,
            owner,
        } => {
            let mut said = json!({
                "id": id, "name": name.unwrap_or_else(|| id.clone()), "start": rfc3339(now),
                "slos": slos, "scope": scope_of(&scope)?, "tool": "api",
            });
            if let Some(text) = duration {
                let nanos = times::length(&text).map_err(anyhow::Error::msg)?;
                said["planned_end"] = rfc3339(UnixNanos(now.0.saturating_add(nanos))).into();
            }
            if let Some(share) = max_spend {
                said["max_spend"] = share.into();
            }
            if let Some(owner) = owner {
                said["owner"] = owner.into();
            }
            add(config, &said, now).await?;
        }
        Experiment::Add { files } => {
            for file in files {
                let said = read(&file)?;
                add(config, &said, now)
                    .await
                    .with_context(|| file.clone())?;
            }
        }
        Experiment::End { id } => {
            let ended = experiments::end(&State::open(&config.data)?, &id, now)?;
            say(&format!("{} is {}\n", ended.id, ended.phase.as_str()));
        }
        Experiment::List { format } => {
            let held = experiments::list(&State::open_read_only(&config.data)?)?;
            let views: Vec<_> = held.iter().map(experiments::view).collect();
            match format {
                ReportFormat::Json => json_out(&views)?,
                ReportFormat::Text if views.is_empty() => say("none\n"),
                ReportFormat::Text => {
                    for it in &held {
                        let spent = it
                            .charges
                            .first()
                            .map(|it| format!("{:.3} % of {}", it.net_charge * 100.0, it.slo));
                        say(&plain(&format!(
                            "{} {:<10} {:<14} {} {} {} {}",
                            &rfc3339(it.start)[..19],
                            it.phase.as_str(),
                            it.tool,
                            it.id,
                            it.name,
                            it.verdict,
                            spent.unwrap_or_default()
                        )));
                    }
                }
            }
        }
        Experiment::Report { id, format, url } => {
            let report: Option<ExperimentReport> = match url {
                Some(url) => Some(
                    Client::new(&url)?
                        .get(&format!("api/v1/experiments/{}", escaped(&id)))
                        .await?,
                ),
                None => open(config).await?.experiments.report(&id, now).await?,
            };
            let Some(report) = report else {
                bail!("there is no experiment '{id}': see `inquest experiment list`")
            };
            match format {
                ReportFormat::Json => json_out(&report)?,
                ReportFormat::Text => say(&report.markdown),
            }
        }
        Experiment::Gate {
            slo,
            spend,
            reserve,
            format,
            url,
        } => return gate(config, &slo, spend, reserve, format, url).await,
        Experiment::Ledger { slo, format, url } => {
            let ledger: BudgetLedger = match url {
                Some(url) => {
                    let query = slo
                        .as_deref()
                        .map(|it| format!("?slo={}", escaped(it)))
                        .unwrap_or_default();
                    Client::new(&url)?
                        .get(&format!("api/v1/budget-ledger{query}"))
                        .await?
                }
                None => {
                    open(config)
                        .await?
                        .experiments
                        .ledger(slo.as_deref())
                        .await?
                }
            };
            match format {
                ReportFormat::Json => json_out(&ledger.rows)?,
                ReportFormat::Text if ledger.rows.is_empty() => say("none\n"),
                ReportFormat::Text => {
                    for it in &ledger.rows {
                        say(&plain(&format!(
                            "{:<30} {:<13} {:>9.3} %  {:>10.2} bad  {} {}",
                            it.slo,
                            it.kind,
                            it.charge * 100.0,
                            it.bad,
                            it.spender,
                            it.name
                        )));
                    }
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Exit code 0 when the experiment may begin, 1 when it may not.
async fn gate(
    config: &Config,
    slo: &str,
    spend: f64,
    reserve: f64,
    format: ReportFormat,
    url: Option<String>,
) -> Result<ExitCode> {
    if !(0.0..=1e6).contains(&spend) || !(0.0..=1e6).contains(&reserve) {
        bail!("--spend and --reserve are shares of the budget, such as 0.05");
    }
    let answer: Option<GateAnswer> = match url {
        Some(url) => {
            let path = format!(
                "api/v1/slos/{}/gate?spend={spend}&reserve={reserve}",
                escaped(slo)
            );
            Some(Client::new(&url)?.get(&path).await?)
        }
        None => open(config).await?.experiments.gate(slo, spend, reserve),
    };
    let Some(answer) = answer else {
        bail!("there is no objective '{slo}': see `inquest slo list`")
    };
    match format {
        ReportFormat::Json => json_out(&answer)?,
        ReportFormat::Text => say(&plain(&format!(
            "{}: {}",
            if answer.allow { "allow" } else { "deny" },
            answer.text
        ))),
    }
    Ok(if answer.allow {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The folder, with the objectives as they stand now.
async fn open(config: &Config) -> Result<Core> {
    let core = Core::open_read_only(config).await?;
    experiments::look(&core).await?;
    Ok(core)
}

async fn add(config: &Config, said: &Value, now: UnixNanos) -> Result<()> {
    let updates = ::experiments::read::read(said, now).map_err(anyhow::Error::msg)?;
    if let Ok(core) = Core::open_read_only(config).await {
        experiments::declare::check(&core.engine, &core.store, &updates, now).await?;
        let known: Vec<String> = core
            .slos
            .places()
            .load()
            .slos
            .iter()
            .map(|slo| slo.name.clone())
            .collect();
        for warning in experiments::declare::strangers(&updates, &known) {
            terminal::tell(&format!("inquest: {warning}"));
        }
    }
    for it in experiments::take(&State::open(&config.data)?, updates)? {
        say(&plain(&format!("{} is {}", it.id, it.phase.as_str())));
    }
    Ok(())
}

fn read(file: &str) -> Result<Value> {
    let mut text = String::new();
    let cannot = || format!("cannot read {file}");
    match file {
        "-" => std::io::stdin()
            .take(LONGEST)
            .read_to_string(&mut text)
            .with_context(cannot)?,
        path => std::fs::File::open(path)
            .with_context(cannot)?
            .take(LONGEST)
            .read_to_string(&mut text)
            .with_context(cannot)?,
    };
    serde_json::from_str(&text).with_context(|| format!("{file} is no JSON"))
}

/// `function=pay`, `workflow=orders*`, or the name of an attribute.
fn scope_of(parts: &[String]) -> Result<::experiments::Scope> {
    let mut scope = ::experiments::Scope::default();
    for part in parts {
        let Some((key, value)) = part.split_once('=') else {
            bail!(
                "'{part}' is no scope: write function=NAME, workflow=NAME, state=NAME, version=V, az=ZONE or ATTRIBUTE=VALUE"
            );
        };
        let value = value.to_owned();
        match key {
            "function" => scope.function = value,
            "workflow" => scope.workflow = value,
            "state" => scope.state = value,
            "version" => scope.version = value,
            "az" => scope.az = value,
            attribute => {
                scope.attributes.insert(attribute.to_owned(), value);
            }
        }
    }
    Ok(scope)
}

fn json_out<T: serde::Serialize>(value: &T) -> Result<()> {
    let json = serde_json::to_string_pretty(value)? + "\n";
    Ok(terminal::exactly(&json)?)
}

fn say(text: &str) {
    let _ = terminal::say(text);
}

/// A line that cannot steer the terminal.
fn plain(line: &str) -> String {
    format!("{}\n", visible_line(line.trim_end()))
}

fn escaped(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| match keep(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
