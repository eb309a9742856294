//! Whose history is it? Descriptions that lie beside it, or that started at the same instant.

use super::{
    identity::{folder, subject},
    pages::Joined,
    time::parse_time,
};
use crate::durable::engine_of;
use model::{Engine, UnixNanos};
use serde_json::{Map, Value};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

/// A description of an execution, and what identifies it.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub path: PathBuf,
    pub execution_arn: String,
    pub start: Option<UnixNanos>,
    pub document: Map<String, Value>,
}

impl Described {
    pub fn new(path: PathBuf, document: Map<String, Value>) -> Option<Self> {
        let execution_arn = document.get("executionArn")?.as_str()?.to_owned();
        let start = document.get("startDate").and_then(parse_time);
        Some(Described {
            path,
            execution_arn,
            start,
            document,
        })
    }
    fn input(&self) -> Option<&str> {
        self.document.get("input")?.as_str()
    }
}

/// An execution that a parent's history says it started: (ARN, start).
pub(super) type Child = (String, UnixNanos);

/// How far the start in a description may lie from the history's first event, nanoseconds.
const SAME_START: i64 = 1_000_000_000;
/// The same, when nothing but the time speaks for the pair.
const SAME_INSTANT: i64 = 5_000_000;

/// More than anything else can say for a pair.
const CERTAIN: u32 = 100;

/// What a description has that lies in the same file or under the same name.
pub(super) const OWN: u32 = 8;
/// Whatever speaks for a pair.
pub(super) const ANY: u32 = 0;

/// Finds descriptions for histories.
pub(super) struct Pairing<'a> {
    described: &'a [Described],
    children: Vec<Child>,
    by_place: HashMap<PathBuf, Vec<usize>>,
    by_second: HashMap<i64, Vec<usize>>,
    histories_in: HashMap<PathBuf, usize>,
    taken: HashSet<String>,
}

impl<'a> Pairing<'a> {
    pub fn new(histories: &[Joined], described: &'a [Described], children: Vec<Child>) -> Self {
        let mut by_place: HashMap<PathBuf, Vec<usize>> = HashMap::new();
        let mut by_second: HashMap<i64, Vec<usize>> = HashMap::new();
        for (n, one) in described.iter().enumerate() {
            by_place.entry(folder(&one.path)).or_default().push(n);
            if let Some(start) = one.start {
                by_second.entry(start.0 / SAME_START).or_default().push(n);
            }
        }
        let mut histories_in: HashMap<PathBuf, usize> = HashMap::new();
        for history in histories
            .iter()
            .filter(|history| !history.events.is_empty())
        {
            *histories_in.entry(folder(&history.path)).or_default() += 1;
        }
        let taken = histories
            .iter()
            .filter_map(|history| history.execution_arn.clone())
            .collect();
        Pairing {
            described,
            children,
            by_place,
            by_second,
            histories_in,
            taken,
        }
    }

    /// The ARN of the execution that the history is of, if one stands out for which at least so much speaks.
    pub fn find(&mut self, history: &Joined, least: u32) -> Option<String> {
        let place = folder(&history.path);
        let start = first_time(history);
        let second = start.map_or(i64::MIN, |time| time.0 / SAME_START);
        let beside = self
            .by_place
            .get(&place)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let then = (-1..=1).flat_map(|step| {
            self.by_second
                .get(&second.saturating_add(step))
                .map(Vec::as_slice)
                .unwrap_or_default()
        });
        let alone = self.histories_in.get(&place) == Some(&1)
            && beside
                .iter()
                .map(|n| &self.described[*n].execution_arn)
                .collect::<HashSet<_>>()
                .len()
                == 1;
        let input = first_input(history);
        let mut best: Option<(u32, &str)> = None;
        let mut ambiguous = false;
        for n in beside.iter().chain(then) {
            let candidate = &self.described[*n];
            let Some(score) = score(history, candidate, start, input.as_deref(), alone) else {
                continue;
            };
            if score < least || self.taken.contains(&candidate.execution_arn) {
                continue;
            }
            match best {
                Some((held, arn)) if held == score => ambiguous |= arn != candidate.execution_arn,
                Some((held, _)) if held > score => {}
                _ => (best, ambiguous) = (Some((score, candidate.execution_arn.as_str())), false),
            }
        }
        let arn = match best {
            Some((_, arn)) if !ambiguous => arn.to_owned(),
            Some(_) => return None,
            None if least > ANY => return None,
            None => self.child(start?)?,
        };
        self.taken.insert(arn.clone());
        Some(arn)
    }

    /// An execution that another history started at this very instant.
    fn child(&self, start: UnixNanos) -> Option<String> {
        let mut found = self
            .children
            .iter()
            .filter(|(arn, at)| at.since(start).abs() <= SAME_INSTANT && !self.taken.contains(arn))
            .map(|(arn, _)| arn);
        let first = found.next()?;
        found.all(|other| other == first).then(|| first.clone())
    }
}

/// The id of a durable execution, which its first event and its ARN have in common.
fn execution_id(history: &Joined) -> Option<String> {
    if history.engine != Engine::lambda_durable() {
        return None;
    }
    let first = history.events.first().filter(|event| event.id == 1)?;
    let details: Value = serde_json::from_str(&first.details).ok()?;
    details.get("Id")?.as_str().map(str::to_owned)
}

fn ends_with(arn: &str, id: &str) -> bool {
    arn.rsplit('/').next() == Some(id)
}

/// How much speaks for the pair; `None` when something speaks against it, or nothing for it.
fn score(
    history: &Joined,
    candidate: &Described,
    start: Option<UnixNanos>,
    input: Option<&str>,
    alone: bool,
) -> Option<u32> {
    if history.engine != engine_of(&candidate.execution_arn) {
        return None;
    }
    if execution_id(history).is_some_and(|id| ends_with(&candidate.execution_arn, &id)) {
        return Some(CERTAIN);
    }
    let apart = start.zip(candidate.start).map(|(a, b)| a.since(b).abs());
    let same_input = input.zip(candidate.input()).map(|(a, b)| same_json(a, b));
    if apart.is_some_and(|apart| apart > SAME_START) || same_input == Some(false) {
        return None;
    }
    let same_folder = folder(&history.path) == folder(&candidate.path);
    let same_instant = apart.is_some_and(|apart| apart <= SAME_INSTANT);
    let mut score = 0;
    if history.path == candidate.path {
        score += 16;
    } else if same_folder && subject(&history.path) == subject(&candidate.path) {
        score += 8;
    } else if same_folder && alone {
        score += 4;
    }
    score += 2 * u32::from(same_instant);
    (score > 0).then_some(score + u32::from(same_input == Some(true)))
}

fn same_json(a: &str, b: &str) -> bool {
    a == b
        || match (
            serde_json::from_str::<Value>(a),
            serde_json::from_str::<Value>(b),
        ) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
}

fn first_time(history: &Joined) -> Option<UnixNanos> {
    history.events.first().filter(|event| event.id == 1)?.time
}

fn first_input(history: &Joined) -> Option<String> {
    let first = history.events.first().filter(|event| event.id == 1)?;
    let details: Value = serde_json::from_str(&first.details).ok()?;
    let input = details
        .get("input")
        .or_else(|| details.pointer("/Input/Payload"));
    input?.as_str().map(str::to_owned)
}

/// The executions that a history says it started, with their start.
pub(super) fn children_named_in(history: &Joined) -> Vec<Child> {
    let answers = history.events.iter().filter(|event| {
        matches!(event.event_type.as_str(), "TaskSubmitted" | "TaskSucceeded")
            && event.details.contains("startExecution")
    });
    answers
        .filter_map(|event| {
            let details: Value = serde_json::from_str(&event.details).ok()?;
            let answer: Value = serde_json::from_str(details.get("output")?.as_str()?).ok()?;
            let member = |a: &str, b: &str| answer.get(a).or_else(|| answer.get(b)).cloned();
            let arn = member("ExecutionArn", "executionArn")?.as_str()?.to_owned();
            Some((arn, parse_time(&member("StartDate", "startDate")?)?))
        })
        .collect()
}
