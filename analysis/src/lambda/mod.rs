//! What the lines of a Lambda log stream mean: the invocations of one sandbox, and how each began and ended.
//!
//! A stream is one sandbox, so its order tells what no single line does: an init that is not reported
//! because the sandbox had crashed before, or a first line that is not the stream's first.

mod cold;
mod evidence;
mod lines;
mod outcome;
mod spans;

pub use spans::spans;
pub use spans::xray_trace;

use evidence::{Evidence, Walk};
use model::{Invocation, LogRecord, SpanId, TraceId, UnixNanos, lambda as word};

/// The invocations that the lines of **one** log stream tell of, in order of their start. Lines may come in
/// any order and more than once.
pub fn invocations(lines: &[LogRecord]) -> Vec<Invocation> {
    let lines = lines::ordered(lines);
    let mut walk = Walk::default();
    lines.iter().for_each(|line| walk.take(line));
    let place = Place::of(&lines);
    let mixed = place.log_stream.starts_with(word::FILE_STREAM) && walk.interleaved();
    let found = walk.found;
    let mut invocations: Vec<Invocation> = Vec::with_capacity(found.len());
    for (n, evidence) in found.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| &found[n]);
        let verdict = cold::judge(evidence, before, mixed);
        invocations.push(invocation(evidence, &place, verdict));
    }
    invocations
}

/// True when no line told a time: `start_time` then only gives the order.
pub fn time_is_unknown(invocation: &Invocation) -> bool {
    const ONE_DAY: i64 = 86_400_000_000_000;
    (0..ONE_DAY).contains(&invocation.start_time.0)
}

/// What all lines of the stream share.
#[derive(Default)]
struct Place<'a> {
    function: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
}

impl<'a> Place<'a> {
    fn of(lines: &[&'a LogRecord]) -> Place<'a> {
        let first = |get: fn(&LogRecord) -> &str| {
            lines
                .iter()
                .map(|line| get(line))
                .find(|text| !text.is_empty())
                .unwrap_or("")
        };
        Place {
            function: first(|line| &line.service_name),
            log_group: first(|line| &line.log_group),
            log_stream: first(|line| &line.log_stream),
        }
    }

    /// `2024/08/18/[7]60ce…`: the version stands in the name.
    fn version(&self) -> Option<&'a str> {
        let inside = self.log_stream.split_once('[')?.1.split_once(']')?.0;
        (!self.log_stream.starts_with(word::FILE_STREAM) && !inside.is_empty()).then_some(inside)
    }
}

fn invocation(evidence: &Evidence<'_>, place: &Place<'_>, cold: cold::Verdict) -> Invocation {
    let ordinal = evidence.ordinal.to_string();
    let identity = [
        "invocation",
        evidence.request_id,
        place.log_stream,
        &ordinal,
    ];
    let (start_time, end_time) = times(evidence, &cold);
    let outcome = outcome::of(evidence, &cold);
    let number = |name| evidence.number(name);
    let whole = |name| number(name).map(|number| number.round() as i64);
    Invocation {
        trace_id: TraceId::of_parts(&identity),
        span_id: SpanId::of_parts(&identity),
        request_id: evidence.request_id.to_owned(),
        function_name: place.function.to_owned(),
        function_version: evidence
            .text(word::FUNCTION_VERSION)
            .or(place.version())
            .map(str::to_owned),
        log_group: place.log_group.to_owned(),
        log_stream: place.log_stream.to_owned(),
        start_time,
        end_time,
        duration_ns: evidence.duration_ns(),
        billed_duration_ms: number(word::BILLED_DURATION_MS),
        memory_size_mb: whole(word::MEMORY_SIZE_MB),
        max_memory_used_mb: whole(word::MAX_MEMORY_USED_MB),
        init_duration_ms: cold.init_ms,
        restore_duration_ms: cold.restore_ms,
        billed_restore_duration_ms: number(word::BILLED_RESTORE_DURATION_MS),
        cold_start: cold.kind,
        cold_start_reason: cold.reason,
        status: outcome.status,
        error_type: outcome.error_type,
        error_message: outcome.error_message,
        runtime_version: evidence.runtime_version.map(str::to_owned),
        xray_trace_id: evidence.text(word::XRAY_TRACE_ID).map(str::to_owned),
        xray_segment_id: evidence.text(word::XRAY_SEGMENT_ID).map(str::to_owned),
        request_attempt: evidence.ordinal,
        log_lines: evidence.log_lines,
        log_bytes: Some(evidence.log_bytes),
    }
}

/// Start and end, as the lines tell; where their times are borrowed from neighbours, the reported duration
/// is better than their difference.
fn times(evidence: &Evidence<'_>, cold: &cold::Verdict) -> (UnixNanos, Option<UnixNanos>) {
    let duration = evidence.duration_ns();
    let end = evidence.end.or(evidence.reported).or(evidence.cut_off);
    let before = |end: UnixNanos| UnixNanos(end.0.saturating_sub(duration.unwrap_or(0)));
    let started = match (evidence.started, end) {
        // START is printed behind an init that is repeated inside the invocation.
        (Some(start), Some(end)) if cold.inside => start.min(before(end)),
        (Some(start), _) => start,
        (None, Some(end)) => before(end),
        (None, None) => evidence.first_seen,
    };
    match duration {
        Some(duration) if evidence.estimated && end.is_some() => {
            (started, Some(UnixNanos(started.0.saturating_add(duration))))
        }
        _ => (started, end.map(|end| end.max(started))),
    }
}

#[cfg(test)]
mod tests;
