//! The shapes in which exported data writes a point in time: ISO 8601 with and without an offset, and
//! epoch seconds, milliseconds, microseconds or nanoseconds as a number or as text.

use model::UnixNanos;
use serde_json::Value;

/// Reads any of the shapes; text without an offset is UTC. `None` for anything else.
pub fn parse(value: &Value) -> Option<UnixNanos> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => from_epoch(whole),
            None => from_epoch_seconds(number.as_f64()?),
        },
        Value::String(text) => parse_text(text),
        _ => None,
    }
}

/// As [`parse`], for text.
pub fn parse_text(text: &str) -> Option<UnixNanos> {
    let text = text.trim();
    if text.len() > 64 || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return from_epoch(whole);
    }
    parse_iso(text).or_else(|| from_epoch_seconds(text.parse().ok()?))
}

/// ISO 8601 only: `2024-05-30T20:15:00.037Z`, `2024-05-30 20:15:00+00:00`, `2024-05-30T20:15:00`.
pub fn parse_iso(text: &str) -> Option<UnixNanos> {
    if text.as_bytes().get(4) != Some(&b'-') || text.len() < 16 {
        return None;
    }
    let instant: Option<jiff::Timestamp> = text.parse().ok();
    let instant = instant.or_else(|| {
        let civil: jiff::civil::DateTime = text.replace(',', ".").parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(UnixNanos(i64::try_from(instant.as_nanosecond()).ok()?))
}

/// The unit follows from the size: seconds to the year 5138, milliseconds to 5138, and so on.
fn from_epoch(whole: i64) -> Option<UnixNanos> {
    let scale = match whole.unsigned_abs() {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    whole.checked_mul(scale).map(UnixNanos)
}

/// A double keeps microseconds of today's epoch seconds, no more.
fn from_epoch_seconds(seconds: f64) -> Option<UnixNanos> {
    if !seconds.is_finite() || seconds.abs() > 9e9 {
        return from_epoch(if seconds.abs() < 9e18 {
            seconds as i64
        } else {
            return None;
        });
    }
    Some(UnixNanos((seconds * 1e6).round() as i64 * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_shape_is_the_same_instant() {
        let check = |value: Value| {
            assert_eq!(
                parse(&value),
                Some(UnixNanos(1_717_100_100_037_000_000)),
                "{value}"
            );
        };
        check(json!(1717100100037i64));
        check(json!("1717100100037"));
        check(json!(1717100100.037));
        check(json!(1.717100100037e9));
        check(json!("1717100100.037"));
        check(json!("2024-05-30T20:15:00.037Z"));
        check(json!("2024-05-30T20:15:00.037000+00:00"));
        check(json!("2024-05-30 20:15:00.037000+00:00"));
        check(json!("2024-05-30T22:15:00.037+0200"));
        check(json!("2024-05-30T20:15:00.037"));
        check(json!("2024-05-30 20:15:00,037"));
    }

    #[test]
    fn nonsense_is_none() {
        for text in [
            "timestamp",
            "",
            "-",
            "2024-13-45T99:00:00Z",
            "9999999999999999999999",
            "1e400",
        ] {
            assert_eq!(parse_text(text), None, "{text}");
        }
        assert_eq!(parse(&json!(1e300)), None);
        assert_eq!(parse(&json!(null)), None);
    }
}
