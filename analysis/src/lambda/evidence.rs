//! What the lines say about each invocation, before anything is judged.

use super::lines::is_estimated;
use model::{LogOrigin, LogRecord, UnixNanos, Value, lambda as word};
use std::collections::HashMap;

/// Everything said about one invocation.
#[derive(Debug, Default)]
pub(super) struct Evidence<'a> {
    pub(super) request_id: &'a str,
    /// 1 for the first time this request id is in the stream.
    pub(super) ordinal: u32,
    /// Time of START.
    pub(super) started: Option<UnixNanos>,
    /// Time of END or runtimeDone.
    pub(super) end: Option<UnixNanos>,
    /// Time of REPORT.
    pub(super) reported: Option<UnixNanos>,
    /// Time of a timeout or exit line.
    pub(super) cut_off: Option<UnixNanos>,
    /// Time of the first line of any kind.
    pub(super) first_seen: UnixNanos,
    /// Times are borrowed.
    pub(super) estimated: bool,
    /// START, runtimeDone and REPORT, in the order of their weight.
    told: [Option<&'a LogRecord>; 3],
    pub(super) timeout: Option<&'a LogRecord>,
    pub(super) fault: Option<&'a LogRecord>,
    /// The exception that left the handler, else the last one printed.
    pub(super) exception: Option<&'a LogRecord>,
    /// A line in which the runtime says that memory ran out.
    pub(super) out_of_memory: Option<&'a LogRecord>,
    pub(super) init: Init<'a>,
    pub(super) runtime_version: Option<&'a str>,
    pub(super) log_lines: u32,
    /// What CloudWatch Logs charges for its lines, as far as they are held.
    pub(super) log_bytes: i64,
}

/// CloudWatch Logs counts so many bytes for each event besides its message (quotas of PutLogEvents).
const BYTES_PER_LINE: i64 = 26;

impl<'a> Evidence<'a> {
    /// An attribute of REPORT, else of runtimeDone, else of START.
    fn attribute(&self, name: &str) -> Option<&'a Value> {
        self.told
            .iter()
            .rev()
            .flatten()
            .find_map(|line| line.attributes.get(name))
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        text(self.attribute(name))
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        number(self.attribute(name))
    }

    pub(super) fn duration_ns(&self) -> Option<i64> {
        let millis = self
            .number(word::DURATION_MS)
            .filter(|millis| *millis >= 0.0)?;
        Some((millis * 1e6).round() as i64)
    }

    pub(super) fn has_report(&self) -> bool {
        self.told[2].is_some()
    }

    pub(super) fn is_open(&self) -> bool {
        self.end.is_none() && self.reported.is_none()
    }
}

/// What was seen of an init or restore before, or during, an invocation.
#[derive(Debug, Default)]
pub(super) struct Init<'a> {
    pub(super) start: Option<&'a LogRecord>,
    pub(super) reports: Vec<&'a LogRecord>,
    pub(super) restore_start: Option<&'a LogRecord>,
    pub(super) restore_report: Option<&'a LogRecord>,
    /// An exception printed while the code was loaded.
    pub(super) exception: Option<&'a LogRecord>,
}

impl<'a> Init<'a> {
    /// `on-demand`, `provisioned-concurrency`, `snap-start`; only JSON logs say it.
    pub(super) fn kind(&self) -> Option<&'a str> {
        self.start
            .iter()
            .chain(&self.reports)
            .find_map(|line| text(line.attributes.get(word::INITIALIZATION_TYPE)))
    }
}

/// Text of an attribute.
pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Number of an attribute, however it was stored.
pub(super) fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Double(number) => Some(*number).filter(|number| number.is_finite()),
        Value::Int(number) => Some(*number as f64),
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Goes through the lines of a stream in order.
#[derive(Debug, Default)]
pub(super) struct Walk<'a> {
    pub(super) found: Vec<Evidence<'a>>,
    /// The newest invocation of each request id, and how many there were.
    by_id: HashMap<&'a str, (usize, u32)>,
    pending: Init<'a>,
    pending_bytes: i64,
    runtime_version: Option<&'a str>,
}

impl<'a> Walk<'a> {
    pub(super) fn take(&mut self, line: &'a LogRecord) {
        self.read(line);
        self.pending_bytes += BYTES_PER_LINE.saturating_add(line.body.len() as i64);
        let known = self.by_id.get(line.request_id.as_str()).map(|(at, _)| *at);
        // What stands before a START is about the invocation that begins with it.
        let open = || self.found.iter().rposition(Evidence::is_open);
        if let Some(at) = known.or_else(open) {
            self.found[at].log_bytes += std::mem::take(&mut self.pending_bytes);
        }
    }

    fn read(&mut self, line: &'a LogRecord) {
        match line.event_name.as_str() {
            word::INIT_START => {
                self.runtime(line);
                self.pending.start = Some(line);
            }
            word::RESTORE_START => {
                self.runtime(line);
                self.pending.restore_start = Some(line);
            }
            word::RESTORE_REPORT => self.pending.restore_report = Some(line),
            word::INIT_REPORT => self.init_report(line),
            word::START => self.start(line),
            word::RUNTIME_DONE => {
                self.told(line, 1, |found| found.end = found.end.or(Some(line.time)))
            }
            word::END => self.told(line, 3, |found| found.end = Some(line.time)),
            word::REPORT => self.told(line, 2, |found| found.reported = Some(line.time)),
            word::TIMEOUT => self.about(line, |found| {
                found.timeout = Some(line);
                found.cut_off = Some(line.time);
            }),
            word::FAULT => self.about(line, |found| {
                found.fault = Some(line);
                found.cut_off = Some(line.time);
            }),
            _ if line.origin == LogOrigin::LambdaPlatform => {}
            _ => self.printed(line),
        }
    }

    fn runtime(&mut self, line: &'a LogRecord) {
        self.runtime_version =
            text(line.attributes.get(word::RUNTIME_VERSION)).or(self.runtime_version);
    }

    /// It has no request id: it is about the invocation around it, else about the next.
    fn init_report(&mut self, line: &'a LogRecord) {
        match self.found.last_mut() {
            Some(last) if last.is_open() && self.pending.start.is_none() => {
                last.init.reports.push(line)
            }
            _ => self.pending.reports.push(line),
        }
    }

    fn start(&mut self, line: &'a LogRecord) {
        // Lines that it printed may have come before its START.
        let early = self.by_id.get(line.request_id.as_str()).map(|(at, _)| *at);
        let early =
            early.filter(|at| self.found[*at].is_open() && self.found[*at].started.is_none());
        let at = early.unwrap_or_else(|| self.open(line));
        let found = &mut self.found[at];
        found.started = Some(line.time);
        found.told[0] = Some(line);
        found.init = std::mem::take(&mut self.pending);
        found.runtime_version = self.runtime_version;
    }

    /// A new invocation for the request id of the line.
    fn open(&mut self, line: &'a LogRecord) -> usize {
        let count = self
            .by_id
            .get(line.request_id.as_str())
            .map_or(0, |(_, count)| *count)
            + 1;
        let at = self.found.len();
        self.by_id.insert(&line.request_id, (at, count));
        self.found.push(Evidence {
            request_id: &line.request_id,
            ordinal: count,
            first_seen: line.time,
            estimated: is_estimated(line),
            ..Evidence::default()
        });
        at
    }

    /// END, REPORT and runtimeDone: of the newest invocation with that id that has none yet.
    fn told(&mut self, line: &'a LogRecord, weight: usize, set: impl FnOnce(&mut Evidence<'a>)) {
        if line.request_id.is_empty() {
            return;
        }
        let known = self.by_id.get(line.request_id.as_str()).map(|(at, _)| *at);
        let is_new = |at: &usize| weight != 2 || !self.found[*at].has_report();
        let at = match known.filter(is_new) {
            Some(at) => at,
            None => {
                let at = self.open(line);
                self.found[at].init = std::mem::take(&mut self.pending);
                self.found[at].runtime_version = self.runtime_version;
                at
            }
        };
        if let Some(slot) = self.found[at].told.get_mut(weight) {
            *slot = Some(line);
        }
        set(&mut self.found[at]);
    }

    /// A line about an invocation that is known, by its id or because it is the only one it can be about.
    fn about(&mut self, line: &'a LogRecord, set: impl FnOnce(&mut Evidence<'a>)) {
        let at = match self.by_id.get(line.request_id.as_str()) {
            Some((at, _)) => Some(*at),
            None if line.request_id.is_empty() => self.found.iter().rposition(Evidence::is_open),
            None => Some(self.open(line)),
        };
        if let Some(at) = at {
            set(&mut self.found[at]);
        }
    }

    fn printed(&mut self, line: &'a LogRecord) {
        let exception = line.attributes.contains_key(word::EXCEPTION_TYPE);
        let out_of_memory = says_out_of_memory(&line.body);
        if line.request_id.is_empty() && !self.found.last().is_some_and(Evidence::is_open) {
            if exception {
                self.pending.exception = Some(line);
            }
            return;
        }
        self.about(line, |found| {
            found.log_lines += 1;
            if out_of_memory {
                found.out_of_memory = Some(line);
            }
            if exception && !found.exception.is_some_and(escaped) {
                found.exception = Some(line);
            }
        });
    }

    /// True when invocations overlap: the lines are not of one sandbox.
    pub(super) fn interleaved(&self) -> bool {
        self.found.windows(2).any(|pair| {
            match (pair[0].end.or(pair[0].reported), pair[1].started) {
                (Some(end), Some(start)) => end > start,
                _ => false,
            }
        })
    }
}

/// True when the exception left the handler.
pub(super) fn escaped(line: &LogRecord) -> bool {
    line.attributes.get(word::EXCEPTION_ESCAPED) == Some(&Value::Bool(true))
}

/// What runtimes print when memory runs out.
fn says_out_of_memory(body: &str) -> bool {
    const FORMS: [&str; 7] = [
        "java.lang.OutOfMemoryError",
        "JavaScript heap out of memory",
        "MemoryError",
        "fatal error: runtime: out of memory",
        "failed to allocate memory (NoMemoryError)",
        "OutOfMemoryException",
        "Runtime.OutOfMemory",
    ];
    FORMS.iter().any(|form| body.contains(form))
}
