//! Time windows of OpenSLO, with the traps in them.

use crate::{
    Window,
    duration::{self, CalendarUnit},
    lint::{Findings, Level},
    node::Node,
    window::Calendar,
};

pub(super) fn window(spec: &Node, name: &str, found: &mut Findings) -> Result<Window, String> {
    // v1alpha: timeWindows: [{count, unit, isRolling}].
    if let Some(window) = spec.items_of("timeWindows").first() {
        let count = window
            .text_of("count")
            .and_then(|it| it.parse::<i64>().ok())
            .filter(|it| *it > 0);
        let count = count.ok_or("timeWindows needs a count")?;
        let unit = window.text_of("unit").unwrap_or_default().to_lowercase();
        let letter = match unit.trim_end_matches('s') {
            "day" => "d",
            "week" => "w",
            "hour" => "h",
            "minute" => "m",
            "month" => "M",
            "quarter" => "Q",
            "year" => "Y",
            _ => {
                return Err(format!(
                    "timeWindows has the unit {unit:?}: give Day, Week, Month…"
                ));
            }
        };
        return one_window(window, &format!("{count}{letter}"), name, found);
    }
    let windows = spec.items_of("timeWindow");
    let Some(window) = windows.first() else {
        found.say(
            Level::Warning,
            "window",
            spec.line,
            Some(name),
            "there is no timeWindow: 28 days, rolling",
        );
        return Ok(Window::Rolling(28 * 86_400));
    };
    if windows.len() > 1 {
        found.say(
            Level::Warning,
            "window",
            spec.line,
            Some(name),
            "only the first timeWindow is used",
        );
    }
    let text = window
        .text_of("duration")
        .ok_or("a timeWindow needs a duration")?;
    one_window(window, text, name, found)
}

fn one_window(
    window: &Node,
    text: &str,
    name: &str,
    found: &mut Findings,
) -> Result<Window, String> {
    let line = window.line;
    let word = text.trim().to_lowercase();
    let unit = match word.as_str() {
        "day" | "daily" => Some(CalendarUnit::Days(1)),
        "week" | "weekly" => Some(CalendarUnit::Days(7)),
        "month" | "monthly" => Some(CalendarUnit::Months(1)),
        "quarter" | "quarterly" => Some(CalendarUnit::Months(3)),
        "year" | "yearly" => Some(CalendarUnit::Months(12)),
        _ => duration::calendar(text),
    };
    let unit = unit.ok_or_else(|| {
        format!("the duration {text:?} is none of OpenSLO's, such as 4w, 1M (a month) or 30d")
    })?;
    if duration::calendar(text).is_none() {
        let text = format!("the duration {text:?} is not OpenSLO's form: it is taken as {unit}");
        found.say(Level::Warning, "duration-word", line, Some(name), text);
    }
    if matches!(unit, CalendarUnit::Seconds(length) if length < 3_600) {
        let text = format!("{text} is in minutes: a month is written with a capital M (1M)");
        found.say(Level::Warning, "minute-or-month", line, Some(name), text);
    }
    let calendar = window.get("calendar");
    let rolling = window.text_of("isRolling").map(|it| it == "true");
    match (rolling, calendar) {
        (Some(true), Some(_)) => {
            let text =
                "isRolling is true beside a calendar: the calendar is taken; say isRolling: false";
            found.say(Level::Warning, "rolling-calendar", line, Some(name), text);
        }
        (Some(false), None) => {
            let text = "it is not rolling and has no calendar: taken as rolling; give calendar.startTime and timeZone";
            found.say(Level::Warning, "calendar-missing", line, Some(name), text);
        }
        (None, None) => {
            let text = "isRolling is missing: taken as rolling (the SDK refuses it)";
            found.say(Level::Warning, "rolling-missing", line, Some(name), text);
        }
        _ => {}
    }
    let Some(calendar) = calendar else {
        let length = match unit {
            CalendarUnit::Seconds(seconds) => seconds,
            CalendarUnit::Days(days) => i64::from(days) * 86_400,
            CalendarUnit::Months(months) => {
                let days = if months % 12 == 0 {
                    months / 12 * 365
                } else {
                    months * 30
                };
                let text = format!("a rolling window of months is {days} days");
                found.say(Level::Note, "rolling-month", line, Some(name), text);
                i64::from(days) * 86_400
            }
        };
        return Ok(Window::Rolling(length));
    };
    let zone = calendar.text_of("timeZone").unwrap_or("UTC");
    let start = calendar
        .text_of("startTime")
        .unwrap_or("2024-01-01 00:00:00");
    let start = match weekday(start) {
        Some(date) => {
            let text = format!("startTime {start:?} is no time: taken as {date}, a {start}");
            found.say(Level::Warning, "start-time", line, Some(name), text);
            date
        }
        None => start,
    };
    Calendar::read(unit, start, zone).map(Window::Calendar)
}

/// A date that is this day of the week.
fn weekday(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "monday" => "2024-01-01",
        "tuesday" => "2024-01-02",
        "wednesday" => "2024-01-03",
        "thursday" => "2024-01-04",
        "friday" => "2024-01-05",
        "saturday" => "2024-01-06",
        "sunday" => "2024-01-07",
        _ => return None,
    })
}
