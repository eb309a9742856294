//! ECS tasks and Batch jobs that executions waited for: asked for until they have ended. ECS forgets a stopped
//! task after an hour, so these are asked for soon; EventBridge tells more, and earlier.

use super::{
    api,
    call::{CallError, Calls},
    check::{self, Tries},
    session::Session,
};
use crate::{
    collect::{About, Check, Collector, Failure, Meter, Outlet, Round, WantedJob},
    containers,
};
use futures::{FutureExt, future::BoxFuture};
use model::Batch;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// Ids of one call: the most that both services take.
const AT_ONCE: usize = 100;
/// Children of one array job that are asked for.
const MOST_CHILDREN: i64 = 10_000;
/// Something that is not found so often is gone.
const PATIENCE: u32 = 5;

/// The collector of one account in one Region.
pub struct Containers {
    calls: Calls,
    /// How often an id was not found.
    unknown: HashMap<String, u32>,
}

impl Containers {
    /// A collector over a session.
    pub fn new(session: Arc<Session>) -> Self {
        Containers {
            calls: Calls::new(session),
            unknown: HashMap::new(),
        }
    }

    async fn go(&mut self, out: &Outlet) -> Result<Round, Failure> {
        let begun = out.now();
        let region = self.calls.session.region.clone();
        let ours = |job: &WantedJob| {
            job.region == region
                && self
                    .unknown
                    .get(&job.id)
                    .is_none_or(|times| *times < PATIENCE)
        };
        let wanted: Vec<WantedJob> = out.wanted().await?.jobs.into_iter().filter(ours).collect();
        let mut clusters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut jobs = Vec::new();
        for job in &wanted {
            match (job.service.as_str(), cluster_of(&job.id)) {
                ("ecs", Some(cluster)) => clusters.entry(cluster).or_default().push(job.id.clone()),
                ("batch", _) => jobs.push(job.id.clone()),
                _ => {}
            }
        }
        for (cluster, tasks) in clusters {
            for part in tasks.chunks(AT_ONCE) {
                let answer = self.tasks(&cluster, part).await?;
                self.take(out, &answer, part).await?;
            }
        }
        for part in jobs.chunks(AT_ONCE) {
            let answer = self.jobs(part).await?;
            self.take(out, &answer, part).await?;
            for children in children_of(&answer).chunks(AT_ONCE) {
                let answer = self.jobs(children).await?;
                self.take(out, &answer, &[]).await?;
            }
        }
        Ok(Round {
            wait: Duration::from_secs(self.calls.session.source.interval_s),
            following: wanted.len() as u64,
            up_to: Some(begun),
            detail: format!("{} tasks and jobs that have not ended", wanted.len()),
            caught_up: true,
            behind: None,
        })
    }

    async fn tasks(&self, cluster: &str, tasks: &[String]) -> Result<Value, Failure> {
        let answer = self
            .calls
            .ask(&api::DESCRIBE_TASKS, |clients, capture| {
                let call = clients.ecs.describe_tasks().cluster(cluster);
                let call = call.set_tasks(Some(tasks.to_vec()));
                async move { call.customize().interceptor(capture).send().await }
            })
            .await;
        match answer {
            Ok(answer) => Ok(answer),
            // The cluster is gone, and its tasks with it.
            Err(CallError::Gone(_) | CallError::Refused(_)) => Ok(Value::Null),
            Err(error) => Err(self.calls.failure(&api::DESCRIBE_TASKS, error)),
        }
    }

    async fn jobs(&self, jobs: &[String]) -> Result<Value, Failure> {
        self.calls
            .ask(&api::DESCRIBE_JOBS, |clients, capture| {
                let call = clients.batch.describe_jobs().set_jobs(Some(jobs.to_vec()));
                async move { call.customize().interceptor(capture).send().await }
            })
            .await
            .map_err(|error| self.calls.failure(&api::DESCRIBE_JOBS, error))
    }

    /// Hands over what the answer describes, and counts what it does not.
    async fn take(
        &mut self,
        out: &Outlet,
        answer: &Value,
        asked: &[String],
    ) -> Result<(), Failure> {
        let documents = containers::documents(answer).unwrap_or_default();
        for id in asked {
            if !documents.iter().any(|it| it.execution_arn == *id) {
                *self.unknown.entry(id.clone()).or_default() += 1;
            }
        }
        out.facts(Batch {
            documents,
            ..Batch::default()
        })
        .await
    }
}

/// `arn:aws:ecs:region:account:task/<cluster>/<id>`; old ARNs have no cluster.
fn cluster_of(task: &str) -> Option<String> {
    let mut parts = task.split_once(":task/")?.1.split('/');
    match (parts.next(), parts.next()) {
        (Some(cluster), Some(_)) => Some(cluster.to_owned()),
        _ => Some("default".to_owned()),
    }
}

fn children_of(answer: &Value) -> Vec<String> {
    let jobs = answer.get("jobs").and_then(Value::as_array);
    let mut children = Vec::new();
    for job in jobs.into_iter().flatten() {
        let size = job.pointer("/arrayProperties/size").and_then(Value::as_i64);
        if let (Some(id), Some(size)) = (job.get("jobId").and_then(Value::as_str), size) {
            children.extend((0..size.min(MOST_CHILDREN)).map(|n| format!("{id}:{n}")));
        }
    }
    children
}

impl Collector for Containers {
    fn about(&self) -> About {
        let session = &self.calls.session;
        About {
            name: format!("{}/containers/{}", session.source.name, session.region),
            kind: "containers".to_owned(),
            place: session.region.clone(),
            stage: 1,
        }
    }

    fn remember(&mut self, _: Value) {}

    fn round<'a>(&'a mut self, out: &'a Outlet) -> BoxFuture<'a, Result<Round, Failure>> {
        Box::pin(self.go(out))
    }

    fn check(&mut self) -> BoxFuture<'_, Vec<Check>> {
        let tries = Tries::all(&self.calls);
        Box::pin(check::containers(tries).map(Tries::done))
    }

    fn reach(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        let tries = Tries::first(&self.calls);
        Box::pin(check::containers(tries).map(Tries::reached))
    }

    fn meter(&self) -> &Meter {
        &self.calls.meter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn clusters_and_children_are_named() {
        assert_eq!(
            cluster_of("arn:aws:ecs:r:1:task/main/0f").as_deref(),
            Some("main")
        );
        assert_eq!(
            cluster_of("arn:aws:ecs:r:1:task/0f").as_deref(),
            Some("default")
        );
        assert_eq!(cluster_of("nonsense"), None);
        let answer = json!({"jobs": [{"jobId": "p", "arrayProperties": {"size": 2}}, {"jobId": "p:0", "arrayProperties": {"index": 0}}]});
        assert_eq!(children_of(&answer), ["p:0", "p:1"]);
    }
}
