//! What the address bar says, as values. Everything a page shows follows from it, so that a link
//! shows the same to everybody.

use crate::format;

/// Escapes what may not stand in a query value or a path segment (RFC 3986 unreserved stays).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char)
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The inverse of [`escape`]; in a query, `+` is a space. What is no UTF-8 becomes `�`.
pub fn unescape(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes
            .get(at + 1..at + 3)
            .and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 2;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A path with its query, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// As written, escaped.
    pub path: String,
    /// Keys and values, readable.
    pairs: Vec<(String, String)>,
}

impl Address {
    /// Reads `/path?key=value&…#…`.
    pub fn read(text: &str) -> Self {
        let text = text.split('#').next().unwrap_or_default();
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(key, true), unescape(value, true))
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(pair);
        Address {
            path: path.to_owned(),
            pairs: pairs.collect(),
        }
    }

    /// The value of a key; the last one counts.
    pub fn get(&self, key: &str) -> Option<String> {
        let mut pairs = self.pairs.iter().rev();
        pairs
            .find(|(held, _)| held == key)
            .map(|(_, value)| value.clone())
    }
}

/// `?a=1&b=2` of the pairs that have a value; empty text if none has.
pub fn query_string(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(key);
        out.push('=');
        out.push_str(&escape(value));
    }
    out
}

/// The filters of the lists. Text as in the URL; empty means "any".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// State machine (executions) or service (traces).
    pub group: String,
    /// Status.
    pub status: String,
    /// Error name or a part of it (executions), root span name (traces).
    pub error: String,
    /// Who did it (executions).
    pub culprit: String,
    /// The last so long, such as `1h`.
    pub range: String,
    /// From, nanoseconds since the epoch.
    pub from: String,
    /// To, nanoseconds since the epoch.
    pub to: String,
    /// Shortest, as typed: `1.5s`.
    pub min: String,
    /// Longest, as typed.
    pub max: String,
    /// Text in names, input and output.
    pub q: String,
}

impl Filters {
    /// Reads the filters from a lookup into the URL's query. Times may also be dates that `moment` understands.
    pub fn read(
        get: impl Fn(&str) -> Option<String>,
        moment: impl Fn(&str) -> Option<i64>,
    ) -> Self {
        let text = |key: &str| get(key).unwrap_or_default();
        let time = |key: &str| {
            let written = text(key);
            let of_date = || Some(moment(&written)?.to_string());
            match written.parse::<i64>() {
                Ok(_) => written,
                Err(_) => of_date().unwrap_or(written),
            }
        };
        Filters {
            group: text("machine"),
            status: text("status"),
            error: text("error"),
            culprit: text("culprit"),
            range: text("range"),
            from: time("from"),
            to: time("to"),
            min: text("min"),
            max: text("max"),
            q: text("q"),
        }
    }

    /// The URL's query, `?…` or empty.
    pub fn to_query(&self) -> String {
        query_string(&[
            ("machine", &self.group),
            ("status", &self.status),
            ("error", &self.error),
            ("culprit", &self.culprit),
            ("range", &self.range),
            ("from", &self.from),
            ("to", &self.to),
            ("min", &self.min),
            ("max", &self.max),
            ("q", &self.q),
        ])
    }

    /// How many filters are set.
    pub fn active(&self) -> usize {
        let time = !(self.range.is_empty() && self.from.is_empty() && self.to.is_empty());
        let others = [
            &self.group,
            &self.status,
            &self.error,
            &self.culprit,
            &self.min,
            &self.max,
            &self.q,
        ];
        usize::from(time) + others.iter().filter(|text| !text.is_empty()).count()
    }

    /// What of the address is not understood, each with what to write instead. It is left out.
    pub fn wrong(&self) -> Vec<String> {
        let mut out = Vec::new();
        let durations = [
            ("min", &self.min),
            ("max", &self.max),
            ("range", &self.range),
        ];
        for (key, text) in durations.into_iter().filter(|(_, text)| !text.is_empty()) {
            if format::parse_duration(text).is_none() {
                out.push(format!(
                    "{key}={text} is no duration and is left out: write it like 250ms, 1.5s, 2min or 3h."
                ));
            }
        }
        let times = [("from", &self.from), ("to", &self.to)];
        for (key, text) in times.into_iter().filter(|(_, text)| !text.is_empty()) {
            if text.parse::<i64>().is_err() {
                out.push(format!(
                    "{key}={text} is no time and is left out: write a date such as 2026-11-22T09:00:00Z, or nanoseconds since 1970."
                ));
            }
        }
        out
    }

    /// The bounds in time, nanoseconds, given the time now.
    pub fn bounds(&self, now: i64) -> (Option<i64>, Option<i64>) {
        match format::parse_duration(&self.range) {
            Some(length) => (Some(now.saturating_sub(length)), None),
            None => (self.from.parse().ok(), self.to.parse().ok()),
        }
    }

    /// The API's parameters; `group` and `error` are called what the endpoint calls them.
    pub fn api_query(&self, now: i64, names: (&str, &str), more: &[(&str, &str)]) -> String {
        let text = |number: Option<i64>| number.map(|n| n.to_string()).unwrap_or_default();
        let (from, to) = self.bounds(now);
        let (from, to) = (text(from), text(to));
        let min = text(format::parse_duration(&self.min));
        let max = text(format::parse_duration(&self.max));
        let mut pairs = vec![
            (names.0, self.group.as_str()),
            ("status", &self.status),
            (names.1, &self.error),
            ("culprit", &self.culprit),
            ("from", &from),
            ("to", &to),
            ("min_duration", &min),
            ("max_duration", &max),
            ("q", &self.q),
        ];
        pairs.extend_from_slice(more);
        query_string(&pairs)
    }

    /// Whether an execution that just arrived belongs on the page. Text is looked for in what the
    /// row carries; the server looks into inputs and outputs, too.
    pub fn admits(&self, row: &model::api::ExecutionRow, now: i64) -> bool {
        let start = format::nanos(&row.start_time);
        let (from, to) = self.bounds(now);
        let has = |text: &Option<String>, part: &str| {
            text.as_deref()
                .is_some_and(|t| t.to_lowercase().contains(&part.to_lowercase()))
        };
        let theirs = |row: &model::api::ExecutionRow| {
            let culprit = row.verdict.as_ref().and_then(|it| it.culprit.as_deref());
            culprit.is_some_and(|it| {
                let rest = it.strip_prefix(self.culprit.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
            })
        };
        let contains = |text: &str| text.to_lowercase().contains(&self.q.to_lowercase());
        (self.group.is_empty() || self.group == row.state_machine)
            && (self.status.is_empty() || self.status == row.status)
            && (self.error.is_empty()
                || has(&row.error, &self.error)
                || has(&row.root_error, &self.error))
            && (self.culprit.is_empty() || theirs(row))
            && from.is_none_or(|from| start >= from)
            && to.is_none_or(|to| start < to)
            && format::parse_duration(&self.min)
                .is_none_or(|min| row.duration_ns.is_some_and(|d| d >= min))
            && format::parse_duration(&self.max)
                .is_none_or(|max| row.duration_ns.is_some_and(|d| d <= max))
            && (self.q.is_empty()
                || contains(&row.name)
                || contains(&row.execution_arn)
                || has(&row.error, &self.q)
                || has(&row.root_error, &self.q))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters() -> Filters {
        Filters {
            group: "orders & more".into(),
            status: "FAILED".into(),
            min: "1.5s".into(),
            range: "1h".into(),
            q: "é=1".into(),
            ..Filters::default()
        }
    }

    #[test]
    fn the_url_round_trips() {
        let query = filters().to_query();
        assert_eq!(
            query,
            "?machine=orders%20%26%20more&status=FAILED&range=1h&min=1.5s&q=%C3%A9%3D1"
        );
        let address = Address::read(&format!("/{query}#top"));
        assert_eq!(Filters::read(|key| address.get(key), |_| None), filters());
        assert_eq!(filters().active(), 5);
        assert_eq!(Filters::default().to_query(), "");
    }

    #[test]
    fn addresses_from_elsewhere_are_read() {
        let check = |text: &str, key: &str, expect: Option<&str>| {
            assert_eq!(Address::read(text).get(key).as_deref(), expect);
        };
        check("/sql?q=select+1%2B1", "q", Some("select 1+1"));
        check("/sql?q=%", "q", Some("%"));
        check("/sql?q=%zz%4", "q", Some("%zz%4"));
        check("/sql?q=%FF", "q", Some("\u{fffd}"));
        check("/?a=1&a=2&&b", "a", Some("2"));
        check("/?b", "b", Some(""));
        check("/", "b", None);
    }

    #[test]
    fn the_api_gets_nanoseconds() {
        let hour = 3_600_000_000_000;
        assert_eq!(
            filters().api_query(2 * hour, ("state_machine", "error"), &[("limit", "5")]),
            "?state_machine=orders%20%26%20more&status=FAILED&from=3600000000000\
             &min_duration=1500000000&q=%C3%A9%3D1&limit=5"
        );
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let check = |key: &str, text: &str, expect: usize| {
            let filters = Filters::read(|held| (held == key).then(|| text.to_owned()), |_| None);
            assert_eq!(filters.wrong().len(), expect, "{key}={text}");
        };
        check("min", "fast", 1);
        check("min", "1.5s", 0);
        check("range", "yesterday", 1);
        check("from", "2026-11-22", 1);
        check("to", "17", 0);
        check("status", "anything", 0);
    }

    #[test]
    fn arrivals_are_filtered() {
        let row = model::api::ExecutionRow {
            state_machine: "orders & more".into(),
            status: "FAILED".into(),
            name: "é=1 and on".into(),
            start_time: "10".into(),
            duration_ns: Some(2_000_000_000),
            ..Default::default()
        };
        let check = |change: fn(&mut model::api::ExecutionRow), expect: bool| {
            let mut row = row.clone();
            change(&mut row);
            assert_eq!(filters().admits(&row, 100), expect);
        };
        check(|_| (), true);
        check(|row| row.status = "SUCCEEDED".into(), false);
        check(|row| row.duration_ns = None, false);
        check(|row| row.name.clear(), false);
        check(|row| row.start_time = "-3600000000000".into(), false);
        let of = |culprit: &str| {
            let mut judged = row.clone();
            judged.verdict = Some(model::api::RowVerdict {
                outcome: model::Outcome::Verdict,
                culprit: Some("Price[2]".into()),
                category: None,
                confidence: 0.9,
            });
            let wanted = Filters {
                culprit: culprit.into(),
                ..filters()
            };
            (wanted.admits(&judged, 100), wanted.admits(&row, 100))
        };
        assert_eq!(of("Price"), (true, false));
        assert_eq!(of("Price[2]"), (true, false));
        assert_eq!(of("Pri"), (false, false));
    }
}
