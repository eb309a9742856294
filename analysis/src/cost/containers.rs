//! Fargate and Batch: vCPU, memory and disk by the second from the image pull to the stop, a minute at least (AWS
//! Fargate pricing page; Batch itself costs nothing, AWS Batch pricing page). Glue: see `containers::glue`.
//!
//! The span of a task or job says its size: `inquest.container.vcpus`, `inquest.container.memory_mb`,
//! `inquest.container.billed_ns` (from the image pull to the stop), `aws.ecs.launchtype`, `host.arch`, `os.type`. Where no
//! state-change event of a job is held, the answer of its `.sync` task says the same; where that does not either, the bill
//! is partial and names the job.

use super::{Bill, Place, Quantity, units_of, wasted::Wasted};
use crate::containers::{
    answer::{action, answered, waits},
    glue::GlueRun,
};
use model::{Attempt, Span, SpanId, Status, Value};
use std::collections::{HashMap, HashSet};

/// A task pays for a minute at least.
const SHORTEST_NS: i64 = 60_000_000_000;
/// Disk that is included, GB.
const FREE_STORAGE_GB: f64 = 20.0;
/// Quantities are counted in thousandths, sizes of containers are that fine at most.
const FINE: f64 = 1_000.0;
const HOUR_NS: i128 = 3_600_000_000_000;

pub(super) fn bill(bill: &mut Bill<'_>, wasted: &Wasted) {
    let attempts: HashMap<SpanId, &Attempt> = bill
        .facts
        .attempts
        .iter()
        .map(|it| (it.span_id, it))
        .collect();
    let above: HashMap<SpanId, SpanId> = bill
        .facts
        .joins
        .iter()
        .filter(|join| matches!(join.child.kind.as_str(), "span" | "job"))
        .map(|join| (join.child.span_id, join.parent.span_id))
        .collect();
    let parents: HashMap<SpanId, SpanId> = bill
        .facts
        .spans
        .iter()
        .map(|it| (it.span_id, it.parent_span_id))
        .collect();
    let containers: Vec<&Span> = bill
        .facts
        .spans
        .iter()
        .filter(|it| it.attributes.contains_key(VCPUS))
        .collect();
    let mut billed = HashSet::new();
    for span in containers {
        let attempt = attempt_above(span, &parents, &above, &attempts);
        billed.extend(attempt.map(|it| it.span_id));
        let place = Place {
            span_id: span.span_id,
            resource: name(span),
            ..attempt.map_or_else(Place::default, |it| place_of(it, wasted))
        };
        container(bill, &place, span);
    }
    for attempt in bill.facts.attempts {
        if !billed.contains(&attempt.span_id) && began(attempt) {
            told(bill, &place_of(attempt, wasted), attempt);
        }
    }
}

fn place_of(attempt: &Attempt, wasted: &Wasted) -> Place {
    Place {
        state: attempt.state.clone(),
        path: attempt.path.clone(),
        attempt: Some(attempt.attempt),
        span_id: attempt.span_id,
        invocation: None,
        resource: String::new(),
        waste: wasted.waste(attempt.span_id, attempt.status),
    }
}

/// True if a try started a job that is billed by itself.
fn began(attempt: &Attempt) -> bool {
    let starts = [
        ("ecs", "runTask"),
        ("batch", "submitJob"),
        ("glue", "startJobRun"),
    ];
    let submitted = attempt.submitted_time.is_some() || attempt.status == Status::Succeeded;
    let answers = || {
        attempt
            .cause
            .as_deref()
            .is_some_and(|it| it.starts_with('{'))
    };
    (waits(attempt) || starts.contains(&action(attempt))) && (submitted || answers())
}

/// The job of a try of which no event is held: by its answer, or by name as what is missing.
fn told(bill: &mut Bill<'_>, place: &Place, attempt: &Attempt) {
    let held = answered(attempt);
    let mut spans: Vec<Span> = held
        .into_iter()
        .filter_map(|it| it.spans.into_iter().next())
        .collect();
    spans.retain(|it| it.attributes.contains_key(VCPUS));
    for span in &spans {
        let place = Place {
            resource: name(span),
            ..place.clone()
        };
        container(bill, &place, span);
    }
    if !spans.is_empty() {
        return;
    }
    if let Some(run) = GlueRun::of(attempt) {
        return glue(bill, place, &run);
    }
    let resource = asked(attempt);
    let (service, _) = action(attempt);
    let note = format!(
        "what the {service} job {resource} used is told neither by its events nor by the answer: it is not counted"
    );
    let place = Place {
        resource,
        ..place.clone()
    };
    bill.missing(&place, "job", "", note);
}

fn glue(bill: &mut Bill<'_>, place: &Place, run: &GlueRun) {
    let place = Place {
        resource: run.name.clone(),
        ..place.clone()
    };
    let Some(amount) = run.unit_seconds else {
        let note = format!(
            "the size of Glue job {} is not told: it is not counted",
            run.name
        );
        return bill.missing(&place, "glue_dpu", "DPU-h", note);
    };
    let quantity = Quantity {
        amount,
        per: GlueRun::FINE * 3_600,
    };
    // A note that says which job has no price.
    let note = match (run.note, bill.book.price(bill.region, run.price)) {
        ("", None) => format!("Glue job {} is not counted", run.name),
        (note, None) => format!("Glue job {} is not counted; {note}", run.name),
        (note, Some(_)) => note.to_owned(),
    };
    bill.add(&place, "glue_dpu", run.price, "DPU-h", quantity, &note);
}

/// What a try asked for, in its own words.
fn asked(attempt: &Attempt) -> String {
    const NAMES: [&str; 7] = [
        "JobName",
        "TaskDefinition",
        "JobDefinition",
        "ProjectName",
        "TrainingJobName",
        "TransformJobName",
        "Name",
    ];
    let input: Option<serde_json::Value> = attempt
        .input
        .as_deref()
        .and_then(|it| serde_json::from_str(it).ok());
    let told = NAMES
        .iter()
        .find_map(|name| input.as_ref()?.get(*name)?.as_str());
    let told = told.or(attempt.job_id.as_deref());
    told.unwrap_or(&attempt.state).to_owned()
}

const VCPUS: &str = "inquest.container.vcpus";
const MEMORY: &str = "inquest.container.memory_mb";
const BILLED: &str = "inquest.container.billed_ns";
const STORAGE: &str = "inquest.container.storage_gb";
const LAUNCH: &str = "aws.ecs.launchtype";
const INSTANCE: &str = "host.type";
const INSTANCE_VCPUS: &str = "inquest.container.host_vcpus";
const INSTANCE_MEMORY: &str = "inquest.container.host_memory_mb";

/// The try that a span lies below, a few steps up.
fn attempt_above<'a>(
    span: &Span,
    parents: &HashMap<SpanId, SpanId>,
    joins: &HashMap<SpanId, SpanId>,
    attempts: &HashMap<SpanId, &'a Attempt>,
) -> Option<&'a Attempt> {
    let mut id = span.span_id;
    for _ in 0..8 {
        if let Some(attempt) = attempts.get(&id) {
            return Some(attempt);
        }
        id = *joins.get(&id).or_else(|| parents.get(&id))?;
    }
    None
}

fn container(bill: &mut Bill<'_>, place: &Place, span: &Span) {
    let told = number(span, BILLED).map(|ns| ns as i64);
    if told == Some(0) {
        // It stopped before anything was pulled or run.
        return;
    }
    let length = told.unwrap_or_else(|| span.end_time.since(span.start_time));
    let length = length.max(SHORTEST_NS);
    // Billed by whole seconds.
    let length = i128::from(units_of(length, 1_000_000_000)) * 1_000_000_000;
    let hours = |size: f64| Quantity {
        amount: (size.clamp(0.0, 1e9) * FINE).round() as i128 * length,
        per: HOUR_NS * FINE as i128,
    };
    let vcpus = number(span, VCPUS).unwrap_or(0.0);
    let memory_gb = number(span, MEMORY).unwrap_or(0.0) / 1_024.0;
    let launch = text(span, LAUNCH).unwrap_or_default().to_ascii_uppercase();
    if launch.starts_with("EC2") {
        return on_instance(bill, place, span, length);
    }
    let spot = launch.contains("SPOT");
    let (architecture, assumed) = match text(span, "host.arch") {
        _ if text(span, "os.type") == Some("windows") => ("windows", false),
        Some("arm64" | "aarch64" | "ARM64") => ("arm64", false),
        Some(_) => ("x86_64", false),
        None => ("x86_64", true),
    };
    let mut notes = Vec::new();
    if assumed {
        notes.push("architecture of the task is unknown: x86_64 assumed");
    }
    if told.is_none() {
        notes.push("the time from the image pull to the stop is not told: the whole is billed");
    }
    if span.attributes.contains_key("aws.batch.job.id") {
        notes.push("Batch does not tell the image pull: it is not in the time");
    }
    if spot {
        notes.push("Fargate Spot: priced on demand, up to 70 % too high");
    }
    let note = notes.join("; ");
    let price = |what: &str| format!("fargate_{what}_{architecture}");
    bill.add(
        place,
        "fargate_vcpu",
        &price("vcpu_hour"),
        "vCPU-h",
        hours(vcpus),
        &note,
    );
    bill.add(
        place,
        "fargate_memory",
        &price("gb_hour"),
        "GB-h",
        hours(memory_gb),
        &note,
    );
    let storage = number(span, STORAGE).unwrap_or(0.0) - FREE_STORAGE_GB;
    if storage > 0.0 {
        let (item, price) = ("fargate_storage", "fargate_storage_gb_hour");
        bill.add(place, item, price, "GB-h", hours(storage), "");
    }
}

/// A share of an instance: the larger of the shares of its vCPUs and of its memory.
fn on_instance(bill: &mut Bill<'_>, place: &Place, span: &Span, length: i128) {
    let Some(kind) = text(span, INSTANCE) else {
        let note = format!(
            "the instance type under {} is not known: the job's share of it is not counted",
            place.resource
        );
        return bill.missing(place, "batch_ec2", "instance-h", note);
    };
    let share = |asked: &str, held: &str| {
        let held = number(span, held).filter(|held| *held > 0.0)?;
        Some(number(span, asked)? / held)
    };
    let cpu = share(VCPUS, INSTANCE_VCPUS);
    let memory = share(MEMORY, INSTANCE_MEMORY);
    let Some(share) = cpu.into_iter().chain(memory).reduce(f64::max) else {
        let note = format!("the size of {kind} is not known: the job's share of it is not counted");
        return bill.missing(place, "batch_ec2", "instance-h", note);
    };
    let quantity = Quantity {
        amount: (share.clamp(0.0, 1.0) * FINE).round() as i128 * length,
        per: HOUR_NS * FINE as i128,
    };
    let note = "share of an instance on demand; its idle time and discounts are not in it";
    bill.add(
        place,
        "batch_ec2",
        &format!("ec2_hour:{kind}"),
        "instance-h",
        quantity,
        note,
    );
}

fn name(span: &Span) -> String {
    let names = [
        "aws.ecs.task.family",
        "aws.batch.job.definition",
        "container.name",
    ];
    let told = names.iter().find_map(|name| text(span, name));
    told.map_or_else(|| span.name.clone(), str::to_owned)
}

fn text<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    match span.attributes.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn number(span: &Span, name: &str) -> Option<f64> {
    match span.attributes.get(name)? {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number).filter(|it| it.is_finite()),
        Value::String(text) => text.parse().ok().filter(|it: &f64| it.is_finite()),
        _ => None,
    }
}
