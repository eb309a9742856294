//! Files that nobody sane wrote: whatever the bytes, an import ends, without a panic and within bounds.

use inquest_collectors::import::{Chunk, Report, import_bytes};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn import(bytes: &[u8]) -> (Report, usize) {
    let mut records = 0;
    let report = import_bytes(Path::new("folder/file"), bytes, &mut |chunk| {
        if let Chunk::Batch(batch) = chunk {
            records += batch.len();
        }
        Ok(())
    });
    (report.expect("only a receiver can stop an import"), records)
}

/// Every recorded file that is small enough to be mutated many times.
fn recordings() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("fixtures are there");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("readable").path())
            .collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::metadata(&path).is_ok_and(|meta| meta.len() < 40_000) {
                files.push(std::fs::read(path).expect("readable"));
            }
        }
    }
    assert!(files.len() > 20);
    files
}

/// Bytes that mean something to one of the readers.
const MEANINGFUL: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\n",
    b"\t",
    b",",
    b":",
    b"\x00",
    b"\xff\xfe",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"1e999",
    b"-1",
    b"99999999999999999999",
    b"null",
    b"\"timestamp\":",
    b"\"message\":",
    b"\"events\":[",
    b"START RequestId: x\n",
    b"REPORT RequestId: x\tDuration: 1e308 ms",
    b"2024-05-30T20:15:00.037Z\t",
    b"\"resourceSpans\":[{",
    b"\xc3",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        import(&bytes);
    }

    #[test]
    fn soup_of_meaningful_pieces(pieces in proptest::collection::vec(proptest::sample::select(MEANINGFUL), 0..200)) {
        import(&pieces.concat());
    }

    #[test]
    fn mutated_recordings(file in any::<prop::sample::Index>(), edits in proptest::collection::vec((any::<prop::sample::Index>(), proptest::sample::select(MEANINGFUL), 0usize..20), 1..8)) {
        let files = recordings();
        let mut bytes = files[file.index(files.len())].clone();
        for (at, piece, removed) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, piece.iter().copied());
        }
        import(&bytes);
    }
}

/// Cut anywhere, a file gives no more records than whole, and says that something is missing.
#[test]
fn truncated_recordings() {
    for bytes in recordings().iter().filter(|bytes| bytes.len() < 6_000) {
        let (_, whole) = import(bytes);
        for cut in (1..bytes.len()).step_by(bytes.len() / 40 + 1) {
            let (_, records) = import(&bytes[..cut]);
            assert!(
                records <= whole + 1,
                "{records} of {whole} at {cut}: {}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}

#[test]
fn deep_and_long_nonsense_ends_quickly() {
    for bytes in [
        vec![b'['; 3_000_000],
        b"{\"a\":".repeat(500_000),
        b"[[],".repeat(500_000),
        vec![b'"'; 3_000_000],
        b"\"\n".repeat(500_000),
        b"{\n".repeat(500_000),
        b"}\n".repeat(500_000),
        [
            b"START RequestId: x Version: 1\n".to_vec(),
            vec![b'a'; 5_000_000],
        ]
        .concat(),
        [
            b"START RequestId: x Version: 1\n".to_vec(),
            b" \n".repeat(500_000),
        ]
        .concat(),
        [b"timestamp,message\n".to_vec(), b"1,\"a\n".repeat(500_000)].concat(),
    ] {
        let (report, _) = import(&bytes);
        assert_eq!(report.files.len(), 1);
        assert!(report.files[0].skipped.len() <= 100);
    }
}
