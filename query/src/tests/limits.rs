//! Budgets of memory, rows and time.

use super::{csv, data, engine, told};
use crate::{Engine, Format, Kind, Limits, Options, format};
use arrow::array::RecordBatch;
use data::Layout;
use futures::StreamExt;
use std::time::{Duration, Instant};

const ENDLESS: &str = "select count(*) from generate_series(1, 1000000000) a(x) \
    cross join generate_series(1, 1000000000) b(y) where x * y % 7 = 3";

fn limited(limits: Limits) -> Engine {
    Engine::new(limits).expect("an engine")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_query_is_stopped_in_time() {
    let engine = limited(Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    });
    let started = Instant::now();
    let answer = csv(&engine, data::tables(Layout::Memory).await, ENDLESS).await;
    let message = answer.expect_err("stopped");
    assert!(message.contains("ran longer than 0.3 s"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// Rows that are always there must not keep the clock from being looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_answer_is_stopped_in_time() {
    let engine = limited(Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    });
    let started = Instant::now();
    let all = "select * from generate_series(1, 1000000000000)";
    let tables = data::tables(Layout::Memory).await;
    let mut answer = engine
        .sql_over(tables, all, &Options::default())
        .await
        .expect("it starts");
    let message = loop {
        match answer.next().await.expect("it has no end") {
            Ok(batch) => assert!(batch.num_rows() > 0),
            Err(error) => break told(&error),
        }
        assert!(started.elapsed() < Duration::from_secs(20), "still running");
    };
    assert!(message.contains("ran longer than 0.3 s"), "{message}");
}

/// What is stopped has to give its thread back: with as many such queries as threads, nobody else was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_join_gives_its_thread_back() {
    let engine = limited(Limits {
        time: Duration::from_millis(500),
        partitions: Some(1),
        ..Limits::default()
    });
    for kind in [
        "array_agg(a.x)",
        "count(distinct a.x + b.x)",
        "max(a.x * b.x)",
    ] {
        let endless = format!(
            "select {kind} from (values (1), (2), (3)) v(z), generate_series(1, 100000) a(x), generate_series(1, 100000) b(x)"
        );
        let answer = csv(&engine, data::tables(Layout::Memory).await, &endless).await;
        let error = answer.expect_err("stopped or refused");
        assert!(
            error.contains("ran longer") || error.contains("budget"),
            "{error}"
        );
        // On a busy machine the thread may come back later than a query's time.
        let mut one = Err(String::new());
        for _ in 0..60 {
            one = csv(&engine, data::tables(Layout::Memory).await, "select 1 as n").await;
            if one.is_ok() {
                break;
            }
        }
        assert_eq!(one.as_deref(), Ok("n\n1\n"), "after {kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_beyond_the_budget_is_refused() {
    let engine = limited(Limits {
        memory_bytes: 1_000_000,
        spill_bytes: 0,
        ..Limits::default()
    });
    let greedy = "select x % 5000000 g, count(distinct x), array_agg(x) from generate_series(1, 5000000) t(x) group by 1";
    let options = Options::default();
    let tables = data::tables(Layout::Memory).await;
    let answer = engine.sql_over(tables, greedy, &options).await;
    let error = match answer {
        Err(error) => error,
        Ok(answer) => answer.collect().await.expect_err("too much"),
    };
    assert_eq!(error.kind(), Kind::TooLarge, "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_an_answer_stops_the_query() {
    let engine = engine();
    let tables = data::tables(Layout::Memory).await;
    let answer = engine
        .sql_over(tables, ENDLESS, &Options::default())
        .await
        .expect("it starts");
    let mut stream = Box::pin(format::write(answer, Format::Json));
    let first = tokio::time::timeout(Duration::from_millis(100), stream.next()).await;
    assert!(first.is_err(), "it runs");
    drop(stream);
    // The memory of the query is given back once its tasks have ended.
    let quick = csv(&engine, data::tables(Layout::Memory).await, "select 1 a").await;
    assert_eq!(quick.as_deref(), Ok("a\n1\n"));
}

#[tokio::test]
async fn a_row_limit_ends_the_answer() {
    let engine = engine();
    let options = Options {
        limit: Some(3),
        ..Options::default()
    };
    for (text, expect) in [
        ("select span_id from spans", 3),
        ("select span_id from spans limit 2", 2),
        ("show tables", usize::MAX),
    ] {
        let tables = data::tables(Layout::Memory).await;
        let answer = engine.sql_over(tables, text, &options).await;
        let rows: usize = answer
            .expect("an answer")
            .collect()
            .await
            .expect("rows")
            .iter()
            .map(|batch| batch.num_rows())
            .sum();
        match expect {
            usize::MAX => assert!(rows > 3, "{text}"),
            expect => assert_eq!(rows, expect, "{text}"),
        }
    }
}

#[tokio::test]
async fn a_grid_says_when_it_is_cut() {
    let engine = engine();
    let check = async |limit: usize, rows: usize, truncated: bool| {
        let tables = data::tables(Layout::Memory).await;
        let text = "select start_time, duration_ns, 9007199254740993 big, null n from spans order by start_time";
        let answer = engine.sql_over(tables, text, &Options::default()).await;
        let grid = format::grid(answer.expect("an answer"), limit)
            .await
            .expect("a grid");
        assert_eq!((grid.rows.len(), grid.truncated), (rows, truncated));
        grid
    };
    check(40, 40, false).await;
    check(0, 0, true).await;
    let grid = check(1, 1, true).await;
    let cells = serde_json::to_string(&grid.rows[0]).expect("JSON");
    assert_eq!(
        cells,
        r#"["2026-11-22T00:00:00Z",0,"9007199254740993",null]"#
    );
    assert_eq!(grid.columns[0].data_type, "timestamp");
}

#[tokio::test]
async fn every_format_can_be_written() {
    let engine = engine();
    let text = "select trace_id, start_time, duration_ns, [1,2] list, attributes->'tags' t from spans order by start_time limit 1";
    let write = async |format: Format| {
        let tables = data::tables(Layout::Blocks).await;
        let answer = engine
            .sql_over(tables, text, &Options::default())
            .await
            .expect("an answer");
        format::write_all(answer, format).await.expect("written")
    };
    let json = String::from_utf8(write(Format::Json).await).expect("text");
    assert_eq!(
        json,
        r#"[{"trace_id":"00000000000000000000000000000000","start_time":"2026-11-22T00:00:00Z","duration_ns":0,"list":[1,2],"t":"[0,\"x\"]"}]"#
    );
    let ndjson = String::from_utf8(write(Format::Ndjson).await).expect("text");
    assert_eq!(ndjson, format!("{}\n", &json[1..json.len() - 1]));
    let arrow = write(Format::Arrow).await;
    let reader = arrow::ipc::reader::StreamReader::try_new(arrow.as_slice(), None);
    assert_eq!(reader.expect("a stream").count(), 1);
    let parquet = write(Format::Parquet).await;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let table = String::from_utf8(write(Format::Table).await).expect("text");
    assert!(table.contains("| trace_id "), "{table}");
}

/// Rows of megabytes are not decoded by the thousand, and only where they are read.
#[tokio::test]
async fn of_large_rows_few_are_decoded_at_a_time() {
    let mut tables = data::tables(Layout::Blocks).await;
    for block in tables.iter_mut().flat_map(|table| &mut table.blocks) {
        block.wide.insert("name".to_owned(), 8 << 20);
    }
    let check = async |query: &str, expect: usize| {
        let options = Options::default();
        let engine = engine();
        let answer = engine.sql_over(tables.clone(), query, &options).await;
        let batches = answer.expect("an answer").collect().await.expect("rows");
        let rows = batches.iter().map(RecordBatch::num_rows);
        assert_eq!(rows.clone().sum::<usize>(), 40, "{query}");
        assert_eq!(rows.max(), Some(expect), "{query}");
    };
    check("select name from spans", 2).await;
    // A row group has seven.
    check("select service_name from spans", 7).await;
}

/// What is gathered before it is grouped is as small as what was decoded.
#[tokio::test]
async fn of_large_rows_few_are_gathered_at_a_time() {
    let batches = async |wide: bool| {
        let mut tables = data::tables(Layout::Blocks).await;
        for block in tables.iter_mut().flat_map(|table| &mut table.blocks) {
            if wide {
                block.wide.insert("name".to_owned(), 8 << 20);
            }
        }
        let query = "select name, span_id, count(*) from spans group by 1, 2";
        let (engine, options) = (engine(), Options::default());
        let answer = engine.sql_over(tables, query, &options).await;
        let batches = answer.expect("an answer").collect().await.expect("rows");
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 40);
        batches.iter().map(RecordBatch::num_rows).max()
    };
    assert_eq!(batches(true).await, Some(2));
    assert!(batches(false).await > Some(2));
}
