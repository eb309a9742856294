//! What is remembered of a log stream while its lines pass by.

use super::identity::Identity;
use model::{LogRecord, UnixNanos, Value, lambda as word};

/// Invocations open at once in a file that mixes sandboxes; more are forgotten, oldest first.
const MAX_OPEN: usize = 1_000;
/// Lines held back because no time is known yet.
const MAX_UNTIMED: usize = 50_000;

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) lambda: bool,
    pub(super) function: Option<String>,
    pub(super) identity: Identity,
    open: Vec<(String, Option<UnixNanos>)>,
    clock: Clock,
    untimed: Vec<LogRecord>,
}

impl Stream {
    /// The invocation in which a line without a request id was printed, if only one was open.
    pub(super) fn current_request(&self, time: Option<UnixNanos>) -> Option<&str> {
        match &self.open[..] {
            // An export in another order than time's must not give a line to what began after it.
            [(id, start)] if time.is_none() || start.is_none_or(|start| Some(start) <= time) => {
                Some(id)
            }
            _ => None,
        }
    }

    /// A START: in a real stream, one sandbox, nothing else can be open any more.
    pub(super) fn opened(&mut self, id: &str, time: Option<UnixNanos>, one_sandbox: bool) {
        if one_sandbox {
            self.open.clear();
        }
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push((id.to_owned(), time));
    }

    pub(super) fn closed(&mut self, id: &str) {
        self.open.retain(|(open, _)| open != id);
    }

    /// Gives the record its time, and lets go those that waited for one.
    pub(super) fn place(&mut self, mut record: LogRecord, told: Told) -> Vec<LogRecord> {
        let (time, exact) = match told {
            Told::Time(time) => (Some(time), true),
            Told::Hint(time) => (self.clock.last.or(Some(time)), false),
            Told::Nothing => (self.clock.last, false),
        };
        let Some(time) = time else {
            self.untimed.push(record);
            return if self.untimed.len() >= MAX_UNTIMED {
                self.finish()
            } else {
                Vec::new()
            };
        };
        let mut ready = std::mem::take(&mut self.untimed);
        let count = ready.len() as i64;
        for (n, waiting) in ready.iter_mut().enumerate() {
            waiting.time = UnixNanos(time.0.saturating_sub(count - n as i64));
            waiting
                .attributes
                .insert(word::TIME_ESTIMATED.to_owned(), Value::Bool(true));
        }
        record.time = self.clock.tick(time);
        if !exact {
            record
                .attributes
                .insert(word::TIME_ESTIMATED.to_owned(), Value::Bool(true));
        }
        ready.push(record);
        ready
    }

    /// The lines that still wait: no line told a time, so theirs is only their order.
    pub(super) fn finish(&mut self) -> Vec<LogRecord> {
        let mut ready = std::mem::take(&mut self.untimed);
        for record in &mut ready {
            let date = record.log_stream.get(..10).and_then(date);
            record.time = self.clock.tick(date.unwrap_or_default());
            let flag = if date.is_some() {
                word::TIME_ESTIMATED
            } else {
                word::TIME_UNKNOWN
            };
            record.attributes.insert(flag.to_owned(), Value::Bool(true));
        }
        self.clock.last = None;
        ready
    }
}

/// What a line tells about its time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// Its time.
    Time(UnixNanos),
    /// About when it was: an X-Ray id begins with the second in which the request began.
    Hint(UnixNanos),
    /// Nothing.
    Nothing,
}

/// Lines of one millisecond keep their order in the nanoseconds, which CloudWatch does not have.
#[derive(Debug, Default)]
struct Clock {
    last: Option<UnixNanos>,
    ties: i64,
}

impl Clock {
    fn tick(&mut self, time: UnixNanos) -> UnixNanos {
        if self.last == Some(time) {
            self.ties = (self.ties + 1).min(999_999);
        } else {
            self.last = Some(time);
            self.ties = 0;
        }
        UnixNanos(time.0.saturating_add(self.ties))
    }
}

/// The day that names of Lambda's streams begin with: `2024/08/18`.
fn date(text: &str) -> Option<UnixNanos> {
    crate::timestamp::parse_iso(&format!("{}T00:00:00Z", text.replace('/', "-")))
}
