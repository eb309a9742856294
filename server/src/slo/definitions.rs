//! Definitions as files: `<data>/slo/` and those that the configuration names.

use anyhow::{Context, Result, bail};
use slo::{Finding, Level, Slo, node, read};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// Largest folder, files.
const MOST_FILES: usize = 10_000;
/// Largest file, bytes.
const MOST_BYTES: u64 = 4 << 20;

/// What files look like from outside: when this changes they are read again.
pub type Fingerprint = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// The definitions that hold.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// The objectives.
    pub slos: Vec<Arc<Slo>>,
    /// What their authors should know.
    pub findings: Vec<Finding>,
    /// Other objects that were read.
    pub others: Vec<String>,
    /// Of which files.
    pub fingerprint: Fingerprint,
}

impl Definitions {
    /// Leaves the objectives of these names and what they are made of.
    pub fn retain(&mut self, names: &BTreeSet<String>) {
        let all = self.slos.clone();
        let wanted = names.iter().map(String::as_str);
        let needed = slo::parts::with_parts(wanted, all.iter().map(Arc::as_ref));
        self.slos.retain(|slo| needed.contains(slo.name.as_str()));
    }

    /// Files in which something is wrong.
    pub fn broken(&self) -> BTreeSet<&str> {
        let errors = self.findings.iter().filter(|it| it.level == Level::Error);
        errors.map(|it| it.file.as_str()).collect()
    }
}

/// Where definitions are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder in the data folder, which the pages may write to.
    pub folder: PathBuf,
    /// Files and folders besides.
    pub more: Vec<PathBuf>,
}

impl Places {
    /// The files as they are now.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut found = Fingerprint::new();
        list(&self.folder, &mut found, 0);
        for path in &self.more {
            list(path, &mut found, 0);
        }
        found
    }

    /// Reads everything.
    pub fn load(&self) -> Definitions {
        let fingerprint = self.fingerprint();
        let paths: Vec<PathBuf> = fingerprint.keys().cloned().collect();
        let mut definitions = read_files(&paths);
        for path in self.more.iter().filter(|path| !path.exists()) {
            definitions
                .findings
                .push(unreadable(path, "there is no such file"));
        }
        definitions.fingerprint = fingerprint;
        definitions
    }

    /// Writes a definition to a file of the folder, named after its first objective. What the file held
    /// before is replaced.
    ///
    /// # Errors
    /// When it is no definition, or another file defines one of its objectives, or the disk refuses.
    pub fn save(
        &self,
        name: &str,
        text: &str,
        held: &Definitions,
    ) -> Result<(PathBuf, read::Loaded)> {
        check_name(name)?;
        let path = self.path_of(name, held)?;
        let alone = read::read(&[(path.display().to_string(), text.to_owned())]);
        for slo in &alone.slos {
            let elsewhere = held.slos.iter().find(|it| it.name == slo.name);
            if let Some(other) = elsewhere.filter(|it| Path::new(&it.source.file) != path) {
                bail!("{} is defined in {} already", slo.name, other.source.file);
            }
        }
        let mut loaded = self.read_beside(&path, text);
        let file = path.display().to_string();
        loaded.findings.retain(|it| it.file == file);
        loaded.slos.retain(|it| it.source.file == file);
        let wrong = || loaded.findings.iter().filter(|it| it.level == Level::Error);
        if wrong().next().is_some() {
            bail!("{}", errors(wrong()));
        }
        if !loaded.slos.iter().any(|slo| slo.name == name) {
            let names: Vec<&str> = loaded.slos.iter().map(|slo| slo.name.as_str()).collect();
            bail!(
                "the definition is of {}, not of {name}",
                if names.is_empty() {
                    "nothing".to_owned()
                } else {
                    names.join(", ")
                }
            );
        }
        self.write(&path, text)?;
        Ok((path, loaded))
    }

    /// Where a definition of this name is written, or would be.
    ///
    /// # Errors
    /// When it is written outside of the data folder.
    fn path_of(&self, name: &str, held: &Definitions) -> Result<PathBuf> {
        Ok(match held.slos.iter().find(|slo| slo.name == name) {
            Some(slo) if Path::new(&slo.source.file).starts_with(&self.folder) => {
                PathBuf::from(&slo.source.file)
            }
            Some(slo) => bail!(
                "{name} is defined in {}, which is not in the data folder: change it there",
                slo.source.file
            ),
            None => self.folder.join(format!("{name}.yaml")),
        })
    }

    /// A text as it would be read as the file at `path`, beside the other files: what it refers to may be there.
    pub fn read_beside(&self, path: &Path, text: &str) -> read::Loaded {
        let mut texts: Vec<(String, String)> = self
            .fingerprint()
            .into_keys()
            .filter(|other| other != path)
            .filter_map(|other| {
                text_at(&other)
                    .ok()
                    .map(|text| (other.display().to_string(), text))
            })
            .collect();
        texts.push((path.display().to_string(), text.to_owned()));
        read::read(&texts)
    }

    fn write(&self, path: &Path, text: &str) -> Result<()> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    /// Removes the file that defines an objective.
    ///
    /// # Errors
    /// When it is not in the data folder, or holds other objectives, too.
    pub fn remove(&self, name: &str, held: &Definitions) -> Result<bool> {
        let Some(slo) = held.slos.iter().find(|slo| slo.name == name) else {
            return Ok(false);
        };
        let path = PathBuf::from(&slo.source.file);
        if !path.starts_with(&self.folder) {
            bail!(
                "{name} is defined in {}, which is not in the data folder: remove it there",
                slo.source.file
            );
        }
        if held
            .slos
            .iter()
            .filter(|it| it.source.file == slo.source.file)
            .count()
            > 1
        {
            bail!(
                "{} defines other objectives, too: take {name} out of it",
                slo.source.file
            );
        }
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        Ok(true)
    }
}

/// Findings, a line each, in the order of their places.
pub fn errors<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    const MOST: usize = 20;
    let mut all: Vec<&Finding> = findings.collect();
    all.sort_by_key(|it| it.line);
    let rest = all.len().saturating_sub(MOST);
    let mut lines: Vec<String> = all
        .iter()
        .take(MOST)
        .map(|it| format!("line {}: {}", it.line, it.text))
        .collect();
    if rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    lines.join("\n")
}

/// A name that can be the name of a file, and nothing else.
fn check_name(name: &str) -> Result<()> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(plain) {
        bail!("{name:?} cannot be the name of a file: use letters, digits, - and _");
    }
    Ok(())
}

fn list(path: &Path, found: &mut Fingerprint, depth: usize) {
    let Ok(about) = std::fs::metadata(path) else {
        return;
    };
    if about.is_file() {
        found.insert(path.to_owned(), (about.len(), about.modified().ok()));
        return;
    }
    if depth > 4 {
        return;
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let kind = path
            .extension()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let wanted = path.is_dir() || matches!(kind, "yaml" | "yml" | "json");
        if wanted && !hidden && found.len() < MOST_FILES {
            list(&path, found, depth + 1);
        }
    }
}

fn unreadable(path: &Path, text: &str) -> Finding {
    Finding {
        level: Level::Error,
        rule: "unreadable",
        file: path.display().to_string(),
        line: 1,
        slo: None,
        text: text.to_owned(),
    }
}

/// Reads files, and folders of files.
pub fn read_paths(paths: &[PathBuf]) -> Definitions {
    let mut found = Fingerprint::new();
    for path in paths {
        list(path, &mut found, 0);
    }
    let mut definitions = read_files(&found.into_keys().collect::<Vec<_>>());
    for path in paths.iter().filter(|path| !path.exists()) {
        definitions
            .findings
            .push(unreadable(path, "there is no such file"));
    }
    definitions
}

fn read_files(paths: &[PathBuf]) -> Definitions {
    let mut texts = Vec::new();
    let mut findings = Vec::new();
    for path in paths {
        match text_at(path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(problem) => findings.push(unreadable(path, &problem)),
        }
    }
    let loaded = read::read(&texts);
    findings.extend(loaded.findings);
    Definitions {
        slos: loaded.slos.into_iter().map(Arc::new).collect(),
        findings,
        others: loaded.others,
        fingerprint: Fingerprint::new(),
    }
}

/// The text of a file, or why it cannot be used.
fn text_at(path: &Path) -> std::result::Result<String, String> {
    if std::fs::metadata(path).is_ok_and(|it| it.len() > MOST_BYTES) {
        return Err("the file is larger than 4 MB".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())
}

/// The text that defines an objective: the document, or its file if it holds several.
pub fn text_of(slo: &Slo) -> Result<String> {
    let text = std::fs::read_to_string(&slo.source.file)
        .with_context(|| format!("cannot read {}", slo.source.file))?;
    node::parse(&text).map_err(anyhow::Error::from)?;
    Ok(text)
}
