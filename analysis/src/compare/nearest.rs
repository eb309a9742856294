//! Twins are chosen by what an execution was given, never by how it went.

use model::Execution;
use serde_json::Value;
use std::collections::BTreeSet;

/// Members of an input that are looked at.
const MOST_MEMBERS: usize = 200;
/// An input longer than this is compared by its length alone.
const LONGEST_INPUT: usize = 1 << 18;
const DAY_NS: f64 = 86_400e9;

/// Up to `k` of the candidates that are nearest to the subject: (place, distance), nearest first. The subject
/// itself is left out.
pub fn nearest(subject: &Execution, candidates: &[Execution], k: usize) -> Vec<(usize, f64)> {
    let own = Features::of(subject);
    let others = candidates.iter().enumerate();
    let mut found: Vec<(usize, f64)> = others
        .filter(|(_, it)| it.trace_id != subject.trace_id)
        .map(|(n, it)| (n, own.distance(&Features::of(it))))
        .collect();
    found.sort_by(|a, b| {
        let by_id = || candidates[a.0].trace_id.cmp(&candidates[b.0].trace_id);
        a.1.total_cmp(&b.1).then_with(by_id)
    });
    found.truncate(k);
    found
}

/// How different two executions began: 0 for the same version, input and time.
pub fn distance(a: &Execution, b: &Execution) -> f64 {
    Features::of(a).distance(&Features::of(b))
}

struct Features<'a> {
    execution: &'a Execution,
    length: f64,
    names: BTreeSet<String>,
    values: BTreeSet<String>,
    items: f64,
}

impl<'a> Features<'a> {
    fn of(execution: &'a Execution) -> Self {
        let input = execution.input.as_deref().unwrap_or_default();
        let mut features = Features {
            execution,
            length: input.len() as f64,
            names: BTreeSet::new(),
            values: BTreeSet::new(),
            items: 0.0,
        };
        if input.len() <= LONGEST_INPUT
            && let Ok(Value::Object(members)) = serde_json::from_str(input)
        {
            for (name, value) in members.iter().take(MOST_MEMBERS) {
                features.member(name, value);
            }
        }
        features
    }

    fn member(&mut self, name: &str, value: &Value) {
        self.names.insert(name.to_owned());
        match value {
            Value::Array(items) => self.items += items.len() as f64,
            Value::Object(_) | Value::Null => {}
            scalar => {
                self.values.insert(format!("{name}={scalar}"));
            }
        }
    }

    fn distance(&self, other: &Features<'_>) -> f64 {
        let differ = |a: &Option<String>, b: &Option<String>| f64::from(u8::from(a != b));
        let ratio = |a: f64, b: f64| ((a + 1.0) / (b + 1.0)).ln().abs();
        let (a, b) = (self.execution, other.execution);
        let days = b.start_time.since(a.start_time) as f64 / DAY_NS;
        2.0 * differ(&a.state_machine_version, &b.state_machine_version)
            + differ(&a.state_machine_alias, &b.state_machine_alias)
            + ratio(self.length, other.length)
            + ratio(self.items, other.items)
            + apart(&self.names, &other.names)
            + 0.5 * apart(&self.values, &other.values)
            + 0.1 * days.abs().min(10.0)
    }
}

/// 1 minus the Jaccard similarity.
fn apart(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let both = a.intersection(b).count() as f64;
    let all = (a.len() + b.len()) as f64 - both;
    if all == 0.0 { 0.0 } else { 1.0 - both / all }
}
