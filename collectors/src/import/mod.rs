//! Files of what people already have, made into facts.
//!
//! Each file is recognised by its content, never by its name alone, and read as a stream: memory is bounded
//! by the largest single JSON document, not by the file. What cannot be read is reported with its position
//! and reason; everything else is kept.

mod csv;
mod dispatch;
mod event_bridge;
mod file;
mod foreign;
mod form;
mod holes;
mod name;
mod otlp;
mod prefix;
mod repair;
mod report;
mod scan;
mod sink;
mod text;
mod unpack;
mod walk;

pub use report::{FileReport, Report, Skip, Taken};

use bytes::Bytes;
use file::Importer;
use model::Batch;
use std::path::{Path, PathBuf};

/// Something that is ready for the one door.
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk {
    /// Events, documents and log records.
    Batch(Batch),
    /// An OTLP trace export request as protobuf.
    OtlpTraces(Bytes),
    /// An OTLP trace export request as JSON.
    OtlpTracesJson(Bytes),
    /// An OTLP log export request as protobuf.
    OtlpLogs(Bytes),
    /// An OTLP log export request as JSON.
    OtlpLogsJson(Bytes),
}

/// What the receiver of a chunk has to say: `Err` ends the import, [`Refused::Skip`] and [`Refused::Part`] only report.
pub type Accepted = Result<(), Refused>;

/// Why a chunk was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// This chunk is bad: report it and go on.
    #[error("{0}")]
    Skip(String),
    /// Some of this chunk is bad, and the rest was taken: report it and go on.
    #[error("{0}")]
    Part(String),
    /// Nothing can be taken any more: stop.
    #[error("{0}")]
    Stop(String),
}

/// Why an import ended early. What was taken before stays taken; importing again is safe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The receiver takes no more.
    #[error("import stopped at {path}: {reason}")]
    Stopped {
        /// The file that was being read.
        path: PathBuf,
        /// What the receiver said.
        reason: String,
    },
}

/// How far an import is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The file being read; empty at the end.
    pub path: PathBuf,
    /// Files read.
    pub files_done: usize,
    /// Files in all.
    pub files_total: usize,
    /// Bytes read, as they lie on disk.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
    /// What was taken until now.
    pub taken: Taken,
}

/// Imports files and folders. Chunks go to `sink` as they are ready.
pub fn import(
    paths: &[PathBuf],
    sink: &mut dyn FnMut(Chunk) -> Accepted,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, Error> {
    let walk = walk::walk(paths);
    let mut importer = Importer::new(sink);
    for (path, skip) in walk.problems {
        importer.report.of(&path).skip(skip.position, skip.reason);
    }
    let mut state = Progress {
        files_total: walk.files.len(),
        bytes_total: walk.files.iter().map(|file| file.bytes).sum(),
        ..Progress::default()
    };
    for file in &walk.files {
        state.path.clone_from(&file.path);
        progress(&state);
        match std::fs::File::open(&file.path) {
            Ok(opened) => importer.file(&file.path, opened)?,
            Err(error) => importer
                .report
                .of(&file.path)
                .skip("", format!("cannot be opened: {error}")),
        }
        state.files_done += 1;
        state.bytes_done += file.bytes;
        state.taken = importer.report.taken();
    }
    let report = importer.finish()?;
    state.path = PathBuf::new();
    state.taken = report.taken();
    progress(&state);
    Ok(report)
}

/// Imports one file that is in memory already, such as an upload.
pub fn import_bytes(
    name: &Path,
    bytes: &[u8],
    sink: &mut dyn FnMut(Chunk) -> Accepted,
) -> Result<Report, Error> {
    import_files(&[(name.to_owned(), Bytes::copy_from_slice(bytes))], sink)
}

/// Imports several files that are in memory already: those of one folder describe each other.
pub fn import_files(
    files: &[(PathBuf, Bytes)],
    sink: &mut dyn FnMut(Chunk) -> Accepted,
) -> Result<Report, Error> {
    let mut importer = Importer::new(sink);
    for (name, bytes) in files {
        importer.file(name, &bytes[..])?;
    }
    importer.finish()
}

#[cfg(test)]
mod tests;
