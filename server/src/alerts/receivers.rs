//! `receivers.toml`, read again when it changes.

use anyhow::{Context, Result};
use notify::Receivers;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// Longest file, bytes.
const LONGEST: u64 = 1 << 20;

/// The receivers in force, and the file they come from.
#[derive(Clone)]
pub struct Receiving {
    path: Arc<Path>,
    held: Arc<RwLock<Held>>,
}

#[derive(Default)]
struct Held {
    text: String,
    receivers: Arc<Receivers>,
    problem: Option<String>,
}

impl Receiving {
    /// Reads the file; without one there are no receivers.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold together.
    pub fn open(path: PathBuf) -> Result<Self> {
        let text = read(&path)?;
        let receivers = parse(&path, &text)?;
        Ok(Receiving {
            path: path.into(),
            held: Arc::new(RwLock::new(Held {
                text,
                receivers: Arc::new(receivers),
                problem: None,
            })),
        })
    }

    /// The receivers in force.
    pub fn current(&self) -> Arc<Receivers> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.receivers.clone()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why the present text of the file is not used.
    pub fn problem(&self) -> Option<String> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.problem.clone()
    }

    /// Looks whether the file has changed; says whether the receivers in force have. When it cannot be
    /// used, those that were read before stay in force.
    pub fn reload(&self) -> bool {
        let read = read(&self.path);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if read.as_ref().is_ok_and(|text| *text == held.text) {
            return false;
        }
        let parsed = read.and_then(|text| {
            let receivers = parse(&self.path, &text);
            held.text = text;
            receivers
        });
        match parsed {
            Ok(receivers) => {
                tracing::info!(receivers = receivers.list.len(), "read receivers again");
                held.receivers = Arc::new(receivers);
                held.problem = None;
                true
            }
            Err(error) => {
                let problem = format!("{error:#}");
                if held.problem.as_ref() != Some(&problem) {
                    tracing::error!(%problem, "receivers stay as they were");
                }
                held.problem = Some(problem);
                false
            }
        }
    }
}

fn read(path: &Path) -> Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error).with_context(cannot),
        Ok(about) if about.len() > LONGEST => anyhow::bail!("{} is too long", path.display()),
        Ok(_) => {}
    }
    std::fs::read_to_string(path).with_context(cannot)
}

fn parse(path: &Path, text: &str) -> Result<Receivers> {
    let folder = path.parent().unwrap_or(Path::new("."));
    Receivers::parse(text, folder).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_change_leaves_the_receivers_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("receivers.toml");
        let receiving = Receiving::open(path.clone()).expect("opens");
        assert!(receiving.current().list.is_empty());
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write("[[receiver]]\nname='a'\nformat='webhook'\nurl='https://x.example'\n");
        assert!(receiving.reload());
        assert_eq!(receiving.current().list.len(), 1);
        write("[[receiver]]\nname='a'\n");
        assert!(!receiving.reload());
        assert!(!receiving.reload());
        assert_eq!(receiving.current().list.len(), 1);
        assert!(receiving.problem().is_some());
        write("");
        assert!(receiving.reload());
        assert_eq!(receiving.problem(), None);
        assert!(receiving.current().list.is_empty());
        write("[[receiver]]\nname='a'\n");
        assert!(Receiving::open(path).is_err());
    }
}
