//! Messages whose answer never came, and how whoever received them is found: by the id of the message, the token, or
//! what only this message holds, in the lines of workers that no join leads to.

use super::Case;
use model::{Attempt, HistoryEvent, LogRecord, Status, UnixNanos};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

/// Keys of one message.
const MOST_KEYS: usize = 8;
/// Messages of one execution.
const MOST: usize = 20;
/// Lines that name messages of one execution, and lines around them.
pub const MOST_HITS: usize = 200;
const MOST_LINES: usize = 4_000;
/// Healthy runs whose messages are looked for where one was not answered.
pub const WITNESSES: usize = 5;
/// The end of a token tells it from others; their beginnings are alike.
const TAIL: usize = 40;
/// Values inside values.
const DEPTH: usize = 6;
/// Clocks of workers may be so far off, and a worker that comes too late is looked at for so long, nanoseconds.
const SLACK_NS: i64 = 60_000_000_000;
/// A worker is listened to for so long at most, nanoseconds.
const LISTENS_NS: i64 = 900_000_000_000;
/// An answer that took so long may have been waited for in a queue, nanoseconds.
const LONG_NS: i64 = 5_000_000_000;

/// A message whose answer never came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Letter {
    /// The event that scheduled the attempt which sent it.
    pub scheduled_event_id: u64,
    /// What identifies it: ids that the queue gave it, its token.
    pub keys: Vec<String>,
    /// What it holds and other messages hardly do: ids in its body.
    pub hints: Vec<String>,
    /// From when on it can have been received.
    pub from: UnixNanos,
    /// Until when it is looked for.
    pub to: UnixNanos,
    /// The queue or the activity that it went through, where nobody names the message itself.
    pub place: String,
    /// Names that whoever takes it may go by: the queue's with what workers are called, the one that the history tells.
    pub workers: BTreeSet<String>,
}

impl Letter {
    /// True when a line written at that time names the message.
    pub fn is_named(&self, line: &LogRecord) -> bool {
        self.in_time(line) && self.keys.iter().any(|key| holds(&line.body, key))
    }

    /// True when a line holds what the message holds.
    pub fn is_hinted(&self, line: &LogRecord) -> bool {
        self.in_time(line) && self.hints.iter().any(|key| holds(&line.body, key))
    }

    /// True when a line that warns names the way of the message: nobody may have taken it at all.
    pub fn is_about(&self, line: &LogRecord) -> bool {
        let of_place = || {
            let named = !self.place.is_empty() && holds(&line.body, &self.place);
            named || line.service_name == self.place || self.workers.contains(&line.service_name)
        };
        let from_nobody = line.service_name.is_empty() && self.place.is_empty();
        !from_nobody && line.severity_number >= 13 && self.in_time(line) && of_place()
    }

    fn in_time(&self, line: &LogRecord) -> bool {
        (self.from..=self.to).contains(&line.time)
    }
}

/// A word of a text, not a part of a longer one.
fn holds(text: &str, key: &str) -> bool {
    let of_word = |c: char| c.is_ascii_alphanumeric();
    text.match_indices(key).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + key.len()..].chars().next();
        (key.len() >= TAIL || !before.is_some_and(of_word)) && !after.is_some_and(of_word)
    })
}

/// The messages of an execution that has ended whose answers never came, or came late. Needs its events.
pub fn letters(case: &Case) -> Vec<Letter> {
    if !case.execution.status.is_terminal() {
        return Vec::new();
    }
    let attempts = case.attempts.iter();
    let waiting = attempts.filter(|it| {
        let activity = it.resource_type == "activity" && it.status != Status::Succeeded;
        it.resource.contains("waitForTaskToken") || activity
    });
    let long = |it: &&Attempt| it.duration_ns.is_some_and(|ns| ns >= LONG_NS);
    let telling = waiting.filter(|it| it.status != Status::Succeeded || long(it));
    telling.take(MOST).map(|it| letter(case, it)).collect()
}

/// Whether a message of an execution that has ended was not answered.
pub fn unanswered(case: &Case) -> bool {
    let mut attempts = case.attempts.iter();
    let lost =
        |it: &Attempt| it.resource.contains("waitForTaskToken") && it.status != Status::Succeeded;
    case.execution.status.is_terminal() && attempts.any(lost)
}

/// Whether a message, or work that an activity handed out, came to nothing in an execution that has ended.
pub fn lost(case: &Case) -> bool {
    let mut attempts = case.attempts.iter();
    let activity = |it: &Attempt| it.resource_type == "activity" && it.status != Status::Succeeded;
    case.execution.status.is_terminal() && attempts.any(activity) || unanswered(case)
}

/// Whether functions are held below a case that took its messages.
pub fn has_workers(case: &Case) -> bool {
    let waits = case
        .attempts
        .iter()
        .filter(|it| it.resource.contains("waitForTaskToken"));
    let waits: HashSet<_> = waits.map(|it| it.span_id).collect();
    let mut named = case.called.iter().filter(|it| it.named);
    named.any(|it| waits.contains(&it.attempt))
}

/// The messages of an execution that were answered, by which those who take them are known.
pub fn answered(case: &Case) -> Vec<Letter> {
    let attempts = case.attempts.iter();
    let well = attempts
        .filter(|it| it.resource.contains("waitForTaskToken") && it.status == Status::Succeeded);
    well.take(MOST).map(|it| letter(case, it)).collect()
}

/// Who took the messages of a healthy run, and what they warn of all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// Functions and services whose lines name a message, with the place that it went through.
    pub workers: BTreeSet<(String, String)>,
    /// Templates of their warnings and errors.
    pub warned: BTreeSet<(String, String)>,
}

impl Witness {
    /// Of a run whose messages were answered, by the lines around those that name them.
    pub fn of(letters: &[Letter], heard: &[LogRecord]) -> Witness {
        let mut witness = Witness::default();
        for letter in letters {
            let named = heard.iter().filter(|it| letter.is_named(it));
            let names = named.map(|it| (letter.place.clone(), it.service_name.clone()));
            witness.workers.extend(names);
        }
        let loud = heard.iter().filter(|it| it.severity_number >= 13);
        let loud = loud.map(|it| (it.service_name.clone(), super::text::template(&it.body)));
        witness.warned.extend(loud);
        witness
    }
}

fn letter(case: &Case, attempt: &Attempt) -> Letter {
    let from = attempt.submitted_time.unwrap_or(attempt.start_time).0;
    let ended = attempt.end_time.or(case.execution.end_time);
    let to = ended.map_or(from, |it| it.0);
    let mut letter = Letter {
        scheduled_event_id: attempt.scheduled_event_id,
        from: UnixNanos(from.saturating_sub(SLACK_NS)),
        to: UnixNanos(to.saturating_add(SLACK_NS)),
        place: place(attempt),
        ..Letter::default()
    };
    letter.workers = workers(&letter.place, attempt.worker.as_deref());
    let answer = submitted(&case.events, attempt).and_then(answer_of);
    if let Some(answer) = answer {
        ids(&answer, 0, &mut letter.keys);
    }
    let sent = attempt
        .input
        .as_deref()
        .and_then(|it| serde_json::from_str(it).ok());
    if let Some(sent) = sent {
        contents(&sent, "", 0, &mut letter);
    }
    letter.keys.truncate(MOST_KEYS);
    letter.hints.retain(|it| !letter.keys.contains(it));
    letter.hints.truncate(MOST_KEYS);
    letter
}

/// The queue or the activity of an attempt.
fn place(attempt: &Attempt) -> String {
    let queue = super::clues::callee(attempt);
    let queue = queue.filter(|(kind, _)| matches!(*kind, "queue" | "activity" | "topic"));
    queue
        .map(|it| it.1)
        .filter(|it| it.len() >= 4)
        .unwrap_or_default()
}

/// Names of those who may take what goes through a place: `grading-jobs` is taken by `grading-worker`, `grading-consumer`,
/// and so on; a worker `grader-7d9f5-x2k` is one of `grader`.
fn workers(place: &str, told: Option<&str>) -> BTreeSet<String> {
    const OF_QUEUE: [&str; 15] = [
        "queue", "jobs", "job", "requests", "request", "tasks", "task", "work", "events", "topic",
        "messages", "inbox", "commands", "todo", "in",
    ];
    const OF_WORKER: [&str; 11] = [
        "worker",
        "workers",
        "consumer",
        "processor",
        "service",
        "handler",
        "runner",
        "agent",
        "listener",
        "poller",
        "svc",
    ];
    let mut found = BTreeSet::new();
    let place = place.trim_end_matches(".fifo");
    let cut = |end: &&str| {
        let base = place.strip_suffix(*end)?.strip_suffix(['-', '_', '.'])?;
        (base.len() >= 3).then(|| base.to_owned())
    };
    let base = OF_QUEUE
        .iter()
        .find_map(cut)
        .unwrap_or_else(|| place.to_owned());
    let single = base
        .strip_suffix('s')
        .filter(|it| it.len() >= 4)
        .map(str::to_owned);
    for base in [Some(base), single]
        .into_iter()
        .flatten()
        .filter(|it| it.len() >= 3)
    {
        found.extend(OF_WORKER.iter().map(|end| format!("{base}-{end}")));
        found.insert(base);
    }
    let told = told.unwrap_or_default();
    let told = told.split(['@', '/', ':']).next().unwrap_or(told);
    let mut parts: Vec<&str> = told.split('-').collect();
    // What a ReplicaSet or a host adds to the name has digits in it, or no vowel.
    for _ in 0..3 {
        let name = parts.join("-");
        if name.len() >= 4 {
            found.insert(name);
        }
        if parts.len() < 2 {
            break;
        }
        parts.pop();
    }
    found.remove(place);
    found
}

/// The lines around those that name a message: of the same invocations, else of the same worker after them. What the
/// execution's own functions wrote about their own work is left out. `all` are the lines among which they are looked for.
pub fn around(case: &Case, hits: &[&LogRecord], all: &[LogRecord]) -> Vec<LogRecord> {
    let own: HashSet<&str> = case
        .invocations
        .iter()
        .map(|it| it.request_id.as_str())
        .collect();
    let mut requests: HashSet<&str> = HashSet::new();
    let mut workers: Vec<&LogRecord> = Vec::new();
    for hit in hits.iter().take(MOST_HITS) {
        match hit.request_id.is_empty() {
            false => _ = requests.insert(&hit.request_id),
            true => workers.push(hit),
        }
    }
    let over = letters(case)
        .iter()
        .map(|it| it.to)
        .max()
        .unwrap_or_default();
    let mine = |it: &&LogRecord| {
        let of_request = !it.request_id.is_empty() && requests.contains(it.request_id.as_str());
        let of_worker = |hit: &&LogRecord| {
            hit.service_name == it.service_name
                && hit.log_stream == it.log_stream
                && (hit.time..=heard_until(hit.time, over)).contains(&it.time)
        };
        !own.contains(it.request_id.as_str()) && (of_request || workers.iter().any(of_worker))
    };
    let mut found: Vec<LogRecord> = all.iter().filter(mine).take(MOST_LINES).cloned().collect();
    found.sort_by_key(|it| (it.time, it.log_id));
    found.dedup_by_key(|it| it.log_id);
    found
}

/// How long a worker without request ids is listened to after it named a message: until the wait is over, if that is soon.
pub fn heard_until(hit: UnixNanos, over: UnixNanos) -> UnixNanos {
    let soon = hit.0.saturating_add(SLACK_NS);
    UnixNanos(
        over.0
            .clamp(soon, hit.0.saturating_add(LISTENS_NS).max(soon)),
    )
}

/// The event that says that an attempt was submitted, by the chain of events.
pub(super) fn submitted<'a>(
    events: &'a [HistoryEvent],
    attempt: &Attempt,
) -> Option<&'a HistoryEvent> {
    let mut last = attempt.scheduled_event_id;
    // Scheduled, started, submitted: nothing else follows in between.
    for _ in 0..3 {
        let next = events.iter().find(|it| {
            it.previous_event_id == last
                && it.event_id > last
                && attempt.end_event_id.is_none_or(|end| it.event_id < end)
        })?;
        if next.event_type.ends_with("Submitted") {
            return Some(next);
        }
        last = next.event_id;
    }
    None
}

pub(super) fn answer_of(event: &HistoryEvent) -> Option<Value> {
    let details: Value = serde_json::from_str(&event.details).ok()?;
    let output = details.get("output")?.as_str()?;
    serde_json::from_str(output).ok()
}

/// Ids that a queue, a topic or a bus gave a message.
fn ids(answer: &Value, depth: usize, keys: &mut Vec<String>) {
    const NAMES: [&str; 4] = ["MessageId", "EventId", "SequenceNumber", "ExecutionArn"];
    if depth > DEPTH || keys.len() >= MOST_KEYS {
        return;
    }
    match answer {
        Value::Object(members) => {
            for (name, value) in members {
                let named = NAMES.iter().any(|it| it.eq_ignore_ascii_case(name));
                match value.as_str().filter(|it| named && it.len() >= 8) {
                    Some(id) => keys.push(id.to_owned()),
                    None => ids(value, depth + 1, keys),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| ids(it, depth + 1, keys)),
        _ => {}
    }
}

/// The token and the ids in what was sent, also where it is JSON in a text.
fn contents(sent: &Value, name: &str, depth: usize, letter: &mut Letter) {
    if depth > DEPTH || letter.hints.len() > 4 * MOST_KEYS {
        return;
    }
    match sent {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, it)| contents(it, name, depth + 1, letter)),
        Value::Array(items) => items
            .iter()
            .for_each(|it| contents(it, name, depth + 1, letter)),
        Value::String(text) => {
            let nested = text
                .starts_with(['{', '['])
                .then(|| serde_json::from_str(text));
            if let Some(Ok(inner)) = nested {
                contents(&inner, name, depth + 1, letter);
            } else if name.to_lowercase().contains("token") && text.len() >= 20 {
                let at = text.len().saturating_sub(TAIL);
                letter.keys.extend(text.get(at..).map(str::to_owned));
            } else if is_id(text) {
                letter.hints.push(text.clone());
            }
        }
        _ => {}
    }
}

/// One word with a digit in it, long enough to be met by chance seldom: `order-4711`, no URL, ARN, date or number.
fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.#".contains(c);
    let long = (6..=64).contains(&text.len());
    let digit = text.chars().any(|c| c.is_ascii_digit());
    let letter = text.chars().any(|c| c.is_ascii_alphabetic());
    let dated = text.starts_with("20") && text.as_bytes().get(4) == Some(&b'-');
    long && digit && letter && !dated && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn own(all: &[&str]) -> Vec<String> {
        all.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_identifies_a_message_is_found() {
        let check = |sent: Value, keys: &[&str], hints: &[&str]| {
            let mut letter = Letter::default();
            contents(&sent, "", 0, &mut letter);
            assert_eq!(
                (letter.keys, letter.hints),
                (own(keys), own(hints)),
                "{sent}"
            );
        };
        let token = "AQCEAAAAKgAAAAMAAAAAAAAAAb0123456789abcdef0123456789abcdef";
        check(
            json!({"MessageBody": {"taskToken": token, "order": "o-48812"}}),
            &[&token[token.len() - TAIL..]],
            &["o-48812"],
        );
        check(
            json!({"MessageBody": json!({"t": {"token": token}}).to_string()}),
            &[&token[token.len() - TAIL..]],
            &[],
        );
        check(
            json!({"QueueUrl": "https://sqs/1/q", "day": "2026-05-04", "n": 4711, "kind": "order"}),
            &[],
            &[],
        );
    }

    #[test]
    fn ids_are_whole_words() {
        let check = |text: &str, expect: bool| assert_eq!(holds(text, "o-4711"), expect, "{text}");
        check("received o-4711", true);
        check("{\"id\":\"o-4711\"}", true);
        check("received o-47110", false);
        check("two-4711", false);
    }
}
