//! `inquest sim`: mysteries with known answers.

mod make;
mod run;

use crate::config::Config;
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Examples for `--help`.
pub const EXAMPLES: &str = "\
Examples:
  inquest sim make --seed 7 --tier 2 --out /tmp/mystery    files to import, and truth.json
  inquest --data /tmp/d import /tmp/mystery && inquest --data /tmp/d explain EXECUTION
  inquest sim run --seeds 1..20 --tier 0,1,2               how many are solved
  inquest sim faults                                       what can befall a workflow

A seed, a tier, a family and a fault always give the same bytes.";

/// `inquest sim`.
#[derive(Debug, Args)]
pub struct Sim {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write one mystery: files that `inquest import` takes, and the answer in truth.json
    Make(Make),
    /// Make mysteries, import each into a folder of its own, and compare the verdicts with the truth
    Run(Run),
    /// List the faults
    Faults,
}

/// `inquest sim make`.
#[derive(Debug, Args)]
pub struct Make {
    #[command(flatten)]
    kind: Kind,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// 0 no crime, 1 plain, 2 one red herring, 3 three and telemetry lost, 4 two faults, 5 loud herrings
    #[arg(long, value_name = "TIER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=5))]
    tier: u8,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// `inquest sim run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    kind: Kind,
    /// Seeds, first and last: 1..40. Inquest is tuned on 1 to 499 of the first family
    #[arg(long, value_name = "A..B", default_value = "501..532", value_parser = run::seeds)]
    seeds: (u64, u64),
    /// Tiers, with commas
    #[arg(long, value_name = "TIERS", default_value = "0,1,2,3,4,5", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(0..=5))]
    tier: Vec<u8>,
    /// Executions to explain in each mystery
    #[arg(long, value_name = "N", default_value_t = 2)]
    cases: usize,
    /// How to report: text, or json
    #[arg(long, value_enum, default_value_t = crate::cli::ReportFormat::Text)]
    format: crate::cli::ReportFormat,
    /// Keep the folders of mysteries that were answered wrongly below this one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What the mysteries are about.
#[derive(Debug, Clone, Args)]
pub struct Kind {
    /// Fault, as `inquest sim faults` calls it [default: by the seed]
    #[arg(long, value_name = "NAME")]
    fault: Option<String>,
    /// Trades and shapes: `first` is what the judge is tuned on, `second` is held out for reports
    #[arg(long, value_enum, default_value_t = FamilyName::First)]
    family: FamilyName,
    /// Healthy executions before the fault
    #[arg(long, value_name = "N", default_value_t = 20)]
    healthy: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FamilyName {
    First,
    Second,
}

impl From<FamilyName> for ::sim::Family {
    fn from(name: FamilyName) -> Self {
        match name {
            FamilyName::First => ::sim::Family::First,
            FamilyName::Second => ::sim::Family::Second,
        }
    }
}

/// Makes mysteries, or lists the faults.
///
/// # Errors
/// When the folder cannot be written, or there is no such fault.
pub async fn sim(config: &Config, command: Sim) -> Result<ExitCode> {
    match command.command {
        Command::Make(command) => make::make(&command),
        Command::Run(command) => run::run(config, &command).await,
        Command::Faults => {
            let names = ::sim::fault_names();
            println!("{}", names.join("\n"));
            Ok(ExitCode::SUCCESS)
        }
    }
}
