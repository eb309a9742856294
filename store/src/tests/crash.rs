use super::*;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

const FOLDER: &str = "INQUEST_CRASH_TEST_FOLDER";
const START: &str = "INQUEST_CRASH_TEST_START";
const ROUNDS: u64 = 30;
const PER_ENTRY: u64 = 20;

/// The process that is killed: it submits, and prints what was acknowledged.
#[tokio::test]
#[ignore = "it runs as a child of the test below"]
async fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let start: u64 = std::env::var(START).unwrap().parse().unwrap();
    let config = StoreConfig {
        flush_bytes: 60 << 10,
        block_rows: 4000,
        ..StoreConfig::at(&folder)
    };
    let store = reopen(config).await;
    for n in start.. {
        let text = if n % 4 == 3 {
            format!("unit {} {n}", n % 50)
        } else {
            format!("spans {} {}", n * PER_ENTRY, (n + 1) * PER_ENTRY)
        };
        submit(&store, &text).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

fn run(folder: &Path, start: u64, life: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::crash::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(START, start.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(out).lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| line.split("acknowledged ").nth(1)?.parse().ok());
        numbers.last()
    });
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap().map_or(start, |last: u64| last + 1)
}

/// Kills a process at random instants, many times; nothing acknowledged is lost, nothing is doubled.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_instant_it_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut next = 0;
    // The number after the last acknowledged one, and the one at which the next process starts: an entry
    // in flight may or may not have been logged, so it is sent again.
    for _ in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        next = run(dir.path(), next, Duration::from_millis(30 + random % 400));
    }
    assert!(next > 100, "only {next} entries were acknowledged");
    let store = reopen(StoreConfig::at(dir.path())).await;
    store.flush().await.unwrap();
    store.compact().await.unwrap();
    store.close().await.unwrap();

    let numbers = numbers_at_rest(dir.path());
    let is_spans = |n: &u64| n % 4 != 3;
    let expect = (0..next).filter(is_spans);
    let mut expect: Vec<u64> = expect
        .flat_map(|n| n * PER_ENTRY..(n + 1) * PER_ENTRY)
        .collect();
    // The one in flight may be there, whole.
    if numbers.len() > expect.len() {
        expect.extend(next * PER_ENTRY..(next + 1) * PER_ENTRY);
    }
    assert_eq!(numbers, expect);

    let mut newest: HashMap<u64, u32> = HashMap::new();
    for n in (0..next).filter(|n| !is_spans(n)) {
        newest.insert(n % 50, n as u32);
    }
    let versions = versions_at_rest(dir.path());
    let units: HashMap<u64, u32> = versions.iter().copied().collect();
    assert_eq!(units.len(), versions.len(), "a unit is doubled");
    for (unit, version) in newest {
        let held = units[&unit];
        assert!(
            held == version || held == next as u32,
            "{unit}: {held} for {version}"
        );
    }
}
