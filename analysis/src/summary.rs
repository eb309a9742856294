//! What happened, in one sentence.

use model::{Execution, ExecutionStatus, text::visible, time::human_duration};

/// The outcome of an execution in plain words, such as "Failed after 20 s: SyncGranule failed
/// 4 times with AdapterError (3 retries), was caught, and WorkflowFailed ended the run."
///
/// What the failure itself says follows in a line of its own. Names and errors are whoever sent them's: marks in them that
/// would turn the sentence around are written out.
pub fn plain_words(execution: &Execution) -> String {
    let mut words = outcome(execution);
    let cause = execution.root_cause.as_ref().or(execution.cause.as_ref());
    if let Some(cause) = cause.filter(|_| execution.status != ExecutionStatus::Succeeded) {
        let said = message_of(cause);
        if !said.is_empty() {
            words.push('\n');
            words.push_str(&said);
        }
    }
    visible(&words).into_owned()
}

/// The message in a cause: functions and nested executions wrap theirs in JSON, up to several times.
/// At most 300 characters of the first lines; the whole is shown beside.
fn message_of(cause: &str) -> String {
    const KEYS: [&str; 4] = ["errorMessage", "Cause", "cause", "message"];
    const WRAPPED: usize = 4;
    const MOST: usize = 300;
    let mut text = cause.trim().to_owned();
    for _ in 0..WRAPPED {
        let Ok(serde_json::Value::Object(object)) = serde_json::from_str(&text) else {
            break;
        };
        let inner = KEYS.iter().find_map(|key| object.get(*key)?.as_str());
        match inner {
            Some(inner) => text = inner.trim().to_owned(),
            None => break,
        }
    }
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn outcome(execution: &Execution) -> String {
    let took = execution.duration_ns.map(human_duration);
    let after = took
        .as_ref()
        .map(|took| format!(" after {took}"))
        .unwrap_or_default();
    match execution.status {
        ExecutionStatus::Succeeded => succeeded(execution, took),
        ExecutionStatus::Running => running(execution),
        ExecutionStatus::PendingRedrive => format!("Waits for a redrive{after}{}.", why(execution)),
        ExecutionStatus::Failed => format!("Failed{after}{}.", why(execution)),
        ExecutionStatus::TimedOut => format!(
            "Timed out{after}{}.",
            open_state(execution, "was still running")
        ),
        ExecutionStatus::Aborted => {
            let error = execution
                .error
                .as_ref()
                .map(|error| format!(" ({error})"))
                .unwrap_or_default();
            format!(
                "Stopped{after}{error}{}.",
                open_state(execution, "was running")
            )
        }
    }
}

fn succeeded(execution: &Execution, took: Option<String>) -> String {
    let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
    let mut despite = Vec::new();
    if execution.retries + execution.block_retries > 0 {
        despite.push(count(
            execution.retries + execution.block_retries,
            "retry",
            "retries",
        ));
    }
    if execution.caught_failures > 0 {
        despite.push(count(
            execution.caught_failures,
            "caught failure",
            "caught failures",
        ));
    }
    match despite.is_empty() {
        true => format!("Succeeded{took}."),
        false => format!("Succeeded{took}, with {}.", despite.join(" and ")),
    }
}

fn running(execution: &Execution) -> String {
    let states = count(execution.states_entered, "state", "states");
    match execution.retries {
        0 => format!("Running: {states} entered so far."),
        retries => format!(
            "Running: {states} entered so far, {}.",
            count(retries, "retry", "retries")
        ),
    }
}

/// `: A failed 4 times with E (3 retries), was caught, and B ended the run`. Only when all attempts were
/// those of one visit, and an attempt is what failed, is it known whose the retries were.
fn why(execution: &Execution) -> String {
    let error = execution.root_error.as_ref().or(execution.error.as_ref());
    let with = error
        .map(|error| format!(" with {error}"))
        .unwrap_or_default();
    let all = execution.retries + execution.block_retries;
    let of_one = execution.block_retries == 0
        && execution.attempts == execution.retries + 1
        && execution
            .root_event_id
            .is_some_and(|id| id < u64::from(execution.events))
        && execution.root_error.as_deref() != Some("States.QueryEvaluationError");
    let (times, elsewhere) = match all {
        0 => (String::new(), String::new()),
        n if of_one => (
            format!(
                " {} times{with} ({})",
                execution.attempts,
                count(n, "retry", "retries")
            ),
            String::new(),
        ),
        n => (
            String::new(),
            format!("; {} in the whole run", count(n, "retry", "retries")),
        ),
    };
    let failed = if times.is_empty() { with } else { times };
    match (&execution.root_state, &execution.failing_state) {
        (Some(root), Some(failing)) if root != failing => {
            format!(": {root} failed{failed}, was caught, and {failing} ended the run{elsewhere}")
        }
        (Some(state), _) | (None, Some(state)) => format!(": {state} failed{failed}{elsewhere}"),
        (None, None) => error.map(|error| format!(": {error}")).unwrap_or_default(),
    }
}

fn open_state(execution: &Execution, what: &str) -> String {
    match &execution.failing_state {
        Some(state) => format!(" while {state} {what}"),
        None => String::new(),
    }
}

fn count(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let check =
            |execution: Execution, expect: &str| assert_eq!(plain_words(&execution), expect);
        let failed = Execution {
            status: ExecutionStatus::Failed,
            duration_ns: Some(20_069_000_000),
            root_state: Some("SyncGranule".into()),
            root_error: Some("AdapterError".into()),
            failing_state: Some("WorkflowFailed".into()),
            attempts: 4,
            retries: 3,
            events: 17,
            root_event_id: Some(14),
            ..Execution::default()
        };
        check(
            failed.clone(),
            "Failed after 20 s: SyncGranule failed 4 times with AdapterError (3 retries), was caught, and WorkflowFailed ended the run.",
        );
        let plain = Execution {
            failing_state: failed.root_state.clone(),
            retries: 1,
            ..failed
        };
        check(
            plain.clone(),
            "Failed after 20 s: SyncGranule failed with AdapterError; 1 retry in the whole run.",
        );
        let turned = Execution {
            root_state: Some("Sync\u{202e}elunarG".into()),
            failing_state: None,
            ..plain.clone()
        };
        check(
            turned,
            "Failed after 20 s: Sync\\u{202e}elunarG failed with AdapterError; 1 retry in the whole run.",
        );
        let telling = Execution {
            root_cause: Some(
                r#"{"Cause":"{\"errorMessage\":\"no \\\"such\\\" key\"}","Error":"E"}"#.into(),
            ),
            ..plain.clone()
        };
        check(
            telling,
            "Failed after 20 s: SyncGranule failed with AdapterError; 1 retry in the whole run.\nno \"such\" key",
        );
        check(
            Execution {
                states_entered: 1,
                ..Execution::default()
            },
            "Running: 1 state entered so far.",
        );
        let aborted = Execution {
            status: ExecutionStatus::Aborted,
            failing_state: Some("Wait".into()),
            ..Execution::default()
        };
        check(aborted, "Stopped while Wait was running.");
        let succeeded = Execution {
            status: ExecutionStatus::Succeeded,
            caught_failures: 1,
            ..Execution::default()
        };
        check(succeeded, "Succeeded, with 1 caught failure.");
    }

    #[test]
    fn causes_are_unwrapped_and_bounded() {
        let check = |cause: &str, expect: &str| assert_eq!(message_of(cause), expect);
        check("Workflow failed\n", "Workflow failed");
        check(r#"{"errorMessage":"no","errorType":"E"}"#, "no");
        check(r#"{"Attempts":[1]}"#, r#"{"Attempts":[1]}"#);
        check(r#"["a"]"#, r#"["a"]"#);
        check("{\"errorMessage\":", "{\"errorMessage\":");
        check(&"é".repeat(301), &format!("{}…", "é".repeat(300)));
    }
}
