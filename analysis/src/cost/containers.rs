//! Fargate and Batch: vCPU, memory and disk by the second from the image pull to the stop, a minute at least.
//!
//! The span of a task or job says its size: `inquest.container.vcpus`, `inquest.container.memory_mb`,
//! `inquest.container.billed_ns` (from the image pull to the stop), `aws.ecs.launchtype`, `host.arch`.

use super::{Bill, Place, Quantity, units_of, wasted::Wasted};
use model::{Attempt, Span, SpanId, Value};
use std::collections::HashMap;

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
    for span in containers {
        let attempt = attempt_above(span, &parents, &above, &attempts);
        let place = Place {
            state: attempt.map_or(String::new(), |it| it.state.clone()),
            path: attempt.map_or(String::new(), |it| it.path.clone()),
            attempt: attempt.map(|it| it.attempt),
            span_id: span.span_id,
            invocation: None,
            resource: name(span),
            waste: attempt.map_or_else(Default::default, |it| wasted.waste(it.span_id, it.status)),
        };
        container(bill, &place, span);
    }
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
        let note = "the instance type is not known: the job's share of it is not counted";
        return bill.missing(place, "batch_ec2", "instance-h", note.to_owned());
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
