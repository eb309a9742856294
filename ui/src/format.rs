//! Numbers, times and durations as people read them. Pure: the offset from UTC is an argument.

/// A point in time, split for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, proleptic Gregorian.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Splits nanoseconds since the epoch, `offset` minutes east of UTC.
/// Days to date by Howard Hinnant's `civil_from_days`.
pub fn civil(nanos: i64, offset: i32) -> Civil {
    let total = i128::from(nanos) + i128::from(offset) * 60_000_000_000;
    let seconds = total.div_euclid(1_000_000_000) as i64;
    let rest = total.rem_euclid(1_000_000_000) as u32;
    let (days, in_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    } as u32;
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: (day_of_year - (153 * shifted + 2) / 5 + 1) as u32,
        hour: (in_day / 3_600) as u32,
        minute: (in_day / 60 % 60) as u32,
        second: (in_day % 60) as u32,
        nanos: rest,
    }
}

/// `22 Nov 2026`.
pub fn date(nanos: i64, offset: i32) -> String {
    let c = civil(nanos, offset);
    format!("{} {} {}", c.day, MONTHS[c.month as usize - 1], c.year)
}

/// `22 Nov` of the year of `now`, `22 Nov 2025` of another: a day without its year is this year's.
pub fn day(nanos: i64, now: i64, offset: i32) -> String {
    let c = civil(nanos, offset);
    if c.year != civil(now, offset).year {
        return date(nanos, offset);
    }
    format!("{} {}", c.day, MONTHS[c.month as usize - 1])
}

/// `09:03`.
pub fn hour_minute(nanos: i64, offset: i32) -> String {
    let c = civil(nanos, offset);
    format!("{:02}:{:02}", c.hour, c.minute)
}

/// `09:03:11.250`.
pub fn clock(nanos: i64, offset: i32) -> String {
    let c = civil(nanos, offset);
    let millis = c.nanos / 1_000_000;
    format!("{:02}:{:02}:{:02}.{millis:03}", c.hour, c.minute, c.second)
}

/// `2026-11-22T09:03:11.250000000Z`: exact, for hovers and copies.
pub fn exact(nanos: i64) -> String {
    let c = civil(nanos, 0);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
        c.year, c.month, c.day, c.hour, c.minute, c.second, c.nanos
    )
}

/// Nanoseconds since the epoch of `2026-11-22T09:03:11.25Z`; only UTC, with or without a fraction.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    // Days from date by Howard Hinnant's `days_from_civil`.
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// `just now`, `4 min ago`, `3 h ago`, `2 d ago`.
pub fn ago(nanos: i64, now: i64) -> String {
    let seconds = now.saturating_sub(nanos) / 1_000_000_000;
    match seconds {
        i64::MIN..10 => "just now".to_owned(),
        10..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 retry`, `3 retries`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// The server's decimal text as a number; 0 for anything else.
pub fn nanos(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}

/// A duration as typed, `250ms`, `1.5 s`, `2min`, `3h`, in nanoseconds; a bare number is seconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..split].parse().ok()?;
    let unit = match text[split..].trim() {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "" | "s" | "sec" => 1e9,
        "m" | "min" => 6e10,
        "h" => 3.6e12,
        "d" => 8.64e13,
        _ => return None,
    };
    Some((number * unit) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let at = 1_795_306_991_250_000_007;
        assert_eq!(exact(at), "2026-11-22T00:23:11.250000007Z");
        assert_eq!(clock(at, 0), "00:23:11.250");
        assert_eq!(clock(at, 330), "05:53:11.250");
        assert_eq!(date(at, -60), "21 Nov 2026");
        assert_eq!(exact(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(
            day(951_782_400_000_000_000, 951_700_000_000_000_000, 0),
            "29 Feb"
        );
        assert_eq!(day(951_782_400_000_000_000, at, 0), "29 Feb 2000");
        assert!(exact(i64::MIN).starts_with("1677-09-21"));
        assert!(exact(i64::MAX).starts_with("2262-04-11"));
    }

    #[test]
    fn times_are_read_as_written() {
        for at in [0, 1_795_306_991_250_000_007, 951_782_400_000_000_000, -1] {
            assert_eq!(parse_time(&exact(at)), Some(at));
        }
        assert_eq!(
            parse_time("2026-11-22T00:23:11Z"),
            Some(1_795_306_991_000_000_000)
        );
        for text in [
            "",
            "Z",
            "2026-11-22",
            "2026-11-22T00:23Z",
            "x-11-22T00:23:11Z",
            "2026-11-22T00:23:11.é0000000Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn counts_have_thousands() {
        let check = |n: u64, expect: &str| assert_eq!(count(n), expect);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn durations_are_understood() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(parse_duration(text), expect);
        check("250ms", Some(250_000_000));
        check(" 1.5 s", Some(1_500_000_000));
        check("2", Some(2_000_000_000));
        check("3h", Some(10_800_000_000_000));
        check("µs", None);
        check("4 parsecs", None);
        check("", None);
    }

    #[test]
    fn ages_round_down() {
        let second = 1_000_000_000;
        let check = |seconds: i64, expect: &str| assert_eq!(ago(0, seconds * second), expect);
        check(-5, "just now");
        check(59, "59 s ago");
        check(3_599, "59 min ago");
        check(90_000, "1 d ago");
    }
}
