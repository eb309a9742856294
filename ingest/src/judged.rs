//! Which of the rows that OTLP brought are to be judged at once: joins and hops are derived from them.

use arrow::{
    array::{Array, AsArray, BooleanArray, BooleanBuilder, RecordBatch, StringArray},
    compute::filter_record_batch,
};
use model::Batch;
use store::EntryKind;

/// Attributes of spans that name a Lambda invocation, or that only a proxy sets.
const OF_SPANS: [&str; 5] = [
    "faas.invocation_id",
    "aws.request_id",
    "response_flags",
    "upstream_cluster",
    "upstream_cluster.name",
];
/// Services that are proxies without saying so in an attribute: Knative's.
const PROXIES: [&str; 3] = ["activator", "activator-service", "queue-proxy"];
/// Attributes of log records that only a proxy sets.
const OF_LOGS: [&str; 3] = [
    "response_flags",
    "response_code_details",
    "upstream_cluster",
];
/// What Envoy's OpenTelemetry access logger adds to its resource.
const RESOURCE: &str = "\"log_name\"";

/// The facts among these rows that are to be judged; `None` if there are none.
pub(crate) fn judged(kind: EntryKind, rows: &RecordBatch) -> Option<Batch> {
    let mut batch = Batch::default();
    match kind {
        EntryKind::OtlpLogs => {
            let named = chosen(rows, &OF_LOGS, "resource", |text| text.contains(RESOURCE))?;
            batch.logs = store::rows::read_logs(&named).ok()?;
        }
        _ => {
            let named = chosen(rows, &OF_SPANS, "service_name", |name| {
                PROXIES.contains(&name)
            })?;
            batch.spans = store::rows::read_spans(&named).ok()?;
        }
    }
    Some(batch)
}

/// The rows that have one of the attributes, in a column or among the rest, or whose `text` column fits.
fn chosen(
    rows: &RecordBatch,
    attributes: &[&str],
    text: &str,
    fits: impl Fn(&str) -> bool,
) -> Option<RecordBatch> {
    let columns: Vec<_> = attributes
        .iter()
        .filter_map(|name| rows.column_by_name(&format!("attributes.{name}")))
        .filter(|column| column.null_count() < column.len())
        .collect();
    let strings = |name: &str| rows.column_by_name(name)?.as_string_opt::<i32>();
    let (rest, text) = (strings("attributes"), strings(text));
    let quoted: Vec<String> = attributes
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    let mut wanted = BooleanBuilder::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        fn value(column: Option<&StringArray>, row: usize) -> Option<&str> {
            column.filter(|it| it.is_valid(row)).map(|it| it.value(row))
        }
        let of_column = columns.iter().any(|column| column.is_valid(row));
        let of_rest = || {
            value(rest, row)
                .is_some_and(|rest| quoted.iter().any(|name| rest.contains(name.as_str())))
        };
        let of_text = || value(text, row).is_some_and(&fits);
        wanted.append_value(of_column || of_rest() || of_text());
    }
    let wanted: BooleanArray = wanted.finish();
    if wanted.true_count() == 0 {
        return None;
    }
    filter_record_batch(rows, &wanted).ok()
}
