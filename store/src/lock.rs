//! One process writes a folder at a time.

use crate::{Error, error::log_error};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

const NAME: &str = "lock";

/// The lock of a folder; it goes with the process, however that ends.
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock; the error names who has it.
    pub(crate) fn take(dir: &Path) -> Result<Lock, Error> {
        fs::create_dir_all(dir).map_err(log_error("create", dir))?;
        let path = dir.join(NAME);
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(log_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = fs::read_to_string(&path).unwrap_or_default();
                return Err(Error::Locked {
                    path: dir.to_owned(),
                    holder: describe(&text),
                });
            }
            Err(TryLockError::Error(error)) => return Err(log_error("lock", &path)(error)),
        }
        let lock = Lock { file, path };
        lock.announce("")?;
        Ok(lock)
    }

    /// Writes who holds it: the process, and an address at which to ask it.
    pub(crate) fn announce(&self, address: &str) -> Result<(), Error> {
        let text = format!("{}\n{address}\n", std::process::id());
        fs::write(&self.path, text).map_err(log_error("write", &self.path))
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a child process that is being started holds the same file for a moment.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Who holds a folder, as it says itself: its process id, and its address if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub process: u32,
    /// What it announced with [`Store::announce`](crate::Store::announce), such as
    /// `http://127.0.0.1:4319`.
    pub address: Option<String>,
}

/// The process that has the folder of this log open for writing, if any.
pub fn holder(wal_dir: &Path) -> Option<Holder> {
    let path = wal_dir.join(NAME);
    let file = fs::OpenOptions::new().read(true).open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => parse(&fs::read_to_string(&path).ok()?),
        _ => None,
    }
}

fn parse(text: &str) -> Option<Holder> {
    let mut lines = text.lines();
    Some(Holder {
        process: lines.next()?.trim().parse().ok()?,
        address: lines
            .next()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned),
    })
}

fn describe(text: &str) -> String {
    match parse(text) {
        None => "another process".to_owned(),
        Some(Holder {
            process,
            address: None,
        }) => format!("process {process}"),
        Some(Holder {
            process,
            address: Some(address),
        }) => format!("process {process} at {address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_although_a_child_still_holds_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let lock = Lock::take(dir.path()).expect("free");
        assert!(Lock::take(dir.path()).is_err(), "held");
        // What a process gets that is forked and has not yet become its own program.
        let inherited = lock.file.try_clone().expect("a second handle");
        drop(lock);
        assert!(Lock::take(dir.path()).is_ok(), "free again");
        drop(inherited);
    }
}
