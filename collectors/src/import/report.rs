//! What an import says about each file.

use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Skips listed per file; the rest is counted.
const MAX_SKIPS: usize = 100;

/// What was taken of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Taken {
    /// Events of workflow histories.
    pub events: u64,
    /// Descriptions and definitions.
    pub documents: u64,
    /// Log records.
    pub logs: u64,
    /// Deployments and other changes.
    pub changes: u64,
    /// Spans of Zipkin and X-Ray.
    pub spans: u64,
    /// OTLP export requests with spans.
    pub trace_requests: u64,
    /// OTLP export requests with log records.
    pub log_requests: u64,
}

impl Taken {
    /// True when nothing was.
    pub fn is_empty(&self) -> bool {
        *self == Taken::default()
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: Taken) {
        self.events += other.events;
        self.documents += other.documents;
        self.logs += other.logs;
        self.changes += other.changes;
        self.spans += other.spans;
        self.trace_requests += other.trace_requests;
        self.log_requests += other.log_requests;
    }
}

/// `1,203 events, 2 documents`.
impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.events, "event", "events"),
            (self.documents, "document", "documents"),
            (self.logs, "log record", "log records"),
            (self.changes, "change", "changes"),
            (self.spans, "span", "spans"),
            (
                self.trace_requests,
                "OTLP trace request",
                "OTLP trace requests",
            ),
            (self.log_requests, "OTLP log request", "OTLP log requests"),
        ];
        let words: Vec<String> = counts
            .iter()
            .filter(|(count, _, _)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        f.write_str(if words.is_empty() { "nothing" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

/// Something that was left out or repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skip {
    /// Where in the file: `line 12`, `line 1 .events[3]`; empty for the file as a whole.
    pub position: String,
    /// Why, and what to do.
    pub reason: String,
}

/// What was made of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// What it was recognised as, in words; empty if it was not.
    pub kind: String,
    /// What was taken.
    pub taken: Taken,
    /// What was left out, and why; the first hundred.
    pub skipped: Vec<Skip>,
    /// How much more was left out.
    pub more_skipped: u64,
    /// How much of what was left out was legible, and refused: too large, or not what the store takes.
    pub refused: u64,
}

impl FileReport {
    pub(super) fn new(path: &Path) -> Self {
        FileReport {
            path: path.to_owned(),
            ..FileReport::default()
        }
    }

    pub(super) fn skip(&mut self, position: impl Into<String>, reason: impl Into<String>) {
        if self.skipped.len() < MAX_SKIPS {
            self.skipped.push(Skip {
                position: position.into(),
                reason: reason.into(),
            });
        } else {
            self.more_skipped += 1;
        }
    }

    /// Something legible that is not kept all the same.
    pub(super) fn refuse(&mut self, position: impl Into<String>, reason: impl Into<String>) {
        // Never hidden among the skips.
        if self.skipped.len() >= MAX_SKIPS && self.refused == 0 {
            self.skipped.pop();
            self.more_skipped += 1;
        }
        self.skip(position, reason);
        self.refused += 1;
    }

    /// Adds a word for what the file holds.
    pub(super) fn is(&mut self, kind: &str) {
        if !self.kind.split(", ").any(|known| known == kind) {
            if !self.kind.is_empty() {
                self.kind.push_str(", ");
            }
            self.kind.push_str(kind);
        }
    }
}

/// What was made of everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// File by file, in the order in which they were read.
    pub files: Vec<FileReport>,
}

impl Report {
    /// The sum over all files.
    pub fn taken(&self) -> Taken {
        let mut sum = Taken::default();
        self.files.iter().for_each(|file| sum.add(file.taken));
        sum
    }

    /// How much was left out in all.
    pub fn skipped(&self) -> u64 {
        self.files
            .iter()
            .map(|file| file.skipped.len() as u64 + file.more_skipped)
            .sum()
    }

    /// How much was legible, and refused: an import that refuses something has failed in part.
    pub fn refused(&self) -> u64 {
        self.files.iter().map(|file| file.refused).sum()
    }

    pub(super) fn of(&mut self, path: &Path) -> &mut FileReport {
        let at = self.files.iter().rposition(|file| file.path == path);
        let at = at.unwrap_or_else(|| {
            self.files.push(FileReport::new(path));
            self.files.len() - 1
        });
        &mut self.files[at]
    }
}
