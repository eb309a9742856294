//! The CSV that the CloudWatch console downloads: `timestamp,message`, or the fields of an Insights query.

use super::{Refused, file::Importer};
use crate::{cloudwatch::Event, timestamp};
use std::io::BufRead;

/// The largest row, bytes.
const MAX_ROW: usize = 4 << 20;

/// Which columns hold what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Columns {
    time: usize,
    message: usize,
    stream: Option<usize>,
    group: Option<usize>,
}

/// The columns, if the line is the head of such a file.
pub(super) fn columns(line: &str) -> Option<Columns> {
    let names: Vec<String> = line
        .split(',')
        .map(|name| {
            name.trim()
                .trim_matches('"')
                .trim_start_matches('@')
                .to_ascii_lowercase()
        })
        .collect();
    let find = |wanted: &[&str]| {
        names
            .iter()
            .position(|name| wanted.contains(&name.as_str()))
    };
    Some(Columns {
        time: find(&["timestamp"])?,
        message: find(&["message"])?,
        stream: find(&["logstream", "logstreamname"]),
        group: find(&["log", "loggroupname", "loggroup"]),
    })
}

/// Reads all rows.
pub(super) fn read(mut reader: impl BufRead, importer: &mut Importer<'_>) -> Result<(), Refused> {
    let mut number = 1;
    let mut columns_of = None;
    loop {
        let started = number;
        let row = match row(&mut reader, &mut number) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) => {
                importer.file.skip(
                    format!("line {started}"),
                    format!("reading stopped: {error}"),
                );
                return Ok(());
            }
        };
        let Some(head) = columns_of else {
            columns_of = columns(row.join(",").trim_start_matches('\u{feff}'));
            if columns_of.is_none() {
                importer
                    .file
                    .skip("line 1", "the columns timestamp and message are missing");
                return Ok(());
            }
            continue;
        };
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).cloned().unwrap_or_default();
        let event = Event {
            group: cell(head.group).rsplit(':').next().unwrap_or("").to_owned(),
            stream: cell(head.stream),
            event_id: None,
            time: timestamp::parse_text(&cell(Some(head.time))),
            message: cell(Some(head.message)),
        };
        if !event.message.trim().is_empty() {
            importer.log_event(event, &format!("line {started}"))?;
        }
    }
}

/// One row: cells between commas, quoted ones may hold anything (RFC 4180).
fn row(reader: &mut impl BufRead, number: &mut u64) -> std::io::Result<Option<Vec<String>>> {
    let mut bytes = Vec::new();
    let mut quotes = 0;
    loop {
        let before = bytes.len();
        let room = (MAX_ROW + 1).saturating_sub(bytes.len()) as u64;
        let read = std::io::Read::take(&mut *reader, room).read_until(b'\n', &mut bytes)?;
        *number += 1;
        if bytes.len() > MAX_ROW {
            return Err(std::io::Error::other(
                "a row larger than 4 MiB: a quotation mark is missing",
            ));
        }
        quotes += bytes[before..].iter().filter(|byte| **byte == b'"').count();
        if quotes % 2 == 0 || read == 0 {
            break;
        }
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(cells(
        String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']),
    )))
}

fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = row.chars().peekable();
    while let Some(c) = chars.next() {
        let last = cells.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cells[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells[last].push(c),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_heads() {
        let mut text = "a,\"b \"\"c\"\", d\",\"two\nlines\"\r\ne,f\n".as_bytes();
        let mut line = 1;
        assert_eq!(
            row(&mut text, &mut line).unwrap().unwrap(),
            ["a", "b \"c\", d", "two\nlines"]
        );
        assert_eq!(row(&mut text, &mut line).unwrap().unwrap(), ["e", "f"]);
        assert_eq!(row(&mut text, &mut line).unwrap(), None);
        assert!(columns("@timestamp,@message,@logStream,@log").is_some());
        assert_eq!(columns("a,b"), None);
    }
}
