//! The doors to a terminal. Names of states, functions and files, errors and payloads come from elsewhere, and must not
//! steer it: what it would obey is written out.

use model::text::{visible, visible_line};
use std::{
    borrow::Cow,
    io::{self, Write},
};
use tracing_subscriber::fmt::MakeWriter;

/// Writes text to stdout. Whoever started us may have stopped reading, which the error says.
///
/// # Errors
/// When it cannot be written.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(visible(text).as_bytes())?;
    out.flush()
}

/// Writes text for machines to stdout, exactly as it is: JSON escapes what has to be escaped itself.
///
/// # Errors
/// When it cannot be written.
pub fn exactly(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line to stderr. That it cannot be written is no reason to stop.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(text));
}

/// Where our own logs go: stderr, one line for each event, with no colours but those of the log itself.
#[derive(Debug, Clone, Copy)]
pub struct Logs {
    /// Whether the log has colours.
    pub colours: bool,
}

/// Writes one event of the log.
pub struct LogLine {
    colours: bool,
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine {
            colours: self.colours,
        }
    }
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = log_line(&text, self.colours);
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// An event as it may be shown. The log's own colours stay: what an event says cannot bring its own, as
/// `tracing_subscriber` writes the escape character of values out.
fn log_line(text: &str, colours: bool) -> Cow<'_, str> {
    let (body, end) = match text.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (text, ""),
    };
    if !colours {
        return match visible_line(body) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(line) => Cow::Owned(line + end),
        };
    }
    let mut line = String::with_capacity(text.len());
    for (number, part) in body.split('\u{1b}').enumerate() {
        let (code, rest) = part.split_at(colour(part));
        if number > 0 {
            line += if code.is_empty() { "\\u{1b}" } else { "\u{1b}" };
        }
        line += code;
        line += &visible_line(rest);
    }
    Cow::Owned(line + end)
}

/// Length of the code of a colour behind an escape character, such as `[2m`; 0 if there is none.
fn colour(text: &str) -> usize {
    let code = text.strip_prefix('[').and_then(|it| it.split_once('m'));
    let code = code.filter(|(code, _)| code.bytes().all(|it| it.is_ascii_digit() || it == b';'));
    code.map_or(0, |(code, _)| code.len() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_colours_and_nothing_else() {
        let check = |text: &str, colours: bool, expect: &str| {
            assert_eq!(log_line(text, colours), expect, "{text:?}");
        };
        check(
            "\u{1b}[2mWARN\u{1b}[0m it\n",
            true,
            "\u{1b}[2mWARN\u{1b}[0m it\n",
        );
        check("\u{1b}[2mWARN\n", false, "\\u{1b}[2mWARN\n");
        check("a\u{1b}]0;x\u{7}b\n", true, "a\\u{1b}]0;x\\u{7}b\n");
        check("a\u{1b}[2Jb", true, "a\\u{1b}[2Jb");
        check("one\ntwo\n", true, "one\\ntwo\n");
        check("one\ntwo\u{202e}\n", false, "one\\ntwo\\u{202e}\n");
        check("plain\n", false, "plain\n");
    }
}
