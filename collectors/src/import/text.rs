//! Text: `aws logs tail`, `sam logs`, copies from the console, its CSV, and raw lines of a function.
//!
//! A line may begin with time, log stream and log group, in any order; the rest is the event. Lines without
//! such a head continue the event before, in files that have heads; in raw files an indented line, a
//! traceback and the second line of REPORT do.

use super::{Refused, file::Importer, prefix};
use crate::{
    cloudwatch::Event,
    lambda::{is_platform_text, is_report_pair, parse_line},
    step_functions,
};
use std::io::{self, BufRead};

/// CloudWatch's largest event is 1 MiB; what is longer is cut.
const MAX_EVENT: usize = 1 << 20;

/// How a file writes its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Lines of Lambda's platform are in it.
    pub(super) lambda: bool,
    /// Its lines begin with a time or a stream.
    heads: bool,
    /// Comma-separated, as the console exports.
    csv: bool,
}

impl Style {
    pub(super) fn kind(self) -> &'static str {
        match (self.csv, self.lambda) {
            (true, _) => "CloudWatch Logs (CSV)",
            (false, true) => "Lambda log (text)",
            (false, false) => "CloudWatch Logs (text)",
        }
    }
}

/// Tells the style from the first lines; `None` for text that is no log.
pub(super) fn recognise(head: &[u8]) -> Option<Style> {
    let head = String::from_utf8_lossy(head);
    let lines: Vec<String> = head
        .lines()
        .take(500)
        .map(clean)
        .filter(|line| !line.trim().is_empty())
        .scan(Heading::default(), |heading, line| {
            Some((!heading.takes(&line)).then_some(line))
        })
        .flatten()
        .collect();
    let first = lines.first()?;
    if super::csv::columns(first).is_some() {
        return Some(Style {
            lambda: lines.iter().any(|line| line.contains("START RequestId:")),
            heads: true,
            csv: true,
        });
    }
    let lambda_line = |line: &&String| is_lambda(prefix::read(line).rest);
    let platform = lines.iter().find(lambda_line);
    // `aws logs tail --format json` puts the head on a line of its own.
    let alone = prefix::read(first).any() && prefix::read(first).rest.trim().is_empty();
    let heads = alone || prefix::read(platform.unwrap_or(first)).any();
    let known = |line: &String| {
        let prefix = prefix::read(line);
        prefix.stream.is_some() || step_functions::parse_log_message(prefix.rest).is_some()
    };
    let timed = || {
        lines
            .iter()
            .filter(|line| prefix::read(line).time.is_some())
            .count()
            * 2
            >= lines.len()
    };
    let lambda = platform.is_some();
    (lambda || lines.iter().any(known) || (heads && timed())).then_some(Style {
        lambda,
        heads,
        csv: false,
    })
}

/// What to say of text that is no log.
pub(super) fn stranger(head: &[u8]) -> &'static str {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().map(str::trim_end);
    let cli = |line: &str| {
        [
            "EVENTS\t",
            "events:",
            "EXECUTIONS\t",
            "SEARCHEDLOGSTREAMS\t",
            "NEXTTOKEN\t",
        ]
        .iter()
        .any(|head| line.starts_with(head))
            || line.contains("|  GetExecutionHistory")
            || line.contains("|   DescribeExecution")
    };
    if lines.by_ref().take(20).any(cli) {
        return "output of the AWS CLI as text, table or YAML: export it again with --output json";
    }
    "text in which no lines of CloudWatch Logs or of a Lambda function were recognised"
}

/// A line that only a Lambda log has.
fn is_lambda(rest: &str) -> bool {
    if is_platform_text(rest) {
        return true;
    }
    let line = parse_line(rest);
    line.platform || (line.request_id.is_some() && line.time.is_some())
}

/// Reads the file to its end.
pub(super) fn read(
    reader: impl BufRead,
    style: Style,
    importer: &mut Importer<'_>,
) -> Result<(), Refused> {
    if style.csv {
        return super::csv::read(reader, importer);
    }
    let mut lines = Lines {
        reader,
        number: 0,
        buffer: Vec::new(),
    };
    let mut pending = Pending::default();
    let mut heading = Heading::default();
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => {
                importer.file.skip(
                    format!("line {}", lines.number),
                    format!("reading stopped: {error}"),
                );
                break;
            }
        };
        if heading.takes(&line.text) {
            continue;
        }
        let prefix = prefix::read(&line.text);
        if continues(style, &prefix, &pending) {
            pending.push(prefix.rest, line.cut);
            continue;
        }
        pending.send(importer)?;
        pending = Pending::new(&prefix, line.number);
        pending.push(prefix.rest, line.cut);
    }
    pending.send(importer)
}

fn continues(style: Style, prefix: &prefix::Prefix<'_>, pending: &Pending) -> bool {
    if pending.open && style.heads && !prefix.any() && pending.event.message.trim().is_empty() {
        return true;
    }
    if !pending.open
        || prefix.any() && style.heads
        || is_platform_text(prefix.rest) && !is_second_line(prefix.rest)
    {
        return false;
    }
    if style.heads {
        return true;
    }
    let rest = prefix.rest;
    if pending.platform {
        return is_second_line(rest)
            || (pending.event.message.starts_with("REPORT ") && is_report_pair(rest))
            || rest.starts_with("Runtime.")
            || rest.starts_with("Extension.");
    }
    // `INFO⇥{` is followed by the members of what was logged.
    let opens =
        rest.starts_with(['{', '[']) && !rest.ends_with(['}', ']']) && !rest.starts_with("[ERROR]");
    let bracket = opens && rest.trim_end().len() < 3;
    bracket
        || rest.starts_with([' ', '\t', '}', ']', ')'])
        || ["Traceback (", "Caused by:", "During handling of"]
            .iter()
            .any(|head| rest.starts_with(head))
}

fn is_second_line(rest: &str) -> bool {
    rest.starts_with("XRAY TraceId:")
}

/// The heading of the console's table, which comes with what is copied from it: `Timestamp  Message`, on one line or
/// on one each.
#[derive(Default)]
struct Heading {
    /// Words of it that were met.
    met: usize,
    over: bool,
}

impl Heading {
    /// True if the line is part of the heading: one of its words in each column, the time first.
    fn takes(&mut self, line: &str) -> bool {
        const COLUMNS: [&str; 8] = [
            "timestamp",
            "time",
            "message",
            "log",
            "stream",
            "name",
            "group",
            "event",
        ];
        const FIRST: [&str; 2] = ["timestamp", "time"];
        if self.over || line.trim().is_empty() {
            return false;
        }
        let word = |word: &str| word.trim_matches(['|', '"', '@', '#']).to_ascii_lowercase();
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        let words: Vec<&String> = words.iter().filter(|it| !it.is_empty()).collect();
        let known = !words.is_empty() && words.iter().all(|it| COLUMNS.contains(&it.as_str()));
        let begins = self.met > 0 || words.first().is_some_and(|it| FIRST.contains(&it.as_str()));
        self.met += words.len();
        let takes = known && begins && self.met <= COLUMNS.len();
        self.over = !takes;
        takes
    }
}

/// The event that is being gathered.
#[derive(Default)]
struct Pending {
    open: bool,
    platform: bool,
    event: Event,
    line: u64,
    cut: bool,
}

impl Pending {
    fn new(prefix: &prefix::Prefix<'_>, line: u64) -> Pending {
        let text = |part: Option<&str>| part.unwrap_or("").to_owned();
        let event = Event {
            group: text(prefix.group),
            stream: text(prefix.stream),
            time: prefix.time,
            ..Event::default()
        };
        Pending {
            open: true,
            platform: parse_line(prefix.rest).platform,
            event,
            line,
            cut: false,
        }
    }

    fn push(&mut self, text: &str, cut: bool) {
        let message = &mut self.event.message;
        if !message.is_empty() {
            message.push('\n');
        }
        let mut room = MAX_EVENT.saturating_sub(message.len()).min(text.len());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        message.push_str(&text[..room]);
        self.cut |= cut || room < text.len();
    }

    fn send(&mut self, importer: &mut Importer<'_>) -> Result<(), Refused> {
        if !self.open || self.event.message.trim().is_empty() {
            return Ok(());
        }
        let position = format!("line {}", self.line);
        if self.cut {
            importer
                .file
                .skip(position.clone(), "an event of more than 1 MiB: cut there");
        }
        importer.log_event(std::mem::take(&mut self.event), &position)
    }
}

/// A line without its end and its colours.
struct Line {
    text: String,
    number: u64,
    cut: bool,
}

struct Lines<R> {
    reader: R,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Option<Line>> {
        self.buffer.clear();
        self.number += 1;
        let read = io::Read::take(&mut self.reader, MAX_EVENT as u64)
            .read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        let cut = read == MAX_EVENT && self.buffer.last() != Some(&b'\n') && self.skip_line()?;
        Ok(Some(Line {
            text: clean(&String::from_utf8_lossy(&self.buffer)),
            number: self.number,
            cut,
        }))
    }

    /// Passes over the rest of a line; false if there was none.
    fn skip_line(&mut self) -> io::Result<bool> {
        let mut skipped = false;
        loop {
            let buffer = self.reader.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(buffer.len(), |end| end + 1);
            skipped |= taken > 1;
            let done = end.is_some() || taken == 0;
            self.reader.consume(taken);
            if done {
                return Ok(skipped);
            }
        }
    }
}

/// Without line end, byte order mark and terminal colours.
fn clean(line: &str) -> String {
    let line = line
        .trim_end_matches(['\n', '\r'])
        .trim_start_matches('\u{feff}');
    if !line.contains('\u{1b}') {
        return line.to_owned();
    }
    let mut plain = String::with_capacity(line.len());
    let mut parts = line.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or(""));
    for part in parts {
        let code = part.strip_prefix('[').and_then(|code| {
            let end = code.find(|c: char| c.is_ascii_alphabetic())?;
            Some(&code[end + 1..])
        });
        plain.push_str(code.unwrap_or(part));
    }
    plain
}

/// The time a prefix told, for tests of other modules.
#[cfg(test)]
pub(super) fn millis(time: Option<model::UnixNanos>) -> Option<i64> {
    time.map(|time| time.0 / 1_000_000)
}
