//! How an invocation ended.

use super::{
    cold::Verdict,
    evidence::{Evidence, escaped, text},
};
use model::{ColdStart, InvocationStatus, LogRecord, lambda as word};

/// Status and error.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) status: InvocationStatus,
    pub(super) error_type: Option<String>,
    pub(super) error_message: Option<String>,
}

/// What Lambda calls a function that ran out of memory.
const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";
/// Error types that say nothing; anything else that is known says more.
const VAGUE: [&str; 6] = [
    "Runtime.Unknown",
    "Function.Unknown",
    "Function.Unhandled",
    "Unhandled",
    "Runtime.ExitError",
    "Runtime.UnknownReason",
];

pub(super) fn of(found: &Evidence<'_>, cold: &Verdict) -> Outcome {
    let status = status(found);
    match status {
        InvocationStatus::Success => Outcome {
            status,
            ..Outcome::default()
        },
        InvocationStatus::Timeout => Outcome {
            status,
            error_type: found.text(word::ERROR_TYPE).map(str::to_owned),
            error_message: found
                .timeout
                .and_then(message)
                .map(str::to_owned)
                .or_else(|| {
                    found
                        .number(word::DURATION_MS)
                        .map(|ms| format!("Task timed out after {:.2} seconds", ms / 1e3))
                }),
        },
        InvocationStatus::Error => error(found, cold),
        InvocationStatus::Unknown if found.out_of_memory.is_some() => Outcome {
            status,
            ..error(found, cold)
        },
        InvocationStatus::Unknown => Outcome {
            status,
            error_type: None,
            error_message: Some(
                "neither END nor REPORT was seen: killed, still running, or not exported"
                    .to_owned(),
            ),
        },
    }
}

fn status(found: &Evidence<'_>) -> InvocationStatus {
    let said = found.text(word::STATUS);
    match said {
        _ if found.timeout.is_some() || said == Some("timeout") => InvocationStatus::Timeout,
        None if repeated_init(found, &["timeout"]) => InvocationStatus::Timeout,
        Some("error" | "failure") => InvocationStatus::Error,
        _ if found.fault.is_some() => InvocationStatus::Error,
        Some("success") => InvocationStatus::Success,
        _ if found.exception.is_some_and(escaped) => InvocationStatus::Error,
        _ if repeated_init(found, &["error", "failure"]) => InvocationStatus::Error,
        _ if found.is_open() => InvocationStatus::Unknown,
        _ => InvocationStatus::Success,
    }
}

/// The init inside the invocation ended so: the handler was never called.
fn repeated_init(found: &Evidence<'_>, statuses: &[&str]) -> bool {
    found.init.reports.iter().any(|line| {
        let status = text(line.attributes.get(word::STATUS));
        text(line.attributes.get(word::PHASE)) == Some("invoke")
            && status.is_some_and(|s| statuses.contains(&s))
    })
}

fn error(found: &Evidence<'_>, cold: &Verdict) -> Outcome {
    let platform = found
        .text(word::ERROR_TYPE)
        .or_else(|| text(found.fault?.attributes.get(word::ERROR_TYPE)));
    let of_init = found
        .init
        .exception
        .filter(|_| cold.kind == ColdStart::FailedInit);
    let exception = found
        .exception
        .filter(|line| escaped(line))
        .or(of_init)
        .or(found.exception);
    let thrown = exception.and_then(|line| text(line.attributes.get(word::EXCEPTION_TYPE)));
    let vague = platform.is_none_or(|name| VAGUE.contains(&name));
    let error_type = match (platform, thrown) {
        _ if vague && ran_out_of_memory(found) => Some(OUT_OF_MEMORY),
        (_, Some(thrown)) if vague => Some(thrown),
        (platform, _) => platform,
    };
    let told = if vague {
        exception.or(found.fault)
    } else {
        found.fault.or(exception)
    };
    Outcome {
        status: InvocationStatus::Error,
        error_type: error_type.map(str::to_owned),
        error_message: told
            .or(found.out_of_memory)
            .and_then(message)
            .map(str::to_owned),
    }
}

fn message(line: &LogRecord) -> Option<&str> {
    text(line.attributes.get(word::EXCEPTION_MESSAGE)).or_else(|| line.body.lines().next())
}

/// The runtime said so, or the process was killed with all its memory in use.
fn ran_out_of_memory(found: &Evidence<'_>) -> bool {
    let full = match (
        found.number(word::MAX_MEMORY_USED_MB),
        found.number(word::MEMORY_SIZE_MB),
    ) {
        (Some(used), Some(size)) => used >= size,
        _ => false,
    };
    let killed = found
        .fault
        .is_some_and(|line| line.body.contains("signal: killed"));
    found.out_of_memory.is_some() || (full && killed)
}

/// What ended the sandbox together with the invocation; `None` when it lived on.
pub(super) fn sandbox_end(found: &Evidence<'_>) -> Option<String> {
    let by_platform = |name: &&str| {
        ["Runtime.", "Extension.", "Sandbox."]
            .iter()
            .any(|head| name.starts_with(head))
    };
    let error = || found.text(word::ERROR_TYPE).filter(by_platform);
    if found.timeout.is_some() || found.text(word::STATUS) == Some("timeout") {
        Some("a timeout".to_owned())
    } else if let Some(error) = error() {
        Some(error.to_owned())
    } else if found.fault.is_some() {
        Some("an exit of the runtime".to_owned())
    } else if ran_out_of_memory(found) && found.is_open() {
        Some(OUT_OF_MEMORY.to_owned())
    } else {
        None
    }
}
