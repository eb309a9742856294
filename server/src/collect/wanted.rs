//! What executions that are held still lack: asked in SQL, here or of a running server.

use crate::{client::Client, clock};
use anyhow::{Context, Result};
use collectors::collect::{Wanted, WantedFunction, WantedJob};
use model::UnixNanos;
use query::{Engine, Format, Options};
use serde_json::Value;
use std::collections::BTreeMap;
use store::Store;

/// How far back executions are looked at.
const LOOKBACK: i64 = 14 * 24 * 3_600 * 1_000_000_000;
/// The most of each kind that one answer holds.
const MOST: usize = 5_000;
/// Executions that one question names.
const AT_ONCE: usize = 500;

/// Who answers questions in SQL.
#[derive(Clone)]
pub enum Asker {
    /// The data of this process.
    Here(Store, Engine),
    /// A running server.
    There(Client),
}

impl Asker {
    /// What is wanted now. What cannot be found out is not wanted this time.
    pub async fn wanted(&self) -> Wanted {
        let since = clock::now().0.saturating_sub(LOOKBACK);
        Wanted {
            functions: self.functions(since).await.unwrap_or_else(complain),
            jobs: self.jobs(since).await.unwrap_or_else(complain),
            xray_traces: self.xray(since).await.unwrap_or_else(complain),
        }
    }

    /// Which of these executions have ended and are held with all their events, by ARN, and how often each
    /// was redriven. What cannot be found out is not said.
    pub async fn whole(&self, arns: &[String]) -> BTreeMap<String, u32> {
        let mut whole = BTreeMap::new();
        for part in arns.chunks(AT_ONCE) {
            let names: Vec<String> = part.iter().map(|arn| quoted(arn)).collect();
            let question = format!(
                "SELECT execution_arn, redrive_count FROM executions WHERE execution_arn IN ({}) AND events > 0 \
                 AND status IN ('SUCCEEDED', 'FAILED', 'ABORTED', 'TIMED_OUT') AND events = expected_events",
                names.join(", ")
            );
            let rows = self.rows(&question).await.unwrap_or_else(complain);
            let redrives = |row: &Value| row["redrive_count"].as_u64().unwrap_or_default();
            whole.extend(rows.iter().map(|row| {
                let redrives = u32::try_from(redrives(row)).unwrap_or(u32::MAX);
                (text(row, "execution_arn"), redrives)
            }));
        }
        whole
    }

    async fn functions(&self, since: i64) -> Result<Vec<WantedFunction>> {
        let rows = self
            .rows(&format!(
                "SELECT a.function_name AS name, e.region AS region, e.account AS account, \
                 CAST(CAST(max(a.start_time) AS BIGINT) AS VARCHAR) AS last, \
                 CAST(CAST(min(CASE WHEN j.child_span_id IS NULL THEN a.start_time END) AS BIGINT) AS VARCHAR) AS missing \
                 FROM attempts a JOIN executions e ON e.trace_id = a.trace_id \
                 LEFT JOIN joins j ON j.trace_id = a.trace_id AND j.parent_span_id = a.span_id AND j.child_kind = 'invocation' \
                 WHERE a.function_name IS NOT NULL AND a.start_time >= to_timestamp_nanos({since}) \
                 GROUP BY a.function_name, e.region, e.account ORDER BY last DESC LIMIT {MOST}"
            ))
            .await?;
        Ok(rows
            .iter()
            .map(|row| WantedFunction {
                name: text(row, "name"),
                region: text(row, "region"),
                account: text(row, "account"),
                missing_since: time(row, "missing"),
                last: time(row, "last").unwrap_or_default(),
            })
            .collect())
    }

    async fn jobs(&self, since: i64) -> Result<Vec<WantedJob>> {
        let rows = self
            .rows(&format!(
                "SELECT DISTINCT a.job_id AS id, a.resource_type AS service, e.region AS region, e.account AS account \
                 FROM attempts a JOIN executions e ON e.trace_id = a.trace_id \
                 LEFT JOIN jobs b ON b.job_id = a.job_id AND b.end_time IS NOT NULL \
                 WHERE a.job_id IS NOT NULL AND a.resource_type IN ('ecs', 'batch') AND b.job_id IS NULL \
                 AND a.start_time >= to_timestamp_nanos({since}) LIMIT {MOST}"
            ))
            .await?;
        Ok(rows
            .iter()
            .map(|row| WantedJob {
                service: text(row, "service"),
                id: text(row, "id"),
                region: text(row, "region"),
                account: text(row, "account"),
            })
            .collect())
    }

    async fn xray(&self, since: i64) -> Result<Vec<String>> {
        let rows = self
            .rows(&format!(
                "SELECT DISTINCT x AS id FROM ( \
                 SELECT xray_trace_id AS x FROM attempts WHERE xray_trace_id IS NOT NULL AND start_time >= to_timestamp_nanos({since}) \
                 UNION SELECT xray_trace_id AS x FROM invocations WHERE xray_trace_id IS NOT NULL AND xray_segment_id IS NOT NULL \
                 AND start_time >= to_timestamp_nanos({since})) LIMIT {MOST}"
            ))
            .await?;
        Ok(rows.iter().map(|row| text(row, "id")).collect())
    }

    async fn rows(&self, question: &str) -> Result<Vec<Value>> {
        let bytes = match self {
            Asker::There(client) => client.sql(question, "json").await?.bytes().await?.to_vec(),
            Asker::Here(store, engine) => {
                let answer = engine
                    .sql(&store.snapshot(), question, &Options::default())
                    .await?;
                query::format::write_all(answer, Format::Json).await?
            }
        };
        serde_json::from_slice(&bytes).context("an answer that is not a list of rows")
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn complain<T>(error: anyhow::Error) -> Vec<T> {
    tracing::debug!(
        error = format!("{error:#}"),
        "cannot find out what is wanted"
    );
    Vec::new()
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

fn time(row: &Value, name: &str) -> Option<UnixNanos> {
    row[name].as_str()?.parse().ok().map(UnixNanos)
}
