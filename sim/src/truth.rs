//! What really happened: the difference between a world with the fault and the same world without it.

use crate::emit::{Coverage, lambda, otlp};
use crate::facts::Recorded;
use crate::faults::{Crime, Guilt};
use crate::setting::Setting;
use demo::run::Event;
use model::Category;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The answer to a mystery: `truth.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Seed.
    pub seed: u64,
    /// Difficulty, 0 to 5.
    pub tier: u8,
    /// Name in the catalogue; for tier 0 what happened instead.
    pub fault: String,
    /// Which trades and shapes.
    pub family: crate::setting::Family,
    /// What was planted to mislead.
    pub herrings: Vec<String>,
    /// The executions that are asked about.
    pub cases: Vec<CaseTruth>,
}

/// The answer for one execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseTruth {
    /// ARN.
    pub execution: String,
    /// `verdict` or `no_crime`.
    pub outcome: String,
    /// Kind of the culprit.
    pub kind: Option<String>,
    /// Name of the culprit.
    pub culprit: Option<String>,
    /// Of what.
    pub category: Option<String>,
    /// Other answers that are as true: (name, category).
    pub also: Vec<(String, String)>,
    /// How it ended, and how it would have ended.
    pub status: (String, String),
    /// How long it took, and would have taken, milliseconds.
    pub duration_ms: (i64, i64),
    /// Facts that the fault caused.
    pub caused: BTreeSet<String>,
    /// Facts that belong to the same attempts, invocations and changes.
    pub contributing: BTreeSet<String>,
}

/// Slower than this share of its pair, and by this much, is a symptom.
const SLOW_SHARE: f64 = 1.6;
const SLOW_MS: i64 = 900;

/// Compares; `None` when no execution was touched.
pub(crate) fn compare(
    with: &Setting,
    without: &Setting,
    crime: &Crime,
    coverage: Coverage,
) -> Vec<CaseTruth> {
    let plain: HashMap<&str, &Recorded> = without
        .world
        .facts
        .runs
        .iter()
        .map(|run| (run.run.name.as_str(), run))
        .collect();
    let mut healthy: Vec<i64> = with
        .world
        .facts
        .runs
        .iter()
        .filter(|run| run.started < with.t0 && run.run.machine == with.machine)
        .map(|run| run.ended - run.started)
        .collect();
    healthy.sort_unstable();
    // The first run finds everything cold.
    let usual = healthy.iter().rev().nth(1).copied().unwrap_or(0);
    let mut cases = Vec::new();
    for run in with
        .world
        .facts
        .runs
        .iter()
        .filter(|run| run.run.machine == with.machine && run.started >= with.t0)
    {
        let Some(pair) = plain.get(run.run.name.as_str()) else {
            continue;
        };
        let (took, would) = (run.ended - run.started, pair.ended - pair.started);
        let slower =
            took > (would as f64 * SLOW_SHARE) as i64 && took - would > SLOW_MS && took > usual;
        let worse =
            run.status != pair.status || (run.status == "SUCCEEDED" && path(run) != path(pair));
        if pair.status != "SUCCEEDED" || !(worse || slower) {
            continue;
        }
        let guilt = crime.single.get(&run.run.name).unwrap_or(&crime.guilt);
        cases.push(case(with, without, run, pair, guilt, coverage));
    }
    cases
}

/// The states that were entered, as a set: order within blocks does not count.
fn path(run: &Recorded) -> BTreeSet<String> {
    let entered = run
        .run
        .events
        .iter()
        .filter(|event| event.kind.ends_with("StateEntered"));
    entered.map(|event| name(event).to_owned()).collect()
}

fn case(
    with: &Setting,
    without: &Setting,
    run: &Recorded,
    pair: &Recorded,
    guilt: &Guilt,
    coverage: Coverage,
) -> CaseTruth {
    let mut truth = CaseTruth {
        execution: run.run.arn.clone(),
        outcome: "verdict".into(),
        kind: Some(guilt.kind.into()),
        culprit: Some(guilt.name.clone()),
        category: Some(guilt.category.as_str().into()),
        also: guilt
            .also
            .iter()
            .map(|(name, category)| (name.clone(), category.as_str().to_owned()))
            .collect(),
        status: (run.status.into(), pair.status.into()),
        duration_ms: (run.ended - run.started, pair.ended - pair.started),
        caused: BTreeSet::new(),
        contributing: BTreeSet::new(),
    };
    let family: Vec<(&Recorded, Option<&Recorded>)> = relatives(with, run)
        .into_iter()
        .map(|run| {
            (
                run,
                without
                    .world
                    .facts
                    .runs
                    .iter()
                    .find(|other| other.run.arn == run.run.arn),
            )
        })
        .collect();
    let mut guilty = guilt.also.iter().map(|(name, _)| name);
    let of_job = |name: &String| with.world.jobs.contains_key(name);
    if guilt.kind == "job" || guilty.any(of_job) {
        hosts(&family, &mut truth);
    }
    let mut names = BTreeSet::new();
    for (run, pair) in &family {
        events(run, *pair, &mut truth);
        names.insert(run.run.name.clone());
    }
    lines(with, without, &names, coverage, &mut truth);
    spans(with, without, &names, coverage, &mut truth);
    truth
}

/// Where a host was taken away, its name is as true as that of the job.
fn hosts(family: &[(&Recorded, Option<&Recorded>)], truth: &mut CaseTruth) {
    let text: String = family
        .iter()
        .flat_map(|(run, _)| &run.run.events)
        .filter_map(|event| event.details.as_ref())
        .map(|(_, details)| details.to_string())
        .collect();
    let category = Category::Infrastructure.as_str();
    let mut found: BTreeSet<String> = BTreeSet::new();
    for part in text.split("(instance ").skip(1) {
        found.extend(part.split(')').next().map(str::to_owned));
    }
    truth
        .also
        .extend(found.into_iter().map(|host| (host, category.to_owned())));
}

/// The execution and those that it started, and they.
fn relatives<'a>(setting: &'a Setting, run: &'a Recorded) -> Vec<&'a Recorded> {
    let mut all = vec![run];
    let mut at = 0;
    while at < all.len() {
        let text: String = all[at]
            .run
            .events
            .iter()
            .filter(|event| event.kind == "TaskSubmitted")
            .filter_map(|event| event.details.as_ref())
            .map(|(_, details)| details.to_string())
            .collect();
        for other in &setting.world.facts.runs {
            if text.contains(&other.run.arn)
                && !all.iter().any(|held| held.run.arn == other.run.arn)
            {
                all.push(other);
            }
        }
        at += 1;
    }
    all
}

/// What an event is and says, apart from ids and times.
struct Told {
    key: String,
    says: String,
    gap: i64,
    id: usize,
    previous: usize,
}

fn events(run: &Recorded, pair: Option<&Recorded>, truth: &mut CaseTruth) {
    let held: HashMap<String, Told> = pair
        .map(told)
        .unwrap_or_default()
        .into_iter()
        .map(|told| (told.key.clone(), told))
        .collect();
    let all = told(run);
    let reference = |id: usize| format!("event:{}#{id}", run.run.arn);
    let mut near = BTreeSet::new();
    for told in &all {
        let caused = match held.get(&told.key) {
            None => true,
            Some(other) => other.says != told.says || differs(told.gap, other.gap),
        };
        if caused {
            truth.caused.insert(reference(told.id));
            near.insert(told.previous);
        }
    }
    for told in &all {
        if near.contains(&told.id) {
            truth.contributing.insert(reference(told.id));
        }
    }
    truth.contributing.insert(reference(1));
}

fn differs(a: i64, b: i64) -> bool {
    (a - b).abs() > 150 && (a - b).abs() as f64 > 0.25 * a.max(b) as f64
}

fn told(run: &Recorded) -> Vec<Told> {
    let history = run.run.history(i64::MAX);
    let mut keys: Vec<String> = vec![String::new(); history.len() + 1];
    let mut places: Vec<String> = vec![String::new(); history.len() + 1];
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Vec::with_capacity(history.len());
    for (id, previous, event) in &history {
        let before = places[*previous].clone();
        let details = event.details.as_ref().map(|(_, details)| details);
        let text = |member: &str| {
            details
                .and_then(|details| details[member].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        places[*id] = if event.kind == "MapIterationStarted" {
            let index = details
                .and_then(|details| details["index"].as_i64())
                .unwrap_or(0);
            format!("{}[{index}]", text("name"))
        } else if event.kind == "MapStateExited" || event.kind == "MapStateSucceeded" {
            String::new()
        } else {
            before
        };
        let stem = match event.kind.ends_with("StateEntered") {
            true => format!("{}/{}", places[*id], text("name")),
            false => format!(
                "{}>{}:{}:{}",
                keys[*previous],
                event.kind,
                text("name"),
                details.map_or(0, |details| details["index"].as_i64().unwrap_or(0))
            ),
        };
        let nth = seen
            .entry(stem.clone())
            .and_modify(|nth| *nth += 1)
            .or_insert(1);
        keys[*id] = short(&format!("{stem}#{nth}"));
        let at = history
            .get(previous.wrapping_sub(1))
            .map_or(event.at, |(_, _, previous)| previous.at);
        let output = if event.kind.ends_with("Exited") || event.kind.contains("Succeeded") {
            shape(&text("output"))
        } else {
            String::new()
        };
        all.push(Told {
            key: keys[*id].clone(),
            says: format!("{}{output}", text("error")),
            gap: event.at - at,
            id: *id,
            previous: *previous,
        });
    }
    all
}

/// Keys of long chains are kept short.
fn short(key: &str) -> String {
    match key.len() {
        0..=200 => key.to_owned(),
        _ => model::TraceId::of_parts(&[key]).to_string(),
    }
}

/// Which members an output has, and how long it is to a power of two: values with ids in them always differ.
fn shape(output: &str) -> String {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(output) else {
        return String::new();
    };
    let mut members = Vec::new();
    let mut open = vec![(String::new(), &value)];
    while let Some((place, value)) = open.pop() {
        match value {
            serde_json::Value::Object(held) => open.extend(
                held.iter()
                    .map(|(name, value)| (format!("{place}.{name}"), value)),
            ),
            serde_json::Value::Null => members.push(format!("{place}=null")),
            serde_json::Value::Number(number) => members.push(format!(
                "{place}={}",
                number.as_f64().is_some_and(|n| n > 0.0)
            )),
            _ => members.push(place),
        }
    }
    members.sort();
    format!("{members:?}{}", output.len().checked_ilog2().unwrap_or(0))
}

fn name(event: &Event) -> &str {
    event
        .details
        .as_ref()
        .and_then(|(_, details)| details["name"].as_str())
        .unwrap_or_default()
}

/// Lines of the calls that these executions made.
fn lines(
    with: &Setting,
    without: &Setting,
    names: &BTreeSet<String>,
    coverage: Coverage,
    truth: &mut CaseTruth,
) {
    let mine = |key: &str| names.iter().any(|name| key.starts_with(name.as_str()));
    let held: HashMap<&str, (&str, f64)> = without
        .world
        .facts
        .lines
        .values()
        .flatten()
        .map(|line| (line.key.as_str(), (line.says.as_str(), line.millis)))
        .collect();
    let mut touched = BTreeSet::new();
    let all: Vec<_> = with
        .world
        .facts
        .lines
        .values()
        .flatten()
        .filter(|line| mine(&line.key) && lambda::arrives(with, line, coverage))
        .collect();
    for line in &all {
        let same = held.get(line.key.as_str()).is_some_and(|(says, millis)| {
            *says == line.says && !differs(line.millis as i64, *millis as i64)
        });
        if !same {
            truth.caused.insert(lambda::reference(with, line));
            touched.insert(line.key.rsplit_once('/').map_or("", |(call, _)| call));
        }
    }
    for line in &all {
        if line
            .key
            .rsplit_once('/')
            .is_some_and(|(call, _)| touched.contains(call))
        {
            truth.contributing.insert(lambda::reference(with, line));
            truth.contributing.extend(invocation(line));
        }
    }
}

/// How SQL calls the invocation that a line begins.
fn invocation(line: &crate::facts::Line) -> Vec<String> {
    let marks = ["START RequestId: ", "\"requestId\":\""];
    let id = marks
        .iter()
        .find_map(|mark| line.text.split_once(mark)?.1.get(..36));
    let Some(id) = id.filter(|_| line.says.starts_with("START")) else {
        return Vec::new();
    };
    (0..2)
        .map(|ordinal| {
            let ordinal = ordinal.to_string();
            let parts = ["invocation", id, &line.stream, &ordinal];
            format!(
                "span:{}/{}",
                model::TraceId::of_parts(&parts),
                model::SpanId::of_parts(&parts)
            )
        })
        .collect()
}

fn spans(
    with: &Setting,
    without: &Setting,
    names: &BTreeSet<String>,
    coverage: Coverage,
    truth: &mut CaseTruth,
) {
    let mine = |key: &str| names.iter().any(|name| key.starts_with(name.as_str()));
    let held: HashMap<&str, (bool, i64)> = without
        .world
        .facts
        .spans
        .iter()
        .map(|span| {
            (
                span.key.as_str(),
                (
                    span.span.error.is_some(),
                    span.span.end_ns - span.span.start_ns,
                ),
            )
        })
        .collect();
    let mut traces = BTreeSet::new();
    let all: Vec<_> = with
        .world
        .facts
        .spans
        .iter()
        .filter(|span| mine(&span.key) && otlp::arrives(with, span, coverage))
        .collect();
    for span in &all {
        let took = span.span.end_ns - span.span.start_ns;
        let same = held.get(span.key.as_str()).is_some_and(|(error, length)| {
            *error == span.span.error.is_some() && !differs(took / 1_000_000, length / 1_000_000)
        });
        if !same {
            truth.caused.insert(otlp::reference(span));
            traces.insert(span.span.trace_id.clone());
        }
    }
    for span in &all {
        if traces.contains(&span.span.trace_id) {
            truth.contributing.insert(otlp::reference(span));
        }
    }
}
