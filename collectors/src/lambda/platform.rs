//! Text lines of the platform.

use super::{Line, application::error_head, is_request_id, pairs};
use model::lambda as word;

/// How lines begin that only the platform prints.
pub(super) const HEADS: &[&str] = &[
    "START RequestId:",
    "END RequestId:",
    "REPORT RequestId:",
    "INIT_START ",
    "INIT_REPORT ",
    "RESTORE_START ",
    "RESTORE_REPORT ",
    "EXTENSION\t",
    "LOGS\t",
    "TELEMETRY\t",
    "XRAY TraceId:",
];

/// The line, if it is one of the platform's.
pub(super) fn read(message: &str) -> Option<Line> {
    let head = message.split([' ', '\t', ':']).next()?;
    match head {
        "START" => request(word::START, message, "START"),
        "END" => request(word::END, message, "END"),
        "REPORT" => request(word::REPORT, message, "REPORT"),
        "INIT_START" => Some(described(word::INIT_START, message)),
        "INIT_REPORT" => Some(described(word::INIT_REPORT, message)),
        "RESTORE_START" => Some(described(word::RESTORE_START, message)),
        "RESTORE_REPORT" => Some(described(word::RESTORE_REPORT, message)),
        "EXTENSION" if message.contains("State:") => Some(Line::platform(word::EXTENSION, message)),
        "LOGS" if message.contains("State:") => {
            Some(Line::platform("platform.logsSubscription", message))
        }
        "TELEMETRY" if message.contains("State:") => {
            Some(Line::platform("platform.telemetrySubscription", message))
        }
        "RequestId" => fault(message),
        "Unknown" if message.starts_with("Unknown application error occurred") => {
            let mut line = failure(word::FAULT, message);
            set_error_type(&mut line, message);
            Some(line)
        }
        _ => timeout(message),
    }
}

fn request(event_name: &str, message: &str, head: &str) -> Option<Line> {
    if !message[head.len()..].trim_start().starts_with("RequestId:") {
        return None;
    }
    Some(described(event_name, message)).filter(|line| line.request_id.is_some())
}

fn described(event_name: &str, message: &str) -> Line {
    let mut line = Line::platform(event_name, message);
    for (key, value) in pairs::read(message) {
        put(&mut line, key, value);
    }
    line
}

fn put(line: &mut Line, key: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    match key {
        "RequestId" => line.request_id = value.split_whitespace().next().map(str::to_owned),
        "Version" => line.set(word::FUNCTION_VERSION, value),
        "Runtime Version" => line.set(word::RUNTIME_VERSION, value),
        "Status" => line.set(word::STATUS, value),
        "Error Type" => line.set(word::ERROR_TYPE, value),
        "Phase" => line.set(word::PHASE, value),
        "XRAY TraceId" => line.set(word::XRAY_TRACE_ID, value),
        "SegmentId" => line.set(word::XRAY_SEGMENT_ID, value),
        _ => {
            if let (Some(name), Some(number)) = (measure(key), pairs::number(value)) {
                line.set(name, number);
            }
        }
    }
}

fn measure(key: &str) -> Option<&'static str> {
    Some(match key {
        "Duration" => word::DURATION_MS,
        "Billed Duration" => word::BILLED_DURATION_MS,
        "Memory Size" => word::MEMORY_SIZE_MB,
        "Max Memory Used" => word::MAX_MEMORY_USED_MB,
        "Init Duration" => word::INIT_DURATION_MS,
        "Restore Duration" => word::RESTORE_DURATION_MS,
        "Billed Restore Duration" => word::BILLED_RESTORE_DURATION_MS,
        _ => return None,
    })
}

fn failure(event_name: &str, message: &str) -> Line {
    Line {
        severity_text: "ERROR".to_owned(),
        ..Line::platform(event_name, message)
    }
}

/// `RequestId: <id> Error: Runtime exited with error: signal: killed⏎Runtime.ExitError`.
fn fault(message: &str) -> Option<Line> {
    let rest = message.strip_prefix("RequestId:")?.trim_start();
    let (id, said) = rest.split_once(char::is_whitespace)?;
    if !(said.starts_with("Error:") || said.starts_with("Process exited")) {
        return None;
    }
    let mut line = failure(word::FAULT, message);
    line.request_id = Some(id.to_owned());
    set_error_type(&mut line, message);
    if line.text(word::ERROR_TYPE).is_none() {
        line.set(word::ERROR_TYPE, "Runtime.ExitError");
    }
    let said = said.lines().next().unwrap_or(said);
    line.set(
        word::EXCEPTION_MESSAGE,
        said.trim_start_matches("Error:").trim(),
    );
    Some(line)
}

/// The error's name stands alone on the last line.
fn set_error_type(line: &mut Line, message: &str) {
    if let Some(last) = message.lines().skip(1).last()
        && let Some((name, "")) = error_head(last.trim())
    {
        line.set(word::ERROR_TYPE, name);
    }
}

/// `<time> <id> Task timed out after 3.00 seconds`; time or id may be missing.
fn timeout(message: &str) -> Option<Line> {
    let (before, after) = message.split_once("Task timed out after ")?;
    let seconds: f64 = after.split_whitespace().next()?.parse().ok()?;
    let mut words = before.split_whitespace().rev();
    let id = words.next().filter(|id| is_request_id(id));
    if words.count() > 1 || (id.is_none() && !before.trim().is_empty()) {
        return None;
    }
    let mut line = failure(word::TIMEOUT, message);
    line.time = before
        .split_whitespace()
        .next()
        .and_then(crate::timestamp::parse_iso);
    line.request_id = id.map(str::to_owned);
    line.set(word::STATUS, "timeout");
    line.set(
        word::EXCEPTION_MESSAGE,
        format!("Task timed out after {seconds:.2} seconds"),
    );
    Some(line)
}
