//! `kill -9` at any moment: what was acknowledged is there, once.

use crate::binary::{Server, number, post_json, rows};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const ROUNDS: u64 = 12;
const SPANS_PER_REQUEST: u64 = 10;

/// A request with spans `first..first + SPANS_PER_REQUEST`, and a trace of its own.
fn traces(first: u64) -> String {
    let spans: Vec<String> = (first..first + SPANS_PER_REQUEST)
        .map(|n| {
            let start = 1_790_000_000_000_000_000 + n * 1_000;
            format!(
                r#"{{"traceId":"{:032x}","spanId":"{:016x}","name":"n","kind":1,
                "startTimeUnixNano":"{start}","endTimeUnixNano":"{}",
                "attributes":[{{"key":"n","value":{{"intValue":"{n}"}}}}]}}"#,
                first + 1,
                n + 1,
                start + 500
            )
        })
        .collect();
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    )
}

/// Sends until the server is gone; what was acknowledged goes into `acknowledged`.
fn send(address: &str, next: &AtomicU64, acknowledged: &Mutex<BTreeSet<u64>>) {
    loop {
        let first = next.fetch_add(SPANS_PER_REQUEST, Ordering::Relaxed);
        let body = traces(first);
        match post_json(address, "/v1/traces", &body) {
            None => return,
            Some((200, _)) => {
                acknowledged.lock().expect("no panic").insert(first);
                // A sender that heard nothing sends again: that must not show.
                if first.is_multiple_of(7 * SPANS_PER_REQUEST)
                    && post_json(address, "/v1/traces", &body).is_none()
                {
                    return;
                }
            }
            Some((503 | 429, _)) => std::thread::sleep(Duration::from_millis(20)),
            Some((status, body)) => panic!("{status}: {}", String::from_utf8_lossy(&body)),
        }
    }
}

fn check(data: &Path, acknowledged: &BTreeSet<u64>) {
    let twice = "select count(*) from (select trace_id, span_id from spans \
                 group by 1, 2 having count(*) > 1)";
    assert_eq!(number(data, twice), 0, "spans that are there twice");
    let held: BTreeSet<u64> = rows(data, "select distinct attributes['n'] as n from spans")
        .iter()
        .map(|row| row["n"].as_u64().expect("a number"))
        .collect();
    for first in acknowledged {
        for n in *first..first + SPANS_PER_REQUEST {
            assert!(held.contains(&n), "span {n} was acknowledged and is lost");
        }
    }
}

#[test]
fn kill_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let next = Arc::new(AtomicU64::new(0));
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..ROUNDS {
        let server = Server::start(folder.path());
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let (next, acknowledged) = (next.clone(), acknowledged.clone());
                let address = server.http.clone();
                std::thread::spawn(move || send(&address, &next, &acknowledged))
            })
            .collect();
        // A moment that differs from round to round, in the middle of everything.
        std::thread::sleep(Duration::from_millis(40 + round * 137 % 400));
        server.kill();
        for sender in senders {
            sender.join().expect("no panic");
        }
        if round % 4 == 3 {
            check(folder.path(), &acknowledged.lock().expect("no panic"));
        }
    }
    let acknowledged = acknowledged.lock().expect("no panic");
    assert!(
        acknowledged.len() > 20,
        "too little was sent to be worth the test"
    );
    // A clean end writes everything to blocks: the same is found there.
    Server::start(folder.path()).terminate();
    check(folder.path(), &acknowledged);
}
