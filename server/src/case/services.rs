//! Suspects in plain traces and logs: what is held of a symptom and of a baseline, read lean, and compared.

use super::{numbers, spoken};
use crate::{clock, core::Core, times};
use analysis::exceptions::told;
use analysis::services::{self, Hop, Line, Period};
use anyhow::{Context, Result, bail};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use model::{SpanKind, TraceId, UnixNanos, Verdict};
use query::{Engine, Options};
use std::{collections::HashSet, sync::Arc};
use store::Store;

/// Spans and log records that are read of one side.
const MOST_SPANS: usize = 3_000_000;
const MOST_LINES: usize = 2_000_000;

/// What is held, and who answers questions about it.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    /// What is held.
    pub store: &'a Store,
    /// Answers questions.
    pub engine: &'a Engine,
}

impl<'a> From<&'a Core> for Held<'a> {
    fn from(core: &'a Core) -> Self {
        Held {
            store: &core.store,
            engine: &core.engine,
        }
    }
}

/// Which traces and logs: a SELECT that yields `trace_id`, a condition on `spans`, or a time range `FROM..TO`.
#[derive(Debug, Clone, PartialEq)]
enum Which {
    Between(i64, i64),
    Traces(String),
}

/// Compares a symptom with a baseline. A trace that fits both is the symptom's: a baseline may be said as wide as `true`.
///
/// # Errors
/// When one of them is no question, or cannot be answered.
pub async fn explain(held: Held<'_>, symptom: &str, baseline: &str) -> Result<Verdict> {
    let now = period(held, symptom).await.context("the symptom")?;
    let mut before = period(held, baseline).await.context("the baseline")?;
    let cut =
        [&now, &before].map(|it| it.spans.len() >= MOST_SPANS || it.lines.len() >= MOST_LINES);
    if now.spans.is_empty() && now.lines.is_empty() {
        bail!("the symptom '{symptom}' fits no span and no log record");
    }
    let ill = now.spans.iter().map(|it| it.trace_id);
    let ill: HashSet<TraceId> = ill.chain(now.lines.iter().map(|it| it.trace_id)).collect();
    let both = |id: &TraceId| *id != TraceId::default() && ill.contains(id);
    let fitted = before.spans.len() + before.lines.len();
    before.spans.retain(|it| !both(&it.trace_id));
    before.lines.retain(|it| !both(&it.trace_id));
    if fitted > 0 && before.spans.is_empty() && before.lines.is_empty() {
        bail!(
            "the baseline '{baseline}' fits no trace outside of the symptom: say which traces were well"
        );
    }
    let about = symptom.to_owned();
    let judged = tokio::task::spawn_blocking(move || {
        let (mut now, mut before) = (now, before);
        services::lend(&mut now);
        services::lend(&mut before);
        services::explain(&about, &now, &before)
    });
    let mut verdict = judged.await?;
    for (side, _) in ["symptom", "baseline"].iter().zip(cut).filter(|it| it.1) {
        verdict.missing.push(format!(
            "the {side} is larger than what is looked at ({MOST_SPANS} spans, {MOST_LINES} log records): ask for less of it"
        ));
    }
    Ok(verdict)
}

fn read(question: &str) -> Result<Which> {
    let text = question.trim().trim_end_matches(';');
    if text.is_empty() {
        bail!("say a SELECT that yields trace_id, a condition on spans, or a time range FROM..TO");
    }
    let now = clock::now();
    if let Some((from, to)) = text.split_once("..")
        && let (Some(UnixNanos(from)), Some(UnixNanos(to))) =
            (times::read(from, now), times::read(to, now))
    {
        if to <= from {
            bail!("the time range {text} ends before it begins");
        }
        return Ok(Which::Between(from, to));
    }
    let lower = text.to_ascii_lowercase();
    let selects = lower.starts_with("select") || lower.starts_with("with");
    Ok(Which::Traces(match selects {
        // By a name of its own: else a trace_id that the question does not yield is taken from around it.
        true => format!("SELECT asked.trace_id FROM ({text}) AS asked"),
        false => format!("SELECT trace_id FROM spans WHERE {text}"),
    }))
}

async fn period(held: Held<'_>, question: &str) -> Result<Period> {
    let which = read(question)?;
    // Application spans only: those of workflows are derived, and judged by `explain EXECUTION`.
    let (of_spans, of_logs) = match &which {
        Which::Between(from, to) => (
            format!(
                "start_time >= to_timestamp_nanos({from}) AND start_time < to_timestamp_nanos({to})"
            ),
            format!("time >= to_timestamp_nanos({from}) AND time < to_timestamp_nanos({to})"),
        ),
        Which::Traces(select) => (
            format!("trace_id IN ({select})"),
            format!("trace_id IN ({select})"),
        ),
    };
    let spans = spans(held, &of_spans).await?;
    let mut lines = lines(held, &of_logs).await?;
    // Lines that name no trace: those of the same time.
    if matches!(which, Which::Traces(_)) {
        let from = spans.iter().map(|it| it.start.0).min();
        let to = spans
            .iter()
            .map(|it| it.start.0.saturating_add(it.duration_ns))
            .max();
        if let (Some(from), Some(to)) = (from, to) {
            let within = format!(
                "trace_id IS NULL AND time >= to_timestamp_nanos({from}) AND time <= to_timestamp_nanos({to})"
            );
            lines.extend(self::lines(held, &within).await?);
        }
    }
    Ok(Period { spans, lines })
}

async fn ask(held: Held<'_>, question: &str) -> Result<Vec<RecordBatch>> {
    let snapshot = held.store.snapshot();
    let answer = held
        .engine
        .sql(&snapshot, question, &Options::default())
        .await;
    let answer = answer.map_err(|error| anyhow::anyhow!("{}", error.problem().error))?;
    answer
        .collect()
        .await
        .map_err(|error| anyhow::anyhow!("{}", error.problem().error))
}

/// The first of these attributes that spans have in a column, or null.
fn attribute(held: Held<'_>, names: &[&str]) -> String {
    let schema = held.store.snapshot().schema(store::Table::Spans);
    let held: Vec<String> = names
        .iter()
        .filter(|name| {
            schema
                .index_of(&format!("{}{name}", store::tables::ATTRIBUTE_PREFIX))
                .is_ok()
        })
        .map(|name| format!("CAST(attributes['{name}'] AS VARCHAR)"))
        .collect();
    match held.is_empty() {
        true => "CAST(NULL AS VARCHAR)".to_owned(),
        false => format!("COALESCE({})", held.join(", ")),
    }
}

/// The first of these attributes of a span's resource, or of the span itself, or null.
fn place(held: Held<'_>, names: &[&str]) -> String {
    let own = attribute(held, names);
    let resource = names
        .iter()
        .map(|name| format!("json_get_text(resource, '{name}')"));
    let all: Vec<String> = resource.chain([own]).collect();
    format!("COALESCE({})", all.join(", "))
}

async fn spans(held: Held<'_>, condition: &str) -> Result<Vec<Hop>> {
    let status = attribute(held, &["http.response.status_code", "http.status_code"]);
    let peer = attribute(
        held,
        &[
            "peer.service",
            "upstream_cluster",
            "upstream_cluster.name",
            "server.address",
            "net.peer.name",
            "db.namespace",
            "db.name",
            "messaging.destination.name",
            "messaging.destination",
            "rpc.service",
            "aws.remote.service",
            "db.system.name",
            "db.system",
        ],
    );
    let host = place(held, &["host.name", "k8s.node.name", "host.id"]);
    let pod = place(
        held,
        &["k8s.pod.name", "container.id", "service.instance.id"],
    );
    let release = place(held, &["service.version", "container.image.tag"]);
    let amounts = numbers::columns(&held.store.snapshot().schema(store::Table::Spans));
    let told = numbers::selected(&amounts);
    let flags = attribute(held, &["response_flags", "envoy.response_flags"]);
    let canonical = attribute(held, &["istio.canonical_service"]);
    let marked = attribute(held, &["error"]);
    let rpc = attribute(held, &["rpc.grpc.status_code", "rpc.response.status_code"]);
    let question = format!(
        "SELECT trace_id, span_id, parent_span_id, service_name, name, kind, CAST(start_time AS BIGINT) AS began, duration_ns, \
         status_code, status_message, {status} AS http_status, {peer} AS peer, {host} AS host, {pod} AS pod, \
         {release} AS release, {flags} AS flags, CASE WHEN status_code = 'error' THEN events END AS thrown, \
         attributes AS rest, {canonical} AS canonical, {rpc} AS rpc, {marked} AS marked{told} \
         FROM spans WHERE source NOT IN ('workflow', 'lambda') AND ({condition}) LIMIT {MOST_SPANS}"
    );
    let mut found = Vec::new();
    let mut words = Words::default();
    for batch in ask(held, &question).await? {
        let text = Texts::of(
            &batch,
            &[
                0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
            ],
        )?;
        let told = numbers::Told::of(&batch, 21, &amounts)?;
        let began = cast(batch.column(6), &DataType::Int64)?;
        let took = cast(batch.column(7), &DataType::Int64)?;
        for row in 0..batch.num_rows() {
            let code: u32 = text.get(8, row).parse().unwrap_or(0);
            let flagged = spoken::flagged(text.get(13, row));
            let said = spoken::message(text.get(7, row), text.get(14, row), code, flagged);
            let filled = |it: &str| !matches!(it, "" | "-");
            found.push(Hop {
                trace_id: text.get(0, row).parse().unwrap_or_default(),
                span_id: text.get(1, row).parse().unwrap_or_default(),
                parent_span_id: text.get(2, row).parse().unwrap_or_default(),
                service: words.of(spoken::service(text.get(3, row), text.get(16, row))),
                name: words.of(text.get(4, row)),
                kind: kind(text.get(5, row)),
                start: UnixNanos(began.as_primitive::<Int64Type>().value(row)),
                duration_ns: took.as_primitive::<Int64Type>().value(row),
                failed: text.get(6, row).eq_ignore_ascii_case("error")
                    || code >= 500
                    || flagged.is_some()
                    // OpenTracing's mark, which some bridges leave an attribute.
                    || text.get(18, row) == "true",
                message: words.of(&said),
                lent: false,
                broke: code >= 500 || spoken::broke(text.get(17, row)),
                peer: Some(words.of(text.get(9, row))).filter(|it| filled(it)),
                host: Some(words.of(text.get(10, row))).filter(|it| !it.is_empty()),
                pod: Some(words.of(text.get(11, row))).filter(|it| !it.is_empty()),
                release: Some(words.of(text.get(12, row))).filter(|it| !it.is_empty()),
                amounts: told.row(row, text.get(15, row)),
            });
        }
    }
    Ok(found)
}

async fn lines(held: Held<'_>, condition: &str) -> Result<Vec<Line>> {
    let question = format!(
        "SELECT log_id, trace_id, service_name, CAST(time AS BIGINT) AS at, CAST(severity_number AS BIGINT) AS severity, body, \
         CASE WHEN severity_number >= 13 THEN attributes['exception.type'] END AS kind, \
         CASE WHEN severity_number >= 13 THEN attributes['exception.message'] END AS message \
         FROM logs WHERE {condition} LIMIT {MOST_LINES}"
    );
    let mut found = Vec::new();
    let mut words = Words::default();
    for batch in ask(held, &question).await? {
        let text = Texts::of(&batch, &[0, 1, 2, 5, 6, 7])?;
        let at = cast(batch.column(3), &DataType::Int64)?;
        let severity = cast(batch.column(4), &DataType::Int64)?;
        for row in 0..batch.num_rows() {
            found.push(Line {
                log_id: text.get(0, row).parse().unwrap_or_default(),
                trace_id: text.get(1, row).parse().unwrap_or_default(),
                service: words.of(text.get(2, row)),
                time: UnixNanos(at.as_primitive::<Int64Type>().value(row)),
                severity: u8::try_from(severity.as_primitive::<Int64Type>().value(row))
                    .unwrap_or(0),
                body: told(text.get(3, row), text.get(4, row), text.get(5, row)).into_owned(),
            });
        }
    }
    Ok(found)
}

/// Names that repeat over millions of rows, each held once.
#[derive(Default)]
struct Words(HashSet<Arc<str>>);

impl Words {
    fn of(&mut self, word: &str) -> Arc<str> {
        if let Some(held) = self.0.get(word) {
            return held.clone();
        }
        let new: Arc<str> = word.into();
        self.0.insert(new.clone());
        new
    }
}

/// Text columns of a batch.
struct Texts(Vec<arrow::array::ArrayRef>);

impl Texts {
    fn of(batch: &RecordBatch, columns: &[usize]) -> Result<Self> {
        let all: Result<Vec<_>, _> = columns
            .iter()
            .map(|n| cast(batch.column(*n), &DataType::Utf8))
            .collect();
        Ok(Texts(all?))
    }

    fn get(&self, column: usize, row: usize) -> &str {
        let column = self.0[column].as_string::<i32>();
        if column.is_null(row) {
            ""
        } else {
            column.value(row)
        }
    }
}

fn kind(word: &str) -> SpanKind {
    match word {
        "internal" => SpanKind::Internal,
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds_of_questions_are_understood() {
        let check = |text: &str, expect: Which| assert_eq!(read(text).expect("understood"), expect);
        check(
            "1970-01-01T00:00:01Z..1970-01-01T00:00:02Z",
            Which::Between(1_000_000_000, 2_000_000_000),
        );
        check(
            "service_name = 'a'",
            Which::Traces("SELECT trace_id FROM spans WHERE service_name = 'a'".into()),
        );
        check(
            "SELECT trace_id FROM logs;",
            Which::Traces("SELECT asked.trace_id FROM (SELECT trace_id FROM logs) AS asked".into()),
        );
        assert!(read(" ").is_err());
        assert!(read("1970-01-01T00:00:02Z..1970-01-01T00:00:01Z").is_err());
    }
}
