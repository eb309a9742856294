//! One file: unpack, look at its head, read it in the way that fits.

use super::{
    Chunk, Error, FileReport, Refused, Report,
    dispatch::Place,
    form::{Form, archive},
    holes::{Filled, Holes},
    name, otlp,
    otlp::Signal,
    repair::{self, Spot},
    scan::{Chunk as Piece, Item, MAX_DOCUMENT, Scan},
    sink::{Sink, too_large},
    text, unpack,
};
use crate::{
    cloudwatch::{Event, Origin, Recorder},
    envoy, lambda, step_functions,
};
use bytes::Bytes;
use std::{
    io::{self, BufRead, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

/// How much of a file decides what it is.
const HEAD: u64 = 64 << 10;
/// Pieces of Step Functions held for pairing, in bytes of their files, before they are assembled.
const MAX_HELD: u64 = 512 << 20;

/// An import under way.
pub(super) struct Importer<'a> {
    pub(super) sink: Sink<'a>,
    pub(super) report: Report,
    recorder: Recorder,
    pub(super) pieces: Vec<(PathBuf, step_functions::Piece)>,
    held: u64,
    /// Executions whose events were handed on, and whose definitions may still come.
    streamed: step_functions::Streamed,
    folder: PathBuf,
    /// Documents and lines of the file in which nothing known was found: the first, and how many.
    unknown: Option<(String, u64)>,
    /// The file being read.
    pub(super) file: FileReport,
    pub(super) origin: Origin,
}

impl<'a> Importer<'a> {
    pub(super) fn new(out: &'a mut dyn FnMut(Chunk) -> super::Accepted) -> Self {
        Importer {
            sink: Sink::new(out),
            report: Report::default(),
            recorder: Recorder::default(),
            pieces: Vec::new(),
            held: 0,
            streamed: step_functions::Streamed::default(),
            folder: PathBuf::new(),
            unknown: None,
            file: FileReport::default(),
            origin: Origin::default(),
        }
    }

    /// Reads one file. Only a receiver that takes no more is an error; all else is in the report.
    pub(super) fn file(&mut self, path: &Path, input: impl Read) -> Result<(), Error> {
        self.next_folder(path)?;
        self.file = FileReport::new(path);
        self.sink.reading(path);
        self.origin = name::origin(path);
        let read = self.read(input);
        read.or_else(|refused| self.refused(refused))?;
        for record in self.recorder.finish() {
            self.file.taken.logs += 1;
            let sent = self.sink.log(record);
            sent.or_else(|refused| self.refused(refused))?;
        }
        self.tell_unknown();
        self.report.files.push(std::mem::take(&mut self.file));
        self.tell_refusals();
        Ok(())
    }

    /// One line of the report for all that was not recognised.
    fn tell_unknown(&mut self) {
        let Some((first, count)) = self.unknown.take() else {
            return;
        };
        let others = if count > 1 {
            format!(" (the first of {count})")
        } else {
            String::new()
        };
        let position = format!("{first}{others}");
        let known = !self.file.kind.is_empty();
        self.file.skip(
            position,
            if known {
                "not recognised, unlike the rest of the file"
            } else {
                NOTHING
            },
        );
    }

    fn unknown(&mut self, position: String) {
        self.unknown.get_or_insert((position, 0)).1 += 1;
    }

    /// Pairs what waits for pairing, and hands on the rest.
    pub(super) fn finish(mut self) -> Result<Report, Error> {
        self.assemble()?;
        let sent = self.sink.flush();
        sent.or_else(|refused| self.refused(refused))?;
        self.tell_refusals();
        Ok(self.report)
    }

    /// Documents that belong to nothing else.
    pub(super) fn documents(&mut self, documents: Vec<model::Document>) -> Result<(), Refused> {
        self.sink.whole(model::Batch {
            documents,
            ..model::Batch::default()
        })
    }

    fn next_folder(&mut self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if self.held > MAX_HELD && folder != self.folder {
            self.assemble()?;
        }
        self.folder = folder.to_owned();
        Ok(())
    }

    fn assemble(&mut self) -> Result<(), Error> {
        self.held = 0;
        let pieces = std::mem::take(&mut self.pieces);
        let (batch, skips) = step_functions::assemble_with(pieces, &self.streamed);
        for skip in skips {
            // Counted were the pieces; what pairing leaves out was not taken after all.
            let file = self.report.of(&skip.path);
            let count = match skip.lost {
                step_functions::Lost::Nothing => None,
                step_functions::Lost::Document => Some(&mut file.taken.documents),
                step_functions::Lost::Event => Some(&mut file.taken.events),
            };
            if let Some(count) = count {
                *count = count.saturating_sub(1);
            }
            file.skip(skip.position, skip.reason);
        }
        let sent = self.sink.whole(batch);
        let sent = sent.or_else(|refused| self.refused(refused));
        self.tell_refusals();
        sent
    }

    /// A refusal that nobody has put into the report yet. Between files the last one that was read is meant.
    fn refused(&mut self, refused: Refused) -> Result<(), Error> {
        let path = match self.file.path.as_os_str().is_empty() {
            true => self.sink.last_file().to_owned(),
            false => self.file.path.clone(),
        };
        match refused {
            Refused::Skip(reason) | Refused::Part(reason) => {
                let file = match path == self.file.path {
                    true => &mut self.file,
                    false => self.report.of(&path),
                };
                file.refuse("", reason);
                Ok(())
            }
            Refused::Stop(reason) => Err(Error::Stopped { path, reason }),
        }
    }

    /// Puts into the report what was refused of batches: between files, since a batch may hold facts of several.
    fn tell_refusals(&mut self) {
        for refusal in self.sink.refusals() {
            self.report.of(&refusal.path).refuse("", refusal.reason);
        }
    }

    fn read(&mut self, input: impl Read) -> Result<(), Refused> {
        let unpacked = unpack::unpack(input).map(|(mut reader, layers)| {
            let (head, error) = unpack::read_until_error(reader.by_ref(), HEAD);
            (reader, layers, head, error)
        });
        let (mut reader, layers, head, error) = match unpacked {
            Ok((_, _, head, Some(error))) if head.is_empty() => {
                self.file.skip("", format!("cannot be unpacked: {error}"));
                return Ok(());
            }
            Err(error) => {
                self.file.skip("", format!("cannot be unpacked: {error}"));
                return Ok(());
            }
            Ok(opened) => opened,
        };
        if error.is_some() {
            // What was unpacked before the error is read, and then the error met again.
            reader = Box::new(io::BufReader::new(unpack::Failing(error)));
        }
        layers.iter().for_each(|layer| self.file.is(layer));
        if let Some(archive) = archive(&head) {
            self.file.skip(
                "",
                format!("{archive}: unpack it, and import the folder that comes out"),
            );
            return Ok(());
        }
        let form = Form::of(&head);
        let whole = io::Cursor::new(head.clone()).chain(reader);
        match form {
            Form::Empty => self.file.skip("", "the file is empty"),
            Form::Utf16 => self.utf16(whole)?,
            Form::Binary => self.protobuf(whole)?,
            Form::Json | Form::Text => {
                let holes = Rc::new(Holes::default());
                let whole = io::BufReader::new(Filled::new(whole, Rc::clone(&holes)));
                match form {
                    Form::Json => self.json(whole)?,
                    _ => self.text(&head, whole)?,
                }
                if let Some((position, what)) = holes.told() {
                    self.file.skip(position, what);
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, head: &[u8], reader: impl BufRead) -> Result<(), Refused> {
        let text = String::from_utf8_lossy(head);
        if text
            .lines()
            .take(20)
            .any(|line| envoy::read_line(line).is_some())
        {
            return self.access_log_text(reader);
        }
        let Some(style) = text::recognise(head) else {
            self.file.skip("", text::stranger(head));
            return Ok(());
        };
        self.origin.lambda = style.lambda;
        self.file.is(style.kind());
        text::read(reader, style, self)
    }

    /// What PowerShell writes for `aws … > file`.
    fn utf16(&mut self, reader: impl Read) -> Result<(), Refused> {
        let Some(bytes) = self.whole(reader) else {
            return Ok(());
        };
        let little = bytes.starts_with(&[0xff, 0xfe]);
        let unit = |pair: &[u8]| {
            let pair = [pair[0], pair[1]];
            if little {
                u16::from_le_bytes(pair)
            } else {
                u16::from_be_bytes(pair)
            }
        };
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(unit).collect();
        let text = String::from_utf16_lossy(&units);
        self.file.is("UTF-16");
        let head = &text.as_bytes()[..text.len().min(HEAD as usize)];
        match Form::of(head) {
            Form::Json => self.json(text.as_bytes()),
            Form::Text => self.text(head, text.as_bytes()),
            _ => {
                self.file.skip("", NOTHING);
                Ok(())
            }
        }
    }

    fn protobuf(&mut self, reader: impl Read) -> Result<(), Refused> {
        let Some(bytes) = self.whole(reader).map(Bytes::from) else {
            return Ok(());
        };
        let Some(messages) = otlp::messages(&bytes) else {
            self.file.skip(
                "",
                format!("binary data that is no OTLP export request; {EXPECTED}"),
            );
            return Ok(());
        };
        self.file.is("OTLP protobuf");
        if let Some(at) = messages.bad {
            let count = messages.found.len();
            let reason = format!("no further message is legible; the {count} before it were kept");
            self.file.skip(format!("byte {at}"), reason);
        }
        for (message, signal) in messages.found {
            self.otlp(bytes.slice_ref(message), signal, &Place::default(), false)?;
        }
        Ok(())
    }

    /// The whole stream, if it is not too large.
    fn whole(&mut self, reader: impl Read) -> Option<Vec<u8>> {
        let (bytes, error) = unpack::read_until_error(reader, MAX_DOCUMENT as u64 + 1);
        if bytes.len() > MAX_DOCUMENT {
            self.file
                .skip("", "larger than 256 MiB in one piece: split it");
            return None;
        }
        if let Some(error) = error {
            self.file.skip("", format!("reading stopped: {error}"));
        }
        Some(bytes)
    }

    fn json(&mut self, reader: impl BufRead) -> Result<(), Refused> {
        let mut scan = Scan::new(reader);
        loop {
            match scan.next() {
                Ok(None) => return Ok(()),
                Ok(Some(item)) => self.item(item)?,
                Err(error) => {
                    self.file.skip("", format!("reading stopped: {error}"));
                    return Ok(());
                }
            }
        }
    }

    fn item(&mut self, item: Item) -> Result<(), Refused> {
        match item {
            Item::Nothing => Ok(()),
            Item::Document(piece) => self.document(piece),
            Item::Broken(piece, why, line) => {
                let kept = if piece.bytes.is_empty() {
                    ""
                } else {
                    "; its complete elements were kept"
                };
                self.file
                    .skip(format!("line {line}"), format!("{why}{kept}"));
                if piece.bytes.is_empty() {
                    Ok(())
                } else {
                    self.document(piece)
                }
            }
            Item::Line(piece) => {
                let text = String::from_utf8_lossy(&piece.bytes);
                let text = text.trim_matches(['\u{feff}', '\r', ' ']);
                if text.is_empty() {
                    return Ok(());
                }
                if lambda::is_platform_text(text) {
                    self.origin.lambda = true;
                    self.file.is("Lambda log (text)");
                }
                if self.origin.lambda {
                    return self.log_event(
                        Event {
                            message: text.to_owned(),
                            ..Event::default()
                        },
                        &line_of(&piece),
                    );
                }
                if self.file.kind.is_empty() {
                    self.unknown(line_of(&piece));
                } else {
                    self.file
                        .skip(line_of(&piece), format!("not JSON: {}", shortened(text)));
                }
                Ok(())
            }
        }
    }

    fn document(&mut self, piece: Piece) -> Result<(), Refused> {
        let place = Place {
            position: line_of(&piece),
            depth: 0,
        };
        match serde_json::from_slice(&piece.bytes) {
            Ok(value) => {
                self.held += piece.bytes.len() as u64;
                let taken = self.value(value, &place)?;
                if !taken {
                    self.unknown(place.position);
                }
                Ok(())
            }
            Err(error) => self.mend(piece, &error),
        }
    }

    /// JSON that does not parse although its brackets match: what is legible of it is kept.
    fn mend(&mut self, piece: Piece, error: &serde_json::Error) -> Result<(), Refused> {
        let place = Place {
            position: line_of(&piece),
            depth: 0,
        };
        if let Some(repaired) = repair::repair(&piece.bytes) {
            for (spot, what) in repaired.notes {
                self.file.skip(position(&piece, spot), what);
            }
            self.held += piece.bytes.len() as u64;
            self.value(repaired.value, &place)?;
            return Ok(());
        }
        let (spot, at) = Spot::of(&piece.bytes, error);
        let reason = format!("not valid JSON: {}", repair::reason(error));
        self.file.skip(position(&piece, spot), reason);
        let mut scan = Scan::new(&piece.bytes[..at]);
        if let Ok(Some(Item::Broken(mended, ..))) = scan.next()
            && let Ok(value) = serde_json::from_slice(&mended.bytes)
        {
            self.value(value, &place)?;
        }
        Ok(())
    }

    /// Hands on one log event.
    pub(super) fn log_event(&mut self, event: Event, position: &str) -> Result<(), Refused> {
        if let Some(reason) = too_large(&event.message) {
            self.file.refuse(position, reason);
            return Ok(());
        }
        let recorded = self.recorder.record(event, &self.origin);
        if let Some(problem) = recorded.problem {
            self.file.skip(
                position,
                format!("{problem}; the line is kept as a log record"),
            );
        }
        self.file.taken.logs += recorded.logs.len() as u64;
        if let Some(event) = recorded.event {
            self.workflow_event(event)?;
        }
        recorded
            .logs
            .into_iter()
            .try_for_each(|record| self.sink.log(record))
    }

    /// Hands on a log record that is complete.
    pub(super) fn log(&mut self, record: model::LogRecord) -> Result<(), Refused> {
        self.sink.log(record)
    }

    /// Hands on a span of another tracer.
    pub(super) fn span(&mut self, span: model::Span) -> Result<(), Refused> {
        self.sink.span(span)
    }

    /// Hands on an event that names its execution.
    pub(super) fn workflow_event(&mut self, event: model::HistoryEvent) -> Result<(), Refused> {
        self.file.is("Step Functions log events");
        self.file.taken.events += 1;
        self.streamed.see(&self.file.path, &event);
        self.sink.event(event)
    }

    /// Hands on an OTLP message.
    pub(super) fn otlp(
        &mut self,
        bytes: Bytes,
        signal: Signal,
        place: &Place,
        json: bool,
    ) -> Result<(), Refused> {
        let (chunk, count) = match (signal, json) {
            (Signal::Traces, true) => (
                Chunk::OtlpTracesJson(bytes),
                &mut self.file.taken.trace_requests,
            ),
            (Signal::Traces, false) => (
                Chunk::OtlpTraces(bytes),
                &mut self.file.taken.trace_requests,
            ),
            (Signal::Logs, true) => (
                Chunk::OtlpLogsJson(bytes),
                &mut self.file.taken.log_requests,
            ),
            (Signal::Logs, false) => (Chunk::OtlpLogs(bytes), &mut self.file.taken.log_requests),
            (Signal::Metrics | Signal::Profiles, _) => {
                let what = if signal == Signal::Metrics {
                    "metrics"
                } else {
                    "profiles"
                };
                self.file.skip(
                    place.position.clone(),
                    format!("OTLP {what}: only traces and logs are kept"),
                );
                return Ok(());
            }
        };
        match self.sink.chunk(chunk) {
            Ok(()) => *count += 1,
            Err(Refused::Part(reason)) => {
                *count += 1;
                self.file.refuse(place.position.clone(), reason);
            }
            Err(Refused::Skip(reason)) => self.file.refuse(place.position.clone(), reason),
            Err(stop) => return Err(stop),
        }
        Ok(())
    }
}

/// Said of a file in which nothing known was found.
pub(super) const NOTHING: &str = "nothing in it was recognised; expected are Step Functions histories, descriptions or \
     definitions (JSON), CloudWatch Logs exports (JSON or text), Lambda logs, OTLP traces and logs (JSON or protobuf), \
     Zipkin spans, X-Ray traces, or Envoy access logs";
const EXPECTED: &str =
    "expected is ExportTraceServiceRequest or ExportLogsServiceRequest, one or length-delimited";

fn line_of(piece: &Piece) -> String {
    format!("line {}", piece.line)
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

/// A place in a piece, counted as people count.
fn position(piece: &Piece, spot: Spot) -> String {
    format!("line {} column {}", piece.line + spot.line, spot.column + 1)
}
