//! Nanoseconds since the Unix epoch, and durations written for people.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z (years 1677–2262). Read from a number or from decimal text,
/// which is how the API writes it: a JavaScript number cannot hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

impl<'de> Deserialize<'de> for UnixNanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nanos).map(UnixNanos)
    }
}

/// Reads whole nanoseconds from a number or from text.
struct Nanos;

impl de::Visitor<'_> for Nanos {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nanoseconds, as a whole number or as text")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<i64, E> {
        i64::try_from(value).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<i64, E> {
        value
            .parse()
            .map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
    }
}

/// For fields: nanoseconds in JSON as decimal text; read from numbers, too.
pub mod as_text {
    use super::Nanos;
    use serde::{Deserializer, Serializer};

    /// Writes text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(nanos: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(nanos)
    }

    /// Reads text or a number.
    ///
    /// # Errors
    /// When it is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(Nanos)
    }
}

/// For fields that hold a time as it was written: text, or a whole number, which becomes its digits.
pub mod written {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(i64),
    }

    /// Writes the text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    /// Reads text or a whole number.
    ///
    /// # Errors
    /// When it is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        Ok(match Written::deserialize(deserializer) {
            Ok(Written::Text(text)) => text,
            Ok(Written::Number(number)) => number.to_string(),
            Err(_) => {
                return Err(serde::de::Error::custom(
                    "a time is text, such as \"2026-11-22T03:16:00Z\" or \"+2h\", or a whole number since 1970",
                ));
            }
        })
    }
}

impl UnixNanos {
    /// From whole milliseconds; saturates.
    pub fn from_millis(millis: i64) -> Self {
        UnixNanos(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds from `earlier` to `self`; negative when `self` is before it.
    pub fn since(self, earlier: UnixNanos) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-22T03:16:08.000000000Z`.
pub fn rfc3339(time: UnixNanos) -> String {
    const DAY: i64 = 86_400_000_000_000;
    let (days, rest) = (time.0.div_euclid(DAY), time.0.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (seconds, nanos) = (rest / 1_000_000_000, rest % 1_000_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of a day counted from 1970-01-01, by Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A duration as a person reads it: `412 ns`, `38 µs`, `7.25 ms`, `1.23 s`, `2 min 04 s`,
/// `3 h 12 min`, `9 d 04 h`.
pub fn human_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "−" } else { "" };
    let n = nanos.unsigned_abs();
    let text = match n {
        0..1_000 => format!("{n} ns"),
        1_000..1_000_000 => format!("{} µs", significant(n as f64 / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", significant(n as f64 / 1e6)),
        1_000_000_000..60_000_000_000 => format!("{} s", significant(n as f64 / 1e9)),
        _ => {
            let seconds = n / 1_000_000_000;
            match seconds {
                0..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
                3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
                _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3_600 % 24),
            }
        }
    };
    format!("{sign}{text}")
}

/// Three significant digits without trailing zeros. Never rounds up into the next unit.
fn significant(value: f64) -> String {
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    let scale = 10f64.powi(digits);
    let text = format!("{:.*}", digits as usize, (value * scale).floor() / scale);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{UnixNanos, human_duration, rfc3339};

    #[test]
    fn a_time_is_read_from_a_number_and_from_text() {
        let check = |json: &str, expect: Option<i64>| {
            let read = serde_json::from_str::<UnixNanos>(json);
            assert_eq!(read.ok().map(|it| it.0), expect, "{json}");
        };
        check("1795353122649000001", Some(1_795_353_122_649_000_001));
        check("\"1795353122649000001\"", Some(1_795_353_122_649_000_001));
        check("\"-5\"", Some(-5));
        check("-5", Some(-5));
        check("1.5", None);
        check("\"soon\"", None);
        check("18446744073709551615", None);
        check("null", None);
    }

    #[test]
    fn times_are_written_by_rfc_3339() {
        let check = |nanos: i64, expect: &str| assert_eq!(rfc3339(UnixNanos(nanos)), expect);
        check(0, "1970-01-01T00:00:00.000000000Z");
        check(951_868_799_000_000_007, "2000-02-29T23:59:59.000000007Z");
        check(-1, "1969-12-31T23:59:59.999999999Z");
        check(i64::MAX, "2262-04-11T23:47:16.854775807Z");
    }

    #[test]
    fn durations_read_well() {
        let check = |nanos: i64, expect: &str| assert_eq!(human_duration(nanos), expect);
        check(0, "0 ns");
        check(999, "999 ns");
        check(38_000, "38 µs");
        check(7_250_000, "7.25 ms");
        check(999_999_999, "999 ms");
        check(1_230_000_000, "1.23 s");
        check(59_999_999_999, "59.9 s");
        check(124_000_000_000, "2 min 04 s");
        check(11_520_000_000_000, "3 h 12 min");
        check(-5_000_000, "−5 ms");
    }
}
