//! Text lines of functions, as the runtimes decorate them.

use super::{Line, is_request_id, severity_number};
use crate::timestamp;
use model::lambda as word;

/// Reads a line that no platform form fits.
pub(super) fn read(message: &str) -> Line {
    let mut line = node(message)
        .or_else(|| python(message))
        .or_else(|| id_first(message))
        .unwrap_or_else(|| Line {
            body: message.to_owned(),
            ..Line::default()
        });
    if line.severity_text.is_empty() {
        line.severity_text = leading_level(&line.body).unwrap_or_default();
    }
    exception(&mut line);
    line
}

/// `<ISO>⇥<id>⇥<LEVEL>⇥text`, as Node prints `console.log`; until 2019 without the level.
fn node(message: &str) -> Option<Line> {
    let mut parts = message.splitn(4, '\t');
    let time = timestamp::parse_iso(parts.next()?)?;
    let id = parts.next()?.trim();
    if !(is_request_id(id) || id == "undefined") {
        return None;
    }
    let level = parts.next()?.trim();
    if severity_number(level) == 0 {
        let text = message.splitn(3, '\t').nth(2)?;
        return Some(decorated(Some(time), id, "", text));
    }
    Some(decorated(Some(time), id, level, parts.next().unwrap_or("")))
}

/// `[LEVEL]⇥<ISO>⇥<id>⇥text`, as Python's logging prints under Lambda.
fn python(message: &str) -> Option<Line> {
    let (level, rest) = message.strip_prefix('[')?.split_once("]\t")?;
    let mut parts = rest.splitn(3, '\t');
    let time = timestamp::parse_iso(parts.next()?)?;
    let id = parts.next()?.trim();
    if severity_number(level) == 0 {
        return None;
    }
    Some(decorated(Some(time), id, level, parts.next().unwrap_or("")))
}

/// `<id> <LEVEL> text`, as log4j patterns for Lambda print; a time may stand in front.
fn id_first(message: &str) -> Option<Line> {
    let (first, rest) = message.split_once(char::is_whitespace)?;
    let (time, id, rest) = match timestamp::parse_iso(first) {
        Some(time) => {
            let (id, rest) = rest.trim_start().split_once(' ')?;
            (Some(time), id, rest)
        }
        None => (None, first, rest),
    };
    let (level, text) = rest
        .trim_start()
        .split_once(char::is_whitespace)
        .unwrap_or((rest, ""));
    if !is_request_id(id) {
        return None;
    }
    if severity_number(level) == 0 {
        // A whole id and a tab are no accident.
        let decorated_by_lambda = id.len() == 36 && message.contains(&format!("{id}\t"));
        return decorated_by_lambda.then(|| decorated(time, id, "", rest));
    }
    Some(decorated(time, id, level, text.trim_start()))
}

fn decorated(time: Option<model::UnixNanos>, id: &str, level: &str, body: &str) -> Line {
    Line {
        request_id: Some(id.to_owned()).filter(|id| is_request_id(id)),
        time,
        severity_text: level.to_owned(),
        body: body.to_owned(),
        ..Line::default()
    }
}

/// A level among the first words: `[INFO] …`, `2024-05-30 20:15:00 WARN …`, `ERROR: …`.
fn leading_level(body: &str) -> Option<String> {
    let head = body.lines().next()?;
    head.split_whitespace()
        .take(4)
        .map(|word| word.trim_matches(['[', ']', ':', '(', ')', '|', ',']))
        .find(|word| severity_number(word) > 0 && word.chars().all(|c| c.is_ascii_uppercase()))
        .map(str::to_owned)
}

/// An exception that the line reports, and whether the runtime printed it because it left the handler.
fn exception(line: &mut Line) {
    if python_exception(line) || node_exception(line) {
        return;
    }
    let head = line.body.lines().next().unwrap_or("");
    let stack = line
        .body
        .lines()
        .nth(1)
        .is_some_and(|next| next.trim_start().starts_with("at "));
    if stack && let Some((name, message)) = error_head(head) {
        let (name, message) = (name.to_owned(), message.to_owned());
        line.set(word::EXCEPTION_TYPE, name);
        line.set(word::EXCEPTION_MESSAGE, message);
    }
}

/// `[ERROR] KeyError: 'x'⏎Traceback (most recent call last): …`.
fn python_exception(line: &mut Line) -> bool {
    let Some(rest) = line.body.strip_prefix("[ERROR] ") else {
        return false;
    };
    let (head, below) = rest.split_once('\n').unwrap_or((rest, ""));
    let Some((name, message)) = error_head(head.trim_end()) else {
        return false;
    };
    if !(below.trim_start().starts_with("Traceback") || name.starts_with("Runtime.")) {
        return false;
    }
    let (name, message) = (name.to_owned(), message.to_owned());
    line.set(word::EXCEPTION_TYPE, name);
    line.set(word::EXCEPTION_MESSAGE, message);
    line.set(word::EXCEPTION_ESCAPED, true);
    true
}

/// `Invoke Error ⇥{"errorType": …, "errorMessage": …}` and its two siblings.
fn node_exception(line: &mut Line) -> bool {
    const HEADS: [&str; 3] = [
        "Invoke Error",
        "Uncaught Exception",
        "Unhandled Promise Rejection",
    ];
    let Some(rest) = HEADS.iter().find_map(|head| line.body.strip_prefix(head)) else {
        return false;
    };
    let rest = rest.trim();
    let Ok(error) = serde_json::from_str::<serde_json::Value>(rest) else {
        return false;
    };
    let text = |key: &str| error.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    if let Some(name) = text("errorType") {
        line.set(word::EXCEPTION_TYPE, name);
    }
    if let Some(message) = text("errorMessage") {
        line.set(word::EXCEPTION_MESSAGE, message);
    }
    line.set(word::EXCEPTION_ESCAPED, true);
    true
}

/// `Name: message` or `Name`, where the name is one word such as `Runtime.ExitError`.
pub(super) fn error_head(head: &str) -> Option<(&str, &str)> {
    let end = head.find(':').unwrap_or(head.len());
    let name = &head[..end];
    let word = name.starts_with(|c: char| c.is_alphabetic())
        && name.len() <= 200
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'));
    word.then(|| (name, head[end..].trim_start_matches(':').trim()))
}
