//! A Task state with its attempts.

use crate::run::{Cursor, Failure, REGION, Run};
use serde_json::{Value, json};

/// How the task is written in the definition, and so which events it gives.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A function's ARN as `Resource`.
    LambdaArn,
    /// An activity's ARN as `Resource`.
    Activity,
    /// An integration: (resource type, resource).
    Service(&'static str, &'static str),
}

/// `Retry` of one retrier.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// `MaxAttempts`.
    pub max: usize,
    /// `IntervalSeconds`, in milliseconds.
    pub interval_ms: i64,
    /// `BackoffRate`.
    pub rate: f64,
}

/// No `Retry`.
pub const NO_RETRY: Retry = Retry {
    max: 0,
    interval_ms: 0,
    rate: 1.0,
};

/// A Task state.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name.
    pub state: &'static str,
    /// Its form.
    pub form: Form,
    /// What is sent; for ARN forms the ARN.
    pub parameters: Value,
    /// `TimeoutSeconds`.
    pub timeout_seconds: Option<i64>,
    /// `HeartbeatSeconds`.
    pub heartbeat_seconds: Option<i64>,
    /// `Retry`.
    pub retry: Retry,
}

impl Task {
    /// A task of an integration, without limits and retries.
    pub fn service(
        state: &'static str,
        resource_type: &'static str,
        resource: &'static str,
        parameters: Value,
    ) -> Self {
        Task {
            state,
            form: Form::Service(resource_type, resource),
            parameters,
            timeout_seconds: None,
            heartbeat_seconds: None,
            retry: NO_RETRY,
        }
    }

    /// The same with retries.
    pub fn retried(mut self, max: usize, interval_ms: i64, rate: f64) -> Self {
        self.retry = Retry {
            max,
            interval_ms,
            rate,
        };
        self
    }

    /// The same with a time limit and a heartbeat.
    pub fn limited(mut self, timeout: Option<i64>, heartbeat: Option<i64>) -> Self {
        self.timeout_seconds = timeout;
        self.heartbeat_seconds = heartbeat;
        self
    }
}

/// What one attempt came to.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When a service or worker started on it; `None` if none ever did.
    pub started_at: Option<i64>,
    /// When it was submitted, and the answer to that.
    pub submitted: Option<(i64, Value)>,
    /// When it ended.
    pub ended_at: i64,
    /// How.
    pub result: Result<Value, Failure>,
    /// True when a limit ended it.
    pub timed_out: bool,
}

impl Attempt {
    /// An attempt that was started 15 ms after it was scheduled.
    pub fn ended(from: i64, ended_at: i64, result: Result<Value, Failure>) -> Self {
        Attempt {
            started_at: Some(from + 15),
            submitted: None,
            ended_at: ended_at.max(from + 16),
            result,
            timed_out: false,
        }
    }
}

impl Run {
    /// Enters the state, tries until it works or the retries are used up, and leaves the state if it
    /// worked. After a failure the state is still open: the caller catches it or lets it fail.
    pub fn task(
        &mut self,
        cursor: &mut Cursor,
        input: &Value,
        task: &Task,
        mut attempt: impl FnMut(&mut Run, i64, usize) -> Attempt,
    ) -> Result<Value, Failure> {
        self.enter(cursor, "Task", task.state, input);
        let output = self.attempts(cursor, input, task, &mut attempt)?;
        self.exit(cursor, "Task", task.state, &output);
        Ok(output)
    }

    /// The attempts of a state that is entered already.
    pub fn attempts(
        &mut self,
        cursor: &mut Cursor,
        input: &Value,
        task: &Task,
        attempt: &mut impl FnMut(&mut Run, i64, usize) -> Attempt,
    ) -> Result<Value, Failure> {
        let mut backoff = task.retry.interval_ms as f64;
        for number in 0.. {
            self.push(
                cursor,
                &kind(task.form, "Scheduled"),
                Some(scheduled(task, input)),
            );
            let tried = attempt(self, cursor.at, number);
            match self.ended(cursor, task, tried) {
                Ok(output) => return Ok(output),
                Err(failure) if number >= task.retry.max => return Err(failure),
                Err(_) => {
                    cursor.at += backoff as i64;
                    backoff *= task.retry.rate;
                }
            }
        }
        unreachable!("the loop ends when the retries are used up")
    }

    fn ended(
        &mut self,
        cursor: &mut Cursor,
        task: &Task,
        tried: Attempt,
    ) -> Result<Value, Failure> {
        if let Some(at) = tried.started_at {
            cursor.at = at;
            self.push(cursor, &kind(task.form, "Started"), started(task));
        }
        if let Some((at, answer)) = tried.submitted {
            cursor.at = at;
            self.push(cursor, "TaskSubmitted", Some(with_output(task, &answer)));
        }
        cursor.at = tried.ended_at;
        match tried.result {
            Ok(output) => {
                self.push(
                    cursor,
                    &kind(task.form, "Succeeded"),
                    Some(with_output(task, &output)),
                );
                Ok(output)
            }
            Err(failure) => {
                let word = if tried.timed_out {
                    "TimedOut"
                } else {
                    "Failed"
                };
                let mut details = frame(task);
                merge(&mut details, failure.details());
                self.push(cursor, &kind(task.form, word), Some(details));
                Err(failure)
            }
        }
    }
}

fn kind(form: Form, word: &str) -> String {
    match form {
        Form::LambdaArn => format!("LambdaFunction{word}"),
        Form::Activity => format!("Activity{word}"),
        Form::Service(..) => format!("Task{word}"),
    }
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// `resourceType` and `resource`, which only integrations repeat in every event.
fn frame(task: &Task) -> Value {
    match task.form {
        Form::Service(resource_type, resource) => {
            json!({"resourceType": resource_type, "resource": resource})
        }
        _ => json!({}),
    }
}

fn scheduled(task: &Task, input: &Value) -> Value {
    let mut details = frame(task);
    match task.form {
        Form::Service(..) => merge(
            &mut details,
            json!({"region": REGION, "parameters": task.parameters.to_string()}),
        ),
        _ => merge(
            &mut details,
            json!({
                "resource": task.parameters, "input": input.to_string(),
                "inputDetails": {"truncated": false},
            }),
        ),
    }
    if let Some(seconds) = task.timeout_seconds {
        merge(&mut details, json!({"timeoutInSeconds": seconds}));
    }
    if let Some(seconds) = task.heartbeat_seconds {
        merge(&mut details, json!({"heartbeatInSeconds": seconds}));
    }
    details
}

fn started(task: &Task) -> Option<Value> {
    match task.form {
        Form::LambdaArn => None,
        Form::Activity => Some(json!({"workerName": "review-desk-2"})),
        Form::Service(..) => Some(frame(task)),
    }
}

fn with_output(task: &Task, output: &Value) -> Value {
    let mut details = frame(task);
    merge(
        &mut details,
        json!({"output": output.to_string(), "outputDetails": {"truncated": false}}),
    );
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_scheduled_by_the_failure_after_its_backoff() {
        let (mut run, mut cursor) = Run::start(1, "m", "n", 0, json!({}));
        let task = Task::service("Call", "lambda", "invoke", json!({})).retried(2, 1000, 2.0);
        let result = run.task(&mut cursor, &json!({}), &task, |_, at, number| {
            let result = match number {
                2 => Ok(json!("done")),
                _ => Err(Failure::new("Busy", "try later")),
            };
            Attempt::ended(at, at + 100, result)
        });
        assert_eq!(result.expect("the third attempt works"), json!("done"));
        let scheduled: Vec<(i64, String)> = run
            .history(i64::MAX)
            .iter()
            .filter(|(_, _, event)| event.kind == "TaskScheduled")
            .map(|(_, previous, event)| {
                let cause = &run.history(i64::MAX)[previous - 1].2.kind;
                (event.at, cause.clone())
            })
            .collect();
        assert_eq!(
            scheduled,
            [
                (0, "TaskStateEntered".to_owned()),
                (1100, "TaskFailed".to_owned()),
                (3200, "TaskFailed".to_owned())
            ]
        );
    }
}
