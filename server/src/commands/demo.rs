//! `inquest demo`: the made-up shop's day, recorded executions and simulated mysteries, through the ordinary import.

use super::serve::{Bound, Running, say};
use crate::{
    cli::{Demo, Settings},
    clock,
    config::Config,
    core::{Core, log_folder},
};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use collectors::import;
use model::{UnixNanos, text::counted, time::rfc3339};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::runtime::Handle;

/// Always the same shop.
const SEED: u64 = 1;

/// Serves the data set, or writes it out. `named` is the folder that the command line gives: only then is anything kept.
/// What the environment or the configuration file say about data is meant for what is real.
///
/// # Errors
/// As `serve`; when the files cannot be written, or the folder holds what no demo made.
pub async fn demo(config: Config, command: Demo, named: Option<PathBuf>) -> Result<ExitCode> {
    let now = clock::now().0;
    let anchor = command.anchor.as_deref().map(anchor).transpose()?;
    if let Some(folder) = &command.write {
        let files = tokio::task::spawn_blocking(move || everything(anchor.unwrap_or(now))).await?;
        return write(folder, &files);
    }
    let temporary = Temporary::new(now);
    let config = Config {
        data: named.unwrap_or_else(|| temporary.0.clone()),
        ..alone(config, &command.settings)
    };
    let made = found(&config, anchor).await?;
    let bound = Bound::bind(&config).await?;
    promise(&config)?;
    let mark = Made {
        anchor: anchor.or(made.map(|it| it.anchor)).unwrap_or(now),
        whole: false,
    };
    let whole = made.is_some_and(|it| it.whole);
    if !whole {
        mark.put(&config.data)?;
    }
    let core = Core::open(&config).await?;
    let running = Running::start(&config, core, bound).await?;
    if !whole {
        let files = tokio::task::spawn_blocking(move || everything(mark.anchor)).await?;
        import_files(running.core(), files).await?;
        Made {
            whole: true,
            ..mark
        }
        .put(&config.data)?;
    }
    running.announce(&config);
    let start = format!("{}/?range={}", running.pages(), range(now, mark.anchor));
    if whole {
        let made = rfc3339(UnixNanos(mark.anchor));
        say(&format!(
            "       the demo of {made} was there already; with another --data it is made anew\n"
        ));
    }
    say(&format!("       executions: {start}  (ctrl-c ends it)\n"));
    if !command.no_open {
        open_browser(&start);
    }
    running.until_told().await
}

fn anchor(text: &str) -> Result<i64> {
    let time: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("--anchor '{text}' is not a time such as 2026-11-22T00:00:00Z"))?;
    i64::try_from(time.as_nanosecond()).context("--anchor is out of range")
}

/// The configuration without what the environment and the file say about real data: where blocks lie, what is
/// collected, what is promised and who is told. What stands on the command line counts.
fn alone(config: Config, said: &Settings) -> Config {
    Config {
        blocks: said.blocks.clone(),
        collect: Vec::new(),
        slo_files: said.slo_files.clone(),
        receivers: said.receivers.clone(),
        ..config
    }
}

/// How far back the first page looks: the day that the shop had, however long ago the demo was made.
fn range(now: i64, anchor: i64) -> String {
    const HOUR: i64 = 3_600_000_000_000;
    let hours = now.saturating_sub(anchor).max(0) / HOUR;
    format!("{}h", 24 + hours)
}

/// What a demo leaves in its folder, so that the next one neither doubles it nor takes real data for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Made {
    /// The time that was now for the data, nanoseconds since 1970.
    anchor: i64,
    /// False until all of it is there.
    whole: bool,
}

/// The file in the data folder.
const MARK: &str = "demo.json";

impl Made {
    fn of(folder: &Path) -> Option<Made> {
        let text = std::fs::read(folder.join(MARK)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn put(self, folder: &Path) -> Result<()> {
        let put = || {
            std::fs::create_dir_all(folder)?;
            std::fs::write(folder.join(MARK), serde_json::to_vec(&self)?)
        };
        put().with_context(|| format!("cannot write {}", folder.join(MARK).display()))
    }
}

/// The demo that the folder holds already, if it holds one.
///
/// # Errors
/// When it holds another one, or something that no demo made.
async fn found(config: &Config, anchor: Option<i64>) -> Result<Option<Made>> {
    let folder = config.data.display();
    if let Some(made) = Made::of(&config.data) {
        if anchor.is_some_and(|anchor| anchor != made.anchor) {
            let time = rfc3339(UnixNanos(made.anchor));
            bail!("{folder} holds the demo of {time}: for another --anchor give another --data");
        }
        return Ok(Some(made));
    }
    // Another place for blocks may hold data although the folder is new.
    let exists = config.blocks.is_some() || log_folder(config).exists();
    if exists && holds_rows(config).await? {
        bail!(
            "{folder} holds data that no demo made, and made-up executions would lie among it: give an empty \
             folder, or leave out --data"
        );
    }
    Ok(None)
}

async fn holds_rows(config: &Config) -> Result<bool> {
    let core = Core::open_read_only(config).await?;
    let snapshot = core.store.snapshot();
    let holds = store::Table::ALL
        .iter()
        .any(|table| snapshot.rows(*table) > 0);
    core.close().await?;
    Ok(holds)
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
    fn new(now: i64) -> Self {
        let name = format!("inquest-demo-{}-{now}", std::process::id());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_real_is_left_alone() {
        let real = Config {
            blocks: Some("s3://real/data".into()),
            slo_files: vec!["real.yaml".into()],
            receivers: Some("real.toml".into()),
            memory_mb: 7,
            ..Config::default()
        };
        let config = alone(real.clone(), &Settings::default());
        assert_eq!(
            (config.blocks, config.slo_files.len(), config.receivers),
            (None, 0, None)
        );
        assert_eq!((config.collect.len(), config.memory_mb), (0, 7));
        let said = Settings {
            blocks: Some("file:///tmp/x".into()),
            ..Settings::default()
        };
        assert_eq!(alone(real, &said).blocks.as_deref(), Some("file:///tmp/x"));
    }

    #[test]
    fn the_first_page_shows_the_whole_day() {
        const HOUR: i64 = 3_600_000_000_000;
        let check =
            |ago: i64, expect: &str| assert_eq!(range(100 * HOUR, 100 * HOUR - ago), expect);
        check(0, "24h");
        check(HOUR / 2, "24h");
        check(5 * HOUR, "29h");
        check(-HOUR, "24h");
    }

    #[tokio::test]
    async fn a_folder_is_asked_what_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().to_owned(),
            ..Config::default()
        };
        let found = async |anchor| {
            found(&config, anchor)
                .await
                .map_err(|error| error.to_string())
        };
        assert_eq!(found(None).await, Ok(None));
        let core = Core::open(&config).await.expect("opens");
        core.close().await.expect("closes");
        // A store without rows is as good as none.
        assert_eq!(found(None).await, Ok(None));

        let core = Core::open(&config).await.expect("opens");
        let history = br#"{"events":[{"timestamp":1790000000,"type":"ExecutionStarted","id":1,"previousEventId":0}]}"#;
        let files = vec![("x/run.history.json".to_owned(), history.to_vec())];
        import_files(&core, files).await.expect("taken");
        core.close().await.expect("closes");
        let told = found(None).await.expect_err("real data");
        assert!(told.contains("no demo made"), "{told}");

        let made = Made {
            anchor: 5,
            whole: true,
        };
        made.put(folder.path()).expect("written");
        assert_eq!(found(None).await, Ok(Some(made)));
        assert_eq!(found(Some(5)).await, Ok(Some(made)));
        assert!(
            found(Some(6))
                .await
                .is_err_and(|told| told.contains("another --data"))
        );
    }
}
