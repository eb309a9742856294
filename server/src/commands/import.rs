//! `inquest import`.

use crate::{
    assembler::Counts,
    cli::{Import, ReportFormat},
    client::Client,
    clock,
    config::Config,
    core::{Core, log_folder},
    importer::Target,
    terminal,
};
use anyhow::{Context, Result, bail};
use collectors::import::{Progress, Report};
use model::text::counted;
use model::text::visible_line;
use serde::Serialize;
use std::{
    fmt::Write as _,
    io::{IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Skips printed per file; all of them are in `--format json`.
const PRINTED_SKIPS: usize = 5;

/// Takes files and folders in and reports. Fails when nothing could be taken, or something legible was refused.
///
/// # Errors
/// When the folder or server cannot be used.
pub async fn import(config: &Config, command: Import) -> Result<ExitCode> {
    for path in &command.paths {
        std::fs::symlink_metadata(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    let target = target(config, command.url.as_deref()).await?;
    let quiet = command.quiet || !std::io::stderr().is_terminal();
    let imported = target.import(command.paths, progress(quiet)).await;
    if !quiet {
        clear_line();
    }
    if let Target::Here(core) = target {
        let judged = core.court.after_import(&core.assembler).await;
        let told = core.experiments.take_told(clock::now()).await;
        core.close().await?;
        judged.context("what was imported could not be judged")?;
        told.context("what was imported about experiments could not be taken")?;
    }
    let (report, new) = imported?;
    match command.format {
        ReportFormat::Json => print_json(&report, new)?,
        ReportFormat::Text => print_text(&report, new)?,
    }
    Ok(match report.taken().is_empty() || report.refused() > 0 {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// The server that was named, or the one that has the folder, or the folder.
pub(super) async fn target(config: &Config, url: Option<&str>) -> Result<Target> {
    if let Some(url) = url {
        return Ok(Target::There(Client::new(url)?));
    }
    let opened = Core::open(config).await;
    let error = match opened {
        Ok(core) => return Ok(Target::Here(Box::new(core))),
        Err(error) => error,
    };
    match store::holder(&log_folder(config)).map(|holder| (holder.process, holder.address)) {
        Some((_, Some(address))) => {
            tracing::info!(
                address,
                "the folder is open in a server: sending the files to it"
            );
            Ok(Target::There(Client::new(&address)?))
        }
        Some((process, None)) => bail!(
            "{} is in use by process {process}, which takes no imports; wait until it ends",
            config.data.display()
        ),
        None => Err(error),
    }
}

/// Shows how far it is, on a line of stderr that is written over.
fn progress(quiet: bool) -> impl FnMut(&Progress) + Send + 'static {
    let mut shown: Option<Instant> = None;
    move |progress| {
        let due = shown.is_none_or(|at| at.elapsed() > Duration::from_millis(100));
        if quiet || !due || progress.path.as_os_str().is_empty() {
            return;
        }
        shown = Some(Instant::now());
        let name = progress
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let line = format!(
            "{}/{} files, {} MB of {} MB, {}: {}",
            progress.files_done,
            progress.files_total,
            progress.bytes_done / 1_000_000,
            progress.bytes_total / 1_000_000,
            progress.taken,
            name
        );
        let line: String = visible_line(&line).chars().take(100).collect();
        clear_line();
        let mut stderr = std::io::stderr();
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(stderr, "{line}").and_then(|()| stderr.flush());
    }
}

fn clear_line() {
    let _ = write!(std::io::stderr(), "\r\x1b[2K");
}

fn print_json(report: &Report, new: Counts) -> Result<()> {
    #[derive(Serialize)]
    struct Json<'a> {
        files: &'a [collectors::import::FileReport],
        taken: collectors::import::Taken,
        new: Counts,
        skipped: u64,
        refused: u64,
    }
    let json = Json {
        files: &report.files,
        taken: report.taken(),
        new,
        skipped: report.skipped(),
        refused: report.refused(),
    };
    let json = serde_json::to_string_pretty(&json)? + "\n";
    Ok(terminal::exactly(&json)?)
}

fn print_text(report: &Report, new: Counts) -> Result<()> {
    let mut out = String::new();
    for file in &report.files {
        let kind = match file.kind.as_str() {
            "" => "not recognised",
            kind => kind,
        };
        let path = file.path.display().to_string();
        writeln!(out, "{}  {kind}: {}", visible_line(&path), file.taken)?;
        for skip in file.skipped.iter().take(PRINTED_SKIPS) {
            let place = match skip.position.as_str() {
                "" => String::new(),
                position => format!("{position}: "),
            };
            let skipped = format!("{place}{}", skip.reason);
            writeln!(out, "    skipped {}", visible_line(&skipped))?;
        }
        let more = file.skipped.len().saturating_sub(PRINTED_SKIPS) as u64 + file.more_skipped;
        if more > 0 {
            writeln!(out, "    and {more} more (--format json lists them)")?;
        }
    }
    let skipped = report.skipped();
    writeln!(
        out,
        "{}: {} taken, {skipped} skipped",
        counted(report.files.len() as u64, "file", "files"),
        report.taken()
    )?;
    let refused = report.refused();
    if refused > 0 {
        writeln!(out, "{refused} of them legible, but refused: see above")?;
    }
    match new.is_zero() && skipped > 0 {
        // What was skipped was not held.
        true => writeln!(out, "0 new")?,
        false => writeln!(out, "{}", words(new))?,
    }
    Ok(terminal::say(&out)?)
}

/// `new: 3 executions, 120 events`, or `0 new: everything was held already`.
pub(super) fn words(new: Counts) -> String {
    if new.is_zero() {
        return "0 new: everything was held already".into();
    }
    let counts = [
        (new.executions, "execution"),
        (new.events, "event"),
        (new.documents, "description"),
        (new.changes, "change"),
        (new.invocations, "invocation"),
        (new.logs, "log record"),
        (new.spans, "span"),
    ];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| counted(*count, word, &format!("{word}s")))
        .collect();
    format!("new or changed: {}", words.join(", "))
}
