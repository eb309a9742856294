//! What became of an attempt.

use super::{
    Attempt, HEALTH, MESSAGES, Message, REMEMBERED, Status, THREADS, Thread, WAITING, Waiting,
    claim, health, put, thread_key, write,
};
use crate::{
    error::{Error, Result},
    notification::{Effect, Kind},
    receiver::{Receiver, Receivers},
    schedule,
};
use model::UnixNanos;
use state::{Changes, State};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Delivered,
    /// Try again, not before so many seconds if the receiver said so.
    Again {
        /// `Retry-After`.
        asked_s: Option<u64>,
    },
    /// It will never be taken.
    Refused,
    /// The receiver is gone for good (410).
    Gone,
}

/// Writes down how an attempt ended, and decides what follows.
///
/// # Errors
/// When the state cannot be written.
pub fn record(
    state: &State,
    receivers: &Receivers,
    number: u64,
    outcome: &Outcome,
    attempt: Attempt,
) -> Result<Message> {
    state.write(|changes| {
        let key = state::ordered(number);
        let Some(mut message) = changes.get::<Message>(MESSAGES, &key)? else {
            return Err(Error::Refused(format!("there is no message {number}")));
        };
        let receiver = receivers.named(&message.receiver);
        let now = attempt.at;
        let status = attempt.status;
        note_health(changes, &message.receiver, receiver, outcome, &attempt)?;
        message.begun = false;
        note_thread(changes, &message, outcome, &attempt)?;
        let error = attempt.error.clone();
        message.log.push(attempt);
        if message.log.len() > REMEMBERED {
            message.log.remove(0);
        }
        // Somebody may have replaced it meanwhile; then only what happened is noted.
        let waits = message.status == Status::Waiting;
        match outcome {
            Outcome::Delivered => claim::end(&mut message, Status::Delivered, "", now),
            _ if !waits => {}
            Outcome::Gone => claim::end(
                &mut message,
                Status::Dead,
                "the receiver said that it is gone (410)",
                now,
            ),
            Outcome::Refused => {
                let why = match status {
                    Some(status) => format!("refused with {status}"),
                    None => error,
                };
                claim::end(&mut message, Status::Dead, &why, now);
            }
            Outcome::Again { asked_s } => {
                message.failures += 1;
                match schedule::wait(message.failures, &message.id, *asked_s) {
                    Some(wait) => message.due = UnixNanos(now.0.saturating_add(wait)),
                    None => claim::end(&mut message, Status::Dead, "tried for days", now),
                }
            }
        }
        let failed = *outcome != Outcome::Delivered;
        if failed && waits {
            fall_back(changes, receivers, receiver, &mut message, now)?;
        }
        put(changes, &message)?;
        Ok(message)
    })
}

fn note_health(
    changes: &Changes<'_>,
    name: &str,
    receiver: Option<&Receiver>,
    outcome: &Outcome,
    attempt: &Attempt,
) -> Result<()> {
    let mut held = health(changes, name)?;
    match outcome {
        Outcome::Delivered => {
            held.failures = 0;
            held.delivered += 1;
            held.last_success = Some(attempt.at);
            held.not_before = None;
            held.gone = None;
        }
        _ => {
            held.failures += 1;
            held.failed += 1;
            held.last_failure = Some(attempt.at);
            held.last_error.clone_from(&attempt.error);
        }
    }
    match outcome {
        Outcome::Again {
            asked_s: Some(asked),
        } => {
            let wait = schedule::wait(1, name, Some(*asked)).unwrap_or_default();
            held.not_before = Some(UnixNanos(attempt.at.0.saturating_add(wait)));
        }
        Outcome::Gone => held.gone = receiver.map(|it| it.fingerprint.clone()),
        _ => {}
    }
    Ok(changes.put(HEALTH, name, &held)?)
}

/// Notes what the receiver knows now.
fn note_thread(
    changes: &Changes<'_>,
    message: &Message,
    outcome: &Outcome,
    attempt: &Attempt,
) -> Result<()> {
    let effect = message.notification.kind.effect();
    let key = thread_key(&message.receiver, &message.notification.incident.key);
    let mut thread: Thread = changes.get(THREADS, &key)?.unwrap_or_default();
    thread.at = attempt.at;
    match (outcome, effect) {
        (_, Effect::Notice) => return Ok(()),
        (Outcome::Delivered, Effect::Resolve) => {
            changes.remove(THREADS, &key)?;
            return Ok(());
        }
        (Outcome::Delivered, _) => {
            thread.open = true;
            thread.last = message.number;
        }
        _ if attempt.uncertain && effect != Effect::Resolve => thread.maybe = true,
        _ => return Ok(()),
    }
    Ok(changes.put(THREADS, &key, &thread)?)
}

/// Tells the fallback what the receiver could not be told, once.
fn fall_back(
    changes: &Changes<'_>,
    receivers: &Receivers,
    receiver: Option<&Receiver>,
    message: &mut Message,
    now: UnixNanos,
) -> Result<()> {
    let Some(receiver) = receiver else {
        return Ok(());
    };
    let enough = message.failures >= receiver.fallback_after || message.status == Status::Dead;
    let begins = matches!(
        message.notification.kind.effect(),
        Effect::Trigger | Effect::Update
    );
    if message.fell_back || !enough || !begins {
        return Ok(());
    }
    let Some(fallback) = receiver
        .fallback
        .as_deref()
        .and_then(|it| receivers.named(it))
    else {
        return Ok(());
    };
    // It may have been told by itself already.
    let key = thread_key(&fallback.name, &message.notification.incident.key);
    if changes
        .get::<Thread>(THREADS, &key)?
        .is_some_and(|it| it.open)
    {
        return Ok(());
    }
    let waiting: Vec<(String, Waiting)> = changes.list(WAITING)?;
    let told = waiting.iter().any(|(_, it)| {
        it.receiver == fallback.name && it.incident == message.notification.incident.key
    });
    if told {
        return Ok(());
    }
    let mut said = message.notification.clone();
    if said.kind == Kind::Updated {
        said.kind = Kind::Firing;
    }
    write(changes, &fallback.name, &said, now)?;
    message.fell_back = true;
    Ok(())
}

/// Puts a dead letter back into the outbox, with its id.
///
/// # Errors
/// When there is no such message, it is not dead, or the receiver has been told something newer about
/// the same incident; `anyway` overrides the last.
pub fn replay(state: &State, name: &str, anyway: bool, now: UnixNanos) -> Result<Message> {
    let all: Vec<(String, Message)> = state.list(MESSAGES)?;
    let number = all
        .iter()
        .map(|(_, it)| it)
        .find(|it| it.id == name || it.number.to_string() == name);
    let Some(number) = number.map(|it| it.number) else {
        let shown: String = name.chars().take(100).collect();
        return Err(Error::Unknown(format!(
            "there is no message '{shown}': see `inquest alert deliveries`"
        )));
    };
    state.write(|changes| {
        let Some(mut message) = changes.get::<Message>(MESSAGES, &state::ordered(number))? else {
            return Err(Error::Unknown(format!("there is no message '{name}'")));
        };
        if message.status != Status::Dead {
            return Err(Error::Refused(format!(
                "message {number} is {}, only dead letters are replayed",
                message.status.as_str()
            )));
        }
        let newer = all.iter().any(|(_, it)| {
            it.number > number
                && it.receiver == message.receiver
                && it.notification.incident.key == message.notification.incident.key
                && it.status == Status::Delivered
                && it.notification.kind.effect() != Effect::Notice
        });
        if newer && !anyway {
            return Err(Error::Refused(format!(
                "{} has been told something newer about this incident, and would take an old state for \
                 the present one (--anyway sends it nevertheless)",
                message.receiver
            )));
        }
        message.status = Status::Waiting;
        message.note = "replayed".into();
        message.failures = 0;
        message.fell_back = false;
        message.done = None;
        message.due = now;
        let mut held = health(changes, &message.receiver)?;
        held.gone = None;
        changes.put(HEALTH, &message.receiver, &held)?;
        put(changes, &message)?;
        Ok(message)
    })
}
