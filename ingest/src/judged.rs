//! Which of the rows that OTLP brought are to be judged at once: joins and hops are derived from them.

use arrow::{
    array::{Array, AsArray, BooleanArray, BooleanBuilder, Int32Array, RecordBatch, StringArray},
    compute::filter_record_batch,
    datatypes::Int32Type,
};
use model::{Batch, TraceId};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};
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

/// Bytes of text that rows share and that are written out at once, at most.
const MOST_SHARED: usize = 32 << 20;

/// Traces of which somebody waits for spans, and who: the traces of executions that sent their context.
/// Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<RwLock<BTreeMap<TraceId, TraceId>>>);

/// Traces that are watched at once; those with the smallest ids go first.
const WATCHED: usize = 200_000;

impl Watched {
    /// Watches a trace for somebody.
    pub fn watch(&self, trace: TraceId, who: TraceId) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(trace, who);
        if all.len() > WATCHED {
            all.pop_first();
        }
    }

    /// Who waits for spans of this trace.
    pub fn who(&self, trace: TraceId) -> Option<TraceId> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&trace).copied()
    }

    /// The rows whose trace is watched, in order.
    fn among(&self, rows: &RecordBatch) -> Vec<usize> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let ids = rows.column_by_name("trace_id");
        let Some(ids) = ids.and_then(|it| it.as_binary_opt::<i32>()) else {
            return Vec::new();
        };
        let held = |row: &usize| {
            let id = <[u8; 16]>::try_from(ids.value(*row)).unwrap_or_default();
            ids.is_valid(*row) && all.contains_key(&TraceId(id))
        };
        match all.is_empty() {
            true => Vec::new(),
            false => (0..rows.num_rows()).filter(held).collect(),
        }
    }
}

/// The rows that are to be judged, in parts that are small enough to be written out: what rows share is small only as
/// long as they share it.
pub(crate) fn judged(kind: EntryKind, rows: &RecordBatch, watched: &Watched) -> Vec<RecordBatch> {
    let named = match kind {
        EntryKind::OtlpLogs => {
            let proxy = |text: &str| text.contains(RESOURCE);
            chosen(rows, &OF_LOGS, "resource", proxy, &[])
        }
        _ => {
            let proxy = |name: &str| PROXIES.contains(&name);
            let traces = watched.among(rows);
            chosen(rows, &OF_SPANS, "service_name", proxy, &traces)
        }
    };
    named.map_or_else(Vec::new, |named| store::in_parts(&named, MOST_SHARED))
}

/// The facts in such rows.
pub(crate) fn facts(kind: EntryKind, rows: &RecordBatch) -> Option<Batch> {
    let rows = store::plain(rows).ok()?;
    let mut batch = Batch::default();
    match kind {
        EntryKind::OtlpLogs => batch.logs = store::rows::read_logs(&rows).ok()?,
        _ => batch.spans = store::rows::read_spans(&rows).ok()?,
    }
    Some(batch)
}

/// The rows that have one of the attributes, in a column or among the rest, or whose `text` column fits.
fn chosen(
    rows: &RecordBatch,
    attributes: &[&str],
    text: &str,
    fits: impl Fn(&str) -> bool,
    also: &[usize],
) -> Option<RecordBatch> {
    let columns: Vec<_> = attributes
        .iter()
        .filter_map(|name| rows.column_by_name(&format!("attributes.{name}")))
        .filter(|column| column.null_count() < column.len())
        .collect();
    let rest = rows
        .column_by_name("attributes")
        .and_then(|it| it.as_string_opt::<i32>());
    let text = Text::of(rows, text, fits);
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
        let of_text = || text.as_ref().is_some_and(|text| text.fits(row));
        let named = || also.binary_search(&row).is_ok();
        wanted.append_value(of_column || of_rest() || of_text() || named());
    }
    let wanted: BooleanArray = wanted.finish();
    if wanted.true_count() == 0 {
        return None;
    }
    filter_record_batch(rows, &wanted).ok()
}

/// Which rows have a text that fits; each text is looked at once, however many rows share it.
enum Text<'a, F> {
    Each(&'a StringArray, F),
    Shared(&'a Int32Array, Vec<bool>),
}

impl<'a, F: Fn(&str) -> bool> Text<'a, F> {
    fn of(rows: &'a RecordBatch, name: &str, fits: F) -> Option<Self> {
        let column = rows.column_by_name(name)?;
        if let Some(shared) = column.as_dictionary_opt::<Int32Type>() {
            let values = shared.values().as_string_opt::<i32>()?;
            let which = values.iter().map(|it| it.is_some_and(&fits)).collect();
            return Some(Text::Shared(shared.keys(), which));
        }
        Some(Text::Each(column.as_string_opt::<i32>()?, fits))
    }

    fn fits(&self, row: usize) -> bool {
        match self {
            Text::Each(text, fits) => text.is_valid(row) && fits(text.value(row)),
            Text::Shared(keys, which) => {
                let number = keys.is_valid(row).then(|| keys.value(row));
                number.is_some_and(|it| which.get(it as usize).is_some_and(|it| *it))
            }
        }
    }
}
