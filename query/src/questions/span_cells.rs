//! The columns of spans that rows of a tree are made of.

use super::tree::Node;
use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use model::trace_file::{FLAG_ERROR, FLAG_RUNNING, RowKind};
use model::{SpanId, SpanSource, TraceId};
use std::sync::{Arc, LazyLock};

/// The columns of a span that its row in the tree needs.
pub(super) static SPAN_COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let column = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        column("trace_id", DataType::Binary),
        column("span_id", DataType::Binary),
        column("parent_span_id", DataType::Binary),
        column("service_name", DataType::Utf8),
        column("name", DataType::Utf8),
        column("start_time", DataType::Int64),
        column("duration_ns", DataType::Int64),
        column("status_code", DataType::Utf8),
        column("source", DataType::Utf8),
        column("attributes.inquest.kind", DataType::Utf8),
        column("attributes.inquest.running", DataType::Boolean),
        column("attributes", DataType::Utf8),
    ]))
});

/// The columns of [`SPAN_COLUMNS`], looked up once.
pub(super) struct SpanCells<'a> {
    ids: [&'a arrow::array::BinaryArray; 3],
    texts: [&'a arrow::array::StringArray; 6],
    times: [&'a arrow::array::Int64Array; 2],
    running: &'a arrow::array::BooleanArray,
}

impl<'a> SpanCells<'a> {
    pub fn new(batch: &'a RecordBatch) -> Self {
        use arrow::array::AsArray;
        use arrow::datatypes::Int64Type;
        let id = |at: usize| batch.column(at).as_binary::<i32>();
        let text = |at: usize| batch.column(at).as_string::<i32>();
        let time = |at: usize| batch.column(at).as_primitive::<Int64Type>();
        SpanCells {
            ids: [id(0), id(1), id(2)],
            texts: [text(3), text(4), text(7), text(8), text(9), text(11)],
            times: [time(5), time(6)],
            running: batch.column(10).as_boolean(),
        }
    }

    /// The span of this row; `None` if its ids have the wrong length.
    pub fn node(&self, row: usize) -> Option<Node> {
        use arrow::array::Array;
        let [trace_id, span_id, parent] = self.ids;
        let [service, name, status, source, kind, rest] = self.texts;
        let [start, duration] = self.times;
        let trace_id = TraceId(trace_id.value(row).try_into().ok()?);
        let span_id = SpanId(span_id.value(row).try_into().ok()?);
        let parent = match parent.is_valid(row) {
            true => SpanId(parent.value(row).try_into().unwrap_or_default()),
            false => SpanId::default(),
        };
        let source = source.value(row);
        let derived = !SpanSource::RECEIVED.iter().any(|it| it.as_str() == source);
        let mut marks = Marks::default();
        if derived {
            marks.kind = kind.is_valid(row).then(|| kind.value(row).to_owned());
            marks.running = self.running.is_valid(row) && self.running.value(row);
            if marks.kind.is_none() && rest.is_valid(row) {
                marks = serde_json::from_str(rest.value(row)).unwrap_or_default();
            }
        }
        let start = start.value(row);
        let error = status.value(row) == "error";
        Some(Node {
            key: (trace_id, span_id),
            parent,
            name: name.value(row).to_owned(),
            service: service.value(row).to_owned(),
            start,
            end: Some(start.saturating_add(duration.value(row))),
            kind: marks.kind.as_deref().map_or(RowKind::Span, row_kind),
            flags: if error { FLAG_ERROR } else { 0 }
                | if marks.running { FLAG_RUNNING } else { 0 },
        })
    }
}

/// Our own marks on derived spans, where they have no column.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Marks {
    #[serde(rename = "inquest.kind")]
    kind: Option<String>,
    #[serde(rename = "inquest.running")]
    running: bool,
}

pub(super) fn row_kind(word: &str) -> RowKind {
    match word {
        "execution" => RowKind::Execution,
        "state" => RowKind::State,
        "attempt" => RowKind::Attempt,
        "iteration" => RowKind::Iteration,
        "branch" => RowKind::Branch,
        "invocation" => RowKind::Invocation,
        "init" => RowKind::Init,
        _ => RowKind::Span,
    }
}
