//! ECS tasks and Batch jobs: state change events of EventBridge, answers of DescribeTasks and DescribeJobs,
//! made into documents under the task's ARN or the job's id.
//!
//! Sources: Amazon ECS API reference (Task), AWS Batch API reference (JobDetail), "Amazon ECS task state change
//! events", "AWS Batch job state change events". Times become epoch seconds, whatever they were: ISO 8601 in ECS
//! events, milliseconds in Batch, seconds in the API.

use crate::step_functions::{camel, parse_time, to_epoch_seconds};
use model::{Document, DocumentKind, Engine};
use serde_json::{Map, Value};

/// Members that are times.
const TIMES: [&str; 11] = [
    "createdAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppingAt",
    "stoppedAt",
    "executionStoppedAt",
    "connectivityAt",
    "updatedAt",
    "observedAt",
    "finishedAt",
];
/// Values inside values.
const MAX_DEPTH: usize = 16;

/// The tasks and jobs in a value, if it is an event, an answer, a list or one of them.
pub fn documents(value: &Value) -> Option<Vec<Document>> {
    let mut found = Vec::new();
    match value {
        Value::Array(items) => found.extend(items.iter().filter_map(|item| document(item, None))),
        Value::Object(members) => {
            let source = members.get("source").and_then(Value::as_str);
            if let (Some("aws.ecs" | "aws.batch"), Some(detail)) = (source, members.get("detail")) {
                found.extend(document(detail, members.get("time")));
            } else if let Some(one) = document(value, None) {
                found.push(one);
            } else {
                let lists = ["tasks", "Tasks", "jobs", "Jobs"]
                    .iter()
                    .filter_map(|name| members.get(*name));
                let items = lists.filter_map(Value::as_array).flatten();
                found.extend(items.filter_map(|item| document(item, None)));
            }
        }
        _ => {}
    }
    (!found.is_empty()).then_some(found)
}

fn document(value: &Value, observed: Option<&Value>) -> Option<Document> {
    let members = value.as_object()?;
    let has = |name: &str| members.keys().any(|key| camel(key) == name);
    let task = has("taskArn") && (has("lastStatus") || has("containers")) && has("clusterArn");
    let job = has("jobId") && has("status") && (has("jobQueue") || has("jobName"));
    if !task && !job {
        return None;
    }
    let mut body = normalised(members, 0);
    if let Some(observed) = observed {
        body.insert("observedAt".to_owned(), observed.clone());
        times(&mut body);
    }
    let id = body
        .get(if task { "taskArn" } else { "jobId" })?
        .as_str()?
        .to_owned();
    body.get("createdAt")?.as_f64()?;
    Some(Document {
        engine: Engine::step_functions(),
        execution_arn: id,
        kind: if task {
            DocumentKind::Task
        } else {
            DocumentKind::Job
        },
        body: Value::Object(body).to_string(),
    })
}

/// Members in the API's own case, times as epoch seconds. What a container is given is left out:
/// environments hold secrets, and nothing is judged by them.
fn normalised(members: &Map<String, Value>, depth: usize) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in members {
        let name = camel(key);
        if value.is_null()
            || ["environment", "secrets", "overrides", "attachments"].contains(&name.as_str())
        {
            continue;
        }
        out.insert(name, inner(value, depth));
    }
    times(&mut out);
    out
}

fn inner(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(members) if depth < MAX_DEPTH => {
            Value::Object(normalised(members, depth + 1))
        }
        Value::Array(items) if depth < MAX_DEPTH => {
            items.iter().map(|item| inner(item, depth + 1)).collect()
        }
        other => other.clone(),
    }
}

fn times(members: &mut Map<String, Value>) {
    for name in TIMES {
        if let Some(value) = members.get_mut(name) {
            match parse_time(value) {
                Some(time) => *value = to_epoch_seconds(time),
                None => {
                    members.remove(name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tasks_and_jobs_are_found_in_any_wrapper() {
        let task = json!({"taskArn": "t", "clusterArn": "c", "lastStatus": "STOPPED", "createdAt": "2020-01-23T17:57:34.402Z"});
        let capital = json!({"TaskArn": "t", "ClusterArn": "c", "LastStatus": "STOPPED", "CreatedAt": 1579802254402_i64});
        let job = json!({"jobId": "j", "jobName": "n", "status": "FAILED", "createdAt": 1579802254402_i64,
            "container": {"environment": [{"name": "PASSWORD", "value": "x"}], "exitCode": 1}});
        let check = |value: Value, expect: &[&str]| {
            let found = documents(&value).unwrap_or_default();
            let ids: Vec<&str> = found.iter().map(|it| it.execution_arn.as_str()).collect();
            assert_eq!(ids, expect, "{value}");
            for document in found {
                assert!(
                    document.body.contains("1579802254.402"),
                    "{}",
                    document.body
                );
                assert!(!document.body.contains("PASSWORD"), "{}", document.body);
            }
        };
        check(task.clone(), &["t"]);
        check(capital, &["t"]);
        check(json!({"tasks": [task, task], "failures": []}), &["t", "t"]);
        check(json!({"jobs": [job]}), &["j"]);
        check(json!([job]), &["j"]);
        check(
            json!({"source": "aws.batch", "time": "2022-01-11T23:36:40Z", "detail": job}),
            &["j"],
        );
        check(json!({"source": "aws.batch", "detail": {}}), &[]);
        check(json!({"jobs": [{"a": 1}]}), &[]);
        check(
            json!({"jobId": "j", "jobName": "n", "status": "FAILED", "createdAt": "?"}),
            &[],
        );
    }
}
