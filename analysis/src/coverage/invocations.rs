//! Every attempt that certainly ran a function has an invocation, and every invocation its REPORT.

use super::Known;
use model::{Attempt, Coverage, Invocation, Missing, SpanId, Status};
use std::collections::HashMap;

/// Errors by which Lambda or Step Functions says that the function was not run, or may not have been.
const NOT_RUN: [&str; 12] = [
    "TooManyRequests",
    "Throttl",
    "ResourceNotFound",
    "AccessDenied",
    "ServiceException",
    "AWSLambdaException",
    "SdkClientException",
    "InvalidRequest",
    "RequestTooLarge",
    "ENILimit",
    "States.",
    "EC2",
];

/// Counts what is expected, and names what is missing.
pub(super) fn judge(known: &Known, out: &mut Coverage, missing: &mut Vec<Missing>) {
    let by_span: HashMap<SpanId, &Invocation> = known
        .invocations
        .iter()
        .map(|it| (it.span_id, it))
        .collect();
    let mut joined: HashMap<SpanId, Vec<&Invocation>> = HashMap::new();
    for join in known
        .joins
        .iter()
        .filter(|it| it.child.kind == "invocation")
    {
        if let Some(invocation) = by_span.get(&join.child.span_id) {
            joined
                .entry(join.parent.span_id)
                .or_default()
                .push(invocation);
        }
    }
    for attempt in known.attempts {
        match joined.get(&attempt.span_id) {
            Some(found) => {
                for invocation in found {
                    out.invocations.expected += 1;
                    match has_report(invocation) {
                        true => out.invocations.received += 1,
                        false => missing.push(no_report(attempt, invocation)),
                    }
                }
            }
            None if must_exist(attempt) => {
                out.invocations.expected += 1;
                missing.push(no_invocation(attempt));
            }
            None => {}
        }
    }
}

/// True when the attempt certainly ran a function.
fn must_exist(attempt: &Attempt) -> bool {
    let lambda = attempt.resource_type == "lambda" || attempt.resource.contains(":lambda:");
    if !lambda {
        return false;
    }
    if attempt.request_id.is_some() || attempt.status == Status::Succeeded {
        return true;
    }
    let error = attempt.error.as_deref().unwrap_or_default();
    // A function's own failure: the exception's class, or what killed its runtime.
    attempt.status == Status::Failed
        && !error.is_empty()
        && !NOT_RUN.iter().any(|word| error.contains(word))
}

/// REPORT tells what was billed; nothing else does.
fn has_report(invocation: &Invocation) -> bool {
    invocation.billed_duration_ms.is_some() || invocation.duration_ns.is_some()
}

fn place(attempt: &Attempt) -> String {
    let function = attempt.function_name.as_deref().unwrap_or("a function");
    match attempt.path.as_str() {
        "" => format!("invocation {} ({function})", attempt.attempt),
        path => format!("{path} attempt {} ({function})", attempt.attempt),
    }
}

fn no_invocation(attempt: &Attempt) -> Missing {
    let group = attempt.function_name.as_deref().map_or_else(
        || "the function's log group".to_owned(),
        |name| format!("/aws/lambda/{name}"),
    );
    Missing {
        kind: "invocation".to_owned(),
        id: attempt.request_id.clone().unwrap_or_default(),
        place: place(attempt),
        count: 1,
        reason: format!(
            "the attempt ran its function, and no line of that run is here; look in {group}"
        ),
    }
}

fn no_report(attempt: &Attempt, invocation: &Invocation) -> Missing {
    Missing {
        kind: "report".to_owned(),
        id: invocation.request_id.clone(),
        place: place(attempt),
        count: 1,
        reason: format!(
            "lines of the invocation are here and its REPORT is not; look in the stream {}",
            invocation.log_stream
        ),
    }
}
