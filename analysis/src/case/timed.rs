//! Lines that tell how long somebody was waited for, as slow-query logs, drivers and careful code write them: `statement …
//! took 23894 ms on ledger-db`, `rates-api answered after 9.2 s`, `{"msg":"query done","db":"stock","durationMs":18230}`.
//! They weigh less than a span and more than a silence: the function itself measured, and says whom.

use super::{
    clue::{self, Clue, Explained},
    clues,
    scene::Scene,
    text::{self, Topic},
};
use model::{
    Attempt, Category, Invocation, InvocationStatus, LogOrigin, LogRecord, UnixNanos,
    time::human_duration,
};

/// Lines of one invocation that are read.
const MOST_LINES: usize = 400;
/// How far a line is read, bytes.
const MOST_BYTES: usize = 2_000;

/// Somebody for whom a line tells how long he was waited for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timed<'a> {
    pub line: &'a LogRecord,
    pub name: String,
    pub ns: i64,
}

/// The longest wait for somebody else that an invocation wrote of, if it is at least so long and not longer than the
/// invocation itself took.
pub(super) fn longest<'a>(scene: &Scene<'a>, of: &Invocation, least_ns: i64) -> Option<Timed<'a>> {
    let took = of.duration_ns.filter(|it| *it > 0)?;
    let cut = of.status == InvocationStatus::Timeout;
    let until = of.end_time.filter(|_| cut);
    let limits = (least_ns, took.saturating_add(took / 10));
    among(scene, scene.lines(of), &of.function_name, until, limits)
}

/// The same among the lines of somebody; `until` is when he was cut off.
pub(super) fn among<'a>(
    scene: &Scene,
    mut lines: Vec<&'a LogRecord>,
    own: &str,
    until: Option<UnixNanos>,
    (least_ns, most_ns): (i64, i64),
) -> Option<Timed<'a>> {
    lines.retain(|it| it.origin != LogOrigin::LambdaPlatform && !clues::is_platform(&it.body));
    lines.sort_by_key(|it| (it.time, it.log_id));
    let last = lines.last().map(|it| it.log_id);
    let found = lines.into_iter().take(MOST_LINES).filter_map(|line| {
        let told = text::brief(&line.body, MOST_BYTES);
        let raw = line.body.get(..MOST_BYTES).unwrap_or(&line.body);
        // Who was still waited for when it was cut off was waited for until then.
        let more = match (until, last == Some(line.log_id)) {
            (Some(end), true) => end.since(line.time).max(0),
            _ => 0,
        };
        let within = |ns: i64| (least_ns..=most_ns).contains(&ns);
        let fits = |ns: &i64| {
            let until = ns.saturating_add(more);
            within(*ns) || ns.saturating_mul(4) >= least_ns && within(until)
        };
        // Who took it stands in the same clause.
        let clauses = told.split(';').flat_map(|it| it.split(". "));
        let by_words = clauses.filter_map(|clause| {
            let lower = clause.to_lowercase();
            let ns = durations(&lower).into_iter().filter(fits).max()?;
            Some((ns, named(scene, clause)?))
        });
        let by_fields = || {
            let ns = fields(raw).into_iter().filter(fits).max()?;
            Some((ns, whom(scene, &told, raw)?))
        };
        let (ns, name) = by_words.max().or_else(by_fields)?;
        let ns = if within(ns) {
            ns
        } else {
            ns.saturating_add(more)
        };
        (name != own).then_some(Timed { line, name, ns })
    });
    found.max_by_key(|it| (it.ns, it.line.log_id))
}

/// Somebody who is asked again and again, as only lines of who asks tell: each of his answers was a failure, and what
/// passed between them is most of the time that was added.
fn asked_again<'a>(
    scene: &Scene<'a>,
    of: &Invocation,
    excess_ns: i64,
) -> Option<(Timed<'a>, Topic)> {
    let mut lines = scene.lines(of);
    lines.retain(|it| it.origin != LogOrigin::LambdaPlatform && !clues::is_platform(&it.body));
    lines.sort_by_key(|it| (it.time, it.log_id));
    let told = lines
        .iter()
        .enumerate()
        .take(MOST_LINES)
        .filter_map(|(n, line)| {
            let waits = super::signs::of_waiting(&line.body).then_some(Topic::Timeout);
            let topic = waits.or_else(|| {
                text::topic(&line.body).filter(|it| {
                    matches!(
                        it,
                        Topic::Unavailable | Topic::Throttled | Topic::Timeout | Topic::Connection
                    )
                })
            })?;
            let known = (line.service_name.clone(), text::template(&line.body));
            let usual = scene.healthy.iter().any(|it| it.templates.contains(&known));
            let name = named(scene, &line.body).filter(|it| *it != of.function_name && !usual)?;
            Some((n, topic, name))
        });
    let told: Vec<(usize, Topic, String)> = told.collect();
    let (first, topic, name) = told.first()?;
    let same: Vec<usize> = told
        .iter()
        .filter(|it| it.2 == *name)
        .map(|it| it.0)
        .collect();
    let last = *same.last()?;
    let until = lines.get(last + 1).map(|it| it.time).or(of.end_time)?;
    let from = first
        .checked_sub(1)
        .map_or(of.start_time, |n| lines[n].time);
    let ns = until.since(from);
    let enough = same.len() >= 2 && ns.saturating_mul(2) >= excess_ns;
    let line = lines[last];
    enough.then(|| {
        let name = name.clone();
        (Timed { line, name, ns }, *topic)
    })
}

/// The clue against whoever is asked, or waited for, again and again.
pub(super) fn hidden(
    scene: &Scene,
    attempt: &Attempt,
    of: &Invocation,
    excess_ns: i64,
) -> Option<Clue> {
    let (timed, topic) = asked_again(scene, of, excess_ns)?;
    let (caller, name) = (&of.function_name, &timed.name);
    let (took, said) = (human_duration(timed.ns), text::brief(&timed.line.body, 120));
    let mechanism = match super::signs::of_waiting(&timed.line.body) {
        true => format!(
            "{name} kept {caller} waiting for {took} in {}: {said}",
            attempt.state
        ),
        false => format!(
            "{caller} asked {name} again and again in {}, which cost {took}: {said}",
            attempt.state
        ),
    };
    let line = clue::log(timed.line, text::brief(&timed.line.body, 160));
    let explained = Explained {
        kind: String::new(),
        name: caller.clone(),
        reason: format!("{caller} tried again until {name} answered"),
        reference: line.reference.clone(),
    };
    let suspect = clue::entity(scene, "service", name, &[&attempt.path, caller]);
    Some(
        Clue::new(suspect, text::category(Some(topic)), 0.88, mechanism)
            .with([line])
            .explaining([explained])
            .missing(&format!("spans of the calls of {caller}")),
    )
}

/// The clue against whomever such a line names, where most of the time that was added went to him.
pub(super) fn waited(
    scene: &Scene,
    attempt: &Attempt,
    of: &Invocation,
    excess_ns: i64,
) -> Option<Clue> {
    let timed = longest(scene, of, excess_ns.saturating_mul(6) / 10)?;
    let (caller, name) = (&of.function_name, &timed.name);
    let mechanism = format!(
        "{name} kept {caller} waiting for {} in {}, as {caller} wrote itself",
        human_duration(timed.ns),
        attempt.state
    );
    let line = clue::log(timed.line, text::brief(&timed.line.body, 160));
    let category = match text::topic(&timed.line.body) {
        Some(it @ (Topic::Throttled | Topic::Pool)) => text::category(Some(it)),
        _ => Category::Latency,
    };
    let explained = Explained {
        kind: String::new(),
        name: caller.clone(),
        reason: format!("{caller} waited for {name}"),
        reference: line.reference.clone(),
    };
    Some(
        Clue::new(
            clue::entity(scene, "service", name, &[&attempt.path, caller]),
            category,
            0.89,
            mechanism,
        )
        .with([line])
        .explaining([explained])
        .missing(&format!("spans of the calls of {caller}")),
    )
}

/// The same of the invocation of a try.
pub(super) fn of_try(scene: &Scene, attempt: &Attempt, excess_ns: i64) -> Option<Clue> {
    let (of, _) = scene.invocation(attempt)?;
    let told = waited(scene, attempt, of, excess_ns);
    told.or_else(|| hidden(scene, attempt, of, excess_ns))
}

/// Durations in a text in lower case that tell what was, not what may be: `took 240 ms`, `after 9.2s`, `(870 ms)`.
pub(super) fn durations(lower: &str) -> Vec<i64> {
    const UNITS: [(&str, f64); 18] = [
        ("milliseconds", 1e6),
        ("millisecond", 1e6),
        ("millis", 1e6),
        ("msec", 1e6),
        ("ms", 1e6),
        ("seconds", 1e9),
        ("second", 1e9),
        ("secs", 1e9),
        ("sec", 1e9),
        ("s", 1e9),
        ("minutes", 60e9),
        ("minute", 60e9),
        ("mins", 60e9),
        ("min", 60e9),
        ("us", 1e3),
        ("µs", 1e3),
        ("ns", 1.0),
        ("m", 60e9),
    ];
    // What stands before a number that is a limit, a pause of one's own or a plan.
    const LIMITS: [&str; 20] = [
        "timeout",
        "limit",
        "ttl",
        "expires",
        "expire",
        "budget",
        "deadline",
        "within",
        "every",
        "interval",
        "sleep",
        "sleeping",
        "backoff",
        "retry in",
        "retrying in",
        "max",
        "maximum",
        "at most",
        "up to",
        "window",
    ];
    let bytes = lower.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let starts = bytes[at].is_ascii_digit()
            && (at == 0
                || !(bytes[at - 1].is_ascii_alphanumeric() || b"._-:".contains(&bytes[at - 1])));
        if !starts {
            at += 1;
            continue;
        }
        let end = at
            + bytes[at..]
                .iter()
                .take_while(|it| it.is_ascii_digit() || **it == b'.' || **it == b',')
                .count();
        let number = lower[at..end].trim_end_matches(['.', ',']).replace(',', "");
        let before = lower[..at].trim_end();
        let after = &lower[at + lower[at..end].trim_end_matches(['.', ',']).len()..];
        let after = after.strip_prefix([' ', '_']).unwrap_or(after);
        let unit: String = after.chars().take_while(|c| c.is_alphabetic()).collect();
        let unit = UNITS.iter().find(|(it, _)| *it == unit);
        let tail = before
            .char_indices()
            .rev()
            .nth(28)
            .map_or(before, |(n, _)| &before[n..]);
        let planned = LIMITS.iter().any(|it| {
            tail.match_indices(it).any(|(n, _)| {
                // The last words before the number.
                tail[n + it.len()..].split_whitespace().count() <= 2
            })
        });
        if let (Some((_, ns)), Ok(value), false) = (unit, number.parse::<f64>(), planned) {
            let ns = value * ns;
            if ns.is_finite() && ns < 1e17 {
                found.push(ns as i64);
            }
        }
        at = end.max(at + 1);
    }
    found
}

/// Durations in fields of a record: `"durationMs":18230`, `elapsed_ms=412`, `took=3.2s`, `"latency_seconds": 4.1`.
fn fields(raw: &str) -> Vec<i64> {
    const NAMES: [(&str, f64); 22] = [
        ("durationms", 1e6),
        ("duration_ms", 1e6),
        ("elapsedms", 1e6),
        ("elapsed_ms", 1e6),
        ("elapsedmillis", 1e6),
        ("latencyms", 1e6),
        ("latency_ms", 1e6),
        ("tookms", 1e6),
        ("took_ms", 1e6),
        ("waitms", 1e6),
        ("wait_ms", 1e6),
        ("waitedms", 1e6),
        ("waited_ms", 1e6),
        ("responsetimems", 1e6),
        ("response_time_ms", 1e6),
        ("querytimems", 1e6),
        ("query_time_ms", 1e6),
        ("duration_seconds", 1e9),
        ("duration_s", 1e9),
        ("elapsed_s", 1e9),
        ("latency_s", 1e9),
        ("latency_seconds", 1e9),
    ];
    let lower = raw.to_lowercase();
    let mut found = Vec::new();
    for (name, unit) in NAMES {
        for (at, _) in lower.match_indices(name) {
            let rest = lower[at + name.len()..].trim_start_matches(['"', ' ']);
            let Some(rest) = rest.strip_prefix([':', '=']) else {
                continue;
            };
            let rest = rest.trim_start_matches([' ', '"']);
            let digits: String = rest
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            let ns = digits.parse::<f64>().unwrap_or(0.0) * unit;
            if ns > 0.0 && ns < 1e17 {
                found.push(ns as i64);
            }
        }
    }
    found
}

/// Whom a line is about: a service that is known, else the name that stands where such lines put it.
fn whom(scene: &Scene, told: &str, raw: &str) -> Option<String> {
    let by_field = || field(raw).map(|it| scene.service_at(&it));
    clues::service_in(scene, told)
        .or_else(by_field)
        .or_else(|| named(scene, told))
}

/// The same in a clause.
fn named(scene: &Scene, clause: &str) -> Option<String> {
    clues::service_in(scene, clause)
        .or_else(|| field(clause).map(|it| scene.service_at(&it)))
        .or_else(|| placed(&clause.to_lowercase()).map(|it| scene.service_at(&it)))
}

/// The name in a field of a record that tells the other side.
fn field(raw: &str) -> Option<String> {
    const NAMES: [&str; 18] = [
        "peer",
        "peerservice",
        "peer_service",
        "upstream",
        "target",
        "dependency",
        "remote",
        "service_called",
        "callee",
        "downstream",
        "db",
        "database",
        "datasource",
        "cluster",
        "backend",
        "host",
        "endpoint",
        "server",
    ];
    let lower = raw.to_lowercase();
    NAMES.iter().find_map(|name| {
        lower.match_indices(name).find_map(|(at, _)| {
            let whole = !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let rest = lower[at + name.len()..].trim_start_matches('"');
            let rest = rest.strip_prefix([':', '=']).filter(|_| whole)?;
            let rest = rest.trim_start_matches([' ', '"']);
            let rest = rest
                .split("://")
                .last()
                .filter(|it| it.len() < rest.len())
                .unwrap_or(rest);
            let value: String = rest.chars().take_while(|c| of_name(*c)).collect();
            is_service(&value).then_some(value)
        })
    })
}

/// The name after a preposition, or before the verb of an answer.
pub(super) fn placed(lower: &str) -> Option<String> {
    const BEFORE: [&str; 18] = [
        "on", "from", "by", "for", "to", "at", "of", "with", "against", "via", "calling", "query",
        "database", "db", "upstream", "service", "host", "cluster",
    ];
    const AFTER: [&str; 14] = [
        "answered",
        "responded",
        "replied",
        "took",
        "returned",
        "was",
        "is",
        "slow",
        "needed",
        "blocked",
        "held",
        "call",
        "query",
        "request",
    ];
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || "()[],;\"'".contains(c))
        .filter(|it| !it.is_empty())
        .take(60)
        .collect();
    let bare = |word: &str| {
        word.trim_matches(|c: char| !c.is_ascii_alphanumeric())
            .to_owned()
    };
    let told = words.iter().enumerate().filter_map(|(n, word)| {
        let name = bare(word);
        let before = n > 0 && BEFORE.contains(&bare(words[n - 1]).as_str());
        let after = words
            .get(n + 1)
            .is_some_and(|it| AFTER.contains(&bare(it).as_str()));
        let leads = word.ends_with(':') && n == 0;
        (is_service(&name) && (before || after || leads)).then_some(name)
    });
    // A hyphen or a dot makes a service; tables and locks are written with underscores.
    let mut all: Vec<String> = told.collect();
    all.sort_by_key(|it| !it.contains(['-', '.']));
    all.into_iter().find(|it| it.contains(['-', '.']))
}

fn of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Written as names of services are: several parts, letters first, no file, no number.
fn is_service(name: &str) -> bool {
    const ENDS: [&str; 16] = [
        ".js", ".ts", ".py", ".go", ".rs", ".java", ".rb", ".cs", ".json", ".csv", ".parquet",
        ".pdf", ".xml", ".txt", ".zip", ".html",
    ];
    let letters = name.chars().filter(char::is_ascii_alphabetic).count();
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let lettered = name.starts_with(|c: char| c.is_ascii_alphabetic());
    (4..=80).contains(&name.len())
        && lettered
        && letters > digits
        && name.chars().all(of_name)
        && !ENDS.iter().any(|it| name.ends_with(it))
        && !name.ends_with(['-', '.', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_how_long_it_took() {
        let check = |line: &str, ms: &[i64]| {
            let found: Vec<i64> = durations(line).iter().map(|ns| ns / 1_000_000).collect();
            assert_eq!(found, ms, "{line}");
        };
        check("statement update took 23894 ms on core-db", &[23_894]);
        check("rates-api answered after 9.2s", &[9_200]);
        check(
            "pattern fetched from pattern-vault after 140.0 s",
            &[140_000],
        );
        check("cell-db answered slowly (870 ms)", &[870]);
        check("waited 1,204 ms for a lock", &[1_204]);
        check("query time: 12.5 sec", &[12_500]);
        check("timeout 30s, retrying in 2 s", &[]);
        check("timeout of 3000 ms exceeded after 3004 ms", &[3_004]);
        check("order 4711 with 3 items at 12:04:11.204", &[]);
        check("version 1.4.2s of 2026-05-04", &[]);
    }

    #[test]
    fn fields_tell_it_as_well() {
        let check = |raw: &str, ms: &[i64], who: Option<&str>| {
            let found: Vec<i64> = fields(raw).iter().map(|ns| ns / 1_000_000).collect();
            assert_eq!((found, field(raw).as_deref()), (ms.to_vec(), who), "{raw}");
        };
        check(
            r#"{"msg":"query done","db":"stock-db","durationMs":18230}"#,
            &[18_230],
            Some("stock-db"),
        );
        check(
            "level=WARN msg=\"slow\" upstream=tax-engine elapsed_ms=4100",
            &[4_100],
            Some("tax-engine"),
        );
        check(r#"{"msg":"done","rows":18230}"#, &[], None);
    }

    #[test]
    fn names_stand_where_lines_put_them() {
        let check = |line: &str, who: Option<&str>| {
            assert_eq!(placed(line).as_deref(), who, "{line}");
        };
        check(
            "update account took 23894 ms on core-db (row lock)",
            Some("core-db"),
        );
        check("cell-db answered slowly (870 ms)", Some("cell-db"));
        check(
            "pattern fetched from pattern-vault after 140.0 s",
            Some("pattern-vault"),
        );
        check("slow query on postgres-main: 4.1 s", Some("postgres-main"));
        check("waited 24 s for lock on account_balances", None);
        check("rendered 40 pages in 21000 ms", None);
        check("re-indexing of part-0004.parquet took 9 s", None);
    }
}
