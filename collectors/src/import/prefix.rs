//! What tools put in front of a log line.

use crate::{cloudwatch::is_lambda, lambda::is_request_id, timestamp::parse_iso};
use model::UnixNanos;

/// Time, stream and group in front of a line, and what remains.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Prefix<'a> {
    pub(super) time: Option<UnixNanos>,
    pub(super) stream: Option<&'a str>,
    pub(super) group: Option<&'a str>,
    pub(super) rest: &'a str,
    /// The time is part of `rest`, too: the runtime printed it.
    pub(super) rest_is_message: bool,
}

impl Prefix<'_> {
    /// True if anything stands in front.
    pub(super) fn any(&self) -> bool {
        !self.rest_is_message
            && (self.time.is_some() || self.stream.is_some() || self.group.is_some())
    }
}

/// Reads what stands in front of a line.
///
/// `aws logs tail`: `<time with offset> <stream> …`, `--format short`: `<time> …`; `sam logs`:
/// `<stream> <time> …`; `awslogs`: `<group> <stream> <time> …`; the console: `<time>⇥…`; the Serverless
/// framework: `<day> <time> (<offset>)⇥…`. Where anything else stands in front of a platform line, what is
/// legible of it counts.
pub(super) fn read(line: &str) -> Prefix<'_> {
    let mut prefix = Prefix {
        rest: line.trim_start_matches(['▶', '▼', '►', ' ']),
        ..Prefix::default()
    };
    if !line.starts_with(['▶', '▼', '►']) {
        prefix.rest = line;
    }
    let mut offset = false;
    for _ in 0..3 {
        let (token, rest) = split(prefix.rest);
        if token.is_empty() {
            break;
        }
        if prefix.time.is_none()
            && token.starts_with(|c: char| c.is_ascii_digit())
            && take_time(&mut prefix, &mut offset)
        {
            if prefix.rest_is_message {
                break;
            }
        } else if prefix.stream.is_none() && is_stream(token, offset && prefix.time.is_some()) {
            prefix.stream = Some(token);
            prefix.rest = rest;
        } else if prefix.group.is_none() && prefix.time.is_none() && token.starts_with("/aws/") {
            prefix.group = Some(token);
            prefix.rest = rest;
        } else {
            break;
        }
    }
    if prefix.any() {
        prefix.rest = prefix.rest.trim_start_matches(' ');
    }
    if prefix.any() || prefix.rest_is_message {
        prefix
    } else {
        behind_anything(line).unwrap_or(prefix)
    }
}

/// `14:06:29 START RequestId: …`, `[orders] 2024-05-30T20:15:00Z END RequestId: …`.
fn behind_anything(line: &str) -> Option<Prefix<'_>> {
    const LONGEST: usize = 100;
    let head = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];
    let at = head
        .iter()
        .filter_map(|head| line.find(head))
        .min()
        .filter(|at| (1..=LONGEST).contains(at))?;
    let (before, rest) = line.split_at(at);
    if !before.ends_with([' ', '\t', '|', '>', ':']) || before.contains(['{', '"', '\'']) {
        return None;
    }
    let words = || before.split_whitespace();
    Some(Prefix {
        time: words().find_map(|word| parse_iso(word.trim_matches(['[', ']', '|', ',']))),
        stream: words().find(|word| is_stream(word, false)),
        group: words().find(|word| word.starts_with("/aws/")),
        rest,
        rest_is_message: false,
    })
}

fn take_time(prefix: &mut Prefix<'_>, offset: &mut bool) -> bool {
    let line = prefix.rest;
    let (token, rest) = split(line);
    let (time, rest, written) = match parse_iso(token) {
        Some(time) => (time, rest, token),
        None => {
            // `2024-05-30 20:15:00.037`
            if token.len() != 10 || !token.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
                return false;
            }
            let (clock, rest) = split(rest);
            let both = &line[..line.len() - rest.len()];
            match parse_iso(both.trim_end()) {
                Some(time) if clock.contains(':') => {
                    with_offset(time, both.trim_end(), rest, clock)
                }
                _ => return false,
            }
        }
    };
    prefix.time = Some(time);
    *offset = written.ends_with("+00:00");
    // Node's own lines and timeouts begin with a time: it is theirs.
    let (id, after) = split(rest);
    let own = line[token.len()..].starts_with('\t') && (is_request_id(id) || id == "undefined");
    if own || (is_request_id(id) && after.starts_with("Task timed out")) {
        prefix.rest_is_message = true;
    } else {
        prefix.rest = rest;
    }
    true
}

/// `… 20:15:00.037 (+02:00)⇥…`: the offset stands behind, in brackets.
fn with_offset<'a>(
    time: UnixNanos,
    both: &str,
    rest: &'a str,
    clock: &'a str,
) -> (UnixNanos, &'a str, &'a str) {
    let (word, behind) = split(rest);
    let offset = word
        .strip_prefix('(')
        .and_then(|word| word.strip_suffix(')'));
    match offset.and_then(|offset| parse_iso(&format!("{both}{offset}"))) {
        Some(time) => (time, behind, word),
        None => (time, rest, clock),
    }
}

/// The first word and what follows the one separator behind it.
fn split(line: &str) -> (&str, &str) {
    match line.find([' ', '\t']) {
        Some(end) => (&line[..end], &line[end + 1..]),
        None => (line, ""),
    }
}

/// A stream's name: Lambda's and Step Functions' are known; behind a time with offset (`aws logs tail`)
/// any word with a slash is one.
fn is_stream(token: &str, tail: bool) -> bool {
    is_lambda("", token)
        || token.starts_with("states/")
        || (tail && token.contains('/') && !token.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::text::millis;

    #[test]
    fn heads_of_all_tools() {
        let check = |line: &str, time: Option<i64>, stream: &str, rest: &str| {
            let prefix = read(line);
            let told = (
                millis(prefix.time),
                prefix.stream.unwrap_or(""),
                prefix.rest,
            );
            assert_eq!(told, (time, stream, rest), "{line}");
        };
        let at = Some(1_717_100_100_037);
        let stream = "2024/05/30/[$LATEST]60cefc4c";
        check(
            "2024-05-30T20:15:00.037000+00:00 2024/05/30/[$LATEST]60cefc4c START x",
            at,
            stream,
            "START x",
        );
        check(
            "2024-05-30T20:15:00.037000+00:00 app/web/1 hello",
            at,
            "app/web/1",
            "hello",
        );
        check("2024-05-30T20:15:00.037000+00:00 hello", at, "", "hello");
        check(
            "2024/05/30/[$LATEST]60cefc4c 2024-05-30T20:15:00.037000 [ERROR] x",
            at,
            stream,
            "[ERROR] x",
        );
        check(
            "/aws/lambda/f 2024/05/30/[$LATEST]60cefc4c 2024-05-30T20:15:00.037Z hi",
            at,
            stream,
            "hi",
        );
        check(
            "2024-05-30T20:15:00.037Z\tSTART RequestId: x",
            at,
            "",
            "START RequestId: x",
        );
        check("▶ 2024-05-30T22:15:00.037+02:00 START x", at, "", "START x");
        check("2024-05-30 20:15:00.037 hello you", at, "", "hello you");
        check(
            "hello 2024-05-30T20:15:00.037Z",
            None,
            "",
            "hello 2024-05-30T20:15:00.037Z",
        );
        check("2024-05-30 22:15:00.037 (+02:00)\thello", at, "", "hello");
        check(
            "14:06:29 START RequestId: x",
            None,
            "",
            "START RequestId: x",
        );
        check(
            "[f] 2024-05-30T20:15:00.037Z | END RequestId: x",
            at,
            "",
            "END RequestId: x",
        );
        check(
            "said {\"a\": END RequestId: x",
            None,
            "",
            "said {\"a\": END RequestId: x",
        );
        check(
            "2024-05-30T20:15:00.037Z  START RequestId: x",
            at,
            "",
            "START RequestId: x",
        );
        check("    START RequestId: x", None, "", "START RequestId: x");
        check("  indented", None, "", "  indented");
        let own = "2024-05-30T20:15:00.037Z\tdb275f87-a934-471a-8980-b63bf4dc1beb\tINFO\thi";
        check(own, at, "", own);
        assert!(!read(own).any());
        let both = format!("2024-05-30T20:15:00.037Z\t{own}");
        check(&both, at, "", own);
        assert!(read(&both).any());
    }
}
