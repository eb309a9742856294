//! What a record tells of an exception beside its body: loggers of many languages write "An unhandled exception has
//! occurred" and put the exception itself into attributes.
//!
//! Names: OpenTelemetry semantic conventions, "Exceptions in logs" (`exception.type`, `exception.message`).

use model::{LogRecord, Value};
use std::borrow::Cow;

/// Bytes of a message that are read.
const MOST: usize = 2_000;

/// A body with the exception that stands beside it, unless it tells it itself.
pub fn told<'a>(body: &'a str, kind: &str, message: &str) -> Cow<'a, str> {
    let mut end = message.len().min(MOST);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let message = message[..end].trim();
    let last = kind.rsplit(['.', ':']).next().unwrap_or(kind);
    let known = |it: &str| it.is_empty() || body.contains(it);
    match (known(message), known(last)) {
        (true, true) => Cow::Borrowed(body),
        (true, false) => Cow::Owned(format!("{body} {kind}")),
        (false, true) => Cow::Owned(format!("{body} {message}")),
        (false, false) => Cow::Owned(format!("{body} {kind}: {message}")),
    }
}

/// Gives a record's body the exception that stands beside it.
pub fn tell(log: &mut LogRecord) {
    let text = |name: &str| match log.attributes.get(name) {
        Some(Value::String(text)) => text.as_str(),
        _ => "",
    };
    let whole = told(&log.body, text("exception.type"), text("exception.message"));
    if let Cow::Owned(whole) = whole {
        log.body = whole;
    }
}

/// `$a / $b: D3001: …` of a text that has to be cut: JSONata tells the expression, its place, and then what is wrong with it.
pub(crate) fn of_expression(words: &str, most: usize) -> Option<String> {
    let (before, rest) = words.split_once(" threw an error during evaluation. ")?;
    let expression = before.split('\'').nth(1).unwrap_or_default();
    let long = words.chars().nth(most).is_some() && expression.chars().count() * 2 < most;
    long.then(|| format!("{expression}: {rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_kept_before_what_is_wrong_with_it() {
        let words = "The JSONata expression '$a / $b' specified for the field 'Output/x' threw an error during evaluation. \
            D3001: The left side of the \"/\" operator must evaluate to a number";
        let told = of_expression(words, 100).expect("it is long");
        assert!(told.starts_with("$a / $b: D3001: The left side"), "{told}");
        assert_eq!(of_expression(words, 1_000), None);
        assert_eq!(of_expression("no such thing", 5), None);
    }

    #[test]
    fn an_exception_beside_a_body_is_told_once() {
        let check = |body: &str, kind: &str, message: &str, expect: &str| {
            let mut log = LogRecord {
                body: body.to_owned(),
                ..LogRecord::default()
            };
            for (name, value) in [("exception.type", kind), ("exception.message", message)] {
                let value = Value::String(value.to_owned());
                log.attributes.insert(name.to_owned(), value);
            }
            tell(&mut log);
            assert_eq!(log.body, expect);
        };
        check("no", "", "", "no");
        check(
            "An unhandled exception has occurred.",
            "System.TimeoutException",
            "no answer in 9 ms",
            "An unhandled exception has occurred. System.TimeoutException: no answer in 9 ms",
        );
        check("E: no answer", "E", "no answer", "E: no answer");
        check(
            "failed: no answer",
            "java.io.E",
            "no answer",
            "failed: no answer java.io.E",
        );
        check("E again", "java.io.E", "no answer", "E again no answer");
        let long = "ä".repeat(5_000);
        let cut = told("no", "", &long).len();
        assert!(cut < 2_100, "{cut}");
    }
}
