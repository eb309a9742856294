use super::*;

fn payloads(entries: &[Entry]) -> Vec<&[u8]> {
    entries.iter().map(|entry| entry.payload.as_ref()).collect()
}

async fn log(wal: &Wal, payload: &'static str) -> Position {
    wal.log(EntryKind::Batch, Bytes::from_static(payload.as_bytes()))
        .await
        .unwrap()
}

#[tokio::test]
async fn entries_come_back_until_they_are_applied_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, entries) = Wal::open(dir.path(), 1 << 20).unwrap();
    assert!(entries.is_empty());
    let first = log(&wal, "one").await;
    let second = log(&wal, "two").await;
    wal.applied(second);
    wal.delete(&wal.seal().await.unwrap()).unwrap();
    let third = log(&wal, "three").await;
    drop(wal);
    let (wal, entries) = Wal::open(dir.path(), 1 << 20).unwrap();
    assert_eq!(payloads(&entries), [b"one".as_slice(), b"two", b"three"]);
    assert_eq!(read_only(dir.path()).unwrap(), entries);
    for position in [first, second, third] {
        wal.applied(position);
    }
    wal.delete(&wal.seal().await.unwrap()).unwrap();
    assert_eq!(wal.bytes(), 0);
    assert!(log(&wal, "four").await > third);
}

#[tokio::test]
async fn many_writers_share_a_group_and_all_are_kept_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), 1 << 20).unwrap();
    let wal = Arc::new(wal);
    let tasks = (0..200).map(|n: u32| {
        let wal = wal.clone();
        tokio::spawn(async move {
            let payload = Bytes::from(n.to_string());
            wal.log(EntryKind::OtlpLogs, payload.clone())
                .await
                .map(|position| (position, payload))
        })
    });
    let mut acknowledged = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        acknowledged.push(task.await.unwrap().unwrap());
    }
    acknowledged.sort();
    wal.close();
    let entries = read_only(dir.path()).unwrap();
    let found = entries.into_iter().map(|e| (e.position, e.payload));
    assert_eq!(found.collect::<Vec<_>>(), acknowledged);
}

#[tokio::test]
async fn a_torn_or_damaged_tail_is_cut_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), 1 << 20).unwrap();
    log(&wal, "kept").await;
    log(&wal, "torn").await;
    drop(wal);
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap();
    let file = file.unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let second = whole.len() - frame::size(4) as usize;
    let check = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let (wal, entries) = Wal::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(payloads(&entries), [b"kept"]);
        drop(wal);
        assert_eq!(std::fs::read(&file).unwrap().len(), second);
    };
    (second..whole.len()).for_each(|end| check(&whole[..end]));
    for at in second..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        check(&bytes);
    }
}

#[tokio::test]
async fn beyond_its_limit_it_refuses_and_says_that_a_retry_may_help() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), 100).unwrap();
    let position = log(&wal, "fits").await;
    let refused = wal
        .log(EntryKind::Batch, Bytes::from(vec![0; 60]))
        .await
        .unwrap_err();
    assert!(refused.is_retryable(), "{refused}");
    wal.applied(position);
    wal.delete(&wal.seal().await.unwrap()).unwrap();
    wal.log(EntryKind::Batch, Bytes::from(vec![0; 60]))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failing_disk_acknowledges_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(dir.path(), 1 << 20).unwrap();
    std::fs::remove_dir_all(dir.path()).unwrap();
    let refused = wal.log(EntryKind::Batch, Bytes::new()).await.unwrap_err();
    assert!(refused.is_retryable(), "{refused}");
    std::fs::create_dir(dir.path()).unwrap();
    log(&wal, "better").await;
    drop(wal);
    assert_eq!(
        payloads(&read_only(dir.path()).unwrap()),
        [b"better".as_slice()]
    );
}
