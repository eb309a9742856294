//! Points in time as people and programs write them in requests and on the command line.

use crate::clock;
use collectors::timestamp;
use model::UnixNanos;

/// What can be written, for errors.
pub const FORMS: &str = "give ISO 8601 (2026-11-22T03:16:00Z, 2026-11-22), a time before or after now (-1h, -7d, +30m), now, or a whole \
     number since 1970 (nanoseconds; seconds, milliseconds and microseconds are told by their size)";

/// Longest text that is looked at, bytes.
const LONGEST: usize = 64;

/// Reads a time; relative ones count from `now`. `None` for anything else.
pub fn read(text: &str, now: UnixNanos) -> Option<UnixNanos> {
    let text = text.trim();
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let relative = text
        .strip_prefix("now")
        .or_else(|| text.starts_with(['-', '+']).then_some(text));
    if let Some(offset) = relative {
        return moved(offset.trim(), now);
    }
    timestamp::parse_text(text)
        .or_else(|| timestamp::parse_text(&plus(text)))
        .or_else(|| day(text))
}

/// `-1h` or `+30m` from now; nothing is now itself. A sign before a number alone is a time before 1970.
fn moved(offset: &str, now: UnixNanos) -> Option<UnixNanos> {
    if offset.is_empty() {
        return Some(now);
    }
    if let Ok(nanos) = offset.parse::<i64>() {
        return Some(UnixNanos(nanos));
    }
    let ahead = offset.starts_with('+');
    let length = slo::duration::nanos(offset.strip_prefix(['+', '-'])?)?;
    Some(UnixNanos(match ahead {
        true => now.0.saturating_add(length),
        false => now.0.saturating_sub(length),
    }))
}

/// A length of time such as `30m`, `2h`, `1d`, `1h30m`, nanoseconds; also ISO 8601 (`PT2H`).
///
/// # Errors
/// When it is none, or not longer than nothing.
pub fn length(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let own = slo::duration::nanos(text).filter(|_| text.parse::<u64>().is_err());
    let read = own.or_else(|| {
        let span: jiff::SignedDuration = text.parse().ok()?;
        i64::try_from(span.as_nanos()).ok()
    });
    read.filter(|it| *it > 0).ok_or_else(|| {
        let shown: String = text.chars().take(LONGEST).collect();
        format!("'{shown}' is no length of time such as 30m, 2h or 1d")
    })
}

/// In a URL a `+` that was not escaped arrives as a space: `2026-11-22T03:16:00 01:00`.
fn plus(text: &str) -> String {
    match text.rsplit_once(' ') {
        Some((time, zone)) if time.contains('T') => format!("{time}+{zone}"),
        _ => text.to_owned(),
    }
}

/// The beginning of a day, UTC; or a minute without seconds.
fn day(text: &str) -> Option<UnixNanos> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let begin = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(UnixNanos(i64::try_from(begin.as_nanosecond()).ok()?))
}

/// A parameter of a request: `None` if it is not there or empty.
///
/// # Errors
/// When it is no time; says what can be written.
pub fn parameter(name: &str, text: Option<&str>) -> Result<Option<UnixNanos>, String> {
    let Some(text) = text.map(str::trim).filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let shown: String = text.chars().take(LONGEST).collect();
    match read(text, clock::now()) {
        Some(time) => Ok(Some(time)),
        None => Err(format!("{name}='{shown}' is no time: {FORMS}")),
    }
}

/// Beginning and end of a stretch of time.
///
/// # Errors
/// When one of them is no time, or the end does not come after the beginning.
pub fn range(
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(Option<UnixNanos>, Option<UnixNanos>), String> {
    let (begin, end) = (parameter("from", from)?, parameter("to", to)?);
    match (begin, end) {
        (Some(begin), Some(end)) if end <= begin => Err(format!(
            "the time range ends before it begins: from='{}', to='{}'",
            from.unwrap_or_default().trim(),
            to.unwrap_or_default().trim()
        )),
        both => Ok(both),
    }
}

/// The same as parameters of the typed questions, which know nothing of now: as nanoseconds.
///
/// # Errors
/// As [`range`].
pub fn settle(from: &mut Option<String>, to: &mut Option<String>) -> Result<(), String> {
    let (begin, end) = range(from.as_deref(), to.as_deref())?;
    *from = begin.map(|it| it.0.to_string());
    *to = end.map(|it| it.0.to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let now = UnixNanos(1_767_225_600_000_000_000); // 2026-01-01T00:00:00Z
        let check = |text: &str, expect: Option<i64>| {
            let expect = expect.map(|second| second * 1_000_000_000);
            assert_eq!(read(text, now).map(|it| it.0), expect, "{text}");
        };
        check("2026-01-01T00:00:00Z", Some(1_767_225_600));
        check("2026-01-01T01:00:00+01:00", Some(1_767_225_600));
        check("2026-01-01T01:00:00 01:00", Some(1_767_225_600));
        check("2026-01-01 00:00:00", Some(1_767_225_600));
        check("2026-01-01T00:00", Some(1_767_225_600));
        check("2026-01-01", Some(1_767_225_600));
        check("1767225600000000000", Some(1_767_225_600));
        check("1767225600000", Some(1_767_225_600));
        check("1767225600", Some(1_767_225_600));
        check("now", Some(1_767_225_600));
        check("-1h", Some(1_767_222_000));
        check("now-1h30m", Some(1_767_220_200));
        check("now+60s", Some(1_767_225_660));
        check("+60s", Some(1_767_225_660));
        check(" -7d ", Some(1_766_620_800));
        check("-1000000000", Some(-1));
        for nonsense in [
            "yesterday",
            "-",
            "-h",
            "--1h",
            "nowhere",
            "-1x",
            "2026-13-01",
            "-99999999999999999999d",
            "1h",
            "\u{661}",
        ] {
            check(nonsense, None);
        }
    }

    #[test]
    fn lengths_have_units() {
        let check = |text: &str, seconds: Option<i64>| {
            let expect = seconds.map(|it| it * 1_000_000_000);
            assert_eq!(length(text).ok(), expect, "{text}");
        };
        check("30m", Some(1_800));
        check("1d", Some(86_400));
        check("1h30m", Some(5_400));
        check("PT2H", Some(7_200));
        check("2 hours", Some(7_200));
        for nonsense in ["90", "", "0s", "-1h", "soon"] {
            check(nonsense, None);
        }
    }

    #[test]
    fn an_end_comes_after_its_beginning() {
        let check = |from: Option<&str>, to: Option<&str>, expect: bool| {
            assert_eq!(range(from, to).is_ok(), expect, "{from:?} {to:?}");
        };
        check(Some("-1h"), None, true);
        check(Some("-1h"), Some(""), true);
        check(Some("-1h"), Some("now"), true);
        check(Some("now"), Some("-1h"), false);
        check(Some("2026-01-01"), Some("2026-01-01"), false);
        check(Some("soon"), None, false);
    }
}
