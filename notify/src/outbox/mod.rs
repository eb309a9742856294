//! What is still to be delivered, in order, across restarts.
//!
//! - A message is written in the transaction that writes the decision ([`enqueue`]), once per receiver, with
//!   an id that stays the same over all attempts.
//! - Messages of one receiver about one incident are a *thread*: one at a time, oldest first. A newer
//!   state supersedes an older one that has not arrived. An end is not told to somebody who was never told
//!   of the beginning.
//! - An attempt is noted before it is made ([`begin`]) and its outcome after it ([`record()`]): killed in
//!   between, we try again with the same id, so an idempotent receiver sees it once.
//! - What cannot be delivered becomes a dead letter, which is kept, listed and can be sent again
//!   ([`replay`]).

mod claim;
mod record;

#[cfg(test)]
mod tests;

pub use claim::{Job, Plan, begin, plan};
pub use record::{Outcome, record, replay};

use crate::{
    error::Result,
    notification::{Effect, Kind, Notification},
    payload::digest,
    receiver::Receivers,
};
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use state::{Changes, State, View};

/// All messages, by number.
pub(crate) const MESSAGES: &str = "messages";
/// Those that wait, by number.
pub(crate) const WAITING: &str = "outbox";
/// What a receiver knows of an incident.
pub(crate) const THREADS: &str = "threads";
/// How receivers are.
pub(crate) const HEALTH: &str = "receivers";
/// Messages that are kept after they were dealt with.
const KEPT: u64 = 10_000;
/// Messages that may wait; beyond it notices and updates are not taken any more.
const MOST_WAITING: u64 = 20_000;
/// Attempts that are remembered of a message.
pub(crate) const REMEMBERED: usize = 20;

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is due now or later.
    #[default]
    Waiting,
    /// The receiver has it.
    Delivered,
    /// A newer message took its place before it arrived.
    Superseded,
    /// It is about the end of something whose beginning never arrived.
    Dropped,
    /// It is given up; it can be replayed.
    Dead,
}

impl Status {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Waiting => "waiting",
            Status::Delivered => "delivered",
            Status::Superseded => "superseded",
            Status::Dropped => "dropped",
            Status::Dead => "dead",
        }
    }
}

/// An attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// When it ended.
    pub at: UnixNanos,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Status of HTTP, if there was an answer.
    pub status: Option<u16>,
    /// What was wrong; empty if nothing.
    pub error: String,
    /// Whether the receiver may have got it nevertheless.
    pub uncertain: bool,
}

/// A message to one receiver.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Message {
    /// Counts up.
    pub number: u64,
    /// What the receiver knows it by.
    pub id: String,
    /// Name of the receiver.
    pub receiver: String,
    /// What it says.
    pub notification: Notification,
    /// When it was written.
    pub enqueued: UnixNanos,
    /// What has become of it.
    pub status: Status,
    /// Why, where the status alone does not say.
    pub note: String,
    /// Attempts so far, also those of before a replay.
    pub attempts: u32,
    /// Failures since it was written or replayed.
    pub failures: u32,
    /// The next attempt is due then.
    pub due: UnixNanos,
    /// The last attempts.
    pub log: Vec<Attempt>,
    /// An attempt was begun and its outcome is not known.
    pub begun: bool,
    /// Whether the fallback was told.
    pub fell_back: bool,
    /// When it was dealt with.
    pub done: Option<UnixNanos>,
}

/// What stands in the outbox for a message that waits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub number: u64,
    pub receiver: String,
    pub incident: String,
    pub kind: Kind,
    pub slo: String,
    pub severity: String,
    pub due: UnixNanos,
}

/// What a receiver knows of an incident.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Thread {
    /// It was told of the beginning and not of the end.
    pub open: bool,
    /// It may have been told: an attempt ended without an answer.
    pub maybe: bool,
    /// Number of the last message that arrived.
    pub last: u64,
    /// When that was, or when it was last tried.
    pub at: UnixNanos,
}

/// How a receiver is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Failures since the last success.
    pub failures: u32,
    /// When something arrived last.
    pub last_success: Option<UnixNanos>,
    /// When something failed last.
    pub last_failure: Option<UnixNanos>,
    /// What was wrong then.
    pub last_error: String,
    /// It asked not to be called before then.
    pub not_before: Option<UnixNanos>,
    /// It said that it is gone (410), with these settings.
    pub gone: Option<String>,
    /// Messages that arrived, ever.
    pub delivered: u64,
    /// Attempts that failed, ever.
    pub failed: u64,
}

pub(crate) fn thread_key(receiver: &str, incident: &str) -> String {
    format!("{receiver}\u{1f}{incident}")
}

/// Writes a message to everybody who wants it, within the transaction that writes what it is about. Says
/// how many; wake the sender after the commit.
///
/// # Errors
/// When the state refuses.
pub fn enqueue(
    changes: &Changes<'_>,
    receivers: &Receivers,
    message: &Notification,
    now: UnixNanos,
) -> Result<usize> {
    let follows = matches!(message.kind.effect(), Effect::Update | Effect::Resolve);
    let full = changes.count(WAITING)? >= MOST_WAITING;
    if full && matches!(message.kind.effect(), Effect::Update | Effect::Notice) {
        return Ok(0);
    }
    let mut written = 0;
    // Names that nobody has would tell nobody: then it goes the usual way.
    let is_named = |name: &String| message.receivers.contains(name);
    let named = receivers.list.iter().any(|it| is_named(&it.name));
    for receiver in &receivers.list {
        let key = thread_key(&receiver.name, &message.incident.key);
        // A fallback that was told of the beginning is told of the rest.
        let wants = (!named || is_named(&receiver.name)) && receiver.wants(message, named)
            || (follows
                && changes
                    .get::<Thread>(THREADS, &key)?
                    .is_some_and(|it| it.open));
        if wants {
            write(changes, &receiver.name, message, now)?;
            written += 1;
        }
    }
    Ok(written)
}

/// Writes a message to one receiver; returns its number.
pub(crate) fn write(
    changes: &Changes<'_>,
    receiver: &str,
    notification: &Notification,
    now: UnixNanos,
) -> Result<u64> {
    let number = changes.next_number(MESSAGES)?;
    let seed = [
        number.to_string(),
        now.0.to_string(),
        receiver.to_owned(),
        notification.incident.key.clone(),
    ];
    let id = digest(&seed.each_ref().map(String::as_str));
    let message = Message {
        number,
        id: format!("msg_{}", &id[..24]),
        receiver: receiver.to_owned(),
        notification: notification.clone(),
        enqueued: now,
        due: now,
        ..Message::default()
    };
    put(changes, &message)?;
    if number % 256 == 0 {
        forget_old(changes)?;
    }
    Ok(number)
}

/// Writes a message, and its place in the outbox if it waits.
pub(crate) fn put(changes: &Changes<'_>, message: &Message) -> Result<()> {
    let key = state::ordered(message.number);
    changes.put(MESSAGES, &key, message)?;
    if message.status != Status::Waiting {
        changes.remove(WAITING, &key)?;
        return Ok(());
    }
    let said = &message.notification;
    let waiting = Waiting {
        number: message.number,
        receiver: message.receiver.clone(),
        incident: said.incident.key.clone(),
        kind: said.kind,
        slo: said.slo.name.clone(),
        severity: said.severity.clone(),
        due: message.due,
    };
    Ok(changes.put(WAITING, &key, &waiting)?)
}

/// Forgets the oldest messages beyond what is kept; those that wait are kept.
fn forget_old(changes: &Changes<'_>) -> Result<()> {
    let surplus = changes.count(MESSAGES)?.saturating_sub(KEPT);
    let oldest: Vec<(String, Message)> =
        changes.after(MESSAGES, "", usize::try_from(surplus).unwrap_or(usize::MAX))?;
    for (key, message) in oldest {
        if message.status != Status::Waiting {
            changes.remove(MESSAGES, &key)?;
        }
    }
    // A thread whose end was never written, of an objective that was deleted.
    const QUARTER: i64 = 92 * 86_400 * 1_000_000_000;
    let newest: Vec<(String, Thread)> = changes.list(THREADS)?;
    let latest = newest
        .iter()
        .map(|(_, it)| it.at.0)
        .max()
        .unwrap_or_default();
    for (key, thread) in newest {
        if latest.saturating_sub(thread.at.0) > QUARTER {
            changes.remove(THREADS, &key)?;
        }
    }
    Ok(())
}

/// The messages, newest first: those of a status if one is given, at most `limit`.
///
/// # Errors
/// When the state cannot be read.
pub fn messages(state: &State, status: Option<Status>, limit: usize) -> Result<Vec<Message>> {
    let mut all: Vec<Message> = state
        .list(MESSAGES)?
        .into_iter()
        .map(|(_, message)| message)
        .filter(|message: &Message| status.is_none_or(|status| message.status == status))
        .collect();
    all.reverse();
    all.truncate(limit);
    Ok(all)
}

/// How a receiver is.
///
/// # Errors
/// When the state cannot be read.
pub fn health(view: &View<'_>, receiver: &str) -> Result<Health> {
    Ok(view.get(HEALTH, receiver)?.unwrap_or_default())
}

/// To whom a message goes, if it is known.
///
/// # Errors
/// When the state cannot be read.
pub fn receiver_of(state: &State, number: u64) -> Result<Option<String>> {
    let waiting: Option<Waiting> = state.get(WAITING, &state::ordered(number))?;
    Ok(waiting.map(|it| it.receiver))
}
