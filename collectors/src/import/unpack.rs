//! gzip and zstd, recognised by their first bytes, unpacked as a stream with a bound.

use std::io::{self, BufRead, BufReader, Read};

/// Packed in packed in packed: more layers are not unpacked.
const MAX_LAYERS: usize = 3;
/// The most that one file may unpack to, bytes.
const MAX_UNPACKED: u64 = 16 << 30;
/// Unpacked may be this many times larger than packed (logs reach 50); behind the first 64 MiB.
const MAX_RATIO: u64 = 500;
const ALWAYS_ALLOWED: u64 = 64 << 20;
/// Window that a zstd frame may ask for, as a power of two: 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The unpacked stream without UTF-8's byte order mark, and how it was packed (empty if it was not).
pub(super) fn unpack<'a>(
    input: impl Read + 'a,
) -> io::Result<(Box<dyn BufRead + 'a>, Vec<&'static str>)> {
    let mut reader: Box<dyn BufRead + 'a> = Box::new(BufReader::with_capacity(64 << 10, input));
    let mut layers = Vec::new();
    while layers.len() < MAX_LAYERS {
        let head = reader.fill_buf()?;
        if head.starts_with(&[0x1f, 0x8b]) {
            layers.push("gzip");
            reader = bounded(reader, |packed| {
                Ok(flate2::bufread::MultiGzDecoder::new(packed))
            })?;
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            layers.push("zstd");
            reader = bounded(reader, |packed| {
                let mut decoder = zstd::Decoder::with_buffer(packed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Ok(decoder)
            })?;
        } else {
            break;
        }
    }
    // A mark says how text is encoded and is no part of it.
    let mark = reader.fill_buf().is_ok_and(|head| head.starts_with(MARK));
    if mark {
        reader.consume(MARK.len());
    }
    Ok((reader, layers))
}

/// UTF-8's byte order mark.
const MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// As much of a stream as `most` bytes, and why it ended before them, if not because it was over: what was
/// unpacked before an error is worth reading.
pub(super) fn read_until_error(reader: impl Read, most: u64) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = Vec::new();
    // `read_to_end` keeps what it has read when it fails.
    let error = reader.take(most).read_to_end(&mut bytes).err();
    (bytes, error)
}

/// Fails once, when it is read: stands for the rest of a stream that cannot be read.
pub(super) struct Failing(pub(super) Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn bounded<'a, D: Read + 'a>(
    packed: Box<dyn BufRead + 'a>,
    decoder: impl FnOnce(Counted<'a>) -> io::Result<D>,
) -> io::Result<Box<dyn BufRead + 'a>> {
    let count = std::rc::Rc::new(std::cell::Cell::new(0));
    let decoder = decoder(Counted {
        inner: packed,
        count: count.clone(),
    })?;
    Ok(Box::new(BufReader::with_capacity(
        64 << 10,
        Bounded {
            decoder,
            packed: count,
            unpacked: 0,
        },
    )))
}

/// Counts what the decoder has read.
struct Counted<'a> {
    inner: Box<dyn BufRead + 'a>,
    count: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}
impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }
    fn consume(&mut self, amount: usize) {
        self.count.set(self.count.get() + amount as u64);
        self.inner.consume(amount);
    }
}

struct Bounded<D> {
    decoder: D,
    packed: std::rc::Rc<std::cell::Cell<u64>>,
    unpacked: u64,
}

impl<D: Read> Read for Bounded<D> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(out)?;
        self.unpacked += read as u64;
        let bound = MAX_UNPACKED.min(ALWAYS_ALLOWED + self.packed.get().saturating_mul(MAX_RATIO));
        if self.unpacked > bound {
            return Err(io::Error::other(format!(
                "it unpacks to more than {bound} bytes, which no log does: unpack it yourself if it is genuine"
            )));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<(Vec<u8>, Vec<&'static str>)> {
        let (mut reader, layers) = unpack(bytes)?;
        let mut out = Vec::new();
        reader.read_to_end(&mut out)?;
        Ok((out, layers))
    }

    #[test]
    fn unpacks_layers_and_members() {
        assert_eq!(read(b"plain").unwrap(), (b"plain".to_vec(), vec![]));
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(read(&two).unwrap(), (b"one two".to_vec(), vec!["gzip"]));
        let packed = zstd::encode_all(&gzip(b"deep")[..], 1).unwrap();
        assert_eq!(
            read(&packed).unwrap(),
            (b"deep".to_vec(), vec!["zstd", "gzip"])
        );
        assert!(read(&gzip(b"cut off")[..15]).is_err());
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; 1 << 20];
        (0..200).for_each(|_| encoder.write_all(&zeros).unwrap());
        let (mut reader, _) = unpack(io::Cursor::new(encoder.finish().unwrap())).unwrap();
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("unpacks to more"), "{error}");
    }
}
