use super::*;
use model::{Document, DocumentKind, Engine};
use prost::Message as _;
use store::StoreConfig;

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
    door: Door,
    batches: mpsc::Receiver<Submitted>,
    entries: Vec<Entry>,
}

impl Fixture {
    /// Ends without closing the store, as a crash would; the folder can be opened again.
    fn end(self) -> tempfile::TempDir {
        self.folder
    }
}

async fn open(folder: tempfile::TempDir) -> Fixture {
    let (store, entries) = Store::open(StoreConfig::at(folder.path())).await.unwrap();
    let (sender, batches) = mpsc::channel(4);
    Fixture {
        door: Door::new(store.clone(), sender),
        folder,
        store,
        batches,
        entries,
    }
}

fn document() -> Document {
    Document {
        engine: Engine::step_functions(),
        execution_arn: "arn".into(),
        kind: DocumentKind::Execution,
        body: "{}".into(),
    }
}

fn rows(store: &Store) -> (u64, u64) {
    let snapshot = store.snapshot();
    (snapshot.rows(Table::Spans), snapshot.rows(Table::Logs))
}

#[tokio::test]
async fn what_was_acknowledged_is_applied_again_after_a_crash_and_only_once() {
    let it = open(tempfile::tempdir().unwrap()).await;
    let spans: Bytes = decode::tests::request().encode_to_vec().into();
    // The records that name an invocation are no spans: nobody has to be told.
    let logs: Bytes = decode::tests::log_request().encode_to_vec().into();
    for _ in 0..2 {
        assert_eq!(it.door.traces(spans.clone()).await.unwrap().accepted, 3);
        assert_eq!(it.door.logs(logs.clone()).await.unwrap().accepted, 3);
    }
    assert_eq!(rows(&it.store), (3, 3));
    let folder = it.end();

    let it = open(folder).await;
    assert!(!it.entries.is_empty());
    it.door.replay(it.entries).await.unwrap();
    assert_eq!(rows(&it.store), (3, 3));
}

#[tokio::test]
async fn a_batch_is_acknowledged_when_it_is_applied() {
    let mut it = open(tempfile::tempdir().unwrap()).await;
    let batch = Batch {
        documents: vec![document()],
        ..Batch::default()
    };
    let door = it.door.clone();
    let sent = batch.clone();
    let waiting = tokio::spawn(async move { door.batch(sent).await });
    let submitted = it.batches.recv().await.unwrap();
    assert_eq!(submitted.batch, batch);
    assert!(submitted.position.is_some() && !waiting.is_finished());
    submitted.done.send(Ok(())).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().accepted, 1);

    let door = it.door.clone();
    let failing = tokio::spawn(async move { door.batch(batch).await });
    let submitted = it.batches.recv().await.unwrap();
    submitted.done.send(Err("no room".into())).unwrap();
    let refusal = failing.await.unwrap().unwrap_err();
    assert!(matches!(refusal, Refusal::Unavailable { ref why, .. } if why == "no room"));
}

/// What was refused when it came must not keep everything else shut in afterwards.
#[tokio::test]
async fn a_batch_that_cannot_be_applied_does_not_stop_a_replay() {
    let mut it = open(tempfile::tempdir().unwrap()).await;
    let door = it.door.clone();
    let batch = Batch {
        documents: vec![document()],
        ..Batch::default()
    };
    let sent = tokio::spawn(async move { door.batch(batch).await });
    let refuse = |submitted: Submitted| submitted.done.send(Err("no such row".into()));
    refuse(it.batches.recv().await.unwrap()).unwrap();
    sent.await.unwrap().unwrap_err();
    let spans: Bytes = decode::tests::request().encode_to_vec().into();
    it.door.traces(spans).await.unwrap();
    let folder = it.end();

    let mut it = open(folder).await;
    let (door, entries) = (it.door.clone(), it.entries);
    let replay = tokio::spawn(async move { door.replay(entries).await });
    refuse(it.batches.recv().await.unwrap()).unwrap();
    replay.await.unwrap().unwrap();
    assert_eq!(rows(&it.store).0, 3);
}

#[tokio::test]
async fn spans_that_name_an_invocation_are_handed_on_for_joining() {
    let mut it = open(tempfile::tempdir().unwrap()).await;
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"a",
         "attributes":[{"key":"faas.invocation_id","value":{"stringValue":"req-1"}}]},
        {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060709","name":"b"}
    ]}]}]}"#;
    let door = it.door.clone();
    let request = crate::json::traces(json).unwrap().into();
    let waiting = tokio::spawn(async move { door.traces(request).await });
    let submitted = it.batches.recv().await.unwrap();
    let [span] = submitted.batch.spans.as_slice() else {
        panic!("{:?}", submitted.batch);
    };
    assert_eq!((span.name.as_str(), submitted.position), ("a", None));
    assert_eq!(span.attributes["faas.invocation_id"], "req-1".into());
    submitted.done.send(Ok(())).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().accepted, 2);
    assert_eq!(rows(&it.store).0, 2);
}

#[tokio::test]
async fn what_is_malformed_is_not_logged() {
    let it = open(tempfile::tempdir().unwrap()).await;
    let refusal = it.door.traces(Bytes::from_static(&[0x0a, 200])).await;
    assert!(matches!(refusal, Err(Refusal::Malformed(_))));
    let huge = it.door.admit(usize::MAX);
    assert!(matches!(huge, Err(Refusal::TooLarge(_))));
    let Fixture {
        folder,
        store,
        door,
        ..
    } = it;
    drop((door, store));
    assert_eq!(open(folder).await.entries.len(), 0);
}

/// The limit is for senders, who can send less at a time: what lies in a file is as large as it is.
#[tokio::test]
async fn what_is_imported_may_be_larger_than_a_request() {
    let mut it = open(tempfile::tempdir().unwrap()).await;
    let limits = Limits {
        request_bytes: 16,
        in_flight_bytes: 64,
        ..Limits::default()
    };
    let (sender, batches) = mpsc::channel(4);
    it.batches = batches;
    let door = Door::with_limits(it.store.clone(), sender, limits);
    let spans: Bytes = decode::tests::request().encode_to_vec().into();
    let sent = door.traces(spans.clone()).await;
    assert!(matches!(sent, Err(Refusal::TooLarge(_))), "{sent:?}");
    let taken = door.imported(EntryKind::OtlpTraces, spans).await;
    assert_eq!(taken.unwrap().accepted, 3);

    let batch = Batch {
        documents: vec![document()],
        ..Batch::default()
    };
    let waiting = tokio::spawn(async move { door.batch(batch).await });
    let submitted = it.batches.recv().await.expect("it was admitted");
    submitted.done.send(Ok(())).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().accepted, 1);
}
