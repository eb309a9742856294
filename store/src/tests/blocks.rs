use super::*;
use crate::tables::ATTRIBUTE_PREFIX;

#[tokio::test]
async fn what_was_appended_is_in_the_files_once_and_found_by_trace() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    for round in 0..10 {
        let from = round * 500;
        submit(&store, &format!("spans {from} {}", from + 500))
            .await
            .unwrap();
        // Sent again, partly in memory and partly in blocks.
        submit(&store, &format!("spans {} {}", from / 2, from + 500))
            .await
            .unwrap();
        if round % 3 == 0 {
            store.flush().await.unwrap();
        }
        assert_eq!(store.snapshot().rows(Table::Spans), from + 500);
    }
    let check = async |store: &Store| {
        let snapshot = store.snapshot();
        let found = snapshot.find(Table::Spans, &[trace(7), trace(499)]).await;
        let mut found: Vec<_> = found
            .unwrap()
            .iter()
            .flat_map(|batch| rows::read_spans(batch).unwrap())
            .collect();
        found.sort_by_key(|span| span.span_id);
        let expect: Vec<_> = (70..80).chain(4990..5000).map(span).collect();
        assert_eq!(found, expect);
        let none = snapshot.find(Table::Spans, &[trace(500)]).await.unwrap();
        assert!(none.is_empty());
    };
    check(&store).await;
    store.flush().await.unwrap();
    assert_eq!(store.snapshot().memory(Table::Spans).len(), 0);
    check(&store).await;
    let before = store.snapshot().blocks(Table::Spans).len();
    store.compact().await.unwrap();
    let blocks = store.snapshot().blocks(Table::Spans);
    assert!(blocks.len() < before, "{} of {before}", blocks.len());
    assert!(
        blocks
            .iter()
            .all(|block| block.day.is_some() && block.rows <= 2000)
    );
    check(&store).await;
    store.close().await.unwrap();
    // What a crash leaves is deleted at the next opening.
    let folder = parquet_files(dir.path())[0].parent().unwrap().to_owned();
    let left = ["stray.parquet", "stray.parquet#1"].map(|name| folder.join(name));
    left.iter()
        .for_each(|file| std::fs::write(file, "torn").unwrap());
    Store::open(small(dir.path()))
        .await
        .unwrap()
        .0
        .close()
        .await
        .unwrap();
    assert!(left.iter().all(|file| !file.exists()));
    assert_eq!(numbers_at_rest(dir.path()), (0..5000).collect::<Vec<_>>());
    let (store, entries) = Store::open(small(dir.path())).await.unwrap();
    assert!(entries.is_empty());
    check(&store).await;
    let again = store.append(Table::Spans, spans(0..5001)).await.unwrap();
    assert_eq!((again.rows, again.duplicates), (1, 5000));
}

#[tokio::test]
async fn a_unit_is_replaced_in_memory_and_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    for version in 1..=4u32 {
        for n in 0..300u64 {
            // Not every unit changes in every round.
            if n.is_multiple_of(u64::from(version)) {
                submit(&store, &format!("unit {n} {version}"))
                    .await
                    .unwrap();
            }
        }
        let snapshot = store.snapshot();
        let of_12 = snapshot.find(Table::Executions, &[unit(12, 0).id]).await;
        assert_eq!(versions(&of_12.unwrap()), [(12, version)]);
        drop(snapshot);
        store.flush().await.unwrap();
        // A compaction may still read the replaced blocks: they go as soon as it has ended.
        for _ in 0..200 {
            if versions_at_rest(dir.path()).len() == 300 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(versions_at_rest(dir.path()).len(), 300);
        let of_12 = store
            .snapshot()
            .find(Table::Executions, &[unit(12, 0).id])
            .await;
        assert_eq!(versions(&of_12.unwrap()), [(12, version)]);
    }
    store.compact().await.unwrap();
    store.close().await.unwrap();
    let newest = |n: u64| {
        (1..=4u64)
            .rev()
            .find(|version| n.is_multiple_of(*version))
            .unwrap() as u32
    };
    let expect: Vec<_> = (0..300).map(|n| (n, newest(n))).collect();
    assert_eq!(versions_at_rest(dir.path()), expect);
    assert_eq!(
        at_rest(dir.path(), Table::Spans)
            .iter()
            .map(|b| b.num_rows())
            .sum::<usize>(),
        600
    );
}

#[tokio::test]
async fn while_memory_has_a_newer_version_the_one_in_blocks_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    store.replace(unit(1, 1)).await.unwrap();
    store.flush().await.unwrap();
    assert!(store.snapshot().hidden(Table::Executions).is_empty());
    let mut removed = unit(1, 2);
    removed.tables[0].1 = RecordBatch::new_empty(Table::Executions.schema());
    let id = removed.id;
    store.replace(removed).await.unwrap();
    let snapshot = store.snapshot();
    assert!(snapshot.hidden(Table::Executions).contains(&id.0));
    assert!(
        snapshot
            .find(Table::Executions, &[id])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(snapshot.find(Table::Spans, &[id]).await.unwrap().len(), 1);
    drop(snapshot);
    store.flush().await.unwrap();
    assert!(versions_at_rest(dir.path()).is_empty());
    assert!(store.snapshot().blocks(Table::Executions).is_empty());
}

#[tokio::test]
async fn an_old_snapshot_reads_blocks_that_have_been_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    for n in 0..3 {
        store
            .append(Table::Spans, spans(n * 10..n * 10 + 10))
            .await
            .unwrap();
        store.flush().await.unwrap();
    }
    let old = store.snapshot();
    store.compact().await.unwrap();
    assert_eq!(old.find(Table::Spans, &[trace(1)]).await.unwrap().len(), 3);
    let held = parquet_files(dir.path()).len();
    drop(old);
    store.append(Table::Spans, spans(100..110)).await.unwrap();
    store.flush().await.unwrap();
    assert!(parquet_files(dir.path()).len() < held);
}

#[tokio::test]
async fn one_process_writes_and_others_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    store.announce("http://127.0.0.1:4319").unwrap();
    submit(&store, "spans 0 10").await.unwrap();
    store.flush().await.unwrap();
    submit(&store, "spans 10 30").await.unwrap();
    let refused = Store::open(small(dir.path()))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains(&format!(
        "process {} at http://127.0.0.1:4319",
        std::process::id()
    )));
    assert_eq!(holder(store.wal_dir()).unwrap().process, std::process::id());
    let (reader, entries) = Store::open_read_only(small(dir.path())).await.unwrap();
    for entry in &entries {
        apply(&reader, entry.position, &entry.payload)
            .await
            .unwrap();
    }
    assert_eq!(reader.snapshot().rows(Table::Spans), 30);
    assert!(reader.flush().await.is_err());
    let absent = dir.path().join("absent");
    assert!(Store::open_read_only(small(&absent)).await.is_err());
    assert!(!absent.exists());
    let wal_dir = store.wal_dir().to_owned();
    store.close().await.unwrap();
    assert_eq!(holder(&wal_dir), None);
}

#[tokio::test]
async fn attribute_columns_keep_one_type_and_what_does_not_fit_stays_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    let with = |n: u64, value: model::Value| {
        let mut span = span(n);
        span.attributes.insert("mixed".into(), value);
        span
    };
    let all = [
        with(1, 1.into()),
        with(2, "two".into()),
        with(3, 0.5.into()),
    ];
    for span in &all {
        let batch = rows::spans(std::slice::from_ref(span)).unwrap();
        store.append(Table::Spans, batch).await.unwrap();
        store.flush().await.unwrap();
    }
    let schema = store.snapshot().schema(Table::Spans);
    let mixed = schema.field_with_name(&format!("{ATTRIBUTE_PREFIX}mixed"));
    assert!(mixed.unwrap().data_type().is_integer());
    store.compact().await.unwrap();
    let found = store
        .snapshot()
        .find(Table::Spans, &[trace(0)])
        .await
        .unwrap();
    let mut found: Vec<_> = found
        .iter()
        .flat_map(|b| rows::read_spans(b).unwrap())
        .collect();
    found.sort_by_key(|span| span.span_id);
    assert_eq!(found, all);
}

#[tokio::test]
async fn no_sender_can_widen_a_table_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    let mut all = Vec::new();
    for n in 0..6 {
        let mut span = span(n);
        let names = (0..60).map(|k| {
            (
                format!("{}.{n}.{k}", if k % 2 == 0 { "a" } else { "A" }),
                "x".into(),
            )
        });
        span.attributes.extend(names);
        span.attributes.insert("A.0.0".into(), true.into());
        store
            .append(
                Table::Spans,
                rows::spans(std::slice::from_ref(&span)).unwrap(),
            )
            .await
            .unwrap();
        all.push(span);
    }
    let base = Table::Spans.schema().fields().len();
    let width = store.snapshot().schema(Table::Spans).fields().len();
    assert_eq!(width, base + MOST_PROMOTED);
    store.flush().await.unwrap();
    let found = store
        .snapshot()
        .find(Table::Spans, &[trace(0)])
        .await
        .unwrap();
    let mut found: Vec<_> = found
        .iter()
        .flat_map(|b| rows::read_spans(b).unwrap())
        .collect();
    found.sort_by_key(|span| span.span_id);
    assert_eq!(found, all);
}

#[tokio::test]
async fn rows_that_are_not_what_they_say_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    let mut stranger = unit(1, 1);
    stranger.id = TraceId([1; 16]);
    assert!(store.replace(stranger).await.is_err());
    let wrong = rows::executions(&[]).unwrap();
    assert!(
        store
            .append(Table::Executions, wrong.clone())
            .await
            .is_err()
    );
    assert!(store.append(Table::Spans, wrong).await.is_err());
    assert_eq!(store.snapshot().rows(Table::Spans), 0);
}

#[tokio::test]
async fn many_days_share_a_block_and_old_blocks_expire() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    let spans: Vec<Span> = (0..200)
        .map(|n| Span {
            start_time: UnixNanos(n as i64 * DAY),
            ..span(n)
        })
        .collect();
    let batch = rows::spans(&spans).unwrap();
    store.append(Table::Spans, batch).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(parquet_files(dir.path()).len(), 65);
    let before = store.snapshot().rows(Table::Spans);
    let gone = store.expire(UnixNanos(300 * DAY)).await.unwrap();
    assert_eq!((before, gone), (200, 200));
    store
        .append(Table::Spans, super::spans(0..10))
        .await
        .unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.expire(UnixNanos(300 * DAY)).await.unwrap(), 0);
    assert_eq!(store.snapshot().rows(Table::Spans), 10);
}

#[tokio::test]
async fn over_its_memory_it_refuses_until_blocks_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        memory_limit_bytes: 100 << 10,
        flush_bytes: usize::MAX,
        ..small(dir.path())
    };
    let store = reopen(config).await;
    let mut from = 0;
    let refused = loop {
        match submit(&store, &format!("spans {from} {}", from + 100)).await {
            Ok(()) => from += 100,
            Err(error) => break error,
        }
    };
    assert!(refused.is_retryable(), "{refused}");
    store.flush().await.unwrap();
    submit(&store, &format!("spans {from} {}", from + 100))
        .await
        .unwrap();
}

#[tokio::test]
async fn large_row_groups_are_joined_as_they_are_and_merged_in_order_later() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(small(dir.path())).await;
    // Of every trace some spans come with each flush.
    let lot = |k: u64| {
        let spans: Vec<Span> = (k * 600..(k + 1) * 600)
            .map(|n| Span {
                trace_id: trace(n % 100),
                start_time: UnixNanos(1_700_000_000_000_000_000 - n as i64),
                ..span(n)
            })
            .collect();
        rows::spans(&spans).unwrap()
    };
    for k in 0..3 {
        store.append(Table::Spans, lot(k)).await.unwrap();
        store.flush().await.unwrap();
    }
    store.compact().await.unwrap();
    let blocks = store.snapshot().blocks(Table::Spans);
    assert_eq!((blocks.len(), blocks[0].rows), (1, 1800));
    assert_eq!(blocks[0].runs, [1, 1, 1]);
    let check = async |store: &Store| {
        let found = store.snapshot().find(Table::Spans, &[trace(7)]).await;
        let mut found: Vec<u64> = found
            .unwrap()
            .iter()
            .flat_map(|batch| rows::read_spans(batch).unwrap())
            .map(|span| u64::from_be_bytes(span.span_id.0) - 1)
            .collect();
        found.sort_unstable();
        assert_eq!(found, (0..18).map(|k| k * 100 + 7).collect::<Vec<_>>());
    };
    check(&store).await;
    let file = || File::open(&parquet_files(dir.path())[0]).unwrap();
    let joined = ParquetRecordBatchReaderBuilder::try_new(file()).unwrap();
    let group = joined.metadata().row_group(2);
    let key = joined.schema().index_of("trace_id").unwrap();
    assert!(group.column(key).bloom_filter_offset().is_some());
    assert!(group.column(key).column_index_offset().is_some());
    assert!(group.column(key).statistics().is_some());
    store.close().await.unwrap();
    // To a store of larger blocks it is small: its runs are put in order.
    let config = StoreConfig {
        block_rows: 1 << 20,
        ..small(dir.path())
    };
    let store = reopen(config).await;
    store.append(Table::Spans, lot(3)).await.unwrap();
    store.flush().await.unwrap();
    store.compact().await.unwrap();
    let blocks = store.snapshot().blocks(Table::Spans);
    assert_eq!((blocks.len(), blocks[0].rows), (1, 2400));
    assert_eq!(blocks[0].runs, [1]);
    store.close().await.unwrap();
    let rows = at_rest(dir.path(), Table::Spans);
    let order: Vec<(TraceId, UnixNanos)> = rows
        .iter()
        .flat_map(|batch| rows::read_spans(batch).unwrap())
        .map(|span| (span.trace_id, span.start_time))
        .collect();
    assert_eq!((order.len(), parquet_files(dir.path()).len()), (2400, 1));
    let broken = order.windows(2).position(|pair| pair[0] > pair[1]);
    assert_eq!(broken.map(|at| &order[at.saturating_sub(3)..at + 3]), None);
}

#[tokio::test]
async fn of_large_rows_few_are_read_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopen(StoreConfig {
        flush_bytes: usize::MAX,
        ..small(dir.path())
    })
    .await;
    // A few rows of one page are large; the others share theirs.
    let large = |n: u64| Span {
        trace_id: trace(1),
        resource: [("config".to_owned(), format!("{n} ").repeat(20_000).into())].into(),
        ..span(n)
    };
    let of_trace_0 = |n: u64| Span {
        trace_id: trace(0),
        ..span(n)
    };
    let spans: Vec<Span> = (0..1000)
        .map(of_trace_0)
        .chain((1000..1100).map(large))
        .collect();
    store
        .append(Table::Spans, rows::spans(&spans).unwrap())
        .await
        .unwrap();
    store.flush().await.unwrap();
    let check = async |bytes: usize, expect: std::ops::RangeInclusive<usize>| {
        let (mut read, mut most) = (0, 0);
        for block in store.snapshot().blocks(Table::Spans) {
            let runs = store
                .inner
                .reader
                .runs_sharing(&block, (512, bytes), &["resource"]);
            for mut rows in runs.await.unwrap() {
                while let Some(batch) = rows.next().await {
                    let rows = batch.unwrap().num_rows();
                    read += rows;
                    most = most.max(rows);
                }
            }
        }
        assert_eq!(read, spans.len());
        assert!(
            expect.contains(&most),
            "{most} rows at a time of {bytes} bytes"
        );
    };
    check(1 << 20, 8..=40).await;
    check(1, 1..=1).await;
    check(1 << 30, 300..=512).await;
}
