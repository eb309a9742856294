//! By what a service that is named is slow or fails, where no failure says it: what it writes of itself and never wrote,
//! and whether requests stand in line before it.

use super::Period;
use super::tree::{Answers, Names, Trees};
use crate::case::text;
use model::Category;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many times as often a line is written as before, at least, to be of this trouble.
const TIMES: f64 = 5.0;
/// Requests that waited before they were served, at least.
const LEAST_WAITED: usize = 10;
/// Share of them that is taken up just when another one ends.
const IN_TURN: f64 = 0.7;
/// Share that would be by chance, at most.
const BY_CHANCE: f64 = 0.35;
/// How much later than the end of another a request may begin, as a share of what one takes, to be the next.
const NEXT: f64 = 0.1;

/// Words by which runtimes say that memory runs short: collectors that stop everything, limits that are near.
const MEMORY: [&str; 25] = [
    "maxmemory",
    "evicted",
    "evictions",
    "pause full",
    "full gc",
    "full collection",
    "gc overhead",
    "allocation failure",
    "to-space exhausted",
    "stop-the-world",
    "mark-sweep",
    "mark-compact",
    "concurrent mode failure",
    "promotion failed",
    "garbage collect",
    "gc pause",
    "long gc",
    "heap usage",
    "heap is",
    "java heap",
    "out of memory",
    "memory pressure",
    "memory limit",
    "low memory",
    "oomkill",
];

/// Words by which servers say that they have no more places to give.
const CAPACITY: [&str; 26] = [
    "queue full",
    "queue is full",
    "queue overflow",
    "listen queue",
    "backlog",
    "pool exhausted",
    "pool is exhausted",
    "pool is full",
    "too many connections",
    "max_connections",
    "worker_connections",
    "maxclients",
    "max clients",
    "max_children",
    "server reached",
    "no free ",
    "rejectedexecution",
    "workers are busy",
    "workers busy",
    "at capacity",
    "saturat",
    "concurrency limit",
    "maxthreads",
    "waiting for a free",
    "waiting for a connection",
    "no space left",
];

/// What a service writes of itself that is new, or written far more often than before.
pub(super) fn written(
    service: u32,
    [symptom, baseline]: [&Period; 2],
    names: &Names,
) -> Option<(Category, &'static str)> {
    let of = |period: &Period| {
        let lines = period.lines.iter();
        let own = lines.filter(|it| names.known(&it.service) == Some(service));
        let mut all: BTreeMap<Short, f64> = BTreeMap::new();
        for line in own {
            if let Some(kind) = kind(&line.body) {
                *all.entry(kind).or_default() += 1.0;
            }
        }
        all
    };
    let (now, before) = (of(symptom), of(baseline));
    let more = now.into_iter().filter(|(kind, count)| {
        *count >= 3.0 && *count >= TIMES * before.get(kind).copied().unwrap_or(0.0)
    });
    let most = more.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(match most.0 {
        Short::Memory => (Category::Memory, "it writes that its memory runs short"),
        Short::Capacity => (Category::Capacity, "it writes that it has no place left"),
    })
}

/// Words by which a process takes its leave: of the kernel, of runtimes, of whoever watches over it.
const DEATHS: [&str; 18] = [
    "sigsegv",
    "sigabrt",
    "sigbus",
    "segmentation fault",
    "core dumped",
    "terminating due to",
    "terminate called",
    "panicked at",
    "panic: ",
    "fatal error: ",
    "fatal exception",
    "unhandled exception. ",
    "process terminated",
    "exiting with code",
    "exited with code",
    "uncaughtexception",
    "oomkilled",
    "killed process",
];
/// Lines that tell of a death, at least.
const LEAST_DEATHS: usize = 2;

/// Whether a service writes that its process dies, which it did not.
pub(super) fn dies(service: u32, [symptom, baseline]: [&Period; 2], names: &Names) -> bool {
    let told = |period: &Period| {
        let own = |it: &&super::Line| names.known(&it.service) == Some(service);
        let lines = period.lines.iter().filter(own);
        let told = lines.filter(|it| {
            let lower = text::shortened(&it.body).to_lowercase();
            DEATHS.iter().any(|word| lower.contains(word))
        });
        told.count()
    };
    told(symptom) >= LEAST_DEATHS.max(told(baseline) * TIMES as usize)
}

/// What a line may tell that its writer is short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Short {
    Memory,
    Capacity,
}

fn kind(body: &str) -> Option<Short> {
    let lower = text::shortened(body).to_lowercase();
    let speaks = |words: &[&str]| words.iter().any(|it| lower.contains(it));
    let capacity = || speaks(&CAPACITY).then_some(Short::Capacity);
    speaks(&MEMORY).then_some(Short::Memory).or_else(capacity)
}

/// Where it serves: requests of different processes do not wait for each other.
type Place = Option<Arc<str>>;

/// True where requests stand in line before a service: those that waited are taken up just when another one ends, and
/// what each takes is as ever. On a slow way they come whenever they come.
pub(super) fn in_line(service: u32, symptom: &Trees, answers: &Answers) -> bool {
    let mut served: BTreeMap<Place, Vec<(i64, i64, i64)>> = BTreeMap::new();
    for (n, span) in symptom.spans.iter().enumerate() {
        let call = symptom
            .parent(n)
            .filter(|above| symptom.calls(*above, answers) && symptom.answer(*above) == Some(n));
        if symptom.service[n] != service || symptom.calls(n, answers) {
            continue;
        }
        if let Some(call) = call {
            let waited = span.start.0 - symptom.spans[call].start.0;
            let end = span.start.0.saturating_add(span.duration_ns.max(0));
            let place = span.pod.clone().or_else(|| span.host.clone());
            let of = served.entry(place).or_default();
            of.push((span.start.0, end, waited));
        }
    }
    let (mut waited, mut next, mut chance) = (0.0, 0.0, 0.0);
    for all in served.values_mut() {
        all.sort_unstable();
        let mut took: Vec<i64> = all.iter().map(|it| it.1 - it.0).collect();
        took.sort_unstable();
        let usual = took[took.len() / 2].max(1);
        let near = (usual as f64 * NEXT) as i64;
        let mut ends: Vec<i64> = all.iter().map(|it| it.1).collect();
        ends.sort_unstable();
        let lasts = (ends[ends.len() - 1] - all[0].0).max(1) as f64;
        let late: Vec<i64> = all
            .iter()
            .filter(|it| it.2 > usual / 2)
            .map(|it| it.0)
            .collect();
        for start in &late {
            let at = ends.partition_point(|it| it <= start);
            let last = at.checked_sub(1).map(|it| ends[it]);
            next += f64::from(u8::from(last.is_some_and(|it| start - it <= near)));
        }
        waited += late.len() as f64;
        chance += late.len() as f64 * (near as f64 * ends.len() as f64 / lasts).min(1.0);
    }
    waited >= LEAST_WAITED as f64 && next >= IN_TURN * waited && chance <= BY_CHANCE * waited
}
