//! Who burns a budget: what the bad events have in common that the good ones have not, and examples.

use super::{board::Unit, incidents::Incident};
use arrow::array::{Array, AsArray};
use arrow::{
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use model::{
    UnixNanos,
    api::slo::{Contributor, ExampleExecution},
};
use notify::{
    Kind, Notification,
    notification::{Budget, Burn, Culprit, Example, Incident as IncidentRef, SloRef},
};
use query::{Engine, Options};
use slo::{Indicator, Measure, definition::Test, duration, evaluate::Moment, measure::Over};
use store::Snapshot;

/// Contributors that are told.
const MOST_CONTRIBUTORS: usize = 8;
/// Values looked at of each dimension.
const MOST_VALUES: usize = 5;

/// Who burns.
#[derive(Debug, Clone, Default)]
pub struct Culprits {
    /// The greatest first.
    pub contributors: Vec<Contributor>,
    /// Executions to look at.
    pub examples: Vec<ExampleExecution>,
    /// What the inquests into bad executions found.
    pub verdict: Option<String>,
}

/// Columns that may explain a failure.
fn dimensions(over: Over) -> &'static [&'static str] {
    match over {
        Over::Executions => &[
            "root_state",
            "root_error",
            "state_machine_version",
            "state_machine",
        ],
        Over::States => &["state", "error", "state_machine"],
        Over::Attempts => &["function_name", "error", "resource", "state"],
        Over::Invocations => &[
            "function_name",
            "error_type",
            "function_version",
            "cold_start_kind",
        ],
        Over::Spans => &["service_name", "name", "status_message"],
    }
}

/// The culprits of an alert: of the longest window of the rules that fire.
pub async fn of_alert(engine: &Engine, snapshot: &Snapshot, unit: &Unit, now: i64) -> Culprits {
    let firing = unit.slo.rules.iter().filter(|rule| {
        unit.memory
            .rules
            .get(&rule.id)
            .is_some_and(|it| it.firing_since.is_some())
    });
    let long = firing
        .map(slo::definition::Rule::longest)
        .min()
        .unwrap_or(3_600)
        .max(3_600);
    of(engine, snapshot, unit, now - long, now).await
}

/// The culprits of a stretch of time. What cannot be found out is left out: an alert must not wait for it.
pub async fn of(engine: &Engine, snapshot: &Snapshot, unit: &Unit, from: i64, to: i64) -> Culprits {
    let Indicator::Measured(measure) = &unit.slo.indicator else {
        return Culprits::default();
    };
    let mut culprits = Culprits::default();
    let place = place(unit, measure, from, to);
    for dimension in dimensions(measure.over) {
        match contributors(engine, snapshot, measure, dimension, &place).await {
            Ok(found) => culprits.contributors.extend(found),
            Err(error) => tracing::debug!(%error, dimension, "no contributors"),
        }
    }
    culprits.contributors.sort_by(|a, b| {
        let weight = |it: &Contributor| it.share * it.lift.unwrap_or(100.0).min(100.0).ln_1p();
        weight(b).total_cmp(&weight(a))
    });
    culprits.contributors.truncate(MOST_CONTRIBUTORS);
    match examples(engine, snapshot, measure, &place).await {
        Ok(found) => culprits.examples = found,
        Err(error) => tracing::debug!(%error, "no examples"),
    }
    let first = culprits.examples.clone();
    if let Some(contributor) = culprits.contributors.first_mut() {
        contributor.examples = first;
    }
    culprits.verdict = verdict(engine, snapshot, measure, &place).await;
    culprits
}

/// The events of a unit in a stretch of time.
fn place(unit: &Unit, measure: &Measure, from: i64, to: i64) -> String {
    let part = group_condition(unit);
    format!(
        "{} WHERE end_time >= to_timestamp_nanos({}) AND end_time < to_timestamp_nanos({}) AND ({}){part}",
        measure.over.table(),
        from.saturating_mul(1_000_000_000),
        to.saturating_mul(1_000_000_000),
        measure.valid_sql()
    )
}

fn group_condition(unit: &Unit) -> String {
    match (&unit.slo.group_by, &unit.group) {
        (Some(column), Some(value)) => {
            format!(
                " AND coalesce(CAST({column} AS VARCHAR), '') = {}",
                slo::measure::quote(value)
            )
        }
        _ => String::new(),
    }
}

async fn rows(
    engine: &Engine,
    snapshot: &Snapshot,
    question: &str,
) -> Result<Vec<arrow::array::RecordBatch>, query::Error> {
    let options = Options {
        time: Some(std::time::Duration::from_secs(20)),
        ..Options::default()
    };
    engine
        .sql(snapshot, question, &options)
        .await?
        .collect()
        .await
}

/// A cell as text.
fn text(batch: &arrow::array::RecordBatch, column: usize, row: usize) -> Option<String> {
    let array = cast(batch.column(column), &DataType::Utf8).ok()?;
    let array = array.as_string::<i32>();
    array.is_valid(row).then(|| array.value(row).to_owned())
}

/// A cell as a number.
fn number(batch: &arrow::array::RecordBatch, column: usize, row: usize) -> i64 {
    let array = cast(batch.column(column), &DataType::Int64).ok();
    array.map_or(0, |array| array.as_primitive::<Int64Type>().value(row))
}

async fn contributors(
    engine: &Engine,
    snapshot: &Snapshot,
    measure: &Measure,
    dimension: &str,
    place: &str,
) -> Result<Vec<Contributor>, query::Error> {
    let good = measure.good_sql();
    let question = format!(
        "SELECT value, bad, total, sum(bad) OVER () AS all_bad, sum(total) OVER () AS all_total FROM \
         (SELECT CAST({dimension} AS VARCHAR) AS value, count(*) FILTER (WHERE NOT ({good})) AS bad, \
         count(*) AS total FROM {place} GROUP BY 1) ORDER BY bad DESC, value LIMIT {MOST_VALUES}"
    );
    let mut found = Vec::new();
    for batch in rows(engine, snapshot, &question).await? {
        for row in 0..batch.num_rows() {
            let count = |column| number(&batch, column, row) as f64;
            let (bad, total, all_bad, all_total) = (count(1), count(2), count(3), count(4));
            let Some(name) = text(&batch, 0, row).filter(|it| !it.is_empty()) else {
                continue;
            };
            if bad == 0.0 {
                continue;
            }
            let (share, among_good) = (
                bad / all_bad,
                (total - bad) / (all_total - all_bad).max(1.0),
            );
            let lift = (among_good > 0.0).then(|| share / among_good);
            // What is in all events alike explains nothing.
            if lift.is_some_and(|lift| lift < 1.05) {
                continue;
            }
            found.push(Contributor {
                kind: dimension.to_owned(),
                name,
                bad: bad as u64,
                share,
                lift,
                examples: Vec::new(),
            });
        }
    }
    Ok(found)
}

async fn examples(
    engine: &Engine,
    snapshot: &Snapshot,
    measure: &Measure,
    place: &str,
) -> Result<Vec<ExampleExecution>, query::Error> {
    let (id, name, error) = match measure.over {
        Over::Executions => (
            "execution_arn",
            "name",
            "coalesce(root_error, error, nullif(status, 'SUCCEEDED'), '')",
        ),
        Over::States | Over::Attempts => ("execution_arn", "path", "coalesce(error, status)"),
        Over::Invocations => ("trace_id", "request_id", "coalesce(error_type, status)"),
        Over::Spans => ("trace_id", "name", "coalesce(status_message, status_code)"),
    };
    let question = format!(
        "SELECT {id}, trace_id, {name}, CAST(end_time AS BIGINT) AS ended, {error} AS error FROM {place} AND NOT ({}) ORDER BY end_time DESC LIMIT 3",
        measure.good_sql()
    );
    let mut found = Vec::new();
    for batch in rows(engine, snapshot, &question).await? {
        for row in 0..batch.num_rows() {
            let cell = |column| text(&batch, column, row).unwrap_or_default();
            found.push(ExampleExecution {
                execution: cell(0),
                trace_id: cell(1),
                name: cell(2),
                time: cell(3),
                error: cell(4),
            });
        }
    }
    Ok(found)
}

/// What the inquests into the bad events of a stretch of time found, if they found anything.
pub async fn verdict_of(
    engine: &Engine,
    snapshot: &Snapshot,
    unit: &Unit,
    from: i64,
    to: i64,
) -> Option<String> {
    let Indicator::Measured(measure) = &unit.slo.indicator else {
        return None;
    };
    verdict(engine, snapshot, measure, &place(unit, measure, from, to)).await
}

/// The culprit that most inquests into the bad executions name.
async fn verdict(
    engine: &Engine,
    snapshot: &Snapshot,
    measure: &Measure,
    place: &str,
) -> Option<String> {
    let bad = format!(
        "SELECT trace_id FROM {place} AND NOT ({})",
        measure.good_sql()
    );
    // Invocations and spans may have traces of their own: joins say whose they are.
    let traces = match measure.over {
        Over::Executions | Over::States | Over::Attempts => format!("trace_id IN ({bad})"),
        Over::Invocations | Over::Spans => format!(
            "(trace_id IN ({bad}) OR trace_id IN (SELECT parent_trace_id FROM joins WHERE child_trace_id IN ({bad})))"
        ),
    };
    let question = format!(
        "SELECT culprit_kind, culprit_name, category, count(*) AS n, min(mechanism), sum(count(*)) OVER () \
         FROM verdicts WHERE culprit_name IS NOT NULL AND {traces} \
         GROUP BY 1, 2, 3 ORDER BY n DESC, culprit_name LIMIT 1"
    );
    let batches = rows(engine, snapshot, &question).await;
    let batches = batches
        .inspect_err(|error| tracing::debug!(%error, "no verdicts"))
        .ok()?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0)?;
    let cell = |column| text(batch, column, 0).unwrap_or_default();
    Some(format!(
        "{} {} ({}), named by {} of {} inquests that name anybody: {}",
        cell(0),
        cell(1),
        cell(2).replace('_', " "),
        number(batch, 3, 0),
        number(batch, 5, 0),
        cell(4)
    ))
}

/// What messages call an incident.
pub fn incident_ref(incident: &Incident) -> IncidentRef {
    let nanos = |second: i64| UnixNanos(second.saturating_mul(1_000_000_000));
    IncidentRef {
        key: incident.key.clone(),
        since: nanos(incident.fired_at),
        until: incident.resolved_at.map(nanos),
        path: format!("/alerts?incident={}", escaped(&incident.key)),
    }
}

/// What there is to say about an incident.
pub fn message(
    unit: &Unit,
    incident: &Incident,
    kind: Kind,
    moment: Moment,
    culprits: &Culprits,
) -> Notification {
    let slo = &unit.slo;
    let evaluation = unit.evaluation();
    let rule = slo.rules.iter().find(|rule| rule.id == incident.rule);
    let mut burn = Vec::new();
    for test in rule.into_iter().flat_map(|rule| &rule.tests) {
        if let Test::Burn {
            windows, factor, ..
        } = test
        {
            burn.extend(windows.iter().map(|window| {
                let counts = evaluation.over(moment, *window);
                Burn {
                    window: duration::words(*window),
                    rate: evaluation.burn(moment, *window),
                    threshold: Some(factor.to_f64()),
                    bad: counts.bad / unit.by.unit().max(1),
                    total: counts.total / unit.by.unit().max(1),
                }
            }));
        }
    }
    let rate = burn.first().and_then(|burn: &Burn| burn.rate);
    let summary = match (kind, rate) {
        (Kind::Resolved, _) => format!(
            "{}: resolved after {}",
            slo.display_name,
            duration::words((moment.now - incident.fired_at).max(60))
        ),
        (_, Some(rate)) => format!(
            "{}: the budget burns {rate:.1} times as fast as it may",
            slo.display_name
        ),
        (_, None) => format!(
            "{}: {}",
            slo.display_name,
            rule.map_or_else(String::new, |rule| rule.words())
        ),
    };
    Notification {
        kind,
        incident: incident_ref(incident),
        severity: incident.severity.clone(),
        summary,
        rule: rule.map_or_else(|| incident.rule.clone(), |rule| rule.words()),
        burn,
        detected_late_s: incident.detected_late_s.map(i64::unsigned_abs),
        explain: incident.explain.clone(),
        culprits: culprits
            .contributors
            .iter()
            .map(|it| Culprit {
                kind: it.kind.clone(),
                name: it.name.clone(),
                share: it.share,
                lift: it.lift,
                bad: it.bad,
            })
            .collect(),
        executions: culprits
            .examples
            .iter()
            .map(|it| Example {
                id: it.execution.clone(),
                name: it.name.clone(),
                at: UnixNanos(it.time.parse().unwrap_or_default()),
                error: it.error.clone(),
                path: example_path(unit, it),
            })
            .collect(),
        verdict: culprits
            .verdict
            .clone()
            .or_else(|| incident.verdict.clone()),
        ..standing(unit, moment)
    }
}

/// Where an example is shown.
fn example_path(unit: &Unit, example: &ExampleExecution) -> String {
    match &unit.slo.indicator {
        Indicator::Measured(measure) if matches!(measure.over, Over::Invocations | Over::Spans) => {
            format!("/t/{}", example.trace_id)
        }
        _ => format!("/x/{}", escaped(&example.execution)),
    }
}

/// Path of an objective's page.
pub fn path(name: &str) -> String {
    format!("/slo/{}", escaped(name))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// What there is to say about an objective at any time: which it is, and how its budget stands.
pub fn standing(unit: &Unit, moment: Moment) -> Notification {
    let slo = &unit.slo;
    let evaluation = unit.evaluation();
    let budget = evaluation.budget(moment);
    let nanos = |second: i64| UnixNanos(second.saturating_mul(1_000_000_000));
    Notification {
        at: nanos(moment.now),
        slo: SloRef {
            name: slo.name.clone(),
            title: slo.display_name.clone(),
            service: slo.service.clone().unwrap_or_default(),
            group: unit.group.clone().unwrap_or_default(),
            target: slo.target.times(slo::Ratio::new(100, 1)).to_string(),
            window: slo.window.words(),
            method: match slo.method.word() {
                "timeslices" => "Timeslices".to_owned(),
                "ratio_timeslices" => "RatioTimeslices".to_owned(),
                _ => "Occurrences".to_owned(),
            },
            path: path(&slo.name),
        },
        budget: budget.remaining.map(|remaining| Budget {
            remaining,
            allowed: budget.allowed,
            spent: budget.counts.bad as f64 / unit.by.unit().max(1) as f64,
        }),
        exhausts_at: evaluation
            .exhausts_in(moment, 3_600)
            .map(|seconds| nanos(moment.now.saturating_add(seconds))),
        labels: slo.labels.clone(),
        receivers: slo.receivers.clone(),
        ..Notification::default()
    }
}
