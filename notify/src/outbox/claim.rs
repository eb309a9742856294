//! Which message is next.

use super::{
    Health, MESSAGES, Message, Status, THREADS, Thread, WAITING, Waiting, health, put, thread_key,
};
use crate::{
    error::Result,
    notification::{Effect, Kind},
    receiver::Receivers,
    silence::Silence,
};
use model::UnixNanos;
use state::{Changes, State, View};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A message whose attempt has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The message.
    pub message: Message,
}

/// What can be done now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Numbers of messages that are due, oldest first; [`begin`] them.
    pub due: Vec<u64>,
    /// The earliest time at which another one is due.
    pub next: Option<UnixNanos>,
}

/// Looks which messages are due. `busy` are the threads (receiver, incident) of which a message is being
/// delivered right now.
///
/// # Errors
/// When the state cannot be read.
pub fn plan(
    state: &State,
    silences: &[Silence],
    busy: &BTreeSet<(String, String)>,
    now: UnixNanos,
) -> Result<Plan> {
    state.read(|view| {
        let waiting: Vec<(String, Waiting)> = view.list(WAITING)?;
        let mut threads: BTreeMap<(String, String), Vec<Waiting>> = BTreeMap::new();
        for (_, it) in waiting {
            let key = (it.receiver.clone(), it.incident.clone());
            threads.entry(key).or_default().push(it);
        }
        let mut healths: HashMap<String, Health> = HashMap::new();
        let mut plan = Plan::default();
        for (key, queue) in threads {
            if busy.contains(&key) {
                continue;
            }
            let Some(head) = head(&queue) else { continue };
            let receiver = match healths.get(&key.0) {
                Some(held) => held,
                None => {
                    let held = health(view, &key.0)?;
                    healths.entry(key.0.clone()).or_insert(held)
                }
            };
            let mut at = head.due.max(receiver.not_before.unwrap_or_default());
            if let Some(silence) = silenced(silences, head, now) {
                at = at.max(silence);
            }
            match at <= now {
                true => plan.due.push(head.number),
                false => plan.next = Some(plan.next.map_or(at, |next| next.min(at))),
            }
        }
        plan.due.sort_unstable();
        Ok(plan)
    })
}

/// The message of a thread that is next: the latest state, unless a notice stands before it.
fn head(queue: &[Waiting]) -> Option<&Waiting> {
    let notice = |it: &&Waiting| it.kind.effect() == Effect::Notice;
    let first = queue.first()?;
    if notice(&first) {
        return Some(first);
    }
    queue.iter().take_while(|it| !notice(it)).last()
}

/// When the silence that holds a message back ends. An end is told although it is silent: it makes less
/// noise, not more.
fn silenced(silences: &[Silence], head: &Waiting, now: UnixNanos) -> Option<UnixNanos> {
    if head.kind.effect() == Effect::Resolve {
        return None;
    }
    let covering = silences
        .iter()
        .filter(|it| it.covers(&head.slo, &head.severity, now));
    covering.map(|it| it.until).max()
}

/// Notes that an attempt begins; `None` when there is nothing to send after all.
///
/// # Errors
/// When the state cannot be written.
pub fn begin(
    state: &State,
    receivers: &Receivers,
    number: u64,
    now: UnixNanos,
) -> Result<Option<Job>> {
    state.write(|changes| {
        let key = state::ordered(number);
        if changes.get::<Waiting>(WAITING, &key)?.is_none() {
            return Ok(None);
        }
        let Some(mut message) = changes.get::<Message>(MESSAGES, &key)? else {
            changes.remove(WAITING, &key)?;
            return Ok(None);
        };
        let Some(receiver) = receivers.named(&message.receiver) else {
            end(
                &mut message,
                Status::Dead,
                "the receiver is no longer in receivers.toml",
                now,
            );
            put(changes, &message)?;
            return Ok(None);
        };
        if health(changes, &receiver.name)?.gone.as_deref() == Some(&receiver.fingerprint) {
            end(
                &mut message,
                Status::Dead,
                "the receiver said that it is gone (410)",
                now,
            );
            put(changes, &message)?;
            return Ok(None);
        }
        supersede(changes, &message, now)?;
        let thread = thread(changes, &message)?;
        let effect = message.notification.kind.effect();
        let known = thread.open || thread.maybe;
        if effect == Effect::Resolve && !known && !receiver.resolve_undelivered {
            end(
                &mut message,
                Status::Dropped,
                "the beginning never arrived",
                now,
            );
            put(changes, &message)?;
            return Ok(None);
        }
        if effect == Effect::Update && !known {
            // What never heard of the incident hears of its beginning.
            message.notification.kind = Kind::Firing;
        }
        message.begun = true;
        message.attempts += 1;
        put(changes, &message)?;
        Ok(Some(Job { message }))
    })
}

/// Takes older states of the thread out: this one is newer.
fn supersede(changes: &Changes<'_>, newest: &Message, now: UnixNanos) -> Result<()> {
    if newest.notification.kind.effect() == Effect::Notice {
        return Ok(());
    }
    let waiting: Vec<(String, Waiting)> = changes.list(WAITING)?;
    for (key, it) in waiting {
        let older = it.number < newest.number
            && it.receiver == newest.receiver
            && it.incident == newest.notification.incident.key
            && it.kind.effect() != Effect::Notice;
        if !older {
            continue;
        }
        if let Some(mut old) = changes.get::<Message>(MESSAGES, &key)? {
            if old.begun {
                // Killed in the middle of its attempt: it may have arrived.
                remember_maybe(changes, &old, now)?;
            }
            let note = format!("by message {}", newest.number);
            end(&mut old, Status::Superseded, &note, now);
            put(changes, &old)?;
        }
    }
    Ok(())
}

fn remember_maybe(changes: &Changes<'_>, message: &Message, now: UnixNanos) -> Result<()> {
    let mut thread = thread(changes, message)?;
    thread.maybe = true;
    thread.at = now;
    let key = thread_key(&message.receiver, &message.notification.incident.key);
    Ok(changes.put(THREADS, &key, &thread)?)
}

pub(super) fn thread(view: &View<'_>, message: &Message) -> Result<Thread> {
    let key = thread_key(&message.receiver, &message.notification.incident.key);
    Ok(view.get(THREADS, &key)?.unwrap_or_default())
}

pub(super) fn end(message: &mut Message, status: Status, note: &str, now: UnixNanos) {
    message.status = status;
    message.note = note.to_owned();
    message.begun = false;
    message.done = Some(now);
}
