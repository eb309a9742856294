//! Batch jobs and ECS tasks that a state waits for, and the events that they leave.

use super::Execution;
use super::task::Tried;
use crate::chance;
use crate::world::JobKind;
use demo::dice::Dice;
use demo::run::{ACCOUNT, Failure, REGION};
use demo::when;
use serde_json::{Value, json};

/// One try of a container.
struct Try {
    /// Place found.
    placed: i64,
    /// Image there.
    pulled: i64,
    /// Container up, unless its image never came.
    started: Option<i64>,
    stopped: i64,
    exit_code: Option<i64>,
    reason: Option<String>,
    container_reason: Option<String>,
    instance: String,
}

impl Execution<'_> {
    pub(super) fn container(
        &mut self,
        kind: &str,
        parameters: &Value,
        at: i64,
        key: &str,
        state: &str,
    ) -> Tried {
        let member = if kind == "batch" {
            "JobDefinition"
        } else {
            "TaskDefinition"
        };
        let name = parameters[member].as_str().unwrap_or_default();
        let name = name
            .rsplit('/')
            .next()
            .unwrap_or(name)
            .split(':')
            .next()
            .unwrap_or(name)
            .to_owned();
        let Some(job) = self.world.jobs.get(&name).cloned() else {
            let failure = Failure::new("States.Runtime", format!("no job definition {name}"));
            return Tried::simple(at, at + 30, Err(failure));
        };
        let mut dice = self.world.chance.of(&format!("{key}/job"));
        let id = dice.uuid();
        let submitted_at = at + dice.between(40, 120);
        let mut tries = Vec::new();
        let mut from = submitted_at;
        for attempt in 0..job.attempts.max(1) {
            let one = attempt_of(
                &job,
                from,
                &mut self.world.chance.of(&format!("{key}/job#{attempt}")),
            );
            let good = one.exit_code == Some(0);
            from = one.stopped + 4_000;
            tries.push(one);
            if good {
                break;
            }
        }
        let ended_at = tries.last().map_or(at, |one| one.stopped) + dice.between(200, 900);
        let good = tries.last().is_some_and(|one| one.exit_code == Some(0));
        let description = match job.batch {
            true => self.batch(&job, &id, state, submitted_at, &tries, good),
            false => self.ecs(&job, &id, submitted_at, &tries),
        };
        let answer = match job.batch {
            true => {
                json!({"JobArn": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job/{id}"), "JobId": id, "JobName": state})
            }
            false => {
                json!({"Failures": [], "Tasks": [{"TaskArn": task_arn(&id), "LastStatus": "PROVISIONING"}]})
            }
        };
        let failure = || Failure::new("States.TaskFailed", description.to_string());
        let result = if good {
            Ok(description.clone())
        } else {
            Err(failure())
        };
        Tried {
            started_at: Some(at + 14),
            submitted: Some((submitted_at, answer)),
            ended_at,
            result,
            timed_out: false,
        }
    }

    fn batch(
        &mut self,
        job: &JobKind,
        id: &str,
        state: &str,
        created: i64,
        tries: &[Try],
        good: bool,
    ) -> Value {
        let attempts: Vec<Value> = tries.iter().map(|one| {
            let mut container = json!({
                "taskArn": task_arn(&id.replace('-', "")), "networkInterfaces": [],
                "containerInstanceArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/{}", one.instance),
            });
            if one.started.is_some() {
                container["logStreamName"] = json!(format!("{}/default/{id}", job.name));
            }
            if let Some(code) = one.exit_code {
                container["exitCode"] = json!(code);
            }
            if let Some(reason) = &one.container_reason {
                container["reason"] = json!(reason);
            }
            json!({"container": container, "startedAt": one.started, "stoppedAt": one.stopped, "statusReason": one.reason})
        }).collect();
        let last = tries.last();
        let mut detail = json!({
            "jobArn": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job/{id}"), "jobName": state, "jobId": id,
            "jobQueue": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/{}-queue", job.name),
            "status": if good { "SUCCEEDED" } else { "FAILED" }, "attempts": attempts,
            "statusReason": last.and_then(|one| one.reason.clone()), "createdAt": created,
            "startedAt": last.and_then(|one| one.started), "stoppedAt": last.map(|one| one.stopped),
            "retryStrategy": {"attempts": job.attempts, "evaluateOnExit": []}, "dependsOn": [],
            "jobDefinition": format!("arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/{}:4", job.name), "parameters": {},
            "container": {
                "image": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}:latest", job.name), "command": ["run"],
                "resourceRequirements": [{"value": "2", "type": "VCPU"}, {"value": "4096", "type": "MEMORY"}],
            },
            "tags": {}, "propagateTags": false, "platformCapabilities": ["EC2"],
        });
        if let Some(one) = last {
            if let Some(code) = one.exit_code {
                detail["container"]["exitCode"] = json!(code);
            }
            if let Some(reason) = &one.container_reason {
                detail["container"]["reason"] = json!(reason);
            }
        }
        for (status, at) in [("SUBMITTED", created), ("RUNNABLE", created + 900)] {
            let mut early = detail.clone();
            early["status"] = json!(status);
            early["attempts"] = json!([]);
            for member in ["startedAt", "stoppedAt", "statusReason"] {
                early.as_object_mut().map(|members| members.remove(member));
            }
            self.event("aws.batch", "Batch Job State Change", at, early);
        }
        for one in tries {
            if let Some(started) = one.started {
                let mut running = detail.clone();
                running["status"] = json!("RUNNING");
                running["startedAt"] = json!(started);
                running
                    .as_object_mut()
                    .map(|members| members.remove("stoppedAt"));
                self.event("aws.batch", "Batch Job State Change", started, running);
            }
        }
        let end = last.map_or(created, |one| one.stopped);
        self.event("aws.batch", "Batch Job State Change", end, detail.clone());
        capitalised(detail)
    }

    fn ecs(&mut self, job: &JobKind, id: &str, created: i64, tries: &[Try]) -> Value {
        let Some(one) = tries.last() else {
            return Value::Null;
        };
        let mut container = json!({
            "name": job.name, "lastStatus": "STOPPED", "image": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}:latest", job.name),
            "taskArn": task_arn(id), "networkInterfaces": [], "cpu": "512",
        });
        if let Some(code) = one.exit_code {
            container["exitCode"] = json!(code);
        }
        if let Some(reason) = &one.container_reason {
            container["reason"] = json!(reason);
        }
        let detail = json!({
            "taskArn": task_arn(id), "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/jobs"),
            "taskDefinitionArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{}:7", job.name),
            "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "launchType": "FARGATE", "version": 6,
            "createdAt": when::zulu(created), "pullStartedAt": when::zulu(one.placed), "pullStoppedAt": when::zulu(one.pulled),
            "startedAt": one.started.map(when::zulu), "stoppingAt": when::zulu(one.stopped), "stoppedAt": when::zulu(one.stopped + 300),
            "executionStoppedAt": when::zulu(one.stopped),
            "stopCode": if one.started.is_some() { "EssentialContainerExited" } else { "TaskFailedToStart" },
            "stoppedReason": one.reason, "containers": [container], "cpu": "512", "memory": "1024",
        });
        let mut running = detail.clone();
        running["lastStatus"] = json!("RUNNING");
        running["version"] = json!(4);
        for member in [
            "stoppedAt",
            "stoppingAt",
            "executionStoppedAt",
            "stopCode",
            "stoppedReason",
        ] {
            running
                .as_object_mut()
                .map(|members| members.remove(member));
        }
        if let Some(started) = one.started {
            self.event("aws.ecs", "ECS Task State Change", started, running);
        }
        self.event(
            "aws.ecs",
            "ECS Task State Change",
            one.stopped + 300,
            detail.clone(),
        );
        capitalised(detail)
    }

    fn event(&mut self, source: &str, kind: &str, at: i64, detail: Value) {
        let id = self
            .world
            .chance
            .of(&format!(
                "{kind}/{at}/{}",
                self.world.facts.containers.len()
            ))
            .uuid();
        let resource = detail["jobArn"]
            .as_str()
            .or(detail["taskArn"].as_str())
            .unwrap_or_default()
            .to_owned();
        self.world.facts.containers.push(json!({
            "version": "0", "id": id, "detail-type": kind, "source": source, "account": ACCOUNT,
            "time": when::zulu(at), "region": REGION, "resources": [resource], "detail": detail,
        }));
    }
}

fn attempt_of(job: &JobKind, from: i64, dice: &mut Dice) -> Try {
    let placed = from + chance::millis(dice, job.queue_ms, 0.3) as i64;
    let slow: f64 = job
        .slow_pull
        .iter()
        .filter(|(window, _)| window.holds(placed))
        .map(|(_, factor)| factor)
        .product();
    let pulled = placed + (chance::millis(dice, job.pull_ms, 0.2) * slow) as i64;
    let work = chance::millis(dice, job.work_ms, 0.2);
    let share = 0.3 + 0.5 * dice.unit();
    let instance = format!("i-{}", dice.hex(17));
    let mut one = Try {
        placed,
        pulled,
        started: Some(pulled + 350),
        stopped: pulled + 350 + work as i64,
        exit_code: Some(0),
        reason: Some("Essential container in task exited".into()),
        container_reason: None,
        instance,
    };
    let holds =
        |windows: &[crate::world::Window]| windows.iter().any(|window| window.holds(placed));
    if holds(&job.unpullable) {
        let image = format!(
            "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}:latest",
            job.name
        );
        let reason = format!(
            "CannotPullContainerError: failed to resolve ref \"{image}\": failed to do request: dial tcp: i/o timeout"
        );
        one.started = None;
        one.stopped = placed + 92_000;
        one.exit_code = None;
        one.reason = Some(if job.batch {
            "Task failed to start".into()
        } else {
            reason.clone()
        });
        one.container_reason = Some(reason);
    } else if holds(&job.reclaimed) {
        one.stopped = pulled + 350 + (work * share) as i64;
        one.exit_code = None;
        one.reason = Some(match job.batch {
            true => format!("Host EC2 (instance {}) terminated.", one.instance),
            false => "Your Spot Task was interrupted.".to_owned(),
        });
    } else if holds(&job.too_big) {
        one.stopped = pulled + 350 + (work * share) as i64;
        one.exit_code = Some(137);
        one.container_reason =
            Some("OutOfMemoryError: Container killed due to memory usage".into());
    }
    one
}

fn task_arn(id: &str) -> String {
    format!(
        "arn:aws:ecs:{REGION}:{ACCOUNT}:task/jobs/{}",
        id.replace('-', "")
    )
}

/// The same with the names of all members beginning with a capital, as Step Functions passes descriptions on.
fn capitalised(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let (head, tail) = name.split_at(1);
                (head.to_uppercase() + tail, capitalised(value))
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(capitalised).collect(),
        other => other,
    }
}
