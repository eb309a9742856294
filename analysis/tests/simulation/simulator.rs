//! Runs random workflows and writes their events as the service does.

use crate::support;
use model::{Engine, EventSource, HistoryEvent, UnixNanos};
use serde_json::{Value, json};
use std::collections::HashMap;

/// An event, with what is true of it.
struct Event {
    cause: Option<usize>,
    event_type: &'static str,
    details: Value,
    /// Path of the state that it enters or tries.
    path: String,
    retry: bool,
    block_retry: bool,
    caught: bool,
}

/// How a piece of work ended.
enum Ending {
    /// The last event.
    Done(usize),
    Failed(Failure),
}

#[derive(Clone)]
struct Failure {
    /// The event that others call their cause.
    cause: usize,
    /// Where it began.
    origin: usize,
    /// Name of the state in which it began.
    state: String,
    /// The failure that explains it, if it is behind a Catch.
    caught_origin: Option<usize>,
}

/// A list of events in order, and how it ended.
struct Track {
    order: Vec<usize>,
    ending: Ending,
    /// Tasks entered on it, to be aborted if it is cut off: (entered event, exited event).
    last_task: Option<(usize, Option<usize>)>,
}

struct Simulator {
    events: Vec<Event>,
    random: u64,
}

impl Simulator {
    fn roll(&mut self, sides: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % sides
    }

    fn emit(
        &mut self,
        cause: Option<usize>,
        event_type: &'static str,
        details: Value,
        path: &str,
    ) -> usize {
        let path = path.to_owned();
        let event = Event {
            cause,
            event_type,
            details,
            path,
            retry: false,
            block_retry: false,
            caught: false,
        };
        self.events.push(event);
        self.events.len() - 1
    }

    /// A chain of states. `block` names what is around it, `place` is its path.
    fn chain(&mut self, first_cause: Option<usize>, block: &str, place: &str, depth: u64) -> Track {
        let mut track = Track {
            order: Vec::new(),
            ending: Ending::Done(first_cause.unwrap_or(0)),
            last_task: None,
        };
        let mut cause = first_cause;
        let mut caught = None;
        for n in 0..1 + self.roll(3) {
            let name = format!("{block}.{n}");
            let path = if place.is_empty() {
                name.clone()
            } else {
                format!("{place}/{name}")
            };
            let kind = self.roll(if depth < 3 { 10 } else { 6 });
            let (ending, caught_here) = match kind {
                0 | 1 => (self.pass(cause, &name, &path, &mut track), None),
                2..=4 => self.task(cause, &name, &path, &mut track),
                5 => (self.fail(cause, &name, &path, &mut track, caught), None),
                _ => self.block(
                    cause,
                    &name,
                    &path,
                    &mut track,
                    depth,
                    kind.is_multiple_of(2),
                ),
            };
            caught = caught_here.or(caught);
            match ending {
                Ending::Done(last) => cause = Some(last),
                Ending::Failed(failure) => {
                    track.ending = Ending::Failed(failure);
                    return track;
                }
            }
        }
        track.ending = Ending::Done(cause.unwrap_or(0));
        track
    }

    fn pass(&mut self, cause: Option<usize>, name: &str, path: &str, track: &mut Track) -> Ending {
        let entered = self.emit(cause, "PassStateEntered", json!({"name": name}), path);
        let exited = self.emit(Some(entered), "PassStateExited", json!({"name": name}), "");
        track.order.extend([entered, exited]);
        Ending::Done(exited)
    }

    fn fail(
        &mut self,
        cause: Option<usize>,
        name: &str,
        path: &str,
        track: &mut Track,
        caught: Option<usize>,
    ) -> Ending {
        let entered = self.emit(cause, "FailStateEntered", json!({"name": name}), path);
        track.order.push(entered);
        Ending::Failed(Failure {
            cause: entered,
            origin: entered,
            state: name.to_owned(),
            caught_origin: caught,
        })
    }

    /// Returns the failure that was caught, too.
    fn task(
        &mut self,
        cause: Option<usize>,
        name: &str,
        path: &str,
        track: &mut Track,
    ) -> (Ending, Option<usize>) {
        let entered = self.emit(cause, "TaskStateEntered", json!({"name": name}), path);
        track.order.push(entered);
        track.last_task = Some((entered, None));
        let failures = self.roll(3);
        let in_the_end = self.roll(6);
        let mut last = entered;
        for n in 0..=failures {
            let scheduled = self.emit(
                Some(last),
                "TaskScheduled",
                json!({"resourceType": "x", "resource": "y"}),
                path,
            );
            self.events[scheduled].retry = n > 0;
            let started = self.emit(Some(scheduled), "TaskStarted", json!({}), "");
            let fails = n < failures || in_the_end < 2;
            let word = if !fails {
                "TaskSucceeded"
            } else if n % 2 == 0 {
                "TaskFailed"
            } else {
                "TaskTimedOut"
            };
            last = self.emit(Some(started), word, json!({"error": format!("E{n}")}), "");
            track.order.extend([scheduled, started, last]);
        }
        if in_the_end == 0 {
            let failure = Failure {
                cause: last,
                origin: last,
                state: name.to_owned(),
                caught_origin: None,
            };
            return (Ending::Failed(failure), None);
        }
        let exited = self.emit(Some(last), "TaskStateExited", json!({"name": name}), "");
        self.events[exited].caught = in_the_end == 1;
        track.order.push(exited);
        track.last_task = Some((entered, Some(exited)));
        (Ending::Done(exited), (in_the_end == 1).then_some(last))
    }

    fn block(
        &mut self,
        cause: Option<usize>,
        name: &str,
        path: &str,
        track: &mut Track,
        depth: u64,
        map: bool,
    ) -> (Ending, Option<usize>) {
        let types = if map {
            [
                "MapStateEntered",
                "MapStateStarted",
                "MapStateSucceeded",
                "MapStateFailed",
                "MapStateExited",
            ]
        } else {
            [
                "ParallelStateEntered",
                "ParallelStateStarted",
                "ParallelStateSucceeded",
                "ParallelStateFailed",
                "ParallelStateExited",
            ]
        };
        let entered = self.emit(cause, types[0], json!({"name": name}), path);
        track.order.push(entered);
        track.last_task = None;
        let mut before = entered;
        let tries = 1 + self.roll(2);
        for n in 1..=tries {
            let started = self.emit(Some(before), types[1], json!({}), "");
            self.events[started].block_retry = n > 1;
            track.order.push(started);
            match self.content(started, name, path, depth, map, &mut track.order) {
                Ok(last) => {
                    let settled = self.emit(Some(last), types[2], json!({}), "");
                    let exited = self.emit(Some(last), types[4], json!({"name": name}), "");
                    track.order.extend([settled, exited]);
                    return (Ending::Done(exited), None);
                }
                Err(failure) if n == tries => {
                    let failed = self.emit(Some(failure.cause), types[3], json!({}), "");
                    track.order.push(failed);
                    if self.roll(2) == 0 {
                        return (
                            Ending::Failed(Failure {
                                cause: failed,
                                ..failure
                            }),
                            None,
                        );
                    }
                    let exited = self.emit(Some(failed), types[4], json!({"name": name}), "");
                    self.events[exited].caught = true;
                    track.order.push(exited);
                    return (
                        Ending::Done(exited),
                        Some(failure.caught_origin.unwrap_or(failure.origin)),
                    );
                }
                Err(failure) => before = failure.cause,
            }
        }
        unreachable!("the last try ends the block")
    }

    /// Branches or slots of iterations, interleaved; the first failure cuts the others off.
    fn content(
        &mut self,
        started: usize,
        name: &str,
        path: &str,
        depth: u64,
        map: bool,
        order: &mut Vec<usize>,
    ) -> Result<usize, Failure> {
        let width = 1 + self.roll(3);
        let mut index = 0;
        let tracks: Vec<(Track, bool)> = (0..width)
            .map(|slot| match map {
                true => self.slot(started, name, path, depth, &mut index),
                false => {
                    let place = format!("{path}{{{slot}}}");
                    (self.chain(Some(started), name, &place, depth + 1), false)
                }
            })
            .collect();
        self.interleave(tracks, name, order)
    }

    /// Iterations one after the other: each hangs on the last inner event of the one before.
    fn slot(
        &mut self,
        started: usize,
        name: &str,
        path: &str,
        depth: u64,
        index: &mut u64,
    ) -> (Track, bool) {
        let mut all = Track {
            order: Vec::new(),
            ending: Ending::Done(started),
            last_task: None,
        };
        let mut cause = started;
        for _ in 0..1 + self.roll(2) {
            let current = *index;
            *index += 1;
            let details = json!({"name": name, "index": current});
            let begun = self.emit(Some(cause), "MapIterationStarted", details.clone(), "");
            all.order.push(begun);
            let inner = self.chain(Some(begun), name, &format!("{path}[{current}]"), depth + 1);
            all.order.extend(inner.order);
            all.last_task = inner.last_task;
            match inner.ending {
                Ending::Done(last) => {
                    let done = self.emit(Some(last), "MapIterationSucceeded", details, "");
                    all.order.push(done);
                    all.ending = Ending::Done(done);
                    cause = last;
                }
                Ending::Failed(failure) => {
                    all.ending = Ending::Failed(failure);
                    break;
                }
            }
        }
        (all, true)
    }

    fn interleave(
        &mut self,
        tracks: Vec<(Track, bool)>,
        name: &str,
        order: &mut Vec<usize>,
    ) -> Result<usize, Failure> {
        let mut queues: Vec<std::collections::VecDeque<usize>> = tracks
            .iter()
            .map(|(track, _)| track.order.iter().copied().collect())
            .collect();
        let mut written = std::collections::HashSet::new();
        let mut last = 0;
        // First entries of the branches in order: that is what numbers them.
        let mut turn: Vec<usize> = (0..queues.len()).collect();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let slot = if turn.is_empty() {
                self.roll(queues.len() as u64) as usize
            } else {
                turn.remove(0)
            };
            let Some(event) = queues[slot].pop_front() else {
                continue;
            };
            order.push(event);
            written.insert(event);
            last = event;
            if let (true, Ending::Failed(failure)) =
                (queues[slot].is_empty(), &tracks[slot].0.ending)
            {
                let failure = failure.clone();
                self.cut_off(&tracks, slot, &failure, name, &written, order);
                return Err(failure);
            }
        }
        Ok(last)
    }

    fn cut_off(
        &mut self,
        tracks: &[(Track, bool)],
        failed: usize,
        failure: &Failure,
        name: &str,
        written: &std::collections::HashSet<usize>,
        order: &mut Vec<usize>,
    ) {
        let open_task = |track: &Track| {
            track.last_task.is_some_and(|(entered, exited)| {
                written.contains(&entered) && exited.is_none_or(|exited| !written.contains(&exited))
            })
        };
        let slots = std::iter::once(failed).chain((0..tracks.len()).filter(|n| *n != failed));
        for slot in slots {
            let (track, is_map) = &tracks[slot];
            if *is_map && let Some(index) = self.current_iteration(track, written) {
                let word = if slot == failed {
                    "MapIterationFailed"
                } else {
                    "MapIterationAborted"
                };
                let ended = self.emit(
                    Some(failure.cause),
                    word,
                    json!({"name": name, "index": index}),
                    "",
                );
                order.push(ended);
            }
            if open_task(track) {
                let aborted = self.emit(Some(failure.cause), "TaskStateAborted", json!({}), "");
                order.push(aborted);
            }
        }
    }

    /// Index of the outermost iteration of the track that was started and not ended.
    fn current_iteration(
        &self,
        track: &Track,
        written: &std::collections::HashSet<usize>,
    ) -> Option<u64> {
        let block = track.order.first().map(|first| &self.events[*first])?;
        let name = block.details.get("name")?.as_str()?.to_owned();
        let mine = |event: &&usize| {
            let event = &self.events[**event];
            event.details.get("name").and_then(Value::as_str) == Some(&name)
                && event.event_type.starts_with("MapIteration")
        };
        let last = track
            .order
            .iter()
            .filter(|event| written.contains(event))
            .rfind(mine)?;
        let last = &self.events[*last];
        (last.event_type == "MapIterationStarted")
            .then(|| last.details["index"].as_u64())
            .flatten()
    }
}

/// What the builder has to find out.
pub struct Truth {
    pub events: Vec<HistoryEvent>,
    pub paths: HashMap<u64, String>,
    pub counts: [u32; 6],
    pub failing: Option<String>,
    pub root_event: Option<u64>,
}

pub fn simulate(seed: u64) -> Truth {
    let mut simulator = Simulator {
        events: Vec::new(),
        random: seed,
    };
    let started = simulator.emit(None, "ExecutionStarted", json!({"input": "{}"}), "");
    let track = simulator.chain(None, "s", "", 0);
    let mut order = vec![started];
    order.extend(&track.order);
    let (word, cause) = match &track.ending {
        Ending::Done(last) => ("ExecutionSucceeded", *last),
        Ending::Failed(failure) => ("ExecutionFailed", failure.cause),
    };
    let terminal = simulator.emit(Some(cause), word, json!({"error": "T"}), "");
    order.push(terminal);
    let ids: HashMap<usize, u64> = order
        .iter()
        .enumerate()
        .map(|(n, event)| (*event, n as u64 + 1))
        .collect();
    let written: Vec<&Event> = order.iter().map(|at| &simulator.events[*at]).collect();
    let count =
        |fits: &dyn Fn(&Event) -> bool| written.iter().filter(|event| fits(event)).count() as u32;
    let (failing, root_event) = match &track.ending {
        Ending::Done(_) => (None, None),
        Ending::Failed(failure) => {
            let origin = failure.caught_origin.unwrap_or(failure.origin);
            let by_fail = failure.caught_origin.is_none()
                && simulator.events[origin].event_type == "FailStateEntered";
            (
                Some(failure.state.clone()),
                Some(if by_fail {
                    ids[&terminal]
                } else {
                    ids[&origin]
                }),
            )
        }
    };
    Truth {
        counts: [
            count(&|event| event.event_type.ends_with("StateEntered")),
            count(&|event| event.event_type == "TaskScheduled"),
            count(&|event| event.retry),
            count(&|event| event.block_retry),
            count(&|event| event.event_type == "MapIterationStarted"),
            count(&|event| event.caught),
        ],
        paths: order
            .iter()
            .map(|at| (ids[at], simulator.events[*at].path.clone()))
            .collect(),
        events: order
            .iter()
            .map(|at| history_event(&simulator.events[*at], ids[at], &ids))
            .collect(),
        failing,
        root_event,
    }
}

fn history_event(event: &Event, id: u64, ids: &HashMap<usize, u64>) -> HistoryEvent {
    HistoryEvent {
        engine: Engine::step_functions(),
        execution_arn: support::ARN.to_owned(),
        redrive_count: 0,
        event_id: id,
        previous_event_id: event
            .cause
            .filter(|cause| *cause != 0)
            .map_or(0, |cause| ids[&cause]),
        event_type: event.event_type.to_owned(),
        time: UnixNanos(1_700_000_000_000_000_000 + id as i64 * 1_000_000),
        details: event.details.to_string(),
        source: EventSource::History,
    }
}
