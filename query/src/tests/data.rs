//! The same rows in three layouts: every query must give the same answer over each.

use crate::source::{BlockFile, TableSource};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef};
use model::{
    Attributes, Execution, ExecutionStatus, LogRecord, Span, SpanId, SpanSource, StatusCode,
    TraceId, UnixNanos, Value,
};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use store::{Table, rows};

/// 2026-11-22T00:00:00Z.
pub(super) const MIDNIGHT: i64 = 1_795_305_600_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Where the rows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Memory,
    Blocks,
    /// Half in memory, half in blocks, and outdated copies of the first half in derived blocks.
    Mixed,
}

/// All tables in this layout.
pub(super) async fn tables(layout: Layout) -> Vec<TableSource> {
    let mut tables = Vec::new();
    for table in Table::ALL {
        tables.push(lay(table, rows_of(table), layout).await);
    }
    tables
}

fn rows_of(table: Table) -> RecordBatch {
    match table {
        Table::Executions => rows::executions(&executions()).expect("rows"),
        Table::Spans => rows::spans(&spans()).expect("rows"),
        Table::Logs => rows::logs(&logs()).expect("rows"),
        _ => RecordBatch::new_empty(table.schema()),
    }
}

fn executions() -> Vec<Execution> {
    (0..10).map(execution).collect()
}

fn execution(n: i64) -> Execution {
    let arn = format!("arn:aws:states:eu-west-1:1:execution:orders:run-{n}");
    let failed = n % 3 == 0;
    Execution {
        trace_id: TraceId::of_execution(&arn),
        execution_arn: arn,
        engine: "aws.step_functions".into(),
        state_machine: if n < 6 { "orders" } else { "billing" }.into(),
        name: format!("run-{n}"),
        status: match failed {
            true => ExecutionStatus::Failed,
            false => ExecutionStatus::Succeeded,
        },
        start_time: UnixNanos(MIDNIGHT + n * 60 * SECOND),
        end_time: Some(UnixNanos(MIDNIGHT + n * 61 * SECOND)),
        duration_ns: Some(n * SECOND),
        error: failed.then(|| "States.TaskFailed".into()),
        input: Some(format!(r#"{{"orderId":{n},"items":[{{"sku":"a{n}"}}]}}"#)),
        ..Execution::default()
    }
}

fn spans() -> Vec<Span> {
    (0..40).map(span).collect()
}

fn span(n: i64) -> Span {
    let trace = n / 4;
    let id = |n: i64| SpanId((n + 1).to_be_bytes());
    let mut attributes = Attributes::new();
    attributes.insert("http.status_code".into(), Value::Int(200 + n % 3 * 100));
    attributes.insert("http.route".into(), format!("/r/{}", n % 2).into());
    let tags = Value::Array(vec![Value::Int(n % 2), "x".into()]);
    attributes.insert("tags".into(), tags);
    attributes.insert("it's".into(), "quoted".into());
    Span {
        trace_id: TraceId((trace as u128).to_be_bytes()),
        span_id: id(n),
        parent_span_id: match n % 4 {
            0 => SpanId::default(),
            _ => id(n - 1),
        },
        name: format!("step {}", n % 4),
        service_name: ["web", "cart", "pay"][(n % 3) as usize].into(),
        start_time: UnixNanos(MIDNIGHT + n * 15 * SECOND),
        end_time: UnixNanos(MIDNIGHT + n * 15 * SECOND + n * 1_000_000),
        status_code: match n % 10 {
            0 => StatusCode::Error,
            _ => StatusCode::Unset,
        },
        attributes,
        source: SpanSource::Otlp,
        ..Span::default()
    }
}

fn logs() -> Vec<LogRecord> {
    (0..5)
        .map(|n| LogRecord {
            log_id: TraceId::of_parts(&["log", &n.to_string()]),
            time: UnixNanos(MIDNIGHT + n * SECOND + 5),
            body: format!("line {n}, \"quoted\""),
            trace_id: TraceId((n as u128 + 1).to_be_bytes()),
            service_name: "web".into(),
            ..LogRecord::default()
        })
        .collect()
}

async fn lay(table: Table, rows: RecordBatch, layout: Layout) -> TableSource {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut source = TableSource {
        table,
        schema: rows.schema(),
        memory: Vec::new(),
        blocks: Vec::new(),
        hidden: Arc::default(),
        objects,
    };
    if rows.num_rows() == 0 {
        return source;
    }
    let half = rows.num_rows() / 2;
    let (first, second) = (
        rows.slice(0, half),
        rows.slice(half, rows.num_rows() - half),
    );
    match layout {
        Layout::Memory => source.memory = vec![first, second],
        Layout::Blocks => {
            add_block(&mut source, &first, false).await;
            add_block(&mut source, &second, true).await;
        }
        Layout::Mixed => {
            source.memory = vec![narrowed(&first)];
            source.hidden = Arc::new(ids(&first));
            let both = concat_batches(&rows.schema(), [&first, &second]).expect("one batch");
            let outdated = filter_record_batch(
                &both,
                &ids_column(&both)
                    .iter()
                    .map(|id| Some(!second_only(&first, id)))
                    .collect(),
            )
            .expect("rows");
            add_block(&mut source, &outdated, true).await;
            let rest: arrow::array::BooleanArray = ids_column(&second)
                .iter()
                .map(|id| Some(second_only(&first, id)))
                .collect();
            let rest = filter_record_batch(&second, &rest).expect("rows");
            add_block(&mut source, &rest, true).await;
            let kept: arrow::array::BooleanArray = ids_column(&second)
                .iter()
                .map(|id| Some(!second_only(&first, id)))
                .collect();
            source
                .memory
                .push(filter_record_batch(&second, &kept).expect("rows"));
        }
    }
    source
}

fn second_only(first: &RecordBatch, id: Option<&[u8]>) -> bool {
    !ids_column(first).iter().any(|held| held == id)
}

/// The batch with its columns in another order, as memory may have them.
fn narrowed(batch: &RecordBatch) -> RecordBatch {
    let mut order: Vec<usize> = (0..batch.num_columns()).collect();
    order.reverse();
    batch.project(&order).expect("columns")
}

fn ids_column(batch: &RecordBatch) -> &arrow::array::BinaryArray {
    batch
        .column_by_name("trace_id")
        .expect("every table has a trace id")
        .as_binary::<i32>()
}

fn ids(batch: &RecordBatch) -> HashSet<[u8; 16]> {
    ids_column(batch)
        .iter()
        .flatten()
        .filter_map(|id| id.try_into().ok())
        .collect()
}

async fn add_block(source: &mut TableSource, rows: &RecordBatch, derived: bool) {
    let bytes = parquet_bytes(rows.schema(), rows);
    let path = format!("{}/{}.parquet", source.table.name(), source.blocks.len());
    let size = bytes.len() as u64;
    source
        .objects
        .put(&Path::from(path.as_str()), bytes.into())
        .await
        .expect("memory takes it");
    let keys = rows
        .column_by_name(source.table.key())
        .expect("a key")
        .as_binary::<i32>();
    let bound = |max: bool| {
        let keys = keys.iter().flatten();
        if max { keys.max() } else { keys.min() }
            .unwrap_or_default()
            .to_vec()
    };
    let time = source.table.time().map(|name| {
        let times = rows.column_by_name(name).expect("a time");
        let times = times.as_primitive::<Int64Type>();
        (
            times.values().iter().copied().min().unwrap_or(0),
            times.values().iter().copied().max().unwrap_or(0),
        )
    });
    source.blocks.push(BlockFile {
        path,
        rows: rows.num_rows() as u64,
        bytes: size,
        time,
        key: (bound(false), bound(true)),
        derived,
        wide: BTreeMap::new(),
    });
}

fn parquet_bytes(schema: SchemaRef, rows: &RecordBatch) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(7))
        .set_column_bloom_filter_enabled("trace_id".into(), true)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).expect("a writer");
    writer.write(rows).expect("written");
    writer.close().expect("closed");
    bytes
}
