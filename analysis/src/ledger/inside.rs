//! What happened inside of a try: on its way, starting a runtime, computing, calling others, waiting for an answer.

use super::{
    Facts,
    jobs::{self, Life},
    walk::Use,
};
use crate::{containers::answer::waits, lambda::time_is_unknown};
use model::{
    Attempt, ColdStart, Invocation, Span, SpanId, SpanKind, SpanSource, TimeCategory, TraceId,
    Value,
};
use std::collections::{HashMap, HashSet};

/// A piece of a try: from, to, what for.
pub(super) type Part = (i64, i64, Use);

/// Invocations and spans by the try that they are in.
pub(super) struct Insides<'a> {
    invocations: HashMap<SpanId, Vec<&'a Invocation>>,
    /// Calls to others by invocation.
    calls: HashMap<SpanId, Vec<&'a Span>>,
    /// The life of the job or container of each try.
    lives: HashMap<SpanId, Life>,
    map_runs: HashSet<SpanId>,
}

impl<'a> Insides<'a> {
    pub(super) fn of(facts: &Facts<'a>) -> Self {
        let by_span: HashMap<(TraceId, SpanId), &Invocation> = facts
            .invocations
            .iter()
            .map(|it| ((it.trace_id, it.span_id), it))
            .collect();
        let mut invocations: HashMap<SpanId, Vec<&Invocation>> = HashMap::new();
        let mut roots: Vec<((TraceId, SpanId), SpanId)> = Vec::new();
        for join in facts.joins {
            let child = (join.child.trace_id, join.child.span_id);
            match (join.child.kind.as_str(), join.parent.kind.as_str()) {
                ("invocation", _) => {
                    let held = invocations.entry(join.parent.span_id).or_default();
                    held.extend(by_span.get(&child));
                }
                ("span", "invocation" | "attempt") => roots.push((child, join.parent.span_id)),
                _ => {}
            }
        }
        for held in invocations.values_mut() {
            held.sort_by_key(|it| (it.start_time, it.span_id));
            held.dedup_by_key(|it| it.span_id);
        }
        let below = Below::of(facts);
        let mut calls = HashMap::new();
        for (root, parent) in roots {
            let held: &mut Vec<&Span> = calls.entry(parent).or_default();
            held.extend(below.calls(root));
        }
        for invocation in facts.invocations {
            // Instrumentation that follows the trace of the execution hangs on the invocation itself.
            let held: &mut Vec<&Span> = calls.entry(invocation.span_id).or_default();
            held.extend(below.calls((invocation.trace_id, invocation.span_id)));
        }
        Insides {
            invocations,
            calls,
            lives: below.lives(facts),
            map_runs: map_runs(facts),
        }
    }

    pub(super) fn has_map_run(&self, state: SpanId) -> bool {
        self.map_runs.contains(&state)
    }

    /// The time of a try from `lo` to `hi`, in order, without gap or overlap.
    pub(super) fn parts(&self, attempt: &Attempt, lo: i64, hi: i64) -> Vec<Part> {
        let mut parts = Parts::new(lo, hi);
        if let Some(error) = attempt.error.as_deref().filter(|error| is_throttle(error)) {
            parts.until(hi, Use::new(TimeCategory::Throttling, error));
            return parts.done;
        }
        let started = attempt.started_time.map(|it| it.0);
        let life = self.lives.get(&attempt.span_id);
        // A history may leave the submission out, where the answer tells when it was.
        let begun = || Some(life?.parts.first()?.0.max(lo)).filter(|_| waits(attempt));
        let submitted = attempt.submitted_time.map(|it| it.0).or_else(begun);
        let calls_function = attempt.function_name.is_some() || attempt.resource_type == "lambda";
        match started.or(submitted) {
            Some(started) => parts.until(started, Use::new(TimeCategory::Queueing, "scheduled")),
            None if attempt.resource_type == "activity" => {
                parts.until(hi, Use::new(TimeCategory::Queueing, "no worker took it"));
            }
            None => {}
        }
        let answered = submitted.unwrap_or(hi);
        if calls_function {
            self.function(attempt, answered, &mut parts);
        } else if attempt.resource_type == "activity" {
            let worker = attempt.worker.as_deref().unwrap_or("activity worker");
            parts.until(answered, Use::new(TimeCategory::Compute, worker));
        } else if attempt.resource_type == "step" {
            // Code of the workflow itself, which is a function.
            parts.until(
                answered,
                Use::new(TimeCategory::Compute, "code of the step"),
            );
        } else {
            let what = Use::new(TimeCategory::Downstream, service(attempt));
            parts.until(answered, what);
        }
        if submitted.is_some() {
            self.after_submission(attempt, hi, &mut parts);
        }
        parts.until(hi, Use::new(TimeCategory::Orchestration, "answer"));
        parts.done
    }

    fn function(&self, attempt: &Attempt, until: i64, parts: &mut Parts) {
        let invocations = self.invocations.get(&attempt.span_id);
        let Some(invocations) = invocations.filter(|held| !held.is_empty()) else {
            let name = attempt.function_name.as_deref().unwrap_or("function");
            let what = Use::new(
                TimeCategory::Compute,
                format!("{name} (its log is not held)"),
            );
            return parts.until(until, what.estimated());
        };
        for invocation in invocations {
            self.invocation(invocation, until, parts);
        }
        parts.until(until, Use::new(TimeCategory::Orchestration, "answer"));
    }

    fn invocation(&self, invocation: &Invocation, until: i64, parts: &mut Parts) {
        let length = invocation.duration_ns.unwrap_or(0).max(0);
        let (start, end) = match time_is_unknown(invocation) {
            // Only its length is known: it ended with the answer.
            true => (until.saturating_sub(length), until),
            false => {
                let start = invocation.start_time.0;
                let end = invocation.end_time.map(|it| it.0);
                (start, end.unwrap_or(start.saturating_add(length)))
            }
        };
        let span = invocation.span_id;
        let name = invocation.function_name.as_str();
        let (before, inside) = cold(invocation);
        let way = Use::new(TimeCategory::Queueing, "on its way to the function");
        parts.until(start.saturating_sub(before.1).min(until), way);
        parts.until(
            start.min(until),
            Use::new(TimeCategory::ColdStart, format!("{} of {name}", before.0)).of_span(span),
        );
        parts.until(
            start.saturating_add(inside).min(until),
            Use::new(TimeCategory::ColdStart, format!("repeated init of {name}")).of_span(span),
        );
        let compute = Use::new(TimeCategory::Compute, name).of_span(span);
        if let Some(calls) = self.calls.get(&span) {
            calls_inside(calls, end.min(until), &compute, parts);
        }
        parts.until(end.min(until), compute);
    }

    /// From the submission on the engine waits: for a token, or for a job.
    fn after_submission(&self, attempt: &Attempt, hi: i64, parts: &mut Parts) {
        if attempt.resource.ends_with(".waitForTaskToken") {
            return parts.until(hi, Use::new(TimeCategory::Callback, "task token"));
        }
        if attempt.resource_type == "callback" {
            return parts.until(hi, Use::new(TimeCategory::Callback, "callback"));
        }
        if let Some(child) = &attempt.child_execution_arn {
            let name = started(child);
            let what = Use::new(TimeCategory::Downstream, format!("execution of {name}"));
            return parts.until(hi, what);
        }
        if let Some(life) = self.lives.get(&attempt.span_id) {
            for (from, to, what) in &life.parts {
                let gap = Use::new(TimeCategory::Queueing, "between phases of the job");
                parts.until(*from, gap);
                parts.until(*to, what.clone());
            }
            if life.ended {
                let what = Use::new(TimeCategory::Orchestration, "the job had ended");
                return parts.until(hi, what);
            }
        }
        let what = Use::new(TimeCategory::Compute, format!("{} (job)", service(attempt)));
        parts.until(hi, what.estimated());
    }
}

/// The state machine or durable function of an execution.
fn started(child: &str) -> &str {
    match child.split_once("/durable-execution/") {
        Some((function, _)) => function.split(':').nth(6).unwrap_or(function),
        None => child.rsplit(':').nth(1).unwrap_or(child),
    }
}

/// What a runtime's start took before START, and in the invocation's own time; nanoseconds.
fn cold(invocation: &Invocation) -> ((&'static str, i64), i64) {
    let nanos = |ms: Option<f64>| {
        let ms = ms.filter(|ms| ms.is_finite() && *ms > 0.0);
        ms.map_or(0, |ms| (ms * 1e6).round() as i64)
    };
    match invocation.cold_start {
        ColdStart::Init => (("init", nanos(invocation.init_duration_ms)), 0),
        ColdStart::SnapstartRestore => (("restore", nanos(invocation.restore_duration_ms)), 0),
        ColdStart::FailedInit => (("init", 0), nanos(invocation.init_duration_ms)),
        _ => (("init", 0), 0),
    }
}

/// Alternates own work and calls: walked back from the end, what finished last is what was waited for.
fn calls_inside(calls: &[&Span], end: i64, compute: &Use, parts: &mut Parts) {
    let mut calls: Vec<&&Span> = calls
        .iter()
        .filter(|it| it.end_time > it.start_time)
        .collect();
    calls.sort_by_key(|it| (std::cmp::Reverse(it.end_time), it.start_time, it.span_id));
    let mut cursor = end;
    let mut found = Vec::new();
    for call in calls {
        let (from, to) = (
            call.start_time.0.max(parts.cursor),
            call.end_time.0.min(cursor),
        );
        if from < to {
            found.push((from, to, *call));
            cursor = from;
        }
    }
    for (from, to, call) in found.into_iter().rev() {
        parts.until(from, compute.clone());
        let what = Use::new(TimeCategory::Downstream, peer(call)).of_span(call.span_id);
        parts.until(to, what);
    }
}

/// Pieces that follow each other.
struct Parts {
    done: Vec<Part>,
    cursor: i64,
    hi: i64,
}

impl Parts {
    fn new(lo: i64, hi: i64) -> Self {
        Parts {
            done: Vec::new(),
            cursor: lo,
            hi,
        }
    }

    /// Everything from where the last piece ended until then.
    fn until(&mut self, until: i64, what: Use) {
        let until = until.min(self.hi);
        if until > self.cursor {
            self.done.push((self.cursor, until, what));
            self.cursor = until;
        }
    }
}

/// Spans of applications by what encloses them.
struct Below<'a> {
    children: HashMap<(TraceId, SpanId), Vec<&'a Span>>,
    spans: HashMap<(TraceId, SpanId), &'a Span>,
}

impl<'a> Below<'a> {
    fn of(facts: &Facts<'a>) -> Self {
        let mut below = Below {
            children: HashMap::new(),
            spans: HashMap::new(),
        };
        let foreign = facts
            .spans
            .iter()
            .filter(|span| !matches!(span.source, SpanSource::Workflow | SpanSource::Lambda));
        for span in foreign {
            below.spans.insert((span.trace_id, span.span_id), span);
            let above = (span.trace_id, span.parent_span_id);
            below.children.entry(above).or_default().push(span);
        }
        below
    }

    /// The outermost calls to others at or below a span.
    fn calls(&self, root: (TraceId, SpanId)) -> Vec<&'a Span> {
        let mut calls = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.spans.get(&id) {
                Some(span) if matches!(span.kind, SpanKind::Client | SpanKind::Producer) => {
                    calls.push(*span);
                }
                _ => open.extend(
                    self.children
                        .get(&id)
                        .into_iter()
                        .flatten()
                        .map(|span| (span.trace_id, span.span_id)),
                ),
            }
        }
        calls
    }

    /// Of the task or job that each try waited for; of several, of the one that ended last. What state-change events tell
    /// comes before what the answer does.
    fn lives(&self, facts: &Facts<'_>) -> HashMap<SpanId, Life> {
        let mut last: HashMap<SpanId, &Span> = HashMap::new();
        for join in facts.joins.iter().filter(|join| join.child.kind == "job") {
            let id = (join.child.trace_id, join.child.span_id);
            if let Some(job) = self.spans.get(&id) {
                let held = last.entry(join.parent.span_id).or_insert(job);
                if (job.end_time, job.span_id) > (held.end_time, held.span_id) {
                    *held = job;
                }
            }
        }
        let mut lives: HashMap<SpanId, Life> = HashMap::new();
        for (attempt, job) in last {
            let below = self.children.get(&(job.trace_id, job.span_id));
            let below = below.into_iter().flatten().copied();
            lives.insert(attempt, jobs::held(job, below));
        }
        for attempt in facts.attempts {
            let known = lives.get(&attempt.span_id).is_some_and(|it| it.ended);
            if !known && let Some(life) = jobs::told(attempt) {
                lives.insert(attempt.span_id, life);
            }
        }
        lives
    }
}

fn map_runs(facts: &Facts<'_>) -> HashSet<SpanId> {
    let told = facts.spans.iter().filter(|span| {
        span.source == SpanSource::Workflow && span.attributes.contains_key("aws.sfn.map_run.arn")
    });
    told.map(|span| span.span_id).collect()
}

/// Refused because of a limit on rate or concurrency, in the words of Lambda, of AWS' SDKs, and of HTTP.
pub(crate) fn is_throttle(error: &str) -> bool {
    const WORDS: [&str; 8] = [
        "TooManyRequests",
        "Throttl",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
        "SlowDown",
        "ConcurrentInvocationLimitExceeded",
        "ReservedFunctionConcurrentInvocationLimitExceeded",
        "StatusCode.429",
    ];
    WORDS.iter().any(|word| error.contains(word))
}

/// Whom a try without a function calls.
fn service(attempt: &Attempt) -> String {
    match (attempt.resource_type.as_str(), attempt.resource.as_str()) {
        ("", "") => "a service".to_owned(),
        ("", resource) => resource.to_owned(),
        (kind, "") => kind.to_owned(),
        (kind, resource) => format!("{kind}:{resource}"),
    }
}

/// Whom a client span calls.
fn peer(span: &Span) -> String {
    const NAMES: [&str; 9] = [
        "peer.service",
        "aws.remote.service",
        "db.system.name",
        "db.system",
        "rpc.service",
        "messaging.destination.name",
        "server.address",
        "net.peer.name",
        "http.host",
    ];
    let told = NAMES
        .iter()
        .find_map(|name| match span.attributes.get(*name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        });
    told.unwrap_or_else(|| span.name.clone())
}
