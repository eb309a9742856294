//! When two deliveries are the same line.

use model::{TraceId, UnixNanos};
use std::collections::HashMap;

/// More different lines than this in one stream at one time are not told apart by number any more.
const MAX_OCCURRENCES: usize = 1 << 20;

/// The identity of a line: CloudWatch's event id, or time, text and "the n-th such line" without one.
/// So the same export imported twice gives the same ids, and two equal lines of one moment stay two.
#[derive(Debug, Default)]
pub(super) struct Identity {
    time: Option<UnixNanos>,
    seen: HashMap<TraceId, u32>,
}

impl Identity {
    pub(super) fn of(
        &mut self,
        stream: &str,
        event_id: Option<&str>,
        time: Option<UnixNanos>,
        message: &str,
    ) -> TraceId {
        let time_text = time.map(|time| time.0.to_string()).unwrap_or_default();
        if let Some(event_id) = event_id {
            return TraceId::of_parts(&["cw", stream, event_id, &time_text]);
        }
        // Exports are in time order, so equal lines of one moment are neighbours.
        if time != self.time || self.seen.len() >= MAX_OCCURRENCES {
            self.time = time;
            self.seen.clear();
        }
        let line = TraceId::of_parts(&["line", stream, &time_text, message]);
        let nth = self.seen.entry(line).or_insert(0);
        *nth += 1;
        match *nth {
            1 => line,
            nth => TraceId::of_parts(&["line", stream, &time_text, message, &nth.to_string()]),
        }
    }
}
