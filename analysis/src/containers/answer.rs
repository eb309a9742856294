//! What the answer of a `.sync` task says of the job that it waited for.
//!
//! Step Functions hands on what DescribeTasks, DescribeJobs and GetJobRun tell, with capitalised keys and times in
//! epoch milliseconds (`/work/shared/formats.md` §4 of the project's notes; fixture `32-ecs-run-task-sync`): as the output
//! of a task that succeeded, as the cause of one that failed. So the history alone often holds the times and the size of a
//! job whose state-change events nobody collected.

use super::{All, Container, Read, made, seconds};
use model::{Attempt, UnixNanos};
use serde_json::{Map, Value};

/// Clocks of two services may be apart by so much.
const APART_NS: i64 = 5_000_000_000;
/// Keys of an answer that are looked at are not nested deeper.
const DEEPEST: usize = 12;
/// Numbers above are milliseconds, below seconds.
const SECONDS: f64 = 1e11;

/// The service and action of a try that starts a job: `("ecs", "runTask")`.
pub(crate) fn action(attempt: &Attempt) -> (&str, &str) {
    let service = attempt.resource_type.as_str();
    let service = service.strip_prefix("aws-sdk:").unwrap_or(service);
    let resource = attempt.resource.as_str();
    (service, resource.split('.').next().unwrap_or(resource))
}

/// True for a try that waits for the job which it started.
pub(crate) fn waits(attempt: &Attempt) -> bool {
    attempt.resource.contains(".sync") && attempt.resource_type != "states"
}

/// The answer of a `.sync` task, with keys as the service itself writes them.
pub(crate) fn told(attempt: &Attempt) -> Option<Value> {
    if !waits(attempt) {
        return None;
    }
    let text = attempt.output.as_deref().or(attempt.cause.as_deref())?;
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let answer: Value = serde_json::from_str(text).ok()?;
    Some(lowered(answer, 0))
}

/// The ECS tasks or the Batch job of a try, as far as its answer tells.
pub(crate) fn answered(attempt: &Attempt) -> Vec<Container> {
    let task = match action(attempt) {
        ("ecs", "runTask") => true,
        ("batch", "submitJob") => false,
        _ => return Vec::new(),
    };
    let Some(answer) = told(attempt) else {
        return Vec::new();
    };
    let several = answer.get("tasks").and_then(Value::as_array);
    let each = several.map_or_else(|| vec![&answer], |list| list.iter().collect());
    let read = |body: &Value| {
        let id = body.get(if task { "taskArn" } else { "jobId" })?.as_str()?;
        let read = Read {
            task,
            id: id.to_owned(),
            body: body.clone(),
            text: String::new(),
        };
        made(All { read: vec![read] })
    };
    each.into_iter().filter_map(read).collect()
}

/// True if a time that an answer tells can be one of the try: nobody's clock is off by more than seconds.
pub(crate) fn within(attempt: &Attempt, from: UnixNanos, to: UnixNanos) -> bool {
    let lo = attempt.start_time.0.saturating_sub(APART_NS);
    let hi = attempt.end_time.map_or(i64::MAX, |end| end.0);
    from.0 >= lo && from <= to && to.0 <= hi.saturating_add(APART_NS)
}

/// A time of an answer.
pub(crate) fn time(answer: &Value, key: &str) -> Option<UnixNanos> {
    seconds(answer.get(key)?)
}

/// `PullStartedAt` → `pullStartedAt`, at every level; times in seconds.
fn lowered(value: Value, depth: usize) -> Value {
    match value {
        Value::Object(members) if depth < DEEPEST => {
            let members = members.into_iter().map(|(key, value)| {
                let key = lower(&key);
                let value = match key.ends_with("At") || key.ends_with("On") {
                    true => in_seconds(value),
                    false => lowered(value, depth + 1),
                };
                (key, value)
            });
            Value::Object(members.collect::<Map<String, Value>>())
        }
        Value::Array(list) if depth < DEEPEST => {
            Value::Array(list.into_iter().map(|it| lowered(it, depth + 1)).collect())
        }
        other => other,
    }
}

/// `DPUSeconds` stays what it is, as Glue writes it.
fn lower(key: &str) -> String {
    let mut letters = key.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), second) if !second.is_some_and(|it| it.is_uppercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => key.to_owned(),
    }
}

fn in_seconds(value: Value) -> Value {
    let text = value.as_str().and_then(|it| it.parse().ok());
    let seconds = match value.as_f64() {
        Some(number) if number > SECONDS => Some(number / 1e3),
        Some(_) => return value,
        None => text.map(|time: jiff::Timestamp| time.as_nanosecond() as f64 / 1e9),
    };
    seconds.map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tried(service: &str, resource: &str, answer: &str) -> Attempt {
        Attempt {
            resource_type: service.to_owned(),
            resource: resource.to_owned(),
            output: Some(answer.to_owned()),
            ..Attempt::default()
        }
    }

    #[test]
    fn an_answer_tells_of_its_task() {
        let answer = r#"{"TaskArn": "arn:aws:ecs:eu-west-1:1:task/jobs/d1", "LastStatus": "STOPPED", "LaunchType": "FARGATE",
            "Cpu": "1024", "Memory": "2048", "CreatedAt": 1793791680829, "PullStartedAt": 1793791691209,
            "PullStoppedAt": "2026-11-04T11:28:22.650Z", "StartedAt": 1793791704.042, "ExecutionStoppedAt": 1793791746826,
            "StoppedAt": 1793791748326, "Attributes": [{"Name": "ecs.cpu-architecture", "Value": "arm64"}]}"#;
        let held = answered(&tried("ecs", "runTask.sync", answer));
        let job = &held[0].job;
        assert_eq!(job.provision_ns, Some(10_380_000_000));
        assert_eq!(job.pull_ns, Some(11_441_000_000));
        assert_eq!(job.boot_ns, Some(1_392_000_000));
        assert_eq!(job.run_ns, Some(42_784_000_000));
        let size = &held[0].spans[0].attributes;
        let billed = size.get("inquest.container.billed_ns");
        assert_eq!(billed, Some(&model::Value::Int(57_117_000_000)));
        let vcpus = size.get("inquest.container.vcpus");
        assert_eq!(vcpus, Some(&model::Value::Double(1.0)));
        assert_eq!(size.get("host.arch"), Some(&model::Value::from("arm64")));
        assert_eq!(answered(&tried("ecs", "runTask", answer)), []);
        assert_eq!(answered(&tried("ecs", "runTask.sync", "no JSON")), []);
        assert_eq!(answered(&tried("ecs", "runTask.sync", "{}")), []);
    }

    #[test]
    fn keys_are_those_of_the_service() {
        assert_eq!(lower("JobRunState"), "jobRunState");
        assert_eq!(lower("DPUSeconds"), "DPUSeconds");
        assert_eq!(lower(""), "");
    }
}
