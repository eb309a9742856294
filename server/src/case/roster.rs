//! Who ran when: executions of workflows in order of their start, remembered in pieces of time, and which of them an
//! execution is compared with.
//!
//! An execution's siblings lie in the smallest of [`WINDOWS`] around its start in which [`ENOUGH_HEALTHY`] healthy ones
//! lie. So whom it is compared with depends on what is held alone, and not on what is judged with it; and a workflow that
//! runs often is never read back to its beginning.

use model::{ExecutionStatus, TraceId};
use std::collections::{BTreeSet, HashMap, HashSet};

const DAY: i64 = 86_400_000_000_000;
/// Windows before and after a start, nanoseconds, the smallest first. The last one is all time.
pub(super) const WINDOWS: [i64; 4] = [DAY, 8 * DAY, 64 * DAY, i64::MAX];
/// The window that is all time.
const ALL_TIME: usize = WINDOWS.len() - 1;
/// Healthy siblings with which a window is large enough, and an execution is judged for good.
pub(super) const ENOUGH_HEALTHY: usize = HEALTHY_BEFORE;
/// Healthy siblings that an execution is compared with: those before it, then those after it.
const HEALTHY_BEFORE: usize = 40;
const HEALTHY_AFTER: usize = 15;
/// Failed siblings.
const FAILED: usize = 25;
/// Executions of a workflow in one piece, the latest.
pub(super) const CANDIDATES: usize = 50_000;
/// Events of all siblings together, beyond which only [`ENOUGH`] of each kind are looked at.
const EVENTS: i64 = 150_000;
const ENOUGH: usize = 6;
/// Executions that are remembered, of all workflows.
const MOST: usize = 1_000_000;

/// How an execution counts as a sibling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It succeeded.
    Well,
    /// It failed or timed out.
    Failed,
    /// It has not ended.
    Open,
    /// It was stopped.
    Stopped,
}

impl Kind {
    /// By the status of the execution.
    pub fn of(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Succeeded => Kind::Well,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut => Kind::Failed,
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Kind::Open,
            ExecutionStatus::Aborted => Kind::Stopped,
        }
    }
}

/// Another execution of the same workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sibling {
    pub id: TraceId,
    pub kind: Kind,
    pub events: u32,
    /// Nanoseconds since the epoch.
    pub start: i64,
}

/// A piece of time of a workflow: where starts of one stretch find all siblings of a window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub machine: String,
    window: usize,
    stretch: i64,
}

impl Key {
    fn new(machine: &str, window: usize, start: i64) -> Self {
        let stretch = match window {
            ALL_TIME => 0,
            _ => start.div_euclid(WINDOWS[window]),
        };
        Key {
            machine: machine.to_owned(),
            window,
            stretch,
        }
    }

    /// First moment of the piece and the first after it; `None` for all time.
    pub fn time(&self) -> Option<(i64, i64)> {
        let length = WINDOWS[self.window];
        let edge = |n: i64| self.stretch.saturating_add(n).saturating_mul(length);
        (self.window != ALL_TIME).then(|| (edge(-1), edge(2)))
    }

    /// True when an execution of the workflow that started then belongs to the piece.
    pub fn holds(&self, start: i64) -> bool {
        let within = |(from, to): (i64, i64)| (from..to).contains(&start);
        self.time().is_none_or(within)
    }
}

#[derive(Debug)]
struct Piece {
    rows: Vec<Sibling>,
    /// True when there were more than are kept.
    cut: bool,
    used: u64,
}

/// An execution whose siblings are wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub machine: String,
    pub start: i64,
    pub id: TraceId,
}

/// What is remembered of workflows.
#[derive(Debug, Default)]
pub(super) struct Rosters {
    pieces: HashMap<String, Vec<(Key, Piece)>>,
    entries: usize,
    clock: u64,
}

impl Rosters {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pieces.clear();
        self.entries = 0;
    }

    /// Remembers a piece that was read. Of more than [`CANDIDATES`] executions the latest are kept.
    pub fn put(&mut self, key: Key, mut rows: Vec<Sibling>) {
        rows.sort_by_key(|it| (it.start, it.id));
        let cut = rows.len() >= CANDIDATES;
        rows.drain(..rows.len().saturating_sub(CANDIDATES));
        self.clock += 1;
        let used = self.clock;
        let of = self.pieces.entry(key.machine.clone()).or_default();
        of.retain(|(held, piece)| {
            let other = *held != key;
            self.entries -= if other { 0 } else { piece.rows.len() + 1 };
            other
        });
        self.entries += rows.len() + 1;
        of.push((key, Piece { rows, cut, used }));
        self.shrink();
    }

    /// Within the bound those pieces stay that were used last.
    fn shrink(&mut self) {
        if self.entries <= MOST {
            return;
        }
        let mut uses: Vec<(u64, usize)> = self
            .pieces
            .values()
            .flatten()
            .map(|(_, piece)| (piece.used, piece.rows.len() + 1))
            .collect();
        uses.sort_unstable_by(|a, b| b.cmp(a));
        let (mut kept, mut from) = (0, u64::MAX);
        for (used, size) in uses {
            kept += size;
            if kept > MOST / 4 * 3 && from != u64::MAX {
                break;
            }
            from = used;
        }
        self.entries = 0;
        for of in self.pieces.values_mut() {
            of.retain(|(_, piece)| piece.used >= from);
            self.entries += of.iter().map(|(_, it)| it.rows.len() + 1).sum::<usize>();
        }
        self.pieces.retain(|_, of| !of.is_empty());
    }

    /// Forgets executions of a workflow, or of all.
    pub fn remove(&mut self, machine: Option<&str>, ids: &HashSet<TraceId>) {
        let chosen = |name: &String| machine.is_none_or(|it| it == name);
        for (_, of) in self.pieces.iter_mut().filter(|(name, _)| chosen(name)) {
            for (_, piece) in of {
                let before = piece.rows.len();
                piece.rows.retain(|it| !ids.contains(&it.id));
                self.entries -= before - piece.rows.len();
            }
        }
    }

    /// Enlists an execution in every piece that it belongs to.
    pub fn insert(&mut self, machine: &str, one: Sibling) {
        for (key, piece) in self.pieces.get_mut(machine).into_iter().flatten() {
            if !key.holds(one.start) {
                continue;
            }
            let place = (one.start, one.id);
            match piece
                .rows
                .binary_search_by_key(&place, |it| (it.start, it.id))
            {
                Ok(at) => piece.rows[at] = one,
                Err(at) => {
                    piece.rows.insert(at, one);
                    self.entries += 1;
                }
            }
        }
        self.shrink();
    }

    /// The rows of a window around a start, if a piece that has them is remembered.
    fn rows(&mut self, machine: &str, window: usize, start: i64) -> Option<&[Sibling]> {
        self.clock += 1;
        let clock = self.clock;
        let of = self.pieces.get_mut(machine)?;
        let own = Key::new(machine, window, start);
        let larger =
            |key: &Key| key.window > window && *key == Key::new(machine, key.window, start);
        let at = of.iter().position(|(key, _)| *key == own);
        let at = at.or_else(|| of.iter().position(|(key, it)| larger(key) && !it.cut))?;
        let piece = &mut of[at].1;
        piece.used = clock;
        let from = start.saturating_sub(WINDOWS[window]);
        let to = start.saturating_add(WINDOWS[window]);
        let from = piece.rows.partition_point(|it| it.start < from);
        let to = piece.rows.partition_point(|it| it.start <= to);
        Some(&piece.rows[from..to])
    }

    /// The siblings of an execution, or the piece that has to be read first.
    pub fn siblings(&mut self, place: &Place) -> Result<Vec<Sibling>, Key> {
        for window in 0..WINDOWS.len() {
            let Some(rows) = self.rows(&place.machine, window, place.start) else {
                return Err(Key::new(&place.machine, window, place.start));
            };
            if window == ALL_TIME || is_enough(rows, place.id) {
                return Ok(choose(rows, place));
            }
        }
        Ok(Vec::new())
    }

    /// The piece of all time of a workflow, unless it is remembered.
    pub fn all_time(&mut self, machine: &str) -> Option<Key> {
        let known = self.rows(machine, ALL_TIME, 0).is_some();
        (!known).then(|| Key::new(machine, ALL_TIME, 0))
    }

    /// Executions whose siblings these news are among, of those that started near them, at most `most` before and as
    /// many after, with the number of healthy siblings that they have without the news. Only what is remembered is
    /// looked at.
    pub fn near(
        &mut self,
        machine: &str,
        news: &BTreeSet<TraceId>,
        (first, last): (i64, i64),
        most: usize,
    ) -> Vec<(Sibling, usize)> {
        let Some(window) = self.window_of(machine, last) else {
            return Vec::new();
        };
        let Some(rows) = self.rows(machine, window, last) else {
            return Vec::new();
        };
        let from = rows.partition_point(|it| it.start < first);
        let to = rows.partition_point(|it| it.start <= last);
        let from = from.saturating_sub(most).max(to.saturating_sub(4 * most));
        let to = to.saturating_add(most).min(rows.len());
        let others = rows[from..to].iter();
        let others = others.filter(|it| it.kind != Kind::Stopped && !news.contains(&it.id));
        let mut found = Vec::new();
        for one in others {
            let place = Place {
                machine: String::new(),
                start: one.start,
                id: one.id,
            };
            let siblings = choose(rows, &place);
            if siblings.iter().any(|it| news.contains(&it.id)) {
                let before = |it: &&Sibling| it.kind == Kind::Well && !news.contains(&it.id);
                found.push((*one, siblings.iter().filter(before).count()));
            }
        }
        found
    }

    /// The window in which the siblings of an execution that started then lie.
    fn window_of(&mut self, machine: &str, start: i64) -> Option<usize> {
        let nobody = TraceId::default();
        let mut widest = None;
        for window in 0..WINDOWS.len() {
            match self.rows(machine, window, start) {
                None => break,
                Some(rows) if is_enough(rows, nobody) => return Some(window),
                Some(_) => widest = Some(window),
            }
        }
        widest
    }
}

fn is_enough(rows: &[Sibling], but: TraceId) -> bool {
    let well = rows
        .iter()
        .filter(|it| it.kind == Kind::Well && it.id != but);
    well.take(ENOUGH_HEALTHY).count() == ENOUGH_HEALTHY
}

/// The nearest in time, of rows in order of their start.
fn choose(rows: &[Sibling], place: &Place) -> Vec<Sibling> {
    let split = rows.partition_point(|it| it.start <= place.start);
    let (before, after) = rows.split_at(split);
    let mut budget = EVENTS;
    let mut of = |rows: &mut dyn Iterator<Item = &Sibling>, kind: Kind, most: usize| {
        let mut chosen: Vec<Sibling> = Vec::new();
        let fitting = rows.filter(|it| it.kind == kind && it.id != place.id);
        for sibling in fitting.take(most) {
            let events = i64::from(sibling.events);
            // Of giants a handful has to do.
            if events > budget && chosen.len() >= ENOUGH {
                break;
            }
            budget = budget.saturating_sub(events);
            chosen.push(*sibling);
        }
        chosen
    };
    let mut chosen = of(&mut before.iter().rev(), Kind::Well, HEALTHY_BEFORE);
    let missing = HEALTHY_BEFORE - chosen.len();
    chosen.reverse();
    chosen.extend(of(&mut after.iter(), Kind::Well, HEALTHY_AFTER + missing));
    chosen.extend(of(&mut before.iter().rev(), Kind::Failed, FAILED));
    chosen.extend(of(&mut after.iter(), Kind::Failed, FAILED));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = DAY / 24;

    fn id(n: i64) -> TraceId {
        TraceId(i128::from(n).to_be_bytes())
    }

    fn one(n: i64, start: i64, kind: Kind) -> Sibling {
        Sibling {
            id: id(n),
            kind,
            events: 10,
            start,
        }
    }

    fn place(n: i64, start: i64) -> Place {
        Place {
            machine: "m".into(),
            start,
            id: id(n),
        }
    }

    /// Reads what is asked for from `all`, as the store would. Returns the siblings and how many pieces were read.
    fn siblings(rosters: &mut Rosters, all: &[Sibling], place: &Place) -> (Vec<Sibling>, usize) {
        for read in 0.. {
            match rosters.siblings(place) {
                Ok(found) => return (found, read),
                Err(key) => {
                    let rows = all.iter().filter(|it| key.holds(it.start));
                    let rows = rows.copied().collect();
                    rosters.put(key, rows);
                }
            }
        }
        unreachable!("a loop without an end")
    }

    /// One run every `every`, the last of them at `n * every`; each tenth failed.
    fn runs(n: i64, every: i64) -> Vec<Sibling> {
        let kind = |n| {
            if n % 10 == 9 {
                Kind::Failed
            } else {
                Kind::Well
            }
        };
        (0..n).map(|it| one(it, it * every, kind(it))).collect()
    }

    #[test]
    fn the_window_is_the_smallest_that_holds_enough() {
        let check = |every: i64, at: i64, pieces: usize, oldest: i64| {
            let all = runs(1_000, every);
            let start = at * every + 1;
            let (found, read) = siblings(&mut Rosters::default(), &all, &place(-1, start));
            assert_eq!(read, pieces, "pieces of runs every {every} ns");
            let first = found.iter().map(|it| it.start).min().unwrap_or_default();
            assert_eq!((start - first) / every, oldest, "every {every} ns");
        };
        // Twenty-five failed runs, of which each tenth is one, lie in 250 runs.
        check(HOUR / 60, 900, 1, 241);
        // Of a run an hour 24 lie in a day before and after, so the healthy are enough, and few failed ones in reach.
        check(HOUR, 900, 1, 23);
        check(8 * HOUR, 900, 2, 23);
        check(4 * DAY, 900, 4, 241);
    }

    #[test]
    fn siblings_depend_on_what_is_held_and_not_on_what_is_asked_before() {
        for every in [HOUR / 7, 3 * HOUR, 30 * HOUR, 90 * HOUR] {
            let all = runs(800, every);
            let mut shared = Rosters::default();
            for at in [799, 3, 400, 0, 401, 650, 798] {
                let place = place(at, at * every);
                let alone = siblings(&mut Rosters::default(), &all, &place).0;
                let together = siblings(&mut shared, &all, &place).0;
                assert_eq!(together, alone, "run {at}, every {every} ns");
                assert!(alone.iter().all(|it| it.id != place.id));
                shared.all_time("m");
            }
        }
    }

    #[test]
    fn what_is_enlisted_is_as_if_it_had_been_read() {
        let (all, every) = (runs(300, HOUR), HOUR);
        let mut rosters = Rosters::default();
        siblings(&mut rosters, &all[..280], &place(279, 279 * every));
        rosters.remove(Some("m"), &HashSet::from([id(270)]));
        for it in &all[270..] {
            rosters.insert("m", *it);
        }
        for at in [265, 290, 299] {
            let place = place(at, at * every);
            let (found, read) = siblings(&mut rosters, &all, &place);
            assert_eq!(read, 0, "it is known");
            assert_eq!(found, siblings(&mut Rosters::default(), &all, &place).0);
        }
        rosters.remove(None, &HashSet::from([id(298)]));
        let found = siblings(&mut rosters, &all, &place(299, 299 * every)).0;
        assert!(found.iter().all(|it| it.id != id(298)));
    }

    #[test]
    fn what_is_remembered_stays_within_its_bound() {
        let mut rosters = Rosters::default();
        let rows = runs(CANDIDATES as i64 + 5, 1);
        for n in 0..50 {
            let key = Key::new(&format!("m{n}"), ALL_TIME, 0);
            rosters.put(key, rows.clone());
            assert!(rosters.entries <= MOST);
        }
        assert_eq!(rosters.all_time("m49"), None, "the latest");
        assert!(rosters.all_time("m0").is_some(), "the first");
        let held: usize = rosters
            .pieces
            .values()
            .flatten()
            .map(|it| it.1.rows.len() + 1)
            .sum();
        assert_eq!(held, rosters.entries);
        let latest = rosters.rows("m49", ALL_TIME, 0).expect("a piece");
        assert_eq!(
            latest.first().map(|it| it.start),
            Some(5),
            "the latest are kept"
        );
    }

    #[test]
    fn news_concern_those_whose_siblings_they_are() {
        let check = |held: i64, news: Kind, expect: (usize, usize)| {
            let mut all = runs(held, HOUR / 60);
            all.push(one(held, held * HOUR / 60, news));
            let mut rosters = Rosters::default();
            let place = place(held, held * HOUR / 60);
            siblings(&mut rosters, &all, &place);
            let ids = BTreeSet::from([place.id]);
            let found = rosters.near("m", &ids, (place.start, place.start), 150);
            let few = found
                .iter()
                .filter(|(_, well)| *well < ENOUGH_HEALTHY)
                .count();
            assert_eq!((found.len(), few), expect, "{held} runs, then {news:?}");
        };
        // The healthy ones among the last runs have it among the fifteen after them.
        check(1_000, Kind::Well, (17, 0));
        check(1_000, Kind::Failed, (150, 0));
        check(20, Kind::Well, (20, 20));
        check(1_000, Kind::Stopped, (0, 0));
    }
}
