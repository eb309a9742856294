//! The table `sources`.

use super::Sources;
use model::api::sources::{QuotaUse, SourceRow, SourceState};
use query::Engine;
use serde::Serialize;
use serde_json::Value;
use state::State;
use std::collections::BTreeMap;
use store::StateTable;

/// Collection of how sources stood, in the operational state.
const STOOD: &str = "sources";

#[derive(Serialize)]
struct Row {
    source: String,
    kind: String,
    mode: String,
    state: &'static str,
    detail: String,
    place: String,
    lag_ns: Option<i64>,
    records: u64,
    records_per_s: f64,
    following: u64,
    calls: u64,
    throttled: u64,
    waited_ms: u64,
    busiest_api: Option<String>,
    quota_used: Option<f64>,
    quotas: String,
    last_error: Option<String>,
    advice: Option<String>,
    failures: u32,
    last_error_at: Option<i64>,
    last_taken: Option<i64>,
    last_poll: Option<i64>,
    next_poll: Option<i64>,
}

/// Shows how the sources stand in SQL; of those of an earlier run, how they stood at its end.
pub fn show(engine: &Engine, sources: Sources, state: State) {
    engine.show(StateTable::Sources, move || {
        let stood = state.list::<Value>(STOOD);
        let stood = stood.map_err(|error| query::Error::Engine(error.to_string()))?;
        // What another version of Inquest kept may read otherwise.
        let read = |(name, row)| Some((name, serde_json::from_value(row).ok()?));
        let stood = stood.into_iter().filter_map(read).collect();
        query::extra::batch(StateTable::Sources, &rows(&sources, stood))
    });
}

/// Keeps how a source stands, for when this run has ended.
pub(super) fn keep(sources: &Sources, state: &State, name: &str) {
    let row = sources.page().rows.into_iter().find(|row| row.name == name);
    if let Some(row) = row
        && let Err(error) = state.put(STOOD, name, &row)
    {
        tracing::warn!(source = name, %error, "how it stands cannot be kept");
    }
}

fn rows(sources: &Sources, stood: Vec<(String, SourceRow)>) -> Vec<Row> {
    let stopped = |(name, mut row): (String, SourceRow)| {
        row.state = SourceState::Stopped;
        row.next_poll = None;
        row.records_per_s = 0.0;
        (name, row)
    };
    let mut all: BTreeMap<String, SourceRow> = stood.into_iter().map(stopped).collect();
    all.extend(
        sources
            .page()
            .rows
            .into_iter()
            .map(|row| (row.name.clone(), row)),
    );
    all.into_values().map(Row::of).collect()
}

impl Row {
    fn of(row: SourceRow) -> Row {
        let time = |text: &Option<String>| text.as_deref()?.parse().ok();
        let sum =
            |count: fn(&QuotaUse) -> u64| row.quotas.iter().map(count).fold(0, u64::saturating_add);
        let used = |quota: &QuotaUse| quota.used_per_s / quota.allowed_per_s;
        let limited = row.quotas.iter().filter(|quota| quota.allowed_per_s > 0.0);
        let busiest = limited.max_by(|a, b| used(a).total_cmp(&used(b)));
        let error = row.last_error.as_ref();
        Row {
            state: row.state.as_str(),
            lag_ns: row.lag_ns,
            records: row.records,
            records_per_s: row.records_per_s,
            following: row.following,
            calls: sum(|quota| quota.calls),
            throttled: sum(|quota| quota.throttled),
            waited_ms: sum(|quota| quota.waited_ms),
            busiest_api: busiest.map(|quota| quota.api.clone()),
            quota_used: busiest.map(used),
            quotas: serde_json::to_string(&row.quotas).unwrap_or_default(),
            last_error: error.map(|error| error.message.clone()),
            advice: error.map(|error| error.advice.clone()),
            failures: error.map_or(0, |error| error.times),
            last_error_at: error.and_then(|error| error.time.parse().ok()),
            last_taken: time(&row.last_taken),
            last_poll: time(&row.last_poll),
            next_poll: time(&row.next_poll),
            source: row.name,
            kind: row.kind,
            mode: row.mode,
            detail: row.detail,
            place: row.place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collectors::collect::{About, Meter, Round};

    #[test]
    fn what_runs_hides_how_it_stood() {
        let about = |name: &str| About {
            name: name.to_owned(),
            ..About::default()
        };
        let earlier = Sources::default();
        earlier.add(about("a"), Meter::default());
        earlier.add(about("b"), Meter::default());
        let stood = earlier
            .page()
            .rows
            .into_iter()
            .map(|row| (row.name.clone(), row));
        let now = Sources::default();
        let meter = Meter::default();
        now.add(about("b"), meter.clone());
        meter.count("states:ListExecutions", |it| {
            it.calls += 3;
            it.throttled += 1;
            it.allowed_per_s = 1.25;
        });
        now.ended("b", &Round::default());
        let rows = rows(&now, stood.collect());
        let line = |row: &Row| (row.source.clone(), row.state, row.calls, row.throttled);
        assert_eq!(
            rows.iter().map(line).collect::<Vec<_>>(),
            [("a".into(), "stopped", 0, 0), ("b".into(), "working", 3, 1)]
        );
        assert_eq!(
            rows[1].busiest_api.as_deref(),
            Some("states:ListExecutions")
        );
        assert!(rows[1].last_poll.is_some() && rows[1].quotas.contains("1.25"));
    }
}
