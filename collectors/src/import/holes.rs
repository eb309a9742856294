//! Blocks of NUL bytes in a text: what a file system leaves of a file that was being written when the power went.

use std::{cell::Cell, io, io::Read, rc::Rc};

/// Holes are longer than what a binary format leaves between its fields.
const SHORTEST: usize = 64;

/// Where NUL bytes were, and how many.
#[derive(Debug, Default)]
pub(super) struct Holes {
    first: Cell<Option<u64>>,
    count: Cell<u64>,
}

impl Holes {
    /// For the report: where the first was, and what became of them.
    pub(super) fn told(&self) -> Option<(String, String)> {
        let first = self.first.get()?;
        let bytes = model::text::counted(self.count.get(), "NUL byte was", "NUL bytes were");
        Some((
            format!("byte {first}"),
            format!(
                "{bytes} passed over, as after a crash while the file was written: look for a whole copy"
            ),
        ))
    }
}

/// True of NUL bytes that stand alone or in short runs, as a binary format has them.
pub(super) fn is_binary(head: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = head[at..].iter().position(|byte| *byte == 0) {
        let from = at + found;
        let run = head[from..].iter().take_while(|byte| **byte == 0).count();
        // At the end of the head the run may go on.
        if run < SHORTEST && from + run < head.len() {
            return true;
        }
        at = from + run;
    }
    false
}

/// A reader in which blanks stand for NUL bytes.
pub(super) struct Filled<R> {
    reader: R,
    offset: u64,
    holes: Rc<Holes>,
}

impl<R> Filled<R> {
    pub(super) fn new(reader: R, holes: Rc<Holes>) -> Self {
        Filled {
            reader,
            offset: 0,
            holes,
        }
    }
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out)?;
        for (n, byte) in out[..read].iter_mut().enumerate() {
            if *byte == 0 {
                *byte = b' ';
                let first = self.holes.first.get().unwrap_or(self.offset + n as u64);
                self.holes.first.set(Some(first));
                self.holes.count.set(self.holes.count.get() + 1);
            }
        }
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_told_from_fields() {
        let hole = [0; 100];
        let check = |parts: &[&[u8]], expect: bool| {
            let head = parts.concat();
            assert_eq!(is_binary(&head), expect, "{head:?}");
        };
        check(&[b"{\"a\":1}", &hole], false);
        check(&[b"{\"a\":1}", &hole, b"{\"b\":2}"], false);
        check(&[b"{\"a\":1}", &hole[..3]], false);
        check(&[b"{\"a\":\"", &hole[..3], b"\"}"], true);
        check(&[b"abc"], false);
    }

    #[test]
    fn blanks_stand_for_them() {
        let holes = Rc::new(Holes::default());
        let mut text = String::new();
        let mut filled = Filled::new(&b"ab\0\0c\0"[..], Rc::clone(&holes));
        filled.read_to_string(&mut text).expect("a text");
        assert_eq!(text, "ab  c ");
        let (position, what) = holes.told().expect("there were some");
        assert_eq!(position, "byte 2");
        assert!(what.starts_with("3 NUL bytes were passed over"), "{what}");
        assert_eq!(Holes::default().told(), None);
    }
}
