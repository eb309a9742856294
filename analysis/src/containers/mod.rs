//! ECS tasks and Batch jobs: from their descriptions to a row and spans, waits and phases apart.
//!
//! Events come doubled and unordered; each description tells what was so at one time. Times are facts that never
//! change once they are there, so any description may tell them; the words are those of the latest one.

pub(crate) mod answer;
pub(crate) mod glue;
mod size;
mod spans;

use model::{Document, DocumentKind, Job, SpanId, TraceId, UnixNanos};
use serde_json::Value;

/// A task or job with its spans: what the builder makes of its descriptions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// The row.
    pub job: Job,
    /// The job, its phases and its tries.
    pub spans: Vec<model::Span>,
}

/// Builds it from all descriptions of one task or job; `None` if none is legible.
pub fn build(documents: &[Document]) -> Option<Container> {
    let mut read: Vec<Read> = documents
        .iter()
        .filter(|it| matches!(it.kind, DocumentKind::Task | DocumentKind::Job))
        .filter_map(Read::new)
        .collect();
    read.sort_by(|a, b| a.age().cmp(&b.age()).then_with(|| a.text.cmp(&b.text)));
    made(All { read })
}

fn made(all: All) -> Option<Container> {
    let latest = all.read.last()?;
    let id = latest.id.clone();
    let trace_id = TraceId::of_execution(&id);
    let mut job = Job {
        trace_id,
        span_id: SpanId::of_parts(&[&id, "job"]),
        job_id: id,
        ..Job::default()
    };
    match latest.task {
        true => all.task(&mut job),
        false => all.batch(&mut job),
    }
    job.duration_ns = job.end_time.map(|end| end.since(job.start_time));
    let tries = if latest.task { Vec::new() } else { all.tries() };
    let mut spans = spans::spans(&job, &tries, &all.phases());
    if let Some(whole) = spans.first_mut() {
        whole.attributes.extend(all.size(all.is_task(), &tries));
    }
    Some(Container { job, spans })
}

/// One try of a Batch job.
#[derive(Debug, Clone, Default, PartialEq)]
struct Try {
    start: Option<UnixNanos>,
    end: Option<UnixNanos>,
    exit_code: Option<i64>,
    reason: Option<String>,
}

/// A part of the time before, or after, it ran.
#[derive(Debug, Clone, PartialEq)]
struct Phase {
    name: &'static str,
    start: UnixNanos,
    end: UnixNanos,
}

/// One description.
struct Read {
    task: bool,
    id: String,
    body: Value,
    text: String,
}

impl Read {
    fn new(document: &Document) -> Option<Read> {
        Some(Read {
            task: document.kind == DocumentKind::Task,
            id: document.execution_arn.clone(),
            body: serde_json::from_str(&document.body).ok()?,
            text: document.body.clone(),
        })
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.body.pointer(pointer)
    }

    fn text(&self, pointer: &str) -> Option<String> {
        let text = self.at(pointer)?.as_str()?;
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }

    fn time(&self, pointer: &str) -> Option<UnixNanos> {
        seconds(self.at(pointer)?)
    }

    /// Later descriptions sort behind earlier ones.
    fn age(&self) -> (bool, i64, i64) {
        let ended = self.time("/stoppedAt").is_some();
        let version = self.at("/version").and_then(Value::as_i64).unwrap_or(0);
        let seen = self.time("/observedAt").or(self.time("/startedAt"));
        (ended, version, seen.map_or(0, |time| time.0))
    }
}

fn seconds(value: &Value) -> Option<UnixNanos> {
    let seconds = value
        .as_f64()
        .filter(|it| it.is_finite() && *it > 0.0 && *it < 9e9)?;
    Some(UnixNanos((seconds * 1e6).round() as i64 * 1_000))
}

/// All descriptions, oldest first.
struct All {
    read: Vec<Read>,
}

impl All {
    fn text(&self, pointer: &str) -> Option<String> {
        self.read.iter().rev().find_map(|it| it.text(pointer))
    }

    fn int(&self, pointer: &str) -> Option<i64> {
        self.read
            .iter()
            .rev()
            .find_map(|it| it.at(pointer)?.as_i64())
    }

    fn time(&self, pointer: &str) -> Option<UnixNanos> {
        self.read.iter().rev().find_map(|it| it.time(pointer))
    }

    /// When an event said that a Batch job had come to this status.
    fn came_to(&self, status: &str) -> Option<UnixNanos> {
        let told = self
            .read
            .iter()
            .filter(|it| it.text("/status").as_deref() == Some(status));
        told.filter_map(|it| it.time("/observedAt")).min()
    }

    fn is_task(&self) -> bool {
        self.read.last().is_some_and(|it| it.task)
    }

    fn task(&self, job: &mut Job) {
        job.service = "ecs".to_owned();
        job.queue = self.text("/clusterArn").map(|arn| last(&arn));
        job.definition = self.text("/taskDefinitionArn");
        job.name = job.definition.as_deref().map(family).unwrap_or_default();
        job.image = self.text("/containers/0/image");
        job.status = self.text("/lastStatus").unwrap_or_default();
        job.stop_code = self.text("/stopCode");
        job.reason = self
            .container_reason()
            .or_else(|| self.text("/stoppedReason"));
        job.exit_code = self.exit_code();
        let code = job.stop_code.as_deref().unwrap_or_default();
        let stopped = self.text("/stoppedReason").unwrap_or_default();
        job.spot_reclaimed = matches!(code, "SpotInterruption" | "TerminationNotice")
            || stopped.contains("Spot Task was interrupted");
        job.failed = job.exit_code.is_some_and(|code| code != 0)
            || job.spot_reclaimed
            || matches!(code, "TaskFailedToStart" | "InfrastructureHealth");
        job.attempts = 1;
        job.start_time = self.time("/createdAt").unwrap_or_default();
        job.run_time = self.time("/startedAt");
        job.end_time = self.time("/stoppedAt");
        let pull = self.time("/pullStartedAt");
        let pulled = self.time("/pullStoppedAt");
        let ran = self.time("/executionStoppedAt").or(job.end_time);
        job.provision_ns = pull.map(|pull| pull.since(job.start_time));
        job.pull_ns = pulled.zip(pull).map(|(end, start)| end.since(start));
        job.boot_ns = job
            .run_time
            .zip(pulled)
            .map(|(end, start)| end.since(start));
        job.run_ns = ran.zip(job.run_time).map(|(end, start)| end.since(start));
    }

    fn batch(&self, job: &mut Job) {
        job.service = "batch".to_owned();
        job.queue = self.text("/jobQueue").map(|arn| last(&arn));
        job.definition = self.text("/jobDefinition");
        job.name = self.text("/jobName").unwrap_or_default();
        job.image = self.text("/container/image");
        job.status = self.text("/status").unwrap_or_default();
        job.reason = self
            .text("/container/reason")
            .or_else(|| self.text("/statusReason"));
        job.exit_code = self.int("/container/exitCode");
        job.log_stream = self.text("/container/logStreamName");
        job.failed = job.status == "FAILED";
        let tries = self.tries();
        let reclaimed =
            |reason: &str| reason.starts_with("Host EC2") && reason.contains("terminated");
        let reasons = tries.iter().filter_map(|it| it.reason.as_deref());
        job.spot_reclaimed = reasons
            .chain(self.text("/statusReason").as_deref())
            .any(reclaimed);
        job.attempts = i64::try_from(tries.len())
            .unwrap_or(i64::MAX)
            .max(i64::from(self.time("/startedAt").is_some()));
        job.array_size = self.int("/arrayProperties/size");
        job.array_index = self.int("/arrayProperties/index");
        let parent = job
            .job_id
            .rsplit_once(':')
            .filter(|_| job.array_index.is_some());
        job.parent_job_id = parent.map(|(parent, _)| parent.to_owned());
        job.depends_on = self.depends_on();
        job.start_time = self.time("/createdAt").unwrap_or_default();
        let first = tries.iter().filter_map(|it| it.start).min();
        job.run_time = first.or_else(|| self.time("/startedAt"));
        job.end_time = self.time("/stoppedAt");
        let host = self.came_to("STARTING").or(job.run_time);
        job.queue_ns = host.map(|host| host.since(job.start_time));
        job.boot_ns = job.run_time.zip(host).map(|(end, start)| end.since(start));
        job.run_ns = job
            .end_time
            .zip(job.run_time)
            .map(|(end, start)| end.since(start));
    }

    fn tries(&self) -> Vec<Try> {
        let longest = self
            .read
            .iter()
            .filter_map(|it| it.at("/attempts")?.as_array());
        let longest = longest.max_by_key(|list| list.len());
        let read = |value: &Value| Try {
            start: value.get("startedAt").and_then(seconds),
            end: value.get("stoppedAt").and_then(seconds),
            exit_code: value.pointer("/container/exitCode").and_then(Value::as_i64),
            reason: ["/container/reason", "/statusReason"]
                .iter()
                .find_map(|pointer| value.pointer(pointer)?.as_str())
                .map(str::to_owned),
        };
        longest.into_iter().flatten().map(read).collect()
    }

    fn exit_code(&self) -> Option<i64> {
        let latest = self.read.last()?;
        let containers = latest.at("/containers")?.as_array()?;
        let codes: Vec<i64> = containers
            .iter()
            .filter_map(|it| it.get("exitCode")?.as_i64())
            .collect();
        codes
            .iter()
            .copied()
            .find(|code| *code != 0)
            .or(codes.first().copied())
    }

    /// `OutOfMemoryError: …` and `CannotPullContainerError: …` stand with the container.
    fn container_reason(&self) -> Option<String> {
        let containers = self.read.last()?.at("/containers")?.as_array()?;
        let reasons = containers
            .iter()
            .filter_map(|it| it.get("reason")?.as_str());
        reasons
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .next()
    }

    fn depends_on(&self) -> Option<String> {
        let list = self
            .read
            .iter()
            .rev()
            .find_map(|it| it.at("/dependsOn")?.as_array())?;
        let ids: Vec<&str> = list
            .iter()
            .filter_map(|it| it.get("jobId")?.as_str())
            .collect();
        (!ids.is_empty()).then(|| Value::from(ids).to_string())
    }

    fn phases(&self) -> Vec<Phase> {
        let task = self.read.last().is_some_and(|it| it.task);
        let created = self.time("/createdAt");
        let tries = self.tries();
        let began = tries
            .iter()
            .filter_map(|it| it.start)
            .min()
            .or_else(|| self.time("/startedAt"));
        let marks: Vec<(&'static str, Option<UnixNanos>)> = match task {
            true => vec![
                ("provisioning", created),
                ("image pull", self.time("/pullStartedAt")),
                ("container start", self.time("/pullStoppedAt")),
                ("run", self.time("/startedAt")),
                (
                    "stop",
                    self.time("/executionStoppedAt").filter(|_| began.is_some()),
                ),
                ("", self.time("/stoppedAt")),
            ],
            false => vec![
                ("submitted", created),
                ("waiting for capacity", self.came_to("RUNNABLE")),
                ("starting", self.came_to("STARTING")),
                ("run", began),
                ("", self.time("/stoppedAt")),
            ],
        };
        let known: Vec<(&'static str, UnixNanos)> = marks
            .into_iter()
            .filter_map(|(name, time)| Some((name, time?)))
            .collect();
        known
            .windows(2)
            .filter(|pair| pair[1].1 >= pair[0].1)
            .map(|pair| Phase {
                name: pair[0].0,
                start: pair[0].1,
                end: pair[1].1,
            })
            .collect()
    }
}

/// The last part of an ARN.
fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

/// `…:task-definition/sample-fargate:1` → `sample-fargate`.
fn family(definition: &str) -> String {
    let name = last(definition);
    name.rsplit_once(':')
        .map_or(name.clone(), |(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests;
