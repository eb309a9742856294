//! A Lambda function as it is written and deployed.

use super::{Language, Window};
use serde_json::Value;

/// Something that a function calls while it works.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Service name.
    pub service: String,
    /// The client gives up after so long.
    pub timeout_ms: f64,
    /// How often the client tries again.
    pub retries: u32,
    /// True when a failure of the call is logged and ignored.
    pub optional: bool,
}

/// A field that a handler cannot do without.
#[derive(Debug, Clone)]
pub struct Need {
    /// Path below the payload, `a.b`.
    pub field: String,
    /// True when it has to be a number.
    pub number: bool,
}

/// A published version: code and configuration.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its number.
    pub number: u32,
    /// In force since, milliseconds since the epoch.
    pub since: i64,
    /// Share of the calls that it takes; the one before takes the others.
    pub share: f64,
    /// Configured memory.
    pub memory_mb: f64,
    /// Configured time limit.
    pub timeout_ms: f64,
    /// Median of an init.
    pub init_ms: f64,
    /// Median of the handler's own work.
    pub work_ms: f64,
    /// Work for each element of the first list in the payload.
    pub work_ms_per_item: f64,
    /// Memory needed for an empty payload.
    pub base_mb: f64,
    /// Memory for each kilobyte of payload.
    pub mb_per_kb: f64,
    /// Memory that each invocation leaves behind in its sandbox.
    pub leak_mb: f64,
    /// What stops the runtime from starting: (error type, message).
    pub broken_init: Option<(String, String)>,
    /// A mistake in the handler: since when it ends in which error.
    pub bug: Option<(i64, String, String)>,
    /// A share of calls that fail for no reason that can be seen, and are well when tried again.
    pub flaky: f64,
    /// Fields of the answer.
    pub answer: Vec<(String, Answer)>,
}

/// How a field of an answer comes about.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Always this.
    Fixed(Value),
    /// A whole number in a range, by the execution.
    Number(i64, i64),
    /// An id.
    Id(&'static str),
    /// The field of the payload at this path.
    Copy(String),
    /// The list in the payload at this path, each element with a mark.
    Each(String),
    /// A text of so many bytes.
    Bulk(usize),
    /// Always missing, although it is written.
    Missing,
}

/// A function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Name.
    pub name: String,
    /// Language of its code.
    pub language: Language,
    /// True for Lambda's JSON log format.
    pub json_logs: bool,
    /// True when it exports spans.
    pub traced: bool,
    /// Versions, oldest first.
    pub versions: Vec<Version>,
    /// What it calls, in order.
    pub calls: Vec<Dependency>,
    /// What it cannot do without.
    pub needs: Vec<Need>,
    /// What it says while it works: (share of its own work, level, text).
    pub lines: Vec<(f64, &'static str, String)>,
    /// What it says besides in some windows.
    pub noise: Vec<(Window, &'static str, String)>,
    /// Concurrency that is reserved for it, if any.
    pub reserved: Option<u32>,
    /// Others use up the concurrency in these windows: (window, share of calls that find none left).
    pub starved: Vec<(Window, f64)>,
    /// Windows in which all its idle sandboxes are gone, and each call finds none.
    pub recycled: Vec<Window>,
}

impl Function {
    /// The version that a call gets: `throw` is in `0.0..1.0`, and the same for all calls of one caller.
    pub fn version(&self, at: i64, throw: f64) -> &Version {
        let mut held = &self.versions[0];
        for version in &self.versions {
            if version.since <= at && throw < version.share {
                held = version;
            }
        }
        held
    }

    /// The newest version at a moment.
    pub fn newest(&self, at: i64) -> &Version {
        self.version(at, 0.0)
    }

    /// Publishes a version that differs from the newest.
    pub fn publish(&mut self, since: i64, edit: impl FnOnce(&mut Version)) -> u32 {
        let mut version = self.newest(i64::MAX).clone();
        version.number += 1;
        version.since = since;
        version.share = 1.0;
        edit(&mut version);
        let number = version.number;
        self.versions.push(version);
        number
    }
}

impl Version {
    /// The first version of an ordinary function.
    pub fn first(number: u32, since: i64, work_ms: f64) -> Self {
        Version {
            number,
            since,
            share: 1.0,
            memory_mb: 512.0,
            timeout_ms: 15_000.0,
            init_ms: 420.0,
            work_ms,
            work_ms_per_item: 0.0,
            base_mb: 96.0,
            mb_per_kb: 0.4,
            leak_mb: 0.0,
            broken_init: None,
            bug: None,
            flaky: 0.0,
            answer: Vec::new(),
        }
    }
}
