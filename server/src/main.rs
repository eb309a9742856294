//! `inquest`: parse the command line, put the configuration together, do one thing, drain.

mod accounts;
mod alerts;
mod allocator;
mod api;
mod ask;
mod assembler;
mod assets;
mod case;
mod cli;
mod client;
mod clock;
mod collect;
mod commands;
mod compare;
mod config;
mod core;
mod experiments;
mod formats;
mod importer;
mod live;
mod retention;
mod slo;
mod telemetry;
mod terminal;
mod times;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use cli::{Cli, Command, Settings};
use config::Config;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// The log of a command that ends at once and says what it did itself. What the AWS SDK wonders about on its way to
/// credentials and a Region is said in our own words when it matters.
const QUIETLY: &str = "warn,aws_config=error,aws_runtime=error,aws_smithy_runtime=error";

fn main() -> ExitCode {
    allocator::keep_freed_pages();
    let cli = Cli::parse_from(std::env::args_os().map(argument));
    match run(cli) {
        Ok(code) => code,
        // The reader has seen enough: `inquest show … | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::tell(&format!("inquest: {}", told(&error)));
            ExitCode::FAILURE
        }
    }
}

/// A question in SQL may start with a comment, `-- like this`, which is not a flag.
fn argument(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text.starts_with("--") && text[2..].starts_with(char::is_whitespace) => {
            format!(" {text}").into()
        }
        _ => argument,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.root_cause().downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// An error with its causes, without those that the words before them have said already.
fn told(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        match words.is_empty() {
            true => words = cause,
            false if words.contains(&cause) => {}
            false => words = format!("{words}: {cause}"),
        }
    }
    words
}

fn run(cli: Cli) -> Result<ExitCode> {
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(
            shell,
            &mut Cli::command(),
            "inquest",
            &mut std::io::stdout(),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let settings = match &cli.command {
        Command::Serve(settings) | Command::Config(settings) => settings.clone(),
        Command::Demo(demo) => demo.settings.clone(),
        _ => Settings::default(),
    };
    let loaded = Config::load(&cli.global, &settings)?;
    if matches!(cli.command, Command::Config(_)) {
        terminal::say(&loaded.describe()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let serves = matches!(cli.command, Command::Serve(_) | Command::Demo(_));
    let config = loaded.config;
    let data = cli.global.data;
    // A command that ends at once says what it did itself.
    let quiet = !serves && cli.global.log.is_none();
    let filter = if quiet { QUIETLY } else { config.log.as_str() };
    let endpoint = config.self_telemetry.as_deref().filter(|_| serves);
    let telemetry = runtime.block_on(async { telemetry::start(filter, endpoint) })?;
    let outcome = runtime.block_on(dispatch(cli.command, config, data));
    telemetry.shutdown();
    outcome
}

/// `data` is the folder that the command line names itself.
async fn dispatch(command: Command, config: Config, data: Option<PathBuf>) -> Result<ExitCode> {
    match command {
        Command::Serve(_) => commands::serve(config).await,
        Command::Import(import) => commands::import(&config, import).await,
        Command::Collect(collect) => commands::collect(config, collect).await,
        Command::Sql(sql) => commands::sql(config, sql).await,
        Command::Show(show) => commands::show(&config, show).await,
        Command::Explain(explain) => commands::explain(&config, explain).await,
        Command::Cost(cost) => commands::cost::cost(&config, cost).await,
        Command::Compare(compare) => commands::compare::compare(&config, compare).await,
        Command::Alert(alert) => commands::alert(&config, alert).await,
        Command::Slo(slo) => commands::slo::slo(&config, slo).await,
        Command::Experiment(experiment) => commands::experiment(&config, experiment).await,
        Command::Demo(demo) => commands::demo(config, demo, data).await,
        Command::Sim(sim) => commands::sim::sim(&config, sim).await,
        Command::Config(_) | Command::Completions { .. } => Ok(ExitCode::SUCCESS),
    }
}
