//! Who received a message, by the lines that name it: the id that the queue gave it, its token, what it holds.

use crate::case::{
    Case,
    failures::Failure,
    letters::Letter,
    scene::Scene,
    text::{self, Topic},
    timed,
};
use model::{Attempt, LogOrigin, LogRecord, UnixNanos};
use std::collections::{BTreeMap, BTreeSet};

/// Lines of a worker without request ids that are looked at after the one that names the message.
const AFTER: usize = 40;

/// How long before an answer is noted its sender may have ended, nanoseconds.
const ANSWERS_NS: i64 = 2_500_000_000;

/// How far the clock of a worker may be behind, nanoseconds.
const SLACK_NS: i64 = 2_000_000_000;

/// Healthy runs that tell who takes messages.
const WITNESSES: usize = 2;

/// A worker that received a message, and what it wrote meanwhile.
pub(in crate::case) struct Worker<'a> {
    /// Its name.
    pub name: String,
    /// A function, or a service.
    pub kind: &'static str,
    /// Lines that name the message.
    pub named: Vec<&'a LogRecord>,
    /// The line that tells what went wrong, if one does.
    pub wrong: Option<&'a LogRecord>,
    /// It is named by what the message holds only.
    pub hinted: bool,
    /// What it wrote.
    lines: Vec<&'a LogRecord>,
    /// The line that tells that it answered when nobody waited any more.
    late: Option<&'a LogRecord>,
    /// When it took the message.
    took: Option<UnixNanos>,
}

impl<'a> Worker<'a> {
    /// Somebody whom it waited for, as it wrote itself.
    pub fn waited_for(&self, scene: &Scene, limits: (i64, i64)) -> Option<timed::Timed<'a>> {
        timed::among(scene, self.lines.clone(), &self.name, None, limits)
    }

    /// It was not allowed to do what it is there for: to read its secret, to answer.
    pub fn denied(&self) -> bool {
        self.wrong.is_some_and(is_denied)
    }

    /// It had no memory left, and was ended for that.
    pub fn starved(&self) -> bool {
        self.wrong
            .is_some_and(|it| text::is(&it.body, Topic::OutOfMemory))
    }

    /// What it wrote last.
    pub fn last(&self) -> Option<&'a LogRecord> {
        let own = self.lines.iter().rev();
        own.copied()
            .find(|it| it.origin != LogOrigin::LambdaPlatform)
    }

    /// When it took the message.
    pub fn took(&self) -> Option<UnixNanos> {
        self.took
    }

    /// It answered, when nobody waited any more.
    pub fn too_late(&self) -> bool {
        self.late.is_some()
    }

    /// The line that tells that it worked until nobody waited any more, the wait being over then.
    pub fn outlived(&self, over: UnixNanos) -> Option<&'a LogRecord> {
        let line = self.late?;
        let gone = is_gone(&line.body) && line.time.0.saturating_add(SLACK_NS) >= over.0;
        gone.then_some(line)
    }

    /// Nothing went wrong with it, but that it ran out of time.
    pub fn only_late(&self) -> bool {
        self.wrong
            .is_none_or(|it| text::is(&it.body, Topic::FunctionTimeout))
    }
}

/// The worker that had the message of an attempt last: of several, one that something went wrong with.
pub(in crate::case) fn of<'a>(scene: &Scene<'a>, attempt: &Attempt) -> Option<Worker<'a>> {
    let letters = crate::case::letters::letters(scene.case);
    let letter = letters
        .into_iter()
        .find(|it| it.scheduled_event_id == attempt.scheduled_event_id)?;
    let heard = &scene.case.heard;
    let named = |by: fn(&Letter, &LogRecord) -> bool| -> Vec<usize> {
        let all = heard.iter().enumerate();
        all.filter(|(_, it)| by(&letter, it))
            .map(|(n, _)| n)
            .collect()
    };
    let sure = named(Letter::is_named);
    let hinted = sure.is_empty();
    let hits = match hinted {
        // Ids of the order stand in every line about it: a function that a state called was called by that state.
        true => {
            let called = called(scene.case);
            let mut hits = named(Letter::is_hinted);
            hits.retain(|n| !called.contains(heard[*n].request_id.as_str()));
            hits
        }
        false => sure,
    };
    let hits = match hits.is_empty() {
        // Who could not even take it wrote of the queue at most; only a refusal, or its own end, is telling enough.
        true => {
            let about = heard.iter().enumerate();
            let about = about.filter(|(_, it)| {
                let own =
                    letter.workers.contains(&it.service_name) || it.service_name == letter.place;
                letter.is_about(it) && (is_denied(it) || own && text::is_death(&it.body))
            });
            about.map(|(n, _)| n).collect()
        }
        false => hits,
    };
    let mut by_worker: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for n in hits {
        by_worker.entry(&heard[n].service_name).or_default().push(n);
    }
    let workers = by_worker.into_iter().filter(|(name, _)| !name.is_empty());
    let workers = workers.map(|(name, hits)| {
        let hits = if hinted {
            answering(heard, attempt, hits)
        } else {
            hits
        };
        worker(scene, heard, name, &hits, hinted)
    });
    workers.max_by_key(|it| {
        (
            it.wrong.is_some(),
            it.named.last().map(|it| (it.time, it.log_id)),
        )
    })
}

/// Of several requests that hold what a message holds, the one that was at work when its answer came: the others were made
/// for other messages of the same customer, group or order.
fn answering(heard: &[LogRecord], attempt: &Attempt, hits: Vec<usize>) -> Vec<usize> {
    let Some(answered) = attempt
        .end_time
        .filter(|_| attempt.status == model::Status::Succeeded)
    else {
        return hits;
    };
    let mut spans: BTreeMap<&str, (UnixNanos, UnixNanos)> = BTreeMap::new();
    for n in &hits {
        let of = &heard[*n];
        spans.insert(of.request_id.as_str(), (of.time, of.time));
    }
    spans.remove("");
    if spans.len() < 2 {
        return hits;
    }
    for line in heard {
        if let Some((first, last)) = spans.get_mut(line.request_id.as_str()) {
            *first = line.time.min(*first);
            *last = line.time.max(*last);
        }
    }
    let at_work = |n: &usize| {
        let of = spans.get(heard[*n].request_id.as_str());
        of.is_some_and(|(first, last)| {
            *first <= answered && last.0.saturating_add(ANSWERS_NS) >= answered.0
        })
    };
    let kept: Vec<usize> = hits.iter().copied().filter(at_work).collect();
    if kept.is_empty() { hits } else { kept }
}

/// Requests of the functions that states of an execution and of those below it called.
fn called(case: &Case) -> BTreeSet<&str> {
    let own = case.invocations.iter().map(|it| it.request_id.as_str());
    let below = case.children.iter().flat_map(called);
    own.chain(below).filter(|it| !it.is_empty()).collect()
}

/// Who ran while each of the healthy runs waited for an answer, as no line of theirs names the message, and did not run for
/// this one.
pub(super) fn absent(scene: &Scene, attempt: &Attempt) -> Option<String> {
    const ENOUGH: usize = 5;
    let usual = scene.healthy.iter();
    let usual: Vec<_> = usual
        .filter_map(|it| it.states.get(&attempt.state))
        .collect();
    let came: BTreeSet<&str> = scene
        .callees(attempt)
        .into_iter()
        .map(|it| it.function_name.as_str())
        .collect();
    let own = |name: &str| {
        let mut tries = scene.case.attempts.iter();
        tries.any(|it| it.function_name.as_deref() == Some(name))
    };
    let takers = &usual.first().filter(|_| usual.len() >= ENOUGH)?.takers;
    let mut gone = takers.iter().filter(|name| {
        usual.iter().all(|it| it.takers.contains(*name))
            && !came.contains(name.as_str())
            && !own(name)
    });
    gone.next().cloned()
}

/// Who took the messages of all healthy runs that went the same way, and has not taken this one.
pub(super) fn missing(scene: &Scene, attempt: &Attempt) -> Vec<String> {
    let letters = crate::case::letters::letters(scene.case);
    let mut letters = letters.into_iter();
    let letter = letters.find(|it| it.scheduled_event_id == attempt.scheduled_event_id);
    let witnesses = &scene.world.witnesses;
    let (Some(letter), Some(first)) = (letter, witnesses.first()) else {
        return Vec::new();
    };
    let came = scene.case.heard.iter().filter(|it| letter.is_named(it));
    let came: BTreeSet<&str> = came.map(|it| it.service_name.as_str()).collect();
    let usual = first
        .workers
        .iter()
        .filter(|(place, _)| *place == letter.place);
    let usual = usual.filter(|it| witnesses.iter().all(|other| other.workers.contains(*it)));
    let gone = usual.filter(|(_, name)| !came.contains(name.as_str()));
    gone.filter(|_| witnesses.len() >= WITNESSES)
        .map(|(_, name)| name.clone())
        .collect()
}

fn worker<'a>(
    scene: &Scene,
    heard: &'a [LogRecord],
    name: &str,
    hits: &[usize],
    hinted: bool,
) -> Worker<'a> {
    let named: Vec<&LogRecord> = hits.iter().map(|n| &heard[*n]).collect();
    let mut own: Vec<&LogRecord> = Vec::new();
    for (n, hit) in hits.iter().zip(&named) {
        let with = |it: &&LogRecord| {
            it.service_name == name
                && match hit.request_id.is_empty() {
                    false => it.request_id == hit.request_id,
                    true => it.log_stream == hit.log_stream && it.trace_id == hit.trace_id,
                }
        };
        match hit.request_id.is_empty() {
            false => own.extend(heard.iter().filter(with)),
            // Who writes no request id goes on to other messages: what follows is its own for a while.
            true => own.extend(heard[*n..].iter().filter(with).take(AFTER)),
        }
    }
    own.sort_by_key(|it| (it.time, it.log_id));
    // What healthy runs warn of as well is not what went wrong.
    let usual = |it: &LogRecord| {
        let key = (it.service_name.clone(), text::template(&it.body));
        scene
            .world
            .witnesses
            .iter()
            .any(|witness| witness.warned.contains(&key))
    };
    let denied = own
        .iter()
        .find(|it| it.severity_number >= 13 && is_denied(it) && !usual(it));
    let first = own
        .iter()
        .find(|it| it.severity_number >= 17 && answers_late(it).is_none() && !usual(it));
    let dead = own
        .iter()
        .find(|it| it.severity_number >= 13 && text::is_death(&it.body) && !usual(it));
    let ended = own.iter().find(|it| is_end(&it.body)).or(dead);
    let warned = |it: &&&LogRecord| it.severity_number >= 13 && !usual(it);
    let late = own
        .iter()
        .find(|it| warned(it) && answers_late(it).is_none());
    let function = named
        .iter()
        .any(|it| !it.request_id.is_empty() || matches!(it.origin, LogOrigin::LambdaPlatform));
    Worker {
        name: name.to_owned(),
        kind: if function { "function" } else { "service" },
        wrong: denied.or(dead).or(first).or(ended).or(late).copied(),
        late: own.iter().find(|it| answers_late(it).is_some()).copied(),
        took: own.first().map(|it| it.time),
        lines: own,
        named,
        hinted,
    }
}

fn is_denied(line: &LogRecord) -> bool {
    text::is(&line.body, Topic::Permission)
}

/// That the answer came when nobody waited any more: what follows from being late is no reason for it.
pub(super) fn answers_late(line: &LogRecord) -> Option<()> {
    let late = is_gone(&line.body) || line.body.to_lowercase().contains("invalidtoken");
    late.then_some(())
}

/// Words with which Step Functions refuses the answer of a task that is over.
fn is_gone(body: &str) -> bool {
    const MARKS: [&str; 5] = [
        "tasktimedout",
        "taskdoesnotexist",
        "provided task does not exist",
        "task timed out: ",
        "task does not exist anymore",
    ];
    let lower = body.to_lowercase();
    MARKS.iter().any(|it| lower.contains(it))
}

/// Lines of the platform about an invocation that did not come to its end.
fn is_end(body: &str) -> bool {
    matches!(
        text::topic(body),
        Some(Topic::FunctionTimeout | Topic::OutOfMemory)
    ) || body.contains("Runtime exited")
        || body.contains("Status: timeout")
        || body.contains("Status: error")
}

/// True when the failure's own invocation or spans tell who had it: nothing has to be looked for.
pub(super) fn known(failure: &Failure) -> bool {
    failure.function().is_some()
}
