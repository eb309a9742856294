//! Cuts a stream of text into JSON documents and other lines, without reading the stream as a whole.
//!
//! A document may span lines and share them with others (pages written one after the other, Firehose
//! objects). What is broken ends where JSON's grammar is violated first: the scan goes on behind it, so
//! one bad line costs one line. Of a document that ends too early the complete elements are kept.

use std::io::{self, BufRead};

/// A document with a long list in it (what the AWS CLI makes of all pages) is handed on in parts of this size.
const PART: usize = 32 << 20;
/// What stands before the list is repeated in every part, if it is no longer than this.
const MAX_HEADER: usize = 1 << 20;
/// The largest document or line that is held in memory, bytes.
pub(super) const MAX_DOCUMENT: usize = 256 << 20;

/// Brackets nested deeper are no data that anyone exports; the JSON parser refuses 128.
const MAX_DEPTH: usize = 120;
const TOO_DEEP: &str = "brackets are nested deeper than 120";

/// UTF-8's byte order mark.
const MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// A piece of the stream.
#[derive(Debug, PartialEq)]
pub(super) enum Item {
    /// Balanced brackets from `{` or `[` on.
    Document(Chunk),
    /// Something else at the beginning of a line; without the line end.
    Line(Chunk),
    /// A document that cannot be one; what can be kept of it stands in `bytes`, closed so that it parses. Why, and in which
    /// line that showed.
    Broken(Chunk, &'static str, u64),
    /// Only the end of what was handed on before.
    Nothing,
}

/// Bytes and where they began.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Line, from 1.
    pub(super) line: u64,
    /// Byte offset in the unpacked stream.
    pub(super) offset: u64,
}

/// The scanner.
pub(super) struct Scan<R> {
    reader: R,
    line: u64,
    offset: u64,
    limit: usize,
    part: usize,
    at_line_start: bool,
    /// A document of which parts were handed on.
    held: Option<Document>,
    /// Why reading stopped, to be said after what had been read of the last piece.
    failed: Option<io::Error>,
}

#[derive(Default)]
struct Document {
    chunk: Chunk,
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
    last: u8,
    /// Length up to and with the bracket of the list that may be handed on in parts.
    header: usize,
    /// Passing over what stands between two parts.
    between: bool,
    /// Parts of it were handed on before.
    rest: bool,
    /// Length at which the last element of a list was complete, and the brackets open there.
    good: Option<(usize, Vec<u8>)>,
    too_large: bool,
}

enum Step {
    More,
    Done,
    /// The document is long enough for a part.
    Part,
    /// The byte does not belong to the document any more.
    Violated(&'static str),
}

impl<R: BufRead> Scan<R> {
    pub(super) fn new(reader: R) -> Self {
        Scan {
            reader,
            line: 1,
            offset: 0,
            limit: MAX_DOCUMENT,
            part: PART,
            at_line_start: true,
            held: None,
            failed: None,
        }
    }

    #[cfg(test)]
    fn with_limit(reader: R, limit: usize) -> Self {
        Scan {
            limit,
            ..Scan::new(reader)
        }
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Item>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some(document) = self.held.take() {
            return self.go_on(document).map(Some);
        }
        loop {
            let Some(byte) = self.peek()? else {
                return Ok(None);
            };
            match byte {
                b'\n' => self.consume(byte),
                // Files with a byte order mark, one after the other.
                0xef if self.reader.fill_buf()?.starts_with(MARK) => {
                    self.reader.consume(MARK.len());
                    self.offset += MARK.len() as u64;
                }
                b' ' | b'\t' | b'\r' | b',' | 0x1e => self.skip_separator(),
                b'{' | b'[' => return self.document().map(Some),
                _ if self.at_line_start => return self.line().map(Some),
                // Behind a document on its line: a closing bracket or rubbish of something broken.
                _ => self.skip_separator(),
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    fn consume(&mut self, byte: u8) {
        self.reader.consume(1);
        self.offset += 1;
        if byte == b'\n' {
            self.line += 1;
            self.at_line_start = true;
        }
    }

    fn skip_separator(&mut self) {
        self.reader.consume(1);
        self.offset += 1;
    }

    fn line(&mut self) -> io::Result<Item> {
        let mut chunk = Chunk {
            line: self.line,
            offset: self.offset,
            ..Chunk::default()
        };
        let mut cut = false;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(buffer.len());
            let room = self.limit.saturating_sub(chunk.bytes.len()).min(taken);
            chunk.bytes.extend_from_slice(&buffer[..room]);
            cut |= room < taken;
            let ended = end.is_some() || buffer.is_empty();
            self.reader.consume(taken);
            self.offset += taken as u64;
            if ended {
                break;
            }
        }
        if cut {
            chunk.bytes.clear();
            let line = chunk.line;
            return Ok(Item::Broken(chunk, "a line longer than 256 MiB", line));
        }
        Ok(Item::Line(chunk))
    }

    fn document(&mut self) -> io::Result<Item> {
        self.at_line_start = false;
        let chunk = Chunk {
            line: self.line,
            offset: self.offset,
            ..Chunk::default()
        };
        self.go_on(Document {
            chunk,
            ..Document::default()
        })
    }

    fn go_on(&mut self, mut document: Document) -> io::Result<Item> {
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) => {
                    self.failed = Some(error);
                    &[]
                }
            };
            if buffer.is_empty() {
                let why = "it ends in the middle of a JSON document";
                return Ok(document.broken(why, self.line));
            }
            let mut taken = 0;
            let mut end = Step::More;
            for byte in buffer {
                end = document.step(*byte, self.limit, self.part);
                if matches!(end, Step::Violated(_)) {
                    break;
                }
                taken += 1;
                self.line += u64::from(*byte == b'\n');
                if !matches!(end, Step::More) {
                    break;
                }
            }
            self.reader.consume(taken);
            self.offset += taken as u64;
            match end {
                Step::More => {}
                // The last part held the last element.
                Step::Done if document.is_empty_rest() => return Ok(Item::Nothing),
                Step::Done => return Ok(document.done(self.line)),
                Step::Part => {
                    let (part, rest) = document.split(self.line, self.offset);
                    self.held = Some(rest);
                    return Ok(Item::Document(part));
                }
                Step::Violated(why) => {
                    let line = self.line;
                    if let Err(error) = self.resume(why == TOO_DEEP) {
                        self.failed = Some(error);
                    }
                    return Ok(document.broken(why, line));
                }
            }
        }
    }

    /// Behind a violation: at the next bracket the next document begins, else go to the next line. What is nested too deep has too
    /// many brackets for that: it ends with its line.
    fn resume(&mut self, with_line: bool) -> io::Result<()> {
        loop {
            match self.peek()? {
                None => return Ok(()),
                Some(b'{' | b'[') if !with_line => return Ok(()),
                Some(b'\n') => {
                    self.consume(b'\n');
                    return Ok(());
                }
                Some(_) => self.skip_separator(),
            }
        }
    }
}

impl Document {
    fn step(&mut self, byte: u8, limit: usize, part: usize) -> Step {
        if self.between && matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',') {
            return Step::More;
        }
        self.between = false;
        let step = if self.in_string {
            self.in_text(byte)
        } else {
            self.outside(byte)
        };
        if matches!(step, Step::Violated(_)) {
            return step;
        }
        if self.chunk.bytes.len() < limit {
            self.chunk.bytes.push(byte);
        } else {
            self.too_large = true;
        }
        self.remember(byte);
        let splits =
            matches!(byte, b'}' | b']') && self.chunk.bytes.len() >= part && self.is_splittable();
        if splits && matches!(step, Step::More) {
            Step::Part
        } else {
            step
        }
    }

    /// At the end of an element of the outermost list.
    fn is_splittable(&self) -> bool {
        !self.in_string
            && !self.too_large
            && self.open.len() <= 2
            && self.open.last() == Some(&b'[')
            && (1..=MAX_HEADER).contains(&self.header)
    }

    /// The part until here, closed, and the document as it goes on: with the same beginning.
    fn split(mut self, line: u64, offset: u64) -> (Chunk, Document) {
        let rest = Document {
            chunk: Chunk {
                bytes: self.chunk.bytes[..self.header].to_vec(),
                line,
                offset,
            },
            open: self.open.clone(),
            last: b'[',
            header: self.header,
            between: true,
            rest: true,
            ..Document::default()
        };
        self.chunk.bytes.extend(closers(&self.open));
        (self.chunk, rest)
    }

    fn in_text(&mut self, byte: u8) -> Step {
        match byte {
            b'\n' => return Step::Violated("a text is not closed before the end of its line"),
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                self.last = b'"';
            }
            _ => {}
        }
        Step::More
    }

    fn outside(&mut self, byte: u8) -> Step {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Step::More,
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                if !self.open.is_empty() && !matches!(self.last, b',' | b':' | b'[') {
                    return Step::Violated("a comma or a closing bracket is missing");
                }
                if self.open.len() >= MAX_DEPTH {
                    return Step::Violated(TOO_DEEP);
                }
                self.open.push(byte);
                if byte == b'[' && self.open.len() <= 2 {
                    self.header = self.chunk.bytes.len() + 1;
                }
            }
            b'}' | b']' => {
                let opener = if byte == b'}' { b'{' } else { b'[' };
                if self.open.pop() != Some(opener) {
                    return Step::Violated("brackets do not match");
                }
                if self.open.is_empty() {
                    return Step::Done;
                }
            }
            _ => {}
        }
        self.last = byte;
        Step::More
    }

    /// A closed bracket directly inside a list is a complete element.
    fn remember(&mut self, byte: u8) {
        if !self.in_string
            && matches!(byte, b'}' | b']')
            && self.open.last() == Some(&b'[')
            && !self.too_large
        {
            match &mut self.good {
                Some((length, open)) => {
                    *length = self.chunk.bytes.len();
                    open.clone_from(&self.open);
                }
                good => *good = Some((self.chunk.bytes.len(), self.open.clone())),
            }
        }
    }

    /// True of what goes on behind a part, and has nothing more than closing brackets.
    fn is_empty_rest(&self) -> bool {
        let rest = self.chunk.bytes.get(self.header..).unwrap_or_default();
        let closes = |byte: &u8| matches!(byte, b']' | b'}') || byte.is_ascii_whitespace();
        self.rest && rest.iter().all(closes)
    }

    fn done(self, line: u64) -> Item {
        if self.too_large {
            let why = "a JSON document larger than 256 MiB: export it in pages";
            return self.broken(why, line);
        }
        Item::Document(self.chunk)
    }

    fn broken(mut self, why: &'static str, line: u64) -> Item {
        match self.good {
            Some((length, open)) => {
                self.chunk.bytes.truncate(length);
                self.chunk.bytes.extend(closers(&open));
            }
            None => self.chunk.bytes.clear(),
        }
        Item::Broken(self.chunk, why, line)
    }
}

/// The brackets that close what is open.
fn closers(open: &[u8]) -> impl Iterator<Item = u8> + '_ {
    open.iter()
        .rev()
        .map(|open| if *open == b'{' { b'}' } else { b']' })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, limit: usize) -> Vec<String> {
        let mut scan = Scan::with_limit(io::BufReader::with_capacity(3, text.as_bytes()), limit);
        let mut items = Vec::new();
        while let Some(item) = scan.next().unwrap() {
            let (mark, chunk) = match &item {
                Item::Document(chunk) => ("", chunk),
                Item::Line(chunk) => ("line ", chunk),
                Item::Broken(chunk, ..) => ("broken ", chunk),
                Item::Nothing => continue,
            };
            items.push(format!(
                "{}{mark}{}",
                chunk.line,
                String::from_utf8_lossy(&chunk.bytes)
            ));
        }
        items
    }

    #[test]
    fn cuts_documents_and_lines() {
        let check = |text: &str, expect: &[&str]| assert_eq!(scan(text, 100), expect, "{text}");
        check("", &[]);
        check(
            "{\"a\":1}{\"b\":[\"}\"]}\n[1]",
            &["1{\"a\":1}", "1{\"b\":[\"}\"]}", "2[1]"],
        );
        check(
            "{\n \"a\": \"\\\"{\"\n}\n\nhello {\nyou",
            &["1{\n \"a\": \"\\\"{\"\n}", "5line hello {", "6line you"],
        );
        check("{\"a\":1},\n{\"b\":2}", &["1{\"a\":1}", "2{\"b\":2}"]);
    }

    #[test]
    fn long_lists_come_in_parts() {
        let text = r#"{"g":"x","events":[{"a":1}, {"b":[2]},{"c":3}],"t":"y"} [4]"#;
        let mut scan = Scan {
            part: 30,
            ..Scan::new(text.as_bytes())
        };
        let mut parts = Vec::new();
        while let Some(Item::Document(chunk)) = scan.next().unwrap() {
            parts.push(String::from_utf8(chunk.bytes).unwrap());
        }
        let expect = [
            r#"{"g":"x","events":[{"a":1}, {"b":[2]}]}"#,
            r#"{"g":"x","events":[{"c":3}],"t":"y"}"#,
            "[4]",
        ];
        assert_eq!(parts, expect);
        let mut exact = Scan {
            part: 16,
            ..Scan::new(&br#"{"events":[{"a":1}]} [4]"#[..])
        };
        assert!(matches!(exact.next(), Ok(Some(Item::Document(_)))));
        assert!(matches!(exact.next(), Ok(Some(Item::Nothing))));
        assert!(matches!(exact.next(), Ok(Some(Item::Document(chunk))) if chunk.bytes == b"[4]"));
        let mut cut = Scan {
            part: 30,
            ..Scan::new(&text.as_bytes()[..42])
        };
        assert!(matches!(cut.next(), Ok(Some(Item::Document(_)))));
        assert!(matches!(cut.next(), Ok(Some(Item::Broken(chunk, ..))) if chunk.bytes.is_empty()));
    }

    #[test]
    fn what_was_read_before_an_error_is_kept() {
        struct Cut(&'static [u8]);
        impl io::Read for Cut {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                match self.0.read(out)? {
                    0 => Err(io::Error::other("cut")),
                    read => Ok(read),
                }
            }
        }
        let check = |text: &'static str, kept: &str| {
            let mut scan = Scan::new(io::BufReader::new(Cut(text.as_bytes())));
            match scan.next() {
                Ok(Some(Item::Broken(chunk, ..) | Item::Line(chunk))) => {
                    assert_eq!(String::from_utf8_lossy(&chunk.bytes), kept);
                }
                other => panic!("{text}: {other:?}"),
            }
            assert!(scan.next().is_err(), "{text}");
        };
        check(
            r#"{"events":[{"id":1},{"id":2},{"i"#,
            r#"{"events":[{"id":1},{"id":2}]}"#,
        );
        check("[{\"a\":1}", "[{\"a\":1}]");
        check("hello", "hello");
    }

    #[test]
    fn byte_order_marks_are_passed_over() {
        let text = "\u{feff}{\"a\":1}\n\u{feff}{\"b\":2}";
        let mut scan = Scan::new(text.as_bytes());
        for expect in ["{\"a\":1}", "{\"b\":2}"] {
            let item = scan.next().unwrap();
            assert!(
                matches!(&item, Some(Item::Document(chunk)) if chunk.bytes == expect.as_bytes()),
                "{item:?}"
            );
        }
    }

    #[test]
    fn keeps_the_good_part() {
        let check = |text: &str, expect: &[&str]| assert_eq!(scan(text, 60), expect, "{text}");
        check(
            "{\"events\":[{\"id\":1},{\"id\":2},{\"id\"",
            &["1broken {\"events\":[{\"id\":1},{\"id\":2}]}"],
        );
        check("{\"a\":\"x\n{\"b\":1}", &["1broken ", "2{\"b\":1}"]);
        check("{\"a\":{\"c\":1}\n{\"b\":1}", &["1broken ", "2{\"b\":1}"]);
        check("{\"a\":[1}\n{\"b\":1}", &["1broken ", "2{\"b\":1}"]);
        check("{\"a\":", &["1broken "]);
        let long = format!("[{}1]\n[2]", "{\"aaaaaaaaaaaaaaaa\":1},".repeat(9));
        assert_eq!(scan(&long, 60)[1], "2[2]");
        assert!(scan(&long, 60)[0].starts_with("1broken [{"));
    }
}
