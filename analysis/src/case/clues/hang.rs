//! A function that hangs at somebody whom only its own lines name: the last thing it wrote before a long silence was whom
//! it was about to call. Less sure than a span: nobody saw the call itself.

use crate::case::{scene::Scene, text};
use model::{Invocation, LogOrigin, LogRecord, UnixNanos};

/// Whom a function was silent about, and for how long.
pub(in crate::case) struct Silence<'a> {
    /// The line before the silence.
    pub line: &'a LogRecord,
    /// Whom it names.
    pub name: String,
    /// It was about to connect, not waiting for an answer.
    pub connecting: bool,
    /// How long nothing was written, nanoseconds.
    pub ns: i64,
}

/// The longest silence of an invocation, if it is most of its time and the line before it names somebody.
pub(in crate::case) fn longest<'a>(
    scene: &Scene<'a>,
    invocation: &'a Invocation,
) -> Option<Silence<'a>> {
    let end = invocation.end_time?;
    let mut lines: Vec<&LogRecord> = scene.lines(invocation);
    lines.retain(|it| it.origin != LogOrigin::LambdaPlatform && !is_platform(&it.body));
    lines.sort_by_key(|it| (it.time, it.log_id));
    let next = lines.iter().skip(1).map(|it| it.time).chain([end]);
    let gaps = lines.iter().zip(next);
    let gap = |from: &LogRecord, to: UnixNanos| to.since(from.time);
    let (line, to) = gaps.max_by_key(|(line, to)| (gap(line, *to), line.log_id))?;
    let ns = gap(line, to);
    if ns * 10 < invocation.duration_ns? * 6 {
        return None;
    }
    let (name, connecting) = announced(scene, &line.body)?;
    let own = name == invocation.function_name;
    (!own).then_some(Silence {
        line,
        name,
        connecting,
        ns,
    })
}

/// Lines of the platform that are kept beside those of the function.
pub(in crate::case) fn is_platform(body: &str) -> bool {
    const BEGIN: [&str; 5] = [
        "START RequestId",
        "END RequestId",
        "REPORT RequestId",
        "INIT_",
        "EXTENSION",
    ];
    BEGIN.iter().any(|it| body.starts_with(it)) || body.contains("Task timed out after")
}

/// Whom a line says that it is about to call, and whether it only connects.
pub(in crate::case) fn announced(scene: &Scene, body: &str) -> Option<(String, bool)> {
    let lower = body.to_lowercase();
    let connecting = [
        "connecting to",
        "opening connection",
        "connect to ",
        "dialing ",
    ]
    .iter()
    .any(|it| lower.contains(it));
    if let Some(name) = super::network::service_in(scene, body) {
        return Some((name, connecting));
    }
    let name = after_verb(&lower)?;
    Some((scene.service_at(&name), connecting))
}

/// The word after a verb of calling: `calling payments-api`, `waiting for response from ledger`.
fn after_verb(lower: &str) -> Option<String> {
    const VERBS: [&str; 16] = [
        "calling",
        "connecting to",
        "waiting for",
        "querying",
        "requesting",
        "fetching",
        "invoking",
        "sending",
        "contacting",
        "asking",
        "reading from",
        "writing to",
        "dialing",
        "call to",
        "request to",
        "getting",
    ];
    // What stands between the verb and the name.
    const BETWEEN: [&str; 24] = [
        "the", "a", "an", "to", "from", "for", "on", "of", "with", "at", "by", "in", "into",
        "response", "answer", "reply", "request", "result", "data", "query", "upstream", "remote",
        "external", "service",
    ];
    const FROM: [&str; 6] = ["from", "to", "at", "on", "with", "of"];
    let at = VERBS
        .iter()
        .filter_map(|verb| Some((lower.find(verb)?, verb.len())));
    let (at, len) = at.min()?;
    let words = lower[at + len..].split_whitespace().take(6);
    let words = words.map(|it| it.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let words: Vec<&str> = words.filter(|it| !it.is_empty()).collect();
    let first = words.iter().copied().find(|it| !BETWEEN.contains(it))?;
    // What is fetched may stand before whom it is fetched from.
    let from = words
        .windows(2)
        .find(|pair| FROM.contains(&pair[0]) && is_compound(pair[1]));
    let name = match (is_compound(first), from) {
        (false, Some(pair)) => pair[1],
        _ => first,
    };
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    // A plain word may be anything: a service is written as one.
    let compound = is_compound(name);
    let numbered = name.chars().filter(char::is_ascii_digit).count() * 2 > name.len();
    (plain && compound && !numbered).then(|| text::brief(name, 80))
}

/// A name as services have, no plain word.
fn is_compound(name: &str) -> bool {
    name.contains(['-', '_', '.']) && name.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::after_verb;

    #[test]
    fn a_line_announces_whom_it_calls() {
        let check = |line: &str, expect: Option<&str>| {
            assert_eq!(after_verb(line).as_deref(), expect, "{line}")
        };
        check("calling payments-api …", Some("payments-api"));
        check("waiting for response from ledger-core", Some("ledger-core"));
        check("requesting the tax_engine for order 7", Some("tax_engine"));
        check("fetching legend from tile-depot", Some("tile-depot"));
        check("calling it again", None);
        check("processing 14 items", None);
        check("sending order 2026-05-04", None);
    }
}
