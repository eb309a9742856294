//! The files of the checkout.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .to_owned()
}

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 6] = [
    "target",
    "node_modules",
    ".git",
    "dist",
    "vendor",
    "fixtures",
];

/// All files of ours with this extension, as paths from the root, in order.
pub fn files(extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !FOREIGN.contains(&&*name) {
                folders.push(path);
            } else if path.extension().is_some_and(|held| held == extension) {
                found.push(path.strip_prefix(root()).unwrap_or(&path).to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file of ours.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
