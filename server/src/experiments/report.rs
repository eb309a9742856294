//! Everything about one experiment.

use super::{
    Experiments, Happened, Objective,
    count::number,
    scope::{self, time},
    view,
};
use anyhow::Result;
use experiments::{Experiment, ledger::Spender};
use model::text::counted;
use model::{
    UnixNanos,
    api::experiments::{ExampleExecution, ExperimentReport},
    time::{human_duration, rfc3339},
};
use slo::measure::Over;
use std::fmt::Write;

/// Executions that a report names.
const EXAMPLES: usize = 10;
/// A page that fires so long after the end is about something else, nanoseconds.
const LATE: i64 = 3_600 * 1_000_000_000;

impl Experiments {
    pub(super) async fn report_of(
        &self,
        mut experiment: Experiment,
        now: UnixNanos,
    ) -> Result<ExperimentReport> {
        let all = self.list()?;
        let objectives = self.objectives();
        self.judge(&mut experiment, &all, &objectives, now).await?;
        let mut report = ExperimentReport {
            experiment: view(&experiment),
            ..ExperimentReport::default()
        };
        if let Some((from, to)) = experiment.span(now) {
            self.tell_executions(&experiment, from, to, &mut report)
                .await?;
        }
        let pages = pages(&experiment, &objectives, now);
        report.detected_after_s = pages
            .iter()
            .map(|it| it.from.since(experiment.start) as f64 / 1e9)
            .reduce(f64::min);
        let ended = experiment
            .end
            .filter(|_| pages.iter().all(|it| it.until.is_some()));
        let last = pages.iter().filter_map(|it| it.until).max();
        report.recovered_after_s = ended
            .zip(last)
            .map(|(end, last)| (last.since(end) as f64 / 1e9).max(0.0));
        let earlier = |it: &&Experiment| {
            it.id != experiment.id
                && !it.template.is_empty()
                && it.template == experiment.template
                && it.start < experiment.start
        };
        report.previous = all.iter().find(earlier).map(|it| Box::new(view(it)));
        report.markdown = markdown(&report, &experiment);
        Ok(report)
    }

    async fn tell_executions(
        &self,
        experiment: &Experiment,
        from: UnixNanos,
        to: UnixNanos,
        report: &mut ExperimentReport,
    ) -> Result<()> {
        let rows = scope::rows(&experiment.scope, Over::Executions, from, to);
        let within = format!(
            "end_time >= {} AND end_time < {} AND {}",
            time(from),
            time(to),
            rows.as_filter()
        );
        let question = format!(
            "SELECT count(*) AS executions, count(*) FILTER (WHERE status IN ('FAILED', 'TIMED_OUT', 'ABORTED')) AS failed, \
             coalesce(sum(retries), 0) AS retries, coalesce(sum(caught_failures), 0) AS caught FROM executions WHERE {within}"
        );
        let answer = self.rows(&question).await?;
        let count = |key: &str| {
            let held = answer.first().and_then(|row| number(row.get(key)?));
            held.unwrap_or_default().unsigned_abs()
        };
        report.executions = count("executions");
        report.failed = count("failed");
        report.retried_attempts = count("retries");
        report.caught_failures = count("caught");
        let question = format!(
            "SELECT execution_arn, name, status, coalesce(root_error, error, '') AS error FROM executions \
             WHERE {within} AND (status <> 'SUCCEEDED' OR caught_failures > 0 OR retries > 0) \
             ORDER BY (status <> 'SUCCEEDED') DESC, end_time LIMIT {EXAMPLES}"
        );
        for row in self.rows(&question).await? {
            let text = |key: &str| {
                row.get(key)
                    .and_then(|it| it.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            report.examples.push(ExampleExecution {
                id: text("execution_arn"),
                name: text("name"),
                status: text("status"),
                error: text("error"),
            });
        }
        let cost = format!(
            "SELECT CAST(sum(picodollars) AS DOUBLE) / 1e12 AS usd FROM costs WHERE trace_id IN (SELECT trace_id FROM executions WHERE {within})"
        );
        // The table may be empty or priced for other regions only: then nothing is known.
        let answer = self.rows(&cost).await.unwrap_or_default();
        report.cost_usd = answer.first().and_then(|row| row.get("usd")?.as_f64());
        Ok(())
    }

    /// What incidents spent of a budget: bad events while they fired, as the objective counts them.
    pub(super) async fn incidents_of(&self, objective: &Objective) -> Result<Vec<Spender>> {
        let Some(measure) = &objective.measure else {
            return Ok(Vec::new());
        };
        let (start, end) = objective.window;
        let mut spans: Vec<(&Happened, UnixNanos, UnixNanos)> = objective
            .incidents
            .iter()
            .map(|it| (it, it.from.max(start), it.until.unwrap_or(end).min(end)))
            .filter(|(_, from, to)| from < to)
            .collect();
        spans.sort_by_key(|(_, from, _)| *from);
        let mut spenders = Vec::new();
        let mut until = start;
        for (incident, from, to) in spans.into_iter().take(100) {
            // A page and a ticket about the same time are counted once.
            let from = from.max(until);
            if from >= to {
                continue;
            }
            until = to;
            let counts = self.sum(measure, &scope::Rows::default(), from, to).await?;
            spenders.push(Spender {
                kind: "incident",
                spender: incident.key.clone(),
                name: format!("{} of {}", incident.severity, objective.name),
                bad: counts.bad as f64,
            });
        }
        Ok(spenders)
    }
}

/// Our own pages that fired while it ran or shortly after.
fn pages<'a>(
    experiment: &Experiment,
    objectives: &'a [Objective],
    now: UnixNanos,
) -> Vec<&'a Happened> {
    let until = UnixNanos(experiment.end.unwrap_or(now).0.saturating_add(LATE));
    let touched = |it: &&Objective| {
        experiment
            .charges
            .iter()
            .any(|charge| charge.slo == it.name)
    };
    let happened = objectives
        .iter()
        .filter(touched)
        .flat_map(|it| &it.incidents);
    happened
        .filter(|it| it.severity == "page" && it.from >= experiment.start && it.from < until)
        .collect()
}

/// The report to send on.
fn markdown(report: &ExperimentReport, experiment: &Experiment) -> String {
    let mut text = String::new();
    let mut line = |it: String| {
        // What tools say is text, not markup.
        let _ = writeln!(text, "{}", it.replace(['<', '>'], ""));
    };
    let when = |it: UnixNanos| format!("{}Z", &rfc3339(it)[..19]);
    line(format!("# Experiment {}\n", experiment.name));
    line(format!(
        "- {} ({}), {}",
        experiment.id,
        experiment.tool,
        experiment.phase.as_str()
    ));
    let ended = experiment.end.map_or("now".to_owned(), when);
    line(format!("- {} to {ended}", when(experiment.start)));
    if !experiment.owner.is_empty() {
        line(format!("- owner {}", experiment.owner));
    }
    if !experiment.verdict.is_empty() {
        line(format!(
            "- hypothesis {}",
            experiment.verdict.replace('_', " ")
        ));
    }
    if let Some(why) = &experiment.abort_advised {
        line(format!("- to be stopped: {why}"));
    }
    line("\n## Spent\n".into());
    if experiment.charges.is_empty() {
        line("Nothing that could be charged: no objective counts events in its scope, or nothing says what it touches.".into());
    }
    for it in &experiment.charges {
        line(format!(
            "- {}: {:.3} % of the budget ({:.2} of {} bad, {:.2} expected; gross {:.3} %)",
            it.slo,
            it.net_charge * 100.0,
            it.net_bad,
            it.bad,
            it.expected_bad,
            it.gross_charge * 100.0
        ));
    }
    if !experiment.hypothesis.is_empty() {
        line("\n## Steady state\n".into());
    }
    for it in &experiment.hypothesis {
        let name = [&it.name, &it.measure, &it.slo, &it.sql]
            .into_iter()
            .find(|it| !it.is_empty());
        let value = |it: &Option<serde_json::Value>| {
            it.as_ref()
                .map_or("nothing".to_owned(), ToString::to_string)
        };
        line(format!(
            "- {}: {} (before {}, during {}, after {}) {}",
            name.map_or("", String::as_str),
            it.verdict.replace('_', " "),
            value(&it.before),
            value(&it.during),
            value(&it.after),
            it.why
        ));
    }
    line("\n## Executions\n".into());
    line(format!(
        "- {} in scope, {} failed; {} and {} absorbed failures",
        report.executions,
        report.failed,
        counted(report.retried_attempts, "retry", "retries"),
        counted(report.caught_failures, "catch", "catches")
    ));
    if let Some(usd) = report.cost_usd {
        line(format!("- {usd:.6} USD"));
    }
    let seconds = |it: f64| human_duration((it * 1e9) as i64);
    line(match report.detected_after_s {
        Some(after) => format!("- our own page fired after {}", seconds(after)),
        None => "- no page fired".into(),
    });
    if let Some(after) = report.recovered_after_s {
        line(format!("- recovered {} after its end", seconds(after)));
    }
    for it in &report.examples {
        line(format!("- {} {} {}", it.name, it.status, it.error));
    }
    if let Some(previous) = &report.previous {
        let worst = |charges: &[model::api::experiments::Charge]| {
            charges.iter().map(|it| it.net_charge).fold(0.0, f64::max) * 100.0
        };
        line("\n## The run before\n".into());
        line(format!(
            "- {}: {:.3} % of a budget, hypothesis {}; now {:.3} %",
            previous.id,
            worst(&previous.charges),
            previous.verdict,
            worst(&experiment.charges)
        ));
    }
    text
}
