//! Where a job or a task in a container stayed: in its queue, waiting for its image, at work. By its row, where its
//! events are held, else by the times that it told the workflow.

use super::{clues, scene::Scene};
use model::{Attempt, Job, UnixNanos};
use serde_json::Value;

/// Where it stayed, nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stay {
    /// From its creation until somebody was found to run it.
    pub queued_ns: Option<i64>,
    /// It was created and never ran.
    pub never_ran: bool,
    /// Its queue, as its events name it.
    pub queue: Option<String>,
    /// Why it waits or was ended, in the service's words.
    pub reason: String,
}

/// The stay of what an attempt waited for; none if nothing tells.
pub(crate) fn of(job: Option<&Job>, attempt: &Attempt) -> Option<Stay> {
    const WAIT: [&str; 5] = ["batch", "ecs", "glue", "eks", "emr"];
    if !WAIT.iter().any(|it| attempt.resource_type.contains(it)) {
        return None;
    }
    match job {
        Some(job) => Some(by_row(job, attempt)),
        None => by_answer(attempt),
    }
}

fn by_row(job: &Job, attempt: &Attempt) -> Stay {
    let queued = job.queue_ns.or(job.provision_ns).or_else(|| {
        let started = job.run_time?;
        Some(started.since(job.start_time))
    });
    let waiting = matches!(
        job.status.as_str(),
        "SUBMITTED" | "PENDING" | "RUNNABLE" | "PROVISIONING"
    );
    // Its last event may not be held: what the answer says goes before.
    let answered = by_answer(attempt).is_some_and(|it| it.queued_ns.is_some());
    let never_ran = waiting && job.run_time.is_none() && !answered;
    let ended = attempt.end_time.map(|it| it.since(job.start_time));
    Stay {
        queued_ns: queued.or(ended.filter(|_| never_ran)),
        never_ran,
        queue: job.queue.clone().filter(|_| job.service == "batch"),
        reason: job.reason.clone().unwrap_or_default(),
    }
}

/// By what the job told the workflow when it ended, in the cause of a failure too.
fn by_answer(attempt: &Attempt) -> Option<Stay> {
    let text = attempt.output.as_deref().or(attempt.cause.as_deref())?;
    let answer: Value = serde_json::from_str(text).ok()?;
    let at = |names: &[&str]| names.iter().find_map(|name| time_of(answer.get(*name)?));
    let tries = answer.get("Attempts").and_then(Value::as_array);
    let first = tries
        .into_iter()
        .flatten()
        .filter_map(|it| time_of(it.get("StartedAt")?))
        .min();
    let created = at(&["CreatedAt", "createdAt"])
        .or_else(|| Some(attempt.submitted_time.unwrap_or(attempt.start_time).0));
    // A task has its host when it begins to pull.
    let began = at(&["PullStartedAt"])
        .or(first)
        .or_else(|| at(&["StartedAt", "startedAt"]));
    let queued = by_glue(&answer, attempt).or_else(|| Some(began? - created?));
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let ended = attempt.status.is_failure() && attempt.output.is_none();
    let listed = tries.is_some_and(Vec::is_empty) && ended;
    queued.or(listed.then_some(0))?;
    Some(Stay {
        queued_ns: queued.map(|it| it.max(0)),
        never_ran: queued.is_none() && listed,
        queue: text("JobQueue").map(|it| clues::last_part(&it)),
        reason: text("StatusReason")
            .or_else(|| text("StoppedReason"))
            .unwrap_or_default(),
    })
}

/// A Glue run tells its seconds at work apart from the time between its start and its end.
fn by_glue(answer: &Value, attempt: &Attempt) -> Option<i64> {
    if !attempt.resource_type.contains("glue") {
        return None;
    }
    let ran = answer
        .get("ExecutionTime")?
        .as_f64()
        .filter(|it| *it >= 0.0)?;
    let from = attempt.submitted_time.unwrap_or(attempt.start_time);
    let whole = attempt.end_time?.since(from);
    Some((whole - (ran * 1e9) as i64).max(0))
}

/// Nanoseconds of a time as AWS tells it: text, or a number of milliseconds or seconds.
pub(super) fn time_of(value: &Value) -> Option<i64> {
    if let Some(text) = value.as_str() {
        let time: jiff::Timestamp = text.parse().ok()?;
        return i64::try_from(time.as_nanosecond()).ok();
    }
    let number = value.as_f64().filter(|it| *it > 0.0)?;
    let seconds = if number > 1e11 { number / 1e3 } else { number };
    Some((seconds * 1e9) as i64)
}

/// Who keeps a job waiting: its queue, by its events or by what was asked for, else who was asked.
pub(super) fn keeper(attempt: &Attempt, stay: &Stay) -> (&'static str, String) {
    if let Some(queue) = &stay.queue {
        return ("queue", queue.clone());
    }
    let input = attempt
        .input
        .as_deref()
        .and_then(|it| serde_json::from_str::<Value>(it).ok());
    let asked = |name: &str| input.as_ref()?.get(name)?.as_str().map(clues::last_part);
    let queue = asked("JobQueue").map(|it| ("queue", it));
    queue
        .or_else(|| clues::callee(attempt))
        .unwrap_or(("state", attempt.state.clone()))
}

/// When a job was created, if its row is held.
pub(super) fn created(scene: &Scene, attempt: &Attempt) -> Option<UnixNanos> {
    scene.job(attempt).map(|it| it.start_time)
}
