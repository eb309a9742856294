//! Numbers that a definition sets (concurrency, waits, time limits, retries), and how two definitions differ in them.

use super::{Profile, scene::Scene};
use serde_json::Value;
use std::collections::BTreeMap;

/// Settings of one definition that are remembered.
const MOST: usize = 120;
/// States inside states.
const DEPTH: usize = 12;
/// Differences that are told.
const TOLD: usize = 3;

/// Fields of a state that are told by their value.
const FIELDS: [&str; 9] = [
    "MaxConcurrency",
    "Seconds",
    "Timestamp",
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "ToleratedFailurePercentage",
    "ToleratedFailureCount",
    "Default",
    "Resource",
];
/// Fields of a rule of Retry.
const RETRY: [&str; 4] = [
    "MaxAttempts",
    "IntervalSeconds",
    "BackoffRate",
    "MaxDelaySeconds",
];

/// What a definition sets, by state and field.
pub(crate) type Settings = BTreeMap<(String, String), String>;

/// The settings of a definition.
pub(crate) fn of(definition: Option<&str>) -> Settings {
    let mut found = Settings::new();
    let value: Option<Value> = definition.and_then(|it| serde_json::from_str(it).ok());
    if let Some(value) = value {
        if let Some(limit) = value.get("TimeoutSeconds") {
            found.insert((String::new(), "TimeoutSeconds".into()), limit.to_string());
        }
        walk(&value, 0, &mut found);
    }
    found
}

fn walk(value: &Value, depth: usize, found: &mut Settings) {
    let states = value.get("States").and_then(Value::as_object);
    for (name, state) in states.into_iter().flatten() {
        if depth > DEPTH || found.len() >= MOST {
            return;
        }
        for field in FIELDS {
            if let Some(value) = state.get(field).and_then(scalar) {
                found.insert((name.clone(), field.to_owned()), value);
            }
        }
        retries(name, state, found);
        for inner in ["ItemProcessor", "Iterator"] {
            if let Some(inner) = state.get(inner) {
                walk(inner, depth + 1, found);
            }
        }
        let branches = state.get("Branches").and_then(Value::as_array);
        for branch in branches.into_iter().flatten() {
            walk(branch, depth + 1, found);
        }
    }
}

fn retries(name: &str, state: &Value, found: &mut Settings) {
    let rules = state.get("Retry").and_then(Value::as_array);
    for (n, rule) in rules.into_iter().flatten().take(4).enumerate() {
        for field in RETRY {
            if let Some(value) = rule.get(field).and_then(scalar) {
                found.insert((name.to_owned(), format!("Retry[{n}].{field}")), value);
            }
        }
        // That there is a rule at all.
        let errors = rule
            .get("ErrorEquals")
            .map(Value::to_string)
            .unwrap_or_default();
        let errors: String = errors.chars().take(60).collect();
        found.insert((name.to_owned(), format!("Retry[{n}]")), errors);
    }
    let catches = state.get("Catch").and_then(Value::as_array).map(Vec::len);
    if let Some(catches) = catches {
        found.insert(
            (name.to_owned(), "Catch".into()),
            format!("{catches} rules"),
        );
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.chars().take(100).collect()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// How the settings of a state differ from those of most healthy runs: `Each MaxConcurrency 10 → 1`. None if they do not,
/// or no other definition is known.
pub(crate) fn changed(scene: &Scene, state: &str) -> Option<String> {
    differences(scene, state, |_| true)
}

/// Whether a state tries again less often than in most healthy runs; none if no other definition is known.
pub(crate) fn retries_less(scene: &Scene, state: &str) -> Option<bool> {
    let now = of(scene.case.execution.definition.as_deref());
    let before = &usual(scene)?.settings;
    let tries = |of: &Settings| -> u32 {
        let rules = of
            .iter()
            .filter(|((name, field), _)| name == state && field.starts_with("Retry["));
        let rules: Vec<_> = rules.collect();
        let told = |n: usize| {
            let field = format!("Retry[{n}].MaxAttempts");
            of.get(&(state.to_owned(), field))
                .and_then(|it| it.parse().ok())
        };
        // Three times is what a rule does that does not say.
        let whole = rules
            .iter()
            .filter(|((_, field), _)| field.ends_with(']'))
            .count();
        (0..whole).map(|n| told(n).unwrap_or(3)).sum()
    };
    Some(tries(&now) < tries(before))
}

/// The same for fields of that name.
pub(crate) fn changed_field(scene: &Scene, state: &str, field: &str) -> Option<String> {
    differences(scene, state, |it| it == field)
}

/// The same for a field that is a smaller number than in most healthy runs.
pub(crate) fn lowered(scene: &Scene, state: &str, field: &str) -> Option<String> {
    let key = (state.to_owned(), field.to_owned());
    let number = |of: &Settings| of.get(&key).and_then(|it| it.parse::<f64>().ok());
    let now = number(&of(scene.case.execution.definition.as_deref()))?;
    let before = number(&usual(scene)?.settings);
    before
        .is_none_or(|it| now < it)
        .then(|| changed_field(scene, state, field))
        .flatten()
}

/// The latest healthy run with another definition, where most of them have another.
fn usual<'a>(scene: &Scene<'a>) -> Option<&'a Profile> {
    scene.case.execution.definition.as_deref()?;
    let id = |text: &str| model::TraceId::of_parts(&["definition", text]);
    let definition = scene.case.execution.definition.as_deref().map(id);
    let other = |it: &&&Profile| it.definition.is_some() && it.definition != definition;
    let others: Vec<_> = scene.healthy.iter().filter(other).collect();
    // One of the minority may be an experiment; most of them are how it was.
    if others.len() * 2 <= scene.healthy.len() {
        return None;
    }
    others.last().map(|it| **it)
}

fn differences(scene: &Scene, state: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    let own = of(scene.case.execution.definition.as_deref());
    let before = &usual(scene)?.settings;
    let fields = own.keys().chain(before.keys());
    let mut fields: Vec<&(String, String)> =
        fields.filter(|it| it.0 == state && fits(&it.1)).collect();
    fields.sort_unstable();
    fields.dedup();
    let none = "none".to_owned();
    let told = fields.into_iter().filter_map(|key| {
        let (old, new) = (
            before.get(key).unwrap_or(&none),
            own.get(key).unwrap_or(&none),
        );
        (old != new).then(|| format!("{} {old} → {new}", key.1))
    });
    let told: Vec<String> = told.take(TOLD).collect();
    let whose = match state {
        "" => scene.case.execution.state_machine.as_str(),
        state => state,
    };
    (!told.is_empty()).then(|| format!("{whose} {}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::of;
    use serde_json::json;

    #[test]
    fn settings_are_found_at_every_depth() {
        let definition = json!({"TimeoutSeconds": 900, "States": {
            "Each": {"Type": "Map", "MaxConcurrency": 10, "ItemProcessor": {"States": {
                "Do": {"Type": "Task", "TimeoutSeconds": 30, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 3}]}}}},
            "Both": {"Type": "Parallel", "Branches": [{"States": {"Nap": {"Type": "Wait", "Seconds": 5}}}]}}});
        let found = of(Some(&definition.to_string()));
        let check = |state: &str, field: &str, expect: &str| {
            let key = (state.to_owned(), field.to_owned());
            assert_eq!(
                found.get(&key).map(String::as_str),
                Some(expect),
                "{state} {field}"
            );
        };
        check("", "TimeoutSeconds", "900");
        check("Each", "MaxConcurrency", "10");
        check("Do", "TimeoutSeconds", "30");
        check("Do", "Retry[0].MaxAttempts", "3");
        check("Nap", "Seconds", "5");
        assert!(of(Some("no JSON")).is_empty());
        assert!(of(None).is_empty());
    }
}
