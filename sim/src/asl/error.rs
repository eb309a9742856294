//! Step Functions' own errors, and who catches what.

use demo::run::{Failure, Run};
use serde_json::Value;

/// True when a list of error names takes the error.
pub(crate) fn matches(names: &Value, error: &str) -> bool {
    let never_all = ["States.DataLimitExceeded", "States.Runtime"].contains(&error);
    let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
    names
        .iter()
        .filter_map(Value::as_str)
        .any(|name| match name {
            "States.ALL" => !never_all,
            "States.TaskFailed" => {
                !never_all && !["States.Timeout", "States.HeartbeatTimeout"].contains(&error)
            }
            name => name == error,
        })
}

/// A path that leads nowhere.
pub(crate) fn unreadable(place: &str, state: &str, entered: usize, input: &Value) -> Failure {
    let mut shown = input.to_string();
    if shown.len() > 600 {
        shown.truncate(
            (0..=600)
                .rev()
                .find(|at| shown.is_char_boundary(*at))
                .unwrap_or(0),
        );
    }
    let cause = format!(
        "An error occurred while executing the state '{state}' (entered at the event id #\u{1}{entered}\u{1}). The JSONPath '{place}' could not be found in the input '{shown}'"
    );
    Failure::new("States.Runtime", cause)
}

/// A payload over the limit.
pub(crate) fn too_large(state: &str, entered: usize) -> Failure {
    let cause = format!(
        "The state/task '{state}' (entered at the event id #\u{1}{entered}\u{1}) returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Failure::new("States.DataLimitExceeded", cause)
}

/// Too many events.
pub(crate) fn history_limit() -> Failure {
    let cause = "The execution reached the maximum number of history events (25000).";
    Failure::new("States.Runtime", cause)
}

/// Puts the final event ids in the place of the provisional numbers in causes.
pub(crate) fn number_places(run: &mut Run) {
    let ids: std::collections::HashMap<usize, usize> = run
        .history(i64::MAX)
        .iter()
        .map(|(id, _, event)| (event.number, *id))
        .collect();
    for event in &mut run.events {
        let Some((_, details)) = &mut event.details else {
            continue;
        };
        for member in ["cause", "output", "input"] {
            let Some(text) = details[member].as_str() else {
                continue;
            };
            // In text that is JSON itself the mark is escaped.
            for mark in ["\u{1}", "\\u0001", "\\\\u0001"] {
                let parts: Vec<&str> = text.split(mark).collect();
                if parts.len() < 3 {
                    continue;
                }
                let number = parts[1]
                    .parse()
                    .ok()
                    .and_then(|number: usize| ids.get(&number));
                let id = number.copied().unwrap_or(0).to_string();
                details[member] = Value::String(format!("{}{id}{}", parts[0], parts[2..].concat()));
                break;
            }
        }
    }
}
