//! The files below the paths that were given, in a fixed order.

use super::Skip;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// Folders deeper than this are left out.
const MAX_DEPTH: usize = 64;

/// A file to read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// What was found, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) files: Vec<File>,
    pub(super) problems: Vec<(PathBuf, Skip)>,
    seen: HashSet<PathBuf>,
}

/// Finds the files. Links are followed, each folder and file once; names that begin with a dot are left out
/// unless they were given.
pub(super) fn walk(paths: &[PathBuf]) -> Walk {
    let mut walk = Walk::default();
    for path in paths {
        walk.visit(path, 0);
    }
    walk
}

impl Walk {
    fn visit(&mut self, path: &Path, depth: usize) {
        let problem = |reason: String| {
            (
                path.to_owned(),
                Skip {
                    position: String::new(),
                    reason,
                },
            )
        };
        let (real, meta) = match path
            .canonicalize()
            .and_then(|real| Ok((real, path.metadata()?)))
        {
            Ok(found) => found,
            Err(error) => {
                return self
                    .problems
                    .push(problem(format!("cannot be read: {error}")));
            }
        };
        if !self.seen.insert(real) {
            return;
        }
        if meta.is_dir() {
            if depth >= MAX_DEPTH {
                return self.problems.push(problem(format!(
                    "more than {MAX_DEPTH} folders deep: left out"
                )));
            }
            self.folder(path, depth);
        } else if meta.is_file() {
            self.files.push(File {
                path: path.to_owned(),
                bytes: meta.len(),
            });
        } else {
            self.problems
                .push(problem("neither a file nor a folder".to_owned()));
        }
    }

    fn folder(&mut self, path: &Path, depth: usize) {
        let entries = match path.read_dir() {
            Ok(entries) => entries,
            Err(error) => {
                let reason = format!("cannot be listed: {error}");
                return self.problems.push((
                    path.to_owned(),
                    Skip {
                        position: String::new(),
                        reason,
                    },
                ));
            }
        };
        let mut names: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        names.retain(|path| {
            !path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'))
        });
        names.sort();
        for name in names {
            self.visit(&name, depth + 1);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn order_is_fixed_and_loops_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("b")).unwrap();
        for name in ["z.json", "b/a.json", ".hidden"] {
            std::fs::write(at(name), "{}").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("b/loop")).unwrap();
        std::os::unix::fs::symlink(at("missing"), at("dangling")).unwrap();
        let found = walk(&[folder.path().to_owned(), at("z.json")]);
        let names: Vec<_> = found.files.iter().map(|file| file.path.clone()).collect();
        assert_eq!(names, [at("b/a.json"), at("z.json")]);
        assert_eq!(found.problems.len(), 1);
    }
}
