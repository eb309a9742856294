//! The store as a whole: what is acknowledged is found exactly once, whatever happens in between.

mod blocks;
mod crash;
mod failing;

use crate::*;
use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::StreamExt;
use model::{Execution, Span, SpanId, TraceId, UnixNanos};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::{
    fs::File,
    path::{Path, PathBuf},
};

const DAY: i64 = 86_400_000_000_000;

/// A store that makes blocks of few rows.
fn small(dir: &Path) -> StoreConfig {
    StoreConfig {
        flush_bytes: 200 << 10,
        block_rows: 2000,
        ..StoreConfig::at(dir)
    }
}

/// Spans `from..to`, ten to a trace, on three days. Every other lot shares the text of its service and resource.
fn spans(numbers: std::ops::Range<u64>) -> RecordBatch {
    let shares = numbers.start / 250 % 2 == 1;
    let spans: Vec<Span> = numbers.map(span).collect();
    let batch = rows::spans(&spans).unwrap();
    let names: &[&str] = match shares {
        true => &["service_name", "resource"],
        false => &[],
    };
    let schema = crate::shared::sharing(&batch.schema(), names);
    crate::memory::align(Table::Spans, &batch, &schema).unwrap()
}

fn span(n: u64) -> Span {
    Span {
        trace_id: trace(n / 10),
        span_id: SpanId((n + 1).to_be_bytes()),
        name: format!("work {}", n % 7),
        service_name: "shop".into(),
        start_time: UnixNanos(1_700_000_000_000_000_000 + (n % 3) as i64 * DAY + n as i64),
        attributes: [("number".to_owned(), (n as i64).into())].into(),
        resource: [(
            "host.name".to_owned(),
            format!("host-{}", n / 10 % 3).into(),
        )]
        .into(),
        ..Span::default()
    }
}

fn trace(n: u64) -> TraceId {
    TraceId::of_parts(&["trace", &n.to_string()])
}

/// A unit of one execution with two spans, in a version.
fn unit(n: u64, version: u32) -> Unit {
    let id = TraceId::of_parts(&["unit", &n.to_string()]);
    let execution = Execution {
        trace_id: id,
        execution_arn: n.to_string(),
        events: version,
        start_time: UnixNanos(1_700_000_000_000_000_000 + (n % 3) as i64 * DAY),
        ..Execution::default()
    };
    let span = |k: u64| Span {
        trace_id: id,
        span_id: SpanId((k + 1).to_be_bytes()),
        name: version.to_string(),
        ..Span::default()
    };
    Unit {
        id,
        tables: vec![
            (Table::Executions, rows::executions(&[execution]).unwrap()),
            (Table::Spans, rows::spans(&[span(1), span(2)]).unwrap()),
        ],
    }
}

/// Numbers of the spans in Parquet files as they lie, catalog or not; units' spans are not numbered.
fn numbers_at_rest(dir: &Path) -> Vec<u64> {
    let mut numbers: Vec<u64> = at_rest(dir, Table::Spans)
        .iter()
        .flat_map(|batch| rows::read_spans(batch).unwrap())
        .filter_map(|span| match span.attributes.get("number") {
            Some(model::Value::Int(n)) => Some(*n as u64),
            _ => None,
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// (execution, version) of Parquet files as they lie.
fn versions_at_rest(dir: &Path) -> Vec<(u64, u32)> {
    versions(&at_rest(dir, Table::Executions))
}

fn versions(batches: &[RecordBatch]) -> Vec<(u64, u32)> {
    let rows = batches
        .iter()
        .flat_map(|b| rows::read_executions(b).unwrap());
    let mut versions: Vec<_> = rows
        .map(|row| (row.execution_arn.parse().unwrap(), row.events))
        .collect();
    versions.sort_unstable();
    versions
}

fn at_rest(dir: &Path, table: Table) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for file in parquet_files(&dir.join(table.name())) {
        let file = match File::open(&file) {
            // Replaced since the listing: look again.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return at_rest(dir, table);
            }
            file => file.unwrap(),
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(file);
        batches.extend(reader.unwrap().build().unwrap().map(Result::unwrap));
    }
    batches
}

fn parquet_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let paths = listing.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                parquet_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "parquet"))
        .collect()
}

/// Payload of the log of these tests: "spans from to" or "unit number version".
async fn submit(store: &Store, text: &str) -> Result<(), Error> {
    let position = store
        .log(EntryKind::Batch, Bytes::from(text.to_owned()))
        .await?;
    apply(store, position, text.as_bytes()).await
}

async fn apply(store: &Store, position: Position, payload: &[u8]) -> Result<(), Error> {
    let text = std::str::from_utf8(payload).unwrap();
    let words: Vec<&str> = text.split(' ').collect();
    let number = |at: usize| words[at].parse::<u64>().unwrap();
    match words[0] {
        "spans" => {
            store
                .append(Table::Spans, spans(number(1)..number(2)))
                .await?;
        }
        _ => store.replace(unit(number(1), number(2) as u32)).await?,
    }
    store.applied(position);
    Ok(())
}

async fn reopen(config: StoreConfig) -> Store {
    let (store, entries) = Store::open(config).await.unwrap();
    for entry in entries {
        apply(&store, entry.position, &entry.payload).await.unwrap();
    }
    store
}
