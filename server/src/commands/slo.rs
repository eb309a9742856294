//! `inquest slo`: objectives at the command line.

use crate::{
    alerts::Receiving,
    ask::Source,
    cli::ReportFormat,
    clock,
    config::Config,
    core::Core,
    slo::{
        check,
        definitions::{self, Definitions},
        names, receivers, replay,
    },
    terminal::{exactly, say, tell},
    times,
};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use model::api::slo::Replay;
use model::text::counted;
use serde_json::{Map, Value, json};
use slo::{Level, duration};
use std::{collections::BTreeSet, io::Read, path::PathBuf, process::ExitCode, sync::Arc};

/// Examples under `inquest slo --help`.
pub const EXAMPLES: &str = "\
Examples:
  inquest slo lint slos/                              what is wrong with definitions, and which traps they fall into
  inquest slo list                                    how every objective stands
  inquest slo replay --slo orders.yaml                would it have paged in the last 30 days?
  inquest slo replay --slo orders.yaml --from 2025-06-01T00:00:00Z --to 2025-07-01T00:00:00Z --format json
  inquest slo replay --slo orders.yaml --counts counts.json --step 60s --format json
  inquest slo replay --slo now.yaml --slo tuned.yaml  two settings, side by side
  inquest slo export slos/ > openslo.yaml             as OpenSLO v1";

/// What to do with objectives.
#[derive(Debug, Args)]
pub struct SloCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what objectives would have done over stored data, or over counts
    Replay(ReplayArgs),
    /// Check definitions and name the traps in them; exit code 1 for errors
    Lint(Files),
    /// Show how every objective stands
    List(List),
    /// Write definitions of any dialect as OpenSLO v1
    Export(Files),
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// File with definitions of any dialect; `-` is stdin (may be repeated)
    #[arg(long = "slo", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only the objective of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// First evaluation: ISO 8601, relative to now (-7d), or seconds since the epoch (with --counts: in its seconds)
    /// [default: 30 days before the last; with --counts: its begin]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Last evaluation, which is also what "now" is [default: now; with --counts: its end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Counts instead of stored data: JSON `[{"from", "to", "total", "bad"}]`, seconds, counts per slice
    /// of 60 s; `-` is stdin
    #[arg(long, value_name = "FILE")]
    counts: Option<PathBuf>,
    /// Time between two evaluations
    #[arg(
        long,
        value_name = "TIME",
        default_value = "60s",
        allow_hyphen_values = true
    )]
    step: String,
    /// How to report: text, or json
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

#[derive(Debug, Args)]
struct Files {
    /// Files and folders [default: those of the data folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to report: text, or json
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

#[derive(Debug, Args)]
struct List {
    /// Ask a running server instead of reading the folder
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How to report: text, or json
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

/// Does it.
///
/// # Errors
/// When files, data or arguments are wrong; it says which.
pub async fn slo(config: &Config, command: SloCommand) -> Result<ExitCode> {
    match command.what {
        What::Replay(args) => replay_command(config, args).await,
        What::Lint(files) => lint(config, &files).await,
        What::List(list) => self::list(config, &list).await,
        What::Export(files) => export(config, &files),
    }
}

/// Definitions of files, of stdin, or of the data folder.
fn load(config: &Config, paths: &[PathBuf]) -> Result<Definitions> {
    if paths.iter().any(|path| path.as_os_str() == "-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read stdin")?;
        let loaded = slo::read::read(&[("stdin".to_owned(), text)]);
        return Ok(Definitions {
            slos: loaded.slos.into_iter().map(std::sync::Arc::new).collect(),
            findings: loaded.findings,
            others: loaded.others,
            ..Definitions::default()
        });
    }
    if !paths.is_empty() {
        return Ok(definitions::read_paths(paths));
    }
    let mut paths = vec![config.data.join("slo")];
    paths.extend(config.slo_files.iter().cloned());
    paths.retain(|path| path.exists());
    if paths.is_empty() {
        bail!(
            "there are no definitions in {}: name files",
            config.data.join("slo").display()
        );
    }
    Ok(definitions::read_paths(&paths))
}

async fn replay_command(config: &Config, args: ReplayArgs) -> Result<ExitCode> {
    let mut definitions = load(config, &args.files)?;
    let names: BTreeSet<String> = match &args.name {
        Some(name) => [name.clone()].into(),
        None => definitions.slos.iter().map(|it| it.name.clone()).collect(),
    };
    definitions.retain(&names);
    if definitions.slos.is_empty() {
        for finding in &definitions.findings {
            tell(&finding.to_string());
        }
        bail!("there is no objective in the files given");
    }
    let every = duration::seconds(&args.step).filter(|it| *it > 0);
    let every =
        every.ok_or_else(|| anyhow!("--step {} is no length of time such as 60s", args.step))?;
    let relative = args.counts.is_none();
    let (from, to) = (
        time(args.from.as_deref(), "--from", relative)?,
        time(args.to.as_deref(), "--to", relative)?,
    );
    if let (Some(begin), Some(end)) = (from, to)
        && end < begin
    {
        bail!(
            "--from {} lies after --to {}",
            args.from.as_deref().unwrap_or_default(),
            args.to.as_deref().unwrap_or_default()
        );
    }
    let found = match &args.counts {
        Some(path) => replay::over_counts(&definitions, &read(path)?, from, to, every)?,
        None => {
            let core = Core::open_read_only(config).await?;
            let now = clock::now().0.div_euclid(1_000_000_000);
            let to = to.unwrap_or(now.div_euclid(60) * 60);
            let snapshot = core.store.snapshot();
            let slos = definitions.slos.iter().map(|slo| &**slo);
            let mistakes = check::check(&core.engine, &snapshot, slos, text_of).await;
            definitions.findings.extend(mistakes);
            let slos = definitions.slos.iter().map(|slo| &**slo);
            let misspelt = names::misspelt(&core.engine, &snapshot, slos).await;
            definitions.findings.extend(misspelt);
            replay::over_data(&core.engine, &snapshot, &definitions, from, to, every).await?
        }
    };
    let found: Vec<Replay> = found
        .into_iter()
        .filter(|it| replay::is_of(it, &names))
        .collect();
    match args.format {
        ReportFormat::Json => exactly(&format!("{}\n", json_of(&found)?))?,
        ReportFormat::Text => say(&replays(&found, args.counts.is_some()))?,
    }
    let mistakes = mistakes_of(&args, &definitions);
    for mistake in &mistakes {
        tell(&mistake.to_string());
    }
    Ok(match mistakes.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Mistakes in the files, or, where one objective was asked for, in it, in what it is made of, or in a file as a whole.
/// Counts of a file stand for the indicator.
fn mistakes_of<'a>(args: &ReplayArgs, definitions: &'a Definitions) -> Vec<&'a slo::Finding> {
    let slos = definitions.slos.iter().map(|slo| &**slo);
    let with_parts = slo::parts::with_parts(args.name.as_deref(), slos);
    let is_asked = |it: &&slo::Finding| match (&args.name, &it.slo) {
        (Some(name), Some(slo)) => name == slo || with_parts.contains(slo.as_str()),
        _ => true,
    };
    let counted = args.counts.is_some();
    let all = definitions.findings.iter();
    all.filter(|it| it.level == Level::Error)
        .filter(|it| !(counted && matches!(it.rule, "indicator" | "sql")))
        .filter(is_asked)
        .collect()
}

/// The text of a file of definitions.
fn text_of(file: &str) -> Option<String> {
    match file {
        "stdin" => None,
        file => std::fs::read_to_string(file).ok(),
    }
}

/// One replay as an object; several as an object each below `slos`, beside the first's keys.
fn json_of(found: &[Replay]) -> Result<String> {
    let mut first = serde_json::to_value(found.first().context("nothing was replayed")?)?;
    if found.len() > 1 {
        first["slos"] = serde_json::to_value(found)?;
    }
    Ok(first.to_string())
}

fn replays(found: &[Replay], relative: bool) -> String {
    let shown = |second: i64| match relative {
        true => format!("{second} s"),
        false => jiff::Timestamp::from_second(second)
            .map_or_else(|_| second.to_string(), |it| it.to_string()),
    };
    let mut text = String::new();
    for replay in found {
        let name = match &replay.group {
            Some(_) => format!("{} (group)", replay.slo),
            None => replay.slo.clone(),
        };
        text += &format!("{name}: {}\n", replay.summary);
        if let Some(reason) = &replay.not_measured {
            text += &format!("  {reason}\n");
        }
        if let Some(last) = replay.samples.last() {
            let left = last
                .budget_remaining
                .map_or("unknown".to_owned(), |it| format!("{:.2} %", it * 100.0));
            text += &format!(
                "  at {}: {} bad of {}, budget left {left}\n",
                shown(last.t),
                last.bad,
                last.total
            );
        }
        for change in &replay.severity_transitions {
            text += &format!(
                "  {}  {:<8} {:<9} {}\n",
                shown(change.t),
                change.severity,
                change.state,
                change.rule
            );
        }
        for finding in replay.findings.iter().filter(|it| it.level != "note") {
            text += &format!("  {}: {} [{}]\n", finding.level, finding.text, finding.rule);
        }
    }
    text
}

/// A time of the command line, in seconds. Beside counts a number is in their seconds, and nothing is relative
/// to now.
fn time(text: Option<&str>, flag: &str, relative: bool) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse::<i64>() {
        Ok(second) if !relative || second.unsigned_abs() < 100_000_000_000 => {
            return Ok(Some(second));
        }
        _ => {}
    }
    let begins = text.trim().starts_with(|it: char| it.is_ascii_digit());
    match times::read(text, clock::now()).filter(|_| relative || begins) {
        Some(at) => Ok(Some(at.0.div_euclid(1_000_000_000))),
        None if relative => bail!("{flag} {text} is no time: {}", times::FORMS),
        None => {
            bail!("{flag} {text} is no time: with --counts give seconds, or 2025-01-01T00:00:00Z")
        }
    }
}

fn read(path: &PathBuf) -> Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read stdin")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Mistakes in the SQL of definitions, planned against the data folder, or, without one, against empty tables; and names
/// that nothing in the folder has.
async fn mistakes(config: &Config, definitions: &Definitions) -> Result<Vec<slo::Finding>> {
    let slos = || definitions.slos.iter().map(|slo| &**slo);
    if config.data.is_dir()
        && let Ok(core) = Core::open_read_only(config).await
    {
        let snapshot = core.store.snapshot();
        let mut found = check::check(&core.engine, &snapshot, slos(), text_of).await;
        found.extend(names::misspelt(&core.engine, &snapshot, slos()).await);
        return Ok(found);
    }
    let folder = tempfile::tempdir().context("cannot make a folder to plan in")?;
    let empty = Config {
        data: folder.path().to_owned(),
        blocks: None,
        ..config.clone()
    };
    let core = Core::open(&empty).await?;
    let snapshot = core.store.snapshot();
    let found = check::check(&core.engine, &snapshot, slos(), text_of).await;
    core.close().await?;
    Ok(found)
}

/// Receivers that are asked for and are not in the file of receivers.
fn unknown_receivers(config: &Config, definitions: &Definitions) -> Vec<slo::Finding> {
    let path = config.receivers_path();
    let receiving = match Receiving::open(path.clone()) {
        Ok(receiving) => receiving,
        Err(error) => {
            tell(&format!("receivers cannot be looked up: {error:#}"));
            return Vec::new();
        }
    };
    let (known, place) = (receiving.current(), path.display().to_string());
    let of = |slo: &Arc<slo::Slo>| receivers::unknown(slo, &known, &place);
    definitions.slos.iter().flat_map(of).collect()
}

async fn lint(config: &Config, files: &Files) -> Result<ExitCode> {
    let mut definitions = load(config, &files.paths)?;
    let found = mistakes(config, &definitions).await?;
    definitions.findings.extend(found);
    let unknown = unknown_receivers(config, &definitions);
    definitions.findings.extend(unknown);
    definitions
        .findings
        .sort_by(|a, b| (&a.file, a.line, a.level).cmp(&(&b.file, b.line, b.level)));
    let count = |level| {
        definitions
            .findings
            .iter()
            .filter(|it| it.level == level)
            .count()
    };
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    match files.format {
        ReportFormat::Json => {
            let findings: Vec<_> = definitions
                .findings
                .iter()
                .map(slo::Finding::to_api)
                .collect();
            let slos: Vec<Value> = definitions
                .slos
                .iter()
                .map(|slo| {
                    let measured = !matches!(slo.indicator, slo::Indicator::NotMeasured { .. });
                    let reason = match &slo.indicator {
                        slo::Indicator::NotMeasured { reason, .. } => Some(reason.clone()),
                        _ => None,
                    };
                    json!({
                        "name": slo.name, "dialect": slo.source.dialect, "file": slo.source.file,
                        "line": slo.source.line, "target": slo.target.to_string(), "window": slo.window.words(),
                        "method": slo.method.word(), "measured": measured, "reason": reason,
                        "rules": slo.rules.iter().map(|rule| json!({"id": rule.id, "severity": rule.severity, "text": rule.words()})).collect::<Vec<_>>(),
                    })
                })
                .collect();
            let report = json!({"slos": slos, "findings": findings, "others": definitions.others});
            exactly(&format!("{report:#}\n"))?;
        }
        ReportFormat::Text => {
            let mut text = String::new();
            for finding in &definitions.findings {
                text += &format!("{finding}\n");
            }
            text += &format!(
                "{}, {}; {}, {}\n",
                counted(definitions.slos.len() as u64, "objective", "objectives"),
                counted(
                    definitions.others.len() as u64,
                    "other object",
                    "other objects"
                ),
                counted(errors as u64, "error", "errors"),
                counted(warnings as u64, "warning", "warnings")
            );
            say(&text)?;
        }
    }
    Ok(if errors > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn list(config: &Config, list: &List) -> Result<ExitCode> {
    let source = Source::open(config, list.url.as_deref()).await?;
    let rows = source
        .rows(
            "SELECT slo, status, target, time_window, total, bad, budget_remaining, burn_rate_1h, reason, indicator, \
             page_firing, ticket_firing, source FROM slos ORDER BY slo",
        )
        .await?;
    match list.format {
        ReportFormat::Json => exactly(&format!("{}\n", serde_json::to_string_pretty(&rows)?))?,
        ReportFormat::Text => say(&lines(&rows))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(rows: &[Map<String, Value>]) -> String {
    if rows.is_empty() {
        return "there are no objectives: put definitions into the folder slo of the data folder\n"
            .to_owned();
    }
    let mut text = String::new();
    for row in rows {
        let word = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| row.get(key).and_then(Value::as_f64);
        let left =
            number("budget_remaining").map_or("-".to_owned(), |it| format!("{:.1} %", it * 100.0));
        let burn = number("burn_rate_1h").map_or("-".to_owned(), |it| format!("{it:.2}"));
        let firing: Vec<&str> = [("page_firing", "PAGE"), ("ticket_firing", "TICKET")]
            .into_iter()
            .filter(|(key, _)| row.get(*key) == Some(&Value::Bool(true)))
            .map(|(_, word)| word)
            .collect();
        text += &format!(
            "{:<32} {:<12} target {:<8} budget left {left:>9}  burn {burn:>6}  {} {}\n",
            word("slo"),
            word("status"),
            word("target"),
            firing.join(" "),
            word("reason")
        );
    }
    text
}

fn export(config: &Config, files: &Files) -> Result<ExitCode> {
    let definitions = load(config, &files.paths)?;
    for finding in definitions
        .findings
        .iter()
        .filter(|it| it.level == Level::Error)
    {
        tell(&finding.to_string());
    }
    let slos: Vec<slo::Slo> = definitions.slos.iter().map(|slo| (**slo).clone()).collect();
    if slos.is_empty() {
        bail!("there is no objective to export");
    }
    exactly(&slo::export::openslo(&slos))?;
    Ok(ExitCode::SUCCESS)
}
