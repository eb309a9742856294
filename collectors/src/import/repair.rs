//! JSON that a parser refuses although its brackets match: what can be read of it all the same.

use model::text::counted;
use serde_json::Value;

/// Elements that are left out of one document at most, before what remains of it is given up.
const MOST_LEFT_OUT: usize = 200;
/// Work that mending a document may take, bytes parsed.
const MOST_PARSED: usize = 2 << 30;

/// What became of a document.
pub(super) struct Repaired {
    /// What is legible of it.
    pub(super) value: Value,
    /// What was done, and where.
    pub(super) notes: Vec<(Spot, String)>,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Spot {
    /// Lines before it.
    pub(super) line: u64,
    /// Bytes before it in its line.
    pub(super) column: usize,
}

impl Spot {
    /// Where the parser stopped, and how many bytes from the beginning that is.
    pub(super) fn of(text: &[u8], error: &serde_json::Error) -> (Spot, usize) {
        let line = error.line().saturating_sub(1);
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let before: usize = lines.take(line).map(<[u8]>::len).sum();
        let column = error.column().saturating_sub(1);
        let spot = Spot {
            line: line as u64,
            column,
        };
        (spot, (before + column).min(text.len().saturating_sub(1)))
    }
}

/// How often something was done, and where first.
#[derive(Default)]
struct Often {
    first: Option<Spot>,
    times: u64,
}

impl Often {
    fn at(&mut self, spot: Spot) {
        self.first.get_or_insert(spot);
        self.times += 1;
    }

    fn told(self, one: &str, many: &str) -> Option<(Spot, String)> {
        Some((self.first?, counted(self.times, one, many)))
    }
}

/// Reads a document that the parser refuses. Characters that are none (half of a surrogate pair, bytes that are not UTF-8) become
/// U+FFFD, `NaN` and `Infinity` null; whatever else is wrong takes the smallest element of a list with it in which it stands. `None`
/// when the document has no such element.
pub(super) fn repair(bytes: &[u8]) -> Option<Repaired> {
    let (mut text, mut notes) = characters(bytes);
    let mut parsed = 0;
    for _ in 0..MOST_LEFT_OUT {
        let error = match serde_json::from_str(&text) {
            Ok(value) => return Some(Repaired { value, notes }),
            Err(error) => error,
        };
        parsed += text.len();
        if parsed > MOST_PARSED {
            break;
        }
        let (spot, at) = Spot::of(text.as_bytes(), &error);
        let (from, to) = element(text.as_bytes(), at)?;
        notes.push((
            spot,
            format!(
                "not valid JSON: {}; the element in which it stands was left out",
                reason(&error)
            ),
        ));
        // As many bytes as before, so that places stay true.
        let blank: String = text[from..to]
            .bytes()
            .map(|it| if it == b'\n' { '\n' } else { ' ' })
            .collect();
        text.replace_range(from..to, &blank);
    }
    None
}

/// serde_json repeats the place behind its reason.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// The text with characters instead of what is none, and what was changed.
fn characters(bytes: &[u8]) -> (String, Vec<(Spot, String)>) {
    let mut none = Often::default();
    let mut text = String::with_capacity(bytes.len());
    let mut spot = Spot::default();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        let valid = chunk.valid();
        match valid.rfind('\n') {
            Some(end) => {
                spot.line += valid.bytes().filter(|byte| *byte == b'\n').count() as u64;
                spot.column = valid.len() - end - 1;
            }
            None => spot.column += valid.len(),
        }
        if !chunk.invalid().is_empty() {
            none.at(spot);
            spot.column += chunk.invalid().len();
            text.push('\u{fffd}');
        }
    }
    let (text, mut notes) = escapes(&text);
    let told = none.told(
        "byte that is no UTF-8 was read as \u{fffd}",
        "bytes that are no UTF-8 were read as \u{fffd}",
    );
    notes.extend(told);
    (text, notes)
}

/// The text with `\ufffd` for half of a pair, and null for numbers that JSON does not have.
fn escapes(text: &str) -> (String, Vec<(Spot, String)>) {
    let raw = text.as_bytes();
    let mut clean = String::with_capacity(text.len());
    let (mut halves, mut numbers) = (Often::default(), Often::default());
    let (mut at, mut kept) = (0, 0);
    let (mut line, mut begin) = (0, 0);
    let mut quoted = false;
    while at < raw.len() {
        let spot = Spot {
            line,
            column: at - begin,
        };
        match raw[at] {
            b'\n' => {
                line += 1;
                begin = at + 1;
            }
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                match (unit(raw, at), unit(raw, at + 6)) {
                    (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => at += 6,
                    (Some(0xd800..0xe000), _) => {
                        clean.push_str(&text[kept..at]);
                        clean.push_str("\\ufffd");
                        kept = at + 6;
                        halves.at(spot);
                    }
                    _ => {}
                }
                // What is escaped.
                at += 1;
            }
            b'N' | b'I' | b'-' if !quoted => {
                let words = ["-Infinity", "Infinity", "NaN"];
                let word = words
                    .iter()
                    .find(|word| raw[at..].starts_with(word.as_bytes()));
                if let Some(word) = word {
                    clean.push_str(&text[kept..at]);
                    clean.push_str("null");
                    kept = at + word.len();
                    at = kept - 1;
                    numbers.at(spot);
                }
            }
            _ => {}
        }
        at += 1;
    }
    clean.push_str(&text[kept..]);
    let notes = [
        halves.told(
            "half of a surrogate pair was read as \u{fffd}",
            "halves of surrogate pairs were read as \u{fffd}",
        ),
        numbers.told(
            "number that JSON does not have (NaN, Infinity) was read as null",
            "numbers that JSON does not have (NaN, Infinity) were read as null",
        ),
    ];
    (clean, notes.into_iter().flatten().collect())
}

/// The number of `\uXXXX` at a place.
fn unit(raw: &[u8], at: usize) -> Option<u32> {
    let digits = raw.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

/// The smallest object or list directly in a list around a place, with the comma behind or before it.
fn element(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut open: Vec<(u8, usize)> = Vec::new();
    let mut around: Option<usize> = None;
    let mut quoted = false;
    let mut n = 0;
    while n < text.len() {
        let byte = text[n];
        match byte {
            b'\\' if quoted => n += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => open.push((byte, n)),
            b'}' | b']' => {
                let (_, from) = open.pop()?;
                if around == Some(from) {
                    return Some(with_comma(text, from, n + 1));
                }
            }
            _ => {}
        }
        // At the place: the innermost bracket that stands directly in a list.
        if n >= at && around.is_none() {
            let inner = (1..open.len()).rev().find(|n| open[n - 1].0 == b'[');
            around = Some(open[inner?].1);
        }
        n += 1;
    }
    None
}

fn with_comma(text: &[u8], from: usize, to: usize) -> (usize, usize) {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let behind = text[to..]
        .iter()
        .position(|byte| !blank(byte))
        .map(|n| to + n);
    if let Some(comma) = behind.filter(|n| text[*n] == b',') {
        return (from, comma + 1);
    }
    let before = text[..from].iter().rposition(|byte| !blank(byte));
    match before.filter(|n| text[*n] == b',') {
        Some(comma) => (comma, to),
        None => (from, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_takes_its_element_only() {
        let check = |text: &[u8], expect: Value, notes: usize| {
            let repaired = repair(text).expect("something is legible");
            assert_eq!(repaired.value, expect, "{}", String::from_utf8_lossy(text));
            assert_eq!(repaired.notes.len(), notes, "{:?}", repaired.notes);
        };
        check(
            br#"{"e":[{"a":"x\ud83d y"},{"a":"\ud83d\ude00\\ud83d"}]}"#,
            json!({"e": [{"a": "x\u{fffd} y"}, {"a": "\u{1f600}\\ud83d"}]}),
            1,
        );
        check(
            b"[{\"a\":\"f\xfcr\"},1]",
            json!([{"a": "f\u{fffd}r"}, 1]),
            1,
        );
        check(
            br#"[{"id":NaN,"n":-Infinity},{"b":"NaN"}]"#,
            json!([{"id": null, "n": null}, {"b": "NaN"}]),
            1,
        );
        check(
            br#"{"e":[{"a":1},{"a":1 "b":2},{"a":3}]}"#,
            json!({"e": [{"a": 1}, {"a": 3}]}),
            1,
        );
        check(
            br#"{"e":[{"a":1},{"a":{"b" 2}}]}"#,
            json!({"e": [{"a": 1}]}),
            1,
        );
        let notes = repair("[{\"ä\" 1},{\"b\" 2}]".as_bytes())
            .expect("legible")
            .notes;
        let columns: Vec<usize> = notes.iter().map(|note| note.0.column).collect();
        assert_eq!(columns, [7, 15], "bytes, also behind what was left out");
        check(br#"{"e":[{"a" 1}]}"#, json!({"e": []}), 1);
        check(
            br#"[{"l":[{"x" 1},{"y":2}]},{"z" 3}]"#,
            json!([{"l": [{"y": 2}]}]),
            2,
        );
        let notes = repair(b"[{\"a\":\"x\"},\n {\"a\":\"y\\udc00\"}, {\"a\" 1}]")
            .expect("legible")
            .notes;
        let spots: Vec<(u64, usize)> = notes
            .iter()
            .map(|note| (note.0.line, note.0.column))
            .collect();
        assert_eq!(spots, [(1, 8), (1, 23)]);
        assert!(repair(br#"{"a" 1}"#).is_none());
        assert!(repair(b"").is_none());
    }
}
