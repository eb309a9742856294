//! Which attributes tell two groups apart, best first, and which only go along with a better one.

use super::consequence::Course;
use super::significance::{Table, conditional_p, q_values};
use crate::baseline::{Run, general_path};
use model::compare::Distinguishing;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Executions that must have a value before it is looked at.
const SUPPORT: usize = 5;
/// Values of one attribute that are looked at, the most frequent ones.
const MOST_VALUES: usize = 50;
/// Attributes in all.
const MOST: usize = 5_000;
/// Rows of the answer.
const SHOWN: usize = 50;
/// Sure enough to be told, and to explain others.
const SURE: f64 = 0.05;
/// A conditional difference that may well be chance.
const CHANCE: f64 = 0.05;
/// An input longer than this is not taken apart.
const LONGEST_INPUT: usize = 1 << 18;

/// Attributes of one execution: text by name and value, numbers by name.
#[derive(Default)]
struct Attributes {
    words: BTreeSet<(String, String)>,
    numbers: BTreeMap<String, f64>,
}

impl Attributes {
    fn word(&mut self, name: impl Into<String>, value: Option<&str>) {
        if let Some(value) = value.filter(|value| value.len() <= 200 && self.words.len() < MOST) {
            self.words.insert((name.into(), value.to_owned()));
        }
    }

    fn of(run: &Run<'_>) -> Self {
        let mut all = Attributes::default();
        let execution = run.execution;
        all.word("state_machine", Some(&execution.state_machine));
        all.word(
            "state_machine_version",
            execution.state_machine_version.as_deref(),
        );
        all.word(
            "state_machine_alias",
            execution.state_machine_alias.as_deref(),
        );
        all.word("region", execution.region.as_deref());
        all.word("account", execution.account.as_deref());
        let length = execution.input.as_ref().map(String::len);
        all.numbers
            .extend(length.map(|it| ("input_bytes".to_owned(), it as f64)));
        all.numbers
            .insert("iterations".to_owned(), f64::from(execution.iterations));
        if let Some(text) = execution
            .input
            .as_deref()
            .filter(|it| it.len() <= LONGEST_INPUT)
            && let Ok(input) = serde_json::from_str::<Value>(text)
        {
            all.input("input", &input, 0);
        }
        all.inside(run);
        all
    }

    fn input(&mut self, name: &str, value: &Value, depth: usize) {
        match value {
            Value::Object(members) if depth < 3 => {
                for (member, value) in members.iter().take(100) {
                    self.input(&format!("{name}.{member}"), value, depth + 1);
                }
            }
            Value::Array(items) => {
                self.numbers
                    .insert(format!("{name}.length"), items.len() as f64);
            }
            Value::String(text) => self.word(name, Some(text)),
            Value::Bool(truth) => self.word(name, Some(if *truth { "true" } else { "false" })),
            Value::Number(number) => {
                self.word(name, Some(&number.to_string()));
                self.numbers
                    .extend(number.as_f64().map(|it| (name.to_owned(), it)));
            }
            _ => {}
        }
    }

    fn inside(&mut self, run: &Run<'_>) {
        for state in run.states {
            let path = general_path(&state.path);
            self.word("visited", Some(&path));
            if state.caught {
                self.word("caught", Some(&path));
            }
            self.word(format!("error:{path}"), state.error.as_deref());
        }
        for attempt in run.attempts {
            let path = general_path(&attempt.path);
            if attempt.retry {
                self.word("retried", Some(&path));
            }
            self.word(format!("worker:{path}"), attempt.worker.as_deref());
        }
        for invocation in run.invocations {
            let name = &invocation.function_name;
            self.word(
                format!("function_version:{name}"),
                invocation.function_version.as_deref(),
            );
            self.word(
                format!("runtime_version:{name}"),
                invocation.runtime_version.as_deref(),
            );
            if invocation.cold_start.is_cold() == Some(true) {
                self.word("cold_start", Some(name));
            }
            let memory = invocation.memory_size_mb;
            self.numbers
                .extend(memory.map(|it| (format!("memory_mb:{name}"), it as f64)));
        }
    }
}

/// One thing that an execution has or has not, for the executions of A and then of B.
struct Feature {
    attribute: String,
    value: String,
    has: Vec<bool>,
    /// Values of the same attribute that were looked at: so many chances to find something.
    tries: usize,
}

/// What tells A from B.
pub(super) fn distinguishing(a: &[Run<'_>], b: &[Run<'_>]) -> Vec<Distinguishing> {
    let all: Vec<Attributes> = a.iter().chain(b).map(Attributes::of).collect();
    let mut features = words(&all);
    features.extend(thresholds(&all, a.len()));
    features.truncate(MOST);
    let table = |feature: &Feature| table(&feature.has, a.len(), |_| true);
    let p: Vec<f64> = features
        .iter()
        .map(|it| (table(it).p_value() * it.tries as f64).min(1.0))
        .collect();
    let q = q_values(&p);
    let mut found: Vec<(f64, f64, &Feature)> = features
        .iter()
        .zip(&q)
        .filter(|(_, q)| **q <= SURE)
        .map(|(feature, q)| (table(feature).log_odds(), *q, feature))
        .collect();
    found.sort_by(|x, y| {
        let order = y.0.abs().total_cmp(&x.0.abs());
        order.then_with(|| (&x.2.attribute, &x.2.value).cmp(&(&y.2.attribute, &y.2.value)))
    });
    found.truncate(SHOWN);
    let machines: Vec<&str> = a
        .iter()
        .chain(b)
        .map(|it| it.execution.state_machine.as_str())
        .collect();
    let explained = explained(&found, a.len(), &machines);
    let course = Course::of(a, b);
    let mut told: Vec<Distinguishing> = found
        .iter()
        .zip(explained)
        .map(|((score, q_value, feature), explained_by)| {
            let table = table(feature);
            let share = |with: f64, without: f64| with / (with + without).max(1.0);
            Distinguishing {
                attribute: feature.attribute.clone(),
                value: feature.value.clone(),
                count_a: table.with_a as u64,
                count_b: table.with_b as u64,
                share_a: share(table.with_a, table.without_a),
                share_b: share(table.with_b, table.without_b),
                score: *score,
                q_value: *q_value,
                explained_by,
                consequence: course.follows(&feature.attribute, &feature.value, &feature.has),
            }
        })
        .collect();
    // What comes before explains; what only goes along with it and what comes of it stand behind, each in the order of
    // strength.
    told.sort_by_key(|it| (it.consequence, it.explained_by.is_some()));
    told
}

fn words(all: &[Attributes]) -> Vec<Feature> {
    let mut counts: BTreeMap<&str, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for (n, attributes) in all.iter().enumerate() {
        for (name, value) in &attributes.words {
            counts
                .entry(name)
                .or_default()
                .entry(value)
                .or_default()
                .push(n);
        }
    }
    let mut features = Vec::new();
    for (name, values) in counts {
        let distinct = values.len();
        // A value of its own for nearly every execution identifies and explains nothing.
        if distinct > 20 && distinct * 2 > values.values().map(Vec::len).sum() {
            continue;
        }
        let mut values: Vec<(&str, Vec<usize>)> = values
            .into_iter()
            .filter(|(_, held)| held.len() >= SUPPORT && held.len() < all.len())
            .collect();
        values.sort_by_key(|(value, held)| (std::cmp::Reverse(held.len()), *value));
        for (value, held) in values.into_iter().take(MOST_VALUES) {
            let mut has = vec![false; all.len()];
            held.iter().for_each(|n| has[*n] = true);
            features.push(Feature {
                attribute: name.to_owned(),
                value: value.to_owned(),
                has,
                // Description length: naming one of many values is cheap to do by chance.
                tries: distinct.max(1),
            });
        }
    }
    features
}

/// For each number the threshold that separates the groups best.
fn thresholds(all: &[Attributes], a: usize) -> Vec<Feature> {
    let names: BTreeSet<&String> = all.iter().flat_map(|it| it.numbers.keys()).collect();
    let mut features = Vec::new();
    for name in names {
        let mut values: Vec<(f64, usize)> = all
            .iter()
            .enumerate()
            .filter_map(|(n, it)| Some((*it.numbers.get(name)?, n)))
            .collect();
        values.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
        let Some((threshold, cuts)) = best_cut(&values, a) else {
            continue;
        };
        let mut has = vec![false; all.len()];
        for (value, n) in &values {
            has[*n] = *value > threshold;
        }
        features.push(Feature {
            attribute: name.clone(),
            value: format!("> {threshold}"),
            has,
            tries: cuts,
        });
    }
    features
}

/// The cut with the largest difference of shares (Kolmogorov-Smirnov), and how many there were.
fn best_cut(values: &[(f64, usize)], a: usize) -> Option<(f64, usize)> {
    let of_a = values.iter().filter(|(_, n)| *n < a).count() as f64;
    let of_b = values.len() as f64 - of_a;
    let (mut seen_a, mut seen_b, mut cuts) = (0.0, 0.0, 0);
    let mut best: Option<(f64, f64)> = None;
    for (at, (value, n)) in values.iter().enumerate() {
        if *n < a {
            seen_a += 1.0;
        } else {
            seen_b += 1.0;
        }
        let Some((next, _)) = values.get(at + 1).filter(|(next, _)| next > value) else {
            continue;
        };
        let enough = at + 1 >= SUPPORT && values.len() - at > SUPPORT;
        if !enough || !next.is_finite() {
            continue;
        }
        cuts += 1;
        let difference: f64 = seen_a / f64::max(of_a, 1.0) - seen_b / f64::max(of_b, 1.0);
        if best.is_none_or(|(held, _)| difference.abs() > held) {
            best = Some((difference.abs(), *value));
        }
    }
    best.map(|(_, threshold)| (threshold, cuts))
}

fn table(has: &[bool], a: usize, among: impl Fn(usize) -> bool) -> Table {
    let mut table = Table::default();
    for (n, has) in has.iter().enumerate().filter(|(n, _)| among(*n)) {
        let cell = match (n < a, has) {
            (true, true) => &mut table.with_a,
            (true, false) => &mut table.without_a,
            (false, true) => &mut table.with_b,
            (false, false) => &mut table.without_b,
        };
        *cell += 1.0;
    }
    table
}

/// What comes first cannot be explained by what comes of it: input and versions, then where it ran, then how it went.
fn stage(attribute: &str) -> u8 {
    match attribute.split(':').next().unwrap_or_default() {
        "visited" | "caught" | "retried" | "error" => 2,
        "cold_start" | "worker" | "iterations" => 1,
        _ => 0,
    }
}

/// Whether a feature only stands for the workflow: among the executions of each workflow it tells nothing. An amount that
/// only one workflow is given sets apart whatever that workflow does.
fn stands_for_machine(feature: &Feature, a: usize, machines: &[&str]) -> bool {
    let distinct: BTreeSet<&str> = machines.iter().copied().collect();
    if distinct.len() < 2 || feature.attribute.starts_with("state_machine") {
        return false;
    }
    let strata: Vec<Table> = distinct
        .into_iter()
        .map(|machine| table(&feature.has, a, |n| machines[n] == machine))
        .collect();
    conditional_p(&strata) > CHANCE
}

/// How a feature is told: `function_version:pay = 8`, `input.amount > 37`.
fn named(feature: &Feature) -> String {
    match feature.value.starts_with("> ") {
        true => format!("{} {}", feature.attribute, feature.value),
        false => format!("{} = {}", feature.attribute, feature.value),
    }
}

/// For each found one: the better one that explains it. Given that one, this tells nothing more, while the
/// other still does given this.
fn explained(found: &[(f64, f64, &Feature)], a: usize, machines: &[&str]) -> Vec<Option<String>> {
    let given = |of: &Feature, by: &Feature| {
        let strata = [true, false].map(|value| table(&of.has, a, |n| by.has[n] == value));
        conditional_p(&strata)
    };
    let by = |n: usize| {
        let (_, _, own) = found[n];
        if stands_for_machine(own, a, machines) {
            return Some("state_machine".to_owned());
        }
        let others = found.iter().enumerate().filter(|(m, _)| *m != n);
        let mut better = others.filter(|(_, (_, _, other))| {
            stage(&other.attribute) <= stage(&own.attribute)
                && own.has != other.has
                && given(own, other) > CHANCE
                && given(other, own) <= CHANCE
        });
        let (_, (_, _, other)) = better.next()?;
        Some(named(other))
    };
    (0..found.len()).map(by).collect()
}
