//! Objectives for Prometheus: the series that users of sloth and pyrra have dashboards for, and our own.
//!
//! What is not known has no sample: a missing line is honest, a NaN spreads.

use super::{Board, Unit};
use query::{Engine, Options};
use slo::evaluate::Moment;
use std::{
    fmt::Write,
    time::{Duration, Instant},
};
use store::Snapshot;

/// Windows of sloth's recording rules, seconds, and their names in them.
const SLOTH: [(i64, &str); 7] = [
    (300, "5m"),
    (1_800, "30m"),
    (3_600, "1h"),
    (7_200, "2h"),
    (21_600, "6h"),
    (86_400, "1d"),
    (259_200, "3d"),
];

/// A metric with its samples.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

impl Family {
    fn new(name: &'static str, kind: &'static str, help: &'static str) -> Self {
        Family {
            name,
            kind,
            help,
            samples: Vec::new(),
        }
    }

    fn add(&mut self, labels: String, value: impl Into<Option<f64>>) {
        if let Some(value) = value.into() {
            self.samples.push((labels, value));
        }
    }
}

/// The text that a Prometheus scrapes.
pub fn metrics(board: &Board) -> String {
    let mut text = String::new();
    for family in sloth(board)
        .into_iter()
        .chain(pyrra(board))
        .chain(own(board))
    {
        if family.samples.is_empty() {
            continue;
        }
        let _ = writeln!(text, "# HELP {} {}", family.name, family.help);
        let _ = writeln!(text, "# TYPE {} {}", family.name, family.kind);
        for (labels, value) in family.samples {
            let _ = writeln!(text, "{}{labels} {value}", family.name);
        }
    }
    text
}

/// How often the series of rows are counted again: at most a sixtieth of the time goes into it.
const LEAST_AGE: Duration = Duration::from_secs(15);
/// Series of one table.
const MOST_SERIES: usize = 1_000;

/// The last count, when it was made, and how long it took.
type Counted = Option<(Instant, Duration, String)>;

/// Rows by what they are about, as counters: the series that definitions in PromQL are bound to. They are
/// counted when somebody scrapes, and not again for a while.
#[derive(Debug, Default)]
pub struct Rows(tokio::sync::Mutex<Counted>);

impl Rows {
    /// The text that a Prometheus scrapes.
    pub async fn text(&self, engine: &Engine, snapshot: &Snapshot) -> String {
        let mut held = self.0.lock().await;
        if let Some((at, took, text)) = held.as_ref()
            && at.elapsed() < (*took * 60).max(LEAST_AGE)
        {
            return text.clone();
        }
        let began = Instant::now();
        let mut text = String::new();
        for of in &ROWS {
            match count(engine, snapshot, of).await {
                Ok(counted) => text += &counted,
                Err(error) => {
                    tracing::warn!(%error, of.table, "rows could not be counted for a scrape")
                }
            }
        }
        *held = Some((Instant::now(), began.elapsed(), text.clone()));
        text
    }
}

/// The series of a table, by these columns.
struct Counter {
    name: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
    /// A histogram of how long its rows took.
    durations: Option<&'static str>,
}

const ROWS: [Counter; 5] = [
    Counter {
        name: "inquest_executions_total",
        table: "executions",
        columns: &["state_machine", "status"],
        durations: Some("inquest_execution_duration_seconds"),
    },
    Counter {
        name: "inquest_states_total",
        table: "states",
        columns: &["state_machine", "state", "status"],
        durations: None,
    },
    Counter {
        name: "inquest_attempts_total",
        table: "attempts",
        columns: &["function_name", "status"],
        durations: None,
    },
    Counter {
        name: "inquest_invocations_total",
        table: "invocations",
        columns: &["function_name", "status"],
        durations: Some("inquest_invocation_duration_seconds"),
    },
    Counter {
        name: "inquest_spans_total",
        table: "spans",
        columns: &["service_name", "status_code"],
        durations: Some("inquest_span_duration_seconds"),
    },
];

/// Upper bounds of histograms, milliseconds.
const BOUNDS_MS: [i64; 15] = [
    5, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000,
    3_600_000,
];

async fn count(engine: &Engine, snapshot: &Snapshot, of: &Counter) -> Result<String, query::Error> {
    let list = of.columns.join(", ");
    let bounds: String = match of.durations {
        Some(_) => BOUNDS_MS
            .iter()
            .map(|it| format!(", count(*) FILTER (WHERE duration_ns <= {it} * 1000000) AS le_{it}"))
            .collect(),
        None => String::new(),
    };
    let sums = match of.durations {
        Some(_) => {
            ", count(duration_ns) AS timed, sum(CAST(duration_ns AS DOUBLE)) / 1e9 AS seconds"
        }
        None => "",
    };
    let question = format!(
        "SELECT {list}, count(*) AS n{bounds}{sums} FROM {} GROUP BY {list} ORDER BY n DESC LIMIT {MOST_SERIES}",
        of.table
    );
    let answer = engine.sql(snapshot, &question, &Options::default()).await?;
    let bytes = query::format::write_all(answer, query::Format::Json).await?;
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut text = format!(
        "# HELP {0} Rows of {1}.\n# TYPE {0} counter\n",
        of.name, of.table
    );
    let mut times = of.durations.map_or_else(String::new, |name| {
        format!(
            "# HELP {name} How long rows of {} took.\n# TYPE {name} histogram\n",
            of.table
        )
    });
    for row in rows {
        let word = |column: &&str| row[*column].as_str().unwrap_or_default().to_owned();
        let values: Vec<String> = of.columns.iter().map(word).collect();
        let pairs: Vec<(&str, &str)> = of
            .columns
            .iter()
            .copied()
            .zip(values.iter().map(String::as_str))
            .collect();
        let _ = writeln!(text, "{}{} {}", of.name, labels(&pairs), row["n"]);
        if let Some(name) = of.durations {
            times += &histogram(name, &pairs, &row);
        }
    }
    Ok(text + &times)
}

/// One series of a histogram.
fn histogram(name: &str, pairs: &[(&str, &str)], row: &serde_json::Value) -> String {
    let number = |key: &str| row[key].as_f64().unwrap_or_default();
    let mut text = String::new();
    let mut bucket = |le: &str, value: f64| {
        let mut with = pairs.to_vec();
        with.push(("le", le));
        let _ = writeln!(text, "{name}_bucket{} {value}", labels(&with));
    };
    for bound in BOUNDS_MS {
        let le = (bound as f64 / 1e3).to_string();
        bucket(&le, number(&format!("le_{bound}")));
    }
    bucket("+Inf", number("timed"));
    let own = labels(pairs);
    let _ = writeln!(text, "{name}_sum{own} {}", number("seconds"));
    let _ = writeln!(text, "{name}_count{own} {}", number("timed"));
    text
}

/// `{a="b"}` with what must be escaped escaped.
fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| {
        value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    };
    let each: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    match each.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", each.join(",")),
    }
}

/// Share of bad ones.
fn error_ratio(counts: slo::Counts) -> Option<f64> {
    (counts.total > 0).then(|| counts.bad as f64 / counts.total as f64)
}

fn measured(board: &Board) -> impl Iterator<Item = &Unit> {
    board
        .units
        .iter()
        .map(AsRef::as_ref)
        .filter(|unit| unit.not_measured.is_none())
}

fn sloth(board: &Board) -> Vec<Family> {
    const RATIOS: [&str; 7] = [
        "slo:sli_error:ratio_rate5m",
        "slo:sli_error:ratio_rate30m",
        "slo:sli_error:ratio_rate1h",
        "slo:sli_error:ratio_rate2h",
        "slo:sli_error:ratio_rate6h",
        "slo:sli_error:ratio_rate1d",
        "slo:sli_error:ratio_rate3d",
    ];
    let gauge = |name, help| Family::new(name, "gauge", help);
    let mut ratios: Vec<Family> = RATIOS
        .iter()
        .map(|name| gauge(name, "Share of bad events over the window."))
        .collect();
    let mut whole = gauge(
        "slo:sli_error:ratio_rate30d",
        "Share of bad events over the objective's window.",
    );
    let mut objective = gauge("slo:objective:ratio", "Target.");
    let mut budget = gauge("slo:error_budget:ratio", "One minus the target.");
    let mut days = gauge("slo:time_period:days", "Window of the objective, days.");
    let mut current = gauge("slo:current_burn_rate:ratio", "Burn over five minutes.");
    let mut period = gauge(
        "slo:period_burn_rate:ratio",
        "Burn over the objective's window.",
    );
    let mut left = gauge(
        "slo:period_error_budget_remaining:ratio",
        "Share of the budget left; negative when overspent.",
    );
    let mut info = gauge("sloth_slo_info", "The objectives.");
    let mut own_info = gauge("slo_info", "The objectives.");
    let moment = board.moment();
    for unit in measured(board) {
        let slo = &unit.slo;
        let evaluation = unit.evaluation();
        let service = slo.service.as_deref().unwrap_or_default();
        let id = [
            ("sloth_id", slo.name.as_str()),
            ("sloth_service", service),
            ("sloth_slo", slo.display_name.as_str()),
        ];
        let with = |more: &[(&str, &str)]| {
            let mut all = id.to_vec();
            all.extend(more);
            labels(&all)
        };
        let allowed = slo.allowed().to_f64();
        for ((seconds, window), family) in SLOTH.iter().zip(&mut ratios) {
            let ratio = evaluation
                .known_burn(moment, *seconds)
                .map(|burn| burn * allowed);
            family.add(with(&[("sloth_window", window)]), ratio);
        }
        let numbers = evaluation.budget(moment);
        let period_days = slo.window.nominal_seconds() as f64 / 86_400.0;
        let window = slo::duration::words(slo.window.nominal_seconds());
        whole.add(
            with(&[("sloth_window", &window)]),
            error_ratio(numbers.counts),
        );
        objective.add(with(&[]), slo.target.to_f64());
        budget.add(with(&[]), allowed);
        days.add(with(&[]), period_days);
        current.add(with(&[]), evaluation.known_burn(moment, 300));
        period.add(
            with(&[]),
            slo::evaluate::burn(numbers.counts, slo.allowed()),
        );
        left.add(with(&[]), numbers.remaining);
        let percent = slo.target.times(slo::Ratio::new(100, 1)).to_string();
        let more = [
            ("sloth_mode", "inquest"),
            ("sloth_objective", percent.as_str()),
            ("sloth_spec", slo.source.dialect),
        ];
        info.add(with(&more), 1.0);
        own_info.add(with(&more), 1.0);
    }
    ratios.extend([
        whole, objective, budget, days, current, period, left, info, own_info,
    ]);
    ratios
}

fn pyrra(board: &Board) -> Vec<Family> {
    let gauge = |name, help| Family::new(name, "gauge", help);
    let mut objective = gauge("pyrra_objective", "Target.");
    let mut window = gauge("pyrra_window", "Window of the objective, seconds.");
    let mut availability = gauge(
        "pyrra_availability",
        "Share of good events over the window.",
    );
    let mut requests = gauge("pyrra_requests:increase", "Events in the window.");
    let mut errors = gauge("pyrra_errors:increase", "Bad events in the window.");
    let counter = |name, help| Family::new(name, "counter", help);
    let mut all = counter("pyrra_requests_total", "Events that are held.");
    let mut bad = counter("pyrra_errors_total", "Bad events that are held.");
    for unit in measured(board) {
        let of = labels(&[("slo", unit.slo.name.as_str())]);
        objective.add(of.clone(), unit.slo.target.to_f64());
        window.add(of.clone(), unit.slo.window.nominal_seconds() as f64);
        availability.add(of.clone(), unit.row.sli);
        requests.add(of.clone(), unit.row.total as f64);
        errors.add(of.clone(), unit.row.bad as f64);
        let held = unit.base.sum(i64::MIN / 4, i64::MAX / 4);
        all.add(of.clone(), held.total as f64);
        bad.add(of, held.bad as f64);
    }
    vec![objective, window, availability, requests, errors, all, bad]
}

fn own(board: &Board) -> Vec<Family> {
    let gauge = |name, help| Family::new(name, "gauge", help);
    let mut status = gauge("inquest_slo_status", "1 for how the objective stands.");
    let mut left = gauge(
        "inquest_slo_budget_remaining_ratio",
        "Share of the budget left; negative when overspent.",
    );
    let mut burn = gauge(
        "inquest_slo_burn_rate",
        "Burn over each window of the objective's rules.",
    );
    let mut events = gauge(
        "inquest_slo_events",
        "Valid events in the objective's window.",
    );
    let mut bad = gauge(
        "inquest_slo_bad_events",
        "Bad events in the objective's window.",
    );
    let mut exhausts = gauge(
        "inquest_slo_budget_exhausts_seconds",
        "Seconds until the budget ends at the burn of the last hour.",
    );
    let mut threshold = gauge(
        "inquest_slo_burn_threshold",
        "Factor that the burn over both windows of a rule must exceed.",
    );
    let mut firing = gauge("inquest_alert_firing", "1 while the severity fires.");
    let moment = board.moment();
    for unit in board.units.iter() {
        let (row, slo) = (&unit.row, &unit.slo);
        let service = slo.service.as_deref().unwrap_or_default();
        let of = |more: &[(&str, &str)]| {
            let mut all = vec![("slo", slo.name.as_str()), ("service", service)];
            all.extend(more);
            labels(&all)
        };
        status.add(of(&[("status", row.status.as_str())]), 1.0);
        left.add(of(&[]), row.budget_remaining);
        if unit.not_measured.is_some() {
            continue;
        }
        events.add(of(&[]), row.total as f64);
        bad.add(of(&[]), row.bad as f64);
        let evaluation = unit.evaluation();
        exhausts.add(
            of(&[]),
            evaluation.exhausts_in(moment, 3_600).map(|it| it as f64),
        );
        for window in slo.windows() {
            let words = slo::duration::words(window);
            burn.add(
                of(&[("window", &words)]),
                evaluation.known_burn(moment, window),
            );
        }
        for rule in &slo.rules {
            if let Some(slo::definition::Test::Burn { factor, .. }) = rule.tests.first() {
                let more = [
                    ("rule", rule.id.as_str()),
                    ("severity", rule.severity.as_str()),
                ];
                threshold.add(of(&more), factor.to_f64());
            }
        }
        let mut severities: Vec<&str> = slo
            .rules
            .iter()
            .map(|rule| rule.severity.as_str())
            .collect();
        severities.sort_unstable();
        severities.dedup();
        for severity in severities {
            let fires = row.firing.iter().any(|it| it == severity);
            firing.add(of(&[("severity", severity)]), f64::from(u8::from(fires)));
        }
    }
    let mut all = vec![status, left, burn, events, bad, exhausts, threshold, firing];
    all.extend(about(board, moment));
    all
}

/// About the evaluation itself.
fn about(board: &Board, moment: Moment) -> Vec<Family> {
    let mut took = Family::new(
        "inquest_slo_evaluation_seconds",
        "gauge",
        "How long the last evaluation took.",
    );
    took.add(String::new(), board.took_s);
    let mut rounds = Family::new(
        "inquest_slo_evaluations_total",
        "counter",
        "Evaluations since the start.",
    );
    rounds.add(String::new(), board.evaluations as f64);
    let mut at = Family::new(
        "inquest_slo_evaluated_timestamp_seconds",
        "gauge",
        "The minute last evaluated.",
    );
    at.add(String::new(), board.now.map(|now| now as f64));
    let mut behind = Family::new(
        "inquest_slo_data_age_seconds",
        "gauge",
        "How long nothing has arrived, beyond a quarter of an hour.",
    );
    behind.add(String::new(), (moment.now - moment.watermark).max(0) as f64);
    let mut kinds = Family::new("inquest_slos", "gauge", "Objectives by how they stand.");
    let mut counts: std::collections::BTreeMap<&str, f64> = std::collections::BTreeMap::new();
    for unit in &board.units {
        *counts.entry(unit.row.status.as_str()).or_default() += 1.0;
    }
    for (status, count) in counts {
        kinds.add(labels(&[("status", status)]), count);
    }
    let mut info = Family::new("inquest_build_info", "gauge", "The version.");
    info.add(labels(&[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    let mut series = Family::new(
        "inquest_slo_indicators",
        "gauge",
        "Indicators that are counted.",
    );
    series.add(String::new(), board.indicators as f64);
    vec![took, rounds, at, behind, kinds, series, info]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_all() {
        let row = serde_json::json!({"le_5": 1, "le_1000": 3, "timed": 4, "seconds": 9.5});
        let text = histogram("d", &[("a", "b")], &row);
        for line in [
            "d_bucket{a=\"b\",le=\"0.005\"} 1",
            "d_bucket{a=\"b\",le=\"1\"} 3",
            "d_bucket{a=\"b\",le=\"+Inf\"} 4",
            "d_sum{a=\"b\"} 9.5",
            "d_count{a=\"b\"} 4",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(labels(&[("a", "x\"y\\z\n")]), "{a=\"x\\\"y\\\\z\\n\"}");
        assert_eq!(labels(&[]), "");
    }
}
