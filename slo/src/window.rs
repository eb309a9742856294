//! The window over which a budget is given: rolling, or aligned with a calendar.
//!
//! Calendar windows are local wall-clock time in an IANA zone, so a month with a change of summer time
//! has 743 or 721 hours. The time zone database is bundled: the same answer on every machine.

use crate::duration::{self, CalendarUnit};
use jiff::{Timestamp, ToSpan, civil::DateTime, tz::TimeZone};

/// A window.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// The last so many seconds.
    Rolling(i64),
    /// Aligned.
    Calendar(Calendar),
}

/// An aligned window.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// Length.
    pub unit: CalendarUnit,
    /// A local time at which one begins.
    pub start: DateTime,
    /// The zone.
    pub zone: TimeZone,
}

/// Begin and end, seconds since the epoch: `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First second.
    pub from: i64,
    /// First second after it.
    pub to: i64,
}

impl Span {
    /// Length, seconds.
    pub fn seconds(self) -> i64 {
        self.to - self.from
    }
}

impl Window {
    /// The window as it stands at `now`, of which only what lies before `now` can have happened: all of
    /// it, for a rolling one.
    pub fn at(&self, now: i64) -> Span {
        match self {
            Window::Rolling(length) => Span {
                from: now - length,
                to: now,
            },
            Window::Calendar(calendar) => calendar.at(now).unwrap_or(Span {
                from: now - self.nominal_seconds(),
                to: now,
            }),
        }
    }

    /// Length in seconds; of a month 30 days, of a year 365, as for burn factors.
    pub fn nominal_seconds(&self) -> i64 {
        match self {
            Window::Rolling(length) => *length,
            Window::Calendar(calendar) => match calendar.unit {
                CalendarUnit::Seconds(seconds) => seconds,
                CalendarUnit::Days(days) => i64::from(days) * 86_400,
                CalendarUnit::Months(months) => match months % 12 {
                    0 => i64::from(months / 12) * 365 * 86_400,
                    _ => i64::from(months) * 30 * 86_400,
                },
            },
        }
    }

    /// Longest that one can be, seconds.
    pub fn longest_seconds(&self) -> i64 {
        self.nominal_seconds() / 30 * 31 + 2 * 86_400
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Window::Rolling(length) => format!("{} rolling", duration::words(*length)),
            Window::Calendar(calendar) => format!(
                "{} calendar from {} {}",
                calendar.unit,
                calendar.start,
                calendar.zone.iana_name().unwrap_or("UTC")
            ),
        }
    }
}

impl Calendar {
    /// Reads OpenSLO's `startTime` and `timeZone`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(unit: CalendarUnit, start: &str, zone: &str) -> Result<Self, String> {
        let text = start.trim().trim_end_matches('Z').replace(' ', "T");
        let date = match text.contains('T') {
            true => text,
            false => format!("{text}T00:00:00"),
        };
        let start = date.parse::<DateTime>().map_err(|_| {
            format!("the start {start:?} is not a time such as 2025-01-01 00:00:00")
        })?;
        if !(1970..=2200).contains(&start.year()) {
            return Err(format!("the start {start} is not between 1970 and 2200"));
        }
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get(zone)
            .map_err(|_| {
                format!("there is no time zone {zone:?}: give one such as Europe/Berlin")
            })?;
        Ok(Calendar { unit, start, zone })
    }

    fn at(&self, now: i64) -> Option<Span> {
        let at = Timestamp::from_second(now).ok()?;
        let local = self.zone.to_datetime(at);
        let whole = match self.unit {
            CalendarUnit::Seconds(length) => {
                let first = self.zone.to_timestamp(self.start).ok()?.as_second();
                let from = first + (now - first).div_euclid(length) * length;
                return Some(Span {
                    from,
                    to: from + length,
                });
            }
            CalendarUnit::Days(days) => {
                let between = local.date().since(self.start.date()).ok()?.get_days();
                i64::from(between).div_euclid(i64::from(days))
            }
            CalendarUnit::Months(months) => {
                let years = i64::from(local.year()) - i64::from(self.start.year());
                let between = years * 12 + i64::from(local.month()) - i64::from(self.start.month());
                between.div_euclid(i64::from(months))
            }
        };
        // The estimate is off by at most one: the time of day, or the day of the month, decides.
        (whole - 1..=whole + 1).find_map(|index| {
            let span = Span {
                from: self.begin(index)?,
                to: self.begin(index + 1)?,
            };
            (span.from <= now && now < span.to).then_some(span)
        })
    }

    /// Begin of the window number `index` after the first.
    fn begin(&self, index: i64) -> Option<i64> {
        let span = match self.unit {
            CalendarUnit::Seconds(_) => return None,
            CalendarUnit::Days(days) => index.checked_mul(i64::from(days))?.days(),
            CalendarUnit::Months(months) => index.checked_mul(i64::from(months))?.months(),
        };
        let local = self.start.checked_add(span).ok()?;
        Some(self.zone.to_timestamp(local).ok()?.as_second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(duration: &str, start: &str, zone: &str, at: &str, expect: (&str, &str)) {
        let second = |text: &str| text.parse::<Timestamp>().expect("a time").as_second();
        let unit = duration::calendar(duration).expect("a unit");
        let window = Window::Calendar(Calendar::read(unit, start, zone).expect("a calendar"));
        let span = window.at(second(at));
        let found = [span.from, span.to].map(|it| Timestamp::from_second(it).expect("a time"));
        assert_eq!(
            (found[0].to_string().as_str(), found[1].to_string().as_str()),
            expect
        );
    }

    #[test]
    fn the_end_of_a_month_is_clipped_where_it_is_shorter() {
        check(
            "1M",
            "2025-01-31 00:00:00",
            "UTC",
            "2025-02-28T12:00:00Z",
            ("2025-02-28T00:00:00Z", "2025-03-31T00:00:00Z"),
        );
        check(
            "1M",
            "2025-01-15 09:00:00",
            "Asia/Tokyo",
            "2024-12-14T23:59:59Z",
            ("2024-11-15T00:00:00Z", "2024-12-15T00:00:00Z"),
        );
    }

    #[test]
    fn a_window_may_begin_in_the_hour_that_summer_time_skips() {
        check(
            "1d",
            "2025-01-01 02:30:00",
            "Europe/Berlin",
            "2025-03-30T12:00:00Z",
            ("2025-03-30T01:30:00Z", "2025-03-31T00:30:00Z"),
        );
    }

    #[test]
    fn what_is_no_calendar_is_named() {
        let read = |start, zone| Calendar::read(CalendarUnit::Months(1), start, zone);
        assert!(read("Monday", "UTC").expect_err("no").contains("Monday"));
        assert!(
            read("2025-01-01", "Mars/Base")
                .expect_err("no")
                .contains("Mars/Base")
        );
        assert!(read("2025-01-01", "Europe/Berlin").is_ok());
    }
}
