//! The shapes in which Step Functions' times are found in files.

use jiff::{Timestamp, civil, tz::TimeZone};
use model::UnixNanos;
use serde_json::Value;

/// Reads a time: epoch seconds (API JSON, AWS CLI v1), milliseconds (EventBridge, log events, as a number
/// or as text), micro- or nanoseconds, ISO 8601 with `T` or a blank (AWS CLI v2, boto3 with
/// `default=str`), RFC 2822, or Java's `{"epochSecond", "nano"}`. A time without an offset is UTC.
pub fn parse_time(value: &Value) -> Option<UnixNanos> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => from_whole(whole),
            None => from_float(number.as_f64()?),
        },
        Value::String(text) => from_text(text.trim()),
        Value::Object(members) => {
            let seconds = members.get("epochSecond").or(members.get("seconds"))?;
            let nanos = members.get("nano").or(members.get("nanos"));
            let nanos = nanos.and_then(Value::as_i64).unwrap_or(0);
            let whole = seconds.as_i64()?.checked_mul(1_000_000_000)?;
            Some(UnixNanos(whole.checked_add(nanos)?))
        }
        _ => None,
    }
}

/// The unit follows from the size: seconds reach 1e11 in the year 5138, milliseconds 1e14 likewise.
fn from_whole(number: i64) -> Option<UnixNanos> {
    let factor = match number.unsigned_abs() {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    number.checked_mul(factor).map(UnixNanos)
}

/// A double holds epoch seconds to the microsecond, so it is rounded there.
fn from_float(number: f64) -> Option<UnixNanos> {
    if !number.is_finite() {
        return None;
    }
    let micros = match number.abs() {
        size if size < 1e11 => number * 1e6,
        size if size < 1e14 => number * 1e3,
        size if size < 1e17 => number,
        _ => return None,
    };
    (micros.round() as i64).checked_mul(1_000).map(UnixNanos)
}

fn from_text(text: &str) -> Option<UnixNanos> {
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return from_whole(whole);
    }
    if let Ok(number) = text.parse::<f64>() {
        return from_float(number);
    }
    // .NET and PowerShell write `/Date(1614353049766)/`.
    if let Some(millis) = text.trim_matches('/').strip_prefix("Date(") {
        let digits = millis.trim_end_matches(')').split(['+', '-']).next()?;
        return from_whole(digits.parse().ok()?);
    }
    let timestamp = from_iso(text)
        .or_else(|| from_iso(&joined(text)?))
        .or_else(|| {
            jiff::fmt::rfc2822::parse(text)
                .ok()
                .map(|zoned| zoned.timestamp())
        })?;
    i64::try_from(timestamp.as_nanosecond()).ok().map(UnixNanos)
}

fn from_iso(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: civil::DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

/// Ruby's and Go's `2021-02-26 15:24:09.766 +0000 UTC` as ISO 8601.
fn joined(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (date, time) = (words.next()?, words.next()?);
    let offset = words
        .next()
        .filter(|word| *word != "UTC" && *word != "GMT")
        .unwrap_or("Z");
    Some(format!("{date}T{time}{offset}"))
}

/// The API's own form: epoch seconds as a number.
pub(crate) fn to_epoch_seconds(time: UnixNanos) -> Value {
    Value::from((time.0 / 1_000) as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_shape_is_read() {
        let check = |value: Value, expect: Option<i64>| {
            assert_eq!(parse_time(&value).map(|t| t.0), expect, "{value}");
        };
        let at = Some(1_614_353_049_766_000_000);
        check(json!(1614353049.766), at);
        check(json!(1614353049766_i64), at);
        check(json!("1614353049766"), at);
        check(json!("1614353049.766"), at);
        check(json!(1614353049766000000_i64), at);
        check(json!("2021-02-26T15:24:09.766Z"), at);
        check(json!("2021-02-26T15:24:09.766000+00:00"), at);
        check(json!("2021-02-26T10:24:09.766-05:00"), at);
        check(json!("2021-02-26T15:24:09.766+0000"), at);
        check(json!("2021-02-26 15:24:09.766000+00:00"), at);
        check(json!("2021-02-26 15:24:09.766000"), at);
        check(json!({"epochSecond": 1614353049, "nano": 766000000}), at);
        check(
            json!("Fri, 26 Feb 2021 15:24:09 +0000"),
            Some(1_614_353_049_000_000_000),
        );
        check(json!("/Date(1614353049766)/"), at);
        check(json!("/Date(1614353049766+0000)/"), at);
        check(json!("2021-02-26 15:24:09.766 UTC"), at);
        check(json!("2021-02-26 15:24:09.766 +0000 UTC"), at);
        check(json!("2021-02-26 10:24:09.766 -0500"), at);
        check(json!("two words"), None);
        check(json!("timestamp"), None);
        check(json!(""), None);
        check(json!(null), None);
        check(json!(1e300), None);
        check(json!(i64::MAX), Some(i64::MAX));
        check(json!(u64::MAX), None);
    }
}
