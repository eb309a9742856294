//! Silences: for a time, what matches is held back. It is not thrown away: what still burns when the
//! silence ends is told then.

use crate::{error::Error, notification::Notification};
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use state::State;

/// Where they are kept.
const COLLECTION: &str = "silences";
/// Most that are kept.
const MOST: usize = 1_000;

/// Holds back messages about what matches, from `from` to `until`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Silence {
    /// Given when it is made.
    pub id: String,
    /// Name of the objective; `*` stands for any letters; empty means any.
    pub slo: String,
    /// `page`, `ticket` or `info`; empty means any.
    pub severity: String,
    /// Begins to hold then.
    pub from: UnixNanos,
    /// Ends then.
    pub until: UnixNanos,
    /// Why.
    pub comment: String,
    /// Who.
    pub author: String,
}

impl Silence {
    /// Whether it holds for this objective and severity at `now`.
    pub fn covers(&self, slo: &str, severity: &str, now: UnixNanos) -> bool {
        (self.from..self.until).contains(&now)
            && (self.slo.is_empty() || fits(&self.slo, slo))
            && (self.severity.is_empty() || self.severity == severity)
    }

    /// Whether it holds back this message at `now`.
    pub fn holds(&self, message: &Notification, now: UnixNanos) -> bool {
        self.covers(&message.slo.name, &message.severity, now)
    }
}

/// Whether `text` fits a pattern in which `*` stands for any letters.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// All that have not ended for a week; by id.
///
/// # Errors
/// When the state cannot be read.
pub fn list(state: &State) -> Result<Vec<Silence>, Error> {
    let held: Vec<(String, Silence)> = state.list(COLLECTION)?;
    Ok(held.into_iter().map(|(_, it)| it).collect())
}

/// Makes one; returns it with its id.
///
/// # Errors
/// When it ends before it begins or is over already, or there are too many.
pub fn add(state: &State, mut silence: Silence, now: UnixNanos) -> Result<Silence, Error> {
    const WEEK: i64 = 7 * 86_400 * 1_000_000_000;
    if silence.until <= silence.from || silence.until <= now {
        return Err(Error::Refused(
            "a silence must end in the future, and after it begins".into(),
        ));
    }
    state.write(|changes| {
        let held: Vec<(String, Silence)> = changes.list(COLLECTION)?;
        let (old, valid): (Vec<_>, Vec<_>) = held
            .into_iter()
            .partition(|(_, it)| it.until.0.saturating_add(WEEK) < now.0);
        for (key, _) in old {
            changes.remove(COLLECTION, &key)?;
        }
        if valid.len() >= MOST {
            return Err(Error::Refused(format!(
                "there are {MOST} silences already: end some"
            )));
        }
        let number = changes.next_number(COLLECTION)?;
        silence.id = number.to_string();
        changes.put(COLLECTION, &state::ordered(number), &silence)?;
        Ok(silence)
    })
}

/// Ends one now; says whether it was there.
///
/// # Errors
/// When the state cannot be written.
pub fn end(state: &State, id: &str) -> Result<bool, Error> {
    let Ok(number) = id.parse::<u64>() else {
        return Ok(false);
    };
    Ok(state.remove(COLLECTION, &state::ordered(number))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        let check = |pattern: &str, text: &str, expect: bool| {
            assert_eq!(fits(pattern, text), expect, "{pattern} {text}");
        };
        check("checkout", "checkout", true);
        check("checkout", "checkout-2", false);
        check("check*", "checkout", true);
        check("*out", "checkout", true);
        check("*", "", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("a*a", "a", false);
    }

    #[test]
    fn a_silence_holds_for_its_time_and_matches() {
        let state = State::in_memory().expect("opens");
        let silence = Silence {
            slo: "check*".into(),
            from: UnixNanos(10),
            until: UnixNanos(20),
            ..Silence::default()
        };
        assert!(add(&state, silence.clone(), UnixNanos(20)).is_err());
        let made = add(&state, silence, UnixNanos(5)).expect("made");
        assert_eq!(list(&state).expect("listed"), std::slice::from_ref(&made));
        assert!(made.covers("checkout", "page", UnixNanos(10)));
        assert!(!made.covers("checkout", "page", UnixNanos(20)));
        assert!(!made.covers("orders", "page", UnixNanos(10)));
        assert!(end(&state, &made.id).expect("ended"));
        assert!(!end(&state, &made.id).expect("ended"));
    }
}
