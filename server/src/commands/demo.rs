//! `inquest demo`: the made-up shop's day, recorded executions and simulated mysteries, through the ordinary import.

use super::serve::{Bound, Running, say};
use crate::{cli::Demo, clock, config::Config, core::Core};
use anyhow::{Context, Result};
use bytes::Bytes;
use collectors::import;
use model::text::counted;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::runtime::Handle;

/// Always the same shop.
const SEED: u64 = 1;

/// Serves the data set, or writes it out.
///
/// # Errors
/// As `serve`; or when the files cannot be written.
pub async fn demo(mut config: Config, command: Demo, data_was_named: bool) -> Result<ExitCode> {
    let anchor = match &command.anchor {
        None => clock::now().0,
        Some(text) => {
            let time: jiff::Timestamp = text.parse().with_context(|| {
                format!("--anchor '{text}' is not a time such as 2026-11-22T00:00:00Z")
            })?;
            i64::try_from(time.as_nanosecond()).context("--anchor is out of range")?
        }
    };
    let files = tokio::task::spawn_blocking(move || everything(anchor)).await?;
    if let Some(folder) = &command.write {
        return write(folder, &files);
    }
    let temporary = Temporary::new();
    if !data_was_named {
        config.data = temporary.0.clone();
    }
    let bound = Bound::bind(&config).await?;
    promise(&config)?;
    let core = Core::open(&config).await?;
    let running = Running::start(&config, core, bound).await?;
    import_files(running.core(), files).await?;
    running.announce(&config);
    say(&format!(
        "       executions: {}/?range=24h  (ctrl-c ends it)\n",
        running.pages()
    ));
    if !command.no_open {
        open_browser(&format!("{}/?range=24h", running.pages()));
    }
    running.until_told().await
}

/// The shop's day, what really happened elsewhere, and mysteries whose answers are known.
fn everything(anchor: i64) -> Vec<::demo::File> {
    let mut files = ::demo::files(SEED, anchor);
    files.extend(::sim::bundled::files(anchor / 1_000_000));
    files
}

/// The shop's objectives, unless the folder has some already.
fn promise(config: &Config) -> Result<()> {
    let folder = config.data.join("slo");
    if folder.exists() {
        return Ok(());
    }
    let put = || {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("shop.yaml"), ::demo::OBJECTIVES)
    };
    put().with_context(|| format!("cannot write objectives to {}", folder.display()))
}

async fn import_files(core: &Core, files: Vec<::demo::File>) -> Result<()> {
    let entrance = core.entrance();
    let runtime = Handle::current();
    let reading = tokio::task::spawn_blocking(move || {
        let files: Vec<(PathBuf, Bytes)> = files
            .into_iter()
            .map(|(path, bytes)| (PathBuf::from(path), Bytes::from(bytes)))
            .collect();
        let mut sink = |chunk| runtime.block_on(entrance.take(chunk));
        import::import_files(&files, &mut sink)
    });
    let report = reading.await.context("the demo data could not be made")??;
    core.court.after_import(&core.assembler).await?;
    tracing::info!("the demo holds {}", report.taken());
    Ok(())
}

fn write(folder: &Path, files: &[::demo::File]) -> Result<ExitCode> {
    for (path, bytes) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "{} in {}",
        counted(files.len() as u64, "file", "files"),
        folder.display()
    );
    println!("try: inquest import {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// A folder that goes when the demo ends.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        let name = format!("inquest-demo-{}", std::process::id());
        Temporary(std::env::temp_dir().join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What is left is in the temporary folder of the system, which cleans up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens the pages where there is a desktop.
fn open_browser(url: &str) {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let opener = match cfg!(target_os = "macos") {
        true => "open",
        false if desktop => "xdg-open",
        false => return,
    };
    let quiet = std::process::Stdio::null;
    let started = std::process::Command::new(opener)
        .arg(url)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    if let Err(error) = started {
        tracing::debug!(%error, "no browser was opened");
    }
}
