//! Puts the lines of a stream in the order in which they happened.

use model::{LogOrigin, LogRecord, Value, lambda as word};
use std::collections::HashSet;

/// The lines in order, each once.
///
/// CloudWatch's times are milliseconds, and what the platform prints within one is not delivered in order:
/// inside a millisecond an init goes before a START and an END after everything else. Lines whose time was
/// borrowed have only their order, which is kept.
pub(super) fn ordered(lines: &[LogRecord]) -> Vec<&LogRecord> {
    let exact = !lines.iter().any(is_estimated);
    let mut seen = HashSet::new();
    let mut ids = HashSet::new();
    let mut ordered: Vec<&LogRecord> = Vec::with_capacity(lines.len());
    for line in lines {
        if ids.insert(line.log_id) {
            ordered.push(line);
        }
    }
    if exact {
        ordered.sort_by_key(|line| {
            (
                line.time.0.div_euclid(1_000_000),
                rank(line),
                line.time,
                line.log_id,
            )
        });
    } else {
        ordered.sort_by_key(|line| (line.time, line.log_id));
    }
    // The same platform line from two kinds of export has two ids.
    ordered.retain(|line| {
        line.origin != LogOrigin::LambdaPlatform
            || !exact
            || seen.insert((
                line.time.0.div_euclid(1_000_000),
                &line.event_name,
                &line.request_id,
                line.body.trim(),
            ))
    });
    ordered
}

/// True when the time of a line is not its own.
pub(super) fn is_estimated(line: &LogRecord) -> bool {
    let flag = |name| line.attributes.get(name) == Some(&Value::Bool(true));
    flag(word::TIME_ESTIMATED) || flag(word::TIME_UNKNOWN)
}

fn rank(line: &LogRecord) -> u8 {
    match line.event_name.as_str() {
        word::INIT_START | word::RESTORE_START => 0,
        word::INIT_REPORT | word::INIT_RUNTIME_DONE | word::RESTORE_REPORT => 1,
        word::START => 2,
        word::RUNTIME_DONE => 4,
        word::END => 5,
        word::REPORT => 6,
        _ => 3,
    }
}
