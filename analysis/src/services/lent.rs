//! Words for failures that have none: what their service wrote in the same trace.
//!
//! Tracers of the OpenTracing time mark a span with `error` and say no more; the reason stands in the log only.

use super::Period;
use model::TraceId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// OTLP severity from which a line speaks of a failure.
const ERROR: u8 = 17;
/// Characters of a line that are lent.
const MOST: usize = 300;

/// Lends failed spans that say nothing the first error that their service wrote in their trace.
pub fn lend(period: &mut Period) {
    let mute = |it: &&super::Hop| it.failed && it.message.is_empty();
    let traces: HashSet<TraceId> = period
        .spans
        .iter()
        .filter(mute)
        .map(|it| it.trace_id)
        .collect();
    if traces.is_empty() {
        return;
    }
    let mut said: HashMap<(TraceId, &str), &super::Line> = HashMap::new();
    for line in &period.lines {
        if line.severity >= ERROR && !line.trace_id.is_zero() && traces.contains(&line.trace_id) {
            let first = said.entry((line.trace_id, &line.service)).or_insert(line);
            if line.time < first.time {
                *first = line;
            }
        }
    }
    for span in &mut period.spans {
        if span.failed
            && span.message.is_empty()
            && let Some(line) = said.get(&(span.trace_id, &*span.service))
        {
            let words: String = line.body.trim().chars().take(MOST).collect();
            span.message = Arc::from(words);
            span.lent = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{Hop, Line};

    #[test]
    fn a_failure_without_words_has_those_of_its_log() {
        let hop = |service: &str, failed: bool, message: &str| Hop {
            trace_id: TraceId([1; 16]),
            service: service.into(),
            failed,
            message: message.into(),
            ..Hop::default()
        };
        let line = |service: &str, severity: u8, at: i64, body: &str| Line {
            trace_id: TraceId([1; 16]),
            service: service.into(),
            severity,
            time: model::UnixNanos(at),
            body: body.into(),
            ..Line::default()
        };
        let mut period = Period {
            spans: vec![
                hop("feed", true, ""),
                hop("feed", true, "own words"),
                hop("feed", false, ""),
                hop("post", true, ""),
            ],
            lines: vec![
                line("feed", 17, 2, "second"),
                line("feed", 17, 1, "timed out reading from post"),
                line("feed", 9, 0, "hello"),
                line("other", 17, 0, "no"),
            ],
        };
        lend(&mut period);
        let said: Vec<&str> = period.spans.iter().map(|it| &*it.message).collect();
        assert_eq!(said, ["timed out reading from post", "own words", "", ""]);
    }
}
