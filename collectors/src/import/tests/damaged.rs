//! Files that are cut, marked, packed or too large, and receivers that refuse: nothing goes without a word.

use super::*;
use std::io::Write as _;

/// A history of so many events, as the CLI prints it.
fn history(events: u64) -> String {
    let event = |id: u64| match id {
        1 => r#"{"timestamp":1790000000,"type":"ExecutionStarted","id":1,"previousEventId":0}"#
            .to_owned(),
        id => format!(
            r#"{{"timestamp":1790000001,"type":"PassStateEntered","id":{id},"previousEventId":{},"stateEnteredEventDetails":{{"name":"P","input":"{}"}}}}"#,
            id - 1,
            id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ),
    };
    let events: Vec<String> = (1..=events).map(event).collect();
    format!("{{\"events\":[\n{}\n]}}", events.join(",\n"))
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let mark = |text: &str| format!("\u{feff}{text}");
    let check = |text: String, events: usize| {
        let got = import_text("x.history.json", &text);
        assert_eq!((got.batch.events.len(), skips(&got)), (events, vec![]));
    };
    check(mark(&history(3)), 3);
    check(mark(&history(3).replace('\n', "")), 3);
    let value: serde_json::Value = serde_json::from_str(&history(3)).unwrap();
    check(mark(&serde_json::to_string_pretty(&value).unwrap()), 3);
    let packed = gzip(mark(&history(3)).as_bytes());
    let got = import_named(&[("x.history.json.gz", &packed)]);
    assert_eq!((got.batch.events.len(), skips(&got)), (3, vec![]));
}

#[test]
fn what_a_cut_packed_file_holds_before_the_cut_is_kept() {
    let check = |packed: &[u8], what: &str| {
        let got = import_named(&[(what, &packed[..packed.len() / 2])]);
        let taken = got.batch.events.len() + got.batch.logs.len();
        assert!(taken > 100, "{what}: {taken} {:?}", skips(&got));
        let said = skips(&got).iter().any(|it| it.contains("reading stopped"));
        assert!(said, "{what}: {:?}", skips(&got));
    };
    let lines: String = (0..3_000)
        .map(|n: u64| {
            let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!("2024-05-30T20:15:00.{:03}Z START RequestId: 8a3c2f1e-0000-4000-8000-{id:012.12} Version: $LATEST\n", n % 1000)
        })
        .collect();
    // Below and above what is read to tell what a file is.
    check(&gzip(history(1_000).as_bytes()), "small.history.json.gz");
    check(&gzip(history(9_000).as_bytes()), "large.history.json.gz");
    check(&gzip(lines.as_bytes()), "orders.log.gz");
    check(&gzip(&lines.as_bytes()[..60_000]), "orders.small.log.gz");
    let large = history(9_000);
    let zstd = zstd::encode_all(large.as_bytes(), 1).unwrap();
    check(&zstd, "large.history.json.zst");
    let got = import_named(&[("x.gz", &gzip(b"hello")[..8])]);
    assert!(
        skips(&got)[0].contains("cannot be unpacked"),
        "{:?}",
        skips(&got)
    );
}

#[test]
fn archives_are_called_what_they_are() {
    let check = |bytes: &[u8], expect: &str| {
        let got = import_named(&[("x", bytes)]);
        assert!(skips(&got)[0].contains(expect), "{:?}", skips(&got));
        assert!(skips(&got)[0].contains("unpack it"), "{:?}", skips(&got));
    };
    check(b"PK\x03\x04\x14\0\0\0\x08\0", "a ZIP archive");
    let mut tar = [0; 1_024];
    tar[..12].copy_from_slice(b"history.json");
    tar[257..262].copy_from_slice(b"ustar");
    check(&tar, "a tar archive");
    check(&gzip(&tar), "a tar archive");
    check(b"\xfd7zXZ\0\0\x04", "xz");
}

#[test]
fn the_heading_of_the_console_is_no_line() {
    let lines = "2024-05-30T20:15:00.000Z START RequestId: 8a3c2f1e-3b4c-4d5e-8f90-a1b2c3d4e5f6 Version: $LATEST\n\
                 2024-05-30T20:15:00.100Z END RequestId: 8a3c2f1e-3b4c-4d5e-8f90-a1b2c3d4e5f6\n";
    for heading in [
        "Timestamp Message\n",
        "Timestamp\tMessage\n",
        "Timestamp\nMessage\n",
        "",
    ] {
        let got = import_text("orders.log", &format!("{heading}{lines}"));
        let bodies: Vec<&str> = got.batch.logs.iter().map(|it| it.body.as_str()).collect();
        assert_eq!(bodies.len(), 2, "{heading:?}: {bodies:?}");
        assert!(bodies[0].starts_with("START"), "{bodies:?}");
    }
    let got = import_text("orders.log", &format!("{lines}Timestamp Message\n"));
    assert!(got.batch.logs.iter().any(|it| it.body.contains("Message")));
}

#[test]
fn pages_newest_first_in_files_of_their_own_are_whole() {
    let value: serde_json::Value = serde_json::from_str(&history(10)).unwrap();
    let mut events = value["events"].as_array().unwrap().clone();
    events.reverse();
    let page = |events: &[serde_json::Value], token: bool| match token {
        true => serde_json::json!({"events": events, "nextToken": "x"}).to_string(),
        false => serde_json::json!({"events": events}).to_string(),
    };
    let (newest, oldest) = (page(&events[..6], true), page(&events[6..], false));
    let got = import_named(&[
        ("a/p1.json", newest.as_bytes()),
        ("a/p2.json", oldest.as_bytes()),
    ]);
    let arns: HashSet<_> = got
        .batch
        .events
        .iter()
        .map(|it| &it.execution_arn)
        .collect();
    assert_eq!(
        (got.batch.events.len(), arns.len(), skips(&got)),
        (10, 1, vec![])
    );
    let got = import_named(&[("a/p1.json", newest.as_bytes())]);
    assert!(
        skips(&got)[0].contains("goes on before event 5 "),
        "{:?}",
        skips(&got)
    );
    // The other way round the warning stays.
    events.reverse();
    let got = import_text("a/p1.json", &page(&events[..6], true));
    assert!(
        skips(&got)[0].contains("goes on after event 6 "),
        "{:?}",
        skips(&got)
    );
}

/// Imports two files with a receiver that answers so; the report or the error.
fn told(answer: impl Fn(&Batch) -> Accepted) -> Result<Report, Error> {
    let log = "{\"events\":[{\"logStreamName\":\"s\",\"timestamp\":1790000000000,\"message\":\"hello\",\"eventId\":\"1\"}]}";
    let files = [
        (PathBuf::from("a/run.history.json"), Bytes::from(history(3))),
        (
            PathBuf::from("b/orders.json"),
            Bytes::from_static(log.as_bytes()),
        ),
    ];
    import_files(&files, &mut |chunk| match chunk {
        Chunk::Batch(batch) => answer(&batch),
        _ => Ok(()),
    })
}

#[test]
fn what_is_refused_in_the_end_is_in_the_report() {
    let report = told(|_| Err(Refused::Skip("too much".into()))).unwrap();
    assert_eq!(report.refused(), 1);
    let file = report.files.iter().find(|it| it.refused > 0).unwrap();
    assert_eq!(file.path, Path::new("b/orders.json"));
    assert!(file.skipped[0].reason.contains("too much"), "{file:?}");
    assert_eq!(told(|_| Ok(())).unwrap().refused(), 0);
}

#[test]
fn an_import_that_stops_says_where() {
    let error = told(|_| Err(Refused::Stop("the server is gone".into()))).unwrap_err();
    let said = error.to_string();
    assert_eq!(said, "import stopped at b/orders.json: the server is gone");
}

#[test]
fn a_refused_batch_does_not_end_the_file() {
    let lines: String = (0..120_000)
        .map(|n| format!("{{\"timestamp\":\"2024-05-30T20:15:00Z\",\"level\":\"INFO\",\"message\":\"{n}\"}}\n"))
        .collect();
    let mut batches = Vec::new();
    let files = [(PathBuf::from("orders.log"), Bytes::from(lines))];
    let report = import_files(&files, &mut |chunk| {
        let Chunk::Batch(batch) = chunk else {
            return Ok(());
        };
        batches.push(batch.len());
        match batches.len() {
            1 => Err(Refused::Skip("not this one".into())),
            _ => Ok(()),
        }
    });
    let report = report.unwrap();
    assert_eq!(batches.iter().sum::<usize>(), 120_000, "{batches:?}");
    assert_eq!((report.refused(), report.files.len()), (1, 1));
}

#[test]
fn a_record_that_no_entry_of_the_log_holds_is_refused_where_it_stands() {
    let check = |text: &str, expect: bool| {
        assert_eq!(sink::too_large(text).is_some(), expect, "{}", text.len());
    };
    check("", false);
    check(&"x".repeat(41 << 20), false);
    check(&"\u{1}".repeat(41 << 20), true);
}

/// `what` followed by nothing; the writer's last bytes are its check sum.
#[test]
fn a_cut_check_sum_costs_nothing() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(history(5).as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let got = import_named(&[("x.history.json.gz", &packed[..packed.len() - 6])]);
    assert_eq!(got.batch.events.len(), 5, "{:?}", skips(&got));
    assert!(
        skips(&got)[0].contains("reading stopped"),
        "{:?}",
        skips(&got)
    );
}

#[test]
fn what_is_no_json_costs_its_element_only() {
    let whole = history(9);
    let damaged = |from: &str, to: &[u8]| -> Vec<u8> {
        let at = whole.find(from).unwrap();
        let (before, after) = (&whole[..at], &whole[at + from.len()..]);
        [before.as_bytes(), to, after.as_bytes()].concat()
    };
    let check = |bytes: &[u8], events: usize, position: &str, said: &str| {
        let got = import_named(&[("x.history.json", bytes)]);
        assert_eq!(got.batch.events.len(), events, "{:?}", skips(&got));
        let told = &got.report.files[0].skipped[0];
        assert_eq!(told.position, position, "{told:?}");
        assert!(told.reason.contains(said), "{told:?}");
    };
    let name = r#""name":"P""#;
    check(
        &damaged(name, br#""name":"P\ud83d""#),
        9,
        "line 3 column 115",
        "half of a surrogate pair",
    );
    check(
        &damaged(name, b"\"name\":\"P\xfc\""),
        9,
        "line 3 column 115",
        "no UTF-8",
    );
    check(
        &damaged(r#""id":4,"#, br#""id":4 "#),
        8,
        "line 5 column 58",
        "left out",
    );
    check(
        &[whole.as_bytes(), &[0; 4096]].concat(),
        9,
        &format!("byte {}", whole.len()),
        "4096 NUL bytes were passed over",
    );
    // What ends in a hole ends as what is cut.
    let cut = whole.find(r#","id":8"#).unwrap();
    let got = import_named(&[(
        "x.history.json",
        &[&whole.as_bytes()[..cut], &[0; 4096]].concat(),
    )]);
    assert_eq!(got.batch.events.len(), 7, "{:?}", skips(&got));
    let deep = "[".repeat(5_000);
    let got = import_named(&[("x.json", deep.as_bytes())]);
    assert_eq!(skips(&got).len(), 1, "{:?}", skips(&got));
}

#[test]
fn of_a_message_that_is_refused_in_part_the_rest_counts() {
    let files = [(
        PathBuf::from("traces.json"),
        Bytes::from_static(br#"{"resourceSpans":[]}"#),
    )];
    let report = import_files(&files, &mut |chunk| match chunk {
        Chunk::OtlpTracesJson(_) => Err(Refused::Part("1 of 3 records refused".into())),
        _ => Ok(()),
    });
    let report = report.unwrap();
    assert_eq!((report.taken().trace_requests, report.refused()), (1, 1));
}
