//! What a job was given to work with, as it tells the workflow itself: workers, instances, processors, memory. Less of it
//! than in healthy runs makes the same work take longer.

use super::{
    clue::{self, Clue},
    clues,
    profile::Profile,
    scene::Scene,
    slow::Excess,
};
use model::{Attempt, Category, time::human_duration};
use serde_json::Value;
use std::collections::BTreeMap;

/// Healthy runs that tell what it usually is.
const KNOWN: usize = 3;
/// Values of one answer, and how deep they lie.
const MOST: usize = 24;
const DEEPEST: usize = 5;

/// Members of answers of Glue, Batch, ECS, EMR, SageMaker and EKS that tell how much there was to work with.
const NAMES: [&str; 17] = [
    "NumberOfWorkers",
    "MaxCapacity",
    "AllocatedCapacity",
    "InstanceCount",
    "Vcpus",
    "VCPU",
    "Cpu",
    "Memory",
    "MEMORY",
    "DesiredCount",
    "TargetCapacity",
    "WorkerType",
    "InstanceType",
    "Parallelism",
    "ExecutorInstances",
    "MaxDpus",
    "DPU",
];

/// What an attempt was given, by the names that the services use.
pub(super) fn of(attempt: &Attempt) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let waited = attempt.resource.contains(".sync")
        || attempt.resource.contains("Job")
        || attempt.resource.contains("Task");
    for text in [attempt.input.as_deref(), attempt.output.as_deref()] {
        let text = text.filter(|it| waited && it.len() < 200_000);
        if let Some(value) = text.and_then(|it| serde_json::from_str::<Value>(it).ok()) {
            walk(&value, 0, &mut found);
        }
    }
    found
}

fn walk(value: &Value, depth: usize, found: &mut BTreeMap<String, f64>) {
    if depth > DEEPEST || found.len() >= MOST {
        return;
    }
    for item in value.as_array().into_iter().flatten().take(8) {
        // `{"Type": "VCPU", "Value": "4"}`
        let kind = item.get("Type").and_then(Value::as_str);
        if let (Some(kind), Some(told)) = (kind, item.get("Value")) {
            note(kind, told, found);
        }
        walk(item, depth + 1, found);
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match member {
            Value::Object(_) | Value::Array(_) => walk(member, depth + 1, found),
            told => note(name, told, found),
        }
    }
}

fn note(name: &str, told: &Value, found: &mut BTreeMap<String, f64>) {
    if !NAMES.contains(&name) {
        return;
    }
    let number = told.as_f64().or_else(|| {
        let text = told.as_str()?;
        text.parse().ok().or_else(|| size(text))
    });
    if let Some(number) = number.filter(|it| *it > 0.0 && it.is_finite()) {
        found.insert(name.to_owned(), number);
    }
}

/// How large a worker or an instance is: `G.2X`, `ml.m5.4xlarge`.
fn size(text: &str) -> Option<f64> {
    let last = text.rsplit('.').next()?.to_lowercase();
    if let Some(times) = text.strip_prefix("G.").and_then(|it| it.strip_suffix('X')) {
        let small = times
            .strip_prefix('0')
            .and_then(|it| it.parse::<f64>().ok());
        return small.map(|it| it / 100.0).or_else(|| times.parse().ok());
    }
    let named = match last.as_str() {
        "nano" => 0.03,
        "micro" => 0.06,
        "small" => 0.125,
        "medium" => 0.25,
        "large" => 0.5,
        "xlarge" => 1.0,
        other => other.strip_suffix("xlarge")?.parse().ok()?,
    };
    Some(named)
}

/// The clue against a job that had less to work with than in healthy runs.
pub(super) fn less(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Option<Clue> {
    let own = of(attempt);
    let given =
        |it: &&Profile, name: &str| it.states.get(&attempt.state)?.equipment.get(name).copied();
    let lacking = own.iter().find_map(|(name, value)| {
        let usual: Vec<f64> = scene
            .healthy
            .iter()
            .filter_map(|it| given(it, name))
            .collect();
        let least = usual.iter().copied().fold(f64::INFINITY, f64::min);
        (usual.len() >= KNOWN && *value * 1.3 <= least).then_some((name, *value, least))
    });
    let (field, now, before) = lacking?;
    let (kind, name) = clues::callee(attempt).unwrap_or(("state", attempt.state.clone()));
    let took = human_duration(attempt.duration_ns.unwrap_or_default());
    let changed = format!("{name} {field} {before} → {now}");
    let mechanism = format!(
        "{name} had {field} {now} in {}, {before} in healthy runs, and took {took} instead of {}",
        attempt.state,
        human_duration(excess.usual_ns)
    );
    let end = attempt.end_event_id.and_then(|id| scene.event(id));
    Some(
        Clue::new(
            clue::entity(scene, kind, &name, &[&attempt.path]),
            Category::Capacity,
            0.93,
            mechanism,
        )
        .with(
            end.map(|it| clue::event(it, format!("{name} ran with {field} {now} and took {took}"))),
        )
        .changed(Some(changed)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_compared() {
        let check = |text: &str, expect: Option<f64>| assert_eq!(size(text), expect, "{text}");
        check("G.1X", Some(1.0));
        check("G.8X", Some(8.0));
        check("G.025X", Some(0.25));
        check("ml.m5.4xlarge", Some(4.0));
        check("c6i.large", Some(0.5));
        check("SUCCEEDED", None);
    }

    #[test]
    fn what_services_tell_is_found() {
        let told = |output: &str| {
            let attempt = Attempt {
                resource: "submitJob.sync".into(),
                output: Some(output.into()),
                ..Attempt::default()
            };
            of(&attempt)
        };
        let batch = told(
            r#"{"Container":{"ResourceRequirements":[{"Type":"VCPU","Value":"4"}],"Memory":2048}}"#,
        );
        assert_eq!((batch["VCPU"], batch["Memory"]), (4.0, 2048.0));
        let glue = told(r#"{"NumberOfWorkers":2,"WorkerType":"G.1X","ExecutionTime":2272}"#);
        assert_eq!(glue.len(), 2);
    }
}
