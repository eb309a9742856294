//! Pages of histories become histories: pages of one file, and of files beside each other.

use super::{
    Event, History, Problem,
    identity::{folder, subject},
};
use model::Engine;
use std::{
    collections::{HashMap, hash_map::Entry},
    path::{Path, PathBuf},
};

/// How many histories of a folder are compared with a page that follows none of them.
const MAX_BESIDE: usize = 1_000;

/// A history put together from its pages.
#[derive(Debug)]
pub(super) struct Joined {
    pub engine: Engine,
    /// The file of its first event.
    pub path: PathBuf,
    pub execution_arn: Option<String>,
    /// By id.
    pub events: Vec<Event>,
    pub problems: Vec<(PathBuf, Problem)>,
    /// There is more behind its last event.
    pub more: bool,
    /// There is more before its first event: pages that come newest first go on there.
    pub more_before: bool,
    by_id: HashMap<u64, usize>,
}

impl Joined {
    fn new(path: PathBuf, page: &History) -> Self {
        Joined {
            engine: page.engine.clone(),
            path,
            execution_arn: page.execution_arn.clone(),
            events: Vec::new(),
            problems: Vec::new(),
            more: false,
            more_before: false,
            by_id: HashMap::new(),
        }
    }
    pub fn first_id(&self) -> u64 {
        self.events.first().map_or(0, |event| event.id)
    }
    pub fn last_id(&self) -> u64 {
        self.events.last().map_or(0, |event| event.id)
    }
    /// True when the event cannot be of this history: its id is taken by another event.
    fn conflicts(&self, event: &Event) -> bool {
        self.by_id
            .get(&event.id)
            .is_some_and(|at| self.events[*at] != *event)
    }
    fn add(&mut self, event: Event) {
        if let Entry::Vacant(entry) = self.by_id.entry(event.id) {
            entry.insert(self.events.len());
            self.events.push(event);
        }
    }
    fn sort(&mut self) {
        self.events.sort_by_key(|event| event.id);
        let numbered = self.events.iter().enumerate();
        self.by_id = numbered.map(|(n, event)| (event.id, n)).collect();
    }
    fn absorb(&mut self, other: Joined) {
        for event in other.events {
            self.add(event);
        }
        self.sort();
        self.problems.extend(other.problems);
        self.execution_arn = self.execution_arn.take().or(other.execution_arn);
        self.more = other.more;
    }
}

/// True for a page whose events come newest first.
fn is_newest_first(page: &History) -> bool {
    match (page.events.first(), page.events.last()) {
        (Some(first), Some(last)) if first.id != last.id => first.id > last.id,
        // Nothing comes behind the end, so what the token promises comes before it.
        (Some(only), _) => only.id > 1 && ENDS.contains(&only.event_type.as_str()),
        _ => false,
    }
}

/// Events that end an execution.
const ENDS: [&str; 5] = [
    "ExecutionSucceeded",
    "ExecutionFailed",
    "ExecutionAborted",
    "ExecutionTimedOut",
    "ExecutionStopped",
];

/// Puts pages together.
pub(super) fn join_pages(pages: Vec<(PathBuf, History)>) -> Vec<Joined> {
    let mut histories: Vec<Joined> = Vec::new();
    // The history that a file, or an execution named in a file, was last adding to.
    let mut open: HashMap<(PathBuf, Engine, Option<String>), usize> = HashMap::new();
    for (path, page) in pages {
        let key = (
            path.clone(),
            page.engine.clone(),
            page.execution_arn.clone(),
        );
        let at = match open.get(&key) {
            Some(at)
                if !page
                    .events
                    .first()
                    .is_some_and(|event| histories[*at].conflicts(event)) =>
            {
                *at
            }
            _ => {
                histories.push(Joined::new(path.clone(), &page));
                histories.len() - 1
            }
        };
        let at = add_page(&mut histories, at, &path, page);
        open.insert(key, at);
    }
    for history in &mut histories {
        history.sort();
    }
    histories.retain(|history| !history.events.is_empty() || !history.problems.is_empty());
    join_files(histories)
}

/// Adds a page's events; where the ids start anew, so does a history. Returns the one added to last.
fn add_page(histories: &mut Vec<Joined>, mut at: usize, path: &Path, mut page: History) -> usize {
    histories[at].problems.extend(
        std::mem::take(&mut page.problems)
            .into_iter()
            .map(|problem| (path.to_owned(), problem)),
    );
    let backwards = is_newest_first(&page);
    let mut after_first = false;
    for event in std::mem::take(&mut page.events) {
        let is_first = event.event_type == "ExecutionStarted";
        if histories[at].conflicts(&event) {
            if is_first || after_first {
                histories.push(Joined::new(path.to_owned(), &page));
                at = histories.len() - 1;
            } else {
                let position = format!("event id {}", event.id);
                let reason = format!(
                    "a second, different event ({}) has this id; the first was kept",
                    event.event_type
                );
                histories[at]
                    .problems
                    .push((path.to_owned(), Problem { position, reason }));
                continue;
            }
        }
        after_first = is_first;
        histories[at].add(event);
    }
    histories[at].more = page.more && !backwards;
    histories[at].more_before = page.more && backwards;
    at
}

/// A history that does not begin with its first event continues one in the same folder that ends just
/// before it; among several, the one whose file name is nearest, then the latest.
fn join_files(mut histories: Vec<Joined>) -> Vec<Joined> {
    histories.sort_by_key(Joined::first_id);
    let mut wholes: Vec<Joined> = Vec::new();
    let mut ends: HashMap<(PathBuf, u64), Vec<usize>> = HashMap::new();
    let mut places: HashMap<PathBuf, Vec<usize>> = HashMap::new();
    for history in histories {
        let place = folder(&history.path);
        let before = (place.clone(), history.first_id().saturating_sub(1));
        let follows = ends.get(&before).into_iter().flatten().copied();
        let follows = follows.filter(|at| continues(&wholes[*at], &history));
        let best = follows
            .max_by_key(|at| {
                let last = wholes[*at].events.last().and_then(|event| event.time);
                (likeness(&wholes[*at], &history), last, usize::MAX - at)
            })
            .or_else(|| {
                let beside = places.get(&place).into_iter().flatten().copied();
                beside
                    .take(MAX_BESIDE)
                    .find(|at| overlaps(&wholes[*at], &history))
            });
        let at = match best {
            Some(at) if history.first_id() > 1 => {
                ends.entry(before).or_default().retain(|other| *other != at);
                wholes[at].absorb(history);
                at
            }
            _ => {
                wholes.push(history);
                places
                    .entry(place.clone())
                    .or_default()
                    .push(wholes.len() - 1);
                wholes.len() - 1
            }
        };
        ends.entry((place, wholes[at].last_id()))
            .or_default()
            .push(at);
    }
    wholes
}

fn same_execution(base: &Joined, next: &Joined) -> bool {
    let either_unknown = base.execution_arn.is_none() || next.execution_arn.is_none();
    base.engine == next.engine && (either_unknown || base.execution_arn == next.execution_arn)
}

fn continues(base: &Joined, next: &Joined) -> bool {
    let (Some(last), Some(first)) = (base.events.last(), next.events.first()) else {
        return false;
    };
    let ended = ENDS.contains(&last.event_type.as_str());
    // Step Functions numbers events as time passes. What runs at once in a durable function is numbered as it was
    // saved, milliseconds out of order.
    let earliest = match base.engine == Engine::lambda_durable() {
        true => base.events.first().and_then(|event| event.time),
        false => last.time,
    };
    same_execution(base, next)
        && first.time >= earliest
        && base.path != next.path
        && (!ended || first.event_type == "ExecutionRedriven")
}

/// True when the later page begins inside the earlier one: all that both hold is the same.
fn overlaps(base: &Joined, next: &Joined) -> bool {
    let first = next.events.first();
    first.is_some_and(|event| base.by_id.contains_key(&event.id))
        && same_execution(base, next)
        && !next.events.iter().any(|event| base.conflicts(event))
}

/// How much two files seem to be pages of one thing.
fn likeness(base: &Joined, next: &Joined) -> (bool, bool, usize) {
    let (a, b) = (base.path.to_string_lossy(), next.path.to_string_lossy());
    let common = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    (
        base.more || next.more_before,
        subject(&base.path) == subject(&next.path),
        common,
    )
}
