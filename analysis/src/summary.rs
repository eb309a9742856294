//! What happened, in one sentence.

use model::{Execution, ExecutionStatus, time::human_duration};

/// The outcome of an execution in plain words, such as "Failed after 20 s: SyncGranule failed with
/// CumulusMessageAdapterExecutionError after 3 retries, was caught, and WorkflowFailed ended the run."
pub fn plain_words(execution: &Execution) -> String {
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

/// `: A failed with E after 3 retries, was caught, and B ended the run`.
fn why(execution: &Execution) -> String {
    let with = |error: &Option<String>| match error {
        Some(error) => format!(" with {error}"),
        None => String::new(),
    };
    let retries = match execution.retries + execution.block_retries {
        0 => String::new(),
        retries => format!(" after {}", count(retries, "retry", "retries")),
    };
    match (&execution.root_state, &execution.failing_state) {
        (Some(root), Some(failing)) if root != failing => format!(
            ": {root} failed{}{retries}, was caught, and {failing} ended the run",
            with(&execution.root_error)
        ),
        (Some(state), _) | (None, Some(state)) => {
            let error = execution
                .root_error
                .clone()
                .or_else(|| execution.error.clone());
            format!(": {state} failed{}{retries}", with(&error))
        }
        (None, None) => match execution.root_error.as_ref().or(execution.error.as_ref()) {
            Some(error) => format!(": {error}"),
            None => String::new(),
        },
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
            retries: 3,
            ..Execution::default()
        };
        check(
            failed.clone(),
            "Failed after 20 s: SyncGranule failed with AdapterError after 3 retries, was caught, and WorkflowFailed ended the run.",
        );
        let plain = Execution {
            failing_state: failed.root_state.clone(),
            retries: 1,
            ..failed
        };
        check(
            plain,
            "Failed after 20 s: SyncGranule failed with AdapterError after 1 retry.",
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
}
