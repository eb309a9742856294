//! What tools say about experiments, as updates.

mod chaos_toolkit;
mod fis;
mod own;

#[cfg(test)]
mod tests;

use crate::experiment::Update;
use model::UnixNanos;
use serde_json::Value;

/// Longest text that is taken over.
const LONGEST: usize = 2_000;

/// Recognises who says it, and reads it: our own JSON, an EventBridge event or a template of AWS FIS, a
/// notification or a journal of the Chaos Toolkit, or a list of these.
///
/// # Errors
/// Says what is missing or not known.
pub fn read(said: &Value, now: UnixNanos) -> Result<Vec<Update>, String> {
    match said {
        Value::Array(list) if list.len() > 1_000 => {
            Err("more than 1000 experiments at once".into())
        }
        Value::Array(list) => {
            let all: Result<Vec<_>, _> = list.iter().map(|it| one(it, now)).collect();
            Ok(all?)
        }
        it => Ok(vec![one(it, now)?]),
    }
}

fn one(said: &Value, now: UnixNanos) -> Result<Update, String> {
    if said.get("source").and_then(Value::as_str) == Some("aws.fis") {
        return fis::event(said, now);
    }
    if said
        .get("experiment")
        .is_some_and(|it| it.get("experimentTemplateId").is_some())
    {
        return fis::description(&said["experiment"], now);
    }
    let names = said
        .get("name")
        .or_else(|| said.get("event"))
        .and_then(Value::as_str);
    let notified = said.get("payload").is_some() && names.is_some_and(chaos_toolkit::is_event);
    if notified {
        return chaos_toolkit::notification(said, now);
    }
    if said.get("experiment").is_some_and(Value::is_object) && said.get("status").is_some() {
        return chaos_toolkit::journal(said, now);
    }
    own::experiment(said, now)
}

/// Text at a key, cut; empty text is none.
fn text(said: &Value, key: &str) -> Option<String> {
    let text = said.get(key)?.as_str()?.trim();
    let cut: String = text.chars().take(LONGEST).collect();
    (!cut.is_empty()).then_some(cut)
}

/// A time: RFC 3339 (an offset may be missing: then it is UTC), seconds, milliseconds or nanoseconds since the
/// epoch.
fn time(value: &Value) -> Option<UnixNanos> {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_i64() {
                return Some(UnixNanos(match whole.unsigned_abs() {
                    0..100_000_000_000 => whole.saturating_mul(1_000_000_000),
                    100_000_000_000..100_000_000_000_000 => whole.saturating_mul(1_000_000),
                    _ => whole,
                }));
            }
            let seconds = number.as_f64()?;
            // A double holds microseconds of today, not nanoseconds.
            seconds
                .is_finite()
                .then(|| UnixNanos(((seconds * 1e6).round() as i64).saturating_mul(1_000)))
        }
        Value::String(text) => {
            let text = text.trim();
            if let Ok(time) = text.parse::<jiff::Timestamp>() {
                return i64::try_from(time.as_nanosecond()).ok().map(UnixNanos);
            }
            if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
                let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
                return i64::try_from(zoned.timestamp().as_nanosecond())
                    .ok()
                    .map(UnixNanos);
            }
            text.parse::<i64>().ok().map(UnixNanos)
        }
        _ => None,
    }
}

/// A time at a key.
///
/// # Errors
/// When something is there that is no time.
fn time_at(said: &Value, key: &str) -> Result<Option<UnixNanos>, String> {
    match said.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match time(value) {
            Some(time) => Ok(Some(time)),
            None => Err(format!(
                "{key} is no time: write it by RFC 3339, such as 2026-11-22T03:16:00Z"
            )),
        },
    }
}
