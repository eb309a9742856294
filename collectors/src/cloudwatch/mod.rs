//! Lines of CloudWatch Logs, from whatever export: each becomes a log record or, when Step Functions
//! wrote it, a history event.

mod identity;
mod recorder;
mod stream;

pub(crate) use recorder::is_lambda;
pub use recorder::{Recorded, Recorder};

use model::UnixNanos;

/// One log event as an export gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// Log group, empty if the export does not tell.
    pub group: String,
    /// Log stream, empty if the export does not tell.
    pub stream: String,
    /// CloudWatch's id of the event.
    pub event_id: Option<String>,
    /// When; `None` if neither the export nor the line tells.
    pub time: Option<UnixNanos>,
    /// The line.
    pub message: String,
}

/// What the place of a file says about the lines in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// The file in a few words, the same wherever the folder lies: part of the identity of lines that
    /// carry none of their own.
    pub file: String,
    /// Function that its name or folder names: the last resort.
    pub function: Option<String>,
    /// Log stream that the folder names, as in CloudWatch's exports to S3.
    pub stream: Option<String>,
    /// The file is known to be a Lambda log, because lines of the platform are in it.
    pub lambda: bool,
}
