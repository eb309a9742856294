//! Lengths of time as people write them in definitions.

use std::fmt;

/// Seconds of a unit of Prometheus and Go: `1h30m`, `28d`, `2w`.
fn unit(word: &str) -> Option<i64> {
    Some(match word {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    })
}

/// A fixed length of time in seconds: `90`, `5m`, `1h30m`, `28d`, `4w`, `1500ms` (if whole seconds).
pub fn seconds(text: &str) -> Option<i64> {
    nanos(text)
        .filter(|nanos| nanos % 1_000_000_000 == 0)
        .map(|nanos| nanos / 1_000_000_000)
}

/// A fixed length of time in nanoseconds: also `250ms`, `1.5s`. A number alone is seconds.
pub fn nanos(text: &str) -> Option<i64> {
    let text = text.trim();
    let mut rest = text;
    let mut sum: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
        let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
        let letters = after
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(after.len());
        let (word, next) = after.split_at(letters);
        let number = crate::Ratio::parse(number)?;
        let scale = match word {
            "" if number.num() >= 0 && rest.len() == text.len() => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" => 1_000,
            "ns" => 1,
            word => i128::from(unit(word)?) * 1_000_000_000,
        };
        sum = sum.checked_add(number.num().checked_mul(scale)? / number.den())?;
        rest = next;
    }
    i64::try_from(sum).ok().filter(|nanos| *nanos >= 0)
}

/// `5m`, `1h`, `3d`: the largest unit that fits exactly; whole days are preferred to weeks.
pub fn words(seconds: i64) -> String {
    for (size, word) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
        if seconds != 0 && seconds % size == 0 {
            return format!("{}{word}", seconds / size);
        }
    }
    format!("{seconds}s")
}

/// Units of a calendar window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CalendarUnit {
    /// Minutes, hours: fixed lengths.
    Seconds(i64),
    /// Local days.
    Days(i32),
    /// Local months.
    Months(i32),
}

impl fmt::Display for CalendarUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CalendarUnit::Seconds(seconds) => f.write_str(&words(*seconds)),
            CalendarUnit::Days(days) if days % 7 == 0 => write!(f, "{}w", days / 7),
            CalendarUnit::Days(days) => write!(f, "{days}d"),
            CalendarUnit::Months(months) if months % 12 == 0 => write!(f, "{}Y", months / 12),
            CalendarUnit::Months(months) if months % 3 == 0 => write!(f, "{}Q", months / 3),
            CalendarUnit::Months(months) => write!(f, "{months}M"),
        }
    }
}

/// OpenSLO's shorthand: m is a minute, h, d, w, M a month, Q a quarter, Y a year.
pub fn calendar(text: &str) -> Option<CalendarUnit> {
    let text = text.trim();
    let at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let count: i32 = text[..at]
        .parse()
        .ok()
        .filter(|count| (1..=10_000).contains(count))?;
    Some(match &text[at..] {
        "m" => CalendarUnit::Seconds(i64::from(count) * 60),
        "h" => CalendarUnit::Seconds(i64::from(count) * 3_600),
        "d" => CalendarUnit::Days(count),
        "w" => CalendarUnit::Days(count * 7),
        "M" => CalendarUnit::Months(count),
        "Q" => CalendarUnit::Months(count * 3),
        "Y" | "y" => CalendarUnit::Months(count * 12),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(nanos(text), expect, "{text}");
        check("5m", Some(300_000_000_000));
        check("1h30m", Some(5_400_000_000_000));
        check("250ms", Some(250_000_000));
        check("1.5s", Some(1_500_000_000));
        check("30", Some(30_000_000_000));
        check("2w", Some(1_209_600_000_000_000));
        check("", None);
        check("m", None);
        check("5x", None);
        check("-5m", None);
        check("1h30", None);
        check("99999999999999d", None);
        check(&format!("{0}ns{0}ns", i128::MAX), None);
    }

    #[test]
    fn a_small_m_is_a_minute_and_a_large_one_a_month() {
        assert_eq!(calendar("1m"), Some(CalendarUnit::Seconds(60)));
        assert_eq!(calendar("1M"), Some(CalendarUnit::Months(1)));
        assert_eq!(calendar("1Q"), Some(CalendarUnit::Months(3)));
        assert_eq!(calendar("Week"), None);
        assert_eq!(calendar("0d"), None);
    }
}
