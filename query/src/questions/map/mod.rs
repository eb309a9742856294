//! The service map: what called what in a time, from spans, attempts and hops.

mod build;

use super::parameter;
use crate::{Engine, Error, Options, cells::Cells};
use arrow::array::RecordBatch;
use build::{Call, Execution, Try};
use model::{UnixNanos, api::map::ServiceMap};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use store::Snapshot;

/// Spans that are looked at, the newest first.
const MOST_SPANS: usize = 100_000;
/// Attempts and executions that are looked at.
const MOST_ATTEMPTS: usize = 50_000;
/// Edges of an answer, if nobody says; and at most.
const EDGES: usize = 500;
const MOST_EDGES: usize = 2_000;
/// An input tells within so many characters which queue or table is meant.
const HEAD_OF_INPUT: usize = 2_000;

/// The query string of the map. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MapFilter {
    /// Began then or later: nanoseconds since the epoch or RFC 3339.
    pub from: Option<String>,
    /// Began before.
    pub to: Option<String>,
    /// Only edges at whose ends this state machine is.
    pub state_machine: Option<String>,
    /// Only edges at one of whose ends a node has this name.
    pub service: Option<String>,
    /// Edges of the answer.
    pub limit: Option<usize>,
}

impl Engine {
    /// Who calls whom.
    pub async fn map(&self, snapshot: &Snapshot, filter: &MapFilter) -> Result<ServiceMap, Error> {
        let from = parameter::time("from", &filter.from)?;
        let to = parameter::time("to", &filter.to)?;
        let when = |column: &str| condition(column, from, to);
        let failed = self.failed_hops(snapshot, &when("start_time")).await?;
        let calls = self.calls(snapshot, &when("start_time"), &failed).await?;
        let tries = self.tries(snapshot, &when("start_time")).await?;
        let executions = self.runs(snapshot, &when("start_time")).await?;
        let truncated = calls.len() > MOST_SPANS
            || tries.len() > MOST_ATTEMPTS
            || executions.len() > MOST_ATTEMPTS;
        let mut built = build::build(&calls, &tries, &executions);
        let wanted = |text: &Option<String>| parameter::given(text).map(str::to_owned);
        built.keep(wanted(&filter.state_machine), wanted(&filter.service));
        let edges = filter.limit.unwrap_or(EDGES).clamp(1, MOST_EDGES);
        let mut map = built.map(edges);
        map.truncated |= truncated;
        map.spans = (calls.len() + tries.len()) as u64;
        let starts = || {
            let of_calls = calls.iter().map(|call| (call.start, call.duration));
            of_calls.chain(tries.iter().map(|it| (it.start, it.duration)))
        };
        let first = starts().map(|(start, _)| start).min().unwrap_or_default();
        let last = starts()
            .map(|(start, took)| start.saturating_add(took))
            .max();
        map.from = from.map_or(first, |from| from.0).to_string();
        map.to = to.map_or(last.unwrap_or_default(), |to| to.0).to_string();
        self.name_executions(snapshot, &mut map).await?;
        Ok(map)
    }

    async fn ask(&self, snapshot: &Snapshot, text: &str) -> Result<Vec<RecordBatch>, Error> {
        let answer = self.sql(snapshot, text, &Options::default()).await?;
        answer.collect().await
    }

    async fn calls(
        &self,
        snapshot: &Snapshot,
        when: &str,
        failed: &HashSet<(String, String)>,
    ) -> Result<Vec<Call>, Error> {
        let first = |names: &[&str]| {
            let casts: Vec<String> = names
                .iter()
                .map(|name| format!("CAST(attributes['{name}'] AS VARCHAR)"))
                .collect();
            format!("coalesce({}, '')", casts.join(", "))
        };
        let text = format!(
            "SELECT trace_id, span_id, parent_span_id, service_name, kind, start_time, duration_ns, status_code, source, \
             {} AS own, {} AS proxy, {} AS database, {} AS store, {} AS messaging, {} AS queue, {} AS peer \
             FROM spans WHERE source <> 'workflow' AND {when} ORDER BY start_time DESC LIMIT {}",
            first(&["inquest.kind"]),
            first(&["component", "response_flags"]),
            first(&["db.system.name", "db.system"]),
            first(&[
                "db.namespace",
                "db.name",
                "aws.table_name",
                "db.collection.name"
            ]),
            first(&["messaging.system"]),
            first(&[
                "messaging.destination.name",
                "messaging.destination",
                "aws.queue_url"
            ]),
            first(&[
                "peer.service",
                "upstream_cluster.name",
                "upstream_cluster",
                "server.address",
                "net.peer.name"
            ]),
            MOST_SPANS + 1,
        );
        let mut calls = Vec::new();
        for batch in self.ask(snapshot, &text).await? {
            let cells = Cells(&batch);
            for row in 0..batch.num_rows() {
                let key = (cells.string("trace_id", row), cells.string("span_id", row));
                calls.push(Call {
                    failed: cells.text("status_code", row) == Some("error")
                        || failed.contains(&key),
                    key,
                    parent: cells.string("parent_span_id", row),
                    service: cells.string("service_name", row),
                    kind: cells.string("kind", row),
                    start: cells.int("start_time", row).unwrap_or_default(),
                    duration: cells.int("duration_ns", row).unwrap_or_default(),
                    lambda: cells.text("source", row) == Some("lambda"),
                    own: cells.string("own", row),
                    proxy: cells.text("source", row) == Some("access_log")
                        || cells.text("proxy", row).is_some_and(|it| !it.is_empty()),
                    database: cells.string("database", row),
                    store: cells.string("store", row),
                    messaging: cells.string("messaging", row),
                    queue: cells.string("queue", row),
                    peer: cells.string("peer", row),
                });
            }
        }
        Ok(calls)
    }

    async fn failed_hops(
        &self,
        snapshot: &Snapshot,
        when: &str,
    ) -> Result<HashSet<(String, String)>, Error> {
        let text = format!(
            "SELECT trace_id, span_id FROM hops WHERE outcome IN ('failed', 'upstream_error') AND {when} LIMIT {MOST_SPANS}"
        );
        let mut failed = HashSet::new();
        for batch in self.ask(snapshot, &text).await? {
            let cells = Cells(&batch);
            failed.extend(
                (0..batch.num_rows())
                    .map(|row| (cells.string("trace_id", row), cells.string("span_id", row))),
            );
        }
        Ok(failed)
    }

    async fn tries(&self, snapshot: &Snapshot, when: &str) -> Result<Vec<Try>, Error> {
        let text = format!(
            "SELECT trace_id, span_id, execution_arn, state_machine, resource_type, resource, function_name, \
             child_execution_arn, status, start_time, duration_ns, left(input, {HEAD_OF_INPUT}) AS input \
             FROM attempts WHERE {when} ORDER BY start_time DESC LIMIT {}",
            MOST_ATTEMPTS + 1
        );
        let mut tries = Vec::new();
        for batch in self.ask(snapshot, &text).await? {
            let cells = Cells(&batch);
            tries.extend((0..batch.num_rows()).map(|row| Try {
                key: (cells.string("trace_id", row), cells.string("span_id", row)),
                execution_arn: cells.string("execution_arn", row),
                state_machine: cells.string("state_machine", row),
                resource_type: cells.string("resource_type", row),
                resource: cells.string("resource", row),
                function: cells.maybe("function_name", row),
                child: cells.maybe("child_execution_arn", row),
                failed: matches!(cells.text("status", row), Some("FAILED" | "TIMED_OUT")),
                start: cells.int("start_time", row).unwrap_or_default(),
                ended: cells.int("duration_ns", row).is_some(),
                duration: cells.int("duration_ns", row).unwrap_or_default(),
                input: cells.string("input", row),
            }));
        }
        Ok(tries)
    }

    async fn runs(&self, snapshot: &Snapshot, when: &str) -> Result<Vec<Execution>, Error> {
        let text = format!(
            "SELECT state_machine, status, duration_ns FROM executions WHERE {when} \
             ORDER BY start_time DESC LIMIT {}",
            MOST_ATTEMPTS + 1
        );
        let mut runs = Vec::new();
        for batch in self.ask(snapshot, &text).await? {
            let cells = Cells(&batch);
            runs.extend((0..batch.num_rows()).map(|row| Execution {
                state_machine: cells.string("state_machine", row),
                failed: matches!(
                    cells.text("status", row),
                    Some("FAILED" | "TIMED_OUT" | "ABORTED")
                ),
                duration: cells.int("duration_ns", row),
            }));
        }
        Ok(runs)
    }

    /// Says of the examples to which executions they belong.
    async fn name_executions(
        &self,
        snapshot: &Snapshot,
        map: &mut ServiceMap,
    ) -> Result<(), Error> {
        let unnamed: BTreeSet<String> = map
            .edges
            .iter()
            .flat_map(|edge| &edge.examples)
            .filter(|example| example.execution_arn.is_none())
            .map(|example| format!("'{}'", example.trace_id))
            .collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = unnamed.into_iter().collect();
        let list = list.join(", ");
        let text = format!(
            "SELECT trace_id AS id, execution_arn FROM executions WHERE trace_id IN ({list}) \
             UNION ALL SELECT child_trace_id AS id, execution_arn FROM joins WHERE child_trace_id IN ({list})"
        );
        let mut names: HashMap<String, String> = HashMap::new();
        for batch in self.ask(snapshot, &text).await? {
            let cells = Cells(&batch);
            for row in 0..batch.num_rows() {
                let arn = cells.string("execution_arn", row);
                if !arn.is_empty() {
                    names.entry(cells.string("id", row)).or_insert(arn);
                }
            }
        }
        for example in map.edges.iter_mut().flat_map(|edge| &mut edge.examples) {
            if example.execution_arn.is_none() {
                example.execution_arn = names.get(&example.trace_id).cloned();
            }
        }
        Ok(())
    }
}

fn condition(column: &str, from: Option<UnixNanos>, to: Option<UnixNanos>) -> String {
    let from = from.map(|from| format!("{column} >= to_timestamp_nanos({})", from.0));
    let to = to.map(|to| format!("{column} < to_timestamp_nanos({})", to.0));
    let both: Vec<String> = from.into_iter().chain(to).collect();
    match both.is_empty() {
        true => "true".to_owned(),
        false => both.join(" AND "),
    }
}
